//! A series of data files: `changes-00000001.jsonl` and so on, or `ddl-…`, of which the last is open.
//!
//! Knows how far its open file is written, synced and recorded in the manifest. Not for the manifest itself: see `folder`.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::info;

use super::manifest::{Contents, Entry};
use crate::sink::SinkError;

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
pub enum Kind {
    /// Row changes.
    Changes,
    /// DDL statements.
    Ddl,
}

/// The name of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Which series it belongs to.
    pub kind: Kind,
    /// Its place in the series, from 1.
    pub number: u64,
}

/// A series of data files, at its end.
#[derive(Debug)]
pub struct Series {
    kind: Kind,
    /// The number of the open file, or of the next one.
    number: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
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

impl Series {
    /// Makes a series that begins with file 1.
    pub fn new(kind: Kind) -> Self {
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

    fn name(&self) -> Name {
        Name {
            kind: self.kind,
            number: self.number,
        }
    }

    /// Goes on where the manifest says; drops closed files from it that their reader has taken away.
    ///
    /// # Errors
    /// A file that is shorter than recorded, or what the file system refuses.
    pub fn resume(&mut self, folder: &Path, contents: &mut Contents) -> Result<(), SinkError> {
        let mut last: Option<(Name, Entry)> = None;
        let mut taken = Vec::new();
        for entry in contents.files.values() {
            let Some(name) = Name::parse(&entry.file).filter(|name| name.kind == self.kind) else {
                continue;
            };
            let path = folder.join(&entry.file);
            let found = match fs::metadata(&path) {
                Ok(metadata) => Some(metadata.len()),
                Err(source) if source.kind() == io::ErrorKind::NotFound => None,
                Err(source) => return Err(SinkError::io("read", &path)(source)),
            };
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
        let path = || folder.join(name.to_string());
        let is_new = self.open.is_none();
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::create(&path())?),
        };
        let written = open.file.write_all(bytes);
        written.map_err(SinkError::io("write", &path()))?;
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
    pub fn sync(&mut self, folder: &Path) -> Result<(), SinkError> {
        let path = folder.join(self.name().to_string());
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if open.synced != open.written {
            let synced = open.file.sync_data();
            synced.map_err(SinkError::sync(&path))?;
            open.synced = open.written;
        }
        Ok(())
    }

    /// What the manifest does not say yet of the open file; closes it when it is due.
    pub fn record(&mut self, rotation: Rotation) -> Option<Entry> {
        let file = self.name().to_string();
        let open = self.open.as_mut()?;
        let closed = open.synced == open.written
            && (open.synced.bytes >= rotation.bytes || open.since.elapsed() >= rotation.interval);
        if !closed && open.recorded == open.synced {
            return None;
        }
        open.recorded = open.synced;
        let entry = Entry {
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
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(SinkError::io("create", path))?;
        Ok(Self::at(file, Extent::default()))
    }

    /// Cuts off what was not committed.
    fn resume(path: &Path, entry: &Entry) -> Result<Self, SinkError> {
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(SinkError::io("open", path))?;
        file.set_len(entry.bytes)
            .map_err(SinkError::io("cut", path))?;
        file.sync_all().map_err(SinkError::sync(path))?;
        let extent = Extent {
            bytes: entry.bytes,
            rows: entry.rows,
        };
        Ok(Self::at(file, extent))
    }

    fn at(file: File, extent: Extent) -> Self {
        Self {
            file,
            since: Instant::now(),
            written: extent,
            synced: extent,
            recorded: extent,
        }
    }
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Changes => "changes-",
            Self::Ddl => "ddl-",
        }
    }
}

impl Name {
    /// Only names that rowtap itself would give.
    fn parse(file: &str) -> Option<Self> {
        [Kind::Changes, Kind::Ddl].into_iter().find_map(|kind| {
            let digits = file.strip_prefix(kind.prefix())?.strip_suffix(SUFFIX)?;
            let name = Self {
                kind,
                number: digits.parse().ok()?,
            };
            (name.to_string() == file).then_some(name)
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, number) = (self.kind.prefix(), self.number);
        write!(f, "{prefix}{number:0DIGITS$}{SUFFIX}")
    }
}

/// The data files in a folder, of both series.
///
/// # Errors
/// What the file system refuses.
pub fn data_files(folder: &Path) -> Result<Vec<Name>, SinkError> {
    let list = || -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().to_str().and_then(Name::parse));
        }
        Ok(names)
    };
    list().map_err(SinkError::io("list", folder))
}
