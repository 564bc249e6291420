//! Debezium's messages under several settings, recorded and live.

use std::fs;
use std::path::PathBuf;

use super::connect::{BINLOG, Connect, Connector, DEBEZIUM_MAX, carry_out, server};
use super::messages::{Comparison, Messages};
use super::schema::Schema;
use super::{differences, is_full};
use crate::commands::process::Folder;
use crate::support::{Kafka, wait_until};

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
    found.check(&Schema::of("debezium"));
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

#[test]
fn debezium_itself_writes_the_same() {
    if !is_full() {
        return;
    }
    let server = server();
    let kafka = Kafka::start();
    let connectors = VARIANTS.iter().map(|variant| {
        let enable = format!("schemas.enable={}", variant.schemas);
        let converters = ["key", "value", "header"].map(|part| {
            let class = "org.apache.kafka.connect.json.JsonConverter";
            format!("{part}.converter={class}\n{part}.converter.{enable}")
        });
        let more = variant.debezium.iter().map(|line| (*line).to_owned());
        Connector {
            name: variant.name.to_owned(),
            settings: converters.into_iter().chain(more).collect(),
        }
    });
    let connect = Connect::start(&server, &kafka, &connectors.collect::<Vec<_>>());
    carry_out(&server, &folder().join("workload.sql"));
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
