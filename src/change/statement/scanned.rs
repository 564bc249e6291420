//! A statement as the scanner read it: what it is, the objects it names, and what it does to what is published.

use super::meaning;
use crate::filter::{ReplicatedStatement, Rules, Verdict};
use crate::mysql::Flavour;
use crate::row::TableName;

/// What the text of a statement depends on besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementContext {
    /// The family of the server that wrote the binlog.
    pub flavour: Flavour,
    /// Its version as major, minor and patch of two digits each: 9.7.4 is 90704, 10.11.19 is 101119.
    pub version: u32,
    /// The `sql_mode` of the query event.
    pub sql_mode: u64,
}

/// A statement, as far as it was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// The objects it names, in the order of the text.
    pub objects: Vec<Object>,
    /// What it does to definitions.
    pub meaning: meaning::Meaning,
}

/// An object that a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub class: ObjectClass,
    /// Its name, the default database filled in; the table is empty for a database.
    pub name: TableName,
    /// What the statement does to it.
    pub role: Role,
}

/// What an object is, as far as the statement's words tell: `ALTER TABLE` and `RENAME TABLE` may name a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectClass {
    /// A base table, or a MariaDB sequence, which is one.
    Table,
    /// A view.
    View,
    /// A database.
    Database,
    /// A trigger.
    Trigger,
    /// A procedure, function, package or library.
    Routine,
    /// An event of the event scheduler.
    Event,
}

/// What a statement does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It creates, changes, drops or fills it. Of a rename, the old name.
    Target,
    /// The new name; the object before it in the list has the old one.
    RenamedTo,
    /// It only copies its definition (`CREATE TABLE … LIKE`).
    Like,
    /// It hangs a trigger on it.
    TriggerOn,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `CREATE`, also `OR REPLACE` and `IF NOT EXISTS`.
    Create,
    /// `ALTER`.
    Alter,
    /// `DROP`.
    Drop,
}

/// What a statement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// `CREATE TABLE`
    CreateTable {
        /// For its session only.
        temporary: bool,
        /// As a copy of another's definition.
        like: bool,
        /// Filled by a query in the statement itself.
        select: bool,
    },
    /// `ALTER TABLE`; its renames and exchanged partitions are among the objects.
    AlterTable,
    /// `DROP TABLE`
    DropTable {
        /// Only tables of its session.
        temporary: bool,
    },
    /// `RENAME TABLE`
    RenameTable,
    /// `TRUNCATE TABLE`
    TruncateTable,
    /// `CREATE INDEX`; the object is the table.
    CreateIndex,
    /// `DROP INDEX`; the object is the table.
    DropIndex,
    /// `CREATE DATABASE`
    CreateDatabase,
    /// `ALTER DATABASE`
    AlterDatabase,
    /// `DROP DATABASE`
    DropDatabase,
    /// A view.
    View(Action),
    /// A trigger; where the statement says its table, it is an object too.
    Trigger(Action),
    /// A stored procedure.
    Procedure(Action),
    /// A stored function.
    Function(Action),
    /// A MariaDB package or its body.
    Package(Action),
    /// A MySQL library.
    Library(Action),
    /// An event of the event scheduler.
    Event(Action),
    /// A MariaDB sequence.
    Sequence {
        /// What is done to it.
        action: Action,
        /// For its session only.
        temporary: bool,
    },
    /// Users, roles, grants and passwords.
    Account,
    /// Servers, tablespaces, plugins, loadable functions and the like, which belong to no database.
    Administration,
    /// `INSERT`
    Insert,
    /// `REPLACE`
    Replace,
    /// `UPDATE`; the objects are all tables it reads or changes in its table list.
    Update,
    /// `DELETE`
    Delete,
    /// `LOAD DATA` and `LOAD XML`
    LoadData,
    /// `SELECT`, `DO`, `CALL` and their like; in a binlog they stand for a routine that writes.
    Evaluate,
    /// The bounds of transactions.
    Transaction(Transaction),
    /// `SET` and `USE`.
    Session,
    /// `ANALYZE`, `OPTIMIZE`, `REPAIR`, `FLUSH` and the like: neither definitions nor rows change.
    Maintenance,
    /// Nothing but comments.
    Empty,
    /// A statement that could not be followed; it can only be about the table among the objects, or any if there is none.
    Unknown {
        /// Its first characters.
        prefix: Box<str>,
    },
}

