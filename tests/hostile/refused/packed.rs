//! Compressed events that no server writes: bombs, lengths that lie, and bytes that are not compressed.

use rowtap::mysql::Flavour;

use super::{Case, HUGE, in_group};
use crate::hostile::crafted::{
    Crafted, QUERY, TABLE_ID, TABLE_MAP, WRITE_ROWS, full_map, inner, insert, payload, zeros,
};
use crate::hostile::shapes;

const PAYLOAD: u8 = 40;

/// An event of a size in its header that it does not have.
fn sized(event: &[u8], size: u32) -> Vec<u8> {
    [&event[..9], &size.to_le_bytes(), &event[13..]].concat()
}

/// Transaction payloads of MySQL.
pub fn payloads() -> Vec<Case> {
    let query = inner(QUERY, b"\0\0\0\0\0\0\0\0\x01\0\0\0\0a\0BEGIN");
    let stored = |bytes: &[u8]| payload(255, bytes.len() as u64, bytes);
    let twice = [&query[..], &inner(PAYLOAD, &stored(&query))].concat();
    let row = inner(WRITE_ROWS, &insert(1, &[0; 5]));
    let huge = [&[2, 1, 0, 1, 9][..], &HUGE, &[3, 9], &HUGE, &[0]].concat();
    let cases = [
        (
            "4 GiB of zeros",
            payload(0, 4 << 30, &zeros(4 << 30)),
            "the header's event size is 0, expected at least 19",
        ),
        (
            "more than it states",
            payload(0, 60, &zeros(1 << 30)),
            "states a length of 60 bytes and unpacks to more",
        ),
        (
            "less than it states",
            payload(0, 1 << 60, &zeros(60)),
            "the header's event size is 0",
        ),
        ("2^60 bytes", huge, "the payload"),
        (
            "no length",
            vec![2, 1, 0, 0],
            "the payload's length needs 1 bytes",
        ),
        (
            "another compression",
            payload(7, 10, &[0; 10]),
            "compression is 7, expected 0 (zstd) or 255 (none)",
        ),
        ("no zstd", payload(0, 10, &[1; 10]), "cannot be unpacked"),
        (
            "a payload in itself",
            stored(&twice),
            "inside a compressed transaction, where it cannot stand",
        ),
        ("an event of 1 GiB", stored(&sized(&row, 1 << 30)), "bytes"),
        (
            "no commit",
            stored(&query),
            "the compressed transaction ends before its commit",
        ),
    ];
    let case = |(name, body, says): (_, Vec<u8>, _)| {
        let mut file = Crafted::new(Flavour::MySql);
        for (kind, body) in shapes::frame(Flavour::MySql).begin {
            if kind != QUERY {
                file.event(kind, &body);
            }
        }
        let kind = "TRANSACTION_PAYLOAD event";
        in_group(name, file, (PAYLOAD, &body), (kind, says))
    };
    cases.map(case).into()
}

/// Compressed events of MariaDB.
pub fn events() -> Vec<Case> {
    let map = full_map(b"shop", b"t", &[(3, &[], b"id")]);
    let rows = |packed: &[u8]| [&TABLE_ID[..], &[1, 0, 2, 0, 1, 0xff], packed].concat();
    let query = |packed: &[u8]| [&[0; 13][..], &[0], packed].concat();
    let cases = [
        (
            "rows of 4 GiB",
            169,
            rows(&[0x84, 0xff, 0xff, 0xff, 0xff, 1, 2]),
            "packed part",
        ),
        (
            "rows of no zlib",
            169,
            rows(&[0x81, 5, 1, 2, 3, 4]),
            "the packed part cannot be unpacked",
        ),
        (
            "rows of another algorithm",
            169,
            rows(&[0xf1, 5, 1]),
            "packed part",
        ),
        ("rows of nothing", 169, rows(&[]), "packed part"),
        ("a statement of nothing", 165, query(&[]), "packed part"),
    ];
    let case = |(name, number, body, says): (_, _, Vec<u8>, _)| {
        let mut file = Crafted::in_group(Flavour::MariaDb);
        if number == 169 {
            file.event(TABLE_MAP, &map);
        }
        in_group(name, file, (number, &body), ("_COMPRESSED event", says))
    };
    cases.map(case).into()
}
