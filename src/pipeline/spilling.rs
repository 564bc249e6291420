//! Events of a group that is too large for memory: kept in a file until the group has ended, then given back in order.
//!
//! Each event is preceded by its position and its length, eight bytes each, little-endian.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::change::Spilled;
use crate::state::{Spill, StateError};

/// Bytes of spilled events that come back at a time; a larger event comes alone.
const SPILLED_BYTES_MAX: usize = 256 * 1024;

/// Spilled events and the positions at which they begin.
pub type Returned = (Bytes, Vec<(u64, Range<u32>)>);

/// The spilled events of one group at a time. Its functions block on the disk.
pub struct Spilling {
    create: Box<dyn FnMut() -> Result<Spill, StateError> + Send>,
    file: Option<Spill>,
    read: u64,
}

impl Spilling {
    /// Prepares to keep events in files that `create` makes; none is made before there is need.
    pub fn new(create: impl FnMut() -> Result<Spill, StateError> + Send + 'static) -> Self {
        Self {
            create: Box::new(create),
            file: None,
            read: 0,
        }
    }

    /// Keeps the next events.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn keep(&mut self, spilled: &Spilled) -> Result<(), StateError> {
        if spilled.first {
            self.file = None;
            self.read = 0;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert((self.create)()?),
        };
        for (start, event) in &spilled.events {
            file.append(&start.to_le_bytes())?;
            file.append(&(event.len() as u64).to_le_bytes())?;
            file.append(event)?;
        }
        Ok(())
    }

    /// Gives the next events back; only after some were kept.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn give_back(&mut self) -> Result<Returned, StateError> {
        let file = self
            .file
            .as_mut()
            .expect("spilled events are asked for only after some were kept");
        let mut bytes = Vec::new();
        let mut events = Vec::new();
        while self.read < file.len() && bytes.len() < SPILLED_BYTES_MAX {
            let start = number(file, &mut self.read)?;
            let length = usize::try_from(number(file, &mut self.read)?).unwrap_or(usize::MAX);
            let begin = bytes.len();
            bytes.resize(begin + length, 0);
            let event = bytes.get_mut(begin..).unwrap_or_default();
            file.read_exact_at(self.read, event)?;
            self.read += length as u64;
            let offset = |at: usize| {
                u32::try_from(at)
                    .expect("an event is at most 1 GiB, and one alone may pass the limit")
            };
            events.push((start, offset(begin)..offset(begin + length)));
        }
        Ok((bytes.into(), events))
    }
}

impl fmt::Debug for Spilling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spilling")
            .field("file", &self.file)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

fn number(file: &mut Spill, read: &mut u64) -> Result<u64, StateError> {
    let mut bytes = [0; 8];
    file.read_exact_at(*read, &mut bytes)?;
    *read += 8;
    Ok(u64::from_le_bytes(bytes))
}
