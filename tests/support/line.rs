//! A line to a server that is as slow as a test wants, carries nothing at all without being cut, or is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Random;

const TICK: Duration = Duration::from_millis(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Passes connections on to a server; what the server sends is slowed down. Ends with its value.
pub struct Line {
    port: u16,
    state: Arc<LineState>,
    cuts: watch::Sender<()>,
    _tasks: JoinSet<()>,
}

struct LineState {
    bytes_a_tick: AtomicUsize,
    delay_ms: AtomicUsize,
    refuses: AtomicBool,
}

impl Line {
    /// Listens on a free port for a server on another.
    pub async fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(LineState {
            bytes_a_tick: AtomicUsize::new(usize::MAX),
            delay_ms: AtomicUsize::new(0),
            refuses: AtomicBool::new(false),
        });
        let (cuts, cut) = watch::channel(());
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if shared.refuses.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (state, mut cut) = (Arc::clone(&shared), cut.clone());
                cut.mark_unchanged();
                lines.spawn(async move {
                    tokio::select! {
                        () = carry(from_client, to_server, None) => {}
                        () = carry(from_server, to_client, Some(state)) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            port,
            state,
            cuts,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the speed; 0 carries nothing and keeps the connections open.
    pub fn set_bytes_a_second(&self, bytes: usize) {
        self.state
            .bytes_a_tick
            .store(bytes / 100, Ordering::Relaxed);
    }

    /// Holds back all that the server sends for so long.
    pub fn delay(&self, milliseconds: usize) {
        self.state.delay_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// Cuts the connections that there are.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }

    /// Whether a new connection is cut at once.
    pub fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::Relaxed);
    }

    /// Carries everything as fast as it comes.
    pub fn restore(&self) {
        self.refuse(false);
        self.delay(0);
        self.state.bytes_a_tick.store(usize::MAX, Ordering::Relaxed);
    }

    /// One fault: it is cut, slow, late or dead without a word for a while, which has passed on return.
    pub fn trouble(&self, random: &mut Random) {
        let mut lasts = Duration::from_millis(random.between(20, 800));
        match random.below(5) {
            0 => self.cut(),
            1 => {
                self.refuse(true);
                self.cut();
            }
            2 => self.delay(usize::try_from(random.between(50, 600)).unwrap()),
            3 => self.set_bytes_a_second(usize::try_from(random.between(2_000, 60_000)).unwrap()),
            // Half open: longer than the source may be silent.
            _dead => {
                self.set_bytes_a_second(0);
                lasts += Duration::from_secs(2);
            }
        }
        let until = Instant::now() + lasts;
        while Instant::now() < until {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        if random.chance(1, 2) {
            self.cut();
        }
        self.restore();
    }
}

/// Returns when either end has closed.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Option<Arc<LineState>>) {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let allowed = state
            .as_ref()
            .map_or(usize::MAX, |state| {
                state.bytes_a_tick.load(Ordering::Relaxed)
            })
            .min(buffer.len());
        if allowed < buffer.len() {
            tokio::time::sleep(TICK).await;
        }
        if allowed == 0 {
            continue;
        }
        let count = from.read(&mut buffer[..allowed]).await.unwrap_or(0);
        let delay_ms = state
            .as_ref()
            .map_or(0, |state| state.delay_ms.load(Ordering::Relaxed));
        if delay_ms > 0 {
            let delay = u64::try_from(delay_ms).expect("a test delays for less");
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
