//! The images of a rows event: how many rows its body holds, with every bound checked.

use super::{Cell, RowError, Shape, Table};

/// The images that make a row in a rows event.
#[derive(Clone, Debug)]
pub struct Images<'a> {
    first: Shape<'a>,
    second: Option<Shape<'a>>,
}

impl<'a> Images<'a> {
    /// One image a row, of an insert or a delete, with its bitmap of present columns.
    ///
    /// # Errors
    /// A bitmap whose length is not that of the table.
    #[inline]
    pub fn one(table: &'a Table, present: &'a [u8]) -> Result<Self, RowError> {
        Ok(Self {
            first: Shape::new(table, present)?,
            second: None,
        })
    }

    /// The images before and after an update.
    ///
    /// # Errors
    /// As for one.
    #[inline]
    pub fn update(table: &'a Table, before: &'a [u8], after: &'a [u8]) -> Result<Self, RowError> {
        Ok(Self {
            first: Shape::new(table, before)?,
            second: Some(Shape::new(table, after)?),
        })
    }

    /// The same, where the image after may hold changes of JSON documents in place of them.
    ///
    /// # Errors
    /// As for one.
    pub fn partial_update(
        table: &'a Table,
        before: &'a [u8],
        after: &'a [u8],
    ) -> Result<Self, RowError> {
        Ok(Self {
            first: Shape::new(table, before)?,
            second: Some(Shape::partial(table, after)?),
        })
    }

    /// Whether every column is present in the image after an update, or in the only one.
    pub fn are_full_after(&self) -> bool {
        self.second.as_ref().unwrap_or(&self.first).is_full()
    }

    /// Counts the rows of an event's body, checking every bound.
    ///
    /// # Errors
    /// A body that ends inside a row, or images without columns, whose number nothing says.
    #[inline]
    pub fn count(&self, body: &[u8]) -> Result<u32, RowError> {
        self.check_columns()?;
        let mut rows = 0u32;
        let mut at = 0;
        while at < body.len() {
            self.skip(body, &mut at)?;
            rows = rows.checked_add(1).ok_or(RowError::TooManyRows)?;
        }
        Ok(rows)
    }

    /// Counts the whole rows at the front of a body whose end is still to come, and their bytes.
    ///
    /// # Errors
    /// As for [`Images::count`], but for a body that ends inside a row.
    pub fn count_whole(&self, body: &[u8]) -> Result<(u32, usize), RowError> {
        self.check_columns()?;
        let (mut rows, mut whole) = (0u32, 0);
        while whole < body.len() {
            let mut at = whole;
            if self.skip(body, &mut at).is_err() {
                break;
            }
            rows = rows.checked_add(1).ok_or(RowError::TooManyRows)?;
            whole = at;
        }
        Ok((rows, whole))
    }

    /// Visits the cells of each image of an event's body, the body before an update's image after; `cells` is reused.
    ///
    /// # Errors
    /// A body that ends inside a row.
    pub fn visit(
        &self,
        body: &[u8],
        cells: &mut Vec<Cell>,
        mut visit: impl FnMut(&[Cell]),
    ) -> Result<(), RowError> {
        self.check_columns()?;
        let mut at = 0;
        while at < body.len() {
            for shape in [Some(&self.first), self.second.as_ref()]
                .into_iter()
                .flatten()
            {
                shape.walk(body, &mut at, cells)?;
                visit(cells);
            }
        }
        Ok(())
    }

    /// Rows without columns take no bytes, so that nothing says how many there are. MariaDB writes such inserts.
    fn check_columns(&self) -> Result<(), RowError> {
        if self.first.is_empty() && self.second.as_ref().is_none_or(Shape::is_empty) {
            return Err(RowError::NoColumns);
        }
        Ok(())
    }

    #[inline]
    fn skip(&self, body: &[u8], at: &mut usize) -> Result<(), RowError> {
        self.first.skip(body, at)?;
        match &self.second {
            Some(second) => second.skip(body, at),
            None => Ok(()),
        }
    }
}
