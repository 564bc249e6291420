//! A table's definition as the source's information_schema told it, with the coordinates that bound its validity.

use crate::binlog::Coordinates;

/// What information_schema said of a table.
///
/// It was true at some moment between the two coordinates, which were read from the source before and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The columns in the table's order, those that are never in a row image left out.
    pub columns: Vec<ColumnDefinition>,
    /// Indexes of the primary key's columns, in key order.
    pub key: Vec<usize>,
    /// Whether the table's engine takes part in transactions; `None` if the source does not say.
    pub transactional: Option<bool>,
    /// The source's coordinates before it was read.
    pub read_from: Coordinates,
    /// The source's coordinates after it was read.
    pub read_to: Coordinates,
}

/// What information_schema said of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: Box<str>,
    /// DATA_TYPE, in lower case: `int`, `varchar`, `enum`.
    pub data_type: Box<str>,
    /// COLUMN_TYPE as given: `int(10) unsigned`, `enum('a','b')`.
    pub column_type: Box<str>,
    /// Whether numbers are unsigned.
    pub unsigned: bool,
    /// The character set's name, of text, ENUM and SET columns.
    pub charset: Option<Box<str>>,
    /// The labels of ENUM and SET, unquoted.
    pub labels: Vec<Box<str>>,
    /// Whether NULL is allowed.
    pub nullable: bool,
}
