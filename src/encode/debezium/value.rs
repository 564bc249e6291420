//! Values.

use std::ops::Range;

use super::form::{Form, NoDate, Unit, Way};
use super::unscaled::{write_minimal, write_unscaled};
use crate::encode::InvalidText;
use crate::encode::json::{Scratch, ValueWriter, write_cell, write_document_text};
use crate::row::{
    Date, DateTime, Patched, RowError, Time, Unpacking, Value, hex_digit, read, write_base64,
    write_float, write_integer,
};

const SECONDS_OF_DAY: i64 = 86_400;
const MICROS: i64 = 1_000_000;

/// Writes the format's values; owns every buffer that this takes.
#[derive(Default)]
pub(in crate::encode) struct Values {
    pub(in crate::encode) scratch: Scratch,
    /// A document, or digits.
    text: Vec<u8>,
    unpacking: Unpacking,
    /// Whether messages hold schemas, which say that every column is there.
    has_schemas: bool,
}

impl Values {
    pub(in crate::encode) fn new(invalid_text: InvalidText, has_schemas: bool) -> Self {
        Self {
            scratch: Scratch::new(invalid_text),
            has_schemas,
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
        if form.way == Way::Same {
            return write_cell(&form.kind, body, range, &mut self.scratch, out);
        }
        self.write_other(form, body.get(range).unwrap_or_default(), out)
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
        !self.has_schemas
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
        match (form.way, read(&form.kind, bytes)?) {
            (Way::Boolean, Value::Bit(value)) => {
                out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
            }
            (Way::Bits, Value::Bit(value)) => {
                let lowest_first = value.to_le_bytes();
                write_base64(lowest_first.get(..bytes.len()).unwrap_or_default(), out);
                out.push(b'"');
            }
            (Way::Long, Value::Unsigned(value)) => write_integer(long(value)?, out),
            (Way::Precise, Value::Unsigned(value)) => {
                let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
                write_minimal(&[0, a, b, c, d, e, f, g, h], out);
                out.push(b'"');
            }
            (Way::Precise, Value::Decimal(value)) => {
                self.text.clear();
                value.write(&mut self.text)?;
                write_unscaled(&self.text, out);
                out.push(b'"');
            }
            (Way::Double, Value::Decimal(value)) => {
                self.text.clear();
                value.write(&mut self.text)?;
                let text = std::str::from_utf8(&self.text).unwrap_or_default();
                let value: f64 = text.parse().map_err(|_| not_a_number())?;
                write_float(value, out);
            }
            (Way::Document, Value::Json(document)) => {
                self.text.clear();
                document.write(&mut self.text)?;
                write_document_text(&self.text, out);
            }
            (Way::UrlSafe, Value::Binary(value)) => {
                write_url_safe(value.padded(&mut self.text), out);
            }
            (Way::Hex, Value::Binary(value)) => write_hex(value.padded(&mut self.text), out),
            (Way::UrlSafe, Value::Packed(value)) => {
                write_url_safe(value.unpack(&mut self.unpacking)?, out);
            }
            (Way::Hex, Value::Packed(value)) => write_hex(value.unpack(&mut self.unpacking)?, out),
            (Way::Point, Value::Geometry { srid, wkb }) => write_point(srid, wkb, out)?,
            (Way::Geometry, Value::Geometry { srid, wkb }) => {
                out.push(b'{');
                write_wkb(srid, wkb, out);
            }
            (_, value) => return self.write_time(form, value, out),
        }
        Ok(())
    }

    fn write_time(
        &mut self,
        form: &Form,
        value: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        match (form.way, value) {
            (Way::Day, Value::Date(date)) => match date.day_number() {
                Some(day) => write_integer(day, out),
                None => write_no_date(form, b"0", out)?,
            },
            (Way::IsoDay, Value::Date(date)) => match date.day_number() {
                Some(_) => {
                    date.write(out);
                    out.extend_from_slice(b"Z\"");
                }
                None => write_no_date(form, b"1970-01-01Z\"", out)?,
            },
            (Way::Clock(unit), Value::Time(time)) => {
                write_integer(in_unit(micros(time), unit)?, out)
            }
            (Way::ClockOfDay, Value::Time(time)) => write_integer(millis_of_day(time)?, out),
            (Way::IsoClock, Value::Time(time)) => write_iso_clock(time, out),
            (Way::Moment(unit), Value::DateTime(value)) => match value.date.day_number() {
                Some(day) => write_integer(in_unit(micros_since_1970(day, value), unit)?, out),
                None => write_no_date(form, b"0", out)?,
            },
            (Way::IsoMoment, Value::DateTime(value)) => match value.date.day_number() {
                Some(_) => {
                    write_iso_moment(value, out);
                    out.extend_from_slice(b"Z\"");
                }
                None => write_no_date(form, b"1970-01-01T00:00:00Z\"", out)?,
            },
            (Way::Zoned, Value::Timestamp(value)) if value.is_zero() => {
                write_no_date(form, b"1970-01-01T00:00:00Z\"", out)?;
            }
            (Way::Zoned, Value::Timestamp(value)) => {
                self.scratch.write_timestamp(value, out);
                out.push(b'"');
            }
            (_way, _value) => {
                return Err(RowError::NotHeld {
                    kind: "a value whose type is not known for certain",
                    by: "messages of Debezium",
                    cure: "tell the table's definition by rowtap definitions",
                });
            }
        }
        Ok(())
    }
}

/// Appends what stands for a date that does not exist; of a string, its opening quote was written.
#[cold]
fn write_no_date(form: &Form, epoch: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
    match form.no_date {
        NoDate::Epoch => out.extend_from_slice(epoch),
        NoDate::Null => {
            if form.is_quoted() {
                out.pop();
            }
            out.extend_from_slice(b"null");
        }
        NoDate::Nothing => {
            return Err(RowError::NotHeld {
                kind: "a date that does not exist, such as 0000-00-00,",
                by: "the formats debezium and flat",
                cure: "use format = \"json\", or set debezium.zero_dates = \"debezium\" unless it is in a key",
            });
        }
    }
    Ok(())
}

fn long(value: u64) -> Result<i64, RowError> {
    i64::try_from(value).map_err(|_| RowError::NotHeld {
        kind: "a BIGINT UNSIGNED of 64 bits",
        by: "bigint_unsigned_handling_mode = \"long\" with a schema",
        cure: "set it to \"precise\", or schemas_enable = false",
    })
}

#[cold]
fn not_a_number() -> RowError {
    RowError::Invalid {
        kind: "DECIMAL",
        what: "digits that are no number",
    }
}

/// A TIME in microseconds.
pub(in crate::encode) fn micros(time: Time) -> i64 {
    let seconds =
        i64::from(time.hours) * 3600 + i64::from(time.minutes) * 60 + i64::from(time.seconds);
    let micros = seconds * MICROS + i64::from(time.micros);
    if time.negative { -micros } else { micros }
}

pub(in crate::encode) fn millis_of_day(time: Time) -> Result<i64, RowError> {
    let micros = micros(time);
    // As Connect has it: midnight at the day's end too.
    if !(0..=SECONDS_OF_DAY * MICROS).contains(&micros) {
        return Err(RowError::NotHeld {
            kind: "a TIME that is not within a day",
            by: "time_precision_mode = \"connect\"",
            cure: "set it to \"adaptive_time_microseconds\"",
        });
    }
    Ok(micros / 1000)
}

pub(in crate::encode) fn micros_since_1970(day: i64, value: DateTime) -> i64 {
    let of_day =
        i64::from(value.hour) * 3600 + i64::from(value.minute) * 60 + i64::from(value.second);
    (day * SECONDS_OF_DAY + of_day) * MICROS + i64::from(value.micros)
}

/// The same in milliseconds, of which parts are left out.
#[inline]
pub(in crate::encode) fn millis_since_1970(day: i64, value: DateTime) -> i64 {
    let of_day =
        i64::from(value.hour) * 3600 + i64::from(value.minute) * 60 + i64::from(value.second);
    (day * SECONDS_OF_DAY + of_day) * 1000 + i64::from(value.micros / 1000)
}

pub(in crate::encode) fn in_unit(micros: i64, unit: Unit) -> Result<i64, RowError> {
    match unit {
        Unit::Millis => Ok(micros.div_euclid(1000)),
        Unit::Micros => Ok(micros),
        Unit::Nanos => micros.checked_mul(1000).ok_or(RowError::NotHeld {
            kind: "a DATETIME before 1677 or after 2262",
            by: "time_precision_mode = \"nanoseconds\"",
            cure: "set it to \"microseconds\"",
        }),
    }
}

/// Appends `HH:MM:SS` and what the fraction has beside zeros at its end.
fn write_clock([hours, minutes, seconds]: [u16; 3], micros: u32, out: &mut Vec<u8>) {
    for (index, part) in [hours, minutes, seconds].into_iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        if part < 10 {
            out.push(b'0');
        }
        write_integer(part, out);
    }
    if micros > 0 {
        out.push(b'.');
        let start = out.len();
        write_integer(MICROS.cast_unsigned() + u64::from(micros), out);
        // The digit in front only kept the zeros after it.
        out.remove(start);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

pub(in crate::encode) fn write_iso_clock(time: Time, out: &mut Vec<u8>) {
    if time.negative {
        out.push(b'-');
    }
    let parts = [time.hours, time.minutes.into(), time.seconds.into()];
    write_clock(parts, time.micros, out);
    out.extend_from_slice(b"Z\"");
}

pub(in crate::encode) fn write_iso_moment(value: DateTime, out: &mut Vec<u8>) {
    Date::write(&value.date, out);
    out.push(b'T');
    let parts = [value.hour, value.minute, value.second].map(u16::from);
    write_clock(parts, value.micros, out);
}

pub(in crate::encode) fn write_url_safe(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    write_base64(bytes, out);
    for letter in out.get_mut(start..).unwrap_or_default() {
        match letter {
            b'+' => *letter = b'-',
            b'/' => *letter = b'_',
            _same_in_both => {}
        }
    }
    out.push(b'"');
}

pub(in crate::encode) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    let digits = |byte: &u8| [hex_digit(byte >> 4), hex_digit(*byte)];
    out.extend(bytes.iter().flat_map(digits));
    out.push(b'"');
}

/// Appends the last members of a geometry, and its brace; 0 stands for no reference system.
fn write_wkb(srid: u32, wkb: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"wkb\":\"");
    write_base64(wkb, out);
    out.extend_from_slice(b"\",\"srid\":");
    match srid {
        0 => out.extend_from_slice(b"null"),
        srid => write_integer(srid, out),
    }
    out.push(b'}');
}

/// Appends a POINT: a byte of order, four of the kind, and two doubles.
fn write_point(srid: u32, wkb: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
    let not_a_point = || RowError::Invalid {
        kind: "POINT",
        what: "another form than that of a point",
    };
    let [1, 1, 0, 0, 0, places @ ..] = wkb else {
        return Err(not_a_point());
    };
    let (places, []) = places.as_chunks() else {
        return Err(not_a_point());
    };
    let [x, y] = places else {
        return Err(not_a_point());
    };
    let (x, y) = (f64::from_le_bytes(*x), f64::from_le_bytes(*y));
    if !x.is_finite() || !y.is_finite() {
        return Err(not_a_point());
    }
    out.extend_from_slice(b"{\"x\":");
    write_float(x, out);
    out.extend_from_slice(b",\"y\":");
    write_float(y, out);
    out.push(b',');
    write_wkb(srid, wkb, out);
    Ok(())
}
