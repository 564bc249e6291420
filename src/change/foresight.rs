//! What a stream would do at a statement, as far as its text and what is known of tables tell. Not for streams: they follow
//! statements with all that binlogs say besides.

use std::sync::Arc;

use super::batch::ddl::table_changes;
use super::definition::column_watch::{ColumnWatch, WatchedTables};
use super::definition::following::Followed;
use super::definition::moved::origins;
use super::definition::schemas::{Belief, Connection, Facts, Schemas, apply_statement};
use super::definition::temporary::of_base;
use super::statement::meaning::{Meaning, Spec};
use super::statement::{Statement, StatementKind, StatementSource};
use crate::filter::{ColumnRuleError, OnMissing, Rules};
use crate::row::{Table, TableName};

/// What a stream does at a statement, as far as the rules on columns go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// It goes on.
    GoesOn,
    /// It stops.
    Stops(Box<ColumnRuleError>),
    /// It may stop: that depends on the columns of this table, which are not known.
    MayStop(TableName),
}

/// What is known of tables where statements are looked at.
#[derive(Debug)]
pub struct Foresight {
    schemas: Schemas,
    watch: ColumnWatch,
}

impl Foresight {
    /// Begins with what a connector's state knows of tables.
    pub fn new(schemas: Schemas, watched: &Arc<WatchedTables>) -> Self {
        let mut watch = ColumnWatch::default();
        watch.restore(watched);
        Self { schemas, watch }
    }

    /// Takes the columns of a table by its name on the source, as its rows have them.
    pub fn see(&mut self, rules: &Rules, source: &TableName, table: &Table) {
        let names = table.shown_columns().map(|column| column.name.clone());
        let names = names.collect();
        self.watch
            .see(rules.columns(), (source, &table.name), names);
    }

    /// Makes sure that rows of a table, which has its published name, let nothing out that was hidden under a former one.
    ///
    /// # Errors
    /// As a stream would stop at them.
    pub fn rows(
        &mut self,
        rules: &Rules,
        source: &TableName,
        table: &Table,
    ) -> Result<(), ColumnRuleError> {
        self.watch.judge_moved(rules.columns(), source, table)
    }

