//! What makes transactions of a connector: its transactional id, its checkpoint in Kafka, and who it is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaRespErr;
use tracing::{info, warn};

use super::checkpoints::{self, CheckpointRecord, StoredCheckpoint, StoredState};
use super::claim::Claim;
use super::delivery::Client;
use super::options::KafkaOptions;
use super::part::Part;
use super::queue;
use super::rejection;
use crate::change::Checkpoint;
use crate::fault::{Fault, planted};
use crate::sink::{SharedCheckpoints, SinkError};
use crate::state::{Notes, off_the_runtime, relay_log_info};

/// How long Kafka may take to end what the last producer left open.
const INITIALISE_MAX: Duration = Duration::from_secs(60);
const INITIALISE_SLICE: Duration = Duration::from_secs(1);
/// How long brokers may take to make the topic that their coordinators of transactions keep.
const COORDINATOR_MAX: Duration = Duration::from_secs(15);
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Kafka's own topic of transactions.
const TRANSACTION_STATE: &str = "__transaction_state";
/// Marks a record that is not the queue's.
const NOT_COUNTED: usize = 0;

/// The transactions of a connector.
#[derive(Debug)]
pub(super) struct ExactlyOnce {
    /// What Kafka knows its producers by, of which the last one counts.
    pub(super) transactional_id: String,
    /// The configuration of its producer.
    pub(super) producer: ClientConfig,
    /// Whose state folder goes with the checkpoint at which this run began.
    last_writer: Option<String>,
    topic: Arc<str>,
    connector: String,
    claim: Claim,
    committed: Option<Checkpoint>,
    /// The notes that the topic has, and those that it is to have.
    notes: (Notes, Notes),
    /// How much is committed of the group after the checkpoint.
    part: Option<Part>,
}

impl ExactlyOnce {
    /// Makes what a connector needs; nothing is connected.
    ///
    /// # Errors
    /// A configuration that librdkafka does not take.
    pub(super) fn new(
        options: &KafkaOptions,
        prefix: &str,
        connector: &str,
        topic: Arc<str>,
    ) -> Result<Self, SinkError> {
        let transactional_id = format!("rowtap.{prefix}.{connector}");
        let producer = options.transactional_producer(&transactional_id);
        producer
            .create_native_config()
            .map_err(rejection::of_configuration)?;
        Ok(Self {
            transactional_id,
            producer,
            last_writer: None,
            topic,
            connector: connector.to_owned(),
            claim: options.claim.clone(),
            committed: None,
            notes: (Notes::default(), Notes::default()),
            part: None,
        })
    }

    /// Ends all that an earlier producer has left open, shuts it out, and finds where to go on.
    ///
    /// # Errors
    /// Another instance has committed since this one did; the topic of checkpoints is unfit.
    pub(super) async fn begin(
        &mut self,
        options: &KafkaOptions,
        client: &Arc<Client>,
    ) -> Result<Option<Checkpoint>, SinkError> {
        checkpoints::check_policy(options, &self.topic).await?;
        // Shutting out whoever has taken over would only be answered in kind. Its checkpoint is to be seen: it has ended what
        // this process had left open.
        if self.claim.is_held() && !planted(Fault::FencedGoesOn) {
            let seen = self.read(options, checkpoints::peek).await?;
            self.is_still_held(seen.last.as_ref())?;
        }
        let (own, id) = (Arc::clone(client), self.transactional_id.clone());
        off_the_runtime(move || initialise(&own, &id)).await?;
        let StoredState { last, notes } = self.read(options, checkpoints::read).await?;
        self.notes = (notes.clone(), notes);
        self.part = last.as_ref().and_then(|last| last.part.clone());
        if planted(Fault::FencedGoesOn) && self.claim.is_held() {
            return Ok(self.claim.last());
        }
        if self.claim.is_held() {
            self.is_still_held(last.as_ref())?;
        }
        let Some(last) = last else {
            return Ok(None);
        };
        self.take_over(&last, client).await?;
        let at = &last.checkpoint.coordinates;
        info!(topic = %self.topic, %at, by = last.instance, "the checkpoint was read from Kafka");
        self.last_writer = Some(last.folder);
        Ok(Some(last.checkpoint))
    }

    /// Writes the last checkpoint again under this process's name, so that the one that was shut out knows.
    async fn take_over(
        &self,
        last: &StoredCheckpoint,
        client: &Arc<Client>,
    ) -> Result<(), SinkError> {
        let mut record = self.record(&last.checkpoint)?;
        record.folder.clone_from(&last.folder);
        let (client, id) = (Arc::clone(client), self.transactional_id.clone());
        let written = move || {
            client.begin_transaction()?;
            let sent = client.send(record.to_send(NOT_COUNTED));
            sent.map_err(|(error, _)| error)?;
            queue::commit(&client, INITIALISE_MAX, || false)
        };
        let written = off_the_runtime(written).await;
        written.map_err(|error| rejection::of_transaction("begin", &id, &error))
    }

