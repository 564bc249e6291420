//! The copying of a run: what is there already, before the stream. It is a run of its own, at whose end the checkpoint is where
//! the stream begins.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{info, warn};

use super::assembling::Waits;
use super::pace::Pace;
use super::reading::{LotInReading, Lots, Reading};
use crate::change::definition::{Belief, Schemas};
use crate::change::{
    AssembleError, Batch, Checkpoint, ChosenTables, Collations, CopiedTable, Copying, Definition,
    EdgeSide, Origin, SnapshotProgress, SnapshotReached, TableDefinition, Trouble, Window,
};
use crate::filter::Rules;
use crate::finding::first_of;
use crate::metrics::{self, CopyProgress};
use crate::pipeline::error::PipelineError;
use crate::row::TableName;
use crate::source::{
    Answers, Lot, SnapshotOptions, SourceError, SourceTable, TableList, TableReader, TableViews,
};

/// How long a part of what was ordered is copied until the stream goes on.
const PART_MAX: Duration = Duration::from_secs(2);
/// Statements of a batch.
const STATEMENTS_MAX: usize = 200;
/// Tables that an error names.
const NAMED_MAX: usize = 10;

/// What is to be copied, and by whom.
#[derive(Debug)]
pub(super) struct OpenedCopy {
    pub(super) readers: Vec<TableReader>,
    /// How often the connector has begun to copy, from 1 on.
    pub(super) number: u32,
    /// What was published before; `None` where all begins anew.
    pub(super) reached: Option<Arc<SnapshotReached>>,
    /// Tables of which rows may have been published that begin anew.
    pub(super) emptied: Vec<TableName>,
    pub(super) tables: Vec<(TableName, Arc<TableDefinition>)>,
    /// The collations of those of them whose rows are judged by a condition.
    pub(super) collations: HashMap<TableName, Collations>,
    /// Those of them that are read in no order.
    pub(super) unordered: BTreeSet<TableName>,
    /// How many rows each table has, as the server estimates.
    pub(super) estimates: HashMap<TableName, u64>,
    /// Whether the rows come later.
    pub(super) is_without_rows: bool,
    /// What of the rows the stream has brought.
    pub(super) window: Window,
    /// Whether there is more, of which nothing is to be copied yet.
    pub(super) is_part: bool,
    /// Whether another table may have had the name of one before that was read.
    pub(super) is_doubtful: bool,
}

impl OpenedCopy {
    /// How far it has come that it begins so.
    pub(super) fn progress(&self) -> SnapshotProgress {
        let there: BTreeSet<&TableName> = names(&self.tables).collect();
        let gone = self.emptied.iter().filter(|it| !there.contains(it));
        let gone = match self.reached {
            None => gone.cloned().collect(),
            // Those were emptied before.
            Some(_) => BTreeSet::new(),
        };
        SnapshotProgress::Copying {
            number: self.number,
            reached: self.reached.clone(),
            gone: Arc::new(gone),
        }
    }

    /// The same without the rows that were changed in a window.
    pub(super) fn without(self, window: Window) -> Self {
        Self { window, ..self }
    }

