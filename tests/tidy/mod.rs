//! Holds the tree to its rules: who may import whom, how long a file may be, what a file says of itself.
//!
//! Each rule is a function from a file's path and text to its complaints; each is shown a text that breaks it.

mod floors;
mod graph;

use std::fs;
use std::path::{Path, PathBuf};

use floors::FLOORS;
use graph::{Graph, graph_of};

const PURE_AND_LEAF: &[&str] = &[
    "failure", "finding", "fault", "mysql", "binlog", "row", "filter", "change",
];

/// Each room of `src` with the rooms it may import, in the order in which a change passes them.
const IMPORTS: [(&str, &[&str], &[&str]); 17] = [
    ("failure", &[], &[]),
    ("finding", &["failure"], &[]),
    ("fault", &[], &[]),
    ("mysql", &["failure", "fault"], &[]),
    ("binlog", &["failure", "fault", "mysql"], &[]),
    ("row", &["failure", "fault", "mysql", "binlog"], &[]),
    (
        "filter",
        &["failure", "fault", "mysql", "binlog", "row"],
        &[],
    ),
    (
        "change",
        &["failure", "fault", "mysql", "binlog", "row", "filter"],
        &[],
    ),
    ("metrics", PURE_AND_LEAF, &[]),
    ("state", PURE_AND_LEAF, &["metrics"]),
    ("source", PURE_AND_LEAF, &["metrics", "state"]),
    ("encode", PURE_AND_LEAF, &[]),
    ("sink", PURE_AND_LEAF, &["metrics", "state", "encode"]),
    (
        "pipeline",
        PURE_AND_LEAF,
        &["metrics", "state", "source", "encode", "sink"],
    ),
    (
        "config",
        PURE_AND_LEAF,
        &["metrics", "state", "source", "encode", "sink", "pipeline"],
    ),
    (
        "http",
        PURE_AND_LEAF,
        &[
            "metrics", "state", "source", "encode", "sink", "pipeline", "config",
        ],
    ),
    (
        "cli",
        PURE_AND_LEAF,
        &[
            "metrics", "state", "source", "encode", "sink", "pipeline", "config", "http",
        ],
    ),
];

/// Rooms that touch nothing outside: what they may not name.
const PURE: [&str; 6] = ["binlog", "row", "filter", "change", "encode", "mysql"];
const OUTSIDE: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "tokio::",
    "async fn",
];
/// The part of `mysql` that talks to a server.
const CONNECTION: &str = "src/mysql/connection";

/// Rooms whose files can be made to fail, and the one file that touches them.
const KEEPS_FILES: [&str; 2] = ["state", "sink"];
const FILES: &str = "src/state/durable.rs";
const FILE_NAMES: [&str; 4] = ["std::fs", "tokio::fs", "std::os::unix::fs", "tempfile::"];

const LINES_MAX: usize = 800;
const ROOMS_WITHOUT_MEANING: [&str; 5] = ["utils", "util", "common", "types", "helpers"];

/// Words that have no place in the repository, cut in two so that this file does not hold them itself.
const FORBIDDEN: [(&str, &str); 11] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("HA", "CK"),
    ("#[ign", "ore"),
    ("todo", "!("),
    ("unimplem", "ented!("),
    ("dbg", "!("),
    ("/wo", "rk/"),
    ("/tm", "p/"),
    ("_ => ", "{}"),
];

type Rule = fn(&str, &str) -> Vec<String>;
const RULES: [Rule; 9] = [
    imports,
    purity,
    files_in_one_place,
    length,
    opening,
    features,
    names,
    exit_codes,
    forbidden_words,
];

#[test]
fn every_file_keeps_every_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "src",
        "tests",
        "benches",
        "fuzz",
        "scripts",
        "schemas",
        "connectors",
        "docs",
    ] {
        collect(&root.join(folder), &mut files);
    }
    let tops = [
        "Cargo.toml",
        "README.md",
        "CHANGELOG.md",
        "clippy.toml",
        "deny.toml",
        "docker-compose.yml",
    ];
    files.extend(
        tops.map(|name| root.join(name))
            .into_iter()
            .filter(|path| path.exists()),
    );
    assert!(files.len() > 50, "only {} files found", files.len());
    let mut complaints = Vec::new();
    for file in files {
        let path = file
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        // What is not text is data, and no rule speaks of it.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for rule in RULES {
            complaints.extend(rule(&path, &text));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn files_take_from_each_other_in_one_direction() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    let texts: Vec<(String, String)> = files
        .iter()
        .filter_map(|file| {
            let path = file.strip_prefix(root).unwrap().to_string_lossy();
            Some((path.into_owned(), fs::read_to_string(file).ok()?))
        })
        .collect();
    let graph = Graph::of(texts.iter().map(|(path, text)| (&**path, &**text)));
    let complaints = [circles(&graph), floors(&graph, FLOORS)].concat();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_room_has_its_row() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_string_lossy().into_owned();
        let known = IMPORTS.iter().any(|(name, ..)| *name == room);
        assert!(
            known || room == "lib" || room == "main",
            "src/{room} has no row in IMPORTS"
        );
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, files);
            }
        } else {
            files.push(path);
        }
    }
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// The room of a file of `src`; the two roots have none.
fn room(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/")?.trim_end_matches(".rs");
    let room = path.split('/').next()?;
    (room != "lib" && room != "main").then_some(room)
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split(" //").next().unwrap_or_default()
}

