//! A source that is not what it was: each time the diagnosis, and the commands that it prints work.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rowtap::mysql::Flavour as Family;

use super::{ONCE, ids};
use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Server, wait_until};

const WAIT_MAX: Duration = Duration::from_secs(60);

/// A server with a table, and a connector that has delivered its first row.
#[track_caller]
fn begin(flavour: Flavour, options: &[&str]) -> (Server, Folder) {
    let server = Server::start(flavour, options);
    account(&server, "u");
    let folder = Folder::streaming(&server, "u");
    folder.succeeds(&ONCE);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
    server.execute("INSERT INTO a.t VALUES (1)");
    folder.succeeds(&ONCE);
    assert_eq!(ids(&folder), [1]);
    (server, folder)
}

/// Makes sure that the connector stops with a diagnosis, does what it says, and makes sure that it goes on then.
#[track_caller]
fn is_refused_and_recovers(mut folder: Folder, code: i32, diagnosis: &str) -> Folder {
    folder.fails(code, &[diagnosis, "take a new start"]);
    let told = folder.run(&ONCE).stderr;
    let (_, told) = told.split_once("; that is: ").expect(&told);
    let (commands, rest) = told.split_once(", then ").expect(told);
    let (start, _) = rest.split_once(" in [source] of ").expect(rest);
    let done = Command::new("sh").args(["-c", commands]).status().unwrap();
    assert!(done.success(), "{commands}");
    folder = folder.replacing("start = 'latest'", start);
    folder.succeeds(&ONCE);
    folder
}

fn reset(server: &Server) {
    server.execute(match server.flavour().family() {
        Family::MySql => "RESET BINARY LOGS AND GTIDS",
        Family::MariaDb => "RESET MASTER",
    });
}

/// Leaves only a new binlog file.
#[track_caller]
fn purge(server: &Server) {
    server.execute("FLUSH BINARY LOGS");
    let (newest, _) = server.coordinates();
    wait_until("the old files are gone", WAIT_MAX, || {
        server.execute(&format!("PURGE BINARY LOGS TO '{newest}'"));
        server.query_text("SHOW BINARY LOGS").len() == 1
    });
}

#[test]
fn a_source_that_was_reset_is_told() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        reset(&server);
        server.execute("INSERT INTO a.t VALUES (2)");
        let folder = is_refused_and_recovers(folder, 65, "the source was reset");
        assert_eq!(ids(&folder), [2], "{flavour:?}");
    }
}

#[test]
fn a_source_that_was_reset_and_has_grown_past_the_checkpoint_is_told() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        reset(&server);
        for id in 2..60 {
            server.execute(&format!("INSERT INTO a.t VALUES ({id})"));
        }
        let folder = is_refused_and_recovers(folder, 65, "the source was");
        assert_eq!(ids(&folder), (2..60).collect::<Vec<i64>>(), "{flavour:?}");
    }
}

#[test]
fn groups_that_were_purged_unread_are_told() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        server.execute("INSERT INTO a.t VALUES (2)");
        purge(&server);
        server.execute("INSERT INTO a.t VALUES (3)");
        let folder = is_refused_and_recovers(folder, 69, "has been purged from the source");
        assert_eq!(ids(&folder), [3], "{flavour:?}");
    }
}

/// Removes the binlogs of a server that is stopped, so that it begins with number 1 again.
fn remove_binlogs(server: &Server) {
    for entry in fs::read_dir(server.datadir()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // MariaDB's binlog.state stays: what it has written is known there.
        if name.starts_with("binlog.0") || name == "binlog.index" {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn binlogs_that_were_numbered_anew_lose_nothing() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        for _ in 0..3 {
            server.execute("FLUSH BINARY LOGS");
        }
        folder.succeeds(&ONCE);
        server.stop();
        remove_binlogs(&server);
        server.start_again();
        server.execute("INSERT INTO a.t VALUES (2)");
        let folder = is_refused_and_recovers(folder, 65, "its binlogs were numbered anew");
        assert_eq!(ids(&folder), [2], "{flavour:?}");
        server.execute("INSERT INTO a.t VALUES (3)");
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [2, 3], "{flavour:?}");
    }
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(done.success());
}