    /// Finds what is to be copied of what views show, of which all is known at their place.
    ///
    /// # Errors
    /// A table that has changed between the reading of the definitions and now.
    pub(super) async fn find(
        views: TableViews,
        (number, reached): (u32, Option<Arc<SnapshotReached>>),
        mut emptied: Vec<TableName>,
        believed: &Schemas,
        rules: &Rules,
    ) -> Result<Self, PipelineError> {
        let is_without_rows = views.show_no_rows();
        let is_unlocked = is_without_rows || views.seen().is_some();
        let keep_ddl_out = views.keep_ddl_out();
        let mut readers = TableReader::all(views);
        let list = match readers.first_mut() {
            Some(reader) => {
                let is_kept = |it: &TableName| rules.table(&it.database, &it.table).keep;
                reader.list(is_kept).await?
            }
            None => TableList::default(),
        };
        let chosen = reached.as_ref().and_then(|it| it.chosen.clone());
        let is_whole = reached.as_ref().is_some_and(|it| it.is_whole);
        if let (Some(chosen), false) = (&chosen, is_whole) {
            refuse_unfit(chosen, &list, believed, rules)?;
        }
        if reached.is_none() {
            for (table, kind) in &list.others {
                info!(%table, kind, "not copied, for it has no rows of its own");
            }
        }
        let mut is_part = false;
        let estimates = list.tables.iter().cloned().collect();
        let wants = |table: &TableName| reached.as_ref().is_none_or(|it| it.wants(table));
        let wanted = list.tables.into_iter().map(|(table, _)| table);
        let mut tables = defined(wanted.filter(wants), believed)?;
        if is_unlocked && let Some(table) = of_one_name(names(&tables), rules, |_| true) {
            let message = format!(
                "{table} is published under the name of another table, which a snapshot without a lock cannot tell from it, set \
                 locking = \"auto\" in [snapshot]"
            );
            return Err(SourceError::Options(message).into());
        }
        if let Some(reached) = &reached {
            if let Some(table) = of_one_name(names(&tables), rules, |_| true) {
                let what = "it is published under the name of another table".to_owned();
                let table = table.clone();
                return Err(SourceError::SnapshotDisturbed { table, what }.into());
            }
            tables.retain(|(table, _)| reached.lacks(table));
            if chosen.is_some() {
                is_part = keep_one_kind(&mut tables);
            }
            emptied = begun_anew(&tables, reached);
        } else if number > 1 {
            let known: BTreeSet<TableName> = emptied.iter().cloned().collect();
            let now = tables.iter().map(|(table, _)| table);
            emptied.extend(now.filter(|table| !known.contains(table)).cloned());
        }
        emptied.retain(|table| rules.table(&table.database, &table.table).keep);
        let collations = match readers.first_mut() {
            Some(reader) => collations(reader, names(&tables), rules).await?,
            None => HashMap::new(),
        };
        Ok(Self {
            readers,
            number,
            reached,
            emptied,
            collations,
            unordered: list.unordered,
            estimates,
            is_without_rows,
            window: Window::default(),
            is_part,
            is_doubtful: !keep_ddl_out && !tables.is_empty(),
            tables,
        })
    }
}

/// The collations of the tables whose rows are judged by a condition.
async fn collations(
    reader: &mut TableReader,
    tables: impl Iterator<Item = &TableName>,
    rules: &Rules,
) -> Result<HashMap<TableName, Collations>, SourceError> {
    let mut found = HashMap::new();
    for table in tables {
        let published = rules.table(&table.database, &table.table).published;
        if rules.rows().has_conditions(&published) {
            found.insert(table.clone(), reader.collations(table).await?);
        }
    }
    Ok(found)
}

/// The tables with what is known of them, in the order of their names.
///
/// # Errors
/// One of which not all is known.
fn defined(
    wanted: impl Iterator<Item = TableName>,
    believed: &Schemas,
) -> Result<Vec<(TableName, Arc<TableDefinition>)>, SourceError> {
    let mut tables = Vec::new();
    for table in wanted {
        match believed.get(&table) {
            Some(Belief::Known(definition)) => {
                let definition = Arc::clone(definition);
                tables.push((table, definition));
            }
            Some(Belief::Stale(_)) | None => {
                let what = "it was created or altered while the snapshot began".to_owned();
                return Err(SourceError::SnapshotDisturbed { table, what });
            }
        }
    }
    tables.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(tables)
}

