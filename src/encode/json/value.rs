//! Values as JSON.
//!
//! | type | JSON |
//! |---|---|
//! | integers, BIT, YEAR | integer |
//! | an integer whose sign is not known | integer; `{"signed": integer, "unsigned": integer}` where that makes a difference |
//! | FLOAT, DOUBLE | number, the shortest that gives the value back |
//! | DECIMAL | string of its digits |
//! | DATE, TIME, DATETIME | string as MySQL prints it, fraction and zeros kept |
//! | TIMESTAMP | string, RFC 3339 in UTC; `0000-00-00 00:00:00` for the zero timestamp |
//! | CHAR, VARCHAR, TEXT, ENUM | string; bytes that are not valid text by choice as `{"base64": string}` |
//! | UUID, INET4, INET6 | string as MariaDB prints it |
//! | SET | string, its labels with commas between |
//! | BINARY, VARBINARY, BLOB | string, base64 |
//! | a string that may be text or bytes | `{"base64": string}` |
//! | JSON | the document itself |
//! | GEOMETRY | `{"srid": integer, "wkb": base64}` |
//! | VECTOR | array of numbers |

use std::ops::Range;

use super::super::InvalidText;
use crate::row::{
    Binary, Charset, ColumnType, KnownDates, Packed, Patched, RawSet, RowError, Text, Timestamp,
    Unpacking, Value, read, reserve_for, signed_integer, unsigned_integer, write_base64,
    write_escaped, write_float, write_geometry, write_inet4, write_inet6, write_integer,
    write_plain_start, write_utf8, write_uuid, write_vector,
};

/// How a format writes values.
pub(in crate::encode) trait ValueWriter {
    /// What it has fixed for a column.
    type Form;

