//! Character sets: from a collation id or a name to a decoder of text to UTF-8.
//!
//! Every character that a set has is what MySQL 9.7 and MariaDB 10.11 make of it, which `tests/values` holds it to. For
//! gbk, cp932 and euckr that is what `encoding_rs` makes of it; for big5, gb2312, gb18030, sjis, ujis and eucjpms it is
//! not, and rowtap does not read them.

use std::sync::LazyLock;

use encoding_rs::{DecoderResult, Encoding};

use super::RowError;

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
    /// gbk.
    Gbk,
    /// cp932, Windows' Shift JIS.
    Cp932,
    /// euckr.
    EucKr,
}

/// The characters of a single-byte character set.
pub struct SingleByte {
    name: &'static str,
    characters: [Option<char>; 256],
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
    Some(SingleByte { name, characters })
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
            "gbk" => Some(Self::Gbk),
            "cp932" => Some(Self::Cp932),
            "euckr" => Some(Self::EucKr),
            other => TABLES
                .iter()
                .find(|table| table.name == other)
                .map(Self::SingleByte),
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
            Self::Gbk => "gbk",
            Self::Cp932 => "cp932",
            Self::EucKr => "euckr",
        }
    }

    /// Text as UTF-8: borrowed where it is UTF-8 already, else written over `scratch`.
    ///
    /// # Errors
    /// Bytes that are no text in the character set.
    pub fn decode<'a>(self, bytes: &'a [u8], scratch: &'a mut String) -> Result<&'a str, RowError> {
        match self {
            Self::Utf8 => {
                return std::str::from_utf8(bytes).map_err(|error| self.error(error.valid_up_to()));
            }
            Self::Ascii => {
                return match bytes.iter().position(|byte| !byte.is_ascii()) {
                    None => {
                        std::str::from_utf8(bytes).map_err(|error| self.error(error.valid_up_to()))
                    }
                    Some(at) => Err(self.error(at)),
                };
            }
            Self::SingleByte(table) => {
                scratch.clear();
                for (at, byte) in bytes.iter().enumerate() {
                    let found = table.characters.get(usize::from(*byte)).copied().flatten();
                    scratch.push(found.ok_or_else(|| self.error(at))?);
                }
            }
            Self::Ucs2 => self.decode_units(bytes, u16::from_be_bytes, false, scratch)?,
            Self::Utf16 => self.decode_units(bytes, u16::from_be_bytes, true, scratch)?,
            Self::Utf16Le => self.decode_units(bytes, u16::from_le_bytes, true, scratch)?,
            Self::Utf32 => {
                scratch.clear();
                let (quads, rest) = bytes.as_chunks::<4>();
                for (index, quad) in quads.iter().enumerate() {
                    let found = char::from_u32(u32::from_be_bytes(*quad));
                    scratch.push(found.ok_or_else(|| self.error(index * 4))?);
                }
                self.expect_end(bytes, rest)?;
            }
            Self::Gbk => self.decode_multibyte(encoding_rs::GBK, bytes, scratch)?,
            Self::Cp932 => self.decode_multibyte(encoding_rs::SHIFT_JIS, bytes, scratch)?,
            Self::EucKr => self.decode_multibyte(encoding_rs::EUC_KR, bytes, scratch)?,
        }
        Ok(scratch)
    }

    fn decode_units(
        self,
        bytes: &[u8],
        unit: fn([u8; 2]) -> u16,
        surrogates: bool,
        scratch: &mut String,
    ) -> Result<(), RowError> {
        scratch.clear();
        let (pairs, rest) = bytes.as_chunks::<2>();
        let mut at = 0;
        for found in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
            let character = found.map_err(|_| self.error(at))?;
            if !surrogates && character.len_utf16() == 2 {
                return Err(self.error(at));
            }
            scratch.push(character);
            at += character.len_utf16() * 2;
        }
        self.expect_end(bytes, rest)
    }

    fn decode_multibyte(
        self,
        encoding: &'static Encoding,
        bytes: &[u8],
        scratch: &mut String,
    ) -> Result<(), RowError> {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        scratch.clear();
        scratch.reserve(
            decoder
                .max_utf8_buffer_length_without_replacement(bytes.len())
                .unwrap_or(0),
        );
        match decoder.decode_to_string_without_replacement(bytes, scratch, true) {
            (DecoderResult::InputEmpty, _) => Ok(()),
            (DecoderResult::Malformed(wrong, behind), read) => {
                Err(self.error(read.saturating_sub(usize::from(wrong) + usize::from(behind))))
            }
            (DecoderResult::OutputFull, read) => Err(self.error(read)),
        }
    }

    fn expect_end(self, bytes: &[u8], rest: &[u8]) -> Result<(), RowError> {
        if rest.is_empty() {
            Ok(())
        } else {
            Err(self.error(bytes.len() - rest.len()))
        }
    }

    fn error(self, at: usize) -> RowError {
        RowError::Text {
            charset: self.name(),
            at,
        }
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
            for charset in ["utf8mb4", "ascii", "latin1", "hebrew", "ucs2", "utf16", "utf16le", "utf32"] {
                let charset = Charset::from_name(charset).expect("a known character set");
                let _ = charset.decode(&bytes, &mut String::new());
            }
        }
    }
}
