//! What stands in the way of a definition: each is healed, or stops the stream with a word that tells how to go on.

use mysql::prelude::Queryable;

use super::stopped::{
    connector, connector_with, default_metadata, define, fails, from_here, from_here_on, rows,
    succeeds, tell, wanted,
};
use crate::support::{Flavour, Server};

#[track_caller]
fn each(sample: Flavour, check: fn(&Server)) {
    let flavours = if super::is_full() {
        &Flavour::EVERY[..]
    } else {
        &[sample]
    };
    for flavour in flavours {
        let server = Server::start(*flavour, default_metadata(*flavour));
        server.execute("CREATE DATABASE shop");
        check(&server);
    }
}

#[test]
fn a_table_made_anew_while_rowtap_was_down_is_followed() {
    each(Flavour::MySql97, |server| {
        let connector = connector(server, "root", "'latest'");
        succeeds(&connector);
        server.execute("CREATE TABLE shop.t (a INT, b INT UNSIGNED)");
        succeeds(&connector);
        server.execute("INSERT INTO shop.t VALUES (1, 4000000000)");
        server.execute(
            "DROP TABLE shop.t; CREATE TABLE shop.t (b INT UNSIGNED, c INT); \
             INSERT INTO shop.t VALUES (4000000000, -1)",
        );
        server.execute("RENAME TABLE shop.t TO shop.u; CREATE TABLE shop.t LIKE shop.u");
        server.execute("ALTER TABLE shop.t CHANGE b c INT UNSIGNED, CHANGE c b INT");
        server.execute("INSERT INTO shop.t VALUES (4000000001, -2)");
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [
                r#"{"a":1,"b":4000000000}"#,
                r#"{"b":4000000000,"c":-1}"#,
                r#"{"b":-2,"c":4000000001}"#
            ]
        );
    });
}

#[test]
fn what_took_a_tables_name_is_not_taken_for_its_definition_and_the_printed_command_settles_it() {
    each(Flavour::MariaDb1011, |server| {
        server.execute("CREATE TABLE shop.t (a INT, b INT UNSIGNED)");
        let definition = "CREATE TABLE `t` (`a` int, `b` int unsigned)";
        let connector = connector(server, "root", &from_here_on(server));
        server.execute("INSERT INTO shop.t VALUES (1, 4000000000)");
        server.execute("DROP TABLE shop.t; CREATE VIEW shop.t AS SELECT 1 AS a, 2 AS b");
        let ended = fails(
            &connector,
            &["shop.t", "SET PERSIST binlog_row_metadata=FULL"],
        );
        let (table, at) = wanted(&ended.log).expect("a command");
        define(&connector, &table, &at, definition);
        succeeds(&connector);
        server.execute(
            "DROP VIEW shop.t; CREATE TABLE shop.t (c INT); INSERT INTO shop.t VALUES (3)",
        );
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [r#"{"a":1,"b":4000000000}"#, r#"{"c":3}"#]
        );
    });
}

