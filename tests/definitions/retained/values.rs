//! Values for columns of any type: in ASCII, in the column's character set, and at the edges of both.

use crate::definitions::catalogue::Column;
use crate::support::checker::Random;

/// Text of several scripts. What a column's set lacks, the server replaces, and shows so.
const TEXTS: [&str; 14] = [
    "äöüß ÀÿŸ",
    "€ ‚„…†‡ ŒœŽž™",
    "\u{81}\u{8d}\u{8f}\u{90}\u{9d}\u{a0}",
    "żółć ŁĄĘ őű",
    "Привет ёЁ",
    "Ωμέγα",
    "日本語 ソ表能",
    "中文 裡 丂",
    "한국어",
    "😀 𐍈 é",
    "İıŞğ",
    "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}",
    "\u{10ffff}\u{10000}",
    "e\u{301}\u{200b}\u{feff}",
];

const PLAIN: [&str; 7] = [
    "plain",
    "",
    "it's",
    "a  ",
    "\\",
    "~ \t\n\u{1}",
    "\"quoted\"",
];

/// A value as SQL; now and then NULL.
pub fn literal(random: &mut Random, column: &Column) -> String {
    let kind = column.column_type.as_str();
    let number = random.below(1000);
    if number < 60 && column.name != "id" && column.name != "part" {
        return "NULL".to_owned();
    }
    let word = kind
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let unsigned = kind.contains("unsigned");
    match word {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
            integer(random, word, unsigned, number)
        }
        "decimal" | "double" | "float" => {
            let sign = if unsigned || random.chance(1, 2) {
                ""
            } else {
                "-"
            };
            format!("{sign}{number}.25")
        }
        "bit" => (number % 16).to_string(),
        "set" => (number % 8).to_string(),
        "enum" => (number % 4).to_string(),
        "year" => (1950 + number % 150).to_string(),
        "datetime" | "timestamp" | "date" => {
            format!(
                "'20{:02}-05-{:02} 07:08:09.125'",
                number % 37,
                number % 28 + 1
            )
        }
        "time" => format!("'-{}:13:14.5'", number % 800),
        "json" => format!("'{{\"a\":[{number},null,\"x\"],\"bb\":\"é\"}}'"),
        "inet6" => format!("'2001:db8::{number:x}'"),
        "inet4" => format!("'192.0.2.{}'", number % 256),
        "uuid" => format!("'123e4567-e89b-12d3-a456-426614174{number:03}'"),
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            let length = random.index(5);
            format!("x'{}'", hex(&random.bytes(length)))
        }
        _text => text(random, column, number),
    }
}

/// A number, one time of four at an end of the type's range.
fn integer(random: &mut Random, word: &str, unsigned: bool, number: u64) -> String {
    let bits = match word {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        _bigint => 64,
    };
    let most = u64::MAX >> (64 - bits);
    match (random.chance(1, 4), unsigned) {
        (true, true) => (most - number % 5).to_string(),
        (true, false) => format!("-{}", most / 2 + 1 - number % 5),
        (false, _) if bits == 8 => (number % 100).to_string(),
        (false, _) => random.below(1 << (bits - 2).min(24)).to_string(),
    }
}

/// Text: half of it ASCII, most of the rest in a script that the column's set may know, some in the set's own bytes.
fn text(random: &mut Random, column: &Column, number: u64) -> String {
    if random.chance(1, 2) {
        let plain = *random.pick(&PLAIN);
        return quoted(&format!("{plain}{number}"));
    }
    if random.chance(1, 4)
        && let Some(bytes) = edges(column.charset.as_deref().unwrap_or_default())
    {
        let charset = column.charset.as_deref().unwrap_or_default();
        return format!("_{charset} x'{bytes}'");
    }
    let text: &&str = random.pick(&TEXTS);
    quoted(text)
}

/// The first and last characters of a set's parts, in its own bytes.
fn edges(charset: &str) -> Option<&'static str> {
    Some(match charset {
        "latin1" => "7f80818d8f909d9fa0ff",
        "latin2" => "7f80a0a1ff",
        "cp1251" => "7f80a0bfc0ff",
        "koi8r" => "7f80a3c0ff",
        "utf8" | "utf8mb3" => "7fc280dfbfe0a080efbfbd",
        "utf8mb4" => "7fc280dfbfe0a080efbfbdf0908080f48fbfbf",
        "ucs2" => "0061d7ffe00020ac",
        "utf16" => "0061d7ffe000d800dc00dbffdfff",
        "utf32" => "000000610010ffff",
        "sjis" | "cp932" => "61a1df815c835c",
        "gbk" => "6181408180a1a1",
        _other => return None,
    })
}

fn quoted(text: &str) -> String {
    format!("_utf8mb4 x'{}'", hex(text.as_bytes()))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
