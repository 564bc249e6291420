//! The producer's queue, and the thread that puts records into it.
//!
//! One thread for all records of a sink: librdkafka copies each with malloc, which keeps memory per thread, so that records
//! handed over by whichever thread is free would take several times as much memory.

use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tracing::error;

use super::delivery::{Client, Failure};
use crate::encode::{OtherKey, Record, Records};
use crate::fault::{self, Fault};
use crate::sink::SinkError;

/// What a waiting record takes beside key and value: librdkafka's message and five headers.
const RECORD_OVERHEAD: usize = 640;
/// The partition of records without a key: one, so that they stay in order.
const KEYLESS_PARTITION: i32 = 0;

/// A producer with its queue; dropping it gives up what is still in it, and blocks for up to a second.
pub(super) struct Queue {
    /// `None` only while it is dropped.
    client: Option<Arc<Client>>,
    jobs: Option<SyncSender<FillJob>>,
    thread: Option<JoinHandle<()>>,
    /// Costs of all records handed over so far.
    enqueued: u64,
    /// How many there were of them.
    records: u64,
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
}

struct FillJob {
    block: Records,
    from: usize,
    enqueued: u64,
    done: oneshot::Sender<Filled>,
}

struct Filled {
    block: Records,
    enqueued: u64,
    stop: FillEnd,
}

/// What the thread works with.
struct Filler {
    client: Arc<Client>,
    ddl_topic: Arc<str>,
    bytes_max: u64,
}

impl Queue {
    /// Starts the thread of a producer that may hold `bytes_max` bytes of records.
    pub(super) fn new(
        client: Arc<Client>,
        ddl_topic: Arc<str>,
        bytes_max: u64,
    ) -> Result<Self, SinkError> {
        let (jobs, received) = sync_channel::<FillJob>(1);
        let filler = Filler {
            client: Arc::clone(&client),
            ddl_topic,
            bytes_max,
        };
        let work = move || {
            for mut job in received {
                let stop = filler.fill(&job.block, job.from, &mut job.enqueued);
                let FillJob {
                    block, enqueued, ..
                } = job;
                // Nobody waits if the run was given up.
                let _ = job.done.send(Filled {
                    block,
                    enqueued,
                    stop,
                });
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
    ) -> Result<FillEnd, SinkError> {
        let (done, filled) = oneshot::channel();
        let job = FillJob {
            block: mem::take(block),
            from,
            enqueued: self.enqueued,
            done,
        };
        let jobs = self.jobs.as_ref().ok_or(SinkError::NotOpen)?;
        jobs.try_send(job).map_err(|_| SinkError::NotOpen)?;
        let filled = filled.await.map_err(|_| SinkError::NotOpen)?;
        *block = filled.block;
        self.enqueued = filled.enqueued;
        let next = match &filled.stop {
            FillEnd::Full { next } => *next,
            FillEnd::Done | FillEnd::Failed(_) | FillEnd::Dead => block.records.len(),
        };
        self.records += next.saturating_sub(from) as u64;
        Ok(filled.stop)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut close = || {
            self.jobs = None;
            if let Some(Err(_panic)) = self.thread.take().map(JoinHandle::join) {
                error!("the thread that fills the Kafka queue panicked");
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
    /// Hands records over from `from` on; does not wait.
    fn fill(&self, block: &Records, from: usize, enqueued: &mut u64) -> FillEnd {
        let context = self.client.client().context();
        for (next, record) in block.records.iter().enumerate().skip(from) {
            if context.is_stopped() {
                return FillEnd::Dead;
            }
            let key = record.key.as_ref().map(|key| slice(block, key));
            let value = record.value.as_ref().map(|value| slice(block, value));
            let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            let cost = bytes + RECORD_OVERHEAD;
            let cost_total = u64::try_from(cost).unwrap_or(u64::MAX);
            let waiting = enqueued.saturating_sub(context.acknowledged());
            // A record that is larger than the whole queue goes alone.
            if waiting > 0 && waiting.saturating_add(cost_total) > self.bytes_max {
                return FillEnd::Full { next };
            }
            let topic = topic(block, record, &self.ddl_topic);
            let sent = self.client.send(BaseRecord {
                topic,
                partition: record.key.is_none().then_some(KEYLESS_PARTITION),
                payload: value,
                key,
                timestamp: None,
                headers: Some(headers(block, record)),
                delivery_opaque: cost,
            });
            match sent.map_err(|(error, _)| error) {
                Ok(()) => *enqueued += cost_total,
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    return FillEnd::Full { next };
                }
                Err(error) => {
                    let code = error.rdkafka_error_code();
                    return FillEnd::Failed(Failure {
                        topic: topic.to_owned(),
                        code: code.unwrap_or(RDKafkaErrorCode::Unknown),
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
}

fn topic<'a>(block: &'a Records, record: &Record, ddl_topic: &'a str) -> &'a str {
    record.topic.map_or(ddl_topic, |index| {
        usize::try_from(index)
            .ok()
            .and_then(|index| block.topics.get(index))
            .expect("an encoder names topics of its block")
    })
}

/// The identity of a change, in headers: `source`, `file`, `pos`, `gtid` where there is one, `sequence`; and where they apply
/// `partial`, and `new_key` or `old_key` for the other half of a changed key.
fn headers(block: &Records, record: &Record) -> OwnedHeaders {
    let group = usize::try_from(record.group)
        .ok()
        .and_then(|index| block.groups.get(index))
        .expect("an encoder names groups of its block");
    let with = |headers: OwnedHeaders, key: &str, value: &[u8]| {
        headers.insert(Header {
            key,
            value: Some(value),
        })
    };
    let mut headers = OwnedHeaders::new_with_capacity(6);
    headers = with(headers, "source", slice(block, &group.source));
    headers = with(headers, "file", slice(block, &group.file));
    headers = with(headers, "pos", slice(block, &group.position));
    if !group.gtid.is_empty() {
        headers = with(headers, "gtid", slice(block, &group.gtid));
    }
    let mut sequence = itoa::Buffer::new();
    let sequence = sequence.format(record.sequence).as_bytes();
    headers = with(headers, "sequence", sequence);
    if record.partial {
        headers = with(headers, "partial", b"true");
    }
    match &record.other_key {
        None => headers,
        Some(OtherKey::New(key)) => with(headers, "new_key", slice(block, key)),
        Some(OtherKey::Old(key)) => with(headers, "old_key", slice(block, key)),
    }
}

fn slice<'a>(block: &'a Records, range: &Range<u32>) -> &'a [u8] {
    let start = usize::try_from(range.start).ok();
    let end = usize::try_from(range.end).ok();
    start
        .zip(end)
        .and_then(|(start, end)| block.arena.get(start..end))
        .expect("an encoder's ranges lie in its arena")
}
