//! A binlog file as a source of events.
//!
//! Splits the file into events and looks into them no further than their size; what they say is the framer's to check.
//! Knows one file, begins at a position of it and ends at its end. Not for a file that a server still writes, nor for
//! compressed ones.
//!
//! | part of a file | bytes |
//! |---|---|
//! | magic | 4: `fe`, `bin`; an encrypted file of MySQL has `fd`, `bin` |
//! | events | one behind the other, the first a format description |

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Budget, Chunk, EventSource, SourceError};
use crate::binlog::{Coordinates, EventKind, FIRST_POSITION, Header};

const MAGIC: [u8; 4] = *b"\xfebin";
const MAGIC_OF_ENCRYPTED: [u8; 4] = *b"\xfdbin";
/// Bytes that are read at once; an event that is larger is read whole.
const CHUNK_BYTES: usize = 256 << 10;
/// The largest event that a server writes.
pub const EVENT_BYTES_MAX: u32 = 1 << 30;

/// Why a binlog file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refuses.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file does not begin as a binlog does.
    #[error("{path} is no binlog: it begins with {found}, expected fe62696e")]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first bytes, in hexadecimal.
        found: String,
    },
    /// The server encrypted the file: MySQL all of it, MariaDB what stands behind its second event.
    #[error("{path} is encrypted, read it from the server instead")]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// The start is not in the file.
    #[error("{at} is behind the end of the file at {size}, start at 4 or at the begin of an event")]
    BehindEnd {
        /// Where to start.
        at: Coordinates,
        /// The file's size.
        size: u64,
    },
    /// No event can have that size.
    #[error(
        "the event at {at} says that it has {found} bytes, expected 19 to {max}; the place is inside an event, or the \
         file is damaged there"
    )]
    EventSize {
        /// Where the event begins.
        at: Coordinates,
        /// The size in its header.
        found: u32,
        /// The largest size that is read.
        max: u32,
    },
    /// The file ends within an event.
    #[error(
        "the file ends inside the event at {at}, {found} of its {expected} bytes are there; it was cut off, or its server \
         still writes it"
    )]
    Torn {
        /// Where the event begins.
        at: Coordinates,
        /// How many bytes the event should have; 19 if not even its header is whole.
        expected: u64,
        /// How many there are.
        found: u64,
    },
}

/// One binlog file, read from a position to its end.
///
/// The format description at the file's begin comes first, wherever the reading starts: the events need it. After an error
/// it is of no more use.
#[derive(Debug)]
pub struct BinlogFile {
    path: PathBuf,
    budget: Budget,
    /// The reader, while it does not read.
    idle: Option<Box<Splitter>>,
    /// The reader, while it reads; here and not in a future, so that a dropped one loses nothing.
    busy: JoinSet<Finished>,
    /// Read and not yet admitted by the budget.
    waiting: Option<Chunk>,
}

/// A reader that has read, and what it read.
type Finished = (Box<Splitter>, Result<Option<Chunk>, FileError>);

impl BinlogFile {
    /// Prepares to read the file at `path` from `position`; the file is opened by the first read. Events of more than
    /// `event_bytes_max` bytes are refused.
    pub fn new(path: PathBuf, position: u64, event_bytes_max: u32, budget: Budget) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let splitter = Splitter {
            name: Arc::from(&*name),
            path: path.clone(),
            start: position,
            event_bytes_max,
            input: None,
            carried: Vec::new(),
            position: 0,
        };
        Self {
            path,
            budget,
            idle: Some(Box::new(splitter)),
            busy: JoinSet::new(),
            waiting: None,
        }
    }

    async fn read(&mut self) -> Result<Option<Chunk>, FileError> {
        if let Some(mut splitter) = self.idle.take() {
            self.busy.spawn_blocking(move || {
                let chunk = splitter.chunk();
                (splitter, chunk)
            });
        }
        let lost = |why: String| FileError::Io {
            path: self.path.clone(),
            source: io::Error::other(why),
        };
        let (splitter, chunk) = match self.busy.join_next().await {
            Some(finished) => finished.map_err(|error| lost(error.to_string()))?,
            None => return Err(lost("an earlier read was cancelled".to_owned())),
        };
        self.idle = Some(splitter);
        chunk
    }
}

impl EventSource for BinlogFile {
    async fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        if self.waiting.is_none() {
            self.waiting = self.read().await?;
        }
        let Some(bytes) = self.waiting.as_ref().map(|chunk| chunk.buffer.len()) else {
            return Ok(None);
        };
        let charge = self.budget.take(bytes).await;
        Ok(self.waiting.take().map(|chunk| Chunk {
            buffer: charge.over(chunk.buffer),
            ..chunk
        }))
    }
}

/// Reads a file event by event.
#[derive(Debug)]
struct Splitter {
    path: PathBuf,
    name: Arc<str>,
    start: u64,
    event_bytes_max: u32,
    input: Option<File>,
    /// Bytes that were read and begin an event which is not whole.
    carried: Vec<u8>,
    /// Where those bytes, and the next event, begin.
    position: u64,
}

impl Splitter {
    /// The next events; `None` at the file's end. What is wrong behind whole events is told when these were returned.
    fn chunk(&mut self) -> Result<Option<Chunk>, FileError> {
        let Some(mut input) = self.input.take() else {
            return self.open();
        };
        let chunk = self.chunk_of(&mut input);
        self.input = Some(input);
        chunk
    }

