//! The copying of a run: what is there already, before the stream. It is a run of its own, at whose end the checkpoint is where
//! the stream begins.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use super::assembling::Waits;
use crate::change::definition::{Belief, Schemas};
use crate::change::{
    AssembleError, Batch, Checkpoint, CopiedTable, Copying, Definition, Origin, SnapshotProgress,
    TableDefinition, Trouble,
};
use crate::filter::Rules;
use crate::finding::first_of;
use crate::metrics;
use crate::pipeline::engine::BATCH_BYTES_MAX;
use crate::pipeline::error::PipelineError;
use crate::row::TableName;
use crate::source::{SnapshotOptions, SourceError, TableReader, TableView};

/// How often a copy tells how far it has come.
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// Statements of a batch.
const STATEMENTS_MAX: usize = 200;
/// Tables that an error names.
const NAMED_MAX: usize = 10;

/// What is to be copied, and by whom.
#[derive(Debug)]
pub(super) struct OpenedCopy {
    pub(super) reader: TableReader,
    /// Which snapshot of the connector it is, from 1 on.
    pub(super) number: u32,
    /// Tables that a snapshot before it may have published rows of.
    pub(super) emptied: Vec<TableName>,
    pub(super) tables: Vec<(TableName, Arc<TableDefinition>)>,
}

impl OpenedCopy {
    /// Finds what of a view is to be copied, of which all is known at its place.
    ///
    /// # Errors
    /// A table that has changed between the reading of the definitions and now.
    pub(super) async fn find(
        view: TableView,
        number: u32,
        mut emptied: Vec<TableName>,
        believed: &Schemas,
        rules: &Rules,
    ) -> Result<Self, PipelineError> {
        let mut reader = TableReader::new(view);
        let list = reader.list(rules).await?;
        for (table, kind) in &list.others {
            info!(%table, kind, "not copied, for it has no rows of its own");
        }
        let mut tables = Vec::with_capacity(list.tables.len());
        for table in list.tables {
            match believed.get(&table) {
                Some(Belief::Known(definition)) => {
                    let definition = Arc::clone(definition);
                    tables.push((table, definition));
                }
                Some(Belief::Stale(_)) | None => {
                    let what = "it was created or altered while the snapshot began".to_owned();
                    return Err(SourceError::SnapshotDisturbed { table, what }.into());
                }
            }
        }
        if number > 1 {
            let known: BTreeSet<TableName> = emptied.iter().cloned().collect();
            let now = tables.iter().map(|(table, _)| table);
            emptied.extend(now.filter(|table| !known.contains(table)).cloned());
        }
        emptied.retain(|table| rules.table(&table.database, &table.table).keep);
        Ok(Self {
            reader,
            number,
            emptied,
            tables,
        })
    }
}

/// The tables that are to be copied, which must be of engines whose rows a view holds still.
///
/// # Errors
/// Tables of other engines.
pub(super) fn transactional<'a>(
    read: impl Iterator<Item = (&'a TableName, &'a Definition)>,
    rules: &Rules,
) -> Result<Vec<TableName>, SourceError> {
    let (mut tables, mut others) = (Vec::new(), Vec::new());
    for (table, definition) in read {
        if !rules.table(&table.database, &table.table).keep {
            continue;
        }
        match definition.table.transactional {
            Some(true) => tables.push(table.clone()),
            Some(false) | None => others.push(table.to_string()),
        }
    }
    tables.sort();
    others.sort();
    if others.is_empty() {
        return Ok(tables);
    }
    Err(SourceError::NotTransactional {
        tables: first_of(&others, NAMED_MAX),
    })
}

/// The batches of a copy. Its functions block.
#[derive(Debug)]
pub(super) struct Copier {
    waits: Waits,
    reader: TableReader,
    copying: Copying,
    /// The checkpoint until all is copied.
    start: Checkpoint,
    emptied: VecDeque<TableName>,
    /// Those whose statement is yet to come.
    created: VecDeque<CopiedTable>,
    tables: VecDeque<CopiedTable>,
    current: Option<CopiedTable>,
    is_done: bool,
    pace: Pace,
}

/// How fast it goes, and what is told of it.
#[derive(Debug)]
struct Pace {
    rows_per_second_max: Option<u64>,
    begun: Instant,
    told: Instant,
    rows: u64,
    tables: usize,
    tables_done: usize,
}

