//! Rows events as images: walks a rows event's body row by row, whatever becomes of the rows.

use std::ops::Range;

use super::{EncodeError, ValuePlace};
use crate::binlog::Coordinates;
use crate::change::{Batch, EventStamp, Group, Rows, RowsKind};
use crate::row::{
    Cell, Changes, ImageWalk, Patched, RowError, Shape, Table, TreatedImages, Treatment,
};

/// A row image and where its columns lie in the body.
#[derive(Clone, Copy)]
pub(super) struct Image<'a> {
    /// The rows event's body.
    pub(super) body: &'a [u8],
    /// A cell for each column.
    pub(super) cells: &'a [Cell],
    /// The cells of the image that changes of JSON documents apply to, in the same body.
    pub(super) base: &'a [Cell],
}

impl<'a> Image<'a> {
    /// The bytes of the column at `index`; `None` where it is NULL or absent.
    pub(super) fn value(&self, index: usize) -> Option<&'a [u8]> {
        match self.cells.get(index)? {
            Cell::Value { start, end } => self.body.get(*start..*end),
            Cell::Null | Cell::Absent | Cell::Changes { .. } => None,
        }
    }

    /// The document that changes of the column at `index` apply to.
    pub(super) fn document_before(&self, index: usize) -> Option<&'a [u8]> {
        match self.base.get(index)? {
            Cell::Value { start, end } => self.body.get(*start..*end),
            Cell::Null | Cell::Absent | Cell::Changes { .. } => None,
        }
    }
}

/// The value of a column in a key.
#[derive(Clone, Copy)]
pub(super) enum KeyValue<'a> {
    /// NULL.
    Null,
    /// These bytes.
    Bytes(&'a [u8]),
    /// A document, as an update changed it.
    Patched(Patched<'a>),
}

/// The value of the column at `index` in a key, from the first image that holds it; `None` if none does.
pub(super) fn key_value<'a>(images: &[Image<'a>], index: usize) -> Option<KeyValue<'a>> {
    for image in images {
        match image.cells.get(index)? {
            Cell::Absent => {}
            Cell::Null => return Some(KeyValue::Null),
            Cell::Value { start, end } => {
                return image.body.get(*start..*end).map(KeyValue::Bytes);
            }
            Cell::Changes { start, end } => {
                let changes = Changes(image.body.get(*start..*end)?);
                let base = image.document_before(index)?;
                return Some(KeyValue::Patched(Patched { base, changes }));
            }
        }
    }
    None
}

/// Compares images column by column, in order. Unchanged columns come in runs, so the bytes are compared as far as they are
/// the same, across columns, and most columns then need no look of their own.
pub(super) struct Comparison<'a> {
    before: Image<'a>,
    after: Image<'a>,
    /// Bytes of the image before that are known to stand so many bytes further on in the image after, too.
    same: Range<usize>,
    further: usize,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(before: Image<'a>, after: Image<'a>) -> Self {
        Self {
            before,
            after,
            same: 0..0,
            further: 0,
        }
    }

    /// Whether the column at `index` is the same in both.
    #[inline(always)]
    pub(super) fn is_same(&mut self, index: usize) -> bool {
        match (self.before.cells.get(index), self.after.cells.get(index)) {
            (Some(Cell::Value { start, end }), Some(Cell::Value { start: a, end: z })) => {
                end - start == z - a && self.is_same_value(*start, *end, *a)
            }
            (one, another) => one == another,
        }
    }

    #[inline(always)]
    fn is_same_value(&mut self, start: usize, end: usize, after: usize) -> bool {
        let further = after.wrapping_sub(start);
        let is_known = further == self.further && start >= self.same.start && end <= self.same.end;
        if !is_known {
            self.compare_from(start, after);
        }
        end <= self.same.end
    }

    fn compare_from(&mut self, start: usize, after: usize) {
        // The images follow each other in the body: what is further on belongs to other rows.
        let bound = start.abs_diff(after);
        if bound == 0 {
            // One place of both images.
            (self.same, self.further) = (0..self.before.body.len(), 0);
            return;
        }
        let part = |image: Image<'a>, from: usize| {
            let rest = image.body.get(from..).unwrap_or_default();
            rest.get(..bound).unwrap_or(rest)
        };
        let (one, other) = (part(self.before, start), part(self.after, after));
        self.same = start..start + same_length(one, other);
        self.further = after.wrapping_sub(start);
    }
}

