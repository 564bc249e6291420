//! How a column's values are written under the settings.

use crate::encode::format::{
    BigintUnsignedMode, BinaryMode, DebeziumOptions, DecimalMode, TimePrecision, ZeroDates,
};
use crate::encode::json::is_quoted;
use crate::row::ColumnType;

/// How a column's values are read and written.
#[derive(Debug)]
pub(in crate::encode) struct Form {
    /// How its bytes are read.
    pub(in crate::encode) kind: ColumnType,
    /// How its values are written.
    pub(in crate::encode) way: Way,
    /// What stands for a date that does not exist.
    pub(in crate::encode) no_date: NoDate,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::encode) enum Way {
    /// As the format `json` writes them.
    Same,
    /// BIT(1) as true or false.
    Boolean,
    /// Other BITs as bytes, the lowest first.
    Bits,
    /// An integer that has to fit into 63 bits.
    Long,
    /// A DECIMAL, or an integer, as the bytes of an integer.
    Precise,
    /// A DECIMAL as a double.
    Double,
    /// A DATE as days since 1970.
    Day,
    /// A DATE as text.
    IsoDay,
    /// A TIME as an integer.
    Clock(Unit),
    /// A TIME as milliseconds of a day.
    ClockOfDay,
    /// A TIME as text.
    IsoClock,
    /// A DATETIME as an integer since 1970.
    Moment(Unit),
    /// A DATETIME as text.
    IsoMoment,
    /// A TIMESTAMP as text.
    Zoned,
    /// Bytes in the letters for URLs.
    UrlSafe,
    /// Bytes as digits.
    Hex,
    /// A JSON document as text.
    Document,
    /// A geometry.
    Geometry,
    /// A POINT.
    Point,
    /// What cannot be written, since not all of its type is known.
    Unknown,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::encode) enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// What stands for a date that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::encode) enum NoDate {
    Null,
    Epoch,
    Nothing,
}

impl Form {
    /// The form of a column's values.
    pub(in crate::encode) fn of(
        kind: &ColumnType,
        is_nullable: bool,
        is_key: bool,
        options: &DebeziumOptions,
    ) -> Self {
        let no_date = match options.zero_dates {
            ZeroDates::Debezium if is_key => NoDate::Nothing,
            ZeroDates::Debezium if is_nullable => NoDate::Null,
            ZeroDates::Debezium => NoDate::Epoch,
            ZeroDates::Fail => NoDate::Nothing,
        };
        Self {
            kind: kind.clone(),
            way: Way::of(kind, options),
            no_date,
        }
    }

    /// Whether values are strings, whose opening quote is written with the column's name.
    pub(in crate::encode) fn is_quoted(&self) -> bool {
        match self.way {
            Way::Same => is_quoted(&self.kind),
            Way::Bits
            | Way::Precise
            | Way::IsoDay
            | Way::IsoClock
            | Way::IsoMoment
            | Way::Zoned
            | Way::UrlSafe
            | Way::Hex
            | Way::Document => true,
            Way::Boolean
            | Way::Long
            | Way::Double
            | Way::Day
            | Way::Clock(_)
            | Way::ClockOfDay
            | Way::Moment(_)
            | Way::Geometry
            | Way::Point
            | Way::Unknown => false,
        }
    }
}

impl Way {
    fn of(kind: &ColumnType, options: &DebeziumOptions) -> Self {
        match kind {
            ColumnType::Integer {
                width: 8,
                unsigned: true,
            } => match options.bigint_unsigned_handling_mode {
                BigintUnsignedMode::Precise => Self::Precise,
                BigintUnsignedMode::Long if options.schemas_enable => Self::Long,
                BigintUnsignedMode::Long => Self::Same,
            },
            ColumnType::Decimal { .. } => match options.decimal_handling_mode {
                DecimalMode::Precise => Self::Precise,
                DecimalMode::Double => Self::Double,
                DecimalMode::String => Self::Same,
            },
            ColumnType::Bit { bits: 1 } => Self::Boolean,
            ColumnType::Bit { .. } => Self::Bits,
            ColumnType::Date => Self::of_date(options.time_precision_mode),
            ColumnType::Time { .. } | ColumnType::OldTime { .. } => {
                Self::of_time(options.time_precision_mode)
            }
            ColumnType::DateTime { fsp } | ColumnType::OldDateTime { fsp } => {
                Self::of_date_time(*fsp, options.time_precision_mode)
            }
            ColumnType::Timestamp { .. } | ColumnType::OldTimestamp { .. } => Self::Zoned,
            ColumnType::Binary { .. } | ColumnType::Packed { charset: None, .. } => {
                match options.binary_handling_mode {
                    BinaryMode::Bytes | BinaryMode::Base64 => Self::Same,
                    BinaryMode::Base64UrlSafe => Self::UrlSafe,
                    BinaryMode::Hex => Self::Hex,
                }
            }
            ColumnType::Json { .. } => Self::Document,
            ColumnType::Geometry { is_point: true, .. } => Self::Point,
            ColumnType::Geometry { .. } => Self::Geometry,
            ColumnType::EitherSign { .. } | ColumnType::Undecided { .. } => Self::Unknown,
            ColumnType::Integer { .. }
            | ColumnType::Float
            | ColumnType::Double
            | ColumnType::Year
            | ColumnType::Text { .. }
            | ColumnType::Packed { .. }
            | ColumnType::Inet4
            | ColumnType::Inet6
            | ColumnType::Uuid
            | ColumnType::Enum { .. }
            | ColumnType::Set { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::RawSet { .. }
            | ColumnType::Vector { .. } => Self::Same,
        }
    }

    fn of_date(mode: TimePrecision) -> Self {
        match mode {
            TimePrecision::Isostring => Self::IsoDay,
            TimePrecision::AdaptiveTimeMicroseconds
            | TimePrecision::Connect
            | TimePrecision::Microseconds
            | TimePrecision::Nanoseconds => Self::Day,
        }
    }

    fn of_time(mode: TimePrecision) -> Self {
        match mode {
            TimePrecision::AdaptiveTimeMicroseconds | TimePrecision::Microseconds => {
                Self::Clock(Unit::Micros)
            }
            TimePrecision::Connect => Self::ClockOfDay,
            TimePrecision::Isostring => Self::IsoClock,
            TimePrecision::Nanoseconds => Self::Clock(Unit::Nanos),
        }
    }

    fn of_date_time(fsp: u8, mode: TimePrecision) -> Self {
        match mode {
            TimePrecision::AdaptiveTimeMicroseconds if fsp <= 3 => Self::Moment(Unit::Millis),
            TimePrecision::AdaptiveTimeMicroseconds | TimePrecision::Microseconds => {
                Self::Moment(Unit::Micros)
            }
            TimePrecision::Connect => Self::Moment(Unit::Millis),
            TimePrecision::Isostring => Self::IsoMoment,
            TimePrecision::Nanoseconds => Self::Moment(Unit::Nanos),
        }
    }
}
