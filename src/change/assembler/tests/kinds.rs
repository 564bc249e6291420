//! Events that no server of the tests emits, and what becomes of kinds that are unknown. They are written here from the
//! servers' sources and manuals.

use super::*;
use crate::binlog::EventKind;

fn go(writer: &Writer) -> Result<super::Outcome, AssembleError> {
    run(assembler("{}", usize::MAX, &[]), writer.again())
}

/// A writer inside a transaction, after its table map.
fn begun() -> Writer {
    let mut writer = Writer::checked();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.table_map(1, "d", "t", true);
    writer
}

/// Sets the flag by which a server says that the last event may be passed over.
fn mark_ignorable(writer: &mut Writer) {
    let event = writer.events.last().unwrap();
    let (begin, end) = (event.start as usize, event.end as usize);
    writer.bytes[begin + 17] |= 0x80;
    let checksum = crc32fast::hash(&writer.bytes[begin..end - 4]).to_le_bytes();
    writer.bytes[end - 4..end].copy_from_slice(&checksum);
}

/// What went wrong, which must name the place of the last event.
#[track_caller]
fn stops(writer: &Writer, expected: &str) {
    let error = go(writer).unwrap_err();
    let last = writer.events.last().unwrap().start;
    assert_eq!(error.at.position, u64::from(last) + 4);
    let text = error.trouble.to_string();
    assert!(text.contains(expected), "{text}");
}

#[test]
fn an_incident_stops_the_stream_wherever_it_stands() {
    let mut between = Writer::checked();
    between.transaction(1, &[1]);
    between.event(EventKind::Incident, &[1, 0, 4, b'l', b'o', b's', b't']);
    stops(&between, "incident");
    let mut inside = begun();
    inside.event(EventKind::Incident, &[1, 0, 0]);
    stops(&inside, "incident");
}

#[test]
fn a_kind_that_is_unknown_is_passed_over_and_counted_if_it_may_be() {
    // Aurora pads its binlogs with ignorable events of the types 100 and 101.
    let write = |kind: u8, ignorable: bool, inside: bool| {
        let mut writer = Writer::checked();
        if inside {
            writer = begun();
        } else {
            writer.transaction(1, &[1]);
        }
        writer.event(EventKind::from_number(kind), &[0; 40]);
        if ignorable {
            mark_ignorable(&mut writer);
        }
        writer
    };
    for kind in [0, 1, 43, 100, 101, 173, 255] {
        for inside in [false, true] {
            let mut padded = write(kind, true, inside);
            if inside {
                padded.insert(1, &[1]);
                padded.xid();
            }
            padded.transaction(2, &[2]);
            let outcome = go(&padded).unwrap();
            assert_eq!(values(&outcome), [1, 2], "{kind}");
            assert_eq!(outcome.ledger.skipped, 1, "{kind}");
            let mut plain = write(kind, false, inside);
            let error = match inside {
                false => go(&plain).unwrap_err(),
                true => {
                    // Nothing of a group is looked at before its end.
                    plain.xid();
                    go(&plain).unwrap_err()
                }
            };
            let text = error.trouble.to_string();
            assert!(
                text.contains(&format!("type {kind} events are not decoded")),
                "{text}"
            );
        }
    }
}

#[test]
fn what_a_server_writes_beside_changes_is_counted_and_changes_nothing() {
    let mut writer = Writer::checked();
    writer.event(EventKind::PreviousGtids, &[0; 8]);
    writer.event(EventKind::BinlogCheckpoint, b"\x08\0\0\0b.000001");
    writer.event(EventKind::TransactionContext, &[0; 30]);
    writer.event(EventKind::ViewChange, &[0; 52]);
    writer.gtid(1);
    writer.query("BEGIN");
    writer.event(EventKind::RowsQuery, b"\xffINSERT \0 INTO d.t");
    writer.event(EventKind::AnnotateRows, b"INSERT \0 INTO d.t");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[1]);
    writer.event(EventKind::Ignorable, &[0; 10]);
    mark_ignorable(&mut writer);
    writer.xid();
    writer.event(EventKind::Stop, &[]);
    let outcome = go(&writer).unwrap();
    assert_eq!(values(&outcome), [1]);
    assert_eq!((outcome.ledger.emitted, outcome.ledger.skipped), (1, 1));
    assert_eq!(outcome.ledger.received, writer.events.len() as u64);
}