/// A module imports only what stands before it.
fn imports(path: &str, text: &str) -> Vec<String> {
    let Some(room) = room(path).filter(|_| is_rust(path)) else {
        return Vec::new();
    };
    let Some((_, first, second)) = IMPORTS.iter().find(|(name, ..)| *name == room) else {
        return vec![format!(
            "{path}: room {room} has no row in IMPORTS of tests/tidy"
        )];
    };
    let mut complaints = Vec::new();
    for name in imported(text) {
        let is_room = IMPORTS.iter().any(|(known, ..)| *known == name);
        let allowed = name == room || first.contains(&&*name) || second.contains(&&*name);
        if is_room && !allowed {
            complaints.push(format!(
                "{path}: imports crate::{name}, which does not stand before {room}"
            ));
        }
    }
    complaints
}

/// The first name of every path from the crate's root, those in braces too.
fn imported(text: &str) -> Vec<String> {
    let text: Vec<&str> = text.lines().map(code).collect();
    let text = text.join("\n");
    let mut names = Vec::new();
    for start in ["crate::", "super::super::", "rowtap::"] {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            if let Some(list) = rest.strip_prefix('{') {
                names.extend(first_names(list));
            } else {
                names.push(word(rest));
            }
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

/// The names at the top of `{a::b, c::{d, e}}`, its first brace taken off.
fn first_names(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut top = String::new();
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            other if depth == 0 => top.push(other),
            _ => continue,
        }
    }
    top.split(',').map(|name| word(name.trim())).collect()
}

/// No file takes from another that takes from it, on whatever way.
fn circles(graph: &Graph) -> Vec<String> {
    let circles = graph.circles().into_iter();
    circles
        .map(|circle| format!("a circle of files: {}", circle.join(", ")))
        .collect()
}

/// Inside a room, too, a file takes only from its own floor and those before it.
fn floors(graph: &Graph, rooms: &[(&str, &[&str])]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (room, floors) in rooms {
        let name_of = |path: &str| {
            let below = path.strip_prefix(&format!("src/{room}/"))?;
            let name = below.split('/').next()?.trim_end_matches(".rs");
            (name != "mod").then(|| name.to_owned())
        };
        let floor_of = |name: &str| floors.iter().position(|floor| floor == &name);
        for (from, taken) in &graph.edges {
            let Some(name) = name_of(from) else { continue };
            let Some(floor) = floor_of(&name) else {
                complaints.push(format!("{from}: {name} has no floor in src/{room}"));
                continue;
            };
            let above = taken
                .iter()
                .filter(|to| name_of(to).and_then(|name| floor_of(&name)) > Some(floor));
            complaints.extend(above.map(|to| format!("{from}: takes from {to}, a later floor")));
        }
    }
    complaints
}

/// Pure rooms name nothing of the outside, their tests apart.
fn purity(path: &str, text: &str) -> Vec<String> {
    let pure = room(path).is_some_and(|room| PURE.contains(&room));
    if !pure || path.starts_with(CONNECTION) || path.contains("tests") || !is_rust(path) {
        return Vec::new();
    }
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]");
    let mut complaints = Vec::new();
    for (index, line) in lines.enumerate() {
        for outside in OUTSIDE {
            if code(line).contains(outside) {
                complaints.push(format!("{path}:{}: a pure room names {outside}", index + 1));
            }
        }
    }
    complaints
}

/// What state and sinks do to files, they do in one file, where each step can be made to fail.
fn files_in_one_place(path: &str, text: &str) -> Vec<String> {
    let keeps_files = room(path).is_some_and(|room| KEEPS_FILES.contains(&room));
    if !keeps_files || path == FILES || path.contains("tests") || !is_rust(path) {
        return Vec::new();
    }
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]");
    let mut complaints = Vec::new();
    for (index, line) in lines.enumerate() {
        if FILE_NAMES.iter().any(|name| code(line).contains(name)) {
            complaints.push(format!(
                "{path}:{}: touches files, which is the task of {FILES}",
                index + 1
            ));
        }
    }
    complaints
}

