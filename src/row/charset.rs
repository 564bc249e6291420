//! Character sets: from a collation id or a name to a decoder of text to UTF-8.
//!
//! Every character that a set has is what MySQL and MariaDB make of it, which `tests/values` holds it to, code by code.

use std::sync::LazyLock;

use super::RowError;
use super::multi_byte::{MultiByte, Written};

/// Charset, tab, ids and ranges of ids of its collations in both families.
const COLLATIONS: &str = include_str!("collations.tsv");

/// Charset, tab, first byte that is not ASCII, tab, a UTF-16 unit in four hexadecimal digits for it and every byte
/// after it; 0000 where the set has no character.
const SINGLE_BYTE: &str = include_str!("single_byte.tsv");

/// The name of `binary`, the character set of columns that hold no text.
pub const BINARY: &str = "binary";

/// A character set of a text column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// utf8mb4 and utf8mb3: bytes that are UTF-8 already.
    Utf8,
    /// ascii.
    Ascii,
    /// A set with a table of 256 characters; latin1 is Windows-1252 with its five gaps filled by C1 controls.
    SingleByte(&'static SingleByte),
    /// ucs2: 16-bit big-endian, no surrogates.
    Ucs2,
    /// utf16.
    Utf16,
    /// utf16le.
    Utf16Le,
    /// utf32: 32-bit big-endian.
    Utf32,
    /// big5, cp932, eucjpms, euckr, gb18030, gb2312, gbk, sjis and ujis.
    MultiByte(&'static MultiByte),
}

/// The characters of a single-byte character set.
pub struct SingleByte {
    name: &'static str,
    characters: [Option<char>; 256],
    holds_ascii: bool,
}

impl std::fmt::Debug for SingleByte {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for SingleByte {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for SingleByte {}

static TABLES: LazyLock<Vec<SingleByte>> =
    LazyLock::new(|| SINGLE_BYTE.lines().filter_map(parse_table).collect());

fn parse_table(line: &'static str) -> Option<SingleByte> {
    let mut fields = line.split('\t');
    let name = fields.next()?;
    let first = usize::from_str_radix(fields.next()?, 16).ok()?;
    let units = fields.next()?.as_bytes().chunks_exact(4);
    let mut characters = std::array::from_fn(|byte| u8::try_from(byte).ok().map(char::from));
    for (slot, unit) in characters.iter_mut().skip(first).zip(units) {
        let code = u32::from_str_radix(std::str::from_utf8(unit).ok()?, 16).ok()?;
        *slot = char::from_u32(code).filter(|_| code != 0);
    }
    Some(SingleByte {
        name,
        characters,
        holds_ascii: first >= 0x80,
    })
}

/// The name of the character set that a collation belongs to; `None` for an id that no known server has.
pub fn name_of_collation(id: u32) -> Option<&'static str> {
    COLLATIONS.lines().find_map(|line| {
        let (name, ids) = line.split_once('\t')?;
        ids.split(' ').any(|range| holds(range, id)).then_some(name)
    })
}

fn holds(range: &str, id: u32) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    matches!((first.parse::<u32>(), last.parse::<u32>()), (Ok(first), Ok(last)) if (first..=last).contains(&id))
}

impl Charset {
    /// The character set of a name as servers write it; `None` if rowtap does not read it, and for `binary`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "utf8mb4" | "utf8mb3" | "utf8" => Some(Self::Utf8),
            "ascii" => Some(Self::Ascii),
            "ucs2" => Some(Self::Ucs2),
            "utf16" => Some(Self::Utf16),
            "utf16le" => Some(Self::Utf16Le),
            "utf32" => Some(Self::Utf32),
            other => {
                let single = TABLES.iter().find(|table| table.name == other);
                single
                    .map(Self::SingleByte)
                    .or_else(|| MultiByte::from_name(other).map(Self::MultiByte))
            }
        }
    }

    /// The name as servers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8mb4",
            Self::Ascii => "ascii",
            Self::SingleByte(table) => table.name,
            Self::Ucs2 => "ucs2",
            Self::Utf16 => "utf16",
            Self::Utf16Le => "utf16le",
            Self::Utf32 => "utf32",
            Self::MultiByte(set) => set.name,
        }
    }

    /// Text as UTF-8: borrowed where it is UTF-8 already, else written over `scratch`.
    ///
    /// # Errors
    /// Bytes that are no text in the character set.
    pub fn decode<'a>(self, bytes: &'a [u8], scratch: &'a mut String) -> Result<&'a str, RowError> {
        if self == Self::Utf8 || self.holds_ascii() && bytes.is_ascii() {
            return std::str::from_utf8(bytes).map_err(|error| self.error(error.valid_up_to()));
        }
        scratch.clear();
        match self.append(bytes, scratch) {
            Ok(()) => Ok(scratch),
            Err(at) => Err(self.error(at)),
        }
    }

    /// Text as UTF-8 with U+FFFD for what is no text in the character set, written over `scratch`; gives how many there
    /// are.
    pub fn decode_replacing(self, bytes: &[u8], scratch: &mut String) -> u64 {
        scratch.clear();
        let (mut rest, mut replaced) = (bytes, 0);
        while let Err(at) = self.append(rest, scratch) {
            let wrong = rest.get(at..).unwrap_or_default();
            scratch.push(char::REPLACEMENT_CHARACTER);
            replaced += 1;
            rest = wrong.get(self.wrong_length(wrong)..).unwrap_or_default();
        }
        replaced
    }

    /// How many bytes the first so many characters take; what is no text counts as characters, as [`Self::decode_replacing`]
    /// counts it.
    pub fn length_of(self, letters: usize, bytes: &[u8]) -> usize {
        let mut at = 0;
        for _ in 0..letters {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return bytes.len();
            }
            at += self.letter_length(rest);
        }
        at.min(bytes.len())
    }

    /// How many bytes the first character takes.
    fn letter_length(self, bytes: &[u8]) -> usize {
        match self {
            Self::Utf8 => {
                let window = bytes.get(..4).unwrap_or(bytes);
                let chunk = window.utf8_chunks().next();
                let letter = chunk.and_then(|chunk| chunk.valid().chars().next());
                letter.map_or_else(|| self.wrong_length(bytes), char::len_utf8)
            }
            Self::Ascii | Self::SingleByte(_) => 1,
            Self::Ucs2 => 2,
            Self::Utf32 => 4,
            Self::Utf16 | Self::Utf16Le => {
                let window = bytes.get(..4).unwrap_or(bytes);
                let mut letter = String::new();
                // The second half of a window that holds two characters, or a half of the next one, does not matter.
                let _ = self.append(window, &mut letter);
                letter
                    .chars()
                    .next()
                    .map_or(2, |letter| 2 * letter.len_utf16())
            }
            Self::MultiByte(set) => set.letter_length(bytes),
        }
    }

    /// Appends a character as the set writes it, if that is certain.
    pub fn encode(self, letter: char, out: &mut Vec<u8>) -> Written {
        let code = u32::from(letter);
        match self {
            Self::Utf8 => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Utf32 => out.extend_from_slice(&code.to_be_bytes()),
            Self::Ucs2 if code > 0xffff => return Written::Never,
            Self::Ucs2 | Self::Utf16 => {
                let mut units = [0; 2];
                let units = letter.encode_utf16(&mut units).iter();
                out.extend(units.flat_map(|unit| unit.to_be_bytes()));
            }
            Self::Utf16Le => {
                let mut units = [0; 2];
                let units = letter.encode_utf16(&mut units).iter();
                out.extend(units.flat_map(|unit| unit.to_le_bytes()));
            }
            Self::Ascii => match u8::try_from(letter) {
                Ok(byte) if byte.is_ascii() => out.push(byte),
                Ok(_) | Err(_) => return Written::Never,
            },
            Self::SingleByte(table) => {
                let codes = (0..=u8::MAX).zip(&table.characters);
                let mut codes = codes.filter(|(_, found)| **found == Some(letter));
                match (codes.next(), codes.next()) {
                    (None, _) => return Written::Never,
                    (Some((byte, _)), None) => out.push(byte),
                    (Some(_), Some(_)) => return Written::Unclear,
                }
            }
            Self::MultiByte(set) => return set.encode(letter, out),
        }
        Written::Once
    }

    /// Whether bytes below 0x80 are ASCII.
    pub fn holds_ascii(self) -> bool {
        match self {
            Self::Utf8 | Self::Ascii | Self::MultiByte(_) => true,
            Self::SingleByte(table) => table.holds_ascii,
            Self::Ucs2 | Self::Utf16 | Self::Utf16Le | Self::Utf32 => false,
        }
    }

    /// Appends text up to the first bytes that are none; `Err` is where they are.
    fn append(self, bytes: &[u8], out: &mut String) -> Result<(), usize> {
        match self {
            Self::Utf8 => append_utf8(bytes, out),
            Self::Ascii => {
                let length = bytes.iter().take_while(|byte| byte.is_ascii()).count();
                append_utf8(bytes.get(..length).unwrap_or_default(), out)?;
                if length < bytes.len() {
                    return Err(length);
                }
                Ok(())
            }
            Self::SingleByte(table) => {
                for (at, byte) in bytes.iter().enumerate() {
                    let found = table.characters.get(usize::from(*byte)).copied().flatten();
                    out.push(found.ok_or(at)?);
                }
                Ok(())
            }
            Self::Ucs2 => append_units(bytes, u16::from_be_bytes, false, out),
            Self::Utf16 => append_units(bytes, u16::from_be_bytes, true, out),
            Self::Utf16Le => append_units(bytes, u16::from_le_bytes, true, out),
            Self::Utf32 => append_utf32(bytes, out),
            Self::MultiByte(set) => set.append(bytes, out),
        }
    }

    /// How many bytes to pass over where no character begins.
    fn wrong_length(self, bytes: &[u8]) -> usize {
        match self {
            Self::Utf8 => match std::str::from_utf8(bytes) {
                Ok(_) => 1,
                Err(error) => error.error_len().unwrap_or(bytes.len()),
            },
            Self::Ascii | Self::SingleByte(_) => 1,
            Self::Ucs2 | Self::Utf16 | Self::Utf16Le => 2,
            Self::Utf32 => 4,
            Self::MultiByte(set) => set.wrong_length(bytes),
        }
    }

    fn error(self, at: usize) -> RowError {
        RowError::Text {
            charset: self.name(),
            at,
        }
    }
}

