//! A real registry, Apicurio, and a reader that nobody here wrote, fastavro: values equal SELECT, schemas evolve, and what is not
//! compatible is refused.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rdkafka::Message as _;
use serde_json::Value;

use super::is_full;
use crate::commands::process::{Folder, PASSWORD, account};
use crate::support::{Apicurio, Flavour, Kafka, Server, cache};

/// A column: its definition, how SELECT shows what fastavro shows, and values.
struct Tried {
    definition: &'static str,
    select: &'static str,
    values: &'static [&'static str],
}

const fn tried(
    definition: &'static str,
    select: &'static str,
    values: &'static [&'static str],
) -> Tried {
    Tried {
        definition,
        select,
        values,
    }
}

const PLAIN: &str = "CAST({} AS CHAR)";
const NUMBER: &str = "CAST({} + 0 AS CHAR)";
const MOMENT: &str = "DATE_FORMAT({}, '%Y-%m-%d %H:%i:%s.%f')";

const COLUMNS: &[Tried] = &[
    tried("TINYINT", PLAIN, &["-128", "0", "127"]),
    tried("TINYINT UNSIGNED", PLAIN, &["255", "0", "1"]),
    tried("SMALLINT", PLAIN, &["-32768", "32767", "0"]),
    tried("MEDIUMINT UNSIGNED", PLAIN, &["16777215", "0", "1"]),
    tried("INT", PLAIN, &["-2147483648", "2147483647", "64"]),
    tried("INT UNSIGNED", PLAIN, &["4294967295", "0", "8191"]),
    tried(
        "BIGINT",
        PLAIN,
        &["-9223372036854775808", "9223372036854775807", "-1"],
    ),
    tried(
        "BIGINT UNSIGNED",
        PLAIN,
        &["18446744073709551615", "9223372036854775808", "0"],
    ),
    tried("BIT(1)", NUMBER, &["b'1'", "b'0'", "b'1'"]),
    tried("BIT(33)", NUMBER, &["8589934591", "0", "4294967296"]),
    tried("BIT(64)", NUMBER, &["18446744073709551615", "0", "127"]),
    tried("DECIMAL(10,2)", PLAIN, &["-99999999.99", "0.01", "1.28"]),
    tried(
        "DECIMAL(65,30)",
        PLAIN,
        &[
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "12345678901234567890123456789012345.000000000000000000000000000001",
            "0",
        ],
    ),
    tried(
        "FLOAT",
        "CAST(CAST({} AS DOUBLE) AS CHAR)",
        &["0.1", "-3.4e38", "16777217"],
    ),
    tried(
        "DOUBLE",
        PLAIN,
        &["0.1", "-1.7976931348623157e308", "5e-324"],
    ),
    tried(
        "JSON",
        PLAIN,
        &[
            "JSON_OBJECT('b', JSON_ARRAY(1, 2.5, NULL, 'x\"y'), 'a', JSON_OBJECT('ä', true))",
            "'[]'",
            "'12345678901234567890'",
        ],
    ),
    tried(
        "GEOMETRY",
        "HEX(ST_AsWKB({}))",
        &[
            "ST_GeomFromText('POINT(1 2.5)')",
            "ST_GeomFromText('LINESTRING(0 0, 2 2)')",
            "ST_GeomFromText('POINT(0 0)')",
        ],
    ),
    tried("YEAR", NUMBER, &["1901", "2155", "0"]),
    tried(
        "DATE",
        PLAIN,
        &["'1000-01-01'", "'9999-12-31'", "'1969-12-31'"],
    ),
    tried(
        "DATETIME(6)",
        MOMENT,
        &[
            "'1000-01-01 00:00:00'",
            "'9999-12-31 23:59:59.999999'",
            "'1969-12-31 23:59:59.000001'",
        ],
    ),
    tried(
        "TIMESTAMP(6) NULL",
        "DATE_FORMAT(CONVERT_TZ({}, @@session.time_zone, '+00:00'), '%Y-%m-%d %H:%i:%s.%f')",
        &[
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07.999999'",
            "'2024-02-29 12:34:56.7'",
        ],
    ),
    tried(
        "TIME(6)",
        "CAST(CAST(TIME_TO_SEC({0}) * 1000000 + IF({0} < 0, -1, 1) * MICROSECOND({0}) AS SIGNED) AS CHAR)",
        &["'-838:59:59'", "'838:59:59'", "'-00:00:00.000001'"],
    ),
    tried(
        "CHAR(10)",
        "CONVERT({} USING utf8mb4)",
        &["'abc'", "''", "'ä😀'"],
    ),
    tried(
        "VARCHAR(50) CHARACTER SET latin1",
        "CONVERT({} USING utf8mb4)",
        &["'Ñandú'", "''", "'e'"],
    ),
    tried(
        "VARCHAR(50) CHARACTER SET gbk",
        "CONVERT({} USING utf8mb4)",
        &["'中文'", "''", "'e'"],
    ),
    tried(
        "LONGTEXT",
        "CONVERT({} USING utf8mb4)",
        &["REPEAT('ä\"\\n', 100000)", "''", "'x'"],
    ),
    tried(
        "ENUM('a,b', 'it''s \"q\"', 'größe')",
        "CONVERT({} USING utf8mb4)",
        &["'a,b'", "2", "'größe'"],
    ),
    tried(
        "SET('x', 'it''s', 'größe')",
        "CONVERT({} USING utf8mb4)",
        &["'x,größe'", "''", "7"],
    ),
    tried("BINARY(4)", "HEX({})", &["0x0102", "''", "0xFF00FF00"]),
    tried(
        "BLOB",
        "HEX({})",
        &["0x00FF10", "''", "REPEAT(0x80, 60000)"],
    ),
];

