//! Rows of the binary protocol, in which numbers and times keep all that the server has of them.
//!
//! Follows "Prepared Statements" and "Binary Protocol Resultset" of the client/server protocol manual. For statements
//! without parameters.
//!
//! | field of a row | bytes | meaning |
//! |---|---|---|
//! | header | 1 | 0 |
//! | null bitmap | (columns + 9) / 8 | a bit a column, the first at bit 2 |
//! | values | | of the columns that are not NULL, in order |

use super::fields::{Fields, Malformed};
use super::response;

/// The flag of a column that is UNSIGNED is not asked for: whoever reads an integer knows its column.
const TYPE_AT: usize = 6;
/// Bytes of the fixed part of a column's description.
const FIXED_BYTES: usize = 12;

/// A statement that the server has prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    /// Its number in the connection.
    pub(super) id: u32,
    /// How many columns its rows have.
    pub(super) columns: u16,
    /// How many parameters it has.
    pub(super) parameters: u16,
}

/// How the values of a column come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireKind {
    /// An integer of so many bytes.
    Integer(u8),
    /// A FLOAT.
    Float,
    /// A DOUBLE.
    Double,
    /// A DATE, DATETIME or TIMESTAMP.
    Moment,
    /// A TIME.
    Time,
    /// Anything else: bytes after their length.
    Bytes,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WireValue<'a> {
    /// NULL.
    Null,
    /// An integer: its bits, above those of its width zeros.
    Integer(u64),
    /// A FLOAT.
    Float(f32),
    /// A DOUBLE.
    Double(f64),
    /// A DATE, DATETIME or TIMESTAMP.
    Moment(WireMoment),
    /// A TIME.
    Time(WireTime),
    /// Anything else.
    Bytes(&'a [u8]),
}

/// A date and a time of day; all zeros is the zero date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireMoment {
    /// The year.
    pub year: u16,
    /// The month, perhaps 0.
    pub month: u8,
    /// The day, perhaps 0.
    pub day: u8,
    /// Hours.
    pub hour: u8,
    /// Minutes.
    pub minute: u8,
    /// Seconds.
    pub second: u8,
    /// Microseconds.
    pub micros: u32,
}

/// A length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireTime {
    /// Whether it is below zero.
    pub negative: bool,
    /// Whole days.
    pub days: u32,
    /// Hours of the last day.
    pub hours: u8,
    /// Minutes.
    pub minutes: u8,
    /// Seconds.
    pub seconds: u8,
    /// Microseconds.
    pub micros: u32,
}

/// A row, read value by value.
#[derive(Debug)]
pub struct BinaryRow<'a> {
    nulls: &'a [u8],
    fields: Fields<'a>,
    index: usize,
}

/// Reads the answer to the preparing of a statement.
pub(super) fn prepared(payload: &[u8]) -> Result<Prepared, Malformed> {
    let mut fields = Fields::new("prepared statement", payload);
    if fields.u8()? != response::OK {
        return Err(fields.malformed("it does not begin with 0x00"));
    }
    Ok(Prepared {
        id: fields.u32()?,
        columns: fields.u16()?,
        parameters: fields.u16()?,
    })
}

/// Reads how the values of a described column come.
pub(super) fn kind_of(payload: &[u8]) -> Result<WireKind, Malformed> {
    let mut fields = Fields::new("column description", payload);
    // Catalogue, database, two names of the table, two of the column.
    for _ in 0..6 {
        fields.length_encoded_bytes()?;
    }
    let fixed = fields.length_encoded_bytes()?;
    let kind = fixed.get(TYPE_AT).filter(|_| fixed.len() == FIXED_BYTES);
    let kind = kind.ok_or_else(|| fields.malformed("its fixed part is not of 12 bytes"))?;
    Ok(match kind {
        1 => WireKind::Integer(1),
        2 | 13 => WireKind::Integer(2),
        3 | 9 => WireKind::Integer(4),
        8 => WireKind::Integer(8),
        4 => WireKind::Float,
        5 => WireKind::Double,
        7 | 10 | 12 | 14 => WireKind::Moment,
        11 => WireKind::Time,
        _bytes => WireKind::Bytes,
    })
}

impl<'a> BinaryRow<'a> {
    /// Begins a row of so many columns.
    ///
    /// # Errors
    /// A packet that is no row, or is cut.
    pub fn new(payload: &'a [u8], columns: usize) -> Result<Self, Malformed> {
        let mut fields = Fields::new("row", payload);
        if fields.u8()? != 0 {
            return Err(fields.malformed("it does not begin with 0x00"));
        }
        let nulls = fields.bytes((columns + 9) / 8)?;
        Ok(Self {
            nulls,
            fields,
            index: 2,
        })
    }

