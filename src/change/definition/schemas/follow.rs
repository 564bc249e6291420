//! One statement applied: which tables and databases it touches, in which order, and what hides them.

use std::sync::Arc;

use super::facts::Facts;
use super::known::{Belief, Change, Schemas};
use super::labels as label_texts;
use super::read_back::{may_read_back, read_back};
use super::reason::{Reason, UNKNOWN_BEFORE};
use super::{alter, create};
use crate::change::definition::charset;
use crate::change::definition::labels;
use crate::change::definition::table::TableDefinition;
use crate::change::statement::meaning::{
    AlterTable, ColumnClause, CreateTable, Kind as ColumnKind, Label, Meaning, NamedCharset,
};
use crate::change::statement::{Action, ObjectClass, Role, Statement, StatementKind};
use crate::mysql::Flavour;
use crate::row::TableName;

/// Applies a statement that the source executed; returns what it changed, already recorded in `schemas`. Statements that
/// define nothing change nothing.
pub fn apply_statement(
    schemas: &mut Schemas,
    statement: &Statement,
    facts: &Facts<'_>,
) -> Vec<Change> {
    schemas.note_charset(facts.server_charset);
    let mut follow = Follow {
        schemas,
        facts,
        changes: Vec::new(),
    };
    follow.statement(statement);
    follow.changes
}

/// A statement being applied.
struct Follow<'a> {
    schemas: &'a mut Schemas,
    facts: &'a Facts<'a>,
    changes: Vec<Change>,
}

