//! The assembler: framed events in, batches out, group by group.
//!
//! Pure. `feed` takes shared bytes; `poll` does the next piece of work and asks for what it lacks. Nothing of a group
//! is looked at before its end is known; then its events are read in order and become items of a batch.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::applier::Applier;
use super::applying::{ApplierSettings, Applying};
use super::batch::builder::Builder;
use super::batch::items::{Batch, Group, Origin};
use super::checkpoint::Checkpoint;
use super::definition::beliefs::Definitions;
use super::definition::column_watch::Vetting;
use super::definition::lack::Lacking;
use super::definition::schemas::Schemas;
use super::definition::table::Definition;
use super::definition::table_maps::TableMaps;
use super::group::choice::Choice;
use super::group::prepared::{Undecided, XaMissing, ledger_of_undecided};
use super::group::tracker::Outcome;
use super::history::Stretch;
use super::intake::{Intake, LeftOut, Taken, TakenPart};
use super::notice::Notice;
use super::skips::SkipOrders;
use super::statement::judging::OnStatement;
use super::step::Step;
use super::trouble::AssembleError;
use super::until::Until;
use crate::binlog::{Coordinates, EventKind, Header};
use crate::filter::{Rules, UnknownRules};
use crate::mysql::Portion;
use crate::row::TableName;

/// What an assembler is made of.
#[derive(Clone, Debug)]
pub struct AssemblerSettings {
    /// The source, as records name it.
    pub origin: Arc<Origin>,
    /// The connector's own server id; events that carry it are dropped unless `same-server-id` is set.
    pub server_id: u32,
    /// The filters.
    pub rules: Rules,
    /// Which groups the source leaves out, since it was asked by GTID set; then it names the file too.
    pub left_out: LeftOut,
    /// What to do about changes that were logged as statements.
    pub on_statement: OnStatement,
    /// What to do about an XA COMMIT whose XA PREPARE was not seen.
    pub xa_missing: XaMissing,
    /// Where to stop.
    pub until: Until,
    /// Whether each group waits for its time, see [`Step::Due`].
    pub delays: bool,
    /// Bytes of a batch at which it leaves.
    pub batch_bytes_max: usize,
    /// Whether batches hold the statements that changed rows, where the source logs them.
    pub keeps_queries: bool,
    /// Whether a statement that empties a table comes with the table.
    pub keeps_emptied: bool,
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
    incoming: Option<Incoming>,
    intake: Intake,
    /// The closed group in hand.
    applying: Option<Applying>,
    applier: Applier,
    choice: Choice,
    until: Until,
    /// The group came before which the stream is to stop.
    is_late: bool,
    delays: bool,
    /// When the closed group in hand was committed, until it may be delivered.
    awaited_us: Option<i64>,
    /// The source has no more for now.
    is_drained: bool,
    event_bytes_max: u64,
    idle_bytes_max: u64,
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
    pub fn new(
        settings: AssemblerSettings,
        checkpoint: Checkpoint,
        definitions: Definitions,
    ) -> Self {
        let applier_settings = ApplierSettings {
            server_id: settings.server_id,
            on_statement: settings.on_statement,
            xa_missing: settings.xa_missing,
            batch_bytes_max: settings.batch_bytes_max,
            keeps_queries: settings.keeps_queries,
            keeps_emptied: settings.keeps_emptied,
        };
        let flavour = settings.origin.flavour;
        let begun_with = checkpoint.gtid_set.clone();
        let mut table_maps = TableMaps::new(flavour, settings.rules);
        table_maps.column_watch().0.restore(&checkpoint.watched);
        Self {
            incoming: None,
            intake: Intake::new(
                checkpoint.coordinates.clone(),
                settings.left_out,
                settings.until.clone(),
                settings.hold_bytes_max,
            ),
            applying: None,
            applier: Applier::new(
                applier_settings,
                table_maps,
                definitions
                    .along(Arc::new(checkpoint.lineage()))
                    .with_temporary(&checkpoint.temporary),
                Builder::new(settings.origin),
                checkpoint,
            ),
            choice: Choice::default(),
            is_late: settings.until.is_passed(&begun_with),
            until: settings.until,
            delays: settings.delays,
            awaited_us: None,
            is_drained: false,
            event_bytes_max: settings.event_bytes_max,
            idle_bytes_max: settings.idle_bytes_max,
        }
    }

