//! One binlog, split into events.
//!
//! | part of a file | bytes |
//! |---|---|
//! | magic | 4: `fe`, `bin`; an encrypted file of MySQL has `fd`, `bin`, InnoDB's binlogs `fe`, `fe`, `0d`, `01` |
//! | events | one after the other, the first a format description |
//!
//! The first event comes alone and always, wherever the reading begins: the others need it. An event that is larger than
//! what is read of one at a time comes in pieces.

use std::sync::Arc;

use bytes::Bytes;

use super::file_bytes::{CHUNK_BYTES, FileBytes};
use crate::binlog::{EventKind, FIRST_POSITION, Header};
use crate::mysql::Portion;
use crate::source::chunk::{Chunk, now_us};
use crate::source::file_error::BinlogFileError;
use crate::source::input::InputPath;

/// The largest event that a server writes.
pub const EVENT_BYTES_MAX: u32 = 1 << 30;
pub(super) const MAGIC: [u8; 4] = *b"\xfebin";
const MAGIC_OF_ENCRYPTED: [u8; 4] = *b"\xfdbin";
const MAGIC_OF_INNODB: [u8; 4] = [0xfe, 0xfe, 0x0d, 0x01];
/// Bytes of a piece of a large event.
const PIECE_BYTES: usize = 1 << 20;

/// Which part of a series is read. A position counts in the first file or in the last one, a time in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinlogExtent {
    /// Where to begin in the first file: at this position, which must be where an event begins.
    pub start: u64,
    /// Passes over so many events of the first file, counted from its first one.
    pub offset: u64,
    /// Passes over the events before the first one of this time or later, in seconds since 1970.
    pub start_time: Option<u32>,
    /// Ends before the first event of the last file that begins at this position or after it.
    pub stop: Option<u64>,
    /// Ends before the first event of this time or later, in seconds since 1970.
    pub stop_time: Option<u32>,
}

impl BinlogExtent {
    /// Whether every event is read once those to pass over were.
    fn is_open(&self) -> bool {
        self.start_time.is_none() && self.stop.is_none() && self.stop_time.is_none()
    }
}

/// Events of one file, and where the first of them begins.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) position: u64,
    pub(super) chunk: Chunk,
}

/// Reads a binlog event by event.
#[derive(Debug)]
pub(super) struct Splitter {
    file: FileBytes,
    extent: BinlogExtent,
    event_bytes_max: u32,
    /// Bytes of an event beyond which it comes in pieces.
    whole_bytes_max: usize,
    /// Bytes that were read and begin an event which is not whole.
    carried: Vec<u8>,
    /// Events that were read.
    passed: u64,
    /// The event at that position, while its pieces are read.
    large: Option<PartialEvent>,
    /// Why nothing more is read, although there may be more.
    stopped: Option<StopReason>,
}

/// What ended the reading before the file's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    /// The position to stop at.
    Position,
    /// An event at or after the time to stop at.
    Time,
}

/// An event that comes in pieces.
#[derive(Debug)]
struct PartialEvent {
    kind: EventKind,
    bytes: usize,
    /// Bytes of it that left.
    passed: usize,
    /// Whether it stands before the time to start at, so that its pieces are dropped.
    is_dropped: bool,
}

/// What an event's header says of the reading.
enum Selection {
    Yes,
    /// It is a format description, or tells a place, which the others need.
    Always,
    /// It stands before the time to start at.
    NotYet,
    Stop(StopReason),
}

impl Splitter {
    pub(super) fn new(place: InputPath, extent: BinlogExtent, event_bytes_max: u32) -> Self {
        Self {
            file: FileBytes::new(place),
            extent,
            event_bytes_max,
            whole_bytes_max: usize::MAX,
            carried: Vec::new(),
            passed: 0,
            large: None,
            stopped: None,
        }
    }

