//! The schemas of the plain layout: a row's columns, then what is known of its change.
//!
//! | type | Avro |
//! |---|---|
//! | integers up to INT | `int`, of INT UNSIGNED `long` |
//! | BIGINT; BIGINT UNSIGNED, BIT(64) | `long`; `decimal(20, 0)` |
//! | BIT(1), BIT(n) | `boolean`, `long` |
//! | FLOAT, DOUBLE, YEAR | `float`, `double`, `int` |
//! | DECIMAL | `decimal` of its digits |
//! | DATE, DATETIME, TIMESTAMP | `date`, `local-timestamp-micros`, `timestamp-micros` |
//! | TIME | `long`, microseconds; a TIME goes beyond a day, and Avro's times do not |
//! | CHAR, VARCHAR, TEXT, ENUM, SET, JSON, INET4, INET6 | `string` |
//! | UUID | `uuid` |
//! | BINARY, VARBINARY, BLOB | `bytes` |
//! | GEOMETRY | record of `wkb`, `srid` |
//! | VECTOR | array of `float` |
//!
//! With `times = "text"` dates and times are strings as MySQL prints them.

use super::connect::{Branches, ORIGINAL, SchemaProblem};
use super::names::{field_names, full_name};
use crate::encode::destination::RecordKey;
use crate::encode::format::AvroTimes;
use crate::encode::schemas::{AvroSchema, AvroSchemas};
use crate::row::{ColumnType, Table, write_string};

