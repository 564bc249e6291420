//! The lock for the place of a snapshot, where something is in its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use rowtap::mysql::Flavour as Family;

use super::load::{Load, fill, is_same};
use super::{FIRST, ONCE, begin};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server, is_full, wait_until};

/// A connector whose account may lock tables in either way, and tables to copy.
fn begin_locking(flavour: Flavour) -> (Server, Folder) {
    let (server, folder) = begin(flavour);
    server.execute("GRANT RELOAD, LOCK TABLES, PROCESS ON *.* TO u@'%'");
    fill(&server);
    (server, folder)
}

/// Runs a statement in a session of its own until that is killed; gives the session's number.
fn long(server: &Server, statement: &'static str) -> (u64, JoinHandle<()>) {
    let mut session = server.connect();
    let number: u64 = session
        .query_first("SELECT CONNECTION_ID()")
        .unwrap()
        .unwrap();
    let running = thread::spawn(move || {
        let _ended = session.query_drop(statement);
    });
    wait_until("the statement runs", Duration::from_secs(60), || {
        let rows = server.query_text("SHOW PROCESSLIST");
        rows.iter().any(|row| {
            let seconds = row[5].as_ref().and_then(|time| time.parse::<i64>().ok());
            row[0] == Some(number.to_string())
                && row[4].as_deref() == Some("Query")
                && seconds.is_some_and(|seconds| seconds >= 1)
        })
    });
    (number, running)
}

const SLEEP: &str = "SELECT SLEEP(60) FROM a.empty RIGHT JOIN a.t ON TRUE LIMIT 1";

#[test]
fn a_long_query_keeps_no_lock_waiting() {
    for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MySql97] {
        let (server, folder) = begin_locking(flavour);
        let load = Load::start(&server, 2);
        let (number, query) = long(&server, SLEEP);
        let ended = folder.succeeds(&ONCE);
        let words = "locked for the place of the snapshot by=\"LOCK\"";
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        server.execute(&format!("KILL {number}"));
        query.join().unwrap();
        load.stop();
        folder.succeeds(&ONCE);
        is_same(&server, &folder);
    }
}

#[test]
fn a_transaction_that_stays_open_leaves_the_lock_on_all_tables_unless_a_query_is_in_its_way() {
    for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MySql97] {
        let (server, folder) = begin_locking(flavour);
        let folder = folder.replacing("[sink]", "[snapshot]\nlock_wait_max = '1s'\n[sink]");
        let mut open = server.connect();
        open.query_drop("BEGIN").unwrap();
        open.query_drop("INSERT INTO a.empty VALUES (7)").unwrap();
        let (number, query) = long(&server, SLEEP);
        folder.fails(
            75,
            &[
                "cannot have (LOCK TABLES: ",
                "a statement runs that it would wait for",
            ],
        );
        server.execute(&format!("KILL {number}"));
        query.join().unwrap();
        let ended = folder.succeeds(&ONCE);
        let words = "locked for the place of the snapshot by=\"FLUSH\"";
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        open.query_drop("COMMIT").unwrap();
        folder.succeeds(&ONCE);
        is_same(&server, &folder);
    }
}

#[test]
fn a_statement_with_a_character_of_four_bytes_is_seen_to_be_in_the_way_of_the_lock_on_all_tables() {
    for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MySql97] {
        let (server, folder) = begin(flavour);
        server.execute("GRANT RELOAD, PROCESS ON *.* TO u@'%'");
        fill(&server);
        let (number, query) = long(
            &server,
            "BEGIN; INSERT INTO a.empty VALUES (7); SELECT SLEEP(60), '\u{1f600}' FROM a.t LIMIT 1",
        );
        folder.fails(75, &["a statement runs that it would wait for"]);
        server.execute(&format!("KILL {number}"));
        query.join().unwrap();
        folder.succeeds(&ONCE);
        is_same(&server, &folder);
    }
}

/// One client that writes to a table of its own and to one that is copied, and how long its longest statement took.
struct Writer {
    is_over: Arc<AtomicBool>,
    longest: JoinHandle<Duration>,
}

impl Writer {
    fn start(server: &Server) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, mut session) = (Arc::clone(&is_over), server.connect());
        let longest = thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                session
                    .query_drop("UPDATE a.t SET n = n + 1 WHERE id = 7")
                    .unwrap();
                longest = longest.max(begun.elapsed());
            }
            longest
        });
        Self { is_over, longest }
    }

    fn stop(self) -> Duration {
        self.is_over.store(true, Ordering::Relaxed);
        self.longest.join().unwrap()
    }
}

