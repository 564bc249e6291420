//! Batches to the bytes of an output format.
//!
//! Pure and run on the encoding pool: no clock (times come with the batch), no I/O.
//!
//! | file | what it does |
//! |---|---|
//! | `rows` | walks a rows event row by row: images, what changed, the key |
//! | `identity` | the identity of groups in records, and what is made of it |
//! | `operation` | what a record says was done |
//! | `records` | records with keys, for a log: which changes become which records, tombstones, changed keys, identity |
//! | `lines` | lines, for files and the standard output |
//! | `containers` | records for Avro files |
//! | `destination` | where a table's records go, and under which key |
//! | `schemas` | schemas that a sink makes known |
//! | `writer` | what a format supplies, as a trait |
//! | `envelope` | the formats by name: each has an arm there |
//! | a folder a format (`json`, `debezium`, `maxwell`, `flat`, `canal`, `avro`) | its writer, and what it fixes for a table |
//! | `outbox` | rows of outboxes as the messages that applications wrote there |
//! | `cloudevents` | CloudEvents around the messages of another format |
//! | `sql` | statements, for `rowtap decode` and servers: not messages, so an encoder of its own |
//!
//! # A new format
//!
//! Say `csv`:
//!
//! 1. a name in [`Format`] and `Format::ALL`, and in `schemas/connector.schema.json`;
//! 2. a folder `csv` here, whose writer implements `writer::EnvelopeWriter`;
//! 3. an arm wherever the compiler then asks for one: in `format`, `envelope`, and the help of `rowtap decode --format`.
//!
//! The writer supplies
//!
//! - a plan of each table, with all that is the same for its rows: names as they are written, schemas, ids of a registry
//!   (which a sink has to ask for in `Sink::prepare`);
//! - the bytes of a key of given columns, and whether a changed key is a delete and a create, or an update;
//! - the bytes of a change, and whether they end the message: the changes of a rows event may share one;
//! - the messages of a DDL statement with their keys: none, one, or one a table.
//!
//! It gets for free: row images and which of their columns changed, tombstones, both records of a changed key and the refusal
//! of one whose row is not whole, identity headers, topics, lines, files of DDL, sequences, counts, limits, every sink that
//! writes records or lines, and `rowtap decode --format`. A format whose messages are not text has no lines: the sinks of
//! lines then refuse it where they read their key `format`.

mod avro;
mod canal;
mod cloudevents;
mod containers;
mod debezium;
mod destination;
mod envelope;
mod error;
mod flat;
mod format;
mod identity;
mod json;
mod lines;
mod maxwell;
mod operation;
mod outbox;
mod records;
mod rows;
#[cfg(test)]
mod sample;
mod schemas;
pub mod sql;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use crate::change::Batch;

pub use avro::AvroNotices;
pub use containers::{
    ContainerPart, Containers, ContainersEncoder, SYNC_BYTES, container_block, container_header,
};
pub use destination::{Destination, PartitionRule, RecordKey, partition_of};
pub use envelope::Plan;
pub use error::{EncodeError, ValuePlace};
pub use format::{
    AvroCodec, AvroFraming, AvroLayout, AvroOptions, AvroSettings, AvroTimes, BigintUnsignedMode,
    BinaryMode, CloudEventsMode, DebeziumOptions, DebeziumSettings, DecimalMode, FlatContent,
    FlatDeletes, FlatField, FlatOptions, FlatSettings, Format, FormatSections, FormatSettings,
    InvalidText, MaxwellKeyFormat, MaxwellOptions, MaxwellPartitionHash, OutboxConverter,
    OutboxMissing, OutboxNulls, OutboxOptions, OutboxPart, OutboxPlacement, OutboxProblem,
    OutboxSettings, OutboxUpdates, SkippedOperations, TimePrecision, ZeroDates,
};
pub use identity::{OtherKeyNames, RecordIdentity};
pub use lines::{Lines, LinesEncoder};
pub use operation::{EVENT_TYPES, RecordOp, write_id_end};
pub use outbox::RecordHeader;
pub use records::{
    GroupCount, OtherKey, PartialKeyChange, Record, Records, RecordsEncoder, RecordsSettings,
    RoutedRecord,
};
pub use schemas::{AvroSchema, AvroSchemas};

/// Bytes that a block keeps for its next use; a batch that needed more gives the rest back.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Turns batches into blocks. Each lane has one.
pub trait Encode: Send + 'static {
    /// What is fixed per table: its topic, its columns' names as they are written.
    type Plan: Send + Sync + 'static;
    /// The encoded records; reused, so an encoder empties it first.
    type Block: Block;

    /// Encodes a whole batch; `plans` runs parallel to `batch.tables`.
    ///
    /// # Errors
    /// A row image that contradicts its table, or a value that the format cannot hold; nothing of the block may then be
    /// written.
    fn encode(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Self::Plan>],
        block: &mut Self::Block,
    ) -> Result<(), EncodeError>;
}

/// What an encoder fills and a sink takes over.
pub trait Block: Default + Send + 'static {
    /// How many records it holds, tombstones and statements included.
    fn record_count(&self) -> u64;

    /// How many bytes they have.
    fn byte_count(&self) -> u64;

    /// How many values in it are not valid text in their column's character set, and were encoded all the same.
    fn invalid_text_count(&self) -> u64;
}

/// Empties the bytes of a block for its next use.
fn empty(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.shrink_to(KEPT_BYTES_MAX);
}
