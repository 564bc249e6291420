//! The query event: a statement with the session variables it ran under.
//!
//! Follows `Query_event` in `libs/mysql/binlog/event/statement_events.h` and, for the status variables from 128,
//! `Query_log_event` in MariaDB's `sql/log_event.cc`.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | thread id | 4 | connection on the source |
//! | execution time | 4 | in seconds |
//! | database length | 1 | |
//! | error code | 2 | |
//! | status length | 2 | absent before 5.0 |
//! | status variables | n | a code and a value each |
//! | database | n, 1 | and a zero byte |
//! | statement | the rest | in the session's client character set |

use super::control::{self, Control};
use super::cursor::Cursor;
use super::{BinlogError, EventKind, FormatDescription, XaId};

/// A statement, borrowed from the event's body.
///
/// Of the status variables those that a reader of changes needs. A code that is unknown ends their reading, for its
/// length is unknown too; what would follow it stays `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// The connection on the source.
    pub thread_id: u32,
    /// How long the statement ran, in seconds.
    pub execution_seconds: u32,
    /// What the statement failed with on the source; 0 for success.
    pub error_code: u16,
    /// The default database, empty for none.
    pub database: &'a [u8],
    /// The statement, in the client's character set.
    pub statement: &'a [u8],
    /// Code 0: bits of `foreign_key_checks`, `unique_checks`, `autocommit` and the like.
    pub flags: Option<u32>,
    /// Code 1: `sql_mode`.
    pub sql_mode: Option<u64>,
    /// Code 4: the collation that stands for `character_set_client`, that of the statement.
    pub client_collation: Option<u16>,
    /// Code 4: `collation_connection`, that of the statement's literals.
    pub connection_collation: Option<u16>,
    /// Code 4: the session's `collation_server`.
    pub server_collation: Option<u16>,
    /// Code 16, MySQL's: `explicit_defaults_for_timestamp`. MariaDB has it among the flags.
    pub explicit_defaults_for_timestamp: Option<bool>,
    /// Code 5: `time_zone`.
    pub time_zone: Option<&'a [u8]>,
    /// Code 13, in MariaDB 128: microseconds to add to the header's timestamp.
    pub microseconds: Option<u32>,
    /// Code 17, in MariaDB 129: the storage engine's transaction that made the DDL atomic.
    pub ddl_xid: Option<u64>,
    /// Code 130: bits of MariaDB's ALTER in two phases.
    pub alter_flags: Option<u8>,
    /// The code that ended the reading.
    pub unknown_code: Option<u8>,
}

impl<'a> Query<'a> {
    /// Reads a query event's body.
    ///
    /// # Errors
    /// A length past the end of the body or of the status variables.
    pub fn parse(body: &'a [u8], format: &FormatDescription) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        let thread_id = cursor.u32("the thread id")?;
        let execution_seconds = cursor.u32("the execution time")?;
        let database_length = cursor.u8("the database's length")?;
        let error_code = cursor.u16("the error code")?;
        let has_status = format.post_header(EventKind::Query).is_none_or(|n| n >= 13);
        let status_length = if has_status {
            cursor.u16("the length of the status variables")?
        } else {
            0
        };
        let status = cursor.bytes(usize::from(status_length), "the status variables")?;
        let database = cursor.bytes(usize::from(database_length), "the database")?;
        cursor.terminator("the database")?;
        let mut query = Self {
            thread_id,
            execution_seconds,
            error_code,
            database,
            statement: cursor.rest(),
            ..Self::default()
        };
        let mut status = Cursor::new(status);
        while !status.is_empty() && query.unknown_code.is_none() {
            let code = status.u8("a status variable's code")?;
            query.variable(code, &mut status)?;
        }
        Ok(query)
    }

    /// Whether the statement of a query event's body is the BEGIN that servers log, which needs no look at the status
    /// variables; `false` for a body that is cut, too.
    pub fn is_begin(body: &[u8], format: &FormatDescription) -> bool {
        const FIXED: usize = 11;
        let Some([_, _, _, _, _, _, _, _, database_bytes, ..]) = body.first_chunk::<FIXED>() else {
            return false;
        };
        let rest = body.get(FIXED..).unwrap_or_default();
        let has_status = format.post_header(EventKind::Query).is_none_or(|n| n >= 13);
        let before = match (has_status, rest.first_chunk()) {
            (false, _) => 0,
            (true, Some(status_bytes)) => 2 + usize::from(u16::from_le_bytes(*status_bytes)),
            (true, None) => return false,
        };
        rest.get(before + usize::from(*database_bytes)..) == Some(b"\0BEGIN")
    }

