//! Values, all of them strings.

use std::ops::Range;

use super::java::write_java;
use crate::encode::InvalidText;
use crate::encode::json::{Scratch, ValueWriter, is_quoted, write_cell, write_document_text};
use crate::row::{
    ColumnType, Packed, Patched, RowError, Unpacking, Value, read, write_escaped, write_float,
    write_integer, write_vector,
};

/// How a column's values are read and written.
#[derive(Debug)]
pub(super) struct Form {
    kind: ColumnType,
    way: Way,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As the format `json` writes them, which are strings.
    Same,
    /// As it writes them, which are numbers.
    Number,
    /// A YEAR of four digits.
    Year,
    /// FLOAT and DOUBLE as Java writes them.
    Java,
    /// A TIMESTAMP as a DATETIME in UTC.
    Moment,
    /// The number of an ENUM's label, or the bits of a SET.
    Index,
    /// Bytes as letters of ISO 8859-1.
    Latin1,
    /// A document or a vector as text.
    Text,
    /// What cannot be written, since not all of its type is known.
    Unknown,
}

impl Form {
    pub(super) fn of(kind: &ColumnType) -> Self {
        let way = match kind {
            ColumnType::Integer { .. } | ColumnType::Bit { .. } => Way::Number,
            ColumnType::Year => Way::Year,
            ColumnType::Float | ColumnType::Double => Way::Java,
            ColumnType::Timestamp { .. } | ColumnType::OldTimestamp { .. } => Way::Moment,
            ColumnType::Enum { .. }
            | ColumnType::Set { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::RawSet { .. } => Way::Index,
            ColumnType::Binary { .. }
            | ColumnType::Packed { charset: None, .. }
            | ColumnType::Geometry { .. } => Way::Latin1,
            ColumnType::Json { .. } | ColumnType::Vector { .. } => Way::Text,
            ColumnType::EitherSign { .. } | ColumnType::Undecided { .. } => Way::Unknown,
            ColumnType::Decimal { .. }
            | ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::OldTime { .. }
            | ColumnType::DateTime { .. }
            | ColumnType::OldDateTime { .. }
            | ColumnType::Text { .. }
            | ColumnType::Packed { .. }
            | ColumnType::Inet4
            | ColumnType::Inet6
            | ColumnType::Uuid => Way::Same,
        };
        debug_assert!(way != Way::Same || is_quoted(kind), "it writes the quote");
        Self {
            kind: kind.clone(),
            way,
        }
    }
}

/// Writes the format's values; owns every buffer that this takes.
#[derive(Default)]
pub(super) struct Values {
    pub(super) scratch: Scratch,
    /// A document.
    text: Vec<u8>,
    unpacking: Unpacking,
}

impl Values {
    pub(super) fn new(invalid_text: InvalidText) -> Self {
        Self {
            scratch: Scratch::new(invalid_text),
            ..Self::default()
        }
    }
}

impl ValueWriter for Values {
    type Form = Form;

    #[inline(always)]
    fn write_cell(
        &mut self,
        form: &Form,
        body: &[u8],
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        match form.way {
            Way::Same => write_cell(&form.kind, body, range, &mut self.scratch, out),
            Way::Number => {
                write_cell(&form.kind, body, range, &mut self.scratch, out)?;
                out.push(b'"');
                Ok(())
            }
            _other => self.write_other(form, body.get(range).unwrap_or_default(), out),
        }
    }

    fn write_patched(
        &mut self,
        _form: &Form,
        document: Patched<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        self.text.clear();
        document.write(&mut self.text)?;
        write_document_text(&self.text, out);
        Ok(())
    }

    fn may_lack_columns(&self) -> bool {
        true
    }

    fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }
}

impl Values {
    #[inline(never)]
    fn write_other(
        &mut self,
        form: &Form,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        if form.way == Way::Index {
            // It is read for its length.
            read(&form.kind, bytes)?;
            let number = bytes.iter().rev();
            let number = number.fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            write_integer(number, out);
            out.push(b'"');
            return Ok(());
        }
        match (form.way, read(&form.kind, bytes)?) {
            (Way::Java, Value::Float(value)) => {
                self.text.clear();
                write_float(value, &mut self.text);
                write_java(&self.text, out);
                out.push(b'"');
            }
            (Way::Java, Value::Double(value)) => {
                self.text.clear();
                write_float(value, &mut self.text);
                write_java(&self.text, out);
                out.push(b'"');
            }
            (Way::Year, Value::Year(year)) => {
                match year {
                    0 => out.extend_from_slice(b"0000"),
                    year => write_integer(year, out),
                }
                out.push(b'"');
            }
            (Way::Moment, Value::Timestamp(value)) => {
                self.scratch.write_plain_timestamp(value, out);
                out.push(b'"');
            }
            (Way::Latin1, Value::Binary(value)) => {
                write_latin1(value.padded(&mut self.scratch.bytes), out);
            }
            (Way::Latin1, Value::Packed(value)) => {
                let value: Packed<'_> = value;
                write_latin1(value.unpack(&mut self.unpacking)?, out);
            }
            // The number of the reference system, and the geometry.
            (Way::Latin1, Value::Geometry { .. }) => write_latin1(bytes, out),
            (Way::Text, Value::Json(document)) => {
                self.text.clear();
                document.write(&mut self.text)?;
                write_document_text(&self.text, out);
            }
            (Way::Text, Value::Vector(floats)) => {
                write_vector(floats, out)?;
                out.push(b'"');
            }
            (_way, _value) => {
                return Err(RowError::NotHeld {
                    kind: "a value whose type is not known for certain",
                    by: "the format canal",
                    cure: "tell the table's definition by rowtap definitions",
                });
            }
        }
        Ok(())
    }
}

/// Appends bytes as so many letters, and the closing quote.
fn write_latin1(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        let mut letter = [0; 2];
        write_escaped(char::from(*byte).encode_utf8(&mut letter), out);
    }
    out.push(b'"');
}
