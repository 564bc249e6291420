//! CloudEvents around the messages of other formats: the attributes that the specification asks for, and the messages unchanged.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde_json::Value;

use super::folder;
use super::schema::Schema;
use crate::commands::process::Folder;
use crate::support::Kafka;

fn records(kafka: &Kafka, format: &str, mode: &str) -> Vec<OwnedMessage> {
    let prefix = format!("events {format} {mode}").replace(' ', "-");
    let events = match mode {
        "plain" => String::new(),
        mode => format!("cloudevents = '{mode}'\n"),
    };
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n\
         [filter]\nreplicate-do-db = ['peers', 'another']\n\
         [sink]\ntype = 'kafka'\nformat = '{format}'\n{events}bootstrap_servers = '{}'\nprefix = '{prefix}'\n\
         topic = '{{prefix}}.all'\nshared_topic = 'merged'\nddl_topic = '{prefix}.ddl'\ntombstones = true\nheaders = 'none'\n",
        folder("canal").join("binlog.000003").display(),
        kafka.bootstrap(),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let mut all = kafka.records(&format!("{prefix}.all"));
    all.extend(kafka.records(&format!("{prefix}.ddl")));
    all
}

fn value(record: &OwnedMessage) -> Option<Value> {
    let mut value = serde_json::from_slice(record.payload()?).expect("JSON");
    without_time(&mut value);
    Some(value)
}

/// Takes out when rowtap received it.
fn without_time(value: &mut Value) {
    if value.get("isDdl").is_some() {
        value["ts"] = Value::Null;
    }
}

fn headers(record: &OwnedMessage) -> BTreeMap<String, String> {
    let headers = record
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    let pairs = headers.map(|header| {
        let value = header.value.unwrap_or_default().to_vec();
        (
            header.key.to_owned(),
            String::from_utf8(value).expect("text"),
        )
    });
    pairs.collect()
}

#[test]
fn events_have_their_attributes_and_the_messages_of_the_format() {
    let kafka = Kafka::shared();
    let schema = Schema::of("cloudevents");
    for format in ["maxwell", "canal"] {
        let plain = records(kafka, format, "plain");
        let structured = records(kafka, format, "structured");
        let binary = records(kafka, format, "binary");
        assert_eq!((plain.len(), plain.len()), (structured.len(), binary.len()));
        let mut names = BTreeSet::new();
        for ((plain, structured), binary) in plain.iter().zip(&structured).zip(&binary) {
            assert_eq!((plain.key(), plain.key()), (structured.key(), binary.key()));
            assert_eq!(value(plain), value(binary));
            let Some(mut event) = value(structured) else {
                assert_eq!(plain.payload(), None, "a tombstone");
                assert_eq!(headers(binary).len() + headers(structured).len(), 0);
                continue;
            };
            schema.check(&event);
            let content = "application/cloudevents+json; charset=UTF-8";
            assert_eq!(headers(structured)["content-type"], content);
            without_time(&mut event["data"]);
            assert_eq!(Some(event["data"].take()), value(plain));
            names.insert(format!("{} {}", event["source"], event["id"]));
            let attributes = headers(binary);
            assert_eq!(attributes["content-type"], "application/json");
            for name in ["specversion", "id", "type", "time"] {
                assert_eq!(event[name], attributes[&format!("ce_{name}")], "{name}");
            }
            let is_row = event["type"] != "dev.rowtap.statement";
            assert_eq!(is_row, attributes.contains_key("ce_subject"));
            let subject = attributes.get("ce_subject");
            assert!(subject.is_none_or(|subject| event["subject"] == **subject));
            let source = format!("/rowtap/events-{format}-binary");
            assert_eq!(attributes["ce_source"], source);
        }
        let values = plain.iter().filter(|record| record.payload().is_some());
        assert_eq!(names.len(), values.count(), "no two have the same name");
    }
}

#[test]
fn lines_are_structured_events() {
    let binlog = folder("canal").join("binlog.000003");
    let folder = Folder::new("");
    let path = binlog.display().to_string();
    let events = folder.succeeds(&["decode", "--cloudevents", "--format=canal", &path]);
    let schema = Schema::of("cloudevents");
    let mut types = BTreeSet::new();
    for line in events.stdout.lines() {
        let event: Value = serde_json::from_str(line).expect(line);
        schema.check(&event);
        types.insert(event["type"].as_str().expect("a type").to_owned());
    }
    let expected = ["row.created", "row.deleted", "row.updated", "statement"];
    assert!(
        types
            .into_iter()
            .eq(expected.map(|name| format!("dev.rowtap.{name}")))
    );
}

#[test]
fn binary_events_are_refused_where_there_are_no_headers() {
    let connector = "[source]\nhost = 'h'\nuser = 'u'\nserver_id = 7\n[sink]\ntype = 'file'\nfolder = 'out'\ncloudevents = 'binary'\n";
    let ended = Folder::new(connector).run(&["validate", "shop.toml"]);
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    let expected = "puts attributes into headers, and lines have none, set it to structured";
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains(expected), "{said}");
}
