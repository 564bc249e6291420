//! The deliver stage: plans for tables as they are met, blocks in order to the sink, and checkpoints after them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::change::{Checkpoint, PassedOver, Revision};
use crate::encode::Block as _;
use crate::fault::{Fault, planted};
use crate::metrics;
use crate::pipeline::error::PipelineError;
use crate::pipeline::lanes::Encoded;
use crate::row::Table;
use crate::sink::{BlockOf, PlanOf, Sink};
use crate::state::{Checkpointer, StateError};

/// Blocks and questions that wait for the stage.
const DELIVERIES_MAX: usize = 1;
/// Written blocks that wait to be filled again.
const SPARE_MAX: usize = 1;
/// The least time between two commits of a stream that has nothing more to send.
const IDLE_COMMIT: Duration = Duration::from_millis(50);

/// What the lanes of a run hand to its deliver stage.
pub(super) enum Delivery<S: Sink> {
    /// A table is met for the first time and wants its plan.
    Prepare(Arc<Table>, oneshot::Sender<Arc<PlanOf<S>>>),
    /// The next block.
    Write(Box<Encoded<BlockOf<S>>>),
}

/// The lanes' end of a deliver stage: where they ask for plans. Its functions block.
pub(super) struct Planner<S: Sink>(mpsc::Sender<Delivery<S>>);

/// The lanes' end of a deliver stage: where they hand over blocks. Its functions block.
pub(super) struct Outlet<S: Sink> {
    deliveries: mpsc::Sender<Delivery<S>>,
    spare: mpsc::Receiver<BlockOf<S>>,
}

/// How many batches have left the assembler and not reached the sink.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<AtomicU64>);

/// The stage that owns the sink.
pub(super) struct Deliver<S: Sink> {
    sink: S,
    /// Whether the sink's checkpoints decide, and the state folder has a copy.
    is_shared: bool,
    lanes: FromLanes<S>,
    checkpointer: Checkpointer,
    /// Revisions that the journal has yet to hold before a boundary after them is committed.
    revisions: Vec<Revision>,
    /// Groups that were passed over, which are to be on the record before that.
    passed_over: Vec<PassedOver>,
    metrics: Arc<metrics::ConnectorMetrics>,
    /// How often what was written is committed while changes flow.
    interval: Duration,
    pending: Option<Checkpoint>,
    /// The last boundary that was committed.
    committed: Checkpoint,
    /// Whether a piece of a group that goes on was written after the pending boundary.
    inside_group: bool,
    committed_at: Instant,
    saving: Saving,
}

/// The saving of checkpoints in the state folder, which the stage does not wait for: it takes a disk's time.
#[derive(Debug)]
struct Saving {
    /// The one that is being saved.
    task: JoinSet<Result<(), StateError>>,
    /// The last one that the sink has and that is not being saved yet.
    next: Option<Checkpoint>,
    began_at: Instant,
}

/// The stage's end of what the lanes hand over.
struct FromLanes<S: Sink> {
    deliveries: mpsc::Receiver<Delivery<S>>,
    /// Blocks that were written go back.
    spare: mpsc::Sender<BlockOf<S>>,
    under_way: UnderWay,
}

impl<S: Sink> Planner<S> {
    /// The plan of a table that is met for the first time.
    ///
    /// # Errors
    /// When the stage has ended.
    pub(super) fn plan(&self, table: &Arc<Table>) -> Result<Arc<PlanOf<S>>, PipelineError> {
        let (reply, plan) = oneshot::channel();
        self.0
            .blocking_send(Delivery::Prepare(Arc::clone(table), reply))
            .map_err(|_| PipelineError::Closed)?;
        plan.blocking_recv().map_err(|_| PipelineError::Closed)
    }
}

impl<S: Sink> Outlet<S> {
    /// Hands the next block over and returns one to fill.
    ///
    /// # Errors
    /// When the stage has ended.
    pub(super) fn write(
        &mut self,
        encoded: Encoded<BlockOf<S>>,
    ) -> Result<BlockOf<S>, PipelineError> {
        self.deliveries
            .blocking_send(Delivery::Write(Box::new(encoded)))
            .map_err(|_| PipelineError::Closed)?;
        Ok(self.spare.try_recv().unwrap_or_default())
    }
}

