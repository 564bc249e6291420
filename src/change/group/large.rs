//! A large event, read from the spill file of its group piece by piece.
//!
//! Its checksum was verified before it got there. Of a rows event the rows go on as they become whole, so that only a row is
//! ever whole in memory; a compressed transaction is unpacked as its bytes come; a statement behind rows is passed over.
//! Any other event is put together first.

use std::sync::Arc;

use bytes::Bytes;

use crate::binlog::{EventKind, Frame, Header, RowsHeader};
use crate::change::assembler::Assembler;
use crate::change::definition::table_maps::Kept;
use crate::change::group::closed::Apply;
use crate::change::group::open::Held;
use crate::change::rows::images;
use crate::change::trouble::Trouble;
use crate::change::{Rows, RowsKind};

/// What is left of an event whose first bytes were read.
#[derive(Debug)]
pub(in crate::change) struct Large {
    /// Where the event begins.
    start: u64,
    kind: EventKind,
    /// Bytes of the body that are still in the spill file.
    missing: u64,
    way: Way,
}

/// What is done with the bytes that come.
#[derive(Debug)]
enum Way {
    /// They are dropped, or feed the payload that is open.
    Pass,
    /// They are put together.
    Gather { frame: Frame, event: Vec<u8> },
    /// They are rows.
    Rows(Box<Stream>),
}

/// The rows of an event as they become whole.
#[derive(Debug)]
struct Stream {
    kind: RowsKind,
    kept: Arc<Kept>,
    frame: Frame,
    /// The bitmaps, and behind them rows.
    bytes: Vec<u8>,
    bitmap_bytes: usize,
    after_bytes: usize,
    cascades: bool,
}

impl Large {
    /// Begins with the first bytes of an event of which `body_bytes` are the body; events of more than `whole_bytes_max`
    /// bytes that can be read in pieces are not put together.
    pub(in crate::change) fn new(
        frame: &Frame,
        first: &[u8],
        body_bytes: u64,
        whole_bytes_max: u64,
    ) -> Self {
        let here = first.len().saturating_sub(Header::LEN) as u64;
        let missing = body_bytes.saturating_sub(here);
        let kind = frame.header.kind;
        let in_pieces = match kind {
            EventKind::RowsQuery
            | EventKind::AnnotateRows
            | EventKind::BeginLoadQuery
            | EventKind::AppendBlock
            | EventKind::TransactionPayload => true,
            EventKind::WriteRows
            | EventKind::WriteRowsV1
            | EventKind::UpdateRows
            | EventKind::UpdateRowsV1
            | EventKind::PartialUpdateRows
            | EventKind::DeleteRows
            | EventKind::DeleteRowsV1 => u64::from(frame.header.event_size) > whole_bytes_max,
            _other => false,
        };
        let way = match in_pieces {
            true => Way::Pass,
            false => Way::Gather {
                frame: frame.clone(),
                event: first.to_vec(),
            },
        };
        Self {
            start: frame.start,
            kind,
            missing,
            way,
        }
    }

    /// Whether the event is put together before anything looks at it.
    pub(in crate::change) fn is_gathered(&self) -> bool {
        matches!(self.way, Way::Gather { .. })
    }

    /// Whether rows are being read from it.
    pub(in crate::change) fn has_rows(&self) -> bool {
        matches!(self.way, Way::Rows(_))
    }

    /// Where the event begins in the binlog.
    pub(in crate::change) fn start(&self) -> u64 {
        self.start
    }

    /// The event's kind.
    pub(in crate::change) fn kind(&self) -> EventKind {
        self.kind
    }

    /// Bytes of the body that are still to come.
    pub(in crate::change) fn missing(&self) -> u64 {
        self.missing
    }

    /// Whether all of it was read.
    pub(in crate::change) fn is_read(&self) -> bool {
        self.missing == 0
    }

    /// Cuts the bytes of the body off the front of what came from the spill file, and takes them.
    pub(in crate::change) fn take(&mut self, bytes: Bytes) -> Bytes {
        let count = usize::try_from(self.missing).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.missing -= count as u64;
        let body = bytes.slice(..count);
        match &mut self.way {
            Way::Pass => {}
            Way::Gather { event, .. } => append(event, &body, self.missing),
            Way::Rows(stream) => append(&mut stream.bytes, &body, self.missing),
        }
        body
    }

