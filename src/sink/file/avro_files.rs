//! A folder of Avro object container files: each change once, for a reader of the manifest.

use std::path::Path;
use std::sync::Arc;

use super::held_folder::HeldFolder;
use super::{FileOptions, avro};
use crate::change::{Checkpoint, Origin};
use crate::encode::{Containers, ContainersEncoder, FormatSettings, InvalidText, Plan};
use crate::mysql::Flavour;
use crate::row::Table;
use crate::sink::{Sink, SinkError};

/// A folder of Avro object container files.
#[derive(Debug)]
pub struct AvroFiles {
    options: FileOptions,
    connector: Box<str>,
    /// The source's family.
    flavour: Flavour,
    folder: HeldFolder,
}

impl AvroFiles {
    /// Makes the sink of a connector; nothing is touched before `resume_point`.
    pub fn new(options: FileOptions, connector: &str) -> Self {
        Self {
            options,
            connector: connector.into(),
            flavour: Flavour::MySql,
            folder: HeldFolder::default(),
        }
    }

    fn format(&self) -> FormatSettings {
        let mut format = FormatSettings::new(self.options.sections(), &self.connector);
        if let FormatSettings::Avro(settings) = &mut format {
            settings.flavour = self.flavour;
        }
        format
    }
}

impl Sink for AvroFiles {
    type Encoder = ContainersEncoder;

    fn encoder(&self, invalid_text: InvalidText) -> ContainersEncoder {
        ContainersEncoder::new(self.format(), invalid_text)
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        let (path, rotation) = (&self.options.folder, self.options.rotation());
        let folder = &mut self.folder;
        folder
            .open(path, rotation, avro::SUFFIX, &self.connector)
            .await
    }

    async fn prepare(&mut self, table: &Arc<Table>) -> Result<Arc<Plan>, SinkError> {
        let plan = Plan::of_lines(self.format(), Arc::clone(table));
        if let Some(Err(reason)) = plan.avro_schemas() {
            return Err(SinkError::TableUnfit {
                table: table.name.clone(),
                reason,
            });
        }
        Ok(Arc::new(plan))
    }

    async fn write(&mut self, block: &mut Containers) -> Result<bool, SinkError> {
        let codec = self.options.avro.as_ref().map(|avro| avro.codec);
        let codec = codec.unwrap_or_default();
        let write = move |folder: &mut _, block: &_| avro::write(folder, block, codec);
        self.folder.write(block, write).await
    }

    async fn commit(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        self.folder.commit(upto).await
    }

    fn source_is(&mut self, origin: &Origin, _state: &Path) {
        self.flavour = origin.flavour;
    }
}
