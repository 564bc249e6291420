//! Where the rows of real servers go in Kafka: topics by routes, keys, partitions as Kafka's own producer chooses them, and
//! headers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde_json::{Value, json};

use crate::commands::process::{Ended, Folder, account, source};
use crate::support::{Flavour, Kafka, Server, cache};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// A connector from a database of a server to topics of the shared broker.
pub struct Stream {
    pub server: &'static Server,
    pub database: String,
    pub prefix: String,
    pub folder: Folder,
}

impl Stream {
    /// With these keys of the sink; `{db}` and `{p}` in them stand for the database and the prefix. The stream begins after
    /// what is executed here.
    pub fn new(flavour: Flavour, name: &str, keys: &str, sql: &str) -> Self {
        let server = Server::shared(flavour);
        let database = server.unique_database();
        let prefix = format!("{name}_{}", flavour.name().replace(['.', ' '], "_"));
        let user = format!("u_{name}");
        account(server, &user);
        let text = source(server.port(), &user);
        let (text, _) = text.split_once("[sink]").unwrap();
        let keys = keys.replace("{db}", &database).replace("{p}", &prefix);
        let folder = Folder::new(&format!(
            "{text}[filter]\nreplicate-do-db = ['{database}']\n[sink]\ntype = 'kafka'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n{keys}",
            Kafka::shared().bootstrap()
        ));
        let stream = Self {
            server,
            database,
            prefix,
            folder,
        };
        stream.execute(sql);
        stream
    }

    pub fn execute(&self, sql: &str) {
        self.server
            .execute(&format!("USE {}; {sql}", self.database));
    }

    /// Begins the stream, executes these statements, and delivers them.
    pub fn deliver(&self, sql: &str) -> Ended {
        self.folder.succeeds(&ONCE);
        self.execute(sql);
        self.folder.succeeds(&ONCE)
    }

    pub fn records(&self, topic: &str) -> Vec<OwnedMessage> {
        let topic = topic
            .replace("{db}", &self.database)
            .replace("{p}", &self.prefix);
        Kafka::shared().records(&topic)
    }
}

pub fn parsed(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| serde_json::from_slice(bytes).unwrap())
}

pub fn key(record: &OwnedMessage) -> Value {
    parsed(record.key())
}

pub fn headers(record: &OwnedMessage) -> BTreeMap<String, String> {
    let headers = record
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    headers
        .map(|header| {
            let value = header.value.unwrap_or_default();
            (
                header.key.to_owned(),
                String::from_utf8(value.to_vec()).unwrap(),
            )
        })
        .collect()
}

