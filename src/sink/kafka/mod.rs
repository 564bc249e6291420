//! Kafka: topics by routes, by default one a table and one for DDL; at least once or exactly once, in order within what shares a
//! partition, by default a key.
//!
//! An idempotent producer without time limits: a record is taken, or fails for good and stops the producer, so that none
//! overtakes another. `commit` returns when every record is acknowledged by all in-sync replicas. Follows the design of
//! librdkafka's INTRODUCTION.md.
//!
//! Exactly once, all between two commits is one transaction, with the checkpoint as a record in a topic of its own, which
//! alone says where the connector goes on. After a failure nobody knows whether a transaction was committed: the producer is
//! given up, and the next one, which Kafka lets in only when that is settled, reads the topic.

mod admin;
pub(super) mod check;
mod checkpoints;
mod choices;
mod claim;
mod compression;
mod delivery;
mod exactly_once;
mod headers;
mod limits;
mod notices;
mod options;
mod outbox;
mod part;
mod pause;
mod properties;
mod queue;
mod record_size;
mod rejection;
mod requests;
mod routes;
mod template;
mod token;
mod topics;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use rdkafka::producer::Producer;
use tracing::{error, warn};

use self::checkpoints::CheckpointRecord;
use self::delivery::{Client, DeliveryContext, Failure, Unsettled, is_consequence};
use self::exactly_once::ExactlyOnce;
use self::headers::Headers;
use self::limits::Limits;
use self::notices::{GroupNotices, NoticeForm, NoticeWriter};
use self::outbox::Outboxes;
use self::part::Part;
use self::queue::{FillEnd, Queue, QueueTopics};
use self::topics::Topics;
use super::registry::Registry;
use super::{Placement, SharedCheckpoints, Sink, SinkError};
use crate::change::{Checkpoint, Origin};
use crate::encode::{
    AvroFraming, FormatSettings, InvalidText, OutboxUpdates, Plan, Records, RecordsEncoder,
    RecordsSettings,
};
use crate::fault::{Fault, planted};
use crate::metrics::now_us;
use crate::mysql::Flavour;
use crate::row::{Table, TableName};
use crate::state::{Notes, off_the_runtime};

pub use self::choices::{KafkaDelivery, KafkaHeader, KafkaHeaders, LargeGroups};
pub use self::compression::KafkaCompression;
pub use self::options::KafkaOptions;
pub use self::routes::{KafkaKey, KafkaRoute, PartitionBy, SharedTopic};
pub use self::token::AwsMskIamOptions;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// A wrong password shows before the time is up, so the sink looks for one in between.
const CONNECT_SLICE: Duration = Duration::from_secs(1);
/// A transaction is committed when it has been open for so long, however much flows.
const TRANSACTION_MAX: Duration = Duration::from_millis(500);
/// For each of so many bytes it may stay open as long as a commit takes.
const PATIENCE_BYTES: u64 = 64 << 10;
/// What a commit is taken to take, at least and at most.
const COMMIT_TOOK_MIN: Duration = Duration::from_millis(1);
const COMMIT_TOOK_MAX: Duration = Duration::from_millis(50);
/// It is committed before that if it holds so much.
const TRANSACTION_BYTES_MAX: u64 = 64 << 20;
/// A group that is committed in parts has so many at least until the first would time out.
const PARTS_A_TIMEOUT: u32 = 4;
/// The part of a transaction's timeout that is left for its commit.
const TIMEOUT_MARGIN: u32 = 10;

/// A Kafka cluster.
pub struct Kafka {
    options: KafkaOptions,
    topics: Topics,
    /// The tables that are outboxes; `None` if there are none.
    outboxes: Option<Outboxes>,
    /// Where schemas are made known; `None` for a format without any.
    registry: Option<Registry>,
    /// The source's family.
    flavour: Flavour,
    /// What makes its transactions; `None` if it delivers at least once.
    exactly_once: Option<ExactlyOnce>,
    /// What says where groups begin and end; `None` if nothing does.
    notices: Option<GroupNotices>,
    /// What writes heartbeats, once it was asked to.
    heartbeats: Option<NoticeWriter>,
    /// When the next heartbeat is due; `None` if there are none.
    heartbeat_at: Option<Instant>,
    /// `None` before `resume_point`.
    queue: Option<Queue>,
    /// Whether the producer is one for copying what is there.
    is_for_copy: bool,
    /// How long the last commit of a transaction took.
    commit_took: Duration,
    /// What of the first group was committed before and is left out.
    left_out: Option<Part>,
    /// Whether any of that has come.
    left_out_met: bool,
    /// Where the last block ended, if groups may be committed in parts.
    written: Option<Part>,
    limits: Limits,
    /// Records that went to the dead-letter topic and were not counted yet.
    dead_letters: u64,
}

