//! A statement that the source executed, met in a group: what it does to definitions, and whether it goes on.

use std::collections::HashMap;
use std::sync::Arc;

use super::assembler::Assembler;
use super::definition::following::{Followed, Place, follow};
use super::definition::schemas::{Change, Facts, Schemas};
use super::group::closed::Apply;
use super::group::open::Held;
use super::group::tracker::Outcome;
use super::statement::judging::{Judged, judge};
use super::statement::{self, Class, Context, Role, Statement, StatementKind};
use super::trouble::Trouble;
use super::{Ddl, StatementSession, TableChange, TableChangeKind, TableDefinition};
use crate::binlog::{Coordinates, Query};
use crate::filter::Rules;
use crate::mysql::Flavour;
use crate::row::TableName;

impl Assembler {
    pub(super) fn settle_query(
        &mut self,
        apply: &mut Apply,
        held: &Held,
        bytes: &[u8],
    ) -> Result<(), Trouble> {
        let query = Query::parse(bytes, self.framer.format())?;
        if query.control().is_some() || query.is_phase_without_effect() {
            self.builder.ledger.control += 1;
            return Ok(());
        }
        let place = Place {
            at: Coordinates::new(Arc::clone(&apply.end.file), held.frame.start),
            end: &apply.end,
            gtid: apply.hold.group.gtid.as_ref(),
        };
        let source = (self.settings.origin.flavour, self.framer.format());
        let Followed {
            statement,
            text,
            database,
            context,
            changes,
        } = follow(&mut self.definitions, &query, source, &place)?;
        let redefines =
            statement.redefined_tables().next().is_some() || statement.dropped_database().is_some();
        if redefines || !changes.is_empty() {
            self.tables.clear();
        }
        self.engines.note(&statement, &text);
        if !apply.chosen {
            self.builder.ledger.filtered += 1;
            return Ok(());
        }
        let own = self.is_own(held.frame.header.server_id);
        // A table that can be rolled back may reach others by foreign keys.
        let empties = apply.outcome == Outcome::Committed
            && apply.hold.is_statement()
            && statement::empties_table(&text, context);
        match judge(&statement, self.tables.rules(), database, own, empties)? {
            Judged::Filtered => self.builder.ledger.filtered += 1,
            Judged::Skipped => self.builder.ledger.skipped += 1,
            Judged::Publish { database, tables } => {
                let rules = self.tables.rules();
                let mut named = statement::databases_named(&text, context).into_iter();
                let renamed = named.find(|name| rules.is_renamed(name));
                let ddl = Ddl {
                    group: self.group_of(apply)?,
                    sequence: apply.sequence,
                    database,
                    renamed,
                    kind: statement.kind.clone(),
                    tables,
                    changes: published(
                        &statement,
                        &changes,
                        self.definitions.believed(),
                        self.tables.rules(),
                    ),
                    statement: text.into(),
                    session: session_of(&query, context, held.frame.header.suppresses_use()),
                    timestamp: held.frame.header.timestamp,
                    position: held.frame.start,
                };
                apply.sequence += 1;
                self.builder.ledger.ddl += 1;
                self.builder.ddl(ddl);
            }
        }
        Ok(())
    }
}

/// The first MariaDB whose sessions have an `explicit_defaults_for_timestamp` of their own: 10.8.
const MARIADB_EXPLICIT_DEFAULTS_SINCE: u32 = 10_08_00;

fn session_of(query: &Query<'_>, context: Context, suppresses_use: bool) -> StatementSession {
    let explicit_defaults = Facts::of(query, context).explicit_defaults_for_timestamp;
    let has_own = match context.flavour {
        Flavour::MySql => true,
        Flavour::MariaDb => context.version >= MARIADB_EXPLICIT_DEFAULTS_SINCE,
    };
    let time_zone = query
        .time_zone
        .and_then(|zone| std::str::from_utf8(zone).ok());
    StatementSession {
        suppresses_use,
        sql_mode: query.sql_mode,
        time_zone: time_zone.map(Into::into),
        connection_collation: query.connection_collation,
        server_collation: query.server_collation,
        explicit_defaults_for_timestamp: explicit_defaults.filter(|_| has_own),
        microseconds: query.microseconds,
    }
}

/// What the statement made of each table that the filters keep, as published.
fn published(
    statement: &Statement,
    changes: &[Change],
    schemas: &Schemas,
    rules: &Rules,
) -> Vec<TableChange> {
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
    };
    let is_moved = |table: &TableName| origins.values().any(|origin| origin == table);
    let changes = last_of_each(changes).filter_map(|change| match change {
        Change::Defined { table, definition } => Some(made(table, Some(definition))),
        Change::Stale { table, .. } if is_moved(table) => None,
        Change::Stale { table, .. } => Some(made(table, None)),
        Change::Gone { table } if is_moved(table) => None,
        Change::Gone { table } => Some(TableChange {
            kind: TableChangeKind::Drop,
            table: table.clone(),
            previous: None,
            definition: None,
        }),
        Change::AllStale { .. } | Change::Database { .. } | Change::DatabaseGone { .. } => None,
    });
    let renamed = |table: &TableName| rules.table(&table.database, &table.table).published;
    changes
        .filter(|change| {
            let TableName { database, table } = &change.table;
            rules.table(database, table).keep
        })
        .map(|change| TableChange {
            table: renamed(&change.table),
            previous: change.previous.as_ref().map(renamed),
            ..change
        })
        .collect()
}

/// What is left of the changes behind the statement: of each table the last, and nothing of a name that a table had only
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
        Change::Defined { table, .. } | Change::Stale { table, .. } | Change::Gone { table } => {
            Some(table)
        }
        Change::AllStale { .. } | Change::Database { .. } | Change::DatabaseGone { .. } => None,
    }
}

/// The name that each renamed table had before the statement, by the name that it has behind it; as names compare on the
/// source.
fn origins(statement: &Statement, schemas: &Schemas) -> HashMap<TableName, TableName> {
    let tables = statement
        .objects
        .iter()
        .filter(|object| object.class == Class::Table);
    let mut origins: HashMap<TableName, TableName> = HashMap::new();
    let mut old: Option<TableName> = None;
    for object in tables {
        match (object.role, old.take()) {
            (Role::RenamedTo, Some(old)) => {
                let origin = origins.remove(&old).unwrap_or(old);
                origins.insert(schemas.fold(&object.name), origin);
            }
            (Role::Target, _) => old = Some(schemas.fold(&object.name)),
            (Role::RenamedTo | Role::Like | Role::TriggerOn, _) => {}
        }
    }
    origins
}
