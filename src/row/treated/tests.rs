//! Tests of treated images.

use proptest::prelude::{any, prop, proptest};

use super::*;
use crate::row::{Digester, Treatment};

const TEXT: ColumnType = ColumnType::Text {
    prefix: 1,
    charset: Charset::Utf8,
};

/// What takes the place of a value.
fn replaced(by: &Replacement, kind: &ColumnType, bytes: &[u8]) -> Result<String, RowError> {
    let treatment = Treatment::new(vec![ColumnTreatment::Replaced {
        kind: kind.clone(),
        by: by.clone(),
    }]);
    let mut cells = [Cell::Value {
        start: 0,
        end: bytes.len(),
    }];
    let mut images = TreatedImages::default();
    images.begin(bytes, 0..bytes.len());
    images
        .treat(&treatment, bytes, &mut cells, &[])
        .map_err(|wrong| wrong.error)?;
    let [Cell::Value { start, end }] = cells else {
        panic!("{cells:?}");
    };
    let found = images.bytes()[start..end].to_vec();
    Ok(String::from_utf8(found).unwrap())
}

#[test]
fn hashes_are_those_of_other_programs() {
    // `printf pepperabc | sha256sum`, `printf abc | openssl dgst -sha256 -hmac pepper`
    for (by, expected) in [
        (
            Digester::salted(b"pepper"),
            "fadf7b97406e1eaa259a82e26e6839e564c37c256876e060e17838c86b7275ef",
        ),
        (
            Digester::keyed(b"pepper"),
            "95ac8d48c4886bae06029b433c46c419019bf03a65a842069d84b7755b1d08c4",
        ),
    ] {
        let by = Replacement::Digest(by);
        assert_eq!(replaced(&by, &TEXT, b"abc").unwrap(), expected);
        let latin = ColumnType::Text {
            prefix: 1,
            charset: Charset::from_name("latin1").unwrap(),
        };
        assert_eq!(
            replaced(&by, &TEXT, "é".as_bytes()),
            replaced(&by, &latin, b"\xe9")
        );
        // Bytes that are no text are hashed as they are, and never refused.
        assert_ne!(
            replaced(&by, &TEXT, b"\xff").unwrap(),
            replaced(&by, &TEXT, b"\xfe").unwrap()
        );
    }
}

#[test]
fn values_are_masked_and_cut_by_characters() {
    let utf16 = ColumnType::Text {
        prefix: 1,
        charset: Charset::Utf16,
    };
    let number = ColumnType::Integer {
        width: 2,
        unsigned: false,
    };
    let fixed = Replacement::Fixed("****".into());
    let each = Replacement::Each('•');
    let start = Replacement::Start(2);
    for (by, kind, bytes, expected) in [
        (&fixed, &TEXT, "grün".as_bytes(), "****"),
        (&fixed, &number, &[1, 2, 3][..], "****"),
        (&each, &TEXT, "grün".as_bytes(), "••••"),
        (&each, &TEXT, b"", ""),
        (&each, &number, &[0x9c, 0xff], "••••"),
        (&each, &utf16, b"\xd8\x3d\xde\x00\x00a", "••"),
        (&start, &TEXT, "ügrün".as_bytes(), "üg"),
        (&start, &TEXT, b"a", "a"),
    ] {
        assert_eq!(replaced(by, kind, bytes).unwrap(), expected);
    }
    // The text stays in its character set.
    let packed = ColumnType::Packed {
        prefix: 1,
        charset: Some(Charset::Ascii),
    };
    assert_eq!(replaced(&start, &packed, b"\0abc").unwrap(), "ab");
    assert!(replaced(&each, &packed, b"\x81\x03abc").is_err());
}

#[test]
fn an_error_holds_no_number_of_the_value() {
    let labels: std::sync::Arc<[Box<str>]> = ["a", "b"].map(Box::from).into();
    let kind = ColumnType::Enum { width: 1, labels };
    let error = replaced(&Replacement::Each('*'), &kind, &[77]).unwrap_err();
    assert!(!error.to_string().contains("77"), "{error}");
}

