//! A rows event that was logged in pieces: put together before anything looks at it.

use bytes::Bytes;

use super::open::HeldEvent;
use crate::binlog::{BinlogError, EventKind, Fragment, Frame, Header, compressed};
use crate::change::batch::rows::TooMany;
use crate::change::trouble::Trouble;

/// The most that an event may have: both families limit it to this.
const EVENT_BYTES_MAX: usize = 1 << 30;

/// The pieces of an event so far.
#[derive(Debug)]
pub(in crate::change) struct Fragments {
    count: u32,
    /// Pieces that were taken.
    taken: u32,
    /// The event's size, as its first piece states it.
    event_bytes: Option<u64>,
    event: Vec<u8>,
}

/// Takes a piece into `pending`, and returns the event if it was the last of it.
pub(in crate::change) fn join(
    pending: &mut Option<Box<Fragments>>,
    held: &HeldEvent,
    buffer: &Bytes,
    checksum_bytes: usize,
) -> Result<Option<(Box<HeldEvent>, Bytes)>, Trouble> {
    let body = held.bytes(buffer);
    let piece = Fragment::parse(body)?;
    let mut fragments = pending.take().unwrap_or_else(|| {
        Box::new(Fragments {
            count: piece.count,
            taken: 0,
            event_bytes: piece.event_bytes,
            event: Vec::new(),
        })
    });
    if (piece.count, piece.number) != (fragments.count, fragments.taken + 1) {
        return Err(fragments.broken());
    }
    let bytes = body.get(piece.bytes).unwrap_or_default();
    if bytes.len() > EVENT_BYTES_MAX - fragments.event.len() {
        return Err(Trouble::TooMany(TooMany {
            what: "bytes",
            max: EVENT_BYTES_MAX as u64,
        }));
    }
    fragments.event.extend_from_slice(bytes);
    fragments.taken += 1;
    if fragments.taken < fragments.count {
        *pending = Some(fragments);
        return Ok(None);
    }
    fragments.whole(held, checksum_bytes).map(Some)
}

impl Fragments {
    /// What is wrong when another event follows, or none.
    pub(in crate::change) fn broken(&self) -> Trouble {
        Trouble::Fragments {
            found: self.taken,
            expected: self.count,
        }
    }

    /// The event, which has a header of its own and no checksum: its pieces had theirs.
    fn whole(
        self,
        last: &HeldEvent,
        checksum_bytes: usize,
    ) -> Result<(Box<HeldEvent>, Bytes), Trouble> {
        let header = Header::parse(&self.event)?;
        let kind = compressed::plain_kind(header.kind).unwrap_or(header.kind);
        if !matches!(kind.number(), 23..=25 | 30..=32) {
            return Err(Trouble::Unsupported { kind: header.kind });
        }
        let found = self.event.len();
        let is_size =
            |stated: u64| stated == found as u64 || stated == (found + checksum_bytes) as u64;
        let stated = u64::from(header.event_size);
        if !is_size(stated) || !self.event_bytes.is_none_or(is_size) {
            return Err(Trouble::Binlog(BinlogError::EventSize {
                stated: header.event_size,
                found,
            }));
        }
        let frame = Frame {
            header,
            body: Header::LEN..found,
            ..last.frame.clone()
        };
        let held = HeldEvent {
            buffer: 0,
            range: 0..u32::try_from(found).unwrap_or(u32::MAX),
            frame,
        };
        Ok((Box::new(held), self.event.into()))
    }
}

/// Whether the event is a piece of one.
pub(in crate::change) fn is_piece(held: &HeldEvent) -> bool {
    held.frame.header.kind == EventKind::PartialRowData
}
