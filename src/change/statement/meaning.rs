//! What a statement does to definitions, as far as its text alone says: what a name without a character set or a column
//! without a place means is for `schema` to fill in.

use serde::{Deserialize, Serialize};

use crate::row::{DefaultValue, TableName};

/// What a statement does to definitions. The tables are among the statement's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing beyond what kind and objects say.
    #[default]
    Plain,
    /// `CREATE TABLE`
    CreateTable(Box<CreateTable>),
    /// `ALTER TABLE` and `DROP INDEX`.
    AlterTable(Box<AlterTable>),
    /// `CREATE DATABASE` and `ALTER DATABASE`: its default character set, if the statement names one.
    Database {
        /// As named.
        charset: NamedCharset,
        /// A database that exists is left as it is.
        if_not_exists: bool,
        /// A database that exists is dropped first.
        or_replace: bool,
    },
    /// It may change definitions in a way that was not followed.
    Unfollowed {
        /// Where the text was not understood any more.
        reason: Box<str>,
    },
}

impl Meaning {
    /// Forgets what it tells that no reading of rows needs.
    pub(super) fn forget_descriptions(&mut self) {
        match self {
            Self::CreateTable(create) => {
                let columns = create.elements.columns.iter_mut();
                columns.for_each(|column| column.described = None);
                create.options.comment = None;
            }
            Self::AlterTable(alter) => {
                for spec in &mut alter.specs {
                    if let Spec::Add { column, .. } | Spec::Change { column, .. } = spec {
                        column.described = None;
                    }
                }
                for new in &mut alter.defaults {
                    new.default = Some(DefaultValue::Computed);
                }
                alter.options.comment = None;
            }
            Self::Plain | Self::Database { .. } | Self::Unfollowed { .. } => {}
        }
    }
}

/// A character set as a statement names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NamedCharset {
    /// Not at all: what surrounds it decides.
    #[default]
    Unnamed,
    /// `CHARACTER SET DEFAULT`: what surrounds the table or database decides.
    Default,
    /// By its name, in lower case.
    Named(Box<str>),
}

/// `CREATE TABLE`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateTable {
    /// A table that exists is left as it is.
    pub if_not_exists: bool,
    /// The default character set may be another than the text says, which then names none.
    pub charset_in_doubt: bool,
    /// A server may have written it, which shows labels that are no text as others.
    pub labels_in_doubt: bool,
    /// Its columns and keys; none with `LIKE`.
    pub elements: Elements,
    /// What follows them.
    pub options: TableOptions,
}

/// What stands in the brackets of `CREATE TABLE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elements {
    /// The columns in their order.
    pub columns: Vec<ColumnClause>,
    /// The primary key, where it is an element of its own.
    pub key: Option<Key>,
    /// MariaDB's periods of application time.
    pub periods: Vec<Period>,
}

/// The columns of a primary key, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Their names.
    pub columns: Vec<Box<str>>,
    /// The period that ends the key (`WITHOUT OVERLAPS`).
    pub period: Option<Box<str>>,
}

/// `PERIOD FOR name (start, end)`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its name; `system_time` in whatever case for the one of system versioning.
    pub name: Box<str>,
    /// The column that begins it.
    pub start: Box<str>,
    /// The column that ends it.
    pub end: Box<str>,
}

/// What follows the brackets of `CREATE TABLE`, and among the specifications of `ALTER TABLE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// The engine.
    pub engine: Option<Box<str>>,
    /// The engine stands in partitions only.
    pub engine_in_partitions: bool,
    /// The default character set.
    pub charset: NamedCharset,
    /// `WITH SYSTEM VERSIONING`
    pub versioned: bool,
    /// `START TRANSACTION`, with which MySQL logs `CREATE TABLE … SELECT`.
    pub starts_transaction: bool,
    /// `COMMENT`
    pub comment: Option<Box<str>>,
}

/// A column as a statement defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnClause {
    /// Its name.
    pub name: Box<str>,
    /// Its type.
    pub kind: Kind,
    /// Its character set.
    pub charset: NamedCharset,
    /// `NULL` or `NOT NULL`, if either is said.
    pub nullable: Option<bool>,
    /// How its values are computed.
    pub generated: Option<Generation>,
    /// The words and names in what its values, or its default, are computed from, the columns among them.
    pub computed_from: Vec<Box<str>>,
    /// What it tells that no reading of rows needs; `None` where that is not known.
    pub described: Option<ColumnDescription>,
    /// `INVISIBLE`
    pub invisible: bool,
    /// `PRIMARY KEY`
    pub primary: bool,
    /// MariaDB's `COMPRESSED`
    pub compressed: bool,
    /// MariaDB's `WITH SYSTEM VERSIONING`, which makes the table a versioned one.
    pub versioned: bool,
}

/// What a definition tells of a column that no reading of rows needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDescription {
    /// Its default; `None` without one, and where that is NULL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<DefaultValue>,
    /// `COMMENT`; `None` without one, and where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Box<str>>,
    /// `AUTO_INCREMENT`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_increment: bool,
}

/// The default that `ALTER COLUMN … SET DEFAULT` gives a column, or `DROP DEFAULT` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDefault {
    /// The column's name.
    pub column: Box<str>,
    /// The words and names in it.
    pub computed_from: Vec<Box<str>>,
    /// What it is.
    pub default: Option<DefaultValue>,
}

impl ColumnClause {
    /// What it tells that no reading of rows needs.
    pub(super) fn describe(&mut self) -> &mut ColumnDescription {
        self.described.get_or_insert_default()
    }
}

