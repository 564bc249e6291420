//! The applier: a closed group becomes items of batches.
//!
//! A group's events are read in order. Statements go into the beliefs and, where the filters let them pass, into the batch;
//! table maps are resolved; rows are counted and go into it as they are. What is not known of a table is asked for, once.

use std::sync::Arc;

use bytes::Bytes;

use super::applying::{ApplierSettings, Applying, GroupEvent, Settled};
use super::batch::builder::Builder;
use super::batch::items::Batch;
use super::batch::rows::RowsKind;
use super::checkpoint::Checkpoint;
use super::definition::beliefs::Definitions;
use super::definition::copied::emptied;
use super::definition::engines::Engines;
use super::definition::following::{Followed, StatementPlace, follow};
use super::definition::lack::Lacking;
use super::definition::schemas::Schemas;
use super::definition::table::Definition;
use super::definition::table_maps::{Missing, TableMaps, Target};
use super::group::closed::{ClosedGroup, NextEvent};
use super::group::open::HeldEvent;
use super::group::prepared::PreparedGroup;
use super::group::tracker::Outcome;
use super::passing::Passing;
use super::questions::Questions;
use super::row_choice::RowWork;
use super::settled::{self, UnsettledRows};
use super::skips::PassedOver;
use super::statement::empties_table;
use super::statement::judging::{Judged, judge};
use super::step::Step;
use super::trouble::{AssembleError, Trouble};
use super::undefined::{UndefinedTables, forget_dropped};
use super::undone::{self, Leaves, Written};
use super::xa::{Committing, XaBooks, XaDecided, XaDecision, XaStage};
use crate::binlog::{
    Coordinates, EventKind, FormatDescription, Query, RowsHeader, XaId, load_data_body,
};
use crate::fault::{Fault, planted};
use crate::filter::Rules;
use crate::row::TableName;

/// Turns closed groups into batches.
#[derive(Debug)]
pub(super) struct Applier {
    settings: ApplierSettings,
    table_maps: TableMaps,
    definitions: Definitions,
    engines: Engines,
    pub(super) questions: Questions,
    undefined: UndefinedTables,
    builder: Builder,
    checkpoint: Checkpoint,
    row_work: RowWork,
    xa: XaBooks,
}

impl Applier {
    /// Begins at `checkpoint`, with what is known of the tables there.
    pub(super) fn new(
        settings: ApplierSettings,
        table_maps: TableMaps,
        definitions: Definitions,
        builder: Builder,
        checkpoint: Checkpoint,
    ) -> Self {
        Self {
            settings,
            table_maps,
            definitions,
            engines: Engines::default(),
            questions: Questions::default(),
            undefined: UndefinedTables::default(),
            builder,
            checkpoint,
            row_work: RowWork::default(),
            xa: XaBooks::new(settings.xa_missing),
        }
    }

    /// Checks every event, whatever becomes of it.
    pub(super) fn check_all(&mut self) {
        self.table_maps.check_all();
        self.row_work.check_all();
    }

    /// What the stream goes on without.
    pub(super) fn undefined(&mut self) -> &mut UndefinedTables {
        &mut self.undefined
    }

    /// The boundary after the last group that was applied.
    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The batch in the making.
    pub(super) fn builder(&mut self) -> &mut Builder {
        &mut self.builder
    }

    /// The table maps seen.
    pub(super) fn table_maps(&mut self) -> &mut TableMaps {
        &mut self.table_maps
    }

    /// The XA transactions that are prepared and undecided.
    pub(super) fn xa(&mut self) -> &mut XaBooks {
        &mut self.xa
    }

    /// The filters.
    pub(super) fn rules(&self) -> &Rules {
        self.table_maps.rules()
    }

    // ---- answers ---------------------------------------------------------------------------------------------------

    /// Takes the answer to [`Step::NeedDefinition`].
    pub(super) fn define(
        &mut self,
        table: TableName,
        definition: Option<Definition>,
        is_hidden: bool,
    ) {
        if let Some(definition) = definition {
            self.definitions.offer(&table, definition);
        }
        self.questions.definition_answered(table, is_hidden);
    }

