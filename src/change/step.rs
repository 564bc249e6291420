//! What the assembler needs next, or has made.

use super::batch::items::Batch;
use super::definition::lack::Lack;
use super::definition::lineage::Point;
use super::definition::table::Definition;
use super::group::open::Spilled;
use super::group::prepared::{PreparedEvents, PreparedGroup};
use crate::binlog::{Coordinates, XaId};
use crate::row::TableName;

/// What the assembler needs next, or has made.
#[derive(Debug)]
pub enum Step {
    /// It has used up what it was fed.
    NeedEvent,
    /// It must know how this table was defined up to this point; answer with [`super::Assembler::define`].
    NeedDefinition {
        /// The table's name on the source.
        table: TableName,
        /// The end of the group in whose rows it occurs.
        at: Point,
        /// A definition that was read ahead of there: it serves if no DDL on the table stands in between.
        believed: Option<Box<Definition>>,
        /// What its table map does not tell.
        lack: Lack,
        /// A CREATE TABLE with what it tells.
        draft: Box<str>,
    },
    /// It must know whether this table's engine was transactional in a group that ends at this point; answer with
    /// [`super::Assembler::define_engine`].
    NeedEngine {
        /// The table's name on the source.
        table: TableName,
        /// The end of the group that was rolled back.
        at: Point,
    },
    /// A batch is ready.
    Batch(Box<Batch>),
    /// The open group is over its limit: keep these events, in order, until they are asked for.
    Spill(Spilled),
    /// The group has ended: give back the next spilled events with [`super::Assembler::feed_spilled`].
    NeedSpilled,
    /// A group is closed that was committed at this time, in microseconds since 1970: answer with
    /// [`super::Assembler::go_on`] once it may be delivered. Asked only where groups are delayed.
    Due {
        /// When it was committed.
        committed_us: i64,
    },
    /// The group prepares an XA transaction: keep its events until the transaction is decided.
    Prepare(PreparedEvents),
    /// The events that were to be kept last were looked at; with this they can be given back at any later time.
    Prepared {
        /// The transaction's id.
        id: XaId,
        /// What is known of it.
        group: Box<PreparedGroup>,
    },
    /// The XA transaction is committed: from here on, give back its events where [`Step::NeedSpilled`] asks for events.
    NeedPrepared {
        /// The transaction's id.
        id: XaId,
    },
    /// The XA transaction was committed or rolled back: its events can be dropped once a checkpoint at or after this place
    /// is durable.
    Decided {
        /// The transaction's id.
        id: XaId,
        /// Where the group ends that decided.
        at: Coordinates,
    },
    /// The goal is reached; only [`super::Assembler::finish`] is left to call.
    Reached,
}
