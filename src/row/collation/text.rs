//! Text that values are compared with.

use std::cmp::Ordering;

use super::names::{Collation, Order};
use super::weights::{CharacterWeights, Weights};
use crate::row::{Charset, RowError, Written};

/// A text that values of a column are compared with.
#[derive(Debug)]
pub struct CollatedText {
    charset: Charset,
    collation: &'static Collation,
    key: Key,
}

/// The text as its collation weighs it.
#[derive(Debug)]
enum Key {
    Bytes(Box<[u8]>),
    Codes(Box<[char]>),
    Single(Box<[u8]>, &'static [u8]),
    Weights(Box<[u16]>, &'static Weights),
}

/// Why no value can be compared with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiteralError {
    /// The column's character set lacks one of its characters, or may write it in several ways.
    NotInCharset(char),
    /// It is not known how the collation weighs one of its characters.
    UnknownWeight(char),
    /// It is not known how the collation orders text.
    UnknownCollation,
}

impl CollatedText {
    /// Takes a text to compare values in this character set with.
    ///
    /// # Errors
    /// A text or a collation with which no value can be compared for certain.
    pub fn new(
        text: &str,
        charset: Charset,
        collation: &'static Collation,
    ) -> Result<Self, LiteralError> {
        let key = match &collation.order {
            Order::Unknown => return Err(LiteralError::UnknownCollation),
            Order::Bytes => Key::Bytes(encoded(text, charset)?.into()),
            Order::Codes => {
                encoded(text, charset)?;
                Key::Codes(text.chars().collect())
            }
            Order::Single(weights) => {
                let bytes = encoded(text, charset)?;
                let weight = |byte: &u8| weight_of_byte(weights, *byte);
                Key::Single(bytes.iter().map(weight).collect(), weights)
            }
            Order::Weights(table) => {
                encoded(text, charset)?;
                let weights = table.weights();
                let mut all = Vec::new();
                let mut before = None;
                for character in text.chars() {
                    let unknown = LiteralError::UnknownWeight(character);
                    if before.is_some_and(|before| weights.may_contract(before, character)) {
                        return Err(unknown);
                    }
                    before = Some(character);
                    let found = weights.of(character).ok_or(unknown)?;
                    all.extend_from_slice(found.as_slice());
                }
                Key::Weights(all.into(), weights)
            }
        };
        Ok(Self {
            charset,
            collation,
            key,
        })
    }

    /// How a value is ordered against the text.
    ///
    /// # Errors
    /// Bytes that are no text, and characters of which it is not known how the collation weighs them.
    pub fn order(&self, bytes: &[u8], scratch: &mut String) -> Result<Ordering, RowError> {
        let pads = self.collation.pads;
        match &self.key {
            Key::Bytes(text) => {
                let mut bytes = bytes.iter().copied();
                compare(|| Ok(bytes.next()), text, pads.then_some(b' '))
            }
            Key::Single(text, weights) => {
                let mut bytes = bytes.iter();
                let pad = pads.then(|| weight_of_byte(weights, b' '));
                let next = || Ok(bytes.next().map(|byte| weight_of_byte(weights, *byte)));
                compare(next, text, pad)
            }
            Key::Codes(text) => {
                let mut characters = self.charset.decode(bytes, scratch)?.chars();
                compare(|| Ok(characters.next()), text, pads.then_some(' '))
            }
            Key::Weights(text, weights) => {
                let value = self.charset.decode(bytes, scratch)?;
                let mut walk = WeightWalk::new(value, weights, self.collation);
                let space = weights.only(' ').filter(|_| pads);
                compare(|| walk.next(), text, space)
            }
        }
    }
}

/// The bytes of a text in a character set.
pub(super) fn encoded(text: &str, charset: Charset) -> Result<Vec<u8>, LiteralError> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match charset.encode(character, &mut bytes) {
            Written::Once => {}
            Written::Never | Written::Unclear => return Err(LiteralError::NotInCharset(character)),
        }
    }
    Ok(bytes)
}

pub(super) fn weight_of_byte(weights: &[u8], byte: u8) -> u8 {
    weights.get(usize::from(byte)).copied().unwrap_or(byte)
}

#[cold]
pub(super) fn unknown_weight(collation: &Collation) -> RowError {
    RowError::UnknownWeight {
        collation: collation.name(),
    }
}

/// The weights of a value one after the other.
struct WeightWalk<'a> {
    characters: std::str::Chars<'a>,
    weights: &'static Weights,
    collation: &'static Collation,
    /// The weights of the character in hand, and how many of them are done.
    open: Option<(CharacterWeights, usize)>,
}

impl<'a> WeightWalk<'a> {
    fn new(text: &'a str, weights: &'static Weights, collation: &'static Collation) -> Self {
        Self {
            characters: text.chars(),
            weights,
            collation,
            open: None,
        }
    }

    fn next(&mut self) -> Result<Option<u16>, RowError> {
        loop {
            if let Some((found, done)) = &mut self.open {
                if let Some(weight) = found.as_slice().get(*done) {
                    *done += 1;
                    return Ok(Some(*weight));
                }
                self.open = None;
            }
            let Some(character) = self.characters.next() else {
                return Ok(None);
            };
            let next = self.characters.clone().next();
            if next.is_some_and(|next| self.weights.may_contract(character, next)) {
                return Err(unknown_weight(self.collation));
            }
            if let Some(weight) = self.weights.only(character) {
                return Ok(Some(weight));
            }
            let found = self.weights.of(character);
            self.open = Some((found.ok_or_else(|| unknown_weight(self.collation))?, 0));
        }
    }
}

/// Compares weight by weight; what is shorter goes on with the weight of a space, if there is padding.
fn compare<T: Ord + Copy>(
    mut value: impl FnMut() -> Result<Option<T>, RowError>,
    text: &[T],
    pad: Option<T>,
) -> Result<Ordering, RowError> {
    let mut text = text.iter().copied();
    loop {
        let (a, b) = match (value()?, text.next(), pad) {
            (None, None, _) => return Ok(Ordering::Equal),
            (Some(a), Some(b), _) | (Some(a), None, Some(b)) | (None, Some(b), Some(a)) => (a, b),
            (Some(_), None, None) => return Ok(Ordering::Greater),
            (None, Some(_), None) => return Ok(Ordering::Less),
        };
        if a != b {
            return Ok(a.cmp(&b));
        }
    }
}
