//! SIGTERM and SIGINT: the first ends the stream at a group boundary, the second ends the process. So does the end of the
//! grace that the first gave.
//!
//! They are heard on a thread of their own, which waits for nothing else: not for a disk, a broker or a reader of the log.

use std::io;
use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::failure::Class;

/// How long a line of the log may take when the process is about to end without it.
const WORDS_MAX: Duration = Duration::from_millis(100);

/// Cancels `stop` at the first signal. At the second the process ends with the code that shells give to it; what was not
/// yet durable comes again at the next start. Where the process is still there after `grace`, it says `last_words` and ends
/// as one that gave up.
///
/// # Errors
/// A system that lets no handler be installed.
pub fn watch(
    stop: CancellationToken,
    grace: Duration,
    last_words: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::new()?
    };
    let listening = move || {
        runtime.block_on(signals.next());
        stop.cancel();
        say(|| info!("stopping; a second signal stops at once"));
        let second = async { tokio::time::timeout(grace, signals.next()).await };
        let code = match runtime.block_on(second) {
            Ok(second) => {
                say_briefly(|| warn!("stopped at once"));
                128 + second.as_raw_value()
            }
            Err(_elapsed) => {
                say_briefly(last_words);
                i32::from(Class::GaveUp.exit_code())
            }
        };
        process::exit(code);
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listening)
        .map(drop)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// Writes to the log, whose reader may be asleep, on a thread that nobody waits for; what comes back tells when it is done.
fn say(words: impl FnOnce() + Send + 'static) -> Receiver<()> {
    let (done_tx, done_rx) = channel();
    let saying = move || {
        words();
        // Nobody may listen.
        let _ = done_tx.send(());
    };
    // Without a thread there are no words.
    let _ = thread::Builder::new()
        .name("last-words".to_owned())
        .spawn(saying);
    done_rx
}

fn say_briefly(words: impl FnOnce() + Send + 'static) {
    match say(words).recv_timeout(WORDS_MAX) {
        Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
    }
}
