//! A batch: what the assembler hands to an encoder.
//!
//! Rows stay bytes. The unit is the rows event: a range of a shared buffer plus its table.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::ddl::Ddl;
use super::ledger::Ledger;
use crate::binlog::{Coordinates, Frame, Gtid};
use crate::change::checkpoint::Checkpoint;
use crate::change::definition::revision::Revision;
use crate::mysql::Flavour;
use crate::row::{Images, RowError, Table};

/// Whole groups, or a piece of exactly one, in stream order.
#[derive(Debug)]
pub struct Batch {
    /// Where the changes come from.
    pub origin: Arc<Origin>,
    /// When the last byte of it was received, in microseconds since 1970.
    pub received_us: i64,
    /// The bytes that `Rows::buffer` counts into. Each buffer is charged to the connector's byte budget until the last
    /// handle to it is dropped.
    pub buffers: Vec<Bytes>,
    /// The tables that `Rows::table` counts into.
    pub tables: Vec<Arc<Table>>,
    /// The groups that items count into, in stream order.
    pub groups: Vec<Group>,
    /// The changes, in stream order.
    pub items: Vec<Item>,
    /// The boundary after the batch's last group; `None` while the group goes on in the next batch.
    pub end: Option<Checkpoint>,
    /// What became of the events that this batch was made from, for the connector's ledger.
    pub ledger: Ledger,
    /// What became known of definitions up to the boundary, to be made durable before it is.
    pub revisions: Vec<Revision>,
}

/// The source as every record names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The connector's name.
    pub connector: Box<str>,
    /// The source's family.
    pub flavour: Flavour,
    /// The source's `server_uuid`; MariaDB has none.
    pub server_uuid: Option<Uuid>,
    /// The source's `server_id`.
    pub server_id: u32,
}

/// A transaction or a single statement, as far as it shows in records.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its GTID, if the source writes them.
    pub gtid: Option<Gtid>,
    /// Where its first event begins; with the server's identity, the group's name without a GTID.
    pub begin: Coordinates,
    /// The server on which it was first executed.
    pub server_id: u32,
    /// When it was committed on the source, in microseconds since 1970; from the GTID event where it says so, else from
    /// the event header, in whole seconds.
    pub commit_us: i64,
}

/// One element of a batch.
#[derive(Debug)]
pub enum Item {
    /// The rows of a rows event.
    Rows(Rows),
    /// A DDL statement.
    Ddl(Ddl),
}

/// What a rows event did to its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsKind {
    /// One image a row: after.
    Write,
    /// Two images a row: before, after.
    Update,
    /// As an update; JSON columns after it may hold changes of the document before it.
    PartialUpdate,
    /// One image a row: before.
    Delete,
}

/// Which columns an image holds: a bitmap in the batch's buffer, a bit a column, least significant first.
pub type ColumnBitmap = Range<u32>;

/// The row images of a rows event, in the batch's buffer.
#[derive(Clone, Debug)]
pub struct RowImages {
    /// The columns present in the only image, or in an update's before image.
    pub columns: ColumnBitmap,
    /// The columns present in an update's after image; the same as `columns` otherwise.
    pub columns_after: ColumnBitmap,
    /// The images, back to back.
    pub body: Range<u32>,
}

/// What an event's header says of the change in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventStamp {
    /// Where the event begins.
    pub position: u64,
    /// Its time on the source, in seconds since 1970.
    pub timestamp: u32,
    /// The server that executed it first.
    pub server_id: u32,
}

/// The rows of one rows event.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Index into `Batch::tables`.
    pub table: u32,
    /// Index into `Batch::groups`.
    pub group: u32,
    /// Index into `Batch::buffers`.
    pub buffer: u32,
    /// What was done.
    pub kind: RowsKind,
    /// Its row images.
    pub images: RowImages,
    /// The rows event.
    pub event: EventStamp,
    /// The sequence of the first row in its group, from 0; DDL statements count too.
    pub first_row: u64,
    /// How many rows the body holds.
    pub row_count: u32,
    /// Whether the storage engine checked foreign keys; what it then changed in other rows is not in the binlog.
    pub cascades: bool,
}

impl EventStamp {
    pub(in crate::change) fn of(frame: &Frame) -> Self {
        Self {
            position: frame.start,
            timestamp: frame.header.timestamp,
            server_id: frame.header.server_id,
        }
    }
}

impl RowsKind {
    /// The images of a row in an event of this kind, by its bitmaps of present columns.
    ///
    /// # Errors
    /// Bitmaps that do not fit the table.
    pub(in crate::change) fn images<'a>(
        self,
        table: &'a Table,
        columns: &'a [u8],
        columns_after: &'a [u8],
    ) -> Result<Images<'a>, RowError> {
        match self {
            Self::Write | Self::Delete => Images::one(table, columns),
            Self::Update => Images::update(table, columns, columns_after),
            Self::PartialUpdate => Images::partial_update(table, columns, columns_after),
        }
    }
}
