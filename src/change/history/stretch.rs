//! A stretch of a binlog file and all that is kept of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::binlog::{Coordinates, FormatDescription};
use crate::row::TableName;

/// A stretch of a binlog file, from one place between groups to another, and what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The file.
    pub file: Arc<str>,
    /// When the server began the file, in seconds since 1970.
    pub begun: u32,
    /// Where the stretch begins.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// Nothing follows in the file: the server went on in the next one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_last: bool,
    /// How the file's events are laid out.
    pub format: Arc<FormatDescription>,
    /// The event before its end, by which the file is told from another of its name; of no size where none was read.
    pub mark: EventMark,
    /// What may change definitions, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<KeptEvent>,
    /// Where tables have rows whose table maps tell no names, in order. Of each table the first group, and the first after
    /// each event that may have changed its definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Sighting>,
}

/// What tells an event from another that stands at its place in another file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventMark {
    /// Where it begins.
    pub at: u64,
    /// The timestamp of its header.
    pub timestamp: u32,
    /// Its size.
    pub size: u32,
    /// The CRC-32 (IEEE) of its body; 0 for one that is too large to be at hand.
    pub crc32: u32,
}

/// An event that may change definitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// Where it begins.
    pub at: u64,
    /// What is kept of it.
    #[serde(flatten)]
    pub what: KeptWhat,
}

/// What is kept of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptWhat {
    /// The body of a query event, unpacked.
    Statement(#[serde(with = "in_base64")] Box<[u8]>),
    /// The server was started before it began the file.
    Started(bool),
    /// Any definition may have changed, and why that is not known.
    Doubt(Box<str>),
}

/// A table that has rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The table.
    pub table: TableName,
    /// Where the group ends that has the rows.
    pub end: u64,
    /// A CREATE TABLE with what its table map tells.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub draft: Box<str>,
}

impl Stretch {
    /// Where it begins.
    pub fn begin(&self) -> Coordinates {
        Coordinates::new(Arc::clone(&self.file), self.from)
    }

    /// Where it ends.
    pub fn end(&self) -> Coordinates {
        Coordinates::new(Arc::clone(&self.file), self.to)
    }

    /// Roughly how many bytes a stretch takes in which nothing happened.
    pub const EMPTY_BYTES: usize = 400;

    /// Roughly how many bytes its events and tables take.
    pub fn content_bytes(&self) -> usize {
        const EVENT: usize = 64;
        let of_event = |event: &KeptEvent| match &event.what {
            KeptWhat::Statement(body) => EVENT + body.len(),
            KeptWhat::Started(_) => EVENT,
            KeptWhat::Doubt(reason) => EVENT + reason.len(),
        };
        let of_table = |seen: &Sighting| {
            EVENT + seen.table.database.len() + seen.table.table.len() + seen.draft.len()
        };
        let events: usize = self.events.iter().map(of_event).sum();
        let tables: usize = self.tables.iter().map(of_table).sum();
        events + tables
    }

    /// The empty stretch that begins where this one ends.
    pub(super) fn rest(&self) -> Self {
        Self {
            file: Arc::clone(&self.file),
            begun: self.begun,
            from: self.to,
            to: self.to,
            is_last: false,
            format: Arc::clone(&self.format),
            mark: self.mark,
            events: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// Leaves out what stands before a place between groups within it.
    pub fn skip_to(&mut self, from: u64) {
        self.from = from;
        self.events.retain(|event| event.at >= from);
        self.tables.retain(|seen| seen.end > from);
    }

    /// Takes out what stands from a place between groups within it on.
    pub fn split_off(&mut self, to: u64) -> Self {
        let mut rest = self.clone();
        rest.skip_to(to);
        self.to = to;
        self.is_last = false;
        self.mark = EventMark::default();
        self.events.retain(|event| event.at < to);
        self.tables.retain(|seen| seen.end <= to);
        rest
    }

    /// Takes in the stretch of the same file that begins where this one ends.
    pub fn join(&mut self, next: Self) {
        debug_assert_eq!(self.end(), next.begin());
        self.to = next.to;
        self.is_last = next.is_last;
        self.mark = next.mark;
        self.events.extend(next.events);
        self.tables.extend(next.tables);
    }
}

/// Bytes as text.
mod in_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Box<[u8]>, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(input)?;
        let bytes = STANDARD_NO_PAD.decode(text.as_bytes());
        bytes.map(Into::into).map_err(D::Error::custom)
    }
}
