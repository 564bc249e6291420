//! The encoder for logs: a record an event, with the primary key as its key.
//!
//! | change | records, all with the change's sequence |
//! |---|---|
//! | insert, update | one under the row's key |
//! | delete | a delete, then a tombstone where the settings ask for it |
//! | update that changes the key | a delete under the old key, its tombstone, a create under the new key |

use std::ops::Range;
use std::sync::Arc;

use super::super::rows::{Cells, Change, Event, Image};
use super::super::{Encode, EncodeError, Identity, InvalidText, OtherKey, Record, Records};
use super::event::Writer;
use super::plan::{PartialKeyChange, Plan, Settings};
use crate::binlog::Coordinates;
use crate::change::{Batch, Ddl, Item, Rows};
use crate::fault::{Fault, planted};
use crate::row::{Cell, write_integer, write_string};

/// Writes batches as records with keys.
pub struct RecordsEncoder {
    settings: Settings,
    writer: Writer,
    cells: Cells,
    /// The cells of a row under its new key: those after the update, and from before it what it did not touch.
    whole: Vec<Cell>,
}

/// A row change on its way into a block.
struct Target<'a> {
    event: &'a Event<'a>,
    plan: &'a Plan,
    sequence: u64,
}

impl RecordsEncoder {
    /// Makes an encoder.
    pub fn new(settings: Settings, invalid_text: InvalidText) -> Self {
        Self {
            settings,
            writer: Writer::new(invalid_text),
            cells: Cells::default(),
            whole: Vec::new(),
        }
    }

    fn write_rows(
        &mut self,
        batch: &Batch,
        rows: &Rows,
        plan: &Plan,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let event = Event::new(batch, rows, &plan.table)?;
        self.writer.enter(&event, plan);
        let start = block.records.len();
        // The cells leave the encoder for the walk, which lends them to the rest of it.
        let mut cells = std::mem::take(&mut self.cells);
        let result = event.each(&mut cells, |index, change| {
            let sequence = rows.first_row + u64::from(index);
            let target = Target {
                event: &event,
                plan,
                sequence,
            };
            self.write_change(&target, change, block)
        });
        self.cells = cells;
        if planted(Fault::RowsReversed) {
            block.records.get_mut(start..).unwrap_or_default().reverse();
        }
        result
    }

