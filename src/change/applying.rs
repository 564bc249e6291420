//! A closed group on its way through the applier, and what becomes of its events one by one.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::batch::builder::Builder;
use super::batch::ddl::{Ddl, StatementSession, database_charset, table_changes};
use super::batch::ledger::Ledger;
use super::batch::rows::{EventStamp, RowImages, Rows, RowsKind, TooMany};
use super::checking::check_event;
use super::definition::following::Followed;
use super::definition::kept_table::KeptTable;
use super::definition::schemas::Schemas;
use super::definition::table_maps::Missing;
use super::group::closed::ClosedGroup;
use super::group::large::{CutRows, LargeEvent};
use super::group::open::HeldEvent;
use super::group::prepared::XaMissing;
use super::group::tracker::Outcome;
use super::row_choice::{RowChoice, RowCounts, RowWork};
use super::settled;
use super::statement::databases_named;
use super::statement::judging::OnStatement;
use super::trouble::Trouble;
use super::xa::{XaDecision, XaStage};
use crate::binlog::{FormatDescription, Query, RowsHeader, statement, xid};
use crate::fault::{Fault, planted, planted_once};
use crate::filter::Rules;
use crate::row::{Table, TableName};

/// What an applier is set up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ApplierSettings {
    /// The connector's own server id.
    pub(super) server_id: u32,
    /// What to do about changes that were logged as statements.
    pub(super) on_statement: OnStatement,
    /// What to do about an XA COMMIT whose XA PREPARE was not seen.
    pub(super) xa_missing: XaMissing,
    /// Bytes of a batch at which it leaves.
    pub(super) batch_bytes_max: usize,
    /// Whether batches hold the statements that changed rows, where they are logged.
    pub(super) keeps_queries: bool,
    /// Whether a statement that empties a table tells how the table is defined.
    pub(super) keeps_emptied: bool,
}

/// A closed group whose events become items.
#[derive(Debug)]
pub(super) struct Applying {
    pub(super) group: ClosedGroup,
    /// Whether the group is one that the reader chose.
    pub(super) is_chosen: bool,
    /// The next change's sequence in the group.
    pub(super) sequence: u64,
    /// How many changes of each table there were so far. A table is told by where it is kept, which is one place in a group.
    counts: Vec<(usize, u64)>,
    /// The group's index in the batch in the making; `None` until it has an item there.
    pub(super) index: Option<u32>,
    /// What the ledger counted before it.
    pub(super) before: Option<Ledger>,
    /// What it has to do with an XA transaction.
    pub(super) xa: XaStage,
    /// The statement whose rows come next, if it is logged and asked for.
    query: Option<LoggedQuery>,
}

/// A statement that changed rows, in its chunk.
#[derive(Debug)]
struct LoggedQuery {
    buffer: Bytes,
    text: Range<u32>,
    /// Its index in the batch in the making; `None` until rows of it are there.
    index: Option<u32>,
}

/// What became of one event.
pub(super) enum Settled {
    Done,
    Missing(Missing),
    /// The engines of these tables decide, and are not known; at least one.
    Engines(Vec<TableName>),
    /// It commits or rolls back a prepared XA transaction.
    Decides(XaDecision),
}

/// An event of a closed group and where it stands in it.
pub(super) struct GroupEvent<'a> {
    pub(super) held: &'a HeldEvent,
    pub(super) buffer: &'a Bytes,
    /// Its number in the group.
    pub(super) ordinal: u64,
    pub(super) format: &'a FormatDescription,
}

impl Applying {
    pub(super) fn new(group: ClosedGroup, is_chosen: bool) -> Self {
        Self {
            group,
            is_chosen,
            sequence: 0,
            counts: Vec::new(),
            index: None,
            before: None,
            xa: XaStage::None,
            query: None,
        }
    }

    /// The layout of the file that its events stand in, where that of the stream is `format`.
    pub(super) fn format<'a>(&'a self, format: &'a FormatDescription) -> &'a FormatDescription {
        self.xa.format().map_or(format, |own| own)
    }

    /// Whether its events are kept until another group decides on them, and it is not known yet here.
    pub(super) fn is_to_be_kept(&self) -> bool {
        self.group.outcome == Outcome::Prepared && matches!(self.xa, XaStage::None)
    }