/// How many bytes are the same at the beginning; sixteen are compared as one number.
fn same_length<'a>(one: &'a [u8], other: &'a [u8]) -> usize {
    const CHUNK: usize = 16;
    let (chunks, _) = one.as_chunks::<CHUNK>();
    let (other_chunks, _) = other.as_chunks::<CHUNK>();
    let mut same = 0;
    for (a, b) in chunks.iter().zip(other_chunks) {
        let odd = u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b);
        if odd != 0 {
            return same + odd.trailing_zeros() as usize / 8;
        }
        same += CHUNK;
    }
    let rest = |bytes: &'a [u8]| bytes.get(same..).unwrap_or_default();
    let rest = rest(one).iter().zip(rest(other));
    same + rest.take_while(|(a, b)| a == b).count()
}

/// What happened to a row.
#[derive(Clone, Copy)]
pub(super) enum RowChange<'a> {
    /// It was inserted.
    Create { after: Image<'a> },
    /// It was changed.
    Update { before: Image<'a>, after: Image<'a> },
    /// It was deleted.
    Delete { before: Image<'a> },
}

/// The reused cells of a row's images.
#[derive(Default)]
pub(super) struct Cells {
    pub(super) before: Vec<Cell>,
    pub(super) after: Vec<Cell>,
    /// Those before an update in parts, in the event's body, where the row's images are treated.
    base: Vec<Cell>,
    treated: TreatedImages,
}

/// A rows event with what the batch holds of it.
#[derive(Clone, Copy)]
pub(super) struct RowsEvent<'a> {
    /// What the batch says of it.
    pub(super) rows: &'a Rows,
    /// Its table.
    pub(super) table: &'a Table,
    /// Its group.
    pub(super) group: &'a Group,
    /// The statement that changed them, where the batch has it.
    pub(super) query: Option<&'a [u8]>,
    buffer: &'a [u8],
}

impl<'a> RowsEvent<'a> {
    pub(super) fn new(
        batch: &'a Batch,
        rows: &'a Rows,
        table: &'a Table,
    ) -> Result<Self, EncodeError> {
        let Some(buffer) = batch.buffers.get(rows.buffer as usize) else {
            return Err(EncodeError::Reference {
                what: "buffer",
                index: rows.buffer,
            });
        };
        Ok(Self {
            rows,
            table,
            group: group(batch, rows.group)?,
            query: rows.query.and_then(|index| query(batch, index)),
            buffer,
        })
    }

    /// Where the event begins; it is in the file of its group's first event, since a group never spans files.
    pub(super) fn at(&self) -> Coordinates {
        Coordinates::new(self.group.begin.file.clone(), self.rows.event.position)
    }

    /// The event, for messages.
    #[cold]
    pub(super) fn place(&self) -> Box<ValuePlace> {
        Box::new(ValuePlace {
            table: self.table.name.clone(),
            kind: self.rows.kind,
            at: self.at(),
        })
    }

