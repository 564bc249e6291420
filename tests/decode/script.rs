//! What `--format sql` and `--flashback` print, given to real servers.

use std::fs;
use std::process::Command;

use super::{command, decoded, ended};
use crate::support::{Flavour, Server};

const COLUMNS: &str = "
    a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d INT UNSIGNED, e BIGINT, f BIGINT UNSIGNED,
    g DECIMAL(30,10), h FLOAT, i DOUBLE, j BIT(17), k YEAR, l DATE, m TIME(3), n DATETIME(6),
    o TIMESTAMP(2) NULL, p CHAR(10) CHARACTER SET latin1, q VARCHAR(60), r TEXT, s BINARY(8), t VARBINARY(20),
    u BLOB, v ENUM('one','it''s two','') CHARACTER SET utf8mb4, w SET('x','y','z'), x JSON, y POINT";

/// Rows that reach the ends of their types, and text that needs escapes.
const ROWS: [&str; 5] = [
    "-128, 65535, -8388608, 4294967295, -9223372036854775808, 18446744073709551615, -12345678901234567890.0123456789,
     -3.4028234663852886e38, 1.7976931348623157e308, b'11111111111111111', 2155, '9999-12-31', '-838:59:59.000', '9999-12-31 23:59:59.999999',
     '2038-01-19 03:14:07.99', 'caf\u{e9}', 'it''s \\\\ \"quoted\" \u{1F600}', 'line\\none\\r\\0two', x'0001020304050600', x'00ff',
     x'', 'it''s two', 'x,z', '{\"a\": [1, 2.5, \"z\\\\\"\"], \"b\": null}', ST_GeomFromText('POINT(1.5 -2)')",
    "127, 0, 8388607, 0, 9223372036854775807, 0, 0.0000000001, 3.4028234663852886e38, -2.2250738585072014e-308, b'0', 0, '0000-00-00',
     '00:00:00.001', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '', '', '', x'', x'', x'27', 'one', '',
     '\"text\"', NULL",
    "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL",
    "0, 1, 2, 3, 4, 5, 6, 16777216, 0.1, b'101', 1901, '2024-02-29', '12:34:56.789', '2024-02-29 12:34:56.000001',
     '1970-01-01 00:00:01', 'ABC', 'ABC', 'ABC', 'ABC', 'ABC ', 'ABC', '', 'y', '[]', ST_GeomFromText('POINT(0 0)')",
    "0, 1, 2, 3, 4, 5, 6, 16777216, 0.1, b'101', 1901, '2024-02-29', '12:34:56.789', '2024-02-29 12:34:56.000001',
     '1970-01-01 00:00:01', 'abc', 'abc', 'abc', 'abc', 'ABC', 'abc', 0, 'y', '[1]', ST_GeomFromText('POINT(0 0)')",
];

/// Tables with a key and without, and one whose names need quotes.
fn prepare(server: &Server) {
    let rows = |numbered: bool| {
        let row = |(number, row): (usize, &&str)| match numbered {
            true => format!("({}, {row})", number + 1),
            false => format!("({row})"),
        };
        ROWS.iter()
            .enumerate()
            .map(row)
            .collect::<Vec<_>>()
            .join(",\n")
    };
    let sql = format!(
        "SET NAMES utf8mb4; SET sql_mode = '', time_zone = '+00:00';
         CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop;
         CREATE TABLE keyed (id INT PRIMARY KEY, {COLUMNS});
         CREATE TABLE bare ({COLUMNS});
         CREATE TABLE `odd ``name` (`the ``key` VARCHAR(20), part INT, `select` TEXT, PRIMARY KEY (part, `the ``key`));
         CREATE TABLE large (id INT PRIMARY KEY, text VARCHAR(200));
         CREATE TABLE documents (x JSON);
         INSERT INTO documents VALUES ('1'), ('1.0'), ('1'), ('[1, 2]'), ('[1.0, 2]'), ('{{\"a\": 1}}'), ('{{\"a\": 1.0}}'),
             ('0.0'), ('-0.0'), ('\"a\"'), ('\"A\"'), ('1e300'), ('0.1'), ('18446744073709551615');
         CREATE TABLE approximate (x FLOAT, y FLOAT(9,3), note INT, PRIMARY KEY (x, y));
         INSERT INTO approximate VALUES (0.1, 0.1, 1), (0.3, 2.345, 2), (-1e-30, 100.2, 3), (3.4028234663852886e38, 0, 4);
         CREATE TABLE stamped (id INT PRIMARY KEY, v INT,
             at TIMESTAMP(2) NOT NULL DEFAULT CURRENT_TIMESTAMP(2) ON UPDATE CURRENT_TIMESTAMP(2),
             wall DATETIME ON UPDATE CURRENT_TIMESTAMP);
         INSERT INTO stamped VALUES (1, 1, '2001-02-03 04:05:06.78', NULL), (2, 2, '2001-02-03 04:05:06', '2001-02-03 04:05:06');
         INSERT INTO keyed VALUES {};
         INSERT INTO bare VALUES {};
         INSERT INTO bare SELECT * FROM bare;
         INSERT INTO `odd ``name` VALUES ('a''b', 1, 'x'), ('a''b', 2, 'y'), ('c', 1, NULL);
         INSERT INTO large WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)
             SELECT i, REPEAT(CHAR(97 + i % 26), 150) FROM n;",
        rows(true),
        rows(false)
    );
    server.client(&["--default-character-set=utf8mb4"], &sql);
}

