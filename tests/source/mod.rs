//! The source against real servers: what it refuses, where it begins, what it delivers, and how it fails.

mod definitions;
mod positions;
mod preflight;
mod start;
mod stream;

use std::time::Duration;

use rowtap::change::Checkpoint;
use rowtap::mysql::Flavour as Family;
use rowtap::source::{EventSource, Live, Resolved, ServerOptions, SourceError};
use rowtap::state::ReplicaIdentity;

use crate::support::{Flavour, Server};

/// Long enough for a busy machine; a test that waits so long has failed.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Makes the account that connectors use, with what each family needs for every check.
fn create_replica_account(server: &Server) {
    server.execute("CREATE USER replica IDENTIFIED BY 'secret'");
    server.execute("GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO replica");
    if server.flavour().family() == Family::MariaDb {
        server.execute("GRANT REPLICATION MASTER ADMIN ON *.* TO replica");
    }
}

/// A server of its own for the test, with the account.
fn server(flavour: Flavour, options: &[&str]) -> Server {
    let server = Server::start(flavour, options);
    create_replica_account(&server);
    server
}

fn options_with(server: &Server, extra: &str) -> ServerOptions {
    // That build knows no key exchange that is still spoken.
    let plain = if server.flavour() == Flavour::MySql80 {
        r#","tls":{"mode":"disabled"},"get_source_public_key":true"#
    } else {
        ""
    };
    let json = format!(
        r#"{{"host":"127.0.0.1","port":{},"user":"replica","password":"secret","server_id":4711{plain}{extra}}}"#,
        server.port()
    );
    serde_json::from_str(&json).unwrap()
}

/// Options with a start, as a connector file has it.
fn options(server: &Server, start: &str) -> ServerOptions {
    options_with(server, &format!(r#","start":{start}"#))
}

fn identity(number: u128) -> ReplicaIdentity {
    ReplicaIdentity {
        server_uuid: uuid::Uuid::from_u128(number),
        server_id: 4711,
    }
}

async fn resolve(options: &ServerOptions) -> Result<Resolved, SourceError> {
    resolve_as(options, 1, None).await
}

/// Checks and resolves as the replica with this number for a UUID.
async fn resolve_as(
    options: &ServerOptions,
    uuid: u128,
    from: Option<Checkpoint>,
) -> Result<Resolved, SourceError> {
    rowtap::source::check(options, &identity(uuid))
        .await?
        .resolve(from)
        .await
}

/// An error with everything under it, as a person reads it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Receives until an event satisfies the test; returns the events so far.
async fn receive_until(live: &mut Live, mut is_last: impl FnMut(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    let receiving = async {
        loop {
            let chunk = live
                .next()
                .await
                .unwrap()
                .expect("a live source does not end");
            for range in &chunk.events {
                let event = &chunk.buffer[range.start as usize..range.end as usize];
                events.push(event.to_vec());
                if is_last(event) {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(WAIT_MAX, receiving)
        .await
        .expect("the event arrives");
    events
}

fn kind(event: &[u8]) -> u8 {
    event[4]
}

fn contains(event: &[u8], text: &str) -> bool {
    event
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
