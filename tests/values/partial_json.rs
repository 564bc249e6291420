//! Partial updates of JSON: the document that comes out, and the changes where there is none, against the server's own.

use mysql::prelude::Queryable;

use super::cases::Random;
use super::{Bench, Shown, id, is_full};
use crate::support::Flavour;

const BASE: &str = r#"{"a": 1, "b": [1, [2, 3], {"c": "x"}], "key with \"quotes\"": {"deep": {"er": [0]}}, "é": true, "pad": "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "list": [10, 20, 30, 40]}"#;

/// A random change of `column`.
fn change(column: &str, random: &mut Random) -> String {
    let paths = [
        "$.a",
        "$.b[0]",
        "$.b[1][1]",
        "$.b[2].c",
        r#"$."key with \\"quotes\\"".deep"#,
        r#"$."key with \\"quotes\\"".deep.er[0]"#,
        "$.é",
        "$.list[last]",
        "$.list[1]",
        "$.new",
        "$.list[9]",
        "$.b[2].added",
        "$.zz.not_there",
    ];
    let values = [
        "1".to_owned(),
        "-70000".to_owned(),
        "18446744073709551615".to_owned(),
        "'short'".to_owned(),
        format!("'{}'", random.digits(150)),
        "NULL".to_owned(),
        "CAST(1.50 AS DECIMAL(9,2))".to_owned(),
        "TIMESTAMP'2020-01-02 03:04:05.5'".to_owned(),
        "CAST('[1, {\"k\": [null, true]}]' AS JSON)".to_owned(),
        "1e100".to_owned(),
        "CAST(x'c0ffee' AS BINARY)".to_owned(),
    ];
    let mut pick = || paths[random.below(paths.len())];
    let (first, second) = (pick(), pick());
    let value = &values[random.below(values.len())];
    match random.below(5) {
        0 => format!("JSON_SET({column}, '{first}', {value})"),
        1 => format!("JSON_REPLACE({column}, '{first}', {value}, '{second}', 7)"),
        2 => format!("JSON_REMOVE({column}, '{first}')"),
        3 => format!("JSON_SET(JSON_REMOVE({column}, '{second}'), '{first}', {value})"),
        _ => format!("JSON_SET({column}, '{first}', {value}, '{second}', {value})"),
    }
}

/// What the server makes of a document and the changes that a record holds.
fn replay(bench: &mut Bench, document: &str, changes: &str) -> String {
    let changes: Vec<serde_json::Value> = serde_json::from_str(changes).expect("an array");
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut expression = format!("CAST({} AS JSON)", quoted(document));
    for change in &changes {
        let path = change["path"].as_str().expect("a path");
        let value = format!("CAST({} AS JSON)", quoted(&change["value"].to_string()));
        let path_text = quoted(path);
        expression = match change["op"].as_str().expect("an operation") {
            "replace" => format!("JSON_REPLACE({expression}, {path_text}, {value})"),
            "insert" if path.ends_with(']') => {
                format!("JSON_ARRAY_INSERT({expression}, {path_text}, {value})")
            }
            "insert" => format!("JSON_INSERT({expression}, {path_text}, {value})"),
            "remove" => format!("JSON_REMOVE({expression}, {path_text})"),
            other => panic!("operation {other}"),
        };
    }
    let text: Option<String> = bench
        .session
        .query_first(format!(
            "SELECT CAST({expression} AS CHAR CHARACTER SET utf8mb4)"
        ))
        .expect("a document");
    text.expect("a document")
}

/// Holds the changes of a document that a record does not hold against the documents before and after.
fn check_changes(
    bench: &mut Bench,
    name: &str,
    changes: &str,
    before: &[Option<String>],
    after: &[Option<String>],
) {
    let index = if name == "x" { 0 } else { 2 };
    let document = |row: &[Option<String>]| row[index].clone().expect("a document");
    let replayed = replay(bench, &document(before), changes);
    // Dates, decimals and bytes come back from text as strings and doubles.
    let plain = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!(plain(&replayed), plain(&document(after)), "{changes}");
}

fn partial_updates(flavour: Flavour) {
    let (rows, rounds) = if is_full() { (60, 12) } else { (20, 4) };
    let mut bench = Bench::start(flavour);
    let column =
        |name: &str, definition: &str, shown| (name.to_owned(), definition.to_owned(), shown);
    bench.create(
        "docs",
        &[
            column("x", "JSON", Shown::Json),
            column("t", "LONGTEXT", Shown::Text),
            column("y", "JSON", Shown::Json),
            column("n", "INT", Shown::Number),
        ],
    );
    let random = &mut Random(0x39);
    let base = format!("'{}'", BASE.replace('\\', "\\\\"));
    let inserted: Vec<_> = (0..rows)
        .map(|row| {
            vec![
                base.clone(),
                "'text'".to_owned(),
                base.clone(),
                row.to_string(),
            ]
        })
        .collect();
    bench.insert("docs", &inserted);
    bench.changes();
    bench.run("SET SESSION binlog_row_value_options = PARTIAL_JSON");
    let (mut merged, mut shown) = (0, 0);
    for image in ["FULL", "NOBLOB", "MINIMAL"] {
        bench.run(&format!("SET SESSION binlog_row_image = {image}"));
        for _ in 0..rounds {
            let before = bench.select("docs");
            for row in 1..=rows {
                let (x, y) = (change("x", random), change("y", random));
                bench.run(&format!(
                    "UPDATE docs SET n = n + 1, x = {x}, y = {y} WHERE id = {row}"
                ));
            }
            let after = bench.select("docs");
            for change in bench.changes() {
                let old = change.before.as_ref().expect("an update");
                let key = id(old).to_string();
                let new = change.after.as_ref().expect("an update");
                bench.compare("docs", old, &before[&key]);
                bench.compare("docs", new, &after[&key]);
                merged += usize::from(image == "FULL" && new.contains_key("x"));
                assert!(change.json_changes.is_empty() || image != "FULL");
                for (name, changes) in &change.json_changes {
                    assert!(!new.contains_key(name));
                    check_changes(&mut bench, name, changes, &before[&key], &after[&key]);
                    shown += 1;
                }
            }
        }
    }
    assert!(
        merged >= rows && shown >= rows,
        "{merged} merged, {shown} shown"
    );
    println!(
        "{flavour:?}, partial JSON: {} cells equal to the server's, {merged} rows merged, {shown} documents' changes replayed",
        bench.cells
    );
}

#[test]
fn partial_updates_of_mysql_9_give_whole_documents() {
    partial_updates(Flavour::MySql97);
}

#[test]
fn partial_updates_of_mysql_8_give_whole_documents() {
    partial_updates(Flavour::MySql80);
}
