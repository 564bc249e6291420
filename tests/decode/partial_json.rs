//! SQL of JSON documents that were changed in parts, given to a real server and compared with what it held.

use super::script::{redo_in_copy, undo};
use super::{fails, listing};
use crate::support::{Flavour, Server};

const TABLES: [&str; 2] = ["keyed", "bare"];
const DOCUMENT: &str = r#"{"a": 1, "b": [1, [2, 3], {"c": "x"}], "it''s \\"quoted\\"": {"deep": [0]}, "é": true, "pad": "01234567890123456789012345678901234567890123456789012345678901234567890123456789", "list": [10, 20, 30, 40]}"#;

/// Each changes documents so that the server logs what changed and not the whole.
const CHANGES: [&str; 14] = [
    "JSON_SET(doc, '$.a', 2)",
    "JSON_REPLACE(doc, '$.b[1][0]', 'it''s \\\\ \\\"text\\\"', '$.list[3]', NULL)",
    "JSON_REMOVE(doc, '$.b[0]')",
    "JSON_REMOVE(doc, '$.\"it''s \\\\\"quoted\\\\\"\".deep')",
    "JSON_SET(doc, '$.\"it''s \\\\\"quoted\\\\\"\".new', CAST('[1, {\"k\": [null, true]}]' AS JSON))",
    "JSON_SET(doc, '$.é', 'ü')",
    "JSON_SET(doc, '$.list[1]', -70000, '$.list[2]', 18446744073709551615)",
    "JSON_SET(doc, '$.a', 1e100)",
    "JSON_SET(doc, '$.a', CAST(1.50 AS DECIMAL(9,2)))",
    "JSON_SET(doc, '$.a', TIMESTAMP'2020-01-02 03:04:05.5')",
    "JSON_SET(doc, '$.a', DATE'2020-01-02', '$.added', TIME'-12:34:56')",
    "JSON_SET(doc, '$.a', CAST(x'c0ffee' AS BINARY))",
    "JSON_REMOVE(JSON_SET(doc, '$.a', 'end'), '$.list[0]')",
    "JSON_SET(doc, '$.other', JSON_OBJECT('x', JSON_ARRAY()))",
];

fn server(image: &str) -> Server {
    let server = Server::start(
        Flavour::MySql97,
        &[
            "--binlog-row-metadata=FULL",
            "--binlog-row-value-options=PARTIAL_JSON",
            &format!("--binlog-row-image={image}"),
        ],
    );
    let count = CHANGES.len();
    for database in ["shop", "copy"] {
        server.client(
            &["--default-character-set=utf8mb4"],
            &format!(
                "CREATE DATABASE {database} CHARACTER SET utf8mb4; USE {database};
                 CREATE TABLE keyed (id INT PRIMARY KEY, doc JSON, second JSON);
                 CREATE TABLE bare (id INT, doc JSON, second JSON);
                 INSERT INTO keyed WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {count})
                     SELECT i, '{DOCUMENT}', NULL FROM n;
                 UPDATE keyed SET second = JSON_SET(doc, '$.a', 2.50, '$.b[1]', TIMESTAMP'2001-02-03 04:05:06.78',
                     '$.\"it''s \\\\\"quoted\\\\\"\"', TIME'23:59:59', '$.\u{e9}', DATE'1999-12-31') WHERE id % 2;
                 INSERT INTO keyed VALUES (100, NULL, '[]'), (101, CAST(0.10 AS JSON), CAST(DATE'2020-02-02' AS JSON));
                 INSERT INTO bare SELECT * FROM keyed;"
            ),
        );
    }
    server.execute("FLUSH BINARY LOGS");
    server
}

