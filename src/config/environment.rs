//! The environment's part in the configuration: variables named `ROWTAP__<CONNECTOR>__SECTION__KEY`, and `${VARIABLE}`
//! inside values.

use std::collections::BTreeMap;

use tracing::warn;

use super::document::{Content, Draft, Node};
use super::mistake::{Mistake, Mistakes};
use super::origin::ValueOrigin;
use super::secret_file::{joined, rival};
use super::spelling::nearest;

/// Environment variables by name.
pub type Variables = BTreeMap<String, String>;

const PREFIX: &str = "ROWTAP__";

/// Assigns each `ROWTAP__` variable to the connector it names. With one connector, its name may be left out. A variable
/// that can mean nothing here is a mistake.
///
/// `keys` are the keys at the top of a connector file; they tell the variables of connectors that run elsewhere from
/// misspelt ones.
pub fn overlay(
    drafts: &mut [Draft],
    variables: &Variables,
    keys: &[&str],
    mistakes: &mut Mistakes,
) {
    let names: Vec<String> = drafts.iter().map(|draft| shouted(&draft.name)).collect();
    let mut meaningless = |variable: &str| {
        mistakes.add(Mistake::Variable {
            name: variable.to_owned(),
            expected: expected(&names, keys),
        });
    };
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
            (None, _) if !is_key(0) && is_key(1) => {
                tell_of_other(variable, segments.first(), drafts);
                continue;
            }
            (None, _) => {
                meaningless(variable);
                continue;
            }
        };
        let Some(draft) = drafts.get_mut(index) else {
            continue;
        };
        let path = segments.get(skip..).unwrap_or_default();
        let node = Node {
            content: Content::Free(value.clone()),
            origin: ValueOrigin::Variable(variable.clone()),
        };
        if insert(&mut draft.document, path, node).is_err() {
            meaningless(variable);
        }
    }
}

/// Says that a variable is that of a connector that does not run here: in another process, or misspelt.
fn tell_of_other(variable: &str, name: Option<&String>, drafts: &[Draft]) {
    let known: Vec<&str> = drafts.iter().map(|draft| &*draft.name).collect();
    let name = name.map_or("", String::as_str);
    match nearest(name, &known) {
        Some(meant) => warn!(
            variable,
            "the variable names a connector {name}, which is not run here, and is left aside; did you mean {PREFIX}{}__…?",
            shouted(meant)
        ),
        None => warn!(
            variable,
            "the variable names a connector {name}, which is not run here, and is left aside; the connectors here are {}",
            known.join(", ")
        ),
    }
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
    let Content::Table(table) = &mut node.content else {
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
        if let Some(rival) = rival(&key)
            && let Some(node) = table.get(&rival)
            && matches!(node.origin, ValueOrigin::File { .. })
        {
            table.remove(&rival);
        }
        table.insert(key, new);
        return Ok(());
    }
    let origin = new.origin.clone();
    let below = table
        .entry(key)
        .or_insert_with(|| Node::empty(origin.clone()));
    // `start = "earliest"` in the file, `ROWTAP__SOURCE__START__FILE` in the environment.
    if !matches!(below.content, Content::Table(_)) {
        *below = Node::empty(origin);
    }
    insert(below, rest, new)
}

/// Replaces each `${NAME}` in the strings of a file by that variable's value; `$${` stands for `${`. A variable that is not
/// set, and a `${` without its end, are mistakes.
pub fn substitute(node: &mut Node, key: &str, variables: &Variables, mistakes: &mut Mistakes) {
    match &mut node.content {
        Content::Text(text) => match substituted(text, variables) {
            Ok(Some(new)) => node.content = new,
            Ok(None) => {}
            Err(message) => {
                mistakes.add_key(&node.origin, key, message);
                node.content = Content::Unusable;
            }
        },
        Content::List(nodes) => nodes
            .iter_mut()
            .for_each(|node| substitute(node, key, variables, mistakes)),
        Content::Table(table) => {
            for (name, node) in table {
                substitute(node, &joined(key, name), variables, mistakes);
            }
        }
        Content::Free(_)
        | Content::Integer(_)
        | Content::Float(_)
        | Content::Boolean(_)
        | Content::Date
        | Content::Unusable => {}
    }
}

/// The value with its variables filled in; `None` if there is nothing to do.
fn substituted(text: &str, variables: &Variables) -> Result<Option<Content>, String> {
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
        Content::Free(out)
    } else {
        Content::Text(out)
    }))
}
