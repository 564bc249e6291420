//! The file of schemas' numbers that fails: the run says so, and the next one goes on.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use super::faults::Subject;
use super::stub::Stub;
use crate::commands::process::Folder;

/// What a connector comes to whose registry gives numbers, and how the path ends that the message must name.
const KEEP: [(&str, &str); 4] = [
    ("Create SchemaNumbers", "/schema-numbers.json.new"),
    ("Write SchemaNumbers", "/schema-numbers.json.new"),
    ("Sync SchemaNumbers", "/schema-numbers.json.new"),
    ("Rename SchemaNumbers", "/schema-numbers.json"),
];
/// What a later start comes to.
const START: [(&str, &str); 2] = [
    ("Open SchemaNumbers", "/schema-numbers.json"),
    ("Read SchemaNumbers", "/schema-numbers.json"),
];
/// A point that these connectors never come to.
const NOWHERE: &str = "Write Spill 1 EIO";

/// All of them.
pub fn points() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    KEEP.iter().chain(&START)
}

/// Its next runs fail there.
fn failing(folder: Folder, failure: &str) -> Folder {
    folder.variable("ROWTAP_PLANTED_FAILURE", failure)
}

#[test]
fn numbers_that_cannot_be_kept_or_read_are_told_and_the_next_start_goes_on() {
    for (point, path) in points() {
        let stub = Stub::start();
        let mut subject = Subject::new(&stub.web.url(), "", "");
        if START.iter().any(|(of_start, _)| of_start == point) {
            subject.succeeds();
            subject.forget_place();
        }
        subject.folder = failing(subject.folder, &format!("{point} 1 EIO"));
        subject.fails(73, &[path, "cannot ", "os error 5"]);
        subject.folder = failing(subject.folder, NOWHERE);
        subject.succeeds();
        let records = subject.records();
        assert!(records > 10, "{point}: {records}");
    }
}
