//! From the copy into the stream, while clients change what is copied.

use std::collections::BTreeSet;
use std::fs;

use rowtap::mysql::Flavour as Family;

use super::load::{Load, fill, is_same, is_same_by_key};
use super::{ONCE, STREAM, begin, begin_filled, sampled};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server};

/// So slow that clients change much meanwhile.
const SLOWLY: &str = "[snapshot]\nthreads = 3\nrows_per_second_max = 8000\n[sink]";

#[test]
fn a_copy_goes_over_into_the_stream_without_gap_or_doubling() {
    for flavour in Flavour::EVERY {
        let (server, folder) = begin_filled(flavour);
        let folder = folder.replacing("[sink]", SLOWLY);
        let load = Load::start(&server, 3);
        let ended = folder.succeeds(&ONCE);
        assert!(ended.stderr.contains("not copied"), "{}", ended.stderr);
        load.stop();
        folder.succeeds(&ONCE);
        is_same(&server, &folder);
    }
}

/// Three readers, of MySQL without a lock.
const UNLOCKED: &str = "threads = 3\nlocking = 'none'";

#[test]
fn a_copy_without_a_lock_goes_over_into_the_stream() {
    for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MySql97] {
        let (server, folder) = begin(flavour);
        fill(&server);
        let folder = folder.replacing("[sink]", &SLOWLY.replace("threads = 3", UNLOCKED));
        let load = Load::start(&server, 4);
        let ended = folder.succeeds(&ONCE);
        let words = "the snapshot is of about this place, without a lock";
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        load.stop();
        folder.succeeds(&ONCE);
        assert_eq!(is_same_by_key(&server, &folder), 0, "{flavour:?}");
    }
}

#[test]
fn a_copy_without_a_lock_that_is_killed_goes_on_where_it_was() {
    let (server, folder) = begin_slow(Flavour::MySql97);
    let folder = folder.replacing("threads = 3", UNLOCKED);
    let load = Load::start(&server, 2);
    // The first two copies have no rows.
    kill_in(&folder, 2, "pair");
    kill_in(&folder, 3, "t");
    folder.succeeds(&ONCE);
    load.stop();
    folder.succeeds(&ONCE);
    is_same_by_key(&server, &folder);
}

#[test]
fn binlogs_that_were_purged_are_made_up_for_by_a_copy_where_that_is_wanted() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let (server, folder) = begin_filled(flavour);
        let folder = folder.replacing("start = 'snapshot'", "start = 'earliest'");
        folder.succeeds(&ONCE);
        server.execute("DELETE FROM a.t WHERE id % 3 = 0; DROP TABLE a.empty; FLUSH BINARY LOGS");
        server.execute("CREATE TABLE a.empty (id INT PRIMARY KEY); INSERT INTO a.empty VALUES (1)");
        server.execute("FLUSH BINARY LOGS");
        let (file, _) = server.coordinates();
        server.purge_to(&file);
        folder.fails(69, &["has been purged"]);
        let folder = folder.replacing("[sink]", "[snapshot]\nwhen = 'when_needed'\n[sink]");
        folder.succeeds(&ONCE);
        server.execute("INSERT INTO a.empty VALUES (2)");
        folder.succeeds(&ONCE);
        is_same(&server, &folder);
    }
}

/// The tables of which a copy has rows.
fn copied(folder: &Folder, copy: u64) -> BTreeSet<String> {
    let lines = folder.changes().into_iter();
    let of_copy = lines.filter(|line| {
        line["op"] == "r" && line["source"]["sequence"].as_u64().unwrap() >> 40 == copy
    });
    of_copy
        .map(|line| line["source"]["table"].as_str().unwrap().to_owned())
        .collect()
}

/// Begins to copy for the time of this number and kills rowtap once rows of a table are committed.
pub fn kill_in(folder: &Folder, copy: u64, table: &str) {
    let reached = match table {
        "bare" => "{".to_owned(),
        keyed => format!(r#"partly\":[{{\"database\":\"a\",\"table\":\"{keyed}\""#),
    };
    let mut running = folder.start(&STREAM);
    running.until("rows of the table are committed", |_| {
        let manifest = fs::read_to_string(folder.path("changes/manifest.jsonl"));
        let manifest = manifest.unwrap_or_default();
        let last = manifest.lines().last().unwrap_or_default();
        let is_of_copy = last.contains(&format!("snapshot=copying:{copy} {{"));
        is_of_copy && last.contains(&reached) && !last.contains("\"rows\":0}")
    });
    running.signal("KILL");
    running.end();
}

/// A connector that copies slowly and commits often.
pub fn begin_slow(flavour: Flavour) -> (Server, Folder) {
    let (server, folder) = begin_filled(flavour);
    let folder = folder
        .replacing("[sink]", &SLOWLY.replace("8000", "2500"))
        .replacing("[source]", "checkpoint_interval = '100ms'\n[source]");
    (server, folder)
}

/// Kills a copy in each of its tables, and gives how many rows of keys came twice.
fn killed(flavour: Flavour) -> usize {
    let (server, folder) = begin_slow(flavour);
    let load = Load::start(&server, 2);
    for (copy, table) in (1..).zip(["bare", "pair", "t"]) {
        kill_in(&folder, copy, table);
    }
    let told = folder.run(&["status", "shop.toml"]).stdout;
    for (name, value) in [
        ("Snapshot_Running", "No"),
        ("Snapshot_Table", "a.t"),
        ("Snapshot_Last_Table_Done", "a.pair"),
    ] {
        let line = format!("{name}: {value}\n");
        assert!(told.contains(&line), "{line} {told}");
    }
    folder.succeeds(&ONCE);
    load.stop();
    folder.succeeds(&ONCE);
    let twice = is_same_by_key(&server, &folder);
    // What has a key goes on where it was.
    assert_eq!(copied(&folder, 4), ["t".to_owned()].into(), "{flavour:?}");
    for line in folder.ddl() {
        let statement = line["ddl"].as_str().unwrap();
        let is_emptied = statement.starts_with("TRUNCATE TABLE");
        assert!(
            !is_emptied || statement == "TRUNCATE TABLE `a`.`bare`",
            "{statement}"
        );
    }
    twice
}

#[test]
fn a_copy_that_is_killed_goes_on_where_it_was() {
    for flavour in sampled() {
        let twice = killed(flavour);
        println!("{flavour:?}: {twice} rows were read twice");
        assert!(twice < 4_000, "{flavour:?}: {twice}");
    }
}

#[test]
fn a_copy_begins_anew_where_a_table_changes_under_it() {
    for flavour in [Flavour::MySql57, Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour);
        if flavour.family() == Family::MySql {
            // Without BACKUP_ADMIN, which would keep DDL out.
            server.execute("GRANT RELOAD, PROCESS ON *.* TO u@'%'");
        }
        fill(&server);
        let folder = folder.replacing("[sink]", &SLOWLY.replace("8000", "4000"));
        let mut running = folder.start(&STREAM);
        running.until("rows come out", |_| !folder.changes().is_empty());
        // The last of them by name, which is not being read yet.
        server.execute("ALTER TABLE a.t MODIFY name VARCHAR(95) NOT NULL, FORCE");
        running.until("the copy begins anew and ends", |running| {
            let log = running.stderr();
            log.contains("begins again") && log.contains("copied what is there")
        });
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
        folder.succeeds(&ONCE);
        is_same_by_key(&server, &folder);
    }
}
