//! What becomes of the columns of a table before any format sees its rows: some are left out, the values of others are
//! replaced. `treated` does it.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{Charset, ColumnType};

/// What becomes of a table's rows, a column of the image after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Treatment {
    columns: Vec<ColumnTreatment>,
}

/// What becomes of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnTreatment {
    /// It is published as it is.
    Kept,
    /// It is left out.
    LeftOut,
    /// Its values are replaced.
    Replaced {
        /// How the bytes of the image are read.
        kind: ColumnType,
        /// What takes their place.
        by: Replacement,
    },
}

/// What takes the place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// This text.
    Fixed(Arc<str>),
    /// This character, as many times as the value's text has characters.
    Each(char),
    /// A hash of the value's text, in hexadecimal digits.
    Digest(Digester),
    /// The first so many characters, of text.
    Start(usize),
}

/// How the text of a value is hashed: SHA-256 of a salt and the text, or HMAC-SHA-256 of the text under a key.
#[derive(Clone)]
pub struct Digester(Arc<DigestState>);

/// What is the same for all values.
enum DigestState {
    Salted(Sha256),
    Keyed(Hmac<Sha256>),
}

impl Digester {
    /// Digits of a hash.
    pub const DIGITS: usize = 64;

    /// Hashes `salt` followed by the text.
    pub fn salted(salt: &[u8]) -> Self {
        Self(Arc::new(DigestState::Salted(Sha256::new_with_prefix(salt))))
    }

    /// Hashes the text under a key.
    pub fn keyed(key: &[u8]) -> Self {
        let hmac = Hmac::new_from_slice(key).expect("HMAC takes a key of any length");
        Self(Arc::new(DigestState::Keyed(hmac)))
    }

    /// Appends the hash of a text.
    pub(super) fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let hash: [u8; 32] = match &*self.0 {
            DigestState::Salted(salted) => salted.clone().chain_update(text).finalize().into(),
            DigestState::Keyed(keyed) => {
                let keyed = keyed.clone().chain_update(text);
                keyed.finalize().into_bytes().into()
            }
        };
        let (words, _) = hash.as_chunks::<4>();
        for word in words {
            out.extend_from_slice(&digits(*word));
        }
    }
}

/// Four bytes in hexadecimal digits, all eight of them at once.
fn digits(bytes: [u8; 4]) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut halves = u64::from(u32::from_be_bytes(bytes));
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

impl Replacement {
    /// How its values are read, which replace those of a column of type `kind`; `None` if it cannot replace those.
    pub fn published_kind(&self, kind: &ColumnType) -> Option<ColumnType> {
        let text = ColumnType::Text {
            prefix: 4,
            charset: Charset::Utf8,
        };
        match self {
            Self::Fixed(_) => Some(text),
            Self::Each(_) | Self::Digest(_) => match kind {
                ColumnType::EitherSign { .. } | ColumnType::Undecided { .. } => None,
                _known => Some(text),
            },
            Self::Start(_) => match kind {
                ColumnType::Text { .. } => Some(kind.clone()),
                ColumnType::Packed {
                    prefix,
                    charset: Some(charset),
                } => Some(ColumnType::Text {
                    prefix: *prefix,
                    charset: *charset,
                }),
                _no_text => None,
            },
        }
    }
}

impl Treatment {
    /// Makes one of what becomes of each column.
    pub fn new(columns: Vec<ColumnTreatment>) -> Self {
        Self { columns }
    }

    /// What becomes of each column of the image.
    pub fn columns(&self) -> &[ColumnTreatment] {
        &self.columns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn bytes_have_the_digits_of_their_numbers(bytes in any::<[u8; 4]>()) {
            let expected = format!("{:08x}", u32::from_be_bytes(bytes));
            assert_eq!(digits(bytes), expected.as_bytes());
        }
    }
}
