//! Records for a log such as Kafka: messages with keys, whatever their format.
//!
//! A table's destination says what its records' key is, by default the primary key, so that a log can be compacted and a key's
//! changes stay in order; and which partition they go to.
//!
//! | change | records, all with the change's sequence |
//! |---|---|
//! | insert, update | one under the row's key |
//! | delete | a delete, then a tombstone where the settings ask for it |
//! | update that changes the key, or the columns that choose the partition | a delete under the old key, its tombstone, a create under the new key |
//! | DDL statement | one under a key of its own, for a topic of its own |
//! | insert into an outbox | the message that the row is, in the topic that it chooses |
//! | update or delete there | none |
//!
//! A format may leave a changed key an update under the new key, and may put a whole rows event into one record, whose
//! sequence is that of its first change.

use std::ops::Range;
use std::sync::Arc;

use super::destination::{Destination, PartitionRule, partition_of, partition_of_hash};
use super::envelope::{Envelope, MessageLayout, Plan};
use super::identity::{
    OtherKeyNames, RecordIdentity, Wanted, range, write_identities, write_source,
};
use super::operation::RecordOp;
use super::outbox::{self, OutboxWriter, RecordHeader};
use super::rows::{Cells, Image, RowChange, RowsEvent, is_changed};
use super::writer::EnvelopeWriter;
use super::{
    AvroSchemas, Block, CloudEventsMode, Encode, EncodeError, FormatSettings, InvalidText,
    OutboxUpdates, empty,
};
use crate::binlog::Coordinates;
use crate::change::{Batch, Ddl, EdgeSide, RowsKind};
use crate::fault::{Fault, planted};
use crate::row::{Cell, TableName};

/// Records for a log such as Kafka, in one arena, in stream order.
#[derive(Debug, Default)]
pub struct Records {
    /// The bytes that all ranges count into.
    pub arena: Vec<u8>,
    /// The records.
    pub records: Vec<Record>,
    /// Per table of the batch: the topic, from its plan.
    pub topics: Vec<Arc<str>>,
    /// Per table of the batch its name, if the settings ask for counts.
    pub tables: Vec<TableName>,
    /// Per group of the batch: the values of the identity headers, as ranges of the arena.
    pub groups: Vec<RecordIdentity>,
    /// How many changes of rows there are by group and table, if the settings ask for it; a pair may come more than once.
    pub counts: Vec<GroupCount>,
    /// Whether the last group ends in this batch.
    pub ends_group: bool,
    /// Tables that statements of the batch renamed: the former name and the present one.
    pub renames: Vec<(TableName, TableName)>,
    /// How many values are not valid text, and are replaced in part or stand in base64.
    pub invalid_text_count: u64,
    /// What the headers are called that tell the other half of a changed key.
    pub other_key_names: OtherKeyNames,
    /// What the records of outboxes have besides.
    pub routed: Vec<RoutedRecord>,
    /// The headers of these.
    pub headers: Vec<RecordHeader>,
    /// The last of `topics` are those that rows of outboxes chose; for each the table of the first.
    pub chosen_by: Vec<TableName>,
    /// How many updates of outboxes were left out.
    pub left_out_updates: u64,
    /// The attribute `source` of CloudEvents in headers; empty where records are none.
    pub event_source: Range<u32>,
    /// The schemas of statements, where the format has any: the numbers that a registry gives to them are to be put after the
    /// first byte of their keys and values.
    pub statement_schemas: Option<Arc<AvroSchemas>>,
}

/// How many changes a group makes to rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCount {
    /// Index into `Records::groups`.
    pub group: u32,
    /// Index of the table in the batch, as `Record::topic` has it.
    pub table: u32,
    /// How many.
    pub count: u64,
}

