//! The format `avro` in Debezium's layout against what Debezium wrote as JSON with schemas: apache-avro reads our bytes, and the values
//! are compared member by member.

use std::collections::BTreeMap;
use std::fs;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::Message as _;
use rdkafka::message::Headers as _;
use serde_json::{Value, json};

use super::connect::BINLOG;
use super::debezium::{VARIANTS, Variant};
use super::messages::{Comparison, Message, Messages};
use crate::avro::stub::Stub;
use crate::commands::process::Folder;
use crate::support::Kafka;

/// Reads a message under the schema whose number it begins with, to its last byte.
fn read(stub: &Stub, schemas: &mut BTreeMap<u32, Schema>, message: &[u8]) -> Value {
    assert_eq!(message[0], 0);
    let number = u32::from_be_bytes(message[1..5].try_into().unwrap());
    let schema = schemas
        .entry(number)
        .or_insert_with(|| Schema::parse_str(&stub.schema(number)).unwrap());
    as_read(schema, message)
}

/// The same under this schema.
pub fn as_read(schema: &Schema, message: &[u8]) -> Value {
    let mut datum = &message[5..];
    let reader = GenericDatumReader::builder(schema).build().unwrap();
    let value = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty(), "bytes are left");
    as_connects(value)
}

/// A value as Connect's JSON converter has it.
fn as_connects(value: Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(value) => json!(value),
        Avro::Int(value) | Avro::Date(value) | Avro::TimeMillis(value) => json!(value),
        Avro::Long(value) | Avro::TimestampMillis(value) => json!(value),
        // The shortest digits that give it back.
        Avro::Float(value) => json!(value.to_string().parse::<f64>().unwrap()),
        Avro::Double(value) => json!(value),
        Avro::String(value) => json!(value),
        Avro::Bytes(value) => json!(STANDARD.encode(value)),
        Avro::Decimal(value) => json!(STANDARD.encode(Vec::try_from(&value).unwrap())),
        Avro::Union(_, value) => as_connects(*value),
        Avro::Array(values) => values.into_iter().map(as_connects).collect(),
        Avro::Record(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name, as_connects(value)))
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

/// What rowtap makes of a workload under further lines for the sink, and of its section `debezium`.
fn written(kafka: &Kafka, workload: &str, name: &str, [more, own]: [&str; 2]) -> Messages {
    let stub = Stub::start();
    // Of letters that names of schemas keep.
    let prefix = format!("avro_{name}");
    let more = more.replace("{prefix}", &prefix);
    let folder = Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n[sink]\ntype = 'kafka'\nformat = 'avro'\n\
         bootstrap_servers = '{}'\nprefix = '{prefix}'\n{more}[sink.registry]\nurls = '{}'\n[sink.debezium]\n{own}",
        super::folder(workload).join(BINLOG).display(),
        kafka.bootstrap(),
        stub.web.url()
    ));
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let mut found = Messages::default();
    let mut schemas = BTreeMap::new();
    let mut numbers: Vec<u32> = Vec::new();
    let below = format!("{prefix}.");
    for (topic, _) in kafka.topics() {
        if topic != prefix && !topic.starts_with(&below) {
            continue;
        }
        for record in kafka.records(&topic) {
            let mut read = |message: &[u8]| read(&stub, &mut schemas, message);
            let headers = record
                .headers()
                .into_iter()
                .flat_map(|headers| headers.iter());
            let headers = headers.filter(|header| header.key.starts_with("__debezium"));
            let headers = headers.map(|header| {
                (
                    header.key.to_owned(),
                    read(header.value.unwrap()).to_string(),
                )
            });
            let number = record
                .payload()
                .map(|value| u32::from_be_bytes(value[1..5].try_into().unwrap()));
            let schema = number.map(|number| {
                let known = numbers.iter().position(|known| *known == number);
                known.unwrap_or_else(|| {
                    let schema = serde_json::from_str(&stub.schema(number)).unwrap();
                    found.schemas.push(comparable(schema));
                    numbers.push(number);
                    numbers.len() - 1
                })
            });
            found.messages.push(Message {
                topic: topic.strip_prefix(&prefix).unwrap().to_owned(),
                headers: headers.collect(),
                key: record.key().map(|key| read(key).to_string()),
                schema,
                value: record.payload().map_or(Value::Null, &mut read),
            });
        }
    }
    // The prefix is the source's name in them.
    Messages::from_lines(&found.to_lines().replace(&prefix, name))
}

