//! What may happen in the middle of an ordered snapshot: the source restarts or another server takes its place, a query is killed,
//! the table changes or grows, XA transactions stay undecided.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mysql::prelude::Queryable;
use rowtap::mysql::Flavour as Family;
use serde_json::Value;

use super::load::is_same_by_key;
use super::ordered::{begin_at_end, snapshot, streaming, until_done, until_partly};
use super::settled::Settling;
use super::{FIRST, ONCE, begin, begin_filled, every_or};
use crate::commands::process::{Folder, Running, account};
use crate::failover::pair;
use crate::support::checker::{Findings, files, rebuild, stream};
use crate::support::{Flavour, Server, wait_until};

/// A connector that copies so many rows in a second and commits often.
fn slow(folder: Folder, rows_per_second: u64) -> Folder {
    let keys = format!("[snapshot]\nrows_per_second_max = {rows_per_second}\n[sink]");
    folder
        .replacing("[sink]", &keys)
        .replacing("[source]", "checkpoint_interval = '100ms'\n[source]")
        .replacing("source_retry_count = 3", "source_retry_count = 0")
}

/// Ends a connector and delivers what is left.
fn ended(running: Running, folder: &Folder) {
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
    folder.succeeds(&ONCE);
}

#[test]
fn undecided_xa_transactions_are_not_waited_for() {
    for flavour in every_or(Flavour::MariaDb1011) {
        let (server, folder) = begin_at_end(flavour);
        if matches!(flavour, Flavour::MySql80 | Flavour::MySql97) {
            server.execute("GRANT XA_RECOVER_ADMIN ON *.* TO u@'%'");
        }
        let mut running = streaming(&folder);
        for (name, change) in [
            (
                "one",
                "UPDATE a.t SET name = 'by XA' WHERE id BETWEEN 7 AND 90",
            ),
            ("two", "DELETE FROM a.t WHERE id BETWEEN 100 AND 200"),
            ("three", "INSERT INTO a.pair VALUES ('by XA', 1, 1)"),
        ] {
            server.execute(&format!(
                "XA START '{name}'; {change}; XA END '{name}'; XA PREPARE '{name}'"
            ));
        }
        snapshot(&folder, &["--table", "a.t", "--table", "a.pair"]);
        until_done(&mut running, &folder);
        server.execute("XA COMMIT 'one'; XA ROLLBACK 'two'; XA COMMIT 'three'");
        ended(running, &folder);
        let (rebuilt, _) = super::load::rebuilt_by_key(&folder);
        let mut held = super::load::held(&server);
        held.remove("bare");
        assert_eq!(
            super::load::difference(&held, &rebuilt),
            None,
            "{flavour:?}"
        );
    }
}

#[test]
fn an_ordered_snapshot_goes_on_after_the_source_was_restarted() {
    for flavour in every_or(Flavour::MySql97) {
        let (server, folder) = begin_at_end(flavour);
        let folder = slow(folder, 1_500);
        let mut running = streaming(&folder);
        snapshot(
            &folder,
            &["--table", "a.pair", "--table", "a.t", "--table", "a.bare"],
        );
        until_partly(&mut running, &folder, "pair");
        server.restart();
        server.execute(
            "UPDATE a.t SET n = n + 1 WHERE id % 7 = 0; DELETE FROM a.pair WHERE n % 9 = 0",
        );
        until_partly(&mut running, &folder, "t");
        server.restart();
        server
            .execute("DELETE FROM a.t WHERE id % 5 = 0; INSERT INTO a.bare VALUES (7, 7, 'late')");
        until_done(&mut running, &folder);
        ended(running, &folder);
        is_same_by_key(&server, &folder);
    }
}

