//! Whether the body of an event is whole: every field there, every length and count right, nothing after the last.
//!
//! For who checks a file. Who reads changes needs less of an event, and the readers beside this file leave alone what they do
//! not need. Row images are not looked at here, which takes a table map; nor what is compressed, which is checked when it is
//! unpacked.
//!
//! Follows `libs/mysql/binlog/event` (MySQL) and `sql/log_event.cc` (MariaDB).

use super::cursor::Cursor;
use super::rotation::{self, Heartbeat};
use super::{
    BinlogError, EventKind, FormatDescription, Fragment, GtidEvent, GtidSet, Header, Incident,
    MariaDbGtidEvent, Payload, Query, RowsHeader, TableMap, UserVariable, XaPrepare,
    load_data_body, statement,
};

/// Checks the body of an event, without its checksum.
///
/// # Errors
/// A field that is missing or holds what it cannot, or bytes after the last one.
pub fn check_body(
    header: &Header,
    body: &[u8],
    format: &FormatDescription,
) -> Result<(), BinlogError> {
    match header.kind {
        EventKind::Query | EventKind::QueryCompressed => Query::parse(body, format).map(drop),
        EventKind::Stop => fixed(body, 0, "the header of a STOP event"),
        EventKind::Rotate => rotation::rotate(body).map(drop),
        EventKind::Heartbeat | EventKind::HeartbeatV2 => Heartbeat::parse(header, body).map(drop),
        EventKind::Intvar => intvar(body),
        EventKind::Rand => fixed(body, 16, "the seeds of RAND()"),
        EventKind::UserVar => UserVariable::parse(body).map(drop),
        EventKind::AppendBlock | EventKind::BeginLoadQuery => {
            Cursor::new(body).u32("the file's number").map(drop)
        }
        EventKind::DeleteFile => fixed(body, 4, "the file's number"),
        EventKind::ExecuteLoadQuery => load_data(body, format),
        EventKind::FormatDescription => format.check_lengths(),
        EventKind::Xid => fixed(body, 8, "the transaction number"),
        EventKind::XaPrepare => xa_prepare(body),
        EventKind::TableMap => table_map(body, format),
        EventKind::WriteRows
        | EventKind::WriteRowsV1
        | EventKind::UpdateRows
        | EventKind::UpdateRowsV1
        | EventKind::PartialUpdateRows
        | EventKind::DeleteRows
        | EventKind::DeleteRowsV1
        | EventKind::WriteRowsCompressedV1
        | EventKind::UpdateRowsCompressedV1
        | EventKind::DeleteRowsCompressedV1
        | EventKind::WriteRowsCompressed
        | EventKind::UpdateRowsCompressed
        | EventKind::DeleteRowsCompressed => rows(header.kind, body),
        EventKind::PartialRowData => Fragment::parse(body).map(drop),
        EventKind::Incident => incident(body),
        EventKind::RowsQuery | EventKind::AnnotateRows => statement(header.kind, body).map(drop),
        EventKind::Gtid | EventKind::AnonymousGtid | EventKind::GtidTagged => {
            GtidEvent::check(header.kind, body)
        }
        EventKind::MariaDbGtid => MariaDbGtidEvent::check(header, body),
        EventKind::PreviousGtids => GtidSet::decode(body).map(drop),
        EventKind::MariaDbGtidList => GtidSet::decode_list(body).map(drop),
        EventKind::TransactionContext => transaction_context(body),
        EventKind::ViewChange => view_change(body),
        EventKind::TransactionPayload => Payload::parse(body).map(drop),
        EventKind::BinlogCheckpoint => binlog_checkpoint(body),
        EventKind::StartEncryption => start_encryption(body),
        // Nothing says what these hold.
        EventKind::Ignorable | EventKind::Unknown(_) => Ok(()),
    }
}

/// A body of so many bytes.
fn fixed(body: &[u8], bytes: usize, what: &'static str) -> Result<(), BinlogError> {
    let mut cursor = Cursor::new(body);
    cursor.bytes(bytes, what)?;
    cursor.nothing_left(what)
}

/// | field | bytes |
/// |---|---|
/// | 1 LAST_INSERT_ID, 2 INSERT_ID | 1 |
/// | value | 8 |
fn intvar(body: &[u8]) -> Result<(), BinlogError> {
    let mut cursor = Cursor::new(body);
    let which = cursor.u8("which automatic number it is")?;
    if !(1..=2).contains(&which) {
        return Err(BinlogError::Value {
            what: "which automatic number it is",
            expected: "1 (LAST_INSERT_ID) or 2 (INSERT_ID)",
            found: u64::from(which),
        });
    }
    cursor.u64("the automatic number")?;
    cursor.nothing_left("the automatic number")
}

/// As [`load_data_body`] has it; the file's name stands in the statement.
fn load_data(body: &[u8], format: &FormatDescription) -> Result<(), BinlogError> {
    const DUPLICATES_MAX: u8 = 2;
    let plain = load_data_body(body)?;
    let statement = Query::parse(&plain, format)?.statement;
    let mut cursor = Cursor::new(body);
    cursor.bytes(13, "the statement's fields")?;
    cursor.u32("the file's number")?;
    let begin = cursor.u32("where the file's name begins")?;
    let end = cursor.u32("where the file's name ends")?;
    if begin > end || end as usize > statement.len() {
        return Err(BinlogError::Value {
            what: "where the file's name ends",
            expected: "a place in the statement, after where the name begins",
            found: u64::from(end),
        });
    }
    let duplicates = cursor.u8("what to do with duplicates")?;
    if duplicates > DUPLICATES_MAX {
        return Err(BinlogError::Value {
            what: "what to do with duplicates",
            expected: "0 (fail), 1 (ignore) or 2 (replace)",
            found: u64::from(duplicates),
        });
    }
    Ok(())
}