impl Follow<'_> {
    fn statement(&mut self, statement: &Statement) {
        use StatementKind as Kind;
        match &statement.kind {
            Kind::CreateTable {
                temporary: true, ..
            }
            | Kind::Sequence {
                action: Action::Create,
                temporary: true,
            } => self.hide(statement),
            Kind::CreateTable { like, .. } => self.create(statement, *like),
            Kind::AlterTable | Kind::CreateIndex | Kind::DropIndex => self.alter(statement),
            Kind::DropTable { temporary } => self.drop_tables(statement, *temporary),
            Kind::RenameTable => self.rename_tables(statement),
            Kind::Sequence { action, .. } => self.sequence(statement, *action),
            Kind::View(Action::Create) => {
                for view in names(statement, ObjectClass::View) {
                    self.gone(&view);
                    // The name is taken all the same.
                    self.schemas.forget_absent(&view);
                }
            }
            Kind::CreateDatabase => self.create_database(statement),
            Kind::AlterDatabase => self.alter_database(statement),
            Kind::DropDatabase => self.drop_database(statement),
            Kind::Unknown { prefix } if !statement.objects.is_empty() => {
                self.lose(
                    statement,
                    &format!("a statement was not understood: {prefix:?}"),
                );
            }
            Kind::Unknown { prefix } => self.make(Change::AllStale {
                reason: format!("a statement was not understood: {prefix:?}").into(),
            }),
            // The table keeps its definition; what is left has none that row images need.
            Kind::TruncateTable
            | Kind::View(Action::Alter | Action::Drop)
            | Kind::Trigger(_)
            | Kind::Procedure(_)
            | Kind::Function(_)
            | Kind::Package(_)
            | Kind::Library(_)
            | Kind::Event(_)
            | Kind::Account
            | Kind::Administration
            | Kind::Insert
            | Kind::Replace
            | Kind::Update
            | Kind::Delete
            | Kind::LoadData
            | Kind::Evaluate
            | Kind::Transaction(_)
            | Kind::Session
            | Kind::Empty => {}
            Kind::Maintenance => self.rebuild(statement),
        }
    }

    // ---- tables ----------------------------------------------------------------------------------------------------

    fn create(&mut self, statement: &Statement, like: bool) {
        let Some(table) = self.first(statement, ObjectClass::Table) else {
            return;
        };
        let meaning = match &statement.meaning {
            Meaning::CreateTable(meaning) => meaning,
            Meaning::Unfollowed { reason } => return self.stale(table, reason.clone()),
            Meaning::Plain | Meaning::AlterTable(_) | Meaning::Database { .. } => return,
        };
        if meaning.if_not_exists && !self.makes(&table) {
            if !self.schemas.tables.contains_key(&table) {
                self.stale(table, "it may have existed before CREATE … IF NOT EXISTS");
            }
            return;
        }
        let outcome = match like {
            true => self.copy(statement),
            false => self.build(&table, meaning),
        };
        self.conclude(table, outcome);
    }

    /// Whether it is certain that a table which is created with `IF NOT EXISTS` was not there. MariaDB writes no such statement
    /// on a table that was there, but for one that another session made meanwhile.
    fn makes(&self, table: &TableName) -> bool {
        let is_mariadb = self.facts.context.flavour == Flavour::MariaDb;
        match self.schemas.tables.get(table) {
            Some(Belief::Known(_)) if is_mariadb => false,
            Some(_) => self.facts.in_engine_transaction,
            None => self.facts.in_engine_transaction || self.schemas.is_absent(table),
        }
    }

    fn build(&self, table: &TableName, meaning: &CreateTable) -> DefinitionOutcome {
        let database = match meaning.charset_in_doubt {
            // A temporary table has any set.
            true => charset::UNSETTLED_OR_RARE,
            false => self.schemas.default_charset(&table.database),
        };
        let mut definition = create::table(meaning, database, self.facts)?;
        if !meaning.labels_in_doubt {
            let mut definition = Arc::new(definition);
            read_back(&mut definition, self.facts);
            return Ok(definition);
        }
        let is_before_mysql_8 = label_texts::is_before_mysql_8(self.facts);
        if self.schemas.have_raw_labels() {
            for column in &mut definition.columns {
                let charset = column.charset.as_deref().unwrap_or_default();
                let doubted = match is_before_mysql_8 && charset::is_wide(charset) {
                    // Half a character at the end is not shown.
                    true => labels::doubting(&column.column_type, |_label| true),
                    false => labels::doubting_replaced(&column.column_type),
                };
                if let Some(doubted) = doubted {
                    column.column_type = doubted.into();
                }
            }
        }
        if is_before_mysql_8 {
            let columns = &meaning.elements.columns;
            definition.doubt_shared_labels(|place| columns.get(place).is_some_and(tells_bytes));
        }
        Ok(Arc::new(definition))
    }

    fn copy(&mut self, statement: &Statement) -> DefinitionOutcome {
        let mut objects = statement.objects.iter();
        let source = objects
            .find(|object| object.role == Role::Like)
            .ok_or("a copy of a table that is not named")?;
        let source = self.schemas.fold(&source.name);
        if self.is_hidden(&source) {
            return Err(format!("a copy of {source}, a temporary table").into());
        }
        self.find_left_behind(&source);
        match self.schemas.tables.get(&source) {
            Some(Belief::Known(definition)) => {
                let mut copy = Arc::clone(definition);
                read_back(&mut copy, self.facts);
                Ok(copy)
            }
            Some(Belief::Stale(reason)) => Err(reason.of_copy(&source)),
            None => Err(format!("a copy of {source}, which is not known").into()),
        }
    }

    fn alter(&mut self, statement: &Statement) {
        let Some(table) = self.first(statement, ObjectClass::Table) else {
            return;
        };
        let alter = match &statement.meaning {
            Meaning::AlterTable(alter) => alter,
            Meaning::Unfollowed { reason } => return self.lose(statement, reason),
            Meaning::Plain | Meaning::CreateTable(_) | Meaning::Database { .. } => return,
        };
        if self.is_hidden(&table) {
            if let Some(new) = &alter.rename {
                self.reveal(&table);
                let new = self.schemas.fold(new);
                self.schemas.note_temporary(self.facts.connection, new);
            }
            return;
        }
        self.alter_base(table, alter);
    }

    fn alter_base(&mut self, table: TableName, alter: &AlterTable) {
        if let Some(taken) = &alter.taken_in {
            let taken = self.schemas.fold(taken);
            self.gone(&taken);
        }
        let renamed = alter.rename.as_ref().map(|new| self.schemas.fold(new));
        let renamed = renamed.filter(|new| *new != table);
        let changes_nothing = alter.specs.is_empty() && alter.options == Default::default();
        let gives_defaults = !alter.defaults.is_empty();
        let is_same =
            |old: &TableDefinition| changes_nothing && !gives_defaults && old.hidden.is_empty();
        self.find_left_behind(&table);
        let outcome = match self.schemas.tables.get(&table) {
            Some(Belief::Known(old)) if is_same(old) => Ok(Arc::clone(old)),
            Some(Belief::Known(old)) => {
                let surrounding = alter::Surrounding {
                    database: self.schemas.default_charset(&table.database),
                    session: self.session_charset(),
                };
                alter::table(old, alter, &surrounding, self.facts).map(Arc::new)
            }
            Some(Belief::Stale(reason)) => Err(reason.clone()),
            None if changes_nothing && renamed.is_none() && alter.split_off.is_none() => return,
            None => Err(UNKNOWN_BEFORE.into()),
        };
        let outcome = outcome.map(|mut definition| {
            if alter.rewrites {
                read_back(&mut definition, self.facts);
            }
            definition
        });
        if let Some(part) = &alter.split_off {
            let part = self.schemas.fold(part);
            self.conclude(part, outcome.clone());
        }
        match renamed {
            None => self.conclude(table, outcome),
            Some(new) => {
                self.renamed_away(&table);
                self.conclude(new, outcome);
            }
        }
    }

    /// `OPTIMIZE TABLE`, by which MySQL before 8.0 writes the files of tables anew whose engine has no such thing: of those with
    /// transactions.
    fn rebuild(&mut self, statement: &Statement) {
        for table in names(statement, ObjectClass::Table) {
            let table = self.schemas.fold(&table);
            let Some(Belief::Known(old)) = self.schemas.tables.get(&table) else {
                continue;
            };
            let mut definition = Arc::clone(old);
            match definition.transactional {
                _ if self.is_hidden(&table) => {}
                Some(true) => read_back(&mut definition, self.facts),
                Some(false) => {}
                None => may_read_back(&mut definition, self.facts),
            }
            self.conclude(table, Ok(definition));
        }
    }

    /// The session's `collation_database`: what its default database has. Without one it is the default that the server was
    /// started with, which the binlog does not tell.
    fn session_charset(&self) -> &str {
        let database = self.facts.default_database;
        self.schemas.default_charset(database.unwrap_or_default())
    }

    /// A statement on tables that was not followed: each may have another definition, name or none.
    fn lose(&mut self, statement: &Statement, reason: &str) {
        for table in names(statement, ObjectClass::Table) {
            let table = self.schemas.fold(&table);
            self.stale(table, reason);
        }
    }

    fn drop_tables(&mut self, statement: &Statement, temporary: bool) {
        for table in names(statement, ObjectClass::Table) {
            let table = self.schemas.fold(&table);
            if !self.reveal(&table) && !temporary {
                self.gone(&table);
            }
        }
    }

    fn rename_tables(&mut self, statement: &Statement) {
        for pair in statement.objects.chunks(2) {
            let [old, new] = pair else { return };
            let (old, new) = (self.schemas.fold(&old.name), self.schemas.fold(&new.name));
            if self.reveal(&old) {
                self.schemas.note_temporary(self.facts.connection, new);
                continue;
            }
            self.find_left_behind(&old);
            match self.schemas.tables.get(&old).cloned() {
                Some(state) => {
                    self.gone(&old);
                    self.make(state.as_change(&new));
                }
                // A view.
                None if self.schemas.is_absent(&old) => {}
                None => self.stale(new, format!("renamed from {old}, which is not known")),
            }
        }
    }

    fn sequence(&mut self, statement: &Statement, action: Action) {
        for sequence in names(statement, ObjectClass::Table) {
            let sequence = self.schemas.fold(&sequence);
            match (action, &statement.meaning) {
                (Action::Create, Meaning::CreateTable(meaning)) => {
                    let outcome = self.build(&sequence, meaning);
                    self.conclude(sequence, outcome.map(not_transactional));
                }
                (Action::Drop, _) if self.reveal(&sequence) => {}
                (Action::Drop, _) => self.gone(&sequence),
                (Action::Create | Action::Alter, Meaning::Unfollowed { reason }) => {
                    self.stale(sequence, reason.clone());
                }
                (Action::Create | Action::Alter, _) => {}
            }
        }
    }

    // ---- databases -------------------------------------------------------------------------------------------------

    fn create_database(&mut self, statement: &Statement) {
        let Some(database) = self.first(statement, ObjectClass::Database) else {
            return;
        };
        let database = database.database;
        let known = self.schemas.databases.contains_key(&database);
        let (named, if_not_exists) = match &statement.meaning {
            Meaning::Database {
                charset,
                if_not_exists,
                or_replace,
            } => {
                if *or_replace {
                    self.drop_tables_of(&database);
                }
                (charset, *if_not_exists)
            }
            Meaning::Plain
            | Meaning::CreateTable(_)
            | Meaning::AlterTable(_)
            | Meaning::Unfollowed { .. } => {
                return self.make(Change::Database {
                    database,
                    charset: None,
                    whole: false,
                });
            }
        };
        let makes = match self.facts.makes_database() {
            Some(makes) => makes,
            None => self.schemas.is_database_absent(&database),
        };
        let new = !if_not_exists || makes;
        if !new && known {
            return;
        }
        let charset = new.then(|| self.named(named)).flatten();
        self.make(Change::Database {
            database,
            charset,
            whole: new,
        });
    }

    fn alter_database(&mut self, statement: &Statement) {
        let Some(database) = self.first(statement, ObjectClass::Database) else {
            return;
        };
        let database = database.database;
        let charset = match &statement.meaning {
            Meaning::Database {
                charset: NamedCharset::Unnamed,
                ..
            } => return,
            Meaning::Database { charset, .. } => self.named(charset),
            Meaning::Plain
            | Meaning::CreateTable(_)
            | Meaning::AlterTable(_)
            | Meaning::Unfollowed { .. } => None,
        };
        let whole = self.schemas.knows_all_of(&database);
        self.make(Change::Database {
            database,
            charset,
            whole,
        });
    }

    /// A database's character set: as named, or the server's.
    fn named(&self, named: &NamedCharset) -> Option<Box<str>> {
        match named {
            NamedCharset::Named(name) => {
                let known = charset::by_name(name, self.facts.utf8_is_utf8mb4)?;
                Some(known.name.into())
            }
            NamedCharset::Unnamed | NamedCharset::Default => {
                self.facts.server_charset.map(Into::into)
            }
        }
    }

    fn drop_database(&mut self, statement: &Statement) {
        let Some(database) = self.first(statement, ObjectClass::Database) else {
            return;
        };
        let database = database.database;
        self.drop_tables_of(&database);
        self.make(Change::DatabaseGone { database });
    }

    fn drop_tables_of(&mut self, database: &str) {
        let mut tables: Vec<TableName> = self
            .schemas
            .tables
            .keys()
            .filter(|table| *table.database == *database)
            .cloned()
            .collect();
        tables.sort_unstable();
        for table in tables {
            self.gone(&table);
        }
    }

    // ---- changes ---------------------------------------------------------------------------------------------------

    fn first(&self, statement: &Statement, class: ObjectClass) -> Option<TableName> {
        let object = statement.objects.first()?;
        (object.class == class).then(|| self.schemas.fold(&object.name))
    }

    fn conclude(&mut self, table: TableName, outcome: DefinitionOutcome) {
        match outcome {
            Err(reason) => self.stale(table, reason),
            Ok(definition) => {
                let is_told_already = match self.schemas.tables.get(&table) {
                    Some(Belief::Known(known)) => known.tells_as_much_as(&definition),
                    Some(Belief::Stale(_)) | None => false,
                };
                if !is_told_already {
                    self.make(Change::Defined { table, definition });
                }
            }
        }
    }

    fn stale(&mut self, table: TableName, reason: impl Into<Reason>) {
        let reason = reason.into();
        self.make(Change::Stale { table, reason });
    }

    fn gone(&mut self, table: &TableName) {
        let table = self.schemas.fold(table);
        match self.schemas.tables.contains_key(&table) {
            true => self.make(Change::Gone { table, left: None }),
            false if self.schemas.left_behind(&table).is_some() => {
                self.make(Change::Gone { table, left: None });
            }
            false => self.schemas.note_absent(table),
        }
    }

    /// The table has got another name by `ALTER TABLE`. Where that copies its rows, MariaDB drops the old table by a name that
    /// it does not find if it has other characters than these: the table is still there, as it was.
    fn renamed_away(&mut self, table: &TableName) {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let may_stay =
            self.facts.context.flavour == Flavour::MariaDb && !table.table.chars().all(is_plain);
        let left = match self.schemas.tables.get(table) {
            Some(Belief::Known(definition)) if may_stay => Some(Arc::clone(definition)),
            Some(_) | None => None,
        };
        match left {
            Some(_) => {
                let table = table.clone();
                self.make(Change::Gone { table, left });
            }
            None => self.gone(table),
        }
    }

    /// Takes a table that was left behind under its old name for one that is there, since a statement was executed on it.
    fn find_left_behind(&mut self, table: &TableName) {
        if !self.schemas.tables.contains_key(table)
            && let Some(left) = self.schemas.left_behind(table).cloned()
        {
            self.schemas.put(table, left);
        }
    }

    fn make(&mut self, change: Change) {
        self.schemas.record(&change);
        self.changes.push(change);
    }

    // ---- temporary tables ------------------------------------------------------------------------------------------

    /// A temporary table hides the base table of its name from its connection.
    fn hide(&mut self, statement: &Statement) {
        if let Some(table) = self.first(statement, ObjectClass::Table) {
            self.schemas.note_temporary(self.facts.connection, table);
        }
    }

    fn is_hidden(&self, table: &TableName) -> bool {
        self.schemas.is_temporary(self.facts.connection, table)
    }

    /// Ends a temporary table; whether there was one.
    fn reveal(&mut self, table: &TableName) -> bool {
        self.schemas.end_temporary(self.facts.connection, table)
    }
}

