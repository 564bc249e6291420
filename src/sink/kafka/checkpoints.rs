//! The topic of checkpoints: which topics will do, what a record in one looks like, and the last one of a connector.
//!
//! | part | content |
//! |---|---|
//! | key | the connector's name |
//! | value | the checkpoint, as the text of `relay-log.info` |
//! | header `instance` | who wrote it: an id that each process makes up |
//! | header `folder` | the process in whose state folder the definitions are that hold there |
//! | header `part` | how much of the group after the checkpoint is committed, where that is delivered in parts ([`Part`]) |
//!
//! A record whose key is the connector's name, a slash and another name is a note on which the connector's checkpoint relies
//! ([`Notes`]), with the same headers.
//!
//! A process that takes over writes the last checkpoint again under its own `instance`, before it does anything else.
//!
//! A record without a value takes the connector's checkpoint back. `schemas/state.md` describes the topic for anyone who
//! reads it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::warn;

use super::admin::Admin;
use super::delivery::{DeliveryContext, code_of};
use super::options::KafkaOptions;
use super::part::Part;
use super::rejection;
use super::topics::{CLEANUP_POLICY, COMPACT};
use crate::change::Checkpoint;
use crate::fault::{Fault, planted};
use crate::sink::{Outlook, SinkError};
use crate::state::{Notes, relay_log_info};

/// The partition, of which there is one.
const PARTITION: i32 = 0;
const INSTANCE: &str = "instance";
const FOLDER: &str = "folder";
const PART: &str = "part";
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long the end may take to come, and the transactions of others to end before it.
const READ_MAX: Duration = Duration::from_secs(90);
/// How long that wait is before it is told, and told again.
const TELL_EACH: Duration = Duration::from_secs(10);
/// How long a poll may take that asks for a token.
const TOKEN_POLL: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(100);
const FOUND_CHARS_MAX: usize = 80;

type Reader = BaseConsumer<DeliveryContext>;

/// A connector's last checkpoint in the topic.
#[derive(Debug)]
pub(super) struct StoredCheckpoint {
    pub(super) checkpoint: Checkpoint,
    /// Who wrote it.
    pub(super) instance: String,
    /// Whose state folder goes with it.
    pub(super) folder: String,
    /// How much of the group after it is committed.
    pub(super) part: Option<Part>,
}

/// What the topic holds of a connector.
#[derive(Debug, Default)]
pub(super) struct StoredState {
    /// The last checkpoint.
    pub(super) last: Option<StoredCheckpoint>,
    /// The notes that go with it.
    pub(super) notes: Notes,
}

/// A checkpoint, or a note, as a record.
#[derive(Clone, Debug)]
pub(super) struct CheckpointRecord {
    pub(super) topic: Arc<str>,
    pub(super) key: String,
    /// `None` for a note that is no more.
    pub(super) text: Option<Vec<u8>>,
    pub(super) instance: String,
    pub(super) folder: String,
    pub(super) part: Option<String>,
}

/// What a record in the topic says.
enum Said {
    /// Something of another connector.
    OfAnother,
    /// The checkpoint, or that there is none.
    Checkpoint(Option<Box<StoredCheckpoint>>),
    /// A note by its name, or that it is no more.
    Note(String, Option<Vec<u8>>),
}

impl CheckpointRecord {
    /// Bytes of key and value.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.text.as_ref().map_or(0, Vec::len)
    }

    /// What a producer sends; `opaque` comes back with the acknowledgement.
    pub(super) fn to_send(&self, opaque: usize) -> BaseRecord<'_, [u8], [u8], usize> {
        let header = |key, value| Header {
            key,
            value: Some(value),
        };
        let mut headers = OwnedHeaders::new_with_capacity(3)
            .insert(header(INSTANCE, &self.instance))
            .insert(header(FOLDER, &self.folder));
        if let Some(part) = &self.part {
            headers = headers.insert(header(PART, part));
        }
        BaseRecord {
            topic: &self.topic,
            partition: Some(PARTITION),
            payload: self.text.as_deref(),
            key: Some(self.key.as_bytes()),
            timestamp: None,
            headers: Some(headers),
            delivery_opaque: opaque,
        }
    }
}

/// Makes sure that a topic keeps the last record of each key, and for good.
pub(super) async fn check_policy(options: &KafkaOptions, topic: &str) -> Result<(), SinkError> {
    let admin = Admin::new(options.producer(), options.requests()).await?;
    let policy = admin.setting(topic, CLEANUP_POLICY, ANSWER_MAX).await;
    let policy = policy.map_err(|code| rejection::of_checkpoints(topic, code))?;
    judge_policy(topic, policy.as_deref())
}

