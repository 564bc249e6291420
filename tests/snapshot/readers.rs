//! Several readers: each row comes once, whatever the key is by which tables are cut among them.

use std::collections::BTreeMap;

use mysql::prelude::Queryable;

use super::{ONCE, begin, may_copy};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server};

/// Rows of a table.
const ROWS: u64 = 700;
/// So that a lot has some 300 rows.
pub const SEVERAL: &str = "[snapshot]\nthreads = 4\nrows_per_second_max = 3000\n[sink]";

/// Columns of the key, the key, and the values of row `n`.
pub const KEYS: &[(&str, &str, &str)] = &[
    (
        "a BIGINT UNSIGNED",
        "a",
        "18446744073709551615 - CAST(n AS UNSIGNED) * 26352491819584000",
    ),
    ("a BIGINT", "a", "(n - 350) * 26352491000000000"),
    // The ends of the first lots are counted to, and that of the third is guessed: too far where there is a gap, and too far where
    // there are more rows from there on.
    ("a INT", "a", "n + n DIV 610 * 100000000"),
    ("a INT UNSIGNED", "a", "LEAST(n, 605) * 1000000 + n"),
    (
        "a MEDIUMINT, b SMALLINT UNSIGNED",
        "a, b",
        "(n DIV 50) - 7, n * 90",
    ),
    (
        "a TINYINT, b INT, c INT",
        "b, c, a",
        "n % 5 - 2, n DIV 100, n % 100",
    ),
    ("a DECIMAL(30, 10)", "a", "(n - 350) * 1.0000000001"),
    ("a DOUBLE", "a", "(n - 350) / 3 * 1.1e100"),
    ("a FLOAT", "a", "(n - 350) / 7"),
    (
        "a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, b INT",
        "a, b",
        "ELT(n % 6 + 1, 'a', 'A', 'ä', 'b', 'Á ', '\\'\\\\😀'), n",
    ),
    (
        "a VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci, b INT",
        "a, b",
        "ELT(n % 4 + 1, 'ss', 'ß', 'AE', 'ä'), n",
    ),
    (
        "a CHAR(10) CHARACTER SET latin1",
        "a",
        "CONCAT(CHAR(65 + n % 26), n, ' ')",
    ),
    ("a VARCHAR(20) CHARACTER SET utf16", "a", "CONCAT('ü', n)"),
    (
        "a VARCHAR(20) CHARACTER SET gbk COLLATE gbk_bin",
        "a",
        "CONCAT('中', n)",
    ),
    ("a VARBINARY(20)", "a", "LEFT(UNHEX(SHA2(n, 256)), 20)"),
    (
        "a BINARY(6)",
        "a",
        "UNHEX(CONCAT(LPAD(HEX(n), 8, '0'), '0000'))",
    ),
    (
        "a DATE, b INT",
        "a, b",
        "IF(n % 3, '2020-01-01' + INTERVAL n DAY, '0000-00-00'), n",
    ),
    (
        "a DATETIME(6)",
        "a",
        "'1000-01-01 00:00:00.000001' + INTERVAL n * 10 MONTH",
    ),
    (
        "a TIMESTAMP(3), b INT",
        "a, b",
        "IF(n % 3, FROM_UNIXTIME(n * 3000000 + 0.125), '0000-00-00'), n",
    ),
    ("a TIME(6)", "a", "SEC_TO_TIME((n - 350) * 8000.000001)"),
    ("a YEAR, b INT", "a, b", "IF(n % 4, 1901 + n % 250, 0), n"),
    ("a ENUM('z', 'b', 'a'), b INT", "a, b", "n % 3 + 1, n"),
    ("a SET('z', 'b', 'a'), b INT", "a, b", "n % 8, n"),
    ("a BIT(12)", "a", "n * 5"),
    (
        "a VARCHAR(40)",
        "a(12)",
        "CONCAT(LPAD(n, 8, '0'), 'and more')",
    ),
    ("a BLOB", "a(12)", "LPAD(n, 8, '0')"),
];

