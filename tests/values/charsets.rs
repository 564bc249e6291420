//! Text in every character set, for the cases: each single byte, and some characters of every block.

use std::fmt::Write;

use rowtap::mysql::Flavour as Family;

use super::cases::{Case, case};
use super::codes::{Asked, MULTI, SINGLE};
use super::is_full;
use super::shown::Shown;
use crate::support::Server;

/// Characters in a value.
const CHARACTERS: usize = 64;

/// A way to write a character in bytes.
type Writing = fn(char, &mut Vec<u8>);

/// Sets of Unicode: how a character is written, and the last that there is.
const UNICODE: [(&str, Writing, char); 6] = [
    ("utf8mb3", utf8, '\u{ffff}'),
    ("utf8mb4", utf8, char::MAX),
    ("ucs2", utf16, '\u{ffff}'),
    ("utf16", utf16, char::MAX),
    ("utf16le", utf16le, char::MAX),
    ("utf32", utf32, char::MAX),
];

fn utf8(character: char, bytes: &mut Vec<u8>) {
    bytes.extend(character.encode_utf8(&mut [0; 4]).bytes());
}

fn utf16(character: char, bytes: &mut Vec<u8>) {
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units).iter();
    bytes.extend(units.flat_map(|unit| unit.to_be_bytes()));
}

fn utf16le(character: char, bytes: &mut Vec<u8>) {
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units).iter();
    bytes.extend(units.flat_map(|unit| unit.to_le_bytes()));
}

fn utf32(character: char, bytes: &mut Vec<u8>) {
    bytes.extend(u32::from(character).to_be_bytes());
}

/// A case a character set of the server.
pub fn cases(server: &Server) -> Vec<Case> {
    let asked = Asked::new(server);
    let mut cases = Vec::new();
    let (pairs, quads) = if is_full() { (4, 101) } else { (32, 2003) };
    let mut of_bytes: Vec<_> = SINGLE.to_vec();
    of_bytes.retain(|name| *name != "utf8mb3");
    of_bytes.extend(MULTI.map(|(name, _)| name));
    for name in of_bytes {
        if name == "gb18030" && server.flavour().family() == Family::MariaDb {
            continue;
        }
        let known = asked.all(name, pairs, quads);
        let known: Vec<_> = known
            .into_iter()
            .filter_map(|(code, character)| character.map(|_| code))
            .collect();
        let (alone, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|code| code.len() == 2);
        assert!(alone.len() > 100, "{name} has {} bytes", alone.len());
        cases.push(case_of(name, alone, &others));
    }
    cases.extend(UNICODE.map(|(name, write, last)| unicode(name, write, last)));
    cases
}

/// Every character of the first block alone, and of each block of 256 so many.
fn unicode(name: &str, write: Writing, last: char) -> Case {
    let hex = |character| {
        let mut bytes = Vec::new();
        write(character, &mut bytes);
        bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02X}").expect("a string");
            hex
        })
    };
    let step = if is_full() { 4 } else { 64 };
    let sampled = |character: &char| {
        let code = u32::from(*character);
        let step = if code > 0xffff { 128 } else { step };
        code >= 256 && (code + (code >> 8)) % step == 0
    };
    let first = ('\0'..'\u{100}').map(hex).collect();
    let others: Vec<_> = ('\0'..=last).filter(sampled).map(hex).collect();
    case_of(name, first, &others)
}

/// Each code alone, and the others so many a value.
fn case_of(charset: &str, alone: Vec<String>, others: &[String]) -> Case {
    let together = others.chunks(CHARACTERS).map(|codes| codes.concat());
    let values = alone.into_iter().chain(together);
    case(
        format!("VARCHAR({}) CHARACTER SET {charset}", CHARACTERS + 16),
        Shown::Text,
        values.map(|code| format!("x'{code}'")),
    )
}