#[test]
fn an_ordered_snapshot_begins_anew_where_another_server_takes_the_place_of_the_source() {
    for flavour in every_or(Flavour::MariaDb118) {
        let (mut pair, folder) = pair(flavour, &[]);
        let folder = slow(folder, 1_000);
        let rows: Vec<String> = (0..4_000).map(|id| format!("({id}, 'row {id}')")).collect();
        let fill = format!("INSERT INTO a.t VALUES {}", rows.join(", "));
        pair.source().execute(&fill);
        let mut running = streaming(&folder);
        snapshot(&folder, &["--table", "a.t"]);
        until_partly(&mut running, &folder, "t");
        pair.wait_until_caught_up();
        pair.source().kill();
        pair.promote();
        pair.source().execute(
            "UPDATE a.t SET name = 'late' WHERE id % 7 = 0; DELETE FROM a.t WHERE id % 9 = 0",
        );
        until_done(&mut running, &folder);
        ended(running, &folder);
        let mut rows = BTreeMap::new();
        for line in folder.changes() {
            let id = |image: &Value| image["id"].as_u64();
            if let Some(id) = id(&line["before"]) {
                rows.remove(&id);
            }
            if let Some(id) = id(&line["after"]) {
                rows.insert(id, line["after"]["name"].as_str().unwrap().to_owned());
            }
        }
        let held = pair.source().query_text("SELECT id, name FROM a.t");
        let held = held.into_iter().map(|row| {
            let mut cells = row.into_iter().flatten();
            (
                cells.next().unwrap().parse().unwrap(),
                cells.next().unwrap(),
            )
        });
        assert_eq!(rows, held.collect::<BTreeMap<u64, String>>(), "{flavour:?}");
    }
}

/// Fills a table whose rows are more than a connection takes before they are read.
fn fill_wide(server: &Server) {
    server.execute(
        "CREATE TABLE a.wide (id INT PRIMARY KEY AUTO_INCREMENT, n INT, filler VARCHAR(2000))",
    );
    server.execute("INSERT INTO a.wide (n, filler) SELECT n, REPEAT('x', 2000) FROM a.bare");
    for _ in 0..2 {
        server.execute("INSERT INTO a.wide (n, filler) SELECT n, filler FROM a.wide");
    }
}

/// Kills the query that reads a table.
fn kill_query(server: &Server) {
    wait_until("the table is being read", Duration::from_secs(60), || {
        let rows = server.query_text("SHOW FULL PROCESSLIST");
        let reads = rows.iter().find(|row| {
            row[1].as_deref() == Some("u")
                && row[7]
                    .as_ref()
                    .is_some_and(|info| info.contains("`a`.`wide`"))
        });
        reads.is_some_and(|row| {
            server.execute(&format!("KILL QUERY {}", row[0].as_ref().unwrap()));
            true
        })
    });
}

#[test]
fn a_snapshot_whose_query_is_killed_goes_on() {
    for flavour in every_or(Flavour::MySql97) {
        for start in [FIRST, "start = 'latest'"] {
            let is_first = start == FIRST;
            let (server, folder) = begin_filled(flavour);
            fill_wide(&server);
            let folder = slow(folder, 8_000).replacing(FIRST, start);
            let mut running = match is_first {
                true => folder.start(&super::STREAM),
                false => streaming(&folder),
            };
            if !is_first {
                snapshot(&folder, &["--table", "a.wide"]);
            }
            until_partly(&mut running, &folder, "wide");
            kill_query(&server);
            running.until("the run fails", |running| {
                running.stderr().contains("run failed, starting again")
            });
            server.execute("UPDATE a.wide SET n = -1 WHERE id % 100 = 0");
            match is_first {
                true => running.until("it is copied", |running| {
                    running.stderr().contains("copied what is there")
                }),
                false => until_done(&mut running, &folder),
            }
            ended(running, &folder);
            let mut rows = BTreeMap::new();
            for line in folder.changes() {
                if line["source"]["table"] == "wide" {
                    let [id, n] = ["id", "n"].map(|name| line["after"][name].as_i64().unwrap());
                    rows.insert(id, n);
                }
            }
            let held = server.query_text("SELECT id, n FROM a.wide");
            let held = held.into_iter().map(|row| {
                let mut cells = row.into_iter().map(|it| it.unwrap().parse().unwrap());
                (cells.next().unwrap(), cells.next().unwrap())
            });
            assert_eq!(
                rows,
                held.collect::<BTreeMap<i64, i64>>(),
                "{flavour:?}, {start}"
            );
        }
    }
}

const BESIDE: &str = "(id INT NOT NULL PRIMARY KEY AUTO_INCREMENT, word VARCHAR(9), number INT)";

