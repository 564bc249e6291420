//! What is wrong with where a connector starts, and with how it gets to its source: each with a connector of its own, all of
//! them checked by one command.

use std::fs;

use mysql::prelude::Queryable as _;

use super::super::process::{Folder, account, source};
use super::{Problem, checked, fatal};
use crate::support::{Flavour, Server};

/// A connector that is wrong in one way: its name, the key that makes it so, the exit code that it has alone, and what is told.
struct Staged {
    name: &'static str,
    keys: String,
    code: i32,
    problem: Problem,
    /// Whether the key that is told puts it right.
    has_key: bool,
}

/// Places in the source's binlogs.
fn at_places(server: &Server) -> Vec<Staged> {
    let (first, _) = server.coordinates();
    server.execute("FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY)");
    let (_, begin) = server.coordinates();
    server.execute("INSERT INTO d.t VALUES (1)");
    let (_, end) = server.coordinates();
    server.purge_to(&file);
    let no_file = format!("{}.000999", file.split('.').next().unwrap());
    // The last event of a group is its XID, of 31 bytes.
    [
        ("unknown_file", &no_file, 4, 78, "the source has no binlog"),
        (
            "after_end",
            &file,
            end + 1_000_000,
            78,
            "is after the file's end",
        ),
        ("inside_event", &file, begin + 10, 65, "is inside an event"),
        ("inside_group", &file, end - 31, 65, "is inside a group"),
        ("purged", &first, 4, 69, "has been purged from the source"),
    ]
    .into_iter()
    .map(|(name, file, position, code, says)| Staged {
        name,
        keys: format!("start = {{ file = '{file}', position = {position} }}"),
        code,
        problem: fatal("start", says),
        has_key: true,
    })
    .collect()
}

/// Other things that keep a connector from its source.
fn otherwise() -> Vec<Staged> {
    let no_dump = "start = { from = '{dir}/gone.sql' }";
    let undecided = "start = 'latest'\nxa_wait_max = '100ms'";
    [
        (
            "no_dump",
            no_dump,
            78,
            "start",
            "no_dump.toml:7:11: start cannot be read from",
        ),
        (
            "prepared",
            undecided,
            69,
            "start",
            "XA transactions are prepared",
        ),
        (
            "password",
            "start = 'earliest'",
            69,
            "connection",
            "Access denied",
        ),
        (
            "down",
            "start = 'earliest'",
            75,
            "connection",
            "no connection to the source",
        ),
    ]
    .into_iter()
    .map(|(name, keys, code, check, says)| Staged {
        name,
        keys: keys.to_owned(),
        code,
        problem: fatal(check, says),
        has_key: false,
    })
    .collect()
}

fn write(folder: &Folder, server: &Server, one: &Staged) {
    let dir = folder.path("").display().to_string();
    let mut text = source(server.port(), "tap")
        .replace("start = 'latest'", &one.keys)
        .replace("{dir}/changes", &format!("{dir}{}", one.name))
        .replace("{dir}", &dir);
    match one.name {
        "password" => text = text.replace("password = 'Cor", "password = 'In-cor"),
        "down" => text = text.replace(&format!("port = {}", server.port()), "port = 1"),
        _other => {}
    }
    fs::write(folder.path(&format!("{}.toml", one.name)), text).unwrap();
}

#[test]
fn places_that_cannot_be_started_at_are_told_at_once_and_their_fixes_help() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        account(&server, "tap");
        if flavour == Flavour::MySql97 {
            server.execute("GRANT XA_RECOVER_ADMIN ON *.* TO tap@'%'");
        }
        let mut all = at_places(&server);
        all.extend(otherwise());
        let mut prepared = server.connect();
        for step in [
            "XA START 'one'",
            "INSERT INTO d.t VALUES (2)",
            "XA END 'one'",
            "XA PREPARE 'one'",
        ] {
            prepared.query_drop(step).unwrap();
        }
        drop(prepared);
        let folder = Folder::new(&source(server.port(), "tap"));
        let files: Vec<String> = all.iter().map(|one| format!("{}.toml", one.name)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        all.iter().for_each(|one| write(&folder, &server, one));

        let report = checked(&folder, &files);
        assert_eq!(report.code, Some(78));
        for one in &all {
            let told = report.of(&one.problem);
            assert!(
                told.iter().any(|told| told.connector == one.name),
                "{}: {told:?}",
                one.name
            );
            let alone = checked(&folder, &[&format!("{}.toml", one.name)]);
            assert_eq!(alone.code, Some(one.code), "{}: {alone:?}", one.name);
            if one.has_key {
                alone.set_keys(&folder, &one.problem);
            }
        }
        let undecided: Vec<Problem> = vec![fatal("start", "XA transactions are prepared")];
        report.execute(&server, &undecided);
        for one in all
            .iter()
            .filter(|one| one.has_key || one.name == "prepared")
        {
            let report = checked(&folder, &[&format!("{}.toml", one.name)]);
            report.is_ready();
        }
    }
}
