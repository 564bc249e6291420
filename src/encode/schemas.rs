//! Schemas that a sink has to make known before the first message of a table.

/// A schema as it is registered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AvroSchema {
    /// The full name of its record.
    pub name: Box<str>,
    /// The schema as JSON.
    pub text: Box<str>,
}

/// The schemas of a kind of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvroSchemas {
    /// That of keys; `None` where messages have none.
    pub key: Option<AvroSchema>,
    /// That of values.
    pub value: AvroSchema,
}