/// Makes sure that what was ordered can be copied still.
///
/// # Errors
/// Tables that cannot.
fn refuse_unfit(
    chosen: &ChosenTables,
    list: &TableList,
    believed: &Schemas,
    rules: &Rules,
) -> Result<(), SourceError> {
    let names = || list.tables.iter().map(|(name, _)| name);
    let is_wanted = |table: &TableName| chosen.tables.contains(table);
    let mut what = None;
    for table in names().filter(|table| is_wanted(table)) {
        let Some(Belief::Known(definition)) = believed.get(table) else {
            continue;
        };
        if definition.transactional == Some(false) {
            what = Some(format!("{table} has an engine without transactions"));
        } else if definition.key.is_empty() && chosen.condition.is_some() {
            what = Some(format!(
                "{table} has no primary key and a condition was given"
            ));
        }
    }
    let there: BTreeSet<&TableName> = names().collect();
    for table in chosen.tables.iter().filter(|table| !there.contains(table)) {
        warn!(%table, "not copied, or not whole, for it is gone, has another name, or the account may not see it (GRANT SELECT)");
    }
    if !names().any(is_wanted) {
        let none = "none of its tables is there: they are gone, have other names, or the account may not see them (GRANT SELECT)";
        what = Some(none.to_owned());
    }
    if let Some(table) = of_one_name(names(), rules, is_wanted) {
        what = Some(format!(
            "{table} is published under the name of another table"
        ));
    }
    match what {
        Some(what) => Err(SourceError::SnapshotOrder { what }),
        None => Ok(()),
    }
}

/// Keeps the first table alone where it has no key, so that it is not emptied long before its rows come, or else those before the
/// first such one; returns whether there are others.
fn keep_one_kind(tables: &mut Vec<(TableName, Arc<TableDefinition>)>) -> bool {
    let all = tables.len();
    let first_bare = tables.iter().position(|(_, it)| it.key.is_empty());
    tables.truncate(first_bare.map_or(all, |first| first.max(1)));
    tables.len() < all
}

fn names(tables: &[(TableName, Arc<TableDefinition>)]) -> impl Iterator<Item = &TableName> {
    tables.iter().map(|(table, _)| table)
}

/// A table that is wanted and is published under the name of another: to empty it would empty both.
pub(in crate::pipeline) fn of_one_name<'a>(
    tables: impl Iterator<Item = &'a TableName>,
    rules: &Rules,
    is_wanted: impl Fn(&TableName) -> bool,
) -> Option<&'a TableName> {
    let mut published = BTreeMap::new();
    for table in tables {
        let verdict = rules.table(&table.database, &table.table);
        if !verdict.keep {
            continue;
        }
        if let Some(other) = published.insert(verdict.published, table) {
            let twice = [table, other].into_iter().find(|table| is_wanted(table));
            if twice.is_some() {
                return twice;
            }
        }
    }
    None
}

/// The tables whose rows before, if there are any, are not told from those that come: without a key a row cannot take the place of
/// itself.
fn begun_anew(
    tables: &[(TableName, Arc<TableDefinition>)],
    reached: &SnapshotReached,
) -> Vec<TableName> {
    // What was ordered is not all that is at the target.
    let is_everything = reached.chosen.is_none();
    let anew = tables.iter().filter(|(table, definition)| {
        let begins_anew = reached.again.contains(table) && reached.bound(table).is_none();
        definition.key.is_empty() || (is_everything && begins_anew)
    });
    anew.map(|(table, _)| table.clone()).collect()
}