/// Where Kafka's own producer puts records with these keys, in a topic with so many partitions.
fn java_partitions(topic: &str, partitions: u16, keys: &BTreeSet<String>) -> BTreeMap<String, i32> {
    let kafka = Kafka::shared();
    kafka.create_topic(topic, partitions);
    let mut producer = Command::new(cache().join("kafka-4.3/bin/kafka"))
        .args([
            "org.apache.kafka.tools.ConsoleProducer",
            "--bootstrap-server",
        ])
        .args([&*kafka.bootstrap(), "--topic", topic])
        .args(["--reader-property", "parse.key=true"])
        .args(["--reader-property", "key.separator=|"])
        .env(
            "KAFKA_JVM_OPTIONS",
            "-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = producer.stdin.take().unwrap();
    for key in keys {
        writeln!(input, "{key}|value").unwrap();
    }
    drop(input);
    assert!(producer.wait().unwrap().success());
    let found: BTreeMap<String, i32> = kafka
        .records(topic)
        .iter()
        .map(text_and_partition)
        .collect();
    assert_eq!(found.len(), keys.len());
    found
}

fn text_and_partition(record: &OwnedMessage) -> (String, i32) {
    let text = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
    (text, record.partition())
}

/// Kafka's own topics apart, those of a prefix with their partitions.
fn topics_of(stream: &Stream) -> BTreeMap<String, usize> {
    let own = Kafka::shared().topics().into_iter();
    let own = own.filter(|(name, _)| name.contains(&stream.prefix));
    own.map(|(name, count)| {
        let name = name
            .replace(&stream.prefix, "{p}")
            .replace(&stream.database, "{db}");
        (name, count)
    })
    .collect()
}

#[test]
fn tables_go_where_the_first_route_that_matches_says() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let keys = r"topic = '{p}-{table}'
partitions = 2
[[sink.routes]]
tables = '{db}\.orders_(?<shard>\d+)'
topic = '{p}.shard.{shard}'
partitions = 4
topic_config = { 'retention.ms' = '12345678' }
[[sink.routes]]
tables = '.*\.(orders_.*|people)'
key_columns = ['region', 'ID']
[[sink.routes]]
tables = '.*\.notes'
key = 'row'
[[sink.routes]]
tables = '.*\.secret'
key = 'none'
";
        let tables = "CREATE TABLE orders_1 (id INT PRIMARY KEY, a INT); CREATE TABLE orders_2 LIKE orders_1; \
             CREATE TABLE people (id INT PRIMARY KEY, region VARCHAR(9)); CREATE TABLE secret LIKE orders_1; \
             CREATE TABLE notes (t TEXT, d DECIMAL(5,2), n INT); CREATE TABLE plain LIKE orders_1";
        let stream = Stream::new(flavour, "routed", keys, tables);
        stream.deliver(
            "INSERT INTO orders_1 VALUES (1, 2); INSERT INTO orders_2 VALUES (3, 4); INSERT INTO people VALUES (5, 'eu'), (6, NULL); \
             INSERT INTO secret VALUES (7, 8); INSERT INTO notes VALUES ('x', 1.50, NULL); INSERT INTO plain VALUES (9, 0)",
        );
        let expected = [
            ("{p}", 1),
            ("{p}-notes", 2),
            ("{p}-people", 2),
            ("{p}-plain", 2),
            ("{p}-secret", 2),
            ("{p}.shard.1", 4),
            ("{p}.shard.2", 4),
        ];
        let expected = expected.map(|(name, count)| (name.to_owned(), count));
        assert_eq!(topics_of(&stream), BTreeMap::from(expected));
        let keys = |topic: &str| stream.records(topic).iter().map(key).collect::<Vec<_>>();
        assert_eq!(keys("{p}.shard.2"), [json!({"id": 3})]);
        let mut people = keys("{p}-people");
        people.sort_by_key(|key| key["id"].as_i64());
        let expected = [
            json!({"region": "eu", "id": 5}),
            json!({"region": null, "id": 6}),
        ];
        assert_eq!(people, expected);
        assert_eq!(
            keys("{p}-notes"),
            [json!({"t": "x", "d": "1.50", "n": null})]
        );
        assert_eq!(keys("{p}-secret"), [Value::Null]);
        assert_eq!(keys("{p}-plain"), [json!({"id": 9})]);
    }
}

