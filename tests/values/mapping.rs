//! `schemas/types.md`: every row of its tables on every server that it names, and what becomes of text that is none.

use std::path::Path;

use super::Bench;
use super::decode::members;
use super::matrix::output::{self, Line};
use crate::commands::process::{Folder, account};
use crate::support::Flavour;

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// A row of a table in the document.
pub struct Mapping<'a> {
    on: &'a str,
    pub definition: &'a str,
    pub value: &'a str,
    pub json: &'a str,
}

pub fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/types.md");
    std::fs::read_to_string(path).expect("the document")
}

pub fn mappings(document: &str) -> Vec<Mapping<'_>> {
    let mut mappings = Vec::new();
    // What comes after it is in other formats.
    let own = document.split_once("\n## In the formats of peers\n");
    let (own, _others) = own.expect("a section of other formats");
    for line in own.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, _, on, definition, value, json, _, _] = cells[..] else {
            continue;
        };
        let [definition, value, json] = [definition, value, json].map(|cell| {
            cell.strip_prefix('`')
                .and_then(|cell| cell.strip_suffix('`'))
        });
        if let (Some(definition), Some(value), Some(json)) = (definition, value, json) {
            mappings.push(Mapping {
                on,
                definition,
                value,
                json,
            });
        }
    }
    mappings
}

impl Mapping<'_> {
    pub fn is_on(&self, flavour: Flavour) -> bool {
        let (family, version) = flavour.name().split_once('-').expect("a version");
        self.on
            .split(' ')
            .any(|word| word == "all" || word == family || word == version)
    }

    pub fn variable(&self) -> Option<(&str, &str)> {
        self.on.split(' ').find_map(|word| word.split_once('='))
    }
}

pub fn start(flavour: Flavour) -> (Bench, Folder) {
    let bench = Bench::start(flavour);
    account(&bench.server, "u");
    let folder = Folder::streaming_any(&bench.server, "u");
    (bench, folder)
}

/// Compares the document with a server; gives the number of rows.
fn check(flavour: Flavour, mappings: &[Mapping<'_>]) -> usize {
    let (mut bench, folder) = start(flavour);
    let (file, _) = bench.server.coordinates();
    let on: Vec<_> = mappings.iter().filter(|row| row.is_on(flavour)).collect();
    for (index, row) in on.iter().enumerate() {
        if let Some((name, value)) = row.variable() {
            bench.run(&format!("SET GLOBAL {name} = {value}"));
        }
        bench.run(&format!("CREATE TABLE t{index} (c {})", row.definition));
        if let Some((name, _)) = row.variable() {
            bench.run(&format!("SET GLOBAL {name} = DEFAULT"));
        }
        bench.run(&format!(
            "INSERT INTO t{index} VALUES ({}), (NULL)",
            row.value
        ));
    }
    bench.run("FLUSH BINARY LOGS");
    let mut found = vec![Vec::new(); on.len()];
    let path = bench.server.binlog_path(&file);
    output::decode(&path, Some(&folder.path("shop.toml")), |line| {
        if let Some(line) = Line::parse(line) {
            let index: usize = line.table[1..].parse().expect("a number");
            let image = members(line.after.expect("an image"));
            found[index].push(image["c"].clone());
        }
    });
    let wrong: Vec<_> = on
        .iter()
        .zip(&found)
        .filter(|(row, found)| found[..] != [row.json, "null"])
        .map(|(row, found)| format!("{} {}: {found:?}", row.definition, row.value))
        .collect();
    assert!(wrong.is_empty(), "{flavour:?}: {wrong:#?}");
    on.len()
}

#[test]
fn the_document_of_mappings_is_true_on_every_server() {
    let document = document();
    let mappings = mappings(&document);
    assert!(mappings.len() >= 60, "{}", mappings.len());
    for row in &mappings {
        let known = |flavour: &Flavour| row.is_on(*flavour);
        assert!(Flavour::EVERY.iter().any(known), "{} is no server", row.on);
    }
    let rows: usize = Flavour::EVERY
        .iter()
        .map(|flavour| check(*flavour, &mappings))
        .sum();
    println!(
        "{rows} rows of schemas/types.md on {} servers",
        Flavour::EVERY.len()
    );
}

/// Runs `rowtap decode` on a file; gives the code it ends with, and what it printed.
fn decoded(folder: &Folder, file: &str, policy: &str) -> (Option<i32>, String, String) {
    let policy = format!("--invalid-text={policy}");
    let ended = folder.run(&["decode", &policy, file]);
    (ended.code, ended.stdout, ended.stderr)
}

#[test]
fn invalid_text_stops_or_goes_on_as_the_operator_says() {
    for flavour in Flavour::ALL {
        let (mut bench, folder) = start(flavour);
        folder.succeeds(&ONCE);
        bench.run("CREATE TABLE notes (id INT PRIMARY KEY, note VARCHAR(9) CHARACTER SET cp1251)");
        bench.run("CREATE TABLE names (name VARCHAR(9) CHARACTER SET cp1251 PRIMARY KEY)");
        bench.run("FLUSH BINARY LOGS");
        let (notes, _) = bench.server.coordinates();
        bench.run("INSERT INTO notes VALUES (1, x'6198cf'), (2, 'b')");
        bench.run("UPDATE notes SET id = 3 WHERE id = 1");
        bench.run("FLUSH BINARY LOGS");
        let (names, _) = bench.server.coordinates();
        bench.run("INSERT INTO names VALUES (x'6198')");
        bench.run("FLUSH BINARY LOGS");
        let path = |name: &str| bench.server.binlog_path(name).display().to_string();

        let (code, _, errors) = decoded(&folder, &path(&notes), "fail");
        assert_eq!(code, Some(65), "{errors}");
        for part in [
            &notes,
            "cells.notes",
            "column note",
            "text is not cp1251 at byte 1",
            "invalid_text = \"replace\"",
            "--invalid-text",
        ] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
        let (code, lines, errors) = decoded(&folder, &path(&notes), "replace");
        assert_eq!(code, Some(0), "{errors}");
        assert_eq!(
            lines.matches("\"note\":\"a\u{fffd}\u{41f}\"").count(),
            3,
            "{lines}"
        );
        assert!(lines.contains("\"note\":\"b\""), "{lines}");
        assert!(
            errors.contains("not valid text in their character set"),
            "{errors}"
        );
        let (code, lines, errors) = decoded(&folder, &path(&notes), "base64");
        assert_eq!(code, Some(0), "{errors}");
        assert_eq!(
            lines.matches("\"note\":{\"base64\":\"YZjP\"}").count(),
            3,
            "{lines}"
        );

        // In a key nothing is replaced.
        for policy in ["fail", "replace"] {
            let (code, _, errors) = decoded(&folder, &path(&names), policy);
            assert_eq!(code, Some(65), "{errors}");
            assert!(errors.contains("invalid_text = \"base64\""), "{errors}");
        }
        let (code, lines, errors) = decoded(&folder, &path(&names), "base64");
        assert_eq!(code, Some(0), "{errors}");
        assert!(lines.contains("\"name\":{\"base64\":\"YZg=\"}"), "{lines}");

        folder.fails(65, &["column note", "cells.notes", &notes, "invalid_text"]);
        let folder = folder.replacing("state_dir", "invalid_text = 'base64'\nstate_dir");
        folder.succeeds(&ONCE);
    }
}
