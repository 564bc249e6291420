//! Debezium's messages under several settings, recorded and live.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::messages::{Comparison, Messages};
use super::{differences, is_full};
use crate::commands::process::Folder;
use crate::support::{Flavour, Kafka, Server, wait_until};

/// How long Connect may take to start, and Debezium to read the workload.
const DEBEZIUM_MAX: Duration = Duration::from_secs(240);
/// The binlog of the workload: what the server names it shows in messages.
pub const BINLOG: &str = "binlog.000003";

fn folder() -> PathBuf {
    super::folder("debezium")
}

/// Settings under which both write the workload; the name is the prefix.
pub struct Variant {
    pub name: &'static str,
    pub schemas: bool,
    /// Debezium's.
    debezium: &'static [&'static str],
    /// rowtap's.
    pub own: &'static str,
}

pub const VARIANTS: [Variant; 6] = [
    Variant {
        name: "plain",
        schemas: false,
        debezium: &[],
        own: "",
    },
    Variant {
        name: "schemas",
        schemas: true,
        debezium: &[],
        own: "",
    },
    Variant {
        name: "texts",
        schemas: false,
        debezium: &[
            "decimal.handling.mode=string",
            "bigint.unsigned.handling.mode=precise",
            "time.precision.mode=isostring",
            "binary.handling.mode=base64",
            "include.query=true",
            "tombstones.on.delete=false",
        ],
        own: "decimal_handling_mode = 'string'\nbigint_unsigned_handling_mode = 'precise'\n\
              time_precision_mode = 'isostring'\nbinary_handling_mode = 'base64'\ninclude_query = true\n",
    },
    Variant {
        name: "connects",
        schemas: true,
        debezium: &[
            "decimal.handling.mode=double",
            "bigint.unsigned.handling.mode=precise",
            "time.precision.mode=connect",
            "binary.handling.mode=hex",
        ],
        own: "decimal_handling_mode = 'double'\nbigint_unsigned_handling_mode = 'precise'\n\
              time_precision_mode = 'connect'\nbinary_handling_mode = 'hex'\n",
    },
    Variant {
        name: "micros",
        schemas: true,
        debezium: &[
            "decimal.handling.mode=string",
            "time.precision.mode=microseconds",
            "binary.handling.mode=base64-url-safe",
        ],
        own: "decimal_handling_mode = 'string'\ntime_precision_mode = 'microseconds'\n\
              binary_handling_mode = 'base64-url-safe'\n",
    },
    Variant {
        name: "strings",
        schemas: true,
        debezium: &[
            "time.precision.mode=isostring",
            "binary.handling.mode=base64",
        ],
        own: "time_precision_mode = 'isostring'\nbinary_handling_mode = 'base64'\n",
    },
];

fn statements() -> Vec<String> {
    let text = fs::read_to_string(folder().join("workload.sql")).expect("the workload");
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    lines.map(str::to_owned).collect()
}

/// What rowtap makes of the workload under a variant's settings.
fn written(kafka: &Kafka, variant: &Variant, source: &str) -> Messages {
    let Variant {
        name, schemas, own, ..
    } = variant;
    let bootstrap = kafka.bootstrap();
    let prefix = format!("own-{name}");
    let tombstones = *name != "texts";
    let connector = format!(
        "state_dir = '{{dir}}/state'\n{source}\n[sink]\ntype = 'kafka'\nformat = 'debezium'\n\
         bootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\ntombstones = {tombstones}\n\
         [sink.debezium]\nschemas_enable = {schemas}\n{own}"
    );
    let folder = Folder::new(&connector);
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let found = Messages::read(kafka, &prefix);
    // The names of schemas hold the prefix.
    let text = found.to_lines().replace(&prefix, name);
    Messages::from_lines(&text)
}

/// Compares with what Debezium wrote, and prints how much was compared.
fn check(all: Vec<(&Variant, Messages, Messages)>) {
    let known = differences("Debezium");
    let mut comparison = Comparison::default();
    for (variant, mut theirs, mut ours) in all {
        // They remove nothing from a topic.
        let keyless = theirs.take(|message| message.key.is_none() && message.value.is_null());
        assert_eq!(keyless.is_empty(), variant.name == "texts", "tombstones");
        let is_truncate = |ddl: &str| ddl.starts_with("TRUNCATE");
        let truncates = ours.take(|message| message.value["ddl"].as_str().is_some_and(is_truncate));
        assert_eq!(truncates.len(), 1, "statements that Debezium leaves out");
        comparison.add(variant.name, &theirs, &ours, &known);
    }
    comparison.finish(&known, "Debezium");
}

#[test]
fn messages_are_those_that_debezium_wrote() {
    let kafka = Kafka::shared();
    let binlog = folder().join(BINLOG);
    let source = format!(
        "[source]\nfiles = ['{}']\nstart = 'earliest'",
        binlog.display()
    );
    let recorded = |variant: &Variant| {
        let path = folder().join(format!("{}.jsonl", variant.name));
        Messages::from_lines(&fs::read_to_string(path).expect("a recording"))
    };
    let all: Vec<_> = VARIANTS
        .iter()
        .map(|variant| (variant, recorded(variant), written(kafka, variant, &source)))
        .collect();
    check(all);
}

