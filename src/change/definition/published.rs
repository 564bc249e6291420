//! A definition as it is published: without what is not known of it, and as the rules on columns say.

use std::borrow::Cow;
use std::sync::Arc;

use super::aside::Aside;
use super::charset;
use super::table::{ColumnDefinition, ComputedFrom, TableDefinition};
use crate::filter::{ColumnRuleError, ColumnRules, ColumnVerdict};
use crate::row::{Digester, Replacement, TableName};

/// The character set of what takes the place of values.
const CHARSET: &str = "utf8mb4";
/// Characters of the longest VARCHAR of that character set.
const VARCHAR_MAX: usize = 16_383;

/// A definition as it is published under the table's published name: with its table's default character set where that is
/// known; `None` where that of a column is not.
///
/// # Errors
/// Rules that do not fit the table.
pub(in crate::change) fn published(
    definition: &Arc<TableDefinition>,
    table: &TableName,
    rules: &ColumnRules,
) -> Result<Option<Arc<TableDefinition>>, ColumnRuleError> {
    if definition.unsettled().is_some() {
        return Ok(None);
    }
    let mut published = Arc::clone(definition);
    if published
        .charset
        .as_deref()
        .is_some_and(charset::is_unsettled)
    {
        Arc::make_mut(&mut published).charset = None;
    }
    if !rules.is_empty() {
        treat(Arc::make_mut(&mut published), table, rules)?;
    }
    Ok(Some(published))
}

fn treat(
    definition: &mut TableDefinition,
    table: &TableName,
    rules: &ColumnRules,
) -> Result<(), ColumnRuleError> {
    let mut columns = Vec::with_capacity(definition.columns.len());
    // Where each column is in what is published.
    let mut places = Vec::with_capacity(definition.columns.len());
    for (index, column) in definition.columns.iter().enumerate() {
        let is_key = definition.key.contains(&index);
        let column = match rules.judge_fitting(table, &column.name, is_key)? {
            ColumnVerdict::Kept { .. } => column.clone(),
            ColumnVerdict::LeftOut { .. } => {
                places.push(None);
                continue;
            }
            ColumnVerdict::Replaced { by, replacement } => {
                let Some(replaced) = replaced(column, replacement) else {
                    return Err(ColumnRuleError::unfit(table, &column.name, by));
                };
                replaced
            }
        };
        places.push(Some(columns.len()));
        columns.push(column);
    }
    if columns.is_empty() {
        let columns = definition.columns.iter();
        return Err(rules.nothing_left(table, columns.map(|column| &*column.name)));
    }
    let key = definition.key.iter();
    definition.key = key
        .filter_map(|index| places.get(*index).copied().flatten())
        .collect();
    definition.columns = columns;
    definition.hidden = Vec::new();
    Ok(())
}

/// A column as its values are published, which are replaced; `None` if they cannot be.
fn replaced(column: &ColumnDefinition, replacement: &Replacement) -> Option<ColumnDefinition> {
    let data_type = column.data_type();
    let is_text = matches!(
        data_type,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext"
    );
    let (column_type, charset): (Cow<'_, str>, _) = match replacement {
        Replacement::Fixed(text) => (varchar(text.chars().count()).into(), CHARSET),
        Replacement::Each(_) if is_text => ((&*column.column_type).into(), CHARSET),
        Replacement::Each(_) => ("longtext".into(), CHARSET),
        Replacement::Digest(_) => (format!("char({})", Digester::DIGITS).into(), CHARSET),
        Replacement::Start(letters) if is_text => {
            let charset = column.charset.as_deref().unwrap_or(CHARSET);
            (shortened(&column.column_type, data_type, *letters), charset)
        }
        Replacement::Start(_) => return None,
    };
    Some(ColumnDefinition {
        name: column.name.clone(),
        column_type: column_type.into(),
        charset: Some(charset.into()),
        nullable: column.nullable,
        generated: None,
        invisible: column.invisible,
        computed_from: ComputedFrom::default(),
        described: Aside::default(),
    })
}

fn varchar(letters: usize) -> String {
    match letters {
        0..=VARCHAR_MAX => format!("varchar({letters})"),
        _longer => "longtext".to_owned(),
    }
}

/// A type of text of at most so many characters.
fn shortened<'a>(column_type: &'a str, data_type: &str, letters: usize) -> Cow<'a, str> {
    let inside = column_type.split_once('(');
    let length = inside.and_then(|(_, rest)| rest.split_once(')'));
    let length = length.and_then(|(length, _)| length.trim().parse::<usize>().ok());
    match length {
        Some(length) if length > letters => format!("{data_type}({letters})").into(),
        Some(_) | None => column_type.into(),
    }
}
