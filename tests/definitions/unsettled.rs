//! Tables whose database got its default character set before the retained files begin, and is gone by now: what is the same
//! in every set is read all the same, and what is not stops the connector unless the binlog or the source tells more.

use serde_json::Value;

use rowtap::mysql::Flavour as Family;

use super::changes;
use super::stopped::{
    connector, default_metadata, define, fails, from_here_on, once, succeeds, wanted,
};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server};

const EVERY: [Flavour; 4] = [
    Flavour::MySql57,
    Flavour::MySql80,
    Flavour::MySql97,
    Flavour::MariaDb1011,
];

const TABLE: &str = "CREATE TABLE gone.t (id INT PRIMARY KEY, a VARCHAR(20), c CHAR(7), txt TEXT, e ENUM('x','é','it''s'), \
                     s SET('1','ü','2'), own VARCHAR(5) CHARACTER SET latin1, b VARBINARY(9))";

/// Rows that are the same in every character set.
const CERTAIN: [&str; 5] = [
    "(1, 'even', 'odd', 'text', 'x', '1,2', 'é', x'00ff')",
    "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "(3, '', '', '', 'x', '', '', '')",
    "(4, '[@~^`{|}]', ' ab ', REPEAT('ab ', 300), 'it''s', '2', 'x', 'x')",
    "(5, 'O''Reilly', '1234567', '{}', 'it''s', '1', '', '')",
];

/// Whether utf8mb4 is the only usual set of a server whose characters take four bytes, so that the length of a column tells it.
fn by_length(flavour: Flavour) -> bool {
    flavour.family() == Family::MariaDb
}

/// Whether table maps tell the character sets of text.
fn tells(flavour: Flavour) -> bool {
    matches!(flavour, Flavour::MySql80 | Flavour::MySql97)
}

/// A server whose binlogs begin after a database was made.
fn server(flavour: Flavour, charset: &str) -> (Server, String) {
    let server = Server::start(flavour, default_metadata(flavour));
    server.execute(&format!("CREATE DATABASE gone CHARACTER SET {charset}"));
    let start = from_here_on(&server);
    (server, start)
}

/// The rows as the server shows them, each as JSON would have it.
fn shown(server: &Server, columns: &[&str]) -> Vec<Vec<Option<String>>> {
    let columns = columns.join(", ");
    server.query_text(&format!("SELECT {columns} FROM gone.t ORDER BY id"))
}

/// The rows that came out.
fn published(connector: &Connector, columns: &[&str]) -> Vec<Vec<Option<String>>> {
    let changes = changes::lines(&connector.folder().join("output"), "changes-");
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let row = |change: &Value| {
        let after = &change["after"];
        columns.iter().map(|name| text(&after[*name])).collect()
    };
    changes.iter().map(row).collect()
}

const COLUMNS: [&str; 7] = ["id", "a", "c", "txt", "e", "s", "own"];

fn check_certain(flavour: Flavour, charset: &str) {
    let (server, _) = server(flavour, charset);
    server.execute(TABLE);
    for row in CERTAIN {
        server.execute(&format!("INSERT INTO gone.t VALUES {row}"));
    }
    server.execute("UPDATE gone.t SET id = id + 10");
    let expected = shown(&server, &COLUMNS);
    server.execute("DROP DATABASE gone");
    let connector = connector(&server, "root", "'earliest'");
    succeeds(&connector);
    let found = published(&connector, &COLUMNS);
    assert_eq!(
        found[found.len() - expected.len()..],
        expected,
        "{flavour:?} {charset}"
    );
}

#[test]
fn what_is_the_same_in_every_character_set_is_read_though_the_database_is_gone() {
    for (flavour, charsets) in [
        (Flavour::MySql57, &["latin1", "utf8", "gbk"][..]),
        (Flavour::MySql80, &["utf8mb4"]),
        (Flavour::MySql97, &["latin1"]),
        (Flavour::MariaDb1011, &["utf8mb4", "sjis"]),
    ] {
        for charset in charsets {
            check_certain(flavour, charset);
        }
    }
}

