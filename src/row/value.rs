//! Values: what the bytes of a cell mean under their column's type.
//!
//! A value borrows from the image and from the column. Nothing is converted before a format asks for it: text stays in its
//! character set, decimals and JSON in their binary form.

use super::error::RowError;
use super::network::padded;
use super::numbers::{length, little_endian};
use super::raw_labels::{RawLabels, RawSet};
use super::{Charset, ColumnType, Date, DateTime, Decimal, Json, Packed, Patched, Time, Timestamp};

/// A value that is not NULL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A signed integer.
    Signed(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// An integer of which it is not known whether it is signed, and to which that makes a difference.
    EitherSign {
        /// What it is if its column is signed.
        signed: i64,
        /// What it is if its column is UNSIGNED.
        unsigned: u64,
    },
    /// A FLOAT, which is finite.
    Float(f32),
    /// A DOUBLE, which is finite.
    Double(f64),
    /// A DECIMAL.
    Decimal(Decimal<'a>),
    /// A BIT.
    Bit(u64),
    /// A YEAR: 0, or 1901 to 2155.
    Year(u16),
    /// A DATE.
    Date(Date),
    /// A TIME.
    Time(Time),
    /// A DATETIME.
    DateTime(DateTime),
    /// A TIMESTAMP.
    Timestamp(Timestamp),
    /// CHAR, VARCHAR or TEXT.
    Text(Text<'a>),
    /// BINARY, VARBINARY or BLOB.
    Binary(Binary<'a>),
    /// Bytes of which it is not known whether they are text: as the image has them, spaces and zero bytes at the end cut.
    Undecided(&'a [u8]),
    /// A value of a COMPRESSED column, which is unpacked when a format asks for it.
    Packed(Packed<'a>),
    /// An INET4.
    Inet4([u8; 4]),
    /// An INET6.
    Inet6([u8; 16]),
    /// A UUID.
    Uuid([u8; 16]),
    /// An ENUM's label; empty for the error value 0.
    Enum(&'a str),
    /// A SET.
    Set(Set<'a>),
    /// A SET with a label that is known by its bytes. Such a label of an ENUM is [`Value::Text`].
    RawSet(RawSet<'a>),
    /// A JSON document.
    Json(Json<'a>),
    /// A JSON document that an update changed in parts.
    Patched(Patched<'a>),
    /// A geometry.
    Geometry {
        /// Its spatial reference system.
        srid: u32,
        /// Its well-known binary form.
        wkb: &'a [u8],
    },
    /// A VECTOR: floats of four bytes, little-endian.
    Vector(&'a [[u8; 4]]),
}

/// Text in its column's character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The character set.
    pub charset: Charset,
}

impl<'a> Text<'a> {
    /// The text as UTF-8: borrowed where it is UTF-8 already, else written over `scratch`.
    ///
    /// # Errors
    /// Bytes that are no text in the character set.
    pub fn decode<'s>(&self, scratch: &'s mut String) -> Result<&'s str, RowError>
    where
        'a: 's,
    {
        self.charset.decode(self.bytes, scratch)
    }

    /// The bytes of the first so many characters.
    pub fn start(&self, letters: usize) -> &'a [u8] {
        let length = self.charset.length_of(letters, self.bytes);
        self.bytes.get(..length).unwrap_or(self.bytes)
    }
}

/// Bytes, and the zero bytes after them that the image does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary<'a> {
    /// The bytes in the image.
    pub bytes: &'a [u8],
    /// How many zero bytes follow: those of a BINARY column that the server cut.
    pub zeros: u16,
}

impl<'a> Binary<'a> {
    /// All bytes; with zeros they are put together in `scratch`.
    pub fn padded<'s>(&self, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        if self.zeros == 0 {
            return self.bytes;
        }
        scratch.clear();
        scratch.extend_from_slice(self.bytes);
        scratch.resize(self.bytes.len() + usize::from(self.zeros), 0);
        scratch
    }
}

/// The labels of a SET value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set<'a> {
    /// A bit a label, the first the lowest; every bit has a label.
    pub bits: u64,
    /// All labels of the column.
    pub labels: &'a [Box<str>],
}

impl<'a> Set<'a> {
    /// The labels that are set, in the column's order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let bits = self.bits;
        let set = move |index: &usize| bits >> index & 1 == 1;
        let labels = self.labels.iter().take(64).enumerate();
        labels
            .filter(move |(index, _)| set(index))
            .map(|(_, label)| &**label)
    }

    /// The labels that the server shows, with commas between them: it leaves out an empty one before which nothing stands.
    pub fn shown(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.iter().skip_while(|label| label.is_empty())
    }
}

/// Reads the value whose bytes an image holds, without the length before them.
///
/// # Errors
/// Bytes that no value of the type has.
#[inline(always)]
pub fn read<'a>(kind: &'a ColumnType, bytes: &'a [u8]) -> Result<Value<'a>, RowError> {
    match kind {
        ColumnType::Integer { width, unsigned } => integer(bytes, *width, *unsigned),
        ColumnType::EitherSign { width } => either_sign(bytes, *width),
        ColumnType::Undecided { .. } => Ok(Value::Undecided(bytes)),
        ColumnType::Float => float(bytes),
        ColumnType::Double => double(bytes),
        ColumnType::Decimal { precision, scale } => Ok(Value::Decimal(Decimal::Binary {
            bytes,
            precision: *precision,
            scale: *scale,
        })),
        ColumnType::Bit { bits } => bit(bytes, *bits),
        ColumnType::Year => year(bytes),
        ColumnType::Date => Date::read(bytes).map(Value::Date),
        ColumnType::Time { fsp } => Time::read(bytes, *fsp).map(Value::Time),
        ColumnType::DateTime { fsp } => DateTime::read(bytes, *fsp).map(Value::DateTime),
        ColumnType::Timestamp { fsp } => Timestamp::read(bytes, *fsp).map(Value::Timestamp),
        ColumnType::OldTime { fsp } => Time::read_old(bytes, *fsp).map(Value::Time),
        ColumnType::OldDateTime { fsp } => DateTime::read_old(bytes, *fsp).map(Value::DateTime),
        ColumnType::OldTimestamp { fsp } => Timestamp::read_old(bytes, *fsp).map(Value::Timestamp),
        ColumnType::Text { charset, .. } => Ok(Value::Text(Text {
            bytes,
            charset: *charset,
        })),
        ColumnType::Binary { padded, .. } => binary(bytes, *padded),
        ColumnType::Packed { charset, .. } => Ok(Value::Packed(Packed {
            bytes,
            charset: *charset,
        })),
        ColumnType::Inet4 => padded("INET4", bytes).map(Value::Inet4),
        ColumnType::Inet6 => padded("INET6", bytes).map(Value::Inet6),
        ColumnType::Uuid => padded("UUID", bytes).map(Value::Uuid),
        ColumnType::Enum { width, labels } => label(bytes, *width, labels),
        ColumnType::Set { width, labels } => set(bytes, *width, labels),
        ColumnType::RawEnum { width, labels } => one_of_raw(bytes, *width, labels),
        ColumnType::RawSet { width, labels } => several_of_raw(bytes, *width, labels),
        ColumnType::Json { .. } => Ok(Value::Json(Json::Binary(bytes))),
        ColumnType::Geometry { .. } => geometry(bytes),
        ColumnType::Vector { .. } => vector(bytes),
    }
}

/// Reads an integer of so many bytes, little-endian.
///
/// # Errors
/// Another number of bytes.
#[inline]
pub fn integer(bytes: &[u8], width: u8, unsigned: bool) -> Result<Value<'_>, RowError> {
    match unsigned {
        true => unsigned_integer(bytes, width).map(Value::Unsigned),
        false => signed_integer(bytes, width).map(Value::Signed),
    }
}

/// Reads an unsigned integer of so many bytes, little-endian.
///
/// # Errors
/// Another number of bytes.
#[inline]
pub fn unsigned_integer(bytes: &[u8], width: u8) -> Result<u64, RowError> {
    little_endian(bytes, width).ok_or_else(|| length("integer", bytes, width))
}

/// Reads a signed integer of so many bytes, little-endian.
///
/// # Errors
/// Another number of bytes.
#[inline]
pub fn signed_integer(bytes: &[u8], width: u8) -> Result<i64, RowError> {
    let value = unsigned_integer(bytes, width)?;
    // Moves the sign to the top bit and shifts it back down, whatever the width: MEDIUMINT has no type of its own.
    let unused = 64u32.saturating_sub(8 * u32::from(width));
    Ok((value << unused).cast_signed() >> unused)
}

#[cold]
fn either_sign(bytes: &[u8], width: u8) -> Result<Value<'_>, RowError> {
    match (integer(bytes, width, false)?, integer(bytes, width, true)?) {
        (Value::Signed(signed), Value::Unsigned(unsigned)) if signed < 0 => {
            Ok(Value::EitherSign { signed, unsigned })
        }
        (_same, value) => Ok(value),
    }
}

#[inline]
fn float(bytes: &[u8]) -> Result<Value<'_>, RowError> {
    let bytes = bytes.try_into().map_err(|_| length("FLOAT", bytes, 4))?;
    Ok(Value::Float(finite(
        f32::from_le_bytes(bytes),
        "FLOAT",
        f32::is_finite,
    )?))
}

