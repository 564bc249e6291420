//! Why a table map cannot be taken, or rows under it not be read.

use super::agreement::Disagreement;
use super::lack::Lack;
use crate::binlog::BinlogError;
use crate::filter::{ColumnRuleError, RowRuleError};
use crate::row::{RowError, TableName};

/// What is wrong with a table map, or with rows against it.
#[derive(Debug, thiserror::Error)]
pub enum TableMapError {
    /// It cannot be read.
    #[error(transparent)]
    Binlog(#[from] BinlogError),
    /// A name that is not text.
    #[error("a name that is not UTF-8: {0}")]
    Name(String),
    /// A table that a snapshot cannot read.
    #[error("{table} cannot be read by a snapshot, {what}, leave the table out by a filter")]
    Copied {
        /// The table.
        table: TableName,
        /// Why.
        what: String,
    },
    /// A column cannot be read.
    #[error("column {column} of {table}")]
    Column {
        /// The table.
        table: TableName,
        /// The column.
        column: Box<str>,
        /// Why.
        #[source]
        error: RowError,
    },
    /// The rules on columns do not fit the table.
    #[error(transparent)]
    ColumnRules(#[from] ColumnRuleError),
    /// A rule on rows does not fit the table.
    #[error(transparent)]
    RowRules(Box<RowRuleError>),
    /// Rows with a value in a place that only a hidden column can have.
    #[error(
        "rows of {table} have values at place {place}, where the hidden column of a functional key part was expected; let the \
         account see all columns of {table}, or run `SET PERSIST binlog_row_metadata=FULL` on the source, and start from \
         a position after it"
    )]
    HiddenValue {
        /// The table.
        table: TableName,
        /// The place in its table map, from 1 on.
        place: usize,
    },
}

/// Why a table map could not be taken.
#[derive(Debug)]
pub(in crate::change) enum Missing {
    /// It does not tell all, and no definition serves it.
    Definition(TableName, Lack),
    /// It contradicts the definition that is believed.
    Disagreement(TableName, Disagreement),
    /// A value is not the same in all that its column may be; why.
    Value(TableName, Box<str>),
    /// It cannot be read at all.
    Error(TableMapError),
}
