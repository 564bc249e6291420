//! Documents that are changed in parts: how, and whether the changes that a record holds make of the document before what
//! the server made of it.

use mysql::prelude::Queryable;

use super::Bench;
use super::cases::Random;

/// What each document is at first.
pub const BASE: &str = r#"{"a": 1, "b": [1, [2, 3], {"c": "x"}], "key with \"quotes\"": {"deep": {"er": [0]}}, "é": true, "pad": "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "list": [10, 20, 30, 40]}"#;

/// A random change of `column`.
pub fn change(column: &str, random: &mut Random) -> String {
    let paths = [
        "$.a",
        "$.b[0]",
        "$.b[1][1]",
        "$.b[2].c",
        r#"$."key with \\"quotes\\"".deep"#,
        r#"$."key with \\"quotes\\"".deep.er[0]"#,
        "$.é",
        "$.list[3]",
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

/// Holds the changes of a document to the documents before and after.
pub fn check(bench: &mut Bench, changes: &str, before: &str, after: &str) {
    let replayed = replay(bench, before, changes);
    // Dates, decimals and bytes come back from text as strings and doubles.
    let plain = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!(plain(&replayed), plain(after), "{changes}");
}
