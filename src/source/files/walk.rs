//! Binlog files event by event, from group to group: what stands before a position, and where groups begin.

use std::ops::Range;

use bytes::Bytes;

use super::joined::{Joined, Joint};
use crate::binlog::{BinlogError, Coordinates, EventKind, Frame, Framer, Gtid, GtidSet};
use crate::change::{GroupTracker, Place, Seen};
use crate::mysql::Flavour;
use crate::source::error::SourceError;
use crate::source::passed::Passed;

/// Events one by one; blocks on the disk.
#[derive(Debug)]
pub(in crate::source) struct Walk {
    joined: Joined,
    buffer: Bytes,
    events: std::vec::IntoIter<Range<u32>>,
    framer: Framer,
    tracker: GroupTracker,
    flavour: Flavour,
    /// The groups that are complete are those of earlier files too.
    pub(in crate::source) passed: Passed,
    /// Behind the last event between groups.
    pub(in crate::source) boundary: Coordinates,
}

/// One event.
#[derive(Debug)]
pub(in crate::source) struct Step {
    pub(in crate::source) at: Coordinates,
    pub(in crate::source) end: u64,
    pub(in crate::source) is_between: bool,
    /// Whether a group begins here, and its GTID.
    pub(in crate::source) opens: Option<Option<Gtid>>,
}

impl Walk {
    /// Begins at a file's first event.
    pub(in crate::source) fn new(joined: Joined, from: Coordinates, flavour: Flavour) -> Self {
        Self {
            joined,
            buffer: Bytes::new(),
            events: Vec::new().into_iter(),
            framer: Framer::new(from.clone()),
            tracker: GroupTracker::default(),
            flavour,
            passed: Passed::new(GtidSet::empty(flavour)),
            boundary: from,
        }
    }

    /// The next event, those of the stream alone left out; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with a file or an event.
    pub(in crate::source) fn step(&mut self) -> Result<Option<Step>, SourceError> {
        loop {
            if let Some(range) = self.events.next() {
                let event = self.buffer.slice(range.start as usize..range.end as usize);
                match self.read(&event)? {
                    Some(step) => return Ok(Some(step)),
                    None => continue,
                }
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

    fn read(&mut self, event: &[u8]) -> Result<Option<Step>, SourceError> {
        let before = self.framer.next().clone();
        let unreadable =
            |source: Box<dyn std::error::Error + Send + Sync>| SourceError::Unreadable {
                at: before.clone(),
                source,
            };
        let frame = self
            .framer
            .frame(event)
            .map_err(|error| unreadable(error.into()))?;
        if frame.header.kind == EventKind::FormatDescription {
            self.tracker
                .expect_gtids(self.framer.format().announces_groups());
        }
        if frame.artificial {
            return Ok(None);
        }
        let body = event.get(frame.body.clone()).unwrap_or_default();
        let mut scratch = Vec::new();
        let seen = Seen::of(&frame, body, self.framer.format(), &mut scratch)
            .map_err(|trouble| unreadable(trouble.into()))?;
        let place = self
            .tracker
            .place(seen.mark())
            .map_err(|error| unreadable(error.into()))?;
        self.note(&frame, body, &seen)
            .map_err(|error| unreadable(error.into()))?;
        let opens = matches!(place, Place::Opens | Place::Alone).then(|| self.passed.open.clone());
        self.passed.settle(place);
        let is_between = self.tracker.is_between_groups();
        if is_between {
            self.boundary = self.framer.next().clone();
        }
        Ok(Some(Step {
            at: Coordinates::new(before.file, frame.start),
            end: frame.end,
            is_between,
            opens,
        }))
    }

    /// Takes what an event tells of GTIDs.
    fn note(&mut self, frame: &Frame, body: &[u8], seen: &Seen<'_>) -> Result<(), BinlogError> {
        match seen {
            Seen::Gtid(event) => self.passed.open.clone_from(&event.gtid),
            Seen::MariaDbGtid(event) => self.passed.open = Some(event.gtid.clone()),
            Seen::Query(_) | Seen::XaPrepare { .. } | Seen::Other(_) => {}
        }
        let earlier = match (frame.header.kind, self.flavour) {
            (EventKind::PreviousGtids, Flavour::MySql) => GtidSet::decode(body)?,
            (EventKind::MariaDbGtidList, Flavour::MariaDb) => GtidSet::decode_list(body)?,
            _other => return Ok(()),
        };
        self.passed.gtid_set.union(&earlier);
        Ok(())
    }
}