#[test]
fn a_temporary_table_of_a_tables_name_changes_nothing() {
    each(Flavour::MySql97, |server| {
        server.execute("CREATE TABLE shop.t (a INT)");
        let connector = connector(server, "root", "'latest'");
        succeeds(&connector);
        server.execute(
            "CREATE TEMPORARY TABLE shop.t (b INT, c INT); ALTER TABLE shop.t DROP c; INSERT INTO shop.t VALUES (1)",
        );
        server.execute("INSERT INTO shop.t VALUES (2)");
        succeeds(&connector);
        assert_eq!(rows(&connector, "t"), [r#"{"a":2}"#]);
    });
}

#[test]
fn changes_of_temporary_tables_alone_are_passed_over_after_a_restart_too() {
    each(Flavour::MariaDb118, |server| {
        server.execute("CREATE TABLE shop.t (a INT); CREATE TABLE shop.u (a INT) ENGINE = MyISAM");
        server.execute(
            "CREATE FUNCTION shop.f() RETURNS INT DETERMINISTIC BEGIN INSERT INTO shop.t VALUES (9); RETURN 1; END",
        );
        let connector = connector(server, "root", "'latest'");
        succeeds(&connector);
        let mut apart = server.connect();
        let mut execute = |statements: &[&str]| {
            for statement in statements {
                // With GTIDs MySQL refuses temporary tables in transactions.
                let _refused = apart.query_drop(statement);
            }
        };
        execute(&[
            "SET binlog_format = STATEMENT",
            "CREATE TEMPORARY TABLE shop.b (a INT)",
            "INSERT INTO shop.b VALUES (1), (2)",
            "INSERT INTO shop.b SELECT a + 1 FROM shop.t",
            "BEGIN",
            "UPDATE shop.b SET a = 3 WHERE a = 2",
            "COMMIT",
            "BEGIN",
            "CREATE TEMPORARY TABLE shop.c (a INT)",
            "INSERT INTO shop.c VALUES (1)",
            "ROLLBACK",
        ]);
        succeeds(&connector);
        execute(&[
            "DELETE FROM shop.b WHERE a = 1",
            "DROP TEMPORARY TABLE shop.c",
        ]);
        server.execute("INSERT INTO shop.t VALUES (2)");
        succeeds(&connector);
        assert_eq!(rows(&connector, "t"), [r#"{"a":2}"#]);
        // A function may write what the statement does not name, and a table may be a published one.
        let start = from_here(server);
        execute(&[
            "CREATE TEMPORARY TABLE shop.d (a INT)",
            "INSERT INTO shop.d VALUES (shop.f())",
        ]);
        fails(
            &connector,
            &["a change of shop.d was logged as a statement"],
        );
        let other = super::stopped::connector(server, "root", &start);
        fails(&other, &["a change of shop.d was logged as a statement"]);
        let start = from_here(server);
        execute(&["INSERT INTO shop.t SELECT a FROM shop.b"]);
        let other = super::stopped::connector(server, "root", &start);
        fails(&other, &["a change of shop.t was logged as a statement"]);
        let start = from_here(server);
        execute(&["INSERT INTO shop.b VALUES (4)"]);
        let other = super::stopped::connector(server, "root", &start);
        fails(&other, &["a change of shop.b was logged as a statement"]);
    });
}

#[test]
fn an_account_that_may_not_read_a_table_needs_not_where_the_binlog_defines_it() {
    each(Flavour::MariaDb1011, |server| {
        server.execute("CREATE TABLE shop.t (a INT); CREATE USER blind@'%'");
        server.execute("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO blind@'%'");
        let connector = connector(server, "blind", &from_here_on(server));
        server.execute("CREATE TABLE shop.known (b INT); INSERT INTO shop.known VALUES (1)");
        succeeds(&connector);
        assert_eq!(rows(&connector, "known"), [r#"{"b":1}"#]);
        server.execute("INSERT INTO shop.t VALUES (2)");
        let ended = fails(
            &connector,
            &[
                "shop.t",
                "lacks SELECT",
                "GRANT SELECT ON `shop`.*",
                "--define",
            ],
        );
        let (table, at) = wanted(&ended.log).expect("a command");
        define(&connector, &table, &at, "CREATE TABLE t (a INT, b INT)");
        let ended = fails(
            &connector,
            &["shop.t", "2 columns was believed", "--define"],
        );
        assert_eq!(wanted(&ended.log), Some((table.clone(), at.clone())));
        define(&connector, &table, &at, "CREATE TABLE t (a INT)");
        succeeds(&connector);
        let late = tell(&connector, &table, &at, "CREATE TABLE t (a INT)");
        let errors = String::from_utf8(late.stderr).unwrap();
        assert_eq!(late.status.code(), Some(2), "{errors}");
        assert!(errors.contains("the connector is already past"), "{errors}");
        server.execute("INSERT INTO shop.known VALUES (2)");
        let (file, position) = server.coordinates();
        let known = tell(
            &connector,
            "shop.known",
            &format!("{file}:{position}"),
            "CREATE TABLE known (b INT, c INT)",
        );
        let told = String::from_utf8(known.stdout).unwrap();
        assert!(
            told.contains("The journal has this of the table there, which is used first"),
            "{told}"
        );
        server.execute("ALTER TABLE shop.t ADD c INT FIRST; INSERT INTO shop.t VALUES (3, 4)");
        succeeds(&connector);
        assert_eq!(rows(&connector, "t"), [r#"{"a":2}"#, r#"{"a":4,"c":3}"#]);
    });
}

#[test]
fn a_damaged_journal_names_its_line_and_is_made_anew_once_it_is_removed() {
    each(Flavour::MySql97, |server| {
        server.execute("CREATE TABLE shop.t (a INT)");
        let connector = connector(server, "root", "'latest'");
        succeeds(&connector);
        server.execute("INSERT INTO shop.t VALUES (1); ALTER TABLE shop.t CHANGE a b INT");
        succeeds(&connector);
        let journal = connector
            .folder()
            .join("state/checked/definitions-00000001.jsonl");
        let mut bytes = std::fs::read(&journal).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&journal, bytes).unwrap();
        server.execute("INSERT INTO shop.t VALUES (2)");
        fails(&connector, &["definitions-00000001.jsonl", "line"]);
        std::fs::remove_file(&journal).unwrap();
        succeeds(&connector);
        assert_eq!(rows(&connector, "t"), [r#"{"a":1}"#, r#"{"b":2}"#]);
    });
}

#[test]
fn a_statement_in_the_sessions_character_set_is_followed() {
    each(Flavour::MariaDb1011, |server| {
        server.execute("CREATE TABLE shop.t (a INT)");
        let connector = connector(server, "root", "'latest'");
        succeeds(&connector);
        let mut conn = server.connect();
        // The server takes the two bytes of the letter for two letters.
        for statement in [
            "SET character_set_client = latin1",
            "ALTER TABLE shop.t ADD `ä` INT",
            "INSERT INTO shop.t VALUES (1, 2)",
        ] {
            conn.query_drop(statement).unwrap();
        }
        succeeds(&connector);
        assert_eq!(rows(&connector, "t"), [r#"{"a":1,"Ã¤":2}"#]);
    });
}

#[test]
fn a_statement_with_bytes_that_are_no_text_is_healed_or_stops_the_stream() {
    each(Flavour::MySql97, |server| {
        server.execute("CREATE TABLE shop.t (a INT)");
        let connector = connector(server, "root", "'latest'");
        succeeds(&connector);
        let mut conn = server.connect();
        let mut run = |statements: &[&str]| {
            for statement in statements {
                conn.query_drop(statement).unwrap();
            }
        };
        // The second of the letter's two bytes begins no character of this set.
        run(&[
            "SET character_set_client = sjis",
            "ALTER TABLE shop.t /* \u{80} */ ADD b INT",
            "INSERT INTO shop.t VALUES (1, 2)",
        ]);
        succeeds(&connector);
        run(&[
            "ALTER TABLE shop.t /* \u{80} */ CHANGE b c INT, CHANGE a b INT",
            "INSERT INTO shop.t VALUES (3, 4)",
            "ALTER TABLE shop.t CHANGE b x INT",
        ]);
        let ended = fails(
            &connector,
            &["shop.t", "not text in its session's character set"],
        );
        let (table, at) = wanted(&ended.log).expect("a command");
        define(&connector, &table, &at, "CREATE TABLE t (b INT, c INT)");
        succeeds(&connector);
        run(&["INSERT INTO shop.t VALUES (5, 6)"]);
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [r#"{"a":1,"b":2}"#, r#"{"b":3,"c":4}"#, r#"{"c":6,"x":5}"#]
        );
    });
}

#[test]
fn statements_before_a_start_in_the_past_tell_the_definition_there() {
    each(Flavour::MariaDb1011, |server| {
        let mut conn = server.connect();
        for statement in [
            "SET character_set_client = latin1",
            "CREATE TABLE shop.`ä` (a INT, b INT UNSIGNED)",
        ] {
            conn.query_drop(statement).unwrap();
        }
        let connector = connector(server, "root", &from_here(server));
        for statement in [
            "INSERT INTO shop.`ä` VALUES (1, 4000000000)",
            "ALTER TABLE shop.`ä` CHANGE a b INT, CHANGE b a INT UNSIGNED",
            "INSERT INTO shop.`ä` VALUES (2, 4000000001)",
            "DROP TABLE shop.`ä`",
        ] {
            conn.query_drop(statement).unwrap();
        }
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "Ã¤"),
            [r#"{"a":1,"b":4000000000}"#, r#"{"a":4000000001,"b":2}"#]
        );
    });
}

#[test]
fn a_statement_larger_than_event_memory_max_is_followed_where_the_stream_passes_it() {
    each(Flavour::MariaDb1011, |server| {
        server.execute("CREATE TABLE shop.t (a INT, b INT UNSIGNED)");
        let connector = connector_with(
            server,
            "root",
            &from_here(server),
            "event_memory_max = '1MiB'",
        );
        let mut conn = server.connect();
        let long = "x".repeat(3 << 20);
        for statement in [
            "INSERT INTO shop.t VALUES (1, 4000000000)".to_owned(),
            format!("ALTER TABLE shop.t /* {long} */ CHANGE a b INT, CHANGE b a INT UNSIGNED"),
            "INSERT INTO shop.t VALUES (2, 4000000001)".to_owned(),
        ] {
            conn.query_drop(statement).unwrap();
        }
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [r#"{"a":1,"b":4000000000}"#, r#"{"a":4000000001,"b":2}"#]
        );
    });
}