    /// Hands each row's change to `visit`, with its sequence in the group.
    pub(super) fn each(
        &self,
        cells: &mut Cells,
        mut visit: impl FnMut(u64, RowChange<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut rows = self.walk_rows()?;
        while let Some(sequence) = rows.next() {
            visit(sequence, rows.change(cells)?)?;
        }
        rows.finish()
    }

    /// Begins to walk its rows.
    #[inline]
    pub(super) fn walk_rows(&self) -> Result<RowsWalk<'_>, EncodeError> {
        let columns = self.bytes(&self.rows.images.columns)?;
        let columns_after = self.bytes(&self.rows.images.columns_after)?;
        let first = Shape::new(self.table, columns).map_err(|source| self.image(source))?;
        let second = match self.rows.kind {
            RowsKind::PartialUpdate | RowsKind::Entering { is_partial: true } => {
                Shape::partial(self.table, columns_after)
            }
            RowsKind::Update | RowsKind::Entering { is_partial: false } => {
                Shape::new(self.table, columns_after)
            }
            RowsKind::Write | RowsKind::Delete | RowsKind::Read => Ok(first),
        };
        Ok(RowsWalk {
            event: self,
            first,
            second: second.map_err(|source| self.image(source))?,
            body: self.bytes(&self.rows.images.body)?,
            at: 0,
            done: 0,
        })
    }

    /// Reads an image; what it holds of hidden columns is left out.
    #[inline]
    fn walk(
        &self,
        shape: &Shape<'_>,
        body: &[u8],
        at: &mut usize,
        cells: &mut Vec<Cell>,
    ) -> Result<(), EncodeError> {
        shape
            .walk(body, at, cells)
            .map_err(|source| self.image(source))?;
        for index in &self.table.hidden {
            if let Some(cell) = cells.get_mut(*index) {
                *cell = Cell::Absent;
            }
        }
        Ok(())
    }

    fn bytes(&self, range: &std::ops::Range<u32>) -> Result<&'a [u8], EncodeError> {
        let bytes = self.buffer.get(range.start as usize..range.end as usize);
        let Some(bytes) = bytes else {
            return Err(EncodeError::Reference {
                what: "bytes up to",
                index: range.end,
            });
        };
        Ok(bytes)
    }

    #[cold]
    fn image(&self, source: RowError) -> EncodeError {
        EncodeError::Image {
            place: self.place(),
            source,
        }
    }

    /// The error of a value of the column at `index`.
    #[cold]
    pub(super) fn value_error(&self, index: usize, source: RowError) -> EncodeError {
        let (column, place) = (self.column(index), self.place());
        match source {
            RowError::NotHeld { .. } => EncodeError::NotHeld {
                column,
                place,
                source,
            },
            source => EncodeError::Value {
                column,
                place,
                source,
            },
        }
    }

    /// The name of the column at `index`, for messages.
    #[cold]
    pub(super) fn column(&self, index: usize) -> Box<str> {
        self.table
            .columns
            .get(index)
            .map_or_else(Default::default, |column| column.name.clone())
    }
}

/// The rows of an event one by one.
pub(super) struct RowsWalk<'a> {
    event: &'a RowsEvent<'a>,
    first: Shape<'a>,
    second: Shape<'a>,
    body: &'a [u8],
    /// Where the next image begins.
    at: usize,
    /// Rows that were begun.
    done: u32,
}

impl<'a> RowsWalk<'a> {
    /// Begins the next row, and gives its sequence in the group.
    #[inline]
    pub(super) fn next(&mut self) -> Option<u64> {
        let rows = self.event.rows;
        if self.done >= rows.row_count {
            return None;
        }
        let sequence = rows.first_row + u64::from(self.done);
        self.done += 1;
        Some(sequence)
    }

    /// The row's first image before it was walked, where every column is in it, none is hidden and no rule treats the table's
    /// rows. Whoever walks it says where it ends.
    #[inline]
    pub(super) fn first(&self) -> Option<(ImageWalk<'a>, Image<'a>)> {
        let table = self.event.table;
        if !table.hidden.is_empty() || table.treatment().is_some() {
            return None;
        }
        let image = Image {
            body: self.body,
            cells: &[],
            base: &[],
        };
        Some((self.first.begin(self.body, self.at)?, image))
    }

    /// Goes on after the row's first image, which ends there.
    #[inline]
    pub(super) fn pass(&mut self, end: usize) {
        self.at = end;
    }

