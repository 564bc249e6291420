//! A table's definition: what of it the reading of row images and the following of statements need, and how long a
//! reading of it from the source is known to hold.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::aside::Aside;
use super::charset;
use super::labels::{ListedLabel, doubting, has_doubtful, labels};
use super::lineage::Point;
use crate::binlog::column_map::kind;
use crate::change::statement::meaning::ColumnDescription;
use crate::mysql::Flavour;
use crate::row::{Charset, DefaultValue};

/// A definition as information_schema has it.
///
/// It was true at some moment between the two points, which were read from the server before and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// What was read.
    pub table: Arc<TableDefinition>,
    /// Where the server's binlog ended before it was read.
    pub read_from: Point,
    /// Where the server's binlog ended after it was read.
    pub read_to: Point,
    /// Whether it is a sequence of MariaDB, which a snapshot does not copy.
    pub is_sequence: bool,
}

/// How a table is defined, wherever that is known from. Serialised, it leaves out what is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// The columns in the table's order, those that are never in a row image left out.
    pub columns: Vec<ColumnDefinition>,
    /// Indexes of the primary key's columns, in key order; empty without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<usize>,
    /// Where table maps have the hidden columns of functional key parts, ascending, on versions whose table maps have
    /// them; empty too if that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// The engine's name as the server spells it; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Box<str>>,
    /// Whether the engine takes part in transactions; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactional: Option<bool>,
    /// The character set that columns added without one get; `?`, `??` or none if it is not known, as of a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<Box<str>>,
    /// Its comment; `None` without one, and where it is not known.
    #[serde(default, skip_serializing_if = "Aside::is_none")]
    pub comment: Aside<Option<Box<str>>>,
}

impl TableDefinition {
    /// Whether another one is the same, and tells the same beside how rows are read.
    pub fn tells_as_much_as(&self, other: &Self) -> bool {
        let mut columns = self.columns.iter().zip(&other.columns);
        self == other
            && self.comment.0 == other.comment.0
            && columns.all(|(one, other)| one.described.0 == other.described.0)
    }

    /// The columns of the primary key, in its order.
    pub fn key_columns(&self) -> impl Iterator<Item = &ColumnDefinition> {
        let places = self.key.iter();
        places.filter_map(|place| self.columns.get(*place))
    }

    /// The first column whose character set or labels are not known for certain.
    pub fn unsettled(&self) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| column.is_unsettled())
    }

    /// Puts the labels in doubt that MySQL before 8.0 shows but may have damaged: those of wide character sets that several
    /// columns have. `is_certain` tells columns, by their places, that are left as they are.
    pub fn doubt_shared_labels(&mut self, is_certain: impl Fn(usize) -> bool) {
        let has_wide_labels = |column: &ColumnDefinition| {
            let charset = column.charset.as_deref().unwrap_or_default();
            let may_be_wide = charset::is_wide(charset) || charset == charset::UNSETTLED_OR_RARE;
            may_be_wide && matches!(column.data_type(), "enum" | "set")
        };
        let lists: Vec<Option<Vec<ListedLabel>>> = self
            .columns
            .iter()
            .map(|column| has_wide_labels(column).then(|| column.listed_labels()))
            .collect();
        for (place, column) in self.columns.iter_mut().enumerate() {
            let own = lists.get(place).and_then(Option::as_ref);
            let same = lists.iter().filter(|other| other.as_ref() == own).count();
            if own.is_some()
                && same > 1
                && !is_certain(place)
                && let Some(doubted) = doubting(&column.column_type, |_label| true)
            {
                column.column_type = doubted.into();
            }
        }
    }
}

/// How a column is defined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: Box<str>,
    /// COLUMN_TYPE as information_schema has it: `int(10) unsigned`, `enum('a','b')`. A question mark before a label says
    /// that the server may have another one instead; `x'e9'` is a label of bytes that are no text in the column's set.
    #[serde(rename = "type")]
    pub column_type: Box<str>,
    /// The character set's name, of text, ENUM and SET columns. `?` stands for one that is not known but is one that
    /// databases usually have, `??` for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<Box<str>>,
    /// Whether NULL is allowed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// Whether the server computes its values, and keeps them or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Generated>,
    /// Whether `SELECT *` leaves it out. It is in row images all the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invisible: bool,
    /// What its values, or its default, are computed from.
    #[serde(default, skip_serializing_if = "ComputedFrom::is_empty")]
    pub computed_from: ComputedFrom,
    /// Its default, its comment and AUTO_INCREMENT; `None` where they are not known.
    #[serde(default, skip_serializing_if = "Aside::is_none")]
    pub described: Aside<Option<ColumnDescription>>,
}

/// The words and names in the expression that a column's values, or its default, are computed from; none where there is no such
/// expression, and where it is not known. Servers and statements write an expression in words of their own, so that it makes no
/// two definitions different.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComputedFrom(pub Vec<Box<str>>);

impl ComputedFrom {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for ComputedFrom {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for ComputedFrom {}

/// How a server computes a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generated {
    /// When a row is written, and keeps them.
    Stored,
    /// When a row is read.
    Virtual,
    /// When the row began to hold, of a MariaDB table with system versioning. Kept in the table.
    RowStart,
    /// When the row ceased to hold, of such a table. Kept in the table.
    RowEnd,
}

impl ColumnDefinition {
    /// DATA_TYPE as information_schema has it: `int`, `varchar`, `enum`.
    pub fn data_type(&self) -> &str {
        let end = self
            .column_type
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        self.column_type
            .get(..end.unwrap_or(self.column_type.len()))
            .unwrap_or_default()
    }

