//! Why bytes are not the event they should be. The place is added by whoever holds the coordinates.

use super::Coordinates;

/// What is wrong with an event's bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BinlogError {
    /// It ends before what it announces.
    #[error("{what} ends early: {wanted} bytes expected, {left} left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes that should follow.
        wanted: u64,
        /// Bytes that do.
        left: u64,
    },
    /// A length that the encoding does not know.
    #[error("{what} has a length that begins with byte {first}")]
    Length {
        /// What was being read.
        what: &'static str,
        /// The byte.
        first: u8,
    },
    /// The size in the header is not the size of the event.
    #[error("the header says {header} bytes, the event has {found}")]
    Size {
        /// By the header.
        header: u32,
        /// As received.
        found: u64,
    },
    /// The checksum does not fit.
    #[error("checksum {found:08x} expected, {computed:08x} computed: the event was damaged")]
    Checksum {
        /// As written behind the event.
        found: u32,
        /// Over the event's bytes.
        computed: u32,
    },
    /// The position in the header contradicts the events before it.
    #[error("the event ends at {computed} by its size, at {header} by its header")]
    Position {
        /// By the header, in 32 bits.
        header: u32,
        /// By the events before it.
        computed: u64,
    },
    /// A field has a value that it cannot have.
    #[error("{what} is {found}, {expected} expected")]
    Field {
        /// The field.
        what: &'static str,
        /// Its value.
        found: u64,
        /// What it should be.
        expected: &'static str,
    },
    /// A file name that cannot be one.
    #[error("binlog file name {0:?} is not a plain file name")]
    FileName(String),
    /// A text that is not UTF-8.
    #[error("{what} is not UTF-8: {found}")]
    Text {
        /// What it is.
        what: &'static str,
        /// Its bytes, escaped.
        found: String,
    },
    /// A GTID or GTID set that cannot be read.
    #[error("GTID set {found:?}: {reason}")]
    Gtid {
        /// The text, or its part.
        found: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl BinlogError {
    /// Names the place of the error.
    pub fn at(self, at: Coordinates) -> BinlogErrorAt {
        BinlogErrorAt { at, error: self }
    }
}

/// A [`BinlogError`] and where its event begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event at {at}")]
pub struct BinlogErrorAt {
    /// Where the event begins.
    pub at: Coordinates,
    /// What is wrong with it.
    #[source]
    pub error: BinlogError,
}
