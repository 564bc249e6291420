//! A configuration tree read into typed options by serde, strictly: a string is not a number and a number is not a string.
//!
//! Only values that come from the environment have no type of their own. Errors know the place, the key, and what was
//! expected.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, Expected, IntoDeserializer as _, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::document::{Content, Keys, Node, parse_value};
use super::origin::ValueOrigin;
use super::spelling::{hint, known, nearest};

/// Reads a tree.
///
/// # Errors
/// The first thing that does not fit.
pub fn read<T: de::DeserializeOwned>(node: &Node) -> Result<T, ValueError> {
    T::deserialize(ValueReader { node })
}

/// An error on its way up from the value to the root; each level adds its key.
#[derive(Debug)]
pub struct ValueError {
    /// Innermost first.
    keys: Vec<String>,
    /// Where it is; `None` if that is the root.
    pub place: Option<ValueOrigin>,
    /// What was found, where that may be shown.
    pub found: Option<Box<str>>,
    /// What is wrong.
    pub misfit: Misfit,
}

/// Why a tree does not fit the options.
#[derive(Debug)]
pub enum Misfit {
    /// A key that is not one of those expected.
    Unknown {
        found: String,
        expected: &'static [&'static str],
    },
    /// A key that is not there.
    Missing(&'static str),
    /// A key that is given twice, in two spellings.
    Duplicate(&'static str),
    /// A value that cannot be used, and what was expected.
    Value(String),
    /// A value that is known to be unusable.
    Told,
}

impl ValueError {
    fn new(misfit: Misfit) -> Self {
        Self {
            keys: Vec::new(),
            place: None,
            found: None,
            misfit,
        }
    }

    fn value(message: impl Into<String>) -> Self {
        Self::new(Misfit::Value(message.into()))
    }

    fn within(mut self, key: Option<&str>, place: &ValueOrigin) -> Self {
        self.keys.extend(key.map(str::to_owned));
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// The keys that lead to it from the root.
    pub fn path(&self) -> Vec<String> {
        self.keys.iter().rev().cloned().collect()
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.misfit {
            Misfit::Unknown { found, .. } => write!(f, "no such key '{found}'"),
            Misfit::Missing(field) => write!(f, "key {field} is missing"),
            Misfit::Duplicate(field) => write!(f, "key {field} is given twice"),
            Misfit::Value(message) => f.write_str(message),
            Misfit::Told => f.write_str("the value cannot be used"),
        }
    }
}

impl std::error::Error for ValueError {}

impl de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::value(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self {
            found: Some(kind(found).into()),
            ..Self::value(format!("expected {}", plain(&expected.to_string())))
        }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self {
            found: Some(found.to_string().into()),
            ..Self::value(format!("expected {}", plain(&expected.to_string())))
        }
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        let hint = hint(nearest(found, expected));
        Self {
            found: Some(format!("'{found}'{hint}").into()),
            ..Self::value(format!(
                "expected one of {}",
                known(&[], expected).join(", ")
            ))
        }
    }

    fn unknown_field(found: &str, expected: &'static [&'static str]) -> Self {
        let found = found.to_owned();
        Self::new(Misfit::Unknown { found, expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Misfit::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Misfit::Duplicate(field))
    }
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
        "a nonzero u16" => "a number from 1 to 65535".to_owned(),
        "a nonzero u32" => "a number from 1 to 4294967295".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        "path string" => "a path".to_owned(),
        DURATION => "a duration such as \"10s\" or \"1m 30s\"".to_owned(),
        // A number of bytes, as its crate calls what it wants.
        "parsable string" | "integer overflow" | "an integer or string" => {
            "a size such as \"48MiB\", or a number of bytes".to_owned()
        }
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

/// How the crate of durations calls what it wants.
const DURATION: &str = "an unsigned duration string";

/// Hands a text to a visitor. What is wrong with a duration is said in the words of a connector file.
fn visit_text<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, ValueError> {
    let expected = (&visitor as &dyn Expected).to_string();
    visitor.visit_str(text).map_err(|error| match &*expected {
        DURATION => de::Error::invalid_value(Unexpected::Str(text), &DURATION),
        _other => error,
    })
}

#[derive(Clone, Copy)]
struct ValueReader<'a> {
    node: &'a Node,
}

/// A number method: text from the environment is read as that number, anything else as what it is.
macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            match self.free().map(str::parse::<$type>) {
                Some(Ok(number)) => visitor.$visit(number),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'a> ValueReader<'a> {
    fn free(&self) -> Option<&'a str> {
        match &self.node.content {
            Content::Free(text) => Some(text),
            _typed => None,
        }
    }

    /// Lists and tables from the environment are written as in TOML, on one line.
    fn structure(&self) -> Option<Node> {
        let text = self.free()?.trim();
        (text.starts_with('[') || text.starts_with('{'))
            .then(|| parse_value(text, &self.node.origin))?
    }
}

impl<'de> de::Deserializer<'de> for ValueReader<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if let Some(node) = self.structure() {
            return ValueReader { node: &node }.deserialize_any(visitor);
        }
        match &self.node.content {
            Content::Text(text) | Content::Free(text) => visit_text(text, visitor),
            Content::Integer(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(*number),
            },
            Content::Float(number) => visitor.visit_f64(*number),
            Content::Boolean(value) => visitor.visit_bool(*value),
            Content::Date => Err(ValueError::value(
                "found a date, which no key takes, put it in quotes".to_owned(),
            )),
            Content::List(nodes) => visitor.visit_seq(List {
                nodes: nodes.iter().enumerate(),
            }),
            Content::Table(table) => visitor.visit_map(Entries::new(table, &[])),
            Content::Unusable => Err(ValueError::new(Misfit::Told)),
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

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match &self.node.content {
            Content::Free(text) => visit_text(text, visitor),
            // Required keys are texts.
            Content::Unusable => visitor.visit_str(""),
            _typed => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match &self.node.content {
            Content::Unusable => visitor.visit_none(),
            _given => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match &self.node.content {
            Content::Table(table) => visitor.visit_map(Entries::new(table, fields)),
            _other => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        if let Some(node) = self.structure() {
            return ValueReader { node: &node }.deserialize_enum(_name, variants, visitor);
        }
        match &self.node.content {
            Content::Text(text) | Content::Free(text) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Content::Table(table) => match table.iter().next() {
                Some((variant, node)) if table.len() == 1 => {
                    visitor.visit_enum(Variant { variant, node })
                }
                _ => Err(ValueError::value(format!(
                    "expected a table with exactly one of {}",
                    variants.join(", ")
                ))),
            },
            Content::Integer(_)
            | Content::Float(_)
            | Content::Boolean(_)
            | Content::Date
            | Content::List(_) => Err(ValueError::value(format!(
                "expected one of {}, as a string",
                variants.join(", ")
            ))),
            Content::Unusable => Err(ValueError::new(Misfit::Told)),
        }
    }

    /// What nobody reads is not checked.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct List<'a> {
    nodes: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = ValueError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ValueError> {
        // What is known to be wrong is passed over, so that the elements after it are read.
        let mut usable = (&mut self.nodes).filter(|(_, node)| node.content != Content::Unusable);
        let Some((index, node)) = usable.next() else {
            return Ok(None);
        };
        seed.deserialize(ValueReader { node })
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
    fn new(table: &'a Keys, fields: &'static [&'static str]) -> Self {
        Self {
            entries: table.iter(),
            fields,
            current: None,
        }
    }

    /// A key as the options spell it: variables have no dashes.
    fn spelled(&self, key: &'a str, node: &Node) -> &'a str {
        if self.fields.contains(&key) || !matches!(node.origin, ValueOrigin::Variable(_)) {
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
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ValueError> {
        let Some((name, node)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some((name, node));
        let key: StrDeserializer<'_, ValueError> = self.spelled(name, node).into_deserializer();
        seed.deserialize(key).map(Some).map_err(|mut error| {
            // As the file spells it.
            if let Misfit::Unknown { found, .. } = &mut error.misfit {
                found.clone_from(name);
            }
            error.within(None, &node.origin)
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ValueError> {
        let (key, node) = self
            .current
            .take()
            .ok_or_else(|| ValueError::value("a value was asked for before its key".to_owned()))?;
        seed.deserialize(ValueReader { node })
            .map_err(|error| error.within(Some(key), &node.origin))
    }
}

/// A table with one key, which names the variant.
struct Variant<'a> {
    variant: &'a str,
    node: &'a Node,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = ValueError;
    type Variant = VariantBody<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), ValueError> {
        let name: StrDeserializer<'_, ValueError> = self.variant.into_deserializer();
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
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        let error = ValueError::value(format!("expected the string '{}'", self.variant));
        Err(error.within(Some(self.variant), &self.node.origin))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ValueError> {
        seed.deserialize(ValueReader { node: self.node })
            .map_err(|error| error.within(Some(self.variant), &self.node.origin))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        de::Deserializer::deserialize_any(ValueReader { node: self.node }, visitor)
            .map_err(|error| error.within(Some(self.variant), &self.node.origin))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        de::Deserializer::deserialize_struct(ValueReader { node: self.node }, "", fields, visitor)
            .map_err(|error| error.within(Some(self.variant), &self.node.origin))
    }
}
