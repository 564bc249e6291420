//! Row images: where each column's bytes lie.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | null bitmap | (present columns + 7) / 8 | a bit a present column, least significant first |
//! | values | | of the columns that are present and not NULL, in the table's order |
//!
//! The image after an update of type PARTIAL_UPDATE_ROWS has more before its null bitmap:
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | value options | length-encoded | 1: JSON columns may hold changes |
//! | partial bitmap | (JSON columns of the table + 7) / 8 | with that option only: whose value is changes |
//!
//! Follows "Rows_event" in `libs/mysql/binlog/event/rows_event.h` (MySQL). Values are read by [`super::value`].

use std::iter::repeat;

use super::error::Inside;
use super::json_diff::length_encoded;
use super::table::Span;
use super::{ColumnType, RowError, Table};

/// A column of a row image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Not in the image.
    Absent,
    /// NULL.
    Null,
    /// A value: its range in the body, without the length before it.
    Value {
        /// Its first byte.
        start: usize,
        /// The byte after it.
        end: usize,
    },
    /// Changes of a JSON document: their range in the body.
    Changes {
        /// The first byte.
        start: usize,
        /// The byte after them.
        end: usize,
    },
}

/// The shape that all images of one kind have in a rows event: the table, and which of its columns are present.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    table: &'a Table,
    /// `None` where every column is present.
    present: Option<&'a [u8]>,
    null_bytes: usize,
    /// The bits that all columns have in a bitmap of NULLs; 0 where not all are present, or a word has not as many bits.
    null_bits: u64,
    /// Whether images begin with value options.
    partial: bool,
}

impl<'a> Shape<'a> {
    /// Takes the bitmap of present columns; bits after the last column mean nothing.
    ///
    /// # Errors
    /// A bitmap whose length is not that of the table.
    #[inline]
    pub fn new(table: &'a Table, present: &'a [u8]) -> Result<Self, RowError> {
        let columns = table.columns.len();
        let expected = columns.div_ceil(8);
        if present.len() != expected {
            return Err(RowError::Bitmap {
                found: present.len(),
                expected,
                columns,
            });
        }
        let is_full = is_full(present, columns);
        let count = match is_full {
            true => columns,
            false => (0..columns).filter(|index| bit(present, *index)).count(),
        };
        let bits = match u32::try_from(columns) {
            Ok(columns @ 1..=u64::BITS) if is_full => u64::MAX >> (u64::BITS - columns),
            _ => 0,
        };
        Ok(Self {
            table,
            present: (!is_full).then_some(present),
            null_bytes: count.div_ceil(8),
            null_bits: bits,
            partial: false,
        })
    }

    /// The shape of the images after updates that may hold changes of JSON documents in place of them.
    ///
    /// # Errors
    /// A bitmap whose length is not that of the table.
    pub fn partial(table: &'a Table, present: &'a [u8]) -> Result<Self, RowError> {
        let shape = Self::new(table, present)?;
        Ok(Self {
            partial: true,
            null_bits: 0,
            ..shape
        })
    }

    /// Whether every column is present.
    pub fn is_full(&self) -> bool {
        self.present.is_none()
    }

    /// Whether no column is present.
    pub fn is_empty(&self) -> bool {
        self.null_bytes == 0
    }

    /// Reads the image at `at`: a cell a column into `cells`, which is reused. `at` moves past the image.
    ///
    /// # Errors
    /// A body that ends inside the image.
    pub fn walk(&self, body: &[u8], at: &mut usize, cells: &mut Vec<Cell>) -> Result<(), RowError> {
        cells.resize(self.table.columns.len(), Cell::Absent);
        if let Some(end) = self.visit_full(body, *at, cells.iter_mut(), |slot, cell| *slot = cell) {
            *at = end;
            return Ok(());
        }
        let mut slots = cells.iter_mut();
        self.visit(body, at, |cell| {
            if let Some(slot) = slots.next() {
                *slot = cell;
            }
        })
    }

    /// The same of the first so many columns at least: what the others hold is passed over as far as that is easily done.
    ///
    /// # Errors
    /// A body that ends inside the image.
    #[inline]
    pub fn walk_first(
        &self,
        columns: usize,
        body: &[u8],
        at: &mut usize,
        cells: &mut Vec<Cell>,
    ) -> Result<(), RowError> {
        match self.pass_after(columns, body, *at, cells) {
            Some(end) => {
                *at = end;
                Ok(())
            }
            None => self.walk(body, at, cells),
        }
    }

