//! Values as a result set of the binary protocol has them, to the bytes that a row image has for them.
//!
//! What a snapshot reads so becomes what the binlog has of the same row, and everything after goes one way for both.

use super::jsonb_writer::JsonbWriter;
use super::temporal::days_since_1970;
use super::{ColumnType, RowError, decimal};
use crate::mysql::{BinaryRow, Malformed, WireKind, WireMoment, WireTime, WireValue};

/// How the values of a column go from a result set into an image, found once for all rows.
#[derive(Clone, Debug)]
pub struct Transfer {
    wire: WireKind,
    kind: ColumnType,
    way: TransferWay,
}

#[derive(Clone, Copy, Debug)]
enum TransferWay {
    /// So many bytes, which are the same in both.
    Same(u8),
    /// Bytes after their length, which has so many bytes in an image.
    Prefixed(u8),
    /// In another form.
    Converted,
}

/// Why a value cannot be transferred.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The row is none of the protocol.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its type cannot have the value.
    #[error(transparent)]
    Value(#[from] RowError),
}

impl Transfer {
    /// Of a column of this type, whose values come so.
    pub fn new(wire: WireKind, kind: ColumnType) -> Self {
        let way = match (wire, &kind) {
            (WireKind::Integer(bytes), ColumnType::Integer { width, .. }) if bytes == *width => {
                TransferWay::Same(bytes)
            }
            (WireKind::Float, ColumnType::Float) => TransferWay::Same(4),
            (WireKind::Double, ColumnType::Double) => TransferWay::Same(8),
            (
                WireKind::Bytes,
                ColumnType::Text { prefix, .. } | ColumnType::Binary { prefix, .. },
            ) => TransferWay::Prefixed(*prefix),
            (_wire, _kind) => TransferWay::Converted,
        };
        Self { wire, kind, way }
    }

    /// How the values come.
    pub fn wire(&self) -> WireKind {
        self.wire
    }
}

/// Writes the values of row images.
#[derive(Debug, Default)]
pub struct ImageValues {
    documents: JsonbWriter,
    scratch: Vec<u8>,
}

