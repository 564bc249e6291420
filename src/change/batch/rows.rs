//! The rows of one rows event, as ranges of a batch's buffer.

use std::ops::Range;

use crate::binlog::{Frame, RowsHeader};
use crate::row::{Images, RowError, Table};

/// What a rows event did to its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsKind {
    /// One image a row: after.
    Write,
    /// Two images a row: before, after.
    Update,
    /// As an update; JSON columns after it may hold changes of the document before it.
    PartialUpdate,
    /// Two images a row, as of an update: published as the insert of the row that the second makes of the first, for a rule on
    /// rows lets it in.
    Entering {
        /// Whether JSON columns of the second may hold changes, as of a partial update.
        is_partial: bool,
    },
    /// One image a row: before.
    Delete,
    /// One image a row: as a snapshot of the table found it.
    Read,
}

/// Which columns an image holds: a bitmap in the batch's buffer, a bit a column, least significant first.
pub type ColumnBitmap = Range<u32>;

/// The row images of a rows event, in the batch's buffer.
#[derive(Clone, Debug)]
pub struct RowImages {
    /// The columns present in the only image, or in an update's before image.
    pub columns: ColumnBitmap,
    /// The columns present in an update's after image; the same as `columns` otherwise.
    pub columns_after: ColumnBitmap,
    /// The images, back to back.
    pub body: Range<u32>,
}

/// What an event's header says of the change in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventStamp {
    /// Where the event begins.
    pub position: u64,
    /// Its time on the source, in seconds since 1970.
    pub timestamp: u32,
    /// The server that executed it first.
    pub server_id: u32,
}

/// The rows of one rows event.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Index into `Batch::tables`.
    pub table: u32,
    /// Index into `Batch::groups`.
    pub group: u32,
    /// Index into `Batch::buffers`.
    pub buffer: u32,
    /// What was done.
    pub kind: RowsKind,
    /// Its row images.
    pub images: RowImages,
    /// The rows event.
    pub event: EventStamp,
    /// The sequence of the first row in its group, from 0; DDL statements count too.
    pub first_row: u64,
    /// How many changes of the group to the same table come before the first row.
    pub first_of_table: u64,
    /// The number of the first row in its event, from 0: others come before it where rules on rows choose, or where a large
    /// event comes in pieces.
    pub row_in_event: u32,
    /// How many rows the body holds.
    pub row_count: u32,
    /// Whether the storage engine checked foreign keys; what it then changed in other rows is not in the binlog.
    pub cascades: bool,
    /// Index into `Batch::queries`; `None` where the source does not log the statement, or nobody asks for it.
    pub query: Option<u32>,
}

/// A batch would outgrow its indexes.
#[derive(Debug, thiserror::Error)]
#[error("more than {max} {what} in one batch")]
pub struct TooMany {
    /// What there is too much of.
    pub what: &'static str,
    /// The limit.
    pub max: u64,
}

impl TooMany {
    /// More than an index of 32 bits counts.
    pub(in crate::change) fn beyond_index(what: &'static str) -> Self {
        Self {
            what,
            max: u64::from(u32::MAX),
        }
    }
}

impl EventStamp {
    pub(in crate::change) fn of(frame: &Frame) -> Self {
        Self {
            position: frame.start,
            timestamp: frame.header.timestamp,
            server_id: frame.header.server_id,
        }
    }
}

impl RowImages {
    /// Its two bitmaps and the images, in the batch's buffer; empty where that does not hold them.
    pub(in crate::change) fn parts<'a>(&self, buffer: &'a [u8]) -> [&'a [u8]; 3] {
        [&self.columns, &self.columns_after, &self.body].map(|range| {
            let part = range.start as usize..range.end as usize;
            buffer.get(part).unwrap_or_default()
        })
    }

    /// The images of some rows of these, in a part of their bytes, published as this kind; an insert that an update became has the image after it, a delete that before it.
    pub(in crate::change) fn of_run(
        &self,
        kind: RowsKind,
        body: &Range<usize>,
    ) -> Result<Self, TooMany> {
        let (columns, columns_after) = match kind {
            RowsKind::Write | RowsKind::Read => (&self.columns_after, &self.columns_after),
            RowsKind::Delete => (&self.columns, &self.columns),
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => {
                (&self.columns, &self.columns_after)
            }
        };
        Ok(Self {
            columns: columns.clone(),
            columns_after: columns_after.clone(),
            body: absolute(self.body.start, body)?,
        })
    }

    /// Where a rows event's images are in a buffer in which its body begins at `origin`.
    pub(in crate::change) fn of_body(origin: u32, header: &RowsHeader) -> Result<Self, TooMany> {
        Ok(Self {
            columns: absolute(origin, &header.columns)?,
            columns_after: absolute(origin, &header.columns_after)?,
            body: absolute(origin, &header.body)?,
        })
    }
}

impl RowsKind {
    /// The images of a row in an event of this kind, by its bitmaps of present columns.
    ///
    /// # Errors
    /// Bitmaps that do not fit the table.
    pub(in crate::change) fn images<'a>(
        self,
        table: &'a Table,
        columns: &'a [u8],
        columns_after: &'a [u8],
    ) -> Result<Images<'a>, RowError> {
        match self {
            Self::Write | Self::Delete | Self::Read => Images::one(table, columns),
            Self::Update | Self::Entering { is_partial: false } => {
                Images::update(table, columns, columns_after)
            }
            Self::PartialUpdate | Self::Entering { is_partial: true } => {
                Images::partial_update(table, columns, columns_after)
            }
        }
    }
}

/// A range of a body that begins at `origin` of its buffer, in the buffer.
fn absolute(origin: u32, range: &Range<usize>) -> Result<Range<u32>, TooMany> {
    let shift = |offset: usize| {
        u32::try_from(offset)
            .ok()
            .and_then(|offset| offset.checked_add(origin))
            .ok_or(TooMany::beyond_index("bytes"))
    };
    Ok(shift(range.start)?..shift(range.end)?)
}