/// A connector whose first snapshot is done, and tables that go on.
fn begin_beside(flavour: Flavour, tables: &[&str]) -> (Server, Folder) {
    let (server, folder) = begin(flavour);
    super::may_copy(&server, "u");
    server.execute("CREATE DATABASE checker CHARACTER SET utf8mb4");
    for table in tables {
        let rows: Vec<String> = (0..4_000)
            .map(|number| format!("('w', {number})"))
            .collect();
        server.execute(&format!(
            "CREATE TABLE checker.{table} {BESIDE}; INSERT INTO checker.{table} (word, number) VALUES {}",
            rows.join(", ")
        ));
    }
    folder.succeeds(&ONCE);
    (server, slow(folder, 1_000))
}

/// Rebuilds what came out, and holds it against the source.
fn compared(server: &Server, folder: &Folder) {
    let output = files::read(&folder.path("changes")).unwrap();
    let mut findings = Findings::default();
    let groups = stream::groups(output, &mut findings);
    let mut settling = Settling::of(server.flavour(), findings);
    let groups = settling.settle(groups);
    let rebuilt = rebuild::empty_server(server.flavour());
    rebuilt.execute("CREATE DATABASE checker CHARACTER SET utf8mb4");
    let findings = &mut settling.findings;
    rebuild::apply(&groups, &rebuilt, findings);
    rebuild::compare(server, &rebuilt, "checker", &[], findings);
    println!("{:?}: {:?}: {findings}", server.flavour(), settling.copied);
    settling.findings.assert_clean();
}

/// Waits until no snapshot waits or is being taken, and returns what is told of those that were given up.
fn until_over(running: &mut Running, folder: &Folder) -> String {
    until_done(running, folder);
    snapshot(folder, &["--status"])
}

#[test]
fn a_table_that_changes_in_its_ordered_snapshot_is_copied_as_it_is_then_or_given_up() {
    for flavour in every_or(Flavour::MySql97) {
        let tables = [
            "side_altered",
            "side_dropped",
            "side_emptied",
            "side_renamed",
        ];
        let (server, folder) = begin_beside(flavour, &tables);
        let mut running = streaming(&folder);
        for (table, statement, is_given_up) in [
            (
                "side_altered",
                "ALTER TABLE checker.side_altered ADD COLUMN more INT NOT NULL DEFAULT 7 AFTER id",
                false,
            ),
            ("side_emptied", "TRUNCATE TABLE checker.side_emptied", false),
            (
                "side_renamed",
                "RENAME TABLE checker.side_renamed TO checker.side_other",
                true,
            ),
            ("side_dropped", "DROP TABLE checker.side_dropped", true),
        ] {
            let before = snapshot(&folder, &["--status"]);
            snapshot(&folder, &["--table", &format!("checker.{table}")]);
            let reached = format!(r#"partly\":[{{\"database\":\"checker\",\"table\":\"{table}\""#);
            running.until("a part is committed", |_| {
                let manifest = std::fs::read_to_string(folder.path("changes/manifest.jsonl"));
                let manifest = manifest.unwrap_or_default();
                manifest
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .contains(&reached)
            });
            server.execute(statement);
            if !is_given_up {
                server.execute(&format!(
                    "INSERT INTO checker.{table} (word, number) VALUES ('new', 1), ('new', 2)"
                ));
            }
            let told = until_over(&mut running, &folder);
            assert_eq!(told != before, is_given_up, "{flavour:?}, {table}: {told}");
        }
        server.execute("INSERT INTO checker.side_other (word, number) VALUES ('end', 1)");
        ended(running, &folder);
        compared(&server, &folder);
    }
}

#[test]
fn a_table_that_grows_faster_than_it_is_copied_is_copied_as_far_as_it_went() {
    for flavour in every_or(Flavour::MariaDb118) {
        let (server, folder) = begin_beside(flavour, &["side_grows"]);
        let mut running = streaming(&folder);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let mut session = server.connect();
            let over = &is_over;
            scope.spawn(move || {
                let rows = vec!["('more', 1)"; 50].join(", ");
                while !over.load(Ordering::Relaxed) {
                    let grow =
                        format!("INSERT INTO checker.side_grows (word, number) VALUES {rows}");
                    session.query_drop(grow).unwrap();
                    session.query_drop("DO SLEEP(0.02)").unwrap();
                }
            });
            let _over = super::kills::Over(&is_over);
            snapshot(&folder, &["--table", "checker.side_grows"]);
            until_done(&mut running, &folder);
        });
        ended(running, &folder);
        compared(&server, &folder);
    }
}

