//! Compressed transactions and compressed events: the same changes as without, and nothing else gets through.

use std::io::Write as _;

use super::*;
use crate::binlog::EventKind;

/// How a payload is made, where a test makes it other than a server would.
struct Payload<'a> {
    compression: u8,
    events: &'a [u8],
    stated: u64,
}

impl<'a> Payload<'a> {
    fn zstd(events: &'a [u8]) -> Self {
        Self {
            compression: 0,
            events,
            stated: events.len() as u64,
        }
    }

    fn body(&self) -> Vec<u8> {
        let packed = match self.compression {
            255 => self.events.to_vec(),
            _zstd => zstd::encode_all(self.events, 3).unwrap(),
        };
        let number = |number: u64| [&[9, 254][..], &number.to_le_bytes()].concat();
        let mut body = [&[1][..], &number(packed.len() as u64)].concat();
        let compression = match self.compression {
            255 => vec![3, 252, 255, 0],
            small => vec![1, small],
        };
        body.extend([&[2][..], &compression].concat());
        body.extend([&[3][..], &number(self.stated)].concat());
        body.push(0);
        body.extend(packed);
        body
    }
}

/// The body of a payload event as a server makes it.
pub(super) fn payload(events: &[u8]) -> Vec<u8> {
    Payload::zstd(events).body()
}

/// The events of a transaction without its GTID.
fn inner(build: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    let begin = writer.bytes.len();
    build(&mut writer);
    writer.bytes.split_off(begin)
}

pub(super) fn transaction(values: &[i32]) -> Vec<u8> {
    inner(|writer| {
        writer.query("BEGIN");
        for values in values.chunks(20) {
            writer.table_map(1, "d", "t", true);
            writer.insert(1, values);
        }
        writer.xid();
    })
}

fn outcome(payload: &Payload<'_>) -> Result<super::Outcome, AssembleError> {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.event(EventKind::TransactionPayload, &payload.body());
    writer.transaction(2, &[-1]);
    run(assembler("{}", usize::MAX, &[]), writer)
}

fn refused(payload: &Payload<'_>, expected: &str) {
    let error = outcome(payload).unwrap_err();
    assert_eq!(error.at.to_string(), "b.000001:188");
    assert!(
        error.trouble.to_string().contains(expected),
        "{}",
        error.trouble
    );
}

#[test]
fn a_compressed_transaction_gives_the_same_rows_and_counts_the_events_in_it() {
    let values: Vec<i32> = (0..1000).collect();
    let events = transaction(&values);
    for compression in [0, 255] {
        let found = outcome(&Payload {
            compression,
            ..Payload::zstd(&events)
        })
        .unwrap();
        let expected: Vec<i32> = values.iter().copied().chain([-1]).collect();
        assert_eq!(super::values(&found), expected);
        // Format description; GTID, payload, BEGIN, 50 table maps, XID; GTID, BEGIN, table map, XID.
        assert_eq!(found.ledger.control, 59);
        assert_eq!((found.ledger.emitted, found.ledger.rows), (51, 1001));
        assert!(found.batches > 10, "{} batches", found.batches);
        assert!(found.end.unwrap().gtid_set.to_string().ends_with(":1-2"));
    }
}

#[test]
fn a_compressed_transaction_that_was_spilled_is_read_from_there() {
    let values: Vec<i32> = (0..100).collect();
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.event(EventKind::RowsQuery, &[b'x'; 600]);
    writer.event(
        EventKind::TransactionPayload,
        &Payload::zstd(&transaction(&values)).body(),
    );
    let outcome = run(assembler("{}", 300, &[]), writer).unwrap();
    assert_eq!(super::values(&outcome), values);
    assert_eq!(outcome.spills, 1);
}

#[test]
fn a_definition_that_lacks_inside_a_payload_is_asked_for_once() {
    let events = inner(|writer| {
        writer.query("BEGIN");
        writer.table_map(1, "d", "t", false);
        writer.insert(1, &[1]);
        writer.xid();
    });
    refused(&Payload::zstd(&events), "names of d.t's columns");
}

