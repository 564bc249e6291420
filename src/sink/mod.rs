//! Where changes go, and what is durable there.
//!
//! | sink | promise |
//! |---|---|
//! | [`File`] | once, for a reader of the manifest, whose last valid line is the checkpoint |
//! | `Kafka` | at least once: after a crash a topic repeats from a group's first row, in order per key |
//! | [`Stdout`], [`Blackhole`] | none: what was written is the reader's affair |

mod blackhole;
mod contract;
mod error;
mod file;
#[cfg(feature = "kafka")]
mod kafka;
mod stdout;

use crate::change::Checkpoint;

pub use blackhole::{Blackhole, BlackholeOptions};
pub use contract::{BlockOf, PlanOf, Sink};
pub use error::SinkError;
pub use file::{File, FileOptions};
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaCompression, KafkaOptions};
pub use stdout::{Stdout, StdoutOptions};

/// The `[sink]` section of a connector.
#[derive(Clone, Debug)]
pub enum SinkOptions {
    /// A Kafka cluster.
    #[cfg(feature = "kafka")]
    Kafka(KafkaOptions),
    /// A folder of files.
    File(FileOptions),
    /// The standard output.
    Stdout(StdoutOptions),
    /// Nowhere.
    Blackhole(BlackholeOptions),
}

impl SinkOptions {
    /// What is wrong with values that can be judged without the target: the path of each key, and what is wrong and the fix.
    pub fn problems(&self) -> Vec<(Vec<&str>, &'static str)> {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(options) => options.problems(),
            Self::File(_) | Self::Stdout(_) | Self::Blackhole(_) => Vec::new(),
        }
    }
}

/// The checkpoint that a target holds with its data, read without touching the target; `None` where the target keeps
/// none or nothing was committed.
///
/// # Errors
/// When what is stored cannot be trusted.
pub fn stored_checkpoint(options: &SinkOptions) -> Result<Option<Checkpoint>, SinkError> {
    match options {
        SinkOptions::File(options) => {
            Ok(file::manifest::read(&options.folder)?.map(|contents| contents.checkpoint))
        }
        #[cfg(feature = "kafka")]
        SinkOptions::Kafka(_) => Ok(None),
        SinkOptions::Stdout(_) | SinkOptions::Blackhole(_) => Ok(None),
    }
}