    /// Reads the first so many columns of an image in which every column is present, and gives the image's end. `None` for
    /// another image, and for one that the body does not hold.
    #[inline]
    fn pass_after(
        &self,
        columns: usize,
        body: &[u8],
        at: usize,
        cells: &mut Vec<Cell>,
    ) -> Option<usize> {
        let mut walk = self.begin(body, at)?;
        let (first, others) = self.table.spans().split_at_checked(columns)?;
        cells.resize(columns, Cell::Absent);
        for (cell, span) in cells.iter_mut().zip(first) {
            *cell = walk.next(*span)?;
        }
        let bits = u32::try_from(columns).ok()?;
        if walk.nulls & self.null_bits.checked_shr(bits).unwrap_or(0) == 0 {
            let strides = self.table.strides();
            if let Some(end) = strides.end_from(columns, body, walk.position) {
                return Some(end);
            }
        }
        for span in others {
            walk.next(*span)?;
        }
        walk.end()
    }

    /// Moves `at` past the image that it points to, checking every bound.
    ///
    /// # Errors
    /// A body that ends inside the image.
    #[inline]
    pub fn skip(&self, body: &[u8], at: &mut usize) -> Result<(), RowError> {
        let end = self.end_without_nulls(body, *at);
        match end.or_else(|| self.visit_full(body, *at, repeat(()), |(), _| {})) {
            Some(end) => {
                *at = end;
                Ok(())
            }
            None => self.visit(body, at, |_| {}),
        }
    }

    /// Puts the cells of an image in which every column is present, as in most, into slots, and gives its end. `None` for
    /// another image, and for one that the body does not hold, some cells of which were put then.
    #[inline(always)]
    fn visit_full<S>(
        &self,
        body: &[u8],
        at: usize,
        mut slots: impl Iterator<Item = S>,
        put: impl Fn(S, Cell),
    ) -> Option<usize> {
        /// Columns that have their bits in a word.
        const COLUMNS: usize = u64::BITS as usize;
        if self.partial || self.present.is_some() {
            return None;
        }
        let mut nulls = at;
        let mut position = at + self.null_bytes;
        for spans in self.table.spans().chunks(COLUMNS) {
            let mut walk = ImageWalk {
                body,
                position,
                nulls: word_at(body, nulls),
            };
            for (span, slot) in spans.iter().zip(&mut slots) {
                put(slot, walk.next(*span)?);
            }
            position = walk.position;
            nulls += COLUMNS / 8;
        }
        (position <= body.len()).then_some(position)
    }

