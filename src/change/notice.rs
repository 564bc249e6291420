//! What whoever runs a stream is to be told of definitions, beside the changes.

use super::definition::column_watch::{LostColumn, LostRowRule, UnvettedTable};
use crate::binlog::Coordinates;
use crate::filter::OnUnknown;
use crate::row::TableName;

/// What whoever runs a stream is to be told.
#[derive(Debug)]
pub enum Notice {
    /// The stream goes on without the definition of a table.
    Undefined {
        /// Its name on the source.
        table: TableName,
        /// Where the group ends that has its rows.
        at: Coordinates,
        /// What becomes of its rows.
        policy: OnUnknown,
        /// Why its definition is not known.
        why: String,
    },
    /// What a group that was rolled back did to a table is left out, for its engine is not known.
    LeftOut {
        /// Its name on the source.
        table: TableName,
        /// Where the group ends.
        at: Coordinates,
    },
    /// A rule on rows names columns that a table lacks, which are NULL in its rows.
    Lacking {
        /// Its name on the source.
        table: TableName,
        /// Where the group ends that has its rows.
        at: Coordinates,
        /// The columns.
        columns: Vec<Box<str>>,
    },
    /// A rule on columns has lost the column that it matched.
    LostColumn(LostColumn),
    /// Nobody knows from what the columns of a table are computed, some of whose values rules hide.
    Unvetted(UnvettedTable),
    /// A rule on rows has lost the table whose rows it chose.
    LostRowRule(LostRowRule),
    /// The definition of a table without which the stream went on is known again.
    Defined {
        /// Its name on the source.
        table: TableName,
        /// Where the group ends that has its rows.
        at: Coordinates,
    },
}
