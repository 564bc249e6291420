//! Facts about columns, and the types that they make.

use proptest::prelude::{any, proptest};

use super::*;

fn facts(kind: u8, metadata: u16) -> ColumnFacts<'static> {
    ColumnFacts {
        index: 2,
        name: Some("c"),
        kind,
        metadata,
        unsigned: Some(true),
        charset: Some(CharsetName::Collation(45)),
        labels: Some(Labels::Text(&[])),
        fraction: Some(0),
        is_point: false,
        special: None,
    }
}

fn check(facts: ColumnFacts<'_>, expected: ColumnType) {
    assert_eq!(ColumnType::resolve(&facts), Ok(expected));
}

fn check_error(facts: ColumnFacts<'_>, expected: &str) {
    let error = ColumnType::resolve(&facts).expect_err("an error");
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn types_take_their_widths_from_the_metadata() {
    let text = |prefix| ColumnType::Text {
        prefix,
        charset: Charset::Utf8,
    };
    check(
        facts(kind::INT24, 0),
        ColumnType::Integer {
            width: 3,
            unsigned: true,
        },
    );
    check(
        facts(kind::NEWDECIMAL, 0x0a02),
        ColumnType::Decimal {
            precision: 10,
            scale: 2,
        },
    );
    check(facts(kind::BIT, 17), ColumnType::Bit { bits: 17 });
    check(facts(kind::BIT, 64), ColumnType::Bit { bits: 64 });
    check(facts(kind::STRING, 255), text(1));
    check(facts(kind::STRING, 1020), text(2));
    check(facts(kind::VARCHAR, 255), text(1));
    check(facts(kind::VARCHAR, 256), text(2));
    check(facts(kind::BLOB, 3), text(3));
    check(facts(kind::TIME2, 6), ColumnType::Time { fsp: 6 });
    let binary = |kind, metadata| ColumnFacts {
        charset: Some(CharsetName::Collation(63)),
        ..facts(kind, metadata)
    };
    check(
        binary(kind::STRING, 16),
        ColumnType::Binary {
            prefix: 1,
            padded: Some(16),
        },
    );
    check(
        binary(kind::VARCHAR, 16),
        ColumnType::Binary {
            prefix: 1,
            padded: None,
        },
    );
    check(
        binary(kind::BLOB, 2),
        ColumnType::Binary {
            prefix: 2,
            padded: None,
        },
    );
}

#[test]
fn labels_are_decoded_from_the_columns_character_set() {
    let encoded = [Box::from(b"gr\xfcn".as_slice()), Box::from(b"".as_slice())];
    let labels = Some(Labels::Encoded(&encoded));
    let latin1 = Some(CharsetName::Name("latin1"));
    let expected: [Box<str>; 2] = ["gr\u{fc}n".into(), "".into()];
    check(
        ColumnFacts {
            charset: latin1,
            labels,
            ..facts(kind::ENUM, 1)
        },
        ColumnType::Enum {
            width: 1,
            labels: Arc::from(expected),
        },
    );
    // Bytes that are no text in the set are kept.
    let texts: [Box<str>; 2] = ["".into(), "".into()];
    check(
        ColumnFacts {
            labels,
            ..facts(kind::SET, 1)
        },
        ColumnType::RawSet {
            width: 1,
            labels: Arc::new(RawLabels {
                charset: Charset::Utf8,
                texts: Arc::from(texts),
                bytes: [Some(encoded[0].clone()), None].into(),
            }),
        },
    );
}

#[test]
fn what_is_missing_is_named_and_never_guessed() {
    for (kind, metadata, what) in [
        (kind::LONG, 0, "signedness of column c"),
        (kind::VARCHAR, 10, "character set of column c"),
        (kind::BLOB, 2, "character set of column c"),
        (kind::ENUM, 1, "labels of column c"),
        (kind::SET, 8, "labels of column c"),
        (
            kind::TIME,
            0,
            "number of digits after the seconds of column c",
        ),
        (kind::BLOB_COMPRESSED, 2, "character set of column c"),
    ] {
        let bare = ColumnFacts {
            unsigned: None,
            charset: None,
            labels: None,
            fraction: None,
            ..facts(kind, metadata)
        };
        let error = ColumnType::resolve(&bare).expect_err("an error");
        assert!(error.needs_definition());
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn what_rowtap_does_not_read_is_refused_by_name() {
    check_error(
        facts(0, 0),
        "column c has type 0 (DECIMAL as before MySQL 5.0)",
    );
    check_error(
        ColumnFacts {
            name: None,
            ..facts(200, 0)
        },
        "column #3 has type 200",
    );
    check_error(
        ColumnFacts {
            charset: Some(CharsetName::Collation(5000)),
            ..facts(kind::STRING, 4)
        },
        "character set of collation 5000",
    );
    for (kind, metadata) in [
        (kind::NEWDECIMAL, 0x0a0b),
        (kind::NEWDECIMAL, 0x4200),
        (kind::NEWDECIMAL, 0),
        (kind::BIT, 65),
        (kind::BIT, 0xff00),
        (kind::BIT, 0),
        (kind::DATETIME2, 7),
        (kind::BLOB, 5),
        (kind::BLOB, 0),
        (kind::ENUM, 3),
        (kind::SET, 5),
        (kind::FLOAT, 8),
    ] {
        check_error(facts(kind, metadata), "has metadata");
    }
}

proptest! {
    #[test]
    fn any_type_and_metadata_resolve_or_are_refused(kind in any::<u8>(), metadata in any::<u16>()) {
        let _ = ColumnType::resolve(&facts(kind, metadata));
    }
}
