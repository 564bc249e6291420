//! What the checkpoint in Kafka is relied on for: groups that outlive a transaction, a topic that has lost it, and what a person
//! ordered, though the state folder is gone.

use std::time::Duration;

use rdkafka::Message;

use super::is_full;
use crate::support::checker::{Connector, Run};
use crate::support::{Flavour, Kafka, Server, wait_until};

const ONCE_MAX: Duration = Duration::from_secs(300);
const SEEN_MAX: Duration = Duration::from_secs(120);
/// Rows of the large group: with so small a queue and a linger, they take longer than their transaction may.
const ROWS: u64 = 40_000;

fn connector(source: &Server, prefix: &str, more: &str) -> Connector {
    let (file, position) = source.coordinates();
    let (port, bootstrap) = (source.port(), Kafka::shared().bootstrap());
    Connector::new(|_| {
        format!(
            "checkpoint_interval = '100ms'\n\
             [source]\nhost = '127.0.0.1'\nport = {port}\nuser = 'root'\n\
             start = {{ file = '{file}', position = {position} }}\nsource_retry_count = 0\nsource_connect_retry = '1s'\n\
             [sink]\ntype = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\ndelivery = 'exactly_once'\n{more}\n"
        )
    })
}

/// A source on which a large group has been committed, between two small ones.
fn with_a_large_group(prefix: &str, more: &str) -> (Server, Connector) {
    let source = Server::start(Flavour::MySql97, &[]);
    source.execute("CREATE DATABASE large");
    source.execute("CREATE TABLE large.t (id INT PRIMARY KEY, pad VARCHAR(200))");
    let more =
        format!("transaction_timeout = '5s'\nqueue_bytes = '128KiB'\nlinger = '20ms'\n{more}");
    let connector = connector(&source, prefix, &more);
    source.execute("INSERT INTO large.t VALUES (0, 'first')");
    source.execute(&format!(
        "INSERT INTO large.t WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
         SELECT /*+ SET_VAR(cte_max_recursion_depth = 1000000) */ i, REPEAT('x', 100) FROM n"
    ));
    source.execute(&format!(
        "INSERT INTO large.t VALUES ({}, 'last')",
        ROWS + 1
    ));
    (source, connector)
}

/// A source on which a row with the id 1 has been inserted.
fn with_a_row(prefix: &str) -> (Server, Connector) {
    let source = Server::start(Flavour::MySql97, &[]);
    let connector = connector(&source, prefix, "");
    source.execute("CREATE DATABASE large");
    source.execute("CREATE TABLE large.t (id INT PRIMARY KEY)");
    source.execute("INSERT INTO large.t VALUES (1)");
    (source, connector)
}

