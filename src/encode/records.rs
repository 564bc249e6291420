//! Records for a log such as Kafka: messages with keys, whatever their format.
//!
//! A table's primary key is its records' key, so that a log can be compacted and a key's changes stay in order.
//!
//! | change | records, all with the change's sequence |
//! |---|---|
//! | insert, update | one under the row's key |
//! | delete | a delete, then a tombstone where the settings ask for it |
//! | update that changes the key | a delete under the old key, its tombstone, a create under the new key |
//! | DDL statement | one under a key of its own, for a topic of its own |
//!
//! A format may leave a changed key an update under the new key, and may put a whole rows event into one record, whose
//! sequence is that of its first change.

use std::ops::Range;
use std::sync::Arc;

use super::envelope::{Envelope, MessageLayout, Plan};
use super::rows::{Cells, Image, RowChange, RowsEvent};
use super::writer::EnvelopeWriter;
use super::{Block, Encode, EncodeError, Format, InvalidText, empty};
use crate::binlog::Coordinates;
use crate::change::{Batch, Ddl};
use crate::fault::{Fault, planted};
use crate::row::{Cell, write_integer};

/// Records for a log such as Kafka, in one arena, in stream order.
#[derive(Debug, Default)]
pub struct Records {
    /// The bytes that all ranges count into.
    pub arena: Vec<u8>,
    /// The records.
    pub records: Vec<Record>,
    /// Per table of the batch: the topic, from its plan.
    pub topics: Vec<Arc<str>>,
    /// Per group of the batch: the values of the identity headers, as ranges of the arena.
    pub groups: Vec<RecordIdentity>,
    /// How many values are not valid text, and are replaced in part or stand in base64.
    pub invalid_text_count: u64,
}

impl Records {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        empty(&mut self.arena);
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
pub struct RecordIdentity {
    /// The source's UUID, or its server id where it has none.
    pub source: Range<u32>,
    /// File of the group's first event.
    pub file: Range<u32>,
    /// Position of the group's first event, in decimal.
    pub position: Range<u32>,
    /// The GTID; empty for none.
    pub gtid: Range<u32>,
}

/// How a log's records are made, whatever their format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsSettings {
    /// Whether a delete is followed by a tombstone, a record with the key and no value.
    pub tombstones: bool,
    /// What becomes of a changed key whose update does not hold the whole row.
    pub partial_key_change: PartialKeyChange,
}

impl Default for RecordsSettings {
    fn default() -> Self {
        Self {
            tombstones: true,
            partial_key_change: PartialKeyChange::Fail,
        }
    }
}

/// What becomes of a changed key whose update does not hold the whole row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartialKeyChange {
    /// Encoding fails.
    #[default]
    Fail,
    /// The record under the new key holds what is known, and is marked as partial.
    Mark,
}

/// Writes batches as records with keys.
pub struct RecordsEncoder {
    envelope: Envelope,
    layout: RecordsLayout,
}

impl RecordsEncoder {
    /// Makes an encoder.
    pub fn new(format: Format, settings: RecordsSettings, invalid_text: InvalidText) -> Self {
        Self {
            envelope: Envelope::new(format, invalid_text),
            layout: RecordsLayout::new(settings),
        }
    }
}

impl Encode for RecordsEncoder {
    type Plan = Plan;
    type Block = Records;

    fn encode(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        self.envelope.encode(&mut self.layout, batch, plans, block)
    }
}

/// What making records takes.
pub(super) struct RecordsLayout {
    settings: RecordsSettings,
    cells: Cells,
    /// The cells of a row under its new key: those after the update, and from before it what it did not touch.
    whole: Vec<Cell>,
}

impl RecordsLayout {
    pub(super) fn new(settings: RecordsSettings) -> Self {
        Self {
            settings,
            cells: Cells::default(),
            whole: Vec::new(),
        }
    }
}

impl MessageLayout for RecordsLayout {
    type Block = Records;

    fn begin(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        block.clear();
        block
            .topics
            .extend(plans.iter().map(|plan| Arc::clone(&plan.topic)));
        write_identities(batch, block)
    }

