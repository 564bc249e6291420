//! Rules on rows in the program: a connector file, its mistakes, columns that come and go, and `decode`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Flavour, Server};

const SETUP: &str = "CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; \
    CREATE TABLE orders (id INT PRIMARY KEY, status ENUM('new','paid'), total DECIMAL(10,2)); \
    FLUSH BINARY LOGS; \
    INSERT INTO orders VALUES (1, 'new', 5), (2, 'paid', 50), (3, 'paid', 5); \
    UPDATE orders SET total = 20; \
    DELETE FROM orders WHERE id = 2";

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, server: &Server, filter: &str) -> Output {
        let path =
            |name: &str| Value::from(self.path().join(name).display().to_string()).to_string();
        let text = format!(
            "state_dir = {}\n[source]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n\
             start = {{ file = \"binlog.000002\", position = 4 }}\n\
             [sink]\ntype = \"file\"\nfolder = {}\n{filter}",
            path("state"),
            server.port(),
            path("changes"),
        );
        let file = self.path().join("shop.toml");
        fs::write(&file, text).unwrap();
        Command::new(env!("CARGO_BIN_EXE_rowtap"))
            .args(["run", "--once", "--http", "off"])
            .arg(&file)
            .output()
            .unwrap()
    }

    fn changes(&self) -> Vec<String> {
        let mut files: Vec<_> = fs::read_dir(self.path().join("changes"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with("changes-")
            })
            .collect();
        files.sort();
        let text: String = files
            .iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect();
        text.lines().map(change).collect()
    }
}

/// What was done to which row, and its place in its group.
fn change(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    let image = if line["after"].is_null() {
        "before"
    } else {
        "after"
    };
    format!(
        "{} {} #{}",
        line["op"].as_str().unwrap(),
        line[image]["id"],
        line["source"]["seq"]
            .as_u64()
            .or(line["source"]["sequence"].as_u64())
            .unwrap_or(99)
    )
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_connector_publishes_the_rows_that_its_rules_keep() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute(SETUP);
    let rules = "[filter]\nrow_filter_moves = \"convert\"\n[[filter.rows]]\ntables = 'shop\\.ord.*'\nwhere = \"\"\"status = 'paid'\n and total >= 10\"\"\"\n";
    let files = Files::new();
    let output = files.run(&server, rules);
    assert!(output.status.success(), "{}", stderr(&output));
    let kept: Vec<String> = files
        .changes()
        .iter()
        .map(|change| change[..3].to_owned())
        .collect();
    assert_eq!(kept, ["c 2", "u 2", "c 3", "d 2"]);
    assert!(
        stderr(&output).contains("rows_filtered")
            || stderr(&output).contains("rows left out by rules on rows 3"),
        "{}",
        stderr(&output)
    );
    // Where nothing is filtered, the same changes have the same places in their groups.
    let all = Files::new();
    assert!(all.run(&server, "").status.success());
    let places = |changes: Vec<String>| -> Vec<String> {
        changes
            .iter()
            .map(|change| change[2..].to_owned())
            .collect()
    };
    let everything = places(all.changes());
    for place in places(files.changes()) {
        assert!(
            everything.contains(&place),
            "{place} is not among {everything:?}"
        );
    }
}

#[test]
fn mistakes_in_rules_on_rows_are_told_with_their_line() {
    let server = Server::shared(Flavour::MySql97);
    let files = Files::new();
    let rules = "[[filter.rows]]\ntables = '.*'\nwhere = \"id = \"\n[[filter.rows]]\ntables = '('\nops = ['c']\n[[filter.rows]]\ntables = 'a\\.b'\n\
                 [[filter.rows]]\ntables = ['a\\.b', 'orders']\nwhere = 'id <'\nops = 5\n[[filter.rows]]\ntables = 'a\\.b'\nops = 'x'\n";
    let output = files.run(server, rules);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    let told = stderr(&output);
    for part in [
        "shop.toml:12",
        "is no condition, at character 6: found the end, expected a literal",
        "shop.toml:14",
        "has neither where nor ops",
        "shop.toml:19:19",
        "room for no dot",
        "shop.toml:20:",
        "at character 5",
        "shop.toml:21:",
        "a list, or one string",
        "shop.toml:24:",
        "expected one of c, u, d",
    ] {
        assert!(told.contains(part), "'{part}' is not in: {told}");
    }
    // None of them twice, nor what follows from another.
    assert_eq!(told.matches("shop.toml:").count(), 7, "{told}");
}

