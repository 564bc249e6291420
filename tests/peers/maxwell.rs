//! Maxwell's messages under its defaults and under all its settings, recorded and live, of a workload on MySQL 5.7.
//!
//! Maxwell keeps its own tables on another server. A line of a recording is a record's key and its value, with a tab between, after
//! its partition where the topic had several.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mysql::prelude::Queryable as _;
use rdkafka::Message as _;
use rdkafka::message::OwnedMessage;
use serde_json::Value;

use super::connect::{BINLOG, DEBEZIUM_MAX, carry_out};
use super::messages::{Comparison, Message, Messages};
use super::running::{Running, record, server, statements};
use super::schema::Schema;
use super::{differences, folder, is_full};
use crate::commands::process::Folder;
use crate::support::{Kafka, Server, wait_until};

/// The topics have so many partitions.
const PARTITIONS: u16 = 4;

/// The settings of `full.txt`, for which the table chooses the partition.
const FULL: &str = "kafka_key_format = 'array'\noutput_binlog_position = true\noutput_gtid_position = true\n\
                    output_server_id = true\noutput_thread_id = true\noutput_schema_id = true\noutput_row_query = true\n\
                    output_primary_keys = true\noutput_primary_key_columns = true\noutput_null_zerodates = true\n\
                    kafka_partition_hash = 'murmur3'\n";
/// Maxwell's default.
const PLAIN: &str = "kafka_partition_hash = 'default'\n";

/// A record of a topic.
#[derive(Clone, Debug)]
struct Line {
    /// `None` in a topic of one.
    partition: Option<i32>,
    /// `None` for one without a key, and where Maxwell's is random, or the same for all rows of a table.
    key: Option<String>,
    value: String,
}

impl Line {
    fn of(record: &OwnedMessage) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        Self {
            partition: Some(record.partition()),
            key: record.key().map(text),
            value: text(record.payload().expect("no tombstones")),
        }
    }

    /// Without a key that is none of a row's.
    fn of_row(self) -> Self {
        let is_of_row = |key: &String| {
            key.starts_with(['{', '[']) && !key.contains("\"_uuid\"") && !key.ends_with(",[]]")
        };
        Self {
            key: self.key.filter(is_of_row),
            ..self
        }
    }
}

fn recorded(name: &str) -> Vec<Line> {
    let path = folder("maxwell").join(name);
    let text = fs::read_to_string(path).expect("a recording");
    let lines = text.lines().map(|line| {
        let (partition, key, value) = match line.split('\t').collect::<Vec<_>>()[..] {
            [partition, key, value] => (Some(partition.parse().expect("a number")), key, value),
            [key, value] => (None, key, value),
            _ => panic!("{line}"),
        };
        let line = Line {
            partition,
            key: Some(key.to_owned()),
            value: value.to_owned(),
        };
        line.of_row()
    });
    lines.collect()
}

