//! What each table's definition is believed to be at the stream's place.
//!
//! The belief comes, in order of trust, from the journal and the statements of the binlog, which are followed from there
//! on, and from readings of information_schema. A reading was true at some moment between two coordinates of the source:
//! it becomes a belief only where nothing can have changed the table between that moment and the group that needs it.
//! Where there is no belief, it is asked for; without an answer the stream stops rather than guess.
//!
//! Names of tables in DDL and readings are compared in lower case, for a server may do so: that can only rule out too much.

use std::collections::HashMap;
use std::sync::Arc;

use super::ddl::{Statement, StatementKind};
use super::schema::{Change, Facts, Schemas, State};
use super::{Definition, Revision, TableDefinition};
use crate::binlog::Coordinates;
use crate::row::TableName;

/// The beliefs, what they may yet come from, and what of them the journal has not been told.
#[derive(Debug, Default)]
pub struct Definitions {
    believed: Schemas,
    /// Readings that no group has needed yet, or that lie ahead of the stream.
    read: HashMap<TableName, Definition>,
    /// Definitions that were proven for places ahead before the stream began anew behind them.
    proven: Vec<Revision>,
    changed: HashMap<TableName, Coordinates>,
    databases_changed: HashMap<Box<str>, Coordinates>,
    revisions: Vec<Revision>,
}

impl Definitions {
    /// Starts from what was read before the stream began.
    pub fn new(read: impl IntoIterator<Item = (TableName, Definition)>) -> Self {
        Self {
            read: read
                .into_iter()
                .map(|(table, definition)| (folded(&table), definition))
                .collect(),
            ..Self::default()
        }
    }

    /// Starts from what is known where the stream begins, and from what was proven for places ahead of it.
    #[must_use]
    pub fn believing(self, believed: Schemas, proven: Vec<Revision>) -> Self {
        Self {
            believed,
            proven,
            ..self
        }
    }

    /// Takes a definition that was read later.
    pub fn offer(&mut self, table: &TableName, definition: Definition) {
        self.read.insert(folded(table), definition);
    }

    /// The source was started anew, which ends every connection with its temporary tables.
    pub(super) fn source_started(&mut self) {
        self.believed.forget_temporary();
    }

    /// What is believed of every table.
    pub fn believed(&self) -> &Schemas {
        &self.believed
    }

    /// The definition that holds for `table` in a group that ends at `end`.
    ///
    /// A definition read up to `end` serves the group: no DDL on a table can stand between the group's rows and its end,
    /// since the group locks the table's metadata. A DDL behind the first coordinate of the reading rules it out. What
    /// serves once is believed from then on.
    pub(super) fn serving(
        &mut self,
        table: &TableName,
        end: &Coordinates,
    ) -> Option<&Arc<TableDefinition>> {
        if !matches!(self.believed.get(table), Some(State::Known(_)))
            && let Some(definition) = self.proof(table, end)
        {
            let change = Change::Defined {
                table: table.clone(),
                definition,
            };
            self.believed.record(&change);
            self.revisions.push(Revision {
                at: end.clone(),
                gtid: None,
                statement: None,
                changes: vec![change],
            });
        }
        match self.believed.get(table)? {
            State::Known(definition) => Some(definition),
            State::Stale(_) => None,
        }
    }

    /// A reading that is proven for a group that ends at `end`; taken out, since it becomes a belief.
    fn proof(&mut self, table: &TableName, end: &Coordinates) -> Option<Arc<TableDefinition>> {
        if self.unchanged(table)?.read_to <= *end {
            return self.read.remove(&folded(table)).map(|read| read.table);
        }
        None
    }

    /// A definition of the table that was read since the last DDL on it was seen, wherever it was read.
    pub(super) fn unchanged(&self, table: &TableName) -> Option<&Definition> {
        let table = folded(table);
        let definition = self.read.get(&table)?;
        let changes = [
            self.changed.get(&table),
            self.databases_changed.get(&table.database),
        ];
        let changed = changes
            .into_iter()
            .flatten()
            .any(|at| *at >= definition.read_from);
        (!changed).then_some(definition)
    }

    /// A definition that was proven for a group that ends at `end` before the stream began anew.
    pub(super) fn proven_before(&self, table: &TableName, end: &Coordinates) -> Option<Definition> {
        let wanted = folded(table);
        let changes = self
            .proven
            .iter()
            .filter(|revision| revision.at == *end)
            .flat_map(|revision| &revision.changes);
        let found = changes.rev().find_map(|change| match change {
            Change::Defined { table, definition } if folded(table) == wanted => Some(definition),
            Change::Defined { .. }
            | Change::Stale { .. }
            | Change::Gone { .. }
            | Change::AllStale { .. }
            | Change::Database { .. }
            | Change::DatabaseGone { .. } => None,
        })?;
        Some(Definition {
            table: Arc::clone(found),
            read_from: end.clone(),
            read_to: end.clone(),
        })
    }

