//! Small events around a transaction: its commit, and the incident that says that events are missing.

use super::BinlogError;
use super::cursor::Cursor;

/// Reads the body of an XID event, which commits: the storage engine's number of the transaction.
///
/// # Errors
/// Fewer than eight bytes.
pub fn xid(body: &[u8]) -> Result<u64, BinlogError> {
    Cursor::new(body).u64("the transaction number")
}

/// A gap in the source's binlog: the server lost events before it could write them.
///
/// | field | bytes |
/// |---|---|
/// | number | 2 |
/// | length of the message | 1 |
/// | message | n |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident<'a> {
    /// 1: events were lost.
    pub number: u16,
    /// What the server says of it.
    pub message: &'a [u8],
}

impl<'a> Incident<'a> {
    /// Reads the event's body.
    ///
    /// # Errors
    /// A length past the end of the body.
    pub fn parse(body: &'a [u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        Ok(Self {
            number: cursor.u16("the incident's number")?,
            message: cursor.short_bytes("the incident's message")?,
        })
    }
}

/// Reads the body of a rows-query (MySQL) or annotate-rows event (MariaDB): the statement behind the rows.
///
/// # Errors
/// A rows-query event without its length byte.
pub fn statement(kind: super::EventKind, body: &[u8]) -> Result<&[u8], BinlogError> {
    let mut cursor = Cursor::new(body);
    if kind == super::EventKind::RowsQuery {
        // The length wraps above 255, so it says nothing.
        cursor.u8("the statement's length")?;
    }
    Ok(cursor.rest())
}
