//! The walk over binlog files: their events one by one, from group to group.

use std::ops::Range;

use bytes::Bytes;

use super::joined::{Joined, Joint};
use crate::binlog::{Coordinates, Framer, GtidSet};
use crate::mysql::Flavour;
use crate::source::error::SourceError;
use crate::source::walk::{GroupWalk, WalkEvent, WalkStep};

/// The events of files, those of the stream alone left out; blocks on the disk.
#[derive(Debug)]
pub(in crate::source) struct FileWalk {
    joined: Joined,
    buffer: Bytes,
    events: std::vec::IntoIter<Range<u32>>,
    framer: Framer,
    pub(in crate::source) groups: GroupWalk,
    /// After the last event between groups.
    pub(in crate::source) boundary: Coordinates,
}

impl FileWalk {
    /// Begins at a file's first event.
    pub(in crate::source) fn new(joined: Joined, from: Coordinates, flavour: Flavour) -> Self {
        Self {
            joined,
            buffer: Bytes::new(),
            events: Vec::new().into_iter(),
            framer: Framer::new(from.clone()),
            groups: GroupWalk::new(GtidSet::empty(flavour)),
            boundary: from,
        }
    }

    /// The next event and what it is to its group; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with a file or an event.
    pub(in crate::source) fn next(&mut self) -> Result<Option<(WalkEvent, WalkStep)>, SourceError> {
        loop {
            if let Some(range) = self.events.next() {
                let bytes = self.buffer.slice(range.start as usize..range.end as usize);
                let event = WalkEvent::of(&mut self.framer, &bytes)?;
                let step = self.groups.take(&event, self.framer.format())?;
                if event.frame.artificial {
                    continue;
                }
                if step.is_between {
                    self.boundary = self.framer.next().clone();
                }
                return Ok(Some((event, step)));
            }
            match self.joined.read()? {
                None | Some(Joint::Idle) => return Ok(None),
                Some(Joint::Chunk(chunk)) => {
                    self.buffer = chunk.buffer;
                    self.events = chunk.events.into_iter();
                }
            }
        }
    }
}
