//! The decode stage: a thread that drives the assembler and answers what it asks for.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{PipelineError, Spilling};
use crate::binlog::Coordinates;
use crate::change::{Assembler, Batch, Definition, Step};
use crate::metrics;
use crate::row::TableName;
use crate::source::{Answers, Chunk, Replayed};
use crate::state::{Spill, StateFolder};

/// How long a stream without rows keeps its progress to itself.
const IDLE_FLUSH: Duration = Duration::from_secs(1);

/// Everything the stage works with.
pub(super) struct Decode {
    pub(super) assembler: Assembler,
    pub(super) chunks: mpsc::Receiver<Chunk>,
    pub(super) batches: mpsc::Sender<Batch>,
    pub(super) answers: Answers,
    pub(super) folder: Arc<StateFolder>,
    pub(super) metrics: Arc<metrics::Connector>,
}

impl Decode {
    /// Runs until the chunks end or the goal is reached; blocks, so it wants a thread of its own. The groups before a
    /// mistake are delivered.
    ///
    /// # Errors
    /// What the assembler cannot go on from, a definition that the source did not give, a spill file that cannot be kept.
    pub(super) fn run(mut self, runtime: &Handle) -> Result<(), PipelineError> {
        let ended = self.drive(runtime);
        let last = match &ended {
            Ok(()) => Some(self.assembler.finish()),
            Err(_) => self.assembler.salvage(),
        };
        if let Some(last) = last {
            warn_of(&last);
            let sent = self.batches.blocking_send(last);
            return ended.and(sent.map_err(|_| PipelineError::Closed));
        }
        ended
    }

    fn drive(&mut self, runtime: &Handle) -> Result<(), PipelineError> {
        let folder = Arc::clone(&self.folder);
        let mut spilling = Spilling::new(move || Spill::create(folder.path()));
        let mut drained_us = None;
        loop {
            match self.assembler.poll()? {
                Step::NeedEvent => {
                    if let Some(at_us) = drained_us.take() {
                        self.metrics.caught_up(at_us);
                    }
                    match runtime.block_on(tokio::time::timeout(IDLE_FLUSH, self.chunks.recv())) {
                        Ok(Some(chunk)) => {
                            drained_us = chunk.drained.then_some(chunk.received_us);
                            self.assembler.feed_part(
                                chunk.buffer,
                                chunk.events,
                                chunk.part,
                                chunk.received_us,
                                chunk.drained,
                            );
                        }
                        Ok(None) => return Ok(()),
                        Err(_elapsed) => {
                            if let Some(batch) = self.assembler.flush() {
                                self.send(batch)?;
                                drained_us = Some(metrics::now_us());
                            }
                        }
                    }
                }
                Step::NeedDefinition {
                    table,
                    at,
                    believed,
                    lack: _,
                } => {
                    let believed = believed.map(|believed| *believed);
                    runtime.block_on(self.define(table, &at, believed))?;
                }
                Step::NeedEngine { table, at } => {
                    let transactional = runtime.block_on(self.answers.engine(&table, &at))?;
                    self.assembler.define_engine(table, transactional);
                }
                Step::Batch(batch) => self.send(*batch)?,
                Step::Spill(spilled) => spilling.keep(&spilled)?,
                Step::NeedSpilled => {
                    let (buffer, events) = spilling.give_back()?;
                    self.assembler.feed_spilled(&buffer, &events)?;
                }
                Step::Reached => return Ok(()),
            }
        }
    }

    /// Answers with what the source proves for a group that ends at `at`, or else with what its retained files tell.
    async fn define(
        &mut self,
        table: TableName,
        at: &Coordinates,
        believed: Option<Definition>,
    ) -> Result<(), PipelineError> {
        let definition = self.answers.serve(&table, at, believed).await?;
        let found = definition.is_some();
        info!(%table, %at, found, "asked the source for a definition");
        let is_proven = definition.as_ref().is_some_and(|it| it.read_to <= *at);
        if !is_proven {
            let rules = self.assembler.rules();
            let replayed = self.answers.replay(&table, at, rules).await?;
            if let Some(Replayed { schemas, lacking }) = replayed {
                self.assembler.adopt(&schemas, lacking);
            }
        }
        match (&self.answers, definition) {
            (Answers::Server(_), None) => self.assembler.hide(table),
            (_, definition) => self.assembler.define(table, definition),
        }
        Ok(())
    }

    fn send(&self, batch: Batch) -> Result<(), PipelineError> {
        warn_of(&batch);
        if let Some(end) = &batch.end {
            let commit_us = batch
                .groups
                .last()
                .map_or(batch.received_us, |group| group.commit_us);
            self.metrics.read(end, commit_us);
        }
        self.batches
            .blocking_send(batch)
            .map_err(|_| PipelineError::Closed)
    }
}

/// Tells of what a batch leaves out.
fn warn_of(batch: &Batch) {
    let statements = batch.ledger.statements;
    if statements > 0 {
        let before = batch.end.as_ref().map(|end| end.coordinates.to_string());
        warn!(
            statements,
            before,
            "changes were logged as statements and passed over, their rows are not in the binlog"
        );
    }
}