fn length(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    if is_rust(path) && lines > LINES_MAX {
        return vec![format!(
            "{path}: {lines} lines, at most {LINES_MAX} are allowed"
        )];
    }
    Vec::new()
}

fn opening(path: &str, text: &str) -> Vec<String> {
    if is_rust(path) && !text.starts_with("//! ") {
        return vec![format!("{path}: does not open with //! and what it is for")];
    }
    Vec::new()
}

/// Features are a matter of what is built, so they stand where modules are listed.
fn features(path: &str, text: &str) -> Vec<String> {
    let listed = [
        "/mod.rs",
        "src/fault.rs",
        "src/lib.rs",
        "src/main.rs",
        "tests/main.rs",
    ];
    if !is_rust(path) || listed.iter().any(|end| path.ends_with(end)) || path.ends_with("tidy.rs") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = code(line);
        if line.contains("cfg") && line.contains("feature =") {
            complaints.push(format!(
                "{path}:{}: a feature is asked for outside of mod.rs",
                index + 1
            ));
        }
    }
    complaints
}

fn names(path: &str, _text: &str) -> Vec<String> {
    let mut parts = path.split(['/', '.']);
    match parts.find(|part| ROOMS_WITHOUT_MEANING.contains(part)) {
        Some(part) if is_rust(path) => {
            vec![format!("{path}: '{part}' says nothing about what is in it")]
        }
        _ => Vec::new(),
    }
}

/// What a failure means and its number stand in one place; tests may quote the number.
fn exit_codes(path: &str, text: &str) -> Vec<String> {
    let elsewhere = room(path).is_some_and(|room| room != "failure");
    if !is_rust(path) || !elsewhere || path.contains("tests") {
        return Vec::new();
    }
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]");
    let mut complaints = Vec::new();
    for (index, line) in lines.enumerate() {
        let number = |code| code_ends_with(line, &format!("=> {code},"));
        if [65, 69, 73, 75, 76, 78].into_iter().any(number) {
            complaints.push(format!(
                "{path}:{}: an exit code outside of src/failure.rs",
                index + 1
            ));
        }
    }
    complaints
}

fn code_ends_with(line: &str, end: &str) -> bool {
    code(line).trim_end().ends_with(end)
}

fn forbidden_words(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (start, end) in FORBIDDEN {
            let word = format!("{start}{end}");
            if contains_word(line, &word) {
                complaints.push(format!("{path}:{}: '{word}' has no place here", index + 1));
            }
        }
    }
    complaints
}

/// Whether a line holds a word by itself; one that begins or ends with a sign may stand anywhere.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joined = |near: Option<char>, own: Option<char>| {
            own.is_some_and(char::is_alphanumeric)
                && near.is_some_and(|near| near.is_alphanumeric() || near == '_')
        };
        !joined(before, word.chars().next()) && !joined(after, word.chars().next_back())
    })
}

#[track_caller]
fn check(rule: Rule, path: &str, text: &str, complaints: usize) {
    let found = rule(path, text);
    assert_eq!(found.len(), complaints, "{path}: {text}\n{found:#?}");
}

#[test]
fn an_import_against_the_order_is_found() {
    for (path, text, complaints) in [
        ("src/binlog/event.rs", "use crate::row::Value;", 1),
        ("src/binlog/event.rs", "use crate::mysql::Flavour;", 0),
        (
            "src/binlog/event.rs",
            "use crate::{mysql::Flavour, sink::{Sink, file::{a, b}}, row};",
            2,
        ),
        (
            "src/binlog/event.rs",
            "use crate::{\n    mysql::{Flavour},\n    pipeline,\n};",
            1,
        ),
        (
            "src/binlog/event.rs",
            "let x = crate::state::StateFolder::open();",
            1,
        ),
        (
            "src/binlog/event.rs",
            "// use crate::row::Value;\n/// [`crate::row`]",
            0,
        ),
        ("src/binlog/gtid/set.rs", "use super::super::row;", 1),
        ("src/encode/json.rs", "use crate::source::Chunk;", 1),
        ("src/source/mod.rs", "use crate::encode::Block;", 1),
        ("src/fault.rs", "use crate::mysql;", 1),
        ("src/state/mod.rs", "use crate::fault::planted;", 0),
        ("src/row/mod.rs", "use crate::metrics::Registry;", 1),
        ("src/pipeline.rs", "use crate::config::load;", 1),
        ("src/cli/run.rs", "use crate::http::serve;", 0),
        ("src/elsewhere/mod.rs", "", 1),
        ("src/main.rs", "use rowtap::cli;", 0),
        ("tests/main.rs", "use rowtap::cli;", 0),
    ] {
        check(imports, path, text, complaints);
    }
}