impl UnderWay {
    /// Counts a batch that sets out.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn remove(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl<S: Sink> Deliver<S> {
    /// Makes the stage, and the lanes' ends of it. `under_way` counts the batches from when they are assembled.
    pub(super) fn new(
        sink: S,
        checkpointer: Checkpointer,
        metrics: Arc<metrics::ConnectorMetrics>,
        interval: Duration,
        under_way: UnderWay,
    ) -> (Self, Planner<S>, Outlet<S>) {
        let (delivery_tx, delivery_rx) = mpsc::channel(DELIVERIES_MAX);
        let (spare_tx, spare_rx) = mpsc::channel(SPARE_MAX);
        let stage = Self {
            is_shared: sink.shared_checkpoints().is_some(),
            sink,
            lanes: FromLanes {
                deliveries: delivery_rx,
                spare: spare_tx,
                under_way,
            },
            pending: None,
            committed: checkpointer.durable().borrow().clone(),
            checkpointer,
            revisions: Vec::new(),
            passed_over: Vec::new(),
            metrics,
            interval,
            inside_group: false,
            committed_at: Instant::now(),
            saving: Saving {
                task: JoinSet::new(),
                next: None,
                began_at: Instant::now(),
            },
        };
        let outlet = Outlet {
            deliveries: delivery_tx.clone(),
            spare: spare_rx,
        };
        (stage, Planner(delivery_tx), outlet)
    }

    /// Runs until the lanes end, then commits what was written up to a group boundary.
    ///
    /// # Errors
    /// The first failure of the sink or the state folder; nothing after it is committed.
    pub(super) async fn run(mut self) -> Result<(), PipelineError> {
        let ended = self.deliver().await;
        // The sink has it, whatever happened after.
        let saved = self.save_all().await;
        ended.and(saved)
    }

    async fn deliver(&mut self) -> Result<(), PipelineError> {
        loop {
            let commit_at = self.commit_at(self.lanes.under_way.is_empty());
            let save_at = self.save_at();
            let heartbeat_at = self.heartbeat_at();
            tokio::select! {
                biased;
                delivery = self.lanes.deliveries.recv() => match delivery {
                    Some(Delivery::Write(encoded)) => self.write(*encoded).await?,
                    Some(Delivery::Prepare(table, reply)) => {
                        let plan = self.sink.prepare(&table).await?;
                        // Lanes that have failed no longer wait for it.
                        let _ = reply.send(plan);
                    }
                    None => break,
                },
                // What is under way by now may have put the commit off.
                () = tokio::time::sleep_until(commit_at), if self.may_commit() => {
                    if self.commit_at(self.lanes.under_way.is_empty()) <= Instant::now() {
                        self.commit().await?;
                    }
                }
                () = tokio::time::sleep_until(heartbeat_at.unwrap_or(save_at)), if heartbeat_at.is_some() => {
                    self.heartbeat().await?;
                }
                Some(saved) = self.saving.task.join_next() => {
                    returned(saved)?;
                }
                () = tokio::time::sleep_until(save_at), if self.saving.may_begin() => {
                    self.begin_to_save();
                }
            }
        }
        // A stage before this one may have failed inside a group of which pieces were written.
        if self.may_commit() {
            self.commit().await?;
        }
        Ok(())
    }

    /// When what is pending is due: soon when the stream rests, at the interval while it flows, or as the sink wants it.
    fn commit_at(&self, rests: bool) -> Instant {
        match self.sink.commit_wanted(rests) {
            Some(wanted) => wanted.into(),
            None if rests => self.committed_at + IDLE_COMMIT.min(self.interval),
            None => self.committed_at + self.interval,
        }
    }

    /// When the next heartbeat is due. Inside of a group there is none: it could not be committed.
    fn heartbeat_at(&self) -> Option<Instant> {
        let wanted = self.sink.heartbeat_wanted().filter(|_| !self.inside_group);
        wanted.map(Instant::from)
    }

    async fn heartbeat(&mut self) -> Result<(), PipelineError> {
        let boundary = self.pending.get_or_insert_with(|| self.committed.clone());
        self.sink.heartbeat(boundary).await?;
        Ok(())
    }

