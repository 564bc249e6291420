//! The assembler: framed events in, batches out, group by group.
//!
//! Pure. `feed` takes shared bytes; `poll` does the next piece of work and asks for what it lacks. Nothing of a group
//! is looked at before its end is known; then its events are read in order and become items of a batch.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use self::arriving::Arriving;
use super::batch::builder::Builder;
use super::definition::beliefs::Definitions;
use super::definition::engines::Engines;
use super::definition::table_maps::Tables;
use super::group::closed::Apply;
use super::group::open::{Hold, Spilled};
use super::group::seen::Seen;
use super::group::tracker::{GroupTracker, Outcome, Place};
use super::statement::judging::OnStatement;
use super::trouble::{AssembleError, Trouble};
use super::{Batch, Checkpoint, Choice, Definition, Lack, Origin};
use crate::binlog::{BinlogError, Control, Coordinates, EventKind, Frame, Framer, GtidSet, Header};
use crate::filter::Rules;
use crate::mysql::Portion;
use crate::row::TableName;

/// How many times its own size a batch may keep in memory of the chunks around its rows.
const PINNED_FACTOR: usize = 8;

/// What the assembler needs next, or has made.
#[derive(Debug)]
pub enum Step {
    /// It has used up what it was fed.
    NeedEvent,
    /// It must know how this table was defined up to these coordinates; answer with [`Assembler::define`].
    NeedDefinition {
        /// The table's name on the source.
        table: TableName,
        /// The end of the group in whose rows it occurs.
        at: Coordinates,
        /// A definition that was read ahead of there: it serves if no DDL on the table stands in between.
        believed: Option<Box<Definition>>,
        /// What its table map does not tell.
        lack: Lack,
    },
    /// It must know whether this table's engine was transactional in a group that ends at these coordinates; answer with
    /// [`Assembler::define_engine`].
    NeedEngine {
        /// The table's name on the source.
        table: TableName,
        /// The end of the group that was rolled back.
        at: Coordinates,
    },
    /// A batch is ready.
    Batch(Box<Batch>),
    /// The open group is over its limit: keep these events, in order, until they are asked for.
    Spill(Spilled),
    /// The group has ended: give back the next spilled events with [`Assembler::feed_spilled`].
    NeedSpilled,
    /// The goal is reached; only [`Assembler::finish`] is left to call.
    Reached,
}

/// How far a stream is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Without end.
    Never,
    /// To the first group boundary at or behind these coordinates.
    Coordinates(Coordinates),
    /// To the group boundary at which every GTID of the set was seen.
    Gtids(GtidSet),
    /// To the boundary before the first group that began at or after this time, in seconds since 1970.
    Time(u32),
}

/// What an assembler is made of.
#[derive(Debug)]
pub struct Settings {
    /// The source, as records name it.
    pub origin: Arc<Origin>,
    /// The connector's own server id; events that carry it are dropped unless `same-server-id` is set.
    pub server_id: u32,
    /// The filters.
    pub rules: Rules,
    /// Whether the source was asked by GTID set, so that it names the file and leaves out groups.
    pub skips_groups: bool,
    /// What to do about changes that were logged as statements.
    pub on_statement: OnStatement,
    /// Where to stop.
    pub until: Until,
    /// Bytes of a batch at which it leaves.
    pub batch_bytes_max: usize,
    /// Bytes of an open group at which it is spilled.
    pub hold_bytes_max: usize,
    /// Bytes of an event beyond which it is read piece by piece.
    pub event_bytes_max: u64,
    /// Bytes of events without a row at which an empty batch leaves, so that the checkpoint moves.
    pub idle_bytes_max: u64,
}

/// Turns one source's events into batches.
#[derive(Debug)]
pub struct Assembler {
    pub(super) settings: Settings,
    pub(super) framer: Framer,
    tracker: GroupTracker,
    incoming: Option<Incoming>,
    arriving: Option<Arriving>,
    drained: bool,
    /// A group began at or after the time to stop at.
    passed: bool,
    hold: Option<Hold>,
    pub(super) apply: Option<Apply>,
    pub(super) tables: Tables,
    pub(super) definitions: Definitions,
    pub(super) refused: Option<TableName>,
    pub(super) hidden: Option<TableName>,
    pub(super) lacking: Vec<(TableName, Coordinates)>,
    pub(super) engines: Engines,
    pub(super) engine_refused: Option<TableName>,
    pub(super) builder: Builder,
    pub(super) checkpoint: Checkpoint,
    pub(super) choice: Choice,
}

