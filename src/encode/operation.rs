//! What a record says was done, in the words of envelopes, of headers and of CloudEvents.

use crate::row::write_integer;

/// What types of CloudEvents begin with.
pub const EVENT_TYPES: &str = "dev.rowtap.";

/// What a record says was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOp {
    /// A row was inserted, or goes on under another key.
    Create,
    /// A row was found by a snapshot.
    Read,
    /// A row was changed.
    Update,
    /// A row was deleted, or goes on under another key; of tombstones too.
    Delete,
    /// A table was emptied.
    Truncate,
    /// A statement was executed.
    Statement,
    /// Nothing: the record is about the stream.
    Notice,
}

impl RecordOp {
    /// The letter that the envelope has; `None` where there is none.
    pub fn letter(self) -> Option<&'static str> {
        match self {
            Self::Create => Some("c"),
            Self::Read => Some("r"),
            Self::Update => Some("u"),
            Self::Delete => Some("d"),
            Self::Truncate => Some("t"),
            Self::Statement | Self::Notice => None,
        }
    }
    /// The end of the type of the event.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Create => "row.created",
            Self::Read => "row.read",
            Self::Update => "row.updated",
            Self::Delete => "row.deleted",
            Self::Truncate => "table.emptied",
            Self::Statement => "statement",
            Self::Notice => "notice",
        }
    }
}

/// Appends the end of an id: the place in the group, and what was done there.
pub fn write_id_end(sequence: u64, op: RecordOp, out: &mut Vec<u8>) {
    write_integer(sequence, out);
    if let Some(letter) = op.letter() {
        out.push(b':');
        out.extend_from_slice(letter.as_bytes());
    }
}
