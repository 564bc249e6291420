//! Messages that are about no row: heartbeats, and where groups begin and end. Each kind of them has schemas of its own.

use serde_json::Value;

use super::connect::Connect;
use super::document;
use super::plan::head;
use crate::encode::schemas::AvroSchemas;

/// The schemas of one kind of messages, and what writes such messages.
#[derive(Debug)]
pub struct AvroNotices {
    key: Connect,
    value: Connect,
    schemas: AvroSchemas,
}

impl AvroNotices {
    /// Those whose keys and values have these schemas, each as Connect's JSON converter writes it before a payload; `None` where
    /// it does not.
    pub fn new(key: &str, value: &str) -> Option<Self> {
        let [key, value] = [key, value].map(|head| Connect::of_head(head.as_bytes()).ok());
        let (key, value) = (key?, value?);
        let schemas = AvroSchemas {
            key: Some(key.to_avro().ok()?),
            value: value.to_avro().ok()?,
        };
        Some(Self {
            key,
            value,
            schemas,
        })
    }

    /// What a registry is to know.
    pub fn schemas(&self) -> &AvroSchemas {
        &self.schemas
    }

    /// The key and the value of a message with these payloads, whose schemas have these numbers; `None` where a payload is not one
    /// of its schema.
    pub fn write(
        &self,
        (key_number, value_number): (u32, u32),
        (key, value): (&Value, &Value),
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut written = (head(key_number), head(value_number));
        document::write(&self.key, key, &mut written.0)?;
        document::write(&self.value, value, &mut written.1)?;
        Some(written)
    }
}