fn xa_prepare(body: &[u8]) -> Result<(), BinlogError> {
    const FIXED_BYTES: usize = 1 + 4 + 4 + 4;
    let XaPrepare { id, .. } = XaPrepare::parse(body)?;
    fixed(
        body,
        FIXED_BYTES + id.global.len() + id.branch.len(),
        "the XA id",
    )
}

fn table_map(body: &[u8], format: &FormatDescription) -> Result<(), BinlogError> {
    let map = TableMap::parse(body, format, format.flavour())?;
    map.columns()?;
    map.key()?;
    Ok(())
}

/// A rows event up to its images. Its extra information is fields of a type and a value:
///
/// | type | bytes of the value | meaning |
/// |---|---|---|
/// | 0 | as the first says, which counts itself | NDB |
/// | 1 | 2, of an update 4 | partitions |
fn rows(kind: EventKind, body: &[u8]) -> Result<(), BinlogError> {
    let header = RowsHeader::parse(kind, body)?;
    let mut extra = Cursor::new(body.get(header.extra.clone()).unwrap_or_default());
    while !extra.is_empty() {
        match extra.u8("the type of extra row information")? {
            0 => {
                let bytes = extra.u8("the length of NDB's information")?;
                let rest = usize::from(bytes).saturating_sub(1);
                extra.bytes(rest, "NDB's information")?;
            }
            1 if header.columns == header.columns_after => {
                extra.u16("the number of the partition")?;
            }
            1 => drop(extra.u32("the numbers of the partitions")?),
            _of_later_servers => drop(extra.rest()),
        }
    }
    Ok(())
}

fn incident(body: &[u8]) -> Result<(), BinlogError> {
    const WHAT: &str = "the incident's message";
    let Incident { number, message } = Incident::parse(body)?;
    if number != 1 {
        return Err(BinlogError::Value {
            what: "the incident's number",
            expected: "1 (events were lost)",
            found: u64::from(number),
        });
    }
    fixed(body, 2 + 1 + message.len(), WHAT)
}

/// | field | bytes |
/// |---|---|
/// | length of the server's uuid | 1 |
/// | thread id | 4 |
/// | whether a GTID was given | 1 |
/// | length of the snapshot version | 4 |
/// | items of the write set, of the read set | 4, 4 |
/// | server's uuid | n |
/// | snapshot version | n |
/// | an item of the write set or read set: length, bytes | 2, n |
fn transaction_context(body: &[u8]) -> Result<(), BinlogError> {
    let mut cursor = Cursor::new(body);
    let uuid = cursor.u8("the length of the server's uuid")?;
    cursor.u32("the thread id")?;
    cursor.u8("whether a GTID was given")?;
    let snapshot = cursor.u32("the length of the snapshot version")?;
    let written = cursor.u32("the number of items of the write set")?;
    let read = cursor.u32("the number of items of the read set")?;
    cursor.bytes(usize::from(uuid), "the server's uuid")?;
    cursor.bytes_of(u64::from(snapshot), "the snapshot version")?;
    for _ in 0..u64::from(written) + u64::from(read) {
        let bytes = cursor.u16("the length of an item of the write or read set")?;
        cursor.bytes(usize::from(bytes), "an item of the write or read set")?;
    }
    cursor.nothing_left("the write and read sets")
}

/// | field | bytes |
/// |---|---|
/// | view's id | 40, filled up with zero bytes |
/// | sequence number | 8 |
/// | items of the certification information | 4 |
/// | an item: length, key, length, value | 2, n, 4, n |
fn view_change(body: &[u8]) -> Result<(), BinlogError> {
    let mut cursor = Cursor::new(body);
    let [first, ..] = cursor.array::<40>("the view's id")?;
    if first == 0 {
        return Err(BinlogError::Value {
            what: "the first byte of the view's id",
            expected: "a character",
            found: 0,
        });
    }
    cursor.u64("the view's sequence number")?;
    let count = cursor.u32("the number of items of the certification information")?;
    for _ in 0..count {
        let key = cursor.u16("the length of a certification key")?;
        cursor.bytes(usize::from(key), "a certification key")?;
        let value = cursor.u32("the length of a certification value")?;
        cursor.bytes_of(u64::from(value), "a certification value")?;
    }
    cursor.nothing_left("the certification information")
}

/// | field | bytes |
/// |---|---|
/// | length of the file's name | 4 |
/// | name of the oldest binlog that crash recovery needs | n |
fn binlog_checkpoint(body: &[u8]) -> Result<(), BinlogError> {
    let mut cursor = Cursor::new(body);
    let bytes = cursor.u32("the length of the file's name")?;
    rotation::file_name(cursor.bytes_of(u64::from(bytes), "the file's name")?)?;
    cursor.nothing_left("the file's name")
}

/// | field | bytes |
/// |---|---|
/// | scheme: 1 | 1 |
/// | version of the key | 4 |
/// | nonce | 12 |
fn start_encryption(body: &[u8]) -> Result<(), BinlogError> {
    let scheme = Cursor::new(body).u8("the encryption's scheme")?;
    if scheme != 1 {
        return Err(BinlogError::Value {
            what: "the encryption's scheme",
            expected: "1",
            found: u64::from(scheme),
        });
    }
    fixed(body, 1 + 4 + 12, "the encryption's nonce")
}