    /// Begins to walk the image at `at` while its values are put to use; `None` where not every column is present, or a word
    /// has not as many bits as there are columns.
    #[inline]
    pub fn begin<'b>(&self, body: &'b [u8], at: usize) -> Option<ImageWalk<'b>> {
        if self.null_bits == 0 {
            return None;
        }
        Some(ImageWalk {
            body,
            position: at + self.null_bytes,
            nulls: word_at(body, at),
        })
    }

    /// The end of an image in which every column is present and none is NULL; `None` for another image, and for one that the
    /// body does not hold.
    #[inline]
    fn end_without_nulls(&self, body: &[u8], at: usize) -> Option<usize> {
        if self.null_bits == 0 || word_at(body, at) & self.null_bits != 0 {
            return None;
        }
        self.table.strides().end(body, at + self.null_bytes)
    }

    #[inline]
    fn visit(
        &self,
        body: &[u8],
        at: &mut usize,
        mut cell: impl FnMut(Cell),
    ) -> Result<(), RowError> {
        if self.partial {
            return self.visit_partial(body, at, cell);
        }
        let start = *at;
        let cut = |inside| RowError::Cut {
            start,
            end: body.len(),
            inside,
        };
        let (nulls, rest) = body
            .get(start..)
            .and_then(|image| image.split_at_checked(self.null_bytes))
            .ok_or_else(|| cut(Inside::NullBitmap))?;
        let mut position = body.len() - rest.len();
        let mut seen = 0;
        let mut bits = 0;
        for (index, span) in self.table.spans().iter().enumerate() {
            if self.present.is_some_and(|present| !bit(present, index)) {
                cell(Cell::Absent);
                continue;
            }
            if seen % 8 == 0 {
                bits = nulls.get(seen / 8).copied().unwrap_or(0);
            }
            if bits & 1 == 1 {
                cell(Cell::Null);
            } else {
                let (start, end) =
                    value_at(body, position, *span).ok_or_else(|| cut(Inside::Column(index)))?;
                position = end;
                cell(Cell::Value { start, end });
            }
            bits >>= 1;
            seen += 1;
        }
        *at = position;
        Ok(())
    }

    #[cold]
    fn visit_partial(
        &self,
        body: &[u8],
        at: &mut usize,
        mut cell: impl FnMut(Cell),
    ) -> Result<(), RowError> {
        let start = *at;
        let cut = |inside| RowError::Cut {
            start,
            end: body.len(),
            inside,
        };
        let columns = &self.table.columns;
        let is_json = |index: usize| {
            let kind = self.table.image_kind(index);
            matches!(kind, Some(ColumnType::Json { .. }))
        };
        let image = body.get(start..).unwrap_or_default();
        let (options, image) = length_encoded(image).ok_or_else(|| cut(Inside::ValueOptions))?;
        let partial_bytes = match options {
            0 => 0,
            1 => (0..columns.len())
                .filter(|index| is_json(*index))
                .count()
                .div_ceil(8),
            _ => return Err(RowError::ValueOptions { found: options }),
        };
        let (partial, image) = image
            .split_at_checked(partial_bytes)
            .ok_or_else(|| cut(Inside::ValueOptions))?;
        let (nulls, rest) = image
            .split_at_checked(self.null_bytes)
            .ok_or_else(|| cut(Inside::NullBitmap))?;
        let mut position = body.len() - rest.len();
        let (mut seen, mut json) = (0, 0);
        for (index, span) in self.table.spans().iter().enumerate() {
            // The bitmap has a bit for each JSON column of the table, in the image or not.
            let holds_changes = is_json(index) && bit(partial, json);
            json += usize::from(is_json(index));
            if !self.present.is_none_or(|present| bit(present, index)) {
                cell(Cell::Absent);
                continue;
            }
            if bit(nulls, seen) {
                cell(Cell::Null);
            } else {
                let (start, end) =
                    value_at(body, position, *span).ok_or_else(|| cut(Inside::Column(index)))?;
                position = end;
                cell(match holds_changes {
                    true => Cell::Changes { start, end },
                    false => Cell::Value { start, end },
                });
            }
            seen += 1;
        }
        *at = position;
        Ok(())
    }
}

/// An image in which every column is present, read column by column.
#[derive(Debug)]
pub struct ImageWalk<'a> {
    body: &'a [u8],
    position: usize,
    /// A bit for each column to come, the next one's the lowest: whether it is NULL.
    nulls: u64,
}

impl ImageWalk<'_> {
    /// The next column, whose values take so many bytes; `None` where the body ends before the value does.
    #[inline(always)]
    pub fn next(&mut self, span: Span) -> Option<Cell> {
        let is_null = self.nulls & 1 == 1;
        self.nulls >>= 1;
        if is_null {
            return Some(Cell::Null);
        }
        let (start, end) = match span {
            Span::Fixed(width) => (self.position, self.position + usize::from(width)),
            Span::Prefixed { bytes, mask } => {
                prefixed(self.body, self.position, usize::from(bytes), mask)?
            }
        };
        if end > self.body.len() {
            return None;
        }
        self.position = end;
        Some(Cell::Value { start, end })
    }

    /// Where the image ends after its last column; `None` if that is beyond the body.
    #[inline]
    pub fn end(&self) -> Option<usize> {
        (self.position <= self.body.len()).then_some(self.position)
    }
}

#[inline]
fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap
        .get(index / 8)
        .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// Whether a bitmap holds as many bits as there are columns.
#[inline]
fn is_full(bitmap: &[u8], columns: usize) -> bool {
    let Some((last, whole)) = bitmap.split_last() else {
        return columns == 0;
    };
    let unused = (8 * bitmap.len()).saturating_sub(columns).min(7);
    last | !(u8::MAX >> unused) == u8::MAX && whole.iter().all(|byte| *byte == u8::MAX)
}

/// The eight bytes at `at`, or as many as the body has there.
#[inline(always)]
pub fn word_at(body: &[u8], at: usize) -> u64 {
    let rest = body.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let bits = |bits, byte: &u8| bits << 8 | u64::from(*byte);
            rest.iter().rev().fold(0, bits)
        }
    }
}

/// The range of the value at `position`; `None` where the body ends before it does.
#[inline]
fn value_at(body: &[u8], position: usize, span: Span) -> Option<(usize, usize)> {
    let (start, end) = match span {
        Span::Fixed(width) => (position, position + usize::from(width)),
        Span::Prefixed { bytes, mask } => prefixed(body, position, usize::from(bytes), mask)?,
    };
    (end <= body.len()).then_some((start, end))
}

