//! What a DDL statement made of tables: the member `tableChanges` of its message, in the shape of Debezium's schema change
//! events.
//!
//! What rowtap does not know of a column (its default, its comment, AUTO_INCREMENT) is left out.

use serde::Serialize;

use crate::change::{ColumnDefinition, TableChange, TableDefinition};
use crate::row::TableName;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeMember {
    r#type: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_id: Option<String>,
    table: Option<TableMember>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TableMember {
    default_charset_name: Option<Box<str>>,
    primary_key_column_names: Vec<Box<str>>,
    columns: Vec<ColumnMember>,
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
    generated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    enum_values: Vec<Box<str>>,
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
            previous_id: change.previous.as_ref().map(table_id),
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
        }
    }
}

impl ColumnMember {
    fn of(position: usize, column: &ColumnDefinition) -> Self {
        let found = column_type(column);
        Self {
            name: column.name.clone(),
            jdbc_type: found.jdbc_type,
            native_type: None,
            type_name: found.name.clone(),
            type_expression: found.name,
            charset_name: column.charset.clone(),
            length: found.length,
            scale: found.scale,
            position,
            optional: column.nullable,
            generated: column.generated.is_some(),
            enum_values: column.labels(),
        }
    }
}

/// A column's type as Debezium tells it.
pub(in crate::encode) struct TypeMembers {
    pub(in crate::encode) jdbc_type: i32,
    pub(in crate::encode) name: String,
    pub(in crate::encode) length: Option<u32>,
    pub(in crate::encode) scale: Option<u32>,
}

/// A column's type as Debezium tells it.
pub(in crate::encode) fn column_type(column: &ColumnDefinition) -> TypeMembers {
    let data_type = column.data_type();
    let is_listed = matches!(data_type, "enum" | "set");
    let name = data_type.to_uppercase();
    let mut sizes = column
        .column_type
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .filter(|_| !is_listed)
        .map_or("", |(sizes, _)| sizes)
        .split(',')
        .map_while(|size| size.trim().parse().ok());
    TypeMembers {
        jdbc_type: jdbc_type(data_type),
        name: match column.unsigned() {
            true => format!("{name} UNSIGNED"),
            false => name,
        },
        length: if is_listed { Some(1) } else { sizes.next() },
        scale: sizes.next(),
    }
}

/// A table's name as Debezium tells it.
pub(in crate::encode) fn table_id(table: &TableName) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", quoted(&table.database), quoted(&table.table))
}

/// The constant of `java.sql.Types` for a data type; OTHER where there is none.
fn jdbc_type(data_type: &str) -> i32 {
    match data_type {
        "bit" => -7,
        "bigint" => -5,
        "varbinary" => -3,
        "binary" => -2,
        "char" | "enum" | "set" => 1,
        "decimal" => 3,
        "mediumint" | "int" | "year" => 4,
        "tinyint" | "smallint" => 5,
        "float" => 6,
        "double" => 8,
        "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => 12,
        "date" => 91,
        "time" => 92,
        "datetime" => 93,
        "tinyblob" | "blob" | "mediumblob" | "longblob" => 2004,
        "timestamp" => 2014,
        _other => 1111,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::change::TableChangeKind;

    fn column(name: &str, column_type: &str) -> ColumnDefinition {
        ColumnDefinition {
            name: name.into(),
            column_type: column_type.into(),
            ..ColumnDefinition::default()
        }
    }

    #[test]
    fn a_change_tells_the_tables_columns_key_and_old_name() {
        let definition = TableDefinition {
            columns: vec![
                column("id", "bigint(20) unsigned"),
                column("price", "decimal(10,2)"),
                ColumnDefinition {
                    nullable: true,
                    charset: Some("latin1".into()),
                    ..column("size", "enum('s','it''s(1)')")
                },
            ],
            key: vec![0],
            charset: Some("utf8mb4".into()),
            ..TableDefinition::default()
        };
        let changes = [
            TableChange {
                kind: TableChangeKind::Alter,
                table: TableName::new("d", "new\"er"),
                previous: Some(TableName::new("d", "old")),
                definition: Some(Arc::new(definition)),
                former: None,
            },
            TableChange {
                kind: TableChangeKind::Drop,
                table: TableName::new("d", "gone"),
                previous: None,
                definition: None,
                former: None,
            },
        ];
        let mut out = Vec::new();
        write(&changes, &mut out);
        let found: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            found,
            json!([
                {
                    "type": "ALTER", "id": "\"d\".\"new\"\"er\"", "previousId": "\"d\".\"old\"",
                    "table": {
                        "defaultCharsetName": "utf8mb4", "primaryKeyColumnNames": ["id"],
                        "columns": [
                            {
                                "name": "id", "jdbcType": -5, "nativeType": null, "typeName": "BIGINT UNSIGNED",
                                "typeExpression": "BIGINT UNSIGNED", "charsetName": null, "length": 20, "scale": null,
                                "position": 1, "optional": false, "generated": false,
                            },
                            {
                                "name": "price", "jdbcType": 3, "nativeType": null, "typeName": "DECIMAL",
                                "typeExpression": "DECIMAL", "charsetName": null, "length": 10, "scale": 2,
                                "position": 2, "optional": false, "generated": false,
                            },
                            {
                                "name": "size", "jdbcType": 1, "nativeType": null, "typeName": "ENUM",
                                "typeExpression": "ENUM", "charsetName": "latin1", "length": 1, "scale": null,
                                "position": 3, "optional": true, "generated": false, "enumValues": ["s", "it's(1)"],
                            },
                        ],
                    },
                },
                { "type": "DROP", "id": "\"d\".\"gone\"", "table": null },
            ])
        );
    }
}
