//! The folder of a sink: opened, written and committed off the async runtime.

use std::mem;
use std::path::Path;

use super::data_file::Rotation;
use super::folder::DataFolder;
use crate::change::Checkpoint;
use crate::sink::SinkError;
use crate::state::off_the_runtime;

/// The folder, if it is open: not before it is asked where to resume, nor after a failure. Only opening it again tells what is on
/// the disk then.
#[derive(Debug, Default)]
pub struct HeldFolder(Option<DataFolder>);

impl HeldFolder {
    /// Opens the folder for files whose names end so, and tells the last checkpoint in it.
    ///
    /// # Errors
    /// A folder that cannot be used, or is in use.
    pub async fn open(
        &mut self,
        path: &Path,
        rotation: Rotation,
        suffix: &'static str,
        connector: &str,
    ) -> Result<Option<Checkpoint>, SinkError> {
        self.0 = None;
        let (path, connector) = (path.to_owned(), connector.to_owned());
        let open = move || DataFolder::open(&path, rotation, suffix, &connector);
        let folder = off_the_runtime(open).await?;
        let checkpoint = folder.checkpoint().cloned();
        self.0 = Some(folder);
        Ok(checkpoint)
    }

    /// Writes a block, which comes back for its next use unless that fails; gives whether the folder wants a commit.
    ///
    /// # Errors
    /// Those of `write`, and [`SinkError::NotOpen`].
    pub async fn write<B: Default + Send + 'static>(
        &mut self,
        block: &mut B,
        write: impl FnOnce(&mut DataFolder, &B) -> Result<bool, SinkError> + Send + 'static,
    ) -> Result<bool, SinkError> {
        let taken = mem::take(block);
        let work = move |folder: &mut DataFolder| write(folder, &taken).map(|full| (taken, full));
        let (taken, is_full) = self.work(work).await?;
        *block = taken;
        Ok(is_full)
    }

    /// Makes everything written so far durable, up to a checkpoint.
    ///
    /// # Errors
    /// What the disk says, and [`SinkError::NotOpen`].
    pub async fn commit(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        let upto = upto.clone();
        self.work(move |folder| folder.commit(&upto)).await
    }

    /// Runs blocking work on the folder, which travels with it and comes back only if all went well.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut DataFolder) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, SinkError> {
        let mut folder = self.0.take().ok_or(SinkError::NotOpen)?;
        let (folder, done) = off_the_runtime(move || {
            let done = work(&mut folder)?;
            Ok::<_, SinkError>((folder, done))
        })
        .await?;
        self.0 = Some(folder);
        Ok(done)
    }
}