impl Records {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        empty(&mut self.arena);
        self.records.clear();
        self.topics.clear();
        self.tables.clear();
        self.groups.clear();
        self.counts.clear();
        self.ends_group = false;
        self.renames.clear();
        self.invalid_text_count = 0;
        self.routed.clear();
        self.headers.clear();
        self.chosen_by.clear();
        self.left_out_updates = 0;
        self.event_source = 0..0;
        self.statement_schemas = None;
    }

    /// Puts the numbers of the schemas of statements after the first byte of their keys and values.
    pub fn number_statements(&mut self, key: u32, value: u32) {
        let statements = self.records.iter();
        let statements = statements.filter(|record| record.op == RecordOp::Statement);
        for record in statements {
            for (range, number) in [(&record.key, key), (&record.value, value)] {
                let start = range.as_ref().map(|range| range.start as usize + 1);
                let place = start.and_then(|start| self.arena.get_mut(start..start + 4));
                if let Some(place) = place {
                    place.copy_from_slice(&number.to_be_bytes());
                }
            }
        }
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
    /// The key; `None` for a record without one.
    pub key: Option<Range<u32>>,
    /// The partition; `None` for that of the key, as Kafka's own clients choose it.
    pub partition: Option<i32>,
    /// The value; `None` for a tombstone.
    pub value: Option<Range<u32>>,
    /// Index into `Records::groups`.
    pub group: u32,
    /// The change's sequence in its group.
    pub sequence: u64,
    /// What was done to the row.
    pub op: RecordOp,
    /// The other half of a changed key, or of a row that goes to another partition, whose key may be the same.
    pub other_key: Option<OtherKey>,
    /// Whether the record was made from an incomplete image by the operator's choice.
    pub partial: bool,
    /// Index into `Records::routed`, of a record of an outbox.
    pub routed: Option<u32>,
}

/// What a record of an outbox has besides.
#[derive(Clone, Debug)]
pub struct RoutedRecord {
    /// Its headers, as indexes into `Records::headers`.
    pub headers: Range<u32>,
    /// Its time in milliseconds since 1970, where a column says it.
    pub time_ms: Option<i64>,
}

/// The key that a row had, or has, beside the record's own.
#[derive(Clone, Debug)]
pub enum OtherKey {
    /// On the delete: the key that the row goes on under.
    New(Range<u32>),
    /// On the create: the key that the row had.
    Old(Range<u32>),
}

/// How a log's records are made, whatever their format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsSettings {
    /// Whether a delete is followed by a tombstone, a record with the key and no value.
    pub tombstones: bool,
    /// What becomes of a changed key whose update does not hold the whole row.
    pub partial_key_change: PartialKeyChange,
    /// Whether groups get the id of a trace.
    pub traces: bool,
    /// Whether changes are counted by group and table.
    pub counts: bool,
}

