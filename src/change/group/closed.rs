//! A closed group: its events one by one, from memory, from the spill file and out of compressed transactions.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::fragments::{self, Fragments};
use super::large::LargeEvent;
use super::open::{HeldEvent, OpenGroup};
use super::payload::{OpenPayload, Pulled};
use super::tracker::Outcome;
use crate::binlog::{
    Coordinates, EventKind, FormatDescription, Frame, Header, XaId, compressed, xid,
};
use crate::change::trouble::{AssembleError, Trouble};

/// A closed group and how far its events were read.
#[derive(Debug)]
pub(in crate::change) struct ClosedGroup {
    /// What was held of it.
    pub(in crate::change) held: OpenGroup,
    /// The events that were never spilled, aside until those that were have been read.
    tail: (VecDeque<Box<HeldEvent>>, Vec<Bytes>),
    pub(in crate::change) outcome: Outcome,
    /// The position after the group's last event.
    pub(in crate::change) end: Coordinates,
    /// Events read so far, spilled ones included.
    pub(in crate::change) done: u64,
    /// Events read from compressed transactions.
    pub(in crate::change) inner: u64,
    /// The file that its events stand in.
    file: Arc<str>,
    /// It commits an XA transaction whose events were kept: their own end no longer counts.
    is_decided: bool,
    /// The compressed transaction whose events are being read.
    payload: Option<Box<OpenPayload>>,
    /// The chunk of the event that was handed out last, unless it was taken; after that of the one that was settled last, if the
    /// group holds it: the next event mostly stands in it too.
    at_hand: Bytes,
    /// An event that had to wait for a definition.
    again: Option<(Box<HeldEvent>, Bytes)>,
    /// The event that comes back from the spill file piece by piece.
    large: Option<Box<LargeEvent>>,
    /// The pieces of a rows event so far.
    fragments: Option<Box<Fragments>>,
}

/// What comes next in a closed group.
pub(in crate::change) enum NextEvent {
    /// An event, put together and unpacked; its chunk is to be taken.
    Whole(Box<HeldEvent>),
    /// A piece of a rows event that is not the last, which was settled.
    Piece,
    /// Rows of a large event may be whole.
    Rows,
    /// The next events are in the spill file.
    Spilled,
    /// There are no more.
    End,
}

impl ClosedGroup {
    pub(in crate::change) fn new(mut held: OpenGroup, outcome: Outcome, end: Coordinates) -> Self {
        let tail = match held.spilled {
            0 => (VecDeque::new(), Vec::new()),
            _some => (
                std::mem::take(&mut held.events),
                std::mem::take(&mut held.buffers),
            ),
        };
        Self {
            held,
            tail,
            outcome,
            file: Arc::clone(&end.file),
            end,
            done: 0,
            inner: 0,
            is_decided: false,
            payload: None,
            at_hand: Bytes::new(),
            again: None,
            large: None,
            fragments: None,
        }
    }

    /// A group that commits a prepared XA transaction, with the transaction's events, which stand in `file`.
    pub(in crate::change) fn committing(held: OpenGroup, file: Arc<str>, end: Coordinates) -> Self {
        Self {
            file,
            is_decided: true,
            ..Self::new(held, Outcome::Committed, end)
        }
    }

    /// The next event, those inside a compressed transaction one by one.
    ///
    /// # Errors
    /// A compressed transaction or a rows event in pieces that is broken.
    pub(in crate::change) fn next(
        &mut self,
        format: &FormatDescription,
    ) -> Result<NextEvent, AssembleError> {
        let held = match self.next_as_logged(format)? {
            NextEvent::Whole(held) if !self.is_plain(&held) => held,
            other => return Ok(other),
        };
        let (start, kind) = (held.frame.start, held.frame.header.kind);
        let buffer = self.take_chunk();
        self.whole(held, buffer, format)
            .map_err(|trouble| AssembleError::new(self.at(start), kind, trouble))
    }

    /// Whether an event is read as it was logged, as most are.
    fn is_plain(&self, held: &HeldEvent) -> bool {
        self.fragments.is_none()
            && !fragments::is_piece(held)
            && compressed::plain_kind(held.frame.header.kind).is_none()
    }

