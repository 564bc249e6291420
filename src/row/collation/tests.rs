//! Text ordered and matched by known answers of servers.

use std::cmp::Ordering;

use proptest::prelude::{any, proptest};

use super::*;
use crate::mysql::Flavour;
use crate::row::Charset;

fn order(collation: &str, value: &str, text: &str) -> Ordering {
    let collation = Collation::by_name(collation).expect("a known collation");
    let charset = Charset::from_name(collation.charset()).expect("a known character set");
    let mut bytes = Vec::new();
    for letter in value.chars() {
        charset.encode(letter, &mut bytes);
    }
    let text = CollatedText::new(text, charset, collation).expect("a text");
    text.order(&bytes, &mut String::new()).expect("an order")
}

#[test]
fn text_is_ordered_as_its_collation_says() {
    use Ordering::{Equal, Greater, Less};
    for (collation, value, text, expected) in [
        ("utf8mb4_bin", "a", "A", Greater),
        ("utf8mb4_bin", "a ", "a", Equal),
        ("utf8mb4_bin", "a\t", "a", Less),
        ("utf8mb4_0900_bin", "a ", "a", Greater),
        ("utf16_bin", "\u{1f600}", "\u{fffd}", Greater),
        ("utf8mb4_0900_ai_ci", "STRASSE", "straße", Equal),
        ("utf8mb4_0900_ai_ci", "é", "E", Equal),
        ("utf8mb4_0900_ai_ci", "a ", "a", Greater),
        ("utf8mb4_0900_ai_ci", "가", "\u{1100}\u{1161}", Equal),
        ("utf8mb4_0900_ai_ci", "\u{1f600}", "\u{1f601}", Less),
        ("utf8mb4_general_ci", "ß", "s", Equal),
        ("utf8mb4_general_ci", "ß", "ss", Less),
        ("utf8mb4_general_ci", "\u{1f600}", "\u{1f601}", Equal),
        ("utf8mb4_unicode_ci", "ß ", "SS", Equal),
        ("utf8mb4_uca1400_ai_ci", "ǽ", "AE", Equal),
        ("latin1_swedish_ci", "Ä", "Å", Greater),
        ("latin1_swedish_ci", "é  ", "E", Equal),
        ("latin1_general_cs", "a", "A", Greater),
    ] {
        assert_eq!(
            order(collation, value, text),
            expected,
            "{collation} {value:?} {text:?}"
        );
    }
}

#[test]
fn what_is_not_known_is_refused() {
    let refused = |collation: &str, text: &str| {
        let collation = Collation::by_name(collation).expect("a known collation");
        let charset = Charset::from_name(collation.charset()).expect("a known character set");
        CollatedText::new(text, charset, collation).err()
    };
    assert_eq!(
        refused("latin1_swedish_ci", "ж"),
        Some(LiteralError::NotInCharset('ж'))
    );
    assert_eq!(
        refused("gbk_chinese_ci", "a"),
        Some(LiteralError::UnknownCollation)
    );
    assert_eq!(
        refused("utf8mb4_uca1400_ai_ci", "и\u{306}"),
        Some(LiteralError::UnknownWeight('\u{306}'))
    );
    assert!(refused("utf8mb4_0900_ai_ci", "\u{12000}").is_some());
    let collation = Collation::by_name("utf8mb4_uca1400_ai_ci").expect("a known collation");
    let text = CollatedText::new("a", Charset::Utf8, collation).expect("a text");
    assert!(
        text.order("и\u{306}".as_bytes(), &mut String::new())
            .is_err()
    );
    assert!(text.order(b"\xff", &mut String::new()).is_err());
    assert!(Collation::by_id(255, Flavour::MySql).is_some());
    assert!(Collation::by_id(255, Flavour::MariaDb).is_none());
}

#[test]
fn patterns_match_character_by_character() {
    for (collation, pattern, value, expected) in [
        ("utf8mb4_0900_ai_ci", "%É_", "cafe\u{1f600}", true),
        ("utf8mb4_0900_ai_ci", "ss", "ß", false),
        ("utf8mb4_0900_ai_ci", "a", "a ", false),
        ("utf8mb4_0900_ai_ci", "%", "", true),
        ("utf8mb4_0900_ai_ci", "_%", "", false),
        ("utf8mb4_0900_ai_ci", "a\\%%b", "A%xxbxb", true),
        ("utf8mb4_bin", "a%b%c", "aXbXbc", true),
        ("utf8mb4_bin", "a%b%c", "aXbXbd", false),
        ("latin1_swedish_ci", "É%", "eX", true),
        ("latin1_bin", "É_", "Éa", true),
    ] {
        let found = Collation::by_name(collation).expect("a known collation");
        let charset = Charset::from_name(found.charset()).expect("a known character set");
        let mut bytes = Vec::new();
        for letter in value.chars() {
            charset.encode(letter, &mut bytes);
        }
        let pattern = LikePattern::new(pattern, charset, found).expect("a pattern");
        let matches = pattern.matches(&bytes, &mut String::new());
        assert_eq!(matches, Ok(expected), "{collation} {value:?}");
    }
}

proptest! {
    #[test]
    fn text_equals_itself_and_order_turns_around(one: String, other: String) {
        for collation in ["utf8mb4_bin", "utf8mb4_0900_ai_ci", "utf8mb4_general_ci", "utf8mb4_uca1400_ai_ci", "utf8mb4_unicode_ci"] {
            let collation = Collation::by_name(collation).expect("a known collation");
            let text = |text: &str| CollatedText::new(text, Charset::Utf8, collation);
            let (Ok(a), Ok(b)) = (text(&one), text(&other)) else { continue };
            let mut scratch = String::new();
            assert_eq!(a.order(one.as_bytes(), &mut scratch), Ok(Ordering::Equal));
            let (there, back) = (a.order(other.as_bytes(), &mut scratch), b.order(one.as_bytes(), &mut scratch));
            assert_eq!(there, back.map(Ordering::reverse));
        }
    }

    #[test]
    fn any_bytes_are_ordered_or_refused(bytes: Vec<u8>, pattern in any::<String>()) {
        for name in [
            "utf8mb4_bin", "utf8mb4_0900_ai_ci", "utf8mb4_general_ci", "latin1_swedish_ci", "latin1_bin", "utf16_bin",
            "utf32_unicode_ci", "ucs2_general_ci", "gbk_bin", "sjis_bin", "cp1251_general_ci", "utf8mb4_uca1400_ai_ci",
        ] {
            let collation = Collation::by_name(name).expect("a known collation");
            let charset = Charset::from_name(collation.charset()).expect("a known character set");
            if let Ok(text) = CollatedText::new("abc", charset, collation) {
                let _ = text.order(&bytes, &mut String::new());
            }
            if let Ok(pattern) = LikePattern::new(&pattern, charset, collation) {
                let _ = pattern.matches(&bytes, &mut String::new());
            }
        }
    }
}
