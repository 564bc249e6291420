//! What schemas tell of the types that columns have on the source, where `column.propagate.source.type` or
//! `datatype.propagate.source.type` names them.

use regex::{Regex, RegexBuilder};

use super::table_changes::told_type;
use crate::change::ColumnDefinition;
use crate::encode::format::DebeziumOptions;
use crate::row::{Column, TableName};

/// The columns of which schemas tell more.
pub(in crate::encode) struct Propagated {
    /// For `database.table.column`.
    columns: Vec<Regex>,
    /// For `database.table.TYPE`.
    types: Vec<Regex>,
}

impl Propagated {
    /// Those that the options name.
    pub(in crate::encode) fn of(options: &DebeziumOptions) -> Self {
        Self {
            columns: expressions(options.column_propagate_source_type.as_deref()),
            types: expressions(options.datatype_propagate_source_type.as_deref()),
        }
    }

    /// The parameters of a column's schema; none where the column is not named, or its definition is not known.
    pub(in crate::encode) fn parameters(
        &self,
        table: &TableName,
        column: &Column,
    ) -> Vec<(&'static str, String)> {
        let Some(declared) = column.declared.as_ref().filter(|_| self.has_any()) else {
            return Vec::new();
        };
        let definition = ColumnDefinition {
            name: column.name.clone(),
            column_type: declared.clone(),
            ..ColumnDefinition::default()
        };
        let (name, length, scale) = told_type(&definition);
        let is_named = |all: &[Regex], last: &str| {
            let path = format!("{}.{}.{last}", table.database, table.table);
            all.iter().any(|expression| expression.is_match(&path))
        };
        if !is_named(&self.columns, &column.name) && !is_named(&self.types, &name) {
            return Vec::new();
        }
        let mut parameters = vec![("__debezium.source.column.type", name)];
        if let Some(length) = length {
            parameters.push(("__debezium.source.column.length", length.to_string()));
        }
        if let Some(scale) = scale {
            parameters.push(("__debezium.source.column.scale", scale.to_string()));
        }
        parameters.push(("__debezium.source.column.name", column.name.to_string()));
        parameters
    }

    fn has_any(&self) -> bool {
        !self.columns.is_empty() || !self.types.is_empty()
    }
}

/// The expressions of a list, of which each is for a whole name, whatever its case. One that is none is told before.
fn expressions(list: Option<&str>) -> Vec<Regex> {
    let list = list.unwrap_or_default().split(',').map(str::trim);
    let list = list.filter(|text| !text.is_empty());
    list.filter_map(|text| expression(text).ok()).collect()
}

/// Compiles an expression of a list.
///
/// # Errors
/// What is wrong with it.
pub(in crate::encode) fn expression(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!(r"\A(?:{text})\z"))
        .case_insensitive(true)
        .build()
}
