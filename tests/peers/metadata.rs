//! What Debezium tells besides rows, recorded and live: transactions in a topic of their own and in each change, the declared types of
//! columns, tables that were emptied, heartbeats.

use std::fs;
use std::path::PathBuf;

use super::coded::{Format, Reader};
use super::connect::{BINLOG, Connect, Connector, DEBEZIUM_MAX, carry_out, server};
use super::messages::{Comparison, Difference, Message, Messages};
use super::schema::Schema;
use super::{differences, is_full};
use crate::commands::process::Folder;
use crate::support::{Apicurio, Kafka, wait_until};

fn folder() -> PathBuf {
    super::folder("metadata")
}

/// Settings under which both write the workload; the name is the prefix.
struct Variant {
    name: &'static str,
    format: Format,
    debezium: &'static [&'static str],
    own: &'static str,
}

/// Those that are recorded.
const VARIANTS: [Variant; 2] = [
    Variant {
        name: "described",
        format: Format::Schemas,
        debezium: &["column.propagate.source.type=.*"],
        own: "column_propagate_source_type = '.*'\n",
    },
    Variant {
        name: "bare",
        format: Format::Plain,
        debezium: &[],
        own: "",
    },
];

/// A registry has the schemas of this one.
const CODED: Variant = Variant {
    name: "coded",
    format: Format::Avro,
    debezium: &["column.propagate.source.type=.*"],
    own: "column_propagate_source_type = '.*'\n",
};

/// A connector's file under a variant's settings.
fn file(kafka: &Kafka, variant: &Variant, [prefix, binlog, more]: [&str; 3]) -> String {
    let (format, schemas) = match variant.format {
        Format::Plain => ("debezium", "schemas_enable = false\n"),
        Format::Schemas => ("debezium", ""),
        Format::Avro => ("avro", ""),
    };
    format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{binlog}']\nstart = 'earliest'\n[sink]\ntype = 'kafka'\n\
         format = '{format}'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n\
         transaction_topic = '{prefix}.transaction'\nheartbeat_topic = '{prefix}.heartbeat.{prefix}'\n\
         {more}[sink.debezium]\n{schemas}provide_transaction_metadata = true\nskipped_operations = 'none'\n{}",
        kafka.bootstrap(),
        variant.own,
    )
}

/// What rowtap makes of the workload under a variant's settings.
fn written(kafka: &Kafka, variant: &Variant, binlog: &str) -> Messages {
    let prefix = format!("own-{}", variant.name);
    let connector = file(kafka, variant, [&prefix, binlog, ""]);
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let found = Messages::read(kafka, &prefix);
    found.check(&Schema::of("debezium"));
    // The names of schemas hold the prefix.
    Messages::from_lines(&found.to_lines().replace(&prefix, variant.name))
}

/// The same with a registry.
fn coded(kafka: &Kafka, registry: &Apicurio, binlog: &str) -> Messages {
    let prefix = "ceded";
    let more = format!(
        "headers = 'format'\n[sink.registry]\nurls = '{}'\n",
        registry.url()
    );
    let connector = file(kafka, &CODED, [prefix, binlog, &more]);
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let mut reader = Reader::new(Format::Avro, Some(registry));
    let found = reader.messages(prefix, &kafka.records_below(prefix));
    found.renamed(prefix, CODED.name)
}

fn is_heartbeat(message: &Message) -> bool {
    message.topic.starts_with(".heartbeat.")
}

/// Compares with what Debezium wrote, and prints how much was compared.
fn check(all: Vec<(&Variant, Messages, Messages)>) {
    let own = differences("Debezium's metadata");
    let mut comparison = Comparison::default();
    for (variant, theirs, ours) in all {
        add(&mut comparison, variant.name, theirs, ours);
    }
    comparison.finish(&own, "Debezium");
}

/// Compares messages of another format, whose differences may be fewer.
pub fn check_one(what: &str, theirs: Messages, ours: Messages) {
    let mut comparison = Comparison::default();
    add(&mut comparison, what, theirs, ours);
    comparison.finish(&[], what);
}

