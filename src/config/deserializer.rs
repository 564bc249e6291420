//! A configuration tree read into typed options by serde, strictly: a string is not a number and a number is not a string.
//!
//! Only values that come from the environment have no type of their own. Errors name the place, the key, and what was
//! expected; what was found is shown unless the key names a secret.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, Expected, IntoDeserializer as _, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::document::{Node, Origin, Table, Value, parse_value};
use super::{ConfigError, secret_file};

/// Reads a tree, which stands under the key `at`, empty for the whole file.
///
/// # Errors
/// `ConfigError::Key` for the first key that is unknown, missing or of another type.
pub fn read<T: de::DeserializeOwned>(node: &Node, at: &str) -> Result<T, ConfigError> {
    let at = Some(at).filter(|key| !key.is_empty());
    T::deserialize(Reader { node }).map_err(|error| error.within(at, &node.origin).finish())
}

/// An error on its way up from the value to the root; each level adds its key.
#[derive(Debug)]
struct Error {
    /// Innermost first.
    keys: Vec<String>,
    place: Option<Origin>,
    found: Option<String>,
    message: String,
}

impl Error {
    fn new(message: String) -> Self {
        Self {
            keys: Vec::new(),
            place: None,
            found: None,
            message,
        }
    }

    fn within(mut self, key: Option<&str>, place: &Origin) -> Self {
        self.keys.extend(key.map(str::to_owned));
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    fn finish(self) -> ConfigError {
        let secret = self.keys.iter().any(|key| secret_file::is_secret(key));
        let mut keys = self.keys;
        keys.reverse();
        let message = match self.found {
            Some(found) if !secret => format!("{}, found {found}", self.message),
            _ => self.message,
        };
        ConfigError::Key {
            // Set by `within` at the root at the latest.
            place: self
                .place
                .unwrap_or_else(|| Origin::Variable(String::new())),
            key: keys.join("."),
            message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self {
            found: Some(kind(found).to_owned()),
            ..Self::new(format!("expected {}", plain(&expected.to_string())))
        }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self {
            found: Some(found.to_string()),
            ..Self::new(format!("expected {}", plain(&expected.to_string())))
        }
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        Self {
            found: Some(format!("'{found}'")),
            ..Self::new(format!("expected one of {}", each(expected)))
        }
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!(
            "no such key '{found}', expected one of {}",
            each(expected)
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("key {field} is missing"))
    }
}

/// Names once each: a key that may be spelled with underscores too is listed with dashes only.
fn each(names: &[&'static str]) -> String {
    let mut listed: Vec<&str> = Vec::new();
    for name in names {
        let is_other_spelling = names.contains(&&*name.replace('_', "-")) && name.contains('_');
        if !is_other_spelling && !listed.contains(name) {
            listed.push(name);
        }
    }
    listed.join(", ")
}

fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Str(_) | Unexpected::Char(_) => "a string",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        Unexpected::Bytes(_)
        | Unexpected::Unit
        | Unexpected::Option
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => "something else",
    }
}

/// serde's names of types in the words of a connector file.
fn plain(expected: &str) -> String {
    match expected {
        "u8" => "a number from 0 to 255".to_owned(),
        "u16" => "a number from 0 to 65535".to_owned(),
        "u32" => "a number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a number from 0".to_owned(),
        "i32" | "i64" => "a number".to_owned(),
        "a nonzero u32" => "a number from 1 to 4294967295".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        "path string" => "a path".to_owned(),
        // A number of bytes, as its crate calls what it wants.
        "parsable string" | "integer overflow" | "an integer or string" => {
            "a size such as \"48MiB\", or a number of bytes".to_owned()
        }
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
}

/// A number method: text from the environment is read as that number, anything else as what it is.
macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.free().map(str::parse::<$type>) {
                Some(Ok(number)) => visitor.$visit(number),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'a> Reader<'a> {
    fn free(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Free(text) => Some(text),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Date
            | Value::List(_)
            | Value::Table(_) => None,
        }
    }

    /// Lists and tables from the environment are written as in TOML, on one line.
    fn structure(&self) -> Option<Node> {
        let text = self.free()?.trim();
        (text.starts_with('[') || text.starts_with('{'))
            .then(|| parse_value(text, &self.node.origin))?
    }
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(node) = self.structure() {
            return Reader { node: &node }.deserialize_any(visitor);
        }
        match &self.node.value {
            Value::Text(text) | Value::Free(text) => visitor.visit_str(text),
            Value::Integer(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(*number),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Date => Err(Error::new(
                "found a date, which no key takes, put it in quotes".to_owned(),
            )),
            Value::List(nodes) => visitor.visit_seq(List {
                nodes: nodes.iter().enumerate(),
            }),
            Value::Table(table) => visitor.visit_map(Entries::new(table, &[])),
        }
    }

    numbers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f32 f32, deserialize_f64 visit_f64 f64,
        deserialize_bool visit_bool bool,
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.free() {
            Some(text) => visitor.visit_str(text),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Table(table) => visitor.visit_map(Entries::new(table, fields)),
            Value::Text(_)
            | Value::Free(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Date
            | Value::List(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Some(node) = self.structure() {
            return Reader { node: &node }.deserialize_enum(_name, variants, visitor);
        }
        match &self.node.value {
            Value::Text(text) | Value::Free(text) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Value::Table(table) => match table.iter().next() {
                Some((variant, node)) if table.len() == 1 => {
                    visitor.visit_enum(Variant { variant, node })
                }
                _ => Err(Error::new(format!(
                    "expected a table with exactly one of {}",
                    variants.join(", ")
                ))),
            },
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Date
            | Value::List(_) => Err(Error::new(format!(
                "expected one of {}, as a string",
                variants.join(", ")
            ))),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct List<'a> {
    nodes: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some((index, node)) = self.nodes.next() else {
            return Ok(None);
        };
        seed.deserialize(Reader { node })
            .map(Some)
            .map_err(|error| error.within(Some(&format!("{}", index + 1)), &node.origin))
    }
}

struct Entries<'a> {
    entries: std::collections::btree_map::Iter<'a, String, Node>,
    fields: &'static [&'static str],
    current: Option<(&'a str, &'a Node)>,
}

impl<'a> Entries<'a> {
    fn new(table: &'a Table, fields: &'static [&'static str]) -> Self {
        Self {
            entries: table.iter(),
            fields,
            current: None,
        }
    }

    /// A key as the options spell it: variables have no dashes.
    fn spelled(&self, key: &'a str, node: &Node) -> &'a str {
        if self.fields.contains(&key) || !matches!(node.origin, Origin::Variable(_)) {
            return key;
        }
        self.fields
            .iter()
            .find(|field| field.replace('-', "_") == key)
            .copied()
            .unwrap_or(key)
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some((key, node));
        let key: StrDeserializer<'_, Error> = self.spelled(key, node).into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|error| error.within(None, &node.origin))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (key, node) = self
            .current
            .take()
            .ok_or_else(|| Error::new("a value was asked for before its key".to_owned()))?;
        seed.deserialize(Reader { node })
            .map_err(|error| error.within(Some(key), &node.origin))
    }
}

/// A table with one key, which names the variant.
struct Variant<'a> {
    variant: &'a str,
    node: &'a Node,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = VariantBody<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Error> {
        let name: StrDeserializer<'_, Error> = self.variant.into_deserializer();
        let value = seed
            .deserialize(name)
            .map_err(|error| error.within(None, &self.node.origin))?;
        let body = VariantBody {
            variant: self.variant,
            node: self.node,
        };
        Ok((value, body))
    }
}

struct VariantBody<'a> {
    variant: &'a str,
    node: &'a Node,
}

impl<'de> VariantAccess<'de> for VariantBody<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        let error = Error::new(format!("expected the string '{}'", self.variant));
        Err(error.within(Some(self.variant), &self.node.origin))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Reader { node: self.node })
            .map_err(|error| error.within(Some(self.variant), &self.node.origin))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_any(Reader { node: self.node }, visitor)
            .map_err(|error| error.within(Some(self.variant), &self.node.origin))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(Reader { node: self.node }, "", fields, visitor)
            .map_err(|error| error.within(Some(self.variant), &self.node.origin))
    }
}