fn append_utf8(bytes: &[u8], out: &mut String) -> Result<(), usize> {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            out.push_str(text);
            Ok(())
        }
        Err(error) => {
            let text = bytes.get(..error.valid_up_to()).unwrap_or_default();
            out.push_str(std::str::from_utf8(text).unwrap_or_default());
            Err(error.valid_up_to())
        }
    }
}

fn append_units(
    bytes: &[u8],
    unit: fn([u8; 2]) -> u16,
    surrogates: bool,
    out: &mut String,
) -> Result<(), usize> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut at = 0;
    for found in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let character = found.map_err(|_| at)?;
        if !surrogates && character.len_utf16() == 2 {
            return Err(at);
        }
        out.push(character);
        at += character.len_utf16() * 2;
    }
    nothing_left(bytes, rest)
}

fn append_utf32(bytes: &[u8], out: &mut String) -> Result<(), usize> {
    let (quads, rest) = bytes.as_chunks::<4>();
    for (index, quad) in quads.iter().enumerate() {
        let found = char::from_u32(u32::from_be_bytes(*quad));
        out.push(found.ok_or(index * 4)?);
    }
    nothing_left(bytes, rest)
}

fn nothing_left(bytes: &[u8], rest: &[u8]) -> Result<(), usize> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(bytes.len() - rest.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn check(charset: &str, bytes: &[u8], expected: &str) {
        let charset = Charset::from_name(charset).expect("a known character set");
        assert_eq!(charset.decode(bytes, &mut String::new()), Ok(expected));
    }

    fn check_error(charset: &str, bytes: &[u8], at: usize) {
        let charset = Charset::from_name(charset).expect("a known character set");
        let expected = RowError::Text {
            charset: charset.name(),
            at,
        };
        assert_eq!(charset.decode(bytes, &mut String::new()), Err(expected));
    }

    #[test]
    fn text_of_each_kind_of_character_set_becomes_utf8() {
        check("utf8mb4", "h\u{e9}\u{1f600}".as_bytes(), "h\u{e9}\u{1f600}");
        check("utf8mb3", "h\u{e9}".as_bytes(), "h\u{e9}");
        check("ascii", b"plain", "plain");
        check("latin1", b"\x80 \x81 \xe9", "\u{20ac} \u{81} \u{e9}");
        check("cp1251", b"\xcf\xf0", "\u{41f}\u{440}");
        check("swe7", b"[a]", "\u{c4}a\u{c5}");
        check("gbk", b"a\x81\x40", "a\u{4e02}");
        check("cp932", b"\x81\x5f\xb1", "\u{ff3c}\u{ff71}");
        check("euckr", b"\xb0\xa1", "\u{ac00}");
        check("ucs2", b"\x00a\x20\xac", "a\u{20ac}");
        check("utf16", b"\x00a\xd8\x3d\xde\x00", "a\u{1f600}");
        check("utf16le", b"a\x00\x3d\xd8\x00\xde", "a\u{1f600}");
        check("utf32", b"\x00\x00\x00a\x00\x01\xf6\x00", "a\u{1f600}");
    }

    #[test]
    fn characters_are_written_as_each_set_has_them() {
        for (charset, letter, written, expected) in [
            ("latin1", '\u{20ac}', Written::Once, &b"\x80"[..]),
            ("latin1", '\u{436}', Written::Never, b""),
            ("swe7", '[', Written::Never, b""),
            ("ascii", '\u{e9}', Written::Never, b""),
            ("ucs2", '\u{1f600}', Written::Never, b""),
            ("utf16le", 'a', Written::Once, b"a\0"),
            ("gbk", '\u{4e02}', Written::Once, b"\x81\x40"),
            ("gb18030", '\u{1f600}', Written::Unclear, b""),
            ("sjis", '\\', Written::Once, b"\x81\x5f"),
            ("sjis", '\u{ff71}', Written::Once, b"\xb1"),
            ("euckr", '\u{1f600}', Written::Never, b""),
        ] {
            let charset = Charset::from_name(charset).expect("a known character set");
            let mut bytes = Vec::new();
            assert_eq!(
                charset.encode(letter, &mut bytes),
                written,
                "{charset:?} {letter}"
            );
            assert_eq!(bytes, expected, "{charset:?} {letter}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_at_their_place() {
        check_error("utf8mb4", b"ab\xff", 2);
        check_error("ascii", b"a\xc3\xa9", 1);
        check_error("cp1251", b"a\x98", 1);
        check_error("gbk", b"ab\x81", 2);
        check_error("euckr", b"a\xb0\x20b", 1);
        check_error("ucs2", b"\x00a\xd8\x3d\xde\x00", 2);
        check_error("ucs2", b"\x00a\x00", 2);
        check_error("utf16", b"\x00a\xd8\x3d\x00a", 2);
        check_error("utf16le", b"a", 0);
        check_error("utf32", b"\x00\x00\x00a\x00\x11\x00\x00", 4);
        check_error("utf32", b"\x00\x00\x00", 0);
    }

    #[test]
    fn what_is_no_text_is_replaced_and_counted() {
        for (charset, bytes, expected, count) in [
            ("utf8mb4", &b"a\xffb\xe2\x82"[..], "a\u{fffd}b\u{fffd}", 2),
            ("ascii", b"a\xc3\xa9", "a\u{fffd}\u{fffd}", 2),
            ("cp1251", b"a\x98b", "a\u{fffd}b", 1),
            (
                "gbk",
                b"\x81\x40\x81 \xff\xffz",
                "\u{4e02}\u{fffd} \u{fffd}z",
                2,
            ),
            ("utf16", b"\xd8\x3d\x00a\x00", "\u{fffd}a\u{fffd}", 2),
            ("utf32", b"\x00\x11\x00\x00\x00\x00\x00a", "\u{fffd}a", 1),
        ] {
            let charset = Charset::from_name(charset).expect("a known character set");
            let mut text = String::from("old");
            assert_eq!(charset.decode_replacing(bytes, &mut text), count);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn every_table_parses_whole() {
        assert_eq!(TABLES.len(), SINGLE_BYTE.lines().count());
        for line in SINGLE_BYTE.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            let first = usize::from_str_radix(fields[1], 16).expect("hexadecimal");
            assert_eq!(fields[2].len(), 4 * (256 - first), "{}", fields[0]);
        }
    }

    #[test]
    fn collations_of_both_families_name_their_character_set() {
        for (id, name) in [
            (8, "latin1"),
            (33, "utf8mb3"),
            (45, "utf8mb4"),
            (63, "binary"),
            (255, "utf8mb4"),
            (1069, "utf8mb4"),
            (2304, "utf8mb4"),
            (3072, "utf32"),
        ] {
            assert_eq!(name_of_collation(id), Some(name), "{id}");
        }
        assert_eq!(name_of_collation(0), None);
        assert_eq!(name_of_collation(5000), None);
    }

    proptest! {
        #[test]
        fn what_is_written_once_is_read_back(letter in any::<char>()) {
            for line in COLLATIONS.lines() {
                let name = line.split('\t').next().expect("a name");
                let Some(charset) = Charset::from_name(name) else { continue };
                let mut bytes = Vec::new();
                match charset.encode(letter, &mut bytes) {
                    Written::Once => check(name, &bytes, &letter.to_string()),
                    Written::Never | Written::Unclear => assert!(bytes.is_empty(), "{name}"),
                }
            }
        }

        #[test]
        fn utf16_and_utf32_give_back_any_text(text in any::<String>()) {
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let utf16le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let utf32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
            check("utf16", &utf16, &text);
            check("utf16le", &utf16le, &text);
            check("utf32", &utf32, &text);
            check("utf8mb4", text.as_bytes(), &text);
        }

        #[test]
        fn any_bytes_decode_or_are_refused_without_a_panic(bytes in any::<Vec<u8>>()) {
            for line in COLLATIONS.lines() {
                let name = line.split('\t').next().expect("a name");
                let Some(charset) = Charset::from_name(name) else {
                    assert_eq!(name, BINARY);
                    continue;
                };
                let (mut strict, mut replacing) = (String::new(), String::new());
                let strict = charset.decode(&bytes, &mut strict);
                match (strict, charset.decode_replacing(&bytes, &mut replacing)) {
                    (Ok(text), 0) => assert_eq!(text, replacing),
                    (Err(RowError::Text { at, .. }), 1..) => assert!(at < bytes.len()),
                    other => panic!("{name}: {other:?}"),
                }
            }
        }
    }
}