    /// Appends the value at a range of an image's body; a string without its opening quote, which its member's name has.
    ///
    /// # Errors
    /// A value that its type cannot have, or that the format cannot hold.
    fn write_cell(
        &mut self,
        form: &Self::Form,
        body: &[u8],
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError>;

    /// Appends a JSON document with the changes of an update in parts, in the same way.
    ///
    /// # Errors
    /// Changes that do not fit the document.
    fn write_patched(
        &mut self,
        form: &Self::Form,
        document: Patched<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError>;

    /// Whether an image may lack a column that is published. The member is then left out.
    fn may_lack_columns(&self) -> bool;

    /// The buffers for values that cannot be written straight from the image.
    fn scratch(&mut self) -> &mut Scratch;
}

/// Buffers for values that cannot be written straight from the image.
#[derive(Default)]
pub(in crate::encode) struct Scratch {
    text: String,
    /// Bytes that are put together.
    pub(in crate::encode) bytes: Vec<u8>,
    unpacking: Unpacking,
    /// Dates of timestamps, by day.
    days: KnownDates,
    /// Dates of DATETIME values.
    dates: KnownDates,
    /// What becomes of bytes that are not valid text.
    invalid_text: InvalidText,
    /// How many such values the batch has had so far.
    pub(in crate::encode) invalid_count: u64,
}

impl Scratch {
    pub(in crate::encode) fn new(invalid_text: InvalidText) -> Self {
        Self {
            invalid_text,
            ..Self::default()
        }
    }
}

impl Scratch {
    /// Appends a TIMESTAMP as [`Timestamp::write`] does.
    pub(in crate::encode) fn write_timestamp(&mut self, value: Timestamp, out: &mut Vec<u8>) {
        value.write(&mut self.days, out);
    }

    /// Appends a TIMESTAMP as a DATETIME in UTC.
    pub(in crate::encode) fn write_plain_timestamp(&mut self, value: Timestamp, out: &mut Vec<u8>) {
        /// How many bytes `YYYY-MM-DD` has.
        const DATE_BYTES: usize = 10;
        let start = out.len();
        value.write(&mut self.days, out);
        if let Some(between) = out.get_mut(start + DATE_BYTES) {
            *between = b' ';
        }
        if out.last() == Some(&b'Z') {
            out.pop();
        }
    }
}

impl ValueWriter for Scratch {
    type Form = ColumnType;

    #[inline(always)]
    fn write_cell(
        &mut self,
        form: &ColumnType,
        body: &[u8],
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        write_cell(form, body, range, self, out)
    }

    fn write_patched(
        &mut self,
        _form: &ColumnType,
        document: Patched<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        document.write(out)
    }

    fn may_lack_columns(&self) -> bool {
        true
    }

    fn scratch(&mut self) -> &mut Scratch {
        self
    }
}

/// Short text is copied as so many bytes, whatever its length is: a copy of a fixed size takes two instructions.
const SHORT_TEXT: usize = 32;

/// Whether values of a type are strings, whose opening quote is written with the column's name.
pub(in crate::encode) fn is_quoted(kind: &ColumnType) -> bool {
    match kind {
        ColumnType::Decimal { .. }
        | ColumnType::Date
        | ColumnType::Time { .. }
        | ColumnType::DateTime { .. }
        | ColumnType::Timestamp { .. }
        | ColumnType::OldTime { .. }
        | ColumnType::OldDateTime { .. }
        | ColumnType::OldTimestamp { .. }
        | ColumnType::Packed { .. }
        | ColumnType::Inet4
        | ColumnType::Inet6
        | ColumnType::Uuid
        | ColumnType::Text { .. }
        | ColumnType::Binary { .. }
        | ColumnType::Enum { .. }
        | ColumnType::Set { .. }
        | ColumnType::RawEnum { .. }
        | ColumnType::RawSet { .. } => true,
        ColumnType::Integer { .. }
        | ColumnType::EitherSign { .. }
        | ColumnType::Undecided { .. }
        | ColumnType::Float
        | ColumnType::Double
        | ColumnType::Bit { .. }
        | ColumnType::Year
        | ColumnType::Json { .. }
        | ColumnType::Geometry { .. }
        | ColumnType::Vector { .. } => false,
    }
}

/// Appends the value at a range of an image's body; a string without its opening quote.
#[inline(always)]
pub(in crate::encode) fn write_cell(
    kind: &ColumnType,
    body: &[u8],
    range: Range<usize>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    let Some(bytes) = body.get(range.clone()) else {
        return Err(cut_off(range, body));
    };
    // What most cells are has an arm of its own, where the compiler knows the type whose value is read and written.
    match kind {
        ColumnType::Text { charset, .. } => {
            let charset = *charset;
            let short = body.get(range.start..).and_then(<[u8]>::first_chunk);
            match short {
                Some(short) if write_short_text(short, bytes.len(), charset, out) => Ok(()),
                _ => write_text(Text { bytes, charset }, scratch, out),
            }
        }
        ColumnType::Integer { width, unsigned } => {
            match unsigned {
                true => write_integer(unsigned_integer(bytes, *width)?, out),
                false => write_integer(signed_integer(bytes, *width)?, out),
            }
            Ok(())
        }
        ColumnType::Decimal { .. } => write_value(read(kind, bytes)?, scratch, out),
        ColumnType::Year => write_value(read(kind, bytes)?, scratch, out),
        ColumnType::Date => write_value(read(kind, bytes)?, scratch, out),
        ColumnType::DateTime { .. } => write_value(read(kind, bytes)?, scratch, out),
        ColumnType::Timestamp { .. } => write_value(read(kind, bytes)?, scratch, out),
        ColumnType::Binary { .. } => write_value(read(kind, bytes)?, scratch, out),
        ColumnType::Enum { .. } => write_value(read(kind, bytes)?, scratch, out),
        ColumnType::Json { .. } => write_value(read(kind, bytes)?, scratch, out),
        other => write_rare(other, bytes, scratch, out),
    }
}

/// Appends a value of any type; a string without its opening quote.
#[inline(never)]
fn write_rare(
    kind: &ColumnType,
    bytes: &[u8],
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    write_value(read(kind, bytes)?, scratch, out)
}

/// The error of a cell that goes beyond the body that it was found in.
#[cold]
fn cut_off(range: Range<usize>, body: &[u8]) -> RowError {
    RowError::Length {
        kind: "cell",
        found: body.len().saturating_sub(range.start),
        expected: range.len(),
    }
}

/// Appends short text that needs no escapes, and its closing quote; `false`, and nothing, for other text. `window` begins
/// with the text and may go beyond it.
#[inline]
fn write_short_text(
    window: &[u8; SHORT_TEXT],
    length: usize,
    charset: Charset,
    out: &mut Vec<u8>,
) -> bool {
    if !matches!(charset, Charset::Utf8 | Charset::Ascii) || !write_plain_start(window, length, out)
    {
        return false;
    }
    out.push(b'"');
    true
}

/// Appends a value; a string without its opening quote.
#[inline(always)]
pub(in crate::encode) fn write_value(
    value: Value<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    match value {
        Value::Signed(value) => write_integer(value, out),
        Value::Unsigned(value) | Value::Bit(value) => write_integer(value, out),
        Value::EitherSign { signed, unsigned } => write_either_sign(signed, unsigned, out),
        Value::Undecided(bytes) => write_undecided(bytes, out),
        Value::Year(value) => write_integer(value, out),
        Value::Float(value) => write_float(value, out),
        Value::Double(value) => write_float(value, out),
        Value::Decimal(value) => {
            value.write(out)?;
            out.push(b'"');
        }
        Value::Date(value) => write_closed(out, |out| value.write(out)),
        Value::Time(value) => write_closed(out, |out| value.write(out)),
        Value::DateTime(value) => {
            write_closed(out, |out| value.write_known(&mut scratch.dates, out));
        }
        Value::Timestamp(value) => write_closed(out, |out| value.write(&mut scratch.days, out)),
        Value::Text(value) => return write_text(value, scratch, out),
        Value::Binary(value) => write_binary(value, scratch, out),
        Value::Packed(value) => return write_packed(value, scratch, out),
        Value::Inet4(value) => write_closed(out, |out| write_inet4(value, out)),
        Value::Inet6(value) => write_closed(out, |out| write_inet6(value, out)),
        Value::Uuid(value) => write_closed(out, |out| write_uuid(value, out)),
        Value::Enum(label) => write_closed(out, |out| write_escaped(label, out)),
        Value::Set(set) => write_closed(out, |out| {
            for (index, label) in set.shown().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_escaped(label, out);
            }
        }),
        Value::RawSet(set) => return write_raw_set(set, scratch, out),
        Value::Json(document) => return document.write(out),
        Value::Patched(document) => return document.write(out),
        Value::Geometry { srid, wkb } => write_geometry(srid, wkb, out),
        Value::Vector(floats) => return write_vector(floats, out),
    }
    Ok(())
}

#[cold]
fn write_raw_set(
    set: RawSet<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    set.write(&mut scratch.bytes)?;
    let text = set.charset().decode(&scratch.bytes, &mut scratch.text)?;
    write_closed(out, |out| write_escaped(text, out));
    Ok(())
}

#[cold]
fn write_either_sign(signed: i64, unsigned: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"signed\":");
    write_integer(signed, out);
    out.extend_from_slice(b",\"unsigned\":");
    write_integer(unsigned, out);
    out.push(b'}');
}

