//! MariaDB's compressed events: a statement, or the row images of a rows event, packed inside an otherwise plain event.
//!
//! Follows `binlog_buf_uncompress` in MariaDB's `sql/log_event.cc`. What is packed runs to the end of the body:
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | head | 1 | top bit set; 3 bits of algorithm, 0 for zlib; lowest 3 bits: width of the length |
//! | length | 1 to 4 | when unpacked; the highest byte first |
//! | packed bytes | the rest | |

use super::cursor::Cursor;
use super::unpack::Unpacker;
use super::{BinlogError, EventKind, FormatDescription, Query, RowsHeader};

/// The most that a server packs: both families limit an event to 1 GiB.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// Statements that control transactions are shorter.
const CONTROL_BYTES_MAX: u64 = 4096;
/// More than zlib packs into a byte.
const RATIO_MAX: u64 = 1100;

/// The kind of the event that `kind` is when unpacked; `None` if it is not one of MariaDB's compressed kinds.
pub fn plain_kind(kind: EventKind) -> Option<EventKind> {
    match kind {
        EventKind::QueryCompressed => Some(EventKind::Query),
        EventKind::WriteRowsCompressedV1 => Some(EventKind::WriteRowsV1),
        EventKind::UpdateRowsCompressedV1 => Some(EventKind::UpdateRowsV1),
        EventKind::DeleteRowsCompressedV1 => Some(EventKind::DeleteRowsV1),
        EventKind::WriteRowsCompressed => Some(EventKind::WriteRows),
        EventKind::UpdateRowsCompressed => Some(EventKind::UpdateRows),
        EventKind::DeleteRowsCompressed => Some(EventKind::DeleteRows),
        _other => None,
    }
}

/// Unpacks the body of a compressed event to that of its [`plain_kind`].
///
/// # Errors
/// What the plain event's reader refuses, an algorithm that is unknown, bytes that do not unpack to the length that they
/// state.
pub fn plain_body(
    kind: EventKind,
    body: &[u8],
    format: &FormatDescription,
) -> Result<Vec<u8>, BinlogError> {
    let begin = match kind {
        EventKind::QueryCompressed => body.len() - Query::parse(body, format)?.statement.len(),
        rows => RowsHeader::parse(rows, body)?.body.start,
    };
    let (head, packed) = body.split_at_checked(begin).unwrap_or((body, &[]));
    let mut plain = head.to_vec();
    let (stated, packed) = stated(packed)?;
    Unpacker::zlib("the packed part", stated).whole(packed, &mut plain)?;
    Ok(plain)
}

/// Unpacks a compressed statement if it is so short that it may control a transaction; empty if it is longer.
///
/// # Errors
/// As for [`plain_body`].
pub fn short_statement(packed: &[u8]) -> Result<Vec<u8>, BinlogError> {
    let (stated, packed) = stated(packed)?;
    let mut statement = Vec::new();
    if stated <= CONTROL_BYTES_MAX {
        Unpacker::zlib("the packed statement", stated).whole(packed, &mut statement)?;
    }
    Ok(statement)
}

/// Reads the head: the length when unpacked, and the packed bytes.
fn stated(bytes: &[u8]) -> Result<(u64, &[u8]), BinlogError> {
    let mut cursor = Cursor::new(bytes);
    let head = cursor.u8("the packed part's head")?;
    if head & 0xf8 != 0x80 {
        return Err(BinlogError::Value {
            what: "the packed part's head",
            expected: "129 to 132 (zlib)",
            found: u64::from(head),
        });
    }
    let width = head & 7;
    if !(1..=4).contains(&width) {
        return Err(BinlogError::Value {
            what: "the width of the packed part's length",
            expected: "1 to 4",
            found: u64::from(width),
        });
    }
    let length = cursor.bytes(usize::from(width), "the packed part's length")?;
    let stated = length
        .iter()
        .fold(0, |length, byte| length << 8 | u64::from(*byte));
    let packed = cursor.rest();
    if stated > UNPACKED_BYTES_MAX || stated / RATIO_MAX > packed.len() as u64 {
        return Err(BinlogError::Value {
            what: "the packed part's length",
            expected: "at most 1 GiB, and no more than its bytes can hold",
            found: stated,
        });
    }
    Ok((stated, packed))
}
