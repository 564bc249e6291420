//! The producer's queue, and the thread that puts records into it, and that begins and commits transactions.
//!
//! One thread for all records of a sink: librdkafka copies each with malloc, which keeps memory per thread, so that records
//! handed over by whichever thread is free would take several times as much memory.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tracing::{debug, error, warn};

use super::checkpoints::CheckpointRecord;
use super::delivery::{Client, Failure, code_of};
use super::headers::{Headers, slice};
use super::pause::Pause;
use super::record_size;
use crate::encode::{Record, Records};
use crate::fault::{self, Fault};
use crate::sink::SinkError;

/// What a waiting record takes beside key and value: librdkafka's message and five headers.
const RECORD_OVERHEAD: usize = 640;
/// The partition of records without a key: one, so that they stay in order.
const KEYLESS_PARTITION: i32 = 0;
/// How long one call waits for a commit. It is resumed by the next, as long as anybody waits for it.
const COMMIT_SLICE: Duration = Duration::from_secs(1);
/// How long the reports of what is acknowledged may take, and how often they are looked for.
const REPORTS_MAX: Duration = Duration::from_millis(100);
const REPORTS_POLL: Duration = Duration::from_micros(20);
/// How long the end waits until a transaction is aborted, so that consumers need not wait until it times out.
const ABORT_MAX: Duration = Duration::from_secs(1);
/// A transaction that nothing was written to for so long was not open for its group alone.
const GAP: Duration = Duration::from_secs(5);
/// How long a planted fault waits to be killed between a checkpoint and its commit, or between two commits.
const PLANTED_HOLD: Duration = Duration::from_secs(300);
/// How long a planted fault may take to abort a transaction.
const PLANTED_ABORT_MAX: Duration = Duration::from_secs(60);

/// A producer with its queue; dropping it gives up what is still in it, and blocks for up to a second.
pub(super) struct Queue {
    /// `None` only while it is dropped.
    client: Option<Arc<Client>>,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Whether the producer has transactions.
    is_transactional: bool,
    transaction: Option<Transaction>,
    /// Costs of all records handed over so far.
    enqueued: u64,
    /// How many there were of them.
    records: u64,
}

/// A transaction that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction {
    /// When it was begun, the pause before it left out.
    pub(super) since: Instant,
    /// What was written to it.
    pub(super) bytes: u64,
    /// When it was written to last.
    seen: Instant,
    /// Whether it was ever left alone for long.
    pub(super) has_gap: bool,
    /// Whether it has changes of rows, where a planted fault asks.
    has_rows: bool,
}

/// Where filling the queue ended.
#[derive(Debug)]
pub(super) enum FillEnd {
    /// All records are in it.
    Done,
    /// It is full; this record is the next.
    Full { next: usize },
    /// This record was not taken.
    Failed(Failure),
    /// An earlier record failed and the producer takes no other.
    Dead,
    /// The transaction of the records was not begun.
    NotBegun(KafkaError),
}

/// The topics that are no table's.
#[derive(Clone, Debug)]
pub(super) struct QueueTopics {
    /// Where DDL statements go.
    pub(super) ddl: Arc<str>,
    /// Where records go that are too large for their own topic.
    pub(super) dead_letters: Option<Arc<str>>,
}

enum Job {
    Fill(Box<FillJob>),
    Store(StoreJob),
    Commit(CommitJob),
}

struct FillJob {
    block: Records,
    from: usize,
    /// The records that go to the dead-letter topic, in order.
    diverted: Arc<[usize]>,
    begins: bool,
    enqueued: u64,
    done: oneshot::Sender<Filled>,
}

struct StoreJob {
    records: Vec<CheckpointRecord>,
    begins: bool,
    enqueued: u64,
    done: oneshot::Sender<Filled>,
}

struct CommitJob {
    wait_max: Duration,
    /// Whether a planted fault aborts it instead.
    aborts: bool,
    done: oneshot::Sender<Result<(), KafkaError>>,
}

