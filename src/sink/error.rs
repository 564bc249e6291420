//! What can go wrong at a target, with the fix as the last clause where a person can do something.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::registry_error::RegistryError;
use crate::failure::Class;
use crate::fault::FileStep;
use crate::row::TableName;
use crate::state::RelayLogInfoError;
use crate::state::durable::FileError;

/// Whether what a cluster refuses may work another time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It goes away by itself.
    Passes,
    /// When a person grants it, or grants it again: a right, a password, a topic.
    Granted,
    /// Not before a person changes the connector or the cluster.
    Stays,
}

/// Why a sink failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A file or folder of the target cannot be made, read or written.
    #[error("cannot {action} {}, {}", path.display(), fix(source))]
    Io {
        /// What was tried: `create`, `write`.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Data was written but the system could not make it durable. What the disk holds is then unknown until a new process
    /// reads the file back, so this run does not try again.
    #[error("cannot sync {}, check the disk and start again", path.display())]
    Sync {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process writes to the same folder.
    #[error("{} is held by another process, give each connector a folder of its own", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A manifest line other than a torn last one does not say what its checksum says it should.
    #[error("{} line {line} is damaged ({reason}), restore the folder from a copy", path.display())]
    ManifestLine {
        /// The manifest.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest line does not follow the one before it, so that what it says of the files is not all.
    #[error(
        "{} line {line} does not follow the line before it, one that stood there is missing, restore the folder from a copy",
        path.display()
    )]
    ManifestGap {
        /// The manifest.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The folder holds the files of another connector.
    #[error(
        "the files in {} are those of connector {owner}, give {connector} a folder of its own, or call its file {owner}.toml \
         again if it was renamed",
        folder.display()
    )]
    AnotherConnector {
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        owner: Box<str>,
        /// Who was to write to it.
        connector: Box<str>,
    },
    /// A manifest line is as it was written, and its checkpoint cannot be read.
    #[error(
        "the checkpoint in {} line {line} cannot be {}",
        path.display(),
        if error.is_of_newer() { "read by this rowtap" } else { "trusted, restore the folder from a copy" }
    )]
    ManifestCheckpoint {
        /// The manifest.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with the checkpoint.
        #[source]
        error: RelayLogInfoError,
    },
    /// The checkpoint cannot be written in a form that can be read again.
    #[error("the checkpoint in {} cannot be written", path.display())]
    CheckpointUnwritable {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with the value.
        #[source]
        error: RelayLogInfoError,
    },
    /// There are data files, but no manifest that says how much of them counts.
    #[error(
        "{} is missing though {data_file} is there, restore it from a copy, or, if the folder can do without them, move its files \
         elsewhere",
        path.display()
    )]
    ManifestMissing {
        /// The manifest.
        path: PathBuf,
        /// One of the data files.
        data_file: String,
    },
    /// A data file holds less than the manifest says, so somebody else cut or removed it.
    #[error(
        "{} holds {found} bytes though {recorded} were recorded, restore the file from a copy or give the connector an \
         empty folder",
        path.display()
    )]
    DataLost {
        /// The file.
        path: PathBuf,
        /// Its length, 0 for a missing file.
        found: u64,
        /// Its length in the manifest.
        recorded: u64,
    },
    /// `write` before the sink has a checkpoint to begin at, or a call after a failed one.
    #[error("the sink is not open")]
    NotOpen,
    /// Whoever read the standard output went away, which is a clean end.
    #[error("standard output was closed by its reader")]
    OutputClosed,
    /// The standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// An option whose value cannot be used.
    #[error("{option} {reason}")]
    Option {
        /// The option's name.
        option: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// What a schema registry refuses.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// The system has no thread left for the sink.
    #[error("cannot start a thread, raise the limit of the user that runs rowtap")]
    Thread(#[source] io::Error),
    /// No broker answered.
    #[error(
        "no answer from Kafka at {servers} within {wait_max:?} ({reason}), check bootstrap_servers and that it runs"
    )]
    KafkaUnreachable {
        /// The bootstrap servers.
        servers: String,
        /// How long it was waited for.
        wait_max: Duration,
        /// What the client heard last.
        reason: String,
    },
    /// Kafka was reached and does not let this client in.
    #[error(
        "Kafka at {servers} refuses the connection ({reason}), check security.protocol, sasl_* and ssl.* of the sink"
    )]
    KafkaRefused {
        /// The bootstrap servers.
        servers: String,
        /// What it said.
        reason: String,
    },
    /// Kafka acknowledged nothing for too long.
    #[error(
        "Kafka acknowledged none of {in_flight} records within delivery_timeout {wait_max:?} ({reason}), check its brokers"
    )]
    KafkaStalled {
        /// Records that wait for their acknowledgement.
        in_flight: u64,
        /// How long it was waited for.
        wait_max: Duration,
        /// What the client heard last.
        reason: String,
    },
    /// A record was not taken, though it may be another time.
    #[error("a record for topic {topic} was not taken ({reason})")]
    KafkaTransient {
        /// The topic.
        topic: String,
        /// What Kafka said.
        reason: String,
    },
    /// A record was not taken and never will be.
    #[error("a record for topic {topic} was rejected ({reason}), {fix}")]
    KafkaRejected {
        /// The topic.
        topic: String,
        /// What Kafka said.
        reason: String,
        /// What to do.
        fix: &'static str,
        /// Whether it may work another time.
        outlook: Outlook,
    },
    /// A record is larger than its topic takes.
    #[error(
        "a record of {bytes} bytes with the key {key} ({key_bytes} bytes) is too large for topic {topic} ({reason}), raise the \
         topic's max.message.bytes and the broker's message.max.bytes, name a dead_letter_topic, or lower batch.size in \
         properties if only whole batches are too large"
    )]
    KafkaTooLarge {
        /// The topic.
        topic: String,
        /// The key, as far as it is shown.
        key: String,
        /// Key and value.
        bytes: usize,
        /// The key alone.
        key_bytes: usize,
        /// What Kafka said.
        reason: String,
    },
    /// A topic could not be created.
    #[error("cannot create topic {topic} ({reason}), {fix}")]
    TopicNotCreated {
        /// The topic.
        topic: String,
        /// What Kafka said.
        reason: String,
        /// What to do.
        fix: &'static str,
        /// Whether it may work another time.
        outlook: Outlook,
    },
    /// A topic was created but no broker leads it yet.
    #[error("topic {topic} has no leader after {wait_max:?}, check the brokers")]
    TopicNotReady {
        /// The topic.
        topic: String,
        /// How long it was waited for.
        wait_max: Duration,
    },
    /// A topic cannot hold checkpoints.
    #[error("topic {topic} cannot hold the checkpoints: {found}, {fix}")]
    CheckpointTopicUnfit {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        found: String,
        /// What to do.
        fix: &'static str,
    },
    /// A record in the topic of checkpoints is none.
    #[error(
        "the record at offset {offset} of topic {topic} is no checkpoint of rowtap ({reason}), name another topic by \
         checkpoint_topic, to go on there from the checkpoint in the state folder"
    )]
    CheckpointRecord {
        /// The topic.
        topic: String,
        /// Where it stands.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint in the topic was written by a newer rowtap.
    #[error("the checkpoint at offset {offset} of topic {topic} cannot be read by this rowtap")]
    CheckpointRecordNewer {
        /// The topic.
        topic: String,
        /// Where it stands.
        offset: i64,
        /// What is not known in it.
        #[source]
        error: RelayLogInfoError,
    },
    /// The topic of checkpoints was not read.
    #[error("the checkpoints in topic {topic} cannot be read ({reason}), {fix}")]
    CheckpointsUnreadable {
        /// The topic.
        topic: String,
        /// What Kafka said.
        reason: String,
        /// What to do.
        fix: &'static str,
        /// Whether it may work another time.
        outlook: Outlook,
    },
    /// A step of a transaction failed. Whether it was carried out is not known.
    #[error("the Kafka transaction of {id} did not {step} ({reason}), {fix}")]
    TransactionFailed {
        /// What was tried: `begin`, `commit`.
        step: &'static str,
        /// The transactional id.
        id: String,
        /// What Kafka said.
        reason: String,
        /// What to do.
        fix: &'static str,
        /// Whether it may work another time.
        outlook: Outlook,
    },
    /// A group takes longer than Kafka lets a transaction stay open.
    #[error(
        "a group is too large for one Kafka transaction, which was open for most of transaction_timeout ({timeout:?}): raise \
         it, at most to the brokers' transaction.max.timeout.ms, or set large_groups to 'split', or delivery to 'at_least_once'"
    )]
    GroupOutlivesTransaction {
        /// How long one may stay open.
        timeout: Duration,
    },
    /// A part of a group was committed, and the group does not come again.
    #[error(
        "a part of a group is committed in Kafka ({part}), and the group at {found} comes in its place, start again with the \
         filters that the connector had then"
    )]
    PartWithoutRest {
        /// The part: source, file, position, and the last change in it.
        part: String,
        /// The group that came.
        found: String,
    },
    /// Another instance of the connector has taken over.
    #[error(
        "another instance of connector {connector} has taken over: {instance} wrote the last checkpoint in topic {topic}, stop \
         one of the two"
    )]
    KafkaFenced {
        /// The connector.
        connector: String,
        /// The topic of checkpoints.
        topic: String,
        /// What the other one calls itself there.
        instance: String,
    },
    /// Two tables have one topic, so that a reader could not tell them apart.
    #[error(
        "{first} and {second} both go to topic {topic}, give one of them a route to another topic, or set shared_topic to let tables \
         share it"
    )]
    TopicCollision {
        /// The topic.
        topic: String,
        /// Who has it already: a table, or the DDL statements.
        first: String,
        /// Who would get it too.
        second: TableName,
    },
    /// A table whose records cannot go where the options say.
    #[error("the records of {table} have nowhere to go: {reason}")]
    TableUnfit {
        /// The table.
        table: TableName,
        /// What is wrong, and the fix.
        reason: String,
    },
    /// A topic that Kafka would not create beside one that is there.
    #[error(
        "topic {topic} cannot be created beside topic {other}, since . and _ are the same in the names of Kafka's metrics, give it \
         another name by topic, or by a route of its own"
    )]
    TopicTooAlike {
        /// The topic.
        topic: String,
        /// The one that is there.
        other: String,
    },
    /// A table's topic would have a name that Kafka does not allow.
    #[error(
        "topic {topic} of {table} has {length} characters and Kafka allows 249, choose a shorter prefix or give the table a route"
    )]
    TopicTooLong {
        /// The topic.
        topic: String,
        /// The table.
        table: TableName,
        /// How long it is.
        length: usize,
    },
}

