//! Every table's definition as far as it is known, and what statements make of it.
//!
//! A statement that is followed turns definitions into definitions. One that is not makes the tables it names stale, with
//! the reason: a stale table has to be read from the source again, it is never guessed at. What is applied here is what the
//! source has executed, so names that do not fit mean that the belief was wrong, not the statement.
//!
//! Coordinates are not kept here: a caller applies the statements of the binlog in its order, and knows where it is.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::TableDefinition;
use super::ddl::{Context, Statement};
use crate::row::TableName;

/// What is known of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its definition.
    Known(Arc<TableDefinition>),
    /// That it may have changed in a way that was not followed; why.
    Stale(Box<str>),
}

/// What a statement made of a table or database. Serialised, it is an entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// The table has this definition now.
    Defined {
        /// The table.
        #[serde(flatten)]
        table: TableName,
        /// Its definition.
        #[serde(flatten)]
        definition: Arc<TableDefinition>,
    },
    /// The table may have another definition now.
    Stale {
        /// The table.
        #[serde(flatten)]
        table: TableName,
        /// What could not be followed.
        reason: Box<str>,
    },
    /// There is no such table any more.
    Gone {
        /// The table.
        #[serde(flatten)]
        table: TableName,
    },
    /// Every table may have another definition now.
    AllStale {
        /// What could not be followed.
        reason: Box<str>,
    },
    /// The database's default character set; `None` if it could not be followed.
    Database {
        /// Its name.
        database: Box<str>,
        /// The character set's name.
        charset: Option<Box<str>>,
    },
    /// There is no such database any more; its tables are gone, each with a change of its own before this one.
    DatabaseGone {
        /// Its name.
        database: Box<str>,
    },
}

/// What a statement's outcome depends on besides itself. What is not known may be left out: what needs it turns stale.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What its text depends on.
    pub context: Context,
    /// The connection on the source, of the query event. Temporary tables belong to it.
    pub thread_id: u32,
    /// The character set of the session's `collation_server`, of the query event.
    pub server_charset: Option<&'a str>,
    /// The source's `default_storage_engine`.
    pub default_engine: Option<&'a str>,
    /// The session's `explicit_defaults_for_timestamp`.
    pub explicit_defaults_for_timestamp: Option<bool>,
}

/// The definitions of a source's tables and databases at one moment of its binlog.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// The source's `lower_case_table_names`.
    lower_case_table_names: u8,
    /// Whether a table that is not here is known not to exist.
    complete: bool,
    tables: HashMap<TableName, State>,
    databases: HashMap<Box<str>, Option<Box<str>>>,
}

impl Schemas {
    /// Knows nothing yet, of a source with this `lower_case_table_names`.
    pub fn new(lower_case_table_names: u8) -> Self {
        Self {
            lower_case_table_names,
            ..Self::default()
        }
    }

    /// Says that all tables of the source were put: from now on, one that is not here does not exist.
    pub fn assume_complete(&mut self) {
        self.complete = true;
    }

    /// Takes a table's definition from elsewhere.
    pub fn put(&mut self, table: &TableName, definition: Arc<TableDefinition>) {
        let table = self.fold(table);
        self.tables.insert(table, State::Known(definition));
    }

    /// Takes a database's default character set from elsewhere.
    pub fn put_database(&mut self, database: &str, charset: Option<&str>) {
        let database = self.fold_text(database);
        self.databases.insert(database, charset.map(Into::into));
    }

    /// What is known of a table; `None` if it was never heard of, or is gone.
    pub fn get(&self, table: &TableName) -> Option<&State> {
        match self.lower_case_table_names {
            0 => self.tables.get(table),
            _ => self.tables.get(&self.fold(table)),
        }
    }

    /// A database's default character set, if it is known.
    pub fn database(&self, database: &str) -> Option<&str> {
        let database = self.fold_text(database);
        self.databases.get(&database)?.as_deref()
    }