#[test]
fn a_row_beyond_the_packets_of_the_source_comes_whole() {
    for flavour in every_or(Flavour::MySql57) {
        let server = Server::start(flavour, &["--max-allowed-packet=64M"]);
        account(&server, "u");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, body LONGBLOB)");
        server.execute("INSERT INTO a.t VALUES (1, 'x'), (2, REPEAT('y', 17000000)), (3, 'z')");
        let folder = Folder::streaming_any(&server, "u");
        let mut running = streaming(&folder);
        server.execute("SET GLOBAL max_allowed_packet = 1048576");
        snapshot(&folder, &["--table", "a.t"]);
        let told = until_over(&mut running, &folder);
        let changes = folder.changes();
        let lengths = changes
            .iter()
            .map(|line| line["after"]["body"].as_str().unwrap().len());
        let lengths: Vec<usize> = lengths.collect();
        println!("{flavour:?}: {lengths:?}, {told}");
        assert_eq!(lengths, [4, 22_666_668, 4], "{flavour:?}: {told}");
        ended(running, &folder);
    }
}

#[test]
fn tables_that_change_names_before_their_rows_are_read_begin_anew() {
    for flavour in every_or(Flavour::MySql57) {
        let (server, folder) = begin(flavour);
        if flavour.family() == Family::MySql {
            // Without BACKUP_ADMIN, which would keep DDL out.
            server.execute("GRANT LOCK TABLES ON *.* TO u@'%'");
        }
        server.execute("CREATE DATABASE checker CHARACTER SET utf8mb4");
        for (table, count) in [("side_a", 4_000), ("side_b", 70), ("side_c", 50)] {
            let rows = vec![format!("('{table}', 1)"); count].join(", ");
            server.execute(&format!(
                "CREATE TABLE checker.{table} {BESIDE}; INSERT INTO checker.{table} (word, number) VALUES {rows}"
            ));
        }
        let folder = slow(folder, 1_500);
        let mut running = folder.start(&super::STREAM);
        running.until("rows come out", |_| !folder.changes().is_empty());
        server.execute(
            "RENAME TABLE checker.side_b TO checker.side_x, checker.side_c TO checker.side_b, checker.side_x TO checker.side_c",
        );
        running.until("it is copied and streams", |running| {
            let log = running.stderr();
            let copied = log.find("copied what is there");
            copied.is_some_and(|at| log[at..].contains("replication started"))
        });
        ended(running, &folder);
        compared(&server, &folder);
    }
}

/// Locks a table of `begin_unlocked`, and starts a copy that then waits for it.
fn awaiting(server: &Server, folder: &Folder, locking: &mut mysql::Conn) -> Running {
    locking
        .query_drop("LOCK TABLES checker.side_a WRITE")
        .unwrap();
    let mut running = folder.start(&super::STREAM);
    running.until("the table is waited for", |_| {
        let rows = server.query_text("SHOW FULL PROCESSLIST");
        rows.iter().any(|row| {
            let [user, state, info] = [1, 6, 7].map(|at| row[at].as_deref().unwrap_or_default());
            user == "u" && state.contains("metadata lock") && info.contains("`side_a`")
        })
    });
    running
}

/// Copies two tables of MySQL without a lock, and gives a session that may lock one.
fn begin_unlocked(flavour: Flavour) -> (Server, Folder, mysql::Conn) {
    let (server, folder) = begin(flavour);
    server.execute("CREATE DATABASE checker CHARACTER SET utf8mb4");
    for table in ["side_a", "side_b"] {
        server.execute(&format!(
            "CREATE TABLE checker.{table} {BESIDE}; CREATE INDEX early ON checker.{table} (word, number);
             INSERT INTO checker.{table} (word, number) VALUES ('one', 1), ('two', 2)"
        ));
    }
    let keys = "[snapshot]\nlocking = 'none'\nwhen = 'when_needed'\n[sink]";
    let folder = folder.replacing("[sink]", keys);
    let session = server.connect();
    (server, folder, session)
}