impl Default for RecordsSettings {
    fn default() -> Self {
        Self {
            tombstones: true,
            partial_key_change: PartialKeyChange::Fail,
            traces: false,
            counts: false,
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
    pub fn new(
        format: impl Into<FormatSettings>,
        settings: RecordsSettings,
        invalid_text: InvalidText,
    ) -> Self {
        let format = format.into();
        let mut layout = RecordsLayout::new(settings);
        if let FormatSettings::CloudEvents(_, CloudEventsMode::Binary, source) = &format {
            layout.event_source = Some(Arc::clone(source));
        }
        Self {
            envelope: Envelope::new(&format, invalid_text),
            layout,
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
    /// The name of the source in CloudEvents whose attributes are headers.
    event_source: Option<Arc<str>>,
    outbox: OutboxWriter,
}

impl RecordsLayout {
    pub(super) fn new(settings: RecordsSettings) -> Self {
        Self {
            settings,
            cells: Cells::default(),
            whole: Vec::new(),
            event_source: None,
            outbox: OutboxWriter::new(),
        }
    }

    /// Writes the records of a rows event of an outbox: a row that is deleted needs none, and one that is updated has its own.
    fn write_outbox(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &outbox::Plan,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let Self { cells, outbox, .. } = self;
        event.each(cells, |sequence, change| {
            let after = match change {
                RowChange::Create { after } => after,
                RowChange::Delete { .. } => return Ok(()),
                RowChange::Update { .. } => {
                    if plan.settings.options.table_op_invalid_behavior == OutboxUpdates::Fatal {
                        let place = event.place();
                        return Err(EncodeError::OutboxUpdate { place });
                    }
                    block.left_out_updates += 1;
                    return Ok(());
                }
            };
            let mut targets = outbox::Targets {
                arena: &mut block.arena,
                headers: &mut block.headers,
                topics: &mut block.topics,
                chosen_by: &mut block.chosen_by,
            };
            let message = outbox.write(event, plan, after, &mut targets)?;
            let routed = u32::try_from(block.routed.len());
            block.routed.push(RoutedRecord {
                headers: message.headers,
                time_ms: message.time_ms,
            });
            block.records.push(Record {
                topic: Some(message.topic),
                key: message.key,
                partition: message.partition,
                value: message.value,
                group: event.rows.group,
                sequence,
                op: match event.rows.kind {
                    RowsKind::Read => RecordOp::Read,
                    _written => RecordOp::Create,
                },
                other_key: None,
                partial: false,
                routed: routed.ok(),
            });
            Ok(())
        })
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
        self.outbox.begin();
        block
            .topics
            .extend(plans.iter().map(|plan| Arc::clone(&plan.destination.topic)));
        if self.settings.counts || self.event_source.is_some() {
            let names = batch.tables.iter().map(|table| table.name.clone());
            block.tables.extend(names);
        }
        block.ends_group = batch.end.is_some();
        let by_group =
            |plan: &Arc<Plan>| matches!(plan.destination.partition, PartitionRule::Group(_));
        let wanted = Wanted {
            traces: self.settings.traces,
            hashes: plans.iter().any(by_group),
            times: self.event_source.is_some(),
        };
        write_identities(batch, wanted, &mut block.arena, &mut block.groups)?;
        if let Some(name) = &self.event_source {
            let start = block.arena.len();
            write_source(name, &mut block.arena);
            let at = || Coordinates::new("", 0);
            block.event_source = range(start, &block.arena, at)?;
        }
        Ok(())
    }

    fn write_rows<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        event: &RowsEvent<'_>,
        (of_format, plan): (&W::Plan, &Plan),
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let start = block.records.len();
        block.other_key_names = W::OTHER_KEY_NAMES;
        let is_told = plan.outbox.is_none()
            || !matches!(
                event.rows.kind,
                RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Delete
            );
        if self.settings.counts && is_told {
            count(event, &mut block.counts);
        }
        if let Some(plan) = &plan.outbox {
            return self.write_outbox(event, plan, block);
        }
        let mut target = RecordsTarget {
            settings: self.settings,
            whole: &mut self.whole,
            writer,
            event,
            plan: of_format,
            destination: &plan.destination,
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
        let at = || at_of(batch, ddl);
        let renamed = ddl.changes.iter().filter_map(|change| {
            let former = change.previous.clone()?;
            Some((former, change.table.clone()))
        });
        block.renames.extend(renamed);
        block.statement_schemas = writer.ddl_schemas(batch);
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
                partition: None,
                value: Some(value),
                group: ddl.group,
                sequence: ddl.sequence,
                op: RecordOp::Statement,
                other_key: None,
                partial: false,
                routed: None,
            });
        }
        Ok(())
    }

    fn write_emptied<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        (batch, ddl): (&Batch, &Ddl),
        (of_format, plan): (&W::Plan, &Plan),
        block: &mut Records,
    ) -> Result<bool, EncodeError> {
        let start = block.arena.len();
        if plan.outbox.is_some()
            || !writer.write_emptied(batch, ddl, of_format, &mut block.arena)?
        {
            return Ok(false);
        }
        let value = range(start, &block.arena, || at_of(batch, ddl))?;
        block.records.push(Record {
            topic: ddl.emptied,
            key: None,
            partition: None,
            value: Some(value),
            group: ddl.group,
            sequence: ddl.sequence,
            op: RecordOp::Truncate,
            other_key: None,
            partial: false,
            routed: None,
        });
        Ok(true)
    }

