//! Text, bytes and labels, for the cases.

use super::cases::{Case, Random, case, literals, random_values};
use super::shown::Shown;
use crate::support::Flavour;

pub fn texts(random: &mut Random) -> Vec<Case> {
    let words = [
        "''",
        "'plain'",
        "'  spaces  '",
        r#"'quotes " and \' and \\ and / '"#,
        r"'\0\n\r\t\b\Z'",
        "'\u{e9}\u{df}'",
    ];
    let wide = "'\u{20ac}\u{4e2d}\u{6587}\u{2028}'";
    let mut cases = Vec::new();
    for charset in ["utf8mb4", "utf8mb3", "latin1"] {
        let mut values = literals(words);
        values.extend((charset != "latin1").then(|| wide.to_owned()));
        values.extend((charset == "utf8mb4").then(|| "'\u{1f600}\u{10ffff}'".to_owned()));
        for _ in 0..random_values() {
            let count = random.below(40);
            values.push(format!("'{}'", random.digits(count)));
        }
        values.extend(
            [63, 64, 85, 86, 127, 128, 255].map(|count| format!("REPEAT('\u{e9}', {count})")),
        );
        for kind in [
            "CHAR(255)",
            "VARCHAR(255)",
            "VARCHAR(300)",
            "TINYTEXT",
            "TEXT",
            "MEDIUMTEXT",
            "LONGTEXT",
        ] {
            cases.push(case(
                format!("{kind} CHARACTER SET {charset}"),
                Shown::Text,
                values.clone(),
            ));
        }
    }
    let mut ascii = literals(words);
    ascii.truncate(5);
    cases.push(case("LONGTEXT CHARACTER SET ascii", Shown::Text, ascii));
    cases
}

pub fn binaries(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [1usize, 5, 6, 16, 255] {
        let mut values = literals(["x''", "x'00'", "x'41'"]);
        values.push(format!("x'{}'", "ff".repeat(length)));
        values.push(format!("x'{}00'", "42".repeat(length - 1)));
        values.extend((0..random_values()).map(|_| random.bytes(length)));
        cases.push(case(
            format!("BINARY({length})"),
            Shown::Binary,
            values.clone(),
        ));
        cases.push(case(format!("VARBINARY({length})"), Shown::Binary, values));
    }
    for kind in ["TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"] {
        let mut values = literals(["x''", "x'00'", "x'00ff00'", "REPEAT(x'c3', 255)"]);
        values.extend((0..random_values()).map(|count| random.bytes(count)));
        cases.push(case(kind, Shown::Binary, values));
    }
    cases.push(case(
        "VARBINARY(300)",
        Shown::Binary,
        [random.bytes(300), random.bytes(256), random.bytes(255)],
    ));
    cases
}

pub fn labels(random: &mut Random, flavour: Flavour) -> Vec<Case> {
    let many: Vec<String> = (1..=300)
        .map(|number| format!("'label {number}'"))
        .collect();
    let odd = "'', 'a', 'quote\"s', 'it''s', 'back\\\\slash', '\u{e9}', '\u{4e2d}'";
    let mut cases = vec![
        case(
            format!("ENUM({odd}) CHARACTER SET utf8mb4"),
            Shown::Text,
            literals(["1", "2", "3", "4", "5", "6", "7", "'not there'"]),
        ),
        case(
            "ENUM('plain', 'x y') CHARACTER SET binary",
            Shown::Text,
            literals(["1", "2", "0"]),
        ),
        case(
            format!("ENUM({})", many.join(",")),
            Shown::Text,
            literals(["1", "255", "256", "300", "'not there'"]),
        ),
    ];
    for count in [1usize, 2, 8, 9, 16, 17, 24, 25, 32, 33, 63, 64] {
        let all = u64::MAX >> (64 - count);
        let some = (0..random_values()).map(|_| random.next() & all);
        let values = [0, 1, all, all - (all >> 1)]
            .into_iter()
            .chain(some)
            .map(|value| value.to_string());
        let labels: Vec<String> = (1..=count).map(|number| format!("'l{number}'")).collect();
        cases.push(case(
            format!("SET({})", labels.join(",")),
            Shown::Text,
            values,
        ));
    }
    for charset in [
        "latin1", "cp1251", "swe7", "ucs2", "utf16", "utf16le", "utf32",
    ] {
        let label = if charset == "cp1251" {
            "\u{436}"
        } else {
            "\u{e9}"
        };
        // MySQL 5.7 breaks labels of two and four bytes a character itself.
        if flavour == Flavour::MySql57 && ["ucs2", "utf16", "utf16le", "utf32"].contains(&charset) {
            continue;
        }
        let definition = format!("('a', '{label}', 'b c') CHARACTER SET {charset}");
        cases.push(case(
            format!("ENUM{definition}"),
            Shown::Text,
            literals(["1", "2", "3"]),
        ));
        cases.push(case(
            format!("SET{definition}"),
            Shown::Text,
            literals(["1", "2", "6", "7"]),
        ));
    }
    cases
}
