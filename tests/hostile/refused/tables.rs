//! Table maps that no server writes.

use rowtap::mysql::Flavour;

use super::{Case, HUGE, in_group};
use crate::hostile::crafted::{Crafted, TABLE_ID, TABLE_MAP, field, full_map, plain_map};

fn case((name, map, says): (&'static str, Vec<u8>, &'static str)) -> Case {
    let file = Crafted::in_group(Flavour::MySql);
    in_group(name, file, (TABLE_MAP, &map), ("TABLE_MAP event", says))
}

/// Lengths, counts and names.
pub fn maps() -> Vec<Case> {
    let begun = |rest: &[u8]| [&TABLE_ID[..], b"\x01\0", rest].concat();
    let plain = plain_map(b"shop", b"t", &[3], &[]);
    let with = |kind, value: &[u8]| [&plain[..], &field(kind, value)].concat();
    let named = |names: [&[u8]; 3]| full_map(names[0], names[1], &[(3, &[], names[2])]);
    let cases = [
        (
            "2^60 columns",
            begun(&[&b"\x04shop\0\x01t\0"[..], &HUGE].concat()),
            "the column count",
        ),
        (
            "a name past the end",
            begun(b"\xffshop\0\x01t\0"),
            "the database name needs 255 bytes",
        ),
        (
            "a name without its end",
            begun(b"\x04shopx\x01t\0\x01\x03\0\0"),
            "the database name",
        ),
        (
            "2^60 bytes of metadata",
            begun(&[&b"\x04shop\0\x01t\0\x01\x03"[..], &HUGE].concat()),
            "the column metadata",
        ),
        (
            "an optional field past the end",
            [&plain[..], &[4], &HUGE].concat(),
            "optional metadata",
        ),
        ("more names than columns", with(4, b"\x01a\x01b"), "name"),
        (
            "a column name past its field",
            with(4, b"\x09a"),
            "name needs 9 bytes",
        ),
        ("a key of no column", with(8, &[9]), "a column index is 9"),
        (
            "a database name that is not UTF-8",
            named([b"\xff", b"t", b"c"]),
            "not UTF-8",
        ),
        (
            "a table name that is not UTF-8",
            named([b"shop", b"\xc3", b"c"]),
            "not UTF-8",
        ),
        (
            "a column name that is not UTF-8",
            named([b"shop", b"t", b"a\xff"]),
            "not UTF-8",
        ),
    ];
    cases.map(case).into()
}

/// Types, and metadata that their types do not have.
pub fn types() -> Vec<Case> {
    let of = |kind, metadata: &[u8]| full_map(b"shop", b"t", &[(kind, metadata, b"c")]);
    let cases = [
        ("an unknown type", of(77, &[]), "column 0 has the type 77"),
        (
            "a DECIMAL of more scale than precision",
            of(246, &[5, 6]),
            "0x0605, expected a precision",
        ),
        (
            "a DECIMAL of 255 digits",
            of(246, &[255, 0]),
            "0x00ff, expected a precision",
        ),
        (
            "a DECIMAL without digits",
            of(246, &[0, 0]),
            "0x0000, expected a precision",
        ),
        (
            "a BLOB of five bytes of length",
            of(252, &[5]),
            "0x0005, expected a length of 1 to 4",
        ),
        (
            "a TIME of nine digits",
            of(19, &[9]),
            "0x0009, expected 0 to 6 digits",
        ),
        (
            "a BIT of 65",
            of(16, &[1, 8]),
            "0x0801, expected 1 to 64 bits",
        ),
        ("an ENUM of nine bytes", of(254, &[247, 9]), "column 0"),
        ("metadata past its end", of(15, &[1]), "metadata"),
    ];
    cases.map(case).into()
}