    /// Takes what following the statements from further back has told of the place where the group in hand ends.
    pub(super) fn adopt(
        &mut self,
        found: &Schemas,
        lacking: Vec<Lacking>,
        end: Option<&Coordinates>,
    ) {
        if let Some(end) = end {
            self.definitions.adopt(found, end);
        }
        self.questions.statements_followed(lacking);
    }

    /// Takes the answer to [`Step::NeedEngine`].
    pub(super) fn define_engine(
        &mut self,
        table: TableName,
        transactional: Option<bool>,
        end: Option<&Coordinates>,
    ) {
        if let Some(transactional) = transactional {
            self.engines.take(&table, transactional);
            if let Some(end) = end {
                self.definitions.learn_engine(&table, transactional, end);
            }
        }
        self.questions.engine_answered(table);
    }

    // ---- between groups --------------------------------------------------------------------------------------------

    /// A file's format description came, once more or for the first time.
    pub(super) fn format_changed(&mut self) {
        self.table_maps.clear();
    }

    /// The checkpoint, to be moved on between groups.
    pub(super) fn passed(&mut self) -> &mut Checkpoint {
        &mut self.checkpoint
    }

    /// The source was restarted.
    pub(super) fn source_started(&mut self) {
        self.definitions.source_started();
        self.checkpoint.temporary = Arc::default();
    }

    /// Takes that groups may have been left out before one that begins at `at`: statements among them were not followed.
    pub(super) fn note_gap(&mut self, at: &Coordinates) {
        let reached = &self.checkpoint.coordinates;
        if !reached.file.is_empty() && at != reached {
            let reason = "groups before it were left out of the stream";
            self.definitions.distrust_all(reason, at);
            self.table_maps.clear();
        }
    }

    // ---- batches ---------------------------------------------------------------------------------------------------

    /// Whether the batch in the making is to leave.
    pub(super) fn is_full(&self) -> bool {
        self.builder.is_full(self.settings.batch_bytes_max)
    }

    /// Whether the batch in the making is to leave inside the group in hand, if more rows of the group follow.
    fn is_overfull(&self) -> bool {
        self.builder.is_overfull(self.settings.batch_bytes_max)
    }

    /// Hands out the batch up to the checkpoint.
    pub(super) fn leave(&mut self) -> Batch {
        let mut batch = self.builder.take(Some(self.checkpoint.clone()));
        batch.revisions = self.definitions.take_revisions();
        batch
    }

    // ---- groups ----------------------------------------------------------------------------------------------------

    /// Reads on in a closed group until it is used up (`None`) or something is needed or made; the group is to be kept for
    /// the next call in the latter case.
    ///
    /// # Errors
    /// Whatever the stream cannot go on from.
    pub(super) fn apply(
        &mut self,
        applying: &mut Applying,
        format: &FormatDescription,
    ) -> Result<Option<Step>, AssembleError> {
        if matches!(applying.xa, XaStage::Settled) {
            return Ok(None);
        }
        if let Some(order) = applying.group.held.passed_over {
            return Ok(self.pass_over(applying, order, format));
        }
        if let Some((id, prepared)) = applying.xa.take_one_phase() {
            return Ok(Some(self.begin_committing(applying, id, prepared)));
        }
        let before = *applying.before.get_or_insert(self.builder.ledger);
        let own_format = applying.xa.format().cloned();
        let format = own_format.as_deref().unwrap_or(format);
        loop {
            if applying.is_to_be_kept() {
                let ledger = &mut self.builder.ledger;
                let (kept, stage) = self.xa.prepare(&applying.group, ledger, before)?;
                applying.xa = stage;
                return Ok(Some(Step::Prepare(kept)));
            }
            let (held, buffer) = match applying.group.next(format)? {
                NextEvent::Whole(held) => (held, applying.group.take_chunk()),
                NextEvent::Piece => {
                    self.builder.ledger.control += 1;
                    continue;
                }
                NextEvent::Rows => match self.stream_rows(applying)? {
                    Some(step) => return Ok(Some(step)),
                    None => continue,
                },
                NextEvent::Spilled => return Ok(Some(Step::NeedSpilled)),
                NextEvent::End => break,
            };
            if applying.is_to_be_kept() {
                applying.group.wait(held, buffer);
                continue;
            }
            if held.frame.header.kind.holds_rows() && self.is_overfull() {
                applying.group.wait(held, buffer);
                return Ok(Some(self.piece(applying)));
            }
            let event = GroupEvent {
                held: &held,
                buffer: &buffer,
                ordinal: applying.group.done,
                format,
            };
            let checked = match self.row_work.check {
                Some(_) => event.check(&mut applying.group),
                None => Ok(()),
            };
            let settled = match checked.and_then(|()| self.settle(applying, &event)) {
                Ok(Settled::Done) => {
                    applying.group.settle(&held, buffer);
                    continue;
                }
                settled => settled,
            };
            let (at, kind) = (applying.group.at(held.frame.start), held.frame.header.kind);
            let asked =
                settled.and_then(|settled| self.ask(applying, settled, (held, buffer), format));
            let placed = |trouble| AssembleError::new(at, kind, trouble);
            if let Some(step) = asked.map_err(placed)? {
                return Ok(Some(step));
            }
        }
        Ok(self.end_group(applying, format))
    }