#[test]
fn a_value_that_is_not_stops_the_connector_until_its_table_is_told() {
    for flavour in EVERY {
        let (server, _) = server(flavour, "utf8mb4");
        server.execute(TABLE);
        server.execute(&format!("INSERT INTO gone.t VALUES {}", CERTAIN[0]));
        server.execute("INSERT INTO gone.t (id, a, txt) VALUES (6, 'é€😀', 'ß')");
        let expected = shown(&server, &COLUMNS);
        server.execute("DROP DATABASE gone");
        let connector = connector(&server, "root", "'earliest'");
        if tells(flavour) || by_length(flavour) {
            succeeds(&connector);
        } else {
            let ended = fails(
                &connector,
                &[
                    "gone.t",
                    "column a ",
                    "one of utf8mb4, ",
                    "not the same text",
                    "--define",
                ],
            );
            assert_eq!(published(&connector, &COLUMNS), expected[..1]);
            let (table, at) = wanted(&ended.log).expect("a command");
            let definition = format!("{TABLE} CHARSET utf8mb4").replace("gone.t", "t");
            define(&connector, &table, &at, &definition);
            succeeds(&connector);
        }
        assert_eq!(published(&connector, &COLUMNS), expected, "{flavour:?}");
    }
}

#[test]
fn a_label_that_may_have_changed_stops_only_the_rows_that_have_it() {
    for flavour in EVERY {
        let (server, _) = server(flavour, "utf8mb4");
        server.execute(TABLE);
        server.execute("INSERT INTO gone.t (id, e, s) VALUES (1, 'x', '1,2'), (2, 'it''s', '')");
        server.execute("INSERT INTO gone.t (id, s) VALUES (3, 'ü,2')");
        let expected = shown(&server, &COLUMNS);
        server.execute("DROP DATABASE gone");
        let connector = connector(&server, "root", "'earliest'");
        if tells(flavour) || by_length(flavour) {
            succeeds(&connector);
        } else {
            fails(&connector, &["gone.t", "column s ", "label"]);
        }
        let found = published(&connector, &COLUMNS);
        assert_eq!(found, expected[..found.len()], "{flavour:?}");
        assert_eq!(
            found.len(),
            if tells(flavour) || by_length(flavour) {
                3
            } else {
                2
            }
        );
    }
}

#[test]
fn the_source_is_asked_where_a_value_needs_it_and_the_table_is_there() {
    for flavour in [Flavour::MySql57, Flavour::MariaDb1011] {
        let (server, _) = server(flavour, "latin2");
        server.execute(TABLE);
        server.execute(&format!("INSERT INTO gone.t VALUES {}", CERTAIN[0]));
        // The default that the table has is nowhere in the files.
        server.execute("ALTER DATABASE gone CHARACTER SET utf8mb4");
        server.execute("INSERT INTO gone.t (id, a, e, s) VALUES (6, 'łé', 'é', 'ü')");
        let expected = shown(&server, &COLUMNS);
        let connector = connector(&server, "root", "'earliest'");
        succeeds(&connector);
        assert_eq!(published(&connector, &COLUMNS), expected, "{flavour:?}");
        let ended = once(&connector);
        assert!(ended.status.success(), "{}", ended.log);
    }
}

#[test]
fn sets_in_which_ascii_is_something_else_count_once_a_database_has_one() {
    for flavour in [Flavour::MySql57, Flavour::MariaDb1011] {
        for charset in ["ucs2", "swe7", "binary", "utf16", "utf32"] {
            let (server, _) = server(flavour, charset);
            server.execute(&format!("CREATE DATABASE other CHARACTER SET {charset}"));
            server.execute("CREATE TABLE gone.t (id INT PRIMARY KEY, a VARCHAR(20))");
            // In sets of two bytes, ideographs whose bytes are letters.
            let text = match charset {
                "swe7" | "binary" => "'abcd'",
                _ => "_ucs2 x'61626364'",
            };
            server.execute("INSERT INTO gone.t VALUES (1, NULL)");
            server.execute(&format!("INSERT INTO gone.t VALUES (2, {text})"));
            server.execute("DROP DATABASE gone");
            let connector = connector(&server, "root", "'earliest'");
            fails(&connector, &["gone.t", "column a ", charset]);
            let found = published(&connector, &["id", "a"]);
            assert_eq!(
                found,
                [vec![Some("1".to_owned()), None]],
                "{flavour:?} {charset}"
            );
        }
    }
}

