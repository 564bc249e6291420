//! Looks at every byte of the events that pass, for who checks a file: what changes do not need is left alone otherwise.

use crate::binlog::{
    EventKind, FormatDescription, Header, RowsHeader, UserValue, UserVariable, check_body,
};
use crate::change::batch::rows::RowsKind;
use crate::change::definition::kept_table::KeptTable;
use crate::change::definition::table_maps::{TableMaps, Target};
use crate::change::trouble::Trouble;
use crate::row::{Cell, Decimal, RowError, Shape, Table, ValueCheck};

/// Checks the body of an event, but for row images and what is compressed.
///
/// # Errors
/// A body that is not whole, or holds what it cannot.
pub(in crate::change) fn check_event(
    header: &Header,
    body: &[u8],
    format: &FormatDescription,
) -> Result<(), Trouble> {
    check_body(header, body, format)?;
    if header.kind == EventKind::UserVar
        && let Some(UserValue::Decimal {
            precision,
            scale,
            digits,
        }) = UserVariable::parse(body)?.value
    {
        let value = Decimal::Binary {
            bytes: digits,
            precision,
            scale,
        };
        return value
            .write(&mut Vec::new())
            .map_err(|error| Trouble::UserVariable { error });
    }
    Ok(())
}

/// Checks rows value by value; holds what is used again for each row.
#[derive(Debug, Default)]
pub(in crate::change) struct RowsCheck {
    before: Vec<Cell>,
    after: Vec<Cell>,
    values: ValueCheck,
}

/// A value that its column cannot have.
struct Refused {
    /// The column's place in the table.
    index: usize,
    error: RowError,
}

impl RowsCheck {
    /// Checks the rows of an event whose body is whole; those of a larger one are checked as they become whole.
    ///
    /// # Errors
    /// As for [`RowsCheck::rows`], and where there is no table map.
    pub(in crate::change) fn event(
        &mut self,
        table_maps: &TableMaps,
        kind: RowsKind,
        header: &RowsHeader,
        body: &[u8],
    ) -> Result<(), Trouble> {
        let table_id = header.table_id;
        match table_maps.target(table_id) {
            Some(Target::Kept(table) | Target::Checked(table)) => {
                let parts = [&header.columns, &header.columns_after, &header.body];
                let parts = parts.map(|part| body.get(part.clone()).unwrap_or_default());
                self.rows(table, kind, parts)
            }
            Some(Target::Undefined(_) | Target::Rejected) => Ok(()),
            None => Err(Trouble::NoTableMap { table_id }),
        }
    }

    /// Checks whole rows: the bitmaps of the columns in them, and their images.
    ///
    /// # Errors
    /// Rows that contradict their table map, or a value that its column cannot have.
    pub(in crate::change) fn rows(
        &mut self,
        table: &KeptTable,
        kind: RowsKind,
        [before, after, body]: [&[u8]; 3],
    ) -> Result<(), Trouble> {
        if !table.unsettled.is_empty() {
            // Text whose character set is not known cannot be wrong.
            return Ok(());
        }
        let rows = |error| Trouble::Rows {
            table: table.source.clone(),
            error,
        };
        let images = kind.images(&table.table, before, after).map_err(rows)?;
        images.count(body).map_err(rows)?;
        let first = Shape::new(&table.table, before).map_err(rows)?;
        let second = match kind {
            RowsKind::Write | RowsKind::Delete | RowsKind::Read => None,
            RowsKind::Update | RowsKind::Entering { is_partial: false } => {
                Some(Shape::new(&table.table, after).map_err(rows)?)
            }
            RowsKind::PartialUpdate | RowsKind::Entering { is_partial: true } => {
                Some(Shape::partial(&table.table, after).map_err(rows)?)
            }
        };
        let mut at = 0;
        while at < body.len() {
            first.walk(body, &mut at, &mut self.before).map_err(rows)?;
            let mut checked = self.image(&table.table, body, false);
            if let Some(second) = &second {
                second.walk(body, &mut at, &mut self.after).map_err(rows)?;
                checked = checked.and_then(|()| self.image(&table.table, body, true));
            }
            checked.map_err(|Refused { index, error }| Trouble::Value {
                column: match table.table.columns.get(index) {
                    Some(column) => column.name.clone(),
                    None => Box::default(),
                },
                table: table.source.clone(),
                error,
            })?;
        }
        Ok(())
    }

    fn image(&mut self, table: &Table, body: &[u8], is_after: bool) -> Result<(), Refused> {
        let bytes = |start: usize, end: usize| body.get(start..end).unwrap_or_default();
        let cells = match is_after {
            true => &self.after,
            false => &self.before,
        };
        for (index, cell) in cells.iter().enumerate() {
            let checked = match *cell {
                Cell::Absent | Cell::Null => Ok(()),
                Cell::Value { start, end } => match table.image_kind(index) {
                    Some(kind) => self.values.value(kind, bytes(start, end)),
                    None => Ok(()),
                },
                Cell::Changes { start, end } => {
                    let base = match self.before.get(index) {
                        Some(Cell::Value { start, end }) => Some(bytes(*start, *end)),
                        Some(Cell::Null | Cell::Absent | Cell::Changes { .. }) | None => None,
                    };
                    self.values.changes(base, bytes(start, end))
                }
            };
            checked.map_err(|error| Refused { index, error })?;
        }
        Ok(())
    }
}