#[test]
fn a_payload_that_lies_or_holds_what_it_cannot_is_refused() {
    let good = transaction(&[1, 2]);
    let stated = |stated| Payload {
        stated,
        ..Payload::zstd(&good)
    };
    refused(&stated(good.len() as u64 + 1), "unpacks to");
    refused(&stated(good.len() as u64 - 1), "unpacks to more");
    refused(&stated(1 << 60), "unpacks to");
    refused(&stated(0), "unpacks to more");
    refused(
        &Payload {
            compression: 7,
            ..Payload::zstd(&good)
        },
        "compression is 7",
    );
    let check = |events: &[u8], expected: &str| refused(&Payload::zstd(events), expected);
    let nested = inner(|writer| {
        writer.event(EventKind::TransactionPayload, &Payload::zstd(&good).body());
    });
    check(
        &nested,
        "TRANSACTION_PAYLOAD event inside a compressed transaction",
    );
    let twice = [good.as_slice(), &good].concat();
    check(&twice, "QUERY event inside a compressed transaction");
    let undone = inner(|writer| {
        writer.query("BEGIN");
        writer.query("ROLLBACK");
    });
    check(&undone, "QUERY event inside a compressed transaction");
    let open = inner(|writer| writer.query("BEGIN"));
    check(&open, "ends before its commit");
    let gtid = inner(|writer| writer.gtid(4));
    check(&gtid, "GTID event inside a compressed transaction");
    check(&[0; 19], "event size is 0");
    check(&[0xff; 19], "needs 4294967295 bytes");
    check(&good[..good.len() - 1], "needs");
}

/// MariaDB's packing of a part of an event.
fn packed(plain: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(plain).unwrap();
    let length = u32::try_from(plain.len()).unwrap().to_be_bytes();
    [&[0x84][..], &length, &packer.finish().unwrap()].concat()
}

fn compressed_query(statement: &str) -> Vec<u8> {
    let mut body = vec![0; 13];
    body[8] = 1;
    body.extend(b"d\0");
    body.extend(packed(statement.as_bytes()));
    body
}

/// An insert's body up to its row images, of version 1, and one row.
const INSERT: ([u8; 10], [u8; 5]) = ([1, 0, 0, 0, 0, 0, 1, 0, 1, 1], [0, 7, 0, 0, 0]);

#[test]
fn compressed_events_of_mariadb_are_what_they_are_when_unpacked() {
    let mut writer = Writer::new();
    writer.mariadb_gtid(1, 4);
    writer.table_map(1, "d", "t", true);
    let body = [&INSERT.0[..], &packed(&INSERT.1.repeat(50))].concat();
    writer.event(EventKind::WriteRowsCompressedV1, &body);
    writer.event(EventKind::QueryCompressed, &compressed_query("SAVEPOINT a"));
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[8]);
    writer.event(
        EventKind::QueryCompressed,
        &compressed_query("ROLLBACK TO a"),
    );
    writer.event(EventKind::QueryCompressed, &compressed_query("COMMIT"));
    writer.mariadb_gtid(2, 1);
    let ddl = format!("CREATE TABLE u (a INT COMMENT '{}')", "c".repeat(5000));
    writer.event(EventKind::QueryCompressed, &compressed_query(&ddl));
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(values(&outcome), [7; 50]);
    assert_eq!(outcome.statements, [ddl]);
    assert_eq!((outcome.ledger.rolled_back, outcome.ledger.ddl), (1, 1));
}

