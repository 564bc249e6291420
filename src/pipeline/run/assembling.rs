//! The assembling of a run: the engine, fed by the receiver and answered by the source.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::change::{Assembler, Batch, Point};
use crate::metrics;
use crate::pipeline::delay::Delay;
use crate::pipeline::engine::{AnswerTables, Engine, Fed, Feed, WantedDefinition};
use crate::pipeline::error::PipelineError;
use crate::row::TableName;
use crate::source::{Answers, Chunk, Followed, SourceError, WantedBefore};
use crate::state::{PreparedStore, StateFolder};

/// How long a stream without rows keeps its progress to itself.
const IDLE_FLUSH: Duration = Duration::from_secs(1);

/// The batches of a run. Its functions block.
#[derive(Debug)]
pub(super) struct Assembling {
    engine: Engine<PipelineError>,
    received: ReceivedChunks,
    source: SourceAnswers,
}

impl Assembling {
    /// Prepares to assemble what is received, each group once its delay is over, until `over`: then nothing more is waited
    /// for, neither chunks nor answers. To be called on the runtime that receives the chunks.
    pub(super) fn new(
        assembler: Assembler,
        chunks: mpsc::Receiver<Chunk>,
        answers: Answers,
        folder: &StateFolder,
        prepared: Arc<PreparedStore>,
        metrics: Arc<metrics::ConnectorMetrics>,
        (over, delay): (CancellationToken, Option<Delay>),
    ) -> Self {
        let waits = Waits::until(over);
        Self {
            engine: Engine::new(assembler, folder.path().to_owned(), prepared).delaying(delay),
            received: ReceivedChunks {
                chunks,
                waits: waits.clone(),
                metrics,
                drained_us: None,
                was_idle: false,
            },
            source: SourceAnswers { answers, waits },
        }
    }

    /// The next batch; `None` when the chunks have ended, the goal is reached, or it is over.
    ///
    /// # Errors
    /// What the assembler cannot go on from, a definition that the source did not give, a spill file that cannot be kept;
    /// each once the groups before it have left.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, PipelineError> {
        let next = self.engine.next(&mut self.received, &mut self.source);
        self.source
            .answers
            .take_streamed(self.engine.take_history());
        match &next {
            Ok(Some(batch)) => self.received.left(batch),
            Ok(None) | Err(_) => self.source.answers.write_streamed(),
        }
        next
    }
}

/// Waits for what happens on the runtime, from a thread of its own.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    runtime: Handle,
    over: CancellationToken,
}

impl Waits {
    /// Waits until `over`. To be called on the runtime.
    pub(super) fn until(over: CancellationToken) -> Self {
        Self {
            runtime: Handle::current(),
            over,
        }
    }

    /// What is waited for; `None` when nobody wants it any more.
    fn wait<T>(&self, awaited: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.over.cancelled() => None,
                done = awaited => Some(done),
            }
        })
    }

    /// Waits until a time.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] when nobody wants to wait any more.
    pub(super) fn until_then(&self, then: tokio::time::Instant) -> Result<(), PipelineError> {
        self.wait(async { tokio::time::sleep_until(then).await })
            .ok_or(PipelineError::Stopped)
    }

    /// What comes next; `None` when nothing more comes.
    ///
    /// # Errors
    /// [`PipelineError::Stopped`] when nobody wants it any more.
    pub(super) fn next<T>(&self, from: &mut mpsc::Receiver<T>) -> Result<Option<T>, PipelineError> {
        self.wait(from.recv()).ok_or(PipelineError::Stopped)
    }

    /// What the source answers.
    ///
    /// # Errors
    /// Its own; [`PipelineError::Stopped`] when nobody wants the answer any more.
    pub(super) fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, PipelineError> {
        match self.wait(asked) {
            Some(answer) => Ok(answer?),
            None => Err(PipelineError::Stopped),
        }
    }
}