    /// Why there is no belief about a table.
    pub(super) fn doubt(&self, table: &TableName) -> Option<&str> {
        match self.believed.get(table)? {
            State::Stale(reason) => Some(reason),
            State::Known(_) => None,
        }
    }

    /// Follows a statement that begins at `at` in a group that ends at `end`; returns what it changed.
    pub(super) fn follow(&mut self, followed: &Followed<'_>) -> Vec<Change> {
        let statement = followed.statement;
        for table in statement.redefined_tables() {
            self.changed.insert(folded(table), followed.at.clone());
        }
        if let Some(database) = statement.dropped_database() {
            let database = database.to_lowercase().into();
            self.databases_changed.insert(database, followed.at.clone());
        }
        let mut changes = match followed.error_code {
            0 => self.believed.apply(statement, &followed.facts),
            code => self.distrust_tables(statement, code),
        };
        self.complete_engine(followed, &mut changes);
        if !changes.is_empty() {
            self.revisions.push(Revision::of_statement(
                followed.end.clone(),
                followed.gtid.clone(),
                followed.text,
                changes.clone(),
            ));
        }
        changes
    }

    /// Completes a belief by what was found out of the table's engine in a group that ends at `end`.
    pub(super) fn learn_engine(
        &mut self,
        table: &TableName,
        transactional: bool,
        end: &Coordinates,
    ) {
        let Some(State::Known(believed)) = self.believed.get(table) else {
            return;
        };
        if believed.transactional.is_none() {
            let definition = TableDefinition {
                transactional: Some(transactional),
                ..TableDefinition::clone(believed)
            };
            let change = Change::Defined {
                table: table.clone(),
                definition: Arc::new(definition),
            };
            self.record(change, end);
        }
    }

    /// What MySQL 8.0 and later tell of a new table's engine: the statement carries the engine's transaction only where
    /// the engine has transactions.
    fn complete_engine(&mut self, followed: &Followed<'_>, changes: &mut [Change]) {
        let creates = matches!(followed.statement.kind, StatementKind::CreateTable { .. });
        if !creates || !followed.in_engine_transaction {
            return;
        }
        for change in changes {
            if let Change::Defined { definition, .. } = change
                && definition.transactional.is_none()
            {
                Arc::make_mut(definition).transactional = Some(true);
                self.believed.record(change);
            }
        }
    }

    /// A statement that failed on the source in its middle may have done a part of its work.
    fn distrust_tables(&mut self, statement: &Statement, code: u16) -> Vec<Change> {
        let changes: Vec<Change> = statement
            .redefined_tables()
            .map(|table| Change::Stale {
                table: table.clone(),
                reason: format!("a statement on it failed with error {code}").into(),
            })
            .collect();
        for change in &changes {
            self.believed.record(change);
        }
        changes
    }

    /// Gives up a belief, and whatever was read of the table.
    pub(super) fn distrust(&mut self, table: &TableName, reason: &str, end: &Coordinates) {
        self.read.remove(&folded(table));
        let table = table.clone();
        let reason = reason.into();
        self.record(Change::Stale { table, reason }, end);
    }

    /// Gives up every belief: statements may have been left out of the stream.
    pub(super) fn distrust_all(&mut self, reason: &str, at: &Coordinates) {
        self.read.clear();
        let databases: Vec<Change> = self
            .believed
            .changes()
            .into_iter()
            .filter_map(|change| match change {
                Change::Database { database, .. } => Some(Change::Database {
                    database,
                    charset: None,
                    whole: false,
                }),
                _of_a_table => None,
            })
            .collect();
        for change in databases {
            self.record(change, at);
        }
        let reason = reason.into();
        self.record(Change::AllStale { reason }, at);
    }

    fn record(&mut self, change: Change, at: &Coordinates) {
        self.believed.record(&change);
        self.revisions.push(Revision {
            at: at.clone(),
            gtid: None,
            statement: None,
            changes: vec![change],
        });
    }

    /// Hands out what the journal has not been told.
    pub(super) fn take_revisions(&mut self) -> Vec<Revision> {
        std::mem::take(&mut self.revisions)
    }
}

/// A statement and where it stands.
pub(super) struct Followed<'a> {
    pub(super) statement: &'a Statement,
    pub(super) text: &'a str,
    pub(super) facts: Facts<'a>,
    /// What it failed with on the source; 0 for success.
    pub(super) error_code: u16,
    /// Whether a storage engine's transaction makes it atomic.
    pub(super) in_engine_transaction: bool,
    /// Where it begins.
    pub(super) at: Coordinates,
    /// Where its group ends.
    pub(super) end: &'a Coordinates,
    pub(super) gtid: Option<Box<str>>,
}

