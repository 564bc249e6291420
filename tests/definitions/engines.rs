//! Groups that were rolled back where it is not known whether a table's engine took part in that: the binlog tells it of rows,
//! a person of statements.

use std::fs;
use std::process::Command;

use mysql::prelude::Queryable as _;
use rowtap::mysql::Flavour as Family;

use super::stopped::{
    connector, connector_with, default_metadata, fails, from_here, from_here_on, once, rows,
    succeeds,
};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server};

/// Sessions in transactions that a server writes though they are rolled back, or in part. `$5` is 5 in such a way that a server
/// which may choose logs rows. Each value that stays is above 100.
const ROWS: [&str; 9] = [
    "BEGIN; CREATE TEMPORARY TABLE x (a INT) ENGINE=InnoDB; INSERT INTO i VALUES ($1); ROLLBACK",
    "BEGIN; INSERT INTO i VALUES ($2); CREATE TEMPORARY TABLE x (a INT); DROP TEMPORARY TABLE x; ROLLBACK",
    "BEGIN; INSERT INTO i VALUES ($3); INSERT INTO m VALUES ($103); ROLLBACK",
    "BEGIN; INSERT INTO m VALUES ($104); INSERT INTO i VALUES ($4); SAVEPOINT s; INSERT INTO i VALUES ($5); INSERT INTO m VALUES ($105); ROLLBACK TO s; ROLLBACK",
    "BEGIN; INSERT INTO i VALUES ($106); SAVEPOINT s; INSERT INTO i VALUES ($7); INSERT INTO m VALUES ($107); ROLLBACK TO s; COMMIT",
    "BEGIN; INSERT INTO both_of SELECT $108; CREATE TEMPORARY TABLE x (a INT); ROLLBACK",
    "BEGIN; INSERT INTO i VALUES ($9); CREATE TEMPORARY TABLE x (a INT) ENGINE=MyISAM; INSERT INTO x VALUES ($9); INSERT INTO i SELECT a + $0 FROM x; INSERT INTO m SELECT a + $100 FROM x; ROLLBACK",
    "BEGIN; INSERT INTO i VALUES ($10), ($11); UPDATE i, m SET m.a = m.a + $10, i.a = i.a + $1; CREATE TEMPORARY TABLE x (a INT); ROLLBACK",
    "BEGIN; CREATE TEMPORARY TABLE x (a INT); INSERT INTO i VALUES ($12); DELETE FROM m WHERE a = $113; ROLLBACK",
];

/// A temporary table is refused inside a transaction by servers with GTIDs, and so is a statement on tables of both kinds.
fn options(flavour: Flavour) -> Vec<&'static str> {
    match flavour.family() {
        Family::MySql => vec!["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"],
        Family::MariaDb => Vec::new(),
    }
}

#[track_caller]
fn session(server: &Server, format: &str, statements: &str) {
    let mut connection = server.connect();
    for statement in [&format!("SET SESSION binlog_format = {format}"), "USE d"] {
        connection.query_drop(statement).expect(statement);
    }
    for statement in statements.split("; ") {
        connection
            .query_drop(unsafe_for_statements(statement))
            .expect(statement);
    }
}

/// A statement with its numbers written so that it is logged by rows where a server may choose.
fn unsafe_for_statements(statement: &str) -> String {
    let mut parts = statement.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = part.split_at(digits);
        text += &format!("({number} + 0 * LENGTH(UUID())){rest}");
    }
    text
}

/// The values of `a` that the changes of a table leave.
fn left(connector: &Connector, table: &str) -> Vec<i64> {
    let changes = super::changes::lines(&connector.folder().join("output"), "changes-");
    let mut left = Vec::new();
    for change in changes {
        if change["source"]["table"] != table {
            continue;
        }
        if let Some(value) = change["before"]["a"].as_i64() {
            let place = left.iter().position(|known| *known == value);
            left.remove(place.expect("a value that was there"));
        }
        left.extend(change["after"]["a"].as_i64());
    }
    left.sort_unstable();
    left
}

#[test]
fn rows_in_a_group_that_was_rolled_back_need_no_engine() {
    let mut writing = Vec::new();
    for flavour in Flavour::EVERY {
        let mut options = options(flavour);
        options.extend(default_metadata(flavour));
        let server = Server::start(flavour, &options);
        server.execute("CREATE DATABASE d");
        let connector = connector(&server, "root", &from_here_on(&server));
        // With this mode the server may have put another engine in its place.
        session(
            &server,
            "ROW",
            "SET sql_mode = ''; CREATE TABLE i (a INT) ENGINE=InnoDB; CREATE TABLE m (a INT) ENGINE=MyISAM; \
             CREATE TABLE both_of (a INT) ENGINE=InnoDB; \
             CREATE TRIGGER g AFTER INSERT ON both_of FOR EACH ROW INSERT INTO m VALUES (NEW.a)",
        );
        for format in ["ROW", "MIXED"] {
            for statements in ROWS {
                session(&server, format, statements);
            }
        }
        let shown = |table: &str| -> Vec<i64> {
            let rows = server.query_text(&format!("SELECT a FROM d.{table} ORDER BY a"));
            let value = |row: &Vec<Option<String>>| row[0].as_deref()?.parse().ok();
            rows.iter().filter_map(value).collect()
        };
        let expected = ["i", "m", "both_of"].map(shown);
        assert!(
            !expected[0].is_empty() && expected[2].is_empty(),
            "{expected:?}"
        );
        // Nobody knows their engines any more.
        server.execute("DROP DATABASE d");
        let ended = once(&connector);
        assert!(ended.status.success(), "{flavour:?} {}", ended.log);
        if !ended.log.contains("rolled back 0 ") {
            writing.push(flavour);
        }
        let found = ["i", "m", "both_of"].map(|table| left(&connector, table));
        assert_eq!(found, expected, "{flavour:?}");
    }
    println!("servers that write rows which were rolled back: {writing:?}");
    assert!(!writing.is_empty());
}

