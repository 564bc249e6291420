//! Values as SQL literals, and comparisons with them.
//!
//! | type | literal |
//! |---|---|
//! | integers, BIT, YEAR, DECIMAL | digits |
//! | FLOAT, DOUBLE | digits with an exponent, so that it is read as a double |
//! | times | as MySQL prints them, TIMESTAMP in UTC |
//! | text | quoted UTF-8; bytes that are not valid text in hexadecimal, with their character set |
//! | ENUM, SET | labels; the error value of an ENUM as 0 |
//! | JSON | its text; decimals, dates and times in it are put there by JSON_SET |
//! | UUID, INET4, INET6 | quoted, as MariaDB prints them |
//! | binary, GEOMETRY, VECTOR | hexadecimal; a geometry as the server stores it, SRID first |

use crate::row::{
    Binary, Changes, Charset, ColumnType, Json, Opaque, RowError, Text, Unpacking, Value,
    write_inet4, write_inet6, write_integer, write_uuid,
};

/// Writes literals; owns the buffers that this takes.
#[derive(Default)]
pub(super) struct Literals {
    text: String,
    bytes: Vec<u8>,
    unpacking: Unpacking,
    /// Whether an ENUM's error value was written, which a strict session refuses.
    pub(super) met_enum_error: bool,
}

/// What a literal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To be stored in the column.
    Assign,
    /// To be compared with it.
    Compare,
}

impl Literals {
    /// Appends a value.
    pub(super) fn write(
        &mut self,
        kind: &ColumnType,
        value: Value<'_>,
        bytes: &[u8],
        purpose: Use,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        match value {
            Value::Signed(value) => write_integer(value, out),
            Value::Unsigned(value) | Value::Bit(value) => write_integer(value, out),
            Value::Year(value) => write_integer(value, out),
            // The shortest digits of the largest FLOAT denote a greater double, which a server refuses.
            Value::Float(value) if purpose == Use::Assign && value.abs() < f32::MAX => {
                write_float(value, out);
            }
            // A server compares a FLOAT as the double of exactly the same value.
            Value::Float(value) => write_float(f64::from(value), out),
            Value::Double(value) => write_float(value, out),
            Value::Decimal(value) => return value.write(out),
            Value::Date(value) => quoted(out, |out| value.write(out)),
            Value::Time(value) => quoted(out, |out| value.write(out)),
            Value::DateTime(value) => quoted(out, |out| value.write(out)),
            Value::Timestamp(value) => quoted(out, |out| value.to_utc().write(out)),
            Value::Text(value) => write_text(value.bytes, value.charset, &mut self.text, out),
            Value::Packed(value) => {
                let bytes = value.unpack(&mut self.unpacking)?;
                match value.charset {
                    Some(charset) => write_text(bytes, charset, &mut self.text, out),
                    None => write_hex(bytes, out),
                }
            }
            Value::Inet4(value) => quoted(out, |out| write_inet4(value, out)),
            Value::Inet6(value) => quoted(out, |out| write_inet6(value, out)),
            Value::Uuid(value) => quoted(out, |out| write_uuid(value, out)),
            Value::Binary(value) => self.write_binary(value, out),
            Value::Enum(_) if bytes.iter().all(|byte| *byte == 0) => {
                self.met_enum_error = true;
                out.push(b'0');
            }
            Value::Enum(label) => write_quoted(label, out),
            Value::Set(set) => {
                self.text.clear();
                for (index, label) in set.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.text.push_str(label);
                }
                write_quoted(&self.text, out);
            }
            Value::RawSet(set) => {
                set.write(&mut self.bytes)?;
                write_text(&self.bytes, set.charset(), &mut self.text, out);
            }
            Value::Json(document) => self.write_document(document, out)?,
            Value::Patched(document) => {
                self.bytes.clear();
                document.write(&mut self.bytes)?;
                let text = String::from_utf8_lossy(&self.bytes);
                write_quoted(&text, out);
            }
            Value::EitherSign { signed, .. } => write_integer(signed, out),
            Value::Undecided(_) | Value::Geometry { .. } | Value::Vector(_) => {
                write_hex(bytes, out);
            }
        }
        debug_assert!(
            !matches!(kind, ColumnType::Json { .. })
                || matches!(value, Value::Json(_) | Value::Patched(_))
        );
        Ok(())
    }

    /// Appends a document: its text, then JSON_SET for the values whose type the text does not show.
    fn write_document(&mut self, document: Json<'_>, out: &mut Vec<u8>) -> Result<(), RowError> {
        let mut rest = Vec::new();
        document.opaques(&mut |path, opaque, text| {
            rest.extend_from_slice(b", ");
            write_quoted(path, &mut rest);
            rest.extend_from_slice(b", CAST(");
            write_quoted(text, &mut rest);
            let scale = text.rsplit_once('.').map_or(0, |(_, digits)| digits.len());
            let kind = match opaque {
                Opaque::Decimal => format!(" AS DECIMAL(65,{scale}))"),
                Opaque::Date => " AS DATE)".to_owned(),
                Opaque::Time => " AS TIME(6))".to_owned(),
                Opaque::DateTime => " AS DATETIME(6))".to_owned(),
            };
            rest.extend_from_slice(kind.as_bytes());
        })?;
        if !rest.is_empty() {
            out.extend_from_slice(b"JSON_SET(");
        }
        self.bytes.clear();
        document.write(&mut self.bytes)?;
        write_quoted(&String::from_utf8_lossy(&self.bytes), out);
        if !rest.is_empty() {
            out.extend_from_slice(&rest);
            out.push(b')');
        }
        Ok(())
    }

    /// Appends the functions that apply these changes to a column's document.
    pub(super) fn write_changed(
        &mut self,
        name: &[u8],
        changes: Changes<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let (mut functions, mut rest) = (Vec::new(), Vec::new());
        changes.each(|function, path, value| {
            functions.push(function);
            rest.extend_from_slice(b", ");
            write_quoted(path, &mut rest);
            if let Some(value) = value {
                rest.extend_from_slice(b", CAST(");
                self.write_document(value, &mut rest)?;
                rest.extend_from_slice(b" AS JSON)");
            }
            rest.push(b')');
            Ok(())
        })?;
        for function in functions.iter().rev() {
            out.extend_from_slice(function.as_bytes());
            out.push(b'(');
        }
        out.extend_from_slice(name);
        out.extend_from_slice(&rest);
        Ok(())
    }

    /// Appends a comparison that is true of this value only, whatever the column's collation.
    pub(super) fn write_equal(
        &mut self,
        name: &[u8],
        kind: &ColumnType,
        value: Value<'_>,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        match value {
            Value::Text(Text { bytes, .. }) => {
                in_hex(name, out);
                write_digits(bytes, out);
                out.push(b'\'');
            }
            Value::Packed(value) => {
                in_hex(name, out);
                write_digits(value.unpack(&mut self.unpacking)?, out);
                out.push(b'\'');
            }
            Value::Geometry { .. } | Value::Vector(_) => {
                in_hex(name, out);
                write_digits(bytes, out);
                out.push(b'\'');
            }
            // To a server documents with 1 and 1.0 are equal, so their text is compared. A literal that is parsed has
            // strings in place of dates, and its numbers as the executing server writes them, so the column's text is
            // parsed again too.
            Value::Json(_) | Value::Patched(_) => {
                out.extend_from_slice(b"CAST(CAST(CAST(");
                out.extend_from_slice(name);
                out.extend_from_slice(
                    b" AS CHAR CHARACTER SET utf8mb4) AS JSON) AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin = CAST(CAST(",
                );
                self.bytes.clear();
                match value {
                    Value::Json(document) => document.write(&mut self.bytes)?,
                    Value::Patched(document) => document.write(&mut self.bytes)?,
                    _other => {}
                }
                write_quoted(&String::from_utf8_lossy(&self.bytes), out);
                out.extend_from_slice(b" AS JSON) AS CHAR CHARACTER SET utf8mb4)");
            }
            other => {
                out.extend_from_slice(name);
                out.extend_from_slice(b" = ");
                self.write(kind, other, bytes, Use::Compare, out)?;
            }
        }
        Ok(())
    }

    fn write_binary(&mut self, value: Binary<'_>, out: &mut Vec<u8>) {
        write_hex(value.padded(&mut self.bytes), out);
    }
}

