//! The JSON schemas of `schemas/`, as far as they are used there.

use std::fs;

use serde_json::Value;

/// A schema document.
pub struct Schema {
    document: Value,
}

impl Schema {
    /// Reads `schemas/NAME.schema.json`.
    pub fn of(name: &str) -> Self {
        let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).expect(&path);
        Self {
            document: serde_json::from_str(&text).expect("JSON"),
        }
    }

    /// Fails unless a message is as the schema says.
    pub fn check(&self, message: &Value) {
        if let Err(wrong) = self.find(&self.document, message, "") {
            panic!("{wrong} in {message}");
        }
    }

    fn find(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.document.pointer(reference.trim_start_matches('#'));
            return self.find(target.expect(reference), value, at);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let results: Vec<_> = choices
                .iter()
                .map(|choice| self.find(choice, value, at))
                .collect();
            let fitting = results.iter().filter(|result| result.is_ok()).count();
            return match fitting {
                1 => Ok(()),
                count => Err(format!("{at}: {count} choices fit, {results:?}")),
            };
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        if !types.is_empty() && !types.iter().any(|name| is_of(name, value)) {
            return Err(format!("{at}: {value} is none of {types:?}"));
        }
        if let Some(values) = schema["enum"].as_array()
            && !values.contains(value)
        {
            return Err(format!("{at}: {value} is none of {values:?}"));
        }
        if schema.get("const").is_some_and(|only| only != value) {
            return Err(format!("{at}: {value} is not {}", schema["const"]));
        }
        self.find_below(schema, value, at)
    }

    fn find_below(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let (Some(items), Some(found)) = (schema.get("items"), value.as_array()) {
            for (number, item) in found.iter().enumerate() {
                self.find(items, item, &format!("{at}/{number}"))?;
            }
        }
        let Some(members) = value.as_object() else {
            return Ok(());
        };
        for name in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                return Err(format!("{at}: lacks {name}"));
            }
        }
        for (name, member) in members {
            let at = format!("{at}/{name}");
            match (
                schema["properties"].get(name),
                schema.get("additionalProperties"),
            ) {
                (Some(known), _) => self.find(known, member, &at)?,
                (None, Some(Value::Bool(false))) => return Err(format!("{at}: not known")),
                (None, Some(others @ Value::Object(_))) => self.find(others, member, &at)?,
                (None, _) => {}
            }
        }
        Ok(())
    }
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}
