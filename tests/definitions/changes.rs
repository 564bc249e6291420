//! What rowtap says of tables, in its DDL messages and in its journal, against what the server had.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::catalogue::{Catalogue, Table};
use crate::support::checker::{Check, Findings};

/// How much was told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Definitions in DDL messages that were compared.
    pub compared: usize,
    /// Tables of which a message does not tell the definition.
    pub untold: usize,
}

/// Compares each DDL message of a folder of files with what the server had after the statement.
#[track_caller]
pub fn check_messages(
    folder: &Path,
    after: &BTreeMap<u64, Catalogue>,
    findings: &mut Findings,
) -> Told {
    let mut told = Told::default();
    for message in messages(folder) {
        let statement = message["ddl"].as_str().expect("a statement");
        // The server writes some in words of its own.
        let Some(tables) = number(statement).and_then(|number| after.get(&number)) else {
            continue;
        };
        let one = check_message(&message, tables, findings);
        told.compared += one.compared;
        told.untold += one.untold;
    }
    told
}

/// Compares a DDL message with what the server had after the statement.
#[track_caller]
pub fn check_message(message: &Value, tables: &Catalogue, findings: &mut Findings) -> Told {
    let mut told = Told::default();
    let statement = message["ddl"].as_str().expect("a statement");
    for change in message["tableChanges"].as_array().expect("a list") {
        let name = change["id"].as_str().expect("a name").replace('"', "");
        let found = tables.get(&name);
        if change["type"] == "DROP" {
            if found.is_some() {
                findings.complain(Check::State, format!("{name} is not gone: {statement}"));
            }
            continue;
        }
        if change["table"].is_null() {
            told.untold += 1;
            continue;
        }
        told.compared += 1;
        let said = (
            texts(&change["table"]["columns"], |it| &it["name"]),
            texts(&change["table"]["primaryKeyColumnNames"], |it| it),
        );
        let is = found.map(|table| (owned(&table.names()), table.key.clone()));
        if is.as_ref() != Some(&said) {
            findings.complain(
                Check::State,
                format!("{name} is {is:?}, a message says {said:?}: {statement}"),
            );
        }
    }
    told
}

/// Compares what the journal ends with, as `rowtap definitions` prints it, with the server; returns how many tables were.
#[track_caller]
pub fn check_journal(connector: &Path, tables: &Catalogue, findings: &mut Findings) -> usize {
    let output = Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(["definitions", "--json"])
        .arg(connector)
        .output()
        .expect("the binary starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let page: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut compared = 0;
    for entry in page["tables"].as_array().expect("a list") {
        let text = |name: &str| entry[name].as_str().expect("a name");
        let name = format!("{}.{}", text("database"), text("table"));
        let Some(definition) = entry.get("definition") else {
            continue;
        };
        compared += 1;
        let columns = definition["columns"].as_array().expect("a list");
        let column_types: Vec<String> = texts(&definition["columns"], |it| &it["type"]);
        let key = definition["key"].as_array().map_or(Vec::new(), |key| {
            let column = |index: &Value| {
                let index = usize::try_from(index.as_u64().expect("a place")).expect("a place");
                columns[index]["name"].as_str().expect("a name").to_owned()
            };
            key.iter().map(column).collect()
        });
        let is_raw: Vec<bool> = column_types.iter().map(|it| is_raw(it)).collect();
        let believed = (
            texts(&definition["columns"], |it| &it["name"]),
            shown(column_types.iter().map(|it| plain(it)), &is_raw),
            key,
        );
        let is = tables.get(&name).map(shape).map(|(names, types, key)| {
            let types = shown(types.into_iter(), &is_raw);
            (names, types, key)
        });
        if is.as_ref() != Some(&believed) {
            let text = format!("{name} is {is:?}, the journal says {believed:?}");
            findings.complain(Check::State, text);
        }
    }
    compared
}

/// Whether some labels are in a definition by their bytes, which information_schema does not show.
fn is_raw(column_type: &str) -> bool {
    ["(x'", ",x'"].iter().any(|raw| column_type.contains(raw))
}

/// Types without their labels where some of these are known by their bytes.
fn shown(types: impl Iterator<Item = String>, is_raw: &[bool]) -> Vec<String> {
    let types = types.zip(is_raw.iter().chain(std::iter::repeat(&false)));
    types
        .map(|(text, is_raw)| match (is_raw, text.split_once('(')) {
            (true, Some((name, _))) => name.to_owned(),
            (_, _) => text,
        })
        .collect()
}

fn shape(table: &Table) -> (Vec<String>, Vec<String>, Vec<String>) {
    let types = table.columns.iter().map(|it| plain(&it.column_type));
    (owned(&table.names()), types.collect(), table.key.clone())
}

/// A type without the display width, which newer servers do not tell.
fn plain(column_type: &str) -> String {
    match column_type.split_once("int(") {
        Some((before, rest)) if !before.contains('(') => {
            let rest = rest.split_once(')').map_or("", |(_, rest)| rest);
            format!("{before}int{rest}")
        }
        _other => column_type.to_owned(),
    }
}

/// What the journal of a folder says of tables that could not be followed: the reasons, each with its count.
#[track_caller]
pub fn reasons(state: &Path) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for line in lines(state, "definitions-").iter().skip(1) {
        for change in line["changes"].as_array().into_iter().flatten() {
            if let Some(reason) = change["reason"].as_str() {
                *reasons.entry(reason.to_owned()).or_default() += 1;
            }
        }
    }
    reasons
}

/// The DDL messages of a folder of files.
#[track_caller]
pub fn messages(folder: &Path) -> Vec<Value> {
    lines(folder, "ddl-")
}

/// Every line of the files whose names begin so.
#[track_caller]
pub fn lines(folder: &Path, prefix: &str) -> Vec<Value> {
    let entries = std::fs::read_dir(folder).expect("there is such a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(prefix) && name.ends_with(".jsonl")
        })
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("text"));
    let lines = texts.flat_map(|text| {
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect::<Vec<Value>>()
    });
    lines.collect()
}

/// The number in the comment that a statement begins with.
pub fn number(statement: &str) -> Option<u64> {
    let (number, _) = statement.strip_prefix("/* ")?.split_once(" */")?;
    number.parse().ok()
}

fn texts(list: &Value, text: fn(&Value) -> &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|it| text(it).as_str().expect("a text").to_owned())
        .collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
