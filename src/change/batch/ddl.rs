//! A DDL statement as an item of a batch: the session that sent it, and what it made of each table.

use std::collections::HashMap;
use std::sync::Arc;

use super::rows::EventStamp;
use crate::binlog::Query;
use crate::change::definition::moved::origins;
use crate::change::definition::published::published;
use crate::change::definition::schemas::{Change, Facts, Schemas};
use crate::change::definition::table::TableDefinition;
use crate::change::statement::{Statement, StatementContext, StatementKind};
use crate::filter::{ColumnRuleError, Rules};
use crate::mysql::Flavour;
use crate::row::TableName;

/// The first MariaDB whose sessions have an `explicit_defaults_for_timestamp` of their own: 10.8.
const MARIADB_EXPLICIT_DEFAULTS_SINCE: u32 = 10_08_00;

/// A DDL statement that filters let pass.
#[derive(Clone, Debug)]
pub struct Ddl {
    /// Index into `Batch::groups`.
    pub group: u32,
    /// Its place in the group, counted with the rows.
    pub sequence: u64,
    /// The default database of the statement, empty for none, after `replicate-rewrite-db`.
    pub database: Box<str>,
    /// A database that the statement names and `replicate-rewrite-db` renames: its text has the former name.
    pub renamed: Option<Box<str>>,
    /// What the statement is.
    pub kind: StatementKind,
    /// The tables that the statement names, as published; empty for statements on databases only.
    pub tables: Vec<TableName>,
    /// What it made of each table that it redefined, as published.
    pub changes: Vec<TableChange>,
    /// Index into `Batch::tables` of the table that it emptied, if that is asked for and its definition is known.
    pub emptied: Option<u32>,
    /// The default character set that it gave a database, if it did and that is known.
    pub database_charset: Option<Box<str>>,
    /// The statement, in UTF-8.
    pub statement: Box<str>,
    /// The session that sent it.
    pub session: StatementSession,
    /// The query event.
    pub event: EventStamp,
}

/// What the binlog tells of the session that sent a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementSession {
    /// Whether the statement is to be executed without its default database, as one that creates or drops it is.
    pub suppresses_use: bool,
    /// Its `sql_mode`.
    pub sql_mode: Option<u64>,
    /// Its `time_zone`, if the statement depends on it.
    pub time_zone: Option<Box<str>>,
    /// The number of its `collation_connection`.
    pub connection_collation: Option<u16>,
    /// The number of its `collation_server`.
    pub server_collation: Option<u16>,
    /// Its `explicit_defaults_for_timestamp`, if its server lets sessions have one.
    pub explicit_defaults_for_timestamp: Option<bool>,
    /// Microseconds to add to the event's time.
    pub microseconds: Option<u32>,
}

/// What a DDL statement made of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableChange {
    /// What was done.
    pub kind: TableChangeKind,
    /// The table, as published.
    pub table: TableName,
    /// Its name before, where it was renamed, as published.
    pub previous: Option<TableName>,
    /// How it is defined now; `None` where that was not followed, and for a dropped table.
    pub definition: Option<Arc<TableDefinition>>,
    /// How it was defined before, if that is known.
    pub former: Option<Arc<TableDefinition>>,
}

/// What was done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableChangeKind {
    /// It is new.
    Create,
    /// It has another definition or name.
    Alter,
    /// It is gone.
    Drop,
}

impl TableChangeKind {
    /// What Debezium calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Alter => "ALTER",
            Self::Drop => "DROP",
        }
    }
}

impl StatementSession {
    /// What a query event tells of its session.
    pub(in crate::change) fn of(
        query: &Query<'_>,
        context: StatementContext,
        suppresses_use: bool,
    ) -> Self {
        let explicit_defaults = Facts::of(query, context).explicit_defaults_for_timestamp;
        let has_own = match context.flavour {
            Flavour::MySql => true,
            Flavour::MariaDb => context.version >= MARIADB_EXPLICIT_DEFAULTS_SINCE,
        };
        let time_zone = query
            .time_zone
            .and_then(|zone| std::str::from_utf8(zone).ok());
        Self {
            suppresses_use,
            sql_mode: query.sql_mode,
            time_zone: time_zone.map(Into::into),
            connection_collation: query.connection_collation,
            server_collation: query.server_collation,
            explicit_defaults_for_timestamp: explicit_defaults.filter(|_| has_own),
            microseconds: query.microseconds,
        }
    }
}

