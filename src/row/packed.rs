//! Values of MariaDB's COMPRESSED columns.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | head | 1 | 0: the value follows as it is; else 4 bits of method, 8 for zlib, a bit that is set without zlib's own header, 3 bits: width of the length |
//! | length | 0 to 4 | when unpacked; the highest byte first |
//! | packed bytes | the rest | |
//!
//! The empty value has no bytes at all. Follows `sql/field_comp.cc` and `Field_longstr::compress` in `sql/field.cc`
//! (MariaDB).

use flate2::{Decompress, FlushDecompress, Status};

use super::{Charset, RowError};

/// The longest that a server takes in a statement.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// More than zlib packs into a byte.
const RATIO_MAX: u64 = 1100;

/// A value of a COMPRESSED column, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed<'a> {
    /// The bytes in the image.
    pub bytes: &'a [u8],
    /// The character set of text; `None` for bytes.
    pub charset: Option<Charset>,
}

/// What unpacking takes, used again for each value.
#[derive(Debug, Default)]
pub struct Unpacking {
    inflate: Option<Decompress>,
    bytes: Vec<u8>,
}

impl Packed<'_> {
    /// The bytes of the value. They take no more memory than the value's length, which is believed only as far as its
    /// packed bytes can hold it.
    ///
    /// # Errors
    /// A method that is unknown, bytes that do not unpack to the length that they state.
    pub fn unpack<'s>(&'s self, with: &'s mut Unpacking) -> Result<&'s [u8], RowError> {
        let Some((head, rest)) = self.bytes.split_first() else {
            return Ok(&[]);
        };
        if *head == 0 {
            return Ok(rest);
        }
        let width = usize::from(head & 7);
        if head >> 4 != 8 || !(1..=4).contains(&width) {
            return Err(invalid("a method of compression that is not known"));
        }
        let Some((stated, packed)) = rest.split_at_checked(width) else {
            return Err(invalid("no whole length"));
        };
        let stated = stated
            .iter()
            .fold(0u64, |length, byte| length << 8 | u64::from(*byte));
        let most = UNPACKED_BYTES_MAX.min(packed.len() as u64 * RATIO_MAX);
        let stated = usize::try_from(stated)
            .ok()
            .filter(|stated| *stated as u64 <= most)
            .ok_or_else(|| invalid("a length that its packed bytes cannot have"))?;
        with.inflate(packed, head & 8 == 0, stated)
    }
}

impl Unpacking {
    fn inflate(
        &mut self,
        packed: &[u8],
        has_header: bool,
        stated: usize,
    ) -> Result<&[u8], RowError> {
        let inflate = self
            .inflate
            .get_or_insert_with(|| Decompress::new(has_header));
        inflate.reset(has_header);
        self.bytes.clear();
        // One more, so that a value that is longer than it states shows.
        self.bytes.reserve_exact(stated + 1);
        let status = inflate
            .decompress_vec(packed, &mut self.bytes, FlushDecompress::Finish)
            .map_err(|_| invalid("packed bytes that do not unpack"))?;
        let is_whole = status == Status::StreamEnd && inflate.total_in() == packed.len() as u64;
        if !is_whole || self.bytes.len() != stated {
            return Err(invalid("packed bytes that do not unpack to their length"));
        }
        Ok(&self.bytes)
    }
}

fn invalid(what: &'static str) -> RowError {
    RowError::Invalid {
        kind: "COMPRESSED",
        what,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn unpack(bytes: &[u8]) -> Result<Vec<u8>, RowError> {
        let packed = Packed {
            bytes,
            charset: None,
        };
        packed.unpack(&mut Unpacking::default()).map(<[u8]>::to_vec)
    }

    /// As a server packs a value.
    fn packed(value: &[u8], has_header: bool) -> Vec<u8> {
        let length = u32::try_from(value.len()).expect("short").to_be_bytes();
        let skipped = length.iter().take_while(|byte| **byte == 0).count().min(3);
        let width = u8::try_from(4 - skipped).expect("small");
        let mut bytes = vec![0x80 | width | if has_header { 0 } else { 8 }];
        bytes.extend(&length[skipped..]);
        let level = Compression::best();
        let squeezed = if has_header {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(value).expect("memory");
            encoder.finish()
        } else {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(value).expect("memory");
            encoder.finish()
        };
        bytes.extend(squeezed.expect("memory"));
        bytes
    }

    #[test]
    fn values_are_plain_or_packed_with_either_header() {
        assert_eq!(unpack(b""), Ok(Vec::new()));
        assert_eq!(unpack(b"\0ab"), Ok(b"ab".to_vec()));
        assert_eq!(unpack(b"\0"), Ok(Vec::new()));
        for length in [1, 255, 256, 65_535, 65_536, 1 << 24] {
            let value = b"abcdefgh".repeat(length / 8 + 1)[..length].to_vec();
            for has_header in [false, true] {
                assert_eq!(unpack(&packed(&value, has_header)), Ok(value.clone()));
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_memory() {
        for bytes in [
            &b"\x84\xff\xff\xff\xff"[..],
            b"\x84\x3f\xff\xff\xff\x78\x9c\x03\x00\x00\x00\x00\x01",
            b"\x85\x00\x00\x00\x00\x01\x78\x9c",
            b"\x90\x01\x01",
        ] {
            unpack(bytes).expect_err("a lie");
        }
        // More than it states, and less.
        let honest = packed(&[7; 100], true);
        for lie in [99, 101, 0, 255] {
            let mut bytes = honest.clone();
            bytes[1] = lie;
            unpack(&bytes).expect_err("a lie");
        }
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back_and_every_cut_is_refused(value in prop::collection::vec(0u8..4, 2..300), has_header in any::<bool>()) {
            let bytes = packed(&value, has_header);
            assert_eq!(unpack(&bytes), Ok(value));
            for end in 1..bytes.len() {
                assert!(unpack(&bytes[..end]).is_err(), "{end}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(unpack(&longer).is_err());
        }

        #[test]
        fn any_bytes_unpack_or_are_refused(mut bytes in any::<Vec<u8>>(), head in 0x81u8..0x90) {
            let _ = unpack(&bytes);
            bytes.insert(0, head);
            let _ = unpack(&bytes);
        }
    }
}
