//! Statements that servers write in place of what was executed, where they lose something; and sequences, which are tables
//! that no statement spells out.

use mysql::Conn;
use mysql::prelude::Queryable;

use super::stopped::{connector, default_metadata, fails, rows, succeeds};
use crate::support::{Flavour, Server};

#[track_caller]
fn run(conn: &mut Conn, statements: &[&str]) {
    for statement in statements {
        conn.query_drop(statement).expect(statement);
    }
}

fn start(flavour: Flavour) -> (Server, Conn) {
    let mut options = default_metadata(flavour).to_vec();
    if matches!(flavour, Flavour::MySql57 | Flavour::MySql80) {
        // With GTIDs they refuse CREATE TABLE … SELECT.
        options.extend(["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]);
    }
    let server = Server::start(flavour, &options);
    let conn = server.connect();
    (server, conn)
}

fn flavours() -> &'static [Flavour] {
    match super::is_full() {
        true => &Flavour::EVERY,
        false => &[Flavour::MySql57, Flavour::MariaDb118],
    }
}

#[test]
fn a_copy_of_a_temporary_table_has_the_character_set_that_the_binlog_leaves_out() {
    for flavour in flavours() {
        let (server, mut conn) = start(*flavour);
        run(
            &mut conn,
            &[
                "CREATE DATABASE shop CHARACTER SET latin1",
                "CREATE TEMPORARY TABLE shop.model (id INT, word VARCHAR(9)) CHARACTER SET utf8mb4",
                "CREATE TABLE shop.t LIKE shop.model",
                "INSERT INTO shop.t VALUES (1, _utf8mb4 x'c3bc')",
            ],
        );
        let here = connector(&server, "root", "'earliest'");
        succeeds(&here);
        assert_eq!(rows(&here, "t"), [r#"{"id":1,"word":"ü"}"#], "{flavour:?}");
        run(&mut conn, &["DROP DATABASE shop"]);
        let gone = connector(&server, "root", "'earliest'");
        match flavour {
            // Their table maps tell character sets without binlog_row_metadata=FULL too.
            Flavour::MySql80 | Flavour::MySql97 => {
                succeeds(&gone);
                assert_eq!(rows(&gone, "t"), [r#"{"id":1,"word":"ü"}"#], "{flavour:?}");
            }
            Flavour::MySql57 | Flavour::MariaDb1011 | Flavour::MariaDb118 => {
                fails(&gone, &["shop.t", "default character set"]);
            }
        }
    }
}

#[test]
fn names_in_a_statement_that_the_server_wrote_are_in_its_own_character_set() {
    for flavour in flavours() {
        let (server, mut conn) = start(*flavour);
        run(
            &mut conn,
            &[
                "CREATE DATABASE shop",
                "SET NAMES utf8mb4",
                "CREATE TABLE shop.a (`ü` INT)",
                "INSERT INTO shop.a VALUES (1)",
                "SET NAMES latin1, sql_mode = 'ANSI_QUOTES'",
                "CREATE TABLE shop.t SELECT * FROM shop.a",
                "INSERT INTO shop.t VALUES (2)",
            ],
        );
        let connector = connector(&server, "root", "'earliest'");
        succeeds(&connector);
        let expected = [r#"{"ü":1}"#, r#"{"ü":2}"#];
        assert_eq!(rows(&connector, "t"), expected, "{flavour:?}");
    }
}

#[test]
fn sequences_are_read_without_asking_the_source() {
    for flavour in [Flavour::MariaDb1011, Flavour::MariaDb118] {
        let (server, mut conn) = start(flavour);
        run(
            &mut conn,
            &[
                "CREATE DATABASE shop",
                "CREATE SEQUENCE shop.s START WITH 10 INCREMENT BY 5 CACHE 1",
                "SELECT NEXT VALUE FOR shop.s",
            ],
        );
        let columns = "next_not_cached_value, increment, cycle_option";
        let shown = server.query_text(&format!("SELECT {columns} FROM shop.s"));
        run(&mut conn, &["DROP DATABASE shop"]);
        let connector = connector(&server, "root", "'earliest'");
        succeeds(&connector);
        let found = rows(&connector, "s");
        let row: serde_json::Value =
            serde_json::from_str(found.last().expect("a row")).expect("JSON");
        let names = columns.split(", ");
        let told: Vec<_> = names.map(|name| Some(row[name].to_string())).collect();
        assert_eq!(told, shown[0], "{flavour:?}");
        assert_eq!(row.as_object().expect("columns").len(), 8);
    }
}
