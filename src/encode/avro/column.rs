//! How a column's values are written.

use super::binary::SECOND;
use super::connect::{Branches, SchemaProblem};
use crate::encode::debezium::{Form, NoDate, Unit, Way};
use crate::encode::format::{AvroLayout, AvroSettings, AvroTimes, BinaryMode};
use crate::row::{Column, ColumnType};

/// A column as values are written.
#[derive(Debug)]
pub(super) struct AvroColumn {
    pub(super) form: Form,
    pub(super) plain: Option<PlainWay>,
    /// Whether bytes are a string of base64.
    pub(super) is_base64: bool,
}

/// What only the plain layout has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainWay {
    /// A TIMESTAMP as microseconds since 1970.
    Instant,
    /// A BIT of up to 63 bits as a number.
    Number,
    /// A BIT of 64 bits as the bytes of an integer.
    LongNumber,
    /// A geometry with the number of its reference system as it is.
    Geometry,
}

/// A column in a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct AvroField {
    /// The column's index.
    pub(super) index: usize,
    /// How a value of it may be null.
    pub(super) branches: Branches,
}

impl AvroField {
    /// The branch of the union that a value is in, if it is in one.
    #[inline(always)]
    pub(super) fn branch(self) -> Option<u8> {
        match self.branches {
            Branches::None => None,
            Branches::NullFirst => Some(SECOND),
            Branches::NullLast => Some(0),
        }
    }
}

impl AvroColumn {
    /// The column under the settings; `is_key` of one that keys hold.
    ///
    /// # Errors
    /// A type that is not known for certain.
    pub(super) fn of(
        column: &Column,
        is_key: bool,
        settings: &AvroSettings,
    ) -> Result<Self, SchemaProblem> {
        let options = &settings.debezium.options;
        let (form, plain) = match settings.options.layout {
            AvroLayout::Debezium => (
                Form::of(&column.kind, column.nullable, is_key, options),
                None,
            ),
            AvroLayout::Plain => plain(&column.kind, settings.options.times),
        };
        if form.way == Way::Unknown {
            return Err(SchemaProblem::Unknown(column.name.clone()));
        }
        let is_base64 = settings.options.layout == AvroLayout::Debezium
            && options.binary_handling_mode != BinaryMode::Bytes;
        Ok(Self {
            form,
            plain,
            is_base64,
        })
    }
}

fn plain(kind: &ColumnType, times: AvroTimes) -> (Form, Option<PlainWay>) {
    let (way, plain) = match (kind, times) {
        (
            ColumnType::Integer {
                width: 8,
                unsigned: true,
            }
            | ColumnType::Decimal { .. },
            _,
        ) => (Way::Precise, None),
        (ColumnType::Bit { bits: 1 }, _) => (Way::Boolean, None),
        (ColumnType::Bit { bits: 64.. }, _) => (Way::Same, Some(PlainWay::LongNumber)),
        (ColumnType::Bit { .. }, _) => (Way::Same, Some(PlainWay::Number)),
        (ColumnType::Date, AvroTimes::Logical) => (Way::Day, None),
        (ColumnType::Time { .. } | ColumnType::OldTime { .. }, AvroTimes::Logical) => {
            (Way::Clock(Unit::Micros), None)
        }
        (ColumnType::DateTime { .. } | ColumnType::OldDateTime { .. }, AvroTimes::Logical) => {
            (Way::Moment(Unit::Micros), None)
        }
        (ColumnType::Timestamp { .. } | ColumnType::OldTimestamp { .. }, AvroTimes::Logical) => {
            (Way::Same, Some(PlainWay::Instant))
        }
        (ColumnType::Json { .. }, _) => (Way::Document, None),
        (ColumnType::Geometry { .. }, _) => (Way::Geometry, Some(PlainWay::Geometry)),
        (ColumnType::EitherSign { .. } | ColumnType::Undecided { .. }, _) => (Way::Unknown, None),
        (
            ColumnType::Integer { .. }
            | ColumnType::Float
            | ColumnType::Double
            | ColumnType::Year
            | ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::DateTime { .. }
            | ColumnType::Timestamp { .. }
            | ColumnType::OldTime { .. }
            | ColumnType::OldDateTime { .. }
            | ColumnType::OldTimestamp { .. }
            | ColumnType::Text { .. }
            | ColumnType::Binary { .. }
            | ColumnType::Packed { .. }
            | ColumnType::Inet4
            | ColumnType::Inet6
            | ColumnType::Uuid
            | ColumnType::Enum { .. }
            | ColumnType::Set { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::RawSet { .. }
            | ColumnType::Vector { .. },
            _,
        ) => (Way::Same, None),
    };
    let form = Form {
        kind: kind.clone(),
        way,
        no_date: NoDate::Nothing,
    };
    (form, plain)
}