    /// Counts the rows of an event, checks their bounds, and puts them into the batch.
    pub(super) fn emit_rows(
        &mut self,
        builder: &mut Builder,
        event: &GroupEvent<'_>,
        kind: RowsKind,
        (header, table): (&RowsHeader, &KeptTable),
        choice: &mut RowChoice,
    ) -> Result<(), Trouble> {
        let images = RowImages::of_body(event.held.body().start, header)?;
        let body = event.held.bytes(event.buffer);
        let part = |range: &Range<usize>| body.get(range.clone()).unwrap_or_default();
        let (before, after) = (part(&header.columns), part(&header.columns_after));
        table.allows([before, after])?;
        if let Some(filter) = &table.row_filter {
            let parts = [before, after, part(&header.body)];
            let counts = choice.choose(table.into(), filter, kind, parts)?;
            match choice.runs.is_empty() && counts.all > 0 {
                true => builder.ledger.filtered += 1,
                false => {
                    builder.ledger.emitted += 1;
                    builder.ledger.numbered += u64::from(table.table.is_undefined);
                }
            }
            let rows = Rows {
                table: 0,
                group: 0,
                buffer: 0,
                kind,
                images,
                event: EventStamp::of(&event.held.frame),
                first_row: self.sequence,
                first_of_table: 0,
                row_in_event: 0,
                row_count: counts.all,
                cascades: header.cascades(),
                query: None,
            };
            return self.emit_runs(builder, event.buffer, &rows, table, (choice, counts));
        }
        let row_count = kind
            .images(&table.table, before, after)
            .and_then(|walk| walk.count(part(&header.body)))
            .map_err(|error| Trouble::Rows {
                table: table.source.clone(),
                error,
            })?;
        builder.ledger.emitted += 1;
        builder.ledger.numbered += u64::from(table.table.is_undefined);
        builder.ledger.rows += u64::from(row_count);
        let first_row = self.sequence;
        self.sequence += u64::from(row_count);
        if planted_once(Fault::GroupResumedInMiddle) {
            return Ok(());
        }
        if planted(Fault::EventDropped) && first_row % 7 == 3 {
            return Ok(());
        }
        let rows = Rows {
            table: builder.table(&table.table)?,
            group: self.group_of(builder)?,
            buffer: builder.buffer(event.buffer)?,
            kind,
            images,
            event: EventStamp::of(&event.held.frame),
            first_row,
            first_of_table: self.count(&table.table, row_count),
            row_in_event: 0,
            row_count,
            cascades: header.cascades(),
            query: self.query_of(builder)?,
        };
        builder.rows(rows);
        Ok(())
    }

    /// Counts changes of a table; returns how many came before them.
    fn count(&mut self, table: &Arc<Table>, count: u32) -> u64 {
        let place = Arc::as_ptr(table).addr();
        let count = u64::from(count);
        match self.counts.iter_mut().rfind(|(known, _)| *known == place) {
            Some((_, sum)) => {
                let before = *sum;
                *sum += count;
                before
            }
            None => {
                self.counts.push((place, count));
                0
            }
        }
    }

    /// Puts those rows of an event into the batch that were chosen; all of them keep their sequences.
    fn emit_runs(
        &mut self,
        builder: &mut Builder,
        buffer: &Bytes,
        rows: &Rows,
        table: &KeptTable,
        (choice, counts): (&RowChoice, RowCounts),
    ) -> Result<(), Trouble> {
        let first = self.sequence;
        self.sequence += u64::from(counts.all);
        builder.ledger.rows_filtered += u64::from(counts.filtered);
        builder.ledger.rows_unchanged += u64::from(counts.unchanged);
        for run in &choice.runs {
            builder.ledger.rows += u64::from(run.count);
            let rows = Rows {
                table: builder.table(&table.table)?,
                group: self.group_of(builder)?,
                buffer: builder.buffer(buffer)?,
                kind: run.kind,
                images: rows.images.of_run(run.kind, &run.body)?,
                first_row: first + u64::from(run.first),
                first_of_table: self.count(&table.table, run.count),
                row_in_event: rows.row_in_event.saturating_add(run.first),
                row_count: run.count,
                query: self.query_of(builder)?,
                ..rows.clone()
            };
            builder.rows(rows);
        }
        Ok(())
    }

    /// Puts a statement into the batch, whose database and tables have their published names.
    pub(super) fn emit_ddl(
        &mut self,
        builder: &mut Builder,
        event: &GroupEvent<'_>,
        query: &Query<'_>,
        followed: Followed<'_>,
        (database, tables, emptied): (Box<str>, Vec<TableName>, Option<Arc<Table>>),
        (believed, rules): (&Schemas, &Rules),
    ) -> Result<(), Trouble> {
        let Followed {
            statement,
            source,
            changes,
            former,
            ..
        } = followed;
        let header = &event.held.frame.header;
        let mut named = databases_named(&source.text, source.context).into_iter();
        let ddl = Ddl {
            group: self.group_of(builder)?,
            sequence: self.sequence,
            database,
            renamed: named.find(|name| rules.is_renamed(name)),
            changes: table_changes(&statement, (&changes, &former), believed, rules)?,
            emptied: emptied.map(|table| builder.table(&table)).transpose()?,
            database_charset: database_charset(&changes),
            kind: statement.kind,
            tables,
            session: StatementSession::of(query, source.context, header.suppresses_use()),
            statement: source.text.into(),
            event: EventStamp::of(&event.held.frame),
        };
        self.sequence += 1;
        builder.ledger.ddl += 1;
        builder.ddl(ddl);
        Ok(())
    }

