//! What a connector says in Kafka about its stream: where the source's transactions begin and end, heartbeats, DDL.

use std::collections::BTreeMap;

use rdkafka::Message as _;
use serde_json::{Value, json};

use super::kafka_topics::{Stream, headers, key, parsed};
use crate::commands::process::PASSWORD;
use crate::support::{Flavour, Kafka, wait_until};

const NOTICES: &str = "ddl_topic = '{p}.statements'\ntransaction_topic = '{p}.transactions'\n";
const TABLES: &str = "CREATE TABLE a (id INT PRIMARY KEY, t VARCHAR(200)); CREATE TABLE b (id INT PRIMARY KEY); CREATE TABLE left_out \
     (id INT PRIMARY KEY)";

/// A group as its records in the tables' topics have it: how many changes each table has.
fn changes(stream: &Stream) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut groups: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for table in ["a", "b"] {
        for record in stream.records(&format!("{{p}}.{{db}}.{table}")) {
            let headers = headers(&record);
            let value = parsed(record.payload());
            // The halves of a changed key, and tombstones, are one change.
            if value.is_null()
                || !seen.insert((headers["pos"].clone(), headers["sequence"].clone()))
            {
                continue;
            }
            let id = value["transaction"]["id"].as_str().unwrap().to_owned();
            let name = format!("{}.{table}", stream.database);
            *groups.entry(id).or_default().entry(name).or_default() += 1;
        }
    }
    groups
}

