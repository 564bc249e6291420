//! The lock for the place of a snapshot, where something is in its way.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use mysql::prelude::Queryable;

use super::load::{Load, fill, is_same};
use super::{ONCE, begin};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server, wait_until};

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