    /// Follows a statement; `is_published` says whether it is, so that a definition goes with it.
    pub fn statement(
        &mut self,
        rules: &Rules,
        (statement, source): (Statement, StatementSource<'_>),
        is_published: bool,
    ) -> Foreseen {
        let connection = Connection {
            server_id: 0,
            thread_id: 0,
        };
        let facts = Facts {
            context: source.context,
            connection,
            default_database: Some(source.database).filter(|database| !database.is_empty()),
            connection_charset: None,
            server_charset: None,
            default_engine: None,
            explicit_defaults_for_timestamp: None,
            utf8_is_utf8mb4: false,
            in_engine_transaction: false,
        };
        let former = statement.redefined_tables().filter_map(|table| {
            let table = self.schemas.fold(table);
            match self.schemas.get(&table)? {
                Belief::Known(definition) => Some((table, Arc::clone(definition))),
                Belief::Stale(_) => None,
            }
        });
        let former = former.collect();
        let base = of_base(&statement, &self.schemas, connection);
        let changes = apply_statement(&mut self.schemas, &statement, &facts);
        let followed = Followed {
            statement,
            base,
            source,
            changes,
            former,
            connection,
        };
        if rules.columns().is_empty() {
            return Foreseen::GoesOn;
        }
        let open = self.open_question(rules, &followed);
        self.presume_columns(rules, &followed);
        let refused = self.watch.pass_over(rules, &followed, &self.schemas);
        let refused = refused.or_else(|| unfit_key(rules, &followed.statement).err());
        let refused = refused.or_else(|| lost_rule(rules, &followed.statement).err());
        let refused = refused.or_else(|| {
            let tables = (&*followed.changes, &*followed.former);
            let changes = || table_changes(&followed.statement, tables, &self.schemas, rules);
            is_published.then(changes)?.err()
        });
        match (refused, open) {
            (Some(error), _) => Foreseen::Stops(Box::new(error)),
            (None, Some(table)) => Foreseen::MayStop(table),
            (None, None) => Foreseen::GoesOn,
        }
    }

    /// Takes that tables have the columns that rules name, without which rows of theirs stop a stream.
    fn presume_columns(&mut self, rules: &Rules, followed: &Followed<'_>) {
        let columns = rules.columns();
        if columns.on_missing() != OnMissing::Stop {
            return;
        }
        let tables = followed.statement.redefined_tables();
        let tables: Vec<TableName> = tables.map(|table| self.schemas.fold(table)).collect();
        for table in tables {
            let verdict = rules.table(&table.database, &table.table);
            let is_known = !self.watch.former_columns(&table, followed).is_empty();
            let named = columns.named_columns(&verdict.published);
            if verdict.keep && !is_known && !named.is_empty() {
                self.watch.see(columns, (&table, &verdict.published), named);
            }
        }
    }

    /// A table on whose columns, which are not known, it depends whether the statement stops a stream.
    fn open_question(&self, rules: &Rules, followed: &Followed<'_>) -> Option<TableName> {
        let statement = &followed.statement;
        let columns = rules.columns();
        let origins = origins(statement, &self.schemas);
        let tables = statement.redefined_tables();
        let mut tables = tables.map(|table| self.schemas.fold(table));
        tables.find_map(|table| {
            let verdict = rules.table(&table.database, &table.table);
            let origin = origins.get(&table).unwrap_or(&table);
            if !verdict.keep || !self.watch.former_columns(origin, followed).is_empty() {
                return None;
            }
            let published = &verdict.published;
            let was = self.watch.former_name(rules, origin).table;
            let is_renamed = was.filter(|was| was != published);
            let may_let_out = is_renamed.is_some_and(|was| columns.may_hide_values_of(&was));
            let matches = |column: &str| columns.matches(published, [column]);
            let lost = lost_columns(statement).map(matches);
            let may_lose = columns.on_missing() == OnMissing::Stop
                && (lost
                    .into_iter()
                    .any(|matches| matches != Default::default())
                    || replaces(followed) && columns.may_hide_values_of(published));
            (may_let_out || may_lose).then(|| origin.clone())
        })
    }
}

/// The names of columns that a table has no more after a statement.
fn lost_columns(statement: &Statement) -> impl Iterator<Item = &str> {
    let specs = match &statement.meaning {
        Meaning::AlterTable(alter) => &*alter.specs,
        Meaning::CreateTable(_)
        | Meaning::Database { .. }
        | Meaning::Unfollowed { .. }
        | Meaning::Plain => &[],
    };
    specs.iter().filter_map(|spec| match spec {
        Spec::Drop { column, .. } => Some(&**column),
        spec => {
            let renamed = spec.renamed().filter(|(old, new)| old != new);
            renamed.map(|(old, _)| old)
        }
    })
}

/// Makes sure that no rule loses the one column that it names.
fn lost_rule(rules: &Rules, statement: &Statement) -> Result<(), ColumnRuleError> {
    let columns = rules.columns();
    let Some(table) = statement.objects.last().map(|object| &object.name) else {
        return Ok(());
    };
    let verdict = rules.table(&table.database, &table.table);
    if !verdict.keep || columns.on_missing() != OnMissing::Stop {
        return Ok(());
    }
    let Meaning::AlterTable(alter) = &statement.meaning else {
        return Ok(());
    };
    for column in lost_columns(statement) {
        let mut defined = alter.specs.iter().filter_map(Spec::defined);
        let is_there = defined.any(|defined| defined.name.to_lowercase() == column.to_lowercase());
        if let Some(rule) = columns.naming_column(&verdict.published, column)
            && !is_there
        {
            return Err(ColumnRuleError::Vanished {
                table: verdict.published,
                rule: rule.clone(),
            });
        }
    }
    Ok(())
}

/// Whether a statement makes a table in the place of one that may be there.
fn replaces(followed: &Followed<'_>) -> bool {
    let words = followed.source.text.split_whitespace().take(3);
    let words: Vec<String> = words.map(str::to_ascii_lowercase).collect();
    let is_create = matches!(followed.statement.kind, StatementKind::CreateTable { .. });
    is_create && words == ["create", "or", "replace"]
}

/// Makes sure that a primary key which a statement adds keeps what makes it one.
fn unfit_key(rules: &Rules, statement: &Statement) -> Result<(), ColumnRuleError> {
    let Meaning::AlterTable(alter) = &statement.meaning else {
        return Ok(());
    };
    let Some(table) = statement.objects.last() else {
        return Ok(());
    };
    let verdict = rules.table(&table.name.database, &table.name.table);
    if !verdict.keep {
        return Ok(());
    }
    for spec in &alter.specs {
        let named: Vec<&str> = match spec {
            Spec::AddKey { key, .. } => key.columns.iter().map(|column| &**column).collect(),
            spec => {
                let defined = spec.defined().filter(|column| column.primary);
                defined.map(|column| &*column.name).into_iter().collect()
            }
        };
        for column in named {
            let fits = rules
                .columns()
                .judge_fitting(&verdict.published, column, true);
            fits?;
        }
    }
    Ok(())
}
