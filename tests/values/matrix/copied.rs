//! What a snapshot says of a row is what the stream says of it, but for what was done and where it stands.

use std::collections::BTreeMap;
use std::fs;

use super::Matrix;
use super::output::Line;
use super::stream::ONCE;
use super::tables::{CHANGED, SOURCE};
use crate::commands::process::Folder;
use crate::snapshot::{FIRST, may_copy};
use crate::support::Flavour;

/// The images of rows by their tables, sorted.
fn rows(folder: &Folder, op: &str) -> BTreeMap<String, Vec<String>> {
    let entries = fs::read_dir(folder.path("changes")).expect("the sink's folder");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in entries {
        let path = entry.expect("a file").path();
        if !path.to_string_lossy().contains("/changes-") {
            continue;
        }
        for line in fs::read_to_string(&path).expect("text").lines() {
            let parsed = Line::parse(line).expect("a change");
            let short: String = line.chars().take(300).collect();
            assert!(line.contains(&format!("\"op\":\"{op}\"")), "{short}");
            let after = parsed.after.expect("a row").to_owned();
            found
                .entry(parsed.table.to_owned())
                .or_default()
                .push(after);
        }
    }
    found.values_mut().for_each(|rows| rows.sort());
    found
}

/// MySQL 5.7 prints a DOUBLE in a document that is a whole number as an integer, and a negative zero as 0.
fn without_points(rows: &mut BTreeMap<String, Vec<String>>) {
    for rows in rows.values_mut() {
        for row in rows.iter_mut() {
            for end in [",", "]", "}"] {
                *row = row.replace(&format!(".0{end}"), end);
                *row = row.replace(&format!("-0{end}"), &format!("0{end}"));
            }
        }
        rows.sort();
    }
}

fn check(flavour: Flavour) {
    let mut matrix = Matrix::start(flavour);
    may_copy(&matrix.bench.server, "u");
    let streaming = Folder::streaming_any(&matrix.bench.server, "u");
    streaming.succeeds(&ONCE);
    for (table, _) in std::mem::take(&mut matrix.tables) {
        let names = table.names(&table.assigned());
        let name = &table.name;
        matrix.bench.run(&format!(
            "INSERT INTO {CHANGED}.{name} ({names}) SELECT {names} FROM {SOURCE}.{name}"
        ));
    }
    streaming.succeeds(&ONCE);
    let copying = Folder::streaming_any(&matrix.bench.server, "u")
        .replacing("start = 'latest'", FIRST)
        .replacing("[sink]", "[filter]\nreplicate-do-db = 'cells'\n[sink]");
    copying.succeeds(&ONCE);
    let (mut streamed, mut copied) = (rows(&streaming, "c"), rows(&copying, "r"));
    if flavour == Flavour::MySql57 {
        without_points(&mut streamed);
        without_points(&mut copied);
    }
    let names = |rows: &BTreeMap<String, Vec<String>>| rows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&streamed), names(&copied));
    let mut wrong = Vec::new();
    for (table, streamed) in &streamed {
        let copied = &copied[table];
        assert_eq!(streamed.len(), copied.len(), "{table}");
        wrong.extend(streamed.iter().zip(copied).filter(|(a, b)| a != b).map(
            |(streamed, copied)| {
                let same = streamed.bytes().zip(copied.bytes());
                let from = same.take_while(|(a, b)| a == b).count().saturating_sub(40);
                let part = |text: &str| {
                    let part = text.as_bytes().iter().skip(from).take(160).copied();
                    String::from_utf8_lossy(&part.collect::<Vec<_>>()).into_owned()
                };
                format!("{table}: {}\n   copied {}", part(streamed), part(copied))
            },
        ));
    }
    let count: usize = streamed.values().map(Vec::len).sum();
    println!("{flavour:?}: {count} rows of {} tables", streamed.len());
    wrong.truncate(20);
    assert!(wrong.is_empty(), "{flavour:?}: {}", wrong.join("\n"));
}

#[test]
fn rows_of_mysql_9_7_are_the_same_copied_as_streamed() {
    check(Flavour::MySql97);
}

#[test]
fn rows_of_mysql_8_0_are_the_same_copied_as_streamed() {
    check(Flavour::MySql80);
}

#[test]
fn rows_of_mysql_5_7_are_the_same_copied_as_streamed() {
    check(Flavour::MySql57);
}

#[test]
fn rows_of_mariadb_11_8_are_the_same_copied_as_streamed() {
    check(Flavour::MariaDb118);
}

#[test]
fn rows_of_mariadb_10_11_are_the_same_copied_as_streamed() {
    check(Flavour::MariaDb1011);
}
