//! Where changes go, and what is durable there.
//!
//! | sink | promise |
//! |---|---|
//! | [`File`], [`AvroFiles`] | once, for a reader of the manifest, whose last valid line is the checkpoint |
//! | `Kafka` | at least once: after a crash a topic repeats from a group's first row, in order per key; or once, for a reader of what is committed |
//! | [`Stdout`], [`Blackhole`] | none: what was written is the reader's affair |

mod blackhole;
mod contract;
mod error;
mod file;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod registry;
mod registry_error;
mod stdout;
#[cfg(feature = "kafka")]
mod web;

use std::borrow::Cow;
use std::path::{self, Path};

use crate::change::Checkpoint;
use crate::encode::{Format, FormatSections};
use crate::finding::Finding;
use crate::row::TableName;
use crate::state::off_the_runtime;

pub use blackhole::{Blackhole, BlackholeOptions};
pub use contract::{BlockOf, Placement, PlanOf, SharedCheckpoints, Sink, TargetTable};
pub use error::{Outlook, SinkError};
pub use file::{AvroFiles, File, FileOptions};
#[cfg(feature = "kafka")]
pub use kafka::{
    AwsMskIamOptions, Kafka, KafkaCompression, KafkaDelivery, KafkaHeader, KafkaHeaders, KafkaKey,
    KafkaOptions, KafkaRoute, LargeGroups, PartitionBy, SharedTopic,
};
#[cfg(feature = "kafka")]
pub use registry::{OnIncompatible, RegistryOptions, SubjectNameStrategy};
pub use registry_error::RegistryError;
pub use stdout::{Stdout, StdoutOptions};

/// The `[sink]` section of a connector.
#[derive(Clone, Debug)]
pub enum SinkOptions {
    /// A Kafka cluster.
    #[cfg(feature = "kafka")]
    Kafka(Box<KafkaOptions>),
    /// A folder of files.
    File(FileOptions),
    /// The standard output.
    Stdout(StdoutOptions),
    /// Nowhere.
    Blackhole(BlackholeOptions),
}

impl SinkOptions {
    /// The folder that holds what was written, where that is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(options) => Some(&options.folder),
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => None,
            Self::Stdout(_) | Self::Blackhole(_) => None,
        }
    }

    /// The target in a word or, where it is a folder, by its path.
    pub fn target(&self) -> String {
        match self {
            Self::File(options) => {
                let folder = path::absolute(&options.folder);
                let folder = folder.as_deref().unwrap_or(&options.folder);
                folder.display().to_string()
            }
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => "kafka".to_owned(),
            Self::Stdout(_) => "stdout".to_owned(),
            Self::Blackhole(_) => "blackhole".to_owned(),
        }
    }

    /// What is wrong with values of a connector that can be judged without the target: the path of each key, and what is wrong
    /// and the fix.
    #[cfg_attr(
        not(feature = "kafka"),
        expect(unused_variables, reason = "only Kafka has topics")
    )]
    pub fn problems(&self, connector: &str) -> Vec<(Vec<String>, Cow<'static, str>)> {
        let mut problems = match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(options) => options.problems(connector),
            Self::File(_) | Self::Stdout(_) | Self::Blackhole(_) => Vec::new(),
        };
        let wrong = self.sections().problems();
        problems.extend(wrong.map(|(path, reason)| {
            let path = path.into_iter().map(str::to_owned).collect();
            (path, Cow::from(reason))
        }));
        let unused = self.sections().unused();
        problems.extend(unused.map(|(key, reason)| (vec![key.to_owned()], reason.into())));
        let is_avro = self.sections().format == Format::Avro;
        if is_avro && matches!(self, Self::Stdout(_)) {
            let reason = "is 'avro', whose messages are no lines, choose another format or sink";
            problems.push((vec!["format".to_owned()], reason.into()));
        }
        problems
    }

    /// What it says of the format.
    fn sections(&self) -> FormatSections<'_> {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(options) => options.sections(),
            Self::File(options) => options.sections(),
            Self::Stdout(options) => options.sections(),
            Self::Blackhole(options) => options.sections(),
        }
    }

    /// The key, below the section, by which what is written holds the statements that changed rows; `None` where it does not.
    pub fn queries(&self) -> Option<[&'static str; 2]> {
        self.sections().queries()
    }

    /// Whether messages tell where the rows of a table begin and end in a snapshot.
    pub fn tells_edges(&self) -> bool {
        self.sections().tells_edges()
    }

    /// Whether messages tell that a table was emptied by more than the statement.
    pub fn tells_emptied(&self) -> bool {
        self.sections().tells_emptied()
    }
}

/// Where the changes of a table go that is published under this name; `None` for a sink without topics.
///
/// # Errors
/// A table that has no place, and why.
#[cfg_attr(
    not(feature = "kafka"),
    expect(unused_variables, reason = "only Kafka has topics")
)]
pub fn placement(
    options: &SinkOptions,
    connector: &str,
    table: &TableName,
) -> Result<Option<Placement>, SinkError> {
    match options {
        #[cfg(feature = "kafka")]
        SinkOptions::Kafka(options) => kafka::placement(options, connector, table).map(Some),
        SinkOptions::File(_) | SinkOptions::Stdout(_) | SinkOptions::Blackhole(_) => Ok(None),
    }
}

/// Looks at the target of a connector, and tells what is to be said of it; nothing is written. `tables` is `None` where they
/// are not known.
#[cfg_attr(
    not(feature = "kafka"),
    expect(unused_variables, reason = "only Kafka is asked about tables")
)]
pub async fn check(
    options: &SinkOptions,
    connector: &str,
    tables: Option<Vec<TargetTable>>,
) -> Vec<Finding> {
    match options {
        SinkOptions::File(options) => {
            let (options, connector) = (options.clone(), connector.to_owned());
            off_the_runtime(move || file::check::findings(&options, &connector)).await
        }
        #[cfg(feature = "kafka")]
        SinkOptions::Kafka(options) => {
            kafka::check::findings(options, connector, tables.as_deref()).await
        }
        SinkOptions::Stdout(_) => {
            vec![Finding::ok("target", "changes go to the standard output")]
        }
        SinkOptions::Blackhole(_) => vec![Finding::note("target", "changes go nowhere")],
    }
}

/// The checkpoint that a connector's target holds with its data, read without touching the target; `None` where the target
/// keeps none or nothing was committed. Blocks.
///
/// # Errors
/// When what is stored cannot be trusted, or is another connector's.
pub fn stored_checkpoint(
    options: &SinkOptions,
    connector: &str,
) -> Result<Option<Checkpoint>, SinkError> {
    match options {
        SinkOptions::File(options) => {
            let contents = file::manifest::read_of(&options.folder, connector)?;
            Ok(contents.map(|contents| contents.checkpoint))
        }
        #[cfg(feature = "kafka")]
        SinkOptions::Kafka(options) => kafka::stored_checkpoint(options, connector),
        SinkOptions::Stdout(_) | SinkOptions::Blackhole(_) => Ok(None),
    }
}