#[test]
fn the_context_of_a_statement_is_accounted_for() {
    let mut writer = Writer::checked();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.event(EventKind::Intvar, &[2, 7, 0, 0, 0, 0, 0, 0, 0]);
    writer.event(EventKind::Rand, &[3; 16]);
    writer.event(EventKind::UserVar, b"\x01\0\0\0u\x01");
    writer.query("INSERT INTO d.s VALUES (@u, RAND())");
    writer.event(EventKind::BeginLoadQuery, b"\x01\x00\x00\x001,2\n");
    writer.event(EventKind::AppendBlock, b"\x01\x00\x00\x003,4\n");
    writer.event(EventKind::DeleteFile, b"\x01\0\0\0");
    writer.xid();
    let rules = r#"{"replicate-ignore-table": ["d.s"]}"#;
    let outcome = run(assembler(rules, usize::MAX, &[]), writer).unwrap();
    assert_eq!((outcome.ledger.filtered, outcome.ledger.control), (1, 10));
}

#[test]
fn extra_row_information_is_passed_by() {
    // A partition (1), two of an update (1), and NDB's (0): length and format, then its bytes.
    for extra in [
        &[1, 0, 0, 7, 0][..],
        &[1, 0, 0, 7, 0, 8, 0],
        &[0, 4, 0, 1, 2],
    ] {
        let mut writer = begun();
        let length = u8::try_from(extra.len() + 2).unwrap();
        let head = [1, 0, 0, 0, 0, 0, 1, 0, length, 0];
        let row = [1, 1, 0, 42, 0, 0, 0];
        writer.event(EventKind::WriteRows, &[&head[..], extra, &row].concat());
        writer.xid();
        assert_eq!(values(&go(&writer).unwrap()), [42], "{extra:?}");
    }
}

/// The pieces of a rows event that inserts these values, each with its number.
fn pieces(rows: &[i32], count: usize) -> Vec<Vec<u8>> {
    let mut writer = begun();
    writer.insert(1, rows);
    let event = writer.events.last().unwrap();
    let event = &writer.bytes[event.start as usize..event.end as usize - 4];
    let chunks: Vec<&[u8]> = event.chunks(event.len().div_ceil(count)).collect();
    let total = u32::try_from(chunks.len()).unwrap();
    (1_u32..)
        .zip(chunks)
        .map(|(number, chunk)| {
            let mut body = [total.to_le_bytes(), number.to_le_bytes()].concat();
            if number == 1 {
                body.push(1);
                body.extend((event.len() as u64).to_le_bytes());
            } else {
                body.push(0);
            }
            body.extend(chunk);
            body
        })
        .collect()
}

#[test]
fn a_rows_event_in_pieces_is_put_together() {
    let rows: Vec<i32> = (0..300).collect();
    let pieces = pieces(&rows, 4);
    let mut writer = begun();
    for piece in &pieces {
        writer.event(EventKind::PartialRowData, piece);
    }
    writer.xid();
    writer.transaction(2, &[-1]);
    let expected: Vec<i32> = rows.into_iter().chain([-1]).collect();
    let outcome = go(&writer).unwrap();
    assert_eq!(values(&outcome), expected);
    assert_eq!((outcome.ledger.emitted, outcome.ledger.control), (2, 12));
    // Out of a spill file, and filtered.
    let spilled = run(assembler("{}", 500, &[]), writer.again()).unwrap();
    assert_eq!(values(&spilled), expected);
    let rules = r#"{"replicate-ignore-table": ["d.t"]}"#;
    let filtered = run(assembler(rules, usize::MAX, &[]), writer).unwrap();
    assert_eq!((filtered.ledger.filtered, filtered.rows.len()), (2, 0));
}

#[test]
fn pieces_that_are_missing_or_out_of_order_or_of_another_size_are_refused() {
    let pieces = pieces(&[1, 2, 3], 3);
    let check = |chosen: &[Vec<u8>], expected: &str| {
        let mut writer = begun();
        for piece in chosen {
            writer.event(EventKind::PartialRowData, piece);
        }
        writer.xid();
        let text = go(&writer).unwrap_err().trouble.to_string();
        assert!(text.contains(expected), "{text}");
    };
    check(&pieces[..2], "in 3 pieces is broken after the first 2");
    check(&pieces[1..], "in 3 pieces is broken after the first 0");
    let twice = [pieces[0].clone(), pieces[0].clone()];
    check(&twice, "in 3 pieces is broken after the first 1");
    let mut other = pieces.clone();
    other[1][0] = 4;
    check(&other, "in 3 pieces is broken after the first 1");
    let mut lying = pieces.clone();
    lying[0][9] ^= 64;
    check(&lying, "the event has");
    let mut cut = pieces.clone();
    cut[2].pop();
    check(&cut, "the event has");
    let mut kind = pieces;
    kind[0][17 + 4] = EventKind::Query.number();
    check(&kind, "QUERY events are not decoded");
}
