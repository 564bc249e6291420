//! What a DDL statement made of a table or database: the first members of its message.

use crate::change::statement::StatementKind;
use crate::change::{ColumnDefinition, Ddl, TableChange, TableChangeKind, TableDefinition};
use crate::row::{TableName, write_integer, write_string};

/// How many messages a statement becomes: one a table that it made, altered or dropped, or one a database.
pub(super) fn count(ddl: &Ddl) -> usize {
    match &ddl.kind {
        StatementKind::CreateTable { .. }
        | StatementKind::AlterTable
        | StatementKind::RenameTable => ddl.changes.len(),
        StatementKind::DropTable { .. } | StatementKind::TruncateTable => ddl.tables.len(),
        StatementKind::CreateDatabase
        | StatementKind::AlterDatabase
        | StatementKind::DropDatabase => 1,
        _of_no_table => 0,
    }
}

/// Appends the members that say what the statement is and what it made, of the message of this number.
pub(super) fn write(ddl: &Ddl, number: usize, out: &mut Vec<u8>) {
    match &ddl.kind {
        StatementKind::CreateDatabase => write_database("database-create", ddl, out),
        StatementKind::AlterDatabase => write_database("database-alter", ddl, out),
        StatementKind::DropDatabase => write_type("database-drop", &ddl.database, None, out),
        StatementKind::TruncateTable => write_table("table-truncate", ddl.tables.get(number), out),
        StatementKind::DropTable { .. } => write_table("table-drop", ddl.tables.get(number), out),
        _of_tables => {
            if let Some(change) = ddl.changes.get(number) {
                write_change(change, out);
            }
        }
    }
}

fn write_database(word: &str, ddl: &Ddl, out: &mut Vec<u8>) {
    write_type(word, &ddl.database, None, out);
    if let Some(charset) = &ddl.database_charset {
        out.extend_from_slice(b",\"charset\":");
        write_string(charset, out);
    }
}

fn write_table(word: &str, table: Option<&TableName>, out: &mut Vec<u8>) {
    if let Some(table) = table {
        write_type(word, &table.database, Some(&table.table), out);
    }
}

fn write_type(word: &str, database: &str, table: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"type\":");
    write_string(word, out);
    out.extend_from_slice(b",\"database\":");
    write_string(database, out);
    if let Some(table) = table {
        out.extend_from_slice(b",\"table\":");
        write_string(table, out);
    }
}

fn write_change(change: &TableChange, out: &mut Vec<u8>) {
    let former = change.previous.as_ref().unwrap_or(&change.table);
    let word = match change.kind {
        TableChangeKind::Create => "table-create",
        TableChangeKind::Alter => "table-alter",
        TableChangeKind::Drop => "table-drop",
    };
    write_table(word, Some(former), out);
    if change.kind == TableChangeKind::Alter {
        out.extend_from_slice(b",\"old\":");
        write_definition(former, change.former.as_deref(), out);
    }
    if change.kind != TableChangeKind::Drop {
        out.extend_from_slice(b",\"def\":");
        write_definition(&change.table, change.definition.as_deref(), out);
    }
}

/// Appends a definition; null where it is not known.
fn write_definition(table: &TableName, definition: Option<&TableDefinition>, out: &mut Vec<u8>) {
    let Some(definition) = definition else {
        out.extend_from_slice(b"null");
        return;
    };
    out.extend_from_slice(b"{\"database\":");
    write_string(&table.database, out);
    out.extend_from_slice(b",\"charset\":");
    write_charset(definition.charset.as_deref(), out);
    out.extend_from_slice(b",\"table\":");
    write_string(&table.table, out);
    out.extend_from_slice(b",\"columns\":[");
    for (number, column) in definition.columns.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_column(column, out);
    }
    out.extend_from_slice(b"],\"primary-key\":");
    let key = definition.key_columns().map(|column| &*column.name);
    write_strings(key, out);
    out.push(b'}');
}

fn write_column(column: &ColumnDefinition, out: &mut Vec<u8>) {
    let data_type = column.data_type();
    out.extend_from_slice(b"{\"type\":");
    write_string(data_type, out);
    out.extend_from_slice(b",\"name\":");
    write_string(&column.name, out);
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
            let signed: &[u8] = match column.unsigned() {
                true => b",\"signed\":false",
                false => b",\"signed\":true",
            };
            out.extend_from_slice(signed);
        }
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            out.extend_from_slice(b",\"charset\":");
            write_charset(column.charset.as_deref(), out);
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            out.extend_from_slice(b",\"charset\":\"binary\"");
        }
        "enum" | "set" => {
            out.extend_from_slice(b",\"enum-values\":");
            let labels = column.labels();
            write_strings(labels.iter().map(|label| &**label), out);
        }
        _other => {
            if let Some(digits) = column.fraction() {
                out.extend_from_slice(b",\"column-length\":");
                write_integer(digits, out);
            }
        }
    }
    out.push(b'}');
}

fn write_charset(charset: Option<&str>, out: &mut Vec<u8>) {
    match charset {
        Some(charset) => write_string(charset, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_strings<'a>(texts: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (number, text) in texts.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_string(text, out);
    }
    out.push(b']');
}
