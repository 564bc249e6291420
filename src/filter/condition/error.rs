//! What is wrong with a condition.

/// Why the text of a condition cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {what}")]
pub struct ConditionError {
    /// The character's number in the text, from 1.
    pub at: usize,
    /// What is wrong, and what to write.
    pub what: String,
}

/// Why a condition does not fit a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypingError {
    /// The table has no such column.
    #[error(
        "names column {column}, which the table does not have: write one that it has, or set columns-missing = \"warn\" to take it for NULL"
    )]
    NoColumn {
        /// The column.
        column: Box<str>,
    },
    /// A literal, or a comparison, of the wrong type.
    #[error("is of the wrong type for column {column}, which is {kind}: {what}")]
    WrongType {
        /// The column.
        column: Box<str>,
        /// The type in words.
        kind: Box<str>,
        /// What was found, and what to write.
        what: String,
    },
    /// Text of whose collation not enough is known.
    #[error("compares the text of column {column}: {what}")]
    Collation {
        /// The column.
        column: Box<str>,
        /// What is not known, and what to write.
        what: String,
    },
}