/// All rows, as the server shows them, with the types of what is in the documents; bytes are strings in SQL.
fn content(server: &Server, database: &str) -> Vec<Vec<Option<String>>> {
    let kind = |expression: &str| {
        format!("IF(JSON_TYPE({expression}) = 'BLOB', 'STRING', JSON_TYPE({expression}))")
    };
    let kinds = [
        "doc",
        "second",
        "doc->'$.a'",
        "second->'$.a'",
        "second->'$.b[1]'",
        "doc->'$.added'",
        "doc->'$.list[1]'",
    ]
    .map(kind)
    .join(", ");
    let of = |table: &&str| {
        server.query_text(&format!(
            "SELECT id, CAST(doc AS CHAR), CAST(second AS CHAR), {kinds} FROM {database}.{table} ORDER BY id"
        ))
    };
    TABLES.iter().flat_map(of).collect()
}

/// Makes the changes, each of a row of its own and some of another again, and returns the file that holds them.
fn change(server: &Server, tables: &[&str]) -> String {
    let (file, _) = server.coordinates();
    let mut sql = String::from("USE shop; ");
    for table in tables {
        for (number, change) in CHANGES.iter().enumerate() {
            let (id, next) = (number + 1, number + 2);
            let second = change.replace("doc", "second");
            sql.push_str(&format!(
                "UPDATE {table} SET doc = {change} WHERE id = {id};\n\
                 UPDATE {table} SET second = {second}, doc = {change} WHERE id = {next} AND id % 3 = 0;\n\
                 UPDATE {table} SET second = {second} WHERE id = {id};\n"
            ));
        }
        sql.push_str(&format!(
            "UPDATE {table} SET doc = '7' WHERE id = 100; UPDATE {table} SET doc = second, second = doc WHERE id = 101;\n\
             INSERT INTO {table} SELECT id + 200, doc, second FROM {table} WHERE id < 5; DELETE FROM {table} WHERE id = 13;\n"
        ));
    }
    server.client(&["--default-character-set=utf8mb4"], &sql);
    server.execute("FLUSH BINARY LOGS");
    let path = server.binlog_path(&file).display().to_string();
    let listing = listing(server.flavour(), &[&path]);
    let partial = listing.matches("Update_rows_partial").count();
    assert!(partial > CHANGES.len(), "{partial} events hold parts");
    path
}

#[test]
fn documents_changed_in_parts_are_redone_and_undone() {
    let server = server("FULL");
    let former = content(&server, "shop");
    assert_eq!(content(&server, "copy"), former);
    let path = change(&server, &TABLES);
    let latter = content(&server, "shop");
    assert_ne!(latter, former);
    redo_in_copy(&server, &path);
    assert_eq!(content(&server, "copy"), latter, "the copy followed");
    undo(&server, &path);
    assert_eq!(content(&server, "shop"), former, "the original went back");
}

#[test]
fn changes_of_documents_that_the_binlog_does_not_hold_are_redone_as_such_and_not_undone() {
    let server = server("MINIMAL");
    let path = change(&server, &["keyed"]);
    let redo = redo_in_copy(&server, &path);
    assert!(redo.contains("JSON_REPLACE("), "{redo}");
    assert_eq!(content(&server, "copy"), content(&server, "shop"));
    fails(
        &["--flashback", "--database=shop", &path],
        65,
        &["cannot be undone", "binlog_row_image=FULL"],
    );
    times_that_an_image_lacks_stay(&server);
}

fn times_that_an_image_lacks_stay(server: &Server) {
    server.execute(
        "CREATE TABLE shop.clock (id INT PRIMARY KEY, v INT, at DATETIME(6) ON UPDATE CURRENT_TIMESTAMP(6)); \
         INSERT INTO shop.clock VALUES (1, 1, '2001-02-03'); CREATE TABLE copy.clock LIKE shop.clock; \
         INSERT INTO copy.clock SELECT * FROM shop.clock; FLUSH BINARY LOGS",
    );
    let (file, _) = server.coordinates();
    server.execute("UPDATE shop.clock SET v = 2, at = at; FLUSH BINARY LOGS");
    redo_in_copy(server, &server.binlog_path(&file).display().to_string());
    let copied = server.query_one("SELECT CONCAT(v, ' ', at) FROM copy.clock");
    assert_eq!(copied.as_deref(), Some("2 2001-02-03 00:00:00.000000"));
}
