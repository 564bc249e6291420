//! The user variable event: a value that the statement after it reads.
//!
//! Follows `User_var_event` in `libs/mysql/binlog/event/statement_events.h` and `User_var_log_event` in MariaDB's
//! `sql/log_event.cc`.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | length of the name | 4 | |
//! | name | n | |
//! | NULL | 1 | 1, and nothing follows; or 0 |
//! | type | 1 | 0 string, 1 double, 2 integer, 4 decimal |
//! | collation | 4 | |
//! | length of the value | 4 | |
//! | value | n | of a decimal: precision, scale, then its digits as in a row image |
//! | flags | 1 | 1 unsigned; absent in old files |
//! | data type | n | MariaDB's, of later versions |

use super::BinlogError;
use super::cursor::Cursor;

/// A variable and its value, borrowed from the event's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserVariable<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value; `None` for NULL.
    pub value: Option<UserValue<'a>>,
}

/// The value of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserValue<'a> {
    /// A string in the character set of a collation.
    Text(&'a [u8]),
    /// The bits of a double.
    Double(u64),
    /// An integer of 64 bits.
    Integer(u64),
    /// A decimal.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
        /// The digits, as a row image holds them.
        digits: &'a [u8],
    },
}

impl<'a> UserVariable<'a> {
    /// Digits that a decimal has at most while the server computes with it.
    const DIGITS_MAX: u8 = 81;

    /// Reads the event's body.
    ///
    /// # Errors
    /// A length past the end of the body, a type that no variable has, or a value of another length than its type has.
    pub fn parse(body: &'a [u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        let length = cursor.u32("the length of the variable's name")?;
        let name = cursor.bytes_of(u64::from(length), "the variable's name")?;
        if cursor.u8("whether the variable is NULL")? != 0 {
            return Ok(Self { name, value: None });
        }
        let kind = cursor.u8("the variable's type")?;
        cursor.u32("the variable's collation")?;
        let length = cursor.u32("the length of the variable's value")?;
        let bytes = cursor.bytes_of(u64::from(length), "the variable's value")?;
        Ok(Self {
            name,
            value: Some(Self::value(kind, bytes)?),
        })
    }

    fn value(kind: u8, bytes: &'a [u8]) -> Result<UserValue<'a>, BinlogError> {
        const NUMBER: &str = "the variable's number";
        let mut cursor = Cursor::new(bytes);
        let value = match kind {
            0 => UserValue::Text(cursor.rest()),
            1 => UserValue::Double(cursor.u64(NUMBER)?),
            2 => UserValue::Integer(cursor.u64(NUMBER)?),
            4 => {
                let precision = cursor.u8("the precision of the variable")?;
                let scale = cursor.u8("the scale of the variable")?;
                if precision > Self::DIGITS_MAX || scale > precision {
                    return Err(BinlogError::Value {
                        what: "the precision of the variable",
                        expected: "at most 81, and no less than its scale",
                        found: u64::from(precision),
                    });
                }
                UserValue::Decimal {
                    precision,
                    scale,
                    digits: cursor.rest(),
                }
            }
            found => {
                return Err(BinlogError::Value {
                    what: "the variable's type",
                    expected: "0 (string), 1 (double), 2 (integer) or 4 (decimal)",
                    found: u64::from(found),
                });
            }
        };
        cursor.nothing_left(NUMBER)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut body = vec![1, 0, 0, 0, b'v', 0, kind, 8, 0, 0, 0];
        body.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        body.extend(value);
        body.push(0);
        body
    }

    #[test]
    fn values_of_each_type_are_read_and_every_cut_is_an_error() {
        let number = 7_u64.to_le_bytes();
        for (kind, value, expected) in [
            (0, &b"abc"[..], UserValue::Text(b"abc")),
            (1, &number, UserValue::Double(7)),
            (2, &number, UserValue::Integer(7)),
            (
                4,
                &[3, 1, 0x80, 12, 5],
                UserValue::Decimal {
                    precision: 3,
                    scale: 1,
                    digits: &[0x80, 12, 5],
                },
            ),
        ] {
            let body = body(kind, value);
            let read = UserVariable::parse(&body).unwrap();
            assert_eq!((read.name, read.value), (&b"v"[..], Some(expected)));
            for length in 0..body.len() - 1 {
                assert!(UserVariable::parse(&body[..length]).is_err(), "{length}");
            }
        }
        let null = [1, 0, 0, 0, b'v', 1];
        assert_eq!(UserVariable::parse(&null).unwrap().value, None);
    }

    #[test]
    fn a_type_or_a_length_that_no_value_has_is_refused() {
        for (kind, value) in [
            (3, &[][..]),
            (5, b"x"),
            (1, &[0; 7]),
            (2, &[0; 9]),
            (4, &[3]),
            (4, &[2, 3, 0x80]),
            (4, &[82, 0, 0x80]),
        ] {
            assert!(
                UserVariable::parse(&body(kind, value)).is_err(),
                "{kind} {value:?}"
            );
        }
    }
}
