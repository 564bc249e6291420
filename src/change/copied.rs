//! Rows that were read from the server itself, as batches.
//!
//! They stand before the first group of the stream that follows, in a group of their own for each mark that they have. Its
//! place is the byte before that group, so that the order of places is that of changes.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::batch::builder::Builder;
use super::batch::ddl::{Ddl, StatementSession, TableChange, TableChangeKind};
use super::batch::items::{Batch, Edge, EdgeSide, Group, Origin, SnapshotMark};
use super::batch::rows::{EventStamp, RowImages, Rows, RowsKind, TooMany};
use super::checkpoint::{Checkpoint, KeyBound, SnapshotReached};
use super::definition::copied::{Collations, copied};
use super::definition::kept_table::KeptTable;
use super::definition::published::published;
use super::definition::table::TableDefinition;
use super::definition::table_map_error::TableMapError;
use super::definition::table_maps::TableMaps;
use super::row_choice::{RowChoice, RowRun};
use super::statement::StatementKind;
use super::trouble::Trouble;
use crate::binlog::Coordinates;
use crate::filter::Rules;
use crate::row::{ColumnTreatment, Table, TableName};

/// Bits of a change's sequence that count the changes of one snapshot; those above count the snapshots of a connector, so that
/// no two changes have one name.
const SEQUENCE_BITS: u32 = 40;

/// A table that is read, and how it is published.
#[derive(Clone, Debug)]
pub struct CopiedTable {
    kept: Arc<KeptTable>,
    definition: Arc<TableDefinition>,
    /// What each row meets that rules on rows keep, in the source's SQL.
    condition: Option<Box<str>>,
}

/// Rows of one table: a bitmap in which every column is present, and then their images.
#[derive(Debug)]
pub struct CopiedRows {
    /// The bytes.
    pub bytes: Bytes,
    /// Where each row ends in them.
    pub ends: Vec<u32>,
    /// The key of the last row, where they come in its order.
    pub key: Option<KeyBound>,
}

/// Makes batches of what is read.
#[derive(Debug)]
pub struct Copying {
    maps: TableMaps,
    builder: Builder,
    choice: RowChoice,
    group: Group,
    /// The mark of everything, where it is one.
    mark: Option<SnapshotMark>,
    /// The group of each mark in the batch in the making.
    groups: [Option<u32>; 6],
    sequence: u64,
    has_rows: bool,
    /// What was published before all of this, and the table whose rows were the last.
    before: Arc<SnapshotReached>,
    begun: Option<Arc<KeptTable>>,
    /// The last row so far, whose mark depends on what follows.
    last: Option<LastRow>,
    /// Edges after that row.
    edges: Vec<(Arc<KeptTable>, EdgeSide, u64)>,
    /// What the batches hold so far, and what they will hold with that row.
    reached: Arc<SnapshotReached>,
    latest: Arc<SnapshotReached>,
}

#[derive(Debug)]
struct LastRow {
    table: Arc<KeptTable>,
    rows: Bytes,
    body: Range<u32>,
    sequence: u64,
    /// Its mark as the first row of all or of its table.
    first: Option<SnapshotMark>,
}

impl CopiedTable {
    /// Its name on the source.
    pub fn source(&self) -> &TableName {
        &self.kept.source
    }

    /// As it is published.
    pub fn table(&self) -> &Arc<Table> {
        &self.kept.table
    }

    /// As the source has it.
    pub fn definition(&self) -> &Arc<TableDefinition> {
        &self.definition
    }

    /// What each row meets that rules on rows keep, in the source's SQL; `None` where nothing is said of it.
    pub fn condition(&self) -> Option<&str> {
        self.condition.as_deref()
    }

    /// Whether nobody wants the values of a column: it is left out, and rules on rows do not ask for it.
    pub fn is_unwanted(&self, place: usize) -> bool {
        let treatment = self.kept.table.treatment();
        let treated = treatment.and_then(|all| all.columns().get(place));
        let row_filter = self.kept.row_filter.as_ref();
        treated == Some(&ColumnTreatment::LeftOut)
            && row_filter.is_none_or(|filter| !filter.columns().contains(&place))
    }
}