    async fn write(&mut self, encoded: Encoded<BlockOf<S>>) -> Result<(), PipelineError> {
        let Encoded {
            mut block,
            end,
            ledger,
            revisions,
            passed_over,
        } = encoded;
        // A group that comes in pieces has the whole time of a transaction.
        if self.is_shared && end.is_none() && self.may_commit() {
            self.commit().await?;
        }
        self.revisions.extend(revisions);
        self.passed_over.extend(passed_over);
        let (records, bytes) = (block.record_count(), block.byte_count());
        let invalid = block.invalid_text_count();
        let wanted = self.sink.write(&mut block).await?;
        self.metrics.written(records, bytes);
        self.metrics.invalid_text(invalid);
        self.metrics.dead_letters(self.sink.take_dead_letters());
        self.metrics.settled(&ledger);
        // When the lanes have enough of them, or have ended, it is dropped.
        let _ = self.lanes.spare.try_send(block);
        self.lanes.under_way.remove();
        self.inside_group = end.is_none();
        self.pending = end.or(self.pending.take());
        if self.heartbeat_at().is_some_and(|at| at <= Instant::now()) {
            self.heartbeat().await?;
        }
        if self.may_commit() && (wanted || self.commit_at(false) <= Instant::now()) {
            self.commit().await?;
        }
        if self.inside_group && self.sink.wants_part() {
            self.commit_part().await?;
        }
        Ok(())
    }

    /// Makes durable what was written of a group that goes on.
    async fn commit_part(&mut self) -> Result<(), PipelineError> {
        let boundary = self.pending.take();
        let upto = boundary.as_ref().unwrap_or(&self.committed).clone();
        self.record(&upto).await?;
        self.sink.commit_part(&upto).await?;
        if boundary.is_some() {
            self.has_committed(upto);
        }
        Ok(())
    }

    /// Whether there is a boundary to commit, and nothing of a later group was written after it: a sink makes durable
    /// all that it was given.
    fn may_commit(&self) -> bool {
        self.pending.is_some() && !self.inside_group
    }

    /// Makes durable what was written, and the last group boundary with it.
    async fn commit(&mut self) -> Result<(), PipelineError> {
        self.committed_at = Instant::now();
        let Some(upto) = self.pending.take() else {
            return Ok(());
        };
        if planted(Fault::CheckpointBeforeFlush) {
            self.checkpointer.save(&upto).await?;
        }
        self.record(&upto).await?;
        self.sink.commit(&upto).await?;
        self.has_committed(upto);
        Ok(())
    }

    /// Makes durable what a checkpoint relies on, before it is stored anywhere, at the sink included.
    async fn record(&mut self, upto: &Checkpoint) -> Result<(), PipelineError> {
        let is_noted = self.is_shared && !self.passed_over.is_empty();
        self.checkpointer
            .record(&mut self.revisions, &mut self.passed_over, upto)
            .await?;
        if is_noted {
            self.sink.keep_notes(self.checkpointer.notes().await?);
        }
        Ok(())
    }

    /// Notes that the sink has everything before a boundary, and the boundary.
    fn has_committed(&mut self, upto: Checkpoint) {
        self.metrics.delivered();
        if self.is_shared {
            self.metrics.committed(&upto);
        }
        self.committed.clone_from(&upto);
        self.saving.next = Some(upto);
        if self.saving.may_begin() && self.save_at() <= Instant::now() {
            self.begin_to_save();
        }
    }

    /// When the next checkpoint is to be saved: at once, or at the interval if it is but a copy.
    fn save_at(&self) -> Instant {
        match self.is_shared {
            true => self.saving.began_at + self.interval,
            false => self.saving.began_at,
        }
    }

    fn begin_to_save(&mut self) {
        let Some(upto) = self.saving.next.take() else {
            return;
        };
        self.saving.began_at = Instant::now();
        let (saved, metrics) = (self.checkpointer.save(&upto), Arc::clone(&self.metrics));
        let is_shared = self.is_shared;
        self.saving.task.spawn(async move {
            saved.await?;
            if !is_shared {
                metrics.committed(&upto);
            }
            Ok(())
        });
    }

    /// Saves all that the sink has.
    async fn save_all(&mut self) -> Result<(), PipelineError> {
        loop {
            while let Some(saved) = self.saving.task.join_next().await {
                returned(saved)?;
            }
            if self.saving.next.is_none() {
                return Ok(());
            }
            self.begin_to_save();
        }
    }
}

impl Saving {
    fn may_begin(&self) -> bool {
        self.next.is_some() && self.task.is_empty()
    }
}

fn returned(saved: Result<Result<(), StateError>, JoinError>) -> Result<(), PipelineError> {
    let saved = saved.map_err(|stopped| PipelineError::Panic(stopped.to_string()))?;
    Ok(saved?)
}
