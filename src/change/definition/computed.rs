//! Which columns of a table are computed, and from what.

use super::layout::Layout;
use super::table::{ColumnDefinition, ComputedFrom, Generated, TableDefinition};
use crate::change::statement::Statement;
use crate::change::statement::meaning::{ColumnClause, Meaning, Spec};
use crate::filter::{ColumnRuleError, ColumnRules};
use crate::row::{Column, Computed, TableName};

/// A column that is computed, or has a default that is.
#[derive(Debug)]
pub(in crate::change) struct ComputedColumn {
    pub(in crate::change) name: Box<str>,
    pub(in crate::change) from: ComputedFrom,
}

/// Even a table map with names does not tell which columns are computed, nor how they are declared. Gives those that are, and those
/// whose defaults are.
pub(super) fn tell_computed(
    columns: &mut [Column],
    layout: &Layout,
    known: &TableDefinition,
) -> Vec<ComputedColumn> {
    let mut computed = Vec::new();
    for (place, column) in columns.iter_mut().enumerate() {
        let known = layout.column(place, known);
        if column.declared.is_none() {
            column.declared = known.and_then(ColumnDefinition::declared);
        }
        column.default = known.and_then(ColumnDefinition::default_value).cloned();
        column.comment = known.and_then(ColumnDefinition::comment).map(Into::into);
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

/// Makes sure that a statement defines no column that is published as it is and computed from one whose values a rule hides.
pub(super) fn refuse_computed(
    rules: &ColumnRules,
    table: &TableName,
    statement: &Statement,
    may_be_column: impl Fn(&str) -> bool,
) -> Result<(), ColumnRuleError> {
    for (column, computed_from) in defined_columns(statement) {
        rules.refuse_showing(table, column, computed_from, &may_be_column)?;
    }
    Ok(())
}

/// The columns that a statement defines or gives defaults, each with what its values are computed from.
pub(super) fn defined_columns(statement: &Statement) -> Vec<(&str, &[Box<str>])> {
    fn computed(column: &ColumnClause) -> (&str, &[Box<str>]) {
        (&column.name, &column.computed_from)
    }
    match &statement.meaning {
        Meaning::CreateTable(create) => create.elements.columns.iter().map(computed).collect(),
        Meaning::AlterTable(alter) => {
            let specs = alter.specs.iter();
            let columns = specs.filter_map(Spec::defined).map(computed);
            let defaults = alter.defaults.iter();
            let defaults = defaults.map(|new| (&*new.column, &*new.computed_from));
            columns.chain(defaults).collect()
        }
        Meaning::Database { .. } | Meaning::Unfollowed { .. } | Meaning::Plain => Vec::new(),
    }
}
