//! In which fields two Avro schemas differ.

use std::collections::BTreeMap;

use serde_json::Value;

/// The fields that only one of two schemas has, or that have another type or default there, each once and in words; `None`
/// for what is no schema.
pub(super) fn differences(former: &str, new: &str) -> Option<Vec<String>> {
    let read = |text: &str| {
        let schema: Value = serde_json::from_str(text).ok()?;
        let mut fields = BTreeMap::new();
        collect(&schema, "", &mut fields);
        Some(fields)
    };
    let (former, new) = (read(former)?, read(new)?);
    let gone = former.iter().filter(|(name, _)| !new.contains_key(*name));
    let gone = gone.map(|(name, _)| format!("field {name} is gone"));
    let others = new
        .iter()
        .filter_map(|(name, field)| match former.get(name) {
            None if field.1.is_none() => Some(format!("field {name} is new and has no default")),
            None => Some(format!("field {name} is new")),
            Some(known) if known.0 != field.0 => {
                Some(format!("field {name} was {} and is {}", known.0, field.0))
            }
            Some(known) if known.1 != field.1 => Some(format!("field {name} has another default")),
            Some(_same) => None,
        });
    Some(gone.chain(others).collect())
}

/// The type of a field, and its default.
type Field = (String, Option<Value>);

/// Collects the fields of all records in a schema, each under the names of the fields that it is in.
fn collect(schema: &Value, path: &str, fields: &mut BTreeMap<String, Field>) {
    match schema {
        Value::Array(branches) => {
            for branch in branches {
                collect(branch, path, fields);
            }
        }
        Value::Object(parts) => {
            let list = parts.get("fields").and_then(Value::as_array);
            for field in list.into_iter().flatten() {
                let name = field.get("name").and_then(Value::as_str);
                let name = name.unwrap_or_default();
                let path = match path {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                let kind = field.get("type").unwrap_or(&Value::Null);
                collect(kind, &path, fields);
                let shown = (shown(kind), field.get("default").cloned());
                fields.insert(path, shown);
            }
            for inner in ["items", "values", "type"] {
                if let Some(inner @ (Value::Object(_) | Value::Array(_))) = parts.get(inner) {
                    collect(inner, path, fields);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A type in words: its logical type, or else its name.
fn shown(kind: &Value) -> String {
    match kind {
        Value::String(name) => name.clone(),
        Value::Array(branches) => {
            let branches: Vec<String> = branches.iter().map(shown).collect();
            branches.join(" or ")
        }
        Value::Object(parts) => {
            let text = |name: &str| parts.get(name).and_then(Value::as_str);
            let number = |name: &str| parts.get(name).and_then(Value::as_u64);
            match (text("logicalType"), number("precision")) {
                (Some("decimal"), Some(precision)) => {
                    let scale = number("scale").unwrap_or_default();
                    format!("decimal({precision}, {scale})")
                }
                (Some(logical), _) => logical.to_owned(),
                (None, _) => text("name").or(text("type")).unwrap_or("a type").to_owned(),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_that_differ_are_named_with_what_they_are_in() {
        let schema = |fields: &str| {
            format!(
                r#"{{"type":"record","name":"E","fields":[{{"name":"after","type":["null",{{"type":"record","name":"V","fields":[{fields}]}}]}}]}}"#
            )
        };
        let former = schema(
            r#"{"name":"x","type":"int"},{"name":"gone","type":"int"},{"name":"same","type":"string"},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}"#,
        );
        let new = schema(
            r#"{"name":"x","type":"string"},{"name":"more","type":["null","int"],"default":null},{"name":"same","type":"string"},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":7,"scale":2}},{"name":"must","type":"int"}"#,
        );
        assert_eq!(
            differences(&former, &new).unwrap(),
            [
                "field after.gone is gone",
                "field after.d was decimal(5, 2) and is decimal(7, 2)",
                "field after.more is new",
                "field after.must is new and has no default",
                "field after.x was int and is string",
            ]
        );
        assert_eq!(differences(&former, &former).unwrap(), [""; 0]);
        assert_eq!(differences("<html>", &new), None);
    }
}
