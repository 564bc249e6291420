//! A row change as a statement.

use super::super::EncodeError;
use super::super::rows::{Comparison, Image, RowChange, RowsEvent};
use super::literal::{Literals, Use};
use super::plan::Plan;
use super::versions::of_present;
use crate::row::{Cell, Changes, ColumnType, Computed, Patched, Value, read};

/// Whether changes are made again, or undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Made again, in order.
    Redo,
    /// Undone, in reverse order.
    Undo,
}

/// Writes statements, one after another.
pub(super) struct StatementWriter {
    direction: Direction,
    literals: Literals,
}

/// The error value of an ENUM has no label; a server that is not strict accepts its number.
const BEFORE_ENUM_ERROR: &[u8] = b"SET @rowtap_sql_mode = @@SESSION.sql_mode, \
    SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';\n";
const AFTER_ENUM_ERROR: &[u8] = b"SET SESSION sql_mode = @rowtap_sql_mode;\n";

impl StatementWriter {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            literals: Literals::default(),
        }
    }

    /// Appends the statement of a row change; nothing for an update that changed nothing.
    pub(super) fn write(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        change: RowChange<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let Some(change) = of_present(event, change) else {
            return Ok(());
        };
        let start = out.len();
        self.literals.met_enum_error = false;
        match (change, self.direction) {
            (RowChange::Create { after }, Direction::Redo) => {
                self.insert(event, plan, after, out)?
            }
            (RowChange::Create { after }, Direction::Undo) => {
                self.delete(event, plan, after, out)?
            }
            (RowChange::Delete { before }, Direction::Redo) => {
                self.delete(event, plan, before, out)?
            }
            (RowChange::Delete { before }, Direction::Undo) => {
                is_full(event, before)?;
                self.insert(event, plan, before, out)?;
            }
            (RowChange::Update { before, after }, Direction::Redo) => {
                self.update(event, plan, before, after, out)?;
            }
            (RowChange::Update { before, after }, Direction::Undo) => {
                is_full(event, before)?;
                is_full(event, after)?;
                self.update(event, plan, after, before, out)?;
            }
        }
        if self.literals.met_enum_error {
            out.splice(start..start, BEFORE_ENUM_ERROR.iter().copied());
            out.extend_from_slice(AFTER_ENUM_ERROR);
        }
        Ok(())
    }

    fn insert(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend_from_slice(b"INSERT INTO ");
        out.extend_from_slice(&plan.name);
        out.push(b'(');
        let present = |(index, cell): &(usize, &Cell)| {
            !matches!(cell, Cell::Absent) && !is_computed(event, *index)
        };
        for (count, (index, _)) in image.cells.iter().enumerate().filter(present).enumerate() {
            comma(count, out);
            out.extend_from_slice(name(plan, index));
        }
        out.extend_from_slice(b") VALUES (");
        for (count, (index, cell)) in image.cells.iter().enumerate().filter(present).enumerate() {
            comma(count, out);
            self.value(event, index, *cell, image, Use::Assign, out)?;
        }
        out.extend_from_slice(b");\n");
        Ok(())
    }

    fn delete(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend_from_slice(b"DELETE FROM ");
        out.extend_from_slice(&plan.name);
        self.row_of(event, plan, image, out)
    }

    fn update(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        from: Image<'_>,
        to: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend_from_slice(b"UPDATE ");
        out.extend_from_slice(&plan.name);
        out.extend_from_slice(b" SET ");
        let (mut count, mut has_changed) = (0, false);
        let mut comparison = Comparison::new(from, to);
        for (index, cell) in to.cells.iter().enumerate() {
            let is_kept = *cell == Cell::Absent || comparison.is_same(index);
            if is_computed(event, index) || (is_kept && !may_follow_the_clock(event, index)) {
                continue;
            }
            has_changed |= !is_kept;
            comma(count, out);
            out.extend_from_slice(name(plan, index));
            out.extend_from_slice(b" = ");
            count += 1;
            match *cell {
                // An image lacks what was not changed.
                Cell::Absent => out.extend_from_slice(name(plan, index)),
                Cell::Changes { start, end } => {
                    let changes = Changes(to.body.get(start..end).unwrap_or_default());
                    self.literals
                        .write_changed(name(plan, index), changes, out)
                        .map_err(|source| event.value_error(index, source))?;
                }
                cell => self.value(event, index, cell, to, Use::Assign, out)?,
            }
        }
        if !has_changed {
            out.truncate(start);
            return Ok(());
        }
        self.row_of(event, plan, from, out)
    }

    /// Appends the condition that finds the row of an image, and the end of the statement.
    fn row_of(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend_from_slice(b" WHERE ");
        let key = &event.table.key;
        if !key.is_empty() && key.iter().all(|index| image.value(*index).is_some()) {
            let key = key.iter().filter(|index| !is_time_of_row(event, **index));
            for (count, index) in key.enumerate() {
                and(count, out);
                out.extend_from_slice(name(plan, *index));
                out.extend_from_slice(b" = ");
                let cell = image.cells.get(*index).copied().unwrap_or(Cell::Null);
                self.value(event, *index, cell, image, Use::Compare, out)?;
            }
            out.extend_from_slice(b";\n");
            return Ok(());
        }
        let mut count = 0;
        for (index, cell) in image.cells.iter().enumerate() {
            if *cell == Cell::Absent || is_time_of_row(event, index) {
                continue;
            }
            and(count, out);
            count += 1;
            if *cell == Cell::Null {
                out.extend_from_slice(name(plan, index));
                out.extend_from_slice(b" IS NULL");
                continue;
            }
            self.equal(event, plan, index, image, out)?;
        }
        if count == 0 {
            return Err(EncodeError::NotFull {
                column: event.column(0),
                place: event.place(),
            });
        }
        out.extend_from_slice(b" LIMIT 1;\n");
        Ok(())
    }

    fn value(
        &mut self,
        event: &RowsEvent<'_>,
        index: usize,
        cell: Cell,
        image: Image<'_>,
        purpose: Use,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let Some((kind, value, bytes)) = value_of(event, index, image)? else {
            debug_assert!(
                cell == Cell::Null,
                "an absent column has no place in a statement"
            );
            out.extend_from_slice(b"NULL");
            return Ok(());
        };
        self.literals
            .write(kind, value, bytes, purpose, out)
            .map_err(|source| event.value_error(index, source))
    }

    /// Appends a comparison that is true of exactly the image's value.
    fn equal(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        index: usize,
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let Some((kind, value, bytes)) = value_of(event, index, image)? else {
            return Ok(());
        };
        self.literals
            .write_equal(name(plan, index), kind, value, bytes, out)
            .map_err(|source| event.value_error(index, source))
    }
}