impl Copier {
    /// Prepares to copy, until the waits are over.
    ///
    /// # Errors
    /// Tables that cannot be copied, or that rules do not fit.
    pub(super) fn new(
        opened: OpenedCopy,
        (origin, rules): (Arc<Origin>, Rules),
        options: &SnapshotOptions,
        start: &Checkpoint,
        waits: Waits,
    ) -> Result<Self, PipelineError> {
        let OpenedCopy {
            reader,
            number,
            emptied,
            tables,
        } = opened;
        let mut copying = Copying::new(origin, rules, start, number, metrics::now_us());
        let mut wanted = VecDeque::new();
        for (name, definition) in &tables {
            let table = copying.table(name, definition);
            wanted.extend(table.map_err(|error| failed(start, error.into()))?);
        }
        let now = Instant::now();
        info!(tables = wanted.len(), at = %start.coordinates, number, "copying what is there");
        Ok(Self {
            waits,
            reader,
            copying,
            start: start.clone(),
            emptied: emptied.into(),
            created: wanted.clone(),
            pace: Pace {
                rows_per_second_max: options.rows_per_second_max.map(std::num::NonZero::get),
                begun: now,
                told: now,
                rows: 0,
                tables: wanted.len(),
                tables_done: 0,
            },
            tables: wanted,
            current: None,
            is_done: false,
        })
    }

    /// The next batch; `None` when all is copied, or nobody wants it any more.
    ///
    /// # Errors
    /// What the source says, rows that rules cannot judge.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, PipelineError> {
        match self.copied() {
            Err(PipelineError::Stopped) => Ok(None),
            copied => copied,
        }
    }

    fn copied(&mut self) -> Result<Option<Batch>, PipelineError> {
        if self.is_done {
            return Ok(None);
        }
        if !self.emptied.is_empty() || !self.created.is_empty() {
            return self.statements().map(Some);
        }
        loop {
            let table = match self.current.take() {
                Some(table) => table,
                None => match self.tables.pop_front() {
                    Some(table) => {
                        self.waits.answer(self.reader.begin(&table))?;
                        table
                    }
                    None => return self.finish().map(Some),
                },
            };
            let rows_max = self.pace.rows_at_once();
            let next = self.reader.next(BATCH_BYTES_MAX, rows_max);
            let Some(rows) = self.waits.answer(next)? else {
                self.pace.tables_done += 1;
                continue;
            };
            let copied = self.copying.rows(&table, &rows);
            copied.map_err(|trouble| failed(&self.start, trouble))?;
            self.pace.count(rows.ends.len() as u64);
            self.pace.tell(table.source());
            self.current = Some(table);
            if let Some(due) = self.pace.due() {
                self.waits.until_then(due)?;
            }
            let (end, now) = (self.start.clone(), metrics::now_us());
            return Ok(Some(self.copying.batch(end, now)));
        }
    }

    /// What becomes of the tables before their rows.
    fn statements(&mut self) -> Result<Batch, PipelineError> {
        for _ in 0..STATEMENTS_MAX {
            let done = if let Some(table) = self.emptied.pop_front() {
                self.copying.emptied(&table)
            } else if let Some(table) = self.created.pop_front() {
                let create = self.reader.create_statement(table.source());
                let create = self.waits.answer(create)?;
                self.copying.created(&table, create)
            } else {
                break;
            };
            done.map_err(|trouble| failed(&self.start, trouble))?;
        }
        let end = self.start.clone();
        Ok(self.copying.batch(end, metrics::now_us()))
    }

    fn finish(&mut self) -> Result<Batch, PipelineError> {
        self.is_done = true;
        let (rows, tables) = (self.pace.rows, self.pace.tables);
        let seconds = self.pace.begun.elapsed().as_secs_f64();
        info!(rows, tables, seconds, "copied what is there");
        let end = Checkpoint {
            snapshot: SnapshotProgress::None,
            ..self.start.clone()
        };
        let last = self.copying.finish(end, metrics::now_us());
        last.map_err(|trouble| failed(&self.start, trouble))
    }
}

impl Pace {
    /// Rows of a batch: of those that may come in a second a tenth.
    fn rows_at_once(&self) -> usize {
        let limit = self.rows_per_second_max.map(|rows| rows / 10 + 1);
        limit.map_or(usize::MAX, |rows| {
            usize::try_from(rows).unwrap_or(usize::MAX)
        })
    }

    fn count(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// When so many rows may have come.
    fn due(&self) -> Option<Instant> {
        let limit = self.rows_per_second_max?;
        let micros = u128::from(self.rows) * 1_000_000 / u128::from(limit);
        let after = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        self.begun.checked_add(after)
    }

    fn tell(&mut self, table: &TableName) {
        if self.told.elapsed() < TELL_INTERVAL {
            return;
        }
        self.told = Instant::now();
        let (rows, tables, tables_done) = (self.rows, self.tables, self.tables_done);
        let seconds = self.begun.elapsed().as_secs();
        let rows_per_second = rows / seconds.max(1);
        info!(%table, rows, rows_per_second, tables, tables_done, "still copying what is there");
    }
}

fn failed(start: &Checkpoint, trouble: Trouble) -> PipelineError {
    PipelineError::Assemble(AssembleError {
        at: start.coordinates.clone(),
        kind: None,
        trouble: Box::new(trouble),
        group: None,
    })
}
