//! How the texts of values are hashed: SHA-256 of a salt and the text, or HMAC-SHA-256 of the text under a key (FIPS 180-4,
//! RFC 2104).
//!
//! What is the same for all values is hashed once. The last block, which most values fit into, is put together here: the
//! hashers of the crates take longer over that than over the hash.

use std::fmt;
use std::sync::Arc;

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

/// Bytes that are hashed at once.
const BLOCK: usize = 64;
/// Where the length stands in the last block.
const LENGTH: usize = BLOCK - 8;
/// The state before anything is hashed.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Hashes the texts of values.
#[derive(Clone)]
pub struct Digester(Arc<Way>);

enum Way {
    Salted(Begun),
    /// The states after the block that the key makes.
    Keyed {
        inner: Begun,
        outer: [u32; 8],
    },
}

/// A hash whose first bytes are known.
#[derive(Clone)]
struct Begun {
    state: [u32; 8],
    /// Those of the bytes that fill no block, and zeros.
    block: [u8; BLOCK],
    filled: usize,
    /// All of the bytes.
    bytes: usize,
}

impl Digester {
    /// Digits of a hash.
    pub const DIGITS: usize = 64;

    /// Hashes `salt` followed by the text.
    pub fn salted(salt: &[u8]) -> Self {
        Self(Arc::new(Way::Salted(Begun::with(salt))))
    }

    /// Hashes the text under a key.
    pub fn keyed(key: &[u8]) -> Self {
        let hashed = Sha256::digest(key);
        let key = if key.len() > BLOCK { &*hashed } else { key };
        let mut padded = [0; BLOCK];
        for (byte, of_key) in padded.iter_mut().zip(key) {
            *byte = *of_key;
        }
        let with = |pad: u8| Begun::with(&padded.map(|byte| byte ^ pad));
        Self(Arc::new(Way::Keyed {
            inner: with(0x36),
            outer: with(0x5c).state,
        }))
    }

    /// Appends the hash of a text, in hexadecimal digits.
    pub(super) fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let hash = match &*self.0 {
            Way::Salted(salted) => salted.end(text),
            Way::Keyed { inner, outer } => {
                let mut state = *outer;
                compress256(&mut state, &[hashed_again(inner.end(text))]);
                state
            }
        };
        out.extend_from_slice(hash.map(digits).as_flattened());
    }
}

impl Begun {
    fn with(bytes: &[u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let mut begun = Self {
            state: START,
            block: [0; BLOCK],
            filled: rest.len(),
            bytes: bytes.len(),
        };
        compress256(&mut begun.state, blocks);
        put(&mut begun.block, 0, rest);
        begun
    }

    /// The hash of the bytes that are known and of these.
    #[inline]
    fn end(&self, rest: &[u8]) -> [u32; 8] {
        let bits = (self.bytes as u64 + rest.len() as u64) * 8;
        let after = self.filled + rest.len();
        if after >= LENGTH {
            return self.end_later(rest, bits);
        }
        let (mut state, mut block) = (self.state, self.block);
        put(&mut block, self.filled, rest);
        put(&mut block, after, &[0x80]);
        put(&mut block, LENGTH, &bits.to_be_bytes());
        compress256(&mut state, &[block]);
        state
    }

    /// The same where that takes more blocks than one.
    fn end_later(&self, mut rest: &[u8], bits: u64) -> [u32; 8] {
        let (mut state, mut block, mut filled) = (self.state, self.block, self.filled);
        if let Some((first, others)) = rest.split_at_checked(BLOCK - filled) {
            put(&mut block, filled, first);
            compress256(&mut state, &[block]);
            let (blocks, others) = others.as_chunks::<BLOCK>();
            compress256(&mut state, blocks);
            (rest, block, filled) = (others, [0; BLOCK], 0);
        }
        put(&mut block, filled, rest);
        put(&mut block, filled + rest.len(), &[0x80]);
        if filled + rest.len() >= LENGTH {
            compress256(&mut state, &[block]);
            block = [0; BLOCK];
        }
        put(&mut block, LENGTH, &bits.to_be_bytes());
        compress256(&mut state, &[block]);
        state
    }
}

/// The block of a hash after a block that was hashed before.
#[inline]
fn hashed_again(hash: [u32; 8]) -> [u8; BLOCK] {
    const BITS: u64 = (BLOCK + 32) as u64 * 8;
    let mut block = [0; BLOCK];
    put(&mut block, 0, hash.map(u32::to_be_bytes).as_flattened());
    put(&mut block, 32, &[0x80]);
    put(&mut block, LENGTH, &BITS.to_be_bytes());
    block
}

/// Puts bytes into a block that has room for them there.
#[inline]
fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    let room = block
        .get_mut(at..)
        .and_then(|room| room.get_mut(..bytes.len()));
    if let Some(room) = room {
        room.copy_from_slice(bytes);
    }
}

/// A word in hexadecimal digits, all eight of them at once.
fn digits(word: u32) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut halves = u64::from(word);
    halves = (halves & 0xffff_0000) << 16 | halves & 0xffff;
    halves = (halves & 0xff00_0000_ff00) << 8 | halves & 0x00ff_0000_00ff;
    halves = (halves & 0x00f0_00f0_00f0_00f0) << 4 | halves & 0x000f_000f_000f_000f;
    let is_letter = (halves + 6 * EACH) >> 4 & EACH;
    (halves + u64::from(b'0') * EACH + is_letter * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester")
    }
}

impl PartialEq for Digester {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Digester {}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn check(secret: &[u8], text: &[u8]) {
        let mut found = Vec::new();
        Digester::salted(secret).write(text, &mut found);
        let expected = Sha256::digest([secret, text].concat());
        assert_eq!(found, hex(&expected).as_bytes());
        found.clear();
        Digester::keyed(secret).write(text, &mut found);
        let keyed = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        let expected = keyed.chain_update(text).finalize().into_bytes();
        assert_eq!(found, hex(&expected).as_bytes());
    }

    #[test]
    fn every_length_around_a_block_is_hashed_as_the_crates_hash_it() {
        for secret in [0, 1, 7, 55, 56, 63, 64, 65, 128, 130] {
            for text in 0..=200 {
                check(&vec![b's'; secret], &vec![b't'; text]);
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_hashed_does_not_matter(secret in vec(any::<u8>(), 0..200), text in vec(any::<u8>(), 0..300)) {
            check(&secret, &text);
        }

        #[test]
        fn words_have_the_digits_of_their_numbers(word in any::<u32>()) {
            assert_eq!(digits(word), format!("{word:08x}").as_bytes());
        }
    }
}
