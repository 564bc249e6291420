//! Table map events: the table that rows events refer to, column by column.
//!
//! | field | width | meaning |
//! |---|---|---|
//! | table id | 6 | |
//! | flags | 2 | |
//! | database, table | a length byte, the name, a zero byte | |
//! | columns | length-encoded | |
//! | types | 1 each | |
//! | metadata | length-encoded length, 0 to 2 bytes each | by type |
//! | nullable | (columns + 7) / 8 | a bit a column |
//! | optional metadata | the rest | see [`super::column_map`] |

use super::column_map::{self, ColumnMap};
use super::reader::Reader;
use super::{BinlogError, FormatDescription};
use crate::mysql::Flavour;

/// Columns that a table can have; servers stop at 4,096.
const COLUMNS_MAX: usize = 65_535;

/// A table map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMap<'a> {
    /// The number that rows events refer to it by.
    pub table_id: u64,
    /// The database.
    pub database: &'a [u8],
    /// The table.
    pub table: &'a [u8],
    pub(super) types: &'a [u8],
    pub(super) metadata: &'a [u8],
    pub(super) nullable: &'a [u8],
    pub(super) optional: &'a [u8],
    pub(super) flavour: Flavour,
}

impl<'a> TableMap<'a> {
    /// Reads the event's body.
    ///
    /// # Errors
    /// When it ends early or counts impossible columns.
    pub fn parse(
        body: &'a [u8],
        _format: &FormatDescription,
        flavour: Flavour,
    ) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "TABLE_MAP event");
        let table_id = reader.u48()?;
        let _flags = reader.u16()?;
        let database = reader.short()?;
        let _zero = reader.u8()?;
        let table = reader.short()?;
        let _zero = reader.u8()?;
        let count = reader.length()?;
        if count > COLUMNS_MAX {
            let found = count as u64;
            return Err(BinlogError::Field {
                what: "column count of a table map",
                found,
                expected: "at most 65535",
            });
        }
        let types = reader.take(count)?;
        let metadata = reader.sized()?;
        let nullable = reader.take(count.div_ceil(8))?;
        Ok(Self {
            table_id,
            database,
            table,
            types,
            metadata,
            nullable,
            optional: reader.rest(),
            flavour,
        })
    }

    /// How many columns the table has.
    pub fn column_count(&self) -> usize {
        self.types.len()
    }

    /// The columns, with what the optional metadata says of them.
    ///
    /// # Errors
    /// When metadata ends early or contradicts the types.
    pub fn columns(&self) -> Result<Vec<ColumnMap>, BinlogError> {
        column_map::columns(self)
    }

    /// Indexes of the primary key's columns, in key order; `None` where there is no key or the metadata does not say.
    ///
    /// # Errors
    /// When metadata ends early or names a column that is not there.
    pub fn key(&self) -> Result<Option<Vec<usize>>, BinlogError> {
        column_map::key(self)
    }
}
