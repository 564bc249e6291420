//! A definition out of the CREATE TABLE that a person tells it by.

use std::sync::Arc;

use crate::change::TableDefinition;
use crate::change::definition::{Belief, Connection, Facts, Schemas, apply_statement, blank};
use crate::change::statement::{self, StatementContext};
use crate::row::TableName;

/// A statement that does not tell a table's definition.
#[derive(Debug, thiserror::Error)]
#[error(
    "the statement does not define {table}: {reason}, give the whole CREATE TABLE as SHOW CREATE TABLE prints it"
)]
pub struct NotDefined {
    table: TableName,
    reason: String,
}

/// What a CREATE TABLE makes of a table.
///
/// # Errors
/// A statement that is none, is of another table, or leaves something open.
pub fn defined(
    statement: &str,
    table: &TableName,
    context: StatementContext,
) -> Result<Arc<TableDefinition>, NotDefined> {
    let not_defined = |reason: &str| NotDefined {
        table: table.clone(),
        reason: reason.to_owned(),
    };
    if let Some(blank) = blank(statement) {
        let left = format!("it still has {blank} in it, which is to be filled in");
        return Err(not_defined(&left));
    }
    let mut scanned = statement::scan(statement, &table.database, context);
    if let statement::meaning::Meaning::CreateTable(meaning) = &mut scanned.meaning {
        // It is what the server shows.
        meaning.labels_in_doubt = true;
    }
    if !matches!(scanned.kind, statement::StatementKind::CreateTable { .. }) {
        return Err(not_defined("it is no CREATE TABLE"));
    }
    let mut schemas = Schemas::new(0);
    apply_statement(
        &mut schemas,
        &scanned,
        &Facts {
            context,
            connection: Connection {
                server_id: 0,
                thread_id: 0,
            },
            default_database: None,
            connection_charset: None,
            server_charset: None,
            default_engine: None,
            explicit_defaults_for_timestamp: Some(true),
            utf8_is_utf8mb4: false,
            in_engine_transaction: false,
        },
    );
    match schemas.get(table) {
        Some(Belief::Known(definition)) => match definition.unsettled() {
            Some(column) if column.has_doubtful_labels() => Err(not_defined(&format!(
                "the labels of column {} are those of another column too, and MySQL before 8.0 damages such labels without \
                 showing it: write them as their bytes, as in x'006f00'",
                column.name
            ))),
            Some(column) => Err(not_defined(&format!(
                "the default character set, which column {} has, is not known",
                column.name
            ))),
            None => match repeated(definition) {
                Some(name) => Err(not_defined(&format!("it has two columns {name}"))),
                None => Ok(Arc::clone(definition)),
            },
        },
        Some(Belief::Stale(reason)) => Err(not_defined(reason.as_str())),
        None => Err(not_defined("it names another table")),
    }
}

/// A name that two columns have, in whichever case.
fn repeated(definition: &TableDefinition) -> Option<&str> {
    let mut names = std::collections::HashSet::new();
    let names = definition
        .columns
        .iter()
        .map(|column| &*column.name)
        .filter(move |name| !names.insert(name.to_lowercase()));
    { names }.next()
}
