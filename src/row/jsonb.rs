//! MySQL's binary JSON: from a document's bytes to the text that the server prints for it, without its spaces.
//!
//! | value | bytes |
//! |---|---|
//! | document | type (1), value |
//! | object | count, size, `count` key entries (offset, length as 2 bytes), `count` value entries, keys, values |
//! | array | count, size, `count` value entries, values |
//! | value entry | type (1), then the value where it fits, else its offset from the object's or array's first byte |
//! | string | length in groups of seven bits, lowest first, top bit set on all but the last; utf8mb4 |
//! | opaque | type of a column (1), length as of a string, bytes |
//!
//! Counts, sizes and offsets have 2 bytes in small objects and arrays, 4 in large ones; all is little-endian. Follows
//! `sql-common/json_binary.h` and `json_dom.cc` (MySQL).

use std::slice::ChunksExact;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::digits::write_integer;
use super::double::write_double;
use super::escape::{write_plain_words, write_utf8};
use super::{Date, DateTime, Decimal, RowError, Time};

/// How deep the server lets documents nest.
pub(super) const DEPTH_MAX: u8 = 100;

/// The type of a string.
const STRING: u8 = 0x0c;

/// Bytes of an opaque value that the server puts on one line of base64.
const BASE64_LINE: usize = 57;

/// A JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Json<'a> {
    /// As a row image holds it.
    Binary(&'a [u8]),
    /// As a result set holds it.
    Text(&'a str),
}

impl Json<'_> {
    /// Appends the document's text. Keys stay in the document's order, numbers keep the server's digits; DECIMAL inside
    /// a document is a number, dates and times are strings, other bytes a string `base64:type<number>:<base64>`.
    ///
    /// # Errors
    /// A document whose parts do not fit together; `out` may then hold a part of it.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), RowError> {
        match *self {
            Self::Binary([]) => {
                // What rows hold for a JSON NOT NULL column that was added after them.
                out.extend_from_slice(b"null");
                Ok(())
            }
            Self::Binary(document) => {
                let mut reader = JsonbReader {
                    document,
                    budget: document.len(),
                };
                reader.write_document(out)
            }
            Self::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
    }
}

/// Where a container begins, and the width of its counts and offsets.
#[derive(Clone, Copy)]
pub(super) struct Container {
    pub(super) start: usize,
    pub(super) wide: bool,
    pub(super) depth: u8,
}

impl Container {
    pub(super) fn width(self) -> usize {
        if self.wide { 4 } else { 2 }
    }

    /// Where an object has the entry of a key. After those of all its keys, the entries of its values begin.
    pub(super) fn key(self, index: usize) -> usize {
        let entry = self.width() + 2;
        self.items().saturating_add(index.saturating_mul(entry))
    }

    /// Where an array's entries begin: after its count and its size.
    pub(super) fn items(self) -> usize {
        self.start + 2 * self.width()
    }
}

pub(super) struct JsonbReader<'a> {
    document: &'a [u8],
    /// Bytes that may still be read. Every byte of a document is read once, so that one whose parts overlap, and whose
    /// text could be vastly longer than itself, runs out.
    budget: usize,
}

/// A value's type and where it begins.
pub(super) type JsonPart = (u8, usize);

/// A key and its value.
pub(super) type Member<'a> = (&'a [u8], JsonPart);

impl<'a> JsonbReader<'a> {
    /// Reads a document, at most so many bytes of it.
    pub(super) fn new(document: &'a [u8], budget: usize) -> Self {
        Self { document, budget }
    }

