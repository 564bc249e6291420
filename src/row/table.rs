//! A table as rows events refer to it.

use std::fmt;

/// A table's qualified name.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct TableName {
    /// The database (MySQL's schema).
    pub database: Box<str>,
    /// The table.
    pub table: Box<str>,
}

impl TableName {
    /// Makes a name of its two parts.
    pub fn new(database: impl Into<Box<str>>, table: impl Into<Box<str>>) -> Self {
        Self {
            database: database.into(),
            table: table.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// A table under one definition. A new definition is a new value; encoders hold plans by this value's address.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The name to publish under, after `replicate-rewrite-db`.
    pub name: TableName,
    /// The columns, in the order of the row image.
    pub columns: Vec<Column>,
    /// Indexes of the primary key's columns, in key order; empty for a table without one.
    pub key: Vec<usize>,
}

/// A column under one definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: Box<str>,
    /// How its bytes are read.
    pub kind: super::ColumnType,
    /// Whether the server's definition allows NULL.
    pub nullable: bool,
}
