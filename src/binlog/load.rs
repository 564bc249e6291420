//! LOAD DATA as a statement: the event that holds the statement. The file's blocks came in events before it.
//!
//! Follows `Execute_load_query_event` in `libs/mysql/binlog/event/load_data_events.h`: a query event with more fields in
//! front of its status variables.
//!
//! | field | bytes |
//! |---|---|
//! | the query event's fields | 13 |
//! | number of the file, where its name begins and ends in the statement, what to do with duplicates | 4, 4, 4, 1 |
//! | the rest of a query event | n |

use super::BinlogError;
use super::cursor::Cursor;

/// Cuts the fields out that a query event does not have, so that [`super::Query`] reads the rest.
///
/// # Errors
/// A body that is too short.
pub fn query_body(body: &[u8]) -> Result<Vec<u8>, BinlogError> {
    let mut cursor = Cursor::new(body);
    let mut plain = cursor.bytes(13, "the statement's fields")?.to_vec();
    cursor.bytes(13, "the fields of LOAD DATA")?;
    plain.extend_from_slice(cursor.rest());
    Ok(plain)
}
