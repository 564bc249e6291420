//! Every recorded binlog to its end, beside the listing that its server's own tool prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Rows, decoded, listing, summary_rows};
use crate::support::Flavour;

/// Every recording in the tests, with the tool that lists it: MySQL's newest knows what the older ones write.
fn recordings() -> Vec<(PathBuf, Flavour)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/binlogs");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".binlog") {
            continue;
        }
        let flavour = match () {
            () if name.contains(Flavour::MariaDb118.name()) => Flavour::MariaDb118,
            () if name.contains("mariadb") => Flavour::MariaDb1011,
            () => Flavour::MySql97,
        };
        found.push((path, flavour));
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

/// What a listing holds of a file.
#[derive(Debug, Default)]
struct Listed {
    /// Events, those inside of compressed transactions too.
    events: u64,
    /// Row changes that were not rolled back, by table and kind.
    rows: Rows,
    /// Of the open transaction.
    open: Vec<Open>,
    /// Of prepared transactions, by name.
    prepared: BTreeMap<String, Vec<Open>>,
    preparations: u64,
    /// Tables of which the listing leaves out rows: MySQL's own goes no further than the first geometry of an event.
    cut: BTreeSet<String>,
}

#[derive(Debug)]
enum Open {
    Row { kind: &'static str, table: String },
    Savepoint(String),
}

impl Listed {
    fn read(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            found.take(line);
        }
        // The last transaction has no end in the file if it is a statement.
        found.keep(Vec::new());
        found
    }

    fn take(&mut self, line: &str) {
        if line.starts_with('#') && line.contains(" server id ") && line.contains(" end_log_pos ") {
            self.events += 1;
        }
        if line.contains("Don't know how to handle column type=255")
            && let Some(Open::Row { table, .. }) = self.open.last()
        {
            self.cut.insert(table.clone());
        }
        if let Some(row) = row(line) {
            return self.open.push(row);
        }
        let line = line.trim_end_matches(';').trim_end_matches("/*!*/");
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["COMMIT" | "BEGIN"]
            | ["START", "TRANSACTION"]
            | ["XA", "COMMIT", _, "ONE", "PHASE"] => {
                self.keep(Vec::new());
            }
            ["ROLLBACK"] => self.open.clear(),
            ["SAVEPOINT", name] => self.open.push(Open::Savepoint(name.to_owned())),
            ["ROLLBACK", "TO", name] => {
                let is_it = |open: &Open| matches!(open, Open::Savepoint(known) if known == name);
                let at = self.open.iter().rposition(is_it).expect(name);
                self.open.truncate(at + 1);
            }
            ["XA", "PREPARE", name] => {
                let open = std::mem::take(&mut self.open);
                self.prepared.insert(name.to_owned(), open);
                self.preparations += 1;
            }
            ["XA", "COMMIT", name] => {
                let rows = self.prepared.remove(name).expect(name);
                self.keep(rows);
            }
            ["XA", "ROLLBACK", name] => drop(self.prepared.remove(name).expect(name)),
            [..] => {}
        }
    }

    fn keep(&mut self, others: Vec<Open>) {
        for open in self.open.drain(..).chain(others) {
            if let Open::Row { kind, table } = open {
                *self.rows.entry(format!("{kind} {table}")).or_default() += 1;
            }
        }
    }

    fn without_cut(&self, mut rows: Rows) -> Rows {
        rows.retain(|key, _| {
            !self
                .cut
                .iter()
                .any(|table| key.ends_with(&format!(" {table}")))
        });
        rows
    }
}

fn row(line: &str) -> Option<Open> {
    let statement = line.strip_prefix("### ")?;
    let starts = [
        ("INSERT INTO ", "INSERT"),
        ("UPDATE ", "UPDATE"),
        ("DELETE FROM ", "DELETE"),
    ];
    starts.iter().find_map(|(start, kind)| {
        let table = statement.strip_prefix(start)?.replace('`', "");
        Some(Open::Row { kind, table })
    })
}

/// The numbers of a ledger: what was received, and what became of it.
fn ledger(summary: &str) -> (u64, Vec<u64>) {
    let (line, _) = summary.split_once("; rows ").unwrap();
    let numbers: Vec<u64> = line
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    (numbers[0], numbers[1..].to_vec())
}

#[test]
fn every_recording_has_the_events_and_rows_that_its_own_tool_lists() {
    let mut prepared = 0;
    for (path, flavour) in recordings() {
        let path = path.to_str().unwrap();
        let options = ["--summary", path];
        let summary = decoded(&options);
        let expected = Listed::read(&listing(flavour, &[path]));
        let (received, settled) = ledger(&summary);
        assert_eq!(received, settled.iter().sum::<u64>(), "{path}: {summary}");
        assert_eq!(received, expected.events, "{path}: {summary}");
        let found = expected.without_cut(summary_rows(&summary));
        assert_eq!(found, expected.without_cut(expected.rows.clone()), "{path}");
        assert!(!found.is_empty(), "{path}");
        println!(
            "{path}: {received} events, {} rows",
            found.values().sum::<u64>()
        );
        prepared += expected.preparations;
    }
    assert!(
        prepared >= 3,
        "{prepared} XA transactions were prepared in the recordings"
    );
}
