//! MariaDB's GTID event: a group begins.
//!
//! Follows `Gtid_log_event` in MariaDB's `sql/log_event.cc`.

use super::cursor::Cursor;
use super::xa::{self, XaId};
use super::{BinlogError, Gtid, Header};

/// The beginning of a group. Unless it is standalone, it stands for BEGIN too.
///
/// | field | bytes | meaning |
/// |---|---|---|
/// | sequence number | 8 | |
/// | domain | 4 | |
/// | flags | 1 | 1 standalone, 2 group commit, 4 transactional, 8 parallel, 16 waited, 32 DDL, 64 XA prepared, 128 XA ended |
/// | commit id | 8 | with flag 2 |
/// | XA id | 4, 1, 1, n, n | with flags 64 and 128: format, lengths, parts |
/// | more flags | 1 | 1 engines, 2 ALTER starts, 4 ALTER commits, 8 ALTER rolls back, 16 thread id |
/// | engines | 1 | with the second flag 1 |
/// | start of the ALTER | 8 | with the second flags 4 and 8: its sequence number |
/// | thread id | 4 | with the second flag 16 |
/// | zeros | n | up to 19 bytes in all |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MariaDbGtidEvent {
    /// The GTID; the server is that of the event header.
    pub gtid: Gtid,
    /// The group is the next event alone, without BEGIN and COMMIT.
    pub standalone: bool,
    /// Every change of the group can be rolled back.
    pub transactional: bool,
    /// The group is a DDL statement.
    pub ddl: bool,
    /// The group prepares an XA transaction.
    pub prepared_xa: bool,
    /// The group commits or rolls back an XA transaction that was prepared before.
    pub completed_xa: bool,
    /// The XA transaction that it prepares, commits or rolls back.
    pub xa_id: Option<XaId>,
    /// Groups with the same id were committed together.
    pub commit_id: Option<u64>,
    /// What the group is of an ALTER in two phases.
    pub alter: Option<AlterPhase>,
}

/// A part of an ALTER that is logged in two phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterPhase {
    /// It starts.
    Start,
    /// It is committed.
    Commit {
        /// Sequence number of the group that started it.
        start: u64,
    },
    /// It is rolled back.
    Rollback {
        /// Sequence number of the group that started it.
        start: u64,
    },
}

/// Bytes up to which the fields are filled up with zeros.
const FIXED_BYTES: usize = 19;

mod flag {
    pub const STANDALONE: u8 = 1;
    pub const GROUP_COMMIT: u8 = 2;
    pub const TRANSACTIONAL: u8 = 4;
    pub const DDL: u8 = 32;
    pub const PREPARED_XA: u8 = 64;
    pub const COMPLETED_XA: u8 = 128;
}

mod more_flag {
    pub const ENGINES: u8 = 1;
    pub const ALTER_START: u8 = 2;
    pub const ALTER_COMMIT: u8 = 4;
    pub const ALTER_ROLLBACK: u8 = 8;
    pub const THREAD_ID: u8 = 16;
}

impl MariaDbGtidEvent {
    /// Reads the event's body.
    ///
    /// # Errors
    /// Missing bytes, or an XA id that is too long.
    pub fn parse(header: &Header, body: &[u8]) -> Result<Self, BinlogError> {
        Self::read(header, &mut Cursor::new(body)).map(|(event, _)| event)
    }

    /// As [`MariaDbGtidEvent::parse`], and makes sure that only zero bytes stand after the last field.
    ///
    /// # Errors
    /// As there, or another byte after the last field.
    pub(super) fn check(header: &Header, body: &[u8]) -> Result<(), BinlogError> {
        let mut cursor = Cursor::new(body);
        let (_, more_flags) = Self::read(header, &mut cursor)?;
        if more_flags & more_flag::THREAD_ID != 0 {
            cursor.u32("the thread id")?;
        }
        let is_filled_up =
            body.len() <= FIXED_BYTES && cursor.clone().rest().iter().all(|byte| *byte == 0);
        match is_filled_up {
            true => Ok(()),
            false => cursor.nothing_left("the GTID event's fields"),
        }
    }

