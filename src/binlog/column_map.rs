//! Columns as a table map describes them: type, metadata and nullability.
//!
//! | type | metadata in the event | [`ColumnMap::metadata`] |
//! |---|---|---|
//! | FLOAT 4, DOUBLE 5 | 1: width | width in bytes, 4 or 8 |
//! | VARCHAR 15, MariaDB's compressed 141 | 2, little-endian | greatest length in bytes |
//! | BIT 16 | 1: bits above whole bytes, 1: whole bytes | number of bits |
//! | TIMESTAMP2 17, DATETIME2 18, TIME2 19 | 1 | digits of fraction, 0 to 6 |
//! | VECTOR 242, JSON 245, BLOB 249 to 252, GEOMETRY 255, MariaDB's compressed 140 | 1 | width of the length, 1 to 4 |
//! | DECIMAL 246 | 1: precision, 1: scale | precision × 256 + scale |
//! | ENUM 247, SET 248 | in STRING's: 1: type, 1: width | width in bytes |
//! | VAR_STRING 253 | 2, little-endian | greatest length in bytes |
//! | STRING 254 | 1: type and two bits of the length, inverted; 1: the length's other bits | greatest length in bytes |
//! | typed array 20 | 1: element type, then that type's | the element's, see [`ColumnMap::array`] |
//! | all others | none | 0 |

use super::BinlogError;
use super::cursor::Cursor;

/// Numbers of column types, as `enum_field_types` has them.
pub mod kind {
    #![expect(missing_docs, reason = "each is named for its type")]
    pub const DECIMAL: u8 = 0;
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEWDATE: u8 = 14;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const TIMESTAMP2: u8 = 17;
    pub const DATETIME2: u8 = 18;
    pub const TIME2: u8 = 19;
    pub const TYPED_ARRAY: u8 = 20;
    pub const BLOB_COMPRESSED: u8 = 140;
    pub const VARCHAR_COMPRESSED: u8 = 141;
    pub const VECTOR: u8 = 242;
    pub const JSON: u8 = 245;
    pub const NEWDECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// A column as a table map describes it. What only `binlog_row_metadata` tells is `None` without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMap {
    /// The type, of [`kind`]; ENUM and SET, which the event holds as STRING, by their own numbers.
    pub kind: u8,
    /// The type's metadata, see the module's table.
    pub metadata: u16,
    /// Whether the column is an array of `kind`: the hidden column of a multi-valued index.
    pub array: bool,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Whether numbers are unsigned; `None` for other types too.
    pub unsigned: Option<bool>,
    /// The collation of text, ENUM and SET; 63 is binary.
    pub collation: Option<u32>,
    /// The name.
    pub name: Option<Box<str>>,
    /// The labels of ENUM and SET, in the column's character set.
    pub labels: Option<Vec<Box<[u8]>>>,
    /// Whether `SELECT *` shows the column.
    pub visible: Option<bool>,
    /// The geometry's subtype.
    pub geometry_type: Option<u32>,
    /// The vector's greatest number of dimensions.
    pub dimensions: Option<u32>,
    /// Digits of fraction of TIME, DATETIME and TIMESTAMP; `None` for other types, and for those of MariaDB in their old
    /// forms.
    pub fraction: Option<u8>,
}

impl ColumnMap {
    /// A column that may be NULL, of which nothing but its type is told.
    pub(crate) fn of_type(kind: u8, metadata: u16) -> Self {
        Self {
            kind,
            metadata,
            array: false,
            nullable: true,
            unsigned: None,
            collation: None,
            name: None,
            labels: None,
            visible: None,
            geometry_type: None,
            dimensions: None,
            fraction: None,
        }
    }

    /// Whether it is a geometry that can be a point only, as far as the table map tells.
    pub fn is_point(&self) -> bool {
        const POINT: u32 = 1;
        self.geometry_type == Some(POINT)
    }
}

/// Reads types, metadata and nullability.
pub(super) fn columns(
    types: &[u8],
    metadata: &[u8],
    nullable: &[u8],
) -> Result<Vec<ColumnMap>, BinlogError> {
    let mut metadata = Cursor::new(metadata);
    let mut columns = Vec::with_capacity(types.len());
    for (index, wire_kind) in types.iter().enumerate() {
        let mut reader = Metadata {
            column: index,
            cursor: &mut metadata,
        };
        let (kind, value, array) = reader.read(*wire_kind)?;
        let null_bits = nullable.get(index / 8).copied().unwrap_or(0);
        columns.push(ColumnMap {
            array,
            nullable: null_bits & (1 << (index % 8)) != 0,
            fraction: match kind {
                kind::TIME2 | kind::DATETIME2 | kind::TIMESTAMP2 => u8::try_from(value).ok(),
                _other => None,
            },
            ..ColumnMap::of_type(kind, value)
        });
    }
    metadata.nothing_left("the metadata of the last column")?;
    Ok(columns)
}

