//! What a table map says of each column: types and metadata, and the optional metadata behind them.
//!
//! The optional fields are number, length, value. Which exist hangs on `binlog_row_metadata`:
//!
//! | number | field | MINIMAL | FULL |
//! |---|---|---|---|
//! | 1 | signedness: a bit a numeric column, highest first | yes | yes |
//! | 2, 3 | collations of character columns: a default and exceptions, or one each | yes | yes |
//! | 4 | names | | yes |
//! | 5, 6 | labels of SET and of ENUM columns | | yes |
//! | 8, 9 | primary key, without and with prefixes | | yes |
//! | 10, 11 | collations of ENUM and SET columns | | yes |
//! | 12 | visibility | | yes |

use super::reader::Reader;
use super::{BinlogError, TableMap};
use crate::mysql::Flavour;

/// Column type numbers (`enum_field_types`).
pub mod kind {
    /// DECIMAL before 5.0.
    pub const DECIMAL: u8 = 0;
    /// TINYINT.
    pub const TINY: u8 = 1;
    /// SMALLINT.
    pub const SHORT: u8 = 2;
    /// INT.
    pub const LONG: u8 = 3;
    /// FLOAT.
    pub const FLOAT: u8 = 4;
    /// DOUBLE.
    pub const DOUBLE: u8 = 5;
    /// BIGINT.
    pub const LONGLONG: u8 = 8;
    /// MEDIUMINT.
    pub const INT24: u8 = 9;
    /// YEAR.
    pub const YEAR: u8 = 13;
    /// VARCHAR and VARBINARY.
    pub const VARCHAR: u8 = 15;
    /// BIT.
    pub const BIT: u8 = 16;
    /// TIMESTAMP since 5.6.
    pub const TIMESTAMP2: u8 = 17;
    /// DATETIME since 5.6.
    pub const DATETIME2: u8 = 18;
    /// TIME since 5.6.
    pub const TIME2: u8 = 19;
    /// MariaDB's compressed BLOB and TEXT.
    pub const BLOB_COMPRESSED: u8 = 140;
    /// MariaDB's compressed VARCHAR and VARBINARY.
    pub const VARCHAR_COMPRESSED: u8 = 141;
    /// VECTOR.
    pub const VECTOR: u8 = 242;
    /// JSON.
    pub const JSON: u8 = 245;
    /// DECIMAL.
    pub const NEWDECIMAL: u8 = 246;
    /// ENUM.
    pub const ENUM: u8 = 247;
    /// SET.
    pub const SET: u8 = 248;
    /// TINYBLOB and TINYTEXT, where a server tells them apart.
    pub const TINY_BLOB: u8 = 249;
    /// MEDIUMBLOB and MEDIUMTEXT, where a server tells them apart.
    pub const MEDIUM_BLOB: u8 = 250;
    /// LONGBLOB and LONGTEXT, where a server tells them apart.
    pub const LONG_BLOB: u8 = 251;
    /// BLOB and TEXT of every size.
    pub const BLOB: u8 = 252;
    /// VARCHAR in memory.
    pub const VAR_STRING: u8 = 253;
    /// CHAR and BINARY.
    pub const STRING: u8 = 254;
    /// GEOMETRY.
    pub const GEOMETRY: u8 = 255;
}

/// What a table map says of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMap {
    /// The type's number; ENUM and SET under their own, although the wire has them as STRING.
    pub kind: u8,
    /// By type: bytes of CHAR, VARCHAR and their like; bytes of the length before a BLOB; precision and scale of DECIMAL
    /// as high and low byte; digits of fraction of a time; bytes of ENUM and SET; of BIT
    /// whole bytes as high and bits beyond them as low byte.
    pub metadata: u16,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Whether a number is unsigned, where the source says so.
    pub unsigned: Option<bool>,
    /// The collation, where the source says so.
    pub collation: Option<u32>,
    /// The name, where the source says so.
    pub name: Option<Box<str>>,
    /// The labels of ENUM and SET, in the column's character set, where the source says so.
    pub labels: Option<Vec<Box<[u8]>>>,
    /// Whether `SELECT *` shows it, where the source says so.
    pub visible: Option<bool>,
}

