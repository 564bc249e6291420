//! Events that are larger than what is kept in memory of one: they arrive in pieces, and nothing of them goes on before their
//! checksum was verified.

use super::*;
use crate::binlog::EventKind;

const WHOLE_BYTES_MAX: usize = 1000;

fn cut(rules: &str, writer: &Writer) -> Result<super::Outcome, AssembleError> {
    let settings = AssemblerSettings {
        event_bytes_max: 1500,
        ..settings(rules, usize::MAX)
    };
    let assembler = made_of(settings, &[]);
    run_cutting(assembler, writer, WHOLE_BYTES_MAX)
}

/// Transactions with events of every size and kind that comes in pieces.
fn writer() -> (Writer, Vec<i32>) {
    let mut writer = Writer::checked();
    let values = |count: i32| (0..count).collect::<Vec<i32>>();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.event(EventKind::RowsQuery, &[b'q'; 3000]);
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &values(1000));
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &values(220));
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[-2]);
    writer.xid();
    writer.gtid(2);
    writer.query("BEGIN");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &values(500));
    writer.event(EventKind::AnnotateRows, &[b'q'; 3000]);
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[-3]);
    writer.query("COMMIT");
    writer.gtid(3);
    writer.query(&format!(
        "CREATE TABLE c (a INT COMMENT '{}')",
        "c".repeat(3000)
    ));
    writer.transaction(4, &[-4]);
    let mut expected = values(1000);
    expected.extend(values(220));
    expected.push(-2);
    expected.extend(values(500));
    expected.extend([-3, -4]);
    (writer, expected)
}

#[test]
fn large_events_give_what_they_give_when_they_come_whole() {
    let (writer, expected) = writer();
    let whole = run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap();
    let pieces = cut("{}", &writer).unwrap();
    assert_eq!(values(&whole), expected);
    assert_eq!(pieces.rows, whole.rows);
    assert_eq!(pieces.statements, whole.statements);
    assert_eq!(pieces.ledger, whole.ledger);
    assert!(pieces.batches > 10 && pieces.spills > 20);
    assert_eq!(
        pieces.end.unwrap().coordinates.position,
        4 + writer.bytes.len() as u64
    );
}

#[test]
fn a_filter_passes_over_large_events_that_it_rejects() {
    let (writer, _) = writer();
    let rules = r#"{"replicate-ignore-table": ["d.t"]}"#;
    let whole = run(assembler(rules, usize::MAX, &[]), writer.again()).unwrap();
    let pieces = cut(rules, &writer).unwrap();
    assert_eq!((pieces.rows.len(), pieces.ledger), (0, whole.ledger));
    assert_eq!(pieces.ledger.filtered, 6);
}

#[test]
fn a_large_compressed_transaction_is_unpacked_as_it_comes() {
    let values: Vec<i32> = (0..3000).map(|value| value * 7919 % 1000).collect();
    let mut writer = Writer::checked();
    writer.gtid(1);
    let events = packed::transaction(&values);
    writer.event(EventKind::TransactionPayload, &packed::payload(&events));
    writer.transaction(2, &[-1]);
    assert!(writer.events[2].len() > 2000, "{:?}", writer.events[2]);
    let pieces = cut("{}", &writer).unwrap();
    let expected: Vec<i32> = values.into_iter().chain([-1]).collect();
    assert_eq!(super::values(&pieces), expected);
}

#[test]
fn a_bit_that_fell_over_in_a_large_event_is_found_before_a_row_goes_on() {
    let (writer, _) = writer();
    for event in writer
        .events
        .iter()
        .filter(|event| event.len() > WHOLE_BYTES_MAX)
    {
        for at in [event.start + 20, event.start + 999, event.end - 1] {
            let mut damaged = writer.again();
            damaged.bytes[at as usize] ^= 4;
            let error = cut("{}", &damaged).unwrap_err();
            assert_eq!(error.at.position, u64::from(event.start) + 4);
            assert!(error.trouble.to_string().contains("checksum"), "{error:?}");
        }
    }
}

#[test]
fn a_large_event_of_a_wrong_size_or_kind_is_refused() {
    let check = |kind: EventKind, size: u32, expected: &str| {
        let mut writer = Writer::checked();
        writer.gtid(1);
        writer.query("BEGIN");
        writer.event(kind, &[0; 3000]);
        let last = writer.events.last().unwrap().start as usize;
        let old = u32::from_le_bytes(writer.bytes[last + 9..last + 13].try_into().unwrap());
        let size = old.wrapping_add(size);
        writer.bytes[last + 9..last + 13].copy_from_slice(&size.to_le_bytes());
        let end = writer.position.wrapping_add(size.wrapping_sub(old));
        writer.bytes[last + 13..last + 17].copy_from_slice(&end.to_le_bytes());
        let error = cut("{}", &writer).unwrap_err();
        let text = error.trouble.to_string();
        assert!(text.contains(expected), "{text}");
    };
    check(EventKind::WriteRows, 1, "the event has");
    check(EventKind::WriteRows, 1_u32.wrapping_neg(), "the event has");
    check(EventKind::Gtid, 0, "event_memory_max");
    check(EventKind::Unknown(99), 0, "event_memory_max");
}
