//! Avro files that the program writes of a binlog, read by apache-avro.

use std::collections::BTreeMap;

use apache_avro::types::Value;

use super::binlog;
use crate::commands::process::Folder;
use crate::sinks::avro_files::{committed, rows};

fn written(format: &str) -> Folder {
    let folder = Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{}']\nstart = 'earliest'\n[sink]\ntype = 'file'\n\
         folder = '{{dir}}/changes'\n{format}\n",
        binlog().display()
    ));
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    folder
}

fn text(fields: &[(String, Value)], name: &str) -> String {
    let (_, value) = fields.iter().find(|(field, _)| field == name).unwrap();
    match value {
        Value::String(text) => text.clone(),
        Value::Union(_, inner) => match &**inner {
            Value::String(text) => text.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn inner<'a>(fields: &'a [(String, Value)], name: &str) -> &'a [(String, Value)] {
    let (_, value) = fields.iter().find(|(field, _)| field == name).unwrap();
    match value {
        Value::Record(fields) => fields,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_change_and_statement_is_in_the_files_of_its_table_in_its_order() {
    let lines = written("");
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in lines.changes() {
        let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let table = word(&change["source"]["table"]);
        expected.entry(table).or_default().push(word(&change["op"]));
    }
    let statements: Vec<String> = lines
        .ddl()
        .iter()
        .map(|line| line["ddl"].as_str().unwrap().to_owned())
        .collect();
    for layout in ["debezium", "plain"] {
        let folder = written(&format!(
            "format = 'avro'\n[sink.avro]\nlayout = '{layout}'\ntimes = 'text'"
        ));
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut told: Vec<String> = Vec::new();
        for (name, bytes) in committed(&folder.path("changes")) {
            for row in rows(&bytes) {
                if name.starts_with("ddl-") {
                    told.push(text(&row, "ddl"));
                    continue;
                }
                let of_file = name.trim_start_matches("changes.peers.");
                let (of_file, _) = of_file.rsplit_once('-').unwrap();
                let (table, op) = match layout {
                    "debezium" => (text(inner(&row, "source"), "table"), text(&row, "op")),
                    _plain => (of_file.to_owned(), text(&row, "__op")),
                };
                if table
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                {
                    assert_eq!(table, of_file);
                }
                found.entry(table).or_default().push(op);
            }
        }
        let named = |all: &BTreeMap<String, Vec<String>>| -> Vec<Vec<String>> {
            let mut ops: Vec<_> = all.values().cloned().collect();
            ops.sort();
            ops
        };
        match layout {
            "debezium" => assert_eq!(found, expected),
            _plain => assert_eq!(named(&found), named(&expected)),
        }
        told.dedup();
        assert_eq!(told, statements);
    }
}

#[test]
fn compressed_blocks_hold_the_same_records() {
    let records = |codec: &str| {
        let folder = written(&format!(
            "format = 'avro'\n[sink.avro]\nlayout = 'plain'\ntimes = 'text'\ncodec = '{codec}'"
        ));
        let files = committed(&folder.path("changes"));
        let of_codec = format!(
            "avro.codec{}{codec}",
            char::from(u8::try_from(codec.len() * 2).unwrap())
        );
        let mut size = 0;
        // Statements say when they were received.
        let tables = files.iter().filter(|(name, _)| !name.starts_with("ddl-"));
        let rows = tables.map(|(name, bytes)| {
            let head = String::from_utf8_lossy(bytes);
            assert!(head.contains(&of_codec), "{name}");
            size += bytes.len();
            (name.clone(), rows(bytes))
        });
        (rows.collect::<Vec<_>>(), size)
    };
    let (plain, whole) = records("null");
    assert!(plain.len() > 10, "{}", plain.len());
    for codec in ["deflate", "zstandard"] {
        let (found, size) = records(codec);
        assert_eq!(found, plain, "{codec}");
        assert!(size < whole, "{codec}: {size} of {whole}");
    }
}
