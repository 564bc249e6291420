//! Snapshots of one table, one after the other, beside changes of it: no row that comes by one is older than what the stream has
//! brought before.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mysql::prelude::Queryable;
use serde_json::Value;

use super::ONCE;
use super::ordered::{begin_at_end, snapshot, streaming, until_done};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server, is_full};

/// Rows of the table.
const ROWS: u64 = 10_000;
/// Rows that a statement changes.
const ROWS_AT_ONCE: u64 = 20;

/// One client, so that the number that a row has grows with each change of it.
struct Changing {
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    begun: Instant,
    thread: JoinHandle<()>,
}

impl Changing {
    fn start(server: &Server) -> Self {
        let (stop, changes) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (is_over, count, mut session) =
            (Arc::clone(&stop), Arc::clone(&changes), server.connect());
        let thread = thread::spawn(move || {
            let mut random = 7_u64;
            for number in (1_u64..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let first = (random >> 20) % ROWS;
                let ids: Vec<u64> = (0..ROWS_AT_ONCE)
                    .map(|it| (first + it * 37) % ROWS)
                    .collect();
                let list = |text: &dyn Fn(&u64) -> String| {
                    ids.iter().map(text).collect::<Vec<_>>().join(", ")
                };
                let statement = match (random >> 50) % 4 {
                    0 => format!("DELETE FROM a.s WHERE id IN ({})", list(&u64::to_string)),
                    1 | 2 => format!(
                        "INSERT INTO a.s VALUES {} ON DUPLICATE KEY UPDATE n = {number}",
                        list(&|id| format!("({id}, {number})"))
                    ),
                    _ => format!(
                        "UPDATE a.s SET n = {number} WHERE id IN ({})",
                        list(&u64::to_string)
                    ),
                };
                session.query_drop(statement).unwrap();
                count.fetch_add(session.affected_rows(), Ordering::Relaxed);
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

/// The lines that came out, read as they come.
#[derive(Default)]
struct Followed {
    /// How far each file was read.
    read: BTreeMap<PathBuf, usize>,
    /// The number that each row had last, and whether it is there.
    rows: BTreeMap<u64, (u64, bool)>,
    copied: u64,
    stale: u64,
}

impl Followed {
    fn follow(&mut self, folder: &Folder) {
        let entries = fs::read_dir(folder.path("changes")).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("changes-")
        });
        files.sort();
        for path in files {
            let read = *self.read.get(&path).unwrap_or(&0);
            let length = fs::metadata(&path).unwrap().len();
            if usize::try_from(length).unwrap() == read {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let whole = bytes.iter().rposition(|byte| *byte == b'\n');
            let end = whole.map_or(read, |at| at + 1);
            for line in bytes[read..end].split(|byte| *byte == b'\n') {
                if !line.is_empty() {
                    self.take(&serde_json::from_slice(line).unwrap());
                }
            }
            self.read.insert(path, end);
        }
    }

    fn take(&mut self, line: &Value) {
        let row = |image: &Value| Some((image["id"].as_u64()?, image["n"].as_u64()?));
        if let Some((id, number)) = row(&line["before"]) {
            self.rows.insert(id, (number, false));
        }
        let Some((id, number)) = row(&line["after"]) else {
            return;
        };
        let is_older = match self.rows.get(&id) {
            Some((last, is_there)) => number < *last || (number == *last && !is_there),
            None => false,
        };
        if line["op"] == "r" {
            self.copied += 1;
            self.stale += u64::from(is_older);
        }
        self.rows.insert(id, (number, true));
    }

    /// The rows that are there.
    fn there(&self) -> BTreeMap<u64, u64> {
        let there = self.rows.iter().filter(|(_, (_, is_there))| *is_there);
        there.map(|(id, (number, _))| (*id, *number)).collect()
    }
}

/// Takes so many snapshots, and gives how many rows were stale, and whether all comes to what the source holds.
pub fn beside_changes(server: &Server, folder: &Folder, snapshots: u64) -> (u64, bool) {
    server.execute("CREATE TABLE a.s (id INT PRIMARY KEY, n BIGINT NOT NULL)");
    let mut running = streaming(folder);
    for from in (0..ROWS).step_by(1000) {
        let rows = (from..from + 1000).map(|id| format!("({id}, 0)"));
        let rows: Vec<String> = rows.collect();
        server.execute(&format!("INSERT INTO a.s VALUES {}", rows.join(", ")));
    }
    let changing = Changing::start(server);
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
        "{:?}: {snapshots} snapshots, {copied} rows of them, {stale} stale, beside {rate:.0} changes/s",
        server.flavour()
    );
    (stale, followed.there() == held)
}

#[test]
fn no_row_of_a_snapshot_is_older_than_the_stream() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let (server, folder) = begin_at_end(flavour);
        let snapshots = if is_full() { 1000 } else { 3 };
        assert_eq!(
            beside_changes(&server, &folder, snapshots),
            (0, true),
            "{flavour:?}"
        );
    }
}