#[test]
fn partitions_are_those_of_kafkas_own_producer() {
    let keys = r"partitions = 7
[[sink.routes]]
tables = '.*\.by_table'
partition_by = 'table'
[[sink.routes]]
tables = '.*\.by_database'
partition_by = 'database'
[[sink.routes]]
tables = '.*\.by_columns'
partition_columns = ['customer_id', 'name']
";
    let columns = "(id INT PRIMARY KEY, customer_id INT, name VARCHAR(40))";
    let tables = ["by_key", "by_table", "by_database", "by_columns"];
    let create = tables.map(|table| format!("CREATE TABLE {table} {columns}"));
    let stream = Stream::new(Flavour::MySql97, "java", keys, &create.join(";"));
    let rows: Vec<String> = (1..=120)
        .map(|id| format!("({id}, {}, 'ü{}')", id % 13, id % 5))
        .collect();
    let insert = tables.map(|table| format!("INSERT INTO {table} VALUES {}", rows.join(",")));
    stream.deliver(&insert.join(";"));
    let db = &stream.database;
    let found = tables.map(|table| stream.records(&format!("{{p}}.{db}.{table}")));
    let columns = |record: &OwnedMessage| {
        let after = &parsed(record.payload())["after"];
        format!(
            r#"{{"customer_id":{},"name":{}}}"#,
            after["customer_id"], after["name"]
        )
    };
    let chosen_by = |table: usize, record: &OwnedMessage| match table {
        0 => text_and_partition(record).0,
        1 => format!("{db}.by_table"),
        2 => db.clone(),
        _ => columns(record),
    };
    let all = found.iter().enumerate();
    let keys = all
        .clone()
        .flat_map(|(table, records)| records.iter().map(move |record| chosen_by(table, record)))
        .collect();
    let java = java_partitions(&format!("{}.java", stream.prefix), 7, &keys);
    for (table, records) in all {
        assert_eq!(records.len(), 120);
        for record in records {
            let key = chosen_by(table, record);
            assert_eq!(record.partition(), java[&key], "{} {key}", tables[table]);
        }
    }
    assert!(
        found[3]
            .iter()
            .any(|record| record.partition() != found[3][0].partition())
    );
}

#[test]
fn a_row_that_goes_to_another_partition_is_deleted_in_the_old_one() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let keys = "partitions = 16\npartition_columns = ['tenant']\nmore_headers = ['op']\n";
        let table = "CREATE TABLE t (id INT PRIMARY KEY, tenant VARCHAR(9), a INT)";
        let stream = Stream::new(flavour, "moved", keys, table);
        stream.deliver(
            "INSERT INTO t VALUES (1, 'one', 0); UPDATE t SET a = 1; UPDATE t SET tenant = 'two'; UPDATE t SET a = 2; DELETE FROM t",
        );
        let records = stream.records("{p}.{db}.t");
        let partitions: BTreeSet<i32> = records.iter().map(|record| record.partition()).collect();
        assert_eq!(
            partitions.len(),
            2,
            "two tenants that share a partition show nothing"
        );
        let first = records
            .iter()
            .find(|record| parsed(record.payload())["after"]["tenant"] == "one")
            .unwrap()
            .partition();
        let shown = |is_first: bool| -> Vec<String> {
            let there = records
                .iter()
                .filter(|record| (record.partition() == first) == is_first);
            there
                .map(|record| {
                    assert_eq!(key(record), json!({"id": 1}));
                    let headers = headers(record);
                    let other = ["new_key", "old_key"].map(|name| headers.get(name).cloned());
                    let other = other.into_iter().flatten().collect::<String>();
                    let value = parsed(record.payload());
                    assert!(value.is_null() || value["op"] == headers["op"]);
                    let tombstone = if value.is_null() { " tombstone" } else { "" };
                    format!("{}{tombstone}{other}", headers["op"])
                })
                .collect()
        };
        let moved = r#"{"id":1}"#;
        assert_eq!(shown(true), ["c", "u", &format!("d{moved}"), "d tombstone"]);
        assert_eq!(
            shown(false),
            [&format!("c{moved}"), "u", "d", "d tombstone"]
        );
    }
}

#[test]
fn a_group_stays_together_in_each_topic_by_choice() {
    let keys = "partitions = 9\npartition_by = 'group'\n";
    let tables = "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY)";
    let stream = Stream::new(Flavour::MySql97, "grouped", keys, tables);
    let groups: Vec<String> = (0..30)
        .map(|n| {
            format!(
                "BEGIN; INSERT INTO a VALUES ({}), ({}); INSERT INTO b VALUES ({n}); COMMIT",
                2 * n,
                2 * n + 1
            )
        })
        .collect();
    stream.deliver(&groups.join(";"));
    let mut places: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    let mut count = 0;
    for topic in ["{p}.{db}.a", "{p}.{db}.b"] {
        for record in stream.records(topic) {
            let gtid = headers(&record)["pos"].clone();
            places.entry(gtid).or_default().insert(record.partition());
            count += 1;
        }
    }
    assert_eq!((count, places.len()), (90, 30));
    assert!(
        places.values().all(|places| places.len() == 1),
        "{places:?}"
    );
    let used: BTreeSet<_> = places.values().flatten().collect();
    assert!(used.len() > 3, "{used:?}");
}