#[test]
fn a_pure_room_that_touches_the_outside_is_found() {
    for (path, text, complaints) in [
        ("src/row/value.rs", "let now = SystemTime::now();", 1),
        ("src/encode/json.rs", "use tokio::sync::mpsc;", 1),
        ("src/change/assembler.rs", "pub async fn feed() {}", 1),
        ("src/change/assembler.rs", "// no async fn here", 0),
        ("src/mysql/packet.rs", "use std::net::TcpStream;", 1),
        ("src/mysql/connection.rs", "use tokio::net::TcpStream;", 0),
        (
            "src/mysql/connection/stream.rs",
            "use tokio::net::TcpStream;",
            0,
        ),
        (
            "src/binlog/framer.rs",
            "fn a() {}\n#[cfg(test)]\nmod tests { use std::fs; }",
            0,
        ),
        ("src/state/mod.rs", "use std::fs;", 0),
    ] {
        check(purity, path, text, complaints);
    }
}

#[test]
fn a_file_that_is_touched_elsewhere_is_found() {
    for (path, text, complaints) in [
        ("src/state/folder.rs", "use std::fs;", 1),
        (
            "src/sink/file/mod.rs",
            "let file = std::fs::File::open(path)?;",
            1,
        ),
        (
            "src/sink/file/mod.rs",
            "#[cfg(test)]\nmod tests { use std::fs; }",
            0,
        ),
        ("src/state/durable.rs", "use std::fs;", 0),
        ("src/source/files/mod.rs", "use std::fs;", 0),
    ] {
        check(files_in_one_place, path, text, complaints);
    }
}

#[test]
fn a_long_file_is_found() {
    check(length, "src/a.rs", &"x\n".repeat(801), 1);
    check(length, "src/a.rs", &"x\n".repeat(800), 0);
    check(length, "src/letters.tsv", &"x\n".repeat(900), 0);
}

#[test]
fn a_file_that_does_not_say_what_it_is_for_is_found() {
    check(opening, "src/a.rs", "use std::fs;\n//! Late.\n", 1);
    check(opening, "benches/a.rs", "", 1);
    check(opening, "src/a.rs", "//! Something.\n", 0);
}

#[test]
fn a_feature_in_the_middle_of_code_is_found() {
    for (path, complaints) in [
        ("src/sink/kafka.rs", 1),
        ("src/sink/mod.rs", 0),
        ("src/fault.rs", 0),
    ] {
        check(features, path, "#[cfg(feature = \"kafka\")]", complaints);
        check(features, path, "if cfg!(feature = \"kafka\") {", complaints);
        check(
            features,
            path,
            "#[cfg(not(feature = \"kafka\"))]",
            complaints,
        );
    }
    check(features, "src/sink/kafka.rs", "let feature = \"kafka\";", 0);
}

#[test]
fn a_name_without_meaning_is_found() {
    check(names, "src/utils.rs", "", 1);
    check(names, "src/binlog/common/mod.rs", "", 1);
    check(names, "tests/helpers/mod.rs", "", 1);
    check(names, "src/row/column_type.rs", "", 0);
}

#[test]
fn an_exit_code_outside_its_place_is_found() {
    let arm = "match self {\n    Self::Data => 65,\n}";
    check(exit_codes, "src/sink/error.rs", arm, 1);
    check(exit_codes, "src/failure.rs", arm, 0);
    check(exit_codes, "tests/sinks/file.rs", arm, 0);
    check(exit_codes, "src/row/value.rs", "Self::Bit => 1,", 0);
}

#[test]
fn every_forbidden_word_is_found() {
    for (start, end) in FORBIDDEN {
        check(
            forbidden_words,
            "README.md",
            &format!("a\nb {start}{end} c"),
            1,
        );
    }
    check(forbidden_words, "src/a.rs", "let shackles = MAXXXL;", 0);
}

#[test]
fn a_file_that_takes_from_a_later_floor_is_found() {
    let room = [("a", &["low", "high"][..])];
    for (low, high, found) in [
        ("use super::high::H;", "", 1),
        ("use crate::a::H;", "", 1),
        ("", "use super::low::L;", 0),
        ("use crate::b::B;", "", 0),
    ] {
        let files = [
            ("src/a/mod.rs", "mod low;\nmod high;\npub use high::H;"),
            ("src/a/low.rs", low),
            ("src/a/high/mod.rs", high),
            ("src/b.rs", ""),
        ];
        assert_eq!(
            floors(&graph_of(&files), &room).len(),
            found,
            "{low} {high}"
        );
    }
    let files = [("src/a/mod.rs", "mod cellar;"), ("src/a/cellar.rs", "")];
    assert_eq!(floors(&graph_of(&files), &room).len(), 1);
}
