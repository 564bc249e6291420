//! Blocks: what an encoder leaves for a sink.

use std::ops::Range;
use std::sync::Arc;

use super::Block;

/// Bytes that a block keeps for its next use; a batch that needed more gives the rest back.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Records for a log such as Kafka, in one arena, in stream order.
#[derive(Debug, Default)]
pub struct Records {
    /// The bytes that all ranges count into.
    pub arena: Vec<u8>,
    /// The records.
    pub records: Vec<Record>,
    /// Per table of the batch: the topic, from its plan.
    pub topics: Vec<Arc<str>>,
    /// Per group of the batch: the values of the identity headers (source, file, position, GTID) as ranges of the arena.
    pub groups: Vec<Identity>,
    /// How many values are not valid text, and are replaced in part or stand in base64.
    pub invalid_text_count: u64,
}

impl Records {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        clear(&mut self.arena);
        self.records.clear();
        self.topics.clear();
        self.groups.clear();
        self.invalid_text_count = 0;
    }
}

impl Block for Records {
    fn record_count(&self) -> u64 {
        self.records.len() as u64
    }

    fn byte_count(&self) -> u64 {
        self.arena.len() as u64
    }

    fn invalid_text_count(&self) -> u64 {
        self.invalid_text_count
    }
}

/// One record of a log.
#[derive(Clone, Debug)]
pub struct Record {
    /// Index into `Records::topics`; `None` for a DDL statement, which has a topic of its own.
    pub topic: Option<u32>,
    /// The key; `None` for a table without a primary key.
    pub key: Option<Range<u32>>,
    /// The value; `None` for a tombstone.
    pub value: Option<Range<u32>>,
    /// Index into `Records::groups`.
    pub group: u32,
    /// The change's sequence in its group.
    pub sequence: u64,
    /// The other half of a changed key.
    pub other_key: Option<OtherKey>,
    /// Whether the record was made from an incomplete image by the operator's choice.
    pub partial: bool,
}

/// The key that a row had, or has, beside the record's own.
#[derive(Clone, Debug)]
pub enum OtherKey {
    /// On the delete: the key that the row goes on under.
    New(Range<u32>),
    /// On the create: the key that the row had.
    Old(Range<u32>),
}

/// The parts of a group's identity, as text in the arena.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The source's UUID, or its server id where it has none.
    pub source: Range<u32>,
    /// File of the group's first event.
    pub file: Range<u32>,
    /// Position of the group's first event, in decimal.
    pub position: Range<u32>,
    /// The GTID; empty for none.
    pub gtid: Range<u32>,
}

/// Lines for files: each ends in a line feed.
#[derive(Debug, Default)]
pub struct Lines {
    /// All lines, in stream order.
    pub bytes: Vec<u8>,
    /// Which of the bytes are lines of DDL statements, ascending; the others are row changes.
    pub ddl: Vec<Range<usize>>,
    /// How many row changes there are.
    pub row_count: u64,
    /// How many DDL statements there are.
    pub ddl_count: u64,
    /// How many values are not valid text, and are replaced in part or stand in base64.
    pub invalid_text_count: u64,
}

impl Lines {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        clear(&mut self.bytes);
        self.ddl.clear();
        self.row_count = 0;
        self.ddl_count = 0;
        self.invalid_text_count = 0;
    }
}

impl Block for Lines {
    fn record_count(&self) -> u64 {
        self.row_count + self.ddl_count
    }

    fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn invalid_text_count(&self) -> u64 {
        self.invalid_text_count
    }
}

/// SQL statements, each of which ends in a line feed.
#[derive(Debug, Default)]
pub struct Statements {
    /// All statements.
    pub bytes: Vec<u8>,
    /// How many changes they make.
    pub count: u64,
    /// Whether the first of them belongs to a transaction that began in an earlier block.
    pub continues: bool,
    /// Whether the transaction of the last one may go on in the next block.
    pub goes_on: bool,
}

impl Statements {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        clear(&mut self.bytes);
        self.count = 0;
        self.continues = false;
        self.goes_on = false;
    }
}

impl Block for Statements {
    fn record_count(&self) -> u64 {
        self.count
    }

    fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn invalid_text_count(&self) -> u64 {
        // A statement holds any bytes.
        0
    }
}

fn clear(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.shrink_to(KEPT_BYTES_MAX);
}