    async fn read(
        &self,
        options: &KafkaOptions,
        how: fn(&KafkaOptions, &str, &str) -> Result<StoredState, SinkError>,
    ) -> Result<StoredState, SinkError> {
        let (options, topic) = (options.clone(), Arc::clone(&self.topic));
        let connector = self.connector.clone();
        off_the_runtime(move || how(&options, &topic, &connector)).await
    }

    /// Whether the last checkpoint is this process's.
    fn is_still_held(&self, last: Option<&StoredCheckpoint>) -> Result<(), SinkError> {
        match last {
            Some(last) if last.instance != self.claim.instance() => Err(SinkError::KafkaFenced {
                connector: self.connector.clone(),
                topic: self.topic.to_string(),
                instance: last.instance.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Where its checkpoints are.
    pub(super) fn shared_checkpoints(&self) -> SharedCheckpoints {
        SharedCheckpoints {
            topic: Arc::clone(&self.topic),
            instance: self.claim.instance().to_owned(),
            last_writer: self.last_writer.clone(),
        }
    }

    /// How much of the group is committed that comes first after the checkpoint at which the run began.
    pub(super) fn part(&self) -> Option<&Part> {
        self.part.as_ref()
    }

    /// Has checkpoints say from now on that so much of the group after them is committed, or nothing.
    pub(super) fn keep_part(&mut self, part: Option<Part>) {
        self.part = part;
    }

    /// The notes that the topic has.
    pub(super) fn kept_notes(&self) -> &Notes {
        &self.notes.0
    }

    /// Has the next commit store these.
    pub(super) fn keep_notes(&mut self, notes: Notes) {
        self.notes.1 = notes;
    }

    /// Whether nothing is new at a checkpoint.
    pub(super) fn has_committed(&self, upto: &Checkpoint) -> bool {
        self.committed.as_ref() == Some(upto) && self.notes.0 == self.notes.1
    }

    /// Notes what was committed.
    pub(super) fn committed(&mut self, upto: &Checkpoint) {
        self.claim.hold(upto);
        self.committed = Some(upto.clone());
        if self.notes.0 != self.notes.1 {
            self.notes.0.clone_from(&self.notes.1);
        }
    }

    /// A checkpoint as a record.
    ///
    /// # Errors
    /// A checkpoint that could not be read again.
    pub(super) fn record(&self, upto: &Checkpoint) -> Result<CheckpointRecord, SinkError> {
        let text = relay_log_info::encode(upto).map_err(|error| {
            let path = PathBuf::from(format!("topic {}", self.topic));
            SinkError::CheckpointUnwritable { path, error }
        })?;
        let mut record = self.as_record(self.connector.clone(), Some(text.into_bytes()));
        record.part = self.part.as_ref().map(Part::text);
        Ok(record)
    }

    /// The notes that are new or gone, as records.
    pub(super) fn note_records(&self) -> Vec<CheckpointRecord> {
        let (former, notes) = &self.notes;
        let changes = notes.changes_from(former).into_iter();
        changes
            .map(|(name, text)| {
                let key = checkpoints::note_key(&self.connector, name);
                self.as_record(key, text.map(<[u8]>::to_vec))
            })
            .collect()
    }

    fn as_record(&self, key: String, text: Option<Vec<u8>>) -> CheckpointRecord {
        CheckpointRecord {
            topic: Arc::clone(&self.topic),
            key,
            text,
            instance: self.claim.instance().to_owned(),
            folder: self.claim.instance().to_owned(),
            part: None,
        }
    }
}

/// Makes a client the one producer of its transactional id; blocks.
fn initialise(client: &Client, id: &str) -> Result<(), SinkError> {
    let begun = Instant::now();
    let mut is_coordinated = false;
    loop {
        let error = match client.init_transactions(INITIALISE_SLICE) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let goes_on = matches!(&error, KafkaError::Transaction(error)
            if error.code() == RDKafkaErrorCode::OperationTimedOut && error.is_retriable());
        if !goes_on || begun.elapsed() >= INITIALISE_MAX {
            return Err(rejection::of_transaction("begin", id, &error));
        }
        if !is_coordinated && begun.elapsed() >= COORDINATOR_MAX {
            if has_no_coordinators(client) {
                return Err(rejection::of_no_coordinators(id));
            }
            is_coordinated = true;
        }
        warn!(
            id,
            "Kafka lets the producer in only when it has ended the last transaction"
        );
    }
}

/// Whether the cluster lacks the topic without which nobody coordinates transactions. It is made when it is wanted first.
fn has_no_coordinators(client: &Client) -> bool {
    let client = client.client();
    let metadata = client.fetch_metadata(Some(TRANSACTION_STATE), ANSWER_MAX);
    let hidden = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    metadata.is_ok_and(|metadata| {
        let mut topics = metadata.topics().iter();
        topics.all(|topic| topic.partitions().is_empty() && topic.error() != Some(hidden))
    })
}
