//! The table map event: which table the rows events that follow belong to, and what its columns are.
//!
//! Follows `Table_map_event` in `libs/mysql/binlog/event/rows_event.h`.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | table id | 6 | what rows events refer to |
//! | flags | 2 | unused |
//! | database | 1, n, 1 | length, name, zero |
//! | table | 1, n, 1 | length, name, zero |
//! | column count | length-encoded | |
//! | types | count | one byte a column |
//! | metadata | length-encoded, n | by type, see [`super::column_map`] |
//! | nullable | (count + 7) / 8 | a bit a column, least significant first |
//! | optional metadata | the rest | see [`super::optional_metadata`] |

use super::column_map::{self, ColumnMap, kind};
use super::cursor::Cursor;
use super::optional_metadata::OptionalMetadata;
use super::{BinlogError, FormatDescription};
use crate::mysql::Flavour;

/// The most columns that a table of either family has.
const COLUMNS_MAX: u64 = 4096;

/// A table map, borrowed from the event's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMap<'a> {
    /// What rows events refer to.
    pub table_id: u64,
    /// The database.
    pub database: &'a [u8],
    /// The table.
    pub table: &'a [u8],
    /// The columns' types, a byte a column, as the event holds them.
    pub types: &'a [u8],
    metadata: &'a [u8],
    nullable: &'a [u8],
    optional: &'a [u8],
    body: &'a [u8],
    flavour: Flavour,
    /// As [`FormatDescription::signs_years`] says.
    signs_years: Option<bool>,
}

impl<'a> TableMap<'a> {
    /// Reads the table's id and name, and bounds the rest; [`TableMap::columns`] reads that.
    ///
    /// # Errors
    /// A length or count past the end of the body, an impossible count of columns.
    pub fn parse(
        body: &'a [u8],
        format: &FormatDescription,
        flavour: Flavour,
    ) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        let table_id = cursor.u48("the table id")?;
        cursor.u16("the table map's flags")?;
        let database = name(&mut cursor, "the database name")?;
        let table = name(&mut cursor, "the table name")?;
        let count = cursor.length_encoded("the column count")?;
        if count > COLUMNS_MAX {
            return Err(BinlogError::Value {
                what: "the column count",
                expected: "at most 4096",
                found: count,
            });
        }
        let types = cursor.bytes_of(count, "the column types")?;
        let metadata = cursor.length_encoded_bytes("the column metadata")?;
        let nullable = cursor.bytes(types.len().div_ceil(8), "the bitmap of nullable columns")?;
        Ok(Self {
            table_id,
            database,
            table,
            types,
            metadata,
            nullable,
            optional: cursor.rest(),
            body,
            flavour,
            signs_years: format.signs_years(),
        })
    }

    /// Reads the table id alone.
    ///
    /// # Errors
    /// A body that is too short.
    pub fn id_of(body: &[u8]) -> Result<u64, BinlogError> {
        Cursor::new(body).u48("the table id")
    }

    /// Whose table map it is.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Whether another table map's body is the same, byte for byte: the same id, name, columns and metadata.
    pub fn same_bytes(&self, body: &[u8]) -> bool {
        self.body == body
    }

    /// How many columns the table has.
    pub fn column_count(&self) -> usize {
        self.types.len()
    }

    /// Reads all that the event says of the columns.
    ///
    /// # Errors
    /// A type that is unknown, metadata that contradicts its type, or optional metadata that contradicts the columns.
    pub fn columns(&self) -> Result<Vec<ColumnMap>, BinlogError> {
        let mut columns = column_map::columns(self.types, self.metadata, self.nullable)?;
        self.optional_metadata()?
            .describe(&mut columns, self.flavour, self.signs_years)?;
        if self.flavour == Flavour::MySql {
            for column in &mut columns {
                let is_old = matches!(column.kind, kind::TIME | kind::DATETIME | kind::TIMESTAMP);
                // MySQL had no fractions before it had types that hold them.
                column.fraction = column.fraction.or(is_old.then_some(0));
            }
        }
        Ok(columns)
    }

    /// Reads the primary key's columns, by index, in key order. `None` where the event names none: the table has no key, or,
    /// if the columns have no names either, the server does not log it.
    ///
    /// # Errors
    /// Metadata that does not hold together, or a column that the table does not have.
    pub fn key(&self) -> Result<Option<Vec<usize>>, BinlogError> {
        self.optional_metadata()?.key(self.types.len())
    }

    fn optional_metadata(&self) -> Result<OptionalMetadata<'a>, BinlogError> {
        OptionalMetadata::parse(self.optional)
    }
}

fn name<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<&'a [u8], BinlogError> {
    let bytes = cursor.short_bytes(what)?;
    cursor.terminator(what)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Vec<u8> {
        let mut body = vec![7, 0, 0, 0, 0, 0, 1, 0];
        body.extend([4]);
        body.extend(b"shop\0");
        body.extend([1]);
        body.extend(b"t\0");
        body.extend([2, 3, 15, 2, 10, 0, 0b10]);
        body.extend([4, 4, 1, b'a', 1, b'b', 8, 1, 1]);
        body
    }

    fn parse(body: &[u8]) -> Result<TableMap<'_>, BinlogError> {
        TableMap::parse(body, &FormatDescription::default(), Flavour::MySql)
    }

    #[test]
    fn a_table_map_is_read_and_every_cut_of_its_fixed_part_is_an_error() {
        let body = body();
        let map = parse(&body).unwrap();
        assert_eq!((map.table_id, TableMap::id_of(&body)), (7, Ok(7)));
        assert_eq!((map.database, map.table), (&b"shop"[..], &b"t"[..]));
        let columns = map.columns().unwrap();
        assert_eq!(columns[1].name.as_deref(), Some("b"));
        assert_eq!((columns[0].nullable, columns[1].nullable), (false, true));
        assert_eq!(map.key(), Ok(Some(vec![1])));
        for length in 0..body.len() - 9 {
            assert!(parse(&body[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn only_the_same_bytes_are_the_same_table_map() {
        let (body, mut other) = (body(), body());
        assert!(parse(&body).unwrap().same_bytes(&other));
        other[0] = 8;
        assert!(!parse(&body).unwrap().same_bytes(&other));
    }

    #[test]
    fn names_end_in_a_zero_and_columns_have_a_limit() {
        let mut unended = body();
        unended[13] = b'x';
        assert!(parse(&unended).is_err());
        let mut null_count = body();
        null_count[17] = 0xfb;
        assert!(parse(&null_count).is_err());
        let mut wide = body()[..17].to_vec();
        wide.extend([252, 1, 16]);
        wide.extend(vec![3; 4097]);
        wide.push(0);
        wide.extend(vec![0; 513]);
        assert!(parse(&wide).is_err());
    }
}
