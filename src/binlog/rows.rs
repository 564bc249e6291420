//! Rows events up to their row images.
//!
//! Follows `Rows_event` in `libs/mysql/binlog/event/rows_event.h`.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | table id | 6 | that of the table map before it |
//! | flags | 2 | see the methods of [`RowsHeader`] |
//! | extra length | 2 | version 2 only: of the extra information, these two bytes included |
//! | extra information | n | partition, NDB |
//! | column count | length-encoded | |
//! | columns | (count + 7) / 8 | which columns the only or the before image holds |
//! | columns after | (count + 7) / 8 | updates only: which columns the after image holds |
//! | row images | the rest | back to back; compressed in MariaDB's types 166 to 171 |

use std::ops::Range;

use super::cursor::Cursor;
use super::{BinlogError, EventKind};

/// A rows event without its row images; ranges count into the event's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsHeader {
    /// The id of the table map that describes them.
    pub table_id: u64,
    /// Bits, see the methods.
    pub flags: u16,
    /// The extra information, empty for none.
    pub extra: Range<usize>,
    /// How many columns the table has.
    pub column_count: usize,
    /// The bitmap of columns in the only image, or in an update's before image: least significant bit first.
    pub columns: Range<usize>,
    /// The bitmap of columns in an update's after image; the same as `columns` otherwise.
    pub columns_after: Range<usize>,
    /// The row images, still compressed if the event's type says so.
    pub body: Range<usize>,
}

impl RowsHeader {
    const STATEMENT_END: u16 = 0x1;
    const NO_FOREIGN_KEY_CHECKS: u16 = 0x2;
    const USES_SQL_FOREIGN_KEYS: u16 = 0x10;
    /// The table id of a rows event without a table.
    const DUMMY_TABLE_ID: u64 = 0xff_ffff;

    /// Reads the body of a rows event of any version.
    ///
    /// # Errors
    /// Another event type, or a length or count past the end of the body.
    pub fn parse(kind: EventKind, body: &[u8]) -> Result<Self, BinlogError> {
        if !matches!(kind.number(), 23..=25 | 30..=32 | 39 | 166..=171) {
            return Err(BinlogError::Value {
                what: "the type of a rows event",
                expected: "23 to 25, 30 to 32, 39 or 166 to 171",
                found: u64::from(kind.number()),
            });
        }
        let mut cursor = Cursor::new(body);
        let table_id = cursor.u48("the table id")?;
        let flags = cursor.u16("the rows event's flags")?;
        let extra = if is_version_2(kind) {
            extra(&mut cursor)?
        } else {
            cursor.offset()..cursor.offset()
        };
        let mut header = Self {
            table_id,
            flags,
            extra,
            column_count: 0,
            columns: 0..0,
            columns_after: 0..0,
            body: body.len()..body.len(),
        };
        if header.is_dummy() && cursor.is_empty() {
            return Ok(header);
        }
        let count = cursor.length_encoded("the column count")?;
        header.columns = bitmap(&mut cursor, count)?;
        header.columns_after = if is_update(kind) {
            bitmap(&mut cursor, count)?
        } else {
            header.columns.clone()
        };
        // The bitmap was there, so the count is at most eight times the body's length.
        header.column_count = usize::try_from(count).unwrap_or(usize::MAX);
        header.body = cursor.offset()..body.len();
        Ok(header)
    }

    /// Whether the event is the last of its statement: table maps before it end here.
    pub const fn ends_statement(&self) -> bool {
        self.flags & Self::STATEMENT_END != 0
    }

    /// Whether the storage engine checked foreign keys, so that what it changed in other rows is not in the binlog.
    pub const fn cascades(&self) -> bool {
        !self.skips_foreign_key_checks() && !self.uses_sql_foreign_keys()
    }

    /// Whether the statement ran with `foreign_key_checks=0`.
    pub const fn skips_foreign_key_checks(&self) -> bool {
        self.flags & Self::NO_FOREIGN_KEY_CHECKS != 0
    }

