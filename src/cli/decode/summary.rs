//! `--summary` and `--verify`: what became of the events, and the row changes of each table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::batches::Batches;
use super::error::DecodeError;
use super::reader::FileCounts;
use crate::change::{Batch, Item, Ledger, RowsKind};
use crate::row::TableName;

/// Counts of a decoding.
#[derive(Debug, Default)]
pub(super) struct Summary {
    ledger: Ledger,
    tables: BTreeMap<TableName, RowCounts>,
}

/// Row changes of a table.
#[derive(Clone, Copy, Debug, Default)]
struct RowCounts {
    inserts: u64,
    updates: u64,
    deletes: u64,
}

impl Summary {
    /// Counts every batch up to the first mistake.
    pub(super) fn add_all(&mut self, batches: &mut Batches) -> Result<(), DecodeError> {
        while let Some(batch) = batches.next()? {
            self.add(&batch);
        }
        Ok(())
    }

    fn add(&mut self, batch: &Batch) {
        self.ledger += batch.ledger;
        for item in &batch.items {
            let Item::Rows(rows) = item else { continue };
            let Some(table) = batch.tables.get(rows.table as usize) else {
                continue;
            };
            let counts = match self.tables.get_mut(&table.name) {
                Some(counts) => counts,
                None => self.tables.entry(table.name.clone()).or_default(),
            };
            let count = match rows.kind {
                RowsKind::Write | RowsKind::Read | RowsKind::Entering { .. } => &mut counts.inserts,
                RowsKind::Update | RowsKind::PartialUpdate => &mut counts.updates,
                RowsKind::Delete => &mut counts.deletes,
            };
            *count += u64::from(rows.row_count);
        }
    }

    /// The ledger, and a line for each table with its name and counts, separated by tabs.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.ledger);
        if !self.tables.is_empty() {
            text.push_str("table\tinserts\tupdates\tdeletes\n");
        }
        for (table, counts) in &self.tables {
            let RowCounts {
                inserts,
                updates,
                deletes,
            } = counts;
            // A name may hold any character; escaped, it is one field of one line.
            let name = table.to_string();
            writeln!(
                text,
                "{}\t{inserts}\t{updates}\t{deletes}",
                name.escape_debug()
            )
            .expect("a String takes everything");
        }
        text
    }

    /// The result of a check that reached the end.
    pub(super) fn verified(&self, files: &FileCounts) -> String {
        let mut found = Vec::new();
        if files.empty > 0 {
            found.push(format!("{} without an event", files.empty));
        }
        if files.unfinished > 0 {
            let count = files.unfinished;
            found.push(format!(
                "the last transaction of {count} does not end there"
            ));
        }
        let wrong = match found.as_slice() {
            [] => "nothing wrong".to_owned(),
            found => format!("{}, nothing else wrong", found.join(", ")),
        };
        let checksums = match (files.without_checksums, files.read - files.empty) {
            (0, 0) => "",
            (0, 1) => ", with checksums",
            (0, _) => ", all with checksums",
            (1, 1) => ", without checksums",
            (some, _) => &format!(", {some} of them without checksums"),
        };
        format!(
            "{}{checksums}: {}, {}, {wrong}\n",
            counted(files.read, "file"),
            counted(self.ledger.received, "event"),
            counted(self.ledger.rows, "row"),
        )
    }
}

/// A count and what is counted.
fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