/// The tables that are to be copied, which must be of engines whose rows a view holds still. Sequences are not copied.
///
/// # Errors
/// Tables of other engines.
pub(super) fn transactional<'a>(
    read: impl Iterator<Item = (&'a TableName, &'a Definition)>,
    rules: &Rules,
) -> Result<Vec<TableName>, SourceError> {
    let (mut tables, mut others) = (Vec::new(), Vec::new());
    for (table, definition) in read {
        if definition.is_sequence || !rules.table(&table.database, &table.table).keep {
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

/// What of a table is yet to be read.
fn left_of(table: &SourceTable, before: &SnapshotReached) -> Lot {
    let name = table.copied.source();
    let after = before.bound(name).filter(|bound| table.fits(bound));
    let upto = before.end(name).filter(|_| after.is_some());
    Lot {
        after: after.cloned(),
        upto: upto.filter(|bound| table.fits(bound)).cloned(),
    }
}

/// The batches of a copy. Its functions block.
#[derive(Debug)]
pub(super) struct Copier {
    waits: Waits,
    readers: Readers,
    /// Who tells of DDL since the place.
    answers: Answers,
    copying: Copying,
    /// The checkpoint until all is copied.
    start: Checkpoint,
    number: u32,
    /// Whether the rows come in a copy after this one.
    is_without_rows: bool,
    /// What of the rows the stream has brought.
    window: Window,
    /// What the rows that were taken from the readers have come to; `None` until all statements have come that go before rows.
    reached: Option<SnapshotReached>,
    emptied: VecDeque<TableName>,
    /// Those whose statement is yet to come.
    created: VecDeque<CopiedTable>,
    lots: mpsc::Receiver<LotInReading>,
    current: Option<LotInReading>,
    /// Whether it is told where the rows of a table begin and end.
    pub(super) tells_edges: bool,
    /// Whether there is more than what is read now.
    is_part: bool,
    /// Whether the stream is yet to tell that no other table had the name of one that is read.
    is_doubtful: bool,
    /// How long it may take until the stream goes on, and when that is over.
    part_max: Option<Duration>,
    part_end: Option<Instant>,
    is_done: bool,
    pace: Pace,
}

/// The readers until all statements have come: the first of them is asked for those.
#[derive(Debug, Default)]
struct Readers {
    waiting: Vec<(TableReader, oneshot::Sender<TableReader>)>,
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
        (waits, answers, metrics): (Waits, Answers, Arc<metrics::ConnectorMetrics>),
    ) -> Result<(Self, Vec<Reading>), PipelineError> {
        let OpenedCopy {
            readers,
            number,
            reached,
            emptied,
            tables,
            collations,
            unordered,
            estimates,
            is_without_rows,
            window,
            is_part,
            is_doubtful,
        } = opened;
        let chosen = reached.as_ref().and_then(|it| it.chosen.as_ref());
        let condition = chosen.and_then(|it| it.condition.clone());
        let part_max = chosen.map(|_| PART_MAX);
        let before = reached.clone().unwrap_or_default();
        let begun = (number, Arc::clone(&before));
        let mut copying = Copying::new(origin, rules, start, begun, metrics::now_us());
        let (mut wanted, none) = (VecDeque::new(), Collations::new());
        for (name, definition) in &tables {
            let known = collations.get(name).unwrap_or(&none);
            let table = copying.table(name, definition, known);
            wanted.extend(table.map_err(|error| failed(start, error.into()))?);
        }
        let pace = Pace::new(options, &wanted, (metrics, estimates));
        info!(tables = wanted.len(), readers = readers.len(), at = %start.coordinates, number, "copying what is there");
        let with_rows = wanted.iter().filter(|_| !is_without_rows);
        let tables = with_rows.map(|table| {
            let is_ordered = !unordered.contains(table.source());
            let table = SourceTable::new(table.clone(), is_ordered).choosing(condition.clone());
            let left = left_of(&table, &before);
            (Arc::new(table), left)
        });
        let rows_max = pace.rows_at_once();
        let (lots, in_order) = Lots::new(tables.collect(), readers.len(), rows_max);
        let lots = Arc::new(tokio::sync::Mutex::new(lots));
        let (readers, reading) = Readers::all(readers, &lots, rows_max);
        let copier = Self {
            waits,
            readers,
            answers,
            copying,
            start: start.clone(),
            number,
            is_without_rows,
            window,
            created: match reached {
                None => wanted,
                // Their statements came before.
                Some(_) => VecDeque::new(),
            },
            reached: reached.map(|reached| (*reached).clone()),
            emptied: emptied.into(),
            lots: in_order,
            current: None,
            tells_edges: false,
            is_part,
            is_doubtful,
            part_max,
            part_end: None,
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
        let mut reached = self.reached.take().unwrap_or_default();
        let copied = self.rows(&mut reached);
        self.reached = Some(reached);
        copied
    }

    /// The next batch of rows, with which the copy has come as far as `reached`.
    fn rows(&mut self, reached: &mut SnapshotReached) -> Result<Option<Batch>, PipelineError> {
        if self.is_part_over() {
            return self.cut(reached).map(Some);
        }
        if let (Some(max), None) = (self.part_max, self.part_end) {
            self.part_end = Some(Instant::now() + max);
        }
        loop {
            let mut lot = match self.current.take() {
                Some(lot) => lot,
                None => match self.waits.next(&mut self.lots)? {
                    Some(lot) => {
                        if lot.is_first && reached.bound(lot.table.copied.source()).is_none() {
                            self.edge(&lot.table.copied, EdgeSide::Begin)?;
                        }
                        lot
                    }
                    None => return self.finish().map(Some),
                },
            };
            let Some(rows) = self.waits.next(&mut lot.rows)? else {
                // Its reader has failed, and says why itself.
                return Err(PipelineError::Stopped);
            };
            let table = &lot.table.copied;
            let Some(rows) = rows else {
                if lot.is_last {
                    self.edge(table, EdgeSide::End)?;
                    self.pace.finish_table();
                    reached.finish(table.source());
                    self.copying.passed(Arc::new(reached.clone()));
                }
                continue;
            };
            if let Some(key) = &rows.key {
                reached.reach(table.source(), key.clone(), lot.end.as_ref());
            }
            let rows = self.window.without_changed(table, rows);
            let rows = rows.map_err(|error| failed(&self.start, error.into()))?;
            let copied = self.copying.rows(table, &rows, Arc::new(reached.clone()));
            copied.map_err(|trouble| failed(&self.start, trouble))?;
            self.pace.count(table.source(), rows.ends.len() as u64);
            self.current = Some(lot);
            if let Some(due) = self.pace.due() {
                self.waits.until_then(due)?;
            }
            let end = self.boundary(Some(Arc::clone(self.copying.reached())));
            return Ok(Some(self.copying.batch(end, metrics::now_us())));
        }
    }

    /// Tells, if that is wanted, that the rows of a table begin or end.
    fn edge(&mut self, table: &CopiedTable, side: EdgeSide) -> Result<(), PipelineError> {
        if !self.tells_edges {
            return Ok(());
        }
        let put = self.copying.edge(table, side);
        put.map_err(|trouble| failed(&self.start, trouble))
    }

    /// Whether it is time for the stream to go on. A table that is read in no order is read to its end.
    fn is_part_over(&self) -> bool {
        let is_ordered = |lot: &LotInReading| lot.table.key.is_some();
        let is_late = self.part_end.is_some_and(|end| Instant::now() >= end);
        is_late && self.current.as_ref().is_none_or(is_ordered)
    }

    /// Ends this part of what was ordered; the rest comes at a later place.
    fn cut(&mut self, reached: &SnapshotReached) -> Result<Batch, PipelineError> {
        self.is_done = true;
        let end = self.boundary(Some(Arc::new(reached.clone())));
        let last = self.copying.cut(end, metrics::now_us());
        last.map_err(|trouble| failed(&self.start, trouble))
    }

    /// The checkpoint once so much is published.
    fn boundary(&self, reached: Option<Arc<SnapshotReached>>) -> Checkpoint {
        let snapshot = match reached {
            Some(_) => SnapshotProgress::copying(self.number, reached),
            None => self.start.snapshot.clone(),
        };
        Checkpoint {
            snapshot,
            ..self.start.clone()
        }
    }

    /// What becomes of the tables before their rows.
    fn statements(&mut self) -> Result<Batch, PipelineError> {
        let emptied = self.emptied.len().min(STATEMENTS_MAX);
        for table in self.emptied.drain(..emptied) {
            let done = self.copying.emptied(&table);
            done.map_err(|trouble| failed(&self.start, trouble))?;
        }
        let created = self.created.len().min(STATEMENTS_MAX - emptied);
        let created: Vec<CopiedTable> = self.created.drain(..created).collect();
        for (table, statement) in created.iter().zip(self.create_statements(&created)?) {
            let done = self.copying.created(table, statement);
            done.map_err(|trouble| failed(&self.start, trouble))?;
        }
        let are_rows_next = self.emptied.is_empty() && self.created.is_empty();
        let reached = match self.reached.is_some() || are_rows_next {
            true => Some(Arc::clone(self.copying.reached())),
            false => None,
        };
        let end = self.boundary(reached);
        Ok(self.copying.batch(end, metrics::now_us()))
    }

    /// The statements that would make tables as they are at the place of the copy. The server shows how they are now.
    ///
    /// # Errors
    /// A table that was altered since, or what breaks on the way.
    fn create_statements(&mut self, tables: &[CopiedTable]) -> Result<Vec<String>, PipelineError> {
        let statements = tables.iter().map(|table| {
            let statement = self.readers.create_statement(table);
            self.waits.answer(statement)
        });
        let statements = statements.collect::<Result<_, _>>()?;
        if self.is_doubtful && !tables.is_empty() {
            let (at, names) = (self.start.point(), tables.iter().map(CopiedTable::source));
            let changed = self.answers.changed_since(&at, names);
            if let Some(table) = self.waits.answer(changed)? {
                let (table, what) = (table.clone(), "it was altered while the snapshot began");
                let what = what.to_owned();
                return Err(SourceError::SnapshotDisturbed { table, what }.into());
            }
        }
        Ok(statements)
    }

    fn finish(&mut self) -> Result<Batch, PipelineError> {
        if self.is_without_rows {
            self.is_done = true;
            let end = self.boundary(Some(Arc::clone(self.copying.reached())));
            return Ok(self.copying.batch(end, metrics::now_us()));
        }
        if self.pace.progress.tables_done < self.pace.progress.tables {
            return Err(PipelineError::Stopped);
        }
        if self.is_part {
            let reached = Arc::clone(self.copying.latest());
            return self.cut(&reached);
        }
        self.is_done = true;
        let CopyProgress { rows, tables, .. } = self.pace.progress;
        let seconds = self.pace.begun.elapsed().as_secs_f64();
        if tables > 0 {
            info!(rows, tables, seconds, "copied what is there");
        }
        let end = match self.is_doubtful {
            // Until its first rows are read, a table may be renamed and another one take its name, and no view tells. The stream
            // tells by the place of the next views, whose copy has nothing to do then.
            true => self.boundary(Some(Arc::new(SnapshotReached {
                is_whole: true,
                ..(**self.copying.latest()).clone()
            }))),
            false => Checkpoint {
                snapshot: SnapshotProgress::after(self.number),
                ..self.start.clone()
            },
        };
        let last = self.copying.finish(end, metrics::now_us());
        last.map_err(|trouble| failed(&self.start, trouble))
    }
}

impl Readers {
    /// Keeps readers, and gives what each is to do once it is let go.
    fn all(
        readers: Vec<TableReader>,
        lots: &Arc<tokio::sync::Mutex<Lots>>,
        rows_max: usize,
    ) -> (Self, Vec<Reading>) {
        let readers = readers.into_iter().map(|reader| {
            let (handed, reader_to_come) = oneshot::channel();
            let reading = Reading {
                reader: reader_to_come,
                lots: Arc::clone(lots),
                rows_max,
            };
            ((reader, handed), reading)
        });
        let (waiting, reading) = readers.unzip();
        (Self { waiting }, reading)
    }

    /// The statement that would make a table.
    async fn create_statement(&mut self, table: &CopiedTable) -> Result<String, SourceError> {
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

pub(super) fn failed(start: &Checkpoint, trouble: Trouble) -> PipelineError {
    PipelineError::Assemble(AssembleError {
        at: start.coordinates.clone(),
        kind: None,
        trouble: Box::new(trouble),
        group: None,
    })
}