fn add(comparison: &mut Comparison, what: &str, mut theirs: Messages, mut ours: Messages) {
    let known: Vec<Difference> = differences("Debezium")
        .into_iter()
        .chain(differences("Debezium's metadata"))
        .collect();
    // As many as the time makes; all are the same.
    let one = |messages: &mut Messages| {
        let beats = messages.take(is_heartbeat);
        messages.messages.extend(beats.into_iter().take(1));
    };
    one(&mut theirs);
    one(&mut ours);
    // What brought the heartbeats.
    theirs.take(|message| message.value["databaseName"] == "other");
    // A key that changes counts as two changes there, and as one here.
    let of_moved = |message: &Message| {
        let tables = message.value["data_collections"].as_array();
        tables.is_some_and(|tables| tables[0]["data_collection"] == "peers.moved")
    };
    let (their_moved, our_moved) = (theirs.take(of_moved), ours.take(of_moved));
    for (moved, counts) in [(their_moved, [1, 2]), (our_moved, [1, 1])] {
        let found: Vec<_> = moved
            .iter()
            .map(|message| message.value["event_count"].as_i64())
            .collect();
        assert_eq!(found, counts.map(Some), "{moved:?}");
    }
    // They remove nothing from a topic.
    theirs.take(|message| message.key.is_none() && message.value.is_null());
    comparison.add(what, &theirs, &ours, &known);
}

#[test]
fn transactions_and_types_are_told_as_debezium_tells_them() {
    let kafka = Kafka::shared();
    let binlog = folder().join(BINLOG).display().to_string();
    let recorded = |variant: &Variant| {
        let path = folder().join(format!("{}.jsonl", variant.name));
        Messages::from_lines(&fs::read_to_string(path).expect("a recording"))
    };
    let all = VARIANTS.iter();
    let all = all.map(|variant| (variant, recorded(variant), written(kafka, variant, &binlog)));
    check(all.collect());
}

#[test]
fn debezium_itself_tells_the_same() {
    if !is_full() {
        return;
    }
    let server = server();
    let kafka = Kafka::start();
    let registry = Apicurio::start();
    let all = VARIANTS.iter().chain([&CODED]);
    let connectors = all.clone().map(|variant| connector(variant, &registry));
    let connect = Connect::start(&server, &kafka, &connectors.collect::<Vec<_>>());
    carry_out(&server, &folder().join("workload.sql"));
    wait_until("Debezium has read the workload", DEBEZIUM_MAX, || {
        let log = connect.log();
        assert!(!log.contains("unrecoverable exception"), "{log}");
        // Heartbeats come with events that nobody captures.
        server.execute("CREATE DATABASE IF NOT EXISTS other");
        let topics = kafka.topics();
        let has_last = |variant: &Variant| {
            let has = |topic: &str| {
                let name = format!("{}.{topic}", variant.name);
                topics.iter().any(|(topic, _)| *topic == name) && !kafka.records(&name).is_empty()
            };
            has("peers.done") && has(&format!("heartbeat.{}", variant.name))
        };
        all.clone().all(has_last)
    });
    let binlog = server.binlog_path(BINLOG);
    let theirs: Vec<Messages> = VARIANTS
        .iter()
        .map(|variant| {
            let mut found = Messages::read(&kafka, variant.name).without_snapshot();
            let beats = found.take(is_heartbeat);
            found.messages.extend(beats.into_iter().take(1));
            found
        })
        .collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::copy(&binlog, folder().join(BINLOG)).unwrap();
        for (variant, found) in VARIANTS.iter().zip(&theirs) {
            let path = folder().join(format!("{}.jsonl", variant.name));
            fs::write(path, found.to_lines()).unwrap();
        }
    }
    let binlog = binlog.display().to_string();
    let mut reader = Reader::new(Format::Avro, Some(&registry));
    let found = reader.messages(CODED.name, &kafka.records_below(CODED.name));
    let mut their_coded = reader.as_registered(found).without_snapshot();
    for message in &mut their_coded.messages {
        message.headers.retain(|name, _| name.ends_with("key"));
    }
    let all = VARIANTS.iter().zip(theirs);
    let all = all.map(|(variant, theirs)| (variant, theirs, written(&kafka, variant, &binlog)));
    let our_coded = coded(&kafka, &registry, &binlog);
    check(all.chain([(&CODED, their_coded, our_coded)]).collect());
}

fn connector(variant: &Variant, registry: &Apicurio) -> Connector {
    let mut settings = variant.format.converters(registry);
    settings.extend([
        "provide.transaction.metadata=true".to_owned(),
        "skipped.operations=none".to_owned(),
        "heartbeat.interval.ms=300".to_owned(),
        format!("topic.heartbeat.prefix={}.heartbeat", variant.name),
    ]);
    settings.extend(variant.debezium.iter().map(|line| (*line).to_owned()));
    Connector {
        name: variant.name.to_owned(),
        settings,
    }
}
