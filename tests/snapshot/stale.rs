//! Snapshots of one table, one after the other, beside changes of it: no row that comes by one is older than what the stream has
//! brought before.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mysql::prelude::Queryable;
use serde::Deserialize;

use super::ONCE;
use super::ordered::{begin_at_end_with, snapshot, streaming, until_done};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server, is_full, number_or};

/// Rows that the table may have, of which about ten thousand are there at a time.
const ROWS: u64 = 15_000;
/// Rows that a statement changes: so many that there are some thousand changes in a second.
const ROWS_AT_ONCE: u64 = 60;
/// What lets the server of this test write as fast as that on a disk that is slow.
const HASTY: [&str; 2] = ["--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"];

/// One client, so that the number that a row has grows with each change of it.
struct Changing {
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    begun: Instant,
    thread: JoinHandle<()>,
}

impl Changing {
    /// Starts to change rows, in XA transactions where that is wanted.
    fn start(server: &Server, is_xa: bool) -> Self {
        let (stop, changes) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (is_over, count, mut session) =
            (Arc::clone(&stop), Arc::clone(&changes), server.connect());
        let thread = thread::spawn(move || {
            let mut random = number_or("ROWTAP_TEST_SEED", 7);
            for number in (1_u64..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let statement = statement(random, number);
                let xa = |word: &str| format!("XA {word} 'x{number}'");
                if is_xa {
                    session.query_drop(xa("START")).unwrap();
                }
                session.query_drop(statement).unwrap();
                count.fetch_add(session.affected_rows(), Ordering::Relaxed);
                for word in ["END", "PREPARE", "COMMIT"] {
                    if is_xa {
                        session.query_drop(xa(word)).unwrap();
                    }
                }
                session.query_drop("DO SLEEP(0.004)").unwrap();
            }
        });
        Self {
            stop,
            changes,
            begun: Instant::now(),
            thread,
        }
    }

    /// Stops it and gives how many changes there were in a second.
    fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.changes.load(Ordering::Relaxed) as f64 / self.begun.elapsed().as_secs_f64()
    }
}

/// Changes some rows, which have this number then.
fn statement(random: u64, number: u64) -> String {
    let first = (random >> 20) % ROWS;
    let ids = (0..ROWS_AT_ONCE).map(|it| (first + it * 37) % ROWS);
    let ids: Vec<u64> = ids.collect();
    let list = |text: &dyn Fn(&u64) -> String| ids.iter().map(text).collect::<Vec<_>>().join(", ");
    match (random >> 50) % 4 {
        0 => format!("DELETE FROM a.s WHERE id IN ({})", list(&u64::to_string)),
        1 | 2 => format!(
            "INSERT INTO a.s VALUES {} ON DUPLICATE KEY UPDATE n = {number}",
            list(&|id| format!("({id}, {number})"))
        ),
        _ => format!(
            "UPDATE a.s SET n = {number} WHERE id IN ({})",
            list(&u64::to_string)
        ),
    }
}

/// The lines that came out, read as they come.
#[derive(Default)]
struct Followed {
    /// How far each file was read.
    read: BTreeMap<PathBuf, u64>,
    /// The number that each row had last, and whether it is there.
    rows: BTreeMap<u64, (u64, bool)>,
    copied: u64,
    stale: u64,
}

/// What counts of a line.
#[derive(Deserialize)]
struct Line<'a> {
    op: &'a str,
    before: Option<Image>,
    after: Option<Image>,
}

/// A row of the table that changes.
#[derive(Clone, Copy, Deserialize)]
struct Image {
    id: u64,
    n: u64,
}