    /// Every table, in no order.
    pub fn tables(&self) -> impl Iterator<Item = (&TableName, &State)> {
        self.tables.iter()
    }

    /// The changes that make the same of [`Self::new`], sorted by name: a snapshot for a journal.
    pub fn changes(&self) -> Vec<Change> {
        let mut databases: Vec<_> = self.databases.iter().collect();
        databases.sort_unstable();
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_unstable_by_key(|(table, _)| *table);
        let databases = databases
            .into_iter()
            .map(|(database, charset)| Change::Database {
                database: database.clone(),
                charset: charset.clone(),
            });
        let tables = tables
            .into_iter()
            .map(|(table, state)| state.as_change(table));
        databases.chain(tables).collect()
    }

    /// Takes a change that was made before, as a journal has it.
    pub fn record(&mut self, change: &Change) {
        match change {
            Change::Defined { table, definition } => {
                self.put(table, Arc::clone(definition));
            }
            Change::Stale { table, reason } => {
                let table = self.fold(table);
                self.tables.insert(table, State::Stale(reason.clone()));
            }
            Change::Gone { table } => {
                let table = self.fold(table);
                self.tables.remove(&table);
            }
            Change::AllStale { reason } => {
                for state in self.tables.values_mut() {
                    *state = State::Stale(reason.clone());
                }
            }
            Change::Database { database, charset } => {
                self.put_database(database, charset.as_deref());
            }
            Change::DatabaseGone { database } => {
                let database = self.fold_text(database);
                self.databases.remove(&database);
            }
        }
    }

    /// Applies a statement that the source executed; returns what it changed, already recorded here. Statements that
    /// define nothing change nothing.
    pub fn apply(&mut self, statement: &Statement, _facts: &Facts<'_>) -> Vec<Change> {
        let changes: Vec<Change> = statement
            .redefined_tables()
            .map(|table| Change::Stale {
                table: self.fold(table),
                reason: "statements are not followed yet".into(),
            })
            .collect();
        for change in &changes {
            self.record(change);
        }
        changes
    }

    /// A name as it compares on the source.
    fn fold(&self, table: &TableName) -> TableName {
        TableName::new(
            self.fold_text(&table.database),
            self.fold_text(&table.table),
        )
    }

    fn fold_text(&self, name: &str) -> Box<str> {
        match self.lower_case_table_names {
            0 => name.into(),
            _ => name.to_lowercase().into(),
        }
    }
}

impl State {
    fn as_change(&self, table: &TableName) -> Change {
        let table = table.clone();
        match self {
            Self::Known(definition) => Change::Defined {
                table,
                definition: Arc::clone(definition),
            },
            Self::Stale(reason) => Change::Stale {
                table,
                reason: reason.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_readable_and_make_the_same_again() {
        let mut schemas = Schemas::new(1);
        schemas.put_database("D", Some("utf8mb4"));
        schemas.put(&TableName::new("D", "T"), Arc::default());
        let stale = Change::Stale {
            table: TableName::new("d", "u"),
            reason: "why".into(),
        };
        schemas.record(&stale);
        let lines: Vec<String> = schemas
            .changes()
            .iter()
            .map(|change| serde_json::to_string(change).unwrap())
            .collect();
        assert_eq!(
            lines,
            [
                r#"{"change":"database","database":"d","charset":"utf8mb4"}"#,
                r#"{"change":"defined","database":"d","table":"t","columns":[]}"#,
                r#"{"change":"stale","database":"d","table":"u","reason":"why"}"#,
            ]
        );
        let mut again = Schemas::new(1);
        for line in &lines {
            again.record(&serde_json::from_str(line).unwrap());
        }
        assert_eq!(again.tables, schemas.tables);
        assert_eq!(again.databases, schemas.databases);
        assert!(matches!(
            again.get(&TableName::new("D", "t")),
            Some(State::Known(_))
        ));
    }
}
