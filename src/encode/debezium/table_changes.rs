//! What a DDL statement made of a table: the member `tableChanges`.
//!
//! What rowtap does not know of a column is null: its default, its comment, AUTO_INCREMENT.

use serde::Serialize;

use crate::change::{ColumnDefinition, TableChange, TableDefinition};
use crate::encode::json::{column_type, table_id};

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

/// Appends the changes as an array.
pub(super) fn write(changes: &[TableChange], out: &mut Vec<u8>) {
    let changes: Vec<ChangeMember> = changes.iter().map(ChangeMember::of).collect();
    serde_json::to_writer(out, &changes).expect("the changes have string keys only");
}

impl ChangeMember {
    fn of(change: &TableChange) -> Self {
        Self {
            r#type: change.kind.word(),
            id: table_id(&change.table),
            table: change.definition.as_deref().map(TableMember::of),
        }
    }
}

impl TableMember {
    fn of(definition: &TableDefinition) -> Self {
        let key = definition.key_columns();
        let columns = definition.columns.iter().enumerate();
        Self {
            default_charset_name: definition.charset.clone(),
            primary_key_column_names: key.map(|column| column.name.clone()).collect(),
            columns: columns
                .map(|(index, column)| ColumnMember::of(index + 1, column))
                .collect(),
            comment: None,
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
    fn of(position: usize, column: &ColumnDefinition) -> Self {
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
            auto_incremented: None,
            generated: column.generated.is_some(),
            comment: None,
            default_value_expression: None,
            enum_values: is_listed.then(|| labels.iter().map(|label| quoted(label)).collect()),
        }
    }
}
