//! Reads the fields that protocol packets are made of.
//!
//! Follows "Basic Data Types" of the MySQL client/server protocol manual. Every read is bounded: a packet that ends
//! early is an error that names what was being read, never a panic.

/// A packet that does not hold what its kind must hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{packet} is malformed: {reason}")]
pub struct Malformed {
    /// Which packet, such as `handshake`.
    pub packet: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A cursor over one packet's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    packet: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Starts at the first byte; `packet` names the packet in errors.
    pub(super) fn new(packet: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            packet,
            rest: bytes,
        }
    }

    /// Makes an error about this packet.
    pub(super) fn malformed(&self, reason: &'static str) -> Malformed {
        Malformed {
            packet: self.packet,
            reason,
        }
    }

    /// Whether every byte was read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes what is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Takes `n` bytes.
    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self
            .rest
            .split_at_checked(n)
            .ok_or_else(|| self.malformed("it ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.malformed("it ends early"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// Takes one byte.
    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a little-endian 16-bit integer.
    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Takes a little-endian 32-bit integer.
    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes a little-endian 64-bit integer.
    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes so many bytes, up to eight, as the lowest of a word, the lowest first; what is above them means nothing.
    #[inline]
    pub(super) fn word(&mut self, width: usize) -> Result<u64, Malformed> {
        if let Some(word) = self.rest.first_chunk() {
            self.rest = self.rest.get(width..).unwrap_or_default();
            return Ok(u64::from_le_bytes(*word));
        }
        let bits = |bits, byte: &u8| bits << 8 | u64::from(*byte);
        Ok(self.bytes(width)?.iter().rev().fold(0, bits))
    }

    /// Takes a length-encoded integer.
    pub(super) fn length_encoded(&mut self) -> Result<u64, Malformed> {
        match self.u8()? {
            value @ 0..=0xfa => Ok(u64::from(value)),
            0xfc => self.u16().map(u64::from),
            0xfd => {
                let [a, b, c] = self.array()?;
                Ok(u64::from(u32::from_le_bytes([a, b, c, 0])))
            }
            0xfe => self.array().map(u64::from_le_bytes),
            0xfb | 0xff => {
                Err(self.malformed("a length-encoded integer has an unknown first byte"))
            }
        }
    }

    /// Takes a string with its length before it.
    pub(super) fn length_encoded_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length_encoded()?;
        let length =
            usize::try_from(length).map_err(|_| self.malformed("a length passes its packet"))?;
        self.bytes(length)
    }

    /// Takes a value of a text row: a string with its length, or NULL.
    pub(super) fn text_value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if let Some((0xfb, rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(None);
        }
        self.length_encoded_bytes().map(Some)
    }

    /// Takes a string up to its zero byte, which is consumed.
    pub(super) fn null_terminated(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(|| self.malformed("a string lacks its end"))?;
        let string = self.bytes(end)?;
        self.u8()?;
        Ok(string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<u64>) {
        assert_eq!(
            Fields::new("test", bytes).length_encoded().ok(),
            expected,
            "{bytes:x?}"
        );
    }

    #[test]
    fn length_encoded_integers_have_four_widths() {
        check(&[0xfa], Some(0xfa));
        check(&[0xfc, 0x34, 0x12], Some(0x1234));
        check(&[0xfd, 0x56, 0x34, 0x12], Some(0x12_3456));
        check(&[0xfe, 1, 0, 0, 0, 0, 0, 0, 0x80], Some(1 << 63 | 1));
        check(&[0xfb], None);
        check(&[0xff, 1], None);
        check(&[0xfc, 1], None);
        check(&[0xfd, 1, 2], None);
        check(&[0xfe, 1, 2, 3, 4, 5, 6, 7], None);
        check(&[], None);
    }

    #[test]
    fn a_length_beyond_the_packet_is_an_error() {
        let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, b'x'];
        assert!(Fields::new("test", &huge).length_encoded_bytes().is_err());
    }
}