/// Kafka Connect with a Debezium connector a variant; ended with this value.
struct Connect {
    child: Child,
    folder: tempfile::TempDir,
}

impl Connect {
    fn start(server: &Server, kafka: &Kafka) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let worker = format!(
            "bootstrap.servers={}\nkey.converter=org.apache.kafka.connect.json.JsonConverter\n\
             value.converter=org.apache.kafka.connect.json.JsonConverter\n\
             offset.storage.file.filename={}\noffset.flush.interval.ms=1000\nplugin.path={}\n\
             listeners=http://127.0.0.1:0\n",
            kafka.bootstrap(),
            path("offsets").display(),
            path("plugins").display(),
        );
        fs::create_dir(path("plugins")).unwrap();
        fs::write(path("worker.properties"), worker).unwrap();
        let mut files = vec![path("worker.properties")];
        for (number, variant) in VARIANTS.iter().enumerate() {
            let Variant { name, schemas, .. } = variant;
            let mut text = format!(
                "name={name}\nconnector.class=io.debezium.connector.mysql.MySqlConnector\n\
                 database.hostname=127.0.0.1\ndatabase.port={}\ndatabase.user=dbz\ndatabase.password=dbz\n\
                 database.server.id=77{number}\ntopic.prefix={name}\nsnapshot.mode=no_data\n\
                 database.include.list=peers\npoll.interval.ms=50\n\
                 topic.creation.default.replication.factor=1\ntopic.creation.default.partitions=1\n\
                 schema.history.internal=io.debezium.storage.file.history.FileSchemaHistory\n\
                 schema.history.internal.file.filename={}\n",
                server.port(),
                path(&format!("{name}.history")).display(),
            );
            for part in ["key", "value", "header"] {
                let class = "org.apache.kafka.connect.json.JsonConverter";
                writeln!(
                    text,
                    "{part}.converter={class}\n{part}.converter.schemas.enable={schemas}"
                )
                .unwrap();
            }
            text.extend(variant.debezium.iter().map(|line| format!("{line}\n")));
            let file = path(&format!("{name}.properties"));
            fs::write(&file, text).unwrap();
            files.push(file);
        }
        let log = fs::File::create(path("log")).unwrap();
        let program = crate::support::cache().join("debezium-3.6/bin/connect");
        let child = Command::new(program)
            .arg("org.apache.kafka.connect.cli.ConnectStandalone")
            .args(&files)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("scripts/servers debezium-3.6 brings it");
        let connect = Self { child, folder };
        wait_until("Debezium streams", DEBEZIUM_MAX, || {
            let log = connect.log();
            assert!(!log.contains("Stopping after connector error"), "{log}");
            log.matches("Keepalive thread is running").count() == VARIANTS.len()
        });
        connect
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn debezium_itself_writes_the_same() {
    if !is_full() {
        return;
    }
    let server = Server::start(Flavour::MySql97, &["--binlog-rows-query-log-events=ON"]);
    server.execute("CREATE USER dbz@'%' IDENTIFIED BY 'dbz'; GRANT ALL ON *.* TO dbz@'%'");
    let kafka = Kafka::start();
    let connect = Connect::start(&server, &kafka);
    while server.coordinates().0 != BINLOG {
        server.execute("FLUSH BINARY LOGS");
    }
    let mut conn = server.connect();
    for statement in statements() {
        mysql::prelude::Queryable::query_drop(&mut conn, &statement).expect(&statement);
    }
    server.execute("FLUSH BINARY LOGS");
    wait_until("Debezium has read the workload", DEBEZIUM_MAX, || {
        let log = connect.log();
        assert!(!log.contains("unrecoverable exception"), "{log}");
        let topics = kafka.topics();
        let has_last = |variant: &Variant| {
            let last = format!("{}.peers.done", variant.name);
            topics.iter().any(|(topic, _)| *topic == last) && !kafka.records(&last).is_empty()
        };
        VARIANTS.iter().all(has_last)
    });
    let binlog = server.binlog_path(BINLOG);
    let source = format!(
        "[source]\nfiles = ['{}']\nstart = 'earliest'",
        binlog.display()
    );
    let all: Vec<_> = VARIANTS
        .iter()
        .map(|variant| {
            let theirs = Messages::read(&kafka, variant.name).without_snapshot();
            (variant, theirs, written(&kafka, variant, &source))
        })
        .collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::copy(&binlog, folder().join(BINLOG)).unwrap();
        for (variant, theirs, _) in &all {
            let path = folder().join(format!("{}.jsonl", variant.name));
            fs::write(path, theirs.to_lines()).unwrap();
        }
    }
    check(all);
}
