//! A list of rules as a connector file has it: an array of strings, or one string.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, Deserializer, Error, IntoDeserializer as _, SeqAccess, Visitor, value,
};

/// Reads a rule or an array of rules.
///
/// # Errors
/// Any other value.
pub fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    input.deserialize_any(OneOrMany::of("a rule or an array of rules, each a string"))
}

/// Reads a name of a fixed set, or an array of them.
///
/// # Errors
/// Any other value.
pub fn some_or_many<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let read = input.deserialize_any(OneOrMany::of("a list, or one string"));
    read.map(Some)
}

struct OneOrMany<T> {
    expected: &'static str,
    element: PhantomData<T>,
}

impl<T> OneOrMany<T> {
    fn of(expected: &'static str) -> Self {
        Self {
            expected,
            element: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, one: &str) -> Result<Self::Value, E> {
        T::deserialize(one.into_deserializer()).map(|one| vec![one])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, many: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(value::SeqAccessDeserializer::new(many))
    }
}
