//! Query events: statements, and what controls a transaction.
//!
//! | field | width | meaning |
//! |---|---|---|
//! | thread id | 4 | the session on the source |
//! | execution time | 4 | seconds |
//! | database length | 1 | |
//! | error code | 2 | |
//! | status length | 2 | |
//! | status variables | as said | code and value each; an unknown code ends what can be read |
//! | database | as said | followed by a zero byte |
//! | statement | the rest | |

use super::reader::Reader;
use super::{BinlogError, Control, FormatDescription};

/// A query event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The session that ran it.
    pub thread_id: u32,
    /// The error with which it ended, 0 for none.
    pub error_code: u16,
    /// The default database, empty for none.
    pub database: &'a [u8],
    /// The statement, in the client's character set.
    pub statement: &'a [u8],
    /// The session's `sql_mode`, if given.
    pub sql_mode: Option<u64>,
    /// The collation of the client's character set, if given.
    pub client_collation: Option<u16>,
}

impl<'a> Query<'a> {
    /// Reads the event's body.
    ///
    /// # Errors
    /// When it ends early.
    pub fn parse(body: &'a [u8], _format: &FormatDescription) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "QUERY event");
        let thread_id = reader.u32()?;
        let _seconds = reader.u32()?;
        let database_bytes = usize::from(reader.u8()?);
        let error_code = reader.u16()?;
        let status_bytes = usize::from(reader.u16()?);
        let status = reader.take(status_bytes)?;
        let database = reader.take(database_bytes)?;
        let _zero = reader.u8()?;
        let mut query = Self {
            thread_id,
            error_code,
            database,
            statement: reader.rest(),
            sql_mode: None,
            client_collation: None,
        };
        // What cannot be read of the status variables is not needed: their length is known.
        let _unread = query.status(status);
        Ok(query)
    }

    /// What the statement does to the transaction, if that is all it does.
    pub fn control(&self) -> Option<Control<'a>> {
        Control::of(self.statement)
    }

    fn status(&mut self, status: &[u8]) -> Result<(), BinlogError> {
        let mut reader = Reader::new(status, "status variables");
        while !reader.is_empty() {
            match reader.u8()? {
                0 => {
                    reader.u32()?;
                }
                1 => self.sql_mode = Some(reader.u64()?),
                2 => {
                    reader.short()?;
                    reader.u8()?;
                }
                3 | 16 => {
                    reader.take(4)?;
                }
                4 => {
                    self.client_collation = Some(reader.u16()?);
                    reader.take(4)?;
                }
                5 | 6 => {
                    reader.short()?;
                }
                7 | 8 | 18 => {
                    reader.u16()?;
                }
                9 => {
                    reader.u64()?;
                }
                _unknown => return Ok(()),
            }
        }
        Ok(())
    }
}
