//! The event header, and event kinds by number.
//!
//! Follows `libs/mysql/binlog/event/binlog_event.h` (MySQL) and `sql/log_event.h` (MariaDB).
//!
//! | field | width | meaning |
//! |---|---|---|
//! | timestamp | 4 | seconds since 1970 |
//! | type | 1 | the kind |
//! | server id | 4 | the server that executed it first |
//! | event size | 4 | header, body and checksum |
//! | log position | 4 | where the next event begins; 0 for events that are not in a file, and in MariaDB's groups since 11.4 |
//! | flags | 2 | see the constants |

use std::fmt;

use super::BinlogError;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// What an event is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
            /// A number that neither family has assigned.
            Unknown(u8),
        }

        impl EventKind {
            /// The kind with this number.
            pub fn from_number(number: u8) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }

            /// Its number on the wire.
            pub fn number(self) -> u8 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Unknown(number) => number,
                }
            }
        }

        impl fmt::Display for EventKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($text),)*
                    Self::Unknown(number) => write!(f, "type {number}"),
                }
            }
        }
    };
}

impl EventKind {
    /// Whether it holds rows, neither compressed nor in pieces.
    pub fn holds_rows(self) -> bool {
        matches!(
            self,
            Self::WriteRows
                | Self::WriteRowsV1
                | Self::UpdateRows
                | Self::UpdateRowsV1
                | Self::PartialUpdateRows
                | Self::DeleteRows
                | Self::DeleteRowsV1
        )
    }
}

kinds! {
    /// A statement, or what controls a transaction.
    Query = 2, "QUERY";
    /// The server stopped cleanly.
    Stop = 3, "STOP";
    /// The file ends; names the next one.
    Rotate = 4, "ROTATE";
    /// Context of a statement: an automatic number.
    Intvar = 5, "INTVAR";
    /// LOAD DATA as a statement: a further block of the file.
    AppendBlock = 9, "APPEND_BLOCK";
    /// LOAD DATA as a statement: it failed, the file is not needed.
    DeleteFile = 11, "DELETE_FILE";
    /// Context of a statement: the seeds of RAND().
    Rand = 13, "RAND";
    /// Context of a statement: a user variable.
    UserVar = 14, "USER_VAR";
    /// Opens a file: server version, lengths of post-headers, checksum algorithm.
    FormatDescription = 15, "FORMAT_DESCRIPTION";
    /// The commit of a transaction.
    Xid = 16, "XID";
    /// LOAD DATA as a statement: the file's first block.
    BeginLoadQuery = 17, "BEGIN_LOAD_QUERY";
    /// LOAD DATA as a statement: the statement.
    ExecuteLoadQuery = 18, "EXECUTE_LOAD_QUERY";
    /// The table that rows events refer to.
    TableMap = 19, "TABLE_MAP";
    /// Inserted rows, version 1.
    WriteRowsV1 = 23, "WRITE_ROWS_V1";
    /// Updated rows, version 1.
    UpdateRowsV1 = 24, "UPDATE_ROWS_V1";
    /// Deleted rows, version 1.
    DeleteRowsV1 = 25, "DELETE_ROWS_V1";
    /// The source lost events.
    Incident = 26, "INCIDENT";
    /// Keeps an idle stream alive.
    Heartbeat = 27, "HEARTBEAT";
    /// May be passed over.
    Ignorable = 28, "IGNORABLE";
    /// The statement after the rows that follow (MySQL).
    RowsQuery = 29, "ROWS_QUERY";
    /// Inserted rows.
    WriteRows = 30, "WRITE_ROWS";
    /// Updated rows.
    UpdateRows = 31, "UPDATE_ROWS";
    /// Deleted rows.
    DeleteRows = 32, "DELETE_ROWS";
    /// Opens a group and names it.
    Gtid = 33, "GTID";
    /// Opens a group on a source without GTIDs.
    AnonymousGtid = 34, "ANONYMOUS_GTID";
    /// The GTIDs of all files before this one.
    PreviousGtids = 35, "PREVIOUS_GTIDS";
    /// Group replication: a transaction's write set.
    TransactionContext = 36, "TRANSACTION_CONTEXT";
    /// Group replication: a change of members.
    ViewChange = 37, "VIEW_CHANGE";
    /// The first phase of an XA transaction.
    XaPrepare = 38, "XA_PREPARE";
    /// Updated rows with partial JSON.
    PartialUpdateRows = 39, "PARTIAL_UPDATE_ROWS";
    /// A compressed transaction.
    TransactionPayload = 40, "TRANSACTION_PAYLOAD";
    /// Keeps an idle stream alive, with a 64-bit position.
    HeartbeatV2 = 41, "HEARTBEAT_V2";
    /// Opens a group and names it, with a tag.
    GtidTagged = 42, "GTID_TAGGED";
    /// The statement after the rows that follow (MariaDB).
    AnnotateRows = 160, "ANNOTATE_ROWS";
    /// Which files crash recovery needs.
    BinlogCheckpoint = 161, "BINLOG_CHECKPOINT";
    /// Opens a group and names it (MariaDB).
    MariaDbGtid = 162, "GTID";
    /// The last GTIDs of all files before this one (MariaDB).
    MariaDbGtidList = 163, "GTID_LIST";
    /// The rest of the file is encrypted.
    StartEncryption = 164, "START_ENCRYPTION";
    /// A compressed statement.
    QueryCompressed = 165, "QUERY_COMPRESSED";
    /// Compressed inserted rows, version 1.
    WriteRowsCompressedV1 = 166, "WRITE_ROWS_COMPRESSED_V1";
    /// Compressed updated rows, version 1.
    UpdateRowsCompressedV1 = 167, "UPDATE_ROWS_COMPRESSED_V1";
    /// Compressed deleted rows, version 1.
    DeleteRowsCompressedV1 = 168, "DELETE_ROWS_COMPRESSED_V1";
    /// Compressed inserted rows.
    WriteRowsCompressed = 169, "WRITE_ROWS_COMPRESSED";
    /// Compressed updated rows.
    UpdateRowsCompressed = 170, "UPDATE_ROWS_COMPRESSED";
    /// Compressed deleted rows.
    DeleteRowsCompressed = 171, "DELETE_ROWS_COMPRESSED";
    /// A piece of a large rows event.
    PartialRowData = 172, "PARTIAL_ROW_DATA";
}