fn column(kind: u8) -> ColumnTreatment {
    match kind {
        0 => ColumnTreatment::LeftOut,
        1 => ColumnTreatment::Replaced {
            kind: TEXT,
            by: Replacement::Fixed("-".into()),
        },
        _ => ColumnTreatment::Kept,
    }
}

proptest! {
    #[test]
    fn a_treated_image_has_what_is_kept_and_no_byte_of_the_rest(
        columns in prop::collection::vec((0u8..4, prop::option::of(prop::collection::vec(1u8..=9, 0..20))), 0..12),
    ) {
        let treatment = Treatment::new(columns.iter().map(|(kind, _)| column(*kind)).collect());
        let mut body = vec![0xaa; 3];
        let mut cells = Vec::new();
        for (kind, value) in &columns {
            let Some(value) = value else {
                cells.push(Cell::Null);
                continue;
            };
            body.push(0xbb);
            let start = body.len();
            // What must not be found: bytes that no kept value has.
            body.extend(value.iter().map(|byte| if *kind < 2 { byte | 0x40 } else { *byte }));
            cells.push(Cell::Value { start, end: body.len() });
        }
        let original = cells.clone();
        let mut images = TreatedImages::default();
        images.begin(&body, 0..body.len());
        images.treat(&treatment, &body, &mut cells, &[]).unwrap();
        for (((kind, _), cell), before) in columns.iter().zip(&cells).zip(&original) {
            match (kind, cell, before) {
                (0, Cell::Absent, _) | (_, Cell::Null, Cell::Null) => {}
                (1, Cell::Value { start, end }, Cell::Value { .. }) => {
                    assert_eq!(&images.bytes()[*start..*end], b"-");
                }
                (_, Cell::Value { start, end }, Cell::Value { start: from, end: to }) => {
                    assert_eq!(images.bytes()[*start..*end], body[*from..*to]);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(!images.bytes().iter().any(|byte| (0x41..0x4a).contains(byte)));
    }

    #[test]
    fn text_is_cut_between_characters(bytes in prop::collection::vec(any::<u8>(), 0..24), letters in 0usize..8) {
        for name in ["utf8mb4", "ascii", "latin1", "ucs2", "utf16", "utf16le", "utf32", "gbk", "gb18030", "sjis", "ujis"] {
            let charset = Charset::from_name(name).unwrap();
            let (mut all, mut cut) = (String::new(), String::new());
            charset.decode_replacing(&bytes, &mut all);
            let length = charset.length_of(letters, &bytes);
            charset.decode_replacing(&bytes[..length], &mut cut);
            let expected: String = all.chars().take(letters).collect();
            assert_eq!(cut, expected, "{name} {length}");
        }
    }
}

proptest! {
    /// An update's second image takes a hash over from the first where the value is the same, and only there.
    #[test]
    fn both_images_of_an_update_have_the_hashes_of_their_own_values(
        values in prop::collection::vec("[ab]{0,2}", 4),
    ) {
        let hash = |salt: &[u8]| ColumnTreatment::Replaced {
            kind: TEXT,
            by: Replacement::Digest(Digester::salted(salt)),
        };
        let treatment = Treatment::new(vec![hash(b"one"), hash(b"two")]);
        let (mut body, mut cells) = (Vec::new(), Vec::new());
        for value in &values {
            let start = body.len();
            body.extend_from_slice(value.as_bytes());
            cells.push(Cell::Value { start, end: body.len() });
        }
        let mut images = TreatedImages::default();
        images.begin(&body, 0..body.len());
        for image in cells.chunks_mut(2) {
            images.treat(&treatment, &body, image, &[]).unwrap();
        }
        for (index, (value, cell)) in values.iter().zip(&cells).enumerate() {
            let ColumnTreatment::Replaced { kind, by } = &treatment.columns()[index % 2] else {
                panic!("both are hashed");
            };
            let Cell::Value { start, end } = *cell else {
                panic!("{cell:?}");
            };
            let expected = replaced(by, kind, value.as_bytes()).unwrap();
            assert_eq!(&images.bytes()[start..end], expected.as_bytes());
        }
    }
}
