//! The head of rows events: which table, which columns, where the row images are.
//!
//! | field | width | meaning |
//! |---|---|---|
//! | table id | 6 | of a table map before it; 4 with servers before 5.1.4 |
//! | flags | 2 | 1: ends its statement |
//! | extra length | 2 | version 2 only: itself and what follows |
//! | extra data | as said | |
//! | columns | length-encoded | |
//! | present | (columns + 7) / 8 | a bit a column |
//! | present after | the same | updates only |
//! | images | the rest | |

use std::ops::Range;

use super::reader::Reader;
use super::{BinlogError, EventKind};

/// Columns that a table can have; servers stop at 4,096.
const COLUMNS_MAX: u64 = 65_535;
/// A rows event that only ends a statement.
const DUMMY_TABLE_ID: u64 = 0xff_ffff;
const FLAG_ENDS_STATEMENT: u16 = 1;

/// The head of a rows event; ranges count from the body's first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsHeader {
    /// The number of its table map.
    pub table_id: u64,
    /// Flags.
    pub flags: u16,
    /// How many columns the table has.
    pub column_count: usize,
    /// The columns present in the only image, or in an update's before image.
    pub columns: Range<usize>,
    /// The columns present in an update's after image; otherwise the same as `columns`.
    pub columns_after: Range<usize>,
    /// The row images.
    pub body: Range<usize>,
}

impl RowsHeader {
    /// Reads the head of a rows event of kind `kind`.
    ///
    /// # Errors
    /// When it ends early or counts impossible columns.
    pub fn parse(kind: EventKind, body: &[u8]) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "rows event");
        let table_id = reader.u48()?;
        let flags = reader.u16()?;
        if matches!(
            kind,
            EventKind::WriteRows | EventKind::UpdateRows | EventKind::DeleteRows
        ) {
            let extra = reader.u16()?;
            let Some(extra) = extra.checked_sub(2) else {
                let found = u64::from(extra);
                return Err(BinlogError::Field {
                    what: "extra length of a rows event",
                    found,
                    expected: "2 or more",
                });
            };
            reader.take(usize::from(extra))?;
        }
        let found = reader.length_encoded()?;
        let column_count = usize::try_from(found)
            .ok()
            .filter(|_| found <= COLUMNS_MAX)
            .ok_or(BinlogError::Field {
                what: "column count of a rows event",
                found,
                expected: "at most 65535",
            })?;
        let bitmap = column_count.div_ceil(8);
        let mut ranged = |count: usize| -> Result<Range<usize>, BinlogError> {
            let start = body.len() - reader.rest().len();
            reader.take(count)?;
            Ok(start..start + count)
        };
        let columns = ranged(bitmap)?;
        let is_update = matches!(kind, EventKind::UpdateRows | EventKind::UpdateRowsV1);
        let columns_after = if is_update {
            ranged(bitmap)?
        } else {
            columns.clone()
        };
        let images = columns_after.end..body.len();
        Ok(Self {
            table_id,
            flags,
            column_count,
            columns,
            columns_after,
            body: images,
        })
    }

    /// Whether the statement ends here, and its table maps with it.
    pub fn ends_statement(&self) -> bool {
        self.flags & FLAG_ENDS_STATEMENT != 0
    }

    /// Whether the event has no table and only ends a statement.
    pub fn is_dummy(&self) -> bool {
        self.table_id == DUMMY_TABLE_ID
    }
}
