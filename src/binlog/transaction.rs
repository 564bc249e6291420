//! Small events around a transaction: its commit, and the incident that says that events are missing.

use super::cursor::Cursor;
use super::{BinlogError, EventKind};

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

/// Reads the body of a rows-query (MySQL) or annotate-rows event (MariaDB): the statement after the rows.
///
/// # Errors
/// A rows-query event without its length byte.
pub fn statement(kind: EventKind, body: &[u8]) -> Result<&[u8], BinlogError> {
    let mut cursor = Cursor::new(body);
    if kind == EventKind::RowsQuery {
        // The length wraps above 255, so it says nothing.
        cursor.u8("the statement's length")?;
    }
    Ok(cursor.rest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_a_small_event_is_an_error() {
        assert_eq!(xid(&[9, 0, 0, 0, 0, 0, 0, 0]).unwrap(), 9);
        let incident = [1, 0, 4, b'l', b'o', b's', b't'];
        let read = Incident::parse(&incident).unwrap();
        assert_eq!((read.number, read.message), (1, &b"lost"[..]));
        for length in 0..7 {
            assert!(xid(&incident[..length]).is_err());
            assert!(Incident::parse(&incident[..length]).is_err());
        }
    }

    #[test]
    fn the_statement_is_all_that_follows_the_length() {
        let kind = EventKind::RowsQuery;
        assert_eq!(statement(kind, b"\x01INSERT").unwrap(), b"INSERT");
        assert!(statement(kind, b"").is_err());
        let kind = EventKind::AnnotateRows;
        assert_eq!(statement(kind, b"INSERT").unwrap(), b"INSERT");
    }
}