    /// The event that was put together.
    pub(in crate::change) fn gathered(self) -> Option<(Held, Bytes)> {
        let Way::Gather { mut frame, event } = self.way else {
            return None;
        };
        frame.body = Header::LEN..event.len();
        let range = 0..u32::try_from(event.len()).unwrap_or(u32::MAX);
        let held = Held {
            buffer: 0,
            range,
            frame,
        };
        Some((held, event.into()))
    }

    /// Begins to read rows, of which the first bytes are in `buffer`.
    pub(in crate::change) fn stream(
        &mut self,
        held: &Held,
        buffer: &Bytes,
        kind: RowsKind,
        header: &RowsHeader,
        kept: &Arc<Kept>,
    ) {
        let origin = held.body();
        let body = buffer
            .get(origin.start as usize..origin.end as usize)
            .unwrap_or_default();
        let part = |range: &std::ops::Range<usize>| body.get(range.clone()).unwrap_or_default();
        let (before, after) = (part(&header.columns), part(&header.columns_after));
        self.way = Way::Rows(Box::new(Stream {
            kind,
            kept: Arc::clone(kept),
            frame: held.frame.clone(),
            bitmap_bytes: before.len(),
            after_bytes: after.len(),
            cascades: header.cascades(),
            bytes: [before, after, part(&header.body)].concat(),
        }));
    }
}

/// Appends with room for four times as much, and never for more than is to come: room costs nothing until it is written to,
/// whereas what growing leaves behind stays with the process for a while.
fn append(to: &mut Vec<u8>, bytes: &[u8], to_come: u64) {
    if to.capacity() - to.len() < bytes.len() {
        let more = bytes.len().max(3 * to.len());
        let all = usize::try_from(to_come).map_or(more, |to_come| to_come + bytes.len());
        to.reserve_exact(more.min(all));
    }
    to.extend_from_slice(bytes);
}

impl Assembler {
    /// Puts the rows that are whole into the batch; `true` when the event has no more of them.
    pub(in crate::change) fn emit_whole_rows(
        &mut self,
        apply: &mut Apply,
    ) -> Result<bool, Trouble> {
        let Some(Large { missing, way, .. }) = apply.large.as_mut() else {
            return Ok(true);
        };
        let Way::Rows(stream) = way else {
            return Ok(true);
        };
        let is_last = *missing == 0;
        let Some((buffer, row_count)) = stream.cut(is_last)? else {
            return Ok(is_last);
        };
        let bytes = |at: usize| {
            u32::try_from(at).map_err(|_| Trouble::TooMany {
                what: "bytes",
                max: u64::from(u32::MAX),
            })
        };
        let (before, behind) = (
            bytes(stream.bitmap_bytes)?,
            bytes(stream.bitmap_bytes + stream.after_bytes)?,
        );
        let mut rows = Rows {
            table: self.builder.table(&stream.kept.table)?,
            group: 0,
            buffer: self.builder.buffer(&buffer)?,
            kind: stream.kind,
            columns: 0..before,
            columns_after: before..behind,
            body: behind..bytes(buffer.len())?,
            position: stream.frame.start,
            timestamp: stream.frame.header.timestamp,
            server_id: stream.frame.header.server_id,
            first_row: apply.sequence,
            row_count,
            cascades: stream.cascades,
        };
        rows.group = self.group_of(apply)?;
        apply.sequence += u64::from(row_count);
        self.builder.ledger.rows += u64::from(row_count);
        self.builder.rows(rows);
        Ok(is_last)
    }
}

impl Stream {
    /// Cuts whole rows off, with the bitmaps in front; at the event's end nothing may be left.
    fn cut(&mut self, is_last: bool) -> Result<Option<(Bytes, u32)>, Trouble> {
        let head = self.bitmap_bytes + self.after_bytes;
        let (bitmaps, rows) = self.bytes.split_at_checked(head).unwrap_or_default();
        let (before, after) = bitmaps
            .split_at_checked(self.bitmap_bytes)
            .unwrap_or_default();
        self.kept.allows([before, after])?;
        let images = images(self.kind, &self.kept.table, before, after);
        let counted = images.and_then(|images| match is_last {
            true => images.count(rows).map(|count| (count, rows.len())),
            false => images.count_whole(rows),
        });
        let (count, bytes) = counted.map_err(|error| Trouble::Rows {
            table: self.kept.source.clone(),
            error,
        })?;
        if count == 0 {
            return Ok(None);
        }
        let mut next = bitmaps.to_vec();
        next.extend_from_slice(rows.get(bytes..).unwrap_or_default());
        let mut cut = std::mem::replace(&mut self.bytes, next);
        cut.truncate(head + bytes);
        Ok(Some((cut.into(), count)))
    }
}
