//! Kafka: one topic a table, one for DDL; at least once, in order per key.
//!
//! An idempotent producer without time limits: a record is taken, or fails for good and stops the producer, so that none
//! overtakes another. `commit` returns when every record is acknowledged by all in-sync replicas. Follows the design of
//! librdkafka's INTRODUCTION.md.

mod delivery;
mod options;
mod rejection;
mod topics;

use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use self::delivery::{Context, Failure, Trouble};
use self::topics::Topics;
use super::{Sink, SinkError, off_the_runtime};
use crate::change::Checkpoint;
use crate::encode::{OtherKey, Record, Records, json};
use crate::fault::{self, Fault};
use crate::row::Table;

pub use self::options::{Compression, Options};

type Client = ThreadedProducer<Context>;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// A wrong password is known before the time is up, so it is asked for in between.
const CONNECT_SLICE: Duration = Duration::from_secs(1);
/// What a waiting record takes beside key and value: librdkafka's message and five headers.
const RECORD_OVERHEAD: usize = 640;
/// The partition of records without a key: one, so that they stay in order.
const KEYLESS_PARTITION: i32 = 0;

/// A Kafka cluster.
pub struct Kafka {
    options: Options,
    config: ClientConfig,
    topics: Topics,
    /// `None` before `resume_point`.
    client: Option<Arc<Client>>,
    /// Costs of all records handed over so far.
    enqueued: u64,
}

impl Kafka {
    /// Makes a sink for a connector; nothing is connected before `resume_point`.
    ///
    /// # Errors
    /// An option whose value cannot be used.
    pub fn new(options: Options, connector: &str) -> Result<Self, SinkError> {
        options.validate()?;
        let config = options.client();
        config
            .create_native_config()
            .map_err(rejection::of_configuration)?;
        Ok(Self {
            topics: Topics::new(&options, connector)?,
            options,
            config,
            client: None,
            enqueued: 0,
        })
    }

    fn client(&self) -> Result<&Arc<Client>, SinkError> {
        self.client.as_ref().ok_or(SinkError::NotOpen)
    }

    /// Waits until all but `left` of what was handed over is acknowledged.
    async fn settle(&self, left: u64) -> Result<(), SinkError> {
        let client = self.client()?;
        let context = client.client().context();
        let goal = self.enqueued.saturating_sub(left);
        let wait_max = self.options.delivery_timeout;
        match context.reach(goal, wait_max).await {
            Ok(()) => Ok(()),
            Err(Trouble::Failed(failure)) => Err(self.failed(failure, client)),
            Err(Trouble::Stalled) => {
                let heard = context.heard();
                if let Some(refusal) = heard.as_ref().filter(|h| rejection::is_refusal(h.code)) {
                    return Err(SinkError::KafkaRefused {
                        servers: self.options.bootstrap_servers.clone(),
                        reason: refusal.reason.clone(),
                    });
                }
                Err(SinkError::KafkaStalled {
                    in_flight: u64::try_from(client.in_flight_count()).unwrap_or_default(),
                    wait_max,
                    reason: heard.map_or_else(|| "nothing was heard".to_owned(), |h| h.reason),
                })
            }
        }
    }

    fn failed(&self, failure: Failure, client: &Client) -> SinkError {
        let heard = client.client().context().heard();
        rejection::of_record(failure, &self.options.bootstrap_servers, heard)
    }
}

impl Sink for Kafka {
    type Encoder = json::RecordsEncoder;

