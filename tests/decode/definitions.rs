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
            "give --definitions a connector, or a file",
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

/// A binlog of two tables that are gone, of which it names no columns, and what told it so far.
fn of_gone_tables(flavour: Flavour) -> (Server, [String; 2]) {
    let metadata = match flavour.family() {
        Family::MySql => "--binlog-row-metadata=MINIMAL",
        Family::MariaDb => "--binlog-row-metadata=NO_LOG",
    };
    let server = Server::start(flavour, &[metadata]);
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT UNSIGNED PRIMARY KEY, size ENUM('s', 'm')); CREATE TABLE a.u (n INT UNSIGNED)",
    );
    let files = ["1", "2"].map(|number| {
        server.execute("FLUSH BINARY LOGS");
        let (file, _) = server.coordinates();
        server.execute(&format!(
            "INSERT INTO a.t VALUES (400000000{number}, 's'); INSERT INTO a.u VALUES (400000001{number})"
        ));
        server.execute("ALTER TABLE a.t MODIFY size ENUM('s', 'm') FIRST");
        server.execute(&format!("INSERT INTO a.t (id, size) VALUES (400000002{number}, 'm')"));
        server.execute("ALTER TABLE a.t MODIFY size ENUM('m', 's') AFTER id");
        server.binlog_path(&file).display().to_string()
    });
    server.execute("DROP TABLE a.t, a.u; FLUSH BINARY LOGS");
    (server, files)
}

#[test]
fn a_file_of_create_table_statements_names_what_no_server_has_any_more() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (_server, [first, second]) = of_gone_tables(flavour);
        fails(
            &["--format=sql", &first],
            65,
            &[
                "columns of a.t have no names",
                "or a file with its CREATE TABLE",
            ],
        );
        let folder = Folder::new("");
        let told = folder.path("told.sql");
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        // The labels have changed places in the second file.
        let text = format!(
            "USE a;\nCREATE TABLE `u` (\n  `n` int unsigned\n);\n-- at {}:4\nCREATE TABLE t (id INT UNSIGNED PRIMARY KEY, size ENUM('s', 'm') \
             CHARACTER SET utf8mb4);\n-- at {}:4\nCREATE TABLE t (id INT UNSIGNED PRIMARY KEY, size ENUM('m', 's') CHARACTER SET utf8mb4);\n",
            name(&first),
            name(&second)
        );
        std::fs::write(&told, text).unwrap();
        let told = told.to_str().unwrap();
        let found = decode(&["--definitions", told, &first, &second]);
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        assert_eq!(
            rows(&found.stdout),
            [
                "4000000001 \"s\"",
                "4000000011",
                "4000000021 \"m\"",
                "4000000002 \"s\"",
                "4000000012",
                "4000000022 \"m\"",
            ],
            "{flavour:?}"
        );
        assert!(
            found.stdout.contains("\"size\":\"s\"") && found.stdout.contains("{\"n\":4000000011}")
        );
        assert!(
            found.stderr.contains("tells without a place"),
            "{}",
            found.stderr
        );
        let sql = decoded(&["--format=sql", "--definitions", told, &first]);
        assert!(sql.contains("INSERT INTO `a`.`t`(`id`, `size`)"), "{sql}");
        wrong_definitions_are_refused(&folder, &first);
    }
}

/// What does not fit the binlog, or is no definition, is not believed.
fn wrong_definitions_are_refused(folder: &Folder, file: &str) {
    let wrong = folder.path("wrong.sql");
    std::fs::write(
        &wrong,
        "CREATE TABLE a.t (id INT);\nCREATE TABLE a.u (n INT UNSIGNED);\n",
    )
    .unwrap();
    fails(
        &["--definitions", wrong.to_str().unwrap(), file],
        65,
        &[
            "a.t does not fit its table map",
            "1 columns was believed",
            "give --definitions the one that the table had there",
        ],
    );
    for (text, fragment) in [
        ("CREATE TABLE t (id INT);", "USE it before"),
        ("SELECT 1;", "write one for each table"),
    ] {
        std::fs::write(&wrong, text).unwrap();
        fails(
            &["--definitions", wrong.to_str().unwrap(), file],
            2,
            &[fragment],
        );
    }
}

/// The same commands serve the connector and the decoding.
#[test]
fn the_commands_of_a_connector_that_stopped_serve_a_decoding() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, [first, _]) = of_gone_tables(flavour);
        account(&server, "u");
        let file = first.rsplit('/').next().unwrap();
        let folder = Folder::streaming(&server, "u");
        let folder = folder.replacing(
            "start = 'latest'",
            &format!("start = {{ file = '{file}', position = 4 }}"),
        );
        server.purge_to(file);
        folder.fails(65, &["definitions-to-tell.sh"]);
        let script = folder.path("state/shop/definitions-to-tell.sh");
        let text = std::fs::read_to_string(&script).unwrap();
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines() {
            // A person who knows the tables.
            let table = |name: &str| {
                lines
                    .iter()
                    .rev()
                    .find(|line| line.contains("--table"))
                    .is_some_and(|line| line.contains(name))
            };
            let line = match line {
                line if line.contains("<name 1>") && table("'a.u'") => {
                    "  n INT UNSIGNED".to_owned()
                }
                line if line.contains("<name 1>") => "  id INT UNSIGNED NOT NULL,".to_owned(),
                line if line.contains("<name 2>") => {
                    "  size ENUM('s','m') CHARACTER SET utf8mb4".to_owned()
                }
                line if line.contains("<, PRIMARY KEY") && !table("'a.u'") => {
                    "  , PRIMARY KEY (id)".to_owned()
                }
                line if line.contains("<, PRIMARY KEY") => String::new(),
                line => line.to_owned(),
            };
            lines.push(line);
        }
        std::fs::write(&script, lines.join("\n") + "\n").unwrap();
        let found = decoded(&["--definitions", script.to_str().unwrap(), &first]);
        let expected = ["4000000001 \"s\"", "4000000011", "4000000021 \"m\""];
        assert_eq!(rows(&found), expected, "{flavour:?}");
        // Told to the connector, they are in its state folder.
        let told = std::process::Command::new("sh")
            .arg(&script)
            .env("ROWTAP", env!("CARGO_BIN_EXE_rowtap"))
            .output()
            .unwrap();
        assert!(told.status.success(), "{told:?}");
        let state = folder.path("state/shop");
        let found = decoded(&["--definitions", state.to_str().unwrap(), &first]);
        assert_eq!(rows(&found), expected, "{flavour:?}");
    }
}