    /// Puts an event that was logged in pieces together, and unpacks one that is compressed.
    fn whole(
        &mut self,
        held: Box<HeldEvent>,
        buffer: Bytes,
        format: &FormatDescription,
    ) -> Result<NextEvent, Trouble> {
        let (held, buffer) = if fragments::is_piece(&held) {
            let checksum_bytes = format.checksum_bytes();
            match fragments::join(&mut self.fragments, &held, &buffer, checksum_bytes)? {
                Some(joined) => joined,
                None => {
                    self.settled(&held);
                    return Ok(NextEvent::Piece);
                }
            }
        } else if let Some(fragments) = &self.fragments {
            return Err(fragments.broken());
        } else {
            (held, buffer)
        };
        let (held, buffer) = held.unpacked(buffer, format)?;
        Ok(self.hand_out(held, buffer))
    }

    fn next_as_logged(&mut self, format: &FormatDescription) -> Result<NextEvent, AssembleError> {
        if let Some((held, buffer)) = self.again.take() {
            return Ok(self.hand_out(held, buffer));
        }
        if let Some(mut payload) = self.payload.take() {
            let pulled = payload.next(format).map_err(|trouble| {
                let at = self.at(payload.start());
                AssembleError::new(at, EventKind::TransactionPayload, trouble)
            })?;
            match pulled {
                Pulled::Event(held, block) => {
                    if !self.is_decided {
                        self.outcome = payload.outcome;
                    }
                    self.payload = Some(payload);
                    self.inner += 1;
                    return Ok(self.hand_out(held, block));
                }
                Pulled::Lacks => {
                    self.payload = Some(payload);
                    return Ok(NextEvent::Spilled);
                }
                Pulled::End => self.done += 1,
            }
        }
        if self.has_rows() {
            return Ok(NextEvent::Rows);
        }
        Ok(self.next_in_file())
    }

    fn next_in_file(&mut self) -> NextEvent {
        if let Some(held) = self.held.events.pop_front() {
            let buffer = self
                .held
                .buffers
                .get(held.buffer)
                .expect("a held event names one of its group's buffers");
            if !is_same_chunk(&self.at_hand, buffer) {
                self.at_hand = buffer.clone();
            }
            return NextEvent::Whole(held);
        }
        if self.done < self.held.spilled {
            return NextEvent::Spilled;
        }
        if self.tail.0.is_empty() {
            return NextEvent::End;
        }
        (self.held.events, self.held.buffers) = std::mem::take(&mut self.tail);
        self.next_in_file()
    }

