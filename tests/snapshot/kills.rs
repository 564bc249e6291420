//! Copies that are killed again and again, while clients change rows and alter tables.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mysql::prelude::Queryable;

use super::load::{Load, is_same_by_key};
use super::{ONCE, STREAM, begin_filled};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server, is_full};

/// Alters tables, one after the other, without changing what their rows show.
struct Altering {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<u32>,
}

impl Altering {
    fn start(server: &Server) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (is_over, mut session) = (Arc::clone(&stop), server.connect());
        let thread = thread::spawn(move || {
            let mut count = 0;
            session.query_drop("SET lock_wait_timeout = 1").unwrap();
            for number in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                let length = 91 + number % 7;
                let change = match number % 4 {
                    0 => "t FORCE".to_owned(),
                    1 => format!("bare MODIFY name VARCHAR({length})"),
                    2 => "pair FORCE".to_owned(),
                    _last => format!("t MODIFY name VARCHAR({length})"),
                };
                // One that is locked against DDL is left.
                let altered = session.query_drop(format!("ALTER TABLE a.{change}"));
                session.query_drop("DO SLEEP(0.3)").unwrap();
                count += u32::from(altered.is_ok());
            }
            count
        });
        Self { stop, thread }
    }

    fn stop(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The rows that the manifest counts.
fn committed(folder: &Folder) -> u64 {
    let manifest = fs::read_to_string(folder.path("changes/manifest.jsonl")).unwrap_or_default();
    let last = manifest.lines().last().unwrap_or_default();
    let line: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
    let files = line["files"].as_array().cloned().unwrap_or_default();
    files.iter().filter_map(|file| file["rows"].as_u64()).sum()
}

fn check(flavour: Flavour, locking: &str, clients: u64, kills: u64) {
    let (server, folder) = begin_filled(flavour);
    let snapshot = format!(
        "[snapshot]\nthreads = 3\nlocking = '{locking}'\nrows_per_second_max = 4000\n[sink]"
    );
    let folder = folder
        .replacing("[sink]", &snapshot)
        .replacing("[source]", "checkpoint_interval = '100ms'\n[source]");
    let load = Load::start(&server, clients);
    let altering = Altering::start(&server);
    for kill in 1..=kills {
        let before = committed(&folder);
        let mut running = folder.start(&STREAM);
        running.until("more is committed", |running| {
            let is_copied = running.stderr().contains("copied what is there");
            is_copied || committed(&folder) > before + kill * 211 % 1_500
        });
        running.signal("KILL");
        running.end();
    }
    let altered = altering.stop();
    folder.succeeds(&ONCE);
    let changes = load.stop();
    folder.succeeds(&ONCE);
    let twice = is_same_by_key(&server, &folder);
    println!(
        "{flavour:?}, locking {locking}: {kills} kills, {changes} changes, {altered} ALTERs, {twice} rows read twice"
    );
}

#[test]
fn what_copies_come_to_is_what_the_source_holds() {
    if !is_full() {
        check(Flavour::MySql97, "none", 3, 3);
        return;
    }
    for flavour in Flavour::EVERY {
        for locking in ["auto", "none"] {
            check(flavour, locking, 8, 20);
        }
    }
}