impl Kafka {
    /// Makes a sink for a connector; nothing is connected before `resume_point`.
    ///
    /// # Errors
    /// An option whose value cannot be used.
    pub fn new(options: KafkaOptions, connector: &str) -> Result<Self, SinkError> {
        options.validate(connector)?;
        options
            .producer()
            .create_native_config()
            .map_err(rejection::of_configuration)?;
        let topics = Topics::new(&options, connector)?;
        let exactly_once = match &topics.checkpoints {
            Some(topic) => Some(ExactlyOnce::new(
                &options,
                &topics.prefix,
                connector,
                Arc::clone(topic),
            )?),
            None => None,
        };
        let outboxes = Outboxes::of(options.outbox.as_ref(), options.sections(), &topics.prefix)?;
        let registry = options.registry.as_ref().map(Registry::new);
        Ok(Self {
            topics,
            outboxes,
            registry,
            flavour: Flavour::MySql,
            exactly_once,
            options,
            notices: None,
            heartbeats: None,
            heartbeat_at: None,
            queue: None,
            is_for_copy: false,
            commit_took: Duration::ZERO,
            left_out: None,
            left_out_met: false,
            written: None,
            limits: Limits::default(),
            dead_letters: 0,
        })
    }

    /// Hands all records of a block over, and waits for room as long as that takes.
    async fn hand_over(&mut self, block: &mut Records, mut from: usize) -> Result<(), SinkError> {
        let diverted: Arc<[usize]> = self.too_large(block, from).await?.into();
        while from < block.records.len() {
            let queue = self.queue.as_mut().ok_or(SinkError::NotOpen)?;
            match queue.fill(block, from, &diverted).await? {
                FillEnd::Done => break,
                FillEnd::Full { next } => {
                    from = next;
                    self.settle(self.options.queue_bytes.as_u64() / 2).await?;
                }
                stop => return Err(self.stopped(stop).await),
            }
        }
        Ok(())
    }

    /// Makes the schemas of a block's statements known, and puts their numbers into the records.
    async fn number_statements(&mut self, block: &mut Records) -> Result<(), SinkError> {
        let (Some(registry), Some(schemas)) = (&mut self.registry, block.statement_schemas.take())
        else {
            return Ok(());
        };
        let (key, value) = registry.numbers_of(&self.topics.ddl, &schemas).await?;
        block.number_statements(key, value);
        Ok(())
    }

    fn is_outbox(&self, table: &TableName) -> bool {
        let outboxes = self.outboxes.as_ref();
        outboxes.is_some_and(|outboxes| outboxes.has(table))
    }

    /// The plan of an outbox; `None` of another table.
    fn outbox(&self, table: &Arc<Table>) -> Result<Option<Plan>, SinkError> {
        let outboxes = self.outboxes.as_ref();
        let Some(outboxes) = outboxes.filter(|outboxes| outboxes.has(&table.name)) else {
            return Ok(None);
        };
        let plan = Plan::of_outbox(self.format(), Arc::clone(table), &outboxes.settings);
        plan.map(Some).map_err(|reason| SinkError::TableUnfit {
            table: table.name.clone(),
            reason,
        })
    }

    /// Creates the topics that rows of outboxes chose, as far as they are missing, and tells of updates that were left out.
    async fn create_chosen(&mut self, block: &Records) -> Result<(), SinkError> {
        let count = block.left_out_updates;
        let settings = self.outboxes.as_ref().map(|outboxes| &outboxes.settings);
        if let Some(settings) = settings.filter(|_| count > 0) {
            match settings.options.table_op_invalid_behavior {
                OutboxUpdates::Error => error!(count, "updates of outboxes are left out"),
                OutboxUpdates::Warn | OutboxUpdates::Fatal => {
                    warn!(count, "updates of outboxes are left out");
                }
            }
        }
        let first = block.topics.len().saturating_sub(block.chosen_by.len());
        let chosen = block.topics.iter().skip(first).zip(&block.chosen_by);
        for (topic, table) in chosen {
            let queue = self.queue.as_ref().ok_or(SinkError::NotOpen)?;
            let client = Arc::clone(queue.client());
            self.topics.prepare_chosen(topic, table, &client).await?;
        }
        Ok(())
    }

