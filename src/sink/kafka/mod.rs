//! Kafka: one topic a table, one for DDL; at least once, in order per key.
//!
//! An idempotent producer without time limits: a record is taken, or fails for good and stops the producer, so that none
//! overtakes another. `commit` returns when every record is acknowledged by all in-sync replicas. Follows the design of
//! librdkafka's INTRODUCTION.md.

mod delivery;
mod options;
mod queue;
mod rejection;
mod topics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::metadata::Metadata;
use rdkafka::producer::Producer;

use self::delivery::{Client, DeliveryContext, Failure, Unsettled, is_consequence};
use self::queue::{FillEnd, Queue};
use self::topics::Topics;
use super::{Sink, SinkError};
use crate::change::Checkpoint;
use crate::encode::{InvalidText, Plan, Records, RecordsEncoder, RecordsSettings};
use crate::fault::{self, Fault};
use crate::row::Table;
use crate::state::off_the_runtime;

pub use self::options::{KafkaCompression, KafkaOptions};

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// A wrong password shows before the time is up, so the sink looks for one in between.
const CONNECT_SLICE: Duration = Duration::from_secs(1);
/// A Kafka cluster.
pub struct Kafka {
    options: KafkaOptions,
    config: ClientConfig,
    topics: Topics,
    /// `None` before `resume_point`.
    queue: Option<Queue>,
}

impl Kafka {
    /// Makes a sink for a connector; nothing is connected before `resume_point`.
    ///
    /// # Errors
    /// An option whose value cannot be used.
    pub fn new(options: KafkaOptions, connector: &str) -> Result<Self, SinkError> {
        options.validate()?;
        let config = options.client();
        config
            .create_native_config()
            .map_err(rejection::of_configuration)?;
        Ok(Self {
            topics: Topics::new(&options, connector)?,
            options,
            config,
            queue: None,
        })
    }

    fn queue(&self) -> Result<&Queue, SinkError> {
        self.queue.as_ref().ok_or(SinkError::NotOpen)
    }

    /// Waits until all but `left` of what was handed over is acknowledged.
    async fn settle(&self, left: u64) -> Result<(), SinkError> {
        let queue = self.queue()?;
        let context = queue.client().client().context();
        let wait_max = self.options.delivery_timeout;
        match context
            .reach(queue.enqueued().saturating_sub(left), wait_max)
            .await
        {
            Ok(()) => Ok(()),
            Err(Unsettled::Failed(failure)) => Err(self.failed(failure)),
            Err(Unsettled::Stalled { since }) => Err(self.stalled(queue, since)),
        }
    }

    fn failed(&self, failure: Failure) -> SinkError {
        let fatal = match &self.queue {
            Some(queue) if is_consequence(failure.code) => queue.client().client().fatal_error(),
            Some(_) | None => None,
        };
        rejection::of_record(failure, &self.options.bootstrap_servers, fatal)
    }

    fn stalled(&self, queue: &Queue, since: Instant) -> SinkError {
        let heard = queue.client().client().context().heard();
        // What was heard before the silence began does not explain it.
        match heard.filter(|heard| heard.at >= since) {
            Some(heard) if rejection::is_refusal(heard.code) => SinkError::KafkaRefused {
                servers: self.options.bootstrap_servers.clone(),
                reason: heard.reason,
            },
            heard => SinkError::KafkaStalled {
                in_flight: queue.in_flight(),
                wait_max: self.options.delivery_timeout,
                reason: heard.map_or_else(|| "nothing was heard".to_owned(), |h| h.reason),
            },
        }
    }
}

impl Sink for Kafka {
    type Encoder = RecordsEncoder;

    fn encoder(&self, invalid_text: InvalidText) -> RecordsEncoder {
        let settings = RecordsSettings {
            tombstones: self.options.tombstones,
            partial_key_change: self.options.partial_key_change,
        };
        RecordsEncoder::new(self.options.format, settings, invalid_text)
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        self.queue = None;
        let config = self.config.clone();
        let servers = self.options.bootstrap_servers.clone();
        let (client, metadata) = off_the_runtime(move || {
            let client = Client::from_config_and_context(&config, DeliveryContext::default())
                .map_err(rejection::of_configuration)?;
            let metadata = connect(&client, &servers)?;
            Ok::<_, SinkError>((Arc::new(client), metadata))
        })
        .await?;
        let names = metadata
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned());
        self.topics.exist(names);
        self.topics.create_for_ddl(&client, &self.config).await?;
        let ddl_topic = Arc::clone(&self.topics.ddl);
        let bytes_max = self.options.queue_bytes.as_u64();
        self.queue = Some(Queue::new(client, ddl_topic, bytes_max)?);
        Ok(None)
    }

    async fn prepare(&mut self, table: &Arc<Table>) -> Result<Arc<Plan>, SinkError> {
        let client = Arc::clone(self.queue()?.client());
        let topic = self.topics.of_table(&table.name)?;
        self.topics
            .create_for_table(&topic, table, &client, &self.config)
            .await?;
        Ok(Arc::new(Plan::of_records(
            self.options.format,
            Arc::clone(table),
            topic,
        )))
    }

    async fn write(&mut self, block: &mut Records) -> Result<bool, SinkError> {
        let mut from = 0;
        while from < block.records.len() {
            let queue = self.queue.as_mut().ok_or(SinkError::NotOpen)?;
            match queue.fill(block, from).await? {
                FillEnd::Done => break,
                FillEnd::Full { next } => {
                    from = next;
                    self.settle(self.options.queue_bytes.as_u64() / 2).await?;
                }
                FillEnd::Failed(failure) => {
                    if is_consequence(failure.code) {
                        // The record that stopped the producer has the cause.
                        self.settle(0).await?;
                    }
                    return Err(self.failed(failure));
                }
                FillEnd::Dead => {
                    self.settle(0).await?;
                    return Err(SinkError::NotOpen);
                }
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
