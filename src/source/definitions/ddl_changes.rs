//! Which definitions the statements of the history may have changed, and where.

use std::collections::HashMap;
use std::ops::Range;

use crate::binlog::{Coordinates, FormatDescription, Query};
use crate::change::history::{DefinitionEffects, KeptWhat, Stretch};
use crate::row::TableName;

/// Where the statements begin that may have changed a definition, in the binlogs of one lineage. Names are folded, as some
/// servers compare them; that can only rule out too much.
#[derive(Debug, Default)]
pub(super) struct DdlChanges {
    tables: HashMap<TableName, Places>,
    databases: HashMap<Box<str>, Places>,
    /// Databases that were made, dropped, or given another default character set.
    defaults: HashMap<Box<str>, Places>,
    /// What could not be followed may have changed any table.
    all: Places,
    /// Of the changed tables, those that may have got another engine.
    engines: HashMap<TableName, Places>,
}

/// Places in their order.
#[derive(Debug, Default)]
struct Places(Vec<Coordinates>);

impl DdlChanges {
    /// Notes what is kept of a stretch that was not noted before.
    pub(super) fn note(&mut self, stretch: &Stretch) {
        for event in &stretch.events {
            let effects = match &event.what {
                KeptWhat::Started(_) => continue,
                KeptWhat::Doubt(_) => DefinitionEffects::unknown(),
                KeptWhat::Statement(body) => effects(body, &stretch.format),
            };
            let at = Coordinates::new(stretch.file.clone(), event.at);
            self.note_effects(effects, &at);
        }
    }

    /// Notes what a statement that begins at `at` may do.
    pub(super) fn note_effects(&mut self, effects: DefinitionEffects, at: &Coordinates) {
        if effects.all {
            self.all.add(at);
        }
        for table in effects.tables {
            self.tables.entry(table).or_default().add(at);
        }
        for table in effects.engines {
            self.engines.entry(table).or_default().add(at);
        }
        if let Some(database) = effects.dropped {
            self.databases.entry(database).or_default().add(at);
        }
        if let Some(database) = effects.default_of {
            self.defaults.entry(database).or_default().add(at);
        }
    }

    /// Whether no statement between two places may have changed the table.
    pub(super) fn spare_table(&self, table: &TableName, between: &Range<Coordinates>) -> bool {
        self.spare(&self.tables, table, between)
    }

    /// Whether no statement between two places may have given the table another engine.
    pub(super) fn spare_engine(&self, table: &TableName, between: &Range<Coordinates>) -> bool {
        self.spare(&self.engines, table, between)
    }

    /// Whether no statement between two places may have given the database another default.
    pub(super) fn spare_default(&self, database: &str, between: &Range<Coordinates>) -> bool {
        let places = [
            self.defaults.get(&*database.to_lowercase()),
            Some(&self.all),
        ];
        !places
            .into_iter()
            .flatten()
            .any(|places| places.any_in(between))
    }

    fn spare(
        &self,
        changed: &HashMap<TableName, Places>,
        table: &TableName,
        between: &Range<Coordinates>,
    ) -> bool {
        let table = TableName::new(table.database.to_lowercase(), table.table.to_lowercase());
        let places = [
            changed.get(&table),
            self.databases.get(&table.database),
            Some(&self.all),
        ];
        !places
            .into_iter()
            .flatten()
            .any(|places| places.any_in(between))
    }
}

impl Places {
    fn add(&mut self, at: &Coordinates) {
        let after = self.0.partition_point(|place| place < at);
        if self.0.get(after) != Some(at) {
            self.0.insert(after, at.clone());
        }
    }

    fn any_in(&self, between: &Range<Coordinates>) -> bool {
        let first = self.0.partition_point(|place| *place < between.start);
        self.0.get(first).is_some_and(|place| *place < between.end)
    }
}

fn effects(body: &[u8], format: &FormatDescription) -> DefinitionEffects {
    match Query::parse(body, format) {
        Ok(query) => DefinitionEffects::of(&query, format),
        Err(_) => DefinitionEffects::unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::statement::{self, StatementContext};
    use crate::mysql::Flavour;

    fn at(position: u64) -> Coordinates {
        Coordinates::new("b.000001", position)
    }

    fn changes(statements: &[(&str, u64)]) -> DdlChanges {
        let context = StatementContext::new(Flavour::MySql, "9.7.0", 0);
        let mut changes = DdlChanges::default();
        for (text, position) in statements {
            let statement = statement::scan(text, "d", context);
            let effects = DefinitionEffects::of_statement(&statement, text, false);
            changes.note_effects(effects, &at(*position));
        }
        changes
    }

    fn check(statement: &str, table: (&str, &str), from: u64, expected: bool) {
        assert_eq!(
            changes(&[(statement, 500)])
                .spare_table(&TableName::new(table.0, table.1), &(at(from)..at(900))),
            expected,
            "{statement}, {table:?} since {from}"
        );
    }

    #[test]
    fn an_engine_outlives_a_change_of_columns() {
        let changes = changes(&[
            ("ALTER TABLE t ENGINE=MyISAM", 300),
            ("ALTER TABLE t ADD c INT", 500),
        ]);
        let table = TableName::new("d", "t");
        assert!(!changes.spare_engine(&table, &(at(300)..at(900))));
        assert!(changes.spare_engine(&table, &(at(301)..at(900))));
        assert!(!changes.spare_table(&table, &(at(301)..at(900))));
        assert!(changes.spare_table(&table, &(at(301)..at(500))));
    }

    #[test]
    fn a_table_is_unchanged_where_every_ddl_on_it_stands_before() {
        check("ALTER TABLE t ADD c INT", ("d", "t"), 500, false);
        check("ALTER TABLE t ADD c INT", ("d", "t"), 501, true);
        check("ALTER TABLE t ADD c INT", ("d", "u"), 4, true);
        check("ALTER TABLE T ADD c INT", ("d", "t"), 4, false);
        check("RENAME TABLE t TO e.u", ("e", "u"), 4, false);
        check("RENAME TABLE t TO e.u", ("d", "t"), 4, false);
        check("DROP DATABASE D", ("d", "t"), 4, false);
        check("TRUNCATE TABLE t", ("d", "t"), 4, true);
        check("FROBNICATE THE TABLES", ("d", "t"), 4, false);
        check("FROBNICATE THE TABLES", ("d", "t"), 501, true);
    }

    #[test]
    fn a_default_changes_with_its_database() {
        let changes = changes(&[("ALTER DATABASE D CHARACTER SET latin1", 500)]);
        assert!(!changes.spare_default("d", &(at(4)..at(900))));
        assert!(changes.spare_default("d", &(at(501)..at(900))));
        assert!(changes.spare_default("e", &(at(4)..at(900))));
    }
}