    fn write_change(
        &mut self,
        target: &Target<'_>,
        change: Change<'_>,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        match change {
            Change::Create { after } => {
                let key = self.write_key(target, &[after], block)?;
                self.push(target, key, Change::Create { after }, block)
            }
            Change::Delete { before } => {
                let key = self.write_key(target, &[before], block)?;
                self.push_delete(target, key, before, None, block)
            }
            Change::Update { before, after } if target.event.key_changed(before, after) => {
                self.write_key_change(target, before, after, block)
            }
            Change::Update { before, after } => {
                let key = self.write_key(target, &[after, before], block)?;
                self.push(target, key, Change::Update { before, after }, block)
            }
        }
    }

    fn write_key_change(
        &mut self,
        target: &Target<'_>,
        before: Image<'_>,
        after: Image<'_>,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let old = self.write_key(target, &[before], block)?;
        let new = self.write_key(target, &[after, before], block)?;
        let mut whole = std::mem::take(&mut self.whole);
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
        let missing = (0..whole.len()).find(|index| match whole.get(*index) {
            Some(Cell::Changes { .. }) => before.value(*index).is_none(),
            cell => cell == Some(&Cell::Absent),
        });
        let result = match (missing, self.settings.partial_key_change) {
            (Some(index), PartialKeyChange::Fail) => Err(EncodeError::PartialKeyChange {
                column: target.event.column(index),
                place: target.event.place(),
            }),
            (_, PartialKeyChange::Fail | PartialKeyChange::Mark) => {
                let after = Image {
                    body: after.body,
                    cells: &whole,
                    base: before.cells,
                };
                self.push_key_change(target, (old, new), before, after, block)
            }
        };
        if let (Ok(()), Some(record)) = (&result, block.records.last_mut()) {
            record.partial = missing.is_some();
        }
        self.whole = whole;
        result
    }

    fn push_key_change(
        &mut self,
        target: &Target<'_>,
        (old, new): (Option<Range<u32>>, Option<Range<u32>>),
        before: Image<'_>,
        after: Image<'_>,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        if !planted(Fault::KeyChangeHalved) {
            self.push_delete(target, old.clone(), before, new.clone(), block)?;
        }
        self.push(target, new, Change::Create { after }, block)?;
        if let Some(record) = block.records.last_mut() {
            record.other_key = old.map(OtherKey::Old);
        }
        Ok(())
    }

    fn push_delete(
        &mut self,
        target: &Target<'_>,
        key: Option<Range<u32>>,
        before: Image<'_>,
        new_key: Option<Range<u32>>,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        self.push(target, key.clone(), Change::Delete { before }, block)?;
        if let Some(record) = block.records.last_mut() {
            record.other_key = new_key.map(OtherKey::New);
        }
        // A record without a key has nothing that a tombstone could remove.
        if self.settings.tombstones && key.is_some() {
            block.records.push(target.record(key, None));
        }
        Ok(())
    }

    fn push(
        &mut self,
        target: &Target<'_>,
        key: Option<Range<u32>>,
        change: Change<'_>,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let start = block.arena.len();
        self.writer.write_row(
            target.event,
            target.plan,
            change,
            target.sequence,
            &mut block.arena,
        )?;
        let value = range(start, &block.arena, || target.event.at())?;
        block.records.push(target.record(key, Some(value)));
        Ok(())
    }

    /// Writes a row's key, each column from the first image that holds it; `None` for a table without one.
    fn write_key(
        &mut self,
        target: &Target<'_>,
        images: &[Image<'_>],
        block: &mut Records,
    ) -> Result<Option<Range<u32>>, EncodeError> {
        if target.event.table.key.is_empty() {
            return Ok(None);
        }
        let start = block.arena.len();
        self.writer
            .write_key(target.event, target.plan, images, &mut block.arena)?;
        range(start, &block.arena, || target.event.at()).map(Some)
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        let at = || {
            let file = batch
                .groups
                .get(ddl.group as usize)
                .map(|group| group.begin.file.clone());
            Coordinates::new(file.unwrap_or_default(), ddl.position)
        };
        let start = block.arena.len();
        block.arena.extend_from_slice(b"{\"databaseName\":");
        write_string(&ddl.database, &mut block.arena);
        block.arena.push(b'}');
        let key = range(start, &block.arena, at)?;
        let start = block.arena.len();
        self.writer.write_ddl(batch, ddl, &mut block.arena)?;
        let value = range(start, &block.arena, at)?;
        block.records.push(Record {
            topic: None,
            key: Some(key),
            value: Some(value),
            group: ddl.group,
            sequence: ddl.sequence,
            other_key: None,
            partial: false,
        });
        Ok(())
    }
}

impl Target<'_> {
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

impl Encode for RecordsEncoder {
    type Plan = Plan;
    type Block = Records;

    fn encode(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Records,
    ) -> Result<(), EncodeError> {
        block.clear();
        self.writer.begin(batch);
        block
            .topics
            .extend(plans.iter().map(|plan| plan.topic.clone()));
        write_identities(batch, block)?;
        for item in &batch.items {
            match item {
                Item::Rows(rows) => {
                    let plan = plans
                        .get(rows.table as usize)
                        .ok_or(EncodeError::Reference {
                            what: "table",
                            index: rows.table,
                        })?;
                    self.write_rows(batch, rows, plan, block)?;
                }
                Item::Ddl(ddl) => self.write_ddl(batch, ddl, block)?,
            }
        }
        block.invalid_text_count = self.writer.invalid_text_count();
        Ok(())
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
        block.groups.push(Identity {
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