struct Filled {
    /// When the transaction was begun, if one was.
    begun_at: Option<Instant>,
    block: Records,
    enqueued: u64,
    stop: FillEnd,
}

/// What the thread works with.
struct Filler {
    client: Arc<Client>,
    topics: QueueTopics,
    headers: Headers,
    bytes_max: u64,
    pause: Pause,
    /// The last block, which a planted fault holds back.
    held: Records,
}

impl Transaction {
    fn begun() -> Self {
        let now = Instant::now();
        Self {
            since: now,
            bytes: 0,
            seen: now,
            has_gap: false,
            has_rows: false,
        }
    }

    fn see(&mut self, bytes: u64) {
        let now = Instant::now();
        self.has_gap |= now.duration_since(self.seen) > GAP;
        self.seen = now;
        self.bytes += bytes;
    }
}

impl Queue {
    /// Starts the thread of a producer that may hold `bytes_max` bytes of records.
    pub(super) fn new(
        client: Arc<Client>,
        (topics, headers): (QueueTopics, Headers),
        bytes_max: u64,
        is_transactional: bool,
    ) -> Result<Self, SinkError> {
        let (jobs, received) = sync_channel::<Job>(1);
        let mut filler = Filler {
            client: Arc::clone(&client),
            topics,
            headers,
            bytes_max,
            pause: Pause::default(),
            held: Records::default(),
        };
        let work = move || {
            for job in received {
                // Nobody waits if the run was given up.
                match job {
                    Job::Fill(job) => filler.carry_out_fill(*job),
                    Job::Store(job) => filler.carry_out_store(job),
                    Job::Commit(job) => {
                        let committed = filler.commit(&job);
                        let _ = job.done.send(committed);
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("kafka-queue".to_owned())
            .spawn(work)
            .map_err(SinkError::Thread)?;
        Ok(Self {
            client: Some(client),
            jobs: Some(jobs),
            thread: Some(thread),
            is_transactional,
            transaction: None,
            enqueued: 0,
            records: 0,
        })
    }

    /// The producer.
    pub(super) fn client(&self) -> &Arc<Client> {
        let client = self.client.as_ref();
        client.expect("a producer is there until the queue is dropped")
    }

    /// Costs of all records handed over so far.
    pub(super) fn enqueued(&self) -> u64 {
        self.enqueued
    }

    /// Records that were handed over and not acknowledged yet.
    pub(super) fn in_flight(&self) -> u64 {
        let acknowledged = self.client().client().context().acknowledged_records();
        self.records.saturating_sub(acknowledged)
    }

    /// Hands over a block's records from `from` on, as many as there is room for.
    pub(super) async fn fill(
        &mut self,
        block: &mut Records,
        from: usize,
        diverted: &Arc<[usize]>,
    ) -> Result<FillEnd, SinkError> {
        let (done, filled) = oneshot::channel();
        let begins = self.begins();
        if fault::ARE_PLANTED
            && let Some(transaction) = &mut self.transaction
        {
            transaction.has_rows |= block.records.iter().any(|record| record.topic.is_some());
        }
        let job = FillJob {
            block: mem::take(block),
            from,
            diverted: Arc::clone(diverted),
            begins,
            enqueued: self.enqueued,
            done,
        };
        self.give(Job::Fill(Box::new(job)))?;
        let filled = filled.await.map_err(|_| SinkError::NotOpen)?;
        *block = filled.block;
        self.has_begun(filled.begun_at);
        self.count(filled.enqueued);
        let next = match &filled.stop {
            FillEnd::Full { next } => *next,
            FillEnd::Done | FillEnd::Failed(_) | FillEnd::Dead | FillEnd::NotBegun(_) => {
                block.records.len()
            }
        };
        self.records += next.saturating_sub(from) as u64;
        Ok(filled.stop)
    }

    /// The transaction that is open.
    pub(super) fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// Whether the open transaction is the one at which a planted fault shows: the first of the process that has changes of
    /// rows.
    pub(super) fn is_chosen(&self, fault: Fault) -> bool {
        let has_rows = |transaction: &Transaction| transaction.has_rows;
        self.transaction().is_some_and(has_rows) && fault::planted_once(fault)
    }

    /// Hands over a checkpoint, and what goes with it.
    pub(super) async fn store(
        &mut self,
        records: Vec<CheckpointRecord>,
    ) -> Result<FillEnd, SinkError> {
        let (done, stored) = oneshot::channel();
        let count = records.len() as u64;
        let job = StoreJob {
            records,
            begins: self.begins(),
            enqueued: self.enqueued,
            done,
        };
        self.give(Job::Store(job))?;
        let stored = stored.await.map_err(|_| SinkError::NotOpen)?;
        self.has_begun(stored.begun_at);
        self.count(stored.enqueued);
        self.records += count;
        Ok(stored.stop)
    }

    /// Commits the transaction that is open, all of whose records are acknowledged. Whether it is committed after a failure
    /// is not known.
    pub(super) async fn commit(
        &mut self,
        wait_max: Duration,
    ) -> Result<Result<(), KafkaError>, SinkError> {
        let (done, committed) = oneshot::channel();
        let aborts = self.is_chosen(Fault::ProducerReused);
        self.give(Job::Commit(CommitJob {
            wait_max,
            aborts,
            done,
        }))?;
        let committed = committed.await.map_err(|_| SinkError::NotOpen)?;
        if committed.is_ok() {
            self.transaction = None;
        }
        Ok(committed)
    }

    /// Whether what comes next begins a transaction.
    fn begins(&mut self) -> bool {
        let begins = self.is_transactional && self.transaction.is_none();
        if begins {
            self.transaction = Some(Transaction::begun());
        }
        begins
    }

    fn has_begun(&mut self, at: Option<Instant>) {
        if let (Some(transaction), Some(at)) = (&mut self.transaction, at) {
            transaction.since = at;
        }
    }

    fn give(&self, job: Job) -> Result<(), SinkError> {
        let jobs = self.jobs.as_ref().ok_or(SinkError::NotOpen)?;
        jobs.try_send(job).map_err(|_| SinkError::NotOpen)
    }

    fn count(&mut self, enqueued: u64) {
        if let Some(transaction) = &mut self.transaction {
            transaction.see(enqueued.saturating_sub(self.enqueued));
        }
        self.enqueued = enqueued;
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut close = || {
            self.jobs = None;
            if let Some(Err(_panic)) = self.thread.take().map(JoinHandle::join) {
                error!("the thread that fills the Kafka queue panicked");
            }
            if let Some(client) = self.client.as_ref().filter(|_| self.transaction.is_some())
                && let Err(error) = client.abort_transaction(ABORT_MAX)
            {
                debug!(%error, "the open transaction is left to its timeout");
            }
            // The producer goes with its last handle.
            self.client = None;
        };
        match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(close),
            Ok(_) | Err(_) => close(),
        }
    }
}

impl Filler {
    fn carry_out_fill(&mut self, mut job: FillJob) {
        let (begun_at, stop) = self.within(job.begins, |filler| {
            if fault::planted(Fault::CommittedBeforeDelivery)
                && job.from == 0
                && !job.block.records.is_empty()
            {
                let held = mem::replace(&mut filler.held, copied(&job.block));
                let done = filler.fill(&held, 0, &[], &mut job.enqueued);
                debug_assert!(matches!(done, FillEnd::Done));
                return FillEnd::Done;
            }
            filler.fill(&job.block, job.from, &job.diverted, &mut job.enqueued)
        });
        // Nobody waits if the run was given up.
        let _ = job.done.send(Filled {
            begun_at,
            block: job.block,
            enqueued: job.enqueued,
            stop,
        });
    }

    fn carry_out_store(&mut self, mut job: StoreJob) {
        let (begun_at, stop) = self.within(job.begins, |filler| {
            filler.store_all(&job.records, &mut job.enqueued)
        });
        let _ = job.done.send(Filled {
            begun_at,
            block: Records::default(),
            enqueued: job.enqueued,
            stop,
        });
    }

    /// Hands records over in a transaction, which begins before if one is wanted; also when it began.
    fn within(
        &mut self,
        begins: bool,
        hand_over: impl FnOnce(&mut Self) -> FillEnd,
    ) -> (Option<Instant>, FillEnd) {
        match self.begin(begins) {
            Err(error) => (None, FillEnd::NotBegun(error)),
            Ok(begun_at) => (begun_at, hand_over(self)),
        }
    }

    /// Begins a transaction if one is wanted, after the pause since the last, and gives the time then.
    fn begin(&mut self, begins: bool) -> Result<Option<Instant>, KafkaError> {
        if !begins {
            return Ok(None);
        }
        let context = self.client.client().context();
        self.pause.learn(context.first_taken());
        std::thread::sleep(self.pause.before_next(Instant::now()));
        context.await_first();
        self.client.begin_transaction()?;
        Ok(Some(Instant::now()))
    }

    fn store_all(&self, records: &[CheckpointRecord], enqueued: &mut u64) -> FillEnd {
        for record in records {
            match self.store(record, enqueued) {
                FillEnd::Done => {}
                stop => return stop,
            }
        }
        FillEnd::Done
    }

    fn store(&self, record: &CheckpointRecord, enqueued: &mut u64) -> FillEnd {
        let bytes = record.bytes();
        let cost = bytes + RECORD_OVERHEAD;
        match self.client.send(record.to_send(cost)) {
            Ok(()) => {
                *enqueued += u64::try_from(cost).unwrap_or(u64::MAX);
                FillEnd::Done
            }
            Err((error, _)) => FillEnd::Failed(Failure {
                topic: record.topic.to_string(),
                code: code_of(&error),
                key: record.key.clone(),
                bytes,
                key_bytes: record.key.len(),
            }),
        }
    }

    /// Commits, as long as anybody waits for it.
    fn commit(&mut self, job: &CommitJob) -> Result<(), KafkaError> {
        if job.aborts {
            return self.client.abort_transaction(PLANTED_ABORT_MAX);
        }
        let committed = commit(&self.client, job.wait_max, || job.done.is_closed());
        self.pause.committed(Instant::now());
        committed
    }

    /// Hands records over from `from` on; does not wait.
    fn fill(
        &self,
        block: &Records,
        from: usize,
        diverted: &[usize],
        enqueued: &mut u64,
    ) -> FillEnd {
        let context = self.client.client().context();
        for (next, record) in block.records.iter().enumerate().skip(from) {
            if context.is_stopped() {
                return FillEnd::Dead;
            }
            let (key, value) = (key_of(block, record), value_of(block, record));
            let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            let cost = bytes + RECORD_OVERHEAD;
            let cost_total = u64::try_from(cost).unwrap_or(u64::MAX);
            let waiting = enqueued.saturating_sub(context.acknowledged());
            // A record that is larger than the whole queue goes alone.
            if waiting > 0 && waiting.saturating_add(cost_total) > self.bytes_max {
                return FillEnd::Full { next };
            }
            let (topic, partition, headers) = self.destination(block, (next, record), diverted);
            let sent = self.client.send(BaseRecord {
                topic,
                partition,
                payload: value,
                key,
                timestamp: time_of(block, record),
                headers,
                delivery_opaque: cost,
            });
            match sent.map_err(|(error, _)| error) {
                Ok(()) => *enqueued += cost_total,
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    return FillEnd::Full { next };
                }
                Err(error) => {
                    return FillEnd::Failed(Failure {
                        topic: topic.to_owned(),
                        code: code_of(&error),
                        key: record_size::shown(key),
                        bytes,
                        key_bytes: key.map_or(0, <[u8]>::len),
                    });
                }
            }
            if fault::planted(Fault::EarlyAck) {
                context.acknowledge(cost_total);
            }
        }
        FillEnd::Done
    }

    /// Where a record goes, and with what: its own topic, or the one for those that are too large for it.
    fn destination<'a>(
        &'a self,
        block: &'a Records,
        (index, record): (usize, &Record),
        diverted: &[usize],
    ) -> (&'a str, Option<i32>, Option<OwnedHeaders>) {
        let topic = topic(block, record, &self.topics.ddl);
        let headers = self.headers.of(block, record);
        let keyless = record.key.is_none().then_some(KEYLESS_PARTITION);
        match &self.topics.dead_letters {
            Some(dead_letters) if diverted.binary_search(&index).is_ok() => {
                let headers = headers.unwrap_or_default().insert(Header {
                    key: "topic",
                    value: Some(topic),
                });
                (dead_letters, keyless, Some(headers))
            }
            Some(_) | None => (topic, record.partition.or(keyless), headers),
        }
    }
}

/// Commits the transaction of a client, unless that is given up; blocks. Whether it is committed after a failure is not known.
pub(super) fn commit(
    client: &Client,
    wait_max: Duration,
    is_given_up: impl Fn() -> bool,
) -> Result<(), KafkaError> {
    await_reports(client);
    let deadline = Instant::now() + wait_max;
    loop {
        match client.commit_transaction(COMMIT_SLICE) {
            Err(KafkaError::Transaction(error))
                if error.code() == RDKafkaErrorCode::OperationTimedOut
                    && error.is_retriable()
                    && !is_given_up()
                    && Instant::now() < deadline => {}
            ended => return ended,
        }
    }
}

/// Waits until no message is in flight. One that is acknowledged is so until its report is done with, and while any is, a commit
/// by rdkafka sleeps for a tenth of a second.
fn await_reports(client: &Client) {
    let deadline = Instant::now() + REPORTS_MAX;
    while client.in_flight_count() > 0 && Instant::now() < deadline {
        std::thread::sleep(REPORTS_POLL);
    }
}

/// Says that a planted fault waits to be killed, and waits.
pub(super) async fn hold() {
    warn!("the planted fault waits to be killed");
    tokio::time::sleep(PLANTED_HOLD).await;
}

/// The same records again.
fn copied(block: &Records) -> Records {
    Records {
        arena: block.arena.clone(),
        records: block.records.clone(),
        topics: block.topics.clone(),
        groups: block.groups.clone(),
        routed: block.routed.clone(),
        headers: block.headers.clone(),
        ..Records::default()
    }
}

/// What a record takes in a batch of its own.
pub(super) fn batch_bytes(
    block: &Records,
    record: &Record,
    headers: Option<&OwnedHeaders>,
) -> usize {
    let value = value_of(block, record);
    let named = headers.into_iter().flat_map(|all| all.iter());
    let named = named.map(|header| (header.key, header.value));
    record_size::batch_bytes(key_of(block, record), value, named)
}

/// A record's key.
pub(super) fn key_of<'a>(block: &'a Records, record: &Record) -> Option<&'a [u8]> {
    record.key.as_ref().map(|key| slice(block, key))
}

/// A record's value.
pub(super) fn value_of<'a>(block: &'a Records, record: &Record) -> Option<&'a [u8]> {
    record.value.as_ref().map(|value| slice(block, value))
}

/// A record's time in milliseconds since 1970; that at which it is sent if it has none of its own.
fn time_of(block: &Records, record: &Record) -> Option<i64> {
    let index = usize::try_from(record.routed?).ok()?;
    block.routed.get(index)?.time_ms
}

/// The topic of a record.
pub(super) fn topic<'a>(block: &'a Records, record: &Record, ddl_topic: &'a str) -> &'a str {
    record.topic.map_or(ddl_topic, |index| {
        usize::try_from(index)
            .ok()
            .and_then(|index| block.topics.get(index))
            .expect("an encoder names topics of its block")
    })
}
