//! What is wrong with the folders of connectors: each with a connector of its own, all of them checked by one command.

use std::fs;

use super::super::process::{Folder, account, source};
use super::{Problem, checked, fatal, names_in, warning};
use crate::support::{Flavour, Server, SmallDisk};

/// A connector whose folders are wrong, the exit code that it has alone, and what is told.
type Staged = (&'static str, i32, Problem);

const STAGED: [Staged; 10] = [
    ("state_is_file", 73, fatal("state_folder", "is no folder")),
    ("sink_is_file", 73, fatal("sink_folder", "is no folder")),
    (
        "checkpoint",
        65,
        fatal("checkpoint", "cannot be trusted, restore it from a copy"),
    ),
    (
        "identity",
        65,
        fatal("identity", "auto.cnf line 2: expected server-uuid=UUID"),
    ),
    (
        "orders",
        65,
        fatal(
            "skips",
            "or move it elsewhere: then no group is passed over any more",
        ),
    ),
    (
        "record",
        65,
        fatal("skips", "the connector stops at the XA COMMIT"),
    ),
    ("manifest", 65, fatal("manifest", "line 1 is damaged")),
    (
        "no_manifest",
        65,
        fatal("manifest", "is missing though changes-"),
    ),
    (
        "owner",
        78,
        fatal("manifest", "are those of connector other"),
    ),
    ("emptied", 65, fatal("target", "")),
];

fn text(folder: &Folder, server: &Server, name: &str) -> String {
    let dir = folder.path("").display().to_string();
    let dir = dir.trim_end_matches('/');
    source(server.port(), "tap")
        .replace("{dir}/changes", &format!("{dir}/{name}"))
        .replace("{dir}", dir)
}

/// Damages what a connector that has run left behind.
fn damage(folder: &Folder, name: &str) {
    let state = |file: &str| folder.path(&format!("state/{name}/{file}"));
    let sink = |file: &str| folder.path(&format!("{name}/{file}"));
    let manifest = sink("manifest.jsonl");
    match name {
        "state_is_file" => {
            fs::remove_dir_all(folder.path("state/state_is_file")).unwrap();
            fs::write(folder.path("state/state_is_file"), "").unwrap();
        }
        "sink_is_file" => {
            fs::remove_dir_all(folder.path(name)).unwrap();
            fs::write(folder.path(name), "").unwrap();
        }
        "checkpoint" => fs::write(state("relay-log.info"), "12\n").unwrap(),
        "identity" => fs::write(state("auto.cnf"), "[auto]\nserver-id=5\n").unwrap(),
        "orders" => fs::write(state("skip-orders.json"), "{").unwrap(),
        "record" => fs::write(state("skipped.jsonl"), "{}\n{}\n").unwrap(),
        "manifest" => {
            let text = fs::read_to_string(&manifest).unwrap();
            fs::write(&manifest, text.replacen("binlog", "bimlog", 1)).unwrap();
        }
        "no_manifest" => fs::remove_file(&manifest).unwrap(),
        "owner" => {
            let text = fs::read_to_string(folder.path("other/manifest.jsonl")).unwrap();
            fs::write(&manifest, text).unwrap();
        }
        "emptied" => {
            fs::remove_dir_all(folder.path(name)).unwrap();
            fs::create_dir(folder.path(name)).unwrap();
        }
        other => panic!("{other}"),
    }
}

#[test]
fn damaged_folders_are_told_at_once_and_left_as_they_are() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "tap");
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY)");
    let folder = Folder::new(&source(server.port(), "tap"));
    let names = STAGED.iter().map(|(name, ..)| *name).chain(["other"]);
    let files: Vec<String> = names.clone().map(|name| format!("{name}.toml")).collect();
    for name in names {
        let text = text(&folder, &server, name);
        fs::write(folder.path(&format!("{name}.toml")), text).unwrap();
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let run = [&["run", "--once", "--http", "off"], &files[..]].concat();
    folder.succeeds(&run);
    server.execute("INSERT INTO d.t VALUES (1)");
    folder.succeeds(&run);
    checked(&folder, &files).is_ready();
    STAGED.iter().for_each(|(name, ..)| damage(&folder, name));

    let before = names_in(&folder);
    let report = checked(&folder, &files);
    for (name, code, problem) in &STAGED {
        let told = report.of(problem);
        assert!(
            told.iter().any(|told| told.connector == *name),
            "{name}: {told:?}"
        );
        let alone = checked(&folder, &[&format!("{name}.toml")]);
        assert_eq!(alone.code, Some(*code), "{name}: {alone:?}");
        // A run says the same.
        let ended = folder.run(&["run", "--once", "--http", "off", &format!("{name}.toml")]);
        assert_eq!(ended.code, Some(*code), "{name}: {}", ended.stderr);
    }
    assert!(before.iter().all(|path| path.exists()));
}

#[test]
fn what_a_fix_says_of_damaged_orders_helps() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "tap");
    let folder = Folder::streaming(&server, "tap");
    let once = ["run", "--once", "--http", "off", "shop.toml"];
    folder.succeeds(&once);
    fs::write(folder.path("state/shop/skip-orders.json"), "{").unwrap();
    folder.fails(65, &["or move it elsewhere"]);
    fs::rename(
        folder.path("state/shop/skip-orders.json"),
        folder.path("damaged.json"),
    )
    .unwrap();
    folder.succeeds(&once);
}

#[test]
fn little_room_is_told() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "tap");
    let folder = Folder::streaming(&server, "tap");
    let text = fs::read_to_string(folder.path("shop.toml")).unwrap();
    folder.write(&format!("{text}rotate_bytes = '1000PiB'\n"));
    let report = checked(&folder, &["shop.toml"]);
    report.is_ready();
    report.of(&warning("sink_folder", "less than the"));
}

#[test]
fn a_full_disk_is_told_until_there_is_room() {
    const NAME: &str = "commands::check::folders::a_full_disk_is_told_until_there_is_room";
    let probe = tempfile::tempdir().unwrap();
    if SmallDisk::mount(probe.path(), 64, NAME).is_none() {
        return;
    }
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "tap");
    let folder = Folder::streaming(&server, "tap");
    let once = ["run", "--once", "--http", "off", "shop.toml"];
    for (name, check) in [("changes", "sink_folder"), ("state", "state_folder")] {
        let path = folder.path(name);
        fs::create_dir_all(&path).unwrap();
        let disk = SmallDisk::mount(&path, 512, NAME).unwrap();
        let full = fatal(check, "its disk is full");
        checked(&folder, &["shop.toml"]).lacks(&full);
        disk.fill();
        let report = checked(&folder, &["shop.toml"]);
        assert_eq!(report.code, Some(73), "{report:?}");
        report.of(&full);
        let ended = folder.run(&once);
        assert!(matches!(ended.code, Some(73 | 75)), "{name}: {ended:?}");
        disk.free();
        let report = checked(&folder, &["shop.toml"]);
        report.is_ready();
        report.lacks(&full);
        folder.succeeds(&once);
        fs::remove_dir_all(folder.path(if name == "changes" {
            "state"
        } else {
            "changes"
        }))
        .unwrap();
    }
}
