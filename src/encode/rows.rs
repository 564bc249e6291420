//! Rows events as images: walks a rows event's body row by row, whatever becomes of the rows.

use std::ops::Range;

use super::{EncodeError, ValuePlace};
use crate::binlog::Coordinates;
use crate::change::{Batch, Group, Rows, RowsKind};
use crate::row::{Cell, RowError, Shape, Table};

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

/// Compares images column by column, in order. Unchanged columns come in runs, so the bytes are compared as far as they are
/// the same, across columns, and most columns then need no look of their own.
pub(super) struct Comparison<'a> {
    before: Image<'a>,
    after: Image<'a>,
    /// Bytes of the image before that are known to stand at `same_after` in the image after, too.
    same: Range<usize>,
    same_after: usize,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(before: Image<'a>, after: Image<'a>) -> Self {
        Self {
            before,
            after,
            same: 0..0,
            same_after: 0,
        }
    }

    /// Whether the column at `index` is the same in both.
    #[inline]
    pub(super) fn is_same(&mut self, index: usize) -> bool {
        match (self.before.cells.get(index), self.after.cells.get(index)) {
            (Some(Cell::Value { start, end }), Some(Cell::Value { start: a, end: z })) => {
                end - start == z - a && self.is_same_value(*start, *end, *a)
            }
            (one, another) => one == another,
        }
    }

    #[inline]
    fn is_same_value(&mut self, start: usize, end: usize, after: usize) -> bool {
        let is_known = start >= self.same.start
            && end <= self.same.end
            && start - self.same.start + self.same_after == after;
        if !is_known {
            self.compare_from(start, after);
        }
        end <= self.same.end
    }

    fn compare_from(&mut self, start: usize, after: usize) {
        // The images follow each other in the body: what is further on belongs to other rows.
        let bound = start.abs_diff(after);
        let part = |image: Image<'a>, from: usize| {
            let rest = image.body.get(from..).unwrap_or_default();
            rest.get(..bound).unwrap_or(rest)
        };
        let (one, other) = (part(self.before, start), part(self.after, after));
        self.same = start..start + same_length(one, other);
        self.same_after = after;
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
    before: Vec<Cell>,
    after: Vec<Cell>,
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
    buffer: &'a [u8],
}

impl<'a> RowsEvent<'a> {
    pub(super) fn new(
        batch: &'a Batch,
        rows: &'a Rows,
        table: &'a Table,
    ) -> Result<Self, EncodeError> {
        let buffer = batch
            .buffers
            .get(rows.buffer as usize)
            .ok_or(EncodeError::Reference {
                what: "buffer",
                index: rows.buffer,
            })?;
        Ok(Self {
            rows,
            table,
            group: group(batch, rows.group)?,
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
        let body = self.bytes(&self.rows.images.body)?;
        let columns = self.bytes(&self.rows.images.columns)?;
        let columns_after = self.bytes(&self.rows.images.columns_after)?;
        let first = Shape::new(self.table, columns).map_err(|source| self.image(source))?;
        let second = match self.rows.kind {
            RowsKind::PartialUpdate => Shape::partial(self.table, columns_after),
            RowsKind::Write | RowsKind::Update | RowsKind::Delete => {
                Shape::new(self.table, columns_after)
            }
        };
        let second = second.map_err(|source| self.image(source))?;
        let mut at = 0;
        for index in 0..self.rows.row_count {
            let walk = |shape: &Shape<'_>, at: &mut usize, cells: &mut Vec<Cell>| {
                self.walk(shape, body, at, cells)
            };
            let change = match self.rows.kind {
                RowsKind::Write => {
                    walk(&first, &mut at, &mut cells.after)?;
                    RowChange::Create {
                        after: Image {
                            body,
                            cells: &cells.after,
                            base: &[],
                        },
                    }
                }
                RowsKind::Update | RowsKind::PartialUpdate => {
                    walk(&first, &mut at, &mut cells.before)?;
                    walk(&second, &mut at, &mut cells.after)?;
                    RowChange::Update {
                        before: Image {
                            body,
                            cells: &cells.before,
                            base: &[],
                        },
                        after: Image {
                            body,
                            cells: &cells.after,
                            base: &cells.before,
                        },
                    }
                }
                RowsKind::Delete => {
                    walk(&first, &mut at, &mut cells.before)?;
                    RowChange::Delete {
                        before: Image {
                            body,
                            cells: &cells.before,
                            base: &[],
                        },
                    }
                }
            };
            visit(self.rows.first_row + u64::from(index), change)?;
        }
        if at != body.len() {
            let left = body.len().saturating_sub(at);
            return Err(EncodeError::RowCount {
                at: self.at(),
                rows: self.rows.row_count,
                left,
            });
        }
        Ok(())
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

    /// Whether an update changed the row's key. A column that is not in the image after it was not changed.
    pub(super) fn key_changed(&self, before: Image<'_>, after: Image<'_>) -> bool {
        self.table
            .key
            .iter()
            .any(|index| match after.cells.get(*index) {
                None | Some(Cell::Absent) => false,
                Some(Cell::Null | Cell::Value { .. } | Cell::Changes { .. }) => {
                    before.value(*index) != after.value(*index)
                }
            })
    }

    fn bytes(&self, range: &std::ops::Range<u32>) -> Result<&'a [u8], EncodeError> {
        self.buffer
            .get(range.start as usize..range.end as usize)
            .ok_or(EncodeError::Reference {
                what: "bytes up to",
                index: range.end,
            })
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
        EncodeError::Value {
            column: self.column(index),
            place: self.place(),
            source,
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

/// The batch's group at `index`.
pub(super) fn group(batch: &Batch, index: u32) -> Result<&Group, EncodeError> {
    batch
        .groups
        .get(index as usize)
        .ok_or(EncodeError::Reference {
            what: "group",
            index,
        })
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
