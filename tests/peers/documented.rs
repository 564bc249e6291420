//! `schemas/types.md`: what becomes of values in each of the formats of peers.

use std::fs;

use mysql::prelude::Queryable as _;
use serde_json::Value;

use crate::commands::process::Folder;
use crate::support::{Flavour, Server};

/// A row of the table: the column's definition, its value in SQL, and JSON in each format.
struct Row {
    definition: String,
    value: String,
    json: [Value; 3],
}

/// Formats by the columns of the table: the arguments of `rowtap decode`, and where a line has the row.
const FORMATS: [(&[&str], &str); 3] = [
    (
        &["--format=debezium", "--debezium=schemas_enable=false"],
        "/after",
    ),
    (&["--format=maxwell"], "/data"),
    (&["--format=canal"], "/data/0"),
];

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/types.md");
    let document = fs::read_to_string(path).expect("the document");
    let section = document.split_once("\n## In the formats of peers\n");
    let section = section.expect("a section").1.split("\n## ").next();
    let rows = section.unwrap_or_default().lines().filter_map(|line| {
        let cells: Vec<&str> = line
            .split(" | ")
            .map(|cell| cell.trim_matches([' ', '|']))
            .collect();
        let [definition, value, json @ .., _note] = &cells[..] else {
            return None;
        };
        let code = |cell: &str| {
            let code = cell.strip_prefix('`')?.strip_suffix('`')?;
            Some(code.to_owned())
        };
        let parsed = |cell: &str| serde_json::from_str(&code(cell)?).ok();
        let [debezium, maxwell, canal] = json else {
            return None;
        };
        Some(Row {
            definition: code(definition)?,
            value: code(value)?,
            json: [parsed(debezium)?, parsed(maxwell)?, parsed(canal)?],
        })
    });
    rows.collect()
}

#[test]
fn values_are_written_in_each_format_as_documented() {
    let rows = rows();
    assert!(rows.len() >= 19, "{} rows are read", rows.len());
    let server = Server::start(Flavour::MySql97, &[]);
    let binlog = server.coordinates().0;
    let mut conn = server.connect();
    let columns = rows.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(number, row)| format!("c{number} {}", row.definition))
        .collect();
    let values: Vec<&str> = rows.iter().map(|row| &*row.value).collect();
    for statement in [
        "SET sql_mode = '', time_zone = '+00:00'".to_owned(),
        "CREATE DATABASE shown CHARACTER SET utf8mb4".to_owned(),
        format!("CREATE TABLE shown.t ({})", columns.join(", ")),
        format!("INSERT INTO shown.t VALUES ({})", values.join(", ")),
    ] {
        conn.query_drop(&statement).expect(&statement);
    }
    server.execute("FLUSH BINARY LOGS");
    let binlog = server.binlog_path(&binlog).display().to_string();
    let folder = Folder::new("");
    for (number, (arguments, place)) in FORMATS.iter().enumerate() {
        let arguments = [&["decode"], *arguments, &["--database=shown", &binlog]].concat();
        let lines = folder.succeeds(&arguments).stdout;
        let line = lines.lines().last().expect("a row");
        let line: Value = serde_json::from_str(line).expect(line);
        let found = line.pointer(place).expect("a row");
        for (column, row) in rows.iter().enumerate() {
            let value = &found[format!("c{column}")];
            let Row {
                definition,
                value: sql,
                json,
            } = row;
            assert_eq!(*value, json[number], "{definition} {sql} {arguments:?}");
        }
    }
}
