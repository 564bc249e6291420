//! Connect's schemas as Avro schemas: what `AvroData.fromConnectSchema` makes of them, with names that Avro allows.
//!
//! A changed name's original stays in the property `rowtap.name`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::names::{Collision, field_names, full_name};
use crate::encode::schemas::AvroSchema;
use crate::row::write_string;

/// The name of a record whose schema has none.
const UNNAMED: &str = "io.confluent.connect.avro.ConnectDefault";
const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
const SCALE: &str = "scale";
const PRECISION: &str = "connect.decimal.precision";
/// Where a schema does not tell it.
const PRECISION_DEFAULT: &str = "64";
/// The property that holds the original of a name that was changed.
pub(super) const ORIGINAL: &str = "rowtap.name";

/// Why there is no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SchemaProblem {
    /// Two columns would have the same name.
    Collision(Collision),
    /// A column whose type is not known for certain.
    Unknown(Box<str>),
    /// A schema that is not as this code expects it: a bug.
    Unforeseen(String),
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collision(Collision {
                first,
                second,
                legal,
            }) => write!(
                f,
                "its columns {first} and {second} would both be the Avro field {legal}, rename one or leave it out"
            ),
            Self::Unknown(column) => write!(
                f,
                "the type of its column {column} is not known for certain, tell the table's definition by rowtap definitions"
            ),
            Self::Unforeseen(what) => write!(f, "its schema cannot be made: {what}"),
        }
    }
}

/// A schema of Connect as its `JsonConverter` writes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Connect {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) fields: Vec<Connect>,
    pub(super) items: Option<Box<Connect>>,
    #[serde(default)]
    pub(super) optional: bool,
    name: Option<String>,
    version: Option<u32>,
    doc: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    pub(super) default: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) field: String,
}

/// The types of Connect that Debezium uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Int8,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Boolean,
    String,
    Bytes,
    Array,
    Struct,
}

/// Where the branches of a union stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branches {
    /// There is no union: the value is never null.
    None,
    /// Null is the first.
    NullFirst,
    /// Null is the second, since the field has another default.
    NullLast,
}

impl Connect {
    /// The schema in the text that stands before the payload of a message.
    pub(super) fn of_head(head: &[u8]) -> Result<Self, SchemaProblem> {
        #[derive(Deserialize)]
        struct Message {
            schema: Connect,
        }
        let message = [head, b"null}"].concat();
        let read: Result<Message, _> = serde_json::from_slice(&message);
        read.map(|message| message.schema)
            .map_err(|error| SchemaProblem::Unforeseen(error.to_string()))
    }

    /// The field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        self.fields.iter().find(|field| field.field == name)
    }

    /// How a value of it may be null.
    pub(super) fn branches(&self) -> Branches {
        match (self.optional, &self.default) {
            (false, _) => Branches::None,
            // A record is null or is not.
            (true, Some(default)) if !default.is_null() && self.kind != Kind::Struct => {
                Branches::NullLast
            }
            (true, _) => Branches::NullFirst,
        }
    }

    /// The Avro schema.
    ///
    /// # Errors
    /// Fields that would have the same name.
    pub(super) fn to_avro(&self) -> Result<AvroSchema, SchemaProblem> {
        let mut writer = SchemaWriter {
            defined: Vec::new(),
            out: Vec::new(),
        };
        writer.write(self, "")?;
        let text = String::from_utf8(writer.out)
            .map_err(|_| SchemaProblem::Unforeseen("it is not UTF-8".to_owned()))?;
        Ok(AvroSchema {
            name: full_name(self.name.as_deref().unwrap_or(UNNAMED)).into(),
            text: text.into(),
        })
    }
}

/// Writes a schema; knows the records that it has written.
struct SchemaWriter {
    defined: Vec<String>,
    out: Vec<u8>,
}

impl SchemaWriter {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn string(&mut self, text: &str) {
        write_string(text, &mut self.out);
    }

    /// Appends a property after others.
    fn property(&mut self, name: &str, value: &str) {
        self.text(",");
        self.string(name);
        self.text(":");
        self.string(value);
    }

    /// Appends a property after others whose value is JSON.
    fn json(&mut self, name: &str, value: &str) {
        self.text(",");
        self.string(name);
        self.text(":");
        self.text(value);
    }

    fn write(&mut self, schema: &Connect, namespace: &str) -> Result<(), SchemaProblem> {
        match schema.branches() {
            Branches::None => self.write_base(schema, namespace),
            Branches::NullFirst => {
                self.text("[\"null\",");
                self.write_base(schema, namespace)?;
                self.text("]");
                Ok(())
            }
            Branches::NullLast => {
                self.text("[");
                self.write_base(schema, namespace)?;
                self.text(",\"null\"]");
                Ok(())
            }
        }
    }

