//! A piece of a rows event that was too large for a replica's packet, as MariaDB 12.3 and later log it.
//!
//! Follows MariaDB's protocol manual, "PARTIAL_ROW_DATA_EVENT".
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | count | 4 | how many pieces the event has |
//! | number | 4 | which of them this is, from 1 |
//! | flags | 1 | bit 0: the size follows |
//! | size | 8 | of the event when put together; in its first piece |
//! | bytes | the rest | |

use std::ops::Range;

use super::BinlogError;
use super::cursor::Cursor;

/// A piece of a rows event; ranges count into the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// How many pieces the event has.
    pub count: u32,
    /// Which of them this is, from 1.
    pub number: u32,
    /// The size of the event when put together.
    pub event_bytes: Option<u64>,
    /// The piece.
    pub bytes: Range<usize>,
}

impl Fragment {
    const HAS_EVENT_BYTES: u8 = 1;

    /// Reads the body.
    ///
    /// # Errors
    /// A body that is cut, or a piece that cannot be one of so many.
    pub fn parse(body: &[u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        let count = cursor.u32("the count of pieces")?;
        let number = cursor.u32("the number of the piece")?;
        let flags = cursor.u8("the piece's flags")?;
        if number == 0 || number > count {
            return Err(BinlogError::Value {
                what: "the number of the piece",
                expected: "1 to the count of pieces",
                found: u64::from(number),
            });
        }
        let event_bytes = match flags & Self::HAS_EVENT_BYTES {
            0 => None,
            _set => Some(cursor.u64("the size of the event in pieces")?),
        };
        Ok(Self {
            count,
            number,
            event_bytes,
            bytes: cursor.offset()..body.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_read_and_every_cut_of_its_fields_is_an_error() {
        let first = [3, 0, 0, 0, 1, 0, 0, 0, 1, 40, 0, 0, 0, 0, 0, 0, 0, b'x'];
        let expected = Fragment {
            count: 3,
            number: 1,
            event_bytes: Some(40),
            bytes: 17..18,
        };
        assert_eq!(Fragment::parse(&first), Ok(expected));
        for length in 0..17 {
            assert!(Fragment::parse(&first[..length]).is_err(), "{length}");
        }
        let later = [3, 0, 0, 0, 3, 0, 0, 0, 0, b'y', b'z'];
        assert_eq!(Fragment::parse(&later).unwrap().bytes, 9..11);
        for number in [0, 4, 255] {
            let mut wrong = later;
            wrong[4] = number;
            assert!(Fragment::parse(&wrong).is_err(), "{number}");
        }
    }
}
