//! The columns of a table on the server that is rebuilt, as far as writing a value needs them.

use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::json::Json;
use super::super::output::{Row, TableName};

/// A table's columns.
#[derive(Debug)]
pub struct Schema {
    columns: Vec<Column>,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: Box<str>,
    /// How its values are written.
    pub kind: Kind,
    /// Whether it is part of the primary key.
    pub is_key: bool,
    /// Whether the server computes its values.
    is_generated: bool,
}

/// How a column's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As a bare number, exactly as it stands.
    Number,
    /// As a bare number with an exponent, so that it is no decimal on its way.
    Double,
    /// As text.
    Text,
    /// As text with a zone, which the session's zone replaces.
    Timestamp,
    /// As base64 of bytes of any length.
    Bytes,
    /// As base64 of just so many bytes.
    FixedBytes(usize),
    /// As a document.
    Document,
}

impl Schema {
    /// Reads the table's columns.
    pub fn read(conn: &mut Conn, table: &TableName) -> Result<Self, String> {
        let rows: Vec<(String, String, Option<u64>, String, String)> = conn
            .query(format!(
                "SELECT column_name, data_type, character_octet_length, column_key, extra FROM information_schema.columns \
                 WHERE table_schema = '{}' AND table_name = '{}' ORDER BY ordinal_position",
                table.database, table.table
            ))
            .map_err(|error| error.to_string())?;
        if rows.is_empty() {
            return Err(format!("{table} does not exist"));
        }
        let columns: Result<Vec<Column>, String> = rows
            .into_iter()
            .map(|(name, data_type, length, key, extra)| {
                Ok(Column {
                    kind: kind(&data_type, length).ok_or_else(|| {
                        format!("{table}.{name} is a {data_type}, which nobody can write")
                    })?,
                    name: name.into(),
                    is_key: key == "PRI",
                    is_generated: ["VIRTUAL ", "STORED "]
                        .iter()
                        .any(|kind| extra.to_uppercase().contains(kind)),
                })
            })
            .collect();
        Ok(Self { columns: columns? })
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Result<&Column, String> {
        let found = self.columns.iter().find(|column| *column.name == *name);
        found.ok_or_else(|| format!("there is no column {name}"))
    }

    /// The values of a row that a statement may write.
    pub fn written<'a>(
        &'a self,
        row: &'a Row,
    ) -> Result<impl Iterator<Item = &'a (Box<str>, Json)>, String> {
        for (name, _) in &row.0 {
            self.column(name)?;
        }
        let is_generated = |name: &str| self.column(name).is_ok_and(|column| column.is_generated);
        Ok(row.0.iter().filter(move |(name, _)| !is_generated(name)))
    }

    /// The columns of the primary key.
    pub fn key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.is_key)
    }

    /// Whether there is a primary key.
    pub fn has_key(&self) -> bool {
        self.key().next().is_some()
    }
}

fn kind(data_type: &str, length: Option<u64>) -> Option<Kind> {
    Some(match data_type.to_ascii_lowercase().as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "year" | "bit" => {
            Kind::Number
        }
        "float" | "double" => Kind::Double,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
        | "date" | "time" | "datetime" => Kind::Text,
        "timestamp" => Kind::Timestamp,
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        "binary" => Kind::FixedBytes(usize::try_from(length?).ok()?),
        "json" => Kind::Document,
        _unknown => return None,
    })
}