    fn write_base(&mut self, schema: &Connect, namespace: &str) -> Result<(), SchemaProblem> {
        let kind = match schema.kind {
            Kind::Struct => return self.write_record(schema, namespace),
            Kind::Array => "array",
            Kind::Int8 | Kind::Int16 | Kind::Int32 => "int",
            Kind::Int64 => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Boolean => "boolean",
            Kind::String => "string",
            Kind::Bytes => "bytes",
        };
        let start = self.out.len();
        self.text("{\"type\":");
        self.string(kind);
        let bare = self.out.len();
        if let Some(items) = &schema.items {
            self.text(",\"items\":");
            self.write(items, namespace)?;
        }
        if schema.name.as_deref() == Some(DECIMAL) {
            let number = |name: &str, default: &'static str| {
                let value = schema.parameters.get(name);
                value.map_or(default, String::as_str)
            };
            self.json("scale", number(SCALE, "0"));
            self.json("precision", number(PRECISION, PRECISION_DEFAULT));
        }
        self.write_properties(schema);
        if self.out.len() == bare {
            // Without properties its name says all.
            self.out.truncate(start);
            self.string(kind);
        } else {
            self.text("}");
        }
        Ok(())
    }

    /// Appends what Connect's converter keeps of a schema.
    fn write_properties(&mut self, schema: &Connect) {
        if let Some(doc) = &schema.doc {
            self.property("connect.doc", doc);
        }
        if let Some(version) = schema.version {
            self.json("connect.version", &version.to_string());
        }
        if !schema.parameters.is_empty() {
            self.text(",\"connect.parameters\":");
            for (index, (name, value)) in schema.parameters.iter().enumerate() {
                self.text(if index == 0 { "{" } else { "," });
                self.string(name);
                self.text(":");
                self.string(value);
            }
            self.text("}");
        }
        if let Some(default) = default_of(schema) {
            self.json("connect.default", &default);
        }
        if let Some(name) = &schema.name {
            match schema.kind {
                Kind::Struct => self.property("connect.name", &full_name(name)),
                _other => self.property("connect.name", name),
            }
        }
        match schema.kind {
            Kind::Int8 => self.property("connect.type", "int8"),
            Kind::Int16 => self.property("connect.type", "int16"),
            Kind::Int32
            | Kind::Int64
            | Kind::Float
            | Kind::Double
            | Kind::Boolean
            | Kind::String
            | Kind::Bytes
            | Kind::Array
            | Kind::Struct => {}
        }
        let logical = match schema.name.as_deref() {
            Some(DECIMAL) => "decimal",
            Some("org.apache.kafka.connect.data.Date") => "date",
            Some("org.apache.kafka.connect.data.Time") => "time-millis",
            Some("org.apache.kafka.connect.data.Timestamp") => "timestamp-millis",
            Some(_) | None => return,
        };
        self.property("logicalType", logical);
    }

    fn write_record(&mut self, schema: &Connect, outer: &str) -> Result<(), SchemaProblem> {
        let original = schema.name.as_deref().unwrap_or(UNNAMED);
        let full = full_name(original);
        let (namespace, name) = full.rsplit_once('.').unwrap_or(("", &full));
        if self.defined.contains(&full) {
            self.string(if namespace == outer { name } else { &full });
            return Ok(());
        }
        self.text("{\"type\":\"record\",\"name\":");
        self.string(name);
        if namespace != outer {
            self.property("namespace", namespace);
        }
        self.defined.push(full.clone());
        self.text(",\"fields\":[");
        let names = schema.fields.iter().map(|field| &*field.field);
        let names = field_names(names).map_err(SchemaProblem::Collision)?;
        for (index, (field, legal)) in schema.fields.iter().zip(&names).enumerate() {
            if index > 0 {
                self.text(",");
            }
            self.write_field(field, legal, namespace)?;
        }
        self.text("]");
        self.write_properties(schema);
        if full != original {
            self.property(ORIGINAL, original);
        }
        self.text("}");
        Ok(())
    }

    fn write_field(
        &mut self,
        field: &Connect,
        legal: &str,
        namespace: &str,
    ) -> Result<(), SchemaProblem> {
        self.text("{\"name\":");
        self.string(legal);
        self.text(",\"type\":");
        self.write(field, namespace)?;
        match default_of(field) {
            Some(default) => self.json("default", &default),
            None if field.optional => self.json("default", "null"),
            None => {}
        }
        if *legal != *field.field {
            self.property(ORIGINAL, &field.field);
        }
        self.text("}");
        Ok(())
    }
}

/// A field's default as JSON: bytes are letters there, one a byte.
fn default_of(schema: &Connect) -> Option<String> {
    let default = schema.default.as_ref().filter(|value| !value.is_null())?;
    let (Kind::Bytes, Some(text)) = (schema.kind, default.as_str()) else {
        return Some(default.to_string());
    };
    let bytes = STANDARD.decode(text).unwrap_or_default();
    let letters: String = bytes.into_iter().map(char::from).collect();
    Some(serde_json::Value::String(letters).to_string())
}
