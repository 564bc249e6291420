//! Canal's flat messages, recorded and live, of the workload of Maxwell on MySQL 5.7, each table as it was at the time.
//!
//! Canal asks the server how tables are defined when it reads their rows, so each statement about tables waits until Canal has read what
//! is before it. `Record.java` starts Canal, with its producer for Kafka.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mysql::prelude::Queryable as _;
use serde_json::Value;

use super::connect::{BINLOG, DEBEZIUM_MAX};
use super::messages::{Comparison, Messages};
use super::running::{Running, record, server, statements};
use super::schema::Schema;
use super::{differences, folder, is_full};
use crate::commands::process::Folder;
use crate::support::{Kafka, Server, wait_until};

/// Where the test notes how far Canal has read.
const MARKS: &str = "marks";

/// Messages of rows by table, and of statements.
fn messages(lines: impl Iterator<Item = Value>) -> Messages {
    let mut messages = Messages::default();
    for value in lines {
        let topic = match value["isDdl"] == true {
            true => "ddl".to_owned(),
            false => value["table"].as_str().expect("a table").to_owned(),
        };
        messages.push(&topic, None, BTreeMap::new(), value);
    }
    messages
}

/// What rowtap makes of the workload.
fn written(kafka: &Kafka, binlog: &Path) -> Messages {
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n\
         [filter]\nreplicate-ignore-db = ['{MARKS}']\n\
         [sink]\ntype = 'kafka'\nformat = 'canal'\nbootstrap_servers = '{}'\nprefix = 'own-canal'\n\
         topic = '{{prefix}}.all'\nshared_topic = 'merged'\nddl_topic = 'own-canal.all'\n",
        binlog.display(),
        kafka.bootstrap(),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let schema = Schema::of("canal");
    let ours = read(kafka, "own-canal.all").into_iter();
    messages(ours.inspect(|value| schema.check(value)))
}

/// The messages of a topic with one partition, none of which has a key.
fn read(kafka: &Kafka, topic: &str) -> Vec<Value> {
    let records = kafka.records(topic);
    let values = records.iter().map(|record| {
        assert_eq!(
            rdkafka::Message::key(record),
            None,
            "Canal's records have no key"
        );
        assert_eq!(rdkafka::Message::partition(record), 0);
        let bytes = rdkafka::Message::payload(record).expect("no tombstones");
        serde_json::from_slice(bytes).expect("JSON")
    });
    values.collect()
}

/// Compares with what Canal wrote, and says how much that is.
fn check(theirs: Vec<Value>, mut ours: Messages) {
    let theirs = messages(theirs.into_iter());
    let left_out = ours.take(|message| {
        let sql = message.value["sql"].as_str().unwrap_or_default();
        sql.starts_with("ALTER DATABASE")
    });
    assert_eq!(left_out.len(), 1, "what Canal leaves out");
    let known = differences("Canal");
    let mut comparison = Comparison::default();
    comparison.add("", &theirs, &ours, &known);
    comparison.finish(&known, "Canal");
}

#[test]
fn messages_are_those_that_canal_wrote() {
    let text = fs::read_to_string(folder("canal").join("messages.jsonl")).expect("a recording");
    let theirs = text
        .lines()
        .map(|line| serde_json::from_str(line).expect(line));
    let ours = written(Kafka::shared(), &folder("canal").join(BINLOG));
    check(theirs.collect(), ours);
}

/// Canal, which reads a server from here on into a topic.
fn canal(server: &Server, kafka: &Kafka, topic: &str) -> Running {
    kafka.create_topic(topic, 1);
    let (file, position) = server.coordinates();
    let program = folder("canal").join("Record.java");
    let arguments = [
        program.display().to_string(),
        server.port().to_string(),
        "peer".to_owned(),
        "peer".to_owned(),
        file,
        position.to_string(),
        kafka.bootstrap(),
        topic.to_owned(),
    ];
    Running::start("canal-1.1/bin/java", &arguments, &[])
}

/// The messages of a topic, and how far its marks go.
fn read_so_far(kafka: &Kafka, topic: &str) -> (Vec<Value>, u64) {
    let (marks, messages): (Vec<Value>, Vec<Value>) = read(kafka, topic)
        .into_iter()
        .partition(|value| value["database"] == MARKS);
    let reached = marks
        .iter()
        .filter_map(|mark| mark["data"][0]["n"].as_str()?.parse().ok());
    let reached = reached.max().unwrap_or_default();
    (messages, reached)
}

#[test]
fn canal_itself_writes_the_same() {
    if !is_full() {
        return;
    }
    let options = [
        "--gtid-mode=OFF",
        "--enforce-gtid-consistency=OFF",
        "--character-set-server=utf8mb4",
    ];
    let (server, kafka, topic) = (server(&options), Kafka::start(), "canal");
    server.execute(&format!(
        "CREATE DATABASE {MARKS}; CREATE TABLE {MARKS}.t (n INT PRIMARY KEY)"
    ));
    while server.coordinates().0 != BINLOG {
        server.execute("FLUSH BINARY LOGS");
    }
    let mut running = canal(&server, &kafka, topic);
    let mut conn = server.connect();
    let mut marks = 0;
    let mut settle = || {
        marks += 1;
        server.execute(&format!("INSERT INTO {MARKS}.t VALUES ({marks})"));
        wait_until("Canal has read what is there", DEBEZIUM_MAX, || {
            drop(running.log());
            read_so_far(&kafka, topic).1 >= marks
        });
    };
    for statement in statements(&folder("maxwell").join("workload.sql")) {
        let changes_tables = ["ALTER", "DROP", "RENAME", "TRUNCATE"];
        if changes_tables
            .iter()
            .any(|word| statement.starts_with(word))
        {
            settle();
        }
        conn.query_drop(&statement).expect(&statement);
    }
    settle();
    server.execute("FLUSH BINARY LOGS");
    let theirs = read_so_far(&kafka, topic).0;
    let lines: String = theirs.iter().map(|line| format!("{line}\n")).collect();
    record(&folder("canal").join("messages.jsonl"), lines);
    let binlog = server.binlog_path(BINLOG);
    record(&folder("canal").join(BINLOG), fs::read(&binlog).unwrap());
    check(theirs, written(&kafka, &binlog));
}
