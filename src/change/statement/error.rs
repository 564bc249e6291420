//! Why a statement cannot be read, or cannot go on.

/// What is wrong with a statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// A name that is not text.
    #[error("a name that is not UTF-8: {0}")]
    Name(String),
    /// A statement that the scanner does not know.
    #[error("a statement that rowtap does not know: {words}")]
    Unknown {
        /// Its first words.
        words: String,
    },
    /// A change was logged as a statement, so its rows are not in the binlog.
    #[error(
        "a change of {objects} was logged as a statement, its rows are not in the binlog; set binlog_format to ROW on \
         the source, for every session, or pass over such changes with on_statement = \"warn\""
    )]
    LoggedAsStatement {
        /// The tables, or the statement's first words where they cannot be told.
        objects: String,
    },
}
