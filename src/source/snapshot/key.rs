//! Primary keys as a table is read by them: in their order, from one key to another.
//!
//! The order is the server's alone: it finds the keys and compares them, here they are but written down. A comparison of rows,
//! `(a, b) > (1, 2)`, would not use the index, so it is taken apart.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use uuid::Uuid;

use crate::change::{CopiedTable, KeyBound};
use crate::fault::{Fault, planted};
use crate::mysql::{WireMoment, WireTime, WireValue};
use crate::row::{ColumnType, quoted};

/// A primary key by whose order a table is read.
#[derive(Clone, Debug)]
pub struct TableKey {
    columns: Vec<KeyColumn>,
}

#[derive(Clone, Debug)]
struct KeyColumn {
    /// Its place among the table's columns.
    place: usize,
    /// Its name as SQL wants it.
    name: String,
    kind: ColumnType,
    /// The character set of text.
    charset: Option<Box<str>>,
}

/// Rows of a table between two keys.
#[derive(Clone, Debug, Default)]
pub struct Lot {
    /// The key before the first row; `None` from the table's first row on.
    pub after: Option<KeyBound>,
    /// The key of the last row; `None` up to the table's last row.
    pub upto: Option<KeyBound>,
}

impl TableKey {
    /// The key of a table; `None` where there is none, or one whose values cannot be written down or have an order that its
    /// index has not.
    pub fn of(table: &CopiedTable) -> Option<Self> {
        let definition = table.definition();
        let columns = definition.key.iter().map(|&place| {
            let column = definition.columns.get(place)?;
            let kind = table.table().image_kind(place)?;
            // Only the beginning of such a value is in the index.
            let is_long = ["text", "blob"].map(|long| column.data_type().ends_with(long));
            let key = KeyColumn {
                place,
                name: quoted(&column.name),
                kind: kind.clone(),
                charset: column.charset.clone(),
            };
            (is_ordered(&key) && !is_long.contains(&true)).then_some(key)
        });
        let columns: Vec<KeyColumn> = columns.collect::<Option<_>>()?;
        (!columns.is_empty()).then_some(Self { columns })
    }

    /// The places of its columns among the table's.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|column| column.place)
    }

    /// Its columns as `ORDER BY` wants them.
    pub(super) fn order(&self) -> String {
        self.in_order("")
    }

    /// The same for the last key first.
    pub(super) fn order_from_last(&self) -> String {
        self.in_order(" DESC")
    }

    fn in_order(&self, direction: &str) -> String {
        let columns = self.columns.iter();
        let columns = columns.map(|column| format!("{}{direction}", column.name));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// The condition on the rows of a lot, with `WHERE` before it; empty where there is none.
    pub(super) fn condition(&self, lot: &Lot) -> String {
        let mut parts = Vec::new();
        if let Some(after) = &lot.after {
            parts.push(self.comparison(after, ('>', ">")));
        }
        if let Some(upto) = &lot.upto {
            parts.push(self.comparison(upto, ('<', "<=")));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", parts.join(" AND ")),
        }
    }

    /// The comparison with a key: `strict` of all columns but the last, `last` of that one.
    fn comparison(&self, bound: &KeyBound, (strict, last): (char, &str)) -> String {
        let pairs: Vec<_> = self.columns.iter().zip(&bound.0).collect();
        let Some(((first, first_value), rest)) = pairs.split_first() else {
            return "TRUE".to_owned();
        };
        let first = &first.name;
        if rest.is_empty() || (planted(Fault::BoundLosesEqual) && strict == '>') {
            return format!("{first} {last} {first_value}");
        }
        // The first part says nothing new; it is what an index is entered by.
        let mut text = format!("{first} {strict}= {first_value} AND ");
        for (index, (column, value)) in pairs.iter().enumerate() {
            let name = &column.name;
            let written = match index + 1 == pairs.len() {
                true => write!(text, "{name} {last} {value}"),
                false => write!(text, "({name} {strict} {value} OR ({name} = {value} AND "),
            };
            written.expect("a text grows");
        }
        text.push_str(&"))".repeat(pairs.len() - 1));
        text
    }

    /// A key as a number, where it is one.
    pub fn number(&self, bound: &KeyBound) -> Option<i128> {
        let ([column], [number]) = (&*self.columns, &*bound.0) else {
            return None;
        };
        let is_integer = matches!(column.kind, ColumnType::Integer { .. });
        number.parse().ok().filter(|_| is_integer)
    }

    /// The key that is a number, of a table whose keys are.
    pub fn numbered(number: i128) -> KeyBound {
        KeyBound(Box::new([number.to_string().into()]))
    }

    /// The key of a row, of which these are the values of the key's columns.
    pub(super) fn bound<'a>(
        &self,
        values: impl Iterator<Item = WireValue<'a>>,
    ) -> Option<KeyBound> {
        let texts = self.columns.iter().zip(values);
        let texts = texts.map(|(column, value)| literal(column, &value).map(Into::into));
        let texts: Box<[Box<str>]> = texts.collect::<Option<_>>()?;
        (texts.len() == self.columns.len()).then_some(KeyBound(texts))
    }
}

