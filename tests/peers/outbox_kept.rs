//! Outboxes under what befalls them: snapshots, rows that are not whole, kills with exactly-once delivery, and groups that are split.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql::prelude::Queryable as _;
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};

use super::connect::{Connect, DEBEZIUM_MAX, server as debezium_server};
use super::outbox::{Event, OF_SNAPSHOT, VARIANTS, connector as debezium, events, own_settings};
use super::{differences, is_full};
use crate::commands::process::Folder;
use crate::support::checker::Connector;
use crate::support::{Flavour, Kafka, Server, wait_until};

const ONCE_MAX: Duration = Duration::from_secs(300);
const SEEN_MAX: Duration = Duration::from_secs(120);
const TABLE: &str = "CREATE DATABASE shop; CREATE TABLE shop.outbox (id INT PRIMARY KEY, aggregatetype VARCHAR(20) NOT NULL, \
                     aggregateid VARCHAR(20) NOT NULL, type VARCHAR(20) NOT NULL DEFAULT 'made', payload VARCHAR(200), \
                     made TIMESTAMP DEFAULT CURRENT_TIMESTAMP)";
/// Rows of a group that is split.
const ROWS: usize = 40_000;

/// A server with an empty outbox, and a connector from there to topics that begin so.
fn outbox(prefix: &str, more: &str) -> (Server, Connector) {
    let source = Server::start(Flavour::MySql97, &[]);
    let (file, position) = source.coordinates();
    let (port, bootstrap) = (source.port(), Kafka::shared().bootstrap());
    let connector = Connector::new(|_| {
        format!(
            "checkpoint_interval = '100ms'\n[source]\nhost = '127.0.0.1'\nport = {port}\nuser = 'root'\n\
             start = {{ file = '{file}', position = {position} }}\nsource_retry_count = 0\nsource_connect_retry = '1s'\n\
             [sink]\ntype = 'kafka'\nformat = 'debezium'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\n\
             delivery = 'exactly_once'\npartitions = 3\n{more}\n[sink.outbox]\ntables = 'shop\\.outbox'\n\
             route_topic_replacement = '{prefix}.event.$${{routedByValue}}'\n"
        )
    });
    source.execute(TABLE);
    (source, connector)
}

/// The ids of the events of a topic, key by key in their order.
fn ids(topic: &str) -> BTreeMap<String, Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    if !Kafka::shared()
        .topics()
        .iter()
        .any(|(name, _)| name == topic)
    {
        return found;
    }
    for record in Kafka::shared().records(topic) {
        let key = String::from_utf8(record.key().expect("a key").to_vec()).unwrap();
        found.entry(key).or_default().push(id(&record));
    }
    found
}

fn id(record: &OwnedMessage) -> usize {
    let mut headers = record.headers().expect("headers").iter();
    let header = headers.find(|header| header.key == "id").expect("an id");
    std::str::from_utf8(header.value.unwrap())
        .unwrap()
        .parse()
        .unwrap()
}

/// Those that `ids` has of rows up to a number, whose key is the number's remainder of seven.
fn expected(rows: std::ops::Range<usize>) -> BTreeMap<String, Vec<usize>> {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for number in rows {
        all.entry((number % 7).to_string())
            .or_default()
            .push(number);
    }
    all
}

fn count(found: &BTreeMap<String, Vec<usize>>) -> usize {
    found.values().map(Vec::len).sum()
}

#[test]
fn events_come_once_though_rowtap_is_killed() {
    let (source, connector) = outbox("outbox-once", "");
    let topic = "outbox-once.event.order";
    let (rows, kills) = if is_full() { (6000, 20) } else { (600, 3) };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = source.connect();
            for number in 0..rows {
                // Transactions of one row and of several, with another statement in them.
                if number % 5 == 0 {
                    conn.query_drop("BEGIN").unwrap();
                }
                let insert = format!("INSERT INTO shop.outbox (id, aggregatetype, aggregateid, payload) VALUES ({number}, 'order', {}, 'p')", number % 7);
                conn.query_drop(insert).unwrap();
                if number % 5 == 3 {
                    conn.query_drop(format!("DELETE FROM shop.outbox WHERE id = {number}")).unwrap();
                    conn.query_drop("COMMIT").unwrap();
                }
            }
        });
        for _ in 0..kills {
            let before = Kafka::shared().written(topic).unwrap_or_default();
            let mut run = connector.run(&[]);
            run.wait_until_ready();
            wait_until("more is committed", SEEN_MAX, || {
                let enough = usize::try_from(before).unwrap() >= rows;
                enough
                    || Kafka::shared()
                        .written(topic)
                        .is_some_and(|now| now > before)
            });
            run.kill();
        }
    });
    let ended = connector.run_once(ONCE_MAX);
    assert!(ended.status.success(), "{}", ended.log);
    let found = ids(topic);
    println!("{} events after {kills} kills", count(&found));
    assert_eq!(found, expected(0..rows));
}

