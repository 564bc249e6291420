//! A list of rules as a connector file has it: an array of strings, or one string.

use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor, value};

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