/// The file was not closed; not part of the checksum.
pub(super) const FLAG_IN_USE: u16 = 0x01;
const FLAG_SUPPRESS_USE: u16 = 0x8;
const FLAG_RELAY_LOG: u16 = 0x40;
const FLAG_IGNORABLE: u16 = 0x80;

/// An event's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// When the statement began on the server that executed it first, in seconds since 1970.
    pub timestamp: u32,
    /// What the event is.
    pub kind: EventKind,
    /// The server that executed it first.
    pub server_id: u32,
    /// Bytes of header, body and checksum.
    pub event_size: u32,
    /// The lower 32 bits of the position after it, or 0.
    pub log_position: u32,
    /// Flags.
    pub flags: u16,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 19;
    /// The flag of an event that the server made for the stream.
    pub const ARTIFICIAL: u16 = 0x20;

    /// Reads the header at the front of an event.
    ///
    /// # Errors
    /// When there are fewer bytes than a header has, or the size in it is smaller than the header.
    pub fn parse(event: &[u8]) -> Result<Self, BinlogError> {
        let Some(
            [
                t0,
                t1,
                t2,
                t3,
                kind,
                i0,
                i1,
                i2,
                i3,
                s0,
                s1,
                s2,
                s3,
                p0,
                p1,
                p2,
                p3,
                f0,
                f1,
            ],
        ) = event.first_chunk::<{ Self::LEN }>()
        else {
            return Err(BinlogError::Truncated {
                what: "the header",
                needed: Self::LEN as u64,
                left: event.len(),
            });
        };
        let header = Self {
            timestamp: u32::from_le_bytes([*t0, *t1, *t2, *t3]),
            kind: EventKind::from_number(*kind),
            server_id: u32::from_le_bytes([*i0, *i1, *i2, *i3]),
            event_size: u32::from_le_bytes([*s0, *s1, *s2, *s3]),
            log_position: u32::from_le_bytes([*p0, *p1, *p2, *p3]),
            flags: u16::from_le_bytes([*f0, *f1]),
        };
        if (header.event_size as usize) < Self::LEN {
            return Err(BinlogError::Value {
                what: "the header's event size",
                expected: "at least 19",
                found: u64::from(header.event_size),
            });
        }
        Ok(header)
    }

    /// Whether the server made the event for the stream.
    pub fn is_artificial(&self) -> bool {
        self.flags & Self::ARTIFICIAL != 0
    }

    /// Whether the event, a file's first, is that of a file that its server has not closed.
    pub fn is_in_use(&self) -> bool {
        self.flags & FLAG_IN_USE != 0
    }

    /// Whether the event is one that a replica made for its relay log.
    pub fn is_relay_log(&self) -> bool {
        self.flags & FLAG_RELAY_LOG != 0
    }

    /// Whether a statement is to be executed without its default database, which may not exist yet or any more.
    pub fn suppresses_use(&self) -> bool {
        self.flags & FLAG_SUPPRESS_USE != 0
    }

    /// Whether a reader that does not know the event may pass over it.
    pub fn is_ignorable(&self) -> bool {
        self.flags & FLAG_IGNORABLE != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_becomes_a_kind_and_back() {
        for number in 0..=u8::MAX {
            assert_eq!(EventKind::from_number(number).number(), number);
        }
        assert_eq!(EventKind::from_number(30).to_string(), "WRITE_ROWS");
        assert_eq!(EventKind::from_number(200).to_string(), "type 200");
    }

    #[test]
    fn a_header_is_read_field_by_field_and_every_prefix_is_an_error() {
        let bytes = [1, 0, 0, 0, 19, 2, 0, 0, 0, 23, 0, 0, 0, 4, 0, 0, 0, 0xa0, 0];
        let header = Header::parse(&bytes).unwrap();
        assert_eq!(
            header,
            Header {
                timestamp: 1,
                kind: EventKind::TableMap,
                server_id: 2,
                event_size: 23,
                log_position: 4,
                flags: 0xa0,
            }
        );
        assert!(header.is_artificial() && header.is_ignorable());
        assert!(!header.is_in_use() && !header.is_relay_log());
        for length in 0..bytes.len() {
            assert!(Header::parse(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn a_size_below_the_header_is_refused() {
        let mut bytes = [0; 19];
        bytes[9] = 18;
        assert!(Header::parse(&bytes).is_err());
    }
}