    /// Puts spilled events back before those that stayed in memory. Of an event that is not whole there, more comes next;
    /// one of more than `whole_bytes_max` bytes is read as it comes.
    ///
    /// # Errors
    /// When they are not the events that were handed out.
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
        self.held.buffers.clear();
        self.at_hand = Bytes::new();
        for (start, range) in events {
            let event = buffer
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default();
            let header = Header::parse(event)
                .map_err(|_| AssembleError::new(self.at(*start), None, Trouble::Spill))?;
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
                let large = LargeEvent::new(&frame, first, body_bytes, whole_bytes_max);
                let is_gathered = large.is_gathered();
                self.large = Some(Box::new(large));
                if is_gathered {
                    continue;
                }
            }
            self.held.restore(buffer, range.clone(), frame);
        }
        Ok(())
    }

    /// Takes more of the event that comes piece by piece.
    fn take_more(&mut self, bytes: &Bytes) -> Result<(), AssembleError> {
        // After the body comes the checksum, which was verified.
        let Some(large) = &mut self.large else {
            return Ok(());
        };
        let body = large.take(bytes.clone());
        let is_gathered = large.is_read() && !large.has_rows();
        if let Some(payload) = &mut self.payload {
            let start = payload.start();
            payload.feed(body).map_err(|trouble| {
                AssembleError::new(self.at(start), EventKind::TransactionPayload, trouble)
            })?;
        }
        if is_gathered {
            self.again = self.large.take().and_then(|large| large.gathered());
        }
        Ok(())
    }

    /// Opens the compressed transaction of this event, whose events come next.
    ///
    /// # Errors
    /// A payload that cannot be read.
    pub(in crate::change) fn open_payload(
        &mut self,
        held: &HeldEvent,
        buffer: &Bytes,
    ) -> Result<(), Trouble> {
        let range = held.body();
        let body = buffer.slice(range.start as usize..range.end as usize);
        let missing = self.rest_of(held).map_or(0, |large| large.missing());
        let bytes = body.len() as u64 + missing;
        let event = buffer.slice(held.range.start as usize..held.range.end as usize);
        let start = held.frame.start;
        let payload = OpenPayload::new((start, event), body, bytes)?;
        self.payload = Some(Box::new(payload));
        Ok(())
    }

    /// Takes the chunk of the event that came last.
    #[inline]
    pub(in crate::change) fn take_chunk(&mut self) -> Bytes {
        std::mem::take(&mut self.at_hand)
    }

    fn hand_out(&mut self, held: Box<HeldEvent>, buffer: Bytes) -> NextEvent {
        self.at_hand = buffer;
        NextEvent::Whole(held)
    }

    /// Has an event come again, whole as it is: it had to wait for an answer.
    pub(in crate::change) fn wait(&mut self, held: Box<HeldEvent>, buffer: Bytes) {
        self.again = Some((held, buffer));
    }

    /// The large event whose rows are being read.
    pub(in crate::change) fn large(&mut self) -> Option<&mut LargeEvent> {
        self.large.as_deref_mut()
    }

    /// What is left of the event, if only its first bytes are here.
    pub(in crate::change) fn rest_of(&mut self, held: &HeldEvent) -> Option<&mut LargeEvent> {
        let start = held.frame.start;
        self.large
            .as_deref_mut()
            .filter(|large| self.payload.is_none() && large.start() == start)
    }

    /// Takes an event back that is settled, and counts it unless it has more than that; what is left of it otherwise is passed
    /// over.
    pub(in crate::change) fn settle(&mut self, held: &HeldEvent, buffer: Bytes) {
        let chunk = self.held.buffers.get(held.buffer);
        let is_of_group = chunk.is_some_and(|chunk| is_same_chunk(chunk, &buffer));
        self.at_hand = match is_of_group {
            true => buffer,
            false => Bytes::new(),
        };
        let goes_on = self.payload.is_some() || self.has_rows();
        if !goes_on {
            self.settled(held);
        }
    }

    /// Counts the large event of which all rows were read.
    pub(in crate::change) fn settle_large(&mut self) {
        self.large = None;
        self.done += 1;
    }

    /// The coordinates of a position in the file that the group's events stand in.
    pub(in crate::change) fn at(&self, start: u64) -> Coordinates {
        Coordinates::new(Arc::clone(&self.file), start)
    }

    /// The id of the XA transaction whose compressed events are being read; and the event that holds them, with the position
    /// at which it begins, unless that is read from the spill file.
    pub(super) fn xa_in_payload(&self) -> Option<(XaId, Option<(u64, Bytes)>)> {
        let (id, start, event) = self.payload.as_ref()?.xa()?;
        let event = event.map(|event| (start, event.clone()));
        Some((id.clone(), event))
    }

    /// The events that were never spilled and are still to be read, each with the position at which it begins.
    pub(super) fn unread_in_memory(&self) -> Vec<(u64, Bytes)> {
        let (events, buffers) = self.in_memory();
        let whole = |held: &HeldEvent| (held.frame.start, held.whole(buffers));
        events.iter().map(|held| whole(held)).collect()
    }

    /// The body of the group's last event, which is in memory until it is read.
    pub(super) fn last_body(&self) -> Option<(EventKind, Bytes)> {
        let (events, buffers) = self.in_memory();
        let held = events.back()?;
        let range = held.body();
        let body = buffers.get(held.buffer)?;
        let body = body.slice(range.start as usize..range.end as usize);
        Some((held.frame.header.kind, body))
    }

    /// The storage engine's number of the transaction, if an XID event ends the group as it was logged.
    pub(in crate::change) fn xid(&self) -> Option<u64> {
        let (events, buffers) = self.in_memory();
        let last = events.back()?;
        let is_xid = last.frame.header.kind == EventKind::Xid;
        xid(last.bytes(buffers.get(last.buffer).filter(|_| is_xid)?)).ok()
    }

    /// The events that were never spilled, and the chunks that they stand in.
    fn in_memory(&self) -> (&VecDeque<Box<HeldEvent>>, &[Bytes]) {
        match self.tail.0.is_empty() {
            true => (&self.held.events, &self.held.buffers),
            false => (&self.tail.0, &self.tail.1),
        }
    }

    /// Whether rows of a large event are still to be read.
    fn has_rows(&self) -> bool {
        self.large.as_ref().is_some_and(|large| large.has_rows())
    }

    fn settled(&mut self, held: &HeldEvent) {
        if self.rest_of(held).is_some() {
            self.large = None;
        }
        self.done += 1;
    }
}

/// Whether two handles are those of one chunk.
fn is_same_chunk(one: &Bytes, other: &Bytes) -> bool {
    one.as_ptr() == other.as_ptr() && one.len() == other.len()
}
