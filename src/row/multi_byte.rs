//! The character sets of East Asia whose characters are one to four bytes long.
//!
//! Each is what `encoding_rs` makes of its nearest relative, less or with the characters that `multi_byte.tsv` lists: the
//! servers know other characters, and both families know the same. `tests/values` makes that file from a server and holds
//! every code of every set to it.

use std::sync::OnceLock;

use encoding_rs::{DecoderResult, Encoding};

/// Set, tab, first code of a run, tab, a UTF-16 unit in four hexadecimal digits for each code of the run; or last code of
/// the run and a minus where the set has no character.
const CORRECTIONS: &str = include_str!("multi_byte.tsv");

/// Every two bytes.
const PAIRS: usize = 1 << 16;

/// How servers write a backslash in sjis.
const SJIS_BACKSLASH: [u8; 2] = [0x81, 0x5f];

/// The byte before pairs of a second plane, in ujis and eucjpms.
const SECOND_PLANE: u8 = 0x8f;

/// How a character set writes a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// In one way.
    Once,
    /// Not at all: servers write a question mark.
    Never,
    /// In several ways, or in one that the tables here do not tell. Servers have chosen one.
    Unclear,
}

/// A character set and its tables, which are made when it is first met.
pub struct MultiByte {
    /// Its name as servers write it.
    pub(super) name: &'static str,
    relative: &'static Encoding,
    plane_count: usize,
    tables: OnceLock<CodeTables>,
}

/// UTF-16 units by code; 0 where the set has no character.
struct CodeTables {
    singles: [u16; 256],
    /// By code: the pairs, then the pairs after 0x8f.
    pairs: Box<[u16]>,
}

static SETS: [MultiByte; 9] = [
    set("big5", encoding_rs::BIG5, 1),
    set("cp932", encoding_rs::SHIFT_JIS, 1),
    set("eucjpms", encoding_rs::EUC_JP, 2),
    set("euckr", encoding_rs::EUC_KR, 1),
    set("gb18030", encoding_rs::GB18030, 1),
    set("gb2312", encoding_rs::GBK, 1),
    set("gbk", encoding_rs::GBK, 1),
    set("sjis", encoding_rs::SHIFT_JIS, 1),
    set("ujis", encoding_rs::EUC_JP, 2),
];

const fn set(name: &'static str, relative: &'static Encoding, plane_count: usize) -> MultiByte {
    MultiByte {
        name,
        relative,
        plane_count,
        tables: OnceLock::new(),
    }
}

impl std::fmt::Debug for MultiByte {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for MultiByte {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for MultiByte {}

impl MultiByte {
    /// The set of a name.
    pub(super) fn from_name(name: &str) -> Option<&'static Self> {
        SETS.iter().find(|set| set.name == name)
    }

    /// Appends text as UTF-8 up to the first bytes that are none; `Err` is where they are.
    pub(super) fn append(&self, bytes: &[u8], out: &mut String) -> Result<(), usize> {
        let tables = self.tables();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let rest = bytes.get(at..).unwrap_or_default();
            let (found, length) = match tables.singles.get(usize::from(*byte)) {
                Some(unit) if *unit != 0 || *byte == 0 => (char_of(*unit), 1),
                _ => self.long(tables, rest),
            };
            out.push(found.ok_or(at)?);
            at += length;
        }
        Ok(())
    }

    /// Appends a character as the set writes it, if that is certain.
    pub(super) fn encode(&self, letter: char, out: &mut Vec<u8>) -> Written {
        if letter == '\\' && self.name == "sjis" {
            // It has the backslash twice, and servers write the longer one.
            out.extend_from_slice(&SJIS_BACKSLASH);
            return Written::Once;
        }
        if letter.is_ascii() {
            out.extend(u8::try_from(letter));
            return Written::Once;
        }
        let tables = self.tables();
        let codes = match u16::try_from(u32::from(letter)) {
            Ok(unit) => tables.codes_of(unit),
            Err(_) => Vec::new(),
        };
        match codes.as_slice() {
            [code] => {
                out.extend_from_slice(code);
                Written::Once
            }
            // It has all of Unicode, in four bytes what is not in the tables.
            [] if self.relative != encoding_rs::GB18030 => Written::Never,
            _ => Written::Unclear,
        }
    }

    /// Reads a character of two to four bytes.
    fn long(&self, tables: &CodeTables, bytes: &[u8]) -> (Option<char>, usize) {
        let pair = |plane: usize, lead: u8, trail: u8| {
            let code = plane * PAIRS + usize::from(u16::from_be_bytes([lead, trail]));
            let unit = tables.pairs.get(code).copied().filter(|unit| *unit != 0);
            unit.and_then(char_of)
        };
        match *bytes {
            [SECOND_PLANE, lead, trail, ..] if self.plane_count > 1 => (pair(1, lead, trail), 3),
            [_, b'0'..=b'9', ..] if self.relative == encoding_rs::GB18030 => {
                let quad = bytes.first_chunk::<4>();
                (quad.and_then(|quad| one(self.relative, quad)), 4)
            }
            [lead, trail, ..] => (pair(0, lead, trail), 2),
            [] | [_] => (None, 1),
        }
    }

