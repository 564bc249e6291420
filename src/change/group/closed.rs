//! A closed group: its events one by one, from memory, from the spill file and out of compressed transactions.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::binlog::{Coordinates, EventKind, FormatDescription, Frame, Header};
use crate::change::group::fragments::Fragments;
use crate::change::group::large::Large;
use crate::change::group::open::{Held, Hold};
use crate::change::group::payload::{Opened, Pulled};
use crate::change::group::tracker::Outcome;
use crate::change::trouble::{AssembleError, Trouble};

/// A closed group and how far its events were read.
#[derive(Debug)]
pub(in crate::change) struct Apply {
    pub(in crate::change) hold: Hold,
    /// The events that were never spilled, aside until those that were have been read.
    tail: (VecDeque<Held>, Vec<Bytes>),
    pub(in crate::change) outcome: Outcome,
    /// Behind the group's last event.
    pub(in crate::change) end: Coordinates,
    /// Events read so far, spilled ones included.
    pub(in crate::change) done: u64,
    /// The next change's sequence in the group.
    pub(in crate::change) sequence: u64,
    /// Whether the group is one that the reader chose.
    pub(in crate::change) chosen: bool,
    /// The group's index in the batch in the making; `None` until it has an item there.
    pub(in crate::change) group: Option<u32>,
    /// The compressed transaction whose events are being read.
    pub(in crate::change) payload: Option<Opened>,
    /// Events read from compressed transactions.
    pub(in crate::change) inner: u64,
    /// An event that had to wait for a definition.
    pub(in crate::change) again: Option<(Held, Bytes)>,
    /// The event that comes back from the spill file piece by piece.
    pub(in crate::change) large: Option<Large>,
    /// The pieces of a rows event so far.
    pub(in crate::change) fragments: Option<Fragments>,
}

/// What comes next in a closed group.
pub(in crate::change) enum Next {
    Event(Held, Bytes),
    /// Rows of a large event may be whole.
    Rows,
    /// The next events are in the spill file.
    Spilled,
    End,
}

impl Apply {
    pub(in crate::change) fn new(
        hold: Hold,
        outcome: Outcome,
        end: Coordinates,
        chosen: bool,
    ) -> Self {
        let mut apply = Self {
            hold,
            tail: (VecDeque::new(), Vec::new()),
            outcome,
            end,
            done: 0,
            sequence: 0,
            chosen,
            group: None,
            payload: None,
            inner: 0,
            again: None,
            large: None,
            fragments: None,
        };
        if apply.hold.spilled > 0 {
            apply.tail = (
                std::mem::take(&mut apply.hold.events),
                std::mem::take(&mut apply.hold.buffers),
            );
        }
        apply
    }

    /// The next event, those inside a compressed transaction one by one.
    pub(in crate::change) fn next(
        &mut self,
        format: &FormatDescription,
    ) -> Result<Next, AssembleError> {
        if let Some((held, buffer)) = self.again.take() {
            return Ok(Next::Event(held, buffer));
        }
        if let Some(mut payload) = self.payload.take() {
            let at = Coordinates::new(Arc::clone(&self.end.file), payload.start());
            let pulled = payload.next(format);
            match pulled
                .map_err(|trouble| AssembleError::new(at, EventKind::TransactionPayload, trouble))?
            {
                Pulled::Event(held, block) => {
                    self.outcome = payload.outcome;
                    self.payload = Some(payload);
                    self.inner += 1;
                    return Ok(Next::Event(held, block));
                }
                Pulled::Lacks => {
                    self.payload = Some(payload);
                    return Ok(Next::Spilled);
                }
                Pulled::End => self.done += 1,
            }
        }
        if self.large.as_ref().is_some_and(Large::has_rows) {
            return Ok(Next::Rows);
        }
        Ok(self.next_in_file())
    }

    fn next_in_file(&mut self) -> Next {
        if let Some(held) = self.hold.events.pop_front() {
            let buffer = self
                .hold
                .buffers
                .get(held.buffer)
                .expect("a held event names one of the hold's buffers");
            let buffer = buffer.clone();
            return Next::Event(held, buffer);
        }
        if self.done < self.hold.spilled {
            return Next::Spilled;
        }
        if self.tail.0.is_empty() {
            return Next::End;
        }
        (self.hold.events, self.hold.buffers) = std::mem::take(&mut self.tail);
        self.next_in_file()
    }

    /// Puts spilled events back before those that stayed in memory. Of an event that is not whole there, more comes next;
    /// one of more than `whole_bytes_max` bytes is read as it comes.
    pub(in crate::change) fn take_spilled(
        &mut self,
        buffer: &Bytes,
        events: &[(u64, Range<u32>)],
        checksum_bytes: usize,
        whole_bytes_max: u64,
    ) -> Result<(), AssembleError> {
        if events.is_empty() {
            return self.take_more(buffer);
        }
        self.hold.buffers.clear();
        for (start, range) in events {
            let at = || Coordinates::new(Arc::clone(&self.end.file), *start);
            let event = buffer
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default();
            let damaged = |_| AssembleError::new(at(), None, Trouble::Spill);
            let header = Header::parse(event).map_err(damaged)?;
            let size = header.event_size as usize;
            let body_end = size.saturating_sub(checksum_bytes).max(Header::LEN);
            let frame = Frame {
                header,
                body: Header::LEN..body_end.min(event.len()),
                start: *start,
                end: start + u64::from(header.event_size),
                artificial: false,
            };
            if event.len() < size {
                let body_bytes = (body_end - Header::LEN) as u64;
                let first = event.get(..frame.body.end).unwrap_or_default();
                let large = Large::new(&frame, first, body_bytes, whole_bytes_max);
                let is_gathered = large.is_gathered();
                self.large = Some(large);
                if is_gathered {
                    continue;
                }
            }
            self.hold.restore(buffer, range.clone(), frame);
        }
        Ok(())
    }
}

impl Apply {
    /// Takes more of the event that comes piece by piece.
    fn take_more(&mut self, bytes: &Bytes) -> Result<(), AssembleError> {
        // Behind the body comes the checksum, which was verified.
        let Some(large) = &mut self.large else {
            return Ok(());
        };
        let body = large.take(bytes.clone());
        if let Some(payload) = &mut self.payload {
            let at = Coordinates::new(Arc::clone(&self.end.file), payload.start());
            payload.feed(body).map_err(|trouble| {
                AssembleError::new(at, EventKind::TransactionPayload, trouble)
            })?;
        }
        if large.is_read() && !large.has_rows() {
            self.again = self.large.take().and_then(Large::gathered);
        }
        Ok(())
    }

    /// What is left of the event, if only its first bytes are here.
    pub(in crate::change) fn rest_of(&mut self, held: &Held) -> Option<&mut Large> {
        let start = held.frame.start;
        self.large
            .as_mut()
            .filter(|large| self.payload.is_none() && large.start() == start)
    }

    /// Counts an event that is settled; what is left of it is passed over.
    pub(in crate::change) fn settled(&mut self, held: &Held) {
        if self.rest_of(held).is_some() {
            self.large = None;
        }
        self.done += 1;
    }

    /// Whether the event in hand has more than what was settled.
    pub(in crate::change) fn goes_on(&self) -> bool {
        self.payload.is_some() || self.large.as_ref().is_some_and(Large::has_rows)
    }
}
