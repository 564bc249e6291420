//! SIGTERM and SIGINT: the first ends the stream at a group boundary, the second ends the process.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Cancels `stop` at the first signal. At the second the process ends with the code that shells give to it; what was not
/// yet durable comes again at the next start.
///
/// # Errors
/// A system that lets no handler be installed.
pub async fn watch(stop: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async || {
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        }
    };
    next().await;
    info!("stopping; a second signal stops at once");
    stop.cancel();
    let second = next().await;
    warn!("stopped at once");
    std::process::exit(128 + second.as_raw_value());
}