/// What is made with `IF NOT EXISTS` in a database of before the files, and again after a drop.
#[test]
fn what_if_not_exists_made_is_known_where_the_binlog_proves_it() {
    for flavour in EVERY {
        let (server, _) = server(flavour, "latin1");
        server.execute("CREATE DATABASE IF NOT EXISTS gone");
        server.execute("CREATE TABLE IF NOT EXISTS gone.t (id INT PRIMARY KEY, a DATE)");
        server.execute("INSERT INTO gone.t VALUES (1, '2020-01-02')");
        // Left as it is.
        server.execute("CREATE TABLE IF NOT EXISTS gone.t (a DATE, id INT PRIMARY KEY)");
        server.execute("INSERT INTO gone.t VALUES (2, '2020-01-03')");
        let expected = shown(&server, &["id", "a"]);
        server.execute("DROP TABLE gone.t");
        server.execute("CREATE TABLE IF NOT EXISTS gone.t (id INT, b INT)");
        server.execute("INSERT INTO gone.t VALUES (3, 4)");
        server.execute("DROP DATABASE gone");
        server.execute("CREATE DATABASE IF NOT EXISTS gone CHARACTER SET latin2");
        server.execute("CREATE TABLE gone.t (id INT, c VARCHAR(5))");
        server.execute("INSERT INTO gone.t VALUES (5, 'ł')");
        server.execute("DROP DATABASE gone");
        let connector = connector(&server, "root", "'earliest'");
        if flavour == Flavour::MySql57 {
            // It says nothing of whether the table was there.
            let ended = fails(&connector, &["gone.t", "IF NOT EXISTS"]);
            let wanted = super::stopped::wanted_all(&ended.log);
            for (table, at) in wanted {
                define(
                    &connector,
                    &table,
                    &at,
                    "CREATE TABLE t (id INT PRIMARY KEY, a DATE)",
                );
            }
        }
        succeeds(&connector);
        let found = published(&connector, &["id", "a"]);
        assert_eq!(found[..2], expected, "{flavour:?}");
        let last = published(&connector, &["id", "b", "c"]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(last[2], [text("3"), text("4"), None], "{flavour:?}");
        assert_eq!(last[3], [text("5"), None, text("ł")], "{flavour:?}");
    }
}

#[test]
fn a_told_definition_in_another_character_set_than_the_binlog_shows_is_refused() {
    for flavour in EVERY {
        let (server, _) = server(flavour, "utf8mb4");
        server.execute("CREATE TABLE gone.t (id INT PRIMARY KEY, a VARCHAR(20))");
        server.execute("ALTER TABLE gone.t ADD b INT");
        let (file, _) = server.coordinates();
        server.execute("FLUSH BINARY LOGS");
        server.purge_to(&server.coordinates().0);
        assert_ne!(file, server.coordinates().0);
        server.execute("INSERT INTO gone.t VALUES (1, 'é', 7)");
        let expected = shown(&server, &["id", "a", "b"]);
        server.execute("DROP DATABASE gone");
        let connector = connector(&server, "root", "'earliest'");
        let ended = fails(
            &connector,
            &["gone.t", "no statement of the binlog defined it"],
        );
        let (table, at) = wanted(&ended.log).expect("a command");
        let told = |charset: &str| {
            format!("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b INT) CHARSET {charset}")
        };
        define(&connector, &table, &at, &told("latin1"));
        fails(
            &connector,
            &["gone.t", "does not fit its table map", "column a "],
        );
        define(&connector, &table, &at, &told("utf8mb4"));
        succeeds(&connector);
        assert_eq!(
            published(&connector, &["id", "a", "b"]),
            expected,
            "{flavour:?}"
        );
    }
}