    /// How many bytes may still be read.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    fn write_document(&mut self, out: &mut Vec<u8>) -> Result<(), RowError> {
        let [kind] = self.take(0)?;
        self.write_value(kind, 1, 0, out)
    }

    /// Writes the value at `at`.
    pub(super) fn write_value(
        &mut self,
        kind: u8,
        at: usize,
        depth: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let inside = |wide| Container {
            start: at,
            wide,
            depth: depth + 1,
        };
        match kind {
            0x00 | 0x01 => self.write_object(inside(kind == 0x01), out),
            0x02 | 0x03 => self.write_array(inside(kind == 0x03), out),
            0x04 => {
                let [literal] = self.take(at)?;
                write_literal(literal, at, out)
            }
            0x05 => self
                .take(at)
                .map(|bytes| write_integer(i16::from_le_bytes(bytes), out)),
            0x06 => self
                .take(at)
                .map(|bytes| write_integer(u16::from_le_bytes(bytes), out)),
            0x07 => self
                .take(at)
                .map(|bytes| write_integer(i32::from_le_bytes(bytes), out)),
            0x08 => self
                .take(at)
                .map(|bytes| write_integer(u32::from_le_bytes(bytes), out)),
            0x09 => self
                .take(at)
                .map(|bytes| write_integer(i64::from_le_bytes(bytes), out)),
            0x0a => self
                .take(at)
                .map(|bytes| write_integer(u64::from_le_bytes(bytes), out)),
            0x0b => {
                let value = f64::from_le_bytes(self.take(at)?);
                if !value.is_finite() {
                    return Err(error("a number that is not finite", at));
                }
                write_double(value, out);
                Ok(())
            }
            STRING => self.write_text(at, out),
            0x0f => self.write_opaque(at, out),
            _ => Err(error("an unknown type", at)),
        }
    }

    fn write_object(&mut self, object: Container, out: &mut Vec<u8>) -> Result<(), RowError> {
        let count = self.header(object)?;
        let keys = self.entries(object.key(0), count, object.width() + 2)?;
        let values = self.entries(object.key(count), count, object.width() + 1)?;
        let mut before = b'{';
        for (key, value) in keys.zip(values) {
            let (offset, length) = match *key {
                [a, b, c, d] => (u32::from(u16::from_le_bytes([a, b])), [c, d]),
                [a, b, c, d, e, f] => (u32::from_le_bytes([a, b, c, d]), [e, f]),
                _ => return Err(error("a part beyond its end", object.start)),
            };
            let start = object.start.saturating_add(offset as usize);
            let key = self.slice(start, usize::from(u16::from_le_bytes(length)))?;
            out.extend_from_slice(&[before, b'"']);
            self.write_inside(key, start, out)?;
            out.extend_from_slice(b"\":");
            self.write_entry(object, value, out)?;
            before = b',';
        }
        if count == 0 {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }

    fn write_array(&mut self, array: Container, out: &mut Vec<u8>) -> Result<(), RowError> {
        let count = self.header(array)?;
        let items = self.entries(array.items(), count, array.width() + 1)?;
        out.push(b'[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.write_entry(array, item, out)?;
        }
        out.push(b']');
        Ok(())
    }

    /// Reads a container's count, and checks its size and depth.
    pub(super) fn header(&mut self, container: Container) -> Result<usize, RowError> {
        if container.depth > DEPTH_MAX {
            return Err(error("more than 100 levels", container.start));
        }
        let count = self.number(container.start, container.wide)?;
        let size = self.number(container.start + container.width(), container.wide)?;
        if size > self.document.len().saturating_sub(container.start) {
            return Err(error("a size beyond its end", container.start));
        }
        Ok(count)
    }

    /// So many entries of so many bytes each.
    fn entries(
        &mut self,
        at: usize,
        count: usize,
        bytes: usize,
    ) -> Result<ChunksExact<'a, u8>, RowError> {
        let entries = self.slice(at, count.saturating_mul(bytes))?;
        Ok(entries.chunks_exact(bytes))
    }

    /// Writes the value of an entry: one that fits into the entry itself, or the one that it says the place of.
    #[inline(always)]
    fn write_entry(
        &mut self,
        container: Container,
        entry: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let (kind, field) = match *entry {
            [kind, a, b] => (kind, [a, b, 0, 0]),
            [kind, a, b, c, d] => (kind, [a, b, c, d]),
            _ => return Err(error("a part beyond its end", container.start)),
        };
        let [a, b, ..] = field;
        match kind {
            0x04 => write_literal(a, container.start, out)?,
            0x05 => write_integer(i16::from_le_bytes([a, b]), out),
            0x06 => write_integer(u16::from_le_bytes([a, b]), out),
            0x07 if container.wide => write_integer(i32::from_le_bytes(field), out),
            0x08 if container.wide => write_integer(u32::from_le_bytes(field), out),
            _ => {
                let offset = u32::from_le_bytes(field) as usize;
                let start = container.start.saturating_add(offset);
                match kind {
                    STRING => self.write_text(start, out)?,
                    _ => self.write_value(kind, start, container.depth, out)?,
                }
            }
        }
        Ok(())
    }

    /// Writes the string at `at`.
    #[inline(always)]
    fn write_text(&mut self, at: usize, out: &mut Vec<u8>) -> Result<(), RowError> {
        let (start, text) = self.sized(at)?;
        out.push(b'"');
        self.write_inside(text, start, out)?;
        out.push(b'"');
        Ok(())
    }

    /// Writes the text at `start` without its quotes.
    #[inline(always)]
    fn write_inside(&self, text: &[u8], start: usize, out: &mut Vec<u8>) -> Result<(), RowError> {
        let window = self.document.get(start..).and_then(<[u8]>::first_chunk);
        if window.is_some_and(|window| write_plain_words(window, text.len(), out))
            || write_utf8(text, out)
        {
            return Ok(());
        }
        Err(error("text that is not utf8mb4", start))
    }

    /// The type of an entry's value, and where it is: in the entry itself where it fits.
    pub(super) fn entry(
        &mut self,
        container: Container,
        entries: usize,
        index: usize,
    ) -> Result<(u8, usize), RowError> {
        let at = entries.saturating_add(index.saturating_mul(1 + container.width()));
        let [kind] = self.take(at)?;
        let inlined =
            matches!(kind, 0x04..=0x06) || (container.wide && matches!(kind, 0x07 | 0x08));
        if inlined {
            return Ok((kind, at + 1));
        }
        let offset = self.number(at + 1, container.wide)?;
        Ok((kind, container.start.saturating_add(offset)))
    }

    /// A key by its entry, and where it is.
    pub(super) fn key(
        &mut self,
        object: Container,
        at: usize,
    ) -> Result<(&'a [u8], usize), RowError> {
        let offset = self.number(at, object.wide)?;
        let length = u16::from_le_bytes(self.take(at + object.width())?);
        let start = object.start.saturating_add(offset);
        Ok((self.slice(start, usize::from(length))?, start))
    }

    fn write_opaque(&mut self, at: usize, out: &mut Vec<u8>) -> Result<(), RowError> {
        let [kind] = self.take(at)?;
        let (_, bytes) = self.sized(at + 1)?;
        let packed = || match <[u8; 8]>::try_from(bytes) {
            Ok(bytes) => Ok(i64::from_le_bytes(bytes)),
            Err(_) => Err(error("a date or time of another length than 8", at)),
        };
        match kind {
            246 => match bytes {
                [precision, scale, bytes @ ..]
                    if (1..=65).contains(precision) && scale <= precision =>
                {
                    Decimal::Binary {
                        bytes,
                        precision: *precision,
                        scale: *scale,
                    }
                    .write(out)?;
                }
                _ => return Err(error("a decimal without digits", at)),
            },
            10 => {
                let Date { year, month, day } = DateTime::from_json(packed()?)?.date;
                quoted(out, |out| Date { year, month, day }.write(out));
            }
            11 => {
                let time = Time::from_json(packed()?)?;
                quoted(out, |out| time.write(out));
            }
            7 | 12 => {
                let datetime = DateTime::from_json(packed()?)?;
                quoted(out, |out| datetime.write(out));
            }
            _ => quoted(out, |out| write_base64(kind, bytes, out)),
        }
        Ok(())
    }

    /// The bytes after a length in groups of seven bits, and where they begin.
    #[inline(always)]
    fn sized(&mut self, at: usize) -> Result<(usize, &'a [u8]), RowError> {
        match self.document.get(at) {
            // Most lengths take one byte, which is read together with what it is the length of.
            Some(length @ 0..0x80) => {
                let sized = self.slice(at, 1 + usize::from(*length))?;
                let text = sized.split_first().map_or(sized, |(_, text)| text);
                Ok((at + 1, text))
            }
            _long => self.long_sized(at),
        }
    }

    #[inline(never)]
    fn long_sized(&mut self, at: usize) -> Result<(usize, &'a [u8]), RowError> {
        let mut length = 0usize;
        for index in 0..5 {
            let [byte] = self.take(at + index)?;
            length |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let start = at + index + 1;
                return Ok((start, self.slice(start, length)?));
            }
        }
        Err(error("a length of more than five bytes", at))
    }

    fn number(&mut self, at: usize, wide: bool) -> Result<usize, RowError> {
        if wide {
            self.take(at)
                .map(|bytes| u32::from_le_bytes(bytes) as usize)
        } else {
            self.take(at)
                .map(|bytes| usize::from(u16::from_le_bytes(bytes)))
        }
    }

    #[inline]
    pub(super) fn take<const N: usize>(&mut self, at: usize) -> Result<[u8; N], RowError> {
        match self.slice(at, N)?.first_chunk() {
            Some(bytes) => Ok(*bytes),
            None => Err(error("a part beyond its end", at)),
        }
    }

    #[inline(always)]
    fn slice(&mut self, at: usize, length: usize) -> Result<&'a [u8], RowError> {
        let bytes = self
            .document
            .get(at..)
            .and_then(|rest| rest.get(..length))
            .ok_or_else(|| error("a part beyond its end", at))?;
        self.budget = self
            .budget
            .checked_sub(length)
            .ok_or_else(|| error("parts that overlap", at))?;
        Ok(bytes)
    }

    /// The members of the object at `start`: key, then type and place of the value.
    pub(super) fn members(
        &mut self,
        start: usize,
        wide: bool,
    ) -> Result<Vec<Member<'a>>, RowError> {
        let object = Container {
            start,
            wide,
            depth: 0,
        };
        let count = self.header(object)?;
        let values = object.key(count);
        let mut members = Vec::new();
        for index in 0..count {
            let key = self.key(object, object.key(index))?.0;
            members.push((key, self.entry(object, values, index)?));
        }
        Ok(members)
    }

    /// The items of the array at `start`: type and place.
    pub(super) fn items(&mut self, start: usize, wide: bool) -> Result<Vec<JsonPart>, RowError> {
        let array = Container {
            start,
            wide,
            depth: 0,
        };
        let count = self.header(array)?;
        let mut items = Vec::new();
        for index in 0..count {
            items.push(self.entry(array, array.items(), index)?);
        }
        Ok(items)
    }
}

