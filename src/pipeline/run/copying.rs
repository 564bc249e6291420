//! The copying of a run: what is there already, before the stream. It is a run of its own, at whose end the checkpoint is where
//! the stream begins.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;
use tracing::info;

use super::assembling::Waits;
use super::reading::{LotInReading, Lots, Reading};
use crate::change::definition::{Belief, Schemas};
use crate::change::{
    AssembleError, Batch, Checkpoint, CopiedTable, Copying, Definition, Origin, SnapshotProgress,
    TableDefinition, Trouble,
};
use crate::filter::Rules;
use crate::finding::first_of;
use crate::metrics;
use crate::pipeline::error::PipelineError;
use crate::row::TableName;
use crate::source::{
    SnapshotOptions, SourceError, SourceTable, TableList, TableReader, TableViews,
};

/// How often a copy tells how far it has come.
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// Statements of a batch.
const STATEMENTS_MAX: usize = 200;
/// Tables that an error names.
const NAMED_MAX: usize = 10;

/// What is to be copied, and by whom.
#[derive(Debug)]
pub(super) struct OpenedCopy {
    pub(super) readers: Vec<TableReader>,
    /// Which snapshot of the connector it is, from 1 on.
    pub(super) number: u32,
    /// Tables that a snapshot before it may have published rows of.
    pub(super) emptied: Vec<TableName>,
    pub(super) tables: Vec<(TableName, Arc<TableDefinition>)>,
    /// Those of them that are read in no order.
    pub(super) unordered: BTreeSet<TableName>,
}

impl OpenedCopy {
    /// Finds what is to be copied of what views show, of which all is known at their place.
    ///
    /// # Errors
    /// A table that has changed between the reading of the definitions and now.
    pub(super) async fn find(
        views: TableViews,
        number: u32,
        mut emptied: Vec<TableName>,
        believed: &Schemas,
        rules: &Rules,
    ) -> Result<Self, PipelineError> {
        let mut readers = TableReader::all(views);
        let list = match readers.first_mut() {
            Some(reader) => reader.list(rules).await?,
            None => TableList::default(),
        };
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
            readers,
            number,
            emptied,
            tables,
            unordered: list.unordered,
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
    readers: Readers,
    copying: Copying,
    /// The checkpoint until all is copied.
    start: Checkpoint,
    emptied: VecDeque<TableName>,
    /// Those whose statement is yet to come.
    created: VecDeque<CopiedTable>,
    lots: mpsc::Receiver<LotInReading>,
    current: Option<LotInReading>,
    is_done: bool,
    pace: Pace,
}

/// The readers until all statements have come: the first of them is asked for those.
#[derive(Debug, Default)]
struct Readers {
    waiting: Vec<(TableReader, oneshot::Sender<TableReader>)>,
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
    /// Prepares to copy, until the waits are over, and gives what is to read beside it.
    ///
    /// # Errors
    /// Tables that cannot be copied, or that rules do not fit.
    pub(super) fn new(
        opened: OpenedCopy,
        (origin, rules): (Arc<Origin>, Rules),
        options: &SnapshotOptions,
        start: &Checkpoint,
        waits: Waits,
    ) -> Result<(Self, Vec<Reading>), PipelineError> {
        let OpenedCopy {
            readers,
            number,
            emptied,
            tables,
            unordered,
        } = opened;
        let mut copying = Copying::new(origin, rules, start, number, metrics::now_us());
        let mut wanted = VecDeque::new();
        for (name, definition) in &tables {
            let table = copying.table(name, definition);
            wanted.extend(table.map_err(|error| failed(start, error.into()))?);
        }
        let pace = Pace::new(options, wanted.len());
        info!(tables = wanted.len(), readers = readers.len(), at = %start.coordinates, number, "copying what is there");
        let tables = wanted.iter().map(|table| {
            let is_ordered = !unordered.contains(table.source());
            Arc::new(SourceTable::new(table.clone(), is_ordered))
        });
        let rows_max = pace.rows_at_once();
        let (lots, in_order) = Lots::new(tables.collect(), readers.len(), rows_max);
        let lots = Arc::new(Mutex::new(lots));
        let (waiting, reading) = readers
            .into_iter()
            .map(|reader| {
                let (handed, reader_to_come) = oneshot::channel();
                let reading = Reading {
                    reader: reader_to_come,
                    lots: Arc::clone(&lots),
                    rows_max,
                };
                ((reader, handed), reading)
            })
            .unzip();
        let copier = Self {
            waits,
            readers: Readers { waiting },
            copying,
            start: start.clone(),
            emptied: emptied.into(),
            created: wanted,
            lots: in_order,
            current: None,
            is_done: false,
            pace,
        };
        Ok((copier, reading))
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
        self.readers.begin();
        loop {
            let mut lot = match self.current.take() {
                Some(lot) => lot,
                None => match self.waits.next(&mut self.lots)? {
                    Some(lot) => lot,
                    None => return self.finish().map(Some),
                },
            };
            let Some(rows) = self.waits.next(&mut lot.rows)? else {
                // Its reader has failed, and says why itself.
                return Err(PipelineError::Stopped);
            };
            let Some(rows) = rows else {
                self.pace.tables_done += usize::from(lot.is_last);
                continue;
            };
            let table = &lot.table.copied;
            let copied = self.copying.rows(table, &rows);
            copied.map_err(|trouble| failed(&self.start, trouble))?;
            self.pace.count(rows.ends.len() as u64);
            self.pace.tell(table.source());
            self.current = Some(lot);
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
                let create = self.readers.create_statement(table.source());
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
        if self.pace.tables_done < self.pace.tables {
            return Err(PipelineError::Stopped);
        }
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

impl Readers {
    /// The statement that would make a table.
    async fn create_statement(&mut self, table: &TableName) -> Result<String, SourceError> {
        let (reader, _) = self.waiting.first_mut().expect("a copy has a reader");
        reader.create_statement(table).await
    }

    /// Lets those read that wait.
    fn begin(&mut self) {
        for (reader, handed) in self.waiting.drain(..) {
            // One that listens no longer was stopped.
            let _stopped = handed.send(reader);
        }
    }
}

impl Pace {
    fn new(options: &SnapshotOptions, tables: usize) -> Self {
        let now = Instant::now();
        Self {
            rows_per_second_max: options.rows_per_second_max.map(std::num::NonZero::get),
            begun: now,
            told: now,
            rows: 0,
            tables,
            tables_done: 0,
        }
    }

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