pub(super) fn columns(map: &TableMap<'_>) -> Result<Vec<ColumnMap>, BinlogError> {
    let mut metadata = Reader::new(map.metadata, "column metadata");
    let mut columns = Vec::with_capacity(map.types.len());
    for (index, wire) in map.types.iter().enumerate() {
        let (kind, meta) = typed(*wire, &mut metadata)?;
        columns.push(ColumnMap {
            kind,
            metadata: meta,
            nullable: bit(map.nullable, index),
            unsigned: None,
            collation: None,
            name: None,
            labels: None,
            visible: None,
        });
    }
    let mut optional = Reader::new(map.optional, "optional metadata");
    while !optional.is_empty() {
        let number = optional.u8()?;
        let value = Reader::new(optional.sized()?, "optional metadata");
        field(number, value, &mut columns, map.flavour)?;
    }
    Ok(columns)
}

pub(super) fn key(map: &TableMap<'_>) -> Result<Option<Vec<usize>>, BinlogError> {
    let mut optional = Reader::new(map.optional, "optional metadata");
    while !optional.is_empty() {
        let number = optional.u8()?;
        let mut value = Reader::new(optional.sized()?, "primary key metadata");
        if !matches!(number, 8 | 9) {
            continue;
        }
        let mut key = Vec::new();
        while !value.is_empty() {
            let column = value.length()?;
            if column >= map.types.len() {
                let found = column as u64;
                return Err(BinlogError::Field {
                    what: "primary key column",
                    found,
                    expected: "a column of the table",
                });
            }
            if number == 9 {
                value.length_encoded()?;
            }
            key.push(column);
        }
        return Ok(Some(key));
    }
    Ok(None)
}

/// The true type and metadata of a column.
fn typed(wire: u8, metadata: &mut Reader<'_>) -> Result<(u8, u16), BinlogError> {
    Ok(match wire {
        kind::STRING => {
            let [high, low] = metadata.u16()?.to_le_bytes();
            match high {
                kind::ENUM | kind::SET => (high, u16::from(low)),
                // Lengths beyond 255 put their two upper bits, inverted, into the type.
                _char => (
                    kind::STRING,
                    u16::from(low) | (u16::from((high & 0x30) ^ 0x30) << 4),
                ),
            }
        }
        kind::NEWDECIMAL => {
            let [precision, scale] = metadata.u16()?.to_le_bytes();
            (wire, u16::from_be_bytes([precision, scale]))
        }
        kind::BIT => {
            let [bits, bytes] = metadata.u16()?.to_le_bytes();
            (wire, u16::from_be_bytes([bytes, bits]))
        }
        kind::VARCHAR | kind::VAR_STRING | kind::VARCHAR_COMPRESSED => (wire, metadata.u16()?),
        kind::ENUM | kind::SET => {
            let [_, bytes] = metadata.u16()?.to_le_bytes();
            (wire, u16::from(bytes))
        }
        kind::FLOAT
        | kind::DOUBLE
        | kind::TIMESTAMP2
        | kind::DATETIME2
        | kind::TIME2
        | kind::BLOB
        | kind::TINY_BLOB
        | kind::MEDIUM_BLOB
        | kind::LONG_BLOB
        | kind::BLOB_COMPRESSED
        | kind::JSON
        | kind::VECTOR
        | kind::GEOMETRY => (wire, u16::from(metadata.u8()?)),
        _without => (wire, 0),
    })
}