    /// Gives events of more than so many bytes in pieces.
    pub(super) fn cut_beyond(&mut self, bytes: usize) {
        self.whole_bytes_max = bytes;
    }

    /// The name that coordinates give the file.
    pub(super) fn name(&self) -> &Arc<str> {
        self.file.name()
    }

    pub(super) fn place(&self) -> &InputPath {
        self.file.place()
    }

    pub(super) fn stopped(&self) -> Option<StopReason> {
        self.stopped
    }

    /// The next events; `None` at the file's end. What is wrong after whole events is told when these were returned.
    ///
    /// At the end, and after [`BinlogFileError::Torn`], the file may have grown when this is asked again.
    pub(super) fn read(&mut self) -> Result<Option<Piece>, BinlogFileError> {
        if self.stopped.is_some() {
            return Ok(None);
        }
        if !self.file.is_open() {
            let first = self.open();
            if first.is_err() {
                self.file.close();
            }
            return first;
        }
        match self.large.take() {
            Some(large) => self.next_of(large),
            None => self.piece_of(),
        }
    }

    /// Makes sure that a file whose end was reached is the one under its name, and no shorter than it was.
    pub(super) fn is_still_there(&self) -> Result<(), BinlogFileError> {
        let passed = self.large.as_ref().map_or(0, |large| large.passed);
        self.file.is_still_there(passed + self.carried.len())
    }

    /// Makes sure, at the file's end, that it has as many events as were to be skipped.
    pub(super) fn has_passed_all(&self) -> Result<(), BinlogFileError> {
        if self.passed >= self.extent.offset {
            return Ok(());
        }
        Err(BinlogFileError::OffsetAfterEnd {
            file: Arc::clone(self.name()),
            offset: self.extent.offset,
            found: self.passed,
        })
    }

    fn open(&mut self) -> Result<Option<Piece>, BinlogFileError> {
        let magic = self.file.open()?;
        self.check_magic(&magic)?;
        self.file.position = FIRST_POSITION;
        let first = self.first_event()?;
        if self.extent.start > self.file.position {
            self.file.go_to(self.extent.start)?;
        }
        Ok(first)
    }

