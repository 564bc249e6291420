//! SIGTERM and SIGINT: the first ends the stream at a group boundary, the second ends the process. So does the end of the
//! grace that the first gave.
//!
//! They are heard on a thread of their own, which waits for nothing else: not for a disk, a broker or a reader of the log. A
//! process that is to end well hears them from its first moment on.

use std::env;
use std::io;
use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::failure::Class;

/// How long a line of the log may take when the process is about to end without it.
const WORDS_MAX: Duration = Duration::from_millis(100);

/// The signals of a process that does not end at once by one of them.
#[derive(Debug)]
pub struct HeardSignals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

/// Hears signals from now on, to be called before anything else. `None` for a command that a signal may end like any other
/// program, by the words that the process was started with, since nothing was read of them yet.
///
/// # Errors
/// A system that lets no handler be installed.
pub fn hear_early() -> io::Result<Option<HeardSignals>> {
    let is_run = env::args_os().skip(1).any(|word| word == "run");
    is_run.then(HeardSignals::new).transpose()
}

/// Cancels `stop` at the first signal. At the second the process ends with the code that shells give to it; what was not
/// yet durable comes again at the next start. Where the process is still there after `grace`, it says `last_words` and ends
/// as one that gave up.
///
/// # Errors
/// A system that lets no thread be started.
pub fn watch(
    mut signals: HeardSignals,
    stop: CancellationToken,
    grace: Duration,
    last_words: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let listening = move || {
        signals.next(None);
        stop.cancel();
        say(|| info!("stopping; a second signal stops at once"));
        let code = match signals.next(Some(grace)) {
            Some(second) => {
                say_briefly(|| warn!("stopped at once"));
                128 + second.as_raw_value()
            }
            None => {
                say_briefly(last_words);
                i32::from(Class::GaveUp.exit_code())
            }
        };
        process::exit(code);
    };
    on_a_thread(listening)
}

/// Has the first signal end the process, with the code that shells give to it, where signals were heard early in vain.
///
/// # Errors
/// A system that lets no handler be installed, or no thread be started.
pub fn end_at_once(heard: io::Result<Option<HeardSignals>>) -> io::Result<Option<HeardSignals>> {
    let Some(mut signals) = heard? else {
        return Ok(None);
    };
    on_a_thread(move || {
        if let Some(signal) = signals.next(None) {
            process::exit(128 + signal.as_raw_value());
        }
    })?;
    Ok(None)
}

impl HeardSignals {
    /// Hears signals from now on.
    ///
    /// # Errors
    /// A system that lets no handler be installed.
    pub fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(entered);
        Ok(Self {
            runtime,
            terminate,
            interrupt,
        })
    }

    /// Waits for the next signal; `None` if none came for so long. Blocks.
    fn next(&mut self, timeout: Option<Duration>) -> Option<SignalKind> {
        let (terminate, interrupt) = (&mut self.terminate, &mut self.interrupt);
        let next = async {
            tokio::select! {
                _ = terminate.recv() => SignalKind::terminate(),
                _ = interrupt.recv() => SignalKind::interrupt(),
            }
        };
        self.runtime.block_on(async {
            match timeout {
                Some(timeout) => tokio::time::timeout(timeout, next).await.ok(),
                None => Some(next.await),
            }
        })
    }
}

fn on_a_thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(work)
        .map(drop)
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
