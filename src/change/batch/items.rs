//! A batch: what the assembler hands to an encoder.
//!
//! Rows stay bytes. The unit is the rows event: a range of a shared buffer plus its table.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::ddl::Ddl;
use super::ledger::Ledger;
use super::rows::Rows;
use crate::binlog::{Coordinates, Gtid};
use crate::change::checkpoint::Checkpoint;
use crate::change::definition::revision::Revision;
use crate::change::skips::PassedOver;
use crate::mysql::Flavour;
use crate::row::Table;

/// Whole groups, and at the end perhaps a piece of one that is larger than a batch, in stream order.
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
    /// The statements that `Rows::query` counts into; none unless they are asked for.
    pub queries: Vec<QueryText>,
    /// The changes, in stream order.
    pub items: Vec<Item>,
    /// The boundary after the batch's last group; `None` while the group goes on in the next batch.
    pub end: Option<Checkpoint>,
    /// What became of the events that this batch was made from, for the connector's ledger.
    pub ledger: Ledger,
    /// What became known of definitions up to the boundary, to be made durable before it is.
    pub revisions: Vec<Revision>,
    /// The groups that were passed over up to the boundary, to be on the record before it is durable.
    pub passed_over: Vec<PassedOver>,
}

impl Batch {
    /// A batch that only counts events.
    pub fn without_items(origin: Arc<Origin>, ledger: Ledger) -> Self {
        Self {
            origin,
            received_us: 0,
            buffers: Vec::new(),
            tables: Vec::new(),
            groups: Vec::new(),
            queries: Vec::new(),
            items: Vec::new(),
            end: None,
            ledger,
            revisions: Vec::new(),
            passed_over: Vec::new(),
        }
    }
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
    /// When it was committed on the server that executed it first, in microseconds since 1970, if its GTID event says so.
    pub original_commit_us: Option<i64>,
    /// The connection that executed it, as far as an event before its first change says so.
    pub thread_id: Option<u32>,
    /// The storage engine's number of the transaction. Of a compressed transaction it is known only if the batch holds its end.
    pub xid: Option<u64>,
    /// Whether it commits an XA transaction that a group before it prepared.
    pub is_xa: bool,
    /// What its rows are to the snapshot that found them; `None` of a group of the binlog.
    pub snapshot: Option<SnapshotMark>,
}

/// Where rows stand in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMark {
    /// The first row of all.
    First,
    /// A row before which others came and after which others come, or a statement.
    Inside,
    /// The first row of its table.
    FirstOfTable,
    /// The last row of its table.
    LastOfTable,
    /// The last row of all.
    Last,
    /// A row or a statement of a snapshot of some tables beside the stream.
    Incremental,
}

impl SnapshotMark {
    /// The word that Debezium has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Inside => "true",
            Self::FirstOfTable => "first_in_data_collection",
            Self::LastOfTable => "last_in_data_collection",
            Self::Last => "last",
            Self::Incremental => "incremental",
        }
    }
}

/// The statement that changed rows, as the source logs it where it is told to: `binlog_rows_query_log_events`, or MariaDB's
/// `binlog_annotate_row_events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryText {
    /// Index into `Batch::buffers`.
    pub buffer: u32,
    /// The bytes in that buffer, in the character set of the session.
    pub text: Range<u32>,
}

/// One element of a batch.
#[derive(Debug)]
pub enum Item {
    /// The rows of a rows event.
    Rows(Rows),
    /// A DDL statement. It is rare and large: boxed, it does not make all the others so.
    Ddl(Box<Ddl>),
    /// Where the rows of a table begin or end in a snapshot, for formats that tell it.
    Edge(Box<Edge>),
}

/// Where the rows of a table begin or end in a snapshot.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Which of the two it is.
    pub side: EdgeSide,
    /// No rows, of the table and at the place that they have.
    pub rows: Rows,
}

/// A side of the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeSide {
    /// Before its first row.
    Begin,
    /// After its last row.
    End,
}