    /// Asks for what an event lacks, which then comes again, or acts on what it decides. `None` where nothing is to be waited for.
    fn ask(
        &mut self,
        applying: &mut Applying,
        settled: Settled,
        (held, buffer): (Box<HeldEvent>, Bytes),
        format: &FormatDescription,
    ) -> Result<Option<Step>, Trouble> {
        let end = &applying.group.end;
        let asked = match settled {
            Settled::Done => {
                applying.group.settle(&held, buffer);
                return Ok(None);
            }
            Settled::Decides(decision) => {
                applying.group.settle(&held, buffer);
                return self.decide(applying, decision);
            }
            Settled::Missing(missing) => {
                let connector = &self.builder.origin().connector;
                let definitions = &mut self.definitions;
                let questions = &mut self.questions;
                let body = held.bytes(&buffer);
                let draft = self.table_maps.draft(&missing, body, format, definitions);
                match questions.ask_for_definition(missing, definitions, connector, end, draft) {
                    Err(trouble) if self.undefined.takes(&trouble, questions) => {
                        let known = (&mut self.definitions, &mut self.table_maps);
                        let checkpoint = &mut self.checkpoint;
                        self.undefined.go_without(&trouble, checkpoint, known, end);
                        applying.group.wait(held, buffer);
                        return Ok(None);
                    }
                    asked => asked?,
                }
            }
            Settled::Engines(unknown) => {
                let connector = &self.builder.origin().connector;
                let (definitions, questions) = (&self.definitions, &mut self.questions);
                match questions.ask_for_engine(unknown, definitions, connector, end) {
                    Err(trouble) if self.undefined.leaves_out(&trouble, questions) => {
                        applying.group.wait(held, buffer);
                        return Ok(None);
                    }
                    asked => asked?,
                }
            }
        };
        applying.group.wait(held, buffer);
        Ok(Some(asked))
    }

    /// The group was read to its end.
    fn end_group(&mut self, applying: &mut Applying, format: &FormatDescription) -> Option<Step> {
        let id = match std::mem::replace(&mut applying.xa, XaStage::Settled) {
            XaStage::None | XaStage::Settled | XaStage::CommitsAtOnce(_) => {
                self.settle_group(&applying.group);
                return None;
            }
            XaStage::Prepares(preparing) => {
                let (group, ledger) = (&applying.group, &mut self.builder.ledger);
                let (id, prepared) = preparing.end(group, format, ledger, applying.is_chosen);
                let checkpoint = &mut self.checkpoint;
                applying.xa = self
                    .xa
                    .prepared((&id, &prepared), group.outcome, checkpoint);
                if matches!(applying.xa, XaStage::Settled) {
                    self.reach_end_of(&applying.group);
                }
                let group = Box::new(prepared);
                return Some(Step::Prepared { id, group });
            }
            XaStage::Commits(committing) => {
                if committing.definitions.is_some() {
                    self.table_maps.clear();
                }
                committing.id
            }
            XaStage::RollsBack(id) => id,
        };
        self.checkpoint.decided(&id);
        self.settle_group(&applying.group);
        let at = applying.group.end.clone();
        Some(Step::Decided { id, at })
    }