/// A schema without the properties that only rowtap writes, and with each type as an object.
pub fn comparable(schema: Value) -> Value {
    match schema {
        Value::Object(mut parts) => {
            parts.remove("rowtap.name");
            // Records have a name too, and fields.
            let is_field = parts.contains_key("name") && !parts.contains_key("fields");
            let parts = parts.into_iter().map(|(name, part)| {
                let part = match (&*name, part) {
                    ("type", Value::String(kind)) if is_field => json!({ "type": kind }),
                    ("default" | "connect.default", part) => part,
                    (_, part) => comparable(part),
                };
                (name, part)
            });
            parts.collect()
        }
        Value::Array(parts) => parts.into_iter().map(comparable).collect(),
        other => other,
    }
}

/// What Debezium wrote, with the Avro schemas of its own.
fn recorded(variant: &Variant) -> Messages {
    let path = super::folder("debezium").join(format!("{}.jsonl", variant.name));
    let text = fs::read_to_string(path).expect("a recording");
    let mut found = Messages::from_lines(&text);
    let payload = |text: &String| {
        let message: Value = serde_json::from_str(text).unwrap();
        message["payload"].to_string()
    };
    for message in &mut found.messages {
        if !message.topic.is_empty() {
            // As Debezium itself names these columns with field.name.adjustment.mode=avro.
            let line = serde_json::to_string(message).unwrap();
            let line = line.replace("clé", "cl_").replace("sp ace", "sp_ace");
            *message = serde_json::from_str(&line).unwrap();
        }
        message.key = message.key.as_ref().map(payload);
        message
            .headers
            .values_mut()
            .for_each(|text| *text = payload(text));
    }
    // What `AvroData` makes of them.
    let path = super::folder("debezium").join(format!("avro/{}.jsonl", variant.name));
    let schemas = fs::read_to_string(path).expect("a recording");
    let schemas = schemas
        .lines()
        .map(|line| comparable(serde_json::from_str(line).unwrap()));
    found.schemas = schemas.collect();
    found
}

#[test]
fn messages_in_avro_say_what_debezium_wrote() {
    let kafka = Kafka::shared();
    let known = super::differences("Debezium");
    let mut comparison = Comparison::default();
    for variant in VARIANTS.iter().filter(|variant| variant.schemas) {
        let ours = written(kafka, "debezium", variant.name, ["", variant.own]);
        let (mut theirs, mut ours) = (recorded(variant), ours);
        theirs.take(|message| message.key.is_none() && message.value.is_null());
        let is_truncate = |ddl: &str| ddl.starts_with("TRUNCATE");
        ours.take(|message| message.value["ddl"].as_str().is_some_and(is_truncate));
        comparison.add(variant.name, &theirs, &ours, &known);
    }
    println!(
        "{} messages and {} members are Debezium's",
        comparison.messages, comparison.members
    );
    let wrong: Vec<_> = comparison.wrong.iter().take(40).collect();
    assert!(
        comparison.wrong.is_empty(),
        "{}: {wrong:#?}",
        comparison.wrong.len()
    );
}

#[test]
fn transactions_heartbeats_and_emptied_tables_are_told_in_avro_as_debezium_tells_them() {
    let kafka = Kafka::shared();
    let path = super::folder("metadata").join("described.jsonl");
    let mut theirs = Messages::from_lines(&fs::read_to_string(path).expect("a recording"));
    let payload = |text: &String| {
        let message: Value = serde_json::from_str(text).unwrap();
        message["payload"].to_string()
    };
    for message in &mut theirs.messages {
        message.key = message.key.as_ref().map(payload);
        for text in message.headers.values_mut() {
            *text = payload(text);
        }
    }
    let more = "transaction_topic = '{prefix}.transaction'\nheartbeat_topic = '{prefix}.heartbeat.{prefix}'\n";
    let own = "provide_transaction_metadata = true\nskipped_operations = 'none'\ncolumn_propagate_source_type = '.*'\n";
    let mut ours = written(kafka, "metadata", "described", [more, own]);
    let names: Vec<&str> = ours
        .schemas
        .iter()
        .filter_map(|schema| schema["name"].as_str())
        .collect();
    for name in ["TransactionMetadataValue", "Heartbeat"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let is_truncate = |message: &Message| message.value["op"] == "t";
    assert!(ours.messages.iter().any(is_truncate));
    // Schemas are compared where there are recordings of them.
    theirs.schemas.clear();
    ours.schemas.clear();
    super::metadata::check_one("avro", theirs, ours);
}
