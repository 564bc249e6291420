//! What the documents say: their files load, their commands run, their lists are those of the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::process::{Folder, account, source};
use crate::support::{Flavour, Server};

fn document(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    let parts = text.split(&start).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_readmes_own_commands_work_on_a_real_server() {
    let readme = document("README.md");
    let server = Server::start(Flavour::MySql97, &[]);
    for statement in blocks(&readme, "sql")[0]
        .split(';')
        .filter(|text| !text.trim().is_empty())
    {
        server.execute(statement);
    }
    let connector = &blocks(&readme, "toml")[0];
    let folder = Folder::new(connector)
        .variable("SHOP_PASSWORD", "change me")
        .variable("ROWTAP__SHOP__SOURCE__PORT", &server.port().to_string());
    let commands = blocks(&readme, "sh").concat();
    let commands = commands
        .lines()
        .map(|line| line.split('#').next().unwrap().trim());
    let mut ran = Vec::new();
    let of_connectors = commands
        .filter(|command| command.starts_with("rowtap "))
        .filter(|command| !command.starts_with("rowtap decode"));
    for command in of_connectors {
        let mut arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        if arguments == ["run", "shop.toml"] {
            // The same, but for its end: what comes after a first run is delivered by the second.
            arguments.insert(1, "--once");
            folder.succeeds(&arguments);
            server.execute(
                "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY); INSERT INTO shop.orders VALUES (7);
                 CREATE TABLE shop.tmp1 (id INT PRIMARY KEY); INSERT INTO shop.tmp1 VALUES (8)",
            );
        } else {
            ran.push(folder.succeeds(&arguments));
        }
    }
    let changes = folder.changes();
    let ids: Vec<i64> = changes
        .iter()
        .map(|change| change["after"]["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, [7]);
    assert_eq!(ran.len(), 3, "check, run --once and status");
    let (file, position) = server.coordinates();
    let status = &ran[2].stdout;
    assert!(
        status.contains(&format!("Relay_Source_Log_File: {file}\n")),
        "{status}"
    );
    assert!(
        status.contains(&format!("Exec_Source_Log_Pos: {position}\n")),
        "{status}"
    );
}

#[test]
fn the_readmes_own_commands_work_on_a_real_binlog() {
    let server = Server::start(Flavour::MySql97, &["--binlog-row-metadata=FULL"]);
    server.execute(
        "CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY); INSERT INTO shop.orders VALUES (7), (8)",
    );
    let (file, _) = server.coordinates();
    let folder = Folder::new("");
    fs::copy(server.binlog_path(&file), folder.path("binlog.000001")).unwrap();
    let mut ran = 0;
    for command in blocks(&document("README.md"), "sh").concat().lines() {
        let (command, promised) = command.split_once('#').unwrap_or((command, ""));
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        if arguments.first() != Some(&"decode") {
            continue;
        }
        let stdout = if arguments.contains(&"--follow") {
            let mut running = folder.start(&arguments);
            running.until("changes came", |running| {
                running.stdout().contains("\"id\":8")
            });
            running.signal("TERM");
            running.end().stdout
        } else {
            folder.succeeds(&arguments).stdout
        };
        let expected = match promised {
            _ if promised.contains("JSON Lines") || promised.contains("keep reading") => {
                "\"after\":{\"id\":7}"
            }
            _ if promised.contains("row changes per table") => "shop.orders\t2\t0\t0",
            _ if promised.contains("every byte of every event") => "checksum",
            _ if promised.contains("repeat the changes") => "INSERT INTO `shop`.`orders`",
            _ if promised.contains("undo them") => "DELETE FROM `shop`.`orders`",
            _ => panic!("{command}: nothing is known of '{promised}'"),
        };
        assert!(stdout.contains(expected), "{command}: {stdout}");
        ran += 1;
    }
    assert_eq!(ran, 6);
}

#[test]
fn every_connector_file_loads() {
    let connectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors");
    let mut count = 0;
    for entry in fs::read_dir(connectors).unwrap() {
        let path = entry.unwrap().path();
        let variables = [("ROWTAP_PASSWORD".to_owned(), "x".to_owned())].into();
        let loaded = rowtap::config::load(std::slice::from_ref(&path), &variables);
        assert!(
            loaded.is_ok(),
            "{}: {}",
            path.display(),
            loaded.unwrap_err()
        );
        count += 1;
    }
    assert!(count >= 3, "{count}");
    let readme = document("README.md");
    for block in &blocks(&readme, "toml")[1..] {
        let mut text = match block.contains("[source]") {
            true => block.clone(),
            false => format!("[source]\nhost = 'a'\nuser = 'u'\n{block}"),
        };
        if !block.contains("[sink]") {
            text.push_str("[sink]\ntype = 'blackhole'\n");
        }
        let folder = Folder::new(&text);
        let loaded = rowtap::config::load(
            &[folder.path("shop.toml")],
            &rowtap::config::Variables::new(),
        );
        assert!(loaded.is_ok(), "{block}: {}", loaded.unwrap_err());
    }
}

/// The keys that the program names when it finds one that it does not know.
fn keys(folder: &Folder) -> BTreeSet<String> {
    let error = rowtap::config::load(
        &[folder.path("shop.toml")],
        &rowtap::config::Variables::new(),
    )
    .unwrap_err();
    let text = error.to_string();
    let (_, list) = text
        .split_once("no such key 'no_such', expected one of ")
        .expect(&text);
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_has_the_programs_keys_and_no_others() {
    let schema: Value = serde_json::from_str(&document("schemas/connector.schema.json")).unwrap();
    let folder = |from: &str, to: &str| Folder::new(&source(3306, "u")).replacing(from, to);
    let mut sinks = vec!["file", "stdout", "blackhole"];
    sinks.extend(super::KAFKA);
    let mut cases = vec![
        ("/properties".to_owned(), folder("state_dir", "no_such")),
        (
            "/$defs/source/properties".to_owned(),
            folder("host =", "no_such ="),
        ),
        (
            "/$defs/source_files/properties".to_owned(),
            Folder::new("[source]\nfiles = ['a']\nno_such = 1\n[sink]\ntype = 'blackhole'\n"),
        ),
        (
            "/$defs/tls/properties".to_owned(),
            folder("[sink]", "tls = { no_such = 1 }\n[sink]"),
        ),
        (
            "/$defs/filter/properties".to_owned(),
            folder("[sink]", "[filter]\nno_such = 1\n[sink]"),
        ),
        (
            "/$defs/avro/properties".to_owned(),
            folder("[sink]", "[sink]\navro = { no_such = 1 }"),
        ),
        (
            "/$defs/debezium/properties".to_owned(),
            folder("[sink]", "[sink]\ndebezium = { no_such = 1 }"),
        ),
        (
            "/$defs/snapshot/properties".to_owned(),
            folder("[sink]", "[snapshot]\nno_such = 1\n[sink]"),
        ),
    ];
    for kind in sinks {
        let text =
            format!("[source]\nhost = 'a'\nuser = 'u'\n[sink]\ntype = '{kind}'\nno_such = 1\n");
        cases.push((format!("/$defs/{kind}/properties"), Folder::new(&text)));
    }
    if let Some(kind) = super::KAFKA {
        let text = format!(
            "[source]\nhost = 'a'\nuser = 'u'\n[sink]\ntype = '{kind}'\n[sink.registry]\nno_such = 1\n"
        );
        cases.push(("/$defs/registry/properties".to_owned(), Folder::new(&text)));
    }
    for (place, folder) in cases {
        let properties = schema
            .pointer(&place)
            .and_then(Value::as_object)
            .unwrap_or_else(|| panic!("the schema has no {place}"));
        let is_other_spelling =
            |key: &str| key.contains('_') && properties.contains_key(&key.replace('_', "-"));
        let described: BTreeSet<String> = properties
            .keys()
            .filter(|key| !is_other_spelling(key))
            .cloned()
            .collect();
        assert_eq!(described, keys(&folder), "{place}");
    }
}

#[test]
fn the_state_documents_example_is_what_is_written() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "state_document");
    let folder = Folder::streaming(server, "state_document");
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let written = fs::read_to_string(folder.path("state/shop/relay-log.info")).unwrap();
    let document = document("schemas/state.md");
    let rows: Vec<&str> = document
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
        .collect();
    assert_eq!(rows.len(), written.lines().count());
    for (row, line) in rows.iter().zip(written.lines()) {
        let example = row.rsplit('|').nth(1).unwrap().trim().trim_matches('`');
        match example.split_once('=') {
            Some((key, _)) => assert!(line.starts_with(&format!("{key}=")), "{row}: {line}"),
            None => assert_eq!(example.is_empty(), line.is_empty(), "{row}: {line}"),
        }
    }
    let sum = Command::new("sh")
        .args(["-c", &blocks(&document, "sh")[0]])
        .current_dir(folder.path("state/shop"))
        .output()
        .unwrap();
    let sum = format!(
        "\ncrc32={}\n",
        String::from_utf8(sum.stdout).unwrap().trim()
    );
    assert!(written.contains(&sum), "{sum}{written}");
    let identity = fs::read_to_string(folder.path("state/shop/auto.cnf")).unwrap();
    let example = blocks(&document, "ini")[0].clone();
    let words = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split('=').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(words(&identity), words(&example));
}