const CHANGES: &str = "
    SET NAMES utf8mb4; SET sql_mode = '', time_zone = '+00:00'; USE shop;
    BEGIN;
    UPDATE keyed SET a = a + 1, g = g * 2, q = 'new \\\\ ''text''', o = '2030-01-01 00:00:00.5' WHERE id IN (1, 4, 5);
    UPDATE keyed SET id = 50, v = 'one', x = '{\"changed\": true}', y = NULL WHERE id = 5;
    DELETE FROM keyed WHERE id IN (2, 3);
    INSERT INTO keyed SELECT id + 100, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y FROM keyed;
    COMMIT;
    DELETE FROM bare WHERE CAST(q AS BINARY) = 'abc' LIMIT 1;
    UPDATE bare SET h = 0.3, t = x'0a' WHERE CAST(q AS BINARY) = 'ABC' LIMIT 1;
    DELETE FROM bare WHERE a IS NULL LIMIT 1;
    DELETE FROM bare WHERE a IN (-128, 127) LIMIT 3;
    INSERT INTO bare (a, v) VALUES (9, 0);
    BEGIN;
    UPDATE `odd ``name` SET `select` = 'changed', `the ``key` = CONCAT('d''e', `the ``key`) WHERE part = 1;
    DELETE FROM `odd ``name` WHERE part = 2;
    COMMIT;
    BEGIN;
    UPDATE approximate SET note = note + 10 WHERE note < 3;
    DELETE FROM approximate WHERE note > 2 AND note < 10;
    COMMIT;
    BEGIN;
    UPDATE stamped SET v = 9, at = at, wall = wall WHERE id = 1;
    UPDATE stamped SET v = 10, wall = wall WHERE id = 2;
    COMMIT;
    BEGIN;
    DELETE FROM documents WHERE CAST(x AS CHAR) IN ('1.0', '[1.0, 2]', '-0.0', '\"A\"', '1e300') ORDER BY x DESC;
    UPDATE documents SET x = '2' WHERE CAST(x AS CHAR) = '{\"a\": 1.0}' OR x = 0.1;
    COMMIT;
    UPDATE large SET text = REPEAT(text, 1), id = id + 1000 WHERE id % 2 = 0;
    BEGIN;
    INSERT INTO large WITH RECURSIVE n AS (SELECT 5000 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5900) SELECT i, REPEAT('z', 199) FROM n;
    UPDATE large SET text = CONCAT(id, text) WHERE id < 5000 AND LENGTH(text) < 190;
    DELETE FROM large WHERE id % 3 = 0;
    COMMIT;
    CREATE TABLE later (id INT PRIMARY KEY, note TEXT COMMENT 'one; or two');
    INSERT INTO later VALUES (1, 'x');";

const TABLES: [&str; 7] = [
    "keyed",
    "bare",
    "`odd ``name`",
    "documents",
    "large",
    "approximate",
    "stamped",
];

/// What each table of a database holds, whatever the order of its rows.
fn content(server: &Server, database: &str) -> Vec<String> {
    let one = |table: &&str| {
        let sql =
            format!("CHECKSUM TABLE {database}.{table}; SELECT COUNT(*) FROM {database}.{table}");
        let text = server.client(&["--skip-column-names"], &sql);
        text.split_once('\t').unwrap().1.to_owned()
    };
    TABLES.iter().map(one).collect()
}