    fn queue(&self) -> Result<&Queue, SinkError> {
        self.queue.as_ref().ok_or(SinkError::NotOpen)
    }

    /// Makes a producer of this configuration that has reached the cluster.
    async fn connected(&self, config: ClientConfig) -> Result<(Arc<Client>, Metadata), SinkError> {
        let servers = self.options.bootstrap_servers.clone();
        let context = DeliveryContext::with(self.options.tokens());
        off_the_runtime(move || {
            let client = Client::from_config_and_context(&config, context)
                .map_err(rejection::of_configuration)?;
            let metadata = connect(&client, &servers)?;
            Ok((Arc::new(client), metadata))
        })
        .await
    }

    fn queue_of(&self, client: Arc<Client>) -> Result<Queue, SinkError> {
        let own_topics = QueueTopics {
            ddl: Arc::clone(&self.topics.ddl),
            dead_letters: self.topics.dead_letters.clone(),
        };
        let queue_for = (own_topics, Headers::of_options(&self.options));
        let bytes_max = self.options.queue_bytes.as_u64();
        Queue::new(client, queue_for, bytes_max, self.exactly_once.is_some())
    }

    /// Takes another producer, nothing being on its way, if what comes is a copy and the one that is there is not for that, or the
    /// other way round.
    async fn suit(&mut self, is_copy: bool) -> Result<(), SinkError> {
        if self.is_for_copy == is_copy || self.options.linger.is_some() {
            return Ok(());
        }
        let config = match is_copy {
            true => self.options.copying_producer(),
            false => self.options.producer(),
        };
        let (client, _topics) = self.connected(config).await?;
        let former = self.queue.replace(self.queue_of(client)?);
        off_the_runtime(move || drop(former)).await;
        self.is_for_copy = is_copy;
        Ok(())
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

    /// Commits what was written, and a checkpoint with it; nothing if neither is new.
    async fn commit_transaction(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        let exactly_once = self.exactly_once.as_ref().ok_or(SinkError::NotOpen)?;
        if self.queue()?.transaction().is_none() && exactly_once.has_committed(upto) {
            return Ok(());
        }
        let begun = Instant::now();
        let mut records = exactly_once.note_records();
        records.push(exactly_once.record(upto)?);
        if planted(Fault::CheckpointOutsideTransaction) && self.queue()?.transaction().is_some() {
            let holds = self.queue()?.is_chosen(Fault::CheckpointOutsideTransaction);
            self.end_transaction().await?;
            if holds {
                queue::hold().await;
            }
        }
        self.store(records).await?;
        self.end_transaction().await?;
        self.commit_took = begun.elapsed();
        if let Some(exactly_once) = &mut self.exactly_once {
            exactly_once.committed(upto);
        }
        Ok(())
    }

    /// How many records of a block were committed before, with a part of the group that they are of.
    fn leave_out(&mut self, block: &Records) -> Result<usize, SinkError> {
        let Some(part) = &self.left_out else {
            return Ok(0);
        };
        let covered = part
            .covers(block)
            .map_err(|found| SinkError::PartWithoutRest {
                part: part.text(),
                found,
            })?;
        self.left_out_met |= covered.meets_group;
        // All of the group may have been committed, and only its end is new. What comes before the group ends none of it.
        if covered.count < block.records.len() || (self.left_out_met && block.ends_group) {
            self.left_out = None;
        }
        Ok(covered.count)
    }

    /// The records of a block, from one on, that go to the dead-letter topic since their own takes none as large.
    ///
    /// # Errors
    /// There is no such topic, and no compression that could make the record small enough.
    async fn too_large(&mut self, block: &Records, from: usize) -> Result<Vec<usize>, SinkError> {
        let mut diverted = Vec::new();
        let has_dead_letters = self.options.dead_letter_topic.is_some();
        if !has_dead_letters && self.options.compression != KafkaCompression::None {
            return Ok(diverted);
        }
        for (index, record) in block.records.iter().enumerate().skip(from) {
            let key_bytes = queue::key_of(block, record).map_or(0, <[u8]>::len);
            let value_bytes = queue::value_of(block, record).map_or(0, <[u8]>::len);
            if key_bytes + value_bytes < limits::JUDGED_BYTES_MIN {
                continue;
            }
            let topic = queue::topic(block, record, &self.topics.ddl);
            let headers = Headers::of_options(&self.options).of(block, record);
            let bytes = queue::batch_bytes(block, record, headers.as_ref());
            let Some(limit) = self.limits.of(topic, &mut self.topics.admin).await else {
                continue;
            };
            if bytes <= limit {
                continue;
            }
            if has_dead_letters {
                warn!(
                    topic,
                    bytes,
                    limit,
                    "a record is larger than its topic takes, it goes to the dead-letter topic"
                );
                diverted.push(index);
            } else {
                return Err(SinkError::KafkaTooLarge {
                    topic: topic.to_owned(),
                    key: record_size::shown(queue::key_of(block, record)),
                    bytes: key_bytes + value_bytes,
                    key_bytes,
                    reason: format!("its max.message.bytes is {limit}"),
                });
            }
        }
        self.dead_letters += diverted.len() as u64;
        Ok(diverted)
    }

    /// How long a transaction that holds so much may stay open while changes flow: as long as a commit takes and, so that much
    /// is not committed in little parts, longer the more it holds.
    fn patience(&self, bytes: u64) -> Duration {
        let parts = u32::try_from(bytes / PATIENCE_BYTES).unwrap_or(u32::MAX);
        let commit = self.commit_took.clamp(COMMIT_TOOK_MIN, COMMIT_TOOK_MAX);
        let patience = commit.saturating_mul(parts.saturating_add(1));
        patience.min(TRANSACTION_MAX)
    }

    async fn store(&mut self, records: Vec<CheckpointRecord>) -> Result<(), SinkError> {
        let queue = self.queue.as_mut().ok_or(SinkError::NotOpen)?;
        match queue.store(records).await? {
            FillEnd::Done => Ok(()),
            stop => Err(self.stopped(stop).await),
        }
    }

    /// Commits the transaction that is open, once all of it is acknowledged.
    async fn end_transaction(&mut self) -> Result<(), SinkError> {
        self.settle(0).await?;
        if self.queue()?.is_chosen(Fault::CheckpointsReadUncommitted) {
            queue::hold().await;
        }
        let wait_max = self.options.delivery_timeout;
        let queue = self.queue.as_mut().ok_or(SinkError::NotOpen)?;
        let committed = queue.commit(wait_max).await?;
        committed.map_err(|error| self.transaction_failed("commit", &error))
    }

    /// Whether the open transaction holds as much as one should.
    ///
    /// # Errors
    /// It has been open for so long that Kafka is about to end it.
    fn judge_transaction(&self) -> Result<bool, SinkError> {
        let Some(transaction) = self.queue()?.transaction() else {
            return Ok(false);
        };
        let timeout = self.options.transaction_timeout();
        if transaction.since.elapsed() > timeout - timeout / TIMEOUT_MARGIN {
            return Err(match transaction.has_gap {
                true => SinkError::KafkaTransient {
                    topic: self.topics.prefix.clone(),
                    reason: "its transaction was open for too long".to_owned(),
                },
                false => SinkError::GroupOutlivesTransaction { timeout },
            });
        }
        Ok(transaction.bytes >= TRANSACTION_BYTES_MAX)
    }

    /// What stopped the queue before it took all.
    async fn stopped(&self, stop: FillEnd) -> SinkError {
        let settled = match &stop {
            // The record that stopped the producer has the cause.
            FillEnd::Failed(failure) if is_consequence(failure.code) => self.settle(0).await,
            FillEnd::Dead => self.settle(0).await,
            FillEnd::Failed(_) | FillEnd::NotBegun(_) | FillEnd::Done | FillEnd::Full { .. } => {
                Ok(())
            }
        };
        match (settled, stop) {
            (Err(cause), _) => cause,
            (Ok(()), FillEnd::Failed(failure)) => self.failed(failure),
            (Ok(()), FillEnd::NotBegun(error)) => self.transaction_failed("begin", &error),
            (Ok(()), FillEnd::Dead | FillEnd::Done | FillEnd::Full { .. }) => SinkError::NotOpen,
        }
    }

    fn transaction_failed(&self, step: &'static str, error: &KafkaError) -> SinkError {
        let id = self.exactly_once.as_ref();
        let id = id.map(|exactly_once| &*exactly_once.transactional_id);
        rejection::of_transaction(step, id.unwrap_or_default(), error)
    }

    fn format(&self) -> FormatSettings {
        let mut format = FormatSettings::new(self.options.sections(), &self.topics.prefix);
        if let FormatSettings::Avro(settings) = &mut format {
            settings.framing = AvroFraming::Registry;
            settings.flavour = self.flavour;
        }
        format
    }

    fn failed(&self, failure: Failure) -> SinkError {
        if let (Some(exactly_once), Some(queue)) = (&self.exactly_once, &self.queue)
            && is_consequence(failure.code)
            && let Some(reason) = queue.client().client().context().transaction_failure()
        {
            return rejection::of_failed_transaction(&exactly_once.transactional_id, reason);
        }
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
            tombstones: self.options.has_tombstones(),
            partial_key_change: self.options.partial_key_change,
            traces: Headers::of_options(&self.options).wants_traces(),
            counts: self.options.transaction_topic.is_some(),
        };
        RecordsEncoder::new(self.format(), settings, invalid_text)
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        self.queue = None;
        self.is_for_copy = false;
        let config = match &self.exactly_once {
            Some(exactly_once) => exactly_once.producer.clone(),
            None => self.options.producer(),
        };
        let (client, metadata) = self.connected(config).await?;
        let topics = metadata.topics().iter();
        let counted = topics.map(|topic| (topic.name().to_owned(), topic.partitions().len()));
        self.topics.exist(counted);
        self.topics.create_own(&client).await?;
        let form = NoticeForm::of(&self.format());
        let groups = self.topics.groups.clone();
        let groups = groups.map(|topic| {
            let writer = NoticeWriter::of_groups(form)?;
            Ok::<_, SinkError>(GroupNotices::new(topic, writer))
        });
        self.notices = groups.transpose()?;
        self.heartbeats = Some(NoticeWriter::of_heartbeats(form)?);
        self.heartbeat_at = self.options.heartbeat().map(|_interval| Instant::now());
        let mut resume_point = None;
        if let Some(exactly_once) = &mut self.exactly_once {
            resume_point = exactly_once.begin(&self.options, &client).await?;
            self.left_out = exactly_once.part().cloned();
            self.left_out_met = false;
            self.written.clone_from(&self.left_out);
        }
        self.queue = Some(self.queue_of(client)?);
        Ok(resume_point)
    }