/// The chunks of the receiver.
#[derive(Debug)]
struct ReceivedChunks {
    chunks: mpsc::Receiver<Chunk>,
    waits: Waits,
    metrics: Arc<metrics::ConnectorMetrics>,
    /// When the source had nothing more, if that was so when the last chunk was complete.
    drained_us: Option<i64>,
    /// No chunk came the last time.
    was_idle: bool,
}

impl ReceivedChunks {
    /// Notes a batch that leaves.
    fn left(&mut self, batch: &Batch) {
        if self.was_idle {
            self.drained_us = Some(metrics::now_us());
        }
        if let Some(end) = &batch.end {
            let commit_us = batch
                .groups
                .last()
                .map_or(batch.received_us, |group| group.commit_us);
            self.metrics.read(end, commit_us);
        }
    }
}

impl Feed for ReceivedChunks {
    type Error = PipelineError;

    fn next(&mut self) -> Result<Fed, PipelineError> {
        // A chunk may have been held back for long, and others may have come since.
        if let Some(at_us) = self.drained_us.take()
            && self.chunks.is_empty()
        {
            self.metrics.caught_up(at_us);
        }
        let chunk = async { tokio::time::timeout(IDLE_FLUSH, self.chunks.recv()).await };
        let Some(received) = self.waits.wait(chunk) else {
            return Ok(Fed::End);
        };
        self.was_idle = received.is_err();
        Ok(match received {
            Ok(Some(chunk)) => {
                self.drained_us = chunk.drained.then_some(chunk.received_us);
                Fed::Chunk(chunk)
            }
            Ok(None) => Fed::End,
            Err(_elapsed) => Fed::Idle,
        })
    }
}

/// The source, asked about its tables.
#[derive(Debug)]
pub(super) struct SourceAnswers {
    pub(super) answers: Answers,
    pub(super) waits: Waits,
}

impl AnswerTables for SourceAnswers {
    type Error = PipelineError;

    /// Answers with what the source proves for the group, or else with what its retained files tell.
    fn define(
        &mut self,
        wanted: WantedDefinition,
        assembler: &mut Assembler,
    ) -> Result<(), PipelineError> {
        let WantedDefinition {
            table,
            at,
            believed,
            ..
        } = wanted;
        let asked = self.answers.serve(&table, &at, believed);
        let definition = self.waits.answer(asked)?;
        let found = definition.is_some();
        info!(%table, %at, found, "asked the source for a definition");
        let is_proven = definition
            .as_ref()
            .is_some_and(|it| it.read_to.is_after(&at) == Some(false));
        if !is_proven {
            self.follow_retained(&table, &at, assembler)?;
        }
        match (&self.answers, definition) {
            (Answers::Server(_), None) => assembler.hide(table),
            (_, definition) => assembler.define(table, definition),
        }
        Ok(())
    }

    /// Answers as [`Self::define`] does.
    fn engine(
        &mut self,
        table: TableName,
        at: &Point,
        assembler: &mut Assembler,
    ) -> Result<(), PipelineError> {
        let asked = self.answers.engine(&table, at);
        let transactional = self.waits.answer(asked)?;
        info!(%table, %at, found = transactional.is_some(), "asked the source for an engine");
        if transactional.is_none() {
            self.follow_retained(&table, at, assembler)?;
        }
        assembler.define_engine(table, transactional);
        Ok(())
    }
}

impl SourceAnswers {
    /// Tells the assembler what the source's retained files say of a table in the group that ends at `at`.
    fn follow_retained(
        &mut self,
        table: &TableName,
        at: &Point,
        assembler: &mut Assembler,
    ) -> Result<(), PipelineError> {
        let wanted = WantedBefore {
            table,
            begin: assembler.group_begin(),
            at,
        };
        let followed = self.answers.follow_retained(&wanted, assembler.rules());
        match self.waits.answer(followed)? {
            Followed::Upto(retained) => assembler.adopt(&retained.schemas, retained.lacking),
            Followed::OutOfLimits => assembler.stop_short(),
            Followed::Nothing => {}
        }
        Ok(())
    }
}
