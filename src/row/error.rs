//! What can be wrong with a column's description or with the bytes of a row.
//!
//! No variant holds a value: errors are logged, rows are not.

/// Why a column's type could not be resolved, or a row image or value could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The table map lacks something that reading the column needs; a definition can supply it.
    #[error("the {what} of column {column} is not in the table map, {cure}")]
    Missing {
        /// The column's name, or `#` and its number from 1.
        column: Box<str>,
        /// What is missing: `signedness`, `character set`, `labels` or the digits of a fraction.
        what: &'static str,
        /// What a person can do.
        cure: &'static str,
    },
    /// A type that rowtap does not read.
    #[error("column {column} has type {kind} ({name}), which rowtap does not read, {cure}")]
    UnsupportedType {
        /// The column's name, or `#` and its number from 1.
        column: Box<str>,
        /// The type's number in the table map.
        kind: u8,
        /// The type in words.
        name: &'static str,
        /// What a person can do.
        cure: &'static str,
    },
    /// A character set that rowtap does not read.
    #[error(
        "column {column} has character set {charset}, which rowtap does not read, convert it to utf8mb4 or leave the table out"
    )]
    UnsupportedCharset {
        /// The column's name, or `#` and its number from 1.
        column: Box<str>,
        /// The character set's name, or the collation's id where that is unknown.
        charset: Box<str>,
    },
    /// Metadata that no server writes for the type.
    #[error(
        "column {column} of type {kind} has metadata {metadata:#06x}, which that type cannot have"
    )]
    BadMetadata {
        /// The column's name, or `#` and its number from 1.
        column: Box<str>,
        /// The type's number in the table map.
        kind: u8,
        /// The metadata's two bytes.
        metadata: u16,
    },
    /// A bitmap of present columns that does not fit the table.
    #[error(
        "bitmap of present columns has {found} bytes, expected {expected} for {columns} columns"
    )]
    Bitmap {
        /// The bitmap's length.
        found: usize,
        /// The length that the table needs.
        expected: usize,
        /// The table's number of columns.
        columns: usize,
    },
    /// The body ends inside a row image.
    #[error("row image at byte {start} is cut at byte {end}, inside {inside}")]
    Cut {
        /// Where the image starts in the body.
        start: usize,
        /// The body's length.
        end: usize,
        /// The column's number from 1, or the null bitmap.
        inside: Inside,
    },
    /// Images without columns.
    #[error(
        "row images hold no columns, so that their number is unknown, set binlog_row_image=FULL on the source"
    )]
    NoColumns,
    /// Value options of a partial update that no known server writes.
    #[error("partial update has value options {found:#x}, expected 0 or 1")]
    ValueOptions {
        /// The options.
        found: u64,
    },
    /// More rows than a 32-bit count holds.
    #[error("rows event holds more than {} rows", u32::MAX)]
    TooManyRows,
    /// A value whose length does not fit its type.
    #[error("{kind} value has {found} bytes, expected {expected}")]
    Length {
        /// The type in words.
        kind: &'static str,
        /// The value's length.
        found: usize,
        /// The length that the type needs.
        expected: usize,
    },
    /// A value that its type cannot hold.
    #[error("{kind} value has {what}")]
    Invalid {
        /// The type in words.
        kind: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A value that what it is to be written as cannot hold.
    #[error("{kind} cannot be held by {by}, {cure}")]
    NotHeld {
        /// The value in words.
        kind: &'static str,
        /// What cannot hold it.
        by: &'static str,
        /// What a person can do.
        cure: &'static str,
    },
    /// Text that is not in the column's character set.
    #[error("text is not {charset} at byte {at}")]
    Text {
        /// The character set's name.
        charset: &'static str,
        /// The first byte that is wrong.
        at: usize,
    },
    /// A character, or two after each other, of which it is not known how a collation orders them.
    #[error(
        "text has characters that rowtap does not order by {collation} for certain, compare by a _bin collation, as in column \
         collate utf8mb4_bin = 'text', or leave the column out of the condition"
    )]
    UnknownWeight {
        /// The collation's name.
        collation: &'static str,
    },
    /// An ENUM number or a SET bit without a label.
    #[error("{kind} value names label {number}, the column has {labels}")]
    NoLabel {
        /// `ENUM` or `SET`.
        kind: &'static str,
        /// The label's number, from 1.
        number: usize,
        /// How many labels the column has.
        labels: usize,
    },
    /// A JSON document whose parts do not fit together.
    #[error("JSON value has {what} at byte {at}")]
    Json {
        /// What is wrong with it.
        what: &'static str,
        /// Where in the document.
        at: usize,
    },
}

impl RowError {
    /// Whether the column's definition from the source's information_schema would answer the error.
    pub fn needs_definition(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// The part of a row image in which a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// The value options of a partial update, or the bitmap of JSON columns that hold changes.
    ValueOptions,
    /// The bitmap of NULL columns.
    NullBitmap,
    /// A column, by its index.
    Column(usize),
}

impl std::fmt::Display for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ValueOptions => f.write_str("its value options"),
            Self::NullBitmap => f.write_str("its null bitmap"),
            Self::Column(index) => write!(f, "column {}", index + 1),
        }
    }
}
