//! The rows of a server's tables, as a view has them, in the form of row images.

use bytes::Bytes;

use super::error::SourceError;
use super::server::TableView;
use super::server::session::Session;
use super::server::statements::OF_USERS;
use crate::change::{CopiedRows, CopiedTable};
use crate::filter::Rules;
use crate::metrics::one_line;
use crate::mysql::{BinaryRow, ConnectionError, WireKind, WireValue};
use crate::row::{ColumnType, ImageValues, TableName, quoted};

/// The server's errors where a table is not what it was when the view was opened: gone, changed, of other columns.
const CHANGED: [u16; 5] = [1412, 1146, 1054, 1356, 1049];

/// Reads tables one after the other.
#[derive(Debug)]
pub struct TableReader {
    session: Session,
    values: ImageValues,
    /// The table that is being read.
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    table: TableName,
    columns: Vec<(WireKind, ColumnType)>,
    /// Bytes of the last rows, as many as the next may have.
    bytes: usize,
}

/// What there is in the databases of a server.
#[derive(Debug, Default)]
pub struct TableList {
    /// Tables that filters let pass.
    pub tables: Vec<TableName>,
    /// Views and sequences that filters would let pass, each with what it is.
    pub others: Vec<(TableName, String)>,
}

impl TableReader {
    /// Reads what a view shows.
    pub fn new(view: TableView) -> Self {
        Self {
            session: view.session,
            values: ImageValues::default(),
            current: None,
        }
    }

    /// Lists what there is now.
    ///
    /// # Errors
    /// What breaks on the way.
    pub async fn list(&mut self, rules: &Rules) -> Result<TableList, SourceError> {
        let mut list = TableList::default();
        let statement = format!(
            "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, TABLE_TYPE AS type FROM information_schema.TABLES WHERE {OF_USERS} \
             ORDER BY 1, 2"
        );
        self.session
            .ask_in_parts(&statement, |row| {
                let name = TableName::new(row.expect("db")?, row.expect("tab")?);
                if !rules.table(&name.database, &name.table).keep {
                    return Ok(());
                }
                match row.text("type").unwrap_or_default() {
                    "BASE TABLE" | "SYSTEM VERSIONED" => list.tables.push(name),
                    other => list.others.push((name, other.to_lowercase())),
                }
                Ok(())
            })
            .await?;
        Ok(list)
    }

    /// The statement that would make a table.
    ///
    /// # Errors
    /// When the table is gone or may not be seen, or what breaks on the way.
    pub async fn create_statement(&mut self, table: &TableName) -> Result<String, SourceError> {
        let statement = format!("SHOW CREATE TABLE {}", table.quoted());
        let asked = self.session.ask(&statement).await;
        let answer = asked.map_err(|error| disturbed(table, error))?;
        let row = answer.first().ok_or_else(|| answer.lacks("Create Table"))?;
        let text = row.bytes("Create Table");
        let text = text.ok_or_else(|| answer.lacks("Create Table"))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Begins to read a table. All of its rows are to be taken before anything else.
    ///
    /// # Errors
    /// When the table is not what it was, or what breaks on the way.
    pub async fn begin(&mut self, table: &CopiedTable) -> Result<(), SourceError> {
        let name = table.source();
        let published = table.table();
        let kinds = (0..published.columns.len()).map(|index| published.image_kind(index).cloned());
        let kinds: Vec<ColumnType> = kinds.flatten().collect();
        let statement = select(name, table, &kinds);
        let begun = self.session.begin_rows(&statement).await;
        let wire = begun.map_err(|error| disturbed(name, error))?;
        if wire.len() != kinds.len() {
            return Err(SourceError::SnapshotDisturbed {
                table: name.clone(),
                what: "it has other columns".to_owned(),
            });
        }
        self.current = Some(Current {
            table: name.clone(),
            columns: wire.into_iter().zip(kinds).collect(),
            bytes: 0,
        });
        Ok(())
    }

    /// The next rows of the table, so many bytes of them or a little more, and so many at most; `None` after the last.
    ///
    /// # Errors
    /// When the table is not what it was, a value that is none of its column's type, or what breaks on the way.
    pub async fn next(
        &mut self,
        bytes_max: usize,
        rows_max: usize,
    ) -> Result<Option<CopiedRows>, SourceError> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        let bitmap = current.columns.len().div_ceil(8);
        let mut bytes = Vec::with_capacity(current.bytes);
        bytes.resize(bitmap, u8::MAX);
        let mut ends = Vec::new();
        while bytes.len() < bytes_max && ends.len() < rows_max {
            let row = self.session.next_row().await;
            let Some(row) = row.map_err(|error| disturbed(&current.table, error))? else {
                self.current = None;
                break;
            };
            current.row(&row, &mut self.values, &mut bytes)?;
            let end = u32::try_from(bytes.len()).map_err(|_| SourceError::SnapshotDisturbed {
                table: current.table.clone(),
                what: "a row has more than 4 GiB".to_owned(),
            })?;
            ends.push(end);
        }
        if let Some(current) = &mut self.current {
            current.bytes = current.bytes.max(bytes.len() + bytes.len() / 16);
        } else if ends.is_empty() {
            return Ok(None);
        }
        Ok(Some(CopiedRows {
            bytes: Bytes::from(bytes),
            ends,
        }))
    }
}

impl Current {
    /// Appends the image of a row.
    fn row(
        &self,
        payload: &[u8],
        values: &mut ImageValues,
        out: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let malformed = |source| {
            SourceError::Connection(ConnectionError::Malformed {
                address: self.table.to_string(),
                source,
            })
        };
        let mut row = BinaryRow::new(payload, self.columns.len()).map_err(malformed)?;
        let nulls = out.len();
        out.resize(nulls + self.columns.len().div_ceil(8), 0);
        for (index, (wire, kind)) in self.columns.iter().enumerate() {
            let value = row.next(*wire).map_err(malformed)?;
            if value == WireValue::Null {
                if let Some(byte) = out.get_mut(nulls + index / 8) {
                    *byte |= 1 << (index % 8);
                }
                continue;
            }
            let written = values.write(kind, &value, out);
            written.map_err(|source| SourceError::Copied {
                table: self.table.clone(),
                column: index + 1,
                source: Box::new(source),
            })?;
        }
        row.end().map_err(malformed)
    }
}

/// The statement that reads a table, so that each value comes with all that an image has of it.
fn select(name: &TableName, table: &CopiedTable, kinds: &[ColumnType]) -> String {
    let mut statement = String::from("SELECT ");
    let columns = table.definition().columns.iter().zip(kinds);
    for (index, (column, kind)) in columns.enumerate() {
        if index > 0 {
            statement.push_str(", ");
        }
        let column = quoted(&column.name);
        statement.push_str(&match kind {
            ColumnType::Enum { .. }
            | ColumnType::Set { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::RawSet { .. } => format!("CAST({column} AS UNSIGNED)"),
            ColumnType::Inet4 => format!("CAST({column} AS BINARY(4))"),
            ColumnType::Inet6 | ColumnType::Uuid => format!("CAST({column} AS BINARY(16))"),
            _as_it_is => column,
        });
    }
    statement.push_str(" FROM ");
    statement.push_str(&name.quoted());
    statement
}

/// Tells an error that says that a table is not what it was.
fn disturbed(table: &TableName, error: SourceError) -> SourceError {
    match error.server_code() {
        Some(code) if CHANGED.contains(&code) => SourceError::SnapshotDisturbed {
            table: table.clone(),
            what: one_line(&error),
        },
        Some(_) | None => error,
    }
}