    async fn prepare(&mut self, table: &Arc<Table>) -> Result<Arc<Plan>, SinkError> {
        if let Some(plan) = self.outbox(table)? {
            return Ok(Arc::new(plan));
        }
        let client = Arc::clone(self.queue()?.client());
        let destination = self.topics.prepare(table, &client).await?;
        let mut plan = Plan::of_records(self.format(), Arc::clone(table), destination);
        if let Some(registry) = &mut self.registry {
            registry.identify(&mut plan).await?;
        }
        Ok(Arc::new(plan))
    }

    async fn write(&mut self, block: &mut Records) -> Result<bool, SinkError> {
        for (former, now) in block.renames.drain(..) {
            self.topics.renamed(&former, &now);
        }
        self.number_statements(block).await?;
        self.create_chosen(block).await?;
        if let Some(notices) = &mut self.notices {
            let (topic, writer) = notices.parts();
            number_notices(self.registry.as_mut(), topic, writer).await?;
            notices.add(block)?;
        }
        let from = self.leave_out(block)?;
        if self.options.large_groups == LargeGroups::Split {
            // Of the group after this one nothing is written yet.
            self.written = match block.ends_group {
                true => None,
                false => Part::end_of(block).or(self.written.take()),
            };
        }
        self.hand_over(block, from).await?;
        self.judge_transaction()
    }

