//! The two series of data files: `changes-00000001.jsonl` and so on, and `ddl-…`. The last file of each is open.
//!
//! Not for the manifest: see `folder`.

use std::fmt;
use std::path::Path;

use tracing::info;

use super::data_file::{DataFile, Rotation};
use super::manifest::{FileEntry, ManifestContents};
use crate::fault::FileRole;
use crate::sink::SinkError;
use crate::state::durable;

/// Digits of a file's number, padded with zeros, so that names sort in the order in which they were written.
const DIGITS: usize = 8;

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
    /// Its number in the series, from 1.
    pub number: u64,
    suffix: &'static str,
}

/// A series of data files, at its end.
#[derive(Debug)]
pub struct FileSeries {
    kind: SeriesKind,
    /// The number of the open file, or of the next one.
    number: u64,
    open: Option<DataFile>,
    suffix: &'static str,
}

impl FileSeries {
    /// Makes a series that begins with file 1; `suffix` is how the names of its format end.
    pub fn new(kind: SeriesKind, suffix: &'static str) -> Self {
        Self {
            kind,
            number: 1,
            open: None,
            suffix,
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
            suffix: self.suffix,
        }
    }

    /// Goes on where the manifest says, and drops closed files from it that a reader has moved away.
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
            let Some(name) =
                DataFileName::parse(&entry.file, self.suffix).filter(|name| name.kind == self.kind)
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
            // The number of the last one must not be used again.
            if file != entry.file {
                info!(file, "closed file is gone, dropped from the manifest");
                contents.files.remove(&file);
            }
        }
        self.number = name.number.saturating_add(u64::from(entry.closed));
        if !entry.closed {
            self.open = Some(DataFile::resume(&folder.join(&entry.file), &entry)?);
        }
        Ok(())
    }

    /// Appends whole records; returns whether it created a file for them.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn append(&mut self, folder: &Path, bytes: &[u8]) -> Result<bool, SinkError> {
        let name = self.name();
        let is_new = self.open.is_none();
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(DataFile::create(&folder.join(name.to_string()))?),
        };
        open.append(bytes)?;
        Ok(is_new)
    }

    /// Counts records that were appended.
    pub fn count_rows(&mut self, rows: u64) {
        if let Some(open) = &mut self.open {
            open.count_rows(rows);
        }
    }

    /// Whether the open file is due by its size.
    pub fn is_full(&self, rotation: Rotation) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.is_full(rotation))
    }

    /// Makes durable what was appended, though not yet the name of a new file.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sync(&mut self) -> Result<(), SinkError> {
        self.open.as_mut().map_or(Ok(()), DataFile::sync)
    }

    /// What the manifest does not say yet of the open file; closes it when it is due.
    pub fn record(&mut self, rotation: Rotation) -> Option<FileEntry> {
        let name = self.name().to_string();
        let entry = self.open.as_mut()?.record(name, rotation)?;
        if entry.closed {
            self.open = None;
            self.number += 1;
        }
        Some(entry)
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
    fn parse(file: &str, suffix: &'static str) -> Option<Self> {
        [SeriesKind::Changes, SeriesKind::Ddl]
            .into_iter()
            .find_map(|kind| {
                let digits = file.strip_prefix(kind.prefix())?.strip_suffix(suffix)?;
                let name = Self {
                    kind,
                    number: digits.parse().ok()?,
                    suffix,
                };
                (name.to_string() == file).then_some(name)
            })
    }
}

impl fmt::Display for DataFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, number, suffix) = (self.kind.prefix(), self.number, self.suffix);
        write!(f, "{prefix}{number:0DIGITS$}{suffix}")
    }
}

/// The data files in a folder, of both series, whose names end in `suffix`.
///
/// # Errors
/// What the file system refuses.
pub fn data_files(folder: &Path, suffix: &'static str) -> Result<Vec<DataFileName>, SinkError> {
    let names = durable::names(folder, FileRole::DataFolder)?;
    let names = names.iter().filter_map(|name| name.to_str());
    Ok(names
        .filter_map(|name| DataFileName::parse(name, suffix))
        .collect())
}
