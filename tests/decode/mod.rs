//! `rowtap decode` as a person runs it on files: what comes out, which part of a file is taken, and how it ends.
//!
//! Threatens whoever restores from binlogs: a row too few or too many, or a mistake in a file that goes unsaid.

mod definitions;
mod far;
mod hostile;
mod inputs;
mod partial_json;
mod ranges;
mod recordings;
mod relay_logs;
mod script;
mod sessions;
mod verify;
#[cfg(feature = "kafka")]
mod xa;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{Flavour, cache};

/// Recordings without a statement that stops a decoding.
const WHOLE: [(&str, Flavour); 2] = [
    ("shop-mysql-9.7", Flavour::MySql97),
    ("shop-mariadb-10.11", Flavour::MariaDb1011),
];

fn recording(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/binlogs");
    folder.join(format!("{name}.binlog"))
}

/// How a process ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowtap"));
    command
        .args(["--log-format", "text", "decode"])
        .args(arguments)
        .env_remove("RUST_LOG")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn decode(arguments: &[&str]) -> Ended {
    ended(command(arguments).output().unwrap())
}

fn decode_from(arguments: &[&str], input: &Path) -> Ended {
    let input = File::open(input).unwrap();
    ended(command(arguments).stdin(input).output().unwrap())
}

/// Decodes to a good end.
#[track_caller]
fn decoded(arguments: &[&str]) -> String {
    let ended = decode(arguments);
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
    ended.stdout
}

/// Decodes to an end with this code and a last word that holds all of these, and returns what came out before.
#[track_caller]
fn fails(arguments: &[&str], code: i32, fragments: &[&str]) -> String {
    let ended = decode(arguments);
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
    for fragment in fragments {
        assert!(last.contains(fragment), "{arguments:?}: {last}");
    }
    ended.stdout
}

/// Row changes of each table.
type Rows = BTreeMap<String, u64>;

/// The row changes that `--summary` counts, by table and kind.
fn summary_rows(text: &str) -> Rows {
    let mut rows = Rows::new();
    for line in text.lines().skip(2) {
        let fields: Vec<&str> = line.split('\t').collect();
        for (kind, count) in ["INSERT", "UPDATE", "DELETE"].iter().zip(&fields[1..]) {
            let count: u64 = count.parse().unwrap();
            if count > 0 {
                rows.insert(format!("{kind} {}", fields[0]), count);
            }
        }
    }
    rows
}

/// What the flavour's own `mysqlbinlog` prints.
fn listing(flavour: Flavour, arguments: &[&str]) -> String {
    let programs = ["mysqlbinlog", "mariadb-binlog"]
        .map(|program| cache().join(flavour.name()).join("bin").join(program));
    let program = programs.iter().find(|path| path.exists()).unwrap();
    let output = Command::new(program)
        .args(["-vv", "--base64-output=decode-rows"])
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The row changes in such a listing, by table and kind.
fn listed_rows(text: &str) -> Rows {
    let mut rows = Rows::new();
    for line in text.lines() {
        let Some(statement) = line.strip_prefix("### ") else {
            continue;
        };
        for (start, kind) in [
            ("INSERT INTO ", "INSERT"),
            ("UPDATE ", "UPDATE"),
            ("DELETE FROM ", "DELETE"),
        ] {
            if let Some(table) = statement.strip_prefix(start) {
                *rows
                    .entry(format!("{kind} {}", table.replace('`', "")))
                    .or_default() += 1;
            }
        }
    }
    rows
}

/// Where groups begin in such a listing, and where the last one ends.
fn boundaries(text: &str) -> Vec<u64> {
    let mut at = 0;
    let mut boundaries = Vec::new();
    for line in text.lines() {
        if let Some(position) = line.strip_prefix("# at ") {
            at = position.parse().unwrap();
        }
        let opens = line.contains("\tGTID\t")
            || line.contains("\tGTID ")
            || line.contains("\tAnonymous_GTID\t");
        if opens || line.contains("\tStop") || line.contains("\tRotate") {
            boundaries.push(at);
        }
    }
    boundaries
}