    async fn commit(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        if planted(Fault::CheckpointBeforeFlush) {
            return Ok(());
        }
        self.topics.admin.rest();
        match self.exactly_once {
            None => {
                self.settle(0).await?;
                self.suit(upto.snapshot.is_of_everything()).await
            }
            Some(_) => {
                // Until the rest of a group has come, checkpoints say what of it was there before.
                if self.left_out.is_none()
                    && let Some(exactly_once) = &mut self.exactly_once
                {
                    exactly_once.keep_part(None);
                }
                self.commit_transaction(upto).await
            }
        }
    }

    fn wants_part(&self) -> bool {
        let transaction = self.queue.as_ref().and_then(Queue::transaction);
        self.options.large_groups == LargeGroups::Split
            && transaction.is_some_and(|transaction| {
                let part_max = self.options.transaction_timeout() / PARTS_A_TIMEOUT;
                transaction.since.elapsed() >= part_max
            })
    }

    async fn commit_part(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        if let Some(exactly_once) = &mut self.exactly_once {
            exactly_once.keep_part(self.written.clone());
        }
        self.commit_transaction(upto).await
    }

    fn commit_wanted(&self, rests: bool) -> Option<Instant> {
        let transaction = self.queue.as_ref()?.transaction()?;
        Some(match rests {
            true => transaction.since,
            false => transaction.since + self.patience(transaction.bytes),
        })
    }

