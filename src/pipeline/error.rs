//! What ends a run.

use std::time::Duration;

use crate::binlog::{Coordinates, XaId};
use crate::change::AssembleError;
use crate::encode::EncodeError;
use crate::failure::Class;
use crate::filter::FilterError;
use crate::metrics::{ConnectorMetrics, one_line};
use crate::mysql::ConnectionError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::state::{LastError, StateError, StoppedGroup};

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The state folder.
    #[error("state folder")]
    State(#[from] StateError),
    /// The source.
    #[error("source")]
    Source(#[from] SourceError),
    /// The source, and only a new start helps.
    #[error(
        "source: {}; that is: {commands}, then {start} in [source] of {file}",
        one_line(failure)
    )]
    NewStart {
        /// What it is about the source.
        failure: Box<SourceError>,
        /// The connector's file.
        file: String,
        /// The key that begins anew with as little loss as can be.
        start: String,
        /// What is to be run.
        commands: String,
    },
    /// The events.
    #[error("events")]
    Assemble(#[from] AssembleError),
    /// The filters do not compile for this source.
    #[error("filter")]
    Filter(#[from] FilterError),
    /// The encoder.
    #[error("encoding")]
    Encode(#[from] EncodeError),
    /// The sink.
    #[error("sink")]
    Sink(#[from] SinkError),
    /// The folder that the changes went to tells nothing of them any more.
    #[error(
        "manifest.jsonl is gone from {folder}, which had the changes before {at}: restore the folder from a copy; or, if it can do \
         without them, move whatever is left in it elsewhere, and remove {state}/target to go on with what comes after {at}"
    )]
    TargetEmptied {
        /// The folder of the sink.
        folder: String,
        /// The checkpoint in the state folder.
        at: Coordinates,
        /// The state folder.
        state: String,
    },
    /// The manifest tells of less than was committed to it.
    #[error(
        "manifest.jsonl in {folder} ends at {found}, though the changes before {at} were committed to it: lines at its end are \
         missing; restore the folder from a copy, or remove {state}/relay-log.info to go on at {found}, so that what is \
         missing comes again if the source still has it"
    )]
    ManifestCut {
        /// The folder of the sink.
        folder: String,
        /// The checkpoint in the manifest.
        found: Coordinates,
        /// The checkpoint in the state folder.
        at: Coordinates,
        /// The state folder.
        state: String,
    },
    /// The topic that had the checkpoints has none of this connector any more.
    #[error(
        "topic {topic} holds no checkpoint of this connector any more, which had delivered what comes before {at}: name the topic \
         that has it by checkpoint_topic, or remove {state}/target to go on at {at}, the copy in the state folder, so that what \
         was delivered after it comes again"
    )]
    CheckpointsLost {
        /// The topic.
        topic: String,
        /// The checkpoint in the state folder.
        at: Coordinates,
        /// The state folder.
        state: String,
    },
    /// A state folder that was not in use meanwhile has skip orders that are not kept in Kafka.
    #[error(
        "the skip orders in {state} are not kept with the checkpoint, which another instance stored, and may have been carried \
         out or cancelled there ({orders}): remove skip-orders.json there and order again what is still wanted"
    )]
    StaleOrders {
        /// The orders.
        orders: String,
        /// The state folder.
        state: String,
    },
    /// The checkpoint leaves an XA transaction undecided whose changes are nowhere to be had.
    #[error(
        "the XA transaction {id}, prepared by the group at {at}, is neither committed nor rolled back at the checkpoint, its \
         changes are not in the state folder, or damaged there, and cannot be read from the source again, restore the folder `prepared` of \
         the state folder from a copy, or begin anew with the state and the target of this connector emptied"
    )]
    Undecided {
        /// Its id.
        id: XaId,
        /// Where its group begins.
        at: Coordinates,
        /// Why it cannot be read again; `None` if another group stands there.
        #[source]
        why: Option<Box<PipelineError>>,
    },
    /// The ledger does not add up.
    #[error("the ledger does not balance by {by} events, which is a bug in rowtap: {ledger}")]
    Imbalance {
        /// Received events less those accounted for.
        by: i128,
        /// The ledger.
        ledger: Box<crate::change::Ledger>,
    },
    /// A stage panicked.
    #[error("a stage of the pipeline panicked: {0}")]
    Panic(String),
    /// A neighbouring stage ended first; its own error is the one that counts.
    #[error("a neighbouring stage ended")]
    Closed,
    /// The run was told to stop, or nobody takes what it delivers any more, before it had an answer that it needs.
    #[error("stopped")]
    Stopped,
    /// The connector was told to stop and did not within its grace.
    #[error(
        "not stopped after shutdown_grace ({grace:?}), {}; if the target is only slow, set a longer shutdown_grace",
        comes_again(.committed.as_ref())
    )]
    GraceOver {
        /// How long it was given.
        grace: Duration,
        /// The last commit of this process.
        committed: Option<Coordinates>,
    },
    /// The connector was told to stop, and what it had delivered by then could not be committed.
    #[error("stopped without a last commit, {}", comes_again(.committed.as_ref()))]
    Uncommitted {
        /// The last commit of this process.
        committed: Option<Coordinates>,
        /// Why there was no other.
        #[source]
        failure: Box<PipelineError>,
    },
    /// Too many failures in a row.
    #[error("gave up after {failures} failures in a row")]
    GaveUp {
        /// How many there were.
        failures: u32,
        /// The last one.
        #[source]
        last: Box<PipelineError>,
    },
}

