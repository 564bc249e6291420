//! Values of every type.

use std::ops::Range;

use super::binary::{SECOND, write_bytes, write_length, write_long};
use super::column::{AvroColumn, PlainWay};
use super::short::ShortValues;
use crate::encode::InvalidText;
use crate::encode::debezium::{
    NoDate, Way, in_unit, micros, micros_since_1970, millis_of_day, minimal, with_unscaled,
    write_hex, write_iso_clock, write_iso_moment, write_url_safe,
};
use crate::row::{
    KnownDates, Patched, RowError, Text, Unpacking, Value, read, write_base64, write_inet4,
    write_inet6, write_uuid,
};

const MICROS: i64 = 1_000_000;

/// What a value became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    Value,
    /// Nothing was written: null stands for it.
    Null,
}

/// Writes values; owns every buffer that this takes.
#[derive(Default)]
pub(super) struct Values {
    /// What becomes of bytes that are not valid text.
    invalid_text: InvalidText,
    /// How many such values the batch has had so far.
    pub(super) invalid_count: u64,
    text: String,
    bytes: Vec<u8>,
    unpacking: Unpacking,
    days: KnownDates,
}

impl Values {
    pub(super) fn new(invalid_text: InvalidText) -> Self {
        Self {
            invalid_text,
            ..Self::default()
        }
    }

    /// Appends the value at a range of an image's body after the branch of its union, if it is one as most are; `false`, and
    /// nothing, for another one.
    #[inline(always)]
    pub(super) fn write_short(
        &mut self,
        short: &ShortValues,
        place: (&[u8], Range<usize>),
        out: &mut Vec<u8>,
    ) -> bool {
        short.write(place, &mut self.days, out)
    }

