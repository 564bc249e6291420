//! Which definition a table map may be read with.
//!
//! A definition from information_schema was true at some moment between two coordinates of the source. It serves a table
//! map only where nothing can have changed the table between that moment and the table map; elsewhere there is none, and
//! the stream stops rather than guess.

use std::collections::HashMap;

use super::Definition;
use crate::binlog::Coordinates;
use crate::row::TableName;

/// The definitions that were read from the source, and the DDL seen since.
#[derive(Debug, Default)]
pub struct Definitions {
    read: HashMap<TableName, Definition>,
    changed: HashMap<TableName, Coordinates>,
    databases_changed: HashMap<Box<str>, Coordinates>,
}

impl Definitions {
    /// Starts from what was read before the stream began.
    pub fn new(read: impl IntoIterator<Item = (TableName, Definition)>) -> Self {
        Self {
            read: read.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Takes a definition that was read later.
    pub fn offer(&mut self, table: TableName, definition: Definition) {
        self.read.insert(table, definition);
    }

    /// Notes that a statement at `at` may have changed `table`.
    pub fn table_changed(&mut self, table: TableName, at: Coordinates) {
        self.changed.insert(table, at);
    }

    /// Notes that a statement at `at` may have changed every table of `database`.
    pub fn database_changed(&mut self, database: Box<str>, at: Coordinates) {
        self.databases_changed.insert(database, at);
    }

    /// The definition that holds for `table` in a group that begins at `begin` and ends at `end`.
    ///
    /// A definition read up to `end` serves the group: no DDL on a table can stand between the group's rows and its end,
    /// since the group locks the table's metadata. A DDL behind the first coordinate of the reading rules it out.
    pub fn serving(&self, table: &TableName, end: &Coordinates) -> Option<&Definition> {
        self.unchanged(table)
            .filter(|definition| definition.read_to <= *end)
    }

    /// A definition of the table that was read since the last DDL on it was seen, wherever it was read.
    pub fn unchanged(&self, table: &TableName) -> Option<&Definition> {
        let definition = self.read.get(table)?;
        let changes = [
            self.changed.get(table),
            self.databases_changed.get(&table.database),
        ];
        let changed = changes
            .into_iter()
            .flatten()
            .any(|at| *at >= definition.read_from);
        (!changed).then_some(definition)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn definition(from: u64, to: u64) -> Definition {
        Definition {
            table: Arc::default(),
            read_from: Coordinates::new("b.000001", from),
            read_to: Coordinates::new("b.000001", to),
        }
    }

    fn check(read: (u64, u64), ddl: Option<u64>, end: u64, serves: bool) {
        let table = TableName::new("d", "t");
        let mut definitions = Definitions::new([(table.clone(), definition(read.0, read.1))]);
        if let Some(at) = ddl {
            definitions.table_changed(table.clone(), Coordinates::new("b.000001", at));
        }
        let found = definitions.serving(&table, &Coordinates::new("b.000001", end));
        assert_eq!(
            found.is_some(),
            serves,
            "read {read:?}, DDL {ddl:?}, group ends {end}"
        );
    }

    #[test]
    fn a_definition_serves_groups_that_end_at_or_after_its_reading() {
        check((100, 100), None, 100, true);
        check((100, 100), None, 900, true);
        check((100, 120), None, 110, false);
        check((100, 100), None, 90, false);
    }

    #[test]
    fn a_ddl_since_the_reading_began_rules_it_out() {
        check((100, 120), Some(110), 200, false);
        check((100, 120), Some(150), 200, false);
        check((100, 120), Some(100), 200, false);
        check((100, 120), Some(90), 200, true);
    }
}