#[test]
fn a_table_that_is_gone_is_emptied_however_often_the_next_copy_begins() {
    let flavours = every_or(Flavour::MySql97).into_iter();
    for flavour in flavours.filter(|it| it.family() == Family::MySql) {
        let (server, folder, mut locking) = begin_unlocked(flavour);
        folder.succeeds(&ONCE);
        server.execute("RENAME TABLE checker.side_b TO checker.side_c; FLUSH BINARY LOGS");
        server.execute("FLUSH BINARY LOGS");
        let (file, _) = server.coordinates();
        server.purge_to(&file);
        for _ in 0..2 {
            let running = awaiting(&server, &folder, &mut locking);
            running.signal("KILL");
            running.end();
            locking.query_drop("UNLOCK TABLES").unwrap();
        }
        folder.succeeds(&ONCE);
        let statements = folder.ddl().into_iter();
        let statements: Vec<Value> = statements.map(|line| line["ddl"].clone()).collect();
        let emptied = statements
            .iter()
            .filter(|statement| **statement == "TRUNCATE TABLE `checker`.`side_b`");
        assert_eq!(emptied.count(), 1, "{flavour:?}: {statements:?}");
    }
}

#[test]
fn a_table_that_is_altered_before_it_is_described_comes_as_it_was_or_anew() {
    let flavours = every_or(Flavour::MySql97).into_iter();
    for flavour in flavours.filter(|it| it.family() == Family::MySql) {
        let (server, folder, mut locking) = begin_unlocked(flavour);
        let mut running = awaiting(&server, &folder, &mut locking);
        server.execute("DROP INDEX early ON checker.side_b");
        locking.query_drop("UNLOCK TABLES").unwrap();
        running.until("it is copied", |running| {
            running.stderr().contains("copied what is there")
        });
        let words = "it was altered while the snapshot began";
        assert!(running.stderr().contains(words), "{}", running.stderr());
        server.execute("DROP INDEX early ON checker.side_a");
        ended(running, &folder);
        compared(&server, &folder);
    }
}

#[test]
fn a_commit_that_cannot_be_seen_in_time_ends_an_ordered_snapshot_and_the_stream_goes_on() {
    let flavours = every_or(Flavour::MariaDb118).into_iter();
    for flavour in flavours.filter(|it| it.family() == Family::MariaDb) {
        let (server, folder) = begin_at_end(flavour);
        let folder = folder.replacing("[sink]", "xa_wait_max = '1s'\n[sink]");
        let mut running = streaming(&folder);
        server.execute(
            "XA START 'late'; UPDATE a.t SET name = 'by XA' WHERE id = 7; XA END 'late'; XA PREPARE 'late'",
        );
        // What is in the binlog is seen once a replica has it, and none acknowledges that.
        server.execute(
            "SET GLOBAL rpl_semi_sync_master_timeout = 600000; SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC;
             SET GLOBAL rpl_semi_sync_master_enabled = ON",
        );
        let mut session = server.connect();
        let committing = thread::spawn(move || session.query_drop("XA COMMIT 'late'").unwrap());
        running.until("the stream has passed the commit", |_| {
            let changes = folder.changes();
            changes.iter().any(|line| line["after"]["name"] == "by XA")
        });
        snapshot(&folder, &["--table", "a.t"]);
        let told = until_over(&mut running, &folder);
        let words = "was decided, and has been prepared still for 2s";
        assert!(told.contains(words), "{flavour:?}: {told}");
        server.execute("SET GLOBAL rpl_semi_sync_master_enabled = OFF");
        committing.join().unwrap();
        snapshot(
            &folder,
            &["--table", "a.pair", "--table", "a.t", "--table", "a.bare"],
        );
        until_done(&mut running, &folder);
        ended(running, &folder);
        is_same_by_key(&server, &folder);
    }
}