#[derive(Debug)]
struct Incoming {
    buffer: Bytes,
    events: std::vec::IntoIter<Range<u32>>,
    drained: bool,
    part: Portion,
}

impl Assembler {
    /// Makes an assembler for a stream that begins at `checkpoint`, with what is known of the tables there.
    pub fn new(settings: Settings, checkpoint: Checkpoint, definitions: Definitions) -> Self {
        let flavour = settings.origin.flavour;
        Self {
            framer: match settings.skips_groups {
                true => Framer::skipping(),
                false => Framer::new(checkpoint.coordinates.clone()),
            },
            tracker: GroupTracker::default(),
            incoming: None,
            arriving: None,
            drained: false,
            passed: false,
            hold: None,
            apply: None,
            tables: Tables::new(flavour, settings.rules.clone()),
            definitions,
            refused: None,
            hidden: None,
            lacking: Vec::new(),
            engines: Engines::default(),
            engine_refused: None,
            builder: Builder::new(Arc::clone(&settings.origin)),
            checkpoint,
            choice: Choice::default(),
            settings,
        }
    }

    /// Publishes only the groups of a choice; the others count as filtered.
    pub fn choosing(mut self, choice: Choice) -> Self {
        self.choice = choice;
        self
    }

    /// Takes the next events; only after `poll` returned [`Step::NeedEvent`].
    pub fn feed(
        &mut self,
        buffer: Bytes,
        events: Vec<Range<u32>>,
        received_us: i64,
        drained: bool,
    ) {
        self.feed_part(buffer, events, Portion::Whole, received_us, drained);
    }

    /// Takes the next events, or a piece of a large one; only after `poll` returned [`Step::NeedEvent`].
    pub fn feed_part(
        &mut self,
        buffer: Bytes,
        events: Vec<Range<u32>>,
        part: Portion,
        received_us: i64,
        drained: bool,
    ) {
        self.builder.received(received_us);
        self.drained = false;
        self.incoming = Some(Incoming {
            buffer,
            events: events.into_iter(),
            drained,
            part,
        });
    }

    /// Takes the answer to [`Step::NeedDefinition`]; `None` if nobody can tell.
    pub fn define(&mut self, table: TableName, definition: Option<Definition>) {
        if let Some(definition) = definition {
            self.definitions.offer(&table, definition);
        }
        self.refused = Some(table);
    }

    /// Takes the answer to [`Step::NeedEngine`]; `None` if it cannot be told for that place.
    pub fn define_engine(&mut self, table: TableName, transactional: Option<bool>) {
        if let Some(transactional) = transactional {
            self.engines.take(&table, transactional);
            if let Some(apply) = &self.apply {
                self.definitions
                    .learn_engine(&table, transactional, &apply.end);
            }
        }
        self.engine_refused = Some(table);
    }

    /// Takes spilled events back, each with the position at which it begins. The last may be the first bytes of a large one;
    /// then those that follow come alone, without events.
    ///
    /// # Errors
    /// When they are not the events that were handed out.
    pub fn feed_spilled(
        &mut self,
        buffer: &Bytes,
        events: &[(u64, Range<u32>)],
    ) -> Result<(), AssembleError> {
        let checksum = self.framer.format().checksum_bytes();
        let apply = self
            .apply
            .as_mut()
            .expect("spilled events are asked for by a group that is being applied");
        apply.take_spilled(buffer, events, checksum, self.settings.event_bytes_max)
    }

