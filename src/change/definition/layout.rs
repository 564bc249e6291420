//! Which column of a definition each column of a table map is.
//!
//! Servers keep columns of their own in tables, which no statement shows:
//!
//! | server | what for | in table maps | values in row images |
//! |---|---|---|---|
//! | MySQL | a functional key part | from 8.0.13 up to some 8.0, at the place where it was added | never |
//! | MariaDB | a unique key on long columns or `USING HASH` | after all others, as `DB_ROW_HASH_1` and so on | mostly |
//!
//! A definition says where they are, so that table maps with and without them are understood.

use std::ops::Range;

use super::table::{ColumnDefinition, TableDefinition};
use crate::binlog::ColumnMap;
use crate::binlog::column_map::kind;
use crate::mysql::Flavour;
use crate::row::name_of_collation;

/// The columns of a table map, by a definition.
#[derive(Debug)]
pub(in crate::change) struct Layout {
    /// The places in the definition; `None` of hidden columns.
    columns: Vec<Option<usize>>,
}

/// The places of hidden columns at the end of a table map, by MariaDB's names for them.
pub(in crate::change) fn hashes(map: &[ColumnMap]) -> Range<usize> {
    let is_hash = |column: &&ColumnMap| {
        let name = column.name.as_deref().unwrap_or_default();
        let number = name.strip_prefix("DB_ROW_HASH_").unwrap_or_default();
        column.kind == kind::LONGLONG && number.parse::<u32>().is_ok()
    };
    let count = map.iter().rev().take_while(is_hash).count();
    map.len() - count..map.len()
}

/// Whether a column's values cannot be read, or shown as what they are, by what a table map with names tells: MariaDB's
/// INET4, INET6 and UUID look like BINARY there, and its old forms of times do not tell their digits of fraction.
pub(in crate::change) fn hides_its_type(column: &ColumnMap, flavour: Flavour) -> bool {
    match column.kind {
        kind::STRING => {
            flavour == Flavour::MariaDb && is_bytes(column) && matches!(column.metadata, 4 | 16)
        }
        kind::TIME | kind::DATETIME | kind::TIMESTAMP => column.fraction.is_none(),
        _ => false,
    }
}

fn is_bytes(column: &ColumnMap) -> bool {
    column.collation.and_then(name_of_collation) == Some("binary")
}

impl Layout {
    /// Lays out a table map; `None` if none of the table has as many columns.
    pub(in crate::change) fn new(map: &[ColumnMap], definition: &TableDefinition) -> Option<Self> {
        let hashes = || hashes(map).collect::<Vec<_>>();
        Self::hiding(map.len(), definition, &definition.hidden)
            .or_else(|| Self::hiding(map.len(), definition, &hashes()))
    }

    /// Lays out so many columns, with all of the hidden ones among them or none.
    fn hiding(count: usize, definition: &TableDefinition, hidden: &[usize]) -> Option<Self> {
        let visible = definition.columns.len();
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
    pub(in crate::change) fn column<'a>(
        &self,
        place: usize,
        definition: &'a TableDefinition,
    ) -> Option<&'a ColumnDefinition> {
        let index = self.columns.get(place).copied().flatten()?;
        definition.columns.get(index)
    }

    /// The places of the hidden columns.
    pub(in crate::change) fn hidden(&self) -> Vec<usize> {
        let places = self.columns.iter().enumerate();
        places
            .filter(|(_, column)| column.is_none())
            .map(|(place, _)| place)
            .collect()
    }

    /// The places of the primary key's columns, in key order.
    pub(in crate::change) fn key(&self, definition: &TableDefinition) -> Vec<usize> {
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
        let layout = Layout::hiding(count, &definition, hidden);
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