    /// How many bytes the first character takes.
    pub(super) fn letter_length(&self, bytes: &[u8]) -> usize {
        let tables = self.tables();
        let single = bytes.first().and_then(|byte| {
            let unit = tables.singles.get(usize::from(*byte));
            unit.filter(|unit| **unit != 0 || *byte == 0)
        });
        match (single, self.long(tables, bytes)) {
            (Some(_), _) => 1,
            (None, (Some(_), length)) => length,
            (None, (None, _)) => self.wrong_length(bytes),
        }
    }

    /// How many bytes to pass over where no character begins: a trail that is ASCII may be a character of its own.
    pub(super) fn wrong_length(&self, bytes: &[u8]) -> usize {
        match bytes {
            [_, trail, ..] if !trail.is_ascii() => 2,
            _ => 1,
        }
    }

    fn tables(&self) -> &CodeTables {
        self.tables.get_or_init(|| {
            let mut tables = CodeTables::of(self.relative, self.plane_count);
            for line in self.corrections() {
                tables
                    .correct(line)
                    .expect("the tests read every line of the table");
            }
            tables
        })
    }

    fn corrections(&self) -> impl Iterator<Item = &'static str> {
        CORRECTIONS
            .lines()
            .filter(|line| line.split('\t').next() == Some(self.name))
    }
}

impl CodeTables {
    /// What an encoding makes of every code.
    fn of(relative: &'static Encoding, plane_count: usize) -> Self {
        let mut tables = Self {
            singles: [0; 256],
            pairs: vec![0; PAIRS * plane_count].into(),
        };
        for (byte, unit) in (0..=u8::MAX).zip(&mut tables.singles) {
            *unit = unit_of(one(relative, &[byte]));
        }
        for (code, unit) in (0..=u16::MAX).zip(&mut tables.pairs) {
            *unit = unit_of(one(relative, &code.to_be_bytes()));
        }
        for (code, unit) in (0..=u16::MAX).zip(tables.pairs.iter_mut().skip(PAIRS)) {
            let [lead, trail] = code.to_be_bytes();
            *unit = unit_of(one(relative, &[SECOND_PLANE, lead, trail]));
        }
        tables
    }

    /// The codes of a unit, two at most.
    fn codes_of(&self, unit: u16) -> Vec<Vec<u8>> {
        let singles = (0..=u8::MAX).zip(&self.singles);
        let singles = singles.filter(|(_, found)| **found == unit);
        let pairs = self.pairs.iter().enumerate();
        let pairs = pairs.filter(|(_, found)| **found == unit);
        let pairs = pairs.filter_map(|(index, _)| {
            let code = u16::try_from(index % PAIRS).ok()?.to_be_bytes();
            Some(match index < PAIRS {
                true => code.to_vec(),
                false => [&[SECOND_PLANE], code.as_slice()].concat(),
            })
        });
        singles
            .map(|(byte, _)| vec![byte])
            .chain(pairs)
            .take(2)
            .collect()
    }

    fn correct(&mut self, line: &str) -> Option<()> {
        let mut fields = line.split('\t').skip(1);
        let (first, second) = (fields.next()?, fields.next()?);
        let start = Self::index(first)?;
        if let Some(last) = second.strip_suffix('-') {
            for index in start..=Self::index(last)? {
                *self.unit(index)? = 0;
            }
            return Some(());
        }
        for (index, unit) in second.as_bytes().chunks_exact(4).enumerate() {
            let unit = u16::from_str_radix(std::str::from_utf8(unit).ok()?, 16).ok()?;
            *self.unit(start + index)? = unit;
        }
        Some(())
    }

    /// Singles before pairs before the second plane's.
    fn index(code: &str) -> Option<usize> {
        let number = usize::from_str_radix(code, 16).ok()?;
        match code.len() {
            2 => Some(number),
            4 => Some(256 + number),
            6 => Some(256 + PAIRS + (number & 0xffff)),
            _ => None,
        }
    }

    fn unit(&mut self, index: usize) -> Option<&mut u16> {
        match index.checked_sub(256) {
            None => self.singles.get_mut(index),
            Some(index) => self.pairs.get_mut(index),
        }
    }
}

fn char_of(unit: u16) -> Option<char> {
    char::from_u32(u32::from(unit))
}

/// The unit of a character; 0 for none, and for one that needs two.
fn unit_of(found: Option<char>) -> u16 {
    found.map_or(0, |found| u16::try_from(u32::from(found)).unwrap_or(0))
}

/// The character that bytes are in an encoding, if they are exactly one.
fn one(encoding: &'static Encoding, bytes: &[u8]) -> Option<char> {
    let mut out = [0; 16];
    let mut decoder = encoding.new_decoder_without_bom_handling();
    match decoder.decode_to_utf8_without_replacement(bytes, &mut out, true) {
        (DecoderResult::InputEmpty, _, written) => {
            let text = std::str::from_utf8(out.get(..written)?).ok()?;
            let mut characters = text.chars();
            characters.next().filter(|_| characters.next().is_none())
        }
        (DecoderResult::Malformed(..) | DecoderResult::OutputFull, ..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let mut lines = 0;
        for set in &SETS {
            let mut tables = CodeTables::of(set.relative, set.plane_count);
            for line in set.corrections() {
                assert_eq!(tables.correct(line), Some(()), "{line}");
                lines += 1;
            }
        }
        assert_eq!(lines, CORRECTIONS.lines().count());
    }
}
