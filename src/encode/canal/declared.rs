//! Types as MySQL and as JDBC call them: the members `mysqlType` and `sqlType`.

use crate::row::{Column, ColumnType};

/// A column's type as its definition has it or, where that is not known, as far as its values tell it.
pub(super) fn mysql_type(column: &Column) -> String {
    match &column.declared {
        Some(declared) => declared.as_ref().to_owned(),
        None => of_values(&column.kind),
    }
}

fn of_values(kind: &ColumnType) -> String {
    let labels = |word: &str, labels: &[Box<str>]| {
        let quoted: Vec<String> = labels
            .iter()
            .map(|label| format!("'{}'", label.replace('\'', "''")))
            .collect();
        format!("{word}({})", quoted.join(","))
    };
    let with_fraction = |word: &str, digits: u8| match digits {
        0 => word.to_owned(),
        digits => format!("{word}({digits})"),
    };
    match kind {
        ColumnType::Integer { width, unsigned } => {
            let word = integer(*width);
            match unsigned {
                true => format!("{word} unsigned"),
                false => word.to_owned(),
            }
        }
        ColumnType::EitherSign { width } => integer(*width).to_owned(),
        ColumnType::Float => "float".to_owned(),
        ColumnType::Double => "double".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ColumnType::Bit { bits } => format!("bit({bits})"),
        ColumnType::Year => "year".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Time { fsp } | ColumnType::OldTime { fsp } => with_fraction("time", *fsp),
        ColumnType::DateTime { fsp } | ColumnType::OldDateTime { fsp } => {
            with_fraction("datetime", *fsp)
        }
        ColumnType::Timestamp { fsp } | ColumnType::OldTimestamp { fsp } => {
            with_fraction("timestamp", *fsp)
        }
        ColumnType::Text { prefix: 1 | 2, .. }
        | ColumnType::Packed {
            prefix: 1 | 2,
            charset: Some(_),
        } => "varchar".to_owned(),
        ColumnType::Text { .. }
        | ColumnType::Packed {
            charset: Some(_), ..
        } => "text".to_owned(),
        ColumnType::Binary {
            padded: Some(length),
            ..
        } => format!("binary({length})"),
        ColumnType::Binary { .. } | ColumnType::Packed { .. } | ColumnType::Undecided { .. } => {
            "blob".to_owned()
        }
        ColumnType::Inet4 => "inet4".to_owned(),
        ColumnType::Inet6 => "inet6".to_owned(),
        ColumnType::Uuid => "uuid".to_owned(),
        ColumnType::Enum { labels: all, .. } => labels("enum", all),
        ColumnType::Set { labels: all, .. } => labels("set", all),
        ColumnType::RawEnum { labels: all, .. } => labels("enum", &all.texts),
        ColumnType::RawSet { labels: all, .. } => labels("set", &all.texts),
        ColumnType::Json { .. } => "json".to_owned(),
        ColumnType::Geometry { is_point: true, .. } => "point".to_owned(),
        ColumnType::Geometry { .. } => "geometry".to_owned(),
        ColumnType::Vector { .. } => "vector".to_owned(),
    }
}

fn integer(width: u8) -> &'static str {
    match width {
        1 => "tinyint",
        2 => "smallint",
        3 => "mediumint",
        4 => "int",
        _eight => "bigint",
    }
}

/// The constant of `java.sql.Types` that Canal has for a type.
pub(super) fn sql_type(mysql_type: &str) -> i32 {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = mysql_type.find(|letter| !is_of_word(letter));
    let word = mysql_type.get(..end.unwrap_or(mysql_type.len()));
    match word.unwrap_or_default() {
        "bit" | "set" => -7,
        "tinyint" => -6,
        "bigint" => -5,
        "char" => 1,
        "decimal" => 3,
        "mediumint" | "int" | "enum" => 4,
        "smallint" => 5,
        "float" => 7,
        "double" => 8,
        "date" => 91,
        "time" => 92,
        "datetime" | "timestamp" => 93,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry"
        | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" | "geomcollection" => 2004,
        "tinytext" | "text" | "mediumtext" | "longtext" => 2005,
        _text => 12,
    }
}
