//! Statements that apply row changes: one for a run of inserts or of deletes by key, one for each other change.

use super::super::json::Json;
use super::super::output::{Change, Row, TableName};
use super::literal;
use super::schema::{Column, Kind, Schema};

/// Rows in one statement.
const ROWS_MAX: usize = 500;

/// What a run of changes has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Inserts of these columns.
    Insert { columns: Vec<Box<str>> },
    /// Deletes from a table with a primary key.
    DeleteByKey,
    /// One change that joins no other.
    Single,
}

/// A statement that may still grow.
#[derive(Debug)]
pub struct Run {
    table: TableName,
    kind: RunKind,
    sql: String,
    rows: usize,
}

impl Run {
    /// Begins one.
    pub fn new(table: TableName, kind: RunKind) -> Self {
        Self {
            table,
            kind,
            sql: String::new(),
            rows: 0,
        }
    }

    /// Whether a change of this table and kind may join.
    pub fn takes(&self, table: &TableName, kind: &RunKind) -> bool {
        *kind != RunKind::Single
            && self.kind == *kind
            && self.table == *table
            && self.rows < ROWS_MAX
    }

    /// How many rows it changes.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The whole statement.
    pub fn finish(mut self) -> String {
        if self.kind == RunKind::DeleteByKey {
            self.sql.push(')');
        }
        self.sql
    }

    /// Adds a change of the run's kind.
    pub fn add(&mut self, schema: &Schema, change: &Change) -> Result<(), String> {
        let is_first = self.rows == 0;
        match change {
            Change::Create { after } | Change::Read { after } => {
                self.insert(schema, after, is_first)?;
            }
            Change::Delete { before } if self.kind == RunKind::DeleteByKey => {
                self.delete_by_key(schema, before, is_first)?;
            }
            Change::Delete { before } => {
                self.sql
                    .push_str(&format!("DELETE FROM {} WHERE ", self.quoted()));
                self.find(schema, before)?;
            }
            Change::Update { before, after } => {
                self.sql.push_str(&format!("UPDATE {} SET ", self.quoted()));
                for (index, (name, value)) in schema.written(after)?.enumerate() {
                    let column = schema.column(name)?;
                    self.sql.push_str(if index > 0 { ", " } else { "" });
                    self.sql.push_str(&format!("`{name}` = "));
                    literal::write(column.kind, value, &mut self.sql)?;
                }
                self.sql.push_str(" WHERE ");
                self.find(schema, before)?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn quoted(&self) -> String {
        format!("`{}`.`{}`", self.table.database, self.table.table)
    }

    fn insert(&mut self, schema: &Schema, row: &Row, is_first: bool) -> Result<(), String> {
        if is_first {
            let names: Vec<String> = schema
                .written(row)?
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            self.sql = format!(
                "INSERT INTO {} ({}) VALUES ",
                self.quoted(),
                names.join(", ")
            );
        } else {
            self.sql.push_str(", ");
        }
        for (index, (name, value)) in schema.written(row)?.enumerate() {
            self.sql.push_str(if index > 0 { ", " } else { "(" });
            literal::write(schema.column(name)?.kind, value, &mut self.sql)?;
        }
        self.sql.push(')');
        Ok(())
    }

    fn delete_by_key(&mut self, schema: &Schema, row: &Row, is_first: bool) -> Result<(), String> {
        if is_first {
            let names: Vec<String> = schema
                .key()
                .map(|column| format!("`{}`", column.name))
                .collect();
            self.sql = format!(
                "DELETE FROM {} WHERE ({}) IN (",
                self.quoted(),
                names.join(", ")
            );
        } else {
            self.sql.push_str(", ");
        }
        for (index, column) in schema.key().enumerate() {
            self.sql.push_str(if index > 0 { ", " } else { "(" });
            literal::write(column.kind, value(row, column)?, &mut self.sql)?;
        }
        self.sql.push(')');
        Ok(())
    }

    /// Appends the condition that one row meets: by its key, or where there is none by every column, byte for byte.
    fn find(&mut self, schema: &Schema, row: &Row) -> Result<(), String> {
        if schema.has_key() {
            for (index, column) in schema.key().enumerate() {
                self.sql.push_str(if index > 0 { " AND " } else { "" });
                self.sql.push_str(&format!("`{}` = ", column.name));
                literal::write(column.kind, value(row, column)?, &mut self.sql)?;
            }
            return Ok(());
        }
        for (index, (name, value)) in row.0.iter().enumerate() {
            let column = schema.column(name)?;
            let mut text = String::new();
            literal::write(column.kind, value, &mut text)?;
            self.sql.push_str(if index > 0 { " AND " } else { "" });
            let condition = match column.kind {
                Kind::Text => format!(
                    "CAST(CONVERT(`{name}` USING utf8mb4) AS BINARY) <=> CAST({text} AS BINARY)"
                ),
                Kind::Document if *value != Json::Null => {
                    format!("`{name}` <=> CAST({text} AS JSON)")
                }
                Kind::Document
                | Kind::Number
                | Kind::Double
                | Kind::Timestamp
                | Kind::Bytes
                | Kind::FixedBytes(_) => {
                    format!("`{name}` <=> {text}")
                }
            };
            self.sql.push_str(&condition);
        }
        self.sql.push_str(" LIMIT 1");
        Ok(())
    }
}

fn value<'a>(row: &'a Row, column: &Column) -> Result<&'a Json, String> {
    row.get(&column.name)
        .ok_or_else(|| format!("the row has no {}", column.name))
}