/// Reads one column's metadata.
struct Metadata<'c, 'a> {
    column: usize,
    cursor: &'c mut Cursor<'a>,
}

impl Metadata<'_, '_> {
    fn read(&mut self, wire_kind: u8) -> Result<(u8, u16, bool), BinlogError> {
        if wire_kind != kind::TYPED_ARRAY {
            let (kind, value) = self.scalar(wire_kind)?;
            return Ok((kind, value, false));
        }
        match self.cursor.u8("an array's element type")? {
            kind::TYPED_ARRAY => Err(self.unknown(kind::TYPED_ARRAY)),
            element => {
                let (kind, value) = self.scalar(element)?;
                Ok((kind, value, true))
            }
        }
    }

    fn scalar(&mut self, wire_kind: u8) -> Result<(u8, u16), BinlogError> {
        let value = match wire_kind {
            kind::TINY
            | kind::SHORT
            | kind::LONG
            | kind::NULL
            | kind::TIMESTAMP
            | kind::LONGLONG
            | kind::INT24
            | kind::DATE
            | kind::TIME
            | kind::DATETIME
            | kind::YEAR
            | kind::NEWDATE => 0,
            kind::FLOAT => self.byte(wire_kind, 4..=4, "4")?,
            kind::DOUBLE => self.byte(wire_kind, 8..=8, "8")?,
            kind::TIMESTAMP2 | kind::DATETIME2 | kind::TIME2 => {
                self.byte(wire_kind, 0..=6, "0 to 6 digits of fraction")?
            }
            kind::VECTOR
            | kind::JSON
            | kind::TINY_BLOB
            | kind::MEDIUM_BLOB
            | kind::LONG_BLOB
            | kind::BLOB
            | kind::BLOB_COMPRESSED
            | kind::GEOMETRY => self.byte(wire_kind, 1..=4, "a length of 1 to 4 bytes")?,
            kind::VARCHAR | kind::VARCHAR_COMPRESSED | kind::VAR_STRING => {
                u16::from_le_bytes(self.pair()?)
            }
            kind::BIT => self.bits()?,
            kind::NEWDECIMAL => self.decimal()?,
            kind::STRING | kind::ENUM | kind::SET => return self.string(),
            unknown => return Err(self.unknown(unknown)),
        };
        Ok((wire_kind, value))
    }

    fn byte(
        &mut self,
        kind: u8,
        allowed: std::ops::RangeInclusive<u8>,
        expected: &'static str,
    ) -> Result<u16, BinlogError> {
        let byte = self.cursor.u8("a column's metadata")?;
        if allowed.contains(&byte) {
            Ok(u16::from(byte))
        } else {
            Err(self.wrong(kind, [byte, 0], expected))
        }
    }

    fn pair(&mut self) -> Result<[u8; 2], BinlogError> {
        self.cursor.array("a column's metadata")
    }

    fn bits(&mut self) -> Result<u16, BinlogError> {
        let [above, whole] = self.pair()?;
        let bits = u16::from(whole) * 8 + u16::from(above);
        if above < 8 && (1..=64).contains(&bits) {
            Ok(bits)
        } else {
            Err(self.wrong(kind::BIT, [above, whole], "1 to 64 bits"))
        }
    }

    fn decimal(&mut self) -> Result<u16, BinlogError> {
        let [precision, scale] = self.pair()?;
        if (1..=65).contains(&precision) && scale <= precision.min(38) {
            Ok(u16::from_be_bytes([precision, scale]))
        } else {
            let expected = "a precision of 1 to 65, a scale of at most 38 and the precision";
            Err(self.wrong(kind::NEWDECIMAL, [precision, scale], expected))
        }
    }

