//! Bounded reads from a byte slice: every read says what it reads and fails where the bytes end.
//!
//! Integers are little-endian unless a name says otherwise. Nothing is allocated.

use super::BinlogError;

/// A position in a slice that only moves forward.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            whole: bytes.len(),
        }
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.whole - self.rest.len()
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether every byte was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Takes `count` bytes.
    pub fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], BinlogError> {
        let Some((head, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.truncated(count as u64, what));
        };
        self.rest = rest;
        Ok(head)
    }

    /// Takes as many bytes as a length from the wire says.
    pub fn bytes_of(&mut self, count: u64, what: &'static str) -> Result<&'a [u8], BinlogError> {
        match usize::try_from(count) {
            Ok(count) => self.bytes(count, what),
            Err(_) => Err(self.truncated(count, what)),
        }
    }

    /// Takes a fixed number of bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], BinlogError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(N as u64, what));
        };
        self.rest = rest;
        Ok(*head)
    }

    /// Takes one byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, BinlogError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// Takes a 16-bit integer.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, BinlogError> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// Takes a 24-bit integer.
    pub fn u24(&mut self, what: &'static str) -> Result<u32, BinlogError> {
        self.array(what)
            .map(|[a, b, c]: [u8; 3]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// Takes a 32-bit integer.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, BinlogError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Takes a 48-bit integer.
    pub fn u48(&mut self, what: &'static str) -> Result<u64, BinlogError> {
        self.array(what)
            .map(|[a, b, c, d, e, f]: [u8; 6]| u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// Takes a 56-bit integer.
    pub fn u56(&mut self, what: &'static str) -> Result<u64, BinlogError> {
        self.array(what)
            .map(|[a, b, c, d, e, f, g]: [u8; 7]| u64::from_le_bytes([a, b, c, d, e, f, g, 0]))
    }

    /// Takes a 64-bit integer.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, BinlogError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Takes a length-encoded integer of the client/server protocol: one byte below 251, else a byte 252, 253 or 254 and
    /// 2, 3 or 8 bytes. 251 (NULL) and 255 (an error packet) are no integers.
    pub fn length_encoded(&mut self, what: &'static str) -> Result<u64, BinlogError> {
        match self.u8(what)? {
            252 => self.u16(what).map(u64::from),
            253 => self.u24(what).map(u64::from),
            254 => self.u64(what),
            found @ (251 | 255) => Err(BinlogError::Value {
                what,
                expected: "a length-encoded integer",
                found: u64::from(found),
            }),
            small => Ok(u64::from(small)),
        }
    }

    /// Takes bytes after their length-encoded length.
    pub fn length_encoded_bytes(&mut self, what: &'static str) -> Result<&'a [u8], BinlogError> {
        let length = self.length_encoded(what)?;
        self.bytes_of(length, what)
    }

    /// Takes bytes after their length in one byte.
    pub fn short_bytes(&mut self, what: &'static str) -> Result<&'a [u8], BinlogError> {
        let length = self.u8(what)?;
        self.bytes(usize::from(length), what)
    }

    /// Takes an integer of MySQL's serialization library: the ones at the low end of the first byte count the bytes that
    /// follow, the bits above them and those bytes are the value.
    pub fn variable(&mut self, what: &'static str) -> Result<u64, BinlogError> {
        let Some(first) = self.rest.first() else {
            return Err(self.truncated(1, what));
        };
        let following = first.trailing_ones();
        if following == 8 {
            self.u8(what)?;
            return self.u64(what);
        }
        let count = following as usize + 1;
        let mut wide = [0; 8];
        for (to, from) in wide.iter_mut().zip(self.bytes(count, what)?) {
            *to = *from;
        }
        Ok(u64::from_le_bytes(wide) >> count)
    }

    /// Takes a zero byte, which ends a name.
    pub fn terminator(&mut self, what: &'static str) -> Result<(), BinlogError> {
        match self.u8(what)? {
            0 => Ok(()),
            found => Err(BinlogError::Value {
                what,
                expected: "a zero byte after it",
                found: u64::from(found),
            }),
        }
    }

    /// Makes sure that every byte was read.
    pub fn nothing_left(&self, what: &'static str) -> Result<(), BinlogError> {
        match self.left() {
            0 => Ok(()),
            left => Err(BinlogError::Trailing { what, left }),
        }
    }

    fn truncated(&self, needed: u64, what: &'static str) -> BinlogError {
        BinlogError::Truncated {
            what,
            needed,
            left: self.rest.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_past_the_end_says_what_was_read_and_moves_nothing() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        let error = cursor.u32("thread id").unwrap_err();
        assert_eq!(error.to_string(), "thread id needs 4 bytes, 3 are left");
        assert_eq!(cursor.left(), 3);
        assert!(cursor.bytes_of(u64::MAX, "name").is_err());
    }

    #[test]
    fn length_encoded_integers_have_four_widths() {
        let check = |bytes: &[u8], expected: Option<u64>| {
            assert_eq!(Cursor::new(bytes).length_encoded("n").ok(), expected);
        };
        check(&[250], Some(250));
        check(&[251], None);
        check(&[252, 251, 0], Some(251));
        check(&[253, 0, 0, 1], Some(65536));
        check(&[254, 0, 0, 0, 0, 0, 0, 0, 128], Some(1 << 63));
        check(&[254, 0, 0, 0, 0, 0, 0, 0], None);
        check(&[255], None);
        check(&[], None);
    }

    #[test]
    fn variable_integers_are_as_wide_as_their_first_byte_says() {
        let check = |bytes: &[u8], expected: Option<u64>| {
            assert_eq!(Cursor::new(bytes).variable("n").ok(), expected);
        };
        check(&[0], Some(0));
        check(&[127 << 1], Some(127));
        check(&[0b01, 0b10], Some(128));
        check(&[0b0111_1111, 1, 0, 0, 0, 0, 0, 0], Some(1));
        check(&[0xff, 0, 0, 0, 0, 0, 0, 0, 1], Some(1 << 56));
        check(&[0xff, 0, 0, 0, 0, 0, 0, 0], None);
        check(&[0b01], None);
        check(&[], None);
    }
}