fn field(
    number: u8,
    mut value: Reader<'_>,
    columns: &mut [ColumnMap],
    flavour: Flavour,
) -> Result<(), BinlogError> {
    let is_text = |column: &ColumnMap| is_character(column.kind, flavour);
    let is_label = |column: &ColumnMap| matches!(column.kind, kind::ENUM | kind::SET);
    match number {
        1 => {
            for (index, column) in columns
                .iter_mut()
                .filter(|column| is_numeric(column.kind))
                .enumerate()
            {
                column.unsigned = Some(bit_from_top(value.rest(), index));
            }
        }
        2 => default_collations(value, columns.iter_mut().filter(|column| is_text(column)))?,
        3 => collations(value, columns.iter_mut().filter(|column| is_text(column)))?,
        4 => {
            for column in columns.iter_mut() {
                column.name = Some(text(value.sized()?)?);
            }
        }
        5 => labels(
            value,
            columns.iter_mut().filter(|column| column.kind == kind::SET),
        )?,
        6 => labels(
            value,
            columns
                .iter_mut()
                .filter(|column| column.kind == kind::ENUM),
        )?,
        10 => default_collations(value, columns.iter_mut().filter(|column| is_label(column)))?,
        11 => collations(value, columns.iter_mut().filter(|column| is_label(column)))?,
        12 => {
            for (index, column) in columns.iter_mut().enumerate() {
                column.visible = Some(bit_from_top(value.rest(), index));
            }
        }
        // Geometry types, keys (read elsewhere), vector dimensions, and fields of servers to come.
        _not_of_columns => {}
    }
    Ok(())
}

fn default_collations<'c>(
    mut value: Reader<'_>,
    columns: impl Iterator<Item = &'c mut ColumnMap>,
) -> Result<(), BinlogError> {
    let default = collation(value.length_encoded()?)?;
    let mut exceptions = Vec::new();
    while !value.is_empty() {
        exceptions.push((value.length()?, collation(value.length_encoded()?)?));
    }
    for (index, column) in columns.enumerate() {
        let exception = exceptions.iter().find(|(at, _)| *at == index);
        column.collation = Some(exception.map_or(default, |(_, collation)| *collation));
    }
    Ok(())
}

fn collations<'c>(
    mut value: Reader<'_>,
    columns: impl Iterator<Item = &'c mut ColumnMap>,
) -> Result<(), BinlogError> {
    for column in columns {
        column.collation = Some(collation(value.length_encoded()?)?);
    }
    Ok(())
}

fn labels<'c>(
    mut value: Reader<'_>,
    columns: impl Iterator<Item = &'c mut ColumnMap>,
) -> Result<(), BinlogError> {
    for column in columns {
        let count = value.length()?;
        let mut labels = Vec::new();
        for _ in 0..count {
            labels.push(value.sized()?.into());
        }
        column.labels = Some(labels);
    }
    Ok(())
}

fn collation(id: u64) -> Result<u32, BinlogError> {
    u32::try_from(id).map_err(|_| BinlogError::Field {
        what: "collation id",
        found: id,
        expected: "32 bits",
    })
}

fn text(bytes: &[u8]) -> Result<Box<str>, BinlogError> {
    std::str::from_utf8(bytes)
        .map(Into::into)
        .map_err(|_| BinlogError::Text {
            what: "column name",
            found: bytes.escape_ascii().to_string(),
        })
}

/// Whether the signedness bits count the type; YEAR is among them.
fn is_numeric(kind: u8) -> bool {
    matches!(
        kind,
        kind::TINY
            | kind::SHORT
            | kind::INT24
            | kind::LONG
            | kind::LONGLONG
            | kind::NEWDECIMAL
            | kind::FLOAT
            | kind::DOUBLE
            | kind::YEAR
    )
}

/// Whether the collation fields count the type; MariaDB counts GEOMETRY too.
fn is_character(kind: u8, flavour: Flavour) -> bool {
    match kind {
        kind::STRING
        | kind::VAR_STRING
        | kind::VARCHAR
        | kind::BLOB
        | kind::TINY_BLOB
        | kind::MEDIUM_BLOB
        | kind::LONG_BLOB
        | kind::BLOB_COMPRESSED
        | kind::VARCHAR_COMPRESSED => true,
        kind::GEOMETRY => flavour == Flavour::MariaDb,
        _other => false,
    }
}

/// A bit of a map that counts from the lowest.
fn bit(map: &[u8], index: usize) -> bool {
    map.get(index / 8)
        .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// A bit of a map that counts from the highest.
fn bit_from_top(map: &[u8], index: usize) -> bool {
    map.get(index / 8)
        .is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1)
}