/// What rowtap makes of the workload, rows and DDL messages.
fn written(
    kafka: &Kafka,
    (name, partitions): (&str, u16),
    binlog: &Path,
    settings: &str,
) -> [Vec<Line>; 2] {
    let prefix = format!("own-maxwell-{name}");
    let connector = format!(
        "state_dir = '{{dir}}/state'\n\
         [source]\nfiles = ['{}']\nstart = 'earliest'\n\
         [filter]\nreplicate-do-db = ['peers', 'another']\n{}[sink.maxwell]\n{settings}",
        binlog.display(),
        sink(kafka, &prefix, partitions),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    ["rows", "ddl"].map(|topic| lines(kafka, &format!("{prefix}.{topic}")))
}

/// The sink of a connector whose topics are as Maxwell's.
fn sink(kafka: &Kafka, prefix: &str, partitions: u16) -> String {
    format!(
        "[sink]\ntype = 'kafka'\nformat = 'maxwell'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n\
         topic = '{{prefix}}.rows'\nshared_topic = 'qualified'\nddl_topic = '{prefix}.ddl'\n\
         partitions = {partitions}\npartition_by = '{}'\n",
        kafka.bootstrap(),
        match prefix.ends_with("full") {
            true => "table",
            false => "database",
        },
    )
}

/// What rowtap makes of the tables that are there.
fn copied(kafka: &Kafka, name: &str, server: &Server, settings: &str) -> Vec<Line> {
    let prefix = format!("own-boot-{name}");
    let connector = format!(
        "state_dir = '{{dir}}/state'\n\
         [source]\nhost = '127.0.0.1'\nport = {}\nuser = 'peer'\npassword = 'peer'\nstart = 'snapshot'\n\
         tls.mode = 'disabled'\n[filter]\nreplicate-do-db = ['boot']\n{}[sink.maxwell]\n{settings}",
        server.port(),
        sink(kafka, &prefix, PARTITIONS),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    lines(kafka, &format!("{prefix}.rows"))
}

fn lines(kafka: &Kafka, topic: &str) -> Vec<Line> {
    kafka.records(topic).iter().map(Line::of).collect()
}

/// As messages of a topic a table.
fn messages(lines: &[Line], kind: &str) -> Messages {
    let mut messages = Messages::default();
    for Line { key, value, .. } in lines {
        let value: Value = serde_json::from_str(value).expect(value);
        let topic = match kind {
            "rows" => value["table"].as_str().unwrap_or_default().to_owned(),
            other => other.to_owned(),
        };
        messages.push(&topic, key.clone(), BTreeMap::new(), value);
    }
    messages
}

/// The text of a number that a reader would round.
fn digits(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("\"w\":")?;
    rest.split_once(',').map(|(digits, _)| digits)
}

/// The messages of snapshots, as far as they can be the same: Maxwell's keys of the last ones are random, and both say when they were made.
fn of_boot(mut lines: Vec<Line>) -> Messages {
    for line in &mut lines {
        if line.value.contains("\"bootstrap-complete\"") {
            line.key = None;
        }
    }
    let mut messages = messages(&lines, "rows");
    for message in &mut messages.messages {
        let time = message.value.as_object_mut().unwrap().remove("ts");
        assert!(time.unwrap().as_i64().unwrap() > 1_700_000_000);
    }
    messages
}

/// What Maxwell wrote: of the binlog and of its bootstraps, under its defaults and under all settings, and of DDL.
struct Written {
    plain: [Vec<Line>; 2],
    full: [Vec<Line>; 2],
    ddl: Vec<Line>,
}

/// Compares what Maxwell wrote, and says how much that is. The server has the tables of the bootstraps.
fn check(theirs: Written, kafka: &Kafka, binlog: &Path, server: &Server) {
    let schema = Schema::of("maxwell");
    let known = differences("Maxwell");
    let mut comparison = Comparison::default();
    let Written {
        plain,
        full,
        ddl: their_ddl,
    } = theirs;
    for (name, settings, [theirs, their_boot]) in [("plain", PLAIN, plain), ("full", FULL, full)] {
        let has_several = theirs.iter().any(|line| line.partition.is_some());
        let partitions = if has_several { PARTITIONS } else { 1 };
        let [rows, ddl] = written(kafka, (name, partitions), binlog, settings);
        for Line { value, .. } in rows.iter().chain(&ddl) {
            schema.check(&serde_json::from_str(value).unwrap());
        }
        let order = |lines: &[Line]| -> Vec<(Option<i32>, Option<String>)> {
            let partition = |line: &Line| line.partition.filter(|_| has_several);
            let places = lines.iter();
            places
                .map(|line| (partition(line), line.key.clone()))
                .collect()
        };
        assert_eq!(
            order(&rows),
            order(&theirs),
            "partitions and keys, in order"
        );
        let exact = theirs.iter().zip(&rows).filter(|(their, our)| {
            let (their, our) = (digits(&their.value), digits(&our.value));
            their.is_some_and(|their| !their.contains('E')) && their == our
        });
        assert!(exact.count() >= 5, "no digit of a DECIMAL is lost");
        let (theirs, ours) = (messages(&theirs, "rows"), messages(&rows, "rows"));
        comparison.add(name, &theirs, &ours, &known);
        if !their_boot.is_empty() {
            let boot = of_boot(copied(kafka, name, server, settings));
            comparison.add(
                &format!("{name} boot "),
                &of_boot(their_boot),
                &boot,
                &known,
            );
        }
        if name == "full" {
            let is_truncate = |message: &Message| message.value["type"] == "table-truncate";
            let mut ours = messages(&ddl, "ddl");
            assert_eq!(ours.take(is_truncate).len(), 1, "what Maxwell leaves out");
            comparison.add(name, &messages(&their_ddl, "ddl"), &ours, &known);
        }
    }
    comparison.finish(&known, "Maxwell");
}

#[test]
fn messages_are_those_that_maxwell_wrote() {
    let theirs = Written {
        plain: ["plain.txt", "boot-plain.txt"].map(recorded),
        full: [recorded("full.txt"), Vec::new()],
        ddl: recorded("ddl.txt"),
    };
    let server = server(&[]);
    fill(&server);
    check(theirs, Kafka::shared(), &recorded_binlog(), &server);
}

/// The binlog of the recordings.
fn recorded_binlog() -> PathBuf {
    let mut files = fs::read_dir(folder("maxwell"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_binlog = |path: &PathBuf| path.file_stem().unwrap() == "binlog";
    files.find(is_binlog).expect("a binlog")
}

/// Makes the tables that are bootstrapped.
fn fill(server: &Server) {
    let mut conn = server.connect();
    for statement in statements(&folder("maxwell").join("bootstrap.sql")) {
        conn.query_drop(&statement).expect(&statement);
    }
}

/// Takes the records of a topic whose keys are rows', and records them in these files: those of bootstraps are in the second.
fn taken(kafka: &Kafka, topic: &str, files: [&str; 2]) -> [Vec<Line>; 2] {
    let is_of_boot = |line: &Line| line.value.contains("\"database\":\"boot\"");
    let (boot, rest): (Vec<Line>, Vec<Line>) =
        lines(kafka, topic).into_iter().partition(is_of_boot);
    for (lines, file) in [&rest, &boot].into_iter().zip(files) {
        let text = lines.iter().map(
            |Line {
                 partition,
                 key,
                 value,
             }| {
                let (partition, key) = (partition.unwrap_or_default(), key.as_deref());
                format!("{partition}\t{}\t{value}\n", key.unwrap_or_default())
            },
        );
        if !lines.is_empty() {
            record(&folder("maxwell").join(file), text.collect::<String>());
        }
    }
    [rest, boot].map(|lines| lines.into_iter().map(Line::of_row).collect())
}

/// Maxwell, whose own tables are on `store`, under further options, into the topics `NAME.rows` and `NAME.ddl`.
fn maxwell(
    (server, store): (&Server, &Server),
    kafka: &Kafka,
    name: &str,
    options: &[&str],
) -> Running {
    kafka.create_topic(&format!("{name}.rows"), PARTITIONS);
    // Its keys are random.
    kafka.create_topic(&format!("{name}.ddl"), 1);
    let mut arguments = vec![
        "--producer=kafka".to_owned(),
        format!("--kafka.bootstrap.servers={}", kafka.bootstrap()),
        format!("--kafka_topic={name}.rows"),
        format!("--ddl_kafka_topic={name}.ddl"),
        format!("--client_id={name}"),
        format!("--schema_database=maxwell_{name}"),
        format!("--replica_server_id={}", 8000 + name.len()),
        "--host=127.0.0.1".to_owned(),
        format!("--port={}", store.port()),
        "--user=peer".to_owned(),
        "--password=peer".to_owned(),
        "--replication_host=127.0.0.1".to_owned(),
        format!("--replication_port={}", server.port()),
        "--replication_user=peer".to_owned(),
        "--replication_password=peer".to_owned(),
    ];
    arguments.extend(options.iter().map(|&option| option.to_owned()));
    let mut running = Running::start("maxwell-1.22/bin/maxwell", &arguments, &[]);
    wait_until("Maxwell streams", DEBEZIUM_MAX, || {
        running.log().contains("Binlog connected")
    });
    running
}

#[test]
fn maxwell_itself_writes_the_same() {
    if !is_full() {
        return;
    }
    let options = [
        "--binlog-rows-query-log-events=ON",
        "--log-slave-updates=ON",
        "--character-set-server=utf8mb4",
    ];
    let (server, store, kafka) = (server(&options), server(&[]), Kafka::start());
    fill(&server);
    let peers = (&server, &store);
    let settings: Vec<String> = FULL
        .lines()
        .map(|line| format!("--{}", line.replace([' ', '\''], "")))
        .collect();
    let mut full: Vec<&str> = settings.iter().map(String::as_str).collect();
    full.extend([
        "--gtid_mode=true",
        "--output_ddl=true",
        "--producer_partition_by=table",
    ]);
    let mut running = [
        maxwell(peers, &kafka, "plain", &[]),
        maxwell(peers, &kafka, "full", &full),
    ];
    carry_out(&server, &folder("maxwell").join("workload.sql"));
    for topic in ["plain.rows", "full.rows"] {
        wait_until("Maxwell has read the workload", DEBEZIUM_MAX, || {
            running.iter_mut().for_each(|running| drop(running.log()));
            let is_last = |line: &Line| line.value.contains("\"table\":\"done\"");
            lines(&kafka, topic).iter().any(is_last)
        });
    }
    for name in ["plain", "full"] {
        for table in ["a", "empty", "loose"] {
            store.execute(&format!(
                "INSERT INTO maxwell_{name}.bootstrap (database_name, table_name, client_id) VALUES ('boot', '{table}', '{name}')"
            ));
        }
        wait_until("Maxwell has bootstrapped the tables", DEBEZIUM_MAX, || {
            running.iter_mut().for_each(|running| drop(running.log()));
            let all = lines(&kafka, &format!("{name}.rows"));
            let is_end = |line: &&Line| line.value.contains("\"bootstrap-complete\"");
            all.iter().filter(is_end).count() == 3
        });
    }
    let [ddl, none] = taken(&kafka, "full.ddl", ["ddl.txt", "boot-ddl.txt"]);
    assert!(none.is_empty(), "{none:?}");
    let theirs = Written {
        plain: taken(&kafka, "plain.rows", ["plain.txt", "boot-plain.txt"]),
        full: taken(&kafka, "full.rows", ["full.txt", "boot-full.txt"]),
        ddl,
    };
    let binlog = server.binlog_path(BINLOG);
    let is_recorded = std::env::var_os("UPDATE_GOLDEN").is_some();
    if is_recorded {
        fs::remove_file(recorded_binlog()).unwrap();
    }
    record(&folder("maxwell").join(BINLOG), fs::read(&binlog).unwrap());
    check(theirs, &kafka, &binlog, &server);
}
