//! From the copy into the stream, while clients change what is copied.

use rowtap::mysql::Flavour as Family;

use super::load::{Load, fill, is_same};
use super::{ONCE, STREAM, begin, begin_filled};
use crate::support::Flavour;

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
        let changes = load.stop();
        assert!(changes > 100, "{flavour:?}: only {changes} changes");
        folder.succeeds(&ONCE);
        is_same(&server, &folder);
    }
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

#[test]
fn a_copy_that_is_killed_begins_anew_behind_statements_that_empty_its_tables() {
    for flavour in Flavour::EVERY {
        let (server, folder) = begin_filled(flavour);
        let folder = folder.replacing("[sink]", SLOWLY);
        let load = Load::start(&server, 2);
        for kill in 1..=3 {
            let mut running = folder.start(&STREAM);
            running.until("rows come out", |_| {
                let lines = folder.changes();
                lines
                    .iter()
                    .any(|line| line["source"]["sequence"].as_u64().unwrap_or(0) >> 40 == kill)
            });
            running.signal("KILL");
            running.end();
        }
        folder.succeeds(&ONCE);
        load.stop();
        folder.succeeds(&ONCE);
        is_same(&server, &folder);
        let emptied = folder.ddl().into_iter().filter(|line| {
            let statement = line["ddl"].as_str().unwrap();
            statement == "TRUNCATE TABLE `a`.`t`"
        });
        // Of a copy that was killed nothing is left that was not committed.
        let count = emptied.count();
        assert!((1..=3).contains(&count), "{flavour:?}: {count}");
    }
}

#[test]
fn a_copy_begins_anew_where_a_table_changes_under_it() {
    for flavour in [Flavour::MySql57, Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour);
        if flavour.family() == Family::MySql {
            // Without BACKUP_ADMIN, which would keep DDL out.
            server.execute("GRANT RELOAD ON *.* TO u@'%'");
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
        is_same(&server, &folder);
    }
}
