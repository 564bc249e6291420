//! Flink's deserialisers of messages of Debezium, Maxwell and Canal, read rowtap's: the rows that are left are those of the table.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use mysql::prelude::Queryable as _;

use super::{folder, is_full};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server, cache};

const ROWS: u64 = 300;
/// The rows as the reader prints them.
const SELECT: &str = "SELECT CONCAT_WS('\t', id, IFNULL(name, 'NULL'), IFNULL(amount, 'NULL'), IFNULL(day, 'NULL'), \
                      IFNULL(DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s.%f'), 'NULL'), IFNULL(note, 'NULL')) FROM flink.orders";

/// Formats by the reader's name, and the arguments of `rowtap decode` for them.
const FORMATS: [(&str, &[&str]); 4] = [
    ("maxwell", &["--format=maxwell"]),
    ("canal", &["--format=canal"]),
    (
        "debezium",
        &[
            "--format=debezium",
            "--debezium=schemas_enable=false,decimal_handling_mode=string,time_precision_mode=microseconds",
        ],
    ),
    (
        "debezium-schemas",
        &[
            "--format=debezium",
            "--debezium=decimal_handling_mode=string,time_precision_mode=microseconds",
        ],
    ),
];

/// A statement a line, the same each time.
fn statements() -> Vec<String> {
    let mut seed = 7u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut all = vec![
        "CREATE DATABASE flink".to_owned(),
        "CREATE TABLE flink.orders (id BIGINT PRIMARY KEY, name VARCHAR(40), amount DECIMAL(20,4), day DATE, at DATETIME(6), note TEXT)".to_owned(),
    ];
    let names = [
        "NULL",
        "'ann'",
        "'größe 😀'",
        "'a \"quote\" \\\\ slash'",
        "''",
    ];
    for number in 0..ROWS {
        let name = names[usize::try_from(random(5)).unwrap()];
        let (whole, cents) = (random(9_999_999_999), random(9999));
        let (day, time) = (random(27) + 1, random(86_400_000_000));
        let mut statement = format!(
            "INSERT INTO flink.orders VALUES ({number}, {name}, -{whole}.{cents:04}, '2024-02-{day:02}', \
             '1969-12-30' + INTERVAL {time} MICROSECOND, REPEAT('note ', {}))",
            random(40)
        );
        if random(4) == 0 {
            write!(
                statement,
                ", ({}, NULL, NULL, NULL, NULL, NULL)",
                number + 10_000
            )
            .unwrap();
        }
        all.push(statement);
        let other = random(number + 1);
        all.push(match random(6) {
            0 => format!("DELETE FROM flink.orders WHERE id = {other}"),
            1 => format!("UPDATE flink.orders SET name = 'changed {number}', note = NULL WHERE id BETWEEN {other} AND {other} + 3"),
            2 => format!("UPDATE flink.orders SET id = id + 20000 WHERE id = {other}"),
            3 => "BEGIN".to_owned(),
            4 => "COMMIT".to_owned(),
            _other => format!("UPDATE flink.orders SET amount = amount * 2, day = NULL WHERE id = {other}"),
        });
    }
    all.push("COMMIT".to_owned());
    all
}

/// The rows that a reader finds in the messages.
fn read(format: &str, messages: &str) -> Vec<String> {
    let mut reader = Command::new(cache().join("flink-1.20/bin/java"))
        .arg(folder("flink").join("Read.java"))
        .arg(format)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/servers flink-1.20 brings it");
    let mut input = reader.stdin.take().expect("a pipe");
    input.write_all(messages.as_bytes()).expect("it reads");
    drop(input);
    let output = reader.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{format}: {:?}", output.status);
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn flink_reads_the_rows_of_the_table() {
    if !is_full() {
        return;
    }
    let server = Server::start(Flavour::MySql97, &[]);
    let binlog = server.coordinates().0;
    let mut conn = server.connect();
    for statement in statements() {
        conn.query_drop(&statement).expect(&statement);
    }
    let mut expected: Vec<String> = conn.query(SELECT).expect("the rows");
    expected.sort();
    server.execute("FLUSH BINARY LOGS");
    let binlog = server.binlog_path(&binlog).display().to_string();
    let folder = Folder::new("");
    for (format, arguments) in FORMATS {
        let decoded =
            folder.succeeds(&[&["decode"], arguments, &["--database=flink", &binlog]].concat());
        // Statements are in files and topics of their own.
        let is_row = |line: &&str| {
            line.contains("\"data\":{")
                || line.contains("\"isDdl\":false")
                || line.contains("\"op\":\"")
        };
        let rows = decoded.stdout.lines().filter(is_row);
        let messages: String = rows.map(|line| format!("{line}\n")).collect();
        let mut found = read(format, &messages);
        found.sort();
        assert_eq!(found, expected, "{format}");
        println!(
            "{format}: {} messages, {} rows",
            messages.lines().count(),
            found.len()
        );
    }
}
