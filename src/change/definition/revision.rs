//! What became known of definitions at one place of the binlog: the unit in which they are journaled.

use super::lineage::Point;
use super::schemas::Change;

/// The changes of definitions that one group made, or one reading of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The end of the group: what is known of the tables from there on.
    pub at: Point,
    /// The group's GTID, if the source writes them.
    pub gtid: Option<Box<str>>,
    /// The statement, shortened; `None` where the definition was read from the source.
    pub statement: Option<Box<str>>,
    /// What is different from there on.
    pub changes: Vec<Change>,
}

impl Revision {
    /// The longest statement that is kept, in bytes.
    pub const STATEMENT_BYTES_MAX: usize = 1024;

    /// Makes a revision of a statement's changes.
    pub(in crate::change) fn of_statement(
        at: Point,
        gtid: Option<Box<str>>,
        statement: &str,
        changes: Vec<Change>,
    ) -> Self {
        let mut end = statement.len().min(Self::STATEMENT_BYTES_MAX);
        while !statement.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            at,
            gtid,
            statement: statement.get(..end).map(Into::into),
            changes,
        }
    }
}
