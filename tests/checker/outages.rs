//! A cluster that takes nothing for a while, whatever the cause: reading stops, what is in flight stays within its budget, and
//! it goes on by itself when the cause is gone.

use std::time::Duration;

use rdkafka::config::ClientConfig;

use crate::support::checker::{Connector, Run};
use crate::support::{Flavour, Kafka, Server, wait_until};

const PHASE_MAX: Duration = Duration::from_secs(180);
/// Bytes between reading and acknowledgement: the budget, the queue, and what the system holds for the connection.
const RECEIVED_MAX: u64 = 40 << 20;
const RESIDENT_KB_MAX: u64 = 200 << 10;

/// A table with rows of 100 KB, and a connector that publishes it.
fn stage(kafka: &Kafka, prefix: &str, more: &str) -> (Server, Connector) {
    let source = Server::start(Flavour::MySql97, &[]);
    source.execute("CREATE DATABASE shop");
    source.execute("CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, pad LONGTEXT)");
    let (file, position) = source.coordinates();
    let (port, bootstrap) = (source.port(), kafka.bootstrap());
    let connector = Connector::new(|_| {
        format!(
            "checkpoint_interval = '100ms'\nmemory_max = '16MiB'\n\
             [source]\nhost = '127.0.0.1'\nport = {port}\nuser = 'root'\n\
             start = {{ file = '{file}', position = {position} }}\nsource_retry_count = 0\nsource_connect_retry = '1s'\n\
             [sink]\ntype = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\n{more}\n"
        )
    });
    (source, connector)
}

fn insert(source: &Server, rows: u64, bytes: u64) {
    let row = format!("(REPEAT('x', {bytes}))");
    for _ in 0..rows {
        source.execute(&format!("INSERT INTO shop.t (pad) VALUES {row}"));
    }
}

fn started(connector: &Connector) -> Run {
    let mut run = connector.run(&[]);
    run.wait_until_ready();
    run
}

#[track_caller]
fn wait_for(run: &mut Run, what: &str, is_so: impl Fn(&Run) -> bool) {
    wait_until(what, PHASE_MAX, || {
        assert!(!run.has_ended(), "{what}: {}", run.log());
        is_so(run)
    });
}

/// Waits until all that the source holds now is delivered.
#[track_caller]
fn wait_until_delivered(source: &Server, connector: &Connector, run: &mut Run) {
    let written = source.coordinates();
    wait_for(run, "all is delivered", |_| connector.saved() >= written);
}

#[track_caller]
fn is_whole(source: &Server, kafka: &Kafka, prefix: &str) {
    let rows = source.query_one("SELECT COUNT(*) FROM shop.t").unwrap();
    let mut keys: Vec<Vec<u8>> = kafka
        .records(&format!("{prefix}.shop.t"))
        .iter()
        .filter_map(|record| Some(rdkafka::Message::key(record)?.to_vec()))
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len().to_string(), rows);
}

#[test]
fn reading_stops_while_no_broker_answers_and_goes_on_with_it() {
    let (kafka, prefix) = (Kafka::start(), "paused");
    let (source, connector) = stage(&kafka, prefix, "");
    let mut run = started(&connector);
    insert(&source, 1, 100);
    wait_until_delivered(&source, &connector, &mut run);
    kafka.pause();
    insert(&source, 800, 100_000);
    let (mut last, mut same) = (0, 0);
    wait_for(&mut run, "something is read", |run| {
        run.count("Bytes_Received") > 1 << 20
    });
    // It reads no further when it has said the same many times over.
    wait_until("reading stops", PHASE_MAX, || {
        let received = run.count("Bytes_Received");
        same = if received == last { same + 1 } else { 0 };
        last = received;
        same > 30
    });
    assert!(last < RECEIVED_MAX, "{last} bytes were read");
    assert!(run.count("Bytes_In_Flight") <= 16 << 20);
    let resident = run.resident_kb();
    assert!(resident < RESIDENT_KB_MAX, "{resident} KiB");
    kafka.resume();
    wait_until_delivered(&source, &connector, &mut run);
    is_whole(&source, &kafka, prefix);
}

#[test]
fn a_topic_that_is_deleted_is_made_anew_and_gets_what_comes_after() {
    for (prefix, more) in [
        ("deleted", ""),
        ("deleted-once", "delivery = 'exactly_once'"),
    ] {
        let kafka = Kafka::shared();
        let (source, connector) = stage(kafka, prefix, more);
        let mut run = started(&connector);
        insert(&source, 3, 100);
        wait_until_delivered(&source, &connector, &mut run);
        let topic = format!("{prefix}.shop.t");
        kafka.delete_topic(&topic);
        insert(&source, 3, 100);
        wait_until_delivered(&source, &connector, &mut run);
        assert_eq!(kafka.records(&topic).len(), 3);
        assert!(run.log().contains("starting again"), "{}", run.log());
    }
}

/// A client that may do everything.
fn admin(kafka: &Kafka) -> ClientConfig {
    let mut client = kafka.client();
    client
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "admin")
        .set("sasl.password", "admin-secret");
    client
}

#[test]
fn a_right_that_is_taken_away_stops_delivery_until_it_is_given_back() {
    let kafka = Kafka::start_with_accounts();
    let login = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        login.path(),
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"admin-secret\";\n",
    )
    .unwrap();
    let login = login.path().to_str().unwrap();
    let rights = |change: &str, operations: &[&str]| {
        let mut arguments = vec!["--command-config", login, "--force", change];
        arguments.extend(["--topic", "taken", "--resource-pattern-type", "prefixed"]);
        arguments.extend(["--allow-principal", "User:alice"]);
        for operation in operations {
            arguments.extend(["--operation", operation]);
        }
        kafka.tool("org.apache.kafka.tools.AclCommand", &arguments);
    };
    rights("--add", &["Write", "Describe", "Create"]);
    kafka.tool(
        "org.apache.kafka.tools.AclCommand",
        &[
            "--command-config",
            login,
            "--add",
            "--cluster",
            "--allow-principal",
            "User:alice",
            "--operation",
            "IdempotentWrite",
        ],
    );
    let more = "sasl_password = 'alice-secret'\n\
         properties = { 'security.protocol' = 'SASL_PLAINTEXT', 'sasl.mechanism' = 'PLAIN', 'sasl.username' = 'alice' }";
    let (source, connector) = stage(&kafka, "taken", more);
    let mut run = started(&connector);
    insert(&source, 3, 100);
    wait_until_delivered(&source, &connector, &mut run);
    rights("--remove", &["Write"]);
    insert(&source, 3, 100);
    wait_for(&mut run, "the refusal is told", |run| {
        run.log().contains("grant the connector's user WRITE")
    });
    assert!(!run.log().contains("alice-secret"));
    rights("--add", &["Write"]);
    wait_until_delivered(&source, &connector, &mut run);
    let records = kafka.records_of(&admin(&kafka), "taken.shop.t");
    assert!(records.len() >= 6, "{}", records.len());
}