    /// A CHAR's length may need ten bits: the upper two are stored inverted in bits that every type in question has set.
    fn string(&mut self) -> Result<(u8, u16), BinlogError> {
        const LENGTH_BITS: u8 = 0x30;
        let [first, second] = self.pair()?;
        let (kind, upper) = if first & LENGTH_BITS == LENGTH_BITS {
            (first, 0)
        } else {
            (
                first | LENGTH_BITS,
                u16::from((first & LENGTH_BITS) ^ LENGTH_BITS) << 4,
            )
        };
        let length = upper | u16::from(second);
        let fits = match kind {
            kind::STRING => true,
            kind::ENUM => matches!(length, 1 | 2),
            kind::SET => matches!(length, 1..=4 | 8),
            _ => false,
        };
        if fits {
            Ok((kind, length))
        } else {
            let expected = "CHAR, or ENUM of 1 or 2 bytes, or SET of 1, 2, 3, 4 or 8";
            Err(self.wrong(kind::STRING, [first, second], expected))
        }
    }

    fn unknown(&self, kind: u8) -> BinlogError {
        BinlogError::ColumnType {
            column: self.column,
            kind,
        }
    }

    fn wrong(&self, kind: u8, metadata: [u8; 2], expected: &'static str) -> BinlogError {
        BinlogError::ColumnMetadata {
            column: self.column,
            kind,
            metadata: u16::from_le_bytes(metadata),
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(types: &[u8], metadata: &[u8]) -> Result<ColumnMap, BinlogError> {
        columns(types, metadata, &[1]).map(|mut columns| columns.remove(0))
    }

    #[test]
    fn metadata_is_unpacked_by_type() {
        let check = |wire: u8, metadata: &[u8], kind: u8, expected: u16| {
            let column = one(&[wire], metadata).unwrap();
            assert_eq!((column.kind, column.metadata), (kind, expected));
            assert!(column.nullable && !column.array);
            for length in 0..metadata.len() {
                assert!(one(&[wire], &metadata[..length]).is_err());
            }
            assert!(one(&[wire], &[metadata, &[0]].concat()).is_err());
        };
        check(kind::LONG, &[], kind::LONG, 0);
        check(kind::VARCHAR, &[0x2c, 0x01], kind::VARCHAR, 300);
        check(kind::BIT, &[5, 1], kind::BIT, 13);
        check(kind::BIT, &[0, 8], kind::BIT, 64);
        check(kind::NEWDECIMAL, &[65, 30], kind::NEWDECIMAL, 65 << 8 | 30);
        check(kind::STRING, &[254, 80], kind::STRING, 80);
        check(kind::STRING, &[0xce, 0xfc], kind::STRING, 1020);
        check(kind::STRING, &[247, 2], kind::ENUM, 2);
        check(kind::STRING, &[248, 8], kind::SET, 8);
        check(kind::BLOB, &[4], kind::BLOB, 4);
        check(kind::TIME2, &[6], kind::TIME2, 6);
    }

    #[test]
    fn metadata_that_a_type_cannot_have_is_refused() {
        let check = |wire: u8, metadata: &[u8]| {
            let error = one(&[wire], metadata).unwrap_err();
            let is_metadata = matches!(error, BinlogError::ColumnMetadata { column: 0, .. });
            assert!(is_metadata, "{error}");
        };
        check(kind::FLOAT, &[8]);
        check(kind::DOUBLE, &[4]);
        check(kind::BIT, &[0, 0]);
        check(kind::BIT, &[1, 8]);
        check(kind::BIT, &[8, 1]);
        check(kind::NEWDECIMAL, &[5, 6]);
        check(kind::NEWDECIMAL, &[66, 0]);
        check(kind::NEWDECIMAL, &[0, 0]);
        check(kind::TIMESTAMP2, &[7]);
        check(kind::JSON, &[0]);
        check(kind::BLOB, &[5]);
        check(kind::STRING, &[247, 3]);
        check(kind::STRING, &[248, 5]);
        check(kind::STRING, &[15, 5]);
    }

    #[test]
    fn a_type_that_is_unknown_is_refused_by_its_number() {
        let error = columns(&[kind::LONG, 200], &[], &[0]).unwrap_err();
        let expected = BinlogError::ColumnType {
            column: 1,
            kind: 200,
        };
        assert_eq!(error, expected);
        assert!(one(&[kind::TYPED_ARRAY], &[kind::TYPED_ARRAY]).is_err());
    }

    #[test]
    fn an_array_has_the_metadata_of_its_elements() {
        let column = one(&[kind::TYPED_ARRAY], &[kind::VARCHAR, 7, 0]).unwrap();
        assert_eq!((column.kind, column.metadata), (kind::VARCHAR, 7));
        assert!(column.array);
    }
}
