//! Why a batch could not be encoded.

use std::fmt;

use crate::binlog::Coordinates;
use crate::change::RowsKind;
use crate::failure::Class;
use crate::row::{RowError, TableName};

/// The rows event that a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuePlace {
    /// The table.
    pub table: TableName,
    /// What it does to rows.
    pub kind: RowsKind,
    /// Where the rows event begins.
    pub at: Coordinates,
}

impl fmt::Display for ValuePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RowsKind::Write => "WRITE_ROWS",
            RowsKind::Update | RowsKind::Entering { is_partial: false } => "UPDATE_ROWS",
            RowsKind::PartialUpdate | RowsKind::Entering { is_partial: true } => {
                "PARTIAL_UPDATE_ROWS"
            }
            RowsKind::Delete => "DELETE_ROWS",
            RowsKind::Read => return write!(f, "{} in the snapshot at {}", self.table, self.at),
        };
        write!(f, "{} in the {kind} event at {}", self.table, self.at)
    }
}

/// Why a batch could not be encoded. No variant holds a value of a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A row image that contradicts its table.
    #[error("cannot read a row of {place}")]
    Image {
        /// Where.
        place: Box<ValuePlace>,
        /// What is wrong.
        #[source]
        source: RowError,
    },
    /// A value that its type cannot have, or that the format cannot hold.
    #[error("cannot read column {column} of {place}")]
    Value {
        /// The column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
        /// What is wrong.
        #[source]
        source: RowError,
    },
    /// A value that the format, as it is set, cannot hold.
    #[error("cannot write column {column} of {place}")]
    NotHeld {
        /// The column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
        /// What it is, what cannot hold it, and what can.
        #[source]
        source: RowError,
    },
    /// A row image without a column, in a message whose schema says that it is there.
    #[error(
        "row of {place} lacks column {column}, which its message would tell as NULL, set binlog_row_image=FULL on the source or schemas_enable = false"
    )]
    ColumnMissing {
        /// The column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
    },
    /// A row image without a column, in a record whose schema has it.
    #[error(
        "row of {place} lacks column {column}, which an Avro record would tell as NULL, set binlog_row_image=FULL on the source"
    )]
    FieldMissing {
        /// The column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
    },
    /// Changes of a JSON document that no image holds.
    #[error(
        "update of {place} holds only changes of the document in column {column}, set binlog_row_image=FULL or binlog_row_value_options='' on the source"
    )]
    DocumentMissing {
        /// The column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
    },
    /// A value whose bytes are not valid text in its column's character set.
    #[error("column {column} of {place} holds bytes that are not valid text, {cure}")]
    InvalidText {
        /// The column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
        /// What a person can do.
        cure: &'static str,
        /// Which character set, and where in the value.
        #[source]
        source: RowError,
    },
    /// A row image without a part of the primary key.
    #[error("row of {place} lacks key column {column}, set binlog_row_image=FULL on the source")]
    KeyMissing {
        /// The key column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
    },
    /// A changed primary key in an update that does not hold the whole row, so that it cannot be sent under its new key.
    #[error(
        "update changes the primary key of a row of {place} and lacks column {column}, set binlog_row_image=FULL on the source or partial_key_change = \"mark\""
    )]
    PartialKeyChange {
        /// The first column that is missing.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
    },
    /// A row image that does not hold the whole row, where its change is to be undone.
    #[error(
        "row of {place} lacks column {column}, so that its change cannot be undone: this takes \
         binlog_row_image=FULL, and --definitions if the column is generated"
    )]
    NotFull {
        /// The first column that is missing.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
    },
    /// A deleted row of a table without a key, where only a tombstone could tell that it was deleted.
    #[error(
        "row of {place} is deleted and has no key, so that no tombstone can tell it, set delete_tombstone_handling_mode = \"rewrite\", or key_columns for the table"
    )]
    DeleteWithoutKey {
        /// Where.
        place: Box<ValuePlace>,
    },
    /// A row of an outbox without a part of its message.
    #[error(
        "row of {place}, an outbox, lacks column {column}, set binlog_row_image=FULL on the source"
    )]
    OutboxPartial {
        /// The column's name.
        column: Box<str>,
        /// Where.
        place: Box<ValuePlace>,
    },
    /// An update of an outbox.
    #[error(
        "row of {place}, an outbox, is updated, set outbox.table_op_invalid_behavior = \"warn\" to leave updates out"
    )]
    OutboxUpdate {
        /// Where.
        place: Box<ValuePlace>,
    },
    /// A body that does not hold the rows that were counted in it: a bug.
    #[error("rows event at {at} has {left} bytes left after its {rows} rows")]
    RowCount {
        /// Where the rows event begins.
        at: Coordinates,
        /// How many rows were counted.
        rows: u32,
        /// How many bytes follow them.
        left: usize,
    },
    /// A batch that refers to what it does not hold: a bug.
    #[error("batch refers to {what} {index}, which it does not hold")]
    Reference {
        /// `table`, `group`, `buffer` or `bytes`.
        what: &'static str,
        /// The index, or the byte.
        index: u32,
    },
    /// More encoded bytes than a block counts.
    #[error("encoded batch passes 4 GiB at {at}, lower memory_max or leave the table out")]
    TooLarge {
        /// Where the rows event or statement begins that passed it.
        at: Coordinates,
    },
}

impl EncodeError {
    /// What the failure means: never transient, since the batch would hold the same bytes.
    pub fn class(&self) -> Class {
        Class::Data
    }
}
