//! Labels whose bytes are no text, or another text, after `CONVERT TO CHARACTER SET`, against what the server has.

use mysql::prelude::Queryable;
use serde_json::Value;

use super::stopped::{connector, connector_with, default_metadata, fails, rows, succeeds};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server};

/// With the defaults of each server, and with all metadata where it has them.
fn each(check: fn(&Server)) {
    let flavours = match super::is_full() {
        true => &Flavour::EVERY[..],
        false => &[Flavour::MySql57, Flavour::MariaDb118][..],
    };
    for flavour in flavours {
        for options in [default_metadata(*flavour), &[]] {
            let server = Server::start(*flavour, options);
            server.execute("CREATE DATABASE shop");
            check(&server);
        }
    }
}

/// The rows of `shop.t` as the server has them.
fn shown(server: &Server, expression: &str) -> Vec<String> {
    let mut session = server.connect();
    let statement = format!("SELECT {expression} FROM shop.t ORDER BY id");
    session.query(statement).expect("the rows")
}

fn published(connector: &Connector, column: &str) -> Vec<Value> {
    let rows = rows(connector, "t");
    let rows = rows
        .iter()
        .map(|row| serde_json::from_str::<Value>(row).expect("JSON"));
    rows.map(|row| row[column].clone()).collect()
}

#[test]
fn a_label_that_is_no_text_stops_its_rows_alone_or_goes_out_as_text_does() {
    each(|server| {
        let start = super::stopped::from_here(server);
        server.execute(
            "SET NAMES utf8mb4; \
             CREATE TABLE shop.t (id INT PRIMARY KEY, e ENUM('é','b'), s SET('a','é','ж')) CHARACTER SET latin1; \
             ALTER TABLE shop.t CONVERT TO CHARACTER SET utf8mb4; \
             INSERT INTO shop.t VALUES (1, 2, 1), (2, 'b', 5)",
        );
        let careful = connector(server, "root", &start);
        succeeds(&careful);
        assert_eq!(published(&careful, "s"), ["a", "a,?"]);
        server.execute("INSERT INTO shop.t VALUES (3, 1, 3), (4, NULL, 6)");
        assert_eq!(shown(server, "COALESCE(HEX(e), '')")[2], "E9");
        assert_eq!(
            shown(server, "HEX(s)"),
            ["61", "612C3F", "612CE9", "E92C3F"]
        );

        fails(
            &careful,
            &["column e of shop.t", "text is not utf8mb4", "invalid_text"],
        );

        let base64 = connector_with(server, "root", &start, "invalid_text = 'base64'");
        succeeds(&base64);
        let raw = |text: &str| serde_json::json!({ "base64": text });
        let found = published(&base64, "e");
        assert_eq!(found, ["b".into(), "b".into(), raw("6Q=="), Value::Null]);
        let found = published(&base64, "s");
        assert_eq!(found, ["a".into(), "a,?".into(), raw("YSzp"), raw("6Sw/")]);

        let replace = connector_with(server, "root", &start, "invalid_text = 'replace'");
        succeeds(&replace);
        assert_eq!(published(&replace, "s")[3], "\u{fffd},?");

        // The bytes are what they were.
        server.execute("TRUNCATE TABLE shop.t; ALTER TABLE shop.t CONVERT TO CHARACTER SET latin1");
        server.execute("INSERT INTO shop.t VALUES (5, 1, 2)");
        succeeds(&base64);
        assert_eq!(published(&base64, "e")[4], "é");
        assert_eq!(published(&base64, "s")[4], "é");
    });
}

#[test]
fn labels_of_wide_sets_are_what_each_server_makes_of_their_bytes() {
    each(|server| {
        let connector = connector(server, "root", "'earliest'");
        server.execute(
            "SET NAMES utf8mb4; \
             CREATE TABLE shop.t (id INT PRIMARY KEY, e ENUM('日本','x','€')) CHARACTER SET ucs2; \
             ALTER TABLE shop.t CONVERT TO CHARACTER SET latin1; INSERT INTO shop.t VALUES (1, 1), (2, 2), (3, 3)",
        );
        succeeds(&connector);
        let expected = shown(server, "CONVERT(e USING utf8mb4)");
        assert_eq!(
            published(&connector, "e"),
            expected,
            "{:?}",
            server.flavour()
        );
    });
}

