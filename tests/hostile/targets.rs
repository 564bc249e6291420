//! What arbitrary bytes are given to: every reader of the product, and the way of a whole file through it.
//!
//! Each takes any bytes and returns; a panic is the only failure, and the fuzzer's limits on time and memory are others.
//! The property tests beside this file and the fuzz targets of `fuzz/` call the same functions.

use rowtap::binlog::{
    BinlogError, EventKind, FormatDescription, GtidEvent, GtidSet, Header, Heartbeat, Incident,
    Inner, MariaDbGtidEvent, Payload, Query, RowsHeader, TableMap, XaPrepare, check_body,
    compressed, statement, xid,
};
use rowtap::change::statement;
use rowtap::filter::{FilterOptions, Rules};
use rowtap::mysql::Flavour;
use rowtap::row::{ColumnFacts, ColumnType, Json};
use rowtap::state::relay_log_info;

use super::shapes;
use super::stream::{Stream, as_file, repaired};

/// A reader under a name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 11] = [
    ("file", file),
    ("event", event),
    ("table_map", table_map),
    ("rows", rows),
    ("jsonb", jsonb),
    ("gtid_set", gtid_set),
    ("query", query),
    ("payload", payload),
    ("repaired_file", repaired_file),
    ("rules", rules),
    ("checkpoint", checkpoint),
];

/// A binlog file, from its magic number on, to batches and JSON.
pub fn file(data: &[u8]) {
    let _told = as_file(data);
}

/// The same with sizes and checksums made right, so that what is damaged lies deeper.
pub fn repaired_file(data: &[u8]) {
    let _told = as_file(&repaired(data));
}

/// The kind of an event, and its body.
pub fn event(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    let header = header(EventKind::from_number(*kind), body.len());
    for format in shapes::formats() {
        let _told = read(&header, body, &format);
        let _told = check_body(&header, body, &format);
    }
}

/// The body of a table map.
pub fn table_map(data: &[u8]) {
    for format in shapes::formats() {
        let Ok(map) = TableMap::parse(data, &format, format.flavour()) else {
            continue;
        };
        assert!(map.same_bytes(data));
        if let Ok(columns) = map.columns() {
            assert_eq!(columns.len(), map.column_count());
            for (index, column) in columns.iter().enumerate() {
                let _type = ColumnType::resolve(&ColumnFacts::of(index, column));
            }
            for index in map.key().ok().flatten().unwrap_or_default() {
                assert!(index < columns.len());
            }
        }
    }
}

/// Choices of which a table map and rows of it are made, through the assembler and both encoders.
pub fn rows(data: &[u8]) {
    let (flavour, events) = shapes::rows(data);
    // As many bytes as decide this are even as are odd.
    let mut stream = Stream::new(flavour, data.len() % 2 == 1);
    for event in events {
        if stream.take(&event).is_err() {
            return;
        }
    }
}

/// A JSON document as MySQL stores it.
pub fn jsonb(data: &[u8]) {
    let mut text = Vec::new();
    if Json::Binary(data).write(&mut text).is_ok() {
        assert!(std::str::from_utf8(&text).is_ok());
    }
}

/// A GTID set as text and as both families' bytes; what is read comes back the same.
pub fn gtid_set(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        for flavour in [Flavour::MySql, Flavour::MariaDb] {
            if let Ok(set) = GtidSet::parse(flavour, text) {
                let again = GtidSet::parse(flavour, &set.to_string());
                assert_eq!(again.ok().as_ref(), Some(&set), "{set}");
                check_set(&set);
            }
        }
    }
    if let Ok(set) = GtidSet::decode(data) {
        assert_eq!(GtidSet::decode(&set.encode()).ok().as_ref(), Some(&set));
        check_set(&set);
    }
    if let Ok(set) = GtidSet::decode_list(data) {
        check_set(&set);
    }
}

fn check_set(set: &GtidSet) {
    assert!(set.is_subset(set));
    let mut sum = set.clone();
    sum.union(set);
    assert_eq!(&sum, set);
    if set.flavour() == Flavour::MySql {
        sum.subtract(set);
        assert!(sum.is_empty(), "{set} without itself is {sum}");
    }
}

/// The body of a query event, and its statement as text of both families.
pub fn query(data: &[u8]) {
    for format in shapes::formats() {
        if let Ok(query) = Query::parse(data, &format) {
            let _control = (query.control(), query.xa_id());
            scan(query.statement);
        }
    }
    scan(data);
}

fn scan(statement: &[u8]) {
    let text = String::from_utf8_lossy(statement);
    for (flavour, version) in [
        (Flavour::MySql, "9.7.4"),
        (Flavour::MariaDb, "11.8.9-MariaDB"),
    ] {
        for sql_mode in [0, 4, 1 << 20] {
            let context = statement::StatementContext::new(flavour, version, sql_mode);
            let scanned = statement::scan(&text, "shop", context);
            let _told = (
                scanned.effect(),
                scanned.writes_rows(),
                scanned.tables().count(),
            );
        }
    }
}

/// A compressed event: MySQL's transaction payload, whole and in pieces, and MariaDB's kinds.
pub fn payload(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    if choice % 2 == 0 {
        unpack(body, usize::from(*choice) + 1);
    } else {
        for format in shapes::formats() {
            for number in 165..=171 {
                let kind = EventKind::from_number(number);
                if let Ok(plain) = compressed::plain_body(kind, body, &format) {
                    let kind = compressed::plain_kind(kind).expect("it was unpacked");
                    let _told = read(&header(kind, plain.len()), &plain, &format);
                }
            }
        }
        let _statement = compressed::short_statement(body);
    }
}

