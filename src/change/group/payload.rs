//! The events of a compressed transaction, as the group that holds it reads them.
//!
//! They are in no file: each gets the place of the event that they came in. That event ends its group, so that what is
//! inside must be one whole transaction, and one that stands.

use std::ops::Range;

use bytes::Bytes;

use super::open::HeldEvent;
use super::seen::Seen;
use super::tracker::{GroupTracker, Outcome, Place};
use crate::binlog::{
    BinlogError, Control, EventKind, FormatDescription, Frame, Header, Inner, Payload,
    PayloadReader, Query, XaId, XaPrepare,
};
use crate::change::trouble::Trouble;

/// A payload that is being read.
#[derive(Debug)]
pub(in crate::change) struct OpenPayload {
    reader: PayloadReader,
    tracker: GroupTracker,
    /// The event that ends the transaction was read.
    ended: bool,
    /// Where the payload event begins.
    start: u64,
    /// The payload event; only its first bytes where the rest is fed later.
    event: Bytes,
    /// Whether that is all of it.
    is_whole: bool,
    /// Whether an event was read.
    is_begun: bool,
    /// How the transaction ends. Of an XA transaction only the last event tells whether it is prepared, as one of two phases is,
    /// or committed: until then it is taken to be prepared.
    pub(in crate::change) outcome: Outcome,
    /// The XA transaction that it is.
    xa: Option<XaId>,
}

/// What a payload has next.
pub(in crate::change) enum Pulled {
    Event(Box<HeldEvent>, Bytes),
    /// More of its bytes are to be fed.
    Lacks,
    End,
}

impl OpenPayload {
    /// Begins to read the payload event that begins at a position and has this `body`; the first bytes of both do where the
    /// rest is fed later.
    pub(in crate::change) fn new(
        (start, event): (u64, Bytes),
        body: Bytes,
        body_bytes: u64,
    ) -> Result<Self, Trouble> {
        let is_whole = body.len() as u64 >= body_bytes;
        Ok(Self {
            reader: Payload::parse(&body)?.read(body, body_bytes)?,
            tracker: GroupTracker::default(),
            ended: false,
            start,
            event,
            is_whole,
            is_begun: false,
            outcome: Outcome::Committed,
            xa: None,
        })
    }

    /// Takes more of the payload's bytes; only after [`Pulled::Lacks`].
    pub(in crate::change) fn feed(&mut self, bytes: Bytes) -> Result<(), Trouble> {
        Ok(self.reader.feed(bytes)?)
    }

    /// Where the payload event begins.
    pub(in crate::change) fn start(&self) -> u64 {
        self.start
    }

    /// The id of the XA transaction that it is, if it is one, where the payload event begins, and the event, unless only its
    /// first bytes are here.
    pub(in crate::change) fn xa(&self) -> Option<(&XaId, u64, Option<&Bytes>)> {
        let event = self.is_whole.then_some(&self.event);
        Some((self.xa.as_ref()?, self.start, event))
    }

    pub(in crate::change) fn next(
        &mut self,
        format: &FormatDescription,
    ) -> Result<Pulled, Trouble> {
        let (block, range) = match self.reader.pull()? {
            Inner::Event(block, range) => (block, range),
            Inner::Lacks => return Ok(Pulled::Lacks),
            Inner::End if self.ended => return Ok(Pulled::End),
            Inner::End => return Err(Trouble::PayloadOpen),
        };
        let frame = self.frame(&block, &range)?;
        let held = Box::new(HeldEvent {
            buffer: 0,
            range,
            frame,
        });
        let bytes = held.bytes(&block);
        self.place(&held.frame, bytes, format)?;
        if held.frame.header.kind == EventKind::XaPrepare {
            self.is_of_xa(&XaPrepare::parse(bytes)?)?;
        } else if !self.is_begun && held.frame.header.kind == EventKind::Query {
            self.note_xa(&Query::parse(bytes, format)?);
        }
        self.is_begun = true;
        Ok(Pulled::Event(held, block))
    }

    /// Makes sure that the XA transaction ends which has begun.
    fn is_of_xa(&self, last: &XaPrepare) -> Result<(), Trouble> {
        match &self.xa {
            Some(id) if *id == last.id => Ok(()),
            Some(_) | None => Err(Trouble::InPayload {
                kind: EventKind::XaPrepare,
            }),
        }
    }

    /// Takes what the first event tells.
    fn note_xa(&mut self, query: &Query<'_>) {
        if query.control() == Some(Control::XaStart) {
            self.xa = query.xa_id();
            self.outcome = Outcome::Prepared;
        }
    }

    fn frame(&self, block: &Bytes, range: &Range<u32>) -> Result<Frame, BinlogError> {
        let event = block
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default();
        Ok(Frame {
            header: Header::parse(event)?,
            body: Header::LEN..event.len(),
            start: self.start,
            end: self.start,
            artificial: false,
        })
    }

    /// Checks that the event stands where it may.
    fn place(
        &mut self,
        frame: &Frame,
        body: &[u8],
        format: &FormatDescription,
    ) -> Result<(), Trouble> {
        let kind = frame.header.kind;
        let refused = Err(Trouble::InPayload { kind });
        let mut scratch = Vec::new();
        let seen = Seen::of(frame, body, format, &mut scratch)?;
        match seen {
            Seen::Gtid(_) | Seen::MariaDbGtid(_) => return refused,
            // Its rows would have gone on by now. Servers do not compress what they may have to roll back in part.
            Seen::Query(Some(Control::Rollback | Control::RollbackTo(_))) => return refused,
            Seen::Other(EventKind::TransactionPayload) => return refused,
            Seen::Query(_) | Seen::XaPrepare { .. } | Seen::Other(_) if self.ended => {
                return refused;
            }
            Seen::Query(_) | Seen::XaPrepare { .. } | Seen::Other(_) => {}
        }
        match self.tracker.place(seen.mark())? {
            Place::Opens | Place::Inside => Ok(()),
            Place::Ends(outcome) if outcome == Outcome::Committed || outcome == self.outcome => {
                self.outcome = outcome;
                self.ended = true;
                Ok(())
            }
            Place::Alone => {
                self.ended = true;
                Ok(())
            }
            Place::Ends(_) | Place::Outside | Place::Abandons => refused,
        }
    }
}
