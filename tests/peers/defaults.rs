//! Defaults in schemas, on every server: what a schema says must be what the server gives a row that leaves all columns out. The
//! definition comes from the statement in the binlog, from information_schema, and from a journal.

use mysql::prelude::Queryable as _;
use rowtap::mysql::Flavour as Family;
use serde_json::Value;

use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Server};

/// Types with defaults that all servers take.
const EVERYWHERE: &[&str] = &[
    "TINYINT DEFAULT -5",
    "TINYINT UNSIGNED NOT NULL DEFAULT '255'",
    "SMALLINT DEFAULT +7",
    "INT DEFAULT 5.7",
    "INT DEFAULT 0x41",
    "INT DEFAULT TRUE",
    "BIGINT DEFAULT -9223372036854775808",
    "DECIMAL(10,2) NOT NULL DEFAULT 0",
    "DECIMAL(10,2) DEFAULT '-1.5'",
    "DECIMAL(5,1) DEFAULT 1.25",
    "DECIMAL(30,10) DEFAULT 12345678901234567890.0123456789",
    "FLOAT DEFAULT 1.5",
    "DOUBLE NOT NULL DEFAULT 1e3",
    "BIT(1) DEFAULT b'1'",
    "BIT(9) NOT NULL DEFAULT 5",
    "BIT(9) DEFAULT 0b110000001",
    "YEAR DEFAULT 2024",
    "YEAR DEFAULT '1999'",
    "DATE DEFAULT '2024-02-29'",
    "TIME DEFAULT '-12:34:56'",
    "TIME(3) NOT NULL DEFAULT '100:02:03.456'",
    "DATETIME DEFAULT '2024-02-29 12:34:56'",
    "DATETIME(6) NOT NULL DEFAULT '2024-02-29 12:34:56.789012'",
    "TIMESTAMP(3) NULL DEFAULT '2024-02-29 12:34:56.789'",
    "VARCHAR(20) DEFAULT 'it''s \"q\" äö'",
    "VARCHAR(20) NOT NULL DEFAULT ''",
    "VARCHAR(20) DEFAULT 'a\\nb'",
    "VARCHAR(20) DEFAULT 'a' 'b'",
    "VARCHAR(20) DEFAULT 5",
    "VARCHAR(9) DEFAULT x'4142'",
    "VARCHAR(9) DEFAULT N'n'",
    "VARCHAR(9) CHARACTER SET latin1 DEFAULT 'é'",
    "CHAR(5) NOT NULL DEFAULT 'x'",
    "ENUM('a','b,c') NOT NULL DEFAULT 'b,c'",
    "ENUM('A','B') DEFAULT 'a'",
    "SET('p','q','r') DEFAULT 'p,r'",
    "SET('p') NOT NULL DEFAULT ''",
    "BINARY(4) DEFAULT 'ab'",
    "VARBINARY(9) NOT NULL DEFAULT 'xyz'",
    "BINARY(3) DEFAULT 0x0102",
    "VARBINARY(9) DEFAULT x'7f01'",
    "DATE NOT NULL DEFAULT '0000-00-00'",
    "DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00'",
];

/// Of MariaDB.
const MARIADB: &[&str] = &[
    "TEXT DEFAULT 'abc'",
    "UUID DEFAULT '123e4567-e89b-12d3-a456-426614174000'",
    "INET6 DEFAULT '::1'",
];

/// Columns whose schema has no default, since the server computes it, or since it is NULL.
const WITHOUT: &[&str] = &["INT DEFAULT NULL", "INT"];
const COMPUTED: &[&str] = &["INT DEFAULT (1 + 2)", "VARCHAR(36) DEFAULT (UUID())"];

fn columns(flavour: Flavour) -> Vec<&'static str> {
    let mut all = [EVERYWHERE, WITHOUT].concat();
    if flavour.family() == Family::MariaDb {
        all.extend(MARIADB);
    }
    if flavour != Flavour::MySql57 {
        all.extend(COMPUTED);
    }
    all
}

/// Compares the defaults in the schema of a line with the row in it; says how many there are.
#[track_caller]
fn check(columns: &[&str], line: &str, from: &str) {
    let line: Value = serde_json::from_str(line).unwrap();
    let fields = line["schema"]["fields"].as_array().unwrap();
    let after = fields.iter().find(|field| field["field"] == "after");
    let fields = after.unwrap()["fields"].as_array().unwrap();
    for (number, column) in columns.iter().enumerate() {
        let name = format!("c{number}");
        let field = fields.iter().find(|field| field["field"] == *name).unwrap();
        let value = &line["payload"]["after"][&name];
        let has = field.get("default");
        let expected = match WITHOUT.contains(column) || COMPUTED.contains(column) {
            true => None,
            false => Some(value),
        };
        assert_eq!(has, expected, "{column} by {from}");
    }
}

#[test]
fn schemas_tell_what_servers_give_rows_that_leave_columns_out() {
    for flavour in Flavour::EVERY {
        let server = Server::shared(flavour);
        let database = server.unique_database();
        account(server, &database);
        let columns = columns(flavour);
        let named = columns.iter().enumerate();
        let named: Vec<String> = named
            .map(|(number, column)| format!("c{number} {column}"))
            .collect();
        let (file, position) = server.coordinates();
        let mut conn = server.connect();
        for statement in [
            "SET SESSION sql_mode = '', time_zone = '+00:00'; SET NAMES utf8mb4".to_owned(),
            format!("ALTER DATABASE {database} CHARACTER SET utf8mb4"),
            format!(
                "CREATE TABLE {database}.t (id INT AUTO_INCREMENT PRIMARY KEY, {})",
                named.join(", ")
            ),
            format!("INSERT INTO {database}.t () VALUES ()"),
        ] {
            conn.query_drop(&statement).expect(&statement);
        }
        let (second, later) = server.coordinates();
        conn.query_drop(format!("INSERT INTO {database}.t () VALUES ()"))
            .unwrap();
        let run = |start: &str| {
            let folder = Folder::streaming_any(server, &database)
                .replacing("start = 'latest'", &format!("start = {start}"))
                .replacing("type = 'file'", "type = 'file'\nformat = 'debezium'")
                .replacing(
                    "[source]",
                    &format!("[filter]\nreplicate-do-db = ['{database}']\n[source]"),
                );
            folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
            folder
        };
        let rows = |folder: &Folder| -> Vec<String> {
            let lines = folder.changes().into_iter();
            let lines = lines.map(|line: Value| line.to_string());
            lines.filter(|line| line.contains("\"op\":\"c\"")).collect()
        };
        let followed = run(&format!("{{ file = '{file}', position = {position} }}"));
        let lines = rows(&followed);
        assert_eq!(lines.len(), 2, "{flavour:?}");
        check(&columns, &lines[0], "its statement");
        // Known from the source alone.
        let asked = run(&format!("{{ file = '{second}', position = {later} }}"));
        check(&columns, &rows(&asked)[0], "information_schema");
        // And by what the first run kept of the statement.
        conn.query_drop(format!("INSERT INTO {database}.t () VALUES ()"))
            .unwrap();
        followed.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        let lines = rows(&followed);
        check(&columns, lines.last().expect("a row"), "the journal");
    }
}