impl Copying {
    /// Begins to copy what was not `reached`, for the time of this number, from 1 on, at a place at which a stream begins;
    /// `commit_us` is when that was.
    pub fn new(
        origin: Arc<Origin>,
        rules: Rules,
        start: &Checkpoint,
        (number, reached): (u32, Arc<SnapshotReached>),
        commit_us: i64,
    ) -> Self {
        let Coordinates { file, position } = &start.coordinates;
        let has_rows = *reached != SnapshotReached::default();
        Self {
            maps: TableMaps::new(origin.flavour, rules),
            group: Group {
                gtid: None,
                begin: Coordinates::new(file.clone(), position.saturating_sub(1)),
                server_id: origin.server_id,
                commit_us,
                original_commit_us: None,
                thread_id: None,
                xid: None,
                is_xa: false,
                snapshot: Some(SnapshotMark::Inside),
            },
            builder: Builder::new(origin),
            choice: RowChoice::default(),
            mark: reached.chosen.as_ref().map(|_| SnapshotMark::Incremental),
            groups: [None; 6],
            sequence: u64::from(number) << SEQUENCE_BITS,
            has_rows,
            before: Arc::clone(&reached),
            begun: None,
            last: None,
            edges: Vec::new(),
            latest: Arc::clone(&reached),
            reached,
        }
    }

    /// A table whose rows are to come, with what is known of its columns' collations; `None` where filters leave it out.
    ///
    /// # Errors
    /// A table that cannot be read, or that rules do not fit.
    pub fn table(
        &mut self,
        source: &TableName,
        definition: &Arc<TableDefinition>,
        collations: &Collations,
    ) -> Result<Option<CopiedTable>, TableMapError> {
        let kept = copied(&mut self.maps, source, definition, collations)?;
        let rules = self.maps.rules().rows();
        Ok(kept.map(|kept| {
            let table = &kept.table;
            let columns = definition.columns.iter().enumerate();
            let columns =
                columns.filter_map(|(place, it)| Some((&*it.name, table.image_kind(place)?)));
            let columns: Vec<_> = columns.collect();
            let condition = rules.statement(&table.name, &columns);
            CopiedTable {
                condition: condition.map(Into::into),
                definition: Arc::clone(definition),
                kept,
            }
        }))
    }

    /// The statement that says that a table is empty, whose rows may have been published before.
    ///
    /// # Errors
    /// More statements than a batch holds.
    pub fn emptied(&mut self, source: &TableName) -> Result<(), Trouble> {
        let table = self.published_name(source);
        let statement = format!("TRUNCATE TABLE {}", table.quoted());
        self.statement(StatementKind::TruncateTable, table, statement, Vec::new())
    }

    /// The statement that made a table, as the server shows it, with its definition.
    ///
    /// # Errors
    /// More statements than a batch holds, and rules on columns that do not fit.
    pub fn created(&mut self, table: &CopiedTable, statement: String) -> Result<(), Trouble> {
        let name = self.published_name(table.source());
        let columns = self.maps.rules().columns();
        let change = TableChange {
            kind: TableChangeKind::Create,
            table: name.clone(),
            previous: None,
            definition: published(&table.definition, &name, columns)?,
            former: None,
        };
        let kind = StatementKind::CreateTable {
            temporary: false,
            like: false,
            select: false,
        };
        self.statement(kind, name, statement, vec![change])
    }

    fn published_name(&self, source: &TableName) -> TableName {
        let rules = self.maps.rules();
        rules.table(&source.database, &source.table).published
    }

    fn statement(
        &mut self,
        kind: StatementKind,
        table: TableName,
        statement: String,
        changes: Vec<TableChange>,
    ) -> Result<(), Trouble> {
        let ddl = Ddl {
            group: self.group_of(SnapshotMark::Inside)?,
            sequence: self.sequence,
            database: table.database.clone(),
            renamed: None,
            kind,
            tables: vec![table],
            changes,
            emptied: None,
            database_charset: None,
            statement: statement.into(),
            session: StatementSession::default(),
            event: self.stamp(),
        };
        self.sequence += 1;
        self.builder.ddl(ddl);
        Ok(())
    }

    /// The next rows of a table, with which the snapshot has come as far as `reached` says; all rows of one come before those of
    /// the next.
    ///
    /// # Errors
    /// Rows that rules on rows cannot judge.
    pub fn rows(
        &mut self,
        table: &CopiedTable,
        rows: &CopiedRows,
        reached: Arc<SnapshotReached>,
    ) -> Result<(), Trouble> {
        let before = std::mem::replace(&mut self.latest, reached);
        let first = self.sequence;
        self.sequence += rows.ends.len() as u64;
        let start = table.kept.table.columns.len().div_ceil(8);
        let mut runs = self.runs(table, rows, start)?;
        let Some(run) = runs.last_mut() else {
            self.settle();
            return Ok(());
        };
        self.reached = before;
        let next_is_of_table = |last: &LastRow| Arc::ptr_eq(&last.table, &table.kept);
        let mark = match self.last.as_ref().map(next_is_of_table) {
            Some(true) => SnapshotMark::Inside,
            Some(false) | None => SnapshotMark::LastOfTable,
        };
        self.put_last(mark)?;
        let mut first_mark = self.first_mark(table);
        // What the last row is to the snapshot depends on what follows.
        run.count -= 1;
        let number = run.first + run.count;
        let row = self.row(rows, number, start)?;
        for run in &runs {
            self.run(table, rows, run, (first, start), &mut first_mark)?;
        }
        self.last = Some(LastRow {
            table: Arc::clone(&table.kept),
            rows: rows.bytes.clone(),
            body: row,
            sequence: first + u64::from(number),
            first: first_mark,
        });
        Ok(())
    }

