//! A list of rules as a connector file has it: an array of strings, or one string.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IntoDeserializer as _, SeqAccess, Visitor, value};

/// Reads a rule or an array of rules.
///
/// # Errors
/// Any other value.
pub fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a rule or an array of rules, each a string")
        }

        fn visit_str<E>(self, rule: &str) -> Result<Self::Value, E> {
            Ok(vec![rule.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, rules: A) -> Result<Self::Value, A::Error> {
            Deserialize::deserialize(value::SeqAccessDeserializer::new(rules))
        }
    }

    input.deserialize_any(OneOrMany)
}

/// Reads a name of a fixed set, or an array of them.
///
/// # Errors
/// Any other value.
pub fn some_or_many<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Vec<T>>, D::Error> {
    struct OneOrMany<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or one string")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
            T::deserialize(name.into_deserializer()).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Self::Value, A::Error> {
            Deserialize::deserialize(value::SeqAccessDeserializer::new(names))
        }
    }

    input.deserialize_any(OneOrMany(PhantomData)).map(Some)
}
