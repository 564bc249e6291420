//! Scans of retained files: the source's own count of what it sends says how much of them is read, and how often.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use mysql::prelude::Queryable;

use super::stopped::{
    connector_with_source, default_metadata, fails, from_here, once, rows, succeeds,
};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server, wait_until};

const WAIT_MAX: Duration = Duration::from_secs(120);
/// The tables whose definitions are not proven.
const TABLES: usize = 50;
/// As many where a few will do.
const FEW: usize = 5;
const MEGABYTE: u64 = 1_000_000;
/// A source finds that a replica has gone when it sends it something.
const QUICK: &str = "heartbeat_period = '100ms'\n";
/// What the source may send besides binlogs that are looked through.
const REST_MAX: u64 = MEGABYTE;

fn run(server: &Server, statements: &str) {
    let mut conn = server.connect();
    for statement in statements.split(';') {
        conn.query_drop(statement).expect(statement);
    }
}

/// Writes rows of a megabyte each, each into a group of its own, a file for every four.
fn fill(server: &Server, megabytes: usize) {
    let mut conn = server.connect();
    conn.query_drop("CREATE DATABASE IF NOT EXISTS filler")
        .and_then(|()| conn.query_drop("CREATE TABLE IF NOT EXISTS filler.f (b LONGBLOB)"))
        .expect("the filler's table");
    for number in 1..=megabytes {
        conn.query_drop("INSERT INTO filler.f VALUES (REPEAT('x', 1000000))")
            .expect("a row");
        if number % 4 == 0 {
            conn.query_drop("FLUSH BINARY LOGS").expect("a new file");
        }
    }
}

/// A statement for each of many tables.
fn each(server: &Server, tables: usize, statement: &str) {
    let all = (0..tables).map(|number| statement.replace('#', &number.to_string()));
    run(server, &all.collect::<Vec<_>>().join(";"));
}

/// How many bytes the source has sent, once nobody is connected.
fn sent(server: &Server) -> u64 {
    server.wait_until_gone("replica", WAIT_MAX);
    let sent = server.query_text("SHOW GLOBAL STATUS LIKE 'Bytes_sent'");
    sent[0][1].as_deref().unwrap().parse().unwrap()
}

/// A server with the account of a replica.
fn server(flavour: Flavour) -> Server {
    let quick = ["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"];
    let server = Server::start(flavour, &[default_metadata(flavour), &quick].concat());
    run(
        &server,
        "CREATE USER replica; GRANT ALL ON *.* TO replica; CREATE DATABASE shop",
    );
    server
}

fn connector(server: &Server, keys: &str) -> Connector {
    let filter = "[filter]\nreplicate-ignore-db = ['filler']\n";
    let keys = format!("{QUICK}{keys}");
    connector_with_source(server, "replica", &from_here(server), &keys, filter)
}

