//! Tables that formats of peers may stumble over: names in any script, as many columns as there can be, a document of 16 MB, a table
//! that changes while its schema is registered, and values that a chosen mode cannot hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use apache_avro::types::Value as Avro;
use mysql::prelude::Queryable as _;
use rdkafka::Message as _;
use serde_json::Value;

use crate::avro::stub::Stub;
use crate::commands::process::{Folder, PASSWORD, account};
use crate::sinks::avro_files::{committed, rows};
use crate::support::{Flavour, Kafka, Server, is_full};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// Formats by their lines of a sink, and where a line has the row.
const FORMATS: [(&str, &str); 5] = [
    (
        "format = 'debezium'\n[sink.debezium]\nschemas_enable = false\n",
        "/after",
    ),
    ("format = 'debezium'\n", "/payload/after"),
    ("format = 'flat'\n", ""),
    ("format = 'maxwell'\n", "/data"),
    ("format = 'canal'\n", "/data/0"),
];

/// A connector that has begun from a database of its own to files, with these lines of the sink.
struct Stream<'a> {
    server: &'a Server,
    database: String,
    folder: Folder,
}

impl<'a> Stream<'a> {
    fn begun(server: &'a Server, sink: &str) -> Self {
        let database = server.unique_database();
        let user = format!("u_{database}");
        account(server, &user);
        let folder = Folder::new(&format!(
            "state_dir = '{{dir}}/state'\nmemory_max = '256MiB'\n[source]\nhost = '127.0.0.1'\nport = {}\nuser = '{user}'\n\
             password = '{PASSWORD}'\nstart = 'latest'\n[filter]\nreplicate-do-db = ['{database}']\n[sink]\n{}",
            server.port(),
            sink.replace("{database}", &database)
        ));
        folder.succeeds(&ONCE);
        Self {
            server,
            database,
            folder,
        }
    }

    fn to_files(server: &'a Server, format: &str) -> Self {
        Self::begun(
            server,
            &format!("type = 'file'\nfolder = '{{dir}}/changes'\n{format}"),
        )
    }

    fn execute(&self, statements: &[String]) {
        let mut conn = self.server.connect();
        conn.query_drop(format!("USE {}", self.database)).unwrap();
        conn.query_drop("SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00'")
            .unwrap();
        for statement in statements {
            if let Err(error) = conn.query_drop(statement) {
                panic!("{error}: {statement:.200}");
            }
        }
    }

    /// The rows of a table's Avro files.
    fn avro_rows(&self, table: &str) -> Vec<Vec<(String, Avro)>> {
        let prefix = format!("changes.{}.{table}-", self.database);
        let files = committed(&self.folder.path("changes"));
        let of_table = files.iter().filter(|(name, _)| name.starts_with(&prefix));
        of_table.flat_map(|(_, bytes)| rows(bytes)).collect()
    }
}

