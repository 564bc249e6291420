//! The checksum of an event that arrives in pieces.

use super::BinlogError;

const STORED_BYTES: usize = 4;

/// Computes over all but the last four bytes, which hold the checksum.
#[derive(Clone, Debug)]
pub struct Checksum {
    hasher: crc32fast::Hasher,
    /// The last bytes so far, not computed over yet.
    last: Vec<u8>,
}

impl Checksum {
    pub(super) fn new() -> Self {
        Self {
            hasher: crc32fast::Hasher::new(),
            last: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let (covered, last) = bytes.split_at(bytes.len().saturating_sub(STORED_BYTES));
        if !covered.is_empty() {
            self.hasher.update(&self.last);
            self.last.clear();
            self.hasher.update(covered);
        }
        self.last.extend_from_slice(last);
        let excess = self.last.len().saturating_sub(STORED_BYTES);
        let rest = self.last.split_off(excess);
        self.hasher.update(&std::mem::replace(&mut self.last, rest));
    }

    /// Compares with the checksum at the end.
    ///
    /// # Errors
    /// When it does not fit, or there were fewer bytes than it has.
    pub fn verify(self) -> Result<(), BinlogError> {
        let Some(stored) = self.last.first_chunk::<STORED_BYTES>() else {
            return Err(BinlogError::Truncated {
                what: "the checksum",
                needed: STORED_BYTES as u64,
                left: self.last.len(),
            });
        };
        let (stored, computed) = (u32::from_le_bytes(*stored), self.hasher.finalize());
        if stored != computed {
            return Err(BinlogError::Checksum { stored, computed });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_checksum_of_the_whole(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9)
        ) {
            let whole = pieces.concat();
            let stored = crc32fast::hash(&whole).to_le_bytes();
            let check = |stored: &[u8]| {
                let mut checksum = Checksum::new();
                for piece in &pieces {
                    checksum.update(piece);
                }
                for byte in stored {
                    checksum.update(&[*byte]);
                }
                checksum.verify()
            };
            prop_assert_eq!(check(&stored), Ok(()));
            prop_assert!(check(&stored[1..]).is_err());
            prop_assert!(check(&[stored[0] ^ 1, stored[1], stored[2], stored[3]]).is_err());
        }
    }
}
