//! Values that are hard to carry: quotes, control characters, zero bytes, the ends of ranges, dates that are none.

use std::fmt::Write;

use rowtap::mysql::Flavour as Family;

use super::super::random::Random;
use crate::support::Flavour;

const FRAGMENTS: [&str; 20] = [
    "plain words",
    "it's",
    "\"double\"",
    "back\\slash",
    "tab\there",
    "line\nend\r\n",
    "\u{1}\u{1f}\u{7f}",
    "nul\0nul",
    "é ü ß",
    "日本語",
    "😀🏳️‍🌈",
    "\u{2028}\u{2029}",
    "100%_",
    "`tick`",
    "{\"a\":[1]}",
    "<&>",
    "/* no */ -- comment",
    ";",
    "\u{feff}",
    "  spaces  ",
];

/// Text of a few fragments, seldom a long one.
pub fn text(random: &mut Random, chars_max: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.below(5) {
        text.push_str(random.pick::<&str>(&FRAGMENTS));
    }
    if chars_max > 1_000 && random.chance(1, 50) {
        text = text.repeat(40);
    }
    text.chars().take(chars_max).collect()
}

/// Text as a literal.
pub fn quoted(text: &str) -> String {
    let mut sql = String::with_capacity(text.len() + 2);
    sql.push('\'');
    for c in text.chars() {
        match c {
            '\'' => sql.push_str("''"),
            '\\' => sql.push_str("\\\\"),
            '\0' => sql.push_str("\\0"),
            c => sql.push(c),
        }
    }
    sql.push('\'');
    sql
}

/// `literal`, or NULL in one of eight cases.
pub fn or_null(random: &mut Random, literal: String) -> String {
    if random.chance(1, 8) {
        "NULL".to_owned()
    } else {
        literal
    }
}

/// Bytes as a literal; half of them end in zero bytes.
pub fn binary(random: &mut Random, length_max: u64) -> String {
    let length = usize::try_from(random.between(0, length_max)).expect("a short length");
    let mut bytes = random.bytes(length);
    if random.chance(1, 2) {
        bytes.iter_mut().rev().take(3).for_each(|byte| *byte = 0);
    }
    let mut sql = "X'".to_owned();
    for byte in bytes {
        write!(sql, "{byte:02x}").expect("a string takes everything");
    }
    sql + "'"
}

/// A number with digits on both sides, from tiny to huge.
pub fn double(random: &mut Random) -> String {
    let digits = random.below(1 << 53);
    let sign = if random.chance(1, 3) { "-" } else { "" };
    match random.below(6) {
        0 => format!("{sign}{}", random.below(1000)),
        1 => format!("{sign}0.1e0"),
        2 => format!("{sign}{digits}e-{}", random.below(300)),
        3 => format!("{sign}{digits}e{}", random.below(280)),
        4 => format!("{sign}1.7976931348623157e308"),
        _rest => format!("{sign}0.{digits}e0"),
    }
}

/// A FLOAT's number.
pub fn float(random: &mut Random) -> String {
    format!(
        "{}.{}e{}",
        random.below(100),
        random.below(100_000),
        random.below(20)
    )
}

/// A whole number of 64 bits with sign.
pub fn long(random: &mut Random) -> String {
    match random.below(4) {
        0 => i64::MIN.to_string(),
        1 => i64::MAX.to_string(),
        _rest => random.number().cast_signed().to_string(),
    }
}

/// Labels of the SET column.
pub fn colours(random: &mut Random) -> String {
    let all = ["red", "green", "blue", "dark grey"];
    let chosen: Vec<&str> = all.into_iter().filter(|_| random.chance(1, 2)).collect();
    format!("'{}'", chosen.join(","))
}

/// A point in time; seldom the zero one.
pub fn datetime(random: &mut Random) -> String {
    if random.chance(1, 20) {
        return "'0000-00-00 00:00:00'".to_owned();
    }
    format!(
        "'{}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}'",
        random.between(1000, 9999),
        random.between(1, 12),
        random.between(1, 28),
        random.below(24),
        random.below(60),
        random.below(60),
        random.below(999_000)
    )
}

