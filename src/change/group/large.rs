//! A large event, read from the spill file of its group piece by piece.
//!
//! Its checksum was verified before it got there. Of a rows event the rows go on as they become whole, so that only a row is
//! ever whole in memory; a compressed transaction is unpacked as its bytes come; a statement that annotates rows is passed over.
//! Any other event is put together first.

use std::sync::Arc;

use bytes::Bytes;

use super::open::HeldEvent;
use crate::binlog::{EventKind, Frame, Header, RowsHeader};
use crate::change::batch::rows::{EventStamp, RowImages, Rows, RowsKind, TooMany};
use crate::change::definition::kept_table::KeptTable;
use crate::change::trouble::Trouble;

/// What is left of an event whose first bytes were read.
#[derive(Debug)]
pub(in crate::change) struct LargeEvent {
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
    Rows(Box<RowStream>),
}

/// The rows of an event as they become whole.
#[derive(Debug)]
struct RowStream {
    kind: RowsKind,
    table: Arc<KeptTable>,
    frame: Frame,
    /// The bitmaps, then rows.
    bytes: Vec<u8>,
    bitmap_bytes: usize,
    after_bytes: usize,
    cascades: bool,
    /// Rows that were cut off so far.
    done: u32,
    /// Whether any of its rows is published, where a rule on rows chooses.
    is_chosen: bool,
}

/// Rows of a large event that are whole, with the bitmaps in front of them.
#[derive(Debug)]
pub(in crate::change) struct CutRows {
    pub(in crate::change) table: Arc<KeptTable>,
    pub(in crate::change) buffer: Bytes,
    /// The rows, but for their numbers in the batch and the group.
    pub(in crate::change) rows: Rows,
}

impl LargeEvent {
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
            kind if kind.holds_rows() => u64::from(frame.header.event_size) > whole_bytes_max,
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
    pub(in crate::change) fn gathered(self) -> Option<(Box<HeldEvent>, Bytes)> {
        let Way::Gather { mut frame, event } = self.way else {
            return None;
        };
        frame.body = Header::LEN..event.len();
        let range = 0..u32::try_from(event.len()).unwrap_or(u32::MAX);
        let held = HeldEvent {
            buffer: 0,
            range,
            frame,
        };
        Some((Box::new(held), event.into()))
    }

    /// Cuts off the rows that are whole by now; `None` if there are none.
    ///
    /// # Errors
    /// Rows that contradict their table map.
    pub(in crate::change) fn cut(&mut self) -> Result<Option<CutRows>, Trouble> {
        let is_last = self.missing == 0;
        match &mut self.way {
            Way::Rows(stream) => stream.cut(is_last),
            Way::Pass | Way::Gather { .. } => Ok(None),
        }
    }

    /// Notes whether a rule on rows chose some of those that were cut off.
    pub(in crate::change) fn chose(&mut self, any: bool) {
        if let Way::Rows(stream) = &mut self.way {
            stream.is_chosen |= any;
        }
    }

    /// Whether a rule on rows chose some of the rows; `None` where all are published.
    pub(in crate::change) fn is_chosen(&self) -> Option<bool> {
        match &self.way {
            Way::Rows(stream) => stream.table.row_filter.as_ref().map(|_| stream.is_chosen),
            Way::Pass | Way::Gather { .. } => None,
        }
    }

    /// Begins to read rows, of which the first bytes are in `buffer`.
    pub(in crate::change) fn stream(
        &mut self,
        held: &HeldEvent,
        buffer: &Bytes,
        kind: RowsKind,
        header: &RowsHeader,
        table: &Arc<KeptTable>,
    ) {
        let body = held.bytes(buffer);
        let part = |range: &std::ops::Range<usize>| body.get(range.clone()).unwrap_or_default();
        let (before, after) = (part(&header.columns), part(&header.columns_after));
        self.way = Way::Rows(Box::new(RowStream {
            kind,
            table: Arc::clone(table),
            frame: held.frame.clone(),
            bitmap_bytes: before.len(),
            after_bytes: after.len(),
            cascades: header.cascades(),
            done: 0,
            is_chosen: false,
            bytes: [before, after, part(&header.body)].concat(),
        }));
    }
}

impl RowStream {
    /// Cuts whole rows off, with the bitmaps in front; at the event's end nothing may be left.
    fn cut(&mut self, is_last: bool) -> Result<Option<CutRows>, Trouble> {
        let head = self.bitmap_bytes + self.after_bytes;
        let (bitmaps, rows) = self.bytes.split_at_checked(head).unwrap_or_default();
        let (before, after) = bitmaps
            .split_at_checked(self.bitmap_bytes)
            .unwrap_or_default();
        self.table.allows([before, after])?;
        let images = self.kind.images(&self.table.table, before, after);
        let counted = images.and_then(|images| match is_last {
            true => images.count(rows).map(|count| (count, rows.len())),
            false => images.count_whole(rows),
        });
        let (count, bytes) = counted.map_err(|error| Trouble::Rows {
            table: self.table.source.clone(),
            error,
        })?;
        if count == 0 {
            return Ok(None);
        }
        let mut next = bitmaps.to_vec();
        next.extend_from_slice(rows.get(bytes..).unwrap_or_default());
        let mut cut = std::mem::replace(&mut self.bytes, next);
        cut.truncate(head + bytes);
        let rows = self.rows(cut.len(), count)?;
        self.done = self.done.saturating_add(count);
        Ok(Some(CutRows {
            table: Arc::clone(&self.table),
            buffer: cut.into(),
            rows,
        }))
    }

    /// The rows in a buffer of so many bytes.
    fn rows(&self, buffer_bytes: usize, row_count: u32) -> Result<Rows, Trouble> {
        let offset = |at: usize| u32::try_from(at).map_err(|_| TooMany::beyond_index("bytes"));
        let columns = 0..offset(self.bitmap_bytes)?;
        let columns_after = columns.end..offset(self.bitmap_bytes + self.after_bytes)?;
        Ok(Rows {
            table: 0,
            group: 0,
            buffer: 0,
            kind: self.kind,
            images: RowImages {
                body: columns_after.end..offset(buffer_bytes)?,
                columns,
                columns_after,
            },
            event: EventStamp::of(&self.frame),
            first_row: 0,
            first_of_table: 0,
            row_in_event: self.done,
            row_count,
            cascades: self.cascades,
            query: None,
        })
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
