//! The messages that Debezium's `ExtractNewRecordState` made of those that Debezium wrote of its workload, under two settings.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::messages::{Comparison, Messages};
use super::schema::Schema;
use super::{differences, folder, is_full};
use crate::commands::process::Folder;
use crate::support::{Kafka, cache};

/// The settings of `plain.txt` and `rewrite.txt`, and those of the transformation: whether there are schemas, and others.
const VARIANTS: [(&str, &str, &[&str]); 2] = [
    (
        "plain",
        "add_fields = 'op,db,table,ts_ms,source.ts_ms,ts_us:moment,file,pos,row,thread,connector,snapshot,source.server_id:sid,gtid,name'",
        &[
            "false",
            "add.fields=op,db,table,ts_ms,source.ts_ms,ts_us:moment,file,pos,row,thread,connector,snapshot,source.server_id:sid,gtid,name",
        ],
    ),
    (
        "rewrite",
        "schemas_enable = true\nadd_fields = 'op,source.ts_us,source.ts_ns'\ndelete_tombstone_handling_mode = 'rewrite'",
        &[
            "true",
            "add.fields=op,source.ts_us,source.ts_ns",
            "delete.tombstone.handling.mode=rewrite",
        ],
    ),
];

fn recorded(name: &str) -> Messages {
    let text = fs::read_to_string(folder("flat").join(format!("{name}.txt")));
    let mut messages = Messages::default();
    for line in text.expect("a recording").lines() {
        let mut parts = line.split('\t');
        let [topic, key, value] = [(); 3].map(|()| parts.next().expect("three parts"));
        let value = match value {
            "" => Value::Null,
            value => serde_json::from_str(value).expect(value),
        };
        let key = (!key.is_empty()).then(|| key.to_owned());
        messages.push(topic, key, BTreeMap::new(), value);
    }
    messages
}

fn written(kafka: &Kafka, name: &str, settings: &str) -> Messages {
    let binlog = folder("debezium").join("binlog.000003");
    let prefix = format!("own-flat-{name}");
    // Where only tombstones tell deletes, those of a table without a key stop the connector.
    let left_out = match name {
        "plain" => "[filter]\nreplicate-ignore-table = ['peers.loose']\n",
        _rows_tell => "",
    };
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n{left_out}\
         [sink]\ntype = 'kafka'\nformat = 'flat'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n[sink.flat]\n{settings}\n",
        binlog.display(),
        kafka.bootstrap(),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let mut found = Messages::read(kafka, &prefix);
    found.take(|message| message.topic.is_empty());
    found.check(&Schema::of("flat"));
    for message in &mut found.messages {
        message.headers.clear();
    }
    // The names of schemas hold the prefix.
    Messages::from_lines(&found.to_lines().replace(&prefix, "schemas"))
}

#[test]
fn rows_are_those_that_the_transformation_made() {
    let kafka = Kafka::shared();
    let known = differences("Flat");
    let mut comparison = Comparison::default();
    for (name, settings, _) in VARIANTS {
        let mut theirs = recorded(name);
        let ours = written(kafka, name, settings);
        if name == "plain" {
            let deletes = theirs.take(|message| message.key.is_none() && message.value.is_null());
            assert!(!deletes.is_empty(), "deletes that tell nothing");
            theirs.take(|message| message.topic == ".peers.loose");
        }
        comparison.add(name, &theirs, &ours, &known);
    }
    comparison.finish(&known, "Debezium");
}

#[test]
fn a_delete_that_no_tombstone_can_tell_stops_the_connector() {
    let kafka = Kafka::shared();
    let binlog = folder("debezium").join("binlog.000003");
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n\
         [sink]\ntype = 'kafka'\nformat = 'flat'\nbootstrap_servers = '{}'\nprefix = 'own-flat-stop'\n",
        binlog.display(),
        kafka.bootstrap(),
    );
    let ended = Folder::new(&connector).run(&["run", "--once", "--http", "off", "shop.toml"]);
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    let expected = "peers.loose in the DELETE_ROWS event at binlog.000003:";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    let fix = "set delete_tombstone_handling_mode = \"rewrite\", or key_columns for the table";
    assert!(ended.stderr.contains(fix), "{}", ended.stderr);
}

#[test]
fn a_date_that_it_cannot_hold_is_told_with_the_formats_name() {
    let binlog = folder("debezium").join("binlog.000003");
    let binlog = binlog.display().to_string();
    let modes = "--debezium=zero_dates=fail";
    let ended = Folder::new("").run(&["decode", "--format=flat", modes, &binlog]);
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    let expected = "by the formats debezium and flat";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}

#[test]
fn the_transformation_itself_makes_the_same() {
    if !is_full() {
        return;
    }
    for (name, _, settings) in VARIANTS {
        let made = Command::new(cache().join("debezium-3.6/bin/connect"))
            .arg(folder("flat").join("Record.java"))
            .arg(folder("debezium").join("schemas.jsonl"))
            .args(settings)
            .output()
            .expect("scripts/servers debezium-3.6 brings it");
        assert!(made.status.success(), "{:?}", made.status);
        let made = String::from_utf8(made.stdout).expect("text");
        let path = folder("flat").join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &made).expect("it is written");
        }
        assert!(
            made == fs::read_to_string(path).expect("a recording"),
            "{name}"
        );
    }
}