    /// Passes a group over as an order says.
    fn pass_over(
        &mut self,
        applying: &mut Applying,
        order: u64,
        format: &FormatDescription,
    ) -> Option<Step> {
        let passing = Passing {
            definitions: &mut self.definitions,
            engines: &mut self.engines,
            table_maps: &mut self.table_maps,
            xa: &mut self.xa,
            checkpoint: &mut self.checkpoint,
            flavour: self.builder.origin().flavour,
            ledger: &mut self.builder.ledger,
            format,
        };
        let (passed_over, decided) = passing.pass_over(&mut applying.group, order);
        self.builder.pass_over(passed_over);
        applying.xa = XaStage::Settled;
        self.reach_end_of(&applying.group);
        let at = applying.group.end.clone();
        decided.map(|id| Step::Decided { id, at })
    }

    /// Passes over what stands between groups and belongs to none, as an order says.
    pub(super) fn pass_over_event(&mut self, passed_over: PassedOver, next: Option<&Coordinates>) {
        self.builder.ledger.received += 1;
        self.builder.ledger.passed_over += 1;
        let reason = "an event before it was passed over that may stand for changes";
        self.definitions.distrust_all(reason, &passed_over.end);
        self.table_maps.clear();
        self.builder.pass_over(passed_over);
        if let Some(next) = next {
            self.checkpoint.reach(next);
        }
    }

    // ---- XA transactions -------------------------------------------------------------------------------------------

    /// Reads on with the events of the XA transaction that is committed; counts those of one that is rolled back.
    fn decide(
        &mut self,
        applying: &mut Applying,
        decision: XaDecision,
    ) -> Result<Option<Step>, Trouble> {
        let id = decision.id.clone();
        match self.xa.decide(decision, &mut self.builder)? {
            XaDecided::Unknown => Ok(None),
            XaDecided::RollsBack => {
                applying.xa = XaStage::RollsBack(id);
                Ok(None)
            }
            XaDecided::Commits(prepared) => {
                let by = &applying.group;
                self.builder.ledger.received += by.held.count + by.inner;
                Ok(Some(self.begin_committing(applying, id, *prepared)))
            }
        }
    }

    /// Reads on with the events of an XA transaction that was prepared.
    fn begin_committing(
        &mut self,
        applying: &mut Applying,
        id: XaId,
        prepared: PreparedGroup,
    ) -> Step {
        let ledger = &mut self.builder.ledger;
        ledger.received += prepared.left_out;
        ledger.control += prepared.left_out;
        let by = &applying.group;
        applying.group = prepared.committed_by(&by.held.group, &by.end);
        applying.is_chosen &= prepared.is_chosen;
        let committing = Committing::begin(id.clone(), prepared, &self.definitions);
        if committing.definitions.is_some() {
            self.table_maps.clear();
        }
        applying.xa = XaStage::Commits(Box::new(committing));
        Step::NeedPrepared { id }
    }

    /// Hands out a piece of the group, of which more rows follow.
    fn piece(&mut self, applying: &mut Applying) -> Step {
        applying.leave_batch();
        Step::Batch(Box::new(self.builder.take(None)))
    }

    fn settle_group(&mut self, group: &ClosedGroup) {
        self.builder.ledger.received += group.held.count + group.inner;
        self.reach_end_of(group);
    }

    fn reach_end_of(&mut self, group: &ClosedGroup) {
        self.builder.group_ends();
        self.questions = Questions::default();
        self.table_maps.end_statement();
        self.checkpoint.coordinates.move_to(&group.end);
        let temporary = self.definitions.believed().temporary();
        if !Arc::ptr_eq(temporary, &self.checkpoint.temporary) {
            self.checkpoint.temporary = Arc::clone(temporary);
        }
        let watch = self.table_maps.column_watch().0;
        watch.keep_in(&mut self.checkpoint.watched);
        if let Some(gtid) = &group.held.group.gtid {
            self.checkpoint.gtid_set.add(gtid);
        }
    }