    fn write_rows<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        event: &RowsEvent<'_>,
        plan: &W::Plan,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let start = block.records.len();
        let mut target = RecordsTarget {
            settings: self.settings,
            whole: &mut self.whole,
            writer,
            event,
            plan,
            sequence: 0,
            open: None,
            block,
        };
        let result = event.each(&mut self.cells, |sequence, change| {
            target.sequence = sequence;
            target.write(change)
        });
        if planted(Fault::RowsReversed) {
            block.records.get_mut(start..).unwrap_or_default().reverse();
        }
        result
    }

    fn write_ddl<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        batch: &Batch,
        ddl: &Ddl,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let at = || {
            let group = batch.groups.get(ddl.group as usize);
            let file = group.map(|group| group.begin.file.clone());
            Coordinates::new(file.unwrap_or_default(), ddl.event.position)
        };
        for number in 0..writer.ddl_count(ddl) {
            let start = block.arena.len();
            let has_key = writer.write_ddl_key(ddl, number, &mut block.arena);
            let key = range(start, &block.arena, at)?;
            let start = block.arena.len();
            writer.write_ddl(batch, ddl, number, &mut block.arena)?;
            let value = range(start, &block.arena, at)?;
            block.records.push(Record {
                topic: None,
                key: has_key.then_some(key),
                value: Some(value),
                group: ddl.group,
                sequence: ddl.sequence,
                other_key: None,
                partial: false,
            });
        }
        Ok(())
    }

    fn end(&mut self, invalid_text_count: u64, block: &mut Records) {
        block.invalid_text_count = invalid_text_count;
    }
}

/// A rows event on its way into a block.
struct RecordsTarget<'a, W: EnvelopeWriter> {
    settings: RecordsSettings,
    whole: &'a mut Vec<Cell>,
    writer: &'a mut W,
    event: &'a RowsEvent<'a>,
    plan: &'a W::Plan,
    /// That of the change being written.
    sequence: u64,
    /// The message that the next change goes on with.
    open: Option<OpenMessage>,
    block: &'a mut Records,
}

/// A message that holds some changes of a rows event already.
struct OpenMessage {
    start: usize,
    key: Option<Range<u32>>,
    sequence: u64,
}

