//! A line to a server that is as slow as a test wants, or carries nothing at all without being cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const TICK: Duration = Duration::from_millis(10);

/// Passes connections on to a server; what the server sends is slowed down. Ends with its value.
pub struct SlowLine {
    pub port: u16,
    bytes_a_tick: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl SlowLine {
    /// Listens on a free port for a server on another.
    pub async fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bytes_a_tick = Arc::new(AtomicUsize::new(usize::MAX));
        let speed = Arc::clone(&bytes_a_tick);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server_port))
                    .await
                    .unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                lines.spawn(carry(from_client, to_server, None));
                lines.spawn(carry(from_server, to_client, Some(Arc::clone(&speed))));
            }
        });
        Self {
            port,
            bytes_a_tick,
            _tasks: tasks,
        }
    }

    /// Sets the speed; 0 carries nothing and keeps the connections open.
    pub fn set_bytes_a_second(&self, bytes: usize) {
        self.bytes_a_tick.store(bytes / 100, Ordering::Relaxed);
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, speed: Option<Arc<AtomicUsize>>) {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let allowed = speed
            .as_ref()
            .map_or(usize::MAX, |speed| speed.load(Ordering::Relaxed))
            .min(buffer.len());
        if allowed < buffer.len() {
            tokio::time::sleep(TICK).await;
        }
        if allowed == 0 {
            continue;
        }
        let count = from.read(&mut buffer[..allowed]).await.unwrap_or(0);
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