    /// Passes groups over as these orders say.
    #[must_use]
    pub fn passing_over(mut self, orders: SkipOrders) -> Self {
        self.applier.xa().dropped = orders.dropped.clone();
        self.intake.pass_over(orders);
        self
    }

    /// Publishes only the groups of a choice; the others count as filtered.
    #[must_use]
    pub fn choosing(mut self, choice: Choice) -> Self {
        self.choice = choice;
        self
    }

    /// Goes on without definitions that nobody can tell, as these rules say.
    #[must_use]
    pub fn going_without(mut self, rules: UnknownRules) -> Self {
        self.applier.undefined().set_rules(rules);
        self
    }

    /// Says who knows from what columns are computed, which rules on columns have to know.
    #[must_use]
    pub fn vetted_by(mut self, vetting: Vetting) -> Self {
        self.applier.table_maps().column_watch().0.vet_by(vetting);
        self
    }

    /// Asks for the definitions of tables even where rows can be read without: no table map tells which columns are
    /// generated.
    #[must_use]
    pub fn asking_for_generated(mut self) -> Self {
        self.applier.table_maps().ask_for_generated();
        self
    }

    /// Checks every body, down to the values of rows, whatever becomes of its event. A prepared XA transaction, of which
    /// nobody knows yet what becomes, is no trouble then.
    #[must_use]
    pub fn checking_all(mut self) -> Self {
        self.intake.check_all();
        self.applier.check_all();
        self
    }

    /// Reads relay logs, one after the other: a group may begin in one and end in the next.
    #[must_use]
    pub fn reading_relay_logs(mut self) -> Self {
        let start = self.applier.checkpoint().coordinates.clone();
        self.intake.relay_logs_from(start);
        self
    }

    /// Refuses to go to an earlier binlog file, as no server does; files may have been renamed.
    #[must_use]
    pub fn only_forward(mut self) -> Self {
        self.intake.only_forward();
        self
    }

    /// Takes what is known of the XA transactions that the checkpoint leaves undecided.
    #[must_use]
    pub fn holding(mut self, undecided: Undecided) -> Self {
        self.applier.xa().undecided = undecided;
        self
    }

    /// Hands out the XA transactions that are prepared and not decided, so that [`Self::finish`] does not count them.
    pub fn take_undecided(&mut self) -> Undecided {
        std::mem::take(&mut self.applier.xa().undecided)
    }

    /// Keeps what the stream tells of definitions, for [`Self::take_history`].
    #[must_use]
    pub fn keeping_history(mut self) -> Self {
        self.intake.keep_history();
        self
    }

