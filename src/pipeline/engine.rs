//! The one loop over an assembler's steps: chunks in, batches out, pulled one by one.
//!
//! Where the chunks come from and who answers the assembler's questions is up to the caller: `run` has a receiver and its
//! source, `decode` has files and what `--definitions` told it. Groups that are too large for memory are kept in a spill file
//! here. Everything here may block, so it wants a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;

use tracing::{info, warn};

use super::delay::Delay;
use super::spilling::{self, Spilling};
use crate::binlog::{Coordinates, XaId};
use crate::change::history::Stretch;
use crate::change::{
    AssembleError, Assembler, Batch, Definition, Lack, LostColumn, LostRowRule, Notice, Point,
    PreparedEvents, PreparedGroup, Step, Undecided, UnvettedTable,
};
use crate::filter::{HiddenBy, OnUnknown, RuleKey};
use crate::row::TableName;
use crate::source::Chunk;
use crate::state::{PreparedFile, PreparedStore, StateError};

/// Bytes of a batch at which it leaves.
pub const BATCH_BYTES_MAX: usize = 128 * 1024;
/// Bytes of events without rows at which an empty batch leaves, so that the checkpoint moves.
pub const IDLE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where an assembler's chunks come from.
pub trait Feed {
    /// Why there is no next chunk.
    type Error;

    /// Waits for the next chunk. When none came for a while it says so, so that what is assembled can leave.
    ///
    /// # Errors
    /// When the events cannot be read on. The engine then ends as at [`Fed::End`], and reports the error last.
    fn next(&mut self) -> Result<Fed, Self::Error>;
}

/// What came of waiting for a chunk.
#[derive(Debug)]
pub enum Fed {
    /// The next events.
    Chunk(Chunk),
    /// Nothing for now.
    Idle,
    /// There is nothing more.
    End,
}

/// Who answers what an assembler asks about tables.
pub trait AnswerTables {
    /// Why there is no answer.
    type Error;

    /// Tells the assembler how a table is defined, or that nobody knows.
    ///
    /// # Errors
    /// When nothing can be told and the stream cannot go on without it.
    fn define(
        &mut self,
        wanted: WantedDefinition,
        assembler: &mut Assembler,
    ) -> Result<(), Self::Error>;

    /// Tells the assembler whether the table's engine was transactional in the group that ends at `at`, or that nobody knows.
    ///
    /// # Errors
    /// When whoever would know cannot be asked.
    fn engine(
        &mut self,
        table: TableName,
        at: &Point,
        assembler: &mut Assembler,
    ) -> Result<(), Self::Error>;
}

/// The definition that an assembler asks for, see [`Step::NeedDefinition`].
#[derive(Debug)]
pub struct WantedDefinition {
    /// The table's name on the source.
    pub table: TableName,
    /// The end of the group in whose rows it occurs.
    pub at: Point,
    /// A definition that was read before there.
    pub believed: Option<Definition>,
    /// What its table map does not tell.
    pub lack: Lack,
    /// A CREATE TABLE with what it tells.
    pub draft: Box<str>,
}

/// Drives one assembler from its first chunk to its last batch.
#[derive(Debug)]
pub struct Engine<E> {
    /// `None` once the last batch has left.
    assembler: Option<Box<Assembler>>,
    keeping: Keeping,
    /// Holds groups back until their time; without it none is held back.
    delay: Option<Delay>,
    /// The first failure, reported when what came before it has left.
    failure: Option<E>,
    unfinished: Option<Coordinates>,
    /// XA transactions that are prepared at the end, where someone reads on.
    carried: Option<Undecided>,
    /// What the stream told of definitions until it ended.
    history: Vec<Stretch>,
}

/// What one step came to.
enum Stepped<E> {
    On,
    Batch(Box<Batch>),
    /// The assembler has all that it is to be given; the failure is the feed's.
    End(Option<E>),
}

/// Where events are kept that an assembler hands out for later.
#[derive(Debug)]
struct Keeping {
    spilling: Spilling,
    prepared: Arc<PreparedStore>,
    /// The prepared XA transaction whose events were written last, until it is described.
    preparing: Option<PreparedFile>,
}

impl<E: From<AssembleError> + From<StateError>> Engine<E> {
    /// Prepares to drive an assembler, to keep large groups in files in `spill_folder`, and prepared XA transactions in
    /// `prepared`.
    pub fn new(assembler: Assembler, spill_folder: PathBuf, prepared: Arc<PreparedStore>) -> Self {
        Self {
            assembler: Some(Box::new(assembler)),
            keeping: Keeping {
                spilling: Spilling::new(spill_folder),
                prepared,
                preparing: None,
            },
            delay: None,
            failure: None,
            unfinished: None,
            carried: None,
            history: Vec::new(),
        }
    }

