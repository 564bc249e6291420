//! A folder of data files under a manifest: repaired on opening, appended to, committed, rotated.
//!
//! Everything here blocks; the sink calls it off the async runtime. Knows nothing of what the files hold. Bytes that a
//! crash left beyond what the manifest records are cut off; recorded bytes that are missing are an error.

use std::collections::BTreeMap;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::data_file::Rotation;
use super::manifest::{self, FileEntry, Manifest, ManifestContents};
use super::series::{FileSeries, SeriesKind, data_files};
use crate::change::Checkpoint;
use crate::fault::{Fault, FileRole, planted};
use crate::sink::SinkError;
use crate::state::{LOCK_NAME, LockFile, durable};

/// Files that are open at a time at most, of the many that a series a table makes.
const OPEN_FILES_MAX: usize = 256;
const OWN_LOCK_MAX: Duration = Duration::from_secs(30);
const OWN_LOCK_POLL: Duration = Duration::from_millis(10);

/// A folder whose lock this process holds.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    rotation: Rotation,
    /// How the names of the data files end.
    suffix: &'static str,
    /// The connector that writes here.
    connector: Box<str>,
    /// `None` until the checkpoint at which everything begins is known.
    manifest: Option<Manifest>,
    series: BTreeMap<SeriesKind, FileSeries>,
    /// A data file was created since the folder was last synced.
    is_extended: bool,
    _lock: LockFile,
}

impl DataFolder {
    /// Creates the folder or repairs what a crash left in it.
    ///
    /// # Errors
    /// A folder of another connector, or one that another process holds or that cannot be written; a damaged manifest; lost
    /// data.
    pub fn open(
        path: &Path,
        rotation: Rotation,
        suffix: &'static str,
        connector: &str,
    ) -> Result<Self, SinkError> {
        durable::create_folder(path, FileRole::DataFolder)?;
        let lock = lock(path)?;
        let mut folder = Self {
            path: path.to_owned(),
            rotation,
            suffix,
            connector: connector.into(),
            manifest: None,
            series: BTreeMap::new(),
            is_extended: false,
            _lock: lock,
        };
        match manifest::read_of(path, connector)? {
            Some(contents) => folder.resume(contents)?,
            None => folder.assert_fresh()?,
        }
        Ok(folder)
    }

