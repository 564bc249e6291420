//! A JSON payload in Avro, under the Connect schema that goes with it. For statements and notices, which are rare: rows never come here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::binary::{SECOND, write_bytes, write_length, write_long};
use super::connect::{Branches, Connect, Kind};

/// Appends a value; `None` where it is not one of its schema.
pub(super) fn write(schema: &Connect, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    let (of_null, of_value): (Option<u8>, Option<u8>) = match schema.branches() {
        Branches::None => (None, None),
        Branches::NullFirst => (Some(0), Some(SECOND)),
        Branches::NullLast => (Some(SECOND), Some(0)),
    };
    if value.is_null() {
        out.push(of_null?);
        return Some(());
    }
    out.extend(of_value);
    match schema.kind {
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => write_long(value.as_i64()?, out),
        Kind::Float => {
            // JSON has the shortest digits that give the number back.
            let value: f32 = value.to_string().parse().ok()?;
            out.extend_from_slice(&value.to_le_bytes());
        }
        Kind::Double => out.extend_from_slice(&value.as_f64()?.to_le_bytes()),
        Kind::Boolean => out.push(u8::from(value.as_bool()?)),
        Kind::String => write_bytes(value.as_str()?.as_bytes(), out),
        Kind::Bytes => write_bytes(&STANDARD.decode(value.as_str()?).ok()?, out),
        Kind::Array => {
            let (items, values) = (schema.items.as_deref()?, value.as_array()?);
            if !values.is_empty() {
                write_length(values.len(), out);
                for value in values {
                    write(items, value, out)?;
                }
            }
            out.push(0);
        }
        Kind::Struct => {
            for field in &schema.fields {
                write(field, value.get(&field.field).unwrap_or(&Value::Null), out)?;
            }
        }
    }
    Some(())
}
