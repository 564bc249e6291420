//! The deliver stage: batches to the encoding pool, blocks in order to the sink, checkpoints behind them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::PipelineError;
use crate::change::{Batch, Checkpoint, Ledger, Revision};
use crate::encode::{Block as _, Encode, EncodeError, InvalidText};
use crate::fault::{Fault, planted};
use crate::metrics;
use crate::row::Table;
use crate::sink::{BlockOf, PlanOf, Sink};
use crate::state::Checkpointer;

/// Plans kept at most; beyond it they are made anew.
const PLANS_MAX: usize = 65_536;
/// The least time between two commits of a stream that has nothing more to send.
const IDLE_COMMIT: Duration = Duration::from_millis(50);

/// The process's encoding pool: as many jobs at a time as there are processors, whichever connector they belong to.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    places: Arc<Semaphore>,
    size: usize,
}

impl Pool {
    pub(super) fn new() -> Self {
        let size = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Arc::new(Semaphore::new(size)),
            size,
        }
    }
}

/// An encoder and the block it fills; they travel with the job and come back.
struct Lane<S: Sink> {
    encoder: S::Encoder,
    block: BlockOf<S>,
}

struct Encoded<S: Sink> {
    lane: Lane<S>,
    end: Option<Checkpoint>,
    ledger: Ledger,
    revisions: Vec<Revision>,
    result: Result<(), EncodeError>,
}

/// Everything the stage works with.
pub(super) struct Deliver<S: Sink> {
    sink: S,
    checkpointer: Checkpointer,
    /// Revisions that the journal has yet to hold before a boundary after them is committed.
    revisions: Vec<Revision>,
    metrics: Arc<metrics::Connector>,
    pool: Pool,
    interval: Duration,
    lanes: Vec<Lane<S>>,
    in_flight: VecDeque<AbortOnDropHandle<Encoded<S>>>,
    /// By the table's address, which the kept handle makes unique.
    plans: HashMap<usize, (Arc<Table>, Arc<PlanOf<S>>)>,
    pending: Option<Checkpoint>,
    /// Whether a piece of a group that goes on was written behind the pending boundary.
    inside_group: bool,
    committed_at: Instant,
}

impl<S: Sink + 'static> Deliver<S> {
    pub(super) fn new(
        sink: S,
        checkpointer: Checkpointer,
        metrics: Arc<metrics::Connector>,
        pool: Pool,
        interval: Duration,
        invalid_text: InvalidText,
    ) -> Self {
        let lane = |sink: &S| Lane {
            encoder: sink.encoder(invalid_text),
            block: BlockOf::<S>::default(),
        };
        let lanes = (0..=pool.size).map(|_| lane(&sink)).collect();
        Self {
            sink,
            checkpointer,
            revisions: Vec::new(),
            metrics,
            pool,
            interval,
            lanes,
            in_flight: VecDeque::new(),
            plans: HashMap::new(),
            pending: None,
            inside_group: false,
            committed_at: Instant::now(),
        }
    }

    /// Runs until the batches end, then commits what was written up to a group boundary.
    ///
    /// # Errors
    /// The first failure of the encoder, the sink or the state folder; nothing behind it is committed.
    pub(super) async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
    ) -> Result<(), PipelineError> {
        let mut open = true;
        while open || !self.in_flight.is_empty() {
            let commit_at = self.commit_at(batches.is_empty());
            tokio::select! {
                biased;
                encoded = front(&mut self.in_flight), if !self.in_flight.is_empty() => self.write(encoded?).await?,
                batch = batches.recv(), if open && !self.lanes.is_empty() => match batch {
                    Some(batch) => self.dispatch(batch).await?,
                    None => open = false,
                },
                () = tokio::time::sleep_until(commit_at), if self.may_commit() => self.commit().await?,
            }
        }
        // A stage before this one may have failed inside a group of which pieces were written.
        if self.may_commit() {
            self.commit().await?;
        }
        Ok(())
    }

    /// When what is pending is due: soon when the stream rests, at the interval while it flows.
    fn commit_at(&self, rests: bool) -> Instant {
        let rests = rests && self.in_flight.is_empty();
        self.committed_at
            + if rests {
                IDLE_COMMIT.min(self.interval)
            } else {
                self.interval
            }
    }

    async fn dispatch(&mut self, batch: Batch) -> Result<(), PipelineError> {
        let plans = self.plans_for(&batch).await?;
        let mut lane = self
            .lanes
            .pop()
            .expect("a batch is received only while a lane is free");
        let pool = self.pool.clone();
        let job = tokio::spawn(async move {
            let place = pool
                .places
                .acquire_owned()
                .await
                .expect("the pool's semaphore is never closed");
            let encode = move || {
                let _place = place;
                let result = lane.encoder.encode(&batch, &plans, &mut lane.block);
                Encoded {
                    lane,
                    end: batch.end,
                    ledger: batch.ledger,
                    revisions: batch.revisions,
                    result,
                }
            };
            match tokio::task::spawn_blocking(encode).await {
                Ok(encoded) => encoded,
                Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
            }
        });
        self.in_flight.push_back(AbortOnDropHandle::new(job));
        Ok(())
    }

    async fn plans_for(&mut self, batch: &Batch) -> Result<Vec<Arc<PlanOf<S>>>, PipelineError> {
        if self.plans.len() > PLANS_MAX {
            self.plans.clear();
        }
        let mut plans = Vec::with_capacity(batch.tables.len());
        for table in &batch.tables {
            let address = Arc::as_ptr(table).addr();
            if let Some((_, plan)) = self.plans.get(&address) {
                plans.push(Arc::clone(plan));
                continue;
            }
            let plan = self.sink.prepare(table).await?;
            self.plans
                .insert(address, (Arc::clone(table), Arc::clone(&plan)));
            plans.push(plan);
        }
        Ok(plans)
    }

    async fn write(&mut self, encoded: Encoded<S>) -> Result<(), PipelineError> {
        let Encoded {
            mut lane,
            end,
            ledger,
            revisions,
            result,
        } = encoded;
        result?;
        self.revisions.extend(revisions);
        let (records, bytes) = (lane.block.record_count(), lane.block.byte_count());
        let invalid = lane.block.invalid_text_count();
        let wanted = self.sink.write(&mut lane.block).await?;
        self.metrics.written(records, bytes);
        self.metrics.invalid_text(invalid);
        self.lanes.push(lane);
        self.metrics.settled(&ledger);
        self.inside_group = end.is_none();
        self.pending = end.or(self.pending.take());
        if self.may_commit() && (wanted || self.committed_at.elapsed() >= self.interval) {
            self.commit().await?;
        }
        Ok(())
    }

    /// Whether there is a boundary to commit, and nothing of a later group was written behind it: a sink makes durable
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
        // Before any checkpoint after them, the sink's own included.
        self.checkpointer.record(&mut self.revisions).await?;
        self.sink.commit(&upto).await?;
        self.checkpointer.save(&upto).await?;
        self.metrics.committed(&upto);
        Ok(())
    }
}

/// The block of the oldest job. Cancel-safe: the job stays in place until it is done.
async fn front<S: Sink>(
    in_flight: &mut VecDeque<AbortOnDropHandle<Encoded<S>>>,
) -> Result<Encoded<S>, PipelineError> {
    let Some(job) = in_flight.front_mut() else {
        return std::future::pending().await;
    };
    let encoded = job.await;
    in_flight.pop_front();
    encoded.map_err(|stopped| PipelineError::Panic(stopped.to_string()))
}
