//! Commands that rowtap sends, as bytes.
//!
//! Follows `sql/rpl_source.cc` and `sql/rpl_replica.cc` of MySQL for what the manual leaves open. All integers are
//! little-endian.

const QUIT: u8 = 0x01;
const QUERY: u8 = 0x03;
const PING: u8 = 0x0e;
const BINLOG_DUMP: u8 = 0x12;
const REGISTER_REPLICA: u8 = 0x15;
const STMT_PREPARE: u8 = 0x16;
const STMT_EXECUTE: u8 = 0x17;
const STMT_CLOSE: u8 = 0x19;
const BINLOG_DUMP_GTID: u8 = 0x1e;

/// What both servers keep of a replica's host name.
const HOST_BYTES_MAX: usize = 60;

/// Flags of a dump, as far as rowtap sets them.
///
/// The protocol has more: 4 means different things to different servers of the same family, so it is never sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpFlags {
    /// End the dump with EOF at the binlog's end instead of waiting for more (1).
    pub non_block: bool,
    /// To MariaDB: send ANNOTATE_ROWS events (2). MySQL reads the same bit as a wish for heartbeats of version 2.
    pub annotate_rows: bool,
}

impl DumpFlags {
    fn bits(self) -> u16 {
        u16::from(self.non_block) | u16::from(self.annotate_rows) << 1
    }
}

/// Makes a COM_REGISTER_SLAVE: how a replica shows in `SHOW REPLICAS`.
///
/// | field | width | meaning |
/// |---|---|---|
/// | command | 1 | 0x15 |
/// | server_id | 4 | the replica's |
/// | host, user, password | 1 + n each | for display only; user and password stay empty |
/// | port | 2 | for display only |
/// | rank, source's id | 4 + 4 | unused, 0 |
///
/// A host name is cut to 60 bytes, at a character.
pub fn register_replica(server_id: u32, host: &str, port: u16) -> Vec<u8> {
    let host = &host[..host.floor_char_boundary(HOST_BYTES_MAX)];
    let mut out = vec![REGISTER_REPLICA];
    out.extend_from_slice(&server_id.to_le_bytes());
    out.push(u8::try_from(host.len()).expect("cut to 60 bytes above"));
    out.extend_from_slice(host.as_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&port.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out
}

/// Makes a COM_BINLOG_DUMP: a dump from coordinates, or from `@slave_connect_state` where MariaDB finds that set.
///
/// | field | width | meaning |
/// |---|---|---|
/// | command | 1 | 0x12 |
/// | position | 4 | 4 or more |
/// | flags | 2 | see [`DumpFlags`] |
/// | server_id | 4 | the replica's |
/// | file | rest | empty: the first one there is |
pub fn binlog_dump(server_id: u32, file: &str, position: u32, flags: DumpFlags) -> Vec<u8> {
    let mut out = vec![BINLOG_DUMP];
    out.extend_from_slice(&position.to_le_bytes());
    out.extend_from_slice(&flags.bits().to_le_bytes());
    out.extend_from_slice(&server_id.to_le_bytes());
    out.extend_from_slice(file.as_bytes());
    out
}

/// Makes a COM_BINLOG_DUMP_GTID: a dump of every transaction that `gtid_set` lacks (MySQL only).
///
/// | field | width | meaning |
/// |---|---|---|
/// | command | 1 | 0x1e |
/// | flags | 2 | see [`DumpFlags`] |
/// | server_id | 4 | the replica's |
/// | file | 4 + n | empty: the server finds it by the GTIDs |
/// | position | 8 | 4 |
/// | GTID set | 4 + n | in the encoding of a PREVIOUS_GTIDS event |
///
/// # Panics
/// Never: a GTID set of 4 GiB does not fit into a packet before.
pub fn binlog_dump_gtid(server_id: u32, gtid_set: &[u8], flags: DumpFlags) -> Vec<u8> {
    let length = u32::try_from(gtid_set.len()).expect("a GTID set is far below 4 GiB");
    let mut out = vec![BINLOG_DUMP_GTID];
    out.extend_from_slice(&flags.bits().to_le_bytes());
    out.extend_from_slice(&server_id.to_le_bytes());
    out.extend_from_slice(&0_u32.to_le_bytes());
    out.extend_from_slice(&4_u64.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(gtid_set);
    out
}

/// Makes a COM_PING.
pub fn ping() -> Vec<u8> {
    vec![PING]
}

/// Makes a COM_QUIT, which has no answer.
pub(super) fn quit() -> Vec<u8> {
    vec![QUIT]
}

/// Makes a COM_QUERY.
pub(super) fn query(sql: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + sql.len());
    out.push(QUERY);
    out.extend_from_slice(sql.as_bytes());
    out
}

/// Makes a COM_STMT_PREPARE.
pub(super) fn prepare(sql: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + sql.len());
    out.push(STMT_PREPARE);
    out.extend_from_slice(sql.as_bytes());
    out
}

/// Makes a COM_STMT_EXECUTE of a statement without parameters, whose rows come at once.
///
/// | field | width | meaning |
/// |---|---|---|
/// | command | 1 | 0x17 |
/// | statement | 4 | its number |
/// | flags | 1 | 0: no cursor |
/// | iterations | 4 | 1 |
pub(super) fn execute(statement: u32) -> Vec<u8> {
    let mut out = vec![STMT_EXECUTE];
    out.extend_from_slice(&statement.to_le_bytes());
    out.push(0);
    out.extend_from_slice(&1_u32.to_le_bytes());
    out
}

/// Makes a COM_STMT_CLOSE, which has no answer.
pub(super) fn close_statement(statement: u32) -> Vec<u8> {
    let mut out = vec![STMT_CLOSE];
    out.extend_from_slice(&statement.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_names_the_host_and_no_secret() {
        assert_eq!(
            register_replica(0x0102_0304, "rowtap", 0x0506),
            b"\x15\x04\x03\x02\x01\x06rowtap\0\0\x06\x05\0\0\0\0\0\0\0\0"
        );
    }

    #[test]
    fn a_long_host_name_is_cut_at_a_character() {
        let payload = register_replica(1, &"é".repeat(50), 0);
        assert_eq!(payload[5], 60);
        let odd = register_replica(1, &format!("x{}", "é".repeat(50)), 0);
        assert_eq!(odd[5], 59);
        assert!(std::str::from_utf8(&odd[6..65]).is_ok());
    }

    #[test]
    fn a_dump_from_coordinates() {
        let flags = DumpFlags {
            non_block: true,
            annotate_rows: false,
        };
        assert_eq!(
            binlog_dump(7, "binlog.000001", 4, flags),
            b"\x12\x04\0\0\0\x01\0\x07\0\0\0binlog.000001"
        );
    }

    #[test]
    fn a_dump_from_a_gtid_set() {
        let flags = DumpFlags {
            non_block: false,
            annotate_rows: true,
        };
        assert_eq!(
            binlog_dump_gtid(7, &[9, 9], flags),
            b"\x1e\x02\0\x07\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x02\0\0\0\x09\x09"
        );
    }

    #[test]
    fn no_choice_of_flags_sets_the_ambiguous_bit() {
        for bits in 0..4_u8 {
            let flags = DumpFlags {
                non_block: bits & 1 != 0,
                annotate_rows: bits & 2 != 0,
            };
            assert_eq!(flags.bits() & 4, 0);
        }
    }
}