    /// The last commit's checkpoint; `None` in a fresh folder.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        let manifest = self.manifest.as_ref();
        manifest.map(|manifest| &manifest.contents().checkpoint)
    }

    /// Appends whole records to a series.
    ///
    /// # Errors
    /// What the file system refuses, or a folder that was never committed to.
    pub fn append(&mut self, kind: &SeriesKind, bytes: &[u8]) -> Result<(), SinkError> {
        if self.manifest.is_none() {
            return Err(SinkError::NotOpen);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let series = series_of(&mut self.series, kind, self.suffix);
        self.is_extended |= series.append(&self.path, bytes)?;
        Ok(())
    }

    /// Makes sure that a series has an open file that begins as `begins` says, and gives its name; a new one gets `header`,
    /// which is told it.
    ///
    /// # Errors
    /// As for [`Self::append`].
    pub fn open_for(
        &mut self,
        kind: &SeriesKind,
        begins: &str,
        header: impl FnOnce(&str) -> Vec<u8>,
    ) -> Result<String, SinkError> {
        let series = series_of(&mut self.series, kind, self.suffix);
        if series.has_begun(begins) {
            return Ok(series.name().to_string());
        }
        let open = self.series.values().filter(|series| series.is_open());
        if open.count() >= OPEN_FILES_MAX
            && let Some(first) = self.series.values_mut().find(|series| series.is_open())
        {
            first.end()?;
        }
        let series = series_of(&mut self.series, kind, self.suffix);
        series.end()?;
        series.begin(begins);
        let name = series.name().to_string();
        self.append(kind, &header(&name))?;
        Ok(name)
    }

    /// Counts records that were appended to a series.
    pub fn count_rows(&mut self, kind: &SeriesKind, rows: u64) {
        series_of(&mut self.series, kind, self.suffix).count_rows(rows);
    }

    /// Whether a file is full, so that a commit would close it.
    pub fn is_full(&self) -> bool {
        let mut series = self.series.values();
        series.any(|series| series.is_full(self.rotation))
    }

    /// Makes everything written durable, and `upto` with it; closes files that are full or old.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn commit(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        if self.manifest.is_none() {
            let contents = ManifestContents {
                connector: None,
                files: BTreeMap::new(),
                checkpoint: upto.clone(),
            };
            self.manifest = Some(Manifest::create(&self.path, &self.connector, contents)?);
            return Ok(());
        }
        let early = planted(Fault::CheckpointBeforeFlush);
        if !early {
            self.sync()?;
        }
        self.record(upto)?;
        if early {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        for series in self.series.values_mut() {
            series.sync()?;
        }
        if mem::take(&mut self.is_extended) {
            durable::sync_folder(&self.path, FileRole::DataFolder)?;
        }
        Ok(())
    }

    fn record(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        let manifest = self.manifest.as_mut().ok_or(SinkError::NotOpen)?;
        let series = self.series.values_mut();
        let changed = series.flat_map(|series| series.record(self.rotation));
        let changed: Vec<FileEntry> = changed.collect();
        if changed.is_empty() && manifest.contents().checkpoint == *upto {
            return Ok(());
        }
        manifest.commit(changed, upto)
    }

    /// Without a manifest nothing counts, so nothing may be there.
    fn assert_fresh(&self) -> Result<(), SinkError> {
        match data_files(&self.path, self.suffix)?.first() {
            None => Ok(()),
            Some(name) => Err(SinkError::ManifestMissing {
                path: self.path.join(manifest::NAME),
                data_file: name.to_string(),
            }),
        }
    }

    fn resume(&mut self, mut contents: ManifestContents) -> Result<(), SinkError> {
        let files = contents.files.keys().map(String::as_str);
        for kind in FileSeries::kinds(files, self.suffix) {
            let series = series_of(&mut self.series, &kind, self.suffix);
            series.resume(&self.path, &mut contents)?;
        }
        for name in data_files(&self.path, self.suffix)? {
            if contents.files.contains_key(&name.to_string()) {
                continue;
            }
            let path = self.path.join(name.to_string());
            let next = series_of(&mut self.series, &name.kind, self.suffix).number();
            // The manifest named every earlier file once. One that it no longer names is not rowtap's to remove.
            if name.number < next {
                warn!(path = %path.display(), "file is not in the manifest, left alone");
                continue;
            }
            durable::remove(&path, FileRole::DataFile)?;
            info!(path = %path.display(), "file removed, nothing in it was committed");
        }
        durable::sync_folder(&self.path, FileRole::DataFolder)?;
        // A new manifest even where the old one was whole: after a failed sync only what is written again is durable.
        if contents.connector.is_none() {
            info!(folder = %self.path.display(), connector = %self.connector, "the manifest named no connector, it is this one's now");
        }
        self.manifest = Some(Manifest::create(&self.path, &self.connector, contents)?);
        Ok(())
    }
}

/// The series of a kind, which begins where there is none yet.
fn series_of<'a>(
    all: &'a mut BTreeMap<SeriesKind, FileSeries>,
    kind: &SeriesKind,
    suffix: &'static str,
) -> &'a mut FileSeries {
    all.entry(kind.clone())
        .or_insert_with(|| FileSeries::new(kind.clone(), suffix))
}

/// Another process is an error at once. If this process holds the lock itself, an earlier run has been given up while its
/// last sync is still going on: that ends soon.
fn lock(folder: &Path) -> Result<LockFile, SinkError> {
    let mut lock = LockFile::open(folder, FileRole::DataLock)?;
    let deadline = Instant::now() + OWN_LOCK_MAX;
    let mut is_told = false;
    while !lock.try_take()? {
        let is_own = lock
            .owner()
            .is_some_and(|owner| owner.pid == std::process::id());
        if !is_own || Instant::now() >= deadline {
            let path = folder.join(LOCK_NAME);
            return Err(SinkError::Locked { path });
        }
        if !std::mem::replace(&mut is_told, true) {
            info!(folder = %folder.display(), "the folder is still held by an earlier run, waiting for its last sync");
        }
        std::thread::sleep(OWN_LOCK_POLL);
    }
    lock.announce(None)?;
    Ok(lock)
}