/// How a column's values are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Kept in the table.
    Stored,
    /// Computed when read.
    Virtual,
    /// When the row began to hold, of a versioned table.
    RowStart,
    /// When the row ceased to hold, of a versioned table.
    RowEnd,
}

/// A column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One without a character set, as information_schema prints it.
    Plain(Box<str>),
    /// `TIMESTAMP`, which may be NOT NULL by default.
    Timestamp {
        /// As information_schema prints it.
        printed: Box<str>,
    },
    /// `CHAR(n)`
    Char {
        /// Characters.
        length: u32,
    },
    /// `VARCHAR(n)`
    VarChar {
        /// Characters.
        length: u32,
    },
    /// `TEXT` of a named size.
    Text {
        /// `tiny`, nothing, `medium` or `long`.
        size: Size,
    },
    /// `TEXT(n)`, whose size depends on the character set.
    TextOf {
        /// Characters.
        length: u64,
    },
    /// `ENUM`
    Enum {
        /// Its labels, trailing blanks included.
        labels: Vec<Label>,
    },
    /// `SET`
    Set {
        /// Its labels, trailing blanks included.
        labels: Vec<Label>,
    },
    /// MariaDB's `JSON`, which is text.
    JsonText,
}

/// A label of `ENUM` or `SET` as a statement writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// As text, which the server puts into the column's character set.
    Text(Box<str>),
    /// In hexadecimal or binary digits: bytes in the column's character set.
    Bytes(Box<[u8]>),
}

/// The sizes of `TEXT` and `BLOB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Up to 255 bytes.
    Tiny,
    /// Up to 65,535 bytes.
    Plain,
    /// Up to 16,777,215 bytes.
    Medium,
    /// Up to 4,294,967,295 bytes.
    Long,
}

/// `ALTER TABLE`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlterTable {
    /// What it does to columns and keys, in the order of the text.
    pub specs: Vec<Spec>,
    /// The defaults that it sets and drops.
    pub defaults: Vec<NewDefault>,
    /// The table options among its specifications.
    pub options: TableOptions,
    /// The table's new name.
    pub rename: Option<TableName>,
    /// The table that a partition became.
    pub split_off: Option<TableName>,
    /// The table that became a partition.
    pub taken_in: Option<TableName>,
    /// The table whose rows a partition changed places with.
    pub exchanged: Option<TableName>,
    /// Whether MySQL before 8.0 writes the table's file anew.
    pub rewrites: bool,
}

/// One specification of `ALTER TABLE`, as far as it is about columns or the primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// `ADD COLUMN`
    Add {
        /// The column.
        column: ColumnClause,
        /// Where.
        place: ColumnPosition,
        /// One that exists is left as it is.
        if_not_exists: bool,
    },
    /// `CHANGE` and `MODIFY`
    Change {
        /// The name so far.
        old: Box<str>,
        /// What it becomes.
        column: ColumnClause,
        /// Where, if it moves.
        place: ColumnPosition,
        /// One that does not exist is passed over.
        if_exists: bool,
    },
    /// `RENAME COLUMN`
    Rename {
        /// The name so far.
        old: Box<str>,
        /// The name to come.
        new: Box<str>,
        /// One that does not exist is passed over.
        if_exists: bool,
    },
    /// `DROP COLUMN`
    Drop {
        /// The column.
        column: Box<str>,
        /// One that does not exist is passed over.
        if_exists: bool,
    },
    /// `ALTER COLUMN … SET VISIBLE` or `INVISIBLE`
    Visible {
        /// The column.
        column: Box<str>,
        /// Which.
        visible: bool,
    },
    /// `ADD PRIMARY KEY`
    AddKey {
        /// Its columns.
        key: Key,
        /// A key that exists stays.
        if_not_exists: bool,
    },
    /// `DROP PRIMARY KEY`
    DropKey,
    /// `CONVERT TO CHARACTER SET`
    Convert(NamedCharset),
    /// `ADD PERIOD FOR`
    AddPeriod(Period),
    /// `ADD SYSTEM VERSIONING`
    AddVersioning,
    /// `DROP SYSTEM VERSIONING`
    DropVersioning,
}

impl Spec {
    /// The column that it defines.
    pub fn defined(&self) -> Option<&ColumnClause> {
        match self {
            Self::Add { column, .. } | Self::Change { column, .. } => Some(column),
            Self::Rename { .. }
            | Self::Drop { .. }
            | Self::Visible { .. }
            | Self::AddKey { .. }
            | Self::DropKey
            | Self::Convert(_)
            | Self::AddPeriod(_)
            | Self::AddVersioning
            | Self::DropVersioning => None,
        }
    }

    /// The names before and after it of the column that it may rename.
    pub fn renamed(&self) -> Option<(&str, &str)> {
        match self {
            Self::Change { old, column, .. } => Some((old, &column.name)),
            Self::Rename { old, new, .. } => Some((old, new)),
            Self::Add { .. }
            | Self::Drop { .. }
            | Self::Visible { .. }
            | Self::AddKey { .. }
            | Self::DropKey
            | Self::Convert(_)
            | Self::AddPeriod(_)
            | Self::AddVersioning
            | Self::DropVersioning => None,
        }
    }
}

/// Where a column goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnPosition {
    /// It stays, or as a new one goes to the end.
    #[default]
    Unnamed,
    /// `FIRST`
    First,
    /// `AFTER`
    After(Box<str>),
}