/// Whether fastavro shows what SELECT does.
fn is_same(definition: &str, found: &Value, expected: Option<&str>) -> bool {
    let Some(expected) = expected else {
        return found.is_null();
    };
    let number = |text: &str| text.parse::<f64>().unwrap();
    match definition {
        "FLOAT" | "DOUBLE" => number(found.as_str().unwrap()) == number(expected),
        "JSON" => {
            let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            parsed(found.as_str().unwrap()) == parsed(expected)
        }
        "GEOMETRY" => found["wkb"] == expected,
        _text => found == expected,
    }
}

/// The messages of a topic by fastavro, keys or values; under a reader's schema, if there is one.
fn read(registry: &Apicurio, messages: &[Vec<u8>], reader: Option<&str>) -> Vec<Value> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/avro/read.py");
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(cache().join("apicurio-3.3/bin/python"));
    command.arg(script).arg(registry.url());
    if let Some(reader) = reader {
        std::fs::write(file.path(), reader).unwrap();
        command.arg(file.path());
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/servers apicurio-3.3 brings it");
    let mut input = String::new();
    for message in messages {
        for byte in message {
            write!(input, "{byte:02x}").unwrap();
        }
        input.push('\n');
    }
    let mut stdin = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    assert!(output.status.success(), "fastavro cannot read");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

struct Stream<'a> {
    server: &'a Server,
    database: String,
    prefix: String,
    folder: Folder,
}

impl<'a> Stream<'a> {
    /// A connector from a database of its own that has begun, with further lines of the section `registry` and those after it.
    fn begun(server: &'a Server, registry: &Apicurio, more: &str) -> Self {
        let database = server.unique_database();
        let prefix = format!("a-{database}");
        let user = format!("u_{database}");
        account(server, &user);
        let folder = Folder::new(&format!(
            "state_dir = '{{dir}}/state'\n[source]\nhost = '127.0.0.1'\nport = {}\nuser = '{user}'\npassword = '{PASSWORD}'\n\
             start = 'latest'\n[filter]\nreplicate-do-db = ['{database}']\n[sink]\ntype = 'kafka'\nformat = 'avro'\n\
             bootstrap_servers = '{}'\nprefix = '{prefix}'\n[sink.registry]\nurls = '{}'\n{more}\n",
            server.port(),
            Kafka::shared().bootstrap(),
            registry.url(),
        ));
        let stream = Self {
            server,
            database,
            prefix,
            folder,
        };
        stream.run();
        stream
    }

    fn run(&self) {
        self.folder
            .succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    }

    fn execute(&self, sql: &str) {
        let mut conn = self.server.connect();
        let begun = format!("USE {}", self.database);
        for statement in [&begun, "SET time_zone = '+00:00', NAMES utf8mb4", sql] {
            let done = mysql::prelude::Queryable::query_drop(&mut conn, statement);
            done.unwrap_or_else(|error| panic!("{error}: {statement:.200}"));
        }
    }

    fn topic(&self, table: &str) -> String {
        format!("{}.{}.{table}", self.prefix, self.database)
    }

    fn values(&self, table: &str) -> Vec<Vec<u8>> {
        let records = Kafka::shared().records(&self.topic(table));
        let values = records.iter().filter_map(|record| record.payload());
        values.map(<[u8]>::to_vec).collect()
    }
}

#[test]
fn values_that_fastavro_reads_equal_select() {
    if !is_full() {
        return;
    }
    let (server, registry) = (Server::shared(Flavour::MySql97), Apicurio::start());
    let stream = Stream::begun(server, &registry, "[sink.avro]\nlayout = 'plain'");
    let columns: Vec<String> = (0..COLUMNS.len())
        .map(|index| format!("c{index}"))
        .collect();
    let mut definitions = vec!["id INT PRIMARY KEY".to_owned()];
    for (name, tried) in columns.iter().zip(COLUMNS) {
        definitions.push(format!("{name} {}", tried.definition));
    }
    stream.execute(&format!("CREATE TABLE t ({})", definitions.join(", ")));
    for row in 0..3 {
        let values: Vec<&str> = COLUMNS.iter().map(|tried| tried.values[row]).collect();
        stream.execute(&format!(
            "INSERT INTO t VALUES ({row}, {})",
            values.join(", ")
        ));
    }
    let nulls = vec!["NULL"; COLUMNS.len()].join(", ");
    stream.execute(&format!("INSERT INTO t VALUES (3, {nulls})"));
    stream.run();
    let found = read(&registry, &stream.values("t"), None);
    assert_eq!(found.len(), 4);
    let mut compared = 0;
    for (name, tried) in columns.iter().zip(COLUMNS) {
        let shown = tried.select.replace("{}", name).replace("{0}", name);
        let sql = format!("SELECT {shown} FROM {}.t ORDER BY id", stream.database);
        let expected = server.query_text(&sql);
        for (row, expected) in found.iter().zip(expected) {
            assert!(
                is_same(tried.definition, &row[name], expected[0].as_deref()),
                "{name} {}: {} {expected:?}",
                tried.definition,
                row[name]
            );
            compared += 1;
        }
    }
    println!(
        "{compared} values of {} columns equal SELECT",
        COLUMNS.len()
    );
}

