//! Whether a table map can be one of a table that is defined as believed.
//!
//! It can only tell that a belief is wrong, never that it is right: two columns of one type renamed into each other leave
//! the table map unchanged. Types that a server may write in more than one way are accepted.

use std::fmt;

use super::charset;
use super::layout::Layout;
use super::table::{ColumnDefinition, TableDefinition};
use crate::binlog::ColumnMap;
use crate::binlog::column_map::kind;
use crate::row::{BINARY, name_of_collation};

/// What a table map holds against a belief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// What was believed.
    pub believed: String,
    /// What the table map says.
    pub found: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} was believed, the binlog has {}",
            self.believed, self.found
        )
    }
}

/// Lays a table map out by a definition, unless it holds something against it.
pub(in crate::change) fn agree(
    map: &[ColumnMap],
    believed: &TableDefinition,
) -> Result<Layout, Disagreement> {
    let layout = Layout::new(map, believed).ok_or_else(|| Disagreement {
        believed: format!("{} columns", believed.columns.len()),
        found: format!("{} columns", map.len()),
    })?;
    for (place, map) in map.iter().enumerate() {
        let column = layout.column(place, believed);
        if let Some(disagreement) = column.and_then(|column| of_column(map, column)) {
            return Err(disagreement);
        }
    }
    Ok(layout)
}

fn of_column(map: &ColumnMap, believed: &ColumnDefinition) -> Option<Disagreement> {
    let disagree = |believed_as: String, found: String| {
        let name = &believed.name;
        Some(Disagreement {
            believed: format!("column {name} {believed_as}"),
            found,
        })
    };
    if let Some(name) = &map.name
        && *name != believed.name
    {
        return disagree("at its place".to_owned(), format!("the name {name} there"));
    }
    let kinds = kinds_of(believed.data_type());
    if !kinds.is_empty() && !kinds.contains(&map.kind) {
        let found = format!("type {} there", map.kind);
        return disagree(format!("of type {}", believed.column_type), found);
    }
    if map.nullable != believed.nullable {
        let (was, is) = if believed.nullable {
            ("nullable", "NOT NULL there")
        } else {
            ("NOT NULL", "a nullable column there")
        };
        return disagree(was.to_owned(), is.to_owned());
    }
    if let Some(unsigned) = map.unsigned
        && is_number(map.kind)
        && unsigned != believed.unsigned()
    {
        let word = |unsigned| if unsigned { "unsigned" } else { "signed" };
        let found = format!("{} numbers there", word(unsigned));
        return disagree(word(!unsigned).to_owned(), found);
    }
    if let Some(found) = map.collation.and_then(name_of_collation)
        && let Some(name) = set_of(believed)
        && found != name
    {
        return disagree(format!("of character set {name}"), format!("{found} there"));
    }
    if let Some(expected) = metadata_of(map.kind, believed)
        && expected != map.metadata
    {
        let found = format!("metadata {}, expected {expected}", map.metadata);
        return disagree(format!("of type {}", believed.column_type), found);
    }
    None
}

/// The type numbers that a table map may have for a data type; none for one that is not known here.
fn kinds_of(data_type: &str) -> &'static [u8] {
    match data_type {
        "tinyint" => &[kind::TINY],
        "smallint" => &[kind::SHORT],
        "mediumint" => &[kind::INT24],
        "int" => &[kind::LONG],
        "bigint" => &[kind::LONGLONG],
        "float" => &[kind::FLOAT],
        "double" => &[kind::DOUBLE],
        "decimal" => &[kind::NEWDECIMAL, kind::DECIMAL],
        "bit" => &[kind::BIT],
        "year" => &[kind::YEAR],
        "date" => &[kind::DATE, kind::NEWDATE],
        "time" => &[kind::TIME, kind::TIME2],
        "datetime" => &[kind::DATETIME, kind::DATETIME2],
        "timestamp" => &[kind::TIMESTAMP, kind::TIMESTAMP2],
        "enum" => &[kind::ENUM],
        "set" => &[kind::SET],
        "char" | "binary" => &[kind::STRING, kind::VARCHAR, kind::VAR_STRING],
        "varchar" | "varbinary" => &[kind::VARCHAR, kind::VAR_STRING, kind::VARCHAR_COMPRESSED],
        "tinyblob" | "tinytext" | "blob" | "text" | "mediumblob" | "mediumtext" | "longblob"
        | "longtext" => &[
            kind::BLOB,
            kind::TINY_BLOB,
            kind::MEDIUM_BLOB,
            kind::LONG_BLOB,
            kind::BLOB_COMPRESSED,
        ],
        _not_told_apart => &[],
    }
}

fn is_number(map_kind: u8) -> bool {
    matches!(
        map_kind,
        kind::TINY
            | kind::SHORT
            | kind::INT24
            | kind::LONG
            | kind::LONGLONG
            | kind::FLOAT
            | kind::DOUBLE
            | kind::NEWDECIMAL
    )
}

/// The character set of a column of text or bytes, if it is known.
fn set_of(believed: &ColumnDefinition) -> Option<&'static str> {
    match believed.data_type() {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => {
            let known = charset::by_name(believed.charset.as_deref()?, false)?;
            (!known.is_unsettled()).then_some(known.name)
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Some(BINARY),
        _other => None,
    }
}

/// The longest value of a column of text or bytes with a length, in bytes.
fn bytes_of(believed: &ColumnDefinition) -> Option<u16> {
    if !matches!(
        believed.data_type(),
        "char" | "varchar" | "binary" | "varbinary"
    ) {
        return None;
    }
    let bytes_max = charset::by_name(set_of(believed)?, false)?.bytes_max;
    let length = believed.numbers().next()?;
    length.checked_mul(u16::try_from(bytes_max).ok()?)
}