/// Replaces a connector's keys.
fn set_keys(connector: &Connector, old: &str, new: &str) {
    let path = connector.folder().join("checked.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(path, text.replace(old, new)).unwrap();
}

fn history(connector: &Connector) -> PathBuf {
    connector.folder().join("state/checked/history.jsonl")
}

/// How many bytes of binlogs are kept, in all lines.
fn kept_bytes(connector: &Connector) -> u64 {
    let text = fs::read_to_string(history(connector)).unwrap();
    let stretches = text.lines().skip(1).map(|line| {
        let stretch: serde_json::Value = serde_json::from_str(line).unwrap();
        stretch["to"].as_u64().unwrap() - stretch["from"].as_u64().unwrap()
    });
    stretches.sum()
}

#[test]
fn fifty_unproven_definitions_share_a_scan_and_a_later_start_reads_nothing() {
    for flavour in Flavour::ALL {
        let server = server(flavour);
        each(
            &server,
            TABLES,
            "CREATE TABLE shop.t# (id INT, e ENUM('a','b'))",
        );
        run(&server, "FLUSH BINARY LOGS");
        server.purge_to(&server.coordinates().0);
        fill(&server, 8);
        let connector = connector(&server, "");
        each(&server, TABLES, "INSERT INTO shop.t# VALUES (#, 'b')");
        each(
            &server,
            TABLES,
            "ALTER TABLE shop.t# MODIFY e ENUM('b','a'), ADD c INT",
        );
        let mut read = Vec::new();
        for _start in 0..3 {
            let before = sent(&server);
            let ended = fails(&connector, &["shop.t0"]);
            read.push(sent(&server) - before);
            let wanted = super::stopped::wanted_all(&ended.log);
            assert!(wanted.len() > 30, "{}", ended.log);
        }
        // The files before the start hold eight megabytes, in which a statement on the tables could have been.
        assert!(
            (8 * MEGABYTE..8 * MEGABYTE + 2 * REST_MAX).contains(&read[0]),
            "{flavour:?}: {read:?}"
        );
        assert!(
            read[1..].iter().all(|&bytes| bytes < REST_MAX),
            "{flavour:?}: {read:?}"
        );
        println!("{flavour:?}: bytes that the source sent at each start: {read:?}");
    }
}

#[test]
fn no_more_files_are_read_than_a_definition_needs() {
    for flavour in Flavour::ALL {
        let server = server(flavour);
        fill(&server, 12);
        each(
            &server,
            FEW,
            "CREATE TABLE shop.t# (id INT, e ENUM('a','b') CHARACTER SET latin1)",
        );
        let connector = connector(&server, "");
        each(&server, FEW, "INSERT INTO shop.t# VALUES (#, 'b')");
        each(
            &server,
            FEW,
            "ALTER TABLE shop.t# MODIFY e ENUM('b','a'), ADD c INT",
        );
        each(&server, FEW, "INSERT INTO shop.t# VALUES (#, 'a', 7)");
        let before = sent(&server);
        succeeds(&connector);
        let read = sent(&server) - before;
        assert!(read < REST_MAX, "{flavour:?}: {read}");
        let expected = [r#"{"e":"b","id":4}"#, r#"{"c":7,"e":"a","id":4}"#];
        assert_eq!(rows(&connector, "t4"), expected, "{flavour:?}");
    }
}

#[test]
fn a_scan_that_was_killed_goes_on_where_it_was() {
    for flavour in Flavour::ALL {
        let server = server(flavour);
        each(
            &server,
            FEW,
            "CREATE TABLE shop.t# (id INT, e ENUM('a','b') CHARACTER SET latin1)",
        );
        fill(&server, 12);
        let slow = "definitions_scan_rate_max = '3MB'\n";
        let connector = connector(&server, slow);
        each(&server, FEW, "INSERT INTO shop.t# VALUES (#, 'b')");
        each(
            &server,
            FEW,
            "ALTER TABLE shop.t# MODIFY e ENUM('b','a'), ADD c INT",
        );
        let running = connector.run(&["--once"]);
        wait_until("a part of the files is kept", WAIT_MAX, || {
            let kept = fs::read_to_string(history(&connector)).unwrap_or_default();
            kept.matches(r#""file":"#).count() > 4
        });
        running.kill();
        set_keys(&connector, slow, "");
        let before = sent(&server);
        succeeds(&connector);
        let read = sent(&server) - before;
        assert!(read < 11 * MEGABYTE, "{flavour:?}: {read}");
        assert_eq!(
            rows(&connector, "t4"),
            [r#"{"e":"b","id":4}"#],
            "{flavour:?}"
        );
    }
}

#[test]
fn the_limit_of_a_scan_stops_the_stream_and_the_next_start_goes_on() {
    let server = server(Flavour::MySql97);
    each(
        &server,
        FEW,
        "CREATE TABLE shop.t# (id INT, e ENUM('a','b') CHARACTER SET latin1)",
    );
    fill(&server, 12);
    let connector = connector(&server, "definitions_scan_max = '5MB'\n");
    each(&server, FEW, "INSERT INTO shop.t# VALUES (#, 'b')");
    each(
        &server,
        FEW,
        "ALTER TABLE shop.t# MODIFY e ENUM('b','a'), ADD c INT",
    );
    for start in 1..=2 {
        fails(&connector, &["shop.t0", "definitions_scan_max"]);
        let kept = kept_bytes(&connector);
        assert!(
            (start * 5 * MEGABYTE..start * 5 * MEGABYTE + 3 * REST_MAX).contains(&kept),
            "{kept} after {start}"
        );
    }
    succeeds(&connector);
    assert_eq!(rows(&connector, "t4"), [r#"{"e":"b","id":4}"#]);
}

#[test]
fn what_the_stream_has_passed_is_not_read_again() {
    for flavour in Flavour::ALL {
        let server = server(flavour);
        let connector = connector(&server, "");
        each(
            &server,
            FEW,
            "CREATE TABLE shop.t# (id INT, e ENUM('a','b') CHARACTER SET latin1)",
        );
        fill(&server, 10);
        succeeds(&connector);
        each(&server, FEW, "INSERT INTO shop.t# VALUES (#, 'b')");
        each(
            &server,
            FEW,
            "ALTER TABLE shop.t# MODIFY e ENUM('b','a'), ADD c INT",
        );
        // Without its journal the connector knows of no table.
        let state = connector.folder().join("state/checked");
        for entry in fs::read_dir(&state).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("definitions-") {
                fs::remove_file(path).unwrap();
            }
        }
        let before = sent(&server);
        let ended = once(&connector);
        let read = sent(&server) - before;
        assert!(read < REST_MAX, "{flavour:?}: {read}: {}", ended.log);
        assert_eq!(
            rows(&connector, "t4"),
            [r#"{"e":"b","id":4}"#],
            "{flavour:?}"
        );
    }
}

#[test]
fn files_of_the_same_names_after_a_reset_are_told_from_those_before() {
    for flavour in Flavour::ALL {
        let server = server(flavour);
        let reset = match flavour {
            Flavour::MySql97 => "RESET BINARY LOGS AND GTIDS",
            _mariadb => "RESET MASTER",
        };
        let tables = |labels: &str, altered: &str| {
            run(
                &server,
                &format!(
                    "DROP TABLE IF EXISTS shop.t; CREATE TABLE shop.t (id INT, e ENUM({labels}) CHARACTER SET latin1);
                     FLUSH BINARY LOGS; INSERT INTO filler.f VALUES (REPEAT('x', 100000))"
                ),
            );
            let begin = from_here(&server);
            run(
                &server,
                &format!(
                    "INSERT INTO shop.t VALUES (1, 'b'); ALTER TABLE shop.t MODIFY e ENUM({altered}), ADD c INT"
                ),
            );
            begin
        };
        fill(&server, 1);
        run(&server, reset);
        let begin = tables("'a','b'", "'b','a'");
        let connector = connector_with_source(&server, "replica", &begin, QUICK, "");
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [r#"{"e":"b","id":1}"#],
            "{flavour:?}"
        );
        let kept = fs::read(history(&connector)).unwrap();
        run(&server, reset);
        let begin_again = tables("'b','a'", "'a','b'");
        set_keys(&connector, &begin, &begin_again);
        // What was kept of the files before is all that is left of the first connector.
        fs::remove_dir_all(connector.folder().join("state")).unwrap();
        fs::remove_dir_all(connector.folder().join("output")).unwrap();
        let running = connector.run(&["--once"]);
        drop(running.wait(WAIT_MAX));
        fs::write(history(&connector), kept).unwrap();
        for name in ["relay-log.info", "definitions-00000001.jsonl"] {
            fs::remove_file(connector.folder().join("state/checked").join(name)).unwrap();
        }
        fs::remove_dir_all(connector.folder().join("output")).unwrap();
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [r#"{"e":"b","id":1}"#],
            "{flavour:?}"
        );
    }
}
