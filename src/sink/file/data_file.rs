//! One data file while it is open: how far it is written, synced and recorded in the manifest.
//!
//! Takes bytes that a format has finished. A format that must finish a file before its bytes count, as Parquet does with
//! its footer, brings a writer of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use super::manifest::FileEntry;
use crate::fault::FileRole;
use crate::sink::SinkError;
use crate::state::durable::DurableFile;

/// When a data file is closed and the next one begun, at the next commit.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// At this many bytes. A group is never split over two files, so that a large one makes a larger file.
    pub bytes: u64,
    /// At this age, counted from its first line or from the start of the process.
    pub interval: Duration,
}

/// An open data file.
#[derive(Debug)]
pub struct DataFile {
    file: DurableFile,
    since: Instant,
    written: Extent,
    synced: Extent,
    recorded: Extent,
}

/// How much of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    bytes: u64,
    rows: u64,
}

impl DataFile {
    /// Makes an empty one. Its name is durable once the folder is synced.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn create(path: &Path) -> Result<Self, SinkError> {
        let file = DurableFile::create(path, FileRole::DataFile)?;
        Ok(Self::at(file, Extent::default()))
    }

    /// Opens one and cuts off what was not committed.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn resume(path: &Path, entry: &FileEntry) -> Result<Self, SinkError> {
        let mut file = DurableFile::open(path, FileRole::DataFile)?;
        file.cut(entry.bytes)?;
        file.sync_all()?;
        let extent = Extent {
            bytes: entry.bytes,
            rows: entry.rows,
        };
        Ok(Self::at(file, extent))
    }

    fn at(file: DurableFile, extent: Extent) -> Self {
        Self {
            file,
            since: Instant::now(),
            written: extent,
            synced: extent,
            recorded: extent,
        }
    }

    /// Appends whole records.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.file.write(bytes)?;
        self.written.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Counts records that were appended.
    pub fn count_rows(&mut self, rows: u64) {
        self.written.rows = self.written.rows.saturating_add(rows);
    }

    /// Whether it is to be closed for its size.
    pub fn is_full(&self, rotation: Rotation) -> bool {
        self.written.bytes >= rotation.bytes
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sync(&mut self) -> Result<(), SinkError> {
        if self.synced != self.written {
            self.file.sync_data()?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// Ends it, durable as it is, before it is due; gives what the manifest is to say of it under this name.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn end(mut self, name: String) -> Result<FileEntry, SinkError> {
        self.sync()?;
        Ok(FileEntry {
            file: name,
            bytes: self.synced.bytes,
            rows: self.synced.rows,
            closed: true,
        })
    }

    /// What the manifest does not say yet of the file, which has this name; marked as closed when the file is due, and then
    /// to be written no more.
    pub fn record(&mut self, name: String, rotation: Rotation) -> Option<FileEntry> {
        let closed = self.synced == self.written
            && (self.synced.bytes >= rotation.bytes || self.since.elapsed() >= rotation.interval);
        if !closed && self.recorded == self.synced {
            return None;
        }
        self.recorded = self.synced;
        Some(FileEntry {
            file: name,
            bytes: self.synced.bytes,
            rows: self.synced.rows,
            closed,
        })
    }
}
