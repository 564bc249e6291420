//! Which columns of a table are computed, and from what.

use super::layout::Layout;
use super::table::{ComputedFrom, Generated, TableDefinition};
use crate::row::{Column, Computed};

/// A column that is computed, or has a default that is.
#[derive(Debug)]
pub(in crate::change) struct ComputedColumn {
    pub(in crate::change) name: Box<str>,
    pub(in crate::change) from: ComputedFrom,
}

/// Even a table map with names does not tell which columns are computed. Gives those, and those whose defaults are.
pub(super) fn tell_computed(
    columns: &mut [Column],
    layout: &Layout,
    known: &TableDefinition,
) -> Vec<ComputedColumn> {
    let mut computed = Vec::new();
    for (place, column) in columns.iter_mut().enumerate() {
        let known = layout.column(place, known);
        let generated = known.and_then(|known| known.generated);
        let is_computed = matches!(generated, Some(Generated::Stored | Generated::Virtual));
        if let Some(known) = known
            && (is_computed || !known.computed_from.is_empty())
        {
            computed.push(ComputedColumn {
                name: column.name.clone(),
                from: known.computed_from.clone(),
            });
        }
        column.computed = generated.map(|generated| match generated {
            Generated::Stored | Generated::Virtual => Computed::Expression,
            Generated::RowStart => Computed::RowStart,
            Generated::RowEnd => Computed::RowEnd,
        });
    }
    computed
}