/// The ids in the topic, as a consumer of what is committed sees them.
fn ids(prefix: &str) -> Vec<u64> {
    let records = Kafka::shared().records(&format!("{prefix}.large.t"));
    let id = |key: Option<&[u8]>| {
        let key = std::str::from_utf8(key.expect("a key")).unwrap();
        let digits: String = key.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    records.iter().map(|record| id(record.key())).collect()
}

#[test]
fn a_group_that_outlives_its_transaction_stops_the_connector_and_none_of_it_is_seen() {
    let prefix = "large-stop";
    let (_source, connector) = with_a_large_group(prefix, "");
    let ended = connector.run_once(ONCE_MAX);
    assert_eq!(ended.status.code(), Some(69), "{}", ended.log);
    for part in [
        "too large for one Kafka transaction",
        "transaction_timeout (5s)",
        "large_groups to 'split'",
    ] {
        assert!(ended.log.contains(part), "{}", ended.log);
    }
    assert_eq!(ids(prefix), [0]);
}

/// Waits until more of the large group is committed than before, or the run has ended.
fn wait_for_more(prefix: &str, run: &mut Run, before: i64) {
    let topic = format!("{prefix}.large.t");
    wait_until("a part is committed", SEEN_MAX, || {
        run.has_ended()
            || Kafka::shared()
                .written(&topic)
                .is_some_and(|count| count > before + 1_000)
    });
}

#[test]
fn a_group_that_may_be_split_comes_once_though_rowtap_is_killed_in_the_middle() {
    let prefix = "large-split";
    let (_source, connector) = with_a_large_group(prefix, "large_groups = 'split'");
    let kills = if is_full() { 5 } else { 2 };
    let mut in_the_middle = 0;
    for _ in 0..kills {
        let before = Kafka::shared().written(&format!("{prefix}.large.t"));
        let mut run = connector.run(&[]);
        run.wait_until_ready();
        wait_for_more(prefix, &mut run, before.unwrap_or_default());
        run.kill();
        connector.forget();
        let seen = ids(prefix).len() as u64;
        in_the_middle += u64::from(seen > 1 && seen < ROWS);
    }
    assert!(in_the_middle > 0, "no kill came in the middle of the group");
    let ended = connector.run_once(ONCE_MAX);
    assert!(ended.status.success(), "{}", ended.log);
    let expected: Vec<u64> = (0..=ROWS + 1).collect();
    let found = ids(prefix);
    assert!(found == expected, "{} of {}", found.len(), expected.len());
}

#[test]
fn a_topic_without_the_checkpoint_that_it_had_stops_the_connector() {
    let prefix = "lost-checkpoints";
    let (source, connector) = with_a_row(prefix);
    let ended = connector.run_once(ONCE_MAX);
    assert!(ended.status.success(), "{}", ended.log);
    let topic = format!("{prefix}.rowtap.checkpoints");
    Kafka::shared().delete_topic(&topic);
    source.execute("INSERT INTO large.t VALUES (2)");
    let ended = connector.run_once(ONCE_MAX);
    assert_eq!(ended.status.code(), Some(65), "{}", ended.log);
    let said = format!("topic {topic} holds no checkpoint of this connector any more");
    assert!(ended.log.contains(&said), "{}", ended.log);
    assert_eq!(ids(prefix), [1]);
    // What it advises.
    std::fs::remove_file(connector.state().join("target")).unwrap();
    let ended = connector.run_once(ONCE_MAX);
    assert!(ended.status.success(), "{}", ended.log);
    assert_eq!(ids(prefix), [1, 2]);
}

#[test]
fn an_order_to_pass_over_a_group_outlives_the_state_folder() {
    let prefix = "kept-orders";
    let (source, connector) = with_a_row(prefix);
    let once = || {
        let ended = connector.run_once(ONCE_MAX);
        assert!(ended.status.success(), "{}", ended.log);
    };
    let list = || connector.command(&["skip", "--list"]).log;
    once();
    let uuid = source.query_one("SELECT @@server_uuid").unwrap();
    let next: u64 = source
        .gtid_set()
        .rsplit(['-', ':'])
        .next()
        .and_then(|last| last.trim().parse().ok())
        .unwrap();
    let gtid = format!("{uuid}:{}", next + 2);
    let ordered = connector.command(&["skip", "--gtid", &gtid]);
    assert!(ordered.status.success(), "{}", ordered.log);
    once();
    connector.forget();
    source.execute("INSERT INTO large.t VALUES (2)");
    source.execute("INSERT INTO large.t VALUES (3)");
    source.execute("INSERT INTO large.t VALUES (4)");
    once();
    assert_eq!(ids(prefix), [1, 2, 4], "{}", list());
    let record = connector.state().join("skipped.jsonl");
    let passed = std::fs::read_to_string(&record).unwrap();
    assert!(passed.contains(&gtid), "{passed}");
    // So does the record of what was passed over.
    connector.forget();
    source.execute("INSERT INTO large.t VALUES (5)");
    once();
    assert_eq!(std::fs::read_to_string(&record).unwrap(), passed);
    assert_eq!(ids(prefix), [1, 2, 4, 5]);
}
