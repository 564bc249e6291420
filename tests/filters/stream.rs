//! The row changes that the program itself writes under some rules: one connector a set of rules, many in a process; and what
//! `rowtap explain` says of the same binary log under the same rules.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rowtap::filter::{DdlFilter, FilterOptions};
use serde_json::Value;

use super::statements;
use super::traffic::Change;
use crate::support::Server;

/// Each connector has connections of its own, of which the source takes a hundred.
const CONNECTORS_PER_RUN: usize = 24;

/// What a connector wrote.
pub struct Streamed {
    /// The row changes.
    pub rows: Vec<Change>,
    /// The numbers of the statements.
    pub statements: Vec<usize>,
    /// What the rules make of the binary log.
    pub explained: Explained,
}

/// What `rowtap explain` says of a binary log.
pub struct Explained {
    /// Database and table, whether it is published, and how many of its rows changed.
    pub tables: Vec<(String, String, bool, u64)>,
    /// The numbers of statements, and whether they are published.
    pub statements: Vec<(usize, bool)>,
}

/// Streams the source's binary log from `begin` to its end into files, once for each set of rules, and reads them.
pub fn changes(source: &Server, begin: &(String, u64), rules: &[FilterOptions]) -> Vec<Streamed> {
    let folder = tempfile::tempdir().unwrap();
    let mut changes = Vec::new();
    for (number, rules) in rules.chunks(CONNECTORS_PER_RUN).enumerate() {
        let folder = folder.path().join(format!("run-{number}"));
        fs::create_dir(&folder).unwrap();
        let connectors: Vec<PathBuf> = rules
            .iter()
            .enumerate()
            .map(|(index, rules)| {
                let file = folder.join(format!("case-{index}.toml"));
                fs::write(&file, connector(&file, source, begin, rules)).unwrap();
                file
            })
            .collect();
        run(&connectors);
        let binlog = source.binlog_path(&begin.0);
        changes.extend(
            connectors
                .iter()
                .map(|file| read(&file.with_extension("changes"), explain(file, &binlog))),
        );
    }
    changes
}

fn connector(file: &Path, source: &Server, begin: &(String, u64), rules: &FilterOptions) -> String {
    let (binlog, position) = begin;
    let path = |extension| quoted(&file.with_extension(extension).display().to_string());
    let mut text = format!(
        "state_dir = {}\n[source]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n\
         start = {{ file = \"{binlog}\", position = {position} }}\n\
         [sink]\ntype = \"file\"\nfolder = {}\n[filter]\n",
        path("state"),
        source.port(),
        path("changes"),
    );
    if rules.ddl_filter == DdlFilter::AsMysqld {
        text += "ddl-filter = \"as_mysqld\"\n";
    }
    for (key, list) in [
        ("replicate-do-db", &rules.replicate_do_db),
        ("replicate-ignore-db", &rules.replicate_ignore_db),
        ("replicate-do-table", &rules.replicate_do_table),
        ("replicate-ignore-table", &rules.replicate_ignore_table),
        ("replicate-wild-do-table", &rules.replicate_wild_do_table),
        (
            "replicate-wild-ignore-table",
            &rules.replicate_wild_ignore_table,
        ),
        ("replicate-rewrite-db", &rules.replicate_rewrite_db),
    ] {
        // One rule as a string, several as an array: both are forms that users write.
        match &list[..] {
            [] => {}
            [rule] => writeln!(text, "{key} = {}", quoted(rule)).unwrap(),
            rules => {
                let rules: Vec<String> = rules.iter().map(|rule| quoted(rule)).collect();
                writeln!(text, "{key} = [{}]", rules.join(", ")).unwrap();
            }
        }
    }
    text
}

/// A TOML string; JSON's escapes are all TOML's too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn run(connectors: &[PathBuf]) {
    output(&["run", "--once", "--http", "off"], connectors);
}

/// What rowtap prints, which has to end well.
fn output(arguments: &[&str], files: &[PathBuf]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "rowtap ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn explain(connector: &Path, binlog: &Path) -> Explained {
    let files = [connector, binlog].map(Path::to_owned);
    let printed = output(&["explain", "--json"], &files);
    let found: Value = serde_json::from_slice(&printed).unwrap();
    let question = |answer: &Value| answer["question"].as_str().unwrap().to_owned();
    let is_published = |answer: &Value| answer["outcome"] == "published";
    let tables = found["tables"].as_array().unwrap().iter();
    let statements = found["statements"].as_array().unwrap().iter();
    Explained {
        tables: tables
            .map(|table| {
                let rows = table["rows"].as_u64().unwrap();
                let part = |key: &str| table[key].as_str().unwrap().to_owned();
                (part("database"), part("table"), is_published(table), rows)
            })
            .collect(),
        statements: statements
            .filter_map(|answer| {
                let number = statements::number(&question(answer))?;
                Some((number, is_published(answer)))
            })
            .collect(),
    }
}

fn read(folder: &Path, explained: Explained) -> Streamed {
    let ddl = lines(folder, "ddl-");
    let texts = ddl.iter().map(|line| line["ddl"].as_str().unwrap());
    Streamed {
        rows: lines(folder, "changes-").iter().map(change).collect(),
        statements: texts.filter_map(statements::number).collect(),
        explained,
    }
}

fn lines(folder: &Path, prefix: &str) -> Vec<Value> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(prefix)
        })
        .collect();
    files.sort();
    let lines = files.iter().map(|file| fs::read_to_string(file).unwrap());
    lines
        .collect::<String>()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn change(record: &Value) -> Change {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let images = [&record["before"], &record["after"]];
    Change {
        verb: match record["op"].as_str() {
            Some("c") => "INSERT",
            Some("u") => "UPDATE",
            Some("d") => "DELETE",
            other => panic!("no such op: {other:?}"),
        }
        .to_owned(),
        database: text(&record["source"]["db"]),
        table: text(&record["source"]["table"]),
        values: images
            .into_iter()
            .filter(|image| !image.is_null())
            .map(|image| image["v"].to_string())
            .collect(),
    }
}
