//! The `[sink]` section: its `type` decides which keys it may hold.
//!
//! Read here and not by serde's tagged enums, which lose the place of a mistake and read a variable's value as text.

use super::document::{Node, Table, Value};
use super::{ConfigError, Origin, SINKS, sink_of};
use crate::sink::SinkOptions;

/// Reads the section of a connector file, which has one.
///
/// # Errors
/// A missing or unknown type, or a mistake in its keys.
pub fn read(document: &Node) -> Result<SinkOptions, ConfigError> {
    let Some(section) = table(document).and_then(|table| table.get("sink")) else {
        return Err(fault(&document.origin, "", "key sink is missing"));
    };
    let Some(keys) = table(section) else {
        return Err(fault(&section.origin, "sink", "expected a table"));
    };
    let expected = format!("expected one of {}", SINKS.join(", "));
    let mut keys = keys.clone();
    let Some(kind) = keys.remove("type") else {
        let message = format!("key type is missing, {expected}");
        return Err(fault(&section.origin, "sink", &message));
    };
    let (Value::Text(name) | Value::Free(name)) = &kind.value else {
        let message = format!("{expected}, as a string");
        return Err(fault(&kind.origin, "sink.type", &message));
    };
    let keys = Node {
        value: Value::Table(keys),
        origin: section.origin.clone(),
    };
    sink_of(name, &keys).map_err(with_type)?.ok_or_else(|| {
        let message = format!("{expected}, found '{name}'");
        fault(&kind.origin, "sink.type", &message)
    })
}

/// The type is a key too, though it was read before the others.
fn with_type(error: ConfigError) -> ConfigError {
    match error {
        ConfigError::Key {
            place,
            key,
            message,
        } if key == "sink" && message.starts_with("no such key") => ConfigError::Key {
            place,
            key,
            message: message.replacen("expected one of ", "expected one of type, ", 1),
        },
        other => other,
    }
}

fn table(node: &Node) -> Option<&Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        Value::Text(_)
        | Value::Free(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date
        | Value::List(_) => None,
    }
}

fn fault(place: &Origin, key: &str, message: &str) -> ConfigError {
    ConfigError::Key {
        place: place.clone(),
        key: key.to_owned(),
        message: message.to_owned(),
    }
}
