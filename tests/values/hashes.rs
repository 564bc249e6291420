//! Hashes of columns of every type, against what the server makes of the documented text.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use super::Bench;
use super::mapping::{Mapping, document, mappings, start};
use crate::commands::process::Folder;
use crate::support::Flavour;

const SALT: &str = "pepper & salt";

/// The hash as the server makes it of a salt and some text.
fn by_server(bench: &Bench, text: &str) -> String {
    let mut hex = String::new();
    for byte in text.bytes() {
        write!(hex, "{byte:02x}").unwrap();
    }
    let query = format!("SELECT SHA2(CONCAT('{SALT}', x'{hex}'), 256)");
    bench.server.query_one(&query).unwrap()
}

/// HMAC-SHA-256 by its definition (RFC 2104), the hashes those of the server.
fn hmac_by_server(bench: &Bench, text: &str) -> String {
    let pad = |with: u8| {
        let mut key: Vec<u8> = SALT.bytes().collect();
        key.resize(64, 0);
        key.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{:02x}", byte ^ with).unwrap();
            hex
        })
    };
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let (inner, outer) = (pad(0x36), pad(0x5c));
    let query = format!(
        "SELECT SHA2(CONCAT(x'{outer}', UNHEX(SHA2(CONCAT(x'{inner}', x'{hex}'), 256))), 256)"
    );
    bench.server.query_one(&query).unwrap()
}

/// What the rules hash: the JSON of a value, without quotes and escapes.
fn plain(json: &str) -> String {
    match serde_json::from_str(json).unwrap() {
        Value::String(text) => text,
        _other => json.to_owned(),
    }
}

/// The images after the changes of a binlog file, by table.
fn decoded(folder: &Folder, arguments: &[&str]) -> HashMap<String, Vec<Value>> {
    let all = [&["decode"], arguments].concat();
    let ended = folder.succeeds(&all);
    let mut images: HashMap<String, Vec<Value>> = HashMap::new();
    for line in ended.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let (Some(table), false) = (line["source"]["table"].as_str(), line["after"].is_null()) {
            let images = images.entry(table.to_owned()).or_default();
            images.push(line["after"].clone());
        }
    }
    images
}

fn create(bench: &mut Bench, index: usize, row: &Mapping<'_>) {
    if let Some((name, value)) = row.variable() {
        bench.run(&format!("SET GLOBAL {name} = {value}"));
    }
    let definition = row.definition;
    bench.run(&format!(
        "CREATE TABLE t{index} (salted {definition}, keyed {definition})"
    ));
    if let Some((name, _)) = row.variable() {
        bench.run(&format!("SET GLOBAL {name} = DEFAULT"));
    }
    let value = row.value;
    bench.run(&format!(
        "INSERT INTO t{index} VALUES ({value}, {value}), (NULL, NULL)"
    ));
}

fn check(flavour: Flavour) {
    let (mut bench, folder) = start(flavour);
    let (file, _) = bench.server.coordinates();
    let document = document();
    let mut rows = mappings(&document);
    rows.retain(|row| row.is_on(flavour));
    for (index, row) in rows.iter().enumerate() {
        create(&mut bench, index, row);
    }
    bench.run("FLUSH BINARY LOGS");
    fs::write(folder.path("salt"), format!("{SALT}\n")).unwrap();
    let path = bench.server.binlog_path(&file).display().to_string();
    let images = decoded(
        &folder,
        &[
            "--definitions=shop.toml",
            r"--columns-hash=cells\..*\.salted->salt_file=salt",
            r"--columns-hash=cells\..*\.keyed->hmac_key_file=salt",
            &path,
        ],
    );
    for (index, row) in rows.iter().enumerate() {
        let text = plain(row.json);
        let (salted, keyed) = (by_server(&bench, &text), hmac_by_server(&bench, &text));
        let expected = [
            serde_json::json!({"salted": salted, "keyed": keyed}),
            serde_json::json!({"salted": null, "keyed": null}),
        ];
        let found = &images[&format!("t{index}")];
        assert_eq!(found[..], expected, "{} {}", row.definition, row.value);
    }
    println!("{flavour:?}: {} types", rows.len());
}

#[test]
fn hashes_are_what_the_server_makes_of_the_documented_text() {
    check(Flavour::MySql97);
    check(Flavour::MariaDb118);
}

#[test]
fn a_text_has_one_hash_in_every_character_set_type_and_image() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (mut bench, folder) = start(flavour);
        let (file, _) = bench.server.coordinates();
        for (index, definition) in [
            "VARCHAR(40) CHARACTER SET utf8mb4",
            "CHAR(40) CHARACTER SET latin1",
            "TEXT CHARACTER SET utf16",
            "VARCHAR(40) CHARACTER SET cp1250",
            "ENUM('grün', 'Zürich 12')",
        ]
        .iter()
        .enumerate()
        {
            bench.run(&format!(
                "CREATE TABLE w{index} (id INT PRIMARY KEY, word {definition})"
            ));
            bench.run(&format!("INSERT INTO w{index} VALUES (1, 'Zürich 12')"));
            bench.run(&format!("UPDATE w{index} SET id = 2"));
        }
        bench.run("FLUSH BINARY LOGS");
        fs::write(folder.path("salt"), SALT).unwrap();
        let path = bench.server.binlog_path(&file).display().to_string();
        let images = decoded(
            &folder,
            &[r"--columns-hash=.*\.word->salt_file=salt", &path],
        );
        // The server's own value of the column, and not what a document says of it.
        let query = format!(
            "SELECT SHA2(CONCAT('{SALT}', CONVERT(word USING utf8mb4)), 256) FROM {}.w1",
            super::DATABASE
        );
        let expected = bench.server.query_one(&query).unwrap();
        assert_eq!(images.len(), 5);
        for image in images.values().flatten() {
            assert_eq!(image["word"], *expected, "{flavour:?}");
        }
    }
}
