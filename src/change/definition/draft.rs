//! A CREATE TABLE with what a table map tells of a table, for a person who knows the rest.
//!
//! What is not known is a blank: `<what it is>`, which no statement has. A blank of a type names the bytes that its values
//! have room for.

use std::fmt::Write as _;

use super::charset;
use super::labels::{ListedLabel, has_doubtful, labels};
use super::table::{ColumnDefinition, TableDefinition};
use crate::binlog::ColumnMap;
use crate::binlog::column_map::kind;
use crate::row::{TableName, name_of_collation, quoted};

/// Begins the blanks of all drafts.
const BLANKS: [&str; 6] = [
    "<name ",
    "<UNSIGNED ",
    "<character set",
    "<labels",
    "<type ",
    "<, PRIMARY KEY ",
];

/// Writes a draft.
pub(in crate::change) fn draft(table: &TableName, columns: &[ColumnMap]) -> String {
    let mut text = beginning(table);
    for (index, column) in columns.iter().enumerate() {
        let name = match &column.name {
            Some(name) => quoted(name),
            None => format!("<name {}>", index + 1),
        };
        let not_null = if column.nullable { "" } else { " NOT NULL" };
        let comma = if index + 1 < columns.len() { "," } else { "" };
        let _ = writeln!(text, "  {name} {}{not_null}{comma}", type_of(column));
    }
    text + "  <, PRIMARY KEY (…) as it was, or nothing>\n)\n"
}

/// Writes a draft of a table whose definition is known but for character sets and labels.
pub(in crate::change) fn draft_of(table: &TableName, known: &TableDefinition) -> String {
    let mut text = beginning(table);
    let keys = known.key_columns();
    let keys: Vec<String> = keys.map(|column| quoted(&column.name)).collect();
    for (index, column) in known.columns.iter().enumerate() {
        let not_null = if column.nullable { "" } else { " NOT NULL" };
        let is_last = index + 1 == known.columns.len() && keys.is_empty();
        let comma = if is_last { "" } else { "," };
        let name = quoted(&column.name);
        let _ = writeln!(text, "  {name} {}{not_null}{comma}", known_type(column));
    }
    if !keys.is_empty() {
        let _ = writeln!(text, "  PRIMARY KEY ({})", keys.join(", "));
    }
    text + ")\n"
}

/// The type of a column with its character set, or blanks for what of it is not known.
fn known_type(column: &ColumnDefinition) -> String {
    let charset = match column.charset.as_deref() {
        Some(name) if charset::is_unsettled(name) => " CHARACTER SET <character set>".to_owned(),
        Some(name) => format!(" CHARACTER SET {name}"),
        None => String::new(),
    };
    if !has_doubtful(&column.column_type) {
        return format!("{}{charset}", column.column_type);
    }
    let listed = labels(&column.column_type).unwrap_or_default();
    let quoted = |label: &ListedLabel| format!("'{}'", label.text.replace('\'', "''"));
    let listed: Vec<String> = listed.iter().map(quoted).collect();
    // It would end the blank.
    let listed = Some(listed.join(",")).filter(|listed| !listed.contains('>'));
    let name = column.data_type().to_uppercase();
    let listed = listed.as_deref().unwrap_or("'a','b'");
    format!("{name}(<labels, as {listed}>){charset}")
}

fn beginning(table: &TableName) -> String {
    format!("CREATE TABLE {} (\n", table.quoted())
}

/// The first blank that is left in a statement.
pub fn blank(statement: &str) -> Option<&str> {
    let starts = BLANKS.iter().filter_map(|blank| statement.find(blank));
    let start = starts.min()?;
    let rest = statement.get(start..)?;
    let end = rest.find('>').map_or(rest.len(), |end| end + 1);
    rest.get(..end)
}