#[test]
fn a_copy_by_select_of_such_a_label_is_not_taken_for_what_the_server_writes_of_it() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let server = Server::start(flavour, default_metadata(flavour));
        server.execute("CREATE DATABASE shop");
        let start = super::stopped::from_here(&server);
        server.execute(
            "SET NAMES utf8mb4; CREATE TABLE shop.t (id INT PRIMARY KEY, e ENUM('é','b')) CHARACTER SET latin1; \
             ALTER TABLE shop.t CONVERT TO CHARACTER SET utf8mb4; INSERT INTO shop.t VALUES (1, 2); \
             CREATE TABLE shop.u SELECT e FROM shop.t",
        );
        let connector = connector_with(&server, "root", &start, "invalid_text = 'base64'");
        succeeds(&connector);
        assert_eq!(rows(&connector, "u"), [r#"{"e":"b"}"#]);
        server.execute("INSERT INTO shop.u VALUES (1)");
        fails(&connector, &["shop.u", "column e ", "label"]);
    }
}

/// Statements after which `shop.t` has columns `e` and `s`, each with three labels.
const SHARED: [&str; 12] = [
    "CREATE TABLE shop.t (id INT PRIMARY KEY, e ENUM('','one','日a') CHARACTER SET ucs2, s SET('','one','日a') CHARACTER SET ucs2)",
    "ALTER TABLE shop.t ADD COLUMN late ENUM('','one','日a') CHARACTER SET utf16",
    "CREATE INDEX few ON shop.t (s)",
    "ALTER TABLE shop.t COMMENT = 'none'",
    "DROP TABLE shop.t; CREATE TABLE shop.t (id INT PRIMARY KEY, e ENUM('one','日a','é'), s SET('one','日a','é')) CHARACTER SET utf16le",
    "ALTER TABLE shop.t RENAME TO shop.u; ALTER TABLE shop.u RENAME TO shop.t; ALTER TABLE shop.t ENABLE KEYS",
    "ALTER TABLE shop.t CONVERT TO CHARACTER SET latin1",
    "DROP TABLE shop.t; CREATE TABLE shop.t (id INT PRIMARY KEY, e ENUM('a','b','c') CHARACTER SET ucs2, \
     s SET('0061','0062','0063') CHARACTER SET latin1)",
    "DROP TABLE shop.t; CREATE TABLE shop.u (id INT PRIMARY KEY, e ENUM('one','ж','x') CHARACTER SET ucs2, \
     s SET('one','ж','x') CHARACTER SET utf32) ENGINE=InnoDB; CREATE TABLE shop.t LIKE shop.u",
    "ALTER TABLE shop.t MODIFY s SET('one','ж','x') CHARACTER SET ucs2, CHANGE e e ENUM('one','ж','x') CHARACTER SET utf16",
    "OPTIMIZE TABLE shop.t",
    "ALTER TABLE shop.t DROP COLUMN s, ADD COLUMN s SET('x','y','z')",
];

#[test]
fn labels_that_several_columns_of_wide_sets_have_are_what_each_server_makes_of_them() {
    each(|server| {
        let start = super::stopped::from_here(server);
        let base64 = connector_with(server, "root", &start, "invalid_text = 'base64'");
        let mut expected = Vec::new();
        for statement in SHARED {
            server.execute(&format!(
                "SET NAMES utf8mb4, sql_mode = 'NO_ENGINE_SUBSTITUTION'; {statement}"
            ));
            server.execute(
                "SET sql_mode = ''; TRUNCATE TABLE shop.t; INSERT INTO shop.t (id, e, s) VALUES (1, 1, 1), (2, 2, 2), (3, 3, 4), (4, 0, 7)",
            );
            let form = |column: &str| {
                format!("CONCAT(HEX({column}), ' ', HEX(CONVERT({column} USING utf8mb4)))")
            };
            expected.extend(
                shown(server, &form("e"))
                    .into_iter()
                    .zip(shown(server, &form("s"))),
            );
        }
        server.execute("DROP DATABASE shop");
        succeeds(&base64);
        let (e, s) = (published(&base64, "e"), published(&base64, "s"));
        assert_eq!((e.len(), s.len()), (expected.len(), expected.len()));
        for (index, (of_e, of_s)) in expected.iter().enumerate() {
            let at = (SHARED[index / 4], index % 4, server.flavour());
            assert!(is_same(&e[index], of_e), "{at:?}: {} is {of_e}", e[index]);
            assert!(is_same(&s[index], of_s), "{at:?}: {} is {of_s}", s[index]);
        }
    });
}

/// Whether a value came out as its text, or as its bytes.
fn is_same(value: &Value, shown: &str) -> bool {
    use base64::Engine as _;
    let (bytes, text) = shown.split_once(' ').expect("hexadecimal digits of both");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02X}")).collect() };
    match (value.as_str(), value["base64"].as_str()) {
        (Some(found), _) => hex(found.as_bytes()) == text,
        (None, Some(found)) => {
            let found = base64::engine::general_purpose::STANDARD.decode(found);
            hex(&found.expect("base64")) == bytes
        }
        (None, None) => false,
    }
}