    /// COLUMN_TYPE, unless some of its labels are not known for certain.
    pub fn declared(&self) -> Option<Box<str>> {
        (!self.has_doubtful_labels()).then(|| self.column_type.clone())
    }

    /// Its default, where it has one and that is known.
    pub fn default_value(&self) -> Option<&DefaultValue> {
        self.described.0.as_ref()?.default.as_ref()
    }

    /// Its comment, where it has one and that is known.
    pub fn comment(&self) -> Option<&str> {
        self.described.0.as_ref()?.comment.as_deref()
    }

    /// Whether numbers are unsigned.
    pub fn unsigned(&self) -> bool {
        // Labels of an ENUM may hold the word too.
        !matches!(self.data_type(), "enum" | "set")
            && self
                .column_type
                .split_ascii_whitespace()
                .skip(1)
                .any(|word| word == "unsigned")
    }

    /// Digits of fraction of TIME, DATETIME and TIMESTAMP, none being 0; `None` of other types.
    pub fn fraction(&self) -> Option<u8> {
        if !matches!(self.data_type(), "time" | "datetime" | "timestamp") {
            return None;
        }
        let inside = self.column_type.split_once('(');
        let Some((digits, _)) = inside.and_then(|(_, rest)| rest.split_once(')')) else {
            return Some(0);
        };
        digits.trim().parse().ok()
    }

    /// The numbers in the brackets of its type.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        let inside = self
            .column_type
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .map_or("", |(inside, _)| inside);
        inside
            .split(',')
            .filter_map(|number| number.trim().parse().ok())
    }

    /// The number that a table map has for its type in a table that is made today; `None` for a type that is not known.
    pub fn kind(&self, flavour: Flavour) -> Option<u8> {
        Some(match self.data_type() {
            "tinyint" => kind::TINY,
            "smallint" => kind::SHORT,
            "mediumint" => kind::INT24,
            "int" => kind::LONG,
            "bigint" => kind::LONGLONG,
            "float" => kind::FLOAT,
            "double" => kind::DOUBLE,
            "decimal" => kind::NEWDECIMAL,
            "bit" => kind::BIT,
            "year" => kind::YEAR,
            "date" => kind::DATE,
            "time" => kind::TIME2,
            "datetime" => kind::DATETIME2,
            "timestamp" => kind::TIMESTAMP2,
            "enum" => kind::ENUM,
            "set" => kind::SET,
            "char" | "binary" | "inet4" | "inet6" | "uuid" => kind::STRING,
            "varchar" | "varbinary" => kind::VARCHAR,
            "tinyblob" | "tinytext" | "blob" | "text" | "mediumblob" | "mediumtext"
            | "longblob" | "longtext" => kind::BLOB,
            "json" => kind::JSON,
            "vector" => match flavour {
                Flavour::MySql => kind::VECTOR,
                Flavour::MariaDb => kind::VARCHAR,
            },
            "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => kind::GEOMETRY,
            _unknown => return None,
        })
    }

    /// The labels of ENUM and SET, unquoted; none for other types. U+FFFD stands for bytes that are no text. Allocates.
    pub fn labels(&self) -> Vec<Box<str>> {
        let charset = self.charset.as_deref().and_then(Charset::from_name);
        let charset = charset.unwrap_or(Charset::Utf8);
        let mut scratch = String::new();
        let labels = self.listed_labels().into_iter().map(|label| {
            let Some(bytes) = label.bytes else {
                return label.text;
            };
            charset.decode_replacing(&bytes, &mut scratch);
            scratch.as_str().into()
        });
        labels.collect()
    }

    /// The same with what is known of each.
    pub(in crate::change) fn listed_labels(&self) -> Vec<ListedLabel> {
        labels(&self.column_type).unwrap_or_default()
    }

    /// Whether some of its labels are not known for certain.
    pub fn has_doubtful_labels(&self) -> bool {
        has_doubtful(&self.column_type)
    }

    /// Whether its character set or some of its labels are not known for certain. Then a value of it is read only where it
    /// is the same whatever they are.
    pub fn is_unsettled(&self) -> bool {
        self.charset.as_deref().is_some_and(charset::is_unsettled) || self.has_doubtful_labels()
    }
}

/// The character set that a collation belongs to, by the collation's full name.
pub fn charset_of_collation(collation: &str) -> &str {
    collation
        .split_once('_')
        .map_or(collation, |(charset, _)| charset)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it by reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(column_type: &str) -> ColumnDefinition {
        ColumnDefinition {
            column_type: column_type.into(),
            ..ColumnDefinition::default()
        }
    }

    #[test]
    fn unsigned_is_read_from_the_type_not_from_labels() {
        for (column_type, data_type, unsigned) in [
            ("int(10) unsigned", "int", true),
            ("bigint unsigned zerofill", "bigint", true),
            ("int", "int", false),
            ("float unsigned", "float", true),
            ("enum('an unsigned label')", "enum", false),
            ("set('x unsigned y','z')", "set", false),
            ("varchar(100) /*M!100301 COMPRESSED*/", "varchar", false),
        ] {
            let column = column(column_type);
            assert_eq!(column.data_type(), data_type, "{column_type}");
            assert_eq!(column.unsigned(), unsigned, "{column_type}");
        }
    }

    #[test]
    fn what_is_absent_is_left_out_and_read_back_as_absent() {
        let table = TableDefinition {
            columns: vec![ColumnDefinition {
                name: "id".into(),
                ..column("int(11)")
            }],
            ..TableDefinition::default()
        };
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(text, r#"{"columns":[{"name":"id","type":"int(11)"}]}"#);
        assert_eq!(
            serde_json::from_str::<TableDefinition>(&text).unwrap(),
            table
        );
    }
}