#[cold]
pub(super) fn error(what: &'static str, at: usize) -> RowError {
    RowError::Json { what, at }
}

fn write_literal(literal: u8, at: usize, out: &mut Vec<u8>) -> Result<(), RowError> {
    out.extend_from_slice(match literal {
        0 => b"null",
        1 => b"true",
        2 => b"false",
        _ => return Err(error("an unknown literal", at)),
    });
    Ok(())
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Writes base64 in lines of 76 characters, as the server does; a line feed inside a JSON string is `\n`.
fn write_base64(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"base64:type");
    write_integer(kind, out);
    out.push(b':');
    for (index, line) in bytes.chunks(BASE64_LINE).enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\\n");
        }
        let mut text = [0; BASE64_LINE / 3 * 4];
        let length = STANDARD.encode_slice(line, &mut text).unwrap_or(0);
        out.extend(text.iter().take(length));
    }
}

#[cfg(test)]
mod tests {
    use mysql_common::binlog::jsonb::Value as Peer;
    use mysql_common::io::ParseBuf;
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
    use serde_json::Value;

    use super::super::jsonb_document::{document, length};
    use super::*;

    fn text(document: &[u8]) -> Result<String, RowError> {
        let mut out = Vec::new();
        Json::Binary(document).write(&mut out)?;
        Ok(String::from_utf8(out).expect("checked"))
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i16>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i32>().prop_map(|value| Value::from(f64::from(value) + 0.5)),
            "\\PC{0,200}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,9}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn opaque(kind: u8, bytes: &[u8]) -> Vec<u8> {
        [&[0x0f, kind], &length(bytes.len())[..], bytes].concat()
    }