/// The bounds of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// `BEGIN` or `START TRANSACTION`
    Begin,
    /// `COMMIT`
    Commit,
    /// `ROLLBACK` of the whole transaction.
    Rollback,
    /// `SAVEPOINT` with its name.
    Savepoint(Box<str>),
    /// `ROLLBACK TO` with the savepoint's name.
    RollbackTo(Box<str>),
    /// `RELEASE SAVEPOINT`
    Release,
    /// `XA START` or `XA BEGIN`
    XaStart,
    /// `XA END`
    XaEnd,
    /// `XA PREPARE`
    XaPrepare,
    /// `XA COMMIT`
    XaCommit,
    /// `XA ROLLBACK`
    XaRollback,
}

/// What a statement does to what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is DDL: the definition of something lasting changes, or a table is emptied.
    Definition,
    /// It changes rows without row events.
    Rows,
    /// It bounds transactions.
    Transaction,
    /// Nothing that is published.
    Nothing,
    /// It could not be followed.
    Unknown,
}

impl StatementContext {
    /// Makes a context of the newest server of a family, with the sql_mode that it has by default.
    pub fn newest(flavour: Flavour) -> Self {
        Self {
            flavour,
            version: 999_999,
            sql_mode: 0,
        }
    }

    /// Makes a context of a server's version as it calls itself: `9.7.4`, `10.11.19-MariaDB-log`,
    /// `5.5.5-10.11.19-MariaDB`. What is not a number counts as 0.
    pub fn new(flavour: Flavour, server_version: &str, sql_mode: u64) -> Self {
        let text = match flavour {
            Flavour::MySql => server_version,
            // MariaDB puts this before its version for clients that know MySQL only.
            Flavour::MariaDb => server_version.trim_start_matches("5.5.5-"),
        };
        let version = text
            .splitn(3, '.')
            .chain(["", ""])
            .take(3)
            .map(|part| {
                let end = part.find(|c: char| !c.is_ascii_digit());
                let digits = part.get(..end.unwrap_or(part.len())).unwrap_or("");
                digits.parse::<u32>().unwrap_or(0).min(99)
            })
            .fold(0, |version, part| version * 100 + part);
        Self {
            flavour,
            version,
            sql_mode,
        }
    }
}

impl Statement {
    /// What it does to what is published. Statements on temporary tables do nothing.
    pub fn effect(&self) -> Effect {
        use StatementKind as Kind;
        match &self.kind {
            Kind::CreateTable { temporary, .. }
            | Kind::DropTable { temporary }
            | Kind::Sequence { temporary, .. }
                if *temporary =>
            {
                Effect::Nothing
            }
            Kind::CreateTable { .. }
            | Kind::AlterTable
            | Kind::DropTable { .. }
            | Kind::RenameTable
            | Kind::TruncateTable
            | Kind::CreateIndex
            | Kind::DropIndex
            | Kind::CreateDatabase
            | Kind::AlterDatabase
            | Kind::DropDatabase
            | Kind::View(_)
            | Kind::Trigger(_)
            | Kind::Procedure(_)
            | Kind::Function(_)
            | Kind::Package(_)
            | Kind::Library(_)
            | Kind::Event(_)
            | Kind::Sequence { .. }
            | Kind::Account
            | Kind::Administration => Effect::Definition,
            Kind::Insert
            | Kind::Replace
            | Kind::Update
            | Kind::Delete
            | Kind::LoadData
            | Kind::Evaluate => Effect::Rows,
            Kind::Transaction(_) => Effect::Transaction,
            Kind::Session | Kind::Maintenance | Kind::Empty => Effect::Nothing,
            Kind::Unknown { .. } => Effect::Unknown,
        }
    }