/// The same as the topic of transactions has it, and makes sure that each begins and ends once, and in order.
fn told(stream: &Stream) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut groups = BTreeMap::new();
    let mut open: Option<Value> = None;
    for record in stream.records("{p}.transactions") {
        let value = parsed(record.payload());
        let id = value["id"].clone();
        assert_eq!(key(&record), json!({"id": id}));
        assert_eq!(record.partition(), 0);
        assert!(value["ts_ms"].as_i64().unwrap() > 1_600_000_000_000);
        match value["status"].as_str().unwrap() {
            "BEGIN" => {
                assert_eq!(open.replace(id), None);
                assert!(value["event_count"].is_null() && value["data_collections"].is_null());
            }
            "END" => {
                assert_eq!(open.take(), Some(id.clone()));
                let tables = value["data_collections"].as_array().unwrap().iter();
                let counts: BTreeMap<String, u64> = tables
                    .map(|it| {
                        let name = it["data_collection"].as_str().unwrap().to_owned();
                        (name, it["event_count"].as_u64().unwrap())
                    })
                    .collect();
                assert_eq!(value["event_count"].as_u64(), Some(counts.values().sum()));
                groups.insert(id.as_str().unwrap().to_owned(), counts);
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(open, None);
    groups
}

/// Groups of all shapes, some many times larger than a batch.
fn traffic() -> String {
    let large: Vec<String> = (1000..6000)
        .map(|id| format!("({id}, REPEAT('x', 200))"))
        .collect();
    let ids: Vec<String> = (1000..4000).map(|id| format!("({id})")).collect();
    format!(
        "INSERT INTO a VALUES (1, 'x'), (2, 'y');
         BEGIN; UPDATE a SET t = 'z'; INSERT INTO b VALUES (1); UPDATE b SET id = 2; DELETE FROM a WHERE id = 1; COMMIT;
         BEGIN; INSERT INTO a VALUES (3, 'x'); ROLLBACK;
         INSERT INTO left_out VALUES (1);
         ALTER TABLE b ADD c INT;
         BEGIN; INSERT INTO a VALUES {}; INSERT INTO b (id) VALUES {}; UPDATE a SET t = 'q' WHERE id < 1500; COMMIT;
         BEGIN; INSERT INTO a VALUES {}; INSERT INTO left_out VALUES (2); COMMIT;
         DELETE FROM b WHERE id = 2",
        large.join(","),
        ids.join(","),
        large.join(",").replace("(1", "(71").replace("(2", "(72").replace("(3", "(73").replace("(4", "(74").replace("(5", "(75"),
    )
}

#[test]
fn transactions_are_told_with_the_changes_of_each_table() {
    for flavour in Flavour::ALL {
        for delivery in ["at_least_once", "exactly_once"] {
            let name = format!("told_{}", &delivery[..2]);
            let keys = format!("{NOTICES}delivery = '{delivery}'\n");
            let stream = Stream::new(flavour, &name, &keys, TABLES);
            let folder = &stream.folder;
            let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
            let rules = format!(
                "[filter]\nreplicate-ignore-table = ['{}.left_out']",
                stream.database
            );
            folder.write(&text.replace("[filter]", &rules));
            stream.deliver(&traffic());
            let told = told(&stream);
            assert_eq!(told, changes(&stream), "{flavour:?} {delivery}");
            assert_eq!(told.len(), 5);
            let statements = stream.records("{p}.statements");
            assert_eq!(statements.len(), 1);
            let ddl = parsed(statements[0].payload());
            assert_eq!(ddl["ddl"], "ALTER TABLE b ADD c INT");
        }
    }
}

#[test]
fn heartbeats_say_how_far_an_idle_stream_has_come() {
    for delivery in ["at_least_once", "exactly_once"] {
        let name = format!("beats_{}", &delivery[..2]);
        let keys = format!(
            "heartbeat_topic = '{{p}}.heartbeats'\nheartbeat_interval = '300ms'\ndelivery = '{delivery}'\n"
        );
        let stream = Stream::new(Flavour::MySql97, &name, &keys, TABLES);
        let mut running = stream.folder.start(&["run", "--http", "off", "shop.toml"]);
        running.until("it streams", |running| {
            running.stderr().contains("replication started")
        });
        stream.execute("INSERT INTO b VALUES (1)");
        let topic = format!("{}.heartbeats", stream.prefix);
        let there = || {
            Kafka::shared()
                .topics()
                .iter()
                .any(|(name, _)| *name == topic)
        };
        wait_until(
            "there are heartbeats",
            std::time::Duration::from_secs(60),
            there,
        );
        let pos = |value: &Value| {
            (
                value["file"].as_str().unwrap().to_owned(),
                value["pos"].as_u64().unwrap(),
            )
        };
        let goal = stream.server.coordinates();
        running.until(
            "a heartbeat tells of the last group, and the next one too",
            |_| {
                let records = stream.records(&topic);
                let all: Vec<_> = records
                    .iter()
                    .map(|record| parsed(record.payload()))
                    .collect();
                assert!(
                    all.windows(2).all(|pair| pos(&pair[0]) <= pos(&pair[1])),
                    "{all:?}"
                );
                all.iter().filter(|value| pos(value) >= goal).count() >= 2
            },
        );
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
        let records = stream.records(&topic);
        for record in &records {
            assert_eq!(key(record), json!({"serverName": stream.prefix}));
            let value = parsed(record.payload());
            assert!(value["ts_ms"].as_i64().unwrap() > 1_600_000_000_000);
            assert!(value["gtid_set"].is_string(), "{value}");
        }
        // A start writes a checkpoint or two, the row one, each heartbeat one, and the end none.
        if delivery == "exactly_once" {
            let checkpoints = stream.records("{p}.rowtap.checkpoints").len();
            assert!(
                checkpoints <= records.len() + 4,
                "{checkpoints} of {}",
                records.len()
            );
        }
    }
}

#[test]
fn explain_says_the_topic_the_key_and_what_decides_about_the_partition() {
    let keys = r"shared_topic = 'no'
[[sink.routes]]
tables = '.*\.orders_(\d+)'
topic = '{p}.orders.{1}'
key_columns = ['customer', 'id']
partition_columns = ['customer']
";
    let stream = Stream::new(Flavour::MySql97, "explained", keys, TABLES);
    let (db, p) = (&stream.database, &stream.prefix);
    let asked = |table: &str, more: &[&str]| {
        let table = format!("{db}.{table}");
        let arguments = [&["explain", "shop.toml", "--table", &table], more].concat();
        stream.folder.succeeds(&arguments).stdout
    };
    let text = asked("orders_3", &[]);
    let expected = format!(
        "  topic: {p}.orders.3 (route \".*\\.orders_(\\d+)\")\n  key: customer, id\n  partition by: customer\n"
    );
    assert!(text.ends_with(&expected), "{text}");
    let found: Value = serde_json::from_str(&asked("a", &["--json"])).unwrap();
    let expected =
        json!({"topic": format!("{p}.{db}.a"), "key": "the primary key", "partition_by": "key"});
    assert_eq!(found[0]["target"], expected);
    assert!(!asked("a", &[]).contains(PASSWORD));
}
