//! Files whose table maps carry no names: definitions from a connector's journal, or from its server.

use rowtap::mysql::Flavour as Family;

use super::{decode, decoded, fails};
use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Server};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// The rows in lines of changes.
fn rows(lines: &str) -> Vec<String> {
    let row = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        Some(
            line["after"]
                .as_object()?
                .values()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
        .map(|values| values.join(" "))
    };
    lines.lines().filter_map(row).collect()
}

#[test]
fn a_journal_knows_what_tables_were_like_and_a_server_what_they_are() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        // MySQL tells of a sign even where it tells nothing else.
        let (names, first, second) = match flavour.family() {
            Family::MySql => ("--binlog-row-metadata=MINIMAL", "4000000001", "4000000002"),
            Family::MariaDb => ("--binlog-row-metadata=NO_LOG", "-294967295", "-294967294"),
        };
        let server = Server::start(flavour, &[names]);
        account(&server, "u");
        server.execute("CREATE DATABASE a");
        let folder = Folder::streaming(&server, "u");
        folder.succeeds(&ONCE);
        server.execute(
            "CREATE TABLE a.t (id INT UNSIGNED PRIMARY KEY, size ENUM('s', 'm')); \
             CREATE TABLE a.kept (id INT UNSIGNED PRIMARY KEY)",
        );
        server.execute("FLUSH BINARY LOGS");
        let (file, _) = server.coordinates();
        server.execute(
            "INSERT INTO a.t VALUES (4000000001, 's'); INSERT INTO a.kept VALUES (4000000002); \
             ALTER TABLE a.t CHANGE size width ENUM('w', 's', 'm'); INSERT INTO a.t VALUES (4000000003, 'w')",
        );
        folder.succeeds(&ONCE);
        server.execute("DROP TABLE a.t");
        let file = server.binlog_path(&file).display().to_string();
        let (state, connector) = (folder.path("state/shop"), folder.path("shop.toml"));
        let (state, connector) = (state.to_str().unwrap(), connector.to_str().unwrap());

        let guessed = decode(&[&file]);
        assert!(
            guessed.stderr.contains("columns are called @1, @2"),
            "{}",
            guessed.stderr
        );
        assert_eq!(
            rows(&guessed.stdout)[..2],
            [format!("{first} 1").as_str(), second]
        );
        assert!(guessed.stdout.contains(&format!("\"@1\":{first},\"@2\":1")));

        statements_need_names(&file, connector);
        let expected = ["4000000001 \"s\"", "4000000002", "4000000003 \"w\""];
        assert_eq!(
            rows(&decoded(&["--definitions", connector, &file])),
            expected
        );
        without_the_journal(&server, &file, first);
        server.stop();
        for definitions in [state, connector] {
            let found = decoded(&["--definitions", definitions, &file]);
            assert_eq!(rows(&found), expected, "{definitions}");
            assert!(found.contains("\"size\":\"s\"") && found.contains("\"width\":\"w\""));
        }
        let nothing = folder.path("state");
        let nothing = nothing.to_str().unwrap();
        fails(
            &["--definitions", nothing, &file],
            65,
            &["holds no journal of definitions", "give the state folder"],
        );
    }
}

fn statements_need_names(file: &str, connector: &str) {
    for statements in ["--format=sql", "--flashback"] {
        let fragments = [
            "columns of a.t have no names",
            "000",
            "give --definitions, or",
            "FULL",
        ];
        let printed = fails(&[statements, file], 65, &fragments);
        assert!(!printed.contains('@'), "{printed}");
    }
    decoded(&["--summary", "--format=sql", file]);
    let known = decoded(&["--format=sql", "--definitions", connector, file]);
    assert!(
        known.contains("INSERT INTO `a`.`t`(`id`, `width`)"),
        "{known}"
    );
}

fn without_the_journal(server: &Server, file: &str, first: &str) {
    // Without its journal there is only the server, which has dropped one of the two tables.
    let emptied = Folder::streaming(server, "u");
    let emptied = emptied.path("shop.toml").display().to_string();
    let asked = decode(&["--definitions", &emptied, file]);
    assert!(
        asked.stderr.contains("shows no such table") && asked.stderr.contains("SELECT"),
        "{}",
        asked.stderr
    );
    let asked = asked.stdout;
    assert_eq!(
        rows(&asked)[..2],
        [format!("{first} 1").as_str(), "4000000002"]
    );
    assert!(asked.contains("{\"id\":4000000002}"), "{asked}");
}