impl ImageValues {
    /// Appends the next value of a row as an image has it; `false`, and nothing, for NULL.
    ///
    /// # Errors
    /// A row that is cut, and a value that the type cannot have.
    #[inline(always)]
    pub fn transfer(
        &mut self,
        column: &Transfer,
        row: &mut BinaryRow<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, TransferError> {
        if row.next_is_null() {
            return Ok(false);
        }
        match column.way {
            TransferWay::Same(width) => write_low(row.word(width)?, width, out),
            TransferWay::Prefixed(prefix) => write_prefixed(row.bytes()?, prefix, out)?,
            TransferWay::Converted => {
                self.write(&column.kind, &row.value(column.wire)?, out)?;
            }
        }
        Ok(true)
    }

    /// Appends a value that is not NULL as an image has it, with the length before it where there is one.
    ///
    /// # Errors
    /// A value that the type cannot have.
    #[inline]
    pub fn write(
        &mut self,
        kind: &ColumnType,
        value: &WireValue<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        match (kind, *value) {
            (
                ColumnType::Integer { width, .. }
                | ColumnType::EitherSign { width }
                | ColumnType::Enum { width, .. }
                | ColumnType::Set { width, .. }
                | ColumnType::RawEnum { width, .. }
                | ColumnType::RawSet { width, .. },
                WireValue::Integer(bits),
            ) => write_low(bits, *width, out),
            (ColumnType::Float, WireValue::Float(value)) => {
                out.extend_from_slice(&value.to_le_bytes());
            }
            (ColumnType::Double, WireValue::Double(value)) => {
                out.extend_from_slice(&value.to_le_bytes());
            }
            (ColumnType::Decimal { precision, scale }, WireValue::Bytes(text)) => {
                return decimal::write_text(text, *precision, *scale, out);
            }
            (ColumnType::Bit { bits }, WireValue::Bytes(bytes)) => {
                return write_bits(bytes, *bits, out);
            }
            (ColumnType::Year, WireValue::Integer(year)) => out.push(year_byte(year)?),
            (ColumnType::Date, WireValue::Moment(moment)) => write_date(moment, out),
            (ColumnType::DateTime { fsp }, WireValue::Moment(moment)) => {
                write_datetime(moment, *fsp, out);
            }
            (ColumnType::Timestamp { fsp }, WireValue::Moment(moment)) => {
                return write_timestamp(moment, *fsp, out);
            }
            (ColumnType::Time { fsp }, WireValue::Time(time)) => write_time(time, *fsp, out),
            (
                ColumnType::Text { prefix, .. }
                | ColumnType::Binary { prefix, .. }
                | ColumnType::Geometry { prefix, .. }
                | ColumnType::Vector { prefix },
                WireValue::Bytes(bytes),
            ) => return write_prefixed(bytes, *prefix, out),
            (ColumnType::Inet4 | ColumnType::Inet6 | ColumnType::Uuid, WireValue::Bytes(bytes)) => {
                return write_prefixed(bytes, 1, out);
            }
            (ColumnType::Json { prefix }, WireValue::Bytes(text)) => {
                self.scratch.clear();
                self.documents.write(text, &mut self.scratch)?;
                return write_prefixed(&self.scratch, *prefix, out);
            }
            (_another, _form) => {
                return Err(RowError::Invalid {
                    kind: "result set",
                    what: "a value in another form than its column's",
                });
            }
        }
        Ok(())
    }
}

/// Appends the lowest bytes of a number, little-endian. All are appended, and those above are cut off again: a copy of a fixed size
/// takes two instructions.
#[inline]
fn write_low(bits: u64, width: u8, out: &mut Vec<u8>) {
    let end = out.len() + usize::from(width);
    out.extend_from_slice(&bits.to_le_bytes());
    out.truncate(end);
}

/// Appends the lowest bytes of a number, big-endian, in the same way.
#[inline]
fn write_low_big_endian(bits: u64, width: u8, out: &mut Vec<u8>) {
    let end = out.len() + usize::from(width);
    let above = u64::BITS.saturating_sub(8 * u32::from(width));
    let bits = bits.checked_shl(above).unwrap_or(0);
    out.extend_from_slice(&bits.to_be_bytes());
    out.truncate(end);
}

/// Appends bytes after their length.
#[inline]
fn write_prefixed(bytes: &[u8], prefix: u8, out: &mut Vec<u8>) -> Result<(), RowError> {
    let bits = 8 * u32::from(prefix);
    if bytes.len() as u64 >> bits != 0 {
        return Err(RowError::Invalid {
            kind: "result set",
            what: "a value that is longer than its column's longest",
        });
    }
    write_low(bytes.len() as u64, prefix, out);
    out.extend_from_slice(bytes);
    Ok(())
}

fn write_bits(bytes: &[u8], bits: u8, out: &mut Vec<u8>) -> Result<(), RowError> {
    let width = usize::from(bits.div_ceil(8));
    let Some(missing) = width.checked_sub(bytes.len()) else {
        return Err(RowError::Length {
            kind: "BIT",
            found: bytes.len(),
            expected: width,
        });
    };
    out.resize(out.len() + missing, 0);
    out.extend_from_slice(bytes);
    Ok(())
}

fn year_byte(year: u64) -> Result<u8, RowError> {
    let byte = match year {
        0 => Some(0),
        year => year.checked_sub(1900).and_then(|it| u8::try_from(it).ok()),
    };
    byte.ok_or(RowError::Invalid {
        kind: "YEAR",
        what: "a year out of range",
    })
}

fn write_date(moment: WireMoment, out: &mut Vec<u8>) {
    let WireMoment {
        year, month, day, ..
    } = moment;
    let packed = u64::from(year) << 9 | u64::from(month) << 5 | u64::from(day);
    write_low(packed, 3, out);
}

/// Microseconds as so many digits of fraction are kept, and the bytes that they take.
fn fraction(micros: u32, fsp: u8) -> (u64, u8) {
    let micros = u64::from(micros);
    match fsp.div_ceil(2) {
        0 => (0, 0),
        1 => (micros / 10_000, 1),
        2 => (micros / 100, 2),
        _ => (micros, 3),
    }
}

fn write_datetime(moment: WireMoment, fsp: u8, out: &mut Vec<u8>) {
    let date = (u64::from(moment.year) * 13 + u64::from(moment.month)) << 5 | u64::from(moment.day);
    let clock = clock(moment.hour.into(), moment.minute, moment.second);
    let (fraction, width) = fraction(moment.micros, fsp);
    write_low_big_endian(1 << 39 | date << 17 | clock, 5, out);
    write_low_big_endian(fraction, width, out);
}

fn clock(hours: u64, minutes: u8, seconds: u8) -> u64 {
    hours << 12 | u64::from(minutes) << 6 | u64::from(seconds)
}

fn write_time(time: WireTime, fsp: u8, out: &mut Vec<u8>) {
    let hours = u64::from(time.days) * 24 + u64::from(time.hours);
    let (fraction, width) = fraction(time.micros, fsp);
    let magnitude = clock(hours, time.minutes, time.seconds) << (8 * u32::from(width)) | fraction;
    let zero = 1u64 << (8 * u32::from(width) + 23);
    let packed = match time.negative {
        true => zero.wrapping_sub(magnitude),
        false => zero | magnitude,
    };
    write_low_big_endian(packed, 3 + width, out);
}

fn write_timestamp(moment: WireMoment, fsp: u8, out: &mut Vec<u8>) -> Result<(), RowError> {
    let seconds = match moment {
        WireMoment {
            year: 0,
            month: 0,
            day: 0,
            ..
        } => Some(0),
        moment => u32::try_from(seconds_since_1970(&moment)).ok(),
    };
    let seconds = seconds.ok_or(RowError::Invalid {
        kind: "TIMESTAMP",
        what: "a moment before 1970 or after 2106",
    })?;
    let (fraction, width) = fraction(moment.micros, fsp);
    out.extend_from_slice(&seconds.to_be_bytes());
    write_low_big_endian(fraction, width, out);
    Ok(())
}

fn seconds_since_1970(moment: &WireMoment) -> i64 {
    let days = days_since_1970(moment.year.into(), moment.month.into(), moment.day.into());
    let clock = i64::from(moment.hour) * 3600 + i64::from(moment.minute) * 60;
    days * 86_400 + clock + i64::from(moment.second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Value, read};

    /// Writes a value, and gives what is read of it.
    #[track_caller]
    fn check(kind: &ColumnType, value: WireValue<'_>, expected: &str) {
        let mut image = Vec::new();
        ImageValues::default()
            .write(kind, &value, &mut image)
            .expect("written");
        let mut out = Vec::new();
        match read(kind, &image).expect("read") {
            Value::Decimal(decimal) => decimal.write(&mut out).expect("digits"),
            Value::Date(date) => date.write(&mut out),
            Value::Time(time) => time.write(&mut out),
            Value::DateTime(moment) => moment.write(&mut out),
            Value::Timestamp(moment) => moment.to_utc().write(&mut out),
            value => out.extend_from_slice(format!("{value:?}").as_bytes()),
        }
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn a_row_is_transferred_as_its_values_are_written() {
        // A TINYINT, a MEDIUMINT, a DOUBLE, text and a NULL; the last has nothing after it to read with it.
        let row = [
            &[0, 0b0100_0000, 0xff, 1, 2, 3, 0][..],
            &1.5f64.to_le_bytes(),
            &[2, b'o', b'k'],
        ]
        .concat();
        let integer = |width| ColumnType::Integer {
            width,
            unsigned: false,
        };
        let text = ColumnType::Text {
            prefix: 2,
            charset: crate::row::Charset::Utf8,
        };
        let columns = [
            (WireKind::Integer(1), integer(1)),
            (WireKind::Integer(4), integer(3)),
            (WireKind::Double, ColumnType::Double),
            (WireKind::Bytes, text.clone()),
            (WireKind::Bytes, text),
        ];
        let transfer = |payload: &[u8]| {
            let mut values = ImageValues::default();
            let mut out = Vec::new();
            let mut row = BinaryRow::new(payload, columns.len()).expect("a row");
            let done = columns.iter().map(|(wire, kind)| {
                let column = Transfer::new(*wire, kind.clone());
                values.transfer(&column, &mut row, &mut out)
            });
            let done: Result<Vec<bool>, TransferError> = done.collect();
            done.map(|done| (done, out))
        };
        let (done, out) = transfer(&row).expect("transferred");
        assert_eq!(done, [true, true, true, true, false]);
        let expected = [&[0xff, 1, 2, 3][..], &1.5f64.to_le_bytes(), b"\x02\0ok"].concat();
        assert_eq!(out, expected);
        for end in 2..row.len() {
            assert!(transfer(&row[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let moment = |year, month, day, micros| {
            WireValue::Moment(WireMoment {
                year,
                month,
                day,
                hour: 23,
                minute: 59,
                second: 58,
                micros,
            })
        };
        let zero = WireValue::Moment(WireMoment::default());
        check(&ColumnType::Date, moment(9999, 12, 31, 0), "9999-12-31");
        check(&ColumnType::Date, zero, "0000-00-00");
        let kind = ColumnType::DateTime { fsp: 3 };
        check(
            &kind,
            moment(2024, 2, 29, 123_400),
            "2024-02-29 23:59:58.123",
        );
        check(&kind, zero, "0000-00-00 00:00:00.000");
        let kind = ColumnType::Timestamp { fsp: 6 };
        for (year, month, day) in [(1970, 1, 1), (2000, 2, 29), (2024, 12, 31), (2038, 1, 18)] {
            let text = format!("{year:04}-{month:02}-{day:02} 23:59:58.000007");
            check(&kind, moment(year, month, day, 7), &text);
        }
        check(&kind, zero, "0000-00-00 00:00:00.000000");
        let time = |negative, micros| {
            WireValue::Time(WireTime {
                negative,
                days: 34,
                hours: 22,
                minutes: 59,
                seconds: 59,
                micros,
            })
        };
        check(&ColumnType::Time { fsp: 0 }, time(true, 0), "-838:59:59");
        let kind = ColumnType::Time { fsp: 2 };
        check(&kind, time(true, 10_000), "-838:59:59.01");
        check(&kind, time(false, 990_000), "838:59:59.99");
    }
}
