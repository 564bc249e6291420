//! Rows events that no server writes, behind a sound table map.

use rowtap::mysql::Flavour;

use super::{Case, HUGE, described, in_group};
use crate::hostile::crafted::{Crafted, TABLE_ID, WRITE_ROWS, full_map, insert};

/// Rows without their table map, or of another shape.
pub fn shapes() -> Vec<Case> {
    let map = full_map(b"shop", b"t", &[(3, &[], b"id")]);
    let row = insert(1, &[0, 1, 0, 0, 0]);
    let other = [&[7, 0, 0, 0, 0, 0], &row[6..]].concat();
    let begun = |rest: &[u8]| [&TABLE_ID[..], &[1, 0], rest].concat();
    let cases = [
        (
            "rows of another table map",
            other,
            "table map 7 not seen before its rows event",
        ),
        ("rows of more columns", insert(2, &[0; 9]), "rows of shop.t"),
        ("rows of 4096 columns", insert(4096, &[]), "rows of shop.t"),
        (
            "rows of 2^60 columns",
            begun(&[&[2, 0], &HUGE[..]].concat()),
            "columns needs",
        ),
        (
            "a row that ends early",
            insert(1, &[0, 1, 2]),
            "rows of shop.t: row image at byte 0 is cut",
        ),
        (
            "a row behind the last",
            insert(1, &[0, 1, 0, 0, 0, 0]),
            "rows of shop.t: row image",
        ),
        (
            "extra row info past the end",
            begun(&[0xff, 0xff]),
            "the extra row information needs 65533 bytes, 0 are left",
        ),
        (
            "extra row info of no length",
            begun(&[0, 0]),
            "extra row info",
        ),
        (
            "a rows event of a table number only",
            TABLE_ID.to_vec(),
            "flags needs 2 bytes",
        ),
    ];
    let kind = "WRITE_ROWS event";
    let case = |(name, rows, says): (_, Vec<u8>, _)| {
        in_group(name, described(&map), (WRITE_ROWS, &rows), (kind, says))
    };
    let mut cases: Vec<Case> = cases.map(case).into();
    cases.push(in_group(
        "rows without a table map",
        Crafted::in_group(Flavour::MySql),
        (WRITE_ROWS, &row),
        (kind, "table map 9 not seen before its rows event"),
    ));
    cases
}

fn document(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a short document");
    [&length.to_le_bytes()[..], bytes].concat()
}

/// Arrays in arrays.
fn deep(levels: u16) -> Vec<u8> {
    let mut bytes = vec![2];
    for level in 0..levels {
        let left = (levels - level) * 7 + 4;
        bytes.extend([1, 0]);
        bytes.extend(left.to_le_bytes());
        bytes.extend([2, 7, 0]);
    }
    bytes.extend([0, 0, 4, 0]);
    document(&bytes)
}

/// A row of one column: its type and metadata, its bytes.
fn row(
    name: &'static str,
    (number, metadata): (u8, &[u8]),
    value: &[u8],
    (kind, says): (&'static str, &'static str),
) -> Case {
    let map = full_map(b"shop", b"t", &[(number, metadata, b"c")]);
    let rows = insert(1, &[&[0], value].concat());
    in_group(name, described(&map), (WRITE_ROWS, &rows), (kind, says))
}

/// Values that are read when their change is written, which knows the column, and of rows events only.
const OF_A_COLUMN: &str = "column c of shop.t in the WRITE_ROWS event";

/// Values that do not end or that their types do not have.
pub fn values() -> Vec<Case> {
    let cut = |says| {
        (
            "WRITE_ROWS event: rows of shop.t: row image at byte 0",
            says,
        )
    };
    vec![
        row(
            "a BLOB of 4 GiB",
            (252, &[4]),
            &[0xff; 9],
            cut("cut at byte 10, inside column 1"),
        ),
        row(
            "a VARCHAR past the end",
            (15, &[0xff, 0xff]),
            &[0xff, 0xff, 1],
            cut("cut at byte 4, inside column 1"),
        ),
        row(
            "a DATETIME of month 15",
            (18, &[0]),
            &[0xff; 5],
            (
                OF_A_COLUMN,
                "DATETIME value has a year, month or day out of range",
            ),
        ),
        row(
            "text that is not UTF-8",
            (15, &[200, 0]),
            &[2, 0xc3, 0x28],
            (OF_A_COLUMN, "text is not utf8mb4"),
        ),
    ]
}

/// JSON documents whose parts do not fit together.
pub fn documents() -> Vec<Case> {
    let cases = [
        (
            "in itself",
            document(b"\x02\x01\x00\x07\x00\x02\x00\x00"),
            "parts that overlap",
        ),
        (
            "that shares a part",
            document(b"\x02\x02\x00\x0c\x00\x0c\x0a\x00\x0c\x0a\x00\x01\x61"),
            "parts that overlap",
        ),
        (
            "of 2^32 values",
            document(b"\x03\xff\xff\xff\xff\x08\x00\x00\x00"),
            "a part beyond its end",
        ),
        ("of 5000 levels", deep(5_000), "more than 100 levels"),
        (
            "without its value",
            document(&[12]),
            "a part beyond its end",
        ),
        (
            "with a value past its end",
            document(b"\x02\x01\x00\x07\x00\x0c\xff\xff"),
            "a part beyond its end",
        ),
        (
            "that is not text",
            document(b"\x0c\x02\xff\xfe"),
            "text that is not utf8mb4",
        ),
        ("of an unknown type", document(&[99, 0]), "an unknown type"),
    ];
    let case =
        |(name, bytes, says): (_, Vec<u8>, _)| row(name, (245, &[4]), &bytes, (OF_A_COLUMN, says));
    cases.map(case).into()
}
