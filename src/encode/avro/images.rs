//! Row images as records.
//!
//! What an update did not change is copied from the image before it.

use super::binary::SECOND;
use super::connect::Branches;
use super::plan::{AvroMember, Plan};
use super::value::{Values, Written};
use crate::encode::rows::{Cells, Comparison, Image, KeyValue, RowsEvent, RowsWalk, key_value};
use crate::encode::{EncodeError, InvalidText};
use crate::row::{Cell, Changes, Patched, RowError};

/// Writes the images of rows; owns the buffers that this takes.
pub(super) struct Images {
    pub(super) values: Values,
    /// Where each column's value ends in the image before an update.
    ends: Vec<usize>,
}

impl Images {
    pub(super) fn new(invalid_text: InvalidText) -> Self {
        Self {
            values: Values::new(invalid_text),
            ends: Vec::new(),
        }
    }

    /// Appends a row's first image while it looks for its cells, and goes on after the image; of an update, keeps the cells and
    /// where their values end. `false`, and maybe a part of the image, if it must be walked before.
    #[inline(never)]
    pub(super) fn write_first<const UPDATE: bool>(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let Some((mut walk, image)) = rows.first().filter(|_| plan.is_whole) else {
            return Ok(false);
        };
        if UPDATE {
            self.ends.resize(plan.members.len(), 0);
            cells.before.resize(plan.members.len(), Cell::Absent);
        }
        for (index, member) in plan.members.iter().enumerate() {
            let Some(cell) = walk.next(member.span) else {
                return Ok(false);
            };
            match cell {
                Cell::Value { start, end } => {
                    self.write_value(event, member, (image.body, start..end, false), out)?;
                }
                Cell::Null => write_null(event, member, out)?,
                Cell::Absent | Cell::Changes { .. } => return Ok(false),
            }
            if UPDATE
                && let (Some(end), Some(slot)) =
                    (self.ends.get_mut(index), cells.before.get_mut(index))
            {
                (*end, *slot) = (out.len(), cell);
            }
        }
        match walk.end() {
            Some(end) => rows.pass(end),
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Appends the image after an update. The image before it was written last and begins at `before_start`: values that did
    /// not change, usually most of them, are copied from there.
    #[inline(never)]
    pub(super) fn write_after(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        ((before, before_start), after): ((Image<'_>, usize), Image<'_>),
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut same = before_start..before_start;
        let mut comparison = Comparison::new(before, after);
        for (index, member) in plan.members.iter().enumerate() {
            let end = self.ends.get(index).copied().unwrap_or(same.end);
            if comparison.is_same(index) {
                same.end = end;
                continue;
            }
            out.extend_from_within(same);
            same = end..end;
            match after.cells.get(index) {
                Some(Cell::Value { start, end }) => {
                    self.write_value(event, member, (after.body, *start..*end, false), out)?;
                }
                Some(Cell::Null) => write_null(event, member, out)?,
                Some(Cell::Absent | Cell::Changes { .. }) | None => {
                    let value = other_value(event, &[after], index)?;
                    self.write_other(event, member, (value, false), out)?;
                }
            }
        }
        out.extend_from_within(same);
        Ok(())
    }

    /// Appends a row, each column from the first image that holds it.
    pub(super) fn write_image(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let Some(first) = images.first() else {
            return Ok(());
        };
        for member in &plan.members {
            match first.cells.get(member.field.index) {
                Some(Cell::Value { start, end }) => {
                    self.write_value(event, member, (first.body, *start..*end, false), out)?;
                }
                Some(Cell::Null) => write_null(event, member, out)?,
                Some(Cell::Absent | Cell::Changes { .. }) | None => {
                    let value = other_value(event, images, member.field.index)?;
                    self.write_other(event, member, (value, false), out)?;
                }
            }
        }
        Ok(())
    }

    /// Appends a value of a key.
    pub(super) fn write_key_value(
        &mut self,
        event: &RowsEvent<'_>,
        member: &AvroMember,
        value: KeyValue<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.write_other(event, member, (value, true), out)
    }

    /// Appends the value at a range of an image's body, or of a key.
    #[inline(always)]
    fn write_value(
        &mut self,
        event: &RowsEvent<'_>,
        member: &AvroMember,
        (body, range, is_key): (&[u8], std::ops::Range<usize>, bool),
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let place = (body, range.clone());
        if self.values.write_short(&member.short, place, out) {
            return Ok(());
        }
        let bytes = body.get(range).unwrap_or_default();
        self.write_any(event, member, (bytes, is_key), out)
    }

    /// Appends a value that is not as most are.
    #[inline(never)]
    fn write_any(
        &mut self,
        event: &RowsEvent<'_>,
        member: &AvroMember,
        (bytes, is_key): (&[u8], bool),
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend(member.field.branch());
        match self.values.write(&member.column, bytes, out) {
            Ok(Written::Value) => Ok(()),
            written => {
                out.truncate(start);
                self.write_instead(event, member, (bytes, is_key), written, out)
            }
        }
    }

    /// Appends what stands for a value that was not written.
    #[cold]
    fn write_instead(
        &mut self,
        event: &RowsEvent<'_>,
        member: &AvroMember,
        (bytes, is_key): (&[u8], bool),
        written: Result<Written, RowError>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let index = member.field.index;
        let source = match written {
            Ok(Written::Value) => return Ok(()),
            Ok(Written::Null) => return write_null(event, member, out),
            Err(source) => source,
        };
        if !matches!(source, RowError::Text { .. }) {
            return Err(event.value_error(index, source));
        }
        let is_key = is_key || event.table.key.contains(&index);
        out.extend(member.field.branch());
        let replaced = !is_key
            && self
                .values
                .write_invalid(&member.column, bytes, out)
                .map_err(|source| event.value_error(index, source))?;
        match replaced {
            true => Ok(()),
            false => Err(invalid_text(event, index, is_key, source)),
        }
    }

    #[inline(never)]
    fn write_other(
        &mut self,
        event: &RowsEvent<'_>,
        member: &AvroMember,
        (value, is_key): (KeyValue<'_>, bool),
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        match value {
            KeyValue::Null => write_null(event, member, out),
            KeyValue::Patched(document) => {
                out.extend(member.field.branch());
                self.values
                    .write_patched(document, out)
                    .map_err(|source| event.value_error(member.field.index, source))
            }
            KeyValue::Bytes(bytes) => {
                self.write_value(event, member, (bytes, 0..bytes.len(), is_key), out)
            }
        }
    }
}

/// A value that the first image does not hold as it is.
#[cold]
fn other_value<'a>(
    event: &RowsEvent<'_>,
    images: &[Image<'a>],
    index: usize,
) -> Result<KeyValue<'a>, EncodeError> {
    let first = images.first();
    if let Some(Cell::Changes { start, end }) = first.and_then(|image| image.cells.get(index)) {
        let changes = first.and_then(|image| image.body.get(*start..*end));
        let base = first.and_then(|image| image.document_before(index));
        return match (changes, base) {
            (Some(changes), Some(base)) => Ok(KeyValue::Patched(Patched {
                base,
                changes: Changes(changes),
            })),
            (_, _) => Err(EncodeError::DocumentMissing {
                column: event.column(index),
                place: event.place(),
            }),
        };
    }
    key_value(images, index).ok_or_else(|| EncodeError::FieldMissing {
        column: event.column(index),
        place: event.place(),
    })
}

/// Appends null.
#[inline(always)]
fn write_null(
    event: &RowsEvent<'_>,
    member: &AvroMember,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    match member.field.branches {
        Branches::NullFirst => out.push(0),
        Branches::NullLast => out.push(SECOND),
        Branches::None => return Err(not_null(event, member.field.index)),
    }
    Ok(())
}

#[cold]
fn not_null(event: &RowsEvent<'_>, index: usize) -> EncodeError {
    let source = RowError::NotHeld {
        kind: "NULL",
        by: "a column that is NOT NULL as its definition is known",
        cure: "tell the table's definition by rowtap definitions",
    };
    event.value_error(index, source)
}

#[cold]
fn invalid_text(
    event: &RowsEvent<'_>,
    index: usize,
    is_key: bool,
    source: RowError,
) -> EncodeError {
    EncodeError::InvalidText {
        column: event.column(index),
        place: event.place(),
        cure: match is_key {
            true => "correct the row on the source",
            false => "set invalid_text = \"replace\", or correct the row on the source",
        },
        source,
    }
}