    /// The next value.
    ///
    /// # Errors
    /// A packet that is cut, or a time in a form that there is not.
    #[inline]
    pub fn next(&mut self, kind: WireKind) -> Result<WireValue<'a>, Malformed> {
        match self.next_is_null() {
            true => Ok(WireValue::Null),
            false => self.value(kind),
        }
    }

    /// Goes on to the next value, and says whether it is NULL; if not, it is to be taken.
    #[inline]
    pub fn next_is_null(&mut self) -> bool {
        let byte = self.nulls.get(self.index / 8).copied().unwrap_or(0);
        let is_null = byte >> (self.index % 8) & 1 == 1;
        self.index += 1;
        is_null
    }

    /// Takes the value, of so many bytes, as the lowest of a word; what is above them means nothing.
    ///
    /// # Errors
    /// A packet that is cut.
    #[inline]
    pub fn word(&mut self, width: u8) -> Result<u64, Malformed> {
        self.fields.word(width.into())
    }

    /// Takes the value, which comes after its length.
    ///
    /// # Errors
    /// A packet that is cut.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        self.fields.length_encoded_bytes()
    }

    /// Takes the value.
    ///
    /// # Errors
    /// As of [`Self::next`].
    #[inline]
    pub fn value(&mut self, kind: WireKind) -> Result<WireValue<'a>, Malformed> {
        let fields = &mut self.fields;
        Ok(match kind {
            WireKind::Integer(1) => WireValue::Integer(fields.u8()?.into()),
            WireKind::Integer(2) => WireValue::Integer(fields.u16()?.into()),
            WireKind::Integer(4) => WireValue::Integer(fields.u32()?.into()),
            WireKind::Integer(_) => WireValue::Integer(fields.u64()?),
            WireKind::Float => WireValue::Float(f32::from_bits(fields.u32()?)),
            WireKind::Double => WireValue::Double(f64::from_bits(fields.u64()?)),
            WireKind::Moment => WireValue::Moment(moment(fields)?),
            WireKind::Time => WireValue::Time(time(fields)?),
            WireKind::Bytes => WireValue::Bytes(fields.length_encoded_bytes()?),
        })
    }

    /// Makes sure that the row holds nothing more.
    ///
    /// # Errors
    /// A row that does.
    pub fn end(&self) -> Result<(), Malformed> {
        match self.fields.is_empty() {
            true => Ok(()),
            false => Err(self
                .fields
                .malformed("it holds more values than columns were described")),
        }
    }
}

fn moment(fields: &mut Fields<'_>) -> Result<WireMoment, Malformed> {
    let length = fields.u8()?;
    let mut moment = WireMoment::default();
    if !matches!(length, 0 | 4 | 7 | 11) {
        return Err(fields.malformed("it has a date of another length than 0, 4, 7 or 11"));
    }
    if length >= 4 {
        moment.year = fields.u16()?;
        moment.month = fields.u8()?;
        moment.day = fields.u8()?;
    }
    if length >= 7 {
        moment.hour = fields.u8()?;
        moment.minute = fields.u8()?;
        moment.second = fields.u8()?;
    }
    if length == 11 {
        moment.micros = fields.u32()?;
    }
    Ok(moment)
}

fn time(fields: &mut Fields<'_>) -> Result<WireTime, Malformed> {
    let length = fields.u8()?;
    let mut time = WireTime::default();
    if !matches!(length, 0 | 8 | 12) {
        return Err(fields.malformed("it has a time of another length than 0, 8 or 12"));
    }
    if length >= 8 {
        time.negative = fields.u8()? != 0;
        time.days = fields.u32()?;
        time.hours = fields.u8()?;
        time.minutes = fields.u8()?;
        time.seconds = fields.u8()?;
    }
    if length == 12 {
        time.micros = fields.u32()?;
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of a TINYINT, a NULL, a DATETIME(6), a TIME and text.
    const ROW: &[u8] = &[
        0,
        0b0000_1000, //
        0xff,        //
        11,
        0xe8,
        0x07,
        2,
        29,
        23,
        59,
        58,
        0x40,
        0x42,
        0x0f,
        0, //
        8,
        1,
        34,
        0,
        0,
        0,
        22,
        59,
        59, //
        2,
        b'o',
        b'k',
    ];
    const KINDS: [WireKind; 5] = [
        WireKind::Integer(1),
        WireKind::Double,
        WireKind::Moment,
        WireKind::Time,
        WireKind::Bytes,
    ];

    fn read(payload: &[u8]) -> Result<Vec<WireValue<'_>>, Malformed> {
        let mut row = BinaryRow::new(payload, KINDS.len())?;
        let values = KINDS.iter().map(|kind| row.next(*kind)).collect();
        row.end()?;
        values
    }

    #[test]
    fn a_row_is_read_value_by_value() {
        let moment = WireMoment {
            year: 2024,
            month: 2,
            day: 29,
            hour: 23,
            minute: 59,
            second: 58,
            micros: 1_000_000,
        };
        let time = WireTime {
            negative: true,
            days: 34,
            hours: 22,
            minutes: 59,
            seconds: 59,
            micros: 0,
        };
        let expected = [
            WireValue::Integer(255),
            WireValue::Null,
            WireValue::Moment(moment),
            WireValue::Time(time),
            WireValue::Bytes(b"ok"),
        ];
        assert_eq!(read(ROW).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn a_row_that_is_cut_or_goes_on_is_an_error() {
        for end in 0..ROW.len() {
            assert!(read(&ROW[..end]).is_err(), "{end}");
        }
        assert!(read(&[ROW, &[0]].concat()).is_err());
    }
}