    fn source_is(&mut self, origin: &Origin, state: &Path) {
        self.flavour = origin.flavour;
        if let Some(registry) = &mut self.registry {
            registry.keep_in(state);
        }
    }

    fn foresee(&mut self, tables: &[TableName]) -> Result<(), SinkError> {
        let is_other = |table: &&TableName| !self.is_outbox(table);
        let others: Vec<TableName> = tables.iter().filter(is_other).cloned().collect();
        self.topics.foresee(&others)
    }

    fn heartbeat_wanted(&self) -> Option<Instant> {
        self.heartbeat_at
    }

    async fn heartbeat(&mut self, at: &Checkpoint) -> Result<(), SinkError> {
        let (Some(topic), Some(interval)) = (&self.topics.heartbeats, self.options.heartbeat())
        else {
            return Ok(());
        };
        self.heartbeat_at = Some(Instant::now() + interval);
        let writer = self.heartbeats.as_mut().ok_or(SinkError::NotOpen)?;
        number_notices(self.registry.as_mut(), topic, writer).await?;
        let mut block = notices::heartbeat(topic, &self.topics.prefix, (at, writer), now_us())?;
        self.hand_over(&mut block, 0).await
    }

    fn shared_checkpoints(&self) -> Option<SharedCheckpoints> {
        let exactly_once = self.exactly_once.as_ref();
        exactly_once.map(ExactlyOnce::shared_checkpoints)
    }

    fn take_dead_letters(&mut self) -> u64 {
        std::mem::take(&mut self.dead_letters)
    }

    fn kept_notes(&self) -> Notes {
        let exactly_once = self.exactly_once.as_ref();
        exactly_once.map_or_else(Notes::default, |it| it.kept_notes().clone())
    }

    fn keep_notes(&mut self, notes: Notes) {
        if let Some(exactly_once) = &mut self.exactly_once {
            exactly_once.keep_notes(notes);
        }
    }
}

/// Makes the schemas of the notices in a topic known, unless that was done.
async fn number_notices(
    registry: Option<&mut Registry>,
    topic: &str,
    writer: &mut NoticeWriter,
) -> Result<(), SinkError> {
    if let (Some(registry), Some(schemas)) = (registry, writer.unknown()) {
        let numbers = registry.numbers_of(topic, schemas).await?;
        writer.identify(numbers);
    }
    Ok(())
}

/// Where the records of a table go, as far as its name tells.
pub(super) fn placement(
    options: &KafkaOptions,
    connector: &str,
    table: &TableName,
) -> Result<Placement, SinkError> {
    options.validate(connector)?;
    let mut topics = Topics::new(options, connector)?;
    let section = options.outbox.as_ref();
    let outboxes = Outboxes::of(section, options.sections(), &topics.prefix)?;
    if let Some(section) = section
        && outboxes.is_some_and(|outboxes| outboxes.has(table))
    {
        return Ok(Placement {
            topic: section.route_topic_replacement.clone(),
            key: section.table_field_event_key.clone(),
            partition_by: "key".to_owned(),
            route: None,
            columns: Vec::new(),
        });
    }
    let (topic, rules) = topics.of_table(table)?;
    Ok(Placement {
        topic: topic.to_string(),
        key: rules.key_told(),
        partition_by: rules.partition_told(),
        route: rules.route.as_deref().map(str::to_owned),
        columns: rules
            .columns()
            .map(|(option, column)| (option, column.to_owned()))
            .collect(),
    })
}

/// The checkpoint of a connector that is stored in Kafka; blocks.
pub(super) fn stored_checkpoint(
    options: &KafkaOptions,
    connector: &str,
) -> Result<Option<Checkpoint>, SinkError> {
    match Topics::new(options, connector)?.checkpoints {
        Some(topic) => {
            let stored = checkpoints::peek(options, &topic, connector)?;
            Ok(stored.last.map(|last| last.checkpoint))
        }
        None => Ok(None),
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