/// Gives a script to the flavour's client on its standard input, as a person would; all of it has to succeed.
#[track_caller]
pub fn apply(server: &Server, script: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), script).unwrap();
    let output = Command::new(server.flavour().client())
        .args([
            "--user=root",
            &format!("--socket={}", server.socket().display()),
        ])
        .stdin(fs::File::open(file.path()).unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Does a file's changes of the database `shop` to `copy`; returns the script.
#[track_caller]
pub fn redo_in_copy(server: &Server, path: &str) -> String {
    let redo = decoded(&[
        "--format=sql",
        "--rewrite-db=shop->copy",
        "--database=copy",
        path,
    ]);
    apply(server, &redo);
    redo
}

/// Takes a file's changes of the database `shop` back; returns the script.
#[track_caller]
pub fn undo(server: &Server, path: &str) -> String {
    let undo = decoded(&["--flashback", "--database=shop", path]);
    apply(server, &undo);
    undo
}

fn flashback_and_redo(flavour: Flavour) {
    let server = Server::start(
        flavour,
        &[
            "--binlog-row-metadata=FULL",
            "--binlog-row-event-max-size=8192",
        ],
    );
    prepare(&server);
    let former = content(&server, "shop");
    for table in TABLES {
        server.execute("CREATE DATABASE IF NOT EXISTS copy CHARACTER SET utf8mb4");
        server.client(&[], &format!(
            "SET sql_mode=''; CREATE TABLE copy.{table} LIKE shop.{table}; INSERT INTO copy.{table} SELECT * FROM shop.{table}"
        ));
    }
    server.execute("FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.client(&["--default-character-set=utf8mb4"], CHANGES);
    server.execute("FLUSH BINARY LOGS");
    let path = server.binlog_path(&file).display().to_string();
    let latter = content(&server, "shop");
    assert_eq!(content(&server, "copy"), former);
    for (before, after) in former.iter().zip(&latter) {
        assert_ne!(before, after, "each table was changed");
    }
    let redo = redo_in_copy(&server, &path);
    assert_eq!(content(&server, "copy"), latter, "the copy followed");
    assert_eq!(
        server.query_one("SELECT note FROM copy.later").as_deref(),
        Some("x")
    );
    let undo = undo(&server, &path);
    assert_eq!(content(&server, "shop"), former, "the original went back");
    for script in [&redo, &undo] {
        let count = |what: &str| script.lines().filter(|line| *line == what).count();
        assert_eq!((count("BEGIN;"), count("COMMIT;")), (13, 13));
    }
    cut(&path);
}

/// A script of a damaged file ends before the damage, and there is none that goes back.
fn cut(path: &str) {
    let bytes = fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("binlog.000002");
    fs::write(&cut, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let cut = cut.to_str().unwrap();
    let redo = ended(command(&["--format=sql", cut]).output().unwrap());
    assert_eq!(redo.code, Some(65), "{}", redo.stderr);
    let mut last = redo.stdout.lines().rev();
    let last = last.find(|line| !line.starts_with("SET SESSION foreign_key_checks"));
    assert_eq!(last, Some("COMMIT;"), "whole transactions");
    let undo = ended(command(&["--flashback", cut]).output().unwrap());
    assert_eq!((undo.code, undo.stdout.as_str()), (Some(65), ""));
}

#[test]
fn no_statement_names_the_hashes_that_mariadb_keeps_for_unique_keys() {
    let server = Server::start(Flavour::MariaDb1011, &["--binlog-row-metadata=FULL"]);
    let create = |database: &str| {
        format!(
            "CREATE DATABASE {database}; CREATE TABLE {database}.t (id INT, word TEXT, UNIQUE (word));
             INSERT INTO {database}.t VALUES (1, 'a'), (2, 'b'), (3, NULL);"
        )
    };
    server.client(&[], &["shop", "copy"].map(create).concat());
    server.execute("FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.client(
        &[],
        "INSERT INTO shop.t VALUES (4, 'd'); UPDATE shop.t SET word = 'e' WHERE id = 1; DELETE FROM shop.t WHERE id = 2",
    );
    server.execute("FLUSH BINARY LOGS");
    let path = server.binlog_path(&file).display().to_string();
    let all =
        |database: &str| server.query_text(&format!("SELECT * FROM {database}.t ORDER BY id"));
    let (former, latter) = (all("copy"), all("shop"));
    assert_ne!(former, latter);
    redo_in_copy(&server, &path);
    assert_eq!(all("copy"), latter, "the copy followed");
    undo(&server, &path);
    assert_eq!(all("shop"), former, "the original went back");
}

#[test]
fn scripts_redo_and_undo_changes_on_mysql() {
    flashback_and_redo(Flavour::MySql97);
}

#[test]
fn scripts_redo_and_undo_changes_on_mariadb() {
    flashback_and_redo(Flavour::MariaDb1011);
}