    /// Whether the server logs the rows that foreign keys change (MySQL 9.6 and later).
    pub const fn uses_sql_foreign_keys(&self) -> bool {
        self.flags & Self::USES_SQL_FOREIGN_KEYS != 0
    }

    /// Whether the event belongs to no table and only ends a statement.
    pub const fn is_dummy(&self) -> bool {
        self.table_id == Self::DUMMY_TABLE_ID
    }
}

fn is_version_2(kind: EventKind) -> bool {
    matches!(kind.number(), 30..=32 | 39 | 169..=171)
}

fn is_update(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::UpdateRows
            | EventKind::UpdateRowsV1
            | EventKind::PartialUpdateRows
            | EventKind::UpdateRowsCompressed
            | EventKind::UpdateRowsCompressedV1
    )
}

fn extra(cursor: &mut Cursor<'_>) -> Result<Range<usize>, BinlogError> {
    let length = cursor.u16("the length of the extra row information")?;
    let Some(length) = usize::from(length).checked_sub(2) else {
        return Err(BinlogError::Value {
            what: "the length of the extra row information",
            expected: "at least 2",
            found: u64::from(length),
        });
    };
    skip(cursor, length as u64, "the extra row information")
}

fn bitmap(cursor: &mut Cursor<'_>, columns: u64) -> Result<Range<usize>, BinlogError> {
    skip(cursor, columns.div_ceil(8), "the bitmap of columns")
}

fn skip(
    cursor: &mut Cursor<'_>,
    count: u64,
    what: &'static str,
) -> Result<Range<usize>, BinlogError> {
    let start = cursor.offset();
    cursor.bytes_of(count, what)?;
    Ok(start..cursor.offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [u8; 8] = [7, 0, 0, 0, 0, 1, 0x13, 0];

    #[test]
    fn an_update_of_version_2_with_extra_information_is_split() {
        let mut body = HEAD.to_vec();
        body.extend([5, 0, 1, 2, 3]);
        body.extend([9, 0xff, 1, 0x0f, 0]);
        body.extend([0xaa; 6]);
        let rows = RowsHeader::parse(EventKind::UpdateRows, &body).unwrap();
        assert_eq!(rows.table_id, 7 | 1 << 40);
        assert!(rows.ends_statement() && rows.skips_foreign_key_checks());
        assert!(rows.uses_sql_foreign_keys() && !rows.is_dummy());
        assert_eq!(rows.extra, 10..13);
        assert_eq!(rows.column_count, 9);
        assert_eq!((rows.columns, rows.columns_after), (14..16, 16..18));
        assert_eq!(rows.body, 18..24);
        for length in 0..18 {
            let cut = RowsHeader::parse(EventKind::UpdateRows, &body[..length]);
            assert!(cut.is_err(), "{length}");
        }
    }

    #[test]
    fn version_1_has_no_extra_information_and_one_bitmap() {
        let body = [&HEAD[..], &[2, 3], &[9, 9]].concat();
        let rows = RowsHeader::parse(EventKind::DeleteRowsV1, &body).unwrap();
        assert_eq!(rows.extra, 8..8);
        assert_eq!((rows.columns, rows.columns_after), (9..10, 9..10));
        assert_eq!(rows.body, 10..12);
    }

    #[test]
    fn an_extra_length_that_lies_is_refused() {
        for length in [0, 1, 200] {
            let body = [&HEAD[..], &[length, 0, 0], &[1, 1]].concat();
            assert!(RowsHeader::parse(EventKind::WriteRows, &body).is_err());
        }
    }

    #[test]
    fn an_event_without_a_table_only_ends_its_statement() {
        let dummy = [0xff, 0xff, 0xff, 0, 0, 0, 1, 0];
        for body in [&dummy[..], &[&dummy[..], &[1, 0]].concat()] {
            let rows = RowsHeader::parse(EventKind::WriteRowsV1, body).unwrap();
            assert!(rows.is_dummy() && rows.ends_statement());
            assert!(rows.body.is_empty());
        }
    }

    #[test]
    fn another_event_is_no_rows_event() {
        assert!(RowsHeader::parse(EventKind::Query, &[0; 40]).is_err());
    }
}