    /// Reads the row's images, whose cells are kept in `cells`.
    #[inline]
    pub(super) fn change<'c>(&mut self, cells: &'c mut Cells) -> Result<RowChange<'c>, EncodeError>
    where
        'a: 'c,
    {
        let (event, body) = (self.event, self.body);
        if let Some(treatment) = event.table.treatment() {
            return self.treated_change(treatment, cells);
        }
        let image = |cells| Image {
            body,
            cells,
            base: &[],
        };
        Ok(match event.rows.kind {
            RowsKind::Write | RowsKind::Read => {
                event.walk(&self.first, body, &mut self.at, &mut cells.after)?;
                RowChange::Create {
                    after: image(&cells.after),
                }
            }
            RowsKind::Update | RowsKind::PartialUpdate => {
                event.walk(&self.first, body, &mut self.at, &mut cells.before)?;
                let (before, after) = self.after(cells)?;
                RowChange::Update { before, after }
            }
            RowsKind::Entering { .. } => {
                event.walk(&self.first, body, &mut self.at, &mut cells.before)?;
                event.walk(&self.second, body, &mut self.at, &mut cells.after)?;
                let (base, cells) = (&cells.before, &mut cells.after);
                complete(cells, base);
                RowChange::Create {
                    after: Image { body, cells, base },
                }
            }
            RowsKind::Delete => {
                event.walk(&self.first, body, &mut self.at, &mut cells.before)?;
                RowChange::Delete {
                    before: image(&cells.before),
                }
            }
        })
    }

    /// Reads the row's images, and treats copies of them. Nothing after this sees the images themselves.
    #[inline(never)]
    fn treated_change<'c>(
        &mut self,
        treatment: &Treatment,
        cells: &'c mut Cells,
    ) -> Result<RowChange<'c>, EncodeError> {
        let (event, body) = (self.event, self.body);
        let Cells {
            before,
            after,
            base,
            treated,
        } = cells;
        let kind = event.rows.kind;
        let start = self.at;
        if !matches!(kind, RowsKind::Write | RowsKind::Read) {
            event.walk(&self.first, body, &mut self.at, before)?;
        }
        if kind != RowsKind::Delete {
            event.walk(&self.second, body, &mut self.at, after)?;
        }
        base.clear();
        match kind {
            RowsKind::PartialUpdate => base.extend_from_slice(before),
            RowsKind::Entering { .. } => {
                complete(after, before);
                base.extend_from_slice(before);
            }
            RowsKind::Write | RowsKind::Read | RowsKind::Update | RowsKind::Delete => {}
        }
        treated.begin(body, start..self.at);
        let mut treat = |cells: &mut [Cell], base: &[Cell]| {
            let treated = treated.treat(treatment, body, cells, base);
            treated.map_err(|wrong| event.value_error(wrong.column, wrong.error))
        };
        if !matches!(kind, RowsKind::Write | RowsKind::Read) {
            treat(before, &[])?;
        }
        if kind != RowsKind::Delete {
            treat(after, base)?;
        }
        let body = treated.bytes();
        let image = |cells, base| Image { body, cells, base };
        Ok(match kind {
            RowsKind::Write | RowsKind::Read => RowChange::Create {
                after: image(after, &[]),
            },
            RowsKind::Delete => RowChange::Delete {
                before: image(before, &[]),
            },
            RowsKind::Update | RowsKind::PartialUpdate => RowChange::Update {
                before: image(before, &[]),
                after: image(after, before),
            },
            RowsKind::Entering { .. } => RowChange::Create {
                after: image(after, before),
            },
        })
    }

    /// Reads the image after an update, where `cells` has those of the image before it; gives both.
    #[inline]
    pub(super) fn after<'c>(
        &mut self,
        cells: &'c mut Cells,
    ) -> Result<(Image<'c>, Image<'c>), EncodeError>
    where
        'a: 'c,
    {
        let body = self.body;
        self.event
            .walk(&self.second, body, &mut self.at, &mut cells.after)?;
        let Cells { before, after, .. } = cells;
        let image = |cells, base| Image { body, cells, base };
        Ok((image(before, &[]), image(after, before)))
    }

    /// Makes sure that the rows are all that the event holds.
    pub(super) fn finish(&self) -> Result<(), EncodeError> {
        if self.at != self.body.len() {
            return Err(EncodeError::RowCount {
                at: self.event.at(),
                rows: self.event.rows.row_count,
                left: self.body.len().saturating_sub(self.at),
            });
        }
        Ok(())
    }
}

