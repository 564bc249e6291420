//! Maxwell's messages under its defaults and under all its settings, as Maxwell 1.22.6 wrote them of a workload on MySQL 5.7.
//!
//! `com.zendesk:maxwell:1.22.6` of Maven Central recorded them, with kafka-clients 2.8.2 in place of its own and an empty class
//! `jdk.nashorn.api.scripting.ScriptObjectMirror`, from a server with GTIDs, `log_slave_updates` and `binlog_rows_query_log_events`:
//! once with its defaults, once with `gtid_mode`, `output_ddl` and the settings below. A line is a record's key, a tab and its value.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::messages::{Comparison, Message, Messages};
use super::schema::Schema;
use super::{differences, folder};
use crate::commands::process::Folder;
use crate::support::Kafka;

/// The settings of `full.txt`.
const FULL: &str = "kafka_key_format = 'array'\noutput_binlog_position = true\noutput_gtid_position = true\n\
                    output_server_id = true\noutput_thread_id = true\noutput_schema_id = true\noutput_row_query = true\n\
                    output_primary_keys = true\noutput_primary_key_columns = true\noutput_null_zerodates = true\n";

fn recorded(name: &str) -> Vec<(Option<String>, String)> {
    let path = folder("maxwell").join(name);
    let text = fs::read_to_string(path).expect("a recording");
    let lines = text.lines().map(|line| {
        let (key, value) = line.split_once('\t').expect("a key");
        // Those of rows without a key are random, or the same for all of a table.
        let is_of_row =
            !key.contains("\"_uuid\"") && !key.ends_with(",[]]") && !name.starts_with("ddl");
        (is_of_row.then(|| key.to_owned()), value.to_owned())
    });
    lines.collect()
}

/// What rowtap makes of the workload, rows and DDL messages.
fn written(kafka: &Kafka, name: &str, settings: &str) -> [Vec<(Option<String>, String)>; 2] {
    let binlog = folder("maxwell").join("binlog.000002");
    let prefix = format!("own-maxwell-{name}");
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n\
         [filter]\nreplicate-do-db = ['peers', 'another']\n\
         [sink]\ntype = 'kafka'\nformat = 'maxwell'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n\
         topic = '{{prefix}}.rows'\nshared_topic = 'qualified'\nddl_topic = '{prefix}.ddl'\n[sink.maxwell]\n{settings}",
        binlog.display(),
        kafka.bootstrap(),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    ["rows", "ddl"].map(|topic| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let records = kafka.records(&format!("{prefix}.{topic}"));
        let both = records.iter().map(|record| {
            let value = rdkafka::Message::payload(record).expect("no tombstones");
            (rdkafka::Message::key(record).map(text), text(value))
        });
        both.collect()
    })
}

/// As messages of a topic a table.
fn messages(lines: &[(Option<String>, String)], kind: &str) -> Messages {
    let mut messages = Messages::default();
    for (key, value) in lines {
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

#[test]
fn messages_are_those_that_maxwell_wrote() {
    let kafka = Kafka::shared();
    let schema = Schema::of("maxwell");
    let known = differences("Maxwell");
    let mut comparison = Comparison::default();
    for (name, settings) in [("plain", ""), ("full", FULL)] {
        let [rows, ddl] = written(kafka, name, settings);
        for (_, message) in rows.iter().chain(&ddl) {
            schema.check(&serde_json::from_str(message).unwrap());
        }
        let theirs = recorded(&format!("{name}.txt"));
        let order = |lines: &[(Option<String>, String)]| -> Vec<Option<String>> {
            lines.iter().map(|(key, _)| key.clone()).collect()
        };
        assert_eq!(order(&rows), order(&theirs), "keys, in order");
        let exact = theirs.iter().zip(&rows).filter(|((_, their), (_, our))| {
            let (their, our) = (digits(their), digits(our));
            their.is_some_and(|their| !their.contains('E')) && their == our
        });
        assert!(exact.count() >= 5, "no digit of a DECIMAL is lost");
        let (theirs, ours) = (messages(&theirs, "rows"), messages(&rows, "rows"));
        comparison.add(name, &theirs, &ours, &known);
        if name == "full" {
            let is_truncate = |message: &Message| message.value["type"] == "table-truncate";
            let mut ours = messages(&ddl, "ddl");
            assert_eq!(ours.take(is_truncate).len(), 1, "what Maxwell leaves out");
            comparison.add(name, &messages(&recorded("ddl.txt"), "ddl"), &ours, &known);
        }
    }
    comparison.finish(&known, "Maxwell");
}