/// How long each lock took from the request to the release, by what the log says of it.
fn held(log: &str) -> Vec<(&'static str, u64)> {
    let lines = log.lines().filter_map(|line| {
        let what = match () {
            () if line.contains("locked for the place of the snapshot") => "had",
            () if line.contains("no lock for the place of the snapshot") => "given up",
            () => return None,
        };
        let (_, rest) = line.split_once(" held_ms=")?;
        let number = rest.split_whitespace().next()?.parse().unwrap();
        Some((what, number))
    });
    lines.collect()
}

/// Takes a snapshot, and tells how long its locks took and how long a writer was held up.
fn measured(server: &Server, folder: &Folder, what: &str) -> Vec<(&'static str, u64)> {
    let writer = Writer::start(server);
    let ended = folder.run(&ONCE);
    let longest = writer.stop();
    let held = held(&ended.stderr);
    let flavour = server.flavour();
    println!(
        "{flavour:?}, {what}: locks {held:?} ms, the longest statement of a writer {longest:.0?}, exit {:?}",
        ended.code
    );
    assert!(!held.is_empty(), "{flavour:?}, {what}: {}", ended.stderr);
    for (_, held_ms) in &held {
        assert!(*held_ms <= 2_000, "{flavour:?}, {what}: {held:?}");
    }
    held
}

/// A connector of its own that begins with a snapshot.
fn another(server: &Server, keys: &str) -> Folder {
    Folder::streaming_any(server, "u")
        .replacing("start = 'latest'", FIRST)
        .replacing("[sink]", keys)
}

/// Takes snapshots while nothing is in the way of a lock, and beside a long query.
fn check_locks(flavour: Flavour, grants: &str) {
    let is_mysql = flavour.family() == Family::MySql;
    let keys = match is_mysql {
        true => "[snapshot]\nthreads = 4\n[sink]",
        false => "xa_wait_max = '0s'\n[snapshot]\nthreads = 4\n[sink]",
    };
    let (server, _) = begin(flavour);
    server.execute(&format!("GRANT {grants} ON *.* TO u@'%'"));
    fill(&server);
    if !is_mysql {
        // Beside one, no view without a lock is known to show all.
        server.execute(
            "XA START 'open'; INSERT INTO a.empty VALUES (7); XA END 'open'; XA PREPARE 'open'",
        );
    }
    let what = format!("{grants}, idle");
    let held = measured(&server, &another(&server, keys), &what);
    assert_eq!(held.last().map(|(what, _)| *what), Some("had"), "{what}");
    let (number, query) = long(&server, SLEEP);
    let folder = another(&server, keys);
    let what = format!("{grants}, beside a SELECT of 60 s");
    let held = measured(&server, &folder, &what);
    let is_had = held.iter().any(|(what, _)| *what == "had");
    if is_mysql {
        let may_be_had = grants.contains("LOCK TABLES");
        assert_eq!(is_had, may_be_had, "{what}");
    }
    // It may have ended by itself.
    let _gone = server.connect().query_drop(format!("KILL {number}"));
    query.join().unwrap();
}

#[test]
fn the_lock_on_all_tables_is_not_asked_for_where_nobody_sees_what_it_would_wait_for() {
    for flavour in [Flavour::MySql57, Flavour::MySql97] {
        let (server, folder) = begin(flavour);
        server.execute("GRANT RELOAD ON *.* TO u@'%'");
        fill(&server);
        let words = [
            "without PROCESS nobody knows",
            "GRANT RELOAD, PROCESS ON *.*",
        ];
        folder.fails(69, &words);
        server.execute("GRANT PROCESS ON *.* TO u@'%'");
        let ended = folder.succeeds(&ONCE);
        let words = "locked for the place of the snapshot by=\"FLUSH\"";
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        is_same(&server, &folder);
    }
}

#[test]
fn no_lock_takes_longer_than_it_may() {
    check_locks(Flavour::MySql97, "RELOAD, LOCK TABLES, PROCESS");
    if is_full() {
        check_locks(Flavour::MariaDb118, "RELOAD");
        for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MySql97] {
            for grants in ["RELOAD, LOCK TABLES, PROCESS", "RELOAD, PROCESS"] {
                check_locks(flavour, grants);
            }
        }
        check_locks(Flavour::MariaDb1011, "RELOAD");
    }
}
