//! MySQL's binary JSON of a document's text, as a result set has it. See [`super::jsonb`] for the layout.
//!
//! What is written of the result is what is written of the document that the server keeps: integers and strings are the same
//! in both; a number with a point or an exponent is a DOUBLE where that prints the same digits, else a DECIMAL. All objects and
//! arrays are large ones. Their keys stay in the order of the text, which is that of the server.

use super::RowError;
use super::decimal;
use super::double::write_double;
use super::jsonb::DEPTH_MAX;
use crate::binlog::column_map::kind;

/// Bytes of the counts of a large object or array.
const HEADER_BYTES: usize = 8;
/// Bytes of the entries of a key and of a value.
const KEY_ENTRY: usize = 6;
const VALUE_ENTRY: usize = 5;
/// The most digits of a DECIMAL.
const DIGITS_MAX: usize = 65;

/// Writes documents.
#[derive(Debug, Default)]
pub(super) struct JsonbWriter {
    /// Of the objects and arrays that are open.
    entries: Vec<Entry>,
    header: Vec<u8>,
    number: Vec<u8>,
}

/// A member or an element: where its key and its value begin after the container's entries.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: (u32, u16),
    kind: u8,
    /// The value itself of a literal.
    value: u32,
}

/// The text that is left.
struct JsonText<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl JsonbWriter {
    /// Appends the document of a text.
    ///
    /// # Errors
    /// Text that no server prints for a document.
    pub(super) fn write(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
        self.entries.clear();
        let mut text = JsonText {
            rest: text,
            depth: 0,
        };
        let start = out.len();
        out.push(0);
        let (kind, literal) = self.value(&mut text, out)?;
        if kind == 0x04 {
            out.push(literal);
        }
        if let Some(first) = out.get_mut(start) {
            *first = kind;
        }
        text.skip_spaces();
        match text.rest {
            [] => Ok(()),
            _more => Err(wrong("more than a document")),
        }
    }

    /// Appends a value and gives its type; a literal is given and not appended.
    fn value(&mut self, text: &mut JsonText<'_>, out: &mut Vec<u8>) -> Result<(u8, u8), RowError> {
        text.skip_spaces();
        Ok(match text.rest {
            [b'{', ..] => (self.container(text, true, out)?, 0),
            [b'[', ..] => (self.container(text, false, out)?, 0),
            [b'"', ..] => {
                // Its length comes before it, and is known after it.
                let start = out.len();
                text.string(out)?;
                let length = out.len() - start;
                self.header.clear();
                write_length(length, &mut self.header);
                out.splice(start..start, self.header.iter().copied());
                (0x0c, 0)
            }
            [b't', ..] => (0x04, text.literal(b"true", 1)?),
            [b'f', ..] => (0x04, text.literal(b"false", 2)?),
            [b'n', ..] => (0x04, text.literal(b"null", 0)?),
            _number => (self.number(text.number(), out)?, 0),
        })
    }

    fn container(
        &mut self,
        text: &mut JsonText<'_>,
        is_object: bool,
        out: &mut Vec<u8>,
    ) -> Result<u8, RowError> {
        text.depth += 1;
        if text.depth > DEPTH_MAX {
            return Err(wrong("more than 100 levels"));
        }
        let end = if is_object { b'}' } else { b']' };
        let (start, first) = (out.len(), self.entries.len());
        text.skip(1);
        loop {
            text.skip_spaces();
            match text.rest.first() {
                Some(byte) if *byte == end => break text.skip(1),
                Some(b',') if self.entries.len() > first => {
                    text.skip(1);
                    text.skip_spaces();
                }
                Some(_) if self.entries.len() == first => {}
                Some(_) | None => return Err(wrong("no comma where one is due")),
            }
            let mut key = (0, 0);
            if is_object {
                let key_start = out.len();
                text.string(out)?;
                let length = u16::try_from(out.len() - key_start);
                let length = length.map_err(|_| wrong("a key that is too long"))?;
                key = (offset(key_start - start)?, length);
                text.skip_spaces();
                match text.rest.first() {
                    Some(b':') => text.skip(1),
                    _another => return Err(wrong("no colon after a key")),
                }
            }
            let value_start = out.len();
            let (kind, literal) = self.value(text, out)?;
            let value = match kind {
                0x04 => u32::from(literal),
                _ => offset(value_start - start)?,
            };
            self.entries.push(Entry { key, kind, value });
        }
        text.depth -= 1;
        self.enclose(first, is_object, start, out)?;
        Ok(if is_object { 0x01 } else { 0x03 })
    }