    // ---- events ----------------------------------------------------------------------------------------------------

    fn settle(
        &mut self,
        applying: &mut Applying,
        event: &GroupEvent<'_>,
    ) -> Result<Settled, Trouble> {
        let body = event.held.bytes(event.buffer);
        let header = &event.held.frame.header;
        match header.kind {
            EventKind::TableMap if !applying.is_chosen && self.row_work.check.is_none() => {
                self.builder.ledger.control += 1;
            }
            EventKind::TableMap => {
                let end = &applying.group.end;
                let own = applying.xa.definitions();
                let definitions = own.unwrap_or(&mut self.definitions);
                match self.table_maps.map(body, event.format, definitions, end) {
                    Ok(()) => self.builder.ledger.control += 1,
                    Err(missing) => return Ok(Settled::Missing(missing)),
                }
                self.undefined
                    .note_lacking(self.table_maps.take_lacking(), end);
                if !self.checkpoint.undefined.is_empty()
                    && let Some(target) = self.table_maps.target_of(body, event.format)
                {
                    self.undefined
                        .note_defined(target, &mut self.checkpoint, end);
                }
            }
            EventKind::WriteRows | EventKind::WriteRowsV1 => {
                return self.settle_rows(applying, event, RowsKind::Write);
            }
            EventKind::UpdateRows | EventKind::UpdateRowsV1 => {
                return self.settle_rows(applying, event, RowsKind::Update);
            }
            EventKind::PartialUpdateRows => {
                return self.settle_rows(applying, event, RowsKind::PartialUpdate);
            }
            EventKind::DeleteRows | EventKind::DeleteRowsV1 => {
                return self.settle_rows(applying, event, RowsKind::Delete);
            }
            EventKind::Query => return self.settle_query(applying, event, body),
            EventKind::ExecuteLoadQuery => {
                return self.settle_query(applying, event, &load_data_body(body)?);
            }
            EventKind::Xid => applying.end_transaction(body, &mut self.builder)?,
            EventKind::RowsQuery | EventKind::AnnotateRows => {
                self.builder.ledger.control += 1;
                if self.settings.keeps_queries {
                    applying.note_query(event)?;
                }
            }
            EventKind::TransactionPayload => {
                applying.group.open_payload(event.held, event.buffer)?;
                self.builder.ledger.control += 1;
            }
            EventKind::Gtid
            | EventKind::AnonymousGtid
            | EventKind::GtidTagged
            | EventKind::MariaDbGtid
            | EventKind::XaPrepare
            | EventKind::Intvar
            | EventKind::Rand
            | EventKind::UserVar
            | EventKind::BeginLoadQuery
            | EventKind::AppendBlock
            | EventKind::DeleteFile
            | EventKind::TransactionContext
            | EventKind::ViewChange => self.builder.ledger.control += 1,
            _ if header.is_ignorable() => self.builder.ledger.skipped += 1,
            kind => return Err(Trouble::Unsupported { kind }),
        }
        Ok(Settled::Done)
    }