/// The text of a value that may be null.
fn text(value: &Avro) -> String {
    match value {
        Avro::Union(_, inner) => text(inner),
        Avro::String(text) => text.clone(),
        Avro::Int(number) => number.to_string(),
        Avro::Long(number) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_have_names_in_any_script() {
    let server = Server::shared(Flavour::MySql97);
    let names = [
        "größe",
        "名前",
        "имя",
        "اسم",
        "1st",
        "a b",
        "x`y",
        "q\"uote",
        "back\\slash",
        "ひらがな",
        "ελ",
    ];
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    let columns: Vec<String> = names
        .iter()
        .map(|name| format!("{} VARCHAR(20)", quoted(name)))
        .collect();
    let values: Vec<String> = names
        .iter()
        .map(|name| format!("'{}'", name.replace('\\', "\\\\")))
        .collect();
    let statements = [
        format!(
            "CREATE TABLE t (id INT, {}, PRIMARY KEY (id, {})) CHARACTER SET utf8mb4",
            columns.join(", "),
            quoted("имя")
        ),
        format!("INSERT INTO t VALUES (1, {})", values.join(", ")),
    ];
    for (format, place) in FORMATS {
        let stream = Stream::to_files(server, format);
        stream.execute(&statements);
        stream.folder.succeeds(&ONCE);
        let lines = stream.folder.changes();
        let row = lines[0].pointer(place).expect(format);
        for name in names {
            assert_eq!(row[name], name, "{format}");
        }
    }
    for layout in ["debezium", "plain"] {
        let stream = Stream::to_files(
            server,
            &format!("format = 'avro'\n[sink.avro]\nlayout = '{layout}'\n"),
        );
        stream.execute(&statements[..1]);
        // Two of them become one field.
        let folder = &stream.folder;
        stream.execute(&statements[1..]);
        let ended = folder.run(&ONCE);
        assert_eq!(ended.code, Some(78), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("would both be the Avro field __"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn names_that_stay_apart_are_fields_of_avro() {
    let server = Server::shared(Flavour::MySql97);
    for layout in ["debezium", "plain"] {
        let stream = Stream::to_files(
            server,
            &format!("format = 'avro'\n[sink.avro]\nlayout = '{layout}'\n"),
        );
        stream.execute(&[
            "CREATE TABLE t (id INT PRIMARY KEY, `größe` VARCHAR(20), `名前` VARCHAR(20), `имя` VARCHAR(20), `1st` VARCHAR(20))".to_owned(),
            "INSERT INTO t VALUES (1, 'a', 'b', 'c', 'd')".to_owned(),
        ]);
        stream.folder.succeeds(&ONCE);
        let rows = stream.avro_rows("t");
        let row = match layout {
            "plain" => rows[0].clone(),
            _debezium => {
                let (_, after) = rows[0].iter().find(|(name, _)| name == "after").unwrap();
                let Avro::Union(_, after) = after else {
                    panic!("{after:?}")
                };
                let Avro::Record(fields) = &**after else {
                    panic!("{after:?}")
                };
                fields.clone()
            }
        };
        let found: Vec<(&str, String)> = row
            .iter()
            .take(5)
            .map(|(name, value)| (&**name, text(value)))
            .collect();
        let expected = [
            ("id", "1"),
            ("gr__e", "a"),
            ("__", "b"),
            ("___", "c"),
            ("_1st", "d"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }
}

#[test]
fn a_table_has_as_many_columns_as_there_can_be() {
    const COLUMNS: usize = 1017;
    let server = Server::shared(Flavour::MySql97);
    let columns: Vec<String> = (1..COLUMNS)
        .map(|number| format!("c{number} INT"))
        .collect();
    let values: Vec<String> = (1..COLUMNS).map(|number| number.to_string()).collect();
    let statements = [
        format!(
            "CREATE TABLE t (id INT PRIMARY KEY, {})",
            columns.join(", ")
        ),
        format!("INSERT INTO t VALUES (0, {})", values.join(", ")),
        "UPDATE t SET c1016 = NULL".to_owned(),
    ];
    for (format, place) in FORMATS {
        let stream = Stream::to_files(server, format);
        stream.execute(&statements);
        stream.folder.succeeds(&ONCE);
        let lines = stream.folder.changes();
        let row = lines[0].pointer(place).expect(format);
        for number in 1..COLUMNS {
            let value = &row[format!("c{number}")];
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(value, number.to_string(), "{format}");
        }
        let updated = lines[1].pointer(place).expect(format);
        assert!(
            updated["c1016"].is_null() && !updated["c1015"].is_null(),
            "{format}"
        );
    }
    for layout in ["debezium", "plain"] {
        let stream = Stream::to_files(
            server,
            &format!("format = 'avro'\n[sink.avro]\nlayout = '{layout}'\n"),
        );
        stream.execute(&statements);
        stream.folder.succeeds(&ONCE);
        let rows = stream.avro_rows("t");
        assert_eq!(rows.len(), 2);
        if layout == "plain" {
            for (number, (name, value)) in rows[0].iter().enumerate().take(COLUMNS).skip(1) {
                assert_eq!(
                    (&**name, text(value)),
                    (&*format!("c{number}"), number.to_string())
                );
            }
        }
    }
}

#[test]
fn a_document_has_sixteen_megabytes() {
    let server = Server::start(Flavour::MySql97, &["--max-allowed-packet=64M"]);
    let statements = [
        "CREATE TABLE t (id INT PRIMARY KEY, j JSON)".to_owned(),
        // 16 MiB and more as text.
        "INSERT INTO t VALUES (1, JSON_OBJECT('k', REPEAT('ä\"', 4194304), 'z', JSON_ARRAY(1, NULL)))".to_owned(),
    ];
    let length = |text: &str| -> usize {
        assert!(
            text.contains("\"z\":[1,null]") || text.contains("\"z\": [1, null]"),
            "{}",
            &text[text.len() - 40..]
        );
        text.len()
    };
    let formats = match is_full() {
        true => &FORMATS[..],
        false => &FORMATS[3..4],
    };
    for &(format, place) in formats {
        let stream = Stream::to_files(&server, format);
        stream.execute(&statements);
        stream.folder.succeeds(&ONCE);
        let lines = stream.folder.changes();
        let row = lines[0].pointer(place).expect(format);
        let document = match &row["j"] {
            Value::String(text) => text.clone(),
            document => document.to_string(),
        };
        assert!(length(&document) > 16 << 20, "{format}: {}", document.len());
    }
    let stream = Stream::to_files(
        &server,
        "format = 'avro'\n[sink.avro]\nlayout = 'plain'\ncodec = 'zstandard'\n",
    );
    stream.execute(&statements);
    stream.folder.succeeds(&ONCE);
    let rows = stream.avro_rows("t");
    assert!(length(&text(&rows[0][1].1)) > 16 << 20);
}

/// The columns of a plain message that are not null, by the schema that the registry has.
fn columns_of(stub: &Stub, value: &[u8]) -> String {
    let number = u32::from_be_bytes(value[1..5].try_into().unwrap());
    let schema = apache_avro::Schema::parse_str(&stub.schema(number)).unwrap();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema)
        .build()
        .unwrap();
    let mut datum = &value[5..];
    let Avro::Record(fields) = reader.read_value(&mut datum).unwrap() else {
        panic!("a record");
    };
    assert!(datum.is_empty(), "bytes are left");
    let is_null = |value: &Avro| matches!(value, Avro::Union(_, inner) if **inner == Avro::Null);
    let columns = fields
        .iter()
        .filter(|(name, value)| !name.starts_with("__") && !is_null(value));
    let columns = columns.map(|(name, value)| format!("{name}={}", text(value)));
    columns.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_table_changes_while_its_schema_is_registered() {
    let server = Server::shared(Flavour::MySql97);
    let database = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let (known, port, seen) = (database.clone(), server.port(), AtomicUsize::new(0));
    // The table gets another column each time that one of its schemas is on its way.
    let stub = Stub::with(
        None,
        Box::new(move |call| {
            if call.method == "POST" && call.path.ends_with(".t-value/versions") {
                let number = seen.fetch_add(1, Ordering::Relaxed);
                if number < 3 {
                    let options = mysql::OptsBuilder::new()
                        .ip_or_hostname(Some("127.0.0.1"))
                        .tcp_port(port)
                        .user(Some("root"));
                    let mut conn = mysql::Conn::new(options).unwrap();
                    let database = known.get().unwrap();
                    for statement in [
                        format!("ALTER TABLE {database}.t ADD COLUMN n{number} INT FIRST"),
                        format!(
                            "INSERT INTO {database}.t (id, n{number}) VALUES ({}, {number})",
                            number + 10
                        ),
                    ] {
                        conn.query_drop(statement).unwrap();
                    }
                }
            }
            None
        }),
    );
    let kafka = Kafka::shared();
    let prefix = "changes-while-registered";
    let stream = Stream::begun(
        server,
        &format!(
            "type = 'kafka'\nformat = 'avro'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n[sink.avro]\nlayout = 'plain'\n\
             [sink.registry]\nurls = '{}'\n",
            kafka.bootstrap(),
            stub.web.url()
        ),
    );
    database.set(stream.database.clone()).unwrap();
    stream.execute(&[
        "CREATE TABLE t (id INT PRIMARY KEY)".to_owned(),
        "INSERT INTO t VALUES (1)".to_owned(),
    ]);
    // `--once` ends where the binlog ended when it began.
    for _ in 0..4 {
        stream.folder.succeeds(&ONCE);
    }
    let records = kafka.records(&format!("{prefix}.{}.t", stream.database));
    let values = records.iter().map(|record| record.payload().unwrap());
    let found = values.map(|value| columns_of(&stub, value));
    let found: Vec<String> = found.collect();
    assert_eq!(found, ["id=1", "n0=0 id=10", "n1=1 id=11", "n2=2 id=12"]);
}

#[test]
fn a_value_that_a_mode_cannot_hold_stops_the_connector_with_its_place_and_the_mode_that_can() {
    let server = Server::shared(Flavour::MySql97);
    for (format, definition, value, code, fragments) in [
        (
            "format = 'debezium'\n",
            "BIGINT UNSIGNED",
            "18446744073709551615",
            65,
            &["bigint_unsigned_handling_mode", "precise"][..],
        ),
        (
            "format = 'debezium'\n[sink.debezium]\ntime_precision_mode = 'connect'\n",
            "TIME",
            "'25:00:00'",
            65,
            &["time_precision_mode"],
        ),
        (
            "format = 'debezium'\n[sink.debezium]\ntime_precision_mode = 'nanoseconds'\n",
            "DATETIME",
            "'9999-12-31'",
            65,
            &["time_precision_mode"],
        ),
        (
            "format = 'flat'\n[sink.flat]\nschemas_enable = true\n",
            "BIGINT UNSIGNED",
            "18446744073709551615",
            65,
            &["bigint_unsigned_handling_mode", "precise"],
        ),
        (
            "format = 'avro'\n",
            "BIGINT UNSIGNED",
            "18446744073709551615",
            65,
            &["bigint_unsigned_handling_mode", "precise"],
        ),
        (
            "format = 'avro'\n[sink.avro]\nlayout = 'plain'\n",
            "DATE",
            "'0000-00-00'",
            65,
            &["times", "text"],
        ),
    ] {
        let stream = Stream::to_files(server, format);
        stream.execute(&[
            format!("CREATE TABLE t (id INT PRIMARY KEY, v {definition})"),
            "INSERT INTO t VALUES (1, NULL)".to_owned(),
            format!("INSERT INTO t VALUES (7, {value})"),
        ]);
        let place = [&*format!("{}.t", stream.database), " v "].map(str::to_owned);
        let mut all: Vec<&str> = fragments.to_vec();
        all.extend(place.iter().map(String::as_str));
        stream.folder.fails(code, &all);
    }
}