#[test]
fn a_source_that_was_restored_from_an_older_copy_is_told() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        server.stop();
        let older = tempfile::tempdir().unwrap();
        copy(&server.datadir(), &older.path().join("data"));
        server.start_again();
        server.execute("INSERT INTO a.t VALUES (2)");
        folder.succeeds(&ONCE);
        let (_, end) = server.coordinates();
        server.stop();
        fs::remove_dir_all(server.datadir()).unwrap();
        copy(&older.path().join("data"), &server.datadir());
        server.start_again();
        let mut id = 3;
        while server.coordinates().1 <= end {
            server.execute(&format!("INSERT INTO a.t VALUES ({id})"));
            id += 1;
        }
        let folder = is_refused_and_recovers(folder, 65, "the source was");
        assert!(ids(&folder).ends_with(&[id - 1]), "{flavour:?}");
    }
}

/// Puts another XID into the event that ends at a position, with the checksum that goes with it.
fn change_xid(path: &Path, end: u64) {
    const XID_EVENT: usize = 19 + 8 + 4;
    let mut bytes = fs::read(path).unwrap();
    let end = usize::try_from(end).unwrap();
    let event = &mut bytes[end - XID_EVENT..end];
    assert_eq!(event[4], 16, "an XID event");
    event[19] ^= 1;
    let checksum = crc32fast::hash(&event[..XID_EVENT - 4]).to_le_bytes();
    event[XID_EVENT - 4..].copy_from_slice(&checksum);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_copy_that_went_its_own_way_is_told_although_names_sizes_and_times_fit() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        let (file, position) = server.coordinates();
        server.stop();
        change_xid(&server.binlog_path(&file), position);
        server.start_again();
        server.execute("INSERT INTO a.t VALUES (2)");
        let folder = is_refused_and_recovers(
            folder,
            65,
            "is not the one that was delivered: the source was",
        );
        assert!(ids(&folder).ends_with(&[2]), "{flavour:?}");
    }
}

#[test]
fn a_clone_with_the_same_name_and_files_is_told() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        server.stop();
        let clone = Server::start(flavour, &[]);
        clone.stop();
        if flavour.family() == Family::MySql {
            fs::copy(
                server.datadir().join("auto.cnf"),
                clone.datadir().join("auto.cnf"),
            )
            .unwrap();
        }
        clone.start_again();
        account(&clone, "u");
        clone.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
        for id in 10..40 {
            clone.execute(&format!("INSERT INTO a.t VALUES ({id})"));
        }
        let folder = folder.replacing(
            &format!("port = {}", server.port()),
            &format!("port = {}", clone.port()),
        );
        let folder = is_refused_and_recovers(folder, 65, "take a new start");
        assert!(ids(&folder).ends_with(&[39]), "{flavour:?}");
    }
}

#[test]
fn domains_and_gaps_of_numbers_are_followed_over_a_change_of_server() {
    let (mut pair, folder) = super::pair(Flavour::MariaDb1011, &["--gtid-strict-mode=OFF"]);
    pair.source().execute(
        "INSERT INTO a.t VALUES (1, 'one'); SET gtid_domain_id = 7; INSERT INTO a.t VALUES (2, 'two'); \
         SET gtid_domain_id = 0, gtid_seq_no = 9000; INSERT INTO a.t VALUES (3, 'three'); \
         INSERT INTO a.t VALUES (4, 'four')",
    );
    folder.succeeds(&ONCE);
    pair.wait_until_caught_up();
    pair.source().kill();
    pair.promote();
    pair.source().execute(
        "INSERT INTO a.t VALUES (5, 'five'); SET gtid_domain_id = 8; INSERT INTO a.t VALUES (6, 'six')",
    );
    folder.succeeds(&ONCE);
    folder.succeeds(&ONCE);
    assert_eq!(ids(&folder), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn numbers_out_of_order_do_not_tell_what_was_delivered() {
    let (mut pair, folder) = super::pair(Flavour::MariaDb1011, &["--gtid-strict-mode=OFF"]);
    pair.source().execute(
        "INSERT INTO a.t VALUES (1, 'one'); SET gtid_seq_no = 9000; INSERT INTO a.t VALUES (2, 'two'); \
         SET gtid_seq_no = 8000; INSERT INTO a.t VALUES (3, 'three')",
    );
    folder.succeeds(&ONCE);
    pair.wait_until_caught_up();
    pair.source().kill();
    pair.promote();
    pair.source().execute("INSERT INTO a.t VALUES (4, 'four')");
    folder.fails(
        69,
        &[
            "0-1-9000 follows 0-1-",
            "0-1-8000 was the last",
            "gtid_strict_mode = ON",
        ],
    );
    assert_eq!(ids(&folder), [1, 2, 3]);
}