fn unpack(body: &[u8], piece: usize) {
    let Ok(parsed) = Payload::parse(body) else {
        return;
    };
    let begun = body.len().min(piece * 4);
    let (first, rest) = body.split_at(begun);
    let Ok(mut reader) = parsed.read(first.to_vec().into(), body.len() as u64) else {
        return;
    };
    let mut pieces = rest.chunks(piece);
    loop {
        match reader.pull() {
            Ok(Inner::Event(bytes, range)) => {
                assert!(range.end as usize <= bytes.len() && range.start < range.end);
            }
            Ok(Inner::Lacks) => {
                let next = pieces.next().unwrap_or_default();
                if next.is_empty() || reader.feed(next.to_vec().into()).is_err() {
                    return;
                }
            }
            Ok(Inner::End) | Err(_) => return,
        }
    }
}

/// Filter rules, one a line behind the letter of its list, and the names of a table on the last line.
pub fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines: Vec<&str> = text.lines().collect();
    let (database, table) = lines
        .pop()
        .and_then(|last| last.split_once('.'))
        .unwrap_or(("shop", "orders"));
    let mut options = FilterOptions::default();
    for line in lines {
        let mut letters = line.chars();
        let list = match letters.next() {
            Some('a') => &mut options.replicate_do_db,
            Some('b') => &mut options.replicate_ignore_db,
            Some('c') => &mut options.replicate_do_table,
            Some('d') => &mut options.replicate_ignore_table,
            Some('e') => &mut options.replicate_wild_do_table,
            Some('f') => &mut options.replicate_wild_ignore_table,
            _more => &mut options.replicate_rewrite_db,
        };
        list.push(letters.as_str().to_owned());
    }
    for (flavour, lower_case) in [
        (Flavour::MySql, 0),
        (Flavour::MySql, 1),
        (Flavour::MariaDb, 2),
    ] {
        match Rules::compile(&options, flavour, lower_case) {
            Ok(rules) => {
                assert!(!rules.table(database, table).stages.is_empty());
                assert!(!rules.database(database).stages.is_empty());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A checkpoint's file, as it is and under a checksum that is right.
pub fn checkpoint(data: &[u8]) {
    let sum = crc32fast::hash(data);
    let sealed = [data, format!("crc32={sum:08x}\nend\n").as_bytes()].concat();
    for bytes in [data, &sealed] {
        match relay_log_info::decode(bytes) {
            // What is read is what is written, to the last byte; a text of version 1 becomes one of version 2.
            Ok(found) => {
                let text = relay_log_info::encode(&found).expect("what is read can be written");
                let is_old = bytes.split(|byte| *byte == b'\n').nth(6) == Some(b"version=1");
                assert!(is_old || text.as_bytes() == bytes);
                assert_eq!(relay_log_info::decode(text.as_bytes()), Ok(found));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn header(kind: EventKind, body_bytes: usize) -> Header {
    let mut bytes = shapes::header(kind.number(), body_bytes, 4);
    bytes.resize(bytes.len() + body_bytes, 0);
    Header::parse(&bytes).expect("a header of the tests' own")
}

/// Reads a body to the last byte, as far as a reader for its kind exists.
pub fn read(header: &Header, body: &[u8], format: &FormatDescription) -> Result<(), BinlogError> {
    match header.kind {
        EventKind::Query => {
            let query = Query::parse(body, format)?;
            let _control = (query.control(), query.xa_id());
        }
        EventKind::TableMap => {
            let map = TableMap::parse(body, format, format.flavour())?;
            let columns = map.columns()?;
            assert_eq!(columns.len(), map.column_count());
            for index in map.key()?.unwrap_or_default() {
                assert!(index < columns.len());
            }
        }
        EventKind::Gtid | EventKind::AnonymousGtid | EventKind::GtidTagged => {
            GtidEvent::parse(header.kind, body)?;
        }
        EventKind::MariaDbGtid => {
            MariaDbGtidEvent::parse(header, body)?;
        }
        EventKind::PreviousGtids => {
            GtidSet::decode(body)?;
        }
        EventKind::MariaDbGtidList => {
            GtidSet::decode_list(body)?;
        }
        EventKind::XaPrepare => {
            XaPrepare::parse(body)?;
        }
        EventKind::Xid => {
            xid(body)?;
        }
        EventKind::Incident => {
            Incident::parse(body)?;
        }
        EventKind::Heartbeat | EventKind::HeartbeatV2 => {
            Heartbeat::parse(header, body)?;
        }
        EventKind::RowsQuery | EventKind::AnnotateRows => {
            statement(header.kind, body)?;
        }
        EventKind::FormatDescription => {
            FormatDescription::parse(body)?;
        }
        rows if matches!(rows.number(), 23..=25 | 30..=32 | 39 | 166..=171) => {
            let rows = RowsHeader::parse(rows, body)?;
            for range in [rows.extra, rows.columns, rows.columns_after, rows.body] {
                assert!(body.get(range).is_some());
            }
        }
        _other => {}
    }
    Ok(())
}
