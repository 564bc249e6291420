//! Which tables take part in transactions, as far as it is proven for the stream's place.
//!
//! An engine outlives most changes of a table's columns, so that it is known where the definition is not.

use std::collections::HashMap;

use crate::change::statement::{Effect, Role, Statement, StatementKind};
use crate::row::TableName;

/// The tables whose engine is proven, and whether it is transactional. Names are folded, for a server may compare them
/// so: that can only forget too much.
#[derive(Debug, Default)]
pub(in crate::change) struct Engines {
    transactional: HashMap<TableName, bool>,
}

impl Engines {
    pub(in crate::change) fn take(&mut self, table: &TableName, transactional: bool) {
        self.transactional.insert(folded(table), transactional);
    }

    pub(in crate::change) fn of(&self, table: &TableName) -> Option<bool> {
        self.transactional.get(&folded(table)).copied()
    }

    /// Forgets what a statement may have changed.
    pub(in crate::change) fn note(&mut self, statement: &Statement, text: &str) {
        match EngineChange::of(statement, text) {
            EngineChange::None => {}
            EngineChange::All => self.transactional.clear(),
            EngineChange::Some { tables, database } => {
                for table in tables {
                    self.transactional.remove(&table);
                }
                if let Some(database) = database {
                    self.transactional
                        .retain(|table, _| *table.database != *database);
                }
            }
        }
    }
}

/// What a statement may do to engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineChange {
    /// Nothing.
    None,
    /// These tables may have another one, or none, after it.
    Some {
        /// Their names in lower case.
        tables: Vec<TableName>,
        /// A database, in lower case, that was dropped with all its tables.
        database: Option<Box<str>>,
    },
    /// It could not be followed.
    All,
}

impl EngineChange {
    /// Looks at a statement and its text.
    pub fn of(statement: &Statement, text: &str) -> Self {
        if statement.effect() == Effect::Unknown {
            return Self::All;
        }
        if keeps_engines(statement, text) {
            return Self::None;
        }
        let tables: Vec<TableName> = statement.redefined_tables().map(folded).collect();
        let database = statement
            .dropped_database()
            .map(|database| database.to_lowercase().into());
        if tables.is_empty() && database.is_none() {
            return Self::None;
        }
        Self::Some { tables, database }
    }
}

/// Whether a change of a table names nothing that could give it another engine. Words in comments and defaults count too.
fn keeps_engines(statement: &Statement, text: &str) -> bool {
    let changes_in_place = matches!(
        statement.kind,
        StatementKind::AlterTable | StatementKind::CreateIndex | StatementKind::DropIndex
    );
    let renames = statement
        .objects
        .iter()
        .any(|object| object.role == Role::RenamedTo);
    let text = text.to_ascii_lowercase();
    changes_in_place && !renames && !text.contains("engine") && !text.contains("exchange")
}

fn folded(table: &TableName) -> TableName {
    TableName::new(table.database.to_lowercase(), table.table.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::statement::{self, StatementContext};
    use crate::mysql::Flavour;

    fn check(text: &str, expected: Option<bool>) {
        let table = TableName::new("d", "t");
        let mut engines = Engines::default();
        engines.take(&table, true);
        let context = StatementContext::new(Flavour::MariaDb, "10.11.0", 0);
        engines.note(&statement::scan(text, "d", context), text);
        assert_eq!(engines.of(&table), expected, "{text}");
    }

    #[test]
    fn an_engine_is_known_until_a_statement_may_give_the_table_another() {
        for kept in [
            "ALTER TABLE t ADD c INT, DROP b",
            "CREATE INDEX i ON t (a)",
            "DROP INDEX i ON t",
            "TRUNCATE TABLE t",
            "ALTER TABLE u ENGINE=MyISAM",
            "CREATE TABLE u (a INT)",
            "DROP DATABASE e",
        ] {
            check(kept, Some(true));
        }
        for changed in [
            "ALTER TABLE t ENGINE=MyISAM",
            "alter table D.T engine myisam",
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "ALTER TABLE t RENAME TO u",
            "RENAME TABLE u TO t",
            "DROP TABLE t",
            "CREATE OR REPLACE TABLE t (a INT)",
            "DROP DATABASE d",
            "FROBNICATE t",
        ] {
            check(changed, None);
        }
    }
}