impl PipelineError {
    /// What the failure means for the retry loop and for the process.
    pub fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Source(error) => error.class(),
            Self::NewStart { failure, .. } => failure.class(),
            Self::Assemble(error) => error.class(),
            Self::Filter(error) => error.class(),
            Self::Encode(error) => error.class(),
            Self::Sink(error) => error.class(),
            Self::Undecided { .. }
            | Self::TargetEmptied { .. }
            | Self::ManifestCut { .. }
            | Self::CheckpointsLost { .. }
            | Self::StaleOrders { .. } => Class::Data,
            Self::Imbalance { .. } | Self::Panic(_) | Self::Closed => Class::Bug,
            Self::Stopped => Class::CleanEnd,
            Self::GaveUp { last, .. } if last.class() == Class::DiskFull => Class::CannotWrite,
            Self::GaveUp { .. } | Self::GraceOver { .. } | Self::Uncommitted { .. } => {
                Class::GaveUp
            }
        }
    }

    /// Whether the target refuses what it may grant again.
    pub(super) fn is_withdrawal(&self) -> bool {
        matches!(self, Self::Sink(error) if error.is_withdrawal())
    }

    /// Whether views cannot be had without a lock, however often they are opened.
    pub(super) fn is_no_window(&self) -> bool {
        matches!(self, Self::Source(SourceError::NoWindow { .. }))
    }

    /// Whether a copy begins again since a table was not what it had been.
    pub(super) fn is_disturbed(&self) -> bool {
        matches!(self, Self::Source(SourceError::SnapshotDisturbed { .. }))
    }

    /// Whether what was ordered to be copied cannot be.
    pub(super) fn is_of_order(&self) -> bool {
        matches!(self, Self::Source(SourceError::SnapshotOrder { .. }))
    }

    /// What is kept of it, and shown as a replica's last error.
    pub fn last_error(&self) -> LastError {
        let group = match self {
            Self::Assemble(error) => Some(match &error.group {
                Some(group) => StoppedGroup {
                    begin: group.begin.clone(),
                    gtid: group.gtid.as_ref().map(ToString::to_string),
                },
                None => StoppedGroup {
                    begin: error.at.clone(),
                    gtid: None,
                },
            }),
            _other => None,
        };
        LastError {
            at_us: crate::metrics::now_us(),
            number: self.number(),
            is_of_source: self.is_of_source(),
            message: crate::metrics::one_line(self),
            group,
        }
    }

    /// The number that the source gave it, or else the exit code that stands for it.
    fn number(&self) -> u32 {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let connection = error.downcast_ref::<ConnectionError>();
            if let Some(said) = connection.and_then(ConnectionError::server_error) {
                return u32::from(said.code);
            }
            cause = error.source();
        }
        u32::from(self.class().exit_code())
    }

    /// Whether a replica's I/O thread would have it.
    fn is_of_source(&self) -> bool {
        match self {
            Self::Source(_) => true,
            Self::GaveUp { last, .. } => last.is_of_source(),
            Self::Uncommitted { failure, .. } => failure.is_of_source(),
            _other => false,
        }
    }

    /// What is said of a connector that did not stop within its grace.
    pub fn grace_over(grace: Duration, metrics: &ConnectorMetrics) -> Self {
        Self::GraceOver {
            grace,
            committed: metrics.committed_to(),
        }
    }

    /// Whether the failure only follows from the end of something else, whose own error counts.
    pub(super) fn is_consequence(&self) -> bool {
        matches!(self, Self::Closed | Self::Stopped)
    }
}

/// What the next start of a connector repeats.
fn comes_again(committed: Option<&Coordinates>) -> String {
    match committed {
        Some(at) => format!(
            "nothing after {at} is known to be committed, and what is not comes again at the next start"
        ),
        None => "nothing was committed, and all of it comes again at the next start".to_owned(),
    }
}
