//! A folder of files, JSON Lines or Avro: each change once, for a reader of the manifest.
//!
//! The manifest's last valid line is the checkpoint, so data and checkpoint cannot come apart. `schemas/state.md` tells
//! readers how to trust it. All file work runs off the async runtime.
//!
//! | module | what it is for |
//! |---|---|
//! | `manifest` | what of the data files counts |
//! | `data_file` | one open data file |
//! | `series` | the files of one kind, of which the last is open |
//! | `folder` | all series under the manifest: repaired on opening, appended to, committed, rotated |
//! | `held_folder` | the folder off the async runtime |
//! | `lines`, `avro` | the formats: which bytes of a block go where |
//! | `avro_files` | the sink of Avro files |

mod avro;
mod avro_files;
pub(super) mod check;
mod data_file;
mod folder;
mod held_folder;
mod lines;
pub(super) mod manifest;
mod series;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::{Sink, SinkError};
use crate::change::Checkpoint;
use crate::encode::{
    AvroOptions, CloudEventsMode, DebeziumOptions, FlatOptions, Format, FormatSections,
    FormatSettings, InvalidText, Lines, LinesEncoder, MaxwellOptions, Plan,
};
use crate::row::Table;
use data_file::Rotation;
use held_folder::HeldFolder;

pub use avro_files::AvroFiles;

/// The `[sink]` section with `type = "file"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileOptions {
    /// What the lines look like.
    #[serde(default)]
    pub format: Format,
    /// How the format `debezium` is written.
    pub debezium: Option<DebeziumOptions>,
    /// How the format `avro` is written.
    pub avro: Option<AvroOptions>,
    /// How the format `maxwell` is written.
    pub maxwell: Option<MaxwellOptions>,
    /// How the format `flat` is written.
    pub flat: Option<FlatOptions>,
    /// Whether messages are the data of CloudEvents, and how.
    pub cloudevents: Option<CloudEventsMode>,
    /// Where the files go; created if missing, and used by nobody else.
    pub folder: PathBuf,
    /// A file is closed when it has grown to this size.
    #[serde(default = "rotate_bytes")]
    pub rotate_bytes: ByteSize,
    /// A file is closed when it is this old.
    #[serde(
        default = "rotate_interval",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub rotate_interval: Duration,
}

impl FileOptions {
    fn rotation(&self) -> Rotation {
        Rotation {
            bytes: self.rotate_bytes.as_u64(),
            interval: self.rotate_interval,
        }
    }

    /// What it says of the format.
    pub(super) fn sections(&self) -> FormatSections<'_> {
        FormatSections {
            format: self.format,
            debezium: self.debezium.as_ref(),
            avro: self.avro.as_ref(),
            maxwell: self.maxwell.as_ref(),
            flat: self.flat.as_ref(),
            cloudevents: self.cloudevents,
            has_keys: false,
        }
    }
}

fn rotate_bytes() -> ByteSize {
    ByteSize::mib(256)
}

fn rotate_interval() -> Duration {
    Duration::from_secs(3600)
}

/// A folder of JSON Lines files.
#[derive(Debug)]
pub struct File {
    options: FileOptions,
    format: FormatSettings,
    connector: Box<str>,
    folder: HeldFolder,
}

impl File {
    /// Makes the sink of a connector; nothing is touched before `resume_point`.
    pub fn new(options: FileOptions, connector: &str) -> Self {
        Self {
            format: FormatSettings::new(options.sections(), connector),
            options,
            connector: connector.into(),
            folder: HeldFolder::default(),
        }
    }
}

impl Sink for File {
    type Encoder = LinesEncoder;

    fn encoder(&self, invalid_text: InvalidText) -> LinesEncoder {
        LinesEncoder::new(self.format.clone(), invalid_text)
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        let (path, rotation) = (&self.options.folder, self.options.rotation());
        let folder = &mut self.folder;
        folder
            .open(path, rotation, lines::SUFFIX, &self.connector)
            .await
    }

    async fn prepare(&mut self, table: &Arc<Table>) -> Result<Arc<Plan>, SinkError> {
        Ok(Arc::new(Plan::of_lines(
            self.format.clone(),
            Arc::clone(table),
        )))
    }

    async fn write(&mut self, block: &mut Lines) -> Result<bool, SinkError> {
        self.folder.write(block, lines::write).await
    }

    async fn commit(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        self.folder.commit(upto).await
    }
}