/// Judges a topic by its policy. A broker that does not know the topic yet, or has just started, tells none.
fn judge_policy(topic: &str, policy: Option<&str>) -> Result<(), SinkError> {
    match policy {
        Some(COMPACT) => Ok(()),
        Some(found) => Err(SinkError::CheckpointTopicUnfit {
            topic: topic.to_owned(),
            found: format!("its cleanup.policy is {found}"),
            fix: "set it to compact, or name another topic by checkpoint_topic",
        }),
        None => Err(SinkError::CheckpointsUnreadable {
            topic: topic.to_owned(),
            reason: "the broker told no cleanup.policy of it".to_owned(),
            fix: "check the brokers",
            outlook: Outlook::Passes,
        }),
    }
}

/// The key of a connector's note.
pub(super) fn note_key(connector: &str, name: &str) -> String {
    format!("{connector}/{name}")
}

/// What was committed last for a connector, whose producers have all been shut out; blocks.
///
/// # Errors
/// A topic of more partitions, or one with a record that is no checkpoint; silence.
pub(super) fn read(
    options: &KafkaOptions,
    topic: &str,
    connector: &str,
) -> Result<StoredState, SinkError> {
    let deadline = Instant::now() + READ_MAX;
    let failed = |error: KafkaError| rejection::of_checkpoints(topic, code_of(&error));
    let everything = reader(options, "read_uncommitted")?;
    if !is_there(&everything, topic)? {
        let code = RDKafkaErrorCode::UnknownTopicOrPartition;
        return Err(rejection::of_checkpoints(topic, code));
    }
    let watermarks = everything.fetch_watermarks(topic, PARTITION, ANSWER_MAX);
    let (_, end) = watermarks.map_err(failed)?;
    let reader = reader(options, isolation())?;
    await_end(&reader, topic, end, deadline)?;
    contents(&reader, topic, connector, deadline)
}

/// Waits until all transactions in the topic before `end` have ended: what another connector has yet to commit there hides all
/// that comes after it.
fn await_end(reader: &Reader, topic: &str, end: i64, deadline: Instant) -> Result<(), SinkError> {
    let mut tell_at = Instant::now() + TELL_EACH;
    loop {
        let visible = reader.fetch_watermarks(topic, PARTITION, ANSWER_MAX);
        let failed = |error: KafkaError| rejection::of_checkpoints(topic, code_of(&error));
        let (_, visible) = visible.map_err(failed)?;
        if visible >= end {
            return Ok(());
        }
        let now = Instant::now();
        if now >= deadline {
            return Err(rejection::of_hanging(topic, visible));
        }
        if now >= tell_at {
            let left = deadline - now;
            warn!(
                topic,
                offset = visible,
                ?left,
                "waiting for a Kafka transaction to end, which hides the last checkpoint"
            );
            tell_at = now + TELL_EACH;
        }
        std::thread::sleep(POLL);
    }
}

/// What can be seen of a connector now, whatever its producers do; blocks.
///
/// # Errors
/// As [`read`].
pub(super) fn peek(
    options: &KafkaOptions,
    topic: &str,
    connector: &str,
) -> Result<StoredState, SinkError> {
    let reader = reader(options, isolation())?;
    if !is_there(&reader, topic)? {
        return Ok(StoredState::default());
    }
    contents(&reader, topic, connector, Instant::now() + ANSWER_MAX)
}

fn isolation() -> &'static str {
    match planted(Fault::CheckpointsReadUncommitted) {
        true => "read_uncommitted",
        false => "read_committed",
    }
}

fn reader(options: &KafkaOptions, isolation: &str) -> Result<Reader, SinkError> {
    let context = DeliveryContext::with(options.tokens());
    let reader = Reader::from_config_and_context(&options.consumer(isolation), context)
        .map_err(rejection::of_configuration)?;
    if options.tokens().is_some() {
        // Only a poll asks for the token without which no other request is answered.
        reader.poll(TOKEN_POLL);
    }
    Ok(reader)
}