#[test]
fn a_condition_that_does_not_fit_its_table_stops_the_stream_or_goes_on_by_choice() {
    let server = Server::start(Flavour::MariaDb1011, &[]);
    server.execute(SETUP);
    server.execute("ALTER TABLE shop.orders DROP COLUMN total; INSERT INTO shop.orders VALUES (8, 'paid'), (9, 'new')");
    let rule = |condition: &str| {
        format!("[[filter.rows]]\ntables = 'shop\\.orders'\nwhere = \"{condition}\"\n")
    };
    for (condition, parts) in [
        (
            "status = 'lost'",
            &["status", "'new', 'paid'", "shop.toml:12"][..],
        ),
        (
            "total > 'a'",
            &["column total, which is DECIMAL(10,2)", "write a number"],
        ),
        (
            "total > 100",
            &["names column total, which the table does not have"],
        ),
    ] {
        let output = Files::new().run(&server, &rule(condition));
        assert_eq!(
            output.status.code(),
            Some(78),
            "{condition}: {}",
            stderr(&output)
        );
        for part in parts {
            assert!(
                stderr(&output).contains(part),
                "{condition}: '{part}' is not in: {}",
                stderr(&output)
            );
        }
    }
    let files = Files::new();
    let warn = format!(
        "[filter]\ncolumns-missing = \"warn\"\n{}",
        rule("total > 10 or status = 'paid'")
    );
    let output = files.run(&server, &warn);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("names columns that the table does not have"),
        "{}",
        stderr(&output)
    );
    let kept: Vec<String> = files
        .changes()
        .iter()
        .map(|change| change[..3].to_owned())
        .collect();
    assert_eq!(kept, ["c 2", "c 3", "c 1", "u 2", "u 3", "d 2", "c 8"]);
}

#[test]
fn decode_takes_the_rows_that_meet_a_condition() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute(SETUP);
    let binlog = server.binlog_path("binlog.000002");
    let decode = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rowtap"))
            .arg("decode")
            .args(arguments)
            .arg(&binlog)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr(&output),
        )
    };
    let rule = r"shop\.orders WHERE status = 'paid' and total >= 10";
    let (_, text, _) = decode(&["--rows", rule]);
    let kept: Vec<String> = text
        .lines()
        .filter(|line| line.contains("\"op\""))
        .map(|line| change(line)[..3].to_owned())
        .collect();
    assert_eq!(kept, ["c 2", "u 2", "c 3", "d 2"]);
    let (_, text, _) = decode(&["--rows", rule, "--summary"]);
    assert!(
        text.contains("rows 4; rows left out by rules on rows 3"),
        "{text}"
    );
    assert!(text.contains("shop.orders\t2\t1\t1"), "{text}");
    // Statements are for a server that has the rows on both sides of the condition.
    let (_, text, _) = decode(&["--rows", rule, "--flashback"]);
    let counts = ["UPDATE ", "INSERT ", "DELETE "]
        .map(|word| text.lines().filter(|line| line.starts_with(word)).count());
    assert_eq!(counts, [2, 1, 1], "{text}");
    let (code, _, told) = decode(&[
        "--rows",
        rule,
        "--flashback",
        "--row-filter-moves",
        "convert",
    ]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--row-filter-moves"), "{told}");
    let (code, _, told) = decode(&["--rows", rule, "--verify"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--verify checks every row"), "{told}");
    let (code, _, told) = decode(&["--rows", "shop.orders"]);
    assert_eq!(code, Some(2), "{told}");
    let (code, _, told) = decode(&["--rows", "shop.orders WHERE id ="]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("is no condition"), "{told}");
}

#[test]
fn the_collation_is_known_from_the_table_map_or_told_by_the_condition() {
    let tables = "CREATE DATABASE shop; USE shop; \
        CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci); \
        FLUSH BINARY LOGS; INSERT INTO people VALUES (1, 'José'), (2, 'JOSE'), (3, 'Anne')";
    let rule =
        |condition: &str| format!("[[filter.rows]]\ntables = '.*'\nwhere = \"{condition}\"\n");
    let ids = |files: &Files| -> Vec<String> {
        files
            .changes()
            .iter()
            .map(|change| change[..3].to_owned())
            .collect()
    };
    // What MySQL logs without being asked tells the collation, what MariaDB logs does not.
    let mysql = Server::start(Flavour::MySql97, &["--binlog-row-metadata=MINIMAL"]);
    mysql.execute(tables);
    let files = Files::new();
    let output = files.run(&mysql, &rule("name = 'jose'"));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(ids(&files), ["c 1", "c 2"]);
    let mariadb = Server::start(Flavour::MariaDb1011, &["--binlog-row-metadata=NO_LOG"]);
    mariadb.execute(tables);
    let output = Files::new().run(&mariadb, &rule("name = 'jose'"));
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("`name` collate utf8mb4_bin = '…'"),
        "{}",
        stderr(&output)
    );
    let files = Files::new();
    let output = files.run(&mariadb, &rule("name collate utf8mb4_general_ci = 'jose'"));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(ids(&files), ["c 1", "c 2"]);
}