#[test]
fn a_packed_part_that_lies_is_refused() {
    let good = packed(&INSERT.1);
    let check = |part: &[u8], expected: &str| {
        let mut writer = Writer::new();
        writer.mariadb_gtid(1, 4);
        writer.table_map(1, "d", "t", true);
        writer.event(
            EventKind::WriteRowsCompressedV1,
            &[&INSERT.0[..], part].concat(),
        );
        writer.xid();
        let error = run(assembler("{}", usize::MAX, &[]), writer).unwrap_err();
        assert!(
            error.trouble.to_string().contains(expected),
            "{}",
            error.trouble
        );
    };
    let with = |index: usize, byte: u8| {
        let mut part = good.clone();
        part[index] = byte;
        part
    };
    check(&[], "head needs 1 bytes");
    check(&with(0, 0x80), "width");
    check(&with(0, 0x94), "head is 148");
    check(&with(0, 0x87), "width");
    check(&with(1, 0xff), "length is 4278190085");
    check(&with(3, 0x01), "unpacks to 5");
    check(&with(4, 4), "unpacks to more");
    check(&with(6, 0), "cannot be unpacked");
    check(&[good.as_slice(), &[0]].concat(), "left after");
    for length in 1..good.len() {
        check(&good[..length], "");
    }
}

/// The events of an XA transaction `x` without its GTID; the last says whose they are.
fn xa_transaction(values: &[i32], one_phase: bool, name: u8) -> Vec<u8> {
    inner(|writer| {
        writer.query("XA START X'78',X'',1");
        for values in values.chunks(20) {
            writer.table_map(1, "d", "t", true);
            writer.insert(1, values);
        }
        writer.query("XA END X'78',X'',1");
        let [one_phase, format, bytes] = [u8::from(one_phase), 1, 1];
        let prepare = [one_phase, format, 0, 0, 0, bytes, 0, 0, 0, 0, 0, 0, 0, name];
        writer.event(EventKind::XaPrepare, &prepare);
    })
}

#[test]
fn an_xa_transaction_in_a_payload_is_delivered_where_it_is_committed() {
    let values: Vec<i32> = (0..1000).collect();
    for (one_phase, whole_bytes_max, hold_bytes_max) in [
        (true, usize::MAX, usize::MAX),
        (false, usize::MAX, usize::MAX),
        // The payload is in the spill file, whole and in pieces.
        (true, 600, 100),
        (false, 600, 100),
        (true, 600, usize::MAX),
        (false, 600, usize::MAX),
    ] {
        let events = xa_transaction(&values, one_phase, b'x');
        let in_payload = 3 + 2 * 50;
        let payload = Payload {
            compression: 255,
            ..Payload::zstd(&events)
        };
        let mut writer = Writer::checked();
        writer.gtid(1);
        writer.event(EventKind::TransactionPayload, &payload.body());
        writer.transaction(2, &[-1]);
        let mut expected = [values.as_slice(), &[-1]].concat();
        if !one_phase {
            writer.gtid(3);
            writer.query("XA COMMIT X'78',X'',1");
            expected.rotate_right(1);
        }
        let in_file = writer.events.len() as u64;
        let assembler = assembler("{}", hold_bytes_max, &[]);
        let outcome = run_cutting(assembler, &writer, whole_bytes_max).unwrap();
        assert_eq!(super::values(&outcome), expected);
        assert_eq!(outcome.ledger.held, 0);
        assert_eq!(outcome.ledger.received, in_file + in_payload);
        let end = outcome.end.unwrap();
        assert!(end.undecided.is_empty());
        let last = if one_phase { ":1-2" } else { ":1-3" };
        assert!(end.gtid_set.to_string().ends_with(last));
    }
}

#[test]
fn an_xa_transaction_in_a_payload_that_ends_as_another_is_refused() {
    let events = xa_transaction(&[1], false, b'y');
    refused(
        &Payload::zstd(&events),
        "XA_PREPARE event inside a compressed transaction",
    );
    let events = inner(|writer| {
        writer.query("BEGIN");
        let prepare = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'x'];
        writer.event(EventKind::XaPrepare, &prepare);
    });
    refused(
        &Payload::zstd(&events),
        "XA_PREPARE event inside a compressed transaction",
    );
}