fn write_text(bytes: &[u8], charset: Charset, scratch: &mut String, out: &mut Vec<u8>) {
    match charset.decode(bytes, scratch) {
        Ok(text) => write_quoted(text, out),
        Err(_) => {
            out.push(b'_');
            out.extend_from_slice(charset.name().as_bytes());
            out.push(b' ');
            write_hex(bytes, out);
        }
    }
}

/// Appends a quoted name.
pub(super) fn write_name(name: &str, out: &mut Vec<u8>) {
    out.push(b'`');
    for byte in name.bytes() {
        if byte == b'`' {
            out.push(b'`');
        }
        out.push(byte);
    }
    out.push(b'`');
}

/// Begins a comparison of a column's stored bytes with the digits that follow.
fn in_hex(name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"HEX(");
    out.extend_from_slice(name);
    out.extend_from_slice(b") = '");
}

fn write_float(value: impl zmij::Float, out: &mut Vec<u8>) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    out.extend_from_slice(text.as_bytes());
    // Without an exponent it would be a DECIMAL, which has no negative zero.
    if !text.contains(['e', 'E']) {
        out.extend_from_slice(b"e0");
    }
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'\'');
    write(out);
    out.push(b'\'');
}

/// Appends a quoted string, for a session that escapes by backslashes.
pub(super) fn write_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'\'');
    for byte in text.bytes() {
        let escaped = match byte {
            0 => b'0',
            b'\n' => b'n',
            b'\r' => b'r',
            0x1a => b'Z',
            b'\'' | b'\\' => byte,
            plain => {
                out.push(plain);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', escaped]);
    }
    out.push(b'\'');
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"x'");
    write_digits(bytes, out);
    out.push(b'\'');
}

fn write_digits(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    for byte in bytes {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_float_is_written_as_a_double_beyond_all_floats() {
        let next = f32::from_bits(f32::MAX.to_bits() - 1);
        for value in [f32::MAX, -f32::MAX, next, -next, 0.1, -0.0, 16_777_216.0] {
            for purpose in [Use::Assign, Use::Compare] {
                let mut out = Vec::new();
                Literals::default()
                    .write(
                        &ColumnType::Float,
                        Value::Float(value),
                        &[],
                        purpose,
                        &mut out,
                    )
                    .expect("written");
                let text = String::from_utf8(out).expect("text");
                let read: f64 = text.parse().expect("a number");
                assert!(read.abs() <= f64::from(f32::MAX), "{text}");
                let again: f32 = text.parse().expect("a number");
                assert_eq!(again.to_bits(), value.to_bits(), "{text}");
            }
        }
    }
}
