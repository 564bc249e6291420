//! Values as most are: short, and of a common type. They are written straight from the image, by a few instructions each.
//!
//! What is otherwise is left to [`super::value`], which writes every value, and tells what is wrong with it where it cannot.

use std::ops::Range;

use super::binary::{
    Branch, write_branch_and_integer, write_branch_and_long, write_branch_and_word, write_bytes,
};
use super::column::{AvroColumn, PlainWay};
use crate::encode::debezium::{Unit, Way, micros_since_1970, millis_since_1970};
use crate::row::{
    Charset, ColumnType, Decimal, KnownDates, Value, is_short_ascii, is_utf8, read, word_at,
};

const MICROS: i64 = 1_000_000;
/// Bytes of a short string. As many are copied of each, and what is too much is cut off again: a copy of a fixed size takes two
/// instructions.
const SHORT: usize = 32;

/// How most values of a column are written, found once for its table.
#[derive(Debug)]
pub(super) struct ShortValues {
    branch: Branch,
    form: ShortForm,
}

/// The types that have such values.
#[derive(Debug)]
enum ShortForm {
    /// Text in a character set that has ASCII; `is_utf8` if all of it stands as it is in UTF-8.
    Text {
        is_utf8: bool,
    },
    /// Bytes as they are; so many of a type of which the server cuts zeros at the end.
    Bytes {
        padded: Option<u16>,
    },
    /// Integers, and how many bits of a word are above theirs.
    Signed {
        above: u32,
    },
    Unsigned {
        above: u32,
    },
    Year,
    /// The label of each number, from 0 on, and the bits of a word above that of a number.
    Label {
        above: u32,
        labels: Box<[ShortString]>,
    },
    /// The bytes of an integer.
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// Days since 1970.
    Day,
    /// A DATETIME as a number since 1970.
    Moment {
        fsp: u8,
        unit: Unit,
    },
    /// A TIMESTAMP as a number of microseconds since 1970.
    Instant {
        fsp: u8,
    },
    /// A TIMESTAMP as text of so many bytes.
    Zoned {
        fsp: u8,
        length: u8,
    },
    /// All others.
    None,
}

/// A string with all that stands before it; without bytes if it is not short.
#[derive(Debug)]
struct ShortString {
    padded: [u8; SHORT],
    length: usize,
}

impl ShortValues {
    /// Of a column whose values are in a branch of this index, if they are in one.
    pub(super) fn of(column: &AvroColumn, branch: Option<u8>) -> Self {
        Self {
            branch: Branch::of(branch),
            form: ShortForm::of(column, branch),
        }
    }

    /// Appends the value at a range of an image's body, after its branch; `false`, and nothing, if it is not as most are.
    #[inline(always)]
    pub(super) fn write(
        &self,
        (body, Range { start, end }): (&[u8], Range<usize>),
        days: &mut KnownDates,
        out: &mut Vec<u8>,
    ) -> bool {
        let branch = self.branch;
        let bytes = body.get(start..end).unwrap_or_default();
        // Bytes after those of the value are read with them.
        let place = (body, start, bytes.len());
        let block = body.get(start..).and_then(<[u8]>::first_chunk);
        let number = match &self.form {
            ShortForm::Text { is_utf8 } => {
                return match block {
                    Some(block) if is_short_ascii(bytes) => {
                        write_block(branch, block, bytes.len(), out)
                    }
                    _longer => *is_utf8 && is_utf8_text(bytes) && write_string(branch, bytes, out),
                };
            }
            ShortForm::Bytes { padded } => {
                return match block {
                    _ if padded.is_some_and(|all| usize::from(all) != bytes.len()) => false,
                    Some(block) if bytes.len() <= SHORT => {
                        write_block(branch, block, bytes.len(), out)
                    }
                    _longer => write_string(branch, bytes, out),
                };
            }
            ShortForm::Label { above, labels } => return write_label(place, (*above, labels), out),
            ShortForm::Decimal { precision, scale } => {
                return write_decimal(branch, bytes, (*precision, *scale), out);
            }
            ShortForm::Zoned { fsp, length } => {
                return write_zoned((branch, *length), (bytes, *fsp), days, out);
            }
            ShortForm::Signed { above } => {
                topmost(place, *above).map(|bits| bits.cast_signed() >> above)
            }
            ShortForm::Unsigned { above } => {
                let number = topmost(place, *above).map(|bits| bits >> above);
                number.and_then(|number| i64::try_from(number).ok())
            }
            ShortForm::Year => year(bytes),
            ShortForm::Day => day(bytes),
            ShortForm::Moment { fsp, unit } => moment(bytes, *fsp, *unit),
            ShortForm::Instant { fsp } => instant(bytes, *fsp),
            ShortForm::None => None,
        };
        let Some(number) = number else {
            return false;
        };
        write_branch_and_long(branch, number, out);
        true
    }
}