#[inline]
fn double(bytes: &[u8]) -> Result<Value<'_>, RowError> {
    let bytes = bytes.try_into().map_err(|_| length("DOUBLE", bytes, 8))?;
    Ok(Value::Double(finite(
        f64::from_le_bytes(bytes),
        "DOUBLE",
        f64::is_finite,
    )?))
}

fn finite<T: Copy>(value: T, kind: &'static str, is_finite: fn(T) -> bool) -> Result<T, RowError> {
    if is_finite(value) {
        Ok(value)
    } else {
        Err(RowError::Invalid {
            kind,
            what: "a number that is not finite",
        })
    }
}

#[inline]
fn bit(bytes: &[u8], bits: u8) -> Result<Value<'_>, RowError> {
    let width = bits.div_ceil(8);
    if bytes.len() != usize::from(width) {
        return Err(length("BIT", bytes, width));
    }
    let value = bytes
        .iter()
        .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    if bits < 64 && value >> bits != 0 {
        return Err(RowError::Invalid {
            kind: "BIT",
            what: "more bits than its type",
        });
    }
    Ok(Value::Bit(value))
}

#[inline]
fn year(bytes: &[u8]) -> Result<Value<'_>, RowError> {
    match *bytes {
        [0] => Ok(Value::Year(0)),
        [years] => Ok(Value::Year(1900 + u16::from(years))),
        _ => Err(length("YEAR", bytes, 1)),
    }
}

