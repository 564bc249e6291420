//! Why a binlog file cannot be read, in words for a person.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::binlog::{Coordinates, EventKind};
use crate::failure::Class;

/// Why a binlog file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BinlogFileError {
    /// The operating system refuses.
    #[error("cannot read {path}, {}", read_fix(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Compressed bytes that do not decompress.
    #[error("cannot decompress {path} after the event at {at}; it was cut off or is damaged")]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The last place that was reached.
        at: Coordinates,
        /// What is wrong with it.
        #[source]
        source: io::Error,
    },
    /// An index file that names nothing.
    #[error("the index file {path} names no binlog file")]
    EmptyIndex {
        /// The index file.
        path: PathBuf,
    },
    /// The file does not begin as a binlog does.
    #[error("{path} is not a binlog: it begins with {found}, expected fe62696e")]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first bytes, in hexadecimal.
        found: String,
    },
    /// The server encrypted the file: MySQL all of it, MariaDB everything after the second event.
    #[error("{path} is encrypted, read it from the server instead")]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// A binlog that InnoDB keeps (MariaDB 12.3 and later): pages, not events back to back.
    #[error(
        "{path} is a binlog of InnoDB (binlog_storage_engine=innodb), whose files are not read; stream from the server instead"
    )]
    Innodb {
        /// The file.
        path: PathBuf,
    },
    /// A file that was followed is no longer under its name, and no next one is there.
    #[error(
        "{path}, which was read to {at}, is gone, and no next file is there: its server was reset, or the file was moved"
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// Up to where it was read.
        at: Coordinates,
    },
    /// Another file has taken the name of the one that was followed.
    #[error(
        "{path} is not the file that was read to {at}: its server was reset, or the file was replaced"
    )]
    Replaced {
        /// The file.
        path: PathBuf,
        /// Up to where the first one was read.
        at: Coordinates,
    },
    /// A file that was followed has become shorter than what was read of it.
    #[error("{path} has shrunk to {size} bytes, but was read to {at}: it was cut off or rewritten")]
    Shrunk {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// Up to where it was read.
        at: Coordinates,
    },
    /// A relay log where a binlog is needed.
    #[error(
        "{path} is a relay log, whose positions are those of another server's binlog, give binlogs (`rowtap decode` reads both)"
    )]
    RelayLog {
        /// The file.
        path: PathBuf,
    },
    /// A file between two others is missing.
    #[error(
        "{expected} is missing after {after}, found {found}, give every file in the order of their numbers"
    )]
    Gap {
        /// The file before it.
        after: String,
        /// The file that should follow.
        expected: String,
        /// The file that does.
        found: String,
    },
    /// Neither a file nor a link to one.
    #[error("{path} is not a regular file, name the binlog files")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The first event is not the one that describes the others.
    #[error("{path} does not begin with a format description, it is damaged or not a binlog")]
    NoDescription {
        /// The file.
        path: PathBuf,
    },
    /// The start is not in the file.
    #[error(
        "{at} is after the end of the file at {size}, start at 4 or at the beginning of an event"
    )]
    AfterEnd {
        /// Where to start.
        at: Coordinates,
        /// The file's size.
        size: u64,
    },
    /// More events were to be skipped than the file has.
    #[error(
        "{file} ends after {found} events, but its first {offset} are to be skipped (--offset), give at most {found}"
    )]
    OffsetAfterEnd {
        /// The file.
        file: Arc<str>,
        /// How many events were to be skipped.
        offset: u64,
        /// How many it has.
        found: u64,
    },
    /// Another binlog begins in the middle of the file.
    #[error(
        "a second binlog begins at {at}, where an event was expected: several were joined into one, give each as a file of \
         its own, or one at a time on the standard input"
    )]
    Joined {
        /// Where it begins.
        at: Coordinates,
    },
    /// No event can have that size.
    #[error(
        "the event at {at} ({kind}) says that it has {found} bytes, expected 19 to {max}; the place is inside an event, or \
         the file is damaged there"
    )]
    EventSize {
        /// Where the event begins.
        at: Coordinates,
        /// What it says that it is.
        kind: EventKind,
        /// The size in its header.
        found: u32,
        /// The largest size that is read.
        max: u32,
    },
    /// The file ends inside an event.
    #[error(
        "the file ends inside the event at {at}{}, {found} of its {expected} bytes are there; it was cut off, or its server \
         still writes it",
        kind.map_or_else(String::new, |kind| format!(" ({kind})"))
    )]
    Torn {
        /// Where the event begins.
        at: Coordinates,
        /// What it says that it is; `None` if it ends before it says so.
        kind: Option<EventKind>,
        /// How many bytes the event should have; 19 if not even its header is whole.
        expected: u64,
        /// How many there are.
        found: u64,
    },
}

impl BinlogFileError {
    /// What the failure means: a file that the system does not hand out is a source that refuses.
    pub fn class(&self) -> Class {
        match self {
            Self::Io { .. } => Class::Refused,
            Self::Compressed { .. }
            | Self::EmptyIndex { .. }
            | Self::Magic { .. }
            | Self::Encrypted { .. }
            | Self::Innodb { .. }
            | Self::Gone { .. }
            | Self::Replaced { .. }
            | Self::Shrunk { .. }
            | Self::RelayLog { .. }
            | Self::Gap { .. }
            | Self::NotAFile { .. }
            | Self::NoDescription { .. }
            | Self::AfterEnd { .. }
            | Self::OffsetAfterEnd { .. }
            | Self::Joined { .. }
            | Self::EventSize { .. }
            | Self::Torn { .. } => Class::Data,
        }
    }
}

/// What a person can do about a file that the system does not hand out.
fn read_fix(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file, check its name and folder",
        io::ErrorKind::PermissionDenied => "let the user that runs rowtap read it",
        io::ErrorKind::IsADirectory => {
            "it is a folder, name the binlog files or the .index file in it"
        }
        _other => "check the disk, or read a copy of the file",
    }
}
