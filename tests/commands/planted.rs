//! Failures of the file that keeps what was read of binlogs: it is done without, and nothing else changes.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use std::fs;

use super::events::{ONCE, prepare};
use super::process::Folder;
use crate::support::Flavour;

const FAILURE: &str = "ROWTAP_PLANTED_FAILURE";

/// A step on the file as `ROWTAP_PLANTED_FAILURE` names it, and how the path ends that the message must name.
pub const HISTORY: [(&str, &str); 6] = [
    ("Create History", "/history.jsonl.new"),
    ("Write History", "/history.jsonl.new"),
    ("Sync History", "/history.jsonl.new"),
    ("Rename History", "/history.jsonl"),
    ("Read History", "/history.jsonl"),
    ("Open History", "/history.jsonl"),
];

#[test]
fn a_history_that_fails_is_done_without() {
    let (server, mut folder) = prepare(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
    folder.succeeds(&ONCE);
    for (number, (point, path)) in HISTORY.iter().enumerate() {
        server.execute(&format!("INSERT INTO a.t VALUES ({number})"));
        if point.starts_with("Read") || point.starts_with("Open") {
            // Only a file that is there is read.
            folder = folder.variable(FAILURE, "Remove History 1 EIO");
            folder.succeeds(&ONCE);
        } else {
            let _ = fs::remove_file(folder.path("state/shop/history.jsonl"));
        }
        let failure = format!("{point} 1 EIO");
        folder = folder.variable(FAILURE, &failure);
        let ended = folder.succeeds(&ONCE);
        let warned = ended.stderr.lines().find(|line| line.contains("WARN"));
        let warned = warned.unwrap_or_else(|| panic!("{point}: {}", ended.stderr));
        assert!(warned.contains(path), "{point}: {warned}");
        assert_eq!(
            ids(&folder),
            (0..=number).collect::<Vec<usize>>(),
            "{point}"
        );
    }
}

fn ids(folder: &Folder) -> Vec<usize> {
    let changes = folder.changes();
    let rows = changes.iter().filter(|it| it["op"] == "c");
    let ids = rows.map(|it| it["after"]["id"].as_u64().unwrap());
    ids.map(|id| usize::try_from(id).unwrap()).collect()
}