#[inline]
fn binary(bytes: &[u8], padded: Option<u16>) -> Result<Value<'_>, RowError> {
    let zeros = match padded {
        None => 0,
        Some(padded) => u16::try_from(bytes.len())
            .ok()
            .and_then(|length| padded.checked_sub(length))
            .ok_or_else(|| RowError::Length {
                kind: "BINARY",
                found: bytes.len(),
                expected: usize::from(padded),
            })?,
    };
    Ok(Value::Binary(Binary { bytes, zeros }))
}

#[inline]
fn label<'a>(bytes: &[u8], width: u8, labels: &'a [Box<str>]) -> Result<Value<'a>, RowError> {
    let number = little_endian(bytes, width).ok_or_else(|| length("ENUM", bytes, width))?;
    let Some(index) = number.checked_sub(1) else {
        return Ok(Value::Enum(""));
    };
    usize::try_from(index)
        .ok()
        .and_then(|index| labels.get(index))
        .map(|label| Value::Enum(label))
        .ok_or_else(|| RowError::NoLabel {
            kind: "ENUM",
            number: usize::try_from(number).unwrap_or(usize::MAX),
            labels: labels.len(),
        })
}

#[cold]
fn one_of_raw<'a>(
    bytes: &'a [u8],
    width: u8,
    labels: &'a RawLabels,
) -> Result<Value<'a>, RowError> {
    let value = label(bytes, width, &labels.texts)?;
    let number = little_endian(bytes, width).and_then(|number| usize::try_from(number).ok());
    let raw = number.and_then(|number| labels.bytes_of(number));
    Ok(raw.map_or(value, |bytes| {
        Value::Text(Text {
            bytes,
            charset: labels.charset,
        })
    }))
}