    /// The mark of the next row, of this table, if it is the first one.
    fn first_mark(&mut self, table: &CopiedTable) -> Option<SnapshotMark> {
        let is_begun = |begun: &Arc<KeptTable>| Arc::ptr_eq(begun, &table.kept);
        let goes_on = self.begun.as_ref().is_some_and(is_begun)
            || self.before.bound(table.source()).is_some();
        self.begun = Some(Arc::clone(&table.kept));
        match (self.has_rows, goes_on) {
            (false, _) => Some(SnapshotMark::First),
            (true, false) => Some(SnapshotMark::FirstOfTable),
            (true, true) => None,
        }
    }

    /// Tells that the rows of a table begin or end here, which counts as a change of its own.
    ///
    /// # Errors
    /// More tables than a batch holds.
    pub fn edge(&mut self, table: &CopiedTable, side: EdgeSide) -> Result<(), Trouble> {
        self.edges
            .push((Arc::clone(&table.kept), side, self.sequence));
        self.sequence += 1;
        match self.last {
            Some(_) => Ok(()),
            None => self.put_edges(),
        }
    }

    /// Takes that the snapshot has come as far as `reached` says without another row.
    pub fn passed(&mut self, reached: Arc<SnapshotReached>) {
        self.latest = reached;
        self.settle();
    }

    /// With no row that waits, the batches hold all.
    fn settle(&mut self) {
        if self.last.is_none() {
            self.reached = Arc::clone(&self.latest);
        }
    }

    /// What the batches hold once the row is in them that waits for what follows.
    pub fn latest(&self) -> &Arc<SnapshotReached> {
        &self.latest
    }

    /// What the batches hold so far.
    pub fn reached(&self) -> &Arc<SnapshotReached> {
        &self.reached
    }

    /// The runs of rows that are published.
    fn runs(
        &mut self,
        table: &CopiedTable,
        rows: &CopiedRows,
        start: usize,
    ) -> Result<Vec<RowRun>, Trouble> {
        let (columns, body) = rows.bytes.split_at_checked(start).unwrap_or_default();
        let count = u32::try_from(rows.ends.len()).map_err(|_| TooMany::beyond_index("rows"))?;
        let Some(filter) = &table.kept.row_filter else {
            self.builder.ledger.rows += u64::from(count);
            let run = RowRun {
                kind: RowsKind::Read,
                body: 0..body.len(),
                first: 0,
                count,
            };
            return Ok(Vec::from_iter((count > 0).then_some(run)));
        };
        let parts = [columns, columns, body];
        let counts = self
            .choice
            .choose((&*table.kept).into(), filter, RowsKind::Read, parts)?;
        self.builder.ledger.rows_filtered += u64::from(counts.filtered);
        let runs = std::mem::take(&mut self.choice.runs);
        self.builder.ledger.rows += runs.iter().map(|run| u64::from(run.count)).sum::<u64>();
        Ok(runs)
    }

    fn row(&self, rows: &CopiedRows, number: u32, start: usize) -> Result<Range<u32>, Trouble> {
        let end_of = |number: u32| rows.ends.get(number as usize).copied();
        let from = match number.checked_sub(1) {
            Some(before) => end_of(before),
            None => u32::try_from(start).ok(),
        };
        let (Some(from), Some(to)) = (from, end_of(number)) else {
            return Err(TooMany::beyond_index("bytes").into());
        };
        Ok(from..to)
    }

    /// Puts the rows of a run into the batch, the first of a table by itself.
    fn run(
        &mut self,
        table: &CopiedTable,
        rows: &CopiedRows,
        run: &RowRun,
        (first, start): (u64, usize),
        first_mark: &mut Option<SnapshotMark>,
    ) -> Result<(), Trouble> {
        let (mut number, end) = (run.first, run.first + run.count);
        if number == end {
            return Ok(());
        }
        if let Some(mark) = first_mark.take() {
            let row = self.row(rows, number, start)?;
            let sequence = first + u64::from(number);
            self.put(&table.kept, &rows.bytes, row, sequence, (mark, 1))?;
            number += 1;
        }
        if number == end {
            return Ok(());
        }
        let body = self.row(rows, number, start)?.start..self.row(rows, end - 1, start)?.end;
        let sequence = first + u64::from(number);
        let marked = (SnapshotMark::Inside, end - number);
        self.put(&table.kept, &rows.bytes, body, sequence, marked)
    }

