//! The series of data files: `changes-00000001.jsonl` and so on, and `ddl-…`; of Avro `changes.shop.orders-00000001.avro`, a series a
//! table. The last file of each is open.
//!
//! Not for the manifest: see `folder`.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tracing::info;

use super::data_file::{DataFile, Rotation};
use super::manifest::{FileEntry, ManifestContents};
use crate::fault::FileRole;
use crate::sink::SinkError;
use crate::state::durable;

/// Digits of a file's number, padded with zeros, so that names sort in the order in which they were written.
const DIGITS: usize = 8;
/// What the names of a table's files begin with.
const TABLE: &str = "changes.";
/// How the names of Avro files end, of which each has one schema.
pub const AVRO: &str = ".avro";

/// The series of data files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesKind {
    /// Row changes.
    Changes,
    /// DDL statements.
    Ddl,
    /// Row changes of one table, by its name as that of a file.
    Table(Arc<str>),
}

/// The name of a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What the open file begins with that the next one may begin otherwise, such as its schema; empty where all are alike.
    begins: Arc<str>,
    /// Files that were ended before they were due, and that the manifest does not say so of.
    ended: Vec<FileEntry>,
    suffix: &'static str,
}

impl FileSeries {
    /// Makes a series that begins with file 1; `suffix` is how the names of its format end.
    pub fn new(kind: SeriesKind, suffix: &'static str) -> Self {
        Self {
            kind,
            number: 1,
            open: None,
            begins: Arc::from(""),
            ended: Vec::new(),
            suffix,
        }
    }

    /// The number of the open file, or of the next one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The name of the open file, or of the next one.
    pub fn name(&self) -> DataFileName {
        DataFileName {
            kind: self.kind.clone(),
            number: self.number,
            suffix: self.suffix,
        }
    }

    /// The kinds of series that files are of.
    pub fn kinds<'a>(
        files: impl Iterator<Item = &'a str>,
        suffix: &'static str,
    ) -> Vec<SeriesKind> {
        let names = files.filter_map(|file| DataFileName::parse(file, suffix));
        let mut kinds: Vec<SeriesKind> = names.map(|name| name.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
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
        if entry.closed {
            return Ok(());
        }
        let open = DataFile::resume(&folder.join(&entry.file), &entry)?;
        if self.suffix != AVRO {
            self.open = Some(open);
            return Ok(());
        }
        // Nobody remembers its schema: the next file begins with one.
        self.ended.push(FileEntry {
            closed: true,
            ..entry
        });
        self.number += 1;
        Ok(())
    }

    /// Whether the open file begins so.
    pub fn has_begun(&self, begins: &str) -> bool {
        self.open.is_some() && *self.begins == *begins
    }

    /// Whether a file is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Ends the open file before it is due; the next one begins otherwise.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn end(&mut self) -> Result<(), SinkError> {
        let name = self.name().to_string();
        if let Some(open) = self.open.take() {
            self.ended.push(open.end(name)?);
            self.number += 1;
        }
        Ok(())
    }

    /// Says what the file that is begun now begins with.
    pub fn begin(&mut self, begins: &str) {
        self.begins = Arc::from(begins);
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

    /// What the manifest does not say yet of its files; closes the open one when it is due.
    pub fn record(&mut self, rotation: Rotation) -> Vec<FileEntry> {
        let mut entries = std::mem::take(&mut self.ended);
        let name = self.name().to_string();
        let open = self.open.as_mut();
        if let Some(entry) = open.and_then(|open| open.record(name, rotation)) {
            if entry.closed {
                self.open = None;
                self.number += 1;
            }
            entries.push(entry);
        }
        entries
    }
}

impl SeriesKind {
    /// What the names of its files begin with, a hyphen after it.
    fn prefix(&self) -> Cow<'static, str> {
        match self {
            Self::Changes => "changes".into(),
            Self::Ddl => "ddl".into(),
            Self::Table(table) => format!("{TABLE}{table}").into(),
        }
    }

    /// The kind whose files' names begin so.
    fn of(prefix: &str, suffix: &str) -> Option<Self> {
        match prefix.strip_prefix(TABLE) {
            Some(table) if suffix == AVRO => return Some(Self::Table(table.into())),
            Some(_) | None => {}
        }
        [Self::Changes, Self::Ddl]
            .into_iter()
            .find(|kind| kind.prefix() == prefix)
    }
}

impl DataFileName {
    /// Only names that rowtap itself would give.
    fn parse(file: &str, suffix: &'static str) -> Option<Self> {
        let (prefix, digits) = file.strip_suffix(suffix)?.rsplit_once('-')?;
        let name = Self {
            kind: SeriesKind::of(prefix, suffix)?,
            number: digits.parse().ok()?,
            suffix,
        };
        (name.to_string() == file).then_some(name)
    }
}

impl fmt::Display for DataFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, number, suffix) = (self.kind.prefix(), self.number, self.suffix);
        write!(f, "{prefix}-{number:0DIGITS$}{suffix}")
    }
}

/// The data files in a folder, of all series, whose names end in `suffix`.
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
