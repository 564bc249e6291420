//! Why binlog bytes could not be read.
//!
//! The readers of event bodies know neither file nor position, so a [`BinlogError`] says only what was expected and what was
//! found. Whoever holds the framer adds the rest as the error's cause: after an error [`super::Framer::next`] is where the
//! refused event begins.

use super::Coordinates;

/// What is wrong with an event's bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BinlogError {
    /// The bytes end before a field does.
    #[error("{what} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The field.
        what: &'static str,
        /// Its length.
        needed: u64,
        /// How many bytes there were.
        left: usize,
    },
    /// Bytes are left after the last field.
    #[error("{left} bytes are left after {what}")]
    Trailing {
        /// The last field.
        what: &'static str,
        /// How many bytes there are.
        left: usize,
    },
    /// A field holds a value that it cannot have.
    #[error("{what} is {found}, expected {expected}")]
    Value {
        /// The field.
        what: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: u64,
    },
    /// A text is not in the encoding that the server uses for it.
    #[error("{what} is not UTF-8")]
    NotUtf8 {
        /// The text.
        what: &'static str,
    },
    /// The header's size is not that of the bytes.
    #[error("the header says {stated} bytes, the event has {found}")]
    EventSize {
        /// By the header.
        stated: u32,
        /// In fact.
        found: usize,
    },
    /// The checksum does not fit the bytes.
    #[error("the stored checksum is {stored:08x}, the bytes give {computed:08x}")]
    Checksum {
        /// At the event's end.
        stored: u32,
        /// Over its bytes.
        computed: u32,
    },
    /// The end position in the header is not the one counted from the events before.
    #[error(
        "the header says that the event ends at {stated}, counted from the events before it ends at {counted}"
    )]
    Position {
        /// By the header, which holds the lower 32 bits.
        stated: u32,
        /// By counting.
        counted: u64,
    },
    /// An event came before the one that says how to read it.
    #[error("no format description event came before it")]
    NoFormat,
    /// An event came before the source named the file.
    #[error("no rotate event came before it that names the file")]
    NoFile,
    /// A binlog file name that cannot be one.
    #[error("binlog file name '{name}' {fault}")]
    FileName {
        /// The name, escaped and shortened.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The source names another place than the one it was asked for or is at.
    #[error("the source is at {found}, expected {expected}")]
    Place {
        /// Where the stream should be.
        expected: Coordinates,
        /// Where the source says that it is.
        found: Coordinates,
    },
    /// Compressed bytes cannot be unpacked.
    #[error("{what} cannot be unpacked: {reason}")]
    Compression {
        /// What is compressed.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Compressed bytes unpack to another length than was stated.
    #[error("{what} states a length of {stated} bytes and unpacks to {}", unpacked(*found))]
    UnpackedSize {
        /// What is compressed.
        what: &'static str,
        /// The stated length.
        stated: u64,
        /// The length in fact; `None` for more than stated.
        found: Option<u64>,
    },
    /// A column has a type that rowtap cannot read.
    #[error("column {column} has the type {kind}, which rowtap does not know")]
    ColumnType {
        /// Its index, from 0.
        column: usize,
        /// The type's number.
        kind: u8,
    },
    /// A column's metadata contradicts its type.
    #[error("column {column} of type {kind} has the metadata {metadata:#06x}, expected {expected}")]
    ColumnMetadata {
        /// Its index, from 0.
        column: usize,
        /// The type's number.
        kind: u8,
        /// The metadata, low byte first.
        metadata: u16,
        /// What it may be.
        expected: &'static str,
    },
    /// A text that is no GTID or no set of them.
    #[error("'{part}' is not {expected}")]
    Gtid {
        /// The part of the text that could not be read.
        part: Box<str>,
        /// What it should have been.
        expected: &'static str,
    },
}

fn unpacked(found: Option<u64>) -> String {
    found.map_or_else(|| "more".to_owned(), |found| found.to_string())
}