/// What the statement made of each table that the filters keep, as published; `former` is how tables were defined before.
///
/// # Errors
/// Rules on columns that do not fit a table.
pub(in crate::change) fn table_changes(
    statement: &Statement,
    (changes, former): (&[Change], &[(TableName, Arc<TableDefinition>)]),
    schemas: &Schemas,
    rules: &Rules,
) -> Result<Vec<TableChange>, ColumnRuleError> {
    let origins = origins(statement, schemas);
    let creates = matches!(statement.kind, StatementKind::CreateTable { .. });
    let made = |table: &TableName, definition: Option<&Arc<TableDefinition>>| TableChange {
        kind: match creates {
            true => TableChangeKind::Create,
            false => TableChangeKind::Alter,
        },
        table: table.clone(),
        previous: origins.get(table).cloned(),
        definition: definition.cloned(),
        former: None,
    };
    let is_moved = |table: &TableName| origins.values().any(|origin| origin == table);
    let changes = last_of_each(changes).filter_map(|change| match change {
        Change::Defined { table, definition } => Some(made(table, Some(definition))),
        Change::Stale { table, .. } if is_moved(table) => None,
        Change::Stale { table, .. } => Some(made(table, None)),
        Change::Gone { table, .. } if is_moved(table) => None,
        Change::Gone { table, .. } => Some(TableChange {
            kind: TableChangeKind::Drop,
            table: table.clone(),
            previous: None,
            definition: None,
            former: None,
        }),
        Change::Engine { .. }
        | Change::AllStale { .. }
        | Change::Database { .. }
        | Change::DatabaseGone { .. } => None,
    });
    let renamed = |table: &TableName| rules.table(&table.database, &table.table).published;
    changes
        .filter(|change| {
            let TableName { database, table } = &change.table;
            rules.table(database, table).keep
        })
        .map(|change| {
            let table = renamed(&change.table);
            let columns = rules.columns();
            let definition = match &change.definition {
                Some(definition) => published(definition, &table, columns)?,
                None => None,
            };
            let previous = change.previous.as_ref().map(renamed);
            let origin = change.previous.as_ref().unwrap_or(&change.table);
            let former = match former.iter().find(|(name, _)| name == origin) {
                // Rules that hide as much may fit only what it is from here on.
                Some((_, definition)) => published(definition, &table, columns).ok().flatten(),
                None => None,
            };
            Ok(TableChange {
                previous,
                table,
                definition,
                former,
                ..change
            })
        })
        .collect()
}

/// The character set that the statement gave a database, if it did and that is known.
pub(in crate::change) fn database_charset(changes: &[Change]) -> Option<Box<str>> {
    changes.iter().find_map(|change| match change {
        Change::Database { charset, .. } => charset.clone(),
        Change::Defined { .. }
        | Change::Stale { .. }
        | Change::Gone { .. }
        | Change::Engine { .. }
        | Change::AllStale { .. }
        | Change::DatabaseGone { .. } => None,
    })
}

/// What is left of the changes after the statement: of each table the last, and nothing of a name that a table had only
/// between two renames.
fn last_of_each(changes: &[Change]) -> impl Iterator<Item = &Change> {
    let mut ends: HashMap<&TableName, (&Change, usize)> = HashMap::new();
    for (index, change) in changes.iter().enumerate() {
        if let Some(table) = table_of(change) {
            ends.entry(table).or_insert((change, index)).1 = index;
        }
    }
    changes
        .iter()
        .enumerate()
        .filter(move |(index, change)| {
            let Some((first, last)) = table_of(change).and_then(|table| ends.get(table)) else {
                return false;
            };
            let was_there = matches!(first, Change::Gone { .. });
            *last == *index && (was_there || !matches!(change, Change::Gone { .. }))
        })
        .map(|(_, change)| change)
}

fn table_of(change: &Change) -> Option<&TableName> {
    match change {
        Change::Defined { table, .. }
        | Change::Stale { table, .. }
        | Change::Gone { table, .. } => Some(table),
        Change::Engine { .. }
        | Change::AllStale { .. }
        | Change::Database { .. }
        | Change::DatabaseGone { .. } => None,
    }
}