    /// Recognises a statement that begins or ends a transaction or a part of it.
    pub fn control(&self) -> Option<Control<'a>> {
        Control::of(self.statement)
    }

    /// Reads the id out of an XA statement.
    pub fn xa_id(&self) -> Option<XaId> {
        control::xa_id(self.statement)
    }

    /// Whether it is a phase of a two-phase ALTER other than its commit: nothing is changed by it.
    pub fn is_phase_without_effect(&self) -> bool {
        self.alter_flags
            .is_some_and(|flags| flags & ALTER_WITHOUT_EFFECT != 0)
    }

    fn variable(&mut self, code: u8, cursor: &mut Cursor<'a>) -> Result<(), BinlogError> {
        match code {
            0 => self.flags = Some(cursor.u32("the session's flags")?),
            1 => self.sql_mode = Some(cursor.u64("sql_mode")?),
            2 => {
                cursor.short_bytes("the catalog")?;
                cursor.terminator("the catalog")?;
            }
            3 => skip(cursor, 4, "the auto-increment variables")?,
            4 => {
                self.client_collation = Some(cursor.u16("character_set_client")?);
                self.connection_collation = Some(cursor.u16("the connection's collation")?);
                self.server_collation = Some(cursor.u16("the server's collation")?);
            }
            5 => self.time_zone = Some(cursor.short_bytes("time_zone")?),
            6 => skip_short(cursor, "the catalog")?,
            7 => skip(cursor, 2, "lc_time_names")?,
            8 => skip(cursor, 2, "collation_database")?,
            9 => skip(cursor, 8, "the map of updated tables")?,
            10 => skip(cursor, 4, "the source's event length")?,
            11 => {
                skip_short(cursor, "the invoker's user")?;
                skip_short(cursor, "the invoker's host")?;
            }
            12 => updated_databases(cursor)?,
            13 | 128 => self.microseconds = Some(cursor.u24("the microseconds")?),
            16 => {
                let set = cursor.u8("explicit_defaults_for_timestamp")?;
                self.explicit_defaults_for_timestamp = Some(set != 0);
            }
            17 | 129 => self.ddl_xid = Some(cursor.u64("the DDL's transaction id")?),
            18 => skip(cursor, 2, "default_collation_for_utf8mb4")?,
            19 => skip(cursor, 1, "sql_require_primary_key")?,
            20 => skip(cursor, 1, "default_table_encryption")?,
            // Seen with MySQL 9.7, on statements that change rows.
            21 => skip(cursor, 1, "the status variable 21")?,
            130 => {
                let flags = cursor.u8("the flags of a two-phase ALTER")?;
                if flags & ALTER_ENDS != 0 {
                    skip(cursor, 8, "the sequence number of the ALTER's start")?;
                }
                self.alter_flags = Some(flags);
            }
            131 => {
                let count = cursor.u8("the number of collations by character set")?;
                skip(
                    cursor,
                    usize::from(count) * 4,
                    "the collations by character set",
                )?;
            }
            unknown => self.unknown_code = Some(unknown),
        }
        Ok(())
    }
}

/// Cuts the fields out of LOAD DATA's statement that a query event does not have, so that [`Query::parse`] reads the rest. The
/// file's blocks came in events before it.
///
/// Follows `Execute_load_query_event` in `libs/mysql/binlog/event/load_data_events.h`: a query event with more fields in
/// front of its status variables.
///
/// | field | bytes |
/// |---|---|
/// | the query event's fields | 13 |
/// | number of the file, where its name begins and ends in the statement, what to do with duplicates | 4, 4, 4, 1 |
/// | the rest of a query event | n |
///
/// # Errors
/// A body that is too short.
pub fn load_data_body(body: &[u8]) -> Result<Vec<u8>, BinlogError> {
    let mut cursor = Cursor::new(body);
    let mut plain = cursor.bytes(13, "the statement's fields")?.to_vec();
    cursor.bytes(13, "the fields of LOAD DATA")?;
    plain.extend_from_slice(cursor.rest());
    Ok(plain)
}

/// MariaDB's flags of an ALTER's second phase, commit or rollback.
const ALTER_ENDS: u8 = 4 | 8;
/// MariaDB's flags of what changes nothing yet, or nothing at all: an ALTER that starts, or is rolled back.
const ALTER_WITHOUT_EFFECT: u8 = 2 | 8;

fn skip(cursor: &mut Cursor<'_>, count: usize, what: &'static str) -> Result<(), BinlogError> {
    cursor.bytes(count, what).map(drop)
}

fn skip_short(cursor: &mut Cursor<'_>, what: &'static str) -> Result<(), BinlogError> {
    cursor.short_bytes(what).map(drop)
}