    fn write_edge<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        (event, side): (&RowsEvent<'_>, EdgeSide),
        (of_format, plan): (&W::Plan, &Plan),
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        if plan.outbox.is_some() {
            return Ok(());
        }
        let start = block.arena.len();
        let has_key = writer.write_edge_key(of_format, &mut block.arena);
        let key = range(start, &block.arena, || event.at())?;
        let start = block.arena.len();
        if !writer.write_edge(event, of_format, side, &mut block.arena) {
            return Ok(());
        }
        let value = range(start, &block.arena, || event.at())?;
        block.records.push(Record {
            topic: Some(event.rows.table),
            key: has_key.then_some(key),
            partition: match plan.destination.partition {
                PartitionRule::Fixed(partition) => Some(partition),
                PartitionRule::Key | PartitionRule::Group(_) | PartitionRule::Columns(..) => None,
            },
            value: Some(value),
            group: event.rows.group,
            sequence: event.rows.first_row,
            op: RecordOp::Read,
            other_key: None,
            partial: false,
            routed: None,
        });
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
    destination: &'a Destination,
    /// That of the change being written.
    sequence: u64,
    /// The message that the next change goes on with.
    open: Option<OpenMessage>,
    block: &'a mut Records,
}

/// A message that holds some changes of a rows event already.
struct OpenMessage {
    start: usize,
    place: Place,
    sequence: u64,
}

/// The key of a record, and its partition where that is not the key's.
#[derive(Clone)]
struct Place {
    key: Option<Range<u32>>,
    partition: Option<i32>,
}

impl<W: EnvelopeWriter> RecordsTarget<'_, W> {
    fn write(&mut self, change: RowChange<'_>) -> Result<(), EncodeError> {
        match change {
            RowChange::Create { after } => {
                let place = self.write_place(&[after])?;
                self.push(place, change, None, false)
            }
            RowChange::Delete { before } => {
                let place = self.write_place(&[before])?;
                self.push_delete(place, before, None)
            }
            RowChange::Update { before, after }
                if W::SPLITS_KEY_CHANGES && self.is_moved(before, after) =>
            {
                self.write_key_change(before, after)
            }
            RowChange::Update { before, after } => {
                let place = self.write_place(&[after, before])?;
                self.push(place, change, None, false)
            }
        }
    }

    /// Whether an update gives a row another key, or may send it to another partition.
    fn is_moved(&self, before: Image<'_>, after: Image<'_>) -> bool {
        let Destination { key, partition, .. } = self.destination;
        let chosen_by = partition.columns().map(|(key, _)| &*key.columns);
        is_changed(&key.columns, before, after)
            || chosen_by.is_some_and(|columns| is_changed(columns, before, after))
    }

    fn write_key_change(&mut self, before: Image<'_>, after: Image<'_>) -> Result<(), EncodeError> {
        let old = self.write_place(&[before])?;
        let new = self.write_place(&[after, before])?;
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
        (old, new): (Place, Place),
        before: Image<'_>,
        after: Image<'_>,
        partial: bool,
    ) -> Result<(), EncodeError> {
        if !planted(Fault::KeyChangeHalved) {
            let other_key = new.key.clone().map(OtherKey::New);
            self.push_delete(old.clone(), before, other_key)?;
        }
        let other_key = old.key.map(OtherKey::Old);
        self.push(new, RowChange::Create { after }, other_key, partial)
    }

    fn push_delete(
        &mut self,
        place: Place,
        before: Image<'_>,
        other_key: Option<OtherKey>,
    ) -> Result<(), EncodeError> {
        let has_key = place.key.is_some();
        let of_tombstone = place.clone();
        let told_again = match W::OTHER_KEY_NAMES.on_tombstones {
            true => other_key.clone(),
            false => None,
        };
        if self.writer.tells_deletes() {
            self.push(place, RowChange::Delete { before }, other_key, false)?;
        } else if !has_key {
            return Err(EncodeError::DeleteWithoutKey {
                place: self.event.place(),
            });
        }
        // A record without a key has nothing that a tombstone could remove.
        if self.settings.tombstones && has_key {
            let tombstone = Record {
                other_key: told_again,
                ..self.record(of_tombstone, None, RecordOp::Delete)
            };
            self.block.records.push(tombstone);
        }
        Ok(())
    }