    /// Follows a statement, and puts it into the batch if it goes on.
    fn settle_query(
        &mut self,
        applying: &mut Applying,
        event: &GroupEvent<'_>,
        body: &[u8],
    ) -> Result<Settled, Trouble> {
        if Query::is_begin(body, event.format) {
            // All else of it was read when it came.
            applying.note_connection(body);
            self.builder.ledger.control += 1;
            return Ok(Settled::Done);
        }
        let query = Query::parse(body, event.format)?;
        let control = query.control();
        if let Some(decision) = XaDecision::of(&applying.group, &query, control) {
            return Ok(Settled::Decides(decision));
        }
        if control.is_some() || query.is_phase_without_effect() {
            self.builder.ledger.control += 1;
            return Ok(Settled::Done);
        }
        let group = &applying.group;
        let place = StatementPlace {
            at: group.at(event.held.frame.start),
            end: &group.end,
            gtid: group.held.group.gtid.as_ref(),
            server_id: event.held.frame.header.server_id,
        };
        let written_by = (self.builder.origin().flavour, event.format);
        let followed = follow(&mut self.definitions, &query, written_by, &place)?;
        let (watch, rules) = self.table_maps.column_watch();
        watch.follow(rules, &followed, self.definitions.believed())?;
        let (statement, source) = (&followed.statement, &followed.source);
        let redefines =
            statement.redefined_tables().next().is_some() || statement.dropped_database().is_some();
        if redefines || !followed.changes.is_empty() {
            self.table_maps.clear();
            self.table_maps.ask_again(statement);
            forget_dropped(&mut self.checkpoint, statement);
        }
        self.engines.note(statement, &source.text);
        if !applying.is_chosen {
            self.builder.ledger.leave_out();
            return Ok(Settled::Done);
        }
        if matches!(applying.xa, XaStage::Prepares(_)) {
            // What is to be done about it is settled when the transaction is committed.
            self.builder.ledger.rolled_back += 1;
            return Ok(Settled::Done);
        }
        let own = self.is_own(event.held.frame.header.server_id);
        if !own && let Some(settled) = self.settle_traceless(group, event.ordinal, &followed) {
            return Ok(settled);
        }
        // A table that can be rolled back may reach others by foreign keys.
        let empties = group.outcome == Outcome::Committed
            && group.held.is_statement()
            && empties_table(&source.text, source.context);
        let policy = self.settings.on_statement;
        let judged = judge(statement, source, self.rules(), own, empties, policy)?;
        let ledger = &mut self.builder.ledger;
        match judged {
            Judged::Filtered => ledger.filtered += 1,
            Judged::Skipped => ledger.skipped += 1,
            Judged::PassedOver => {
                ledger.skipped += 1;
                ledger.statements += 1;
            }
            Judged::Publish { database, tables } => {
                let believed = self.definitions.believed();
                let wanted = self.settings.keeps_emptied.then_some(&followed.statement);
                let emptied = emptied(&mut self.table_maps, believed, wanted);
                let judged = (database, tables, emptied);
                let of = (believed, self.table_maps.rules());
                applying.emit_ddl(&mut self.builder, event, &query, followed, judged, of)?;
            }
        }
        Ok(Settled::Done)
    }

    /// Settles a change that was logged as a statement and leaves nothing in a published table.
    fn settle_traceless(
        &mut self,
        group: &ClosedGroup,
        ordinal: u64,
        followed: &Followed<'_>,
    ) -> Option<Settled> {
        let written = Written {
            rules: self.table_maps.rules(),
            definitions: &self.definitions,
            engines: &self.engines,
            questions: &self.questions,
            connection: followed.connection,
        };
        let ledger = &mut self.builder.ledger;
        match undone::leaves(group, ordinal, followed, &written) {
            Leaves::Rows => return None,
            Leaves::Temporary => ledger.skipped += 1,
            Leaves::Nothing => ledger.rolled_back += 1,
            Leaves::UnlessTransactional(unknown) => return Some(Settled::Engines(unknown)),
        }
        Some(Settled::Done)
    }

    // ---- rows ------------------------------------------------------------------------------------------------------