#[test]
fn tables_share_a_topic_only_by_choice() {
    let tables = "CREATE TABLE s1 (id INT PRIMARY KEY); CREATE TABLE s2 (id INT PRIMARY KEY)";
    let sql = "INSERT INTO s1 VALUES (1); INSERT INTO s2 VALUES (1)";
    let refused = Stream::new(Flavour::MySql97, "one_topic", "topic = '{p}.all'", tables);
    let db = &refused.database;
    let both = format!(
        "{db}.s1 and {db}.s2 both go to topic {}.all",
        refused.prefix
    );
    refused
        .folder
        .fails(78, &[&both, "or set shared_topic to let tables share it"]);

    for (choice, expected) in [
        (
            "qualified",
            ["s1", "s2"].map(|table| json!({"__database": "{db}", "__table": table, "id": 1})),
        ),
        ("merged", ["s1", "s2"].map(|_| json!({"id": 1}))),
    ] {
        let keys = format!("topic = '{{p}}.all'\nshared_topic = '{choice}'\n");
        let stream = Stream::new(Flavour::MySql97, choice, &keys, tables);
        stream.deliver(sql);
        let records = stream.records("{p}.all");
        let keys: Vec<Value> = records
            .iter()
            .map(|record| {
                let text = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
                serde_json::from_str(&text.replace(&stream.database, "{db}")).unwrap()
            })
            .collect();
        assert_eq!(keys, expected);
    }
}

#[test]
fn statements_may_share_the_topic_of_tables_that_share_one() {
    let table = "CREATE TABLE s1 (id INT PRIMARY KEY)";
    let keys = "topic = '{p}.all'\nddl_topic = '{p}.all'\npartitions = 3\n";
    let refused = Stream::new(Flavour::MySql97, "apart", keys, table);
    let told = format!("DDL and {}.s1 both go to topic", refused.database);
    refused.folder.fails(78, &[&told, "shared_topic"]);

    let keys = format!("shared_topic = 'qualified'\n{keys}");
    let stream = Stream::new(Flavour::MySql97, "with_ddl", &keys, table);
    stream.deliver(
        "INSERT INTO s1 VALUES (1); ALTER TABLE s1 ADD a INT; INSERT INTO s1 VALUES (2, 2)",
    );
    let topics = topics_of(&stream);
    assert_eq!(topics, BTreeMap::from([("{p}.all".to_owned(), 3)]));
    let records = stream.records("{p}.all");
    let is_statement = |record: &&OwnedMessage| parsed(record.payload())["ddl"].is_string();
    let statements = records.iter().filter(is_statement).count();
    assert_eq!((records.len(), statements), (3, 1));
}

#[test]
fn names_that_kafka_does_not_take_are_told_with_what_helps() {
    let table = "CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE `t.u` (id INT PRIMARY KEY)";
    for (name, keys, is_told_at_start, told) in [
        (
            "long",
            &*format!("topic = '{}.{{table}}'", "x".repeat(248)),
            true,
            &[" characters and Kafka allows 249", "give the table a route"][..],
        ),
        (
            "dots",
            "topic = '{table}'\n[[sink.routes]]\ntables = '.*\\.t'\ntopic = '..'",
            true,
            &["their topic would be \"..\", which Kafka does not allow, change topic"],
        ),
        (
            "alike",
            "topic = 'alike_{table}'\n[[sink.routes]]\ntables = '.*\\.t'\ntopic = 'alike_t_u'",
            false,
            &[
                "topic alike_t.u cannot be created beside topic alike_t_u",
                "give it another name by topic",
            ],
        ),
        (
            "lacks",
            "key_columns = ['tenant']",
            false,
            &[
                "key_columns names column tenant, which the table does not have, give the table a route of its own",
            ],
        ),
    ] {
        let stream = Stream::new(Flavour::MySql97, name, keys, table);
        if !is_told_at_start {
            stream.folder.succeeds(&ONCE);
            stream.execute("INSERT INTO t VALUES (1); INSERT INTO `t.u` VALUES (1)");
        }
        stream.folder.fails(78, told);
    }
}