#[test]
fn a_consumer_with_the_first_schema_reads_what_sixty_statements_made_of_the_table() {
    if !is_full() {
        return;
    }
    let (server, registry) = (Server::shared(Flavour::MySql97), Apicurio::start());
    for layout in ["debezium", "plain"] {
        let stream = Stream::begun(
            server,
            &registry,
            &format!("[sink.avro]\nlayout = '{layout}'"),
        );
        stream.execute("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b INT, c DATETIME(6))");
        stream.execute("INSERT INTO t VALUES (0, 'first', 1, '2024-01-01')");
        stream.run();
        let subject = format!("{}-value", stream.topic("t"));
        registry.set_compatibility(&subject, "BACKWARD_TRANSITIVE");
        let first = registry.latest(&subject);
        for number in 0..60 {
            let statement = match number % 6 {
                0 => format!("ADD COLUMN n{number} VARCHAR(10) FIRST"),
                1 => format!("ADD COLUMN n{number} DECIMAL(10,2)"),
                2 => format!("MODIFY n{} VARCHAR(40)", number - 2),
                3 => format!("DROP COLUMN n{}", number - 3),
                4 => format!("ADD INDEX i{number} (b)"),
                _ => format!("ADD COLUMN n{number} JSON AFTER a"),
            };
            stream.execute(&format!("ALTER TABLE t {statement}"));
            let id = number + 1;
            stream.execute(&format!(
                "INSERT INTO t (id, a, b) VALUES ({id}, 'row {id}', {id})"
            ));
        }
        stream.run();
        let found = read(&registry, &stream.values("t"), Some(&first));
        let rows = server.query_text(&format!(
            "SELECT CAST(id AS CHAR), a, CAST(b AS CHAR), DATE_FORMAT(c, '%Y-%m-%d %H:%i:%s.%f') FROM {}.t ORDER BY id",
            stream.database
        ));
        assert_eq!(found.len(), rows.len());
        for (found, row) in found.iter().zip(rows) {
            let found = if layout == "debezium" {
                &found["after"]
            } else {
                found
            };
            let cells: Vec<Value> = row
                .into_iter()
                .map(|cell| cell.map_or(Value::Null, Value::String))
                .collect();
            assert_eq!(
                [&found["id"], &found["a"], &found["b"]],
                [&cells[0], &cells[1], &cells[2]]
            );
            if layout == "plain" {
                assert_eq!(found["c"], cells[3]);
            }
        }
        let versions = registry.versions(&subject);
        println!(
            "{layout}: {} messages under {versions} schemas by the first one",
            found.len()
        );
        assert!(versions > 20, "{versions}");
    }
}

#[test]
fn an_incompatible_schema_is_refused_with_its_field_or_goes_in_by_choice() {
    if !is_full() {
        return;
    }
    let (server, registry) = (Server::shared(Flavour::MySql97), Apicurio::start());
    let stream = Stream::begun(server, &registry, "");
    stream.execute("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20))");
    stream.execute("INSERT INTO t VALUES (1, '1')");
    stream.run();
    let subject = format!("{}-value", stream.topic("t"));
    registry.set_compatibility(&subject, "BACKWARD");
    stream.execute("INSERT INTO t VALUES (2, '2')");
    stream.run();
    stream.execute("ALTER TABLE t MODIFY a INT, ADD COLUMN must INT NOT NULL");
    stream.execute("INSERT INTO t VALUES (3, 3, 3)");
    stream.folder.fails(
        69,
        &[
            "not compatible",
            "field before.must is new and has no default",
            "field before.a was null or string and is null or int",
        ],
    );
    assert_eq!(stream.values("t").len(), 2, "what came before it is there");
    let forced = Folder::replacing;
    let text = format!("urls = '{}'", registry.url());
    let stream = Stream {
        folder: forced(
            stream.folder,
            &text,
            &format!("{text}\non_incompatible = 'force'"),
        ),
        ..stream
    };
    stream.run();
    let found = read(&registry, &stream.values("t"), None);
    assert_eq!(found.last().unwrap()["after"]["a"], "3");
    assert_eq!(registry.compatibility(&subject), "BACKWARD");
}