    /// Holds groups back until their time.
    #[must_use]
    pub(in crate::pipeline) fn delaying(mut self, delay: Option<Delay>) -> Self {
        self.delay = delay;
        self
    }

    /// Leaves XA transactions that are prepared at the end to whoever reads on, instead of counting them as held.
    #[must_use]
    pub fn carrying(mut self) -> Self {
        self.carried = Some(Undecided::new());
        self
    }

    /// The XA transactions that are prepared at the end, for [`Assembler::holding`]. Told once, after the last batch.
    pub fn take_undecided(&mut self) -> Undecided {
        self.carried.take().unwrap_or_default()
    }

    /// The next batch; `None` after the last.
    ///
    /// # Errors
    /// The first failure, once the whole groups before it have left; nothing comes after it.
    pub fn next(
        &mut self,
        feed: &mut impl Feed<Error = E>,
        answers: &mut impl AnswerTables<Error = E>,
    ) -> Result<Option<Batch>, E> {
        loop {
            let Some(assembler) = &mut self.assembler else {
                return self.failure.take().map_or(Ok(None), Err);
            };
            let keeping = (&mut self.keeping, self.delay.as_ref());
            let batch = match step(assembler, keeping, feed, answers) {
                Ok(Stepped::On) => None,
                Ok(Stepped::Batch(batch)) => Some(*batch),
                Ok(Stepped::End(failure)) => {
                    self.failure = failure;
                    self.finish()
                }
                Err(failure) => {
                    self.failure = Some(failure);
                    self.end().and_then(|assembler| assembler.salvage())
                }
            };
            if let Some(batch) = batch {
                warn_of_statements(&batch);
                return Ok(Some(batch));
            }
        }
    }

    /// Where the last whole group ended if the events ended inside the one after it. Told once.
    pub fn take_unfinished(&mut self) -> Option<Coordinates> {
        self.unfinished.take()
    }

    /// What the stream has told of definitions since this was asked last, where the assembler keeps it.
    pub fn take_history(&mut self) -> Vec<Stretch> {
        let mut history = std::mem::take(&mut self.history);
        if let Some(assembler) = &mut self.assembler {
            history.extend(assembler.take_history());
        }
        history
    }

    fn end(&mut self) -> Option<Box<Assembler>> {
        let mut assembler = self.assembler.take()?;
        self.history.extend(assembler.take_history());
        Some(assembler)
    }

    fn finish(&mut self) -> Option<Batch> {
        let mut assembler = self.end()?;
        if !assembler.is_between_groups() {
            self.unfinished = Some(assembler.checkpoint().coordinates.clone());
        }
        if let Some(carried) = &mut self.carried {
            *carried = assembler.take_undecided();
        }
        Some(assembler.finish())
    }
}

fn step<E: From<AssembleError> + From<StateError>>(
    assembler: &mut Assembler,
    (keeping, delay): (&mut Keeping, Option<&Delay>),
    feed: &mut impl Feed<Error = E>,
    answers: &mut impl AnswerTables<Error = E>,
) -> Result<Stepped<E>, E> {
    let step = assembler.poll()?;
    for notice in assembler.take_notices() {
        tell(&notice);
    }
    match step {
        Step::NeedEvent => match feed.next() {
            Ok(Fed::Chunk(chunk)) => assembler.feed_part(
                chunk.buffer,
                chunk.events,
                chunk.part,
                chunk.received_us,
                chunk.drained,
            ),
            Ok(Fed::Idle) => {
                if let Some(batch) = assembler.flush() {
                    return Ok(Stepped::Batch(Box::new(batch)));
                }
            }
            Ok(Fed::End) => return Ok(Stepped::End(None)),
            Err(failure) => return Ok(Stepped::End(Some(failure))),
        },
        Step::NeedDefinition {
            table,
            at,
            believed,
            lack,
            draft,
        } => {
            let believed = believed.map(|believed| *believed);
            let wanted = WantedDefinition {
                table,
                at,
                believed,
                lack,
                draft,
            };
            answers.define(wanted, assembler)?;
        }
        Step::NeedEngine { table, at } => {
            answers.engine(table, &at, assembler)?;
        }
        Step::Batch(batch) => return Ok(Stepped::Batch(batch)),
        Step::Spill(spilled) => keeping.spilling.keep(&spilled)?,
        Step::NeedSpilled => {
            let (buffer, events) = keeping.spilling.give_back()?;
            assembler.feed_spilled(&buffer, &events)?;
        }
        Step::Due { committed_us } => {
            if let Some(delay) = delay.filter(|delay| !delay.is_over(committed_us)) {
                // What came before it is not held up.
                if let Some(batch) = assembler.flush() {
                    return Ok(Stepped::Batch(Box::new(batch)));
                }
                if !delay.wait(committed_us) {
                    return Ok(Stepped::End(None));
                }
            }
            assembler.go_on();
        }
        Step::Prepare(events) => keeping.prepare(&events)?,
        Step::Prepared { id, group } => keeping.prepared(id, &group)?,
        Step::NeedPrepared { id } => {
            let (events, end) = keeping.prepared.events(&id)?;
            keeping.spilling.give_back_from(events, end);
        }
        Step::Decided { id, at } => keeping.prepared.decided(&id, at)?,
        Step::Reached => return Ok(Stepped::End(None)),
    }
    Ok(Stepped::On)
}

