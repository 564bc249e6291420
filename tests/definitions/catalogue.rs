//! What a server says of the tables of the tests' databases at one moment.

use std::collections::BTreeMap;

use mysql::Conn;
use mysql::prelude::Queryable;

/// The databases that statements are made for; the second comes and goes.
pub const DATABASES: [&str; 2] = ["shop", "depot"];

/// Every base table by `database.table`.
pub type Catalogue = BTreeMap<String, Table>;

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The names of its primary key's columns, in key order.
    pub key: Vec<String>,
    /// What SHOW CREATE TABLE says of it.
    pub definition: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: String,
    /// Its EXTRA, in upper case.
    pub extra: String,
    /// Its character set.
    pub charset: Option<String>,
}

impl Column {
    /// Whether the server makes its values.
    pub fn is_made(&self) -> bool {
        self.extra.contains("VIRTUAL")
            || self.extra.contains("STORED")
            || self.extra.contains("AUTO_INCREMENT")
    }
}

impl Table {
    /// The names of its columns.
    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| &*column.name).collect()
    }

    /// Columns that are no part of the key.
    pub fn others(&self) -> Vec<&Column> {
        let is_other = |column: &&Column| !self.key.contains(&column.name);
        self.columns.iter().filter(is_other).collect()
    }
}

/// Reads all tables of the databases of the tests.
#[track_caller]
pub fn read(conn: &mut Conn) -> Catalogue {
    read_of(conn, &DATABASES)
}

/// Reads all tables of these databases.
#[track_caller]
pub fn read_of(conn: &mut Conn, databases: &[&str]) -> Catalogue {
    let databases: Vec<String> = databases.iter().map(|name| format!("'{name}'")).collect();
    let databases = databases.join(", ");
    let columns: Vec<(String, String, String, String, String, Option<String>)> = conn
        .query(format!(
            "SELECT c.table_schema, c.table_name, c.column_name, c.column_type, c.extra, c.character_set_name FROM \
             information_schema.columns c \
             JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE c.table_schema IN ({databases}) AND t.table_type = 'BASE TABLE' ORDER BY 1, 2, c.ordinal_position"
        ))
        .expect("the server lists columns");
    let mut tables = Catalogue::new();
    for (database, table, name, column_type, extra, charset) in columns {
        let table = tables.entry(format!("{database}.{table}")).or_default();
        table.columns.push(Column {
            name,
            column_type,
            extra: extra.to_uppercase(),
            charset,
        });
    }
    let keys: Vec<(String, String, String)> = conn
        .query(format!(
            "SELECT table_schema, table_name, column_name FROM information_schema.statistics \
             WHERE table_schema IN ({databases}) AND index_name = 'PRIMARY' ORDER BY 1, 2, seq_in_index"
        ))
        .expect("the server lists keys");
    for (database, table, column) in keys {
        if let Some(table) = tables.get_mut(&format!("{database}.{table}")) {
            table.key.push(column);
        }
    }
    for (name, table) in &mut tables {
        // No other client changes definitions, so it is still there.
        let shown: Option<(String, String)> = conn
            .query_first(format!(
                "SHOW CREATE TABLE `{}`",
                name.replacen('.', "`.`", 1)
            ))
            .expect("the server shows its table");
        table.definition = shown.map(|(_, text)| text).unwrap_or_default();
    }
    tables
}
