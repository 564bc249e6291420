//! The pages over real sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;
use crate::binlog::{Coordinates, GtidSet};
use crate::change::{Checkpoint, Ledger, SnapshotProgress};
use crate::metrics::{LastFailure, now_us, one_line};
use crate::mysql::Flavour;

fn failure(said: &'static str) -> LastFailure {
    LastFailure {
        message: one_line(&io::Error::other(said)),
        number: 1236,
        is_of_source: true,
        at_us: now_us(),
    }
}

async fn page(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

async fn serving(registry: &Arc<Registry>, tasks: &mut JoinSet<()>) -> SocketAddr {
    let free = Listen::At("127.0.0.1:0".parse().unwrap());
    let server = bind(free).await.unwrap().unwrap();
    let address = server.address();
    tasks.spawn(server.serve(Arc::clone(registry)));
    address
}

#[tokio::test]
async fn ready_means_that_every_connector_streams() {
    let registry = Arc::new(Registry::new());
    let mut tasks = JoinSet::new();
    let address = serving(&registry, &mut tasks).await;
    assert_eq!(page(address, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(page(address, "/readyz").await.0, 503);
    let (shop, stock) = (registry.connector("shop"), registry.connector("stock"));
    shop.streaming();
    let expected = "shop: streaming\nstock: starting\n".to_owned();
    assert_eq!(page(address, "/readyz").await, (503, expected));
    stock.streaming();
    assert_eq!(page(address, "/readyz").await.0, 200);
    let mut copying = Checkpoint::new(
        Coordinates::new("binlog.000002", 4),
        GtidSet::empty(Flavour::MySql),
        None,
        5,
        9,
    );
    for (snapshot, code, word) in [
        (SnapshotProgress::copying(1, None), 503, "copying"),
        (SnapshotProgress::after(2), 200, "streaming"),
    ] {
        copying.snapshot = snapshot;
        shop.committed(&copying);
        let expected = format!("shop: {word}\nstock: streaming\n");
        assert_eq!(page(address, "/readyz").await, (code, expected));
    }
    shop.retrying(failure("gone"));
    assert_eq!(page(address, "/readyz").await.0, 503);
    assert_eq!(page(address, "/elsewhere").await.0, 404);
}

#[tokio::test]
async fn the_status_page_has_a_replicas_fields() {
    let registry = Arc::new(Registry::new());
    let mut tasks = JoinSet::new();
    let address = serving(&registry, &mut tasks).await;
    let shop = registry.connector("shop");
    shop.describe(vec![
        ("Source_Host", "db".to_owned()),
        ("Replicate_Do_DB", "a".to_owned()),
    ]);
    let at = |position| {
        Checkpoint::new(
            Coordinates::new("binlog.000002", position),
            GtidSet::empty(Flavour::MySql),
            Some(uuid::Uuid::from_u128(7)),
            5,
            9,
        )
    };
    shop.connected(Some("TLSv1.3"));
    shop.streaming();
    shop.read(&at(900), now_us());
    shop.committed(&at(500));
    shop.settled(&Ledger {
        received: 3,
        emitted: 2,
        control: 1,
        rows: 8,
        ..Ledger::default()
    });
    let (code, body) = page(address, "/status").await;
    assert_eq!(code, 200);
    let found: StatusPage = serde_json::from_str(&body).unwrap();
    assert_eq!(found.pid, std::process::id());
    let fields = &found.connectors[0];
    for (name, expected) in [
        ("Connector", "\"shop\""),
        ("Replica_IO_State", "\"Waiting for source to send event\""),
        ("Source_Host", "\"db\""),
        ("Replicate_Do_DB", "\"a\""),
        ("Replica_IO_Running", "\"Yes\""),
        ("Source_Log_File", "\"binlog.000002\""),
        ("Read_Source_Log_Pos", "900"),
        ("Relay_Source_Log_File", "\"binlog.000002\""),
        ("Exec_Source_Log_Pos", "500"),
        ("Seconds_Behind_Source", "0"),
        ("Source_Server_Id", "5"),
        ("Source_UUID", "\"00000000-0000-0000-0000-000000000007\""),
        ("Source_TLS_Version", "\"TLSv1.3\""),
        ("Last_Error", "\"\""),
        ("Last_Error_Timestamp", "null"),
    ] {
        assert_eq!(fields.value(name).unwrap().to_string(), expected, "{name}");
    }
    assert_eq!(fields.value("Ledger").unwrap()["rows"], 8);
    shop.retrying(failure("source went\naway"));
    let (_, later) = page(address, "/status").await;
    let later: StatusPage = serde_json::from_str(&later).unwrap();
    assert_eq!(
        later.connectors[0].value("Last_Error").unwrap(),
        "source went away"
    );
    let at = later.connectors[0].value("Last_Error_Timestamp").unwrap();
    assert_eq!(at.as_str().unwrap().len(), "2023-11-14T22:13:20Z".len());
    let order = body.find("Source_Host").unwrap() < body.find("Exec_Source_Log_Pos").unwrap();
    assert!(order, "{body}");
}

#[tokio::test]
async fn metrics_are_open_metrics_text() {
    let registry = Arc::new(Registry::new());
    let mut tasks = JoinSet::new();
    let address = serving(&registry, &mut tasks).await;
    registry.connector("shop").received(10);
    let (code, body) = page(address, "/metrics").await;
    assert_eq!(code, 200);
    assert!(body.contains("rowtap_received_bytes_total{connector=\"shop\"} 10\n"));
    assert!(body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_if_it_was_asked_for() {
    let first = bind(Listen::At("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap()
        .unwrap();
    let error = bind(Listen::At(first.address())).await.unwrap_err();
    assert!(
        error.to_string().ends_with("choose another with --http"),
        "{error}"
    );
    assert!(bind(Listen::Off).await.unwrap().is_none());
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_makes_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limited = Limited::with(listener, 1, Duration::from_millis(200));
    let mut tasks = JoinSet::new();
    let router = router(Arc::new(Registry::new()));
    tasks.spawn(async move { axum::serve(limited, router).await.unwrap() });
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /livez HT").await.unwrap();
    // The only place is taken, so this waits until the idle one is thrown out.
    let answer = tokio::time::timeout(Duration::from_secs(20), page(address, "/livez")).await;
    assert_eq!(answer.unwrap().0, 200);
    let mut rest = Vec::new();
    // Closed or reset, with or without a word.
    if idle.read_to_end(&mut rest).await.is_ok() {
        assert!(
            rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"),
            "{rest:?}"
        );
    }
}