    /// Reads the event, and its further flags.
    fn read(header: &Header, cursor: &mut Cursor<'_>) -> Result<(Self, u8), BinlogError> {
        let sequence = cursor.u64("the GTID's sequence number")?;
        let domain = cursor.u32("the GTID's domain")?;
        let flags = cursor.u8("the GTID event's flags")?;
        let has = |flag: u8| flags & flag != 0;
        let commit_id = if has(flag::GROUP_COMMIT) {
            Some(cursor.u64("the commit id")?)
        } else {
            None
        };
        let xa_id = if has(flag::PREPARED_XA | flag::COMPLETED_XA) {
            Some(xa_id(cursor)?)
        } else {
            None
        };
        let (alter, more_flags) = alter(cursor)?;
        let event = Self {
            gtid: Gtid::MariaDb {
                domain,
                server_id: header.server_id,
                sequence,
            },
            standalone: has(flag::STANDALONE),
            transactional: has(flag::TRANSACTIONAL),
            ddl: has(flag::DDL),
            prepared_xa: has(flag::PREPARED_XA),
            completed_xa: has(flag::COMPLETED_XA),
            xa_id,
            commit_id,
            alter,
        };
        Ok((event, more_flags))
    }
}

fn xa_id(cursor: &mut Cursor<'_>) -> Result<XaId, BinlogError> {
    let format = cursor.u32("the XA id's format")?;
    let global = cursor.u8("the length of the XA id's global part")?;
    let branch = cursor.u8("the length of the XA id's branch")?;
    Ok(XaId {
        format,
        global: xa::part(cursor, u32::from(global))?,
        branch: xa::part(cursor, u32::from(branch))?,
    })
}

/// The phase of an ALTER, and the further flags.
fn alter(cursor: &mut Cursor<'_>) -> Result<(Option<AlterPhase>, u8), BinlogError> {
    if cursor.is_empty() {
        return Ok((None, 0));
    }
    let flags = cursor.u8("the GTID event's further flags")?;
    if flags & more_flag::ENGINES != 0 {
        cursor.u8("the number of engines")?;
    }
    if flags & more_flag::ALTER_START != 0 {
        return Ok((Some(AlterPhase::Start), flags));
    }
    if flags & (more_flag::ALTER_COMMIT | more_flag::ALTER_ROLLBACK) == 0 {
        return Ok((None, flags));
    }
    let start = cursor.u64("the start of the ALTER")?;
    let phase = if flags & more_flag::ALTER_COMMIT != 0 {
        AlterPhase::Commit { start }
    } else {
        AlterPhase::Rollback { start }
    };
    Ok((Some(phase), flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::EventKind;

    fn parse(flags: u8, more: &[u8]) -> Result<MariaDbGtidEvent, BinlogError> {
        let header = Header {
            timestamp: 0,
            kind: EventKind::MariaDbGtid,
            server_id: 3,
            event_size: 0,
            log_position: 0,
            flags: 0,
        };
        let mut body = vec![9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, flags];
        body.extend(more);
        MariaDbGtidEvent::parse(&header, &body)
    }

    #[test]
    fn the_flags_say_what_follows() {
        let plain = parse(flag::TRANSACTIONAL, &[0; 6]).unwrap();
        assert_eq!(plain.gtid.to_string(), "5-3-9");
        assert!(plain.transactional && !plain.standalone && !plain.ddl);
        assert_eq!(
            (plain.commit_id, plain.alter, plain.xa_id),
            (None, None, None)
        );
        let group = parse(flag::GROUP_COMMIT, &[4, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(group.commit_id, Some(4));
        let ddl = parse(flag::STANDALONE | flag::DDL, &[0; 6]).unwrap();
        assert!(ddl.standalone && ddl.ddl);
    }

    #[test]
    fn an_xa_id_is_read_and_every_cut_of_it_is_an_error() {
        let more = [7, 0, 0, 0, 2, 1, b'a', b'b', b'c', 0];
        let event = parse(flag::PREPARED_XA, &more).unwrap();
        assert!(event.prepared_xa && !event.completed_xa);
        assert_eq!(event.xa_id.unwrap().to_string(), "X'6162',X'63',7");
        for length in 0..9 {
            assert!(parse(flag::COMPLETED_XA, &more[..length]).is_err());
        }
        assert!(parse(flag::COMPLETED_XA, &[7, 0, 0, 0, 65, 0]).is_err());
    }

    #[test]
    fn the_phases_of_an_alter_are_told_apart() {
        let start = [8, 0, 0, 0, 0, 0, 0, 0];
        let check = |flags: u8, more: &[u8], expected: AlterPhase| {
            let event = parse(flag::STANDALONE, &[&[flags][..], more].concat()).unwrap();
            assert_eq!(event.alter, Some(expected));
        };
        check(2, &[], AlterPhase::Start);
        check(4, &start, AlterPhase::Commit { start: 8 });
        check(8, &start, AlterPhase::Rollback { start: 8 });
        let with_engines = [&[2][..], &start].concat();
        check(1 | 4, &with_engines, AlterPhase::Commit { start: 8 });
        assert!(parse(0, &[4, 1]).is_err());
        assert!(parse(0, &[1]).is_err());
    }
}
