//! Whether bytes are a value of their column's type down to the last part, for who checks rows without writing them.
//!
//! Text is not looked at: servers keep bytes that are no text in their column's character set.

use super::{Changes, ColumnType, Patched, RowError, Unpacking, Value, read};

/// Buffers of a check, used again for each value.
#[derive(Debug, Default)]
pub struct ValueCheck {
    written: Vec<u8>,
    unpacking: Unpacking,
}

impl ValueCheck {
    /// Checks the value whose bytes an image holds.
    ///
    /// # Errors
    /// Bytes that no value of the type has.
    pub fn value(&mut self, kind: &ColumnType, bytes: &[u8]) -> Result<(), RowError> {
        self.written.clear();
        match read(kind, bytes)? {
            Value::Decimal(value) => value.write(&mut self.written),
            Value::Json(document) => document.write(&mut self.written),
            Value::Patched(document) => document.write(&mut self.written),
            Value::Packed(value) => value.unpack(&mut self.unpacking).map(drop),
            Value::Vector(floats) => {
                let is_finite = |float: &[u8; 4]| f32::from_le_bytes(*float).is_finite();
                match floats.iter().all(is_finite) {
                    true => Ok(()),
                    false => Err(RowError::Invalid {
                        kind: "VECTOR",
                        what: "a number that is not finite",
                    }),
                }
            }
            Value::Signed(_)
            | Value::Unsigned(_)
            | Value::EitherSign { .. }
            | Value::Undecided(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::Bit(_)
            | Value::Year(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::DateTime(_)
            | Value::Timestamp(_)
            | Value::Text(_)
            | Value::Binary(_)
            | Value::Inet4(_)
            | Value::Inet6(_)
            | Value::Uuid(_)
            | Value::Enum(_)
            | Value::RawSet(_)
            | Value::Set(_)
            | Value::Geometry { .. } => Ok(()),
        }
    }

    /// Checks changes of a JSON document, and the document that they apply to where an image holds it.
    ///
    /// # Errors
    /// Changes that are none, or that do not apply to the document.
    pub fn changes(&mut self, base: Option<&[u8]>, changes: &[u8]) -> Result<(), RowError> {
        self.written.clear();
        let changes = Changes(changes);
        match base {
            Some(base) => Patched { base, changes }.write(&mut self.written),
            None => changes.write(&mut self.written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &ColumnType, bytes: &[u8]) -> bool {
        ValueCheck::default().value(kind, bytes).is_ok()
    }

    #[test]
    fn what_reading_leaves_alone_is_looked_at() {
        let decimal = ColumnType::Decimal {
            precision: 4,
            scale: 2,
        };
        assert!(check(&decimal, &[0x80 + 12, 34]));
        assert!(!check(&decimal, &[0x80 + 12, 100]));
        let json = ColumnType::Json { prefix: 4 };
        assert!(check(&json, &[4, 0]));
        assert!(!check(&json, &[4, 9]));
        assert!(!check(&json, &[0, 1, 0, 200, 0]));
        let vector = ColumnType::Vector { prefix: 4 };
        assert!(check(&vector, &1f32.to_le_bytes()));
        assert!(!check(&vector, &f32::NAN.to_le_bytes()));
        let packed = ColumnType::Packed {
            prefix: 1,
            charset: None,
        };
        assert!(check(&packed, b"\0abc"));
        assert!(!check(&packed, b"\x81\x03abc"));
    }

    #[test]
    fn changes_are_checked_with_their_document_and_without() {
        let mut checks = ValueCheck::default();
        for base in [None, Some(&[4, 0][..])] {
            assert!(checks.changes(base, &[9, 9, 9]).is_err());
            assert!(checks.changes(base, &[]).is_ok());
        }
    }
}