    fn encoder(&self) -> json::RecordsEncoder {
        json::RecordsEncoder::new(json::Settings {
            tombstones: self.options.tombstones,
            partial_key_change: self.options.partial_key_change,
        })
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        self.close();
        let config = self.config.clone();
        let servers = self.options.bootstrap_servers.clone();
        let (client, metadata) = off_the_runtime(move || {
            let client = Client::from_config_and_context(&config, Context::default())
                .map_err(rejection::of_configuration)?;
            let metadata = connect(&client, &servers)?;
            Ok((Arc::new(client), metadata))
        })
        .await?;
        let names = metadata
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned());
        self.topics.exist(names);
        self.topics.create_for_ddl(&client, &self.config).await?;
        self.client = Some(client);
        Ok(None)
    }

    async fn prepare(&mut self, table: &Arc<Table>) -> Result<Arc<json::Plan>, SinkError> {
        let client = Arc::clone(self.client()?);
        let topic = self.topics.of_table(&table.name)?;
        self.topics
            .create_for_table(&topic, table, &client, &self.config)
            .await?;
        Ok(Arc::new(json::Plan::new(Arc::clone(table), topic)))
    }

    async fn write(&mut self, block: &mut Records) -> Result<bool, SinkError> {
        let mut from = 0;
        while from < block.records.len() {
            let client = Arc::clone(self.client()?);
            let taken = mem::take(block);
            let queue = Queue {
                ddl_topic: Arc::clone(&self.topics.ddl),
                bytes_max: self.options.queue_bytes.as_u64(),
                enqueued: self.enqueued,
            };
            let (taken, queue, stop) = off_the_runtime(move || {
                let mut queue = queue;
                let stop = queue.fill(&client, &taken, from);
                Ok((taken, queue, stop))
            })
            .await?;
            *block = taken;
            self.enqueued = queue.enqueued;
            match stop {
                Stop::Done => break,
                Stop::Full { next } => {
                    from = next;
                    self.settle(self.options.queue_bytes.as_u64() / 2).await?;
                }
                Stop::Failed(failure) => return Err(self.failed(failure, self.client()?)),
            }
        }
        Ok(false)
    }

    async fn commit(&mut self, _upto: &Checkpoint) -> Result<(), SinkError> {
        if fault::planted(Fault::CheckpointBeforeFlush) {
            return Ok(());
        }
        self.settle(0).await
    }
}

impl Kafka {
    /// Drops the producer, which gives up what it still holds; blocks for up to a second.
    fn close(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(tokio::runtime::RuntimeFlavor::MultiThread) => {
                tokio::task::block_in_place(|| drop(client));
            }
            Ok(_) | Err(_) => drop(client),
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.close();
    }
}

/// The producer's queue while a block goes into it.
struct Queue {
    ddl_topic: Arc<str>,
    bytes_max: u64,
    enqueued: u64,
}

/// Where filling the queue ended.
enum Stop {
    /// All records are in it.
    Done,
    /// It is full; this record is the next.
    Full { next: usize },
    /// A record was not taken.
    Failed(Failure),
}

impl Queue {
    /// Hands records over from `from` on; does not wait.
    fn fill(&mut self, client: &Client, block: &Records, from: usize) -> Stop {
        let context = client.client().context();
        for (next, record) in block.records.iter().enumerate().skip(from) {
            if let Some(failure) = context.failure() {
                return Stop::Failed(failure.clone());
            }
            let key = record.key.as_ref().map(|key| slice(block, key));
            let value = record.value.as_ref().map(|value| slice(block, value));
            let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            let cost = bytes + RECORD_OVERHEAD;
            let cost_total = u64::try_from(cost).unwrap_or(u64::MAX);
            let waiting = self.enqueued.saturating_sub(context.acknowledged());
            // A record that is larger than the whole queue goes alone.
            if waiting > 0 && waiting.saturating_add(cost_total) > self.bytes_max {
                return Stop::Full { next };
            }
            let topic = topic(block, record, &self.ddl_topic);
            let sent = client.send(BaseRecord {
                topic,
                partition: record.key.is_none().then_some(KEYLESS_PARTITION),
                payload: value,
                key,
                timestamp: None,
                headers: Some(headers(block, record)),
                delivery_opaque: cost,
            });
            match sent.map_err(|(error, _)| error) {
                Ok(()) => self.enqueued += cost_total,
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    return Stop::Full { next };
                }
                Err(error) => {
                    let code = error.rdkafka_error_code();
                    return Stop::Failed(context.failure().cloned().unwrap_or(Failure {
                        topic: topic.to_owned(),
                        code: code.unwrap_or(RDKafkaErrorCode::Unknown),
                        bytes,
                        key_bytes: key.map_or(0, <[u8]>::len),
                    }));
                }
            }
            if fault::planted(Fault::EarlyAck) {
                context.acknowledge(cost_total);
            }
        }
        Stop::Done
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

/// Lists the cluster's topics, which also shows that it is there; blocks.
fn connect(client: &Client, servers: &str) -> Result<Metadata, SinkError> {
    let deadline = Instant::now() + CONNECT_MAX;
    loop {
        if let Ok(metadata) = client.client().fetch_metadata(None, CONNECT_SLICE) {
            return Ok(metadata);
        }
        let heard = client.client().context().heard();
        let is_refused = heard
            .as_ref()
            .is_some_and(|heard| rejection::is_refusal(heard.code));
        if is_refused || Instant::now() >= deadline {
            return Err(rejection::of_silence(servers, CONNECT_MAX, heard));
        }
    }
}
