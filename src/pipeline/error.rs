//! What ends a run, and what that means for the process.

use crate::change::AssembleError;
use crate::encode::EncodeError;
use crate::filter::FilterError;
use crate::sink::SinkError;
use crate::source::SourceError;
use crate::state::StateError;

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
    /// The ledger does not add up.
    #[error("the ledger does not balance by {by} events, which is a bug in rowtap: {ledger}")]
    Imbalance {
        /// Received events less those accounted for.
        by: i128,
        /// The ledger.
        ledger: crate::change::Ledger,
    },
    /// A stage panicked.
    #[error("a stage of the pipeline panicked: {0}")]
    Panic(String),
    /// A neighbouring stage ended first; its own error is the one that counts.
    #[error("a neighbouring stage ended")]
    Closed,
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
    /// Whether starting again from the checkpoint may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Source(error) => error.is_transient(),
            Self::Sink(error) => error.is_transient(),
            Self::State(_)
            | Self::Assemble(_)
            | Self::Filter(_)
            | Self::Encode(_)
            | Self::Imbalance { .. }
            | Self::Panic(_)
            | Self::Closed
            | Self::GaveUp { .. } => false,
        }
    }

    /// Whether this is how the run was meant to end: the reader of the standard output went away.
    pub fn is_clean_end(&self) -> bool {
        matches!(self, Self::Sink(error) if error.is_clean_end())
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::State(error) => error.exit_code(),
            Self::Source(error) => error.class().exit_code(),
            Self::Sink(error) => error.exit_code(),
            Self::Assemble(_) | Self::Encode(_) => 65,
            Self::Filter(_) => 78,
            Self::Panic(_) | Self::Closed | Self::Imbalance { .. } => 1,
            Self::GaveUp { .. } => 75,
        }
    }
}