/// A count and as many names, each with a zero byte after it; a count of 254 stands for too many, and none follow.
fn updated_databases(cursor: &mut Cursor<'_>) -> Result<(), BinlogError> {
    const TOO_MANY: u8 = 254;
    let count = cursor.u8("the number of updated databases")?;
    if count == TOO_MANY {
        return Ok(());
    }
    for _ in 0..count {
        while cursor.u8("an updated database's name")? != 0 {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, any, prop, prop_oneof, proptest};

    use super::*;

    fn body(status: &[u8]) -> Vec<u8> {
        let mut body = vec![9, 0, 0, 0, 2, 0, 0, 0, 4, 0x12, 0x04];
        body.extend(u16::try_from(status.len()).unwrap().to_le_bytes());
        body.extend(status);
        body.extend(b"shop\0COMMIT");
        body
    }

    fn parse(body: &[u8]) -> Result<Query<'_>, BinlogError> {
        Query::parse(body, &FormatDescription::default())
    }

    proptest! {
        #[test]
        fn begin_is_told_without_a_look_at_the_status_variables(
            flags in prop::option::of(any::<u32>()),
            database in "[a-z]{0,5}",
            statement in prop_oneof![Just("BEGIN"), Just("BEGIN "), Just("begin"), Just("x\0BEGIN"), Just("\0BEGIN"), Just("")],
        ) {
            let status = flags.map(|flags| [&[0][..], &flags.to_le_bytes()].concat()).unwrap_or_default();
            let mut body = vec![0; 8];
            body.push(u8::try_from(database.len()).unwrap());
            body.extend([0, 0]);
            body.extend(u16::try_from(status.len()).unwrap().to_le_bytes());
            body.extend(&status);
            body.extend(database.bytes());
            body.push(0);
            body.extend(statement.bytes());
            let format = FormatDescription::default();
            let is_begin = parse(&body).unwrap().statement == b"BEGIN";
            assert_eq!(Query::is_begin(&body, &format), is_begin);
            for end in 0..body.len() {
                let body = &body[..end];
                let is_begin = parse(body).is_ok_and(|query| query.statement == b"BEGIN");
                assert_eq!(Query::is_begin(body, &format), is_begin);
            }
        }
    }

    #[test]
    fn every_status_variable_of_mysql_is_passed() {
        let status = [
            &[0, 1, 0, 0, 0][..],
            &[1, 2, 0, 0, 0, 0, 0, 0, 0],
            &[6, 3, b's', b't', b'd'],
            &[3, 1, 0, 1, 0],
            &[4, 45, 0, 255, 0, 8, 0],
            &[5, 2, b'U', b'T'],
            &[7, 1, 0],
            &[8, 1, 0],
            &[9, 1, 0, 0, 0, 0, 0, 0, 0],
            &[10, 1, 0, 0, 0],
            &[11, 1, b'u', 2, b'h', b'h'],
            &[12, 2, b'a', 0, b'b', b'c', 0],
            &[13, 1, 2, 3],
            &[16, 1],
            &[17, 5, 0, 0, 0, 0, 0, 0, 0],
            &[18, 255, 0],
            &[19, 1, 20, 1, 21, 0],
        ]
        .concat();
        let body = body(&status);
        let query = parse(&body).unwrap();
        assert_eq!((query.thread_id, query.execution_seconds), (9, 2));
        assert_eq!((query.error_code, query.database), (0x412, &b"shop"[..]));
        assert_eq!(query.statement, b"COMMIT");
        assert_eq!(query.control(), Some(Control::Commit));
        assert_eq!((query.flags, query.sql_mode), (Some(1), Some(2)));
        assert_eq!(query.client_collation, Some(45));
        assert_eq!(query.connection_collation, Some(255));
        assert_eq!(query.server_collation, Some(8));
        assert_eq!(query.explicit_defaults_for_timestamp, Some(true));
        assert_eq!(query.time_zone, Some(&b"UT"[..]));
        assert_eq!(query.microseconds, Some(0x0003_0201));
        assert_eq!((query.ddl_xid, query.unknown_code), (Some(5), None));
        for length in 0..body.len() - b"COMMIT".len() {
            assert!(parse(&body[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn every_status_variable_of_mariadb_is_passed() {
        let status = [
            &[128, 7, 0, 0][..],
            &[129, 6, 0, 0, 0, 0, 0, 0, 0],
            &[130, 4, 1, 0, 0, 0, 0, 0, 0, 0],
            &[131, 2, 1, 0, 2, 0, 3, 0, 4, 0],
            &[1, 8, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let body = body(&status);
        let query = parse(&body).unwrap();
        assert_eq!((query.microseconds, query.ddl_xid), (Some(7), Some(6)));
        assert_eq!((query.alter_flags, query.sql_mode), (Some(4), Some(8)));
        assert!(!query.is_phase_without_effect());
        for (status, expected) in [
            (&[130, 2][..], true),
            (&[130, 8, 1, 0, 0, 0, 0, 0, 0, 0], true),
        ] {
            let body = super::tests::body(status);
            assert_eq!(parse(&body).unwrap().is_phase_without_effect(), expected);
        }
    }

    #[test]
    fn an_unknown_code_ends_the_variables_and_not_the_event() {
        let body = body(&[0, 1, 0, 0, 0, 99, 1, 2, 3]);
        let query = parse(&body).unwrap();
        assert_eq!((query.flags, query.unknown_code), (Some(1), Some(99)));
        assert_eq!(query.statement, b"COMMIT");
    }

    #[test]
    fn a_variable_that_outgrows_the_block_is_an_error() {
        for status in [&[1, 0][..], &[5, 9, b'x'], &[12, 1, b'a'], &[131, 200]] {
            assert!(parse(&body(status)).is_err(), "{status:?}");
        }
        let too_many_databases = [12, 254, 0, 1, 0, 0, 0];
        assert_eq!(parse(&body(&too_many_databases)).unwrap().flags, Some(1));
    }
}
