//! Events of a group that is too large for memory: kept in a file until the group has ended, then given back in order.
//!
//! Each event is preceded by its position and its length, eight bytes each, little-endian.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;

use crate::change::Spilled;
use crate::state::{Spill, StateError};

/// Bytes of spilled events that come back at a time, unless one is larger.
const SPILLED_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a large event that come back at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Spilled events and the positions at which they begin.
pub(super) type SpilledEvents = (Bytes, Vec<(u64, Range<u32>)>);

/// The spilled events of one group at a time. Its functions block on the disk.
#[derive(Debug)]
pub(super) struct Spilling {
    folder: PathBuf,
    file: Option<Spill>,
    read: u64,
    /// Where the events end in the file, if more than events is in it.
    end: Option<u64>,
    /// Bytes that are left of the event that was given back last.
    missing: u64,
}

impl Spilling {
    /// Prepares to keep events in files in a folder; none is made before it is needed.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            file: None,
            read: 0,
            end: None,
            missing: 0,
        }
    }

    /// Keeps the next events.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub(super) fn keep(&mut self, spilled: &Spilled) -> Result<(), StateError> {
        if spilled.first {
            self.file = None;
            self.rewind();
        }
        let file = self
            .file
            .get_or_insert_with(|| Spill::nameless(&self.folder));
        for (start, event) in &spilled.events {
            append(*start, event, |bytes| file.append(bytes).map(drop))?;
        }
        if let Some(part) = &spilled.part {
            if let Some((start, size)) = part.begin {
                file.append(&start.to_le_bytes())?;
                file.append(&u64::from(size).to_le_bytes())?;
            }
            file.append(&part.bytes)?;
        }
        Ok(())
    }

    /// Hands over all that was kept, for events that must outlive their group, as the bytes of a file of the same form.
    ///
    /// # Errors
    /// A file that cannot be read; what `to` refuses.
    pub(super) fn copy(
        &mut self,
        mut to: impl FnMut(&[u8]) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        let mut at = 0;
        while at < file.len() {
            bytes.clear();
            let count = PIECE_BYTES.min(file.len() - at);
            read(file, &mut at, count, &mut bytes)?;
            to(&bytes)?;
        }
        Ok(())
    }

    /// Gives back the events of a file that was made of [`Self::copy`] and [`append`], which end at `end`.
    pub(super) fn give_back_from(&mut self, file: Spill, end: u64) {
        self.file = Some(file);
        self.rewind();
        self.end = Some(end);
    }

    fn rewind(&mut self) {
        self.read = 0;
        self.end = None;
        self.missing = 0;
    }

    /// Gives the next events back; only after some were kept. The last may be the first bytes of a large one; then more of it
    /// comes alone, without events.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn give_back(&mut self) -> Result<SpilledEvents, StateError> {
        let file = self
            .file
            .as_mut()
            .expect("spilled events are asked for only after some were kept");
        let mut bytes = Vec::new();
        let mut events = Vec::new();
        if self.missing > 0 {
            let count = self.missing.min(PIECE_BYTES);
            read(file, &mut self.read, count, &mut bytes)?;
            self.missing -= count;
            return Ok((bytes.into(), events));
        }
        let end = self.end.unwrap_or_else(|| file.len());
        while self.missing == 0 && self.read < end && bytes.len() < SPILLED_BYTES_MAX {
            let start = number(file, &mut self.read)?;
            let length = number(file, &mut self.read)?;
            let begin = bytes.len();
            let count = length.min(PIECE_BYTES);
            read(file, &mut self.read, count, &mut bytes)?;
            self.missing = length - count;
            let offset = |at: usize| u32::try_from(at).expect("two pieces at most stand in it");
            events.push((start, offset(begin)..offset(bytes.len())));
        }
        Ok((bytes.into(), events))
    }
}

/// Writes one event behind others.
pub(super) fn append(
    start: u64,
    event: &[u8],
    mut to: impl FnMut(&[u8]) -> Result<(), StateError>,
) -> Result<(), StateError> {
    to(&start.to_le_bytes())?;
    to(&(event.len() as u64).to_le_bytes())?;
    to(event)
}

fn number(file: &mut Spill, read: &mut u64) -> Result<u64, StateError> {
    let mut bytes = [0; 8];
    file.read_exact_at(*read, &mut bytes)?;
    *read += 8;
    Ok(u64::from_le_bytes(bytes))
}

fn read(file: &mut Spill, at: &mut u64, count: u64, to: &mut Vec<u8>) -> Result<(), StateError> {
    let begin = to.len();
    let count = usize::try_from(count).expect("at most a piece is read at a time");
    to.resize(begin + count, 0);
    file.read_exact_at(*at, to.get_mut(begin..).unwrap_or_default())?;
    *at += count as u64;
    Ok(())
}