    /// Does work until something is needed or made.
    ///
    /// # Errors
    /// Whatever the stream cannot go on from; the assembler must not be used again.
    pub fn poll(&mut self) -> Result<Step, AssembleError> {
        loop {
            if let Some(apply) = self.apply.take() {
                if let Some(step) = self.apply_group(apply)? {
                    return Ok(step);
                }
                if self.is_full() || self.builder.idle_bytes() >= self.settings.idle_bytes_max {
                    return Ok(Step::Batch(Box::new(self.leave())));
                }
                continue;
            }
            if self.has_reached() {
                return Ok(Step::Reached);
            }
            let Some(mut incoming) = self.incoming.take() else {
                // The source would make the batch wait.
                if self.drained && self.builder.has_items() {
                    return Ok(Step::Batch(Box::new(self.leave())));
                }
                return Ok(Step::NeedEvent);
            };
            let step = self.take_chunk(&mut incoming)?;
            let used_up = incoming.events.as_slice().is_empty();
            if !used_up {
                self.incoming = Some(incoming);
            } else if incoming.drained {
                self.drained = true;
            }
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// Takes events until one ends a group or must be answered.
    fn take_chunk(&mut self, incoming: &mut Incoming) -> Result<Option<Step>, AssembleError> {
        for range in incoming.events.by_ref() {
            if incoming.part != Portion::Whole {
                let (start, end) = (range.start as usize, range.end as usize);
                return self.take_part(incoming.buffer.slice(start..end), incoming.part);
            }
            let event = incoming
                .buffer
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default();
            let step = self.take(event, range, &incoming.buffer)?;
            if step.is_some() || self.apply.is_some() || self.has_reached() {
                return Ok(step);
            }
        }
        Ok(None)
    }

    fn has_reached(&self) -> bool {
        self.hold.is_none()
            && match &self.settings.until {
                Until::Never => false,
                Until::Coordinates(goal) => self.checkpoint.coordinates >= *goal,
                Until::Gtids(goal) => goal.is_subset(&self.checkpoint.gtid_set),
                Until::Time(_) => self.passed,
            }
    }

    /// Hands out what is assembled, even without a row, so that the checkpoint moves; `None` if nothing happened.
    ///
    /// To be called about once a second, and only between `poll`s that returned [`Step::NeedEvent`].
    pub fn flush(&mut self) -> Option<Batch> {
        (self.builder.has_items() || self.builder.idle_bytes() > 0).then(|| self.leave())
    }

    /// Closes the books at the end of a run: events of an unfinished group count as held.
    pub fn finish(mut self) -> Batch {
        if let Some(hold) = self.hold.take() {
            self.builder.ledger.received += hold.count;
            self.builder.ledger.held += hold.count;
        }
        self.leave()
    }

    /// What was assembled before `poll` failed: the groups that were read to their end, for a reader that wants them
    /// whatever stands behind; `None` if there are none. Its ledger has what those groups hold.
    pub fn salvage(mut self) -> Option<Batch> {
        self.builder.drop_unfinished().then(|| self.leave())
    }

    /// Whether no group is open.
    pub fn is_between_groups(&self) -> bool {
        self.tracker.is_between_groups() && self.apply.is_none()
    }

    /// The boundary behind the last group that was assembled.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Whether the batch in the making is to leave: by its rows, or by the chunks that they keep in memory.
    pub(super) fn is_full(&self) -> bool {
        let bytes_max = self.settings.batch_bytes_max;
        self.builder.bytes() >= bytes_max
            || self.builder.pinned_bytes() >= bytes_max.saturating_mul(PINNED_FACTOR)
    }

    fn leave(&mut self) -> Batch {
        let mut batch = self.builder.take(Some(self.checkpoint.clone()));
        batch.revisions = self.definitions.take_revisions();
        batch
    }

    fn take(
        &mut self,
        event: &[u8],
        range: Range<u32>,
        buffer: &Bytes,
    ) -> Result<Option<Step>, AssembleError> {
        let frame = self
            .framer
            .frame(event)
            .map_err(|error| self.unframed(event, error))?;
        self.builder.saw(event.len() as u64);
        if frame.header.kind == EventKind::FormatDescription {
            self.format_changed(&frame);
        }
        if frame.artificial {
            return Ok(None);
        }
        if frame.header.kind == EventKind::FormatDescription && self.framer.format().created() != 0
        {
            self.definitions.source_started();
        }
        let at = Coordinates::new(Arc::clone(&self.framer.next().file), frame.start);
        let body = event.get(frame.body.clone()).unwrap_or_default();
        let kind = frame.header.kind;
        let mut scratch = Vec::new();
        let seen = Seen::of(&frame, body, self.framer.format(), &mut scratch)
            .map_err(|trouble| AssembleError::new(at.clone(), kind, trouble))?;
        let place = self
            .tracker
            .place(seen.mark())
            .map_err(|error| AssembleError::new(at.clone(), kind, error))?;
        match place {
            Place::Outside => self.between(&frame, at)?,
            Place::Abandons => {
                self.between(&frame, at)?;
                self.abandon();
            }
            Place::Opens | Place::Alone if self.is_late(&frame) => self.passed = true,
            Place::Opens | Place::Alone => {
                self.note_gap(&at);
                let mut hold = Hold::new(seen.group(at, &frame), seen.is_transactional());
                hold.push(buffer, range, frame);
                self.hold = Some(hold);
                if place == Place::Alone {
                    self.close(Outcome::Committed);
                }
            }
            Place::Inside => {
                self.hold_event(buffer, range, frame, &seen);
                return Ok(self.spill_if_large());
            }
            Place::Ends(outcome) => {
                self.hold_event(buffer, range, frame, &seen);
                self.close(outcome);
            }
        }
        Ok(None)
    }

    /// Where the source, or a replica, left groups out, statements among them were not followed.
    fn note_gap(&mut self, at: &Coordinates) {
        let may_miss = self.settings.skips_groups || self.framer.take_gap();
        let reached = &self.checkpoint.coordinates;
        if may_miss && !reached.file.is_empty() && at != reached {
            let reason = "groups before it were left out of the stream";
            self.definitions.distrust_all(reason, at);
            self.tables.clear();
        }
    }

    fn hold_event(&mut self, buffer: &Bytes, range: Range<u32>, frame: Frame, seen: &Seen<'_>) {
        let hold = self
            .hold
            .as_mut()
            .expect("an event inside a group follows one that opened it");
        hold.push(buffer, range, frame);
        match seen {
            Seen::Query(Some(Control::Savepoint(name))) => hold.savepoint(name),
            Seen::Query(Some(Control::RollbackTo(name))) => {
                // Without a known savepoint nothing was written since, so nothing is undone.
                hold.rollback_to(name);
            }
            Seen::Query(_)
            | Seen::Gtid(_)
            | Seen::MariaDbGtid(_)
            | Seen::XaPrepare { .. }
            | Seen::Other(_) => {}
        }
    }

    fn spill_if_large(&mut self) -> Option<Step> {
        let hold = self.hold.as_mut()?;
        (hold.bytes > self.settings.hold_bytes_max).then(|| Step::Spill(hold.spill()))
    }

    fn is_late(&self, frame: &Frame) -> bool {
        matches!(self.settings.until, Until::Time(goal) if frame.header.timestamp >= goal)
    }

    fn close(&mut self, outcome: Outcome) {
        if let Some(hold) = self.hold.take() {
            let chosen = self
                .choice
                .takes(hold.group.gtid.as_ref(), hold.group.server_id);
            let end = self.framer.next().clone();
            self.apply = Some(Apply::new(hold, outcome, end, chosen));
        }
    }

    fn format_changed(&mut self, frame: &Frame) {
        self.tables.clear();
        self.checkpoint.format_description_timestamp = frame.header.timestamp;
        self.tracker
            .expect_gtids(self.framer.format().announces_groups());
    }

    /// An event between groups: it settles at once.
    fn between(&mut self, frame: &Frame, at: Coordinates) -> Result<(), AssembleError> {
        self.builder.ledger.received += 1;
        let kind = frame.header.kind;
        match kind {
            EventKind::Incident => {
                return Err(AssembleError::new(at, kind, Trouble::Incident));
            }
            EventKind::Unknown(_) if !frame.header.is_ignorable() => {
                return Err(AssembleError::new(at, kind, Trouble::Unsupported { kind }));
            }
            EventKind::Unknown(_) | EventKind::Ignorable => self.builder.ledger.skipped += 1,
            _known => self.builder.ledger.control += 1,
        }
        if self.apply.is_none() && self.hold.is_none() {
            self.checkpoint.reach(self.framer.next());
        }
        Ok(())
    }

    fn unframed(&self, event: &[u8], error: BinlogError) -> AssembleError {
        let kind = Header::parse(event).ok().map(|header| header.kind);
        AssembleError::new(self.framer.next().clone(), kind, error)
    }
}

mod arriving;
mod relayed;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;
