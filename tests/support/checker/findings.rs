//! What the checks found: complaints by check, and how much was looked at.

use std::collections::BTreeMap;
use std::fmt;

/// Complaints kept of each check; the rest are counted.
const KEPT_MAX: usize = 8;

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// rowtap runs, stops and resumes with the exit codes that it should have.
    Run,
    /// The output can be read; a record's headers and value name the same change.
    Format,
    /// Each client's sequence numbers come from 1 to its last, without a gap or a double.
    Sequences,
    /// Each transaction is whole: as many row changes as its client counted, numbered from 0, the journal's last.
    Transactions,
    /// A log holds changes in the order of the source, a key's records one partition.
    Order,
    /// Files repeat nothing. A partition repeats from a group's first row there, a key a suffix, without a difference.
    Repetition,
    /// The accounts' sum is the same at every group's end.
    Sum,
    /// A changed key is a delete with its tombstone and a create that name each other.
    KeyChange,
    /// Each change's row before is the row that the last change of its key left.
    KeyChain,
    /// Row changes and DDL, applied to an empty server, make what the source holds.
    State,
    /// Every event is accounted for, and `received` and `rows` are what the source wrote.
    Ledger,
    /// Nothing of a rejected table came out.
    Filter,
}

/// Complaints and counts.
#[derive(Debug, Default)]
pub struct Findings {
    complaints: BTreeMap<Check, Vec<String>>,
    counts: BTreeMap<Check, usize>,
    /// Groups in the output.
    pub groups: usize,
    /// Row changes in the output, repeated ones once.
    pub row_changes: usize,
    /// DDL statements in the output.
    pub statements: usize,
    /// Records that were repeated.
    pub repeated: usize,
    /// Values compared between the source and what was rebuilt.
    pub cells: usize,
}

impl Findings {
    /// Notes that something is wrong.
    pub fn complain(&mut self, check: Check, text: impl Into<String>) {
        *self.counts.entry(check).or_default() += 1;
        let kept = self.complaints.entry(check).or_default();
        if kept.len() < KEPT_MAX {
            kept.push(text.into());
        }
    }

    /// The checks that complain.
    pub fn failed(&self) -> Vec<Check> {
        self.counts.keys().copied().collect()
    }

    /// Panics with every complaint if there is one.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.counts.is_empty(), "\n{self}");
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} row changes and {} statements in {} groups, {} records repeated, {} cells compared",
            self.row_changes, self.statements, self.groups, self.repeated, self.cells
        )?;
        for (check, texts) in &self.complaints {
            let count = self.counts.get(check).copied().unwrap_or_default();
            writeln!(f, "{check:?}: {count} complaints")?;
            for text in texts {
                writeln!(f, "    {text}")?;
            }
        }
        Ok(())
    }
}