#[cold]
fn several_of_raw<'a>(
    bytes: &'a [u8],
    width: u8,
    labels: &'a RawLabels,
) -> Result<Value<'a>, RowError> {
    let value = set(bytes, width, &labels.texts)?;
    let raw = little_endian(bytes, width).and_then(|bits| labels.set(bits));
    Ok(raw.map_or(value, Value::RawSet))
}

#[inline]
fn set<'a>(bytes: &[u8], width: u8, labels: &'a [Box<str>]) -> Result<Value<'a>, RowError> {
    let bits = little_endian(bytes, width).ok_or_else(|| length("SET", bytes, width))?;
    let highest = 64 - bits.leading_zeros() as usize;
    if highest > labels.len() {
        return Err(RowError::NoLabel {
            kind: "SET",
            number: highest,
            labels: labels.len(),
        });
    }
    Ok(Value::Set(Set { bits, labels }))
}

fn geometry(bytes: &[u8]) -> Result<Value<'_>, RowError> {
    match bytes.split_first_chunk() {
        Some((srid, wkb)) => Ok(Value::Geometry {
            srid: u32::from_le_bytes(*srid),
            wkb,
        }),
        None => Err(length("GEOMETRY", bytes, 4)),
    }
}

fn vector(bytes: &[u8]) -> Result<Value<'_>, RowError> {
    match bytes.as_chunks() {
        (floats, []) => Ok(Value::Vector(floats)),
        (floats, _) => Err(RowError::Length {
            kind: "VECTOR",
            found: bytes.len(),
            expected: 4 * (floats.len() + 1),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn integer_of(value: i64, width: u8, unsigned: bool) -> Value<'static> {
        let bytes = value.to_le_bytes();
        match super::integer(&bytes[..usize::from(width)], width, unsigned) {
            Ok(Value::Signed(value)) => Value::Signed(value),
            Ok(Value::Unsigned(value)) => Value::Unsigned(value),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn integers_of_every_width_keep_their_sign() {
        for width in [1u8, 2, 3, 4, 8] {
            let top = 1i64.wrapping_shl(8 * u32::from(width) - 1);
            let (least, most) = if width == 8 {
                (i64::MIN, i64::MAX)
            } else {
                (-top, top - 1)
            };
            for value in [least, -1, 0, 1, most] {
                assert_eq!(
                    integer_of(value, width, false),
                    Value::Signed(value),
                    "{width}"
                );
            }
            let all = u64::MAX >> (64 - 8 * u32::from(width));
            assert_eq!(integer_of(-1, width, true), Value::Unsigned(all), "{width}");
        }
    }

    #[test]
    fn both_values_are_told_where_the_sign_makes_a_difference() {
        for width in [1u8, 2, 3, 4, 8] {
            let kind = ColumnType::EitherSign { width };
            let bytes = [0xff; 8];
            assert_eq!(
                read(&kind, &bytes[..usize::from(width)]),
                Ok(Value::EitherSign {
                    signed: -1,
                    unsigned: u64::MAX >> (64 - 8 * u32::from(width)),
                })
            );
            let mut bytes = [0; 8];
            bytes[usize::from(width) - 1] = 0x7f;
            let expected = integer_of(i64::from_le_bytes(bytes), width, true);
            assert_eq!(read(&kind, &bytes[..usize::from(width)]), Ok(expected));
        }
    }

    #[test]
    fn bits_are_big_endian_and_years_begin_at_zero() {
        assert_eq!(
            read(&ColumnType::Bit { bits: 9 }, &[1, 2]),
            Ok(Value::Bit(0x102))
        );
        assert_eq!(
            read(&ColumnType::Bit { bits: 64 }, &[0xff; 8]),
            Ok(Value::Bit(u64::MAX))
        );
        assert!(read(&ColumnType::Bit { bits: 9 }, &[2, 2]).is_err());
        assert_eq!(read(&ColumnType::Year, &[0]), Ok(Value::Year(0)));
        assert_eq!(read(&ColumnType::Year, &[255]), Ok(Value::Year(2155)));
    }

    #[test]
    fn binary_gets_its_zeros_back() {
        let kind = ColumnType::Binary {
            prefix: 1,
            padded: Some(6),
        };
        assert_eq!(
            read(&kind, b"AB"),
            Ok(Value::Binary(Binary {
                bytes: b"AB",
                zeros: 4
            }))
        );
        assert!(read(&kind, b"1234567").is_err());
    }

    #[test]
    fn labels_go_by_number_and_an_unknown_number_is_an_error() {
        let labels: Arc<[Box<str>]> = ["a", "b", "c"].map(Box::from).into();
        let one = ColumnType::Enum {
            width: 1,
            labels: labels.clone(),
        };
        assert_eq!(read(&one, &[0]), Ok(Value::Enum("")));
        assert_eq!(read(&one, &[3]), Ok(Value::Enum("c")));
        assert!(read(&one, &[4]).is_err());
        let many = ColumnType::Set { width: 1, labels };
        match read(&many, &[0b101]) {
            Ok(Value::Set(set)) => assert_eq!(set.iter().collect::<Vec<_>>(), ["a", "c"]),
            other => panic!("{other:?}"),
        }
        assert!(read(&many, &[0b1000]).is_err());
        let labels: Arc<[Box<str>]> = ["", "b", "c"].map(Box::from).into();
        let shown = |bits| Set {
            bits,
            labels: &labels,
        };
        for (bits, expected) in [(0b1, ""), (0b111, "b,c"), (0b110, "b,c")] {
            let labels: Vec<&str> = shown(bits).shown().collect();
            assert_eq!(labels.join(","), expected);
        }
    }

    #[test]
    fn numbers_that_no_server_stores_are_refused() {
        assert!(read(&ColumnType::Float, &f32::NAN.to_le_bytes()).is_err());
        assert!(read(&ColumnType::Double, &f64::INFINITY.to_le_bytes()).is_err());
        assert_eq!(
            read(&ColumnType::Double, &1.5f64.to_le_bytes()),
            Ok(Value::Double(1.5))
        );
    }

    fn every_kind() -> Vec<ColumnType> {
        let labels: Arc<[Box<str>]> = vec![Box::from("x"); 64].into();
        let mut kinds = vec![
            ColumnType::Float,
            ColumnType::Double,
            ColumnType::Bit { bits: 17 },
            ColumnType::Year,
            ColumnType::Date,
            ColumnType::Time { fsp: 3 },
            ColumnType::DateTime { fsp: 6 },
            ColumnType::Timestamp { fsp: 0 },
            ColumnType::OldTime { fsp: 4 },
            ColumnType::OldDateTime { fsp: 1 },
            ColumnType::OldTimestamp { fsp: 0 },
            ColumnType::Enum {
                width: 2,
                labels: labels.clone(),
            },
            ColumnType::Set { width: 8, labels },
            ColumnType::Geometry {
                prefix: 4,
                is_point: false,
            },
            ColumnType::EitherSign { width: 3 },
        ];
        kinds.extend([1, 2, 3, 4, 8].map(|width| ColumnType::Integer {
            width,
            unsigned: false,
        }));
        kinds
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            for kind in every_kind() {
                let _ = read(&kind, &bytes);
            }
            for kind in [ColumnType::Vector { prefix: 4 }, ColumnType::Inet4, ColumnType::Inet6, ColumnType::Uuid] {
                let _ = read(&kind, &bytes);
            }
        }

        #[test]
        fn a_value_that_is_cut_is_an_error(bytes in prop::collection::vec(any::<u8>(), 8)) {
            for kind in every_kind() {
                let widths: Vec<_> = (0..8).filter(|end| read(&kind, &bytes[..*end]).is_ok()).collect();
                let open_ended = matches!(kind, ColumnType::Geometry { .. });
                assert!(widths.len() <= 1 || open_ended, "{kind:?} reads {widths:?}");
            }
        }

        #[test]
        fn mediumint_is_what_was_stored(value in -8_388_608i64..8_388_608) {
            assert_eq!(integer_of(value, 3, false), Value::Signed(value));
        }
    }
}