fn folded(table: &TableName) -> TableName {
    TableName::new(table.database.to_lowercase(), table.table.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::ddl::{self, Context};
    use crate::mysql::Flavour;

    fn at(position: u64) -> Coordinates {
        Coordinates::new("b.000001", position)
    }

    fn definition(from: u64, to: u64) -> Definition {
        Definition {
            table: Arc::default(),
            read_from: at(from),
            read_to: at(to),
        }
    }

    fn follow(definitions: &mut Definitions, text: &str, position: u64, error_code: u16) {
        let context = Context::new(Flavour::MySql, "9.7.0", 0);
        definitions.follow(&Followed {
            statement: &ddl::scan(text, "d", context),
            text,
            facts: Facts {
                context,
                thread_id: 1,
                server_charset: None,
                default_engine: None,
                explicit_defaults_for_timestamp: Some(true),
                utf8_is_utf8mb4: false,
            },
            error_code,
            in_engine_transaction: false,
            at: at(position),
            end: &at(position + 1),
            gtid: None,
        });
    }

    fn check(read: (u64, u64), ddl: Option<u64>, end: u64, serves: bool) {
        let table = TableName::new("d", "t");
        let mut definitions = Definitions::new([(table.clone(), definition(read.0, read.1))]);
        if let Some(position) = ddl {
            // One that the schema cannot follow, since it has not heard of the table.
            follow(&mut definitions, "ALTER TABLE T ADD c INT", position, 0);
        }
        assert_eq!(
            definitions.serving(&table, &at(end)).is_some(),
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

    #[test]
    fn a_temporary_table_hides_a_table_until_the_source_is_started_anew() {
        let mut definitions = Definitions::default();
        let columns = |definitions: &Definitions| -> Vec<Box<str>> {
            match definitions.believed().get(&TableName::new("d", "t")) {
                Some(State::Known(table)) => {
                    let names = table.columns.iter().map(|column| column.name.clone());
                    names.collect()
                }
                other => panic!("{other:?}"),
            }
        };
        follow(
            &mut definitions,
            "CREATE DATABASE d CHARACTER SET utf8mb4",
            5,
            0,
        );
        follow(&mut definitions, "CREATE TABLE t (a INT)", 10, 0);
        follow(&mut definitions, "CREATE TEMPORARY TABLE t (b INT)", 20, 0);
        follow(&mut definitions, "ALTER TABLE t ADD c INT", 30, 0);
        assert_eq!(columns(&definitions), ["a".into()]);
        definitions.source_started();
        follow(&mut definitions, "ALTER TABLE t ADD c INT", 40, 0);
        assert_eq!(columns(&definitions), ["a".into(), "c".into()]);
    }

    #[test]
    fn what_serves_once_is_believed_and_journaled_at_the_groups_end() {
        let table = TableName::new("d", "t");
        let mut definitions = Definitions::new([(table.clone(), definition(10, 20))]);
        assert!(definitions.serving(&table, &at(30)).is_some());
        assert!(definitions.serving(&table, &at(40)).is_some());
        let revisions = definitions.take_revisions();
        assert_eq!(revisions.len(), 1);
        assert_eq!(
            (&revisions[0].at, &revisions[0].statement),
            (&at(30), &None)
        );
        assert!(definitions.take_revisions().is_empty());
    }

    #[test]
    fn a_belief_that_is_given_up_says_why_and_does_not_come_back_by_itself() {
        let table = TableName::new("d", "t");
        let mut definitions = Definitions::new([(table.clone(), definition(10, 20))]);
        definitions.serving(&table, &at(30));
        definitions.distrust(&table, "it is odd", &at(40));
        assert!(definitions.serving(&table, &at(50)).is_none());
        assert_eq!(definitions.doubt(&table), Some("it is odd"));
        definitions.offer(&table, definition(50, 50));
        assert!(definitions.serving(&table, &at(50)).is_some());
        definitions.distrust_all("a gap", &at(60));
        assert_eq!(definitions.doubt(&table), Some("a gap"));
    }

    #[test]
    fn a_statement_that_failed_in_its_middle_is_not_followed() {
        let table = TableName::new("d", "t");
        let mut definitions = Definitions::new([(table.clone(), definition(10, 20))]);
        definitions.serving(&table, &at(30));
        follow(&mut definitions, "DROP TABLE t, u", 40, 1051);
        assert!(definitions.serving(&table, &at(50)).is_none());
        assert_eq!(
            definitions.doubt(&table),
            Some("a statement on it failed with error 1051")
        );
    }

    #[test]
    fn what_was_proven_before_a_crash_serves_the_same_group_again() {
        let table = TableName::new("d", "t");
        let proven = Revision {
            at: at(50),
            gtid: None,
            statement: None,
            changes: vec![Change::Defined {
                table: table.clone(),
                definition: Arc::default(),
            }],
        };
        let definitions = Definitions::default().believing(Schemas::new(0), vec![proven]);
        assert_eq!(
            definitions.proven_before(&table, &at(50)),
            Some(definition(50, 50))
        );
        assert_eq!(definitions.proven_before(&table, &at(51)), None);
    }
}