#[test]
fn headers_are_those_that_were_chosen() {
    let table = "CREATE TABLE t (id INT PRIMARY KEY)";
    let sql = "BEGIN; INSERT INTO t VALUES (1); DELETE FROM t; COMMIT; ALTER TABLE t ADD a INT";
    let bare = Stream::new(Flavour::MySql97, "bare", "headers = 'none'", table);
    bare.deliver(sql);
    for topic in ["{p}.{db}.t", "{p}"] {
        assert!(
            bare.records(topic)
                .iter()
                .all(|record| record.headers().is_none())
        );
    }
    let keys = "headers = 'format'\n";
    let other = Stream::new(Flavour::MySql97, "other", keys, table);
    other.deliver("INSERT INTO t VALUES (1); UPDATE t SET id = 2");
    let records = other.records("{p}.{db}.t");
    let found: Vec<Vec<String>> = records
        .iter()
        .map(|record| match record.headers() {
            Some(_) => headers(record).into_keys().collect(),
            None => Vec::new(),
        })
        .collect();
    // The row, the key that it loses with the tombstone, and the one that it gets.
    assert_eq!(
        found,
        [
            vec![],
            vec!["new_key".to_owned()],
            vec![],
            vec!["old_key".to_owned()]
        ]
    );
    let keys = "headers = 'none'\nmore_headers = ['op', 'traceparent']\n";
    let stream = Stream::new(Flavour::MySql97, "traced", keys, table);
    stream.deliver(sql);
    let records = stream.records("{p}.{db}.t");
    let found: Vec<_> = records.iter().map(headers).collect();
    let ops: Vec<_> = found.iter().map(|headers| headers["op"].as_str()).collect();
    assert_eq!(ops, ["c", "d", "d"]);
    let parts = |headers: &BTreeMap<String, String>| -> Vec<String> {
        assert_eq!(headers.len(), 2, "{headers:?}");
        headers["traceparent"]
            .split('-')
            .map(str::to_owned)
            .collect()
    };
    let first = parts(&found[0]);
    assert_eq!((&*first[0], first[1].len(), &*first[3]), ("00", 32, "01"));
    assert_ne!(first[1], "0".repeat(32));
    for (headers, span) in
        found
            .iter()
            .zip(["0000000000000001", "0000000000000002", "0000000000000002"])
    {
        let parts = parts(headers);
        assert_eq!((&parts[1], &*parts[2]), (&first[1], span));
    }
    let ddl = stream.records("{p}");
    assert!(headers(&ddl[0])["traceparent"].ends_with("-0000000000000001-01"));
}

#[test]
fn a_table_that_is_renamed_into_another_topic_is_told_once() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let table = "CREATE TABLE old (id INT PRIMARY KEY)";
        let stream = Stream::new(flavour, "renamed", "", table);
        let ended = stream.deliver(
            "INSERT INTO old VALUES (1); RENAME TABLE old TO young; INSERT INTO young VALUES (2); ALTER TABLE young ADD a INT; \
             INSERT INTO young VALUES (3, 3)",
        );
        let told: Vec<&str> = ended
            .stderr
            .lines()
            .filter(|line| line.contains("its records go to another topic from here on"))
            .collect();
        let [line] = &told[..] else {
            panic!("{}", ended.stderr);
        };
        let topic = format!("{}.{}.young", stream.prefix, stream.database);
        assert!(line.contains(&topic), "{line}");
        assert!(line.contains("run{connector=shop}"), "{line}");
        assert_eq!(stream.records("{p}.{db}.old").len(), 1);
        assert_eq!(stream.records("{p}.{db}.young").len(), 2);
    }
}
