//! The ledger: every binlog event is accounted for.
//!
//! `received = emitted + filtered + skipped + ddl + control + rolled_back + held + passed_over`. Each class is counted
//! where it is decided, `received` where the event is framed; none is computed as a remainder, so that the equation can fail.
//!
//! An event inside a compressed transaction counts as any other, and the event that it came in counts once more, as
//! control: with compression a group has one event more than without.

use std::fmt;
use std::ops::AddAssign;

use crate::binlog::EventKind;

/// Counts of binlog events by what became of them, and of the rows in the emitted ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    /// Events that were framed, artificial ones left out, and those inside compressed transactions.
    pub received: u64,
    /// Rows events whose rows went to the sink.
    pub emitted: u64,
    /// Rows events and statements that a filter rejected.
    pub filtered: u64,
    /// Those of the filtered whose whole group was left out: by its GTID, its server or its domain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Events passed over for a stated reason: marked ignorable by the server, a statement that changes nothing that is
    /// published or is on a system database, or one of `statements` or `undefined`.
    pub skipped: u64,
    /// Those of the skipped that are changes logged as statements: their rows are not in the binlog.
    pub statements: u64,
    /// Those of the skipped that are rows events of tables whose definition is not known, or of whose engine it is not known
    /// whether a rollback undid them.
    pub undefined: u64,
    /// Those of the emitted whose table's definition is not known: their columns have numbers for names.
    pub numbered: u64,
    /// Those of the control events that commit an XA transaction whose changes were not seen.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub xa_missing: u64,
    /// DDL statements that went to the sink.
    pub ddl: u64,
    /// Events that carry no change: format description, rotate, GTID, BEGIN, table map, XID and their like.
    pub control: u64,
    /// Rows events that were undone by ROLLBACK or ROLLBACK TO.
    pub rolled_back: u64,
    /// Events of a group whose end was not seen, and of XA transactions that were prepared and neither committed nor
    /// rolled back. A later run counts the latter once more, as what they become then.
    pub held: u64,
    /// Events of groups that were passed over because a person ordered it, all of them alike.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over: u64,
    /// Rows in the emitted events, but for those that a rule on rows left out.
    pub rows: u64,
    /// Rows that a rule on rows left out. An event of which all were left out is filtered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_filtered: u64,
    /// Rows of updates that changed nothing that is published.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_unchanged: u64,
}

impl Ledger {
    /// Counts an event that stands between groups.
    pub(in crate::change) fn pass(&mut self, kind: EventKind) {
        self.received += 1;
        match kind {
            EventKind::Unknown(_) | EventKind::Ignorable => self.skipped += 1,
            _known => self.control += 1,
        }
    }

    /// Counts a rows event that is left out for want of what is not known of its table.
    pub(in crate::change) fn leave_undefined(&mut self) {
        self.skipped += 1;
        self.undefined += 1;
    }

    /// Received events less those accounted for; zero unless rowtap has a bug.
    pub fn imbalance(&self) -> i128 {
        let settled = [
            self.emitted,
            self.filtered,
            self.skipped,
            self.ddl,
            self.control,
            self.rolled_back,
            self.held,
            self.passed_over,
        ];
        i128::from(self.received) - settled.iter().map(|count| i128::from(*count)).sum::<i128>()
    }
}

impl Ledger {
    /// Counts an event of a group that is left out.
    pub(in crate::change) fn leave_out(&mut self) {
        self.filtered += 1;
        self.left_out += 1;
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.emitted += other.emitted;
        self.filtered += other.filtered;
        self.left_out += other.left_out;
        self.skipped += other.skipped;
        self.statements += other.statements;
        self.undefined += other.undefined;
        self.numbered += other.numbered;
        self.xa_missing += other.xa_missing;
        self.ddl += other.ddl;
        self.control += other.control;
        self.rolled_back += other.rolled_back;
        self.held += other.held;
        self.passed_over += other.passed_over;
        self.rows += other.rows;
        self.rows_filtered += other.rows_filtered;
        self.rows_unchanged += other.rows_unchanged;
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "received {} = emitted {} + filtered {} + skipped {} + ddl {} + control {} + rolled back {} + held {}",
            self.received,
            self.emitted,
            self.filtered,
            self.skipped,
            self.ddl,
            self.control,
            self.rolled_back,
            self.held,
        )?;
        if self.passed_over > 0 {
            write!(f, " + passed over {}", self.passed_over)?;
        }
        write!(f, "; rows {}", self.rows)?;
        for (what, count) in [
            ("rows left out by rules on rows", self.rows_filtered),
            ("rows left out as unchanged", self.rows_unchanged),
            ("filtered in groups that were left out", self.left_out),
            ("skipped statements that change rows", self.statements),
            ("skipped for want of a definition", self.undefined),
            ("emitted without a definition", self.numbered),
            (
                "commits of XA transactions that were not seen",
                self.xa_missing,
            ),
        ] {
            if count > 0 {
                write!(f, "; {what} {count}")?;
            }
        }
        Ok(())
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_no_class_counts_shows_as_an_imbalance() {
        let ledger = Ledger {
            received: 3,
            emitted: 1,
            control: 1,
            ..Ledger::default()
        };
        assert_eq!(ledger.imbalance(), 1);
    }
}
