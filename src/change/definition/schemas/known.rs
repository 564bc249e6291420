//! Every table's definition as far as it is known at one moment, and the changes that lead from one moment to the next.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::facts::Connection;
use super::reason::Reason;
use crate::change::definition::charset;
use crate::change::definition::labels::has_raw;
use crate::change::definition::table::TableDefinition;
use crate::row::TableName;

/// What is known of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Belief {
    /// Its definition.
    Known(Arc<TableDefinition>),
    /// That it may have changed in a way that was not followed; why.
    Stale(Reason),
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
        reason: Reason,
    },
    /// The table's engine takes part in transactions, or does not. Only a person tells of that alone.
    Engine {
        /// The table.
        #[serde(flatten)]
        table: TableName,
        /// Whether it does.
        transactional: bool,
    },
    /// There is no such table any more.
    Gone {
        /// The table.
        #[serde(flatten)]
        table: TableName,
        /// Its definition, where the server may have left it behind under its old name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<Arc<TableDefinition>>,
    },
    /// Every table may have another definition now.
    AllStale {
        /// What could not be followed.
        reason: Reason,
    },
    /// The database's default character set; `None` if it could not be followed.
    Database {
        /// Its name.
        database: Box<str>,
        /// The character set's name.
        charset: Option<Box<str>>,
        /// Whether it was made here, so that all its tables are known.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        whole: bool,
    },
    /// There is no such database any more; its tables are gone, each with a change of its own before this one.
    DatabaseGone {
        /// Its name.
        database: Box<str>,
    },
}

impl Change {
    /// The table that it is of; `None` of one of all tables, or of a database.
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Self::Defined { table, .. }
            | Self::Stale { table, .. }
            | Self::Engine { table, .. }
            | Self::Gone { table, .. } => Some(table),
            Self::AllStale { .. } | Self::Database { .. } | Self::DatabaseGone { .. } => None,
        }
    }
}

/// The definitions of a source's tables and databases at one moment of its binlog.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// The source's `lower_case_table_names`.
    lower_case_table_names: u8,
    /// Whether a table that is not here is known not to exist.
    pub(super) complete: bool,
    pub(super) tables: HashMap<TableName, Belief>,
    pub(super) databases: HashMap<Box<str>, KnownDatabase>,
    /// Temporary tables by their connection; they hide base tables of the same name from it.
    pub(super) temporary: Arc<TemporaryTables>,
    absent: Absent,
    /// Tables that were renamed, and that their server may have left behind under the old name, as they were. One that has rows
    /// later was.
    left: HashMap<TableName, Arc<TableDefinition>>,
    /// Whether there may have been tables at the start of which nothing tells.
    partial: bool,
    /// Whether a database or server was seen whose default character set is a rare one.
    has_rare: bool,
}

/// Temporary tables, each with the connection that has it.
pub type TemporaryTables = BTreeSet<(Connection, TableName)>;

/// Temporary tables at most that are known of; one more is not noted.
const TEMPORARY_MAX: usize = 10_000;

/// Names at most that are known to be free; beyond it they are forgotten.
const ABSENT_MAX: usize = 10_000;

/// Tables at most that may have been left behind; one more is not noted.
const LEFT_MAX: usize = 1_000;

/// Names that no table or database has, because it was dropped or renamed and none was made since.
#[derive(Clone, Debug, Default)]
struct Absent {
    tables: HashSet<TableName>,
    databases: HashSet<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownDatabase {
    charset: Option<Box<str>>,
    whole: bool,
}

impl Schemas {
    /// The source's `lower_case_table_names`.
    pub fn lower_case_table_names(&self) -> u8 {
        self.lower_case_table_names
    }

    /// Knows nothing yet, of a source with this `lower_case_table_names`.
    pub fn new(lower_case_table_names: u8) -> Self {
        Self {
            lower_case_table_names,
            ..Self::default()
        }
    }

    /// Says that there may have been tables at the start of the stream that nobody told of.
    pub fn assume_partial(&mut self) {
        self.partial = true;
    }