/// Whether values of a column can be written down so that the server compares them as its index does.
fn is_ordered(column: &KeyColumn) -> bool {
    match &column.kind {
        ColumnType::Text { .. } => column.charset.as_deref().is_some_and(is_name),
        ColumnType::Integer { .. }
        | ColumnType::Float
        | ColumnType::Double
        | ColumnType::Decimal { .. }
        | ColumnType::Bit { .. }
        | ColumnType::Year
        | ColumnType::Date
        | ColumnType::Time { .. }
        | ColumnType::DateTime { .. }
        | ColumnType::Timestamp { .. }
        | ColumnType::Binary { .. }
        | ColumnType::Enum { .. }
        | ColumnType::Set { .. }
        | ColumnType::RawEnum { .. }
        | ColumnType::RawSet { .. }
        | ColumnType::Inet4
        | ColumnType::Inet6
        | ColumnType::Uuid => true,
        _another => false,
    }
}

fn is_name(charset: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !charset.is_empty() && charset.bytes().all(is_of_name)
}

/// A value as SQL has it; the server's `sql_mode` is empty, its `time_zone` is UTC.
fn literal(column: &KeyColumn, value: &WireValue<'_>) -> Option<String> {
    match (&column.kind, *value) {
        // A number below 100 would be a year of this age.
        (ColumnType::Year, WireValue::Integer(year)) => Some(format!("'{year:04}'")),
        (ColumnType::Integer { width, unsigned }, WireValue::Integer(bits)) => {
            let above = 64 - 8 * u32::from(*width);
            Some(match unsigned {
                true => bits.to_string(),
                false => ((bits << above).cast_signed() >> above).to_string(),
            })
        }
        (_labels, WireValue::Integer(bits)) => Some(bits.to_string()),
        (_, WireValue::Float(value)) => Some(format!("{:e}", f64::from(value))),
        (_, WireValue::Double(value)) => Some(format!("{value:e}")),
        (ColumnType::Date, WireValue::Moment(moment)) => Some(format!("'{}'", date(moment))),
        (_, WireValue::Moment(moment)) => {
            let WireMoment {
                hour,
                minute,
                second,
                micros,
                ..
            } = moment;
            let date = date(moment);
            Some(format!(
                "'{date} {hour:02}:{minute:02}:{second:02}.{micros:06}'"
            ))
        }
        (_, WireValue::Time(time)) => Some(time_text(time)),
        (kind, WireValue::Bytes(bytes)) => of_bytes(kind, column.charset.as_deref(), bytes),
        (_, WireValue::Null) => None,
    }
}

fn of_bytes(kind: &ColumnType, charset: Option<&str>, bytes: &[u8]) -> Option<String> {
    match kind {
        ColumnType::Decimal { .. } => {
            let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.".contains(byte);
            let text = str::from_utf8(bytes).ok();
            text.filter(|_| bytes.iter().all(is_of_number))
                .map(str::to_owned)
        }
        ColumnType::Bit { .. } => {
            let number = bytes.iter().try_fold(0_u64, |number, byte| {
                Some(number.checked_mul(256)? | u64::from(*byte))
            });
            number.map(|number| number.to_string())
        }
        ColumnType::Inet4 => <[u8; 4]>::try_from(bytes)
            .ok()
            .map(|bytes| format!("'{}'", Ipv4Addr::from(bytes))),
        ColumnType::Inet6 => <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|bytes| format!("'{}'", Ipv6Addr::from(bytes))),
        ColumnType::Uuid => <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|bytes| format!("'{}'", Uuid::from_bytes(bytes))),
        ColumnType::Binary { .. } => Some(hexadecimal(bytes)),
        ColumnType::Text { .. } => Some(format!("_{} {}", charset?, hexadecimal(bytes))),
        _another => None,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len() + 3);
    text.push_str("x'");
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text grows");
    }
    text.push('\'');
    text
}

