//! Which sinks there are, and the checkpoint that each holds.

#[cfg(feature = "kafka")]
use super::KafkaOptions;
use super::file::manifest;
use super::{BlackholeOptions, FileOptions, SinkError, StdoutOptions};
use crate::change::Checkpoint;

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

/// The checkpoint that a target holds with its data, read without touching the target; `None` where the target keeps
/// none or nothing was committed.
///
/// # Errors
/// When what is stored cannot be trusted.
pub fn stored_checkpoint(options: &SinkOptions) -> Result<Option<Checkpoint>, SinkError> {
    match options {
        SinkOptions::File(options) => {
            Ok(manifest::read(&options.folder)?.map(|contents| contents.checkpoint))
        }
        #[cfg(feature = "kafka")]
        SinkOptions::Kafka(_) => Ok(None),
        SinkOptions::Stdout(_) | SinkOptions::Blackhole(_) => Ok(None),
    }
}
