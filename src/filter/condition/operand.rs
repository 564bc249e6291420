//! Literals as the types of their columns have them, and how values are ordered against them.

use std::cmp::Ordering;

use super::moment;
use super::number::Number;
use crate::row::{
    CollatedText, ColumnType, RowError, Value, read, signed_integer, unsigned_integer,
};

/// A literal that values of a column are compared with.
#[derive(Debug)]
pub(super) enum Operand {
    /// An integer, and how it is ordered against the literal, which may have had a fraction.
    Integer(i128, Ordering),
    Double(f64),
    /// The bytes of a DECIMAL as row images have them, and how it is ordered against the literal.
    Decimal(Box<[u8]>, Ordering),
    /// Every value is ordered so.
    Always(Ordering),
    /// A date, or a date and time.
    Moment(u64),
    /// Microseconds.
    Time(i64),
    Bytes(Box<[u8]>),
    Text(CollatedText),
    /// The numbers of an ENUM's label.
    Numbers(Box<[u64]>),
    /// The bits of a SET.
    Bits(u64),
    /// An address or a UUID; ordered by its bytes, for equality only.
    Address(Box<[u8]>),
}

impl Operand {
    /// How a value is ordered against the literal.
    ///
    /// # Errors
    /// Bytes that no value of the type has.
    #[inline]
    pub(super) fn order(
        &self,
        kind: &ColumnType,
        bytes: &[u8],
        scratch: &mut String,
    ) -> Result<Ordering, RowError> {
        let (Self::Integer(literal, against), ColumnType::Integer { width, unsigned }) =
            (self, kind)
        else {
            return self.order_another(kind, bytes, scratch);
        };
        let value = match unsigned {
            true => i128::from(unsigned_integer(bytes, *width)?),
            false => i128::from(signed_integer(bytes, *width)?),
        };
        Ok(value.cmp(literal).then(*against))
    }

    fn order_another(
        &self,
        kind: &ColumnType,
        bytes: &[u8],
        scratch: &mut String,
    ) -> Result<Ordering, RowError> {
        match self {
            Self::Always(ordering) => return Ok(*ordering),
            Self::Decimal(literal, against) => return Ok(bytes.cmp(literal).then(*against)),
            Self::Text(text) => return text.order(bytes, scratch),
            Self::Integer(..)
            | Self::Double(_)
            | Self::Moment(_)
            | Self::Time(_)
            | Self::Bytes(_)
            | Self::Numbers(_)
            | Self::Bits(_)
            | Self::Address(_) => {}
        }
        let value = read(kind, bytes)?;
        let ordering = match (self, value) {
            (Self::Integer(literal, against), value) => {
                integer(&value).map(|value| value.cmp(literal).then(*against))
            }
            (Self::Double(literal), Value::Double(value)) => value.partial_cmp(literal),
            (Self::Double(literal), Value::Float(value)) => f64::from(value).partial_cmp(literal),
            (Self::Moment(literal), Value::Date(date)) => {
                Some(moment::ordinal_of_date(date).cmp(literal))
            }
            (Self::Moment(literal), Value::DateTime(at)) => Some(moment::ordinal(&at).cmp(literal)),
            (Self::Moment(literal), Value::Timestamp(at)) => {
                Some(moment::ordinal(&at.to_utc()).cmp(literal))
            }
            (Self::Time(literal), Value::Time(time)) => Some(moment::micros(&time).cmp(literal)),
            (Self::Bytes(literal), Value::Binary(value)) => {
                let zeros = std::iter::repeat_n(0, usize::from(value.zeros));
                Some(
                    value
                        .bytes
                        .iter()
                        .copied()
                        .chain(zeros)
                        .cmp(literal.iter().copied()),
                )
            }
            (Self::Numbers(numbers), _label) => {
                // The label's number as the image has it.
                let width = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
                let number = unsigned_integer(bytes, width)?;
                Some(match numbers.contains(&number) {
                    true => Ordering::Equal,
                    false => Ordering::Less,
                })
            }
            (Self::Bits(bits), Value::Set(set)) => Some(set.bits.cmp(bits)),
            (Self::Address(literal), Value::Inet4(value)) => Some(value[..].cmp(literal)),
            (Self::Address(literal), Value::Inet6(value) | Value::Uuid(value)) => {
                Some(value[..].cmp(literal))
            }
            (_literal, _another) => None,
        };
        ordering.ok_or(RowError::Invalid {
            kind: "column's",
            what: "another type than its condition was read for",
        })
    }
}

#[inline]
fn integer(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Signed(value) => Some(i128::from(*value)),
        Value::Unsigned(value) | Value::Bit(value) => Some(i128::from(*value)),
        Value::Year(year) => Some(i128::from(*year)),
        _other => None,
    }
}

/// The bytes of a DECIMAL with the digits of a number, as row images have them: they are ordered as the numbers are.
pub(super) fn decimal(number: &Number, precision: u8, scale: u8) -> Operand {
    let cut = number.cut(usize::from(scale));
    let room = usize::from(precision.saturating_sub(scale));
    if cut.whole.len() > room {
        return Operand::Always(match cut.is_negative {
            true => Ordering::Greater,
            false => Ordering::Less,
        });
    }
    let whole = format!("{:0>room$}", cut.whole);
    let mut bytes = Vec::new();
    // Groups of nine digits count from the point outwards.
    let (first, groups) = whole.split_at(room % 9);
    append_group(first, &mut bytes);
    append_groups(groups, &mut bytes);
    append_groups(&cut.fraction, &mut bytes);
    if cut.is_negative {
        for byte in &mut bytes {
            *byte = !*byte;
        }
    }
    if let Some(first) = bytes.first_mut() {
        *first ^= 0x80;
    }
    Operand::Decimal(bytes.into(), cut.against)
}

fn append_groups(digits: &str, bytes: &mut Vec<u8>) {
    for group in digits.as_bytes().chunks(9) {
        append_group(std::str::from_utf8(group).unwrap_or_default(), bytes);
    }
}

/// Appends up to nine digits, big-endian.
fn append_group(digits: &str, bytes: &mut Vec<u8>) {
    const WIDTHS: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let width = WIDTHS.get(digits.len()).copied().unwrap_or(0);
    let number: u32 = digits.parse().unwrap_or(0);
    let all = number.to_be_bytes();
    bytes.extend_from_slice(all.get(all.len() - width..).unwrap_or_default());
}