/// Whether the topic is there.
///
/// # Errors
/// It has more than one partition.
fn is_there(reader: &Reader, topic: &str) -> Result<bool, SinkError> {
    let metadata = reader.fetch_metadata(Some(topic), ANSWER_MAX);
    let metadata = metadata.map_err(|error| rejection::of_checkpoints(topic, code_of(&error)))?;
    let topics = metadata.topics().iter();
    match topics.map(|topic| topic.partitions().len()).sum::<usize>() {
        0 => Ok(false),
        1 => Ok(true),
        count => Err(SinkError::CheckpointTopicUnfit {
            topic: topic.to_owned(),
            found: format!("it has {count} partitions"),
            fix: "name another topic by checkpoint_topic, which is created with one partition",
        }),
    }
}

/// Reads to the end.
fn contents(
    reader: &Reader,
    topic: &str,
    connector: &str,
    deadline: Instant,
) -> Result<StoredState, SinkError> {
    let failed = |error: KafkaError| rejection::of_checkpoints(topic, code_of(&error));
    let mut all = TopicPartitionList::new();
    all.add_partition_offset(topic, PARTITION, Offset::Beginning)
        .map_err(failed)?;
    reader.assign(&all).map_err(failed)?;
    let mut stored = StoredState::default();
    loop {
        match reader.poll(POLL) {
            Some(Ok(message)) => match one(&message, topic, connector)? {
                Said::OfAnother => {}
                Said::Checkpoint(last) => stored.last = last.map(|last| *last),
                Said::Note(name, text) => stored.notes.set(name, text),
            },
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(stored),
            Some(Err(error)) if !passes(&error) => return Err(failed(error)),
            Some(Err(_)) | None if Instant::now() < deadline => {}
            Some(Err(_)) | None => {
                return Err(rejection::of_checkpoints(
                    topic,
                    RDKafkaErrorCode::RequestTimedOut,
                ));
            }
        }
    }
}

/// Reads a record.
fn one(message: &BorrowedMessage<'_>, topic: &str, connector: &str) -> Result<Said, SinkError> {
    let wrong = |reason: String| SinkError::CheckpointRecord {
        topic: topic.to_owned(),
        offset: message.offset(),
        reason,
    };
    let key = message.key().unwrap_or_default();
    let is_own = key == connector.as_bytes();
    let note = key.strip_prefix(connector.as_bytes());
    let note = note.and_then(|rest| rest.strip_prefix(b"/"));
    let note = note.and_then(|name| std::str::from_utf8(name).ok());
    let Some(value) = message.payload() else {
        return Ok(match note {
            Some(name) => Said::Note(name.to_owned(), None),
            None if is_own => Said::Checkpoint(None),
            None => Said::OfAnother,
        });
    };
    let header = |name: &str| {
        let headers = message.headers()?;
        let value = headers.iter().find(|header| header.key == name)?.value?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    };
    let Some((instance, folder)) = header(INSTANCE).zip(header(FOLDER)) else {
        let key = String::from_utf8_lossy(key);
        let key: String = key.chars().take(FOUND_CHARS_MAX).collect();
        return Err(wrong(format!(
            "its key is '{key}', and it has no headers {INSTANCE} and {FOLDER}"
        )));
    };
    if let Some(name) = note {
        return Ok(Said::Note(name.to_owned(), Some(value.to_vec())));
    }
    if !is_own {
        return Ok(Said::OfAnother);
    }
    let checkpoint = relay_log_info::decode(value).map_err(|error| match error.is_of_newer() {
        true => SinkError::CheckpointRecordNewer {
            topic: topic.to_owned(),
            offset: message.offset(),
            error,
        },
        false => wrong(error.to_string()),
    })?;
    let part = match header(PART) {
        Some(text) => {
            let part = Part::parse(&text);
            Some(part.ok_or_else(|| wrong(format!("its header {PART} is '{text}'")))?)
        }
        None => None,
    };
    Ok(Said::Checkpoint(Some(Box::new(StoredCheckpoint {
        checkpoint,
        instance,
        folder,
        part,
    }))))
}

/// Whether what a consumer hears is no reason to give up: the line is down and comes back, or the group that it does not use
/// is closed to it.
fn passes(error: &KafkaError) -> bool {
    let code = code_of(error);
    code == RDKafkaErrorCode::GroupAuthorizationFailed || rejection::is_passing(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    #[test]
    fn a_policy_that_no_broker_tells_yet_is_asked_for_again() {
        let class = |policy| judge_policy("c", policy).map_err(|error| error.class());
        assert_eq!(class(Some("compact")), Ok(()));
        assert_eq!(class(Some("delete")), Err(Class::Refused));
        assert_eq!(class(Some("compact,delete")), Err(Class::Refused));
        assert_eq!(class(None), Err(Class::Transient));
    }
}