    /// Puts the row that waits into the batch, if there is one.
    fn put_last(&mut self, mark: SnapshotMark) -> Result<(), Trouble> {
        let Some(last) = self.last.take() else {
            return Ok(());
        };
        // As Debezium has it, of a row that has several.
        let mark = match (mark, last.first) {
            (SnapshotMark::Last, _) => SnapshotMark::Last,
            (_, Some(SnapshotMark::First)) => SnapshotMark::First,
            (SnapshotMark::Inside, Some(first)) => first,
            (mark, _) => mark,
        };
        self.put(&last.table, &last.rows, last.body, last.sequence, (mark, 1))?;
        self.put_edges()
    }

    /// Puts the edges into the batch that come after the last row of it.
    fn put_edges(&mut self) -> Result<(), Trouble> {
        let edges = std::mem::take(&mut self.edges);
        for (table, side, sequence) in edges {
            let group = self.group_of(SnapshotMark::Inside)?;
            let rows = Rows {
                group,
                ..self.stretch(&table, &Bytes::new(), 0..0, sequence)?
            };
            self.builder.edge(Edge { side, rows });
        }
        Ok(())
    }

    fn put(
        &mut self,
        table: &Arc<KeptTable>,
        bytes: &Bytes,
        body: Range<u32>,
        sequence: u64,
        (mark, row_count): (SnapshotMark, u32),
    ) -> Result<(), Trouble> {
        self.has_rows = true;
        let group = self.group_of(mark)?;
        let rows = Rows {
            group,
            row_count,
            ..self.stretch(table, bytes, body, sequence)?
        };
        self.builder.rows(rows);
        Ok(())
    }

    /// A stretch of a table's rows without a count.
    fn stretch(
        &mut self,
        table: &Arc<KeptTable>,
        bytes: &Bytes,
        body: Range<u32>,
        sequence: u64,
    ) -> Result<Rows, TooMany> {
        let bitmap = table.table.columns.len().div_ceil(8);
        let columns = 0..u32::try_from(bitmap).map_err(|_| TooMany::beyond_index("bytes"))?;
        Ok(Rows {
            table: self.builder.table(&table.table)?,
            group: 0,
            buffer: self.builder.buffer(bytes)?,
            kind: RowsKind::Read,
            images: RowImages {
                columns: columns.clone(),
                columns_after: columns,
                body,
            },
            event: self.stamp(),
            first_row: sequence,
            first_of_table: 0,
            row_count: 0,
            query: None,
            row_in_event: 0,
            cascades: false,
        })
    }

    fn group_of(&mut self, mark: SnapshotMark) -> Result<u32, TooMany> {
        let mark = self.mark.unwrap_or(mark);
        let slot = match mark {
            SnapshotMark::First => 0,
            SnapshotMark::Inside => 1,
            SnapshotMark::LastOfTable => 2,
            SnapshotMark::Last => 3,
            SnapshotMark::Incremental => 4,
            SnapshotMark::FirstOfTable => 5,
        };
        if let Some(Some(known)) = self.groups.get(slot) {
            return Ok(*known);
        }
        let group = Group {
            snapshot: Some(mark),
            ..self.group.clone()
        };
        let index = self.builder.group(&group)?;
        if let Some(known) = self.groups.get_mut(slot) {
            *known = Some(index);
        }
        Ok(index)
    }

    fn stamp(&self) -> EventStamp {
        EventStamp {
            position: self.group.begin.position,
            timestamp: u32::try_from(self.group.commit_us / 1_000_000).unwrap_or_default(),
            server_id: self.group.server_id,
        }
    }

    /// Takes what came so far out as a batch, received then, at whose end the snapshot has come as far as `end` says.
    pub fn batch(&mut self, end: Checkpoint, received_us: i64) -> Batch {
        self.groups = [None; 6];
        self.builder.received(received_us);
        self.builder.take(Some(end))
    }

    /// Ends a part of the snapshot: all rows that came so far.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn cut(&mut self, end: Checkpoint, received_us: i64) -> Result<Batch, Trouble> {
        self.put_last(SnapshotMark::Inside)?;
        self.settle();
        Ok(self.batch(end, received_us))
    }

    /// Ends the snapshot: what came since the last batch, and the stream's start.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn finish(&mut self, end: Checkpoint, received_us: i64) -> Result<Batch, Trouble> {
        self.put_last(SnapshotMark::Last)?;
        Ok(self.batch(end, received_us))
    }
}