    /// Appends any value. What was written means nothing where null stands for the value.
    ///
    /// # Errors
    /// A value that its type cannot have, or that its schema cannot hold.
    pub(super) fn write(
        &mut self,
        column: &AvroColumn,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Written, RowError> {
        match column.form.way {
            Way::Same => self.write_same(column, bytes, out),
            _another => self.write_other(column, bytes, out),
        }
    }

    /// Appends a JSON document that an update changed in parts.
    ///
    /// # Errors
    /// Changes that do not fit the document.
    pub(super) fn write_patched(
        &mut self,
        document: Patched<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        self.bytes.clear();
        document.write(&mut self.bytes)?;
        write_bytes(&self.bytes, out);
        Ok(())
    }

    /// Appends bytes that are not valid text as the policy says; `false` if it says that encoding fails.
    ///
    /// # Errors
    /// A value that cannot be read.
    #[cold]
    pub(super) fn write_invalid(
        &mut self,
        column: &AvroColumn,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, RowError> {
        if self.invalid_text != InvalidText::Replace {
            return Ok(false);
        }
        let Self {
            text,
            unpacking,
            bytes: joined,
            ..
        } = self;
        let packed;
        let (bytes, charset) = match read(&column.form.kind, bytes)? {
            Value::Text(value) => (value.bytes, value.charset),
            Value::RawSet(set) => {
                joined.clear();
                set.write(joined)?;
                (&**joined, set.charset())
            }
            Value::Packed(value) => {
                packed = value;
                let Some(charset) = packed.charset else {
                    return Ok(false);
                };
                (packed.unpack(unpacking)?, charset)
            }
            _other => return Ok(false),
        };
        charset.decode_replacing(bytes, text);
        write_bytes(text.as_bytes(), out);
        self.invalid_count += 1;
        Ok(true)
    }

    /// Appends what is written as it is.
    fn write_same(
        &mut self,
        column: &AvroColumn,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Written, RowError> {
        match read(&column.form.kind, bytes)? {
            Value::Signed(value) => write_long(value, out),
            Value::Unsigned(value) => write_long(narrow(value)?, out),
            Value::Float(value) => out.extend_from_slice(&value.to_le_bytes()),
            Value::Double(value) => out.extend_from_slice(&value.to_le_bytes()),
            Value::Year(value) => write_long(value.into(), out),
            Value::Enum(label) => write_bytes(label.as_bytes(), out),
            Value::Text(value) => write_text(value, &mut self.text, out)?,
            Value::Vector(floats) => {
                if !floats.is_empty() {
                    write_length(floats.len(), out);
                    out.extend_from_slice(floats.as_flattened());
                }
                out.push(0);
            }
            Value::Binary(value) => {
                let value = value.padded(&mut self.bytes);
                write_binary(value, column.is_base64, &mut self.text, out);
            }
            Value::Bit(value) if column.plain == Some(PlainWay::LongNumber) => {
                write_unsigned(value, out);
            }
            Value::Bit(value) => write_long(narrow(value)?, out),
            Value::Timestamp(value) if column.plain == Some(PlainWay::Instant) => {
                if value.is_zero() {
                    return no_date(column.form.no_date, out);
                }
                write_long(
                    i64::from(value.seconds) * MICROS + i64::from(value.micros),
                    out,
                );
            }
            Value::Packed(value) => {
                let unpacked = value.unpack(&mut self.unpacking)?;
                match value.charset {
                    Some(charset) => {
                        let text = charset.decode(unpacked, &mut self.text)?;
                        write_bytes(text.as_bytes(), out);
                    }
                    None => write_binary(unpacked, column.is_base64, &mut self.text, out),
                }
            }
            value => self.write_printed(value, out)?,
        }
        Ok(Written::Value)
    }

    /// Appends a value as the text that a server prints of it.
    fn write_printed(&mut self, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), RowError> {
        let printed = &mut self.bytes;
        printed.clear();
        match value {
            Value::Decimal(value) => value.write(printed)?,
            Value::Date(value) => value.write(printed),
            Value::Time(value) => value.write(printed),
            Value::DateTime(value) => value.write(printed),
            Value::Timestamp(value) => value.write(&mut self.days, printed),
            Value::Inet4(value) => write_inet4(value, printed),
            Value::Inet6(value) => write_inet6(value, printed),
            Value::Uuid(value) => write_uuid(value, printed),
            Value::Json(document) => document.write(printed)?,
            Value::Set(set) => {
                for (index, label) in set.shown().enumerate() {
                    if index > 0 {
                        printed.push(b',');
                    }
                    printed.extend_from_slice(label.as_bytes());
                }
            }
            Value::RawSet(set) => {
                set.write(printed)?;
                let text = set.charset().decode(printed, &mut self.text)?;
                write_bytes(text.as_bytes(), out);
                return Ok(());
            }
            _other => return Err(unknown()),
        }
        write_bytes(printed, out);
        Ok(())
    }

    /// Appends what a mode has its own way for.
    fn write_other(
        &mut self,
        column: &AvroColumn,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Written, RowError> {
        match (column.form.way, read(&column.form.kind, bytes)?) {
            (Way::Boolean, Value::Bit(value)) => out.push(u8::from(value != 0)),
            (Way::Bits, Value::Bit(value)) => {
                let lowest_first = value.to_le_bytes();
                write_bytes(lowest_first.get(..bytes.len()).unwrap_or_default(), out);
            }
            (Way::Long, Value::Unsigned(value)) => write_long(long(value)?, out),
            (Way::Precise, Value::Unsigned(value)) => write_unsigned(value, out),
            (Way::Precise, Value::Decimal(value)) => {
                self.bytes.clear();
                value.write(&mut self.bytes)?;
                with_unscaled(&self.bytes, |bytes| write_bytes(bytes, out));
            }
            (Way::Double, Value::Decimal(value)) => {
                self.bytes.clear();
                value.write(&mut self.bytes)?;
                let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
                let value: f64 = text.parse().map_err(|_| unknown())?;
                out.extend_from_slice(&value.to_le_bytes());
            }
            (Way::Document, Value::Json(document)) => {
                self.bytes.clear();
                document.write(&mut self.bytes)?;
                write_bytes(&self.bytes, out);
            }
            (Way::Geometry, Value::Geometry { srid, wkb }) => {
                write_bytes(wkb, out);
                match column.plain {
                    Some(_) => write_long(srid.into(), out),
                    None => write_srid(srid, out)?,
                }
            }
            (Way::Point, Value::Geometry { srid, wkb }) => write_point(srid, wkb, out)?,
            (way @ (Way::UrlSafe | Way::Hex), Value::Binary(value)) => {
                let mut text = std::mem::take(&mut self.text).into_bytes();
                write_letters(way, value.padded(&mut self.bytes), &mut text, out);
                self.text = String::from_utf8(text).unwrap_or_default();
            }
            (way @ (Way::UrlSafe | Way::Hex), Value::Packed(value)) => {
                self.bytes.clear();
                write_letters(
                    way,
                    value.unpack(&mut self.unpacking)?,
                    &mut self.bytes,
                    out,
                );
            }
            (_, value) => return self.write_time(column, value, out),
        }
        Ok(Written::Value)
    }

    fn write_time(
        &mut self,
        column: &AvroColumn,
        value: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Written, RowError> {
        let no_date = column.form.no_date;
        let text = &mut self.bytes;
        text.clear();
        match (column.form.way, value) {
            (Way::Day, Value::Date(date)) => match date.day_number() {
                Some(day) => write_long(day, out),
                None => return self::no_date(no_date, out),
            },
            (Way::IsoDay, Value::Date(date)) => match date.day_number() {
                Some(_) => {
                    date.write(text);
                    text.push(b'Z');
                    write_bytes(text, out);
                }
                None => return no_text(no_date, "1970-01-01Z", out),
            },
            (Way::Clock(unit), Value::Time(time)) => write_long(in_unit(micros(time), unit)?, out),
            (Way::ClockOfDay, Value::Time(time)) => write_long(millis_of_day(time)?, out),
            (Way::IsoClock, Value::Time(time)) => {
                write_iso_clock(time, text);
                write_quoted(text, out);
            }
            (Way::Moment(unit), Value::DateTime(value)) => match value.date.day_number() {
                Some(day) => write_long(in_unit(micros_since_1970(day, value), unit)?, out),
                None => return self::no_date(no_date, out),
            },
            (Way::IsoMoment, Value::DateTime(value)) => match value.date.day_number() {
                Some(_) => {
                    write_iso_moment(value, text);
                    text.push(b'Z');
                    write_bytes(text, out);
                }
                None => return no_text(no_date, "1970-01-01T00:00:00Z", out),
            },
            (Way::Zoned, Value::Timestamp(value)) if value.is_zero() => {
                return no_text(no_date, "1970-01-01T00:00:00Z", out);
            }
            (Way::Zoned, Value::Timestamp(value)) => {
                value.write(&mut self.days, text);
                write_bytes(text, out);
            }
            (_way, _value) => return Err(unknown()),
        }
        Ok(Written::Value)
    }
}

fn write_text(text: Text<'_>, scratch: &mut String, out: &mut Vec<u8>) -> Result<(), RowError> {
    write_bytes(text.decode(scratch)?.as_bytes(), out);
    Ok(())
}

/// Appends bytes, or their base64 as a string.
fn write_binary(bytes: &[u8], is_base64: bool, scratch: &mut String, out: &mut Vec<u8>) {
    if !is_base64 {
        return write_bytes(bytes, out);
    }
    let mut text = std::mem::take(scratch).into_bytes();
    text.clear();
    write_base64(bytes, &mut text);
    write_bytes(&text, out);
    *scratch = String::from_utf8(text).unwrap_or_default();
}

/// Appends bytes in the letters of a mode as a string; `text` is a buffer.
fn write_letters(way: Way, bytes: &[u8], text: &mut Vec<u8>, out: &mut Vec<u8>) {
    text.clear();
    match way {
        Way::Hex => write_hex(bytes, text),
        _url_safe => write_url_safe(bytes, text),
    }
    write_quoted(text, out);
}

/// Appends a text that has the quote after it that JSON wants.
fn write_quoted(text: &[u8], out: &mut Vec<u8>) {
    write_bytes(text.strip_suffix(b"\"").unwrap_or(text), out);
}

/// Appends an unsigned number as the bytes of an integer.
fn write_unsigned(value: u64, out: &mut Vec<u8>) {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    write_bytes(minimal(&[0, a, b, c, d, e, f, g, h]), out);
}

/// Appends a reference system; 0 stands for none.
fn write_srid(srid: u32, out: &mut Vec<u8>) -> Result<(), RowError> {
    let Ok(srid) = i32::try_from(srid) else {
        return Err(RowError::NotHeld {
            kind: "a geometry of a spatial reference system beyond 31 bits",
            by: "Debezium's schema",
            cure: "set avro.layout = \"plain\"",
        });
    };
    match srid {
        0 => out.push(0),
        srid => {
            out.push(SECOND);
            write_long(srid.into(), out);
        }
    }
    Ok(())
}

/// Appends a POINT: a byte of order, four of the kind, and two doubles.
fn write_point(srid: u32, wkb: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
    let [1, 1, 0, 0, 0, places @ ..] = wkb else {
        return Err(not_a_point());
    };
    let (places, []) = places.as_chunks() else {
        return Err(not_a_point());
    };
    let [x, y] = places else {
        return Err(not_a_point());
    };
    if ![x, y]
        .iter()
        .all(|place| f64::from_le_bytes(**place).is_finite())
    {
        return Err(not_a_point());
    }
    out.extend_from_slice(x);
    out.extend_from_slice(y);
    out.push(SECOND);
    write_bytes(wkb, out);
    write_srid(srid, out)
}

/// What stands for a date that does not exist, as a number.
#[cold]
fn no_date(no_date: NoDate, out: &mut Vec<u8>) -> Result<Written, RowError> {
    match no_date {
        NoDate::Epoch => {
            write_long(0, out);
            Ok(Written::Value)
        }
        NoDate::Null => Ok(Written::Null),
        NoDate::Nothing => Err(not_a_date()),
    }
}

/// The same as a string.
#[cold]
fn no_text(no_date: NoDate, epoch: &str, out: &mut Vec<u8>) -> Result<Written, RowError> {
    match no_date {
        NoDate::Epoch => {
            write_bytes(epoch.as_bytes(), out);
            Ok(Written::Value)
        }
        NoDate::Null => Ok(Written::Null),
        NoDate::Nothing => Err(not_a_date()),
    }
}

/// A number that is known to have fewer than 64 bits.
fn narrow(value: u64) -> Result<i64, RowError> {
    i64::try_from(value).map_err(|_| unknown())
}

fn long(value: u64) -> Result<i64, RowError> {
    i64::try_from(value).map_err(|_| RowError::NotHeld {
        kind: "a BIGINT UNSIGNED of 64 bits",
        by: "bigint_unsigned_handling_mode = \"long\"",
        cure: "set it to \"precise\"",
    })
}

#[cold]
fn not_a_date() -> RowError {
    RowError::NotHeld {
        kind: "a date that does not exist, such as 0000-00-00,",
        by: "a number of the format avro",
        cure: "set avro.layout = \"plain\" with avro.times = \"text\", or debezium.zero_dates = \"debezium\" unless it is in a key",
    }
}

#[cold]
fn not_a_point() -> RowError {
    RowError::Invalid {
        kind: "POINT",
        what: "another form than that of a point",
    }
}

#[cold]
fn unknown() -> RowError {
    RowError::NotHeld {
        kind: "a value whose type is not known for certain",
        by: "the format avro",
        cure: "tell the table's definition by rowtap definitions",
    }
}