#[test]
fn events_of_a_group_that_is_split_come_once_though_rowtap_is_killed_in_its_middle() {
    if !is_full() {
        return;
    }
    let more = "transaction_timeout = '5s'\nqueue_bytes = '128KiB'\nlinger = '20ms'\nlarge_groups = 'split'";
    let (source, connector) = outbox("outbox-split", more);
    let topic = "outbox-split.event.order";
    source.execute(&format!(
        "INSERT INTO shop.outbox (id, aggregatetype, aggregateid, payload) WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 \
         FROM n WHERE i < {} - 1) SELECT /*+ SET_VAR(cte_max_recursion_depth = 1000000) */ i, 'order', i % 7, REPEAT('x', 100) FROM n",
        ROWS
    ));
    let mut in_the_middle = 0;
    for _ in 0..5 {
        let before = count(&ids(topic));
        let mut run = connector.run(&[]);
        run.wait_until_ready();
        wait_until("a part is committed", SEEN_MAX, || {
            let now = Kafka::shared().written(topic).unwrap_or_default();
            run.has_ended() || usize::try_from(now).unwrap() > before + 1000
        });
        run.kill();
        connector.forget();
        let seen = count(&ids(topic));
        in_the_middle += usize::from(seen > 0 && seen < ROWS);
    }
    assert!(in_the_middle > 0, "no kill came in the middle of the group");
    let ended = connector.run_once(ONCE_MAX);
    assert!(ended.status.success(), "{}", ended.log);
    let found = ids(topic);
    assert!(found == expected(0..ROWS), "{} of {ROWS}", count(&found));
}

/// A server whose sessions log what changed alone, and a folder of a connector from it.
fn minimal(prefix: &str) -> (Server, Folder) {
    let source = Server::start(Flavour::MySql97, &["--binlog-row-image=MINIMAL"]);
    let (file, position) = source.coordinates();
    let folder = Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\nhost = '127.0.0.1'\nport = {}\nuser = 'root'\n\
         start = {{ file = '{file}', position = {position} }}\n[sink]\ntype = 'kafka'\nformat = 'debezium'\n\
         bootstrap_servers = '{}'\nprefix = '{prefix}'\n[sink.outbox]\ntables = 'shop\\.outbox'\n\
         route_topic_replacement = '{prefix}.event.$${{routedByValue}}'\ntable_fields_additional_placement = 'type:header'\n",
        source.port(),
        Kafka::shared().bootstrap(),
    ));
    source.execute(TABLE);
    (source, folder)
}

#[test]
fn rows_of_minimal_images_are_events_if_all_columns_are_there_that_an_event_has() {
    let (source, folder) = minimal("outbox-minimal");
    let columns = "id, aggregatetype, aggregateid, type, payload";
    source.execute(&format!("INSERT INTO shop.outbox ({columns}) VALUES (1, 'order', 'a', 'Made', 'first'), (2, 'order', 'b', 'Made', NULL)"));
    source.execute("DELETE FROM shop.outbox WHERE id = 1");
    source.execute("UPDATE shop.outbox SET payload = 'other' WHERE id = 2");
    let once = ["run", "--once", "--http", "off", "shop.toml"];
    folder.succeeds(&once);
    let records = Kafka::shared().records("outbox-minimal.event.order");
    let text = |record: &OwnedMessage| {
        record
            .payload()
            .map(|it| String::from_utf8(it.to_vec()).unwrap())
    };
    let found: Vec<_> = records
        .iter()
        .map(|record| (id(record), text(record)))
        .collect();
    assert_eq!(found, [(1, Some("first".to_owned())), (2, None)]);

    // The default of the type is not in the image.
    source.execute("INSERT INTO shop.outbox (id, aggregatetype, aggregateid, payload) VALUES (3, 'order', 'c', 'x')");
    folder.fails(65, &["shop.outbox", "type", "binlog_row_image=FULL"]);
    assert_eq!(
        Kafka::shared().records("outbox-minimal.event.order").len(),
        2
    );
}

#[test]
fn rows_that_are_there_already_are_events_as_the_event_router_makes_them() {
    let variant = &VARIANTS[0];
    let (server, kafka) = (debezium_server(), Kafka::start());
    let mut conn = server.connect();
    for statement in super::running::statements(&super::folder("outbox").join("workload.sql")) {
        conn.query_drop(&statement).expect(&statement);
    }
    let [own, settings] = own_settings(variant);
    let prefix = variant.name;
    let connector = Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\nhost = '127.0.0.1'\nport = {}\nuser = 'root'\nstart = 'snapshot'\n\
         [filter]\nreplicate-do-table = ['peers.{}']\n[sink]\ntype = 'kafka'\nformat = 'debezium'\nbootstrap_servers = '{}'\n\
         prefix = '{prefix}'\nheaders = 'none'\npartitions = 3\n[sink.debezium]\n{own}[sink.outbox]\ntables = 'peers\\.{}'\n{settings}",
        server.port(),
        variant.table,
        kafka.bootstrap(),
        variant.table,
    ));
    connector.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let ours = events(&kafka, variant);
    let rows = server.query_one(&format!("SELECT COUNT(*) FROM peers.{}", variant.table));
    assert_eq!(Some(ours.len().to_string()), rows, "an event a row");
    if !is_full() {
        return;
    }
    let own = Kafka::start();
    let mut peer = debezium(variant);
    peer.settings.push("snapshot.mode=initial".to_owned());
    let connect = Connect::start(&server, &own, &[peer]);
    wait_until("Debezium has copied the rows", DEBEZIUM_MAX, || {
        let log = connect.log();
        assert!(!log.contains("unrecoverable exception"), "{log}");
        events(&own, variant).len() >= ours.len()
    });
    let theirs = events(&own, variant);
    println!("{} events of a snapshot are EventRouter's", theirs.len());
    assert_ne!(ours, theirs, "the difference is gone: {OF_SNAPSHOT}");
    let mut known = differences("Outbox").into_iter();
    assert!(known.any(|known| known.place == OF_SNAPSHOT));
    let compact: Vec<Event> = theirs.into_iter().map(Event::compact).collect();
    assert_eq!(ours, compact);
}