/// The metadata that a table map has for a column, where the definition tells it for certain.
pub(super) fn metadata_of(map_kind: u8, believed: &ColumnDefinition) -> Option<u16> {
    match map_kind {
        kind::NEWDECIMAL => {
            let mut numbers = believed.numbers();
            let precision = numbers.next()?;
            let scale = numbers.next().unwrap_or(0);
            precision.checked_mul(256)?.checked_add(scale)
        }
        kind::TIME2 | kind::DATETIME2 | kind::TIMESTAMP2 => {
            Some(believed.numbers().next().unwrap_or(0))
        }
        kind::BIT => believed.numbers().next(),
        kind::BLOB => match believed.data_type() {
            "tinyblob" | "tinytext" => Some(1),
            "blob" | "text" => Some(2),
            "mediumblob" | "mediumtext" => Some(3),
            "longblob" | "longtext" => Some(4),
            _other => None,
        },
        kind::STRING | kind::VARCHAR => bytes_of(believed),
        kind::ENUM => Some(if believed.labels().len() < 256 { 1 } else { 2 }),
        kind::SET => {
            let bytes = believed.labels().len().div_ceil(8);
            Some(if bytes > 4 {
                8
            } else {
                u16::try_from(bytes).ok()?
            })
        }
        _not_certain => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn believed(column_type: &str) -> TableDefinition {
        TableDefinition {
            columns: vec![ColumnDefinition {
                name: "c".into(),
                column_type: column_type.into(),
                nullable: true,
                ..ColumnDefinition::default()
            }],
            ..TableDefinition::default()
        }
    }

    fn check(map: ColumnMap, column_type: &str, expected: Option<&str>) {
        let found = agree(std::slice::from_ref(&map), &believed(column_type));
        let found = found.err().map(|found| found.to_string());
        assert_eq!(found.as_deref(), expected, "{column_type} against {map:?}");
    }

    #[test]
    fn a_table_map_that_fits_is_let_pass() {
        for (number, metadata, column_type) in [
            (kind::LONG, 0, "int(10) unsigned"),
            (kind::NEWDECIMAL, 10 * 256 + 2, "decimal(10,2)"),
            (
                kind::NEWDECIMAL,
                10 * 256,
                "decimal(10,0) unsigned zerofill",
            ),
            (kind::DATETIME2, 6, "datetime(6)"),
            (kind::DATETIME2, 0, "datetime"),
            (kind::BIT, 17, "bit(17)"),
            (kind::BLOB, 3, "mediumtext"),
            (kind::ENUM, 1, "enum('a','b,(1)')"),
            (kind::SET, 2, "set('1','2','3','4','5','6','7','8','9')"),
            (kind::VARCHAR, 400, "varchar(100)"),
            (kind::GEOMETRY, 4, "geometrycollection"),
            (kind::STRING, 16, "inet6"),
        ] {
            check(ColumnMap::of_type(number, metadata), column_type, None);
        }
    }

    #[test]
    fn what_does_not_fit_is_told_from_both_sides() {
        let signed = ColumnMap {
            unsigned: Some(false),
            ..ColumnMap::of_type(kind::LONG, 0)
        };
        let named = ColumnMap {
            name: Some("d".into()),
            ..ColumnMap::of_type(kind::LONG, 0)
        };
        let not_null = ColumnMap {
            nullable: false,
            ..ColumnMap::of_type(kind::LONG, 0)
        };
        for (map, column_type, expected) in [
            (
                signed,
                "int unsigned",
                "column c unsigned was believed, the binlog has signed numbers there",
            ),
            (
                named,
                "int",
                "column c at its place was believed, the binlog has the name d there",
            ),
            (
                not_null,
                "int",
                "column c nullable was believed, the binlog has NOT NULL there",
            ),
            (
                ColumnMap::of_type(kind::LONGLONG, 0),
                "int",
                "column c of type int was believed, the binlog has type 8 there",
            ),
            (
                ColumnMap::of_type(kind::NEWDECIMAL, 11 * 256 + 2),
                "decimal(10,2)",
                "column c of type decimal(10,2) was believed, the binlog has metadata 2818, expected 2562",
            ),
        ] {
            check(map, column_type, Some(expected));
        }
        let found = agree(&[], &believed("int")).unwrap_err();
        assert_eq!(
            found.to_string(),
            "1 columns was believed, the binlog has 0 columns"
        );
    }

    #[test]
    fn character_sets_and_lengths_that_do_not_fit_are_told() {
        for (map, column_type, charset, expected) in [
            (
                ColumnMap::of_type(kind::VARCHAR, 40),
                "varchar(10)",
                Some("latin1"),
                "column c of type varchar(10) was believed, the binlog has metadata 40, expected 10",
            ),
            (
                ColumnMap::of_type(kind::STRING, 10),
                "char(10)",
                Some("utf8mb3"),
                "column c of type char(10) was believed, the binlog has metadata 10, expected 30",
            ),
            (
                ColumnMap {
                    collation: Some(45),
                    ..ColumnMap::of_type(kind::BLOB, 2)
                },
                "text",
                Some("latin1"),
                "column c of character set latin1 was believed, the binlog has utf8mb4 there",
            ),
            (
                ColumnMap {
                    collation: Some(8),
                    ..ColumnMap::of_type(kind::VARCHAR, 10)
                },
                "varbinary(10)",
                None,
                "column c of character set binary was believed, the binlog has latin1 there",
            ),
        ] {
            let mut definition = believed(column_type);
            definition.columns[0].charset = charset.map(Into::into);
            let found = agree(std::slice::from_ref(&map), &definition).unwrap_err();
            assert_eq!(found.to_string(), expected);
        }
    }
}