    #[test]
    fn opaque_values_print_as_the_server_prints_them() {
        let check = |kind, bytes: &[u8], expected: &str| {
            assert_eq!(text(&opaque(kind, bytes)).as_deref(), Ok(expected));
        };
        check(246, &[5, 2, 0x80, 1, 10], "1.10");
        check(
            10,
            &(((2015 * 13 + 1) << 5 | 15i64) << 41).to_le_bytes(),
            "\"2015-01-15\"",
        );
        check(
            11,
            &(-(((838 << 12 | 59 << 6 | 59i64) << 24) + 5)).to_le_bytes(),
            "\"-838:59:59.000005\"",
        );
        check(
            12,
            &((((2015 * 13 + 1) << 5 | 15i64) << 17 | 23 << 12) << 24).to_le_bytes(),
            "\"2015-01-15 23:00:00.000000\"",
        );
        check(15, &[0xca, 0xfe], "\"base64:type15:yv4=\"");
        let long = format!("\"base64:type252:{}\\nYWFh\"", "YWFh".repeat(19));
        check(252, &[b'a'; 60], &long);
        assert!(text(&opaque(246, &[5])).is_err());
        assert!(text(&opaque(11, &[0; 7])).is_err());
    }

    #[test]
    fn an_empty_value_is_the_null_literal() {
        assert_eq!(text(&[]).as_deref(), Ok("null"));
    }