const OF_MARIADB: &[(&str, &str, &str)] = &[
    ("a INET6", "a", "CONCAT('2001:db8::', HEX(n))"),
    (
        "a UUID",
        "a",
        "CONCAT(LPAD(HEX(n * 5000000), 8, '0'), '-0000-4000-8000-', LPAD(HEX(n), 12, '0'))",
    ),
    ("a INET4", "a", "INET_NTOA(n * 6000000)"),
];

const OF_NEW_MYSQL: &[(&str, &str, &str)] = &[
    ("a INT, b INT", "a DESC, b", "n % 10, n"),
    (
        "a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci, b INT",
        "a, b",
        "ELT(n % 5 + 1, 'a', 'A', 'ä', 'a ', ''), n",
    ),
];

/// Makes a table for each key, and one without.
pub fn fill(server: &Server) {
    let (flavour, mut keys) = (server.flavour(), KEYS.to_vec());
    match flavour {
        Flavour::MySql57 => {}
        Flavour::MySql80 | Flavour::MySql97 => keys.extend(OF_NEW_MYSQL),
        Flavour::MariaDb1011 | Flavour::MariaDb118 => keys.extend(OF_MARIADB),
    }
    server.execute("CREATE DATABASE k CHARACTER SET utf8mb4; CREATE TABLE k.bare (n INT)");
    for from in (0..ROWS).step_by(100) {
        let rows: Vec<String> = (from..from + 100).map(|n| format!("({n})")).collect();
        server.execute(&format!("INSERT INTO k.bare VALUES {}", rows.join(", ")));
    }
    let mut session = server.connect();
    session.query_drop("SET sql_mode = ''").unwrap();
    for (index, (columns, key, values)) in keys.iter().enumerate() {
        let table = format!("k.t{index:02}");
        for statement in [
            format!("CREATE TABLE {table} (n INT, {columns}, PRIMARY KEY ({key}))"),
            format!("INSERT INTO {table} SELECT n, {values} FROM k.bare"),
        ] {
            let done = session.query_drop(&statement);
            done.unwrap_or_else(|error| panic!("{flavour:?}: {statement}: {error}"));
        }
    }
}

/// How often each row of each table came.
pub fn counts(folder: &Folder) -> BTreeMap<String, BTreeMap<u64, u64>> {
    let mut counts: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
    for line in folder.changes() {
        let table = line["source"]["table"].as_str().unwrap().to_owned();
        let row = line["after"]["n"].as_u64().unwrap();
        *counts.entry(table).or_default().entry(row).or_default() += 1;
    }
    counts
}

fn check(flavour: Flavour) {
    let (server, folder) = begin(flavour);
    may_copy(&server, "u");
    fill(&server);
    let folder = folder.replacing("[sink]", SEVERAL);
    let ended = folder.succeeds(&ONCE);
    assert!(ended.stderr.contains("readers=4"), "{}", ended.stderr);
    let counts = counts(&folder);
    let tables = server.query_text("SHOW TABLES IN k").len();
    assert_eq!(counts.len(), tables);
    for (table, rows) in counts {
        assert_eq!(rows.len() as u64, ROWS, "{flavour:?}: {table}");
        assert!(
            rows.values().all(|count| *count == 1),
            "{flavour:?}: {table}"
        );
    }
}

#[test]
fn tables_of_mysql_5_7_are_cut_by_keys_of_every_type() {
    check(Flavour::MySql57);
}

#[test]
fn tables_of_mysql_are_cut_by_keys_of_every_type() {
    check(Flavour::MySql80);
    check(Flavour::MySql97);
}

#[test]
fn tables_of_mariadb_are_cut_by_keys_of_every_type() {
    check(Flavour::MariaDb1011);
    check(Flavour::MariaDb118);
}