fn date(moment: WireMoment) -> String {
    let WireMoment {
        year, month, day, ..
    } = moment;
    format!("{year:04}-{month:02}-{day:02}")
}

fn time_text(time: WireTime) -> String {
    let sign = if time.negative { "-" } else { "" };
    let hours = u64::from(time.days) * 24 + u64::from(time.hours);
    let (minutes, seconds, micros) = (time.minutes, time.seconds, time.micros);
    format!("'{sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(names: &[&str]) -> TableKey {
        let columns = names.iter().enumerate().map(|(place, name)| KeyColumn {
            place,
            name: quoted(name),
            kind: ColumnType::Integer {
                width: 8,
                unsigned: true,
            },
            charset: None,
        });
        TableKey {
            columns: columns.collect(),
        }
    }

    fn bound(values: &[&str]) -> Option<KeyBound> {
        Some(KeyBound(
            values.iter().map(|value| (*value).into()).collect(),
        ))
    }

    #[test]
    fn a_lot_is_what_lies_between_two_keys() {
        let check = |names: &[&str], after: &[&str], upto: &[&str], expected: &str| {
            let of = |values: &[&str]| (!values.is_empty()).then(|| bound(values)).flatten();
            let lot = Lot {
                after: of(after),
                upto: of(upto),
            };
            assert_eq!(key(names).condition(&lot), expected);
        };
        check(&["a"], &[], &[], "");
        check(&["a"], &["1"], &[], " WHERE `a` > 1");
        check(&["a"], &["1"], &["7"], " WHERE `a` > 1 AND `a` <= 7");
        check(
            &["a", "b"],
            &["1", "2"],
            &[],
            " WHERE `a` >= 1 AND (`a` > 1 OR (`a` = 1 AND `b` > 2))",
        );
        check(
            &["a", "b", "c"],
            &[],
            &["1", "2", "3"],
            " WHERE `a` <= 1 AND (`a` < 1 OR (`a` = 1 AND (`b` < 2 OR (`b` = 2 AND `c` <= 3))))",
        );
    }

    #[test]
    fn values_are_written_down_as_the_server_reads_them() {
        let check = |kind: ColumnType, value: WireValue<'_>, expected: &str| {
            let column = KeyColumn {
                place: 0,
                name: "`a`".to_owned(),
                kind,
                charset: Some("latin1".into()),
            };
            assert_eq!(literal(&column, &value).as_deref(), Some(expected));
        };
        let integer = |width, unsigned| ColumnType::Integer { width, unsigned };
        check(
            integer(8, true),
            WireValue::Integer(u64::MAX),
            "18446744073709551615",
        );
        check(integer(8, false), WireValue::Integer(u64::MAX), "-1");
        check(integer(1, false), WireValue::Integer(0x80), "-128");
        check(integer(3, false), WireValue::Integer(0xffff_ffff), "-1");
        check(integer(3, true), WireValue::Integer(0xff_ffff), "16777215");
        check(ColumnType::Year, WireValue::Integer(0), "'0000'");
        check(
            ColumnType::Float,
            WireValue::Float(0.1),
            "1.0000000149011612e-1",
        );
        check(ColumnType::Double, WireValue::Double(-2.5e300), "-2.5e300");
        check(
            ColumnType::Bit { bits: 12 },
            WireValue::Bytes(&[1, 2]),
            "258",
        );
        check(ColumnType::Inet6, WireValue::Bytes(&[0; 16]), "'::'");
        let zero = WireMoment::default();
        check(ColumnType::Date, WireValue::Moment(zero), "'0000-00-00'");
        check(
            ColumnType::DateTime { fsp: 0 },
            WireValue::Moment(zero),
            "'0000-00-00 00:00:00.000000'",
        );
        let time = WireTime {
            negative: true,
            days: 34,
            hours: 22,
            ..WireTime::default()
        };
        check(
            ColumnType::Time { fsp: 0 },
            WireValue::Time(time),
            "'-838:00:00.000000'",
        );
        let text = WireValue::Bytes(b"a'\\\xe9");
        let binary = ColumnType::Binary {
            prefix: 1,
            padded: None,
        };
        check(binary, text, "x'61275ce9'");
        let decimal = ColumnType::Decimal {
            precision: 3,
            scale: 1,
        };
        check(decimal, WireValue::Bytes(b"-10.5"), "-10.5");
    }
}
