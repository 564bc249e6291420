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
    /// The payload from its start, until its first event was seen.
    unread: Option<Bytes>,
    /// Length of the payload event's body.
    body_bytes: u64,
    /// How the transaction ends.
    pub(in crate::change) outcome: Outcome,
    /// The XA transaction that it prepares.
    prepares: Option<XaId>,
}

/// What a payload has next.
pub(in crate::change) enum Pulled {
    Event(HeldEvent, Bytes),
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
        Ok(Self {
            reader: Payload::parse(&body)?.read(body.clone(), body_bytes)?,
            tracker: GroupTracker::default(),
            ended: false,
            start,
            event,
            unread: Some(body),
            body_bytes,
            outcome: Outcome::Committed,
            prepares: None,
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

    /// Where the payload event begins, the event, and the id of the XA transaction that it prepares, if it prepares one.
    pub(in crate::change) fn prepares(&self) -> Option<(u64, &Bytes, &XaId)> {
        let id = self.prepares.as_ref()?;
        Some((self.start, &self.event, id))
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
        let held = HeldEvent {
            buffer: 0,
            range,
            frame,
        };
        let bytes = held.bytes(&block);
        self.place(&held.frame, bytes, format)?;
        if let Some(body) = self.unread.take()
            && held.frame.header.kind == EventKind::Query
            && Query::parse(bytes, format)?.control() == Some(Control::XaStart)
        {
            self.prepares = prepared_in(&body, self.body_bytes)?;
            if self.prepares.is_some() {
                self.outcome = Outcome::Prepared;
            }
        }
        Ok(Pulled::Event(held, block))
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
            Place::Ends(outcome) if outcome == self.outcome => {
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

/// Reads ahead whether an XA transaction ends with its PREPARE, before its first row goes on: only its last event tells.
fn prepared_in(body: &Bytes, body_bytes: u64) -> Result<Option<XaId>, Trouble> {
    if body_bytes > body.len() as u64 {
        return Err(Trouble::LargeXa);
    }
    let mut reader = Payload::parse(body)?.read(body.clone(), body_bytes)?;
    let mut prepared = None;
    while let Inner::Event(block, range) = reader.pull()? {
        let event = block
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default();
        if Header::parse(event)?.kind == EventKind::XaPrepare {
            let prepare = XaPrepare::parse(event.get(Header::LEN..).unwrap_or_default())?;
            prepared = (!prepare.one_phase).then_some(prepare.id);
        }
    }
    Ok(prepared)
}