impl<W: EnvelopeWriter> RecordsTarget<'_, W> {
    fn write(&mut self, change: RowChange<'_>) -> Result<(), EncodeError> {
        match change {
            RowChange::Create { after } => {
                let key = self.write_key(&[after])?;
                self.push(key, change, None, false)
            }
            RowChange::Delete { before } => {
                let key = self.write_key(&[before])?;
                self.push_delete(key, before, None)
            }
            RowChange::Update { before, after }
                if W::SPLITS_KEY_CHANGES && self.event.key_changed(before, after) =>
            {
                self.write_key_change(before, after)
            }
            RowChange::Update { before, after } => {
                let key = self.write_key(&[after, before])?;
                self.push(key, change, None, false)
            }
        }
    }

    fn write_key_change(&mut self, before: Image<'_>, after: Image<'_>) -> Result<(), EncodeError> {
        let old = self.write_key(&[before])?;
        let new = self.write_key(&[after, before])?;
        let mut whole = std::mem::take(self.whole);
        whole.clear();
        whole.extend(
            after
                .cells
                .iter()
                .zip(before.cells)
                .map(|(after, before)| match after {
                    Cell::Absent => *before,
                    Cell::Null | Cell::Value { .. } | Cell::Changes { .. } => *after,
                }),
        );
        let mut published = (0..whole.len()).filter(|index| self.event.table.publishes(*index));
        let missing = published.find(|index| match whole.get(*index) {
            Some(Cell::Changes { .. }) => before.value(*index).is_none(),
            cell => cell == Some(&Cell::Absent),
        });
        let result = match (missing, self.settings.partial_key_change) {
            (Some(index), PartialKeyChange::Fail) => Err(EncodeError::PartialKeyChange {
                column: self.event.column(index),
                place: self.event.place(),
            }),
            (_, PartialKeyChange::Fail | PartialKeyChange::Mark) => {
                let after = Image {
                    body: after.body,
                    cells: &whole,
                    base: before.cells,
                };
                self.push_key_change((old, new), before, after, missing.is_some())
            }
        };
        *self.whole = whole;
        result
    }

    fn push_key_change(
        &mut self,
        (old, new): (Option<Range<u32>>, Option<Range<u32>>),
        before: Image<'_>,
        after: Image<'_>,
        partial: bool,
    ) -> Result<(), EncodeError> {
        if !planted(Fault::KeyChangeHalved) {
            self.push_delete(old.clone(), before, new.clone().map(OtherKey::New))?;
        }
        let other_key = old.map(OtherKey::Old);
        self.push(new, RowChange::Create { after }, other_key, partial)
    }

    fn push_delete(
        &mut self,
        key: Option<Range<u32>>,
        before: Image<'_>,
        other_key: Option<OtherKey>,
    ) -> Result<(), EncodeError> {
        self.push(key.clone(), RowChange::Delete { before }, other_key, false)?;
        // A record without a key has nothing that a tombstone could remove.
        if self.settings.tombstones && key.is_some() {
            let tombstone = self.record(key, None);
            self.block.records.push(tombstone);
        }
        Ok(())
    }

    /// Writes a change, and makes a record of the message if that is its end.
    fn push(
        &mut self,
        key: Option<Range<u32>>,
        change: RowChange<'_>,
        other_key: Option<OtherKey>,
        partial: bool,
    ) -> Result<(), EncodeError> {
        let message = self.open.take().unwrap_or(OpenMessage {
            start: self.block.arena.len(),
            key,
            sequence: self.sequence,
        });
        let arena = &mut self.block.arena;
        let is_whole =
            self.writer
                .write_change(self.event, self.plan, change, self.sequence, arena)?;
        if !is_whole {
            self.open = Some(message);
            return Ok(());
        }
        let value = range(message.start, arena, || self.event.at())?;
        let record = Record {
            sequence: message.sequence,
            other_key,
            partial,
            ..self.record(message.key, Some(value))
        };
        self.block.records.push(record);
        Ok(())
    }

    /// Writes a row's key, each column from the first image that holds it; a message that is open has its key.
    fn write_key(&mut self, images: &[Image<'_>]) -> Result<Option<Range<u32>>, EncodeError> {
        if self.open.is_some() {
            return Ok(None);
        }
        let arena = &mut self.block.arena;
        let start = arena.len();
        if !self
            .writer
            .write_key(self.event, self.plan, images, arena)?
        {
            return Ok(None);
        }
        range(start, arena, || self.event.at()).map(Some)
    }

    fn record(&self, key: Option<Range<u32>>, value: Option<Range<u32>>) -> Record {
        Record {
            topic: Some(self.event.rows.table),
            key,
            value,
            group: self.event.rows.group,
            sequence: self.sequence,
            other_key: None,
            partial: false,
        }
    }
}

/// Writes the identity of every group of the batch; the source's is written once.
fn write_identities(batch: &Batch, block: &mut Records) -> Result<(), EncodeError> {
    let arena = &mut block.arena;
    let Some(first) = batch.groups.first() else {
        return Ok(());
    };
    match &batch.origin.server_uuid {
        Some(uuid) => arena.extend_from_slice(
            uuid.hyphenated()
                .encode_lower(&mut uuid::Uuid::encode_buffer())
                .as_bytes(),
        ),
        None => write_integer(batch.origin.server_id, arena),
    }
    let source = range(0, arena, || first.begin.clone())?;
    for group in &batch.groups {
        let at = || group.begin.clone();
        let start = arena.len();
        arena.extend_from_slice(group.begin.file.as_bytes());
        let file = range(start, arena, at)?;
        let start = arena.len();
        write_integer(group.begin.position, arena);
        let position = range(start, arena, at)?;
        let start = arena.len();
        if let Some(gtid) = &group.gtid {
            arena.extend_from_slice(gtid.to_string().as_bytes());
        }
        let gtid = range(start, arena, at)?;
        block.groups.push(RecordIdentity {
            source: source.clone(),
            file,
            position,
            gtid,
        });
    }
    Ok(())
}

/// The bytes since `start`, as a block counts them.
fn range(
    start: usize,
    arena: &[u8],
    at: impl FnOnce() -> Coordinates,
) -> Result<Range<u32>, EncodeError> {
    match (u32::try_from(start), u32::try_from(arena.len())) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(EncodeError::TooLarge { at: at() }),
    }
}