    /// Whether it fills or changes rows that no row events describe: statement-format DML, and `CREATE TABLE … SELECT`
    /// logged as such. `TRUNCATE`, `DROP` and `ALTER` are DDL and not meant.
    pub fn writes_rows(&self) -> bool {
        self.effect() == Effect::Rows
            || matches!(
                self.kind,
                StatementKind::CreateTable {
                    temporary: false,
                    select: true,
                    ..
                }
            )
    }

    /// The tables whose definition may be another one after it, old and new names of renamed ones included.
    /// `DROP DATABASE` ends all tables of [`Self::dropped_database`] besides; after an unknown statement any may differ.
    pub fn redefined_tables(&self) -> impl Iterator<Item = &TableName> {
        use StatementKind as Kind;
        let redefines = self.effect() == Effect::Definition && self.kind != Kind::TruncateTable;
        self.objects
            .iter()
            .filter(move |object| redefines && object.class == ObjectClass::Table)
            .filter(|object| matches!(object.role, Role::Target | Role::RenamedTo))
            .map(|object| &object.name)
    }

    /// Whether it makes, changes or drops a database.
    pub fn defines_database(&self) -> bool {
        use StatementKind as Kind;
        matches!(
            self.kind,
            Kind::CreateDatabase | Kind::AlterDatabase | Kind::DropDatabase
        )
    }

    /// The database that it drops with all its tables.
    pub fn dropped_database(&self) -> Option<&str> {
        let drops = self.kind == StatementKind::DropDatabase;
        let object = self.objects.first().filter(|_| drops)?;
        Some(&object.name.database)
    }

    /// The tables and views that it acts on, in the order of the text, without those it only copies.
    pub fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.tables_with(|role| role != Role::Like)
    }

    fn tables_with(&self, is_wanted: fn(Role) -> bool) -> impl Iterator<Item = &TableName> {
        self.objects
            .iter()
            .filter(|object| matches!(object.class, ObjectClass::Table | ObjectClass::View))
            .filter(move |object| is_wanted(object.role))
            .map(|object| &object.name)
    }

    /// Judges it as a replica does: by its default database, then by the tables that it changes, all of them together. The
    /// names are those that a replica reads: `self` was scanned with this default database, which is the renamed one.
    ///
    /// Accounts and administration are changes of the database `mysql` besides. Where a replica looks at more than the text,
    /// at the table of a trigger that is dropped and at the columns of an `UPDATE` of several tables, the statement is kept
    /// if it is in doubt.
    pub fn verdict_of_replica(&self, rules: &Rules, default_database: &str) -> Verdict {
        use StatementKind as Kind;
        if matches!(self.kind, Kind::Account | Kind::Administration) {
            let verdict = rules.database("mysql");
            if !verdict.keep {
                return verdict;
            }
        }
        let target = self.objects.first().filter(|_| self.defines_database());
        let ask = |tables: &[&TableName]| {
            rules.statement(&ReplicatedStatement {
                default_database,
                database: target.map(|object| &*object.name.database),
                tables,
            })
        };
        // The new name in an ALTER TABLE is not in a server's list of tables, that in a RENAME TABLE is.
        let tables: Vec<&TableName> = match self.kind {
            Kind::AlterTable => self.tables_with(|role| role != Role::RenamedTo).collect(),
            _ => self.tables().collect(),
        };
        if self.kind != Kind::Update {
            return ask(&tables);
        }
        let verdicts = tables.iter().map(|table| ask(&[table]));
        verdicts
            .reduce(|first, next| if first.keep { first } else { next })
            .unwrap_or_else(|| ask(&[]))
    }

    /// Judges it by the objects it names: by its tables, kept if any is kept; without tables by its database; accounts
    /// and administration as changes of the database `mysql`. Kept if what it acts on is not to be seen in it.
    pub fn verdict(&self, rules: &Rules) -> Verdict {
        if let Some(verdict) = rules.tables(self.tables()) {
            return verdict;
        }
        if let Some(object) = self.objects.first() {
            return rules.database(&object.name.database);
        }
        let on_server = [StatementKind::Account, StatementKind::Administration];
        if on_server.contains(&self.kind) {
            rules.database("mysql")
        } else {
            rules.unnamed()
        }
    }
}