    fn settle_rows(
        &mut self,
        applying: &mut Applying,
        event: &GroupEvent<'_>,
        kind: RowsKind,
    ) -> Result<Settled, Trouble> {
        let header = &event.held.frame.header;
        let body = event.held.bytes(event.buffer);
        let rows = RowsHeader::parse(header.kind, body)?;
        if rows.is_dummy() {
            self.builder.ledger.control += 1;
            self.table_maps.end_statement();
            return Ok(Settled::Done);
        }
        if let Some(check) = &mut self.row_work.check
            && applying.group.rest_of(event.held).is_none()
        {
            check.event(&self.table_maps, kind, &rows, body)?;
        }
        if !applying.is_chosen {
            self.builder.ledger.leave_out();
            return Ok(Settled::Done);
        }
        if let Some(missing) = self.unsettled(applying, event, kind, &rows)? {
            return Ok(Settled::Missing(missing));
        }
        let (table_id, is_own) = (rows.table_id, self.is_own(header.server_id));
        let target = self.table_maps.target(table_id);
        let table = match target.ok_or(Trouble::NoTableMap { table_id })? {
            Target::Kept(table) if !is_own => table,
            Target::Undefined(_) if !is_own => {
                self.builder.ledger.leave_undefined();
                self.table_maps.end_statement_if(rows.ends_statement());
                return Ok(Settled::Done);
            }
            Target::Kept(_) | Target::Undefined(_) | Target::Rejected | Target::Checked(_) => {
                if !planted(Fault::FilteredGroupNotCounted) {
                    self.builder.ledger.filtered += 1;
                }
                self.table_maps.end_statement_if(rows.ends_statement());
                return Ok(Settled::Done);
            }
        };
        let group = &mut applying.group;
        if group.held.transactional && table.is_proven_first() {
            // The source says that all of the group can be rolled back.
            let known = &mut self.definitions;
            known.learn_engine(&table.source, true, &group.end);
        }
        if let XaStage::Prepares(preparing) = &mut applying.xa {
            preparing.note(&table.source, &self.definitions);
            self.builder.ledger.rolled_back += 1;
            self.table_maps.end_statement_if(rows.ends_statement());
            return Ok(Settled::Done);
        }
        let known = &mut self.definitions;
        let place = (&*group, event.ordinal);
        match undone::are_rows(place, table, known, &self.engines, event.format) {
            Some(true) => self.builder.ledger.rolled_back += 1,
            Some(false) => match group.rest_of(event.held) {
                Some(large) => {
                    self.builder.ledger.emitted += u64::from(table.row_filter.is_none());
                    self.builder.ledger.numbered += u64::from(table.table.is_undefined);
                    large.stream(event.held, event.buffer, kind, &rows, table);
                }
                None => {
                    let choice = &mut self.row_work.choice;
                    applying.emit_rows(&mut self.builder, event, kind, (&rows, table), choice)?;
                }
            },
            None if self.questions.goes_without(&table.source) => {
                self.builder.ledger.leave_undefined();
            }
            None => return Ok(Settled::Engines(vec![table.source.clone()])),
        }
        self.table_maps.end_statement_if(rows.ends_statement());
        Ok(Settled::Done)
    }

    /// What the rows of an event lack whose table has something unsettled.
    fn unsettled(
        &mut self,
        applying: &mut Applying,
        event: &GroupEvent<'_>,
        kind: RowsKind,
        header: &RowsHeader,
    ) -> Result<Option<Missing>, Trouble> {
        let Some(table) = settled::unsettled_table(&self.table_maps, header) else {
            return Ok(None);
        };
        let is_own = self.is_own(event.held.frame.header.server_id);
        let (definitions, engines) = (&mut self.definitions, &self.engines);
        let place = (&applying.group, event.ordinal);
        let mut are_undone = || undone::are_rows(place, &table, definitions, engines, event.format);
        if is_own || are_undone() != Some(false) {
            return Ok(None);
        }
        let rows = UnsettledRows {
            kind,
            header,
            body: event.held.bytes(event.buffer),
            is_large: applying.group.rest_of(event.held).is_some(),
            may_go_without: self.undefined.may_go_without(&table.source),
            format: event.format,
            end: &applying.group.end,
        };
        let definitions = &mut self.definitions;
        rows.missing(&table, &mut self.table_maps, definitions, &self.questions)
    }

    /// Reads on in the rows of a large event.
    fn stream_rows(&mut self, applying: &mut Applying) -> Result<Option<Step>, AssembleError> {
        let Some(large) = applying.group.large() else {
            return Ok(None);
        };
        let (start, kind, is_over) = (large.start(), large.kind(), large.is_read());
        applying
            .emit_whole_rows(&mut self.builder, &mut self.row_work)
            .map_err(|trouble| AssembleError::new(applying.group.at(start), kind, trouble))?;
        if is_over {
            applying.settle_large(&mut self.builder.ledger);
            return Ok(None);
        }
        Ok(Some(match self.is_overfull() {
            true => self.piece(applying),
            false => Step::NeedSpilled,
        }))
    }

    fn is_own(&self, server_id: u32) -> bool {
        server_id == self.settings.server_id && !self.rules().same_server_id()
    }
}