/// A column's type, its value, and the bytes of the value.
type Stored<'a> = (&'a ColumnType, Value<'a>, &'a [u8]);

/// What a column holds, unless it is NULL or absent. A document that was changed in parts is whole if the image before
/// holds it.
fn value_of<'a>(
    event: &RowsEvent<'a>,
    index: usize,
    image: Image<'a>,
) -> Result<Option<Stored<'a>>, EncodeError> {
    let (Some(column), Some(cell)) = (event.table.columns.get(index), image.cells.get(index))
    else {
        return Ok(None);
    };
    let (start, end) = match *cell {
        Cell::Null | Cell::Absent => return Ok(None),
        Cell::Value { start, end } | Cell::Changes { start, end } => (start, end),
    };
    let bytes = image.body.get(start..end).unwrap_or_default();
    let value = match cell {
        Cell::Changes { .. } => {
            let Some(base) = image.document_before(index) else {
                return Err(EncodeError::NotFull {
                    column: event.column(index),
                    place: event.place(),
                });
            };
            let changes = Changes(bytes);
            Value::Patched(Patched { base, changes })
        }
        Cell::Null | Cell::Absent | Cell::Value { .. } => {
            read(&column.kind, bytes).map_err(|source| event.value_error(index, source))?
        }
    };
    Ok(Some((&column.kind, value, bytes)))
}

fn name(plan: &Plan, index: usize) -> &[u8] {
    plan.columns.get(index).map_or(b"", |name| name)
}

fn comma(count: usize, out: &mut Vec<u8>) {
    if count > 0 {
        out.extend_from_slice(b", ");
    }
}

fn and(count: usize, out: &mut Vec<u8>) {
    if count > 0 {
        out.extend_from_slice(b" AND ");
    }
}

/// Whether a server refuses values for the column, since it computes them.
fn is_computed(event: &RowsEvent<'_>, index: usize) -> bool {
    let column = event.table.columns.get(index);
    column.is_some_and(|column| column.computed.is_some())
}

/// Whether a column may have ON UPDATE CURRENT_TIMESTAMP, which takes effect unless the statement assigns a value. No binlog
/// tells.
fn may_follow_the_clock(event: &RowsEvent<'_>, index: usize) -> bool {
    let column = event.table.columns.get(index);
    column.is_some_and(|column| {
        matches!(
            column.kind,
            ColumnType::Timestamp { .. }
                | ColumnType::DateTime { .. }
                | ColumnType::OldTimestamp { .. }
                | ColumnType::OldDateTime { .. }
        )
    })
}

/// Whether a column tells since when or until when the row holds: another server fills it with times of its own.
fn is_time_of_row(event: &RowsEvent<'_>, index: usize) -> bool {
    let column = event.table.columns.get(index);
    column.is_some_and(|column| {
        matches!(column.computed, Some(Computed::RowStart | Computed::RowEnd))
    })
}

fn is_full(event: &RowsEvent<'_>, image: Image<'_>) -> Result<(), EncodeError> {
    let is_missing =
        |(index, cell): (usize, &Cell)| *cell == Cell::Absent && !is_computed(event, index);
    match image.cells.iter().enumerate().position(is_missing) {
        None => Ok(()),
        Some(index) => Err(EncodeError::NotFull {
            column: event.column(index),
            place: event.place(),
        }),
    }
}