#[cold]
fn write_undecided(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"base64\":\"");
    write_closed_base64(bytes, out);
    out.push(b'}');
}

/// Appends the text of a document as the rest of a string.
pub(in crate::encode) fn write_document_text(text: &[u8], out: &mut Vec<u8>) {
    // Documents are UTF-8 by the time they are written.
    let is_text = write_utf8(text, out);
    debug_assert!(is_text, "a document is text");
    out.push(b'"');
}

/// Appends a string with its closing quote.
#[inline]
fn write_closed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    write(out);
    out.push(b'"');
}

#[inline]
fn write_text(text: Text<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<(), RowError> {
    reserve_for(text.bytes.len(), out);
    // For invalid text the decoder has the error.
    if text.charset == Charset::Utf8 && write_utf8(text.bytes, out) {
        out.push(b'"');
        return Ok(());
    }
    write_escaped(text.decode(&mut scratch.text)?, out);
    out.push(b'"');
    Ok(())
}

fn write_packed(
    value: Packed<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    let Scratch {
        text, unpacking, ..
    } = scratch;
    let bytes = value.unpack(unpacking)?;
    match value.charset {
        Some(charset) => {
            let text = charset.decode(bytes, text)?;
            write_closed(out, |out| write_escaped(text, out));
        }
        None => write_closed_base64(bytes, out),
    }
    Ok(())
}

/// Appends bytes that are not valid text, after the opening quote of a string, as the policy says; `false` if it says that
/// encoding fails.
///
/// # Errors
/// A value that cannot be read, or that cannot be unpacked.
#[cold]
pub(in crate::encode) fn write_invalid_text(
    kind: &ColumnType,
    bytes: &[u8],
    is_key: bool,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<bool, RowError> {
    let Scratch {
        text,
        unpacking,
        bytes: joined,
        ..
    } = scratch;
    let packed;
    let (bytes, charset) = match read(kind, bytes)? {
        Value::Text(value) => (value.bytes, Some(value.charset)),
        Value::RawSet(set) => {
            set.write(joined)?;
            (&**joined, Some(set.charset()))
        }
        Value::Packed(value) => {
            packed = value;
            (packed.unpack(unpacking)?, packed.charset)
        }
        _other => return Ok(false),
    };
    match (scratch.invalid_text, charset) {
        (InvalidText::Replace, Some(charset)) if !is_key => {
            charset.decode_replacing(bytes, text);
            write_closed(out, |out| write_escaped(text, out));
        }
        (InvalidText::Base64, _) => {
            // The opening quote, which an object does not have.
            out.pop();
            out.extend_from_slice(b"{\"base64\":\"");
            write_closed_base64(bytes, out);
            out.push(b'}');
        }
        (InvalidText::Fail | InvalidText::Replace, _) => return Ok(false),
    }
    scratch.invalid_count += 1;
    Ok(true)
}

fn write_binary(value: Binary<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) {
    write_closed_base64(value.padded(&mut scratch.bytes), out);
}

fn write_closed_base64(bytes: &[u8], out: &mut Vec<u8>) {
    write_base64(bytes, out);
    out.push(b'"');
}
