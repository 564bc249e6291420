//! What a format supplies: the text or bytes of keys, of changes and of DDL statements.
//!
//! Not for what is the same in every format: `records` and `lines` decide what becomes a message, and where it goes.

use std::sync::Arc;

use super::EncodeError;
use super::destination::RecordKey;
use super::identity::OtherKeyNames;
use super::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk};
use super::schemas::AvroSchemas;
use crate::change::{Batch, Ddl, EdgeSide, RowsKind};

/// Writes the messages of one format, one batch after another.
///
/// A trait and not methods of the enum, so that the format is chosen once a batch and its code is compiled into the loops
/// over rows. Every method appends to the bytes it is given; none allocates a row.
///
/// The calls come in this order: `begin`, then for each rows event `enter` and for each of its rows `write_key` and
/// `write_change`, and for each DDL statement `ddl_count` and so many times `write_ddl_key` and `write_ddl`.
pub(super) trait EnvelopeWriter {
    /// What is fixed per table beside its topic: names as they are written, a schema, ids of a registry.
    type Plan;

    /// Whether an update that changes a row's key becomes a delete under the old key and a create under the new one, as
    /// compaction of a log wants it. If not, it stays an update, under the new key.
    const SPLITS_KEY_CHANGES: bool;

    /// Whether records have keys. If not, `write_key` is asked only for the bytes that choose a partition.
    const HAS_KEYS: bool = true;

    /// What the headers are called that tell the other half of a changed key.
    const OTHER_KEY_NAMES: OtherKeyNames = OtherKeyNames::OWN;

    /// Whether a record tells that a row was deleted. If not, the tombstone after it does, alone.
    fn tells_deletes(&self) -> bool {
        true
    }

    /// Begins a batch. A format that says more of a change than its own event does, such as that it is the last of its
    /// transaction, looks it up here: a batch holds whole groups, and at its end perhaps a piece of one, whose last piece may hold no rows.
    fn begin(&mut self, batch: &Batch);

    /// Whether changes of a kind are left out, which are then not entered.
    fn skips(&self, _kind: RowsKind) -> bool {
        false
    }

    /// Begins a rows event.
    fn enter(&mut self, event: &RowsEvent<'_>, plan: &Self::Plan);

    /// Appends a row's key of these columns, each from the first image that holds it, as [`key_value`](super::rows::key_value)
    /// has it; `false`, and nothing, for a record without a key, as where there are no columns. It is asked too for the bytes
    /// that choose a partition, which no record gets.
    ///
    /// # Errors
    /// A key column that no image holds, or a value that a key cannot have.
    fn write_key(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Self::Plan,
        key: &RecordKey,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError>;

    /// Appends a row's change; returns whether it ends the message. If not, the next change of the same rows event goes on
    /// with it, so the last change of an event ends one.
    ///
    /// # Errors
    /// A value that its type cannot have, or that the format cannot hold.
    fn write_change(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Self::Plan,
        change: RowChange<'_>,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError>;

    /// Appends the change of a row whose images were not walked, as [`Self::write_change`] does, and goes on after them. A
    /// format that can do both at once saves a loop over the columns.
    ///
    /// # Errors
    /// Images that the event does not hold, and as for `write_change`.
    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Self::Plan,
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.write_change(event, plan, rows.change(cells)?, sequence, out)
    }

    /// The schemas of the statements of a batch, which are asked for before any of its statements is written; `None` for a format
    /// without any.
    fn ddl_schemas(&mut self, _batch: &Batch) -> Option<Arc<AvroSchemas>> {
        None
    }

    /// How many messages a DDL statement becomes.
    fn ddl_count(&self, ddl: &Ddl) -> usize;

    /// Appends the key of a statement's message of this number, from 0; `false`, and nothing, for one without a key.
    fn write_ddl_key(&mut self, ddl: &Ddl, number: usize, out: &mut Vec<u8>) -> bool;

    /// Appends a statement's message of this number, from 0.
    ///
    /// # Errors
    /// A statement whose group the batch does not hold.
    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError>;

    /// Appends the message that a statement emptied its table, whose plan is known; `false`, and nothing, for a format that tells
    /// no more than the statement.
    ///
    /// # Errors
    /// A statement whose group the batch does not hold.
    fn write_emptied(
        &mut self,
        _batch: &Batch,
        _ddl: &Ddl,
        _plan: &Self::Plan,
        _out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        Ok(false)
    }

    /// Appends the key of the message of a table's edge in a snapshot; `false`, and nothing, for one without a key.
    fn write_edge_key(&mut self, _plan: &Self::Plan, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// Appends the message that the rows of a table begin or end in a snapshot, which was entered as an event without rows;
    /// `false`, and nothing, for a format without such messages.
    fn write_edge(
        &mut self,
        _event: &RowsEvent<'_>,
        _plan: &Self::Plan,
        _side: EdgeSide,
        _out: &mut Vec<u8>,
    ) -> bool {
        false
    }

    /// How many values of the batch so far are not valid text and were written all the same.
    fn invalid_text_count(&self) -> u64;
}