    fn check_magic(&self, found: &[u8]) -> Result<(), BinlogFileError> {
        if found == MAGIC {
            return Ok(());
        }
        let path = self.file.place().path().to_owned();
        if found == MAGIC_OF_ENCRYPTED {
            return Err(BinlogFileError::Encrypted { path });
        }
        if found == MAGIC_OF_INNODB {
            return Err(BinlogFileError::Innodb { path });
        }
        let found = match found {
            [] => "nothing".to_owned(),
            bytes => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        Err(BinlogFileError::Magic { path, found })
    }

    fn first_event(&mut self) -> Result<Option<Piece>, BinlogFileError> {
        let mut bytes = Vec::new();
        let at_end = self.file.fill(&mut bytes, Header::LEN, 0)?;
        let Some(size) = self.size_of(&bytes)? else {
            return self.end(bytes, at_end);
        };
        if size > self.whole_bytes_max {
            return Err(BinlogFileError::EventSize {
                at: self.file.here(),
                kind: kind_of(&bytes),
                found: u32::try_from(size).unwrap_or(u32::MAX),
                max: u32::try_from(self.whole_bytes_max).unwrap_or(u32::MAX),
            });
        }
        let at_end = self.file.fill(&mut bytes, size, 0)?;
        self.split(bytes, at_end)
    }

    fn piece_of(&mut self) -> Result<Option<Piece>, BinlogFileError> {
        loop {
            let before = self.file.position;
            let mut bytes = std::mem::take(&mut self.carried);
            let mut at_end = self.file.fill(&mut bytes, CHUNK_BYTES, 0)?;
            if let Some(size) = self.size_of(&bytes)?
                && size > bytes.len()
            {
                if size > self.whole_bytes_max {
                    return self.begin_large(size, bytes);
                }
                at_end = self.file.fill(&mut bytes, size, 0)?;
            }
            let piece = self.split(bytes, at_end)?;
            // Events before the time to start at are passed over, a read at a time.
            if piece.is_some() || self.stopped.is_some() || self.file.position == before {
                return Ok(piece);
            }
        }
    }

    fn begin_large(
        &mut self,
        size: usize,
        bytes: Vec<u8>,
    ) -> Result<Option<Piece>, BinlogFileError> {
        let wanted = self.wanted(&bytes);
        let kind = kind_of(&bytes);
        self.carried = bytes;
        if let Selection::Stop(stop) = wanted {
            self.stopped = Some(stop);
            return Ok(None);
        }
        let is_dropped = matches!(wanted, Selection::NotYet);
        if !is_dropped {
            self.extent.start_time = None;
        }
        let large = PartialEvent {
            kind,
            bytes: size,
            passed: 0,
            is_dropped,
        };
        self.next_of(large)
    }

    /// The next piece of a large event, or what stands after one that is dropped.
    fn next_of(&mut self, large: PartialEvent) -> Result<Option<Piece>, BinlogFileError> {
        let mut large = large;
        loop {
            let count = PIECE_BYTES.min(large.bytes - large.passed);
            let mut bytes = std::mem::take(&mut self.carried);
            // What was read to find the event may be more than a piece of it.
            let at_end = self.file.fill(&mut bytes, count, large.passed)?;
            if at_end {
                let torn = BinlogFileError::Torn {
                    at: self.file.here(),
                    kind: Some(large.kind),
                    expected: large.bytes as u64,
                    found: (large.passed + bytes.len()) as u64,
                };
                let error = self.file.take_broken().unwrap_or(torn);
                self.carried = bytes;
                self.large = Some(large);
                return Err(error);
            }
            self.carried = bytes.split_off(count);
            let position = self.file.position;
            let is_first = large.passed == 0;
            large.passed += count;
            let is_last = large.passed == large.bytes;
            let is_dropped = large.is_dropped;
            if is_last {
                self.file.position += large.bytes as u64;
                self.passed += 1;
            }
            if is_dropped {
                if is_last {
                    return self.piece_of();
                }
                continue;
            }
            if !is_last {
                self.large = Some(large);
            }
            let end = u32::try_from(count).unwrap_or(u32::MAX);
            return Ok(Some(Piece {
                position,
                chunk: Chunk {
                    buffer: Bytes::from(bytes),
                    events: std::iter::once(0..end).collect(),
                    part: if is_first {
                        Portion::First
                    } else {
                        Portion::Next { is_last }
                    },
                    received_us: now_us(),
                    drained: false,
                },
            }));
        }
    }

    /// The size of the event at the front of `bytes`, if enough of its header is there.
    fn size_of(&self, bytes: &[u8]) -> Result<Option<usize>, BinlogFileError> {
        let Some([_, _, _, _, kind, _, _, _, _, size @ ..]) = bytes.first_chunk::<13>() else {
            return Ok(None);
        };
        if begins_binlog(bytes) {
            return Err(BinlogFileError::Joined {
                at: self.file.here(),
            });
        }
        if *kind == EventKind::StartEncryption.number() {
            return Err(BinlogFileError::Encrypted {
                path: self.file.place().path().to_owned(),
            });
        }
        let found = u32::from_le_bytes(*size);
        if (found as usize) < Header::LEN || found > self.event_bytes_max {
            return Err(BinlogFileError::EventSize {
                at: self.file.here(),
                kind: EventKind::from_number(*kind),
                found,
                max: self.event_bytes_max,
            });
        }
        Ok(Some(found as usize))
    }

    /// Whether every event from here on is to be read.
    fn takes_all(&self) -> bool {
        self.passed >= self.extent.offset && self.extent.is_open()
    }

    /// Whether the event at the front of `bytes`, which is whole, is to be read.
    fn wanted(&self, bytes: &[u8]) -> Selection {
        if self.takes_all() {
            return Selection::Yes;
        }
        let Ok(header) = Header::parse(bytes) else {
            return Selection::Yes;
        };
        let timestamp = header.timestamp;
        // What a replica adds to a relay log has times of its own, and tells where its source was.
        let is_added =
            header.is_relay_log() || (header.kind == EventKind::Rotate && header.log_position == 0);
        let describes = is_added || header.kind == EventKind::FormatDescription;
        let start_time = self.extent.start_time.unwrap_or_default();
        if !describes && (self.passed < self.extent.offset || timestamp < start_time) {
            return Selection::NotYet;
        }
        if !is_added && self.extent.stop_time.is_some_and(|stop| timestamp >= stop) {
            return Selection::Stop(StopReason::Time);
        }
        if self
            .extent
            .stop
            .is_some_and(|stop| self.file.position >= stop)
        {
            return Selection::Stop(StopReason::Position);
        }
        if describes {
            Selection::Always
        } else {
            Selection::Yes
        }
    }

    /// Makes a piece of the whole events in `bytes` and carries the rest over.
    fn split(
        &mut self,
        mut bytes: Vec<u8>,
        at_end: bool,
    ) -> Result<Option<Piece>, BinlogFileError> {
        let mut events = Vec::new();
        let mut begin = 0;
        let mut position = self.file.position;
        let takes_all = self.takes_all();
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
            let wanted = match takes_all {
                true => Selection::Yes,
                false => self.wanted(rest),
            };
            match wanted {
                Selection::Always => events.push(from..to),
                Selection::Yes => {
                    // From the first event that is wanted on, all are: times go up and down in a binlog.
                    self.extent.start_time = None;
                    events.push(from..to);
                }
                Selection::NotYet => position = self.file.position + size as u64,
                Selection::Stop(stop) => {
                    self.stopped = Some(stop);
                    break;
                }
            }
            begin += size;
            self.file.position += size as u64;
            self.passed += 1;
        }
        if events.is_empty() {
            if self.stopped.is_some() {
                return Ok(None);
            }
            if begin > 0 {
                self.carried = bytes.split_off(begin);
                return Ok(None);
            }
            return self.end(bytes, at_end);
        }
        self.carried = bytes.split_off(begin);
        Ok(Some(Piece {
            position,
            chunk: Chunk {
                buffer: Bytes::from(bytes),
                events,
                part: Portion::Whole,
                received_us: now_us(),
                drained: at_end && self.carried.is_empty() && !self.file.is_broken(),
            },
        }))
    }

