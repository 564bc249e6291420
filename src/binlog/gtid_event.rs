//! GTID events of both families: they open a group and name it.
//!
//! MySQL, types 33 and 34:
//!
//! | field | width | meaning |
//! |---|---|---|
//! | flags | 1 | 1: may hold statements |
//! | UUID | 16 | zero in an anonymous one |
//! | number | 8 | zero in an anonymous one |
//! | type of the next | 1 | 2 |
//! | last committed, sequence | 8, 8 | for parallel appliers |
//! | immediate commit | 7 | microseconds; the top bit says that the original commit time follows |
//! | original commit | 7 | where it differs |
//! | transaction length, versions | | not read |
//!
//! MariaDB, type 162: sequence 8, domain 4, flags 1, then what the flags announce.

use uuid::Uuid;

use super::reader::Reader;
use super::{BinlogError, EventKind, Gtid, Header};

/// The bit of the immediate commit time that announces an original one.
const ORIGINAL_FOLLOWS: u64 = 1 << 55;

/// A MySQL GTID event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GtidEvent {
    /// The GTID; `None` on a source without them.
    pub gtid: Option<Gtid>,
    /// When this source committed it, in microseconds since 1970; since 8.0.
    pub immediate_commit_us: Option<u64>,
    /// When the first server committed it.
    pub original_commit_us: Option<u64>,
}

impl GtidEvent {
    /// Reads the body of an event of kind `kind`.
    ///
    /// # Errors
    /// When it ends early.
    pub fn parse(kind: EventKind, body: &[u8]) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "GTID event");
        let _flags = reader.u8()?;
        let uuid = Uuid::from_slice(reader.take(16)?).expect("a UUID has 16 bytes");
        let number = reader.u64()?;
        let gtid = (kind == EventKind::Gtid).then(|| Gtid::MySql {
            uuid,
            tag: Box::default(),
            number,
        });
        let mut event = Self {
            gtid,
            immediate_commit_us: None,
            original_commit_us: None,
        };
        // MySQL 5.7 ends behind the logical clock, earlier ones before it.
        if reader.rest().len() >= 17 + 7 {
            reader.take(17)?;
            let immediate = reader.u56()?;
            event.immediate_commit_us = Some(immediate & !ORIGINAL_FOLLOWS);
            event.original_commit_us = Some(match immediate & ORIGINAL_FOLLOWS {
                0 => immediate,
                _follows => reader.u56()?,
            });
        }
        Ok(event)
    }
}

/// The group is one statement.
const FLAG_STANDALONE: u8 = 1;
const FLAG_DDL: u8 = 32;
const FLAG_PREPARED_XA: u8 = 64;
const FLAG_COMPLETED_XA: u8 = 128;

/// A MariaDB GTID event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MariaDbGtidEvent {
    /// The GTID.
    pub gtid: Gtid,
    /// No BEGIN is meant: the next statement is the whole group.
    pub standalone: bool,
    /// The group is a DDL statement.
    pub ddl: bool,
    /// The group ends in XA PREPARE.
    pub prepared_xa: bool,
    /// The group is XA COMMIT or XA ROLLBACK.
    pub completed_xa: bool,
}

impl MariaDbGtidEvent {
    /// Reads the event's body; the server id stands in its header.
    ///
    /// # Errors
    /// When it ends early.
    pub fn parse(header: &Header, body: &[u8]) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "GTID event");
        let sequence = reader.u64()?;
        let domain = reader.u32()?;
        let flags = reader.u8()?;
        Ok(Self {
            gtid: Gtid::MariaDb {
                domain,
                server_id: header.server_id,
                sequence,
            },
            standalone: flags & FLAG_STANDALONE != 0,
            ddl: flags & FLAG_DDL != 0,
            prepared_xa: flags & FLAG_PREPARED_XA != 0,
            completed_xa: flags & FLAG_COMPLETED_XA != 0,
        })
    }
}

/// An XA PREPARE event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XaPrepare {
    /// Whether it is the commit of a transaction in one phase.
    pub one_phase: bool,
}

impl XaPrepare {
    /// Reads the event's body.
    ///
    /// # Errors
    /// When it ends early.
    pub fn parse(body: &[u8]) -> Result<Self, BinlogError> {
        Ok(Self {
            one_phase: Reader::new(body, "XA_PREPARE event").u8()? != 0,
        })
    }
}