fn type_of(column: &ColumnMap) -> String {
    let sign = match column.unsigned {
        Some(true) => " UNSIGNED",
        Some(false) => "",
        None => " <UNSIGNED or nothing>",
    };
    // Values are read without the sign of these.
    let sign_of_others = if column.unsigned == Some(true) {
        " UNSIGNED"
    } else {
        ""
    };
    let [high, low] = column.metadata.to_be_bytes();
    let fraction = |name: &str| match column.fraction {
        Some(0) => name.to_owned(),
        Some(digits) => format!("{name}({digits})"),
        None => format!("<type {name}, with its digits of fraction if it has some>"),
    };
    match column.kind {
        kind::TINY => format!("TINYINT{sign}"),
        kind::SHORT => format!("SMALLINT{sign}"),
        kind::INT24 => format!("MEDIUMINT{sign}"),
        kind::LONG => format!("INT{sign}"),
        kind::LONGLONG => format!("BIGINT{sign}"),
        kind::FLOAT => format!("FLOAT{sign_of_others}"),
        kind::DOUBLE => format!("DOUBLE{sign_of_others}"),
        kind::NEWDECIMAL => format!("DECIMAL({high},{low}){sign_of_others}"),
        kind::BIT => format!("BIT({})", column.metadata),
        kind::YEAR => "YEAR".to_owned(),
        kind::DATE | kind::NEWDATE => "DATE".to_owned(),
        kind::TIME | kind::TIME2 => fraction("TIME"),
        kind::DATETIME | kind::DATETIME2 => fraction("DATETIME"),
        kind::TIMESTAMP | kind::TIMESTAMP2 => fraction("TIMESTAMP"),
        kind::JSON => "JSON".to_owned(),
        kind::GEOMETRY => "GEOMETRY".to_owned(),
        kind::ENUM => format!("ENUM(<labels, as 'a','b'>){}", charset_of(column)),
        kind::SET => format!("SET(<labels, as 'a','b'>){}", charset_of(column)),
        kind::STRING => sized(column, "CHAR", "BINARY"),
        kind::VARCHAR | kind::VAR_STRING => sized(column, "VARCHAR", "VARBINARY"),
        kind::BLOB => blob(column),
        other => format!("<type by its number {other}, metadata {}>", column.metadata),
    }
}

fn charset_of(column: &ColumnMap) -> String {
    match column.collation.and_then(name_of_collation) {
        Some(name) => format!(" CHARACTER SET {name}"),
        None => " CHARACTER SET <character set>".to_owned(),
    }
}

/// A string whose type has a length, of which the table map has the bytes.
fn sized(column: &ColumnMap, text: &str, binary: &str) -> String {
    let bytes = column.metadata;
    let collation = column.collation.and_then(name_of_collation);
    let hides_more = column.kind == kind::STRING && matches!(bytes, 4 | 16);
    match collation {
        Some("binary") if hides_more => {
            let other = if bytes == 4 { "INET4" } else { "INET6 or UUID" };
            format!("<type {binary}({bytes}), or on MariaDB {other}>")
        }
        Some("binary") => format!("{binary}({bytes})"),
        Some(name) => {
            let widest = charset::by_name(name, false).map_or(1, |known| known.bytes_max);
            let length = u32::from(bytes) / widest.max(1);
            format!("{text}({length}) CHARACTER SET {name}")
        }
        None => format!(
            "<type {binary}({bytes}), or {text}({bytes}) in a character set of one byte, {text}({}) in utf8mb4 and so on, with \
             its CHARACTER SET>",
            bytes / 4
        ),
    }
}

fn blob(column: &ColumnMap) -> String {
    let prefix = match column.metadata {
        1 => "TINY",
        2 => "",
        3 => "MEDIUM",
        _four => "LONG",
    };
    match column.collation.and_then(name_of_collation) {
        Some("binary") => format!("{prefix}BLOB"),
        Some(name) => format!("{prefix}TEXT CHARACTER SET {name}"),
        None => format!("<type {prefix}BLOB, or {prefix}TEXT with its CHARACTER SET>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: u8, metadata: u16) -> ColumnMap {
        ColumnMap {
            fraction: Some(0),
            ..ColumnMap::of_type(kind, metadata)
        }
    }

    #[test]
    fn what_a_table_map_tells_is_in_the_draft_and_the_rest_is_blank() {
        let id = ColumnMap {
            nullable: false,
            unsigned: Some(true),
            name: Some("i`d".into()),
            ..column(kind::LONG, 0)
        };
        let word = ColumnMap {
            collation: Some(45),
            ..column(kind::VARCHAR, 80)
        };
        let text = draft(
            &TableName::new("d", "t"),
            &[id, word, column(kind::TINY, 0)],
        );
        assert_eq!(
            text,
            "CREATE TABLE `d`.`t` (\n  `i``d` INT UNSIGNED NOT NULL,\n  <name 2> VARCHAR(20) CHARACTER SET utf8mb4,\n  \
             <name 3> TINYINT <UNSIGNED or nothing>\n  <, PRIMARY KEY (…) as it was, or nothing>\n)\n"
        );
        assert_eq!(blank(&text), Some("<name 2>"));
        assert_eq!(blank("CREATE TABLE t (a INT DEFAULT (1 < 2))"), None);
    }

    #[test]
    fn every_type_has_a_draft_whose_blanks_are_found() {
        for number in 0..=u8::MAX {
            for metadata in [0, 1, 2, 4, 16, 40, 0x0a02] {
                let text = type_of(&column(number, metadata));
                assert_eq!(
                    text.contains('<'),
                    blank(&text).is_some(),
                    "{number}: {text}"
                );
            }
        }
    }
}