    /// The file's end, which is right only between events.
    fn end(&mut self, bytes: Vec<u8>, at_end: bool) -> Result<Option<Piece>, BinlogFileError> {
        debug_assert!(at_end, "a whole event is read before the end");
        if let Some(error) = self.file.take_broken() {
            self.carried = bytes;
            return Err(error);
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let expected = self.size_of(&bytes)?.unwrap_or(Header::LEN);
        let kind = bytes.get(4).copied().map(EventKind::from_number);
        let found = bytes.len() as u64;
        self.carried = bytes;
        Err(BinlogFileError::Torn {
            at: self.file.here(),
            kind,
            expected: expected as u64,
            found,
        })
    }
}

/// Whether bytes are the magic and a format description that stands after it: four bytes alone may be a time.
fn begins_binlog(bytes: &[u8]) -> bool {
    let Some(event) = bytes.strip_prefix(&MAGIC) else {
        return false;
    };
    Header::parse(event).is_ok_and(|header| {
        header.kind == EventKind::FormatDescription
            && u64::from(header.log_position) == FIRST_POSITION + u64::from(header.event_size)
    })
}

/// What the event at the front of `bytes` says that it is.
fn kind_of(bytes: &[u8]) -> EventKind {
    EventKind::from_number(bytes.get(4).copied().unwrap_or_default())
}