    /// Whether there may be tables that nobody told of, since the stream began at a place at which they were not read.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Whether a connection has a temporary table of this name.
    pub fn is_temporary(&self, connection: Connection, table: &TableName) -> bool {
        !self.temporary.is_empty() && self.temporary.contains(&(connection, self.fold(table)))
    }

    /// Whether a table has a label that is known by its bytes.
    pub(super) fn have_raw_labels(&self) -> bool {
        self.tables.values().any(|belief| match belief {
            Belief::Known(definition) => {
                let mut columns = definition.columns.iter();
                columns.any(|column| has_raw(&column.column_type))
            }
            Belief::Stale(_) => false,
        })
    }

    /// The temporary tables that there are, as far as statements tell.
    pub fn temporary(&self) -> &Arc<TemporaryTables> {
        &self.temporary
    }

    /// Takes the temporary tables that there are.
    pub(in crate::change) fn put_temporary(&mut self, temporary: Arc<TemporaryTables>) {
        self.temporary = temporary;
    }

    pub(super) fn note_temporary(&mut self, connection: Connection, table: TableName) {
        if self.temporary.len() < TEMPORARY_MAX {
            Arc::make_mut(&mut self.temporary).insert((connection, table));
        }
    }

    /// Takes that a connection has no temporary table of this name any more; whether it had one.
    pub(in crate::change) fn end_temporary(
        &mut self,
        connection: Connection,
        table: &TableName,
    ) -> bool {
        let key = (connection, table.clone());
        self.temporary.contains(&key) && Arc::make_mut(&mut self.temporary).remove(&key)
    }

    /// Says that all tables of the source were put: from now on, one that is not here does not exist.
    pub fn assume_complete(&mut self) {
        self.complete = true;
    }

    /// Takes a table's definition from elsewhere.
    pub fn put(&mut self, table: &TableName, definition: Arc<TableDefinition>) {
        let table = self.fold(table);
        self.absent.tables.remove(&table);
        self.left.remove(&table);
        self.tables.insert(table, Belief::Known(definition));
    }

    /// Takes a database's default character set from elsewhere.
    pub fn put_database(&mut self, database: &str, charset: Option<&str>) {
        let whole = self.complete;
        self.set_database(database, charset, whole);
    }

    fn set_database(&mut self, database: &str, charset: Option<&str>, whole: bool) {
        let name = self.fold_text(database);
        self.absent.databases.remove(&name);
        self.note_charset(charset);
        let charset = charset.map(Into::into);
        self.databases
            .insert(name, KnownDatabase { charset, whole });
    }

    /// What is known of a table; `None` if it was never heard of, or is gone.
    pub fn get(&self, table: &TableName) -> Option<&Belief> {
        match self.lower_case_table_names {
            0 => self.tables.get(table),
            _ => self.tables.get(&self.fold(table)),
        }
    }

    /// The definition of a table that may have been left behind under its old name when it was renamed.
    pub fn left_behind(&self, table: &TableName) -> Option<&Arc<TableDefinition>> {
        self.left.get(&self.fold(table))
    }

    /// A database's default character set, if it is known.
    pub fn database(&self, database: &str) -> Option<&str> {
        let database = self.fold_text(database);
        self.databases.get(&database)?.charset.as_deref()
    }

    /// The default character set of a database, or what stands for one that is not known.
    pub(super) fn default_charset(&self, database: &str) -> &str {
        self.database(database).unwrap_or(match self.has_rare {
            true => charset::UNSETTLED_OR_RARE,
            false => charset::UNSETTLED,
        })
    }

    /// Notes the default character set of a database or server.
    pub(super) fn note_charset(&mut self, charset: Option<&str>) {
        self.has_rare |= charset.is_some_and(|name| charset::RARE.contains(&name));
    }

    /// Whether a table of this database that is not here does not exist.
    pub(super) fn knows_all_of(&self, database: &str) -> bool {
        let made_here = self.databases.get(database);
        self.complete || made_here.is_some_and(|database| database.whole)
    }

    /// Whether it is certain that there is no such table.
    pub(super) fn is_absent(&self, table: &TableName) -> bool {
        !self.tables.contains_key(table)
            && (self.knows_all_of(&table.database) || self.absent.tables.contains(table))
    }

