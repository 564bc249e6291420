//! Canal's flat messages, as Canal 1.1.7 wrote them of the workload of Maxwell on MySQL 5.7, each table as it was at the time.
//!
//! `Record.java` recorded them, with `canal.server`, `canal.instance.manager` and `connector.core` 1.1.7 of Maven Central, while each
//! statement waited 0.3 s for the one before: Canal asks the server how tables are defined when it reads their rows.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::messages::{Comparison, Messages};
use super::schema::Schema;
use super::{differences, folder};
use crate::commands::process::Folder;
use crate::support::Kafka;

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

#[test]
fn messages_are_those_that_canal_wrote() {
    let text = fs::read_to_string(folder("canal").join("messages.jsonl")).expect("a recording");
    let theirs = messages(
        text.lines()
            .map(|line| serde_json::from_str(line).expect(line)),
    );
    let kafka = Kafka::shared();
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n\
         [sink]\ntype = 'kafka'\nformat = 'canal'\nbootstrap_servers = '{}'\nprefix = 'own-canal'\n\
         topic = '{{prefix}}.all'\nshared_topic = 'merged'\nddl_topic = 'own-canal.ddl'\n",
        folder("canal").join("binlog.000003").display(),
        kafka.bootstrap(),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let schema = Schema::of("canal");
    let mut records = kafka.records("own-canal.all");
    records.extend(kafka.records("own-canal.ddl"));
    let mut ours = messages(records.iter().map(|record| {
        assert_eq!(
            rdkafka::Message::key(record),
            None,
            "Canal's records have no key"
        );
        let bytes = rdkafka::Message::payload(record).expect("no tombstones");
        let value = serde_json::from_slice(bytes).expect("JSON");
        schema.check(&value);
        value
    }));
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
