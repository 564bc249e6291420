//! A folder of data files under a manifest: repaired on opening, appended to, committed, rotated.
//!
//! Blocking; `file` calls it off the async runtime. Data files are `changes-00000001.jsonl` and `ddl-00000001.jsonl`, with
//! growing numbers. What a crash left beyond the manifest is cut off; what somebody else cut off is an error.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::mem;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::manifest::{self, Contents, Entry, Manifest, sync_folder};
use super::series::{Kind, Rotation, Series, data_files};
use crate::change::Checkpoint;
use crate::encode::Lines;
use crate::fault::{self, Fault};
use crate::sink::SinkError;

const LOCK: &str = "lock";
const OWN_LOCK_MAX: Duration = Duration::from_secs(30);
const OWN_LOCK_POLL: Duration = Duration::from_millis(10);

/// A folder that this process holds the lock of.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    rotation: Rotation,
    /// `None` until the checkpoint at which everything begins is known.
    manifest: Option<Manifest>,
    changes: Series,
    ddl: Series,
    /// A data file was created since the folder was last synced.
    is_extended: bool,
    _lock: File,
}

impl Folder {
    /// Creates the folder or repairs what a crash left in it.
    ///
    /// # Errors
    /// A folder that another process holds or that cannot be written; a damaged manifest; lost data.
    pub fn open(path: &Path, rotation: Rotation) -> Result<Self, SinkError> {
        create(path)?;
        let lock = lock(path)?;
        let mut folder = Self {
            path: path.to_owned(),
            rotation,
            manifest: None,
            changes: Series::new(Kind::Changes),
            ddl: Series::new(Kind::Ddl),
            is_extended: false,
            _lock: lock,
        };
        match manifest::read(path)? {
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

    /// Appends a block's lines; `true` when a file is full, so that a commit would close it.
    ///
    /// # Errors
    /// What the file system refuses, or a folder that was never committed to.
    pub fn write(&mut self, lines: &Lines) -> Result<bool, SinkError> {
        if self.manifest.is_none() {
            return Err(SinkError::NotOpen);
        }
        let mut from = 0;
        for ddl in &lines.ddl {
            self.append(Kind::Changes, lines, from..ddl.start)?;
            self.append(Kind::Ddl, lines, ddl.clone())?;
            from = ddl.end;
        }
        self.append(Kind::Changes, lines, from..lines.bytes.len())?;
        self.changes.count_rows(lines.row_count);
        self.ddl.count_rows(lines.ddl_count);
        Ok(self.changes.is_full(self.rotation) || self.ddl.is_full(self.rotation))
    }

    fn append(
        &mut self,
        kind: Kind,
        lines: &Lines,
        range: std::ops::Range<usize>,
    ) -> Result<(), SinkError> {
        let bytes = lines
            .bytes
            .get(range)
            .expect("an encoder marks lines inside its block");
        if bytes.is_empty() {
            return Ok(());
        }
        let series = match kind {
            Kind::Changes => &mut self.changes,
            Kind::Ddl => &mut self.ddl,
        };
        self.is_extended |= series.append(&self.path, bytes)?;
        Ok(())
    }

    /// Makes everything written durable, and `upto` with it; closes files that are full or old.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn commit(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        if self.manifest.is_none() {
            let contents = Contents {
                files: BTreeMap::new(),
                checkpoint: upto.clone(),
            };
            self.manifest = Some(Manifest::create(&self.path, contents)?);
            return Ok(());
        }
        let early = fault::planted(Fault::CheckpointBeforeFlush);
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
        self.changes.sync(&self.path)?;
        self.ddl.sync(&self.path)?;
        if mem::take(&mut self.is_extended) {
            sync_folder(&self.path)?;
        }
        Ok(())
    }

    fn record(&mut self, upto: &Checkpoint) -> Result<(), SinkError> {
        let manifest = self.manifest.as_mut().ok_or(SinkError::NotOpen)?;
        let changed: Vec<Entry> = [&mut self.changes, &mut self.ddl]
            .into_iter()
            .filter_map(|series| series.record(self.rotation))
            .collect();
        if changed.is_empty() && manifest.contents().checkpoint == *upto {
            return Ok(());
        }
        manifest.commit(changed, upto)
    }

    /// Without a manifest nothing counts, so that there must be nothing.
    fn assert_fresh(&self) -> Result<(), SinkError> {
        match data_files(&self.path)?.first() {
            None => Ok(()),
            Some(name) => Err(SinkError::ManifestMissing {
                path: self.path.join(manifest::NAME),
                data_file: name.to_string(),
            }),
        }
    }

    fn resume(&mut self, mut contents: Contents) -> Result<(), SinkError> {
        for series in [&mut self.changes, &mut self.ddl] {
            series.resume(&self.path, &mut contents)?;
        }
        for name in data_files(&self.path)? {
            if contents.files.contains_key(&name.to_string()) {
                continue;
            }
            let path = self.path.join(name.to_string());
            let next = match name.kind {
                Kind::Changes => self.changes.number(),
                Kind::Ddl => self.ddl.number(),
            };
            // Files before the open one were in the manifest once; one that is not is no longer rowtap's.
            if name.number < next {
                warn!(path = %path.display(), "file is not in the manifest, left alone");
                continue;
            }
            fs::remove_file(&path).map_err(SinkError::io("remove", &path))?;
            info!(path = %path.display(), "file removed, nothing in it was committed");
        }
        sync_folder(&self.path)?;
        // A new manifest even where the old one was whole: after a failed sync only what is written again is durable.
        self.manifest = Some(Manifest::create(&self.path, contents)?);
        Ok(())
    }
}

fn create(path: &Path) -> Result<(), SinkError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(SinkError::io("create", path))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        Some(_) | None => sync_folder(Path::new(".")),
    }
}

/// Another process is an error at once. This one may still be on its way out of an earlier run, whose last sync goes on for
/// a while after the run was given up.
fn lock(folder: &Path) -> Result<File, SinkError> {
    let path = folder.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(SinkError::io("create", &path))?;
    let own = format!("pid={}\n", std::process::id());
    let deadline = Instant::now() + OWN_LOCK_MAX;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(source)) => return Err(SinkError::io("lock", &path)(source)),
            Err(TryLockError::WouldBlock) => {}
        }
        let is_own = fs::read_to_string(&path).is_ok_and(|owner| owner == own);
        if !is_own || Instant::now() >= deadline {
            return Err(SinkError::Locked { path });
        }
        std::thread::sleep(OWN_LOCK_POLL);
    }
    file.set_len(0)
        .and_then(|()| file.write_all(own.as_bytes()))
        .map_err(SinkError::io("write", &path))?;
    Ok(file)
}