/// The range of the value after the length of so many bytes at `position`; `None` where the body ends before the length does.
/// It may end before the value does.
#[inline(always)]
fn prefixed(body: &[u8], position: usize, bytes: usize, mask: u32) -> Option<(usize, usize)> {
    let rest = body.get(position..)?;
    let length = match rest.first_chunk() {
        // What is after the length is cut off, which needs no look at how long it is.
        Some(window) => u32::from_le_bytes(*window) & mask,
        None => match rest.get(..bytes)? {
            [a] => u32::from(*a),
            [a, b] => u32::from(u16::from_le_bytes([*a, *b])),
            [a, b, c] => u32::from_le_bytes([*a, *b, *c, 0]),
            _ => return None,
        },
    };
    let start = position + bytes;
    Some((start, start.checked_add(length as usize)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;
    use crate::row::{Charset, Column, ColumnType, Images, TableName};

    fn count_rows(
        table: &Table,
        first: &[u8],
        second: Option<&[u8]>,
        body: &[u8],
    ) -> Result<u32, RowError> {
        match second {
            None => Images::one(table, first)?.count(body),
            Some(second) => Images::update(table, first, second)?.count(body),
        }
    }

    fn table(kinds: &[ColumnType]) -> Table {
        let columns = kinds.iter().enumerate().map(|(index, kind)| Column {
            name: format!("c{index}").into(),
            kind: kind.clone(),
            nullable: true,
            computed: None,
            declared: None,
            default: None,
            comment: None,
        });
        Table::new(TableName::new("d", "t"), columns.collect(), Vec::new())
    }

    fn int() -> ColumnType {
        ColumnType::Integer {
            width: 4,
            unsigned: false,
        }
    }

    fn text(prefix: u8) -> ColumnType {
        ColumnType::Text {
            prefix,
            charset: Charset::Utf8,
        }
    }

    fn walk(table: &Table, present: &[u8], body: &[u8]) -> Result<(Vec<Cell>, usize), RowError> {
        let (mut at, mut cells) = (0, vec![Cell::Null; 40]);
        Shape::new(table, present)?.walk(body, &mut at, &mut cells)?;
        Ok((cells, at))
    }

    #[test]
    fn a_full_image_gives_a_range_a_column() {
        let table = table(&[int(), text(1), text(2), int()]);
        let body = [&[0xf4, 1, 0, 0, 0, 2, b'h', b'i', 7, 0, 0, 0, 0xff][..]].concat();
        let expected = vec![
            Cell::Value { start: 1, end: 5 },
            Cell::Value { start: 6, end: 8 },
            Cell::Null,
            Cell::Value { start: 8, end: 12 },
        ];
        assert_eq!(walk(&table, &[0xff], &body), Ok((expected, 12)));
    }

    #[test]
    fn null_bits_count_present_columns_only() {
        let table = table(&[int(), text(1), int()]);
        let expected = vec![Cell::Value { start: 1, end: 5 }, Cell::Absent, Cell::Null];
        assert_eq!(
            walk(&table, &[0b101], &[0b10, 1, 0, 0, 0]),
            Ok((expected, 5))
        );
    }

    #[test]
    fn ranges_go_on_behind_the_eighth_column() {
        let table = table(&vec![ColumnType::Year; 10]);
        let (cells, at) =
            walk(&table, &[0xff, 0xff], &[1, 2, 1, 2, 3, 4, 5, 6, 7, 8]).expect("an image");
        assert_eq!(cells[0], Cell::Null);
        assert_eq!(cells[8], Cell::Value { start: 9, end: 10 });
        assert_eq!(cells[9], Cell::Null);
        assert_eq!(at, 10);
    }

    #[test]
    fn rows_are_counted_and_a_cut_row_is_an_error() {
        let table = table(&[int(), text(1)]);
        let row = [0, 1, 0, 0, 0, 3, b'a', b'b', b'c'];
        let body = [row, row, row, row].concat();
        assert_eq!(count_rows(&table, &[3], None, &body), Ok(4));
        assert_eq!(count_rows(&table, &[3], Some(&[3]), &body), Ok(2));
        assert_eq!(count_rows(&table, &[3], None, &[]), Ok(0));
        for end in (0..body.len()).filter(|end| end % row.len() != 0) {
            let cut = count_rows(&table, &[3], None, &body[..end]);
            assert!(matches!(cut, Err(RowError::Cut { .. })), "{end}: {cut:?}");
        }
        assert!(count_rows(&table, &[3], Some(&[3]), &body[..27]).is_err());
    }

    #[test]
    fn an_image_that_no_body_can_hold_is_refused() {
        let table = table(&[int(), text(4)]);
        let huge = [0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(
            count_rows(&table, &[3], None, &huge),
            Err(RowError::Cut {
                start: 0,
                end: 10,
                inside: Inside::Column(1)
            })
        );
        assert_eq!(
            count_rows(&table, &[0], None, &[]),
            Err(RowError::NoColumns)
        );
        assert_eq!(
            count_rows(&table, &[3, 0], None, &[]),
            Err(RowError::Bitmap {
                found: 2,
                expected: 1,
                columns: 2
            })
        );
    }

    proptest! {
        #[test]
        fn images_written_by_the_rule_are_walked_to_their_end(
            row in prop::collection::vec((any::<bool>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..300))), 1..40)
        ) {
            let table = table(&vec![text(2); row.len()]);
            let mut present = vec![0u8; row.len().div_ceil(8)];
            for (index, _) in row.iter().enumerate().filter(|(_, cell)| cell.0) {
                present[index / 8] |= 1 << (index % 8);
            }
            let shown: Vec<_> = row.iter().filter(|cell| cell.0).map(|cell| &cell.1).collect();
            let mut body = vec![0u8; shown.len().div_ceil(8)];
            for (index, value) in shown.iter().enumerate() {
                match value {
                    None => body[index / 8] |= 1 << (index % 8),
                    Some(value) => {
                        body.extend(u16::try_from(value.len()).expect("short").to_le_bytes());
                        body.extend(value);
                    }
                }
            }
            let (cells, at) = walk(&table, &present, &body).expect("a whole image");
            assert_eq!(at, body.len());
            for (cell, (shown, value)) in cells.iter().zip(&row) {
                match (cell, shown, value) {
                    (Cell::Absent, false, _) | (Cell::Null, true, None) => {}
                    (Cell::Value { start, end }, true, Some(value)) => assert_eq!(&body[*start..*end], value),
                    other => panic!("{other:?}"),
                }
            }
            for end in 0..body.len() {
                assert!(walk(&table, &present, &body[..end]).is_err());
            }
        }

        #[test]
        fn an_image_of_all_columns_is_the_same_however_it_is_walked(
            row in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..6)), 1..150)
        ) {
            let table = table(&vec![text(1); row.len()]);
            let present = vec![0xff; row.len().div_ceil(8)];
            let mut body = vec![0u8; row.len().div_ceil(8)];
            for (index, value) in row.iter().enumerate() {
                match value {
                    None => body[index / 8] |= 1 << (index % 8),
                    Some(value) => {
                        body.push(u8::try_from(value.len()).expect("short"));
                        body.extend(value);
                    }
                }
            }
            let shape = Shape::new(&table, &present).expect("a bitmap of all columns");
            let (cells, at) = walk(&table, &present, &body).expect("a whole image");
            assert_eq!(at, body.len());
            assert_eq!(count_rows(&table, &present, None, &body), Ok(1));
            let nulls = cells.iter().map(|cell| *cell == Cell::Null);
            assert!(nulls.eq(row.iter().map(Option::is_none)));
            let one_by_one = |body: &[u8]| {
                let mut walk = shape.begin(body, 0)?;
                let spans = table.spans().iter();
                let cells: Option<Vec<_>> = spans.map(|span| walk.next(*span)).collect();
                Some((cells?, walk.end()?))
            };
            let expected = (row.len() <= 64).then_some((cells.clone(), at));
            assert_eq!(one_by_one(&body), expected);
            for columns in 0..=row.len() {
                let (mut first, mut end) = (Vec::new(), 0);
                shape.walk_first(columns, &body, &mut end, &mut first).expect("a whole image");
                assert_eq!((first.get(..columns), end), (cells.get(..columns), at));
            }
            for end in 0..body.len() {
                assert_eq!(one_by_one(&body[..end]), None);
                let (mut first, mut at) = (Vec::new(), 0);
                assert!(shape.walk_first(row.len() / 2, &body[..end], &mut at, &mut first).is_err());
                assert!(count_rows(&table, &present, None, &body[..end]).is_err() || end == 0);
            }
        }

        #[test]
        fn any_body_is_counted_or_refused(body in any::<Vec<u8>>(), present in any::<[u8; 2]>()) {
            let table = table(&[int(), text(1), text(2), text(3), text(4), ColumnType::Date, int(), int(), text(1)]);
            let _ = count_rows(&table, &present, Some(&present), &body);
        }
    }
}
