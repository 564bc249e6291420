//! A series of data files: `changes-00000001.jsonl` and so on, or `ddl-…`, of which the last is open.
//!
//! Knows how far its open file is written, synced and recorded in the manifest. Not for the manifest itself: see `folder`.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::info;

use super::manifest::{FileEntry, ManifestContents};
use crate::fault::FileRole;
use crate::sink::SinkError;
use crate::state::durable::{self, DurableFile};

const SUFFIX: &str = ".jsonl";
/// Digits of a file's number, with zeros in front, so that names sort as they were written.
const DIGITS: usize = 8;

/// When a data file is closed and the next one begun, at the next commit.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// At this many bytes. A group is never split over two files, so that a large one makes a larger file.
    pub bytes: u64,
    /// At this age, counted from its first line or from the start of the process.
    pub interval: Duration,
}

/// The two series of data files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesKind {
    /// Row changes.
    Changes,
    /// DDL statements.
    Ddl,
}

/// The name of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataFileName {
    /// Which series it belongs to.
    pub kind: SeriesKind,
    /// Its place in the series, from 1.
    pub number: u64,
}

/// A series of data files, at its end.
#[derive(Debug)]
pub struct FileSeries {
    kind: SeriesKind,
    /// The number of the open file, or of the next one.
    number: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
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

impl FileSeries {
    /// Makes a series that begins with file 1.
    pub fn new(kind: SeriesKind) -> Self {
        Self {
            kind,
            number: 1,
            open: None,
        }
    }

    /// The number of the open file, or of the next one.
    pub fn number(&self) -> u64 {
        self.number
    }

    fn name(&self) -> DataFileName {
        DataFileName {
            kind: self.kind,
            number: self.number,
        }
    }

    /// Goes on where the manifest says; drops closed files from it that their reader has taken away.
    ///
    /// # Errors
    /// A file that is shorter than recorded, or what the file system refuses.
    pub fn resume(
        &mut self,
        folder: &Path,
        contents: &mut ManifestContents,
    ) -> Result<(), SinkError> {
        let mut last: Option<(DataFileName, FileEntry)> = None;
        let mut taken = Vec::new();
        for entry in contents.files.values() {
            let Some(name) = DataFileName::parse(&entry.file).filter(|name| name.kind == self.kind)
            else {
                continue;
            };
            let path = folder.join(&entry.file);
            let found = durable::length(&path, FileRole::DataFile)?;
            if found.is_none() && entry.closed {
                taken.push(entry.file.clone());
            } else if found.unwrap_or(0) < entry.bytes {
                return Err(SinkError::DataLost {
                    path,
                    found: found.unwrap_or(0),
                    recorded: entry.bytes,
                });
            }
            if last
                .as_ref()
                .is_none_or(|(last, _)| last.number < name.number)
            {
                last = Some((name, entry.clone()));
            }
        }
        let Some((name, entry)) = last else {
            return Ok(());
        };
        for file in taken {
            // The last one's number must not be given out again.
            if file != entry.file {
                info!(file, "closed file is gone, dropped from the manifest");
                contents.files.remove(&file);
            }
        }
        self.number = name.number.saturating_add(u64::from(entry.closed));
        if !entry.closed {
            self.open = Some(Open::resume(&folder.join(&entry.file), &entry)?);
        }
        Ok(())
    }

    /// Appends whole lines; returns whether it created a file for them.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn append(&mut self, folder: &Path, bytes: &[u8]) -> Result<bool, SinkError> {
        let name = self.name();
        let is_new = self.open.is_none();
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::create(&folder.join(name.to_string()))?),
        };
        open.file.write(bytes)?;
        open.written.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(is_new)
    }

    /// Counts lines that were appended.
    pub fn count_rows(&mut self, rows: u64) {
        if let Some(open) = &mut self.open {
            open.written.rows = open.written.rows.saturating_add(rows);
        }
    }

    /// Whether the open file is due by its size.
    pub fn is_full(&self, rotation: Rotation) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| open.written.bytes >= rotation.bytes)
    }

    /// Makes durable what was appended, though not yet the name of a new file.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sync(&mut self) -> Result<(), SinkError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if open.synced != open.written {
            open.file.sync_data()?;
            open.synced = open.written;
        }
        Ok(())
    }

    /// What the manifest does not say yet of the open file; closes it when it is due.
    pub fn record(&mut self, rotation: Rotation) -> Option<FileEntry> {
        let file = self.name().to_string();
        let open = self.open.as_mut()?;
        let closed = open.synced == open.written
            && (open.synced.bytes >= rotation.bytes || open.since.elapsed() >= rotation.interval);
        if !closed && open.recorded == open.synced {
            return None;
        }
        open.recorded = open.synced;
        let entry = FileEntry {
            file,
            bytes: open.synced.bytes,
            rows: open.synced.rows,
            closed,
        };
        if closed {
            self.open = None;
            self.number += 1;
        }
        Some(entry)
    }
}

impl Open {
    fn create(path: &Path) -> Result<Self, SinkError> {
        let file = DurableFile::create(path, FileRole::DataFile)?;
        Ok(Self::at(file, Extent::default()))
    }

    /// Cuts off what was not committed.
    fn resume(path: &Path, entry: &FileEntry) -> Result<Self, SinkError> {
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
}

impl SeriesKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Changes => "changes-",
            Self::Ddl => "ddl-",
        }
    }
}

impl DataFileName {
    /// Only names that rowtap itself would give.
    fn parse(file: &str) -> Option<Self> {
        [SeriesKind::Changes, SeriesKind::Ddl]
            .into_iter()
            .find_map(|kind| {
                let digits = file.strip_prefix(kind.prefix())?.strip_suffix(SUFFIX)?;
                let name = Self {
                    kind,
                    number: digits.parse().ok()?,
                };
                (name.to_string() == file).then_some(name)
            })
    }
}

impl fmt::Display for DataFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, number) = (self.kind.prefix(), self.number);
        write!(f, "{prefix}{number:0DIGITS$}{SUFFIX}")
    }
}

/// The data files in a folder, of both series.
///
/// # Errors
/// What the file system refuses.
pub fn data_files(folder: &Path) -> Result<Vec<DataFileName>, SinkError> {
    let names = durable::names(folder, FileRole::DataFolder)?;
    let names = names.iter().filter_map(|name| name.to_str());
    Ok(names.filter_map(DataFileName::parse).collect())
}
