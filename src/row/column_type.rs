//! How the bytes of a column are read: the table map's type and metadata, resolved once per definition.

use std::sync::Arc;

use super::Charset;
use super::raw_labels::RawLabels;

/// A column's type with everything that reading a value needs.
///
/// | variant | bytes in the row image |
/// |---|---|
/// | integers | 1, 2, 3, 4 or 8, little-endian |
/// | `Float`, `Double` | 4 or 8, IEEE 754 little-endian |
/// | `Decimal` | groups of nine digits, big-endian, sign in the top bit |
/// | `Bit` | `(bits + 7) / 8`, big-endian |
/// | `Year` | 1, years since 1900, 0 for 0000 |
/// | `Date` | 3, little-endian: day 5 bits, month 4, year 15 |
/// | `Time`, `DateTime`, `Timestamp` | 3, 5 or 4 big-endian, then `(fsp + 1) / 2` of fraction |
/// | `OldTime`, `OldDateTime`, `OldTimestamp` | in several forms of their time |
/// | `Text`, `Binary` and what is stored like them | a little-endian length of `prefix` bytes, then the value |
/// | `Enum` | 1 or 2, little-endian, the label's number from 1 |
/// | `Set` | 1 to 8, little-endian, a bit a label |
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnType {
    /// TINYINT, SMALLINT, MEDIUMINT, INT and BIGINT, by their width in bytes.
    Integer {
        /// 1, 2, 3, 4 or 8.
        width: u8,
        /// Whether the column is UNSIGNED.
        unsigned: bool,
    },
    /// An integer of which it is not known whether it is UNSIGNED.
    EitherSign {
        /// 1, 2, 3, 4 or 8.
        width: u8,
    },
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// DECIMAL(precision, scale).
    Decimal {
        /// Digits in all, 1 to 65.
        precision: u8,
        /// Digits after the point, 0 to 38 and at most `precision`.
        scale: u8,
    },
    /// BIT(bits), 1 to 64.
    Bit {
        /// Number of bits.
        bits: u8,
    },
    /// YEAR.
    Year,
    /// DATE.
    Date,
    /// TIME(fsp).
    Time {
        /// Digits of fraction, 0 to 6.
        fsp: u8,
    },
    /// DATETIME(fsp).
    DateTime {
        /// Digits of fraction, 0 to 6.
        fsp: u8,
    },
    /// TIMESTAMP(fsp).
    Timestamp {
        /// Digits of fraction, 0 to 6.
        fsp: u8,
    },
    /// TIME(fsp) as before MySQL 5.6.
    OldTime {
        /// Digits of fraction, 0 to 6.
        fsp: u8,
    },
    /// DATETIME(fsp) as before MySQL 5.6.
    OldDateTime {
        /// Digits of fraction, 0 to 6.
        fsp: u8,
    },
    /// TIMESTAMP(fsp) as before MySQL 5.6.
    OldTimestamp {
        /// Digits of fraction, 0 to 6.
        fsp: u8,
    },
    /// CHAR, VARCHAR and the TEXT types.
    Text {
        /// Bytes of the length before the value, 1 to 4.
        prefix: u8,
        /// The column's character set.
        charset: Charset,
    },
    /// BINARY, VARBINARY and the BLOB types.
    Binary {
        /// Bytes of the length before the value, 1 to 4.
        prefix: u8,
        /// BINARY(n): the server cuts trailing zero bytes in the image, and they are put back up to this length.
        padded: Option<u16>,
    },
    /// CHAR, VARCHAR, BINARY, VARBINARY, TEXT or BLOB, whichever it is.
    Undecided {
        /// Bytes of the length before the value, 1 to 4.
        prefix: u8,
    },
    /// MariaDB's VARCHAR, VARBINARY, TEXT and BLOB types with COMPRESSED.
    Packed {
        /// Bytes of the length before the packed value, 1 to 4.
        prefix: u8,
        /// The column's character set; `None` for bytes.
        charset: Option<Charset>,
    },
    /// MariaDB's INET4, as BINARY(4).
    Inet4,
    /// MariaDB's INET6, as BINARY(16).
    Inet6,
    /// MariaDB's UUID, as BINARY(16).
    Uuid,
    /// ENUM.
    Enum {
        /// 1 or 2.
        width: u8,
        /// The labels, the first of which has number 1.
        labels: Arc<[Box<str>]>,
    },
    /// SET.
    Set {
        /// 1, 2, 3, 4 or 8.
        width: u8,
        /// The labels, the first of which is the lowest bit.
        labels: Arc<[Box<str>]>,
    },
    /// ENUM with labels that are known by their bytes.
    RawEnum {
        /// As of ENUM.
        width: u8,
        /// The labels.
        labels: Arc<RawLabels>,
    },
    /// SET with labels that are known by their bytes.
    RawSet {
        /// As of SET.
        width: u8,
        /// The labels.
        labels: Arc<RawLabels>,
    },
    /// MySQL's JSON, in its binary form.
    Json {
        /// Bytes of the length before the value.
        prefix: u8,
    },
    /// GEOMETRY and its subtypes: a little-endian SRID, then WKB.
    Geometry {
        /// Bytes of the length before the value.
        prefix: u8,
        /// Whether the column is a POINT, as far as that is known.
        is_point: bool,
    },
    /// VECTOR: little-endian 32-bit floats.
    Vector {
        /// Bytes of the length before the value.
        prefix: u8,
    },
}