/// A date, some without day or month.
pub fn date(random: &mut Random) -> String {
    match random.below(10) {
        0 => "'0000-00-00'".to_owned(),
        1 => format!("'{}-00-00'", random.between(1000, 9999)),
        2 => format!(
            "'{}-{:02}-00'",
            random.between(1000, 9999),
            random.between(1, 12)
        ),
        _rest => {
            format!(
                "'{}-{:02}-{:02}'",
                random.between(1000, 9999),
                random.between(1, 12),
                random.between(1, 28)
            )
        }
    }
}

/// A time span, as often negative as not.
pub fn span(random: &mut Random) -> String {
    let sign = if random.chance(1, 2) { "-" } else { "" };
    let hours = random.below(839);
    if hours == 838 {
        return format!("'{sign}838:59:59.00'");
    }
    format!(
        "'{sign}{hours}:{:02}:{:02}.{:02}'",
        random.below(60),
        random.below(60),
        random.below(100)
    )
}

/// A year, 0 among them.
pub fn year(random: &mut Random) -> String {
    if random.chance(1, 8) {
        "0".to_owned()
    } else {
        random.between(1901, 2155).to_string()
    }
}

/// A TIMESTAMP in any zone, far from hours that a zone skips.
pub fn timestamp(random: &mut Random) -> String {
    if random.chance(1, 20) {
        return "'0000-00-00 00:00:00'".to_owned();
    }
    format!(
        "'{}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}'",
        random.between(1971, 2037),
        random.between(1, 12),
        random.between(1, 28),
        random.below(24),
        random.below(60),
        random.below(60),
        random.below(1_000_000)
    )
}

/// A document, which MariaDB keeps as text.
pub fn document(random: &mut Random, flavour: Flavour) -> String {
    let mut json = String::new();
    write_document(random, flavour, 0, &mut json);
    if flavour.family() == Family::MariaDb && random.chance(1, 4) {
        json = text(random, 2_000);
    }
    quoted(&json)
}

fn write_document(random: &mut Random, flavour: Flavour, depth: u64, json: &mut String) {
    let count = random.below(5);
    match random.below(if depth < 4 { 8 } else { 6 }) {
        // The document `null` cannot be told from NULL where documents are embedded.
        0 if depth > 0 => json.push_str("null"),
        0 | 1 => json.push_str(if random.chance(1, 2) { "true" } else { "false" }),
        2 => json.push_str(&long(random)),
        3 => json.push_str(&random.number().to_string()),
        // Of most others, 5.7 reads one that lies beside it.
        4 if flavour == Flavour::MySql57 => {
            write!(json, "{}.5", random.below(1 << 20)).expect("a string takes everything");
        }
        // 8.0.15 misreads the last bit of some that lie far from one, also of those that it printed itself.
        4 if flavour == Flavour::MySql80 => {
            let digits = random.below(1 << 49);
            write!(json, "{digits}e-{}", random.below(22)).expect("a string takes everything");
        }
        4 => json.push_str(&double(random)),
        5 => json.push_str(&json_text(&text(random, 60))),
        6 => {
            json.push('[');
            for index in 0..count {
                json.push_str(if index > 0 { "," } else { "" });
                write_document(random, flavour, depth + 1, json);
            }
            json.push(']');
        }
        _object => {
            json.push('{');
            for index in 0..count {
                let comma = if index > 0 { "," } else { "" };
                write!(
                    json,
                    "{comma}{}:",
                    json_text(&format!("{index}{}", text(random, 8)))
                )
                .expect("a string takes everything");
                write_document(random, flavour, depth + 1, json);
            }
            json.push('}');
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The note beside a sequence number.
pub fn note(sequence: u64) -> String {
    match sequence % 3 {
        0 => "NULL".to_owned(),
        1 => format!("'number {sequence} 😀'"),
        _rest => "''".to_owned(),
    }
}