impl SinkError {
    /// What the failure means for the connector.
    pub fn class(&self) -> Class {
        match self {
            Self::Registry(error) => error.class(),
            Self::OutputClosed => Class::CleanEnd,
            Self::NotOpen => Class::Bug,
            Self::ManifestLine { .. }
            | Self::ManifestGap { .. }
            | Self::ManifestCheckpoint { .. }
            | Self::CheckpointUnwritable { .. }
            | Self::ManifestMissing { .. }
            | Self::DataLost { .. }
            | Self::PartWithoutRest { .. }
            | Self::CheckpointRecord { .. }
            | Self::CheckpointRecordNewer { .. } => Class::Data,
            Self::Io { source, .. } if is_full(source) => Class::DiskFull,
            Self::Io { .. } | Self::Sync { .. } | Self::Output(_) => Class::CannotWrite,
            Self::Thread(_)
            | Self::KafkaUnreachable { .. }
            | Self::KafkaStalled { .. }
            | Self::KafkaTransient { .. }
            | Self::TopicNotReady { .. }
            | Self::TopicNotCreated {
                outlook: Outlook::Passes,
                ..
            }
            | Self::CheckpointsUnreadable {
                outlook: Outlook::Passes,
                ..
            }
            | Self::TransactionFailed {
                outlook: Outlook::Passes,
                ..
            } => Class::Transient,
            Self::KafkaRefused { .. }
            | Self::KafkaRejected { .. }
            | Self::KafkaTooLarge { .. }
            | Self::CheckpointTopicUnfit { .. }
            | Self::GroupOutlivesTransaction { .. }
            | Self::TopicNotCreated {
                outlook: Outlook::Granted | Outlook::Stays,
                ..
            }
            | Self::CheckpointsUnreadable {
                outlook: Outlook::Granted | Outlook::Stays,
                ..
            }
            | Self::TransactionFailed {
                outlook: Outlook::Granted | Outlook::Stays,
                ..
            } => Class::Refused,
            Self::Locked { .. } | Self::KafkaFenced { .. } => Class::Fenced,
            Self::AnotherConnector { .. }
            | Self::Option { .. }
            | Self::TopicCollision { .. }
            | Self::TableUnfit { .. }
            | Self::TopicTooAlike { .. }
            | Self::TopicTooLong { .. } => Class::Configuration,
        }
    }

    /// Whether a cluster refuses what it may grant again. To one that was let in before, it is an outage.
    pub fn is_withdrawal(&self) -> bool {
        match self {
            Self::KafkaRefused { .. } => true,
            Self::KafkaRejected { outlook, .. }
            | Self::TopicNotCreated { outlook, .. }
            | Self::CheckpointsUnreadable { outlook, .. }
            | Self::TransactionFailed { outlook, .. } => *outlook == Outlook::Granted,
            _other => false,
        }
    }
}

impl From<RegistryError> for SinkError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl From<FileError> for SinkError {
    fn from(error: FileError) -> Self {
        let action = error.verb();
        let FileError { step, path, source } = error;
        match step {
            FileStep::Sync => Self::Sync { path, source },
            _other => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn fix(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user that runs rowtap do so",
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder that can be written",
        io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::AlreadyExists => "choose another path, there is something else",
        _ if is_full(error) => "free space on its disk",
        _ => "check the disk",
    }
}