impl Keeping {
    /// Keeps the events of a prepared XA transaction, those that were spilled first.
    fn prepare(&mut self, kept: &PreparedEvents) -> Result<(), StateError> {
        let mut file = self.prepared.create(&kept.begin)?;
        if kept.after_spilled {
            self.spilling.copy(|bytes| file.append(bytes))?;
        }
        for (start, event) in &kept.events {
            spilling::append(*start, event, |bytes| file.append(bytes))?;
        }
        self.preparing = Some(file);
        Ok(())
    }

    /// Completes the transaction whose events were kept last.
    fn prepared(&mut self, id: XaId, group: &PreparedGroup) -> Result<(), StateError> {
        let file = self
            .preparing
            .take()
            .expect("a transaction is described after its events were kept");
        self.prepared.keep(file, id, group)
    }
}

fn tell(notice: &Notice) {
    match notice {
        Notice::Undefined {
            table,
            at,
            policy,
            why,
        } => {
            let becomes = match policy {
                OnUnknown::Stop | OnUnknown::Names => "go out without names",
                OnUnknown::Skip => "are left out",
            };
            warn!(
                %table,
                %at,
                definitions_unknown = policy.as_str(),
                "the table's rows {becomes} from here on, until its definition is known: {why}; stop the connector and tell it \
                 by `rowtap definitions` with --table {table} --define 'CREATE TABLE …'"
            );
        }
        Notice::LeftOut { table, at } => {
            warn!(
                %table,
                %at,
                definitions_unknown = OnUnknown::Skip.as_str(),
                "a group was rolled back, and it is not known whether the table's engine took part in that: what the group did to \
                 the table is left out; tell the engine by `rowtap definitions` with --table {table} --engine ENGINE"
            );
        }
        Notice::Lacking { table, at, columns } => {
            let columns = columns.join(", ");
            warn!(
                %table,
                %at,
                %columns,
                "the condition on the table's rows names columns that the table does not have: they are NULL from here on, so that \
                 rows may be left out; change the condition, or set columns-missing = \"stop\" to stop instead"
            );
        }
        Notice::LostColumn(LostColumn { table, rule }) => {
            warn!(
                %table,
                %rule,
                "a rule on columns matches no column of the table, and the stream goes on, as columns-missing says: take \
                 the rule out, or have it match what the column is called now"
            );
        }
        Notice::Unvetted(unvetted) => tell_unvetted(unvetted),
        Notice::LostRowRule(LostRowRule {
            before,
            after,
            rule,
        }) => {
            warn!(
                %before,
                %after,
                %rule,
                "a table was renamed, and a rule of filter.rows does not match its name from here on, so that all of its rows go \
                 out which no other rule leaves out: have the rule match both names"
            );
        }
        Notice::Defined { table, at } => {
            info!(%table, %at, "the table's definition is known again, its rows go out with names from here on");
        }
    }
}

fn tell_unvetted(UnvettedTable { table, column, by }: &UnvettedTable) {
    let rule = match by {
        HiddenBy::Rule(rule) => rule.to_string(),
        HiddenBy::NotIncluded => RuleKey::ColumnsInclude.to_string(),
    };
    warn!(
        %table,
        %column,
        %rule,
        "a rule hides the values of a column, and what other columns of the table are computed from is not known: one that is \
         computed from it would show them, have a rule hide such a column too"
    );
}

/// Warns of what a batch leaves out.
fn warn_of_statements(batch: &Batch) {
    let statements = batch.ledger.statements;
    if statements > 0 {
        let before = batch.end.as_ref().map(|end| end.coordinates.to_string());
        warn!(
            statements,
            before,
            "changes were logged as statements and passed over, their rows are not in the binlog"
        );
    }
    for group in &batch.passed_over {
        let gtid = group.gtid.as_ref().map(ToString::to_string);
        let xa = group.xa.as_ref().map(ToString::to_string);
        warn!(
            order = group.order,
            gtid,
            begin = %group.begin,
            end = %group.end,
            events = group.events,
            xa,
            "a group is passed over as ordered, its changes are not delivered"
        );
    }
    let count = batch.ledger.xa_missing;
    if count > 0 {
        let before = batch.end.as_ref().map(|end| end.coordinates.to_string());
        warn!(
            count,
            before, "XA transactions were committed whose XA PREPARE was not seen, and passed over"
        );
    }
}
