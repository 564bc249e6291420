//! Per-key order: each change begins where the last change of its key ended.

use std::collections::HashMap;

use super::super::findings::{Check, Findings};
use super::super::output::{Change, Row, TableName};
use super::super::stream::{Group, Item};
use super::Truth;

/// The rows of a table, as far as the stream told of them.
#[derive(Default)]
struct Known<'a> {
    rows: HashMap<String, &'a Row>,
    /// Rows may be there of which nothing was told.
    has_unknown: bool,
}

/// Checks the tables that have a key on the source now.
pub fn check(groups: &[Group], truth: &Truth, findings: &mut Findings) {
    let mut tables: HashMap<&TableName, Known> = HashMap::new();
    for group in groups {
        for (sequence, item) in &group.items {
            let told = match item {
                Item::Ddl {
                    statement,
                    tables: named,
                    ..
                } => {
                    for table in named {
                        redefine(tables.entry(table).or_default(), statement);
                    }
                    continue;
                }
                Item::Row { table, change } => {
                    let Some(key) = truth.keys.get(table) else {
                        continue;
                    };
                    let known = tables.entry(table).or_default();
                    follow(known, key, change).map_err(|text| format!("{table}: {text}"))
                }
            };
            if let Err(text) = told {
                findings.complain(
                    Check::KeyChain,
                    format!("{}#{sequence}, {text}", group.name),
                );
            }
        }
    }
}

/// What a statement does to the rows of a table that it names.
fn redefine(known: &mut Known<'_>, statement: &str) {
    let mut words = statement.split_whitespace().map(str::to_ascii_uppercase);
    let (first, second) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    match (first.as_str(), second.as_str()) {
        ("ALTER", _) | (_, "INDEX" | "UNIQUE" | "TRIGGER") => {}
        ("TRUNCATE", _) => known.rows.clear(),
        ("CREATE", _) if known.rows.is_empty() => {}
        _renamed_or_dropped => {
            known.rows.clear();
            known.has_unknown = true;
        }
    }
}

fn follow<'a>(known: &mut Known<'a>, key: &[Box<str>], change: &'a Change) -> Result<(), String> {
    let named = |row: &Row| row.values(key).ok_or(format!("no key {key:?} in {row:?}"));
    if let Some(before) = change.before() {
        let name = named(before)?;
        match known.rows.remove(&name) {
            Some(last) => compare(last, before).map_err(|text| format!("key {name}: {text}"))?,
            None if known.has_unknown => {}
            None => {
                return Err(format!(
                    "key {name} is changed and was never there: {change:?}"
                ));
            }
        }
    }
    if let Some(after) = change.after() {
        let name = named(after)?;
        if let Some(there) = known.rows.insert(name.clone(), after) {
            return Err(format!(
                "key {name} is there already as {there:?}, now {after:?}"
            ));
        }
    }
    Ok(())
}

/// The columns that both have are the same; others came or went by DDL.
fn compare(last: &Row, before: &Row) -> Result<(), String> {
    for (column, value) in &before.0 {
        if let Some(expected) = last.get(column).filter(|expected| *expected != value) {
            return Err(format!(
                "{column} was left as {expected} and begins as {value}"
            ));
        }
    }
    Ok(())
}
