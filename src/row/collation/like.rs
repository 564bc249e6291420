//! LIKE, character by character, as servers match it: `%`, `_`, and a backslash before what stands for itself.

use super::names::{Collation, Order};
use super::text::{LiteralError, encoded, unknown_weight, weight_of_byte};
use super::weights::{CharacterWeights, Weights};
use crate::row::{Charset, RowError};

/// A pattern that values of a column are matched with.
#[derive(Debug)]
pub struct LikePattern {
    charset: Charset,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Bytes(Box<[Part<u8>]>),
    /// Bytes by their weights.
    Single(Box<[Part<u8>]>, &'static [u8]),
    Codes(Box<[Part<char>]>),
    Weights(
        Box<[Part<(char, CharacterWeights)>]>,
        &'static Weights,
        &'static Collation,
    ),
}

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<T> {
    /// `%`
    Any,
    /// `_`
    One,
    Exactly(T),
}

impl<T> Part<T> {
    fn map<U, E>(self, take: impl FnOnce(T) -> Result<U, E>) -> Result<Part<U>, E> {
        Ok(match self {
            Self::Any => Part::Any,
            Self::One => Part::One,
            Self::Exactly(what) => Part::Exactly(take(what)?),
        })
    }
}

impl LikePattern {
    /// Takes a pattern to match text in this character set with.
    ///
    /// # Errors
    /// A pattern or a collation with which no value can be matched for certain.
    pub fn new(
        pattern: &str,
        charset: Charset,
        collation: &'static Collation,
    ) -> Result<Self, LiteralError> {
        let parts = parts(pattern.chars());
        let in_charset = |character: char| encoded(character.encode_utf8(&mut [0; 4]), charset);
        let byte = |character: char| {
            let bytes = in_charset(character)?;
            let [byte] = *bytes else {
                return Err(LiteralError::NotInCharset(character));
            };
            Ok(byte)
        };
        let way = match &collation.order {
            Order::Unknown => return Err(LiteralError::UnknownCollation),
            Order::Bytes if matches!(charset, Charset::SingleByte(_) | Charset::Ascii) => {
                Way::Bytes(parts.map(|part| part.map(byte)).collect::<Result<_, _>>()?)
            }
            Order::Bytes | Order::Codes => {
                let known = |character| in_charset(character).map(|_| character);
                Way::Codes(
                    parts
                        .map(|part| part.map(known))
                        .collect::<Result<_, _>>()?,
                )
            }
            Order::Single(weights) => {
                let weight = |character| Ok(weight_of_byte(weights, byte(character)?));
                let parts = parts.map(|part| part.map(weight));
                Way::Single(parts.collect::<Result<_, _>>()?, weights)
            }
            Order::Weights(table) => {
                let weights = table.weights();
                let weighed = |character| {
                    in_charset(character)?;
                    let found = weights.of(character);
                    let found = found.ok_or(LiteralError::UnknownWeight(character))?;
                    Ok((character, found))
                };
                let parts = parts.map(|part| part.map(weighed));
                Way::Weights(parts.collect::<Result<_, _>>()?, weights, collation)
            }
        };
        Ok(Self { charset, way })
    }

    /// The same for bytes, matched one by one.
    pub fn of_bytes(pattern: &[u8]) -> Self {
        let parts = parts_of_bytes(pattern);
        Self {
            charset: Charset::Ascii,
            way: Way::Bytes(parts.into()),
        }
    }

    /// Whether a value matches.
    ///
    /// # Errors
    /// Bytes that are no text, and characters of which it is not known how the collation weighs them.
    pub fn matches(&self, bytes: &[u8], scratch: &mut String) -> Result<bool, RowError> {
        match &self.way {
            Way::Bytes(parts) => matches(bytes.iter().copied(), parts, |value, part| {
                Ok(value == *part)
            }),
            Way::Single(parts, weights) => {
                matches(bytes.iter().copied(), parts, |value, weight| {
                    Ok(weight_of_byte(weights, value) == *weight)
                })
            }
            Way::Codes(parts) => {
                let value = self.charset.decode(bytes, scratch)?;
                matches(value.chars(), parts, |value, part| Ok(value == *part))
            }
            Way::Weights(parts, weights, collation) => {
                let value = self.charset.decode(bytes, scratch)?;
                matches(value.chars(), parts, |value, (character, known)| {
                    if value == *character {
                        return Ok(true);
                    }
                    let found = weights.of(value);
                    let found = found.ok_or_else(|| unknown_weight(collation))?;
                    let is_listed = !found.is_implicit && !known.is_implicit;
                    Ok(is_listed && found.as_slice() == known.as_slice())
                })
            }
        }
    }
}

fn parts(mut pattern: impl Iterator<Item = char>) -> impl Iterator<Item = Part<char>> {
    std::iter::from_fn(move || {
        Some(match pattern.next()? {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Exactly(pattern.next().unwrap_or('\\')),
            other => Part::Exactly(other),
        })
    })
}

fn parts_of_bytes(pattern: &[u8]) -> Vec<Part<u8>> {
    let mut pattern = pattern.iter().copied();
    let mut parts = Vec::new();
    while let Some(byte) = pattern.next() {
        parts.push(match byte {
            b'%' => Part::Any,
            b'_' => Part::One,
            b'\\' => Part::Exactly(pattern.next().unwrap_or(b'\\')),
            other => Part::Exactly(other),
        });
    }
    parts
}

/// Goes back to the last `%` only, so that the time is that of the value's length times the pattern's.
fn matches<T: Copy, U>(
    mut value: impl Iterator<Item = T> + Clone,
    parts: &[Part<U>],
    is_same: impl Fn(T, &U) -> Result<bool, RowError>,
) -> Result<bool, RowError> {
    let mut at = 0;
    let mut retry = None;
    loop {
        if let Some(Part::Any) = parts.get(at) {
            at += 1;
            retry = Some((value.clone(), at));
            continue;
        }
        let mut rest = value.clone();
        let Some(next) = rest.next() else {
            let left = parts.get(at..).unwrap_or_default();
            return Ok(left.iter().all(|part| matches!(part, Part::Any)));
        };
        let fits = match parts.get(at) {
            Some(Part::One) => true,
            Some(Part::Exactly(part)) => is_same(next, part)?,
            Some(Part::Any) | None => false,
        };
        if fits {
            value = rest;
            at += 1;
            continue;
        }
        let Some((from, after)) = &mut retry else {
            return Ok(false);
        };
        from.next();
        value = from.clone();
        at = *after;
    }
}