/// The names of the fields after the columns, with their types, in the order of the bytes.
const CHANGE_FIELDS: [(&str, &str); 8] = [
    ("__op", r#""string""#),
    ("__deleted", r#""boolean""#),
    (
        "__source_ts_us",
        r#"{"type":"long","logicalType":"timestamp-micros"}"#,
    ),
    ("__source", r#""string""#),
    ("__gtid", r#"["null","string"],"default":null"#),
    ("__file", r#""string""#),
    ("__position", r#""long""#),
    ("__sequence", r#""long""#),
];
/// Those before the columns of a key that names its table.
const TABLE_FIELDS: [&str; 2] = ["__database", "__table"];

/// Makes the schemas of a table whose records have this key; `topic` is what their names begin with.
///
/// # Errors
/// Columns whose fields would have the same name.
pub(super) fn schemas(
    table: &Table,
    key: &RecordKey,
    times: AvroTimes,
    topic: &str,
) -> Result<AvroSchemas, SchemaProblem> {
    let published = (0..table.columns.len()).filter(|index| table.publishes(*index));
    let columns: Vec<usize> = published.collect();
    let others: Vec<_> = CHANGE_FIELDS.to_vec();
    let value = record(
        &format!("{topic}.Row"),
        table,
        &columns,
        (&[], &others),
        times,
    )?;
    let named: &[&str] = if key.names_table { &TABLE_FIELDS } else { &[] };
    let before: Vec<_> = named.iter().map(|name| (*name, r#""string""#)).collect();
    let key = match key.columns.is_empty() {
        true => None,
        false => {
            let name = format!("{topic}.Key");
            Some(record(&name, table, &key.columns, (&before, &[]), times)?)
        }
    };
    Ok(AvroSchemas { key, value })
}

/// How a column's value may be null.
pub(super) fn branches(table: &Table, index: usize) -> Branches {
    match table.columns.get(index) {
        Some(column) if !column.nullable => Branches::None,
        Some(_) | None => Branches::NullFirst,
    }
}

type OtherFields<'a> = &'a [(&'a str, &'a str)];

fn record(
    original: &str,
    table: &Table,
    columns: &[usize],
    (before, after): (OtherFields<'_>, OtherFields<'_>),
    times: AvroTimes,
) -> Result<AvroSchema, SchemaProblem> {
    let full = full_name(original);
    let (namespace, name) = full.rsplit_once('.').unwrap_or(("", &full));
    let mut out = b"{\"type\":\"record\",\"name\":".to_vec();
    write_string(name, &mut out);
    out.extend_from_slice(b",\"namespace\":");
    write_string(namespace, &mut out);
    if full != original {
        property(ORIGINAL, original, &mut out);
    }
    out.extend_from_slice(b",\"fields\":[");
    let shown = |index: &usize| table.columns.get(*index);
    let of_table = columns.iter().filter_map(shown);
    let names = before.iter().map(|(name, _)| *name);
    let names = names.chain(of_table.map(|column| &*column.name));
    let names = names.chain(after.iter().map(|(name, _)| *name));
    let names: Vec<&str> = names.collect();
    let legal = field_names(names.iter().copied()).map_err(SchemaProblem::Collision)?;
    let mut has_geometry = false;
    let mut type_of = |kind: &ColumnType| match kind {
        // A record is defined once.
        ColumnType::Geometry { .. } if std::mem::replace(&mut has_geometry, true) => {
            r#""rowtap.Geometry""#.to_owned()
        }
        kind => type_of(kind, times),
    };
    for (place, (name, legal)) in names.iter().zip(&legal).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"name\":");
        write_string(legal, &mut out);
        out.extend_from_slice(b",\"type\":");
        let of_column = place.checked_sub(before.len());
        let column = of_column.and_then(|place| columns.get(place));
        match column.and_then(shown) {
            Some(column) if column.nullable => {
                out.extend_from_slice(b"[\"null\",");
                out.extend_from_slice(type_of(&column.kind).as_bytes());
                out.extend_from_slice(b"],\"default\":null");
            }
            Some(column) => out.extend_from_slice(type_of(&column.kind).as_bytes()),
            None => {
                let mut others = before.iter().chain(after);
                let kind = others.find(|(other, _)| other == name);
                out.extend_from_slice(kind.map_or("", |(_, kind)| kind).as_bytes());
            }
        }
        if **legal != **name {
            property(ORIGINAL, name, &mut out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    let text = String::from_utf8_lossy(&out).into_owned();
    Ok(AvroSchema {
        name: full.into(),
        text: text.into(),
    })
}

fn property(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    write_string(name, out);
    out.push(b':');
    write_string(value, out);
}

fn type_of(kind: &ColumnType, times: AvroTimes) -> String {
    let text = |what: &str| format!(r#"{{"type":"string","rowtap.type":"{what}"}}"#);
    let decimal = |precision: u8, scale: u8| {
        format!(
            r#"{{"type":"bytes","logicalType":"decimal","precision":{precision},"scale":{scale}}}"#
        )
    };
    let logical = |base: &str, name: &str| format!(r#"{{"type":"{base}","logicalType":"{name}"}}"#);
    match (kind, times) {
        (
            ColumnType::Integer {
                width: 8,
                unsigned: true,
            }
            | ColumnType::Bit { bits: 64.. },
            _,
        ) => decimal(20, 0),
        (
            ColumnType::Integer { width: 8, .. }
            | ColumnType::Integer {
                width: 4,
                unsigned: true,
            },
            _,
        ) => r#""long""#.to_owned(),
        (ColumnType::Integer { .. } | ColumnType::Year, _) => r#""int""#.to_owned(),
        (ColumnType::Float, _) => r#""float""#.to_owned(),
        (ColumnType::Double, _) => r#""double""#.to_owned(),
        (ColumnType::Decimal { precision, scale }, _) => decimal(*precision, *scale),
        (ColumnType::Bit { bits: 1 }, _) => r#""boolean""#.to_owned(),
        (ColumnType::Bit { .. }, _) => r#""long""#.to_owned(),
        (ColumnType::Date, AvroTimes::Logical) => logical("int", "date"),
        (ColumnType::Time { .. } | ColumnType::OldTime { .. }, AvroTimes::Logical) => {
            r#"{"type":"long","rowtap.type":"TIME in microseconds"}"#.to_owned()
        }
        (ColumnType::DateTime { .. } | ColumnType::OldDateTime { .. }, AvroTimes::Logical) => {
            logical("long", "local-timestamp-micros")
        }
        (ColumnType::Timestamp { .. } | ColumnType::OldTimestamp { .. }, AvroTimes::Logical) => {
            logical("long", "timestamp-micros")
        }
        (ColumnType::Uuid, _) => logical("string", "uuid"),
        (ColumnType::Json { .. }, _) => text("JSON"),
        (ColumnType::Binary { .. } | ColumnType::Packed { charset: None, .. }, _) => {
            r#""bytes""#.to_owned()
        }
        (ColumnType::Geometry { .. }, _) => {
            r#"{"type":"record","name":"Geometry","namespace":"rowtap","fields":[{"name":"wkb","type":"bytes"},{"name":"srid","type":"long"}]}"#.to_owned()
        }
        (ColumnType::Vector { .. }, _) => r#"{"type":"array","items":"float"}"#.to_owned(),
        (
            ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. }
            | ColumnType::OldTime { .. }
            | ColumnType::OldDateTime { .. }
            | ColumnType::OldTimestamp { .. }
            | ColumnType::Text { .. }
            | ColumnType::Packed { .. }
            | ColumnType::EitherSign { .. }
            | ColumnType::Undecided { .. }
            | ColumnType::Inet4
            | ColumnType::Inet6
            | ColumnType::Enum { .. }
            | ColumnType::Set { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::RawSet { .. },
            _,
        ) => r#""string""#.to_owned(),
    }
}
