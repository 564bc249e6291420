//! Row images as JSON objects, whatever a format writes for their values.
//!
//! Each member is written once: what an update did not change is copied from the image before it.

use std::ops::Range;

use super::super::rows::{
    Cells, Comparison, Image, KeyValue, RowChange, RowsEvent, RowsWalk, key_value, letter_of_new,
};
use super::super::{EncodeError, InvalidText};
use super::member::Member;
use super::value::{ValueWriter, write_invalid_text};
use crate::change::RowsKind;
use crate::row::{Cell, Changes, Patched, RowError, write_string};

/// Writes the images of rows; owns the buffers that this takes.
#[derive(Default)]
pub(in crate::encode) struct ImageWriter<V> {
    /// How values are written.
    pub(in crate::encode) values: V,
    /// Where each column's member ends in the image written last.
    ends: Vec<usize>,
    /// The columns that the update changed whose row was written last by `write_updated`.
    changed: Vec<usize>,
    /// Of the row being written: the changes of JSON documents that have no document to apply to, a member for each such column,
    /// with a comma before it.
    pub(in crate::encode) changes: Vec<u8>,
    /// Whether columns that are NULL are no members.
    pub(in crate::encode) leaves_nulls_out: bool,
}

impl<V: ValueWriter> ImageWriter<V> {
    pub(in crate::encode) fn new(values: V) -> Self {
        Self {
            values,
            ends: Vec::new(),
            changed: Vec::new(),
            changes: Vec::new(),
            leaves_nulls_out: false,
        }
    }

    /// Begins a batch.
    pub(in crate::encode) fn begin(&mut self) {
        self.values.scratch().invalid_count = 0;
        self.changes.clear();
    }

    /// Appends `{"before":…,"after":…` of a change; gives the letter of its operation.
    #[inline(never)]
    pub(in crate::encode) fn write_change(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        change: RowChange<'_>,
        out: &mut Vec<u8>,
    ) -> Result<u8, EncodeError> {
        out.extend_from_slice(b"{\"before\":");
        match change {
            RowChange::Create { after } => {
                out.extend_from_slice(b"null,\"after\":");
                self.write_image::<false>(event, members, after, out)?;
                Ok(letter_of_new(event.rows.kind))
            }
            RowChange::Update { before, after } => {
                let start = out.len();
                self.write_image::<true>(event, members, before, out)?;
                out.extend_from_slice(b",\"after\":");
                self.write_after(event, members, (before, start), after, out)?;
                Ok(b'u')
            }
            RowChange::Delete { before } => {
                self.write_image::<false>(event, members, before, out)?;
                out.extend_from_slice(b",\"after\":null");
                Ok(b'd')
            }
        }
    }

