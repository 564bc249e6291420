//! Tables' definitions out of the source's information_schema.
//!
//! A definition is only as good as the coordinates around it: they are read from the source before and after, and it is
//! for the assembler to judge whether anything happened to the table in between or since.

use std::collections::HashMap;

use super::labels::labels;
use super::session::Session;
use super::{Options, SourceError, statements};
use crate::binlog::Coordinates;
use crate::change::{ColumnDefinition, Definition};
use crate::row::TableName;

/// Reads definitions over a connection of its own, opened when first needed.
#[derive(Debug)]
pub struct Definitions {
    options: Options,
    session: Option<Session>,
}

impl Definitions {
    /// Makes a reader; nothing is connected yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            session: None,
        }
    }

    /// Reads how a table is defined now, with the source's coordinates before and after; `None` if there is no such table
    /// or the account sees none. Views and sequences are no tables.
    ///
    /// An old connection that turns out broken is replaced once.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn read(&mut self, table: &TableName) -> Result<Option<Definition>, SourceError> {
        if let Some(mut session) = self.session.take() {
            match read(&mut session, table).await {
                Ok(definition) => {
                    self.session = Some(session);
                    return Ok(definition);
                }
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
        }
        let mut session = Session::open(&self.options).await?;
        session.ask("SET NAMES utf8mb4").await?;
        show_generated_keys(&mut session).await?;
        let definition = read(&mut session, table).await?;
        self.session = Some(session);
        Ok(definition)
    }
}

/// Generated invisible primary keys are in every row image, yet a server may be set to leave them out of
/// information_schema.
async fn show_generated_keys(session: &mut Session) -> Result<(), SourceError> {
    const VARIABLE: &str = "show_gipk_in_create_table_and_information_schema";
    if statements::variables(session, &[VARIABLE])
        .await?
        .is_empty()
    {
        return Ok(());
    }
    session
        .ask(&format!("SET SESSION {VARIABLE} = ON"))
        .await
        .map(drop)
}

async fn read(session: &mut Session, table: &TableName) -> Result<Option<Definition>, SourceError> {
    let read_from = end_of_binlog(session).await?;
    let Some(engine) = engine(session, table).await? else {
        return Ok(None);
    };
    let columns = columns(session, table).await?;
    let key = key(session, table, &columns).await?;
    let transactional = transactional(session, &engine).await?;
    let read_to = end_of_binlog(session).await?;
    if columns.is_empty() {
        return Ok(None);
    }
    Ok(Some(Definition {
        columns,
        key,
        transactional,
        read_from,
        read_to,
    }))
}

async fn end_of_binlog(session: &mut Session) -> Result<Coordinates, SourceError> {
    statements::status(session)
        .await?
        .map(|status| status.coordinates)
        .ok_or(SourceError::BinlogOff)
}

/// The table's engine, empty if it has none; `None` if this is no table.
async fn engine(session: &mut Session, table: &TableName) -> Result<Option<String>, SourceError> {
    let answer = session
        .ask(&format!(
            "SELECT TABLE_TYPE AS type, ENGINE AS engine FROM information_schema.TABLES WHERE {}",
            is_table(table)
        ))
        .await?;
    Ok(answer.first().and_then(|row| match row.text("type") {
        Some("BASE TABLE" | "SYSTEM VERSIONED") => {
            Some(row.text("engine").unwrap_or_default().to_owned())
        }
        Some(_) | None => None,
    }))
}

async fn columns(
    session: &mut Session,
    table: &TableName,
) -> Result<Vec<ColumnDefinition>, SourceError> {
    let answer = session
        .ask(&format!(
            "SELECT COLUMN_NAME AS name, DATA_TYPE AS data_type, COLUMN_TYPE AS column_type, CHARACTER_SET_NAME AS charset, \
             IS_NULLABLE AS nullable FROM information_schema.COLUMNS WHERE {} ORDER BY ORDINAL_POSITION",
            is_table(table)
        ))
        .await?;
    answer
        .rows()
        .map(|row| {
            let column_type = row.expect("column_type")?;
            Ok(ColumnDefinition {
                name: row.expect("name")?.into(),
                data_type: row.expect("data_type")?.to_ascii_lowercase().into(),
                column_type: column_type.into(),
                unsigned: is_unsigned(column_type),
                charset: row.text("charset").map(Into::into),
                labels: labels(column_type).unwrap_or_default(),
                nullable: row.expect("nullable")?.eq_ignore_ascii_case("YES"),
            })
        })
        .collect()
}

/// Indexes of the primary key's columns, in key order.
async fn key(
    session: &mut Session,
    table: &TableName,
    columns: &[ColumnDefinition],
) -> Result<Vec<usize>, SourceError> {
    let answer = session
        .ask(&format!(
            "SELECT COLUMN_NAME AS name FROM information_schema.STATISTICS WHERE {} AND INDEX_NAME = 'PRIMARY' ORDER BY \
             SEQ_IN_INDEX",
            is_table(table)
        ))
        .await?;
    let places: HashMap<&str, usize> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| (column.name.as_ref(), place))
        .collect();
    answer
        .rows()
        .map(|row| {
            let name = row.expect("name")?;
            places
                .get(name)
                .copied()
                .ok_or_else(|| answer.lacks("column of the primary key"))
        })
        .collect()
}

async fn transactional(session: &mut Session, engine: &str) -> Result<Option<bool>, SourceError> {
    let answer = session
        .ask(
            "SELECT ENGINE AS engine, TRANSACTIONS AS transactions FROM information_schema.ENGINES",
        )
        .await?;
    let found = answer
        .rows()
        .find(|row| {
            row.text("engine")
                .is_some_and(|name| name.eq_ignore_ascii_case(engine))
        })
        .and_then(|row| row.text("transactions"));
    Ok(found.map(|transactions| transactions.eq_ignore_ascii_case("YES")))
}

fn is_table(table: &TableName) -> String {
    format!(
        "TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        statements::literal(&table.database),
        statements::literal(&table.table)
    )
}

/// Whether a COLUMN_TYPE has the word behind its type; labels of an ENUM may hold it too.
fn is_unsigned(column_type: &str) -> bool {
    labels(column_type).is_none()
        && column_type
            .split_ascii_whitespace()
            .skip(1)
            .any(|word| word == "unsigned")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_is_read_from_the_type_not_from_labels() {
        for (column_type, expected) in [
            ("int(10) unsigned", true),
            ("bigint unsigned zerofill", true),
            ("int", false),
            ("enum('an unsigned label')", false),
            ("set('x unsigned y','z')", false),
        ] {
            assert_eq!(is_unsigned(column_type), expected, "{column_type}");
        }
    }
}