/// A definition, or why there is none.
pub(super) type DefinitionOutcome = Result<Arc<TableDefinition>, Reason>;

fn names(statement: &Statement, class: ObjectClass) -> Vec<TableName> {
    let objects = statement.objects.iter();
    objects
        .filter(|object| object.class == class && object.role != Role::Like)
        .map(|object| object.name.clone())
        .collect()
}

/// Whether some of a column's labels are told by their bytes, as no server shows them.
fn tells_bytes(column: &ColumnClause) -> bool {
    match &column.kind {
        ColumnKind::Enum { labels } | ColumnKind::Set { labels } => {
            labels.iter().any(|label| matches!(label, Label::Bytes(_)))
        }
        ColumnKind::Plain(_)
        | ColumnKind::Timestamp { .. }
        | ColumnKind::JsonText
        | ColumnKind::Char { .. }
        | ColumnKind::VarChar { .. }
        | ColumnKind::Text { .. }
        | ColumnKind::TextOf { .. } => false,
    }
}

/// The table of a sequence: what is written to it stays, however the transaction ends.
fn not_transactional(definition: Arc<TableDefinition>) -> Arc<TableDefinition> {
    Arc::new(TableDefinition {
        engine: None,
        transactional: Some(false),
        ..TableDefinition::clone(&definition)
    })
}