    /// Puts the rows of a large event that are whole into the batch.
    pub(super) fn emit_whole_rows(
        &mut self,
        builder: &mut Builder,
        work: &mut RowWork,
    ) -> Result<(), Trouble> {
        let cut = self.group.large().map(LargeEvent::cut);
        let Some(CutRows {
            table,
            buffer,
            rows,
        }) = cut.transpose()?.flatten()
        else {
            return Ok(());
        };
        let RowImages {
            columns,
            columns_after,
            body,
        } = &rows.images;
        let part = |range: &Range<u32>| buffer.get(range.start as usize..range.end as usize);
        let parts = [columns, columns_after, body].map(|range| part(range).unwrap_or_default());
        let RowWork { check, choice } = work;
        if let Some(check) = check {
            check.rows(&table, rows.kind, parts)?;
        }
        let connector = &builder.origin().connector;
        settled::refuse(&table, rows.kind, parts, connector, &self.group.end)?;
        if let Some(filter) = &table.row_filter {
            let counts = choice.choose((&*table).into(), filter, rows.kind, parts)?;
            if let Some(large) = self.group.large() {
                large.chose(!choice.runs.is_empty());
            }
            return self.emit_runs(builder, &buffer, &rows, &table, (choice, counts));
        }
        let rows = Rows {
            table: builder.table(&table.table)?,
            buffer: builder.buffer(&buffer)?,
            group: self.group_of(builder)?,
            first_row: self.sequence,
            first_of_table: self.count(&table.table, rows.row_count),
            query: self.query_of(builder)?,
            ..rows
        };
        self.sequence += u64::from(rows.row_count);
        builder.ledger.rows += u64::from(rows.row_count);
        builder.rows(rows);
        Ok(())
    }

    /// Ends a large event. Where a rule chose among its rows, it is counted only now.
    pub(super) fn settle_large(&mut self, ledger: &mut Ledger) {
        match self.group.large().and_then(|large| large.is_chosen()) {
            Some(true) => ledger.emitted += 1,
            Some(false) => ledger.filtered += 1,
            None => {}
        }
        self.group.settle_large();
    }

    /// Keeps the statement whose rows come next.
    pub(super) fn note_query(&mut self, event: &GroupEvent<'_>) -> Result<(), Trouble> {
        let body = event.held.bytes(event.buffer);
        let text = statement(event.held.frame.header.kind, body)?;
        let range = event.held.body();
        let start = u32::try_from(body.len() - text.len()).unwrap_or(u32::MAX);
        self.query = Some(LoggedQuery {
            buffer: event.buffer.clone(),
            text: range.start.saturating_add(start)..range.end,
            index: None,
        });
        Ok(())
    }

    /// The index in the batch of the statement whose rows are added.
    fn query_of(&mut self, builder: &mut Builder) -> Result<Option<u32>, TooMany> {
        let Some(query) = &mut self.query else {
            return Ok(None);
        };
        if query.index.is_none() {
            query.index = Some(builder.query(&query.buffer, &query.text)?);
        }
        Ok(query.index)
    }

    /// Goes on in another batch, which knows neither the group nor its statement yet.
    pub(super) fn leave_batch(&mut self) {
        self.index = None;
        if let Some(query) = &mut self.query {
            query.index = None;
        }
    }

    /// Takes the connection from the body of the BEGIN, which begins with it.
    pub(super) fn note_connection(&mut self, begin: &[u8]) {
        let id = begin.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        self.group.held.group.thread_id = id;
    }

    /// Takes the transaction's number from the body of an XID event.
    pub(super) fn end_transaction(
        &mut self,
        body: &[u8],
        builder: &mut Builder,
    ) -> Result<(), Trouble> {
        builder.ledger.control += 1;
        if let Some(index) = self.index {
            builder.set_xid(index, xid(body)?);
        }
        Ok(())
    }

    /// The group's index in the batch, to which it is added with its first item there.
    pub(super) fn group_of(&mut self, builder: &mut Builder) -> Result<u32, TooMany> {
        if let Some(index) = self.index {
            return Ok(index);
        }
        let group = &mut self.group;
        group.held.group.xid = group.held.group.xid.or_else(|| group.xid());
        let index = builder.group(&self.group.held.group)?;
        self.index = Some(index);
        Ok(index)
    }
}

impl GroupEvent<'_> {
    /// Checks the body, if it is whole: the bodies of those in a compressed transaction, and of those that were compressed,
    /// were not seen before.
    ///
    /// # Errors
    /// A body that is not whole, or holds what it cannot.
    pub(super) fn check(&self, group: &mut ClosedGroup) -> Result<(), Trouble> {
        if group.rest_of(self.held).is_some() {
            return Ok(());
        }
        check_event(
            &self.held.frame.header,
            self.held.bytes(self.buffer),
            self.format,
        )
    }
}