impl ShortForm {
    fn of(column: &AvroColumn, branch: Option<u8>) -> Self {
        /// Bytes of `YYYY-MM-DDTHH:MM:SSZ`.
        const ZONED_BYTES: u8 = 20;
        let above = |width: u8| 64 - 8 * u32::from(width.clamp(1, 8));
        match (column.form.way, &column.form.kind) {
            (Way::Same, ColumnType::Text { charset, .. }) if charset.holds_ascii() => Self::Text {
                is_utf8: *charset == Charset::Utf8,
            },
            (Way::Same, ColumnType::Binary { padded, .. }) if !column.is_base64 => {
                Self::Bytes { padded: *padded }
            }
            (Way::Same | Way::Long, ColumnType::Integer { width, unsigned }) => {
                let above = above(*width);
                match unsigned {
                    true => Self::Unsigned { above },
                    false => Self::Signed { above },
                }
            }
            (Way::Same, ColumnType::Year) => Self::Year,
            (Way::Same, ColumnType::Enum { width, labels }) => Self::Label {
                above: above(*width),
                // The number of the error value is 0.
                labels: std::iter::once("")
                    .chain(labels.iter().map(|label| &**label))
                    .map(|label| ShortString::of(branch, label))
                    .collect(),
            },
            (Way::Precise, ColumnType::Decimal { precision, scale }) => Self::Decimal {
                precision: *precision,
                scale: *scale,
            },
            (Way::Day, ColumnType::Date) => Self::Day,
            (Way::Moment(unit), ColumnType::DateTime { fsp }) => Self::Moment { fsp: *fsp, unit },
            (Way::Same, ColumnType::Timestamp { fsp })
                if column.plain == Some(PlainWay::Instant) =>
            {
                Self::Instant { fsp: *fsp }
            }
            (Way::Zoned, ColumnType::Timestamp { fsp }) => Self::Zoned {
                fsp: *fsp,
                length: ZONED_BYTES + u8::from(*fsp > 0) + fsp,
            },
            (_way, _kind) => Self::None,
        }
    }
}

impl ShortString {
    fn of(branch: Option<u8>, text: &str) -> Self {
        let mut all: Vec<u8> = branch.into_iter().collect();
        write_bytes(text.as_bytes(), &mut all);
        let mut padded = [0; SHORT];
        let length = match padded.get_mut(..all.len()) {
            Some(short) => {
                short.copy_from_slice(&all);
                all.len()
            }
            None => 0,
        };
        Self { padded, length }
    }

    #[inline(always)]
    fn write(&self, out: &mut Vec<u8>) -> bool {
        let end = out.len() + self.length;
        out.extend_from_slice(&self.padded);
        out.truncate(end);
        self.length > 0
    }
}

/// Appends the first bytes of a block as a string.
#[inline(always)]
fn write_block(branch: Branch, block: &[u8; SHORT], length: usize, out: &mut Vec<u8>) -> bool {
    // A length of up to 63 takes one byte.
    write_branch_and_word(branch, 2 * length as u64, 1, out);
    let end = out.len() + length;
    out.extend_from_slice(block);
    out.truncate(end);
    true
}

#[inline(never)]
fn is_utf8_text(bytes: &[u8]) -> bool {
    is_utf8(bytes)
}

#[inline]
fn write_string(branch: Branch, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    write_branch_and_long(branch, length, out);
    out.extend_from_slice(bytes);
    true
}

#[inline(always)]
fn write_label(
    place: (&[u8], usize, usize),
    (above, labels): (u32, &[ShortString]),
    out: &mut Vec<u8>,
) -> bool {
    let number = topmost(place, above).map(|bits| bits >> above);
    let number = number.and_then(|number| usize::try_from(number).ok());
    let label = number.and_then(|number| labels.get(number));
    label.is_some_and(|label| label.write(out))
}

#[inline(always)]
fn write_decimal(
    branch: Branch,
    bytes: &[u8],
    (precision, scale): (u8, u8),
    out: &mut Vec<u8>,
) -> bool {
    let decimal = Decimal::Binary {
        bytes,
        precision,
        scale,
    };
    let Some(value) = decimal.unscaled() else {
        return false;
    };
    write_branch_and_integer(branch, value, out);
    true
}

#[inline(always)]
fn write_zoned(
    (branch, length): (Branch, u8),
    (bytes, fsp): (&[u8], u8),
    days: &mut KnownDates,
    out: &mut Vec<u8>,
) -> bool {
    let value = match read(&ColumnType::Timestamp { fsp }, bytes) {
        Ok(Value::Timestamp(value)) if !value.is_zero() => value,
        _other => return false,
    };
    write_branch_and_word(branch, u64::from(2 * length), 1, out);
    value.write(days, out);
    true
}

/// The number of so many bytes as the highest bits of a word; `None` where a word has another number of bits above it.
#[inline(always)]
fn topmost((body, start, length): (&[u8], usize, usize), above: u32) -> Option<u64> {
    (8 * length == (u64::BITS - above) as usize).then(|| word_at(body, start) << above)
}

#[inline(always)]
fn year(bytes: &[u8]) -> Option<i64> {
    match read(&ColumnType::Year, bytes) {
        Ok(Value::Year(year)) => Some(year.into()),
        _other => None,
    }
}

#[inline(always)]
fn day(bytes: &[u8]) -> Option<i64> {
    match read(&ColumnType::Date, bytes) {
        Ok(Value::Date(date)) => date.day_number(),
        _other => None,
    }
}

#[inline(always)]
fn moment(bytes: &[u8], fsp: u8, unit: Unit) -> Option<i64> {
    let value = match read(&ColumnType::DateTime { fsp }, bytes) {
        Ok(Value::DateTime(value)) => value,
        _other => return None,
    };
    let day = value.date.day_number()?;
    match unit {
        Unit::Millis => Some(millis_since_1970(day, value)),
        Unit::Micros => Some(micros_since_1970(day, value)),
        Unit::Nanos => micros_since_1970(day, value).checked_mul(1000),
    }
}

#[inline(always)]
fn instant(bytes: &[u8], fsp: u8) -> Option<i64> {
    match read(&ColumnType::Timestamp { fsp }, bytes) {
        Ok(Value::Timestamp(value)) if !value.is_zero() => {
            Some(i64::from(value.seconds) * MICROS + i64::from(value.micros))
        }
        _other => None,
    }
}
