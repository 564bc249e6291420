//! What a DDL statement made of a table: the member `tableChanges`.

use serde::Serialize;

use crate::change::{ColumnDefinition, TableChange, TableDefinition};
use crate::encode::json::{column_type, table_id};
use crate::row::DefaultValue;

#[derive(Serialize)]
struct ChangeMember {
    r#type: &'static str,
    id: String,
    table: Option<TableMember>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TableMember {
    default_charset_name: Option<Box<str>>,
    primary_key_column_names: Vec<Box<str>>,
    columns: Vec<ColumnMember>,
    comment: Option<Box<str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ColumnMember {
    name: Box<str>,
    jdbc_type: i32,
    native_type: Option<i32>,
    type_name: String,
    type_expression: String,
    charset_name: Option<Box<str>>,
    length: Option<u32>,
    scale: Option<u32>,
    position: usize,
    optional: bool,
    auto_incremented: Option<bool>,
    generated: bool,
    comment: Option<Box<str>>,
    default_value_expression: Option<Box<str>>,
    enum_values: Option<Vec<String>>,
}

/// Appends the changes as an array, comments among them or not.
pub(super) fn write(changes: &[TableChange], comments: bool, out: &mut Vec<u8>) {
    let changes = changes
        .iter()
        .map(|change| ChangeMember::of(change, comments));
    let changes: Vec<ChangeMember> = changes.collect();
    serde_json::to_writer(out, &changes).expect("the changes have string keys only");
}

impl ChangeMember {
    fn of(change: &TableChange, comments: bool) -> Self {
        let table = change.definition.as_deref();
        Self {
            r#type: change.kind.word(),
            id: table_id(&change.table),
            table: table.map(|table| TableMember::of(table, comments)),
        }
    }
}

impl TableMember {
    fn of(definition: &TableDefinition, comments: bool) -> Self {
        let key = definition.key_columns();
        let columns = definition.columns.iter().enumerate();
        Self {
            default_charset_name: definition.charset.clone(),
            primary_key_column_names: key.map(|column| column.name.clone()).collect(),
            columns: columns
                .map(|(index, column)| ColumnMember::of(index + 1, column, comments))
                .collect(),
            comment: definition.comment.0.clone().filter(|_| comments),
        }
    }
}

/// The name of a column's type, its length and its scale, as Debezium tells them.
pub(super) fn told_type(column: &ColumnDefinition) -> (String, Option<u32>, Option<u32>) {
    let found = column_type(column);
    let length = match (column.data_type(), column.labels().len()) {
        // Of a SET, that of its labels with commas between, were each a letter.
        ("set", count) => u32::try_from((2 * count).saturating_sub(1)).ok(),
        _other => found.length,
    };
    (found.name, length, found.scale)
}

impl ColumnMember {
    fn of(position: usize, column: &ColumnDefinition, comments: bool) -> Self {
        let described = column.described.0.as_ref();
        let found = column_type(column);
        let (_, length, _) = told_type(column);
        let labels = column.labels();
        let is_listed = matches!(column.data_type(), "enum" | "set");
        let quoted = |label: &str| format!("'{}'", label.replace('\'', "''"));
        Self {
            name: column.name.clone(),
            jdbc_type: found.jdbc_type,
            native_type: None,
            type_name: found.name.clone(),
            type_expression: found.name,
            charset_name: column.charset.clone(),
            length,
            scale: found.scale,
            position,
            optional: column.nullable,
            auto_incremented: described.map(|it| it.auto_increment),
            generated: column.generated.is_some(),
            comment: column.comment().filter(|_| comments).map(Into::into),
            default_value_expression: column.default_value().and_then(expression),
            enum_values: is_listed.then(|| labels.iter().map(|label| quoted(label)).collect()),
        }
    }
}

/// A default as Debezium tells it.
fn expression(default: &DefaultValue) -> Option<Box<str>> {
    match default {
        DefaultValue::Text(text)
        | DefaultValue::Number(text)
        | DefaultValue::Bits(text)
        | DefaultValue::Hex(text) => Some(text.clone()),
        DefaultValue::Now => Some("1970-01-01 00:00:00".into()),
        DefaultValue::Computed => None,
    }
}