    // ---- what it is fed --------------------------------------------------------------------------------------------

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
        self.applier.builder().received(received_us);
        self.is_drained = false;
        self.incoming = Some(Incoming {
            buffer,
            events: events.into_iter(),
            drained,
            part,
        });
    }

    /// Takes spilled events back, each with the position at which it begins. The last may be the first bytes of a large
    /// one; then those that follow come alone, without events.
    ///
    /// # Errors
    /// When they are not the events that were handed out.
    pub fn feed_spilled(
        &mut self,
        buffer: &Bytes,
        events: &[(u64, Range<u32>)],
    ) -> Result<(), AssembleError> {
        let applying = self
            .applying
            .as_mut()
            .expect("spilled events are asked for by a group that is being applied");
        let checksum_bytes = applying.format(self.intake.format()).checksum_bytes();
        applying
            .group
            .take_spilled(buffer, events, checksum_bytes, self.event_bytes_max)
    }

    // ---- what it is answered ---------------------------------------------------------------------------------------

    /// The filters.
    pub fn rules(&self) -> &Rules {
        self.applier.rules()
    }

    /// Takes the answer to [`Step::NeedDefinition`]; `None` if nobody can tell.
    pub fn define(&mut self, table: TableName, definition: Option<Definition>) {
        self.applier.define(table, definition, false);
    }

    /// Answers [`Step::NeedDefinition`] where the source was asked and shows no such table.
    pub fn hide(&mut self, table: TableName) {
        self.applier.define(table, None, true);
    }

    /// Goes on without the definition that [`Step::NeedDefinition`] asked for: the table's columns are then called `@1`,
    /// `@2`, … and are read as far as their table map tells. An integer whose sign is not known is signed, text whose
    /// character set is not known is UTF-8, an ENUM is its number, a SET its bits.
    pub fn number_columns(&mut self, table: TableName) {
        self.applier.table_maps().number_columns(table);
    }

    /// Takes what following the statements from further back has told of the group in hand, before the answer to
    /// [`Step::NeedDefinition`]; and the tables whose definition is missing from there on, each with the end of the group
    /// that has its rows first.
    pub fn adopt(&mut self, found: &Schemas, lacking: Vec<Lacking>) {
        let end = self.applying.as_ref().map(|applying| &applying.group.end);
        self.applier.adopt(found, lacking, end);
    }

    /// Takes that following the statements from further back would have to read more than may be read, before the answer to
    /// [`Step::NeedDefinition`].
    pub fn stop_short(&mut self) {
        self.applier.questions.statements_out_of_limits();
    }

    /// Takes the answer to [`Step::NeedEngine`]; `None` if it cannot be told for that place.
    pub fn define_engine(&mut self, table: TableName, transactional: Option<bool>) {
        let end = self.applying.as_ref().map(|applying| &applying.group.end);
        self.applier.define_engine(table, transactional, end);
    }

    /// What was kept of the stream since this was asked last, up to the last place between groups that it has come to.
    pub fn take_history(&mut self) -> Vec<Stretch> {
        self.intake.take_history()
    }

    /// The group that the stream is in: the one in hand, or the one that is open.
    pub fn present_group(&self) -> Option<&Group> {
        let in_hand = self.applying.as_ref().map(|it| &it.group.held.group);
        in_hand.or(self.intake.open().map(|open| &open.group))
    }

    /// Where the group in hand begins.
    pub fn group_begin(&self) -> Option<&Coordinates> {
        let applying = self.applying.as_ref()?;
        Some(&applying.group.held.group.begin)
    }

    // ---- what it does ----------------------------------------------------------------------------------------------

    /// Does work until something is needed or made.
    ///
    /// # Errors
    /// Whatever the stream cannot go on from; the assembler must not be used again.
    pub fn poll(&mut self) -> Result<Step, AssembleError> {
        self.advance()
            .map_err(|error| error.within(self.present_group()))
    }

    fn advance(&mut self) -> Result<Step, AssembleError> {
        loop {
            if let Some(committed_us) = self.awaited_us {
                return Ok(Step::Due { committed_us });
            }
            if let Some(applying) = &mut self.applying {
                if let Some(step) = self.applier.apply(applying, self.intake.format())? {
                    return Ok(step);
                }
                if let Some(done) = self.applying.take() {
                    self.intake.reuse(done.group);
                }
                let is_idle = self.applier.builder().idle_bytes() >= self.idle_bytes_max;
                if is_idle || self.applier.is_full() {
                    return Ok(Step::Batch(Box::new(self.applier.leave())));
                }
                continue;
            }
            if self.has_reached() {
                return Ok(Step::Reached);
            }
            let Some(mut incoming) = self.incoming.take() else {
                // The source would make the batch wait.
                if self.is_drained && self.applier.builder().has_items() {
                    return Ok(Step::Batch(Box::new(self.applier.leave())));
                }
                return Ok(Step::NeedEvent);
            };
            let step = self.take_chunk(&mut incoming)?;
            let used_up = incoming.events.as_slice().is_empty();
            if !used_up {
                self.incoming = Some(incoming);
            } else if incoming.drained {
                self.is_drained = true;
            }
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// Takes the answer to [`Step::Due`]: the group may be delivered.
    pub fn go_on(&mut self) {
        self.awaited_us = None;
    }

    /// Hands out what whoever runs the stream is to be told; to be asked for after each `poll`.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let watch = self.applier.table_maps().column_watch().0;
        let lost = watch.take_warnings().into_iter().map(Notice::LostColumn);
        let row_rules = watch.take_lost_row_rules().into_iter();
        let unvetted = watch.take_unvetted().into_iter();
        let lost = lost.chain(unvetted.map(Notice::Unvetted));
        let lost = lost.chain(row_rules.map(Notice::LostRowRule));
        let mut notices = self.applier.undefined().take_notices();
        notices.extend(lost);
        notices
    }

    /// Hands out what is assembled, even without a row, so that the checkpoint moves; `None` if nothing happened.
    ///
    /// To be called about once a second, and only between `poll`s that returned [`Step::NeedEvent`] or [`Step::Due`].
    pub fn flush(&mut self) -> Option<Batch> {
        let builder = self.applier.builder();
        (builder.has_items() || builder.idle_bytes() > 0).then(|| self.applier.leave())
    }

    /// Closes the books at the end of a run: events of a group that is unfinished, or waits for its time, count as held.
    pub fn finish(mut self) -> Batch {
        let waiting = self.applying.as_ref().filter(|_| self.awaited_us.is_some());
        let counts = [
            self.intake.open().map(|open| open.count),
            waiting.map(|waiting| waiting.group.held.count),
        ];
        for count in counts.into_iter().flatten() {
            let ledger = &mut self.applier.builder().ledger;
            ledger.received += count;
            ledger.held += count;
        }
        let held = ledger_of_undecided(&self.applier.xa().undecided);
        self.applier.builder().ledger += held;
        self.applier.leave()
    }

    /// What was assembled before `poll` failed: the groups that were read to their end, for a reader that wants them
    /// whatever comes after; `None` if there are none. Its ledger has what those groups hold.
    pub fn salvage(mut self) -> Option<Batch> {
        let has_some = self.applier.builder().drop_unfinished();
        has_some.then(|| self.applier.leave())
    }

    /// Whether no group is open.
    pub fn is_between_groups(&self) -> bool {
        self.intake.is_between_groups() && self.applying.is_none()
    }

    /// The boundary after the last group that was assembled.
    pub fn checkpoint(&self) -> &Checkpoint {
        self.applier.checkpoint()
    }

    fn has_reached(&self) -> bool {
        let checkpoint = self.applier.checkpoint();
        self.intake.open().is_none()
            && match &self.until {
                Until::Never => false,
                Until::Coordinates(goal) => checkpoint.coordinates >= *goal,
                Until::Gtids(goal) => goal.is_subset(&checkpoint.gtid_set),
                Until::BeforeGtids(_) | Until::Time(_) => self.is_late,
            }
    }

    /// Takes events until one ends a group or must be answered.
    fn take_chunk(&mut self, incoming: &mut Incoming) -> Result<Option<Step>, AssembleError> {
        for range in incoming.events.by_ref() {
            if incoming.part != Portion::Whole {
                let (start, end) = (range.start as usize, range.end as usize);
                return self.take_part(incoming.buffer.slice(start..end), incoming.part);
            }
            let taken = self.take(range, &incoming.buffer);
            match taken {
                Ok(None) if self.applying.is_none() && !self.has_reached() => {}
                _ => return taken,
            }
        }
        Ok(None)
    }

    fn take(&mut self, range: Range<u32>, buffer: &Bytes) -> Result<Option<Step>, AssembleError> {
        let event = buffer
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default();
        let taken = self.intake.take(event, range, buffer)?;
        self.applier.builder().saw(event.len() as u64);
        match taken {
            Taken::Held => return Ok(self.intake.spill_if_large().map(Step::Spill)),
            Taken::Ends(outcome) => self.close(outcome, true),
            Taken::Opened => self.note_gap(),
            Taken::Alone => {
                self.note_gap();
                self.close(Outcome::Committed, true);
            }
            Taken::Late => self.is_late = true,
            Taken::Artificial(header) => {
                self.look_at(&header);
                if self.intake.leaves_out() {
                    self.pass_left_out(&header);
                }
            }
            Taken::Between(header) => self.pass(&header),
            Taken::PassedOver(passed_over) => {
                let is_boundary = self.intake.open().is_none();
                let next = is_boundary.then(|| self.intake.next());
                self.applier.pass_over_event(*passed_over, next);
            }
            Taken::Abandons(header) => {
                self.pass(&header);
                // The source died while writing the group; a replica that connects again is sent it again.
                self.close(Outcome::Abandoned, !self.intake.is_relaying());
            }
        }
        Ok(None)
    }

    /// Takes a piece of a large event.
    fn take_part(&mut self, bytes: Bytes, part: Portion) -> Result<Option<Step>, AssembleError> {
        self.applier.builder().saw(bytes.len() as u64);
        let Some(TakenPart { spilled, ends }) = self.intake.take_part(bytes, part)? else {
            self.is_late = true;
            return Ok(None);
        };
        if let Some(outcome) = ends {
            self.close(outcome, true);
        }
        Ok(spilled.map(Step::Spill))
    }

    /// An event between groups: it settles at once.
    fn pass(&mut self, header: &Header) {
        self.look_at(header);
        if header.kind == EventKind::FormatDescription && self.intake.format().created() != 0 {
            self.applier.source_started();
        }
        self.applier.builder().ledger.pass(header.kind);
        self.reach_next();
    }

    /// Moves the checkpoint to the place after groups that were left out, which a heartbeat tells. Statements among them were
    /// not followed.
    fn pass_left_out(&mut self, header: &Header) {
        let is_heartbeat = matches!(header.kind, EventKind::Heartbeat | EventKind::HeartbeatV2);
        let is_between = self.intake.open().is_none() && !self.is_behind();
        if is_heartbeat && is_between && self.intake.take_gap() {
            self.applier.note_gap(self.intake.next());
        }
        self.reach_next();
    }

    /// Moves the checkpoint to the next event, unless a group is open.
    fn reach_next(&mut self) {
        if self.intake.open().is_none() && !self.is_behind() {
            self.applier.passed().reach(self.intake.next());
        }
    }

    /// Whether what was delivered ends after the next event.
    fn is_behind(&self) -> bool {
        let reached = &self.applier.checkpoint().coordinates;
        self.intake.is_before(reached)
    }

    fn look_at(&mut self, header: &Header) {
        if header.kind == EventKind::FormatDescription {
            self.applier.format_changed();
            if !self.is_behind() {
                self.applier.passed().format_description_timestamp = header.timestamp;
            }
        }
    }

    /// Where the source, or a replica, left groups out, statements among them were not followed.
    fn note_gap(&mut self) {
        if self.intake.take_gap()
            && let Some(open) = self.intake.open()
        {
            self.applier.note_gap(&open.group.begin);
        }
    }

    /// Closes the open group; nothing of it is published if the reader has no use for it.
    fn close(&mut self, outcome: Outcome, is_wanted: bool) {
        if let Some(group) = self.intake.close(outcome) {
            let opened_by = &group.held.group;
            let is_chosen = is_wanted
                && self
                    .choice
                    .takes(opened_by.gtid.as_ref(), opened_by.server_id);
            self.awaited_us = self.delays.then_some(opened_by.commit_us);
            self.applying = Some(Applying::new(group, is_chosen));
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;