/// Takes what the image after an update does not hold from that before it.
fn complete(after: &mut [Cell], before: &[Cell]) {
    for (after, before) in after.iter_mut().zip(before) {
        if *after == Cell::Absent {
            *after = *before;
        }
    }
}

/// Whether an update changed one of these columns, as far as its images tell. A column that is not in the image after it was not
/// changed; one that is only there may have been.
pub(super) fn is_changed(columns: &[usize], before: Image<'_>, after: Image<'_>) -> bool {
    columns.iter().any(|index| match after.cells.get(*index) {
        None | Some(Cell::Absent) => false,
        Some(Cell::Changes { .. }) => true,
        Some(Cell::Null) => before.cells.get(*index) != Some(&Cell::Null),
        Some(Cell::Value { .. }) => before.value(*index) != after.value(*index),
    })
}

/// The batch's statement at `index`.
fn query(batch: &Batch, index: u32) -> Option<&[u8]> {
    let query = batch.queries.get(index as usize)?;
    let buffer = batch.buffers.get(query.buffer as usize)?;
    buffer.get(query.text.start as usize..query.text.end as usize)
}

/// The letter of a row that was not there before: it was inserted, or read by a snapshot.
#[inline]
pub(super) fn letter_of_new(kind: RowsKind) -> u8 {
    match kind {
        RowsKind::Read => b'r',
        RowsKind::Write
        | RowsKind::Update
        | RowsKind::PartialUpdate
        | RowsKind::Entering { .. }
        | RowsKind::Delete => b'c',
    }
}

/// When a change or a statement was made on the source, in milliseconds since 1970; of a snapshot, when it was read.
pub(super) fn stamp_ms(group: &Group, event: &EventStamp) -> i64 {
    match group.snapshot {
        Some(_) => group.commit_us.div_euclid(1000),
        None => i64::from(event.timestamp) * 1000,
    }
}

/// The batch's group at `index`.
pub(super) fn group(batch: &Batch, index: u32) -> Result<&Group, EncodeError> {
    match batch.groups.get(index as usize) {
        Some(group) => Ok(group),
        None => Err(EncodeError::Reference {
            what: "group",
            index,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    /// Appends values to those of `body`, with a byte between.
    fn append(values: &[Vec<u8>], body: &mut Vec<u8>) -> Vec<Cell> {
        let cell = |value: &Vec<u8>| {
            body.push(b'|');
            let start = body.len();
            body.extend(value);
            let end = body.len();
            Cell::Value { start, end }
        };
        values.iter().map(cell).collect()
    }

    proptest! {
        #[test]
        fn columns_are_the_same_whose_bytes_are(
            columns in prop::collection::vec((prop::collection::vec(0u8..3, 0..40), prop::collection::vec(0u8..3, 0..40), 0..4), 1..20),
            is_reversed in any::<bool>(),
        ) {
            let before: Vec<_> = columns.iter().map(|(before, _, _)| before.clone()).collect();
            // Most columns keep their value, as in most updates.
            let after: Vec<_> = columns.iter().map(|(before, after, kind)| match kind {
                0 => after.clone(),
                _ => before.clone(),
            }).collect();
            let mut body = Vec::new();
            let (one, other) = (append(&before, &mut body), append(&after, &mut body));
            body.extend_from_within(..);
            let image = |cells| Image { body: &body, cells, base: &[] };
            let (one, other) = if is_reversed { (&other, &one) } else { (&one, &other) };
            let mut comparison = Comparison::new(image(one), image(other));
            for (index, (before, after)) in before.iter().zip(&after).enumerate() {
                assert_eq!(comparison.is_same(index), before == after, "{index}");
            }
        }
    }
}
