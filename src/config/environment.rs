//! The environment's part in the configuration: variables named `ROWTAP__<CONNECTOR>__SECTION__KEY`, and `${VARIABLE}`
//! inside values.

use std::collections::BTreeMap;

use super::document::{Node, Origin, Table, Value};
use super::{ConfigError, secret_file};

/// Environment variables by name.
pub type Variables = BTreeMap<String, String>;

const PREFIX: &str = "ROWTAP__";

/// Assigns each `ROWTAP__` variable to the connector it names. With one connector, its name may be left out.
///
/// `keys` are the keys at the top of a connector file; they tell the variables of connectors that run elsewhere from
/// misspelt ones.
///
/// # Errors
/// `ConfigError::Variable` for a variable that can mean nothing here.
pub fn overlay(
    documents: &mut [(String, Node)],
    variables: &Variables,
    keys: &[&str],
) -> Result<(), ConfigError> {
    let names: Vec<String> = documents.iter().map(|(name, _)| shouted(name)).collect();
    for (variable, value) in variables {
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let segments: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let is_key = |index: usize| {
            segments
                .get(index)
                .is_some_and(|segment| keys.contains(&segment.as_str()))
        };
        let named = names.iter().position(|name| {
            rest.strip_prefix(name.as_str())
                .is_some_and(|rest| rest.starts_with("__"))
        });
        let (index, skip) = match (named, names.len()) {
            (Some(index), _) => {
                let skip = names.get(index).map_or(1, |name| name.split("__").count());
                (index, skip)
            }
            (None, 1) if is_key(0) => (0, 0),
            // Another connector's, run by another process.
            (None, _) if !is_key(0) && is_key(1) => continue,
            (None, _) => {
                return Err(ConfigError::Variable {
                    name: variable.clone(),
                    expected: expected(&names, keys),
                });
            }
        };
        let Some((_, document)) = documents.get_mut(index) else {
            continue;
        };
        let path = segments.get(skip..).unwrap_or_default();
        let node = Node {
            value: Value::Free(value.clone()),
            origin: Origin::Variable(variable.clone()),
        };
        insert(document, path, node).map_err(|()| ConfigError::Variable {
            name: variable.clone(),
            expected: expected(&names, keys),
        })?;
    }
    Ok(())
}

fn expected(names: &[String], keys: &[&str]) -> String {
    let connector = match names {
        [_] => "",
        _ => "<CONNECTOR>__",
    };
    format!(
        "{PREFIX}{connector}KEY or {PREFIX}{connector}SECTION__KEY, the connectors being {} and the first keys {}",
        names.join(", "),
        keys.join(", ")
    )
}

/// A connector's name as it stands in variables.
pub fn shouted(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// Puts a value at a path, in place of what is there. A variable's name has no dashes, dots or capitals: it also finds
/// the key that the file spells with them.
fn insert(node: &mut Node, path: &[String], new: Node) -> Result<(), ()> {
    let Value::Table(table) = &mut node.value else {
        return Err(());
    };
    let (first, rest) = path.split_first().ok_or(())?;
    if first.is_empty() {
        return Err(());
    }
    let key = table
        .keys()
        .find(|key| key.to_ascii_lowercase().replace(['-', '.'], "_") == *first)
        .unwrap_or(first)
        .clone();
    if rest.is_empty() {
        // A variable with the secret itself beats the file's `_file` key, and the other way round.
        if let Some(rival) = secret_file::rival(&key)
            && let Some(node) = table.get(&rival)
            && matches!(node.origin, Origin::File { .. })
        {
            table.remove(&rival);
        }
        table.insert(key, new);
        return Ok(());
    }
    let origin = new.origin.clone();
    let below = table.entry(key).or_insert_with(|| Node {
        value: Value::Table(Table::new()),
        origin: origin.clone(),
    });
    // `start = "earliest"` in the file, `ROWTAP__SOURCE__START__FILE` in the environment.
    if !matches!(below.value, Value::Table(_)) {
        *below = Node {
            value: Value::Table(Table::new()),
            origin,
        };
    }
    insert(below, rest, new)
}

/// Replaces each `${NAME}` in the strings of a file by that variable's value; `$${` stands for `${`.
///
/// # Errors
/// `ConfigError::Key` for a variable that is not set, or a `${` without its end.
pub fn substitute(node: &mut Node, key: &str, variables: &Variables) -> Result<(), ConfigError> {
    match &mut node.value {
        Value::Text(text) => {
            let Some(new) = substituted(text, variables).map_err(|message| ConfigError::Key {
                place: node.origin.clone(),
                key: key.to_owned(),
                message,
            })?
            else {
                return Ok(());
            };
            node.value = new;
            Ok(())
        }
        Value::List(nodes) => nodes
            .iter_mut()
            .try_for_each(|node| substitute(node, key, variables)),
        Value::Table(table) => table.iter_mut().try_for_each(|(name, node)| {
            let key = if key.is_empty() {
                name.clone()
            } else {
                format!("{key}.{name}")
            };
            substitute(node, &key, variables)
        }),
        Value::Free(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Date => {
            Ok(())
        }
    }
}

/// The value with its variables filled in; `None` if there is nothing to do.
fn substituted(text: &str, variables: &Variables) -> Result<Option<Value>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::new();
    let mut rest = text;
    let mut free = false;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        let (name, after) = after
            .split_once('}')
            .ok_or("'${' has no '}', write '$${' for a literal '${'")?;
        let value = variables
            .get(name)
            .ok_or_else(|| format!("variable {name} is not set, set it in the environment"))?;
        out.push_str(before);
        out.push_str(value);
        rest = after;
        free = true;
    }
    out.push_str(rest);
    Ok(Some(if free {
        Value::Free(out)
    } else {
        Value::Text(out)
    }))
}
