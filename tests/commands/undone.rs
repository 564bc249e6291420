//! Changes logged as statements in transactions that were rolled back: nothing of them is left in tables whose engine takes
//! part in transactions, so that they stop no stream; what is left in others does.

use mysql::prelude::Queryable as _;

use super::events::{ONCE, prepare};
use super::process::Folder;
use crate::support::{Flavour, Server};

const SET_UP: &str = "CREATE DATABASE d; USE d; CREATE TABLE i (a INT) ENGINE=InnoDB; CREATE TABLE k (a INT) ENGINE=InnoDB";

/// Sessions that leave nothing in any table, each its statements, `T` for CREATE TEMPORARY TABLE x (a INT) ENGINE.
const UNDONE: [&str; 9] = [
    "STATEMENT; BEGIN; INSERT INTO i VALUES (1); ROLLBACK",
    "STATEMENT; T=InnoDB; BEGIN; INSERT INTO x VALUES (1); INSERT INTO i VALUES (2); ROLLBACK",
    "STATEMENT; BEGIN; T=InnoDB; INSERT INTO i VALUES (3); UPDATE i SET a = 4; DELETE FROM i; ROLLBACK",
    "STATEMENT; BEGIN; INSERT INTO i VALUES (4); T=InnoDB; INSERT INTO x VALUES (1); INSERT INTO i SELECT * FROM x; ROLLBACK",
    "STATEMENT; T=InnoDB; BEGIN; INSERT INTO i VALUES (5); DROP TEMPORARY TABLE x; ROLLBACK",
    "STATEMENT; T=MyISAM; BEGIN; INSERT INTO i VALUES (6); INSERT INTO x VALUES (1); ROLLBACK",
    "STATEMENT; BEGIN; INSERT INTO i VALUES (12); SAVEPOINT s; T=InnoDB; INSERT INTO i VALUES (13); ROLLBACK TO s; ROLLBACK",
    "MIXED; BEGIN; T=InnoDB; INSERT INTO i VALUES (16); INSERT INTO i SELECT a FROM x; ROLLBACK",
    "MIXED; T=MyISAM; BEGIN; INSERT INTO i VALUES (18); INSERT INTO x VALUES (1); ROLLBACK",
];

/// Sessions that leave a row in the MyISAM table `m`: by name, by a function, by a trigger.
const LEFT: [&str; 5] = [
    "STATEMENT; BEGIN; INSERT INTO i VALUES (7); INSERT INTO m VALUES (7); ROLLBACK",
    "STATEMENT; BEGIN; T=InnoDB; INSERT INTO i VALUES (8); INSERT INTO m SELECT a FROM i; ROLLBACK",
    "STATEMENT; BEGIN; T=InnoDB; INSERT INTO i VALUES (9); UPDATE i, m SET i.a = 22, m.a = 22 WHERE i.a = 9; ROLLBACK",
    "STATEMENT; BEGIN; T=InnoDB; INSERT INTO i VALUES (f(23)); ROLLBACK",
    "STATEMENT; BEGIN; T=InnoDB; INSERT INTO k VALUES (24); ROLLBACK",
];

fn each(check: impl Fn(&Server, Folder)) {
    for flavour in Flavour::EVERY {
        let options: &[&str] = match flavour {
            Flavour::MariaDb1011 | Flavour::MariaDb118 => &[
                "--log-bin-trust-function-creators=1",
                "--binlog-row-metadata=NO_LOG",
            ],
            // As they are installed; with GTIDs they refuse what is in doubt here.
            Flavour::MySql57 | Flavour::MySql80 | Flavour::MySql97 => &[
                "--log-bin-trust-function-creators=1",
                "--gtid-mode=OFF",
                "--enforce-gtid-consistency=OFF",
            ],
        };
        let (server, folder) = prepare(flavour, options);
        let folder = match flavour {
            // These have no TLS that is still spoken.
            Flavour::MySql57 | Flavour::MySql80 => folder.replacing(
                "[sink]",
                "get_source_public_key = true\ntls = { mode = 'disabled' }\n[sink]",
            ),
            Flavour::MySql97 | Flavour::MariaDb1011 | Flavour::MariaDb118 => folder,
        };
        check(&server, folder);
    }
}

#[track_caller]
fn session(server: &Server, shape: &str) {
    let mut connection = server.connect();
    connection.query_drop("USE d").expect("the database");
    for (index, statement) in shape.split("; ").enumerate() {
        let statement = match statement.strip_prefix("T=") {
            Some(engine) => format!("CREATE TEMPORARY TABLE x (a INT) ENGINE={engine}"),
            None if index == 0 => format!("SET SESSION binlog_format = {statement}"),
            None => statement.to_owned(),
        };
        connection.query_drop(&statement).expect(shape);
    }
}

#[test]
fn what_is_undone_stops_no_stream() {
    each(|server, folder| {
        // All tables are known where it begins.
        folder.succeeds(&ONCE);
        server.execute(SET_UP);
        folder.succeeds(&ONCE);
        for (number, shape) in UNDONE.iter().enumerate() {
            session(server, shape);
            server.execute(&format!("INSERT INTO d.k VALUES ({number})"));
        }
        folder.succeeds(&ONCE);
        let after: Vec<_> = folder
            .changes()
            .iter()
            .map(|it| it["after"]["a"].clone())
            .collect();
        assert_eq!(
            after,
            (0..UNDONE.len()).collect::<Vec<_>>(),
            "{:?}",
            server.flavour()
        );
        assert_eq!(
            server.query_one("SELECT COUNT(*) FROM d.i").as_deref(),
            Some("0")
        );
    });
}

#[test]
fn what_is_left_in_a_table_without_transactions_stops_the_stream() {
    each(|server, folder| {
        server.execute(SET_UP);
        server.execute(
            "USE d; CREATE TABLE m (a INT) ENGINE=MyISAM;
             CREATE TRIGGER kt AFTER INSERT ON k FOR EACH ROW INSERT INTO m VALUES (NEW.a);
             CREATE FUNCTION f (n INT) RETURNS INT BEGIN INSERT INTO m VALUES (n); RETURN n; END",
        );
        for shape in LEFT {
            let (file, position) = server.coordinates();
            let start = format!("start = {{ file = '{file}', position = {position} }}");
            let text = std::fs::read_to_string(folder.path("shop.toml")).expect("the file");
            let old = text
                .lines()
                .find(|line| line.starts_with("start = "))
                .expect("a start");
            folder.write(&text.replace(old, &start));
            for gone in ["state", "changes"] {
                let _ = std::fs::remove_dir_all(folder.path(gone));
            }
            folder.succeeds(&ONCE);
            let held =
                || server.query_one("SELECT CONCAT(COUNT(*), ' ', COALESCE(SUM(a), 0)) FROM d.m");
            let before = held();
            session(server, shape);
            assert_ne!(held(), before, "{shape}");
            folder.fails(65, &["was logged as a statement", "on_statement"]);
        }
    });
}