    /// Appends the same of the next row while it looks for the row's cells, where that can be.
    #[inline]
    pub(in crate::encode) fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        out: &mut Vec<u8>,
    ) -> Result<u8, EncodeError> {
        let start = out.len();
        let kind = event.rows.kind;
        if matches!(kind, RowsKind::Entering { .. }) {
            return self.write_change(event, members, rows.change(cells)?, out);
        }
        out.extend_from_slice(b"{\"before\":");
        if matches!(kind, RowsKind::Write | RowsKind::Read) {
            out.extend_from_slice(b"null,\"after\":");
        }
        let image_start = out.len();
        let is_written = match kind {
            RowsKind::Write | RowsKind::Read | RowsKind::Delete => {
                self.write_first::<false>(event, members, (rows, cells), out)?
            }
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => {
                self.write_first::<true>(event, members, (rows, cells), out)?
            }
        };
        if !is_written {
            out.truncate(start);
            return self.write_change(event, members, rows.change(cells)?, out);
        }
        match kind {
            RowsKind::Write | RowsKind::Read => Ok(letter_of_new(kind)),
            RowsKind::Delete => {
                out.extend_from_slice(b",\"after\":null");
                Ok(b'd')
            }
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => {
                let (before, after) = rows.after(cells)?;
                out.extend_from_slice(b",\"after\":");
                self.write_after(event, members, (before, image_start), after, out)?;
                Ok(b'u')
            }
        }
    }

    /// Appends a row's first image while it looks for its cells, and goes on after the image; of an update, keeps the cells and
    /// where their members end. `false`, and maybe a part of the image, if it must be walked before.
    pub(in crate::encode) fn write_first<const UPDATE: bool>(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let Some((mut walk, image)) = rows.first() else {
            return Ok(false);
        };
        let start = out.len();
        if UPDATE {
            self.ends.clear();
            cells.before.clear();
        }
        for (index, member) in members.iter().enumerate() {
            let Some(cell) = walk.next(member.span) else {
                return Ok(false);
            };
            self.write_member(event, index, member, cell, image, out)?;
            if UPDATE {
                self.ends.push(out.len());
                cells.before.push(cell);
            }
        }
        close_object(start, out);
        match walk.end() {
            Some(end) => rows.pass(end),
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Appends an image, and keeps where its members end if it is the first of an update.
    pub(in crate::encode) fn write_image<const UPDATE: bool>(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        self.ends.clear();
        for (index, (member, cell)) in members.iter().zip(image.cells).enumerate() {
            self.write_member(event, index, member, *cell, image, out)?;
            if UPDATE {
                self.ends.push(out.len());
            }
        }
        close_object(start, out);
        Ok(())
    }

    /// Appends the image after an update. The image before it was written last and begins at `before_start`: members that did
    /// not change, usually most of them, are copied from there.
    fn write_after(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        (before, before_start): (Image<'_>, usize),
        after: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        // Where the members since the last change begin.
        let mut same_from = before_start;
        let mut same_to = before_start;
        let mut comparison = Comparison::new(before, after);
        for (index, (member, cell)) in members.iter().zip(after.cells).enumerate() {
            let end = self.ends.get(index).copied().unwrap_or(same_to);
            if comparison.is_same(index) {
                same_to = end;
                continue;
            }
            copy_members(same_from..same_to, out);
            (same_from, same_to) = (end, end);
            self.write_member(event, index, member, *cell, after, out)?;
        }
        copy_members(same_from..same_to, out);
        close_object(start, out);
        Ok(())
    }

    /// Appends the row as an update leaves it, each column from the image after it, or else from the one before.
    pub(in crate::encode) fn write_updated(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        (before, after): (Image<'_>, Image<'_>),
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        self.changed.clear();
        let mut comparison = Comparison::new(before, after);
        let cells = before.cells.iter().zip(after.cells);
        for (index, (member, (old, new))) in members.iter().zip(cells).enumerate() {
            if !comparison.is_same(index) && *old != Cell::Absent && *new != Cell::Absent {
                self.changed.push(index);
            }
            let (cell, image) = match new {
                Cell::Absent => (*old, before),
                new => (*new, after),
            };
            self.write_member(event, index, member, cell, image, out)?;
        }
        close_object(start, out);
        Ok(())
    }

    /// Whether the row that `write_updated` wrote last has other values than before.
    pub(in crate::encode) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Appends the values that its changed columns had before, as an object.
    pub(in crate::encode) fn write_former(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        before: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let changed = std::mem::take(&mut self.changed);
        let written = changed.iter().try_for_each(|index| {
            match (members.get(*index), before.cells.get(*index)) {
                (Some(member), Some(cell)) => {
                    self.write_member(event, *index, member, *cell, before, out)
                }
                (_, _) => Ok(()),
            }
        });
        self.changed = changed;
        close_object(start, out);
        written
    }

    /// Appends the columns of a key as an object, each from the first image that holds it, after other members.
    pub(in crate::encode) fn write_key(
        &mut self,
        event: &RowsEvent<'_>,
        members: &[Member<V::Form>],
        (others, columns): (&[u8], &[usize]),
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend_from_slice(others);
        for index in columns {
            let Some(member) = members.get(*index) else {
                return Err(key_missing(event, *index));
            };
            self.write_key_member(event, (*index, member), images, out)?;
        }
        close_object(start, out);
        Ok(())
    }

    /// Appends a column of a key, from the first image that holds it.
    pub(in crate::encode) fn write_key_member(
        &mut self,
        event: &RowsEvent<'_>,
        (index, member): (usize, &Member<V::Form>),
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let bytes = match key_value(images, index) {
            Some(KeyValue::Bytes(bytes)) => bytes,
            Some(KeyValue::Null) => {
                member.name.write_bare(out);
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Some(KeyValue::Patched(patched)) => {
                member.name.write(out);
                return self
                    .values
                    .write_patched(&member.form, patched, out)
                    .map_err(|source| event.value_error(index, source));
            }
            None => return Err(key_missing(event, index)),
        };
        member.name.write(out);
        let written = self
            .values
            .write_cell(&member.form, bytes, 0..bytes.len(), out);
        match written {
            Ok(()) => Ok(()),
            Err(source) => self.write_invalid(event, (index, true), bytes, source, out),
        }
    }

    /// Makes sure that no column of the row is a document of which no image holds more than its changes, for a format that cannot
    /// show these.
    ///
    /// # Errors
    /// Such a column.
    #[inline]
    pub(in crate::encode) fn refuse_changes(
        &mut self,
        event: &RowsEvent<'_>,
    ) -> Result<(), EncodeError> {
        match self.changes.is_empty() {
            true => Ok(()),
            false => Err(self.document_missing(event)),
        }
    }

    #[cold]
    fn document_missing(&mut self, event: &RowsEvent<'_>) -> EncodeError {
        let changes = std::mem::take(&mut self.changes);
        let columns = event.table.columns.iter();
        let named = columns.map(|column| &column.name).find(|name| {
            let mut member = vec![b','];
            write_string(name, &mut member);
            changes.starts_with(&member)
        });
        EncodeError::DocumentMissing {
            column: named.cloned().unwrap_or_default(),
            place: event.place(),
        }
    }

    /// Appends a column's member, unless the image lacks it.
    #[inline(always)]
    pub(in crate::encode) fn write_member(
        &mut self,
        event: &RowsEvent<'_>,
        index: usize,
        member: &Member<V::Form>,
        cell: Cell,
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let (from, to) = match cell {
            Cell::Absent => return self.leave_out(event, index),
            Cell::Null if self.leaves_nulls_out => return Ok(()),
            Cell::Null => {
                member.name.write_bare(out);
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Cell::Value { start, end } => (start, end),
            Cell::Changes { start, end } => {
                let changes = Changes(image.body.get(start..end).unwrap_or_default());
                return self
                    .write_changes(member, image.document_before(index), changes, out)
                    .map_err(|source| event.value_error(index, source));
            }
        };
        member.name.write(out);
        match self
            .values
            .write_cell(&member.form, image.body, from..to, out)
        {
            Ok(()) => Ok(()),
            Err(source) => {
                let bytes = image.body.get(from..to).unwrap_or_default();
                let is_key = event.table.key.contains(&index);
                self.write_invalid(event, (index, is_key), bytes, source, out)
            }
        }
    }

    #[inline(never)]
    fn leave_out(&self, event: &RowsEvent<'_>, index: usize) -> Result<(), EncodeError> {
        if self.values.may_lack_columns() || !event.table.publishes(index) {
            return Ok(());
        }
        Err(EncodeError::ColumnMissing {
            column: event.column(index),
            place: event.place(),
        })
    }

    /// Appends a value that is not valid text, after its name and a quote, if the policy allows that.
    #[cold]
    fn write_invalid(
        &mut self,
        event: &RowsEvent<'_>,
        (index, is_key): (usize, bool),
        bytes: &[u8],
        source: RowError,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let (RowError::Text { .. }, Some(column)) = (&source, event.table.columns.get(index))
        else {
            return Err(event.value_error(index, source));
        };
        match write_invalid_text(&column.kind, bytes, is_key, self.values.scratch(), out) {
            Ok(true) => Ok(()),
            Ok(false) => Err(EncodeError::InvalidText {
                column: column.name.clone(),
                place: event.place(),
                cure: InvalidText::cure(is_key),
                source,
            }),
            Err(source) => Err(event.value_error(index, source)),
        }
    }

    /// Appends the document with its changes; where no image holds the document, keeps the changes for the end of the
    /// message.
    #[cold]
    fn write_changes(
        &mut self,
        member: &Member<V::Form>,
        base: Option<&[u8]>,
        changes: Changes<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        match base {
            Some(base) => {
                member.name.write(out);
                let document = Patched { base, changes };
                self.values.write_patched(&member.form, document, out)
            }
            None => {
                member.name.write_bare(&mut self.changes);
                changes.write(&mut self.changes)
            }
        }
    }
}

#[cold]
fn key_missing(event: &RowsEvent<'_>, index: usize) -> EncodeError {
    EncodeError::KeyMissing {
        column: event.column(index),
        place: event.place(),
    }
}

/// Appends members that were written before, each with a comma before it. The first of an object has a brace instead.
fn copy_members(range: Range<usize>, out: &mut Vec<u8>) {
    if range.is_empty() {
        return;
    }
    let start = out.len();
    out.extend_from_within(range);
    if let Some(first) = out.get_mut(start) {
        *first = b',';
    }
}

/// Makes an object of the members since `start`, each of which has a comma before it; the first comma becomes the brace.
pub(in crate::encode) fn close_object(start: usize, out: &mut Vec<u8>) {
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}
