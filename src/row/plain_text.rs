//! Values as plain text: the text that JSON has of a value, without quotes and escapes. It is what a column's rule hashes,
//! so that it must never change.
//!
//! What JSON has no string for is the JSON itself: numbers, documents, geometries, vectors. BINARY, VARBINARY and BLOB are
//! base64.

use super::{
    KnownDates, RawSet, RowError, Text, Unpacking, Value, write_base64, write_float,
    write_geometry, write_inet4, write_inet6, write_integer, write_uuid, write_vector,
};

/// Buffers for values that cannot be written straight from the image, used again for each.
#[derive(Debug, Default)]
pub struct PlainText {
    text: String,
    bytes: Vec<u8>,
    unpacking: Unpacking,
    days: KnownDates,
    dates: KnownDates,
}

impl PlainText {
    /// Appends a value's text, in UTF-8. Text whose bytes are none in its character set is appended as these bytes.
    ///
    /// # Errors
    /// A value that its type cannot have, and one whose type is not known.
    pub fn write(&mut self, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), RowError> {
        match value {
            Value::Signed(value) => write_integer(value, out),
            Value::Unsigned(value) | Value::Bit(value) => write_integer(value, out),
            Value::Year(value) => write_integer(value, out),
            Value::Float(value) => write_float(value, out),
            Value::Double(value) => write_float(value, out),
            Value::Decimal(value) => return value.write(out),
            Value::Date(value) => value.write(out),
            Value::Time(value) => value.write(out),
            Value::DateTime(value) => value.write_known(&mut self.dates, out),
            Value::Timestamp(value) => value.write(&mut self.days, out),
            Value::Text(text) => write_text(text, &mut self.text, out),
            Value::Binary(binary) => write_base64(binary.padded(&mut self.bytes), out),
            Value::Packed(packed) => {
                let bytes = packed.unpack(&mut self.unpacking)?;
                match packed.charset {
                    Some(charset) => write_text(Text { bytes, charset }, &mut self.text, out),
                    None => write_base64(bytes, out),
                }
            }
            Value::Inet4(value) => write_inet4(value, out),
            Value::Inet6(value) => write_inet6(value, out),
            Value::Uuid(value) => write_uuid(value, out),
            Value::Enum(label) => out.extend_from_slice(label.as_bytes()),
            Value::Set(set) => {
                for (index, label) in set.shown().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(label.as_bytes());
                }
            }
            Value::RawSet(set) => return self.write_raw_set(set, out),
            Value::Json(document) => return document.write(out),
            Value::Patched(document) => return document.write(out),
            Value::Geometry { srid, wkb } => write_geometry(srid, wkb, out),
            Value::Vector(floats) => return write_vector(floats, out),
            Value::EitherSign { .. } => return Err(unknown("integer")),
            Value::Undecided(_) => return Err(unknown("string")),
        }
        Ok(())
    }

    #[cold]
    fn write_raw_set(&mut self, set: RawSet<'_>, out: &mut Vec<u8>) -> Result<(), RowError> {
        set.write(&mut self.bytes)?;
        let charset = set.charset();
        let bytes = &*self.bytes;
        write_text(Text { bytes, charset }, &mut self.text, out);
        Ok(())
    }
}

fn write_text(text: Text<'_>, scratch: &mut String, out: &mut Vec<u8>) {
    match text.decode(scratch) {
        Ok(text) => out.extend_from_slice(text.as_bytes()),
        Err(_) => out.extend_from_slice(text.bytes),
    }
}

#[cold]
fn unknown(kind: &'static str) -> RowError {
    RowError::Invalid {
        kind,
        what: "no text, since its column's definition is not known",
    }
}