/// A server with two tables whose engine is not known, in a group of statements that was rolled back, and which are gone.
fn in_doubt(flavour: Flavour, top: &str) -> (Server, Connector) {
    let mut options = options(flavour);
    options.extend(default_metadata(flavour));
    let server = Server::start(flavour, &options);
    server.execute("CREATE DATABASE d; CREATE TABLE d.known (a INT) ENGINE=InnoDB");
    let connector = connector_with(&server, "root", "'latest'", top);
    succeeds(&connector);
    // With this mode the server may have put another engine in its place.
    session(
        &server,
        "ROW",
        "SET sql_mode = ''; CREATE TABLE t (a INT); ALTER TABLE t ENGINE=InnoDB; CREATE TABLE u (a INT); ALTER TABLE u ENGINE=InnoDB; \
         INSERT INTO known VALUES (1)",
    );
    session(
        &server,
        "STATEMENT",
        "BEGIN; CREATE TEMPORARY TABLE x (a INT) ENGINE=InnoDB; INSERT INTO t VALUES (1); ROLLBACK",
    );
    session(&server, "ROW", "INSERT INTO known VALUES (2)");
    server.execute("DROP TABLE d.t, d.u");
    (server, connector)
}

const STOPS: [&str; 4] = [
    "d.t",
    "whether the engine of d.t took part in that",
    "rowtap definitions checked.toml --table d.t --at",
    "--table d.u --at",
];

#[test]
fn an_engine_that_nobody_can_tell_is_told_by_the_commands_in_the_file() {
    for flavour in Flavour::EVERY {
        let (_server, connector) = in_doubt(flavour, "");
        let file = connector
            .folder()
            .join("state/checked/definitions-to-tell.sh");
        let named = file.display().to_string();
        let ended = fails(&connector, &STOPS);
        assert!(ended.log.contains(&named), "{}", ended.log);
        assert_eq!(rows(&connector, "known"), [r#"{"a":1}"#], "{flavour:?}");
        let sh = || {
            Command::new("sh")
                .arg(&file)
                .env("ROWTAP", env!("CARGO_BIN_EXE_rowtap"))
                .output()
                .expect("a shell")
        };
        let untouched = sh();
        let errors = String::from_utf8_lossy(&untouched.stderr);
        assert_eq!(untouched.status.code(), Some(2), "{errors}");
        assert!(errors.contains("InnoDB, NDB, RocksDB"), "{errors}");
        let text = fs::read_to_string(&file).expect("text");
        assert_eq!(text.matches("--engine '<engine").count(), 2, "{text}");
        fs::write(&file, text.replace("<engine, such as InnoDB>", "innodb")).expect("edited");
        let told = sh();
        let errors = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{errors}");
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "known"),
            [r#"{"a":1}"#, r#"{"a":2}"#],
            "{flavour:?}"
        );
    }
}

#[test]
fn an_engine_that_takes_no_part_leaves_the_statement_in_the_way() {
    let (_server, connector) = in_doubt(Flavour::MariaDb1011, "");
    let ended = fails(&connector, &STOPS);
    for (table, at) in super::stopped::wanted_engines(&ended.log) {
        let told = Command::new(env!("CARGO_BIN_EXE_rowtap"))
            .args([
                "definitions",
                "checked.toml",
                "--table",
                &table,
                "--at",
                &at,
            ])
            .args(["--engine", "MyISAM"])
            .current_dir(connector.folder())
            .output()
            .expect("the binary starts");
        assert!(told.status.success(), "{told:?}");
    }
    fails(&connector, &["was logged as a statement", "on_statement"]);
}

#[test]
fn what_an_unknown_engine_may_have_kept_is_left_out_where_that_is_asked_for() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (_server, connector) = in_doubt(flavour, "definitions_unknown_skip = 'd.%'");
        let ended = once(&connector);
        assert!(ended.status.success(), "{}", ended.log);
        assert!(
            ended
                .log
                .contains("what the group did to the table is left out"),
            "{}",
            ended.log
        );
        assert_eq!(rows(&connector, "known"), [r#"{"a":1}"#, r#"{"a":2}"#]);
        // Names do not help, so that it stops all the same.
        let (_server, connector) = in_doubt(flavour, "definitions_unknown = 'names'");
        fails(&connector, &STOPS);
    }
}

#[test]
fn a_sequence_whose_statement_is_further_back_is_known_by_it() {
    for flavour in [Flavour::MariaDb1011, Flavour::MariaDb118] {
        let server = Server::start(flavour, &["--binlog-row-metadata=FULL"]);
        server.execute("CREATE DATABASE d; CREATE SEQUENCE d.s");
        let connector = connector(&server, "root", &from_here(&server));
        session(
            &server,
            "ROW",
            "BEGIN; CREATE TEMPORARY TABLE x (a INT); DO NEXTVAL(d.s); ROLLBACK",
        );
        let next = server.query_one("SELECT next_not_cached_value FROM d.s");
        server.execute("DROP SEQUENCE d.s");
        succeeds(&connector);
        let last = rows(&connector, "s").pop().expect("a row");
        let last: serde_json::Value = serde_json::from_str(&last).expect("a row");
        let found = last["next_not_cached_value"].to_string();
        assert_eq!(Some(found), next, "{flavour:?}");
    }
}