impl Followed {
    /// Reads what came since the last time.
    fn follow(&mut self, folder: &Folder) {
        let entries = fs::read_dir(folder.path("changes")).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("changes-")
        });
        files.sort();
        for path in files {
            let mut end = *self.read.get(&path).unwrap_or(&0);
            if fs::metadata(&path).unwrap().len() == end {
                continue;
            }
            let mut file = BufReader::new(File::open(&path).unwrap());
            file.seek(SeekFrom::Start(end)).unwrap();
            let mut line = Vec::new();
            while let length @ 1.. = file.read_until(b'\n', &mut line).unwrap() {
                if line.last() != Some(&b'\n') {
                    break;
                }
                end += u64::try_from(length).unwrap();
                self.take(&serde_json::from_slice(&line).unwrap());
                line.clear();
            }
            self.read.insert(path, end);
        }
    }

    fn take(&mut self, line: &Line<'_>) {
        if let Some(Image { id, n }) = line.before {
            self.rows.insert(id, (n, false));
        }
        let Some(Image { id, n }) = line.after else {
            return;
        };
        let is_older = match self.rows.get(&id) {
            Some((last, is_there)) => n < *last || (n == *last && !is_there),
            None => false,
        };
        if line.op == "r" {
            self.copied += 1;
            self.stale += u64::from(is_older);
        }
        self.rows.insert(id, (n, true));
    }

    /// The rows that are there.
    fn there(&self) -> BTreeMap<u64, u64> {
        let there = self.rows.iter().filter(|(_, (_, is_there))| *is_there);
        there.map(|(id, (number, _))| (*id, *number)).collect()
    }
}

/// Takes so many snapshots, and gives how many rows were stale, and whether all comes to what the source holds.
pub fn beside_changes(
    server: &Server,
    folder: &Folder,
    (snapshots, is_xa): (u64, bool),
) -> (u64, bool) {
    server.execute("CREATE TABLE a.s (id INT PRIMARY KEY, n BIGINT NOT NULL)");
    let mut running = streaming(folder);
    for from in (0..ROWS).step_by(1000) {
        let rows = (from..from + 1000).map(|id| format!("({id}, 0)"));
        let rows: Vec<String> = rows.collect();
        server.execute(&format!("INSERT INTO a.s VALUES {}", rows.join(", ")));
    }
    let changing = Changing::start(server, is_xa);
    let mut followed = Followed::default();
    for _ in 0..snapshots {
        snapshot(folder, &["--table", "a.s"]);
        until_done(&mut running, folder);
        followed.follow(folder);
    }
    let rate = changing.stop();
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
    folder.succeeds(&ONCE);
    followed.follow(folder);
    let held = server.query_text("SELECT id, n FROM a.s");
    let number = |text: &Option<String>| text.as_ref().unwrap().parse::<u64>().unwrap();
    let held: BTreeMap<u64, u64> = held
        .iter()
        .map(|row| (number(&row[0]), number(&row[1])))
        .collect();
    let Followed { copied, stale, .. } = followed;
    println!(
        "{:?}, XA {is_xa}: {snapshots} snapshots, {copied} rows of them, {stale} stale, beside {rate:.0} changes/s",
        server.flavour()
    );
    (stale, followed.there() == held)
}

fn check(flavour: Flavour, snapshots: (u64, bool)) {
    let (server, folder) = begin_at_end_with(flavour, &HASTY);
    let found = beside_changes(&server, &folder, snapshots);
    assert_eq!(found, (0, true), "{flavour:?}");
}

/// How many snapshots of a table are taken; `ROWTAP_TEST_SNAPSHOTS` asks for another number, as `ROWTAP_TEST_SEED` does for other
/// changes beside them.
fn snapshots() -> u64 {
    number_or("ROWTAP_TEST_SNAPSHOTS", if is_full() { 1000 } else { 3 })
}

#[test]
fn no_row_of_a_snapshot_of_mysql_is_older_than_the_stream() {
    check(Flavour::MySql97, (snapshots(), false));
}

#[test]
fn no_row_of_a_snapshot_of_mariadb_is_older_than_the_stream() {
    check(Flavour::MariaDb118, (snapshots(), false));
}

#[test]
fn no_row_of_a_snapshot_beside_xa_transactions_is_older_than_the_stream() {
    let (flavours, snapshots) = match is_full() {
        true => (&Flavour::EVERY[..], 100),
        false => (&[Flavour::MySql57, Flavour::MariaDb118][..], 3),
    };
    for flavour in flavours {
        check(*flavour, (snapshots, true));
    }
}