    #[test]
    fn nesting_and_overlap_have_limits() {
        let nested = |depth| {
            let mut value = Value::Array(Vec::new());
            for _ in 1..depth {
                value = Value::Array(vec![value]);
            }
            let (kind, bytes) = document(&value, false);
            text(&[&[kind][..], &bytes].concat())
        };
        assert_eq!(
            nested(100).as_deref(),
            Ok(&*("[".repeat(100) + &"]".repeat(100)))
        );
        assert!(nested(101).is_err());
        // Every level names the next one twice: two to the power of its levels, were it followed.
        let mut bomb = vec![2u8];
        for _ in 0..60 {
            bomb.extend([2, 0, 10, 0, 2, 10, 0, 2, 10, 0]);
        }
        bomb.extend([0, 0, 4, 0]);
        assert!(matches!(text(&bomb), Err(RowError::Json { .. })));
    }

    proptest! {
        #[test]
        fn documents_print_as_they_were_and_a_peer_agrees(value in any_json(), wide in any::<bool>()) {
            let (kind, bytes) = document(&value, wide);
            let bytes = [&[kind][..], &bytes].concat();
            let shown = text(&bytes).expect("a whole document");
            assert_eq!(serde_json::from_str::<Value>(&shown).ok().as_ref(), Some(&value), "{shown}");
            let peer: Peer<'_> = ParseBuf(&bytes).parse(()).expect("a whole document");
            assert_eq!(Value::try_from(peer).ok(), Some(value));
            for end in 1..bytes.len() {
                assert!(text(&bytes[..end]).is_err(), "{end} of {}", bytes.len());
            }
        }

        #[test]
        fn any_bytes_print_or_are_refused(kind in 0u8..16, mut bytes in prop::collection::vec(0u8..24, 0..400)) {
            bytes.insert(0, kind);
            if let Ok(shown) = text(&bytes) {
                assert!(shown.len() <= 64 + 32 * bytes.len());
            }
        }
    }
}
