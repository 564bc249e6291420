//! A cursor over an event's bytes: every read is checked, none panics.

use super::BinlogError;

/// Reads little-endian values from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads from `bytes`; `what` names them in errors.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], BinlogError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(count)
            .ok_or(BinlogError::Truncated {
                what: self.what,
                wanted: count as u64,
                left: self.bytes.len() as u64,
            })?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BinlogError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or(BinlogError::Truncated {
                what: self.what,
                wanted: N as u64,
                left: self.bytes.len() as u64,
            })?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, BinlogError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, BinlogError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, BinlogError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u48(&mut self) -> Result<u64, BinlogError> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    pub(crate) fn u56(&mut self) -> Result<u64, BinlogError> {
        let [a, b, c, d, e, f, g] = self.array()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, g, 0]))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, BinlogError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A length-encoded integer of the client/server protocol.
    pub(crate) fn length_encoded(&mut self) -> Result<u64, BinlogError> {
        match self.u8()? {
            first @ 0..=250 => Ok(u64::from(first)),
            252 => Ok(u64::from(self.u16()?)),
            253 => {
                let [a, b, c] = self.array()?;
                Ok(u64::from(u32::from_le_bytes([a, b, c, 0])))
            }
            254 => self.u64(),
            first @ (251 | 255) => Err(BinlogError::Length {
                what: self.what,
                first,
            }),
        }
    }

    /// A length-encoded integer that counts bytes or elements of what follows.
    pub(crate) fn length(&mut self) -> Result<usize, BinlogError> {
        let length = self.length_encoded()?;
        usize::try_from(length).map_err(|_| BinlogError::Truncated {
            what: self.what,
            wanted: length,
            left: self.bytes.len() as u64,
        })
    }

    /// Bytes behind a length-encoded length.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], BinlogError> {
        let length = self.length()?;
        self.take(length)
    }

    /// Bytes behind a length of one byte.
    pub(crate) fn short(&mut self) -> Result<&'a [u8], BinlogError> {
        let length = usize::from(self.u8()?);
        self.take(length)
    }
}
