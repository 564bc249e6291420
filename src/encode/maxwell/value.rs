//! Values.

use std::ops::Range;

use super::wkt::write_wkt;
use crate::encode::InvalidText;
use crate::encode::format::MaxwellOptions;
use crate::encode::json::{Scratch, ValueWriter, is_quoted, write_cell};
use crate::row::{ColumnType, Date, Patched, RowError, Value, read, write_escaped};

/// How a column's values are read and written.
#[derive(Debug)]
pub(super) struct Form {
    kind: ColumnType,
    way: Way,
    /// Whether a date of zeros is null.
    null_zeros: bool,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As the format `json` writes them.
    Same,
    /// A DECIMAL as a number, with all its digits.
    Number,
    /// DATE and DATETIME, of which zeros may be null.
    Dated,
    /// A TIMESTAMP as a DATETIME in UTC.
    Moment,
    /// A SET as an array.
    Labels,
    /// A geometry as text.
    Wkt,
}

impl Form {
    pub(super) fn of(kind: &ColumnType, options: &MaxwellOptions) -> Self {
        let null_zeros = options.output_null_zerodates;
        let way = match kind {
            ColumnType::Decimal { .. } => Way::Number,
            ColumnType::Date | ColumnType::DateTime { .. } | ColumnType::OldDateTime { .. }
                if null_zeros =>
            {
                Way::Dated
            }
            ColumnType::Timestamp { .. } | ColumnType::OldTimestamp { .. } => Way::Moment,
            ColumnType::Set { .. } | ColumnType::RawSet { .. } => Way::Labels,
            ColumnType::Geometry { .. } => Way::Wkt,
            ColumnType::Integer { .. }
            | ColumnType::EitherSign { .. }
            | ColumnType::Undecided { .. }
            | ColumnType::Float
            | ColumnType::Double
            | ColumnType::Bit { .. }
            | ColumnType::Year
            | ColumnType::Date
            | ColumnType::Time { .. }
            | ColumnType::OldTime { .. }
            | ColumnType::DateTime { .. }
            | ColumnType::OldDateTime { .. }
            | ColumnType::Text { .. }
            | ColumnType::Binary { .. }
            | ColumnType::Packed { .. }
            | ColumnType::Inet4
            | ColumnType::Inet6
            | ColumnType::Uuid
            | ColumnType::Enum { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::Json { .. }
            | ColumnType::Vector { .. } => Way::Same,
        };
        Self {
            kind: kind.clone(),
            way,
            null_zeros,
        }
    }

    /// Whether values are strings, whose opening quote is written with the column's name.
    pub(super) fn is_quoted(&self) -> bool {
        match self.way {
            Way::Same => is_quoted(&self.kind),
            Way::Dated | Way::Moment | Way::Wkt => true,
            Way::Number | Way::Labels => false,
        }
    }
}

/// Writes the format's values; owns every buffer that this takes.
#[derive(Default)]
pub(super) struct Values {
    pub(super) scratch: Scratch,
}

impl Values {
    pub(super) fn new(invalid_text: InvalidText) -> Self {
        Self {
            scratch: Scratch::new(invalid_text),
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
        document.write(out)
    }

    fn may_lack_columns(&self) -> bool {
        true
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
            (Way::Number, Value::Decimal(value)) => value.write(out)?,
            (Way::Moment, Value::Timestamp(value)) => {
                if value.is_zero() && form.null_zeros {
                    write_null(out);
                    return Ok(());
                }
                self.scratch.write_plain_timestamp(value, out);
                out.push(b'"');
            }
            (Way::Dated, Value::Date(date)) if is_zero(date) => write_null(out),
            (Way::Dated, Value::DateTime(value)) if is_zero(value.date) => write_null(out),
            (Way::Dated, Value::Date(date)) => {
                date.write(out);
                out.push(b'"');
            }
            (Way::Dated, Value::DateTime(value)) => {
                value.write(out);
                out.push(b'"');
            }
            (Way::Labels, Value::Set(set)) => {
                out.push(b'[');
                for (number, label) in set.iter().enumerate() {
                    out.extend_from_slice(if number > 0 { b",\"" } else { b"\"" });
                    write_escaped(label, out);
                    out.push(b'"');
                }
                out.push(b']');
            }
            (Way::Wkt, Value::Geometry { wkb, .. }) => {
                write_wkt(wkb, out)?;
                out.push(b'"');
            }
            (_way, _value) => {
                return Err(RowError::NotHeld {
                    kind: "a label that is not valid text",
                    by: "the format maxwell",
                    cure: "use format = \"json\", or correct the labels on the source",
                });
            }
        }
        Ok(())
    }
}

fn is_zero(date: Date) -> bool {
    (date.year, date.month, date.day) == (0, 0, 0)
}

/// Appends null in place of a string whose opening quote was written.
fn write_null(out: &mut Vec<u8>) {
    out.pop();
    out.extend_from_slice(b"null");
}