    /// Writes a change, and makes a record of the message if that is its end.
    fn push(
        &mut self,
        place: Place,
        change: RowChange<'_>,
        other_key: Option<OtherKey>,
        partial: bool,
    ) -> Result<(), EncodeError> {
        let message = self.open.take().unwrap_or(OpenMessage {
            start: self.block.arena.len(),
            place,
            sequence: self.sequence,
        });
        let op = match change {
            RowChange::Create { .. } if self.event.rows.kind == RowsKind::Read => RecordOp::Read,
            RowChange::Create { .. } => RecordOp::Create,
            RowChange::Update { .. } => RecordOp::Update,
            RowChange::Delete { .. } => RecordOp::Delete,
        };
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
            ..self.record(message.place, Some(value), op)
        };
        self.block.records.push(record);
        Ok(())
    }

    /// Writes a row's key, each column from the first image that holds it, and finds the partition; a message that is open has
    /// both.
    fn write_place(&mut self, images: &[Image<'_>]) -> Result<Place, EncodeError> {
        let nowhere = Place {
            key: None,
            partition: None,
        };
        if self.open.is_some() {
            return Ok(nowhere);
        }
        let Destination { key, .. } = self.destination;
        let partition = self.partition(images)?;
        if !W::HAS_KEYS {
            return Ok(Place {
                key: None,
                partition,
            });
        }
        let (event, arena) = (self.event, &mut self.block.arena);
        let start = arena.len();
        let has_key = self
            .writer
            .write_key(event, self.plan, key, images, arena)?;
        let key = match has_key {
            true => Some(range(start, arena, || event.at())?),
            false => None,
        };
        Ok(Place { key, partition })
    }

    /// The partition of a row's record, where it is not the key's.
    fn partition(&mut self, images: &[Image<'_>]) -> Result<Option<i32>, EncodeError> {
        Ok(match &self.destination.partition {
            PartitionRule::Key => None,
            PartitionRule::Fixed(partition) => Some(*partition),
            PartitionRule::Group(count) => {
                let group = self.block.groups.get(self.event.rows.group as usize);
                let hash = group.map(|group| group.hash).unwrap_or_default();
                Some(partition_of_hash(hash, *count))
            }
            PartitionRule::Columns(columns, count) => {
                let arena = &mut self.block.arena;
                let start = arena.len();
                let writer = &mut *self.writer;
                writer.write_key(self.event, self.plan, columns, images, arena)?;
                let bytes = arena.get(start..).unwrap_or_default();
                let partition = partition_of(bytes, *count);
                arena.truncate(start);
                Some(partition)
            }
        })
    }

    fn record(&self, place: Place, value: Option<Range<u32>>, op: RecordOp) -> Record {
        Record {
            topic: Some(self.event.rows.table),
            key: place.key,
            partition: place.partition,
            value,
            group: self.event.rows.group,
            sequence: self.sequence,
            op,
            other_key: None,
            partial: false,
            routed: None,
        }
    }
}

/// Where a statement stands.
fn at_of(batch: &Batch, ddl: &Ddl) -> Coordinates {
    let group = batch.groups.get(ddl.group as usize);
    let file = group.map(|group| group.begin.file.clone());
    Coordinates::new(file.unwrap_or_default(), ddl.event.position)
}

/// Counts the changes of a rows event. What a snapshot found was changed by no transaction.
fn count(event: &RowsEvent<'_>, counts: &mut Vec<GroupCount>) {
    if event.group.snapshot.is_some() {
        return;
    }
    let (group, table) = (event.rows.group, event.rows.table);
    let count = u64::from(event.rows.row_count);
    match counts.last_mut() {
        Some(last) if last.group == group && last.table == table => last.count += count,
        _other => counts.push(GroupCount {
            group,
            table,
            count,
        }),
    }
}