    /// Puts the entries of a container before what they name.
    fn enclose(
        &mut self,
        first: usize,
        is_object: bool,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let entries = self.entries.get(first..).unwrap_or_default();
        let entry = if is_object {
            KEY_ENTRY + VALUE_ENTRY
        } else {
            VALUE_ENTRY
        };
        let before = offset(HEADER_BYTES + entries.len() * entry)?;
        let size = offset(out.len() - start)?;
        let size = size
            .checked_add(before)
            .ok_or_else(|| wrong("more than 4 GiB"))?;
        let header = &mut self.header;
        header.clear();
        header.extend_from_slice(&offset(entries.len())?.to_le_bytes());
        header.extend_from_slice(&size.to_le_bytes());
        if is_object {
            for Entry {
                key: (at, length), ..
            } in entries
            {
                header.extend_from_slice(&(before + at).to_le_bytes());
                header.extend_from_slice(&length.to_le_bytes());
            }
        }
        for Entry { kind, value, .. } in entries {
            let value = if *kind == 0x04 {
                *value
            } else {
                before + value
            };
            header.push(*kind);
            header.extend_from_slice(&value.to_le_bytes());
        }
        out.splice(start..start, header.iter().copied());
        self.entries.truncate(first);
        Ok(())
    }

    fn number(&mut self, digits: &[u8], out: &mut Vec<u8>) -> Result<u8, RowError> {
        let no_number = || wrong("no value where one is due");
        let text = std::str::from_utf8(digits).map_err(|_| no_number())?;
        if let Ok(value) = text.parse::<i64>() {
            out.extend_from_slice(&value.to_le_bytes());
            return Ok(0x09);
        }
        if let Ok(value) = text.parse::<u64>() {
            out.extend_from_slice(&value.to_le_bytes());
            return Ok(0x0a);
        }
        let value: f64 = text.parse().map_err(|_| no_number())?;
        if value.is_finite() {
            self.number.clear();
            write_double(value, &mut self.number);
            if self.number == digits {
                out.extend_from_slice(&value.to_le_bytes());
                return Ok(0x0b);
            }
        }
        self.decimal(text, out)?;
        Ok(0x0f)
    }

    /// Appends a number as the DECIMAL that a document holds: its column's type, its length, precision and scale, groups.
    fn decimal(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), RowError> {
        let unsigned = text.trim_start_matches('-');
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let whole = match whole.trim_start_matches('0') {
            "" if fraction.is_empty() => "0",
            whole => whole,
        };
        let digits = whole.len() + fraction.len();
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if digits > DIGITS_MAX || !is_digits(whole) || !is_digits(fraction) {
            return Err(wrong("a number that is neither DOUBLE nor DECIMAL"));
        }
        let short = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        let (precision, scale) = (short(digits), short(fraction.len()));
        self.number.clear();
        self.number.extend_from_slice(&[precision, scale]);
        decimal::write_text(text.as_bytes(), precision, scale, &mut self.number)?;
        out.push(kind::NEWDECIMAL);
        write_length(self.number.len(), out);
        out.extend_from_slice(&self.number);
        Ok(())
    }
}

