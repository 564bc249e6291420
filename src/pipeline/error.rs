//! What ends a run.

use crate::binlog::{Coordinates, XaId};
use crate::change::AssembleError;
use crate::encode::EncodeError;
use crate::failure::Class;
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
    /// The checkpoint leaves XA transactions undecided, which only a newer rowtap holds.
    #[error(
        "the checkpoint leaves the XA transaction {id} undecided, whose group begins at {at}, and this rowtap holds none, \
         run the rowtap that wrote it or a newer one"
    )]
    Undecided {
        /// One of them.
        id: XaId,
        /// Where its group begins.
        at: Coordinates,
    },
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
    /// What the failure means for the retry loop and for the process.
    pub fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Source(error) => error.class(),
            Self::Assemble(error) => error.class(),
            Self::Filter(error) => error.class(),
            Self::Encode(error) => error.class(),
            Self::Sink(error) => error.class(),
            Self::Undecided { .. } => Class::Data,
            Self::Imbalance { .. } | Self::Panic(_) | Self::Closed => Class::Bug,
            Self::GaveUp { .. } => Class::GaveUp,
        }
    }
}
