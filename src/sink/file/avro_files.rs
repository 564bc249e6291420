//! A folder of Avro object container files: each change once, for a reader of the manifest.

use std::mem;
use std::path::Path;
use std::sync::Arc;

use super::data_file::Rotation;
use super::folder::DataFolder;
use super::{FileOptions, avro};
use crate::change::{Checkpoint, Origin};
use crate::encode::{Containers, ContainersEncoder, FormatSettings, InvalidText, Plan};
use crate::mysql::Flavour;
use crate::row::Table;
use crate::sink::{Sink, SinkError};
use crate::state::off_the_runtime;

/// A folder of Avro object container files.
#[derive(Debug)]
pub struct AvroFiles {
    options: FileOptions,
    connector: Box<str>,
    /// The source's family.
    flavour: Flavour,
    /// `None` before `resume_point`, and after a failure: only opening it again tells what is on the disk then.
    folder: Option<DataFolder>,
}

impl AvroFiles {
    /// Makes the sink of a connector; nothing is touched before `resume_point`.
    pub fn new(options: FileOptions, connector: &str) -> Self {
        Self {
            options,
            connector: connector.into(),
            flavour: Flavour::MySql,
            folder: None,
        }
    }

    fn format(&self) -> FormatSettings {
        let mut format = FormatSettings::new(self.options.sections(), &self.connector);
        if let FormatSettings::Avro(settings) = &mut format {
            settings.flavour = self.flavour;
        }
        format
    }

    /// Runs blocking work on the folder, which travels with it and comes back only if all went well.
    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut DataFolder) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let mut folder = self.folder.take().ok_or(SinkError::NotOpen)?;
        let (folder, done) = off_the_runtime(move || {
            let done = work(&mut folder)?;
            Ok::<_, SinkError>((folder, done))
        })
        .await?;
        self.folder = Some(folder);
        Ok(done)
    }
}

impl Sink for AvroFiles {
    type Encoder = ContainersEncoder;

    fn encoder(&self, invalid_text: InvalidText) -> ContainersEncoder {
        ContainersEncoder::new(self.format(), invalid_text)
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        self.folder = None;
        let path = self.options.folder.clone();
        let rotation = Rotation {
            bytes: self.options.rotate_bytes.as_u64(),
            interval: self.options.rotate_interval,
        };
        let connector = self.connector.clone();
        let open = move || DataFolder::open(&path, rotation, avro::SUFFIX, &connector);
        let folder = off_the_runtime(open).await?;
        let checkpoint = folder.checkpoint().cloned();
        self.folder = Some(folder);
        Ok(checkpoint)
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
        let taken = mem::take(block);
        let (taken, is_full) = self
            .blocking(move |folder| avro::write(folder, &taken).map(|is_full| (taken, is_full)))
            .await?;
        *block = taken;
        Ok(is_full)
    }

    async fn commit(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        let upto = upto.clone();
        self.blocking(move |folder| folder.commit(&upto)).await
    }

    fn source_is(&mut self, origin: &Origin, _state: &Path) {
        self.flavour = origin.flavour;
    }
}