impl<'a> JsonText<'a> {
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn skip_spaces(&mut self) {
        while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn literal(&mut self, word: &[u8], value: u8) -> Result<u8, RowError> {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                Ok(value)
            }
            None => Err(wrong("no value where one is due")),
        }
    }

    fn number(&mut self) -> &'a [u8] {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = self.rest.iter().position(|byte| !is_part(byte));
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        number
    }

    /// Appends a string without its quotes and escapes.
    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), RowError> {
        if self.rest.first() != Some(&b'"') {
            return Err(wrong("no string where one is due"));
        }
        self.skip(1);
        loop {
            let end = self
                .rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\'));
            let end = end.ok_or_else(|| wrong("a string without its end"))?;
            let (plain, rest) = self.rest.split_at(end);
            out.extend_from_slice(plain);
            self.rest = rest;
            if let [b'"', ..] = rest {
                self.skip(1);
                return Ok(());
            }
            self.escape(out)?;
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), RowError> {
        let Some(letter) = self.rest.get(1) else {
            return Err(wrong("a string without its end"));
        };
        let plain = match letter {
            b'"' | b'\\' | b'/' => *letter,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.skip(2);
                return self.code(out);
            }
            _another => return Err(wrong("an escape that there is not")),
        };
        self.skip(2);
        out.push(plain);
        Ok(())
    }

    /// Appends the character of four hexadecimal digits, or of two such escapes.
    fn code(&mut self, out: &mut Vec<u8>) -> Result<(), RowError> {
        let mut units = [self.unit()?, 0];
        let mut count = 1;
        if (0xd800..0xdc00).contains(&units[0]) && self.rest.starts_with(b"\\u") {
            self.skip(2);
            units[1] = self.unit()?;
            count = 2;
        }
        for decoded in char::decode_utf16(units.into_iter().take(count)) {
            let letter = decoded.map_err(|_| wrong("half a character"))?;
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }

    fn unit(&mut self) -> Result<u16, RowError> {
        let digits = self
            .rest
            .get(..4)
            .and_then(|it| std::str::from_utf8(it).ok());
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.skip(4);
        unit.ok_or_else(|| wrong("an escape that there is not"))
    }
}

/// Appends a length in groups of seven bits.
fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length > 0x7f {
        let [low, ..] = (length & 0x7f | 0x80).to_le_bytes();
        out.push(low);
        length >>= 7;
    }
    let [low, ..] = length.to_le_bytes();
    out.push(low);
}

fn offset(bytes: usize) -> Result<u32, RowError> {
    u32::try_from(bytes).map_err(|_| wrong("more than 4 GiB"))
}

fn wrong(what: &'static str) -> RowError {
    RowError::Invalid {
        kind: "JSON as text",
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Json;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let (mut document, mut out) = (Vec::new(), Vec::new());
        let mut writer = JsonbWriter::default();
        writer
            .write(text.as_bytes(), &mut document)
            .expect("written");
        Json::Binary(&document).write(&mut out).expect("read");
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn a_document_is_read_back_without_its_spaces() {
        for text in [
            "null",
            "true",
            "[false, null, true]",
            "{}",
            "[]",
            r#"{"a": 1, "bc": [1, -2, {"d": ""}], "def": {"x": null}}"#,
            "[0, 9223372036854775807, -9223372036854775808, 18446744073709551615]",
            "[1.5, 1e20, 0.0, -0.0, 1.0]",
            "[1.50, 0.10, -123456789012345678901234567890.5, 99999999999999999999]",
            r#"["é", "\" \\ \n \t \b", "日本", "😀"]"#,
            "12",
            "0.000",
        ] {
            let spaceless: String = match text.contains('"') {
                true => text.replace(", ", ",").replace(": ", ":"),
                false => text.replace(' ', ""),
            };
            check(text, &spaceless);
        }
    }

    #[test]
    fn escapes_become_characters() {
        check(r#""\u00e9\ud83d\ude00\/""#, "\"é😀/\"");
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        let whole = br#"{"a": [1, "b\u00e9", true], "c": 1.50}"#;
        let write = |text: &[u8]| JsonbWriter::default().write(text, &mut Vec::new());
        assert!(write(whole).is_ok());
        for end in 0..whole.len() {
            assert!(write(&whole[..end]).is_err(), "{end}");
        }
        for text in ["{} {}", "[1 2]", "{1: 2}", "nul", "1.5.2", "--1", "\"\\x\""] {
            assert!(write(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(101) + &"]".repeat(101);
        assert!(write(deep.as_bytes()).is_err());
    }
}
