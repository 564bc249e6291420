//! Which column of a definition each column of a table map is.
//!
//! MySQL keeps the value of a functional key part in a hidden column. Since 8.0.13 table maps have held those too, at the
//! places where they were added, until a later 8.0 left them out; row images never hold their values. A definition tells
//! their places, so that the table maps of both are understood.

use super::{ColumnDefinition, TableDefinition};

/// The columns of a table map, by a definition.
#[derive(Debug)]
pub(super) struct Layout {
    /// The places in the definition; `None` of hidden columns.
    columns: Vec<Option<usize>>,
}

impl Layout {
    /// Lays out a table map of so many columns; `None` if no table map of the table has as many.
    pub(super) fn new(count: usize, definition: &TableDefinition) -> Option<Self> {
        let (visible, hidden) = (definition.columns.len(), &definition.hidden);
        let is_hidden: fn(&[usize], usize) -> bool = match count.checked_sub(visible)? {
            0 => |_, _| false,
            more if more == hidden.len() => |hidden, place| hidden.contains(&place),
            _another => return None,
        };
        let mut next = 0..visible;
        let columns = (0..count).map(|place| match is_hidden(hidden, place) {
            true => Some(None),
            false => next.next().map(Some),
        });
        let columns = columns.collect::<Option<_>>()?;
        Some(Self { columns })
    }

    /// The definition of the column at a place of the table map; `None` of a hidden one.
    pub(super) fn column<'a>(
        &self,
        place: usize,
        definition: &'a TableDefinition,
    ) -> Option<&'a ColumnDefinition> {
        let index = self.columns.get(place).copied().flatten()?;
        definition.columns.get(index)
    }

    /// The places of the hidden columns.
    pub(super) fn hidden(&self) -> Vec<usize> {
        let places = self.columns.iter().enumerate();
        places
            .filter(|(_, column)| column.is_none())
            .map(|(place, _)| place)
            .collect()
    }

    /// The places of the primary key's columns, in key order.
    pub(super) fn key(&self, definition: &TableDefinition) -> Vec<usize> {
        let place = |index: &usize| {
            let mut columns = self.columns.iter();
            columns.position(|column| *column == Some(*index))
        };
        definition.key.iter().filter_map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(visible: usize, hidden: &[usize], count: usize, expected: Option<&[Option<usize>]>) {
        let definition = TableDefinition {
            columns: vec![ColumnDefinition::default(); visible],
            key: (0..visible).rev().collect(),
            hidden: hidden.to_vec(),
            ..TableDefinition::default()
        };
        let layout = Layout::new(count, &definition);
        let found = layout.as_ref().map(|layout| layout.columns.as_slice());
        assert_eq!(found, expected, "{visible} {hidden:?} {count}");
        let Some(layout) = layout else { return };
        let key = layout.key(&definition);
        let shown = |place: &usize| layout.column(*place, &definition).is_some();
        assert_eq!(key.iter().filter(|place| shown(place)).count(), visible);
        assert!(!layout.hidden().iter().any(shown));
        assert!(key.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn hidden_columns_are_in_a_table_map_all_or_none() {
        check(2, &[], 2, Some(&[Some(0), Some(1)]));
        check(2, &[], 3, None);
        check(2, &[], 1, None);
        check(2, &[1], 2, Some(&[Some(0), Some(1)]));
        check(2, &[1], 3, Some(&[Some(0), None, Some(1)]));
        check(2, &[0, 3], 4, Some(&[None, Some(0), Some(1), None]));
        check(2, &[0, 3], 3, None);
        check(2, &[0, 9], 4, None);
    }
}