    /// Whether it is certain that there is no such database.
    pub(super) fn is_database_absent(&self, database: &str) -> bool {
        !self.databases.contains_key(database)
            && (self.complete || self.absent.databases.contains(database))
    }

    /// Notes that there is no such table, whether one was known or not.
    pub(super) fn note_absent(&mut self, table: TableName) {
        if self.absent.tables.len() >= ABSENT_MAX {
            self.absent.tables.clear();
        }
        self.absent.tables.insert(table);
    }

    /// Notes that something that is no table may have this name.
    pub(super) fn forget_absent(&mut self, table: &TableName) {
        let table = self.fold(table);
        self.absent.tables.remove(&table);
    }

    fn note_database_absent(&mut self, database: Box<str>) {
        if self.absent.databases.len() >= ABSENT_MAX {
            self.absent.databases.clear();
        }
        self.absent.databases.insert(database);
    }

    /// Any table may be there now.
    fn doubt_absences(&mut self) {
        self.complete = false;
        self.absent = Absent::default();
        self.left.clear();
        for database in self.databases.values_mut() {
            database.whole = false;
        }
    }

    /// Every table, in no order.
    pub fn tables(&self) -> impl Iterator<Item = (&TableName, &Belief)> {
        self.tables.iter()
    }

    /// The changes that make the same of [`Self::new`], sorted by name: a snapshot for a journal.
    pub fn changes(&self) -> Vec<Change> {
        let mut databases: Vec<_> = self.databases.iter().collect();
        databases.sort_unstable_by_key(|(name, _)| *name);
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_unstable_by_key(|(table, _)| *table);
        let databases = databases
            .into_iter()
            .map(|(name, database)| Change::Database {
                database: name.clone(),
                charset: database.charset.clone(),
                whole: database.whole,
            });
        let tables = tables
            .into_iter()
            .map(|(table, state)| state.as_change(table));
        let mut left: Vec<_> = self.left.iter().collect();
        left.sort_unstable_by_key(|(table, _)| *table);
        let left = left.into_iter().map(|(table, definition)| Change::Gone {
            table: table.clone(),
            left: Some(Arc::clone(definition)),
        });
        databases.chain(tables).chain(left).collect()
    }

    /// Takes a change that was made before, as a journal has it.
    pub fn record(&mut self, change: &Change) {
        match change {
            Change::Defined { table, definition } => {
                self.put(table, Arc::clone(definition));
            }
            Change::Stale { table, reason } => {
                let table = self.fold(table);
                self.absent.tables.remove(&table);
                self.left.remove(&table);
                self.tables.insert(table, Belief::Stale(reason.clone()));
            }
            Change::Engine {
                table,
                transactional,
            } => {
                if let Some(Belief::Known(known)) = self.tables.get_mut(&self.fold(table)) {
                    Arc::make_mut(known).transactional = Some(*transactional);
                }
            }
            Change::Gone { table, left } => {
                let table = self.fold(table);
                self.tables.remove(&table);
                self.left.remove(&table);
                if let Some(left) = left
                    && self.left.len() < LEFT_MAX
                {
                    self.left.insert(table.clone(), Arc::clone(left));
                }
                self.note_absent(table);
            }
            Change::AllStale { reason } => {
                self.doubt_absences();
                for state in self.tables.values_mut() {
                    *state = Belief::Stale(reason.clone());
                }
            }
            Change::Database {
                database,
                charset,
                whole,
            } => self.set_database(database, charset.as_deref(), *whole),
            Change::DatabaseGone { database } => {
                let database = self.fold_text(database);
                self.databases.remove(&database);
                self.left.retain(|table, _| table.database != database);
                self.note_database_absent(database);
            }
        }
    }

    /// Forgets temporary tables: the source was restarted.
    pub fn forget_temporary(&mut self) {
        self.temporary = Arc::default();
    }

    /// A name as it compares on the source.
    pub(in crate::change) fn fold(&self, table: &TableName) -> TableName {
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

impl Belief {
    pub(super) fn as_change(&self, table: &TableName) -> Change {
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
            Some(Belief::Known(_))
        ));
    }
}
