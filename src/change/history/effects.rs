//! What a statement may do to definitions, by its words alone.

use crate::binlog::{FormatDescription, Query};
use crate::change::definition::engines::EngineChange;
use crate::change::statement::{Action, Effect, Statement, StatementKind, scan_query};
use crate::row::TableName;

/// What a statement may do to definitions. Names are in lower case, as some servers compare them; that can only rule out too
/// much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionEffects {
    /// Any table may have another definition after it.
    pub all: bool,
    /// These tables may have another one, or be gone.
    pub tables: Vec<TableName>,
    /// Of the tables, those that may have got another engine.
    pub engines: Vec<TableName>,
    /// A database that was dropped with all its tables.
    pub dropped: Option<Box<str>>,
    /// A database that was made, dropped, or given another default character set.
    pub default_of: Option<Box<str>>,
    /// It touches something else that whoever follows statements must know, such as a temporary table.
    pub other: bool,
}

impl DefinitionEffects {
    /// Scans the statement of a query event.
    pub fn of(query: &Query<'_>, format: &FormatDescription) -> Self {
        if query.control().is_some() || query.is_phase_without_effect() {
            return Self::default();
        }
        match scan_query(query, format.flavour(), format) {
            Ok((statement, source)) => {
                Self::of_statement(&statement, &source.text, source.doubt.is_some())
            }
            Err(_) => Self::unknown(),
        }
    }

    /// Looks at a statement, its text, and whether the text may not be all that was sent.
    pub fn of_statement(statement: &Statement, text: &str, is_doubtful: bool) -> Self {
        if !may_define(statement) {
            return Self::default();
        }
        if is_doubtful || statement.effect() == Effect::Unknown {
            return Self::unknown();
        }
        let engines = match EngineChange::of(statement, text) {
            EngineChange::Some { tables, .. } => tables,
            EngineChange::None | EngineChange::All => Vec::new(),
        };
        let database = statement.objects.first();
        let default_of = database
            .filter(|_| statement.defines_database())
            .map(|object| object.name.database.to_lowercase().into());
        let dropped = statement.dropped_database();
        Self {
            all: false,
            tables: statement.redefined_tables().map(folded).collect(),
            engines,
            dropped: dropped.map(|database| database.to_lowercase().into()),
            default_of,
            other: true,
        }
    }

    /// Whatever can be.
    pub fn unknown() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// Whether it does nothing to definitions.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a statement of this kind may do anything to definitions, those of temporary tables included.
fn may_define(statement: &Statement) -> bool {
    use StatementKind as Kind;
    match &statement.kind {
        Kind::CreateTable { .. }
        | Kind::AlterTable
        | Kind::DropTable { .. }
        | Kind::RenameTable
        | Kind::CreateIndex
        | Kind::DropIndex
        | Kind::CreateDatabase
        | Kind::AlterDatabase
        | Kind::DropDatabase
        | Kind::View(Action::Create)
        | Kind::Sequence { .. }
        | Kind::Unknown { .. } => true,
        // The tables that it names are written anew.
        Kind::Maintenance => !statement.objects.is_empty(),
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
        | Kind::Empty => statement.effect() == Effect::Unknown,
    }
}

fn folded(table: &TableName) -> TableName {
    TableName::new(table.database.to_lowercase(), table.table.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::statement::{StatementContext, scan};
    use crate::mysql::Flavour;

    fn effects(text: &str) -> DefinitionEffects {
        let context = StatementContext::new(Flavour::MySql, "9.7.0", 0);
        DefinitionEffects::of_statement(&scan(text, "d", context), text, false)
    }

    #[test]
    fn what_changes_rows_or_nothing_is_not_kept() {
        for text in [
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1",
            "TRUNCATE TABLE t",
            "DROP VIEW v",
            "CREATE USER u",
            "ANALYZE TABLE t",
        ] {
            assert!(effects(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_defines_anything_is_kept_with_the_tables_it_names() {
        let d = |table| TableName::new("d", table);
        for (text, tables) in [
            ("CREATE TABLE T (a INT)", vec![d("t")]),
            ("ALTER TABLE t ADD b INT", vec![d("t")]),
            ("RENAME TABLE t TO u", vec![d("t"), d("u")]),
            ("CREATE TEMPORARY TABLE t (a INT)", vec![]),
            ("CREATE VIEW v AS SELECT 1", vec![]),
        ] {
            let found = effects(text);
            assert!(!found.is_none() && !found.all, "{text}");
            for table in tables {
                assert!(found.tables.contains(&table), "{text}: {found:?}");
            }
        }
        assert!(effects("FROBNICATE").all);
        let dropped = effects("DROP DATABASE D");
        assert_eq!(dropped.dropped.as_deref(), Some("d"));
        assert_eq!(dropped.default_of.as_deref(), Some("d"));
    }
}
