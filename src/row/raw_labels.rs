//! The labels of an ENUM or SET of which some are known by their bytes: those that are no text in the column's character set,
//! and those that are text which the set would write in other bytes.
//!
//! `ALTER TABLE … CONVERT TO CHARACTER SET` keeps the bytes of labels, so that a table may have such ones. A value with one of
//! them is read as text of the column's set is, and whoever wants it as text learns that it is none.

use std::sync::Arc;

use super::charset::Charset;
use super::error::RowError;
use super::multi_byte::Written;

/// Labels of a column, of which at least one is known by its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLabels {
    /// The column's character set.
    pub charset: Charset,
    /// The labels, the first of which has number 1; where [`Self::bytes`] has one, this one is not used.
    pub texts: Arc<[Box<str>]>,
    /// The bytes of those labels that are known by them.
    pub bytes: Box<[Option<Box<[u8]>>]>,
}

/// The labels of a SET value, of which at least one is known by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawSet<'a> {
    /// A bit a label, the first the lowest.
    bits: u64,
    labels: &'a RawLabels,
}

impl RawLabels {
    /// The bytes of a label by its number, from 1, if it is known by them.
    pub fn bytes_of(&self, number: usize) -> Option<&[u8]> {
        self.bytes.get(number.checked_sub(1)?)?.as_deref()
    }

    /// A SET of these labels, a bit a label; `None` where none of them is known by its bytes.
    pub fn set(&self, bits: u64) -> Option<RawSet<'_>> {
        let mut bytes = self.bytes.iter().take(64).enumerate();
        let is_raw = bytes.any(|(index, bytes)| bits >> index & 1 == 1 && bytes.is_some());
        is_raw.then_some(RawSet { bits, labels: self })
    }
}

impl RawSet<'_> {
    /// The character set of the value.
    pub fn charset(&self) -> Charset {
        self.labels.charset
    }

    /// Writes the value as the server has it over `out`: the labels in the column's character set, with commas between them.
    ///
    /// # Errors
    /// A label whose bytes are not certain.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), RowError> {
        out.clear();
        let charset = self.charset();
        let push = |text: &str, out: &mut Vec<u8>| {
            let mut letters = text.chars();
            match letters.all(|letter| charset.encode(letter, out) == Written::Once) {
                true => Ok(()),
                false => Err(RowError::Invalid {
                    kind: "SET",
                    what: "a label whose bytes are not certain beside one that is known by its bytes",
                }),
            }
        };
        let texts = self.labels.texts.iter().take(64);
        for (index, (text, bytes)) in texts.zip(&self.labels.bytes).enumerate() {
            if self.bits >> index & 1 == 0 {
                continue;
            }
            // The server shows no comma after an empty first label.
            if !out.is_empty() {
                push(",", out)?;
            }
            match bytes {
                Some(bytes) => out.extend_from_slice(bytes),
                None => push(text, out)?,
            }
        }
        Ok(())
    }
}