    fn open(&mut self) -> Result<Option<Chunk>, FileError> {
        let mut input = File::open(&self.path).map_err(|error| self.io(error))?;
        self.magic(&mut input)?;
        self.position = FIRST_POSITION;
        if self.start <= FIRST_POSITION {
            self.input = Some(input);
            return self.chunk();
        }
        let size = input.metadata().map_err(|error| self.io(error))?.len();
        if self.start > size {
            return Err(FileError::BehindEnd {
                at: Coordinates::new(Arc::clone(&self.name), self.start),
                size,
            });
        }
        let first = self.one_event(&mut input)?;
        self.position = self.position.max(self.start);
        input
            .seek(SeekFrom::Start(self.position))
            .map_err(|error| self.io(error))?;
        self.input = Some(input);
        Ok(first)
    }

    fn magic(&self, input: &mut File) -> Result<(), FileError> {
        let mut found = Vec::new();
        Read::take(input, 4)
            .read_to_end(&mut found)
            .map_err(|error| self.io(error))?;
        if found == MAGIC {
            return Ok(());
        }
        let path = self.path.clone();
        if found == MAGIC_OF_ENCRYPTED {
            return Err(FileError::Encrypted { path });
        }
        let found = match found.as_slice() {
            [] => "nothing".to_owned(),
            bytes => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        Err(FileError::Magic { path, found })
    }

    fn one_event(&mut self, input: &mut File) -> Result<Option<Chunk>, FileError> {
        let mut bytes = Vec::new();
        let at_end = self.read(input, &mut bytes, Header::LEN)?;
        let Some(size) = self.size_of(&bytes)? else {
            return self.end(&bytes, at_end);
        };
        let at_end = self.read(input, &mut bytes, size)?;
        self.split(bytes, at_end)
    }

    fn chunk_of(&mut self, input: &mut File) -> Result<Option<Chunk>, FileError> {
        let mut bytes = std::mem::take(&mut self.carried);
        let mut at_end = self.read(input, &mut bytes, CHUNK_BYTES)?;
        if let Some(size) = self.size_of(&bytes)?
            && size > bytes.len()
        {
            at_end = self.read(input, &mut bytes, size)?;
        }
        self.split(bytes, at_end)
    }

    /// Reads until there are `count` bytes, and returns whether the file ended.
    fn read(&self, input: &mut File, bytes: &mut Vec<u8>, count: usize) -> Result<bool, FileError> {
        // The count may be a size that a damaged header claims: the buffer grows with what is really there.
        let missing = count.saturating_sub(bytes.len()) as u64;
        input
            .take(missing)
            .read_to_end(bytes)
            .map_err(|error| self.io(error))?;
        Ok(bytes.len() < count)
    }

    /// The size of the event at the front of `bytes`, if enough of its header is there.
    fn size_of(&self, bytes: &[u8]) -> Result<Option<usize>, FileError> {
        let Some([_, _, _, _, kind, _, _, _, _, size @ ..]) = bytes.first_chunk::<13>() else {
            return Ok(None);
        };
        if EventKind::from_number(*kind) == EventKind::StartEncryption {
            return Err(FileError::Encrypted {
                path: self.path.clone(),
            });
        }
        let found = u32::from_le_bytes(*size);
        if (found as usize) < Header::LEN || found > self.event_bytes_max {
            return Err(FileError::EventSize {
                at: self.here(),
                found,
                max: self.event_bytes_max,
            });
        }
        Ok(Some(found as usize))
    }

    /// Makes a chunk of the whole events in `bytes` and carries the rest over.
    fn split(&mut self, mut bytes: Vec<u8>, at_end: bool) -> Result<Option<Chunk>, FileError> {
        let mut events = Vec::new();
        let mut begin = 0;
        loop {
            let rest = bytes.get(begin..).unwrap_or_default();
            let size = match self.size_of(rest) {
                // What stands before it goes out first; the next read meets it again.
                Err(_) if begin > 0 => None,
                size => size?,
            };
            let Some(size) = size.filter(|size| *size <= rest.len()) else {
                break;
            };
            let range = u32::try_from(begin)
                .ok()
                .zip(u32::try_from(begin + size).ok());
            let Some((from, to)) = range else {
                break;
            };
            events.push(from..to);
            begin += size;
            self.position += size as u64;
        }
        if events.is_empty() {
            return self.end(&bytes, at_end);
        }
        self.carried = bytes.split_off(begin);
        Ok(Some(Chunk {
            buffer: Bytes::from(bytes),
            events,
            received_us: now_us(),
            drained: at_end && self.carried.is_empty(),
        }))
    }

    /// The file's end, which is right only between events.
    fn end(&self, bytes: &[u8], at_end: bool) -> Result<Option<Chunk>, FileError> {
        debug_assert!(at_end, "a whole event is read before the end");
        if bytes.is_empty() {
            return Ok(None);
        }
        let expected = self.size_of(bytes)?.unwrap_or(Header::LEN);
        Err(FileError::Torn {
            at: self.here(),
            expected: expected as u64,
            found: bytes.len() as u64,
        })
    }

    fn here(&self) -> Coordinates {
        Coordinates::new(Arc::clone(&self.name), self.position)
    }

    fn io(&self, source: io::Error) -> FileError {
        FileError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
