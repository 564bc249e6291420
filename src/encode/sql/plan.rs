//! What is fixed for a table before its rows become statements: its quoted names.

use std::sync::Arc;

use super::literal::write_name;
use crate::row::Table;

/// A table's plan.
#[derive(Debug)]
pub struct Plan {
    /// The table.
    pub table: Arc<Table>,
    /// Its quoted name.
    pub(super) name: Box<[u8]>,
    /// Its columns' quoted names.
    pub(super) columns: Vec<Box<[u8]>>,
}

impl Plan {
    /// Makes the plan of a table.
    pub fn new(table: Arc<Table>) -> Self {
        let quoted = |name: &str| {
            let mut quoted = Vec::new();
            write_name(name, &mut quoted);
            quoted.into_boxed_slice()
        };
        let name = [quoted(&table.name.database), quoted(&table.name.table)];
        Self {
            name: name.join(&b'.').into(),
            columns: table
                .columns
                .iter()
                .map(|column| quoted(&column.name))
                .collect(),
            table,
        }
    }
}
