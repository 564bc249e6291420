//! Kinds of events that servers write under certain settings: compressed ones, statements, and their like.

use serde_json::Value;

use super::process::{Folder, account};
use crate::support::{Flavour, Server};

pub(super) const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// A server with an account and a folder whose stream begins here.
pub(super) fn prepare(flavour: Flavour, options: &[&str]) -> (Server, Folder) {
    let server = Server::start(flavour, options);
    account(&server, "u");
    let (file, position) = server.coordinates();
    let start = format!("start = {{ file = '{file}', position = {position} }}");
    let folder = Folder::streaming(&server, "u").replacing("start = 'latest'", &start);
    (server, folder)
}

/// What happened to the rows of a database: operation, images before and after.
fn rows(changes: &[Value], database: &str) -> Vec<(Value, Value, Value)> {
    changes
        .iter()
        .filter(|change| change["source"]["db"] == database && change["op"] != Value::Null)
        .map(|change| {
            let part = |name: &str| change[name].clone();
            (part("op"), part("before"), part("after"))
        })
        .collect()
}

/// Small and large transactions of every kind of change.
fn work(database: &str) -> String {
    format!(
        "CREATE DATABASE {database}; USE {database};
         CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(300), body LONGTEXT) ENGINE=InnoDB;
         INSERT INTO t (name) VALUES ('one'), (REPEAT('x', 290)), (NULL);
         BEGIN;
         INSERT INTO t (name) SELECT CONCAT(x.name, y.name) FROM (SELECT 'a' name UNION SELECT 'b') x, t y;
         SAVEPOINT s;
         UPDATE t SET name = CONCAT('changed ', id), body = REPEAT('long ', 20000) WHERE id <= 3;
         ROLLBACK TO s;
         UPDATE t SET body = REPEAT('longer ', 30000) WHERE id > 2;
         DELETE FROM t WHERE id = 1;
         COMMIT;
         INSERT INTO t (name) SELECT name FROM t;
         INSERT INTO t (name) SELECT name FROM t;
         INSERT INTO t (name) SELECT name FROM t"
    )
}

fn compare(server: &Server, folder: &Folder, compressed_kind: &str) {
    let (file, _) = server.coordinates();
    let listing = server.mysqlbinlog(&[server.binlog_path(&file)]);
    assert!(listing.contains(compressed_kind), "nothing was compressed");
    folder.succeeds(&ONCE);
    let changes = folder.changes();
    let (packed, plain) = (rows(&changes, "packed"), rows(&changes, "plain"));
    assert!(plain.len() > 60, "{} rows", plain.len());
    assert_eq!(packed, plain);
}

#[test]
fn compressed_transactions_of_mysql_give_the_same_rows() {
    let (server, folder) = prepare(Flavour::MySql97, &[]);
    for (database, compression) in [("packed", "ON"), ("plain", "OFF")] {
        server.execute(&format!(
            "SET SESSION binlog_transaction_compression = {compression}; {}",
            work(database)
        ));
    }
    compare(&server, &folder, "Transaction_Payload");
}

#[test]
fn compressed_events_of_mariadb_give_the_same_rows() {
    for flavour in [Flavour::MariaDb1011, Flavour::MariaDb118] {
        let (server, folder) = prepare(flavour, &["--log-bin-compress-min-len=10"]);
        for (database, compression) in [("packed", "ON"), ("plain", "OFF")] {
            server.execute(&format!(
                "SET GLOBAL log_bin_compress = {compression}; {}",
                work(database)
            ));
        }
        compare(&server, &folder, "Write_compressed_rows");
    }
}

#[test]
fn a_memory_table_that_a_server_empties_after_a_restart_is_truncated() {
    for flavour in [Flavour::MySql57, Flavour::MySql80] {
        let (server, folder) = prepare(flavour, &[]);
        // These have no TLS that is still spoken.
        let folder = folder.replacing(
            "[sink]",
            "get_source_public_key = true\ntls = { mode = 'disabled' }\n[sink]",
        );
        server.execute(
            "CREATE DATABASE a; CREATE TABLE a.m (id INT PRIMARY KEY) ENGINE=MEMORY; INSERT INTO a.m VALUES (1)",
        );
        server.restart();
        assert_eq!(
            server.query_one("SELECT COUNT(*) FROM a.m").as_deref(),
            Some("0")
        );
        folder.succeeds(&ONCE);
        let ddl = folder.ddl();
        assert_eq!(
            ddl.last().unwrap()["ddl"],
            "DELETE FROM `a`.`m`",
            "{flavour:?}"
        );
        assert_eq!(ddl.last().unwrap()["tables"][0]["table"], "m");
    }
}

#[test]
fn changes_logged_as_statements_stop_or_are_passed_over() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = prepare(flavour, &["--secure-file-priv="]);
        server.execute(
            "CREATE TABLE mysql.rds_heartbeat2 (id INT PRIMARY KEY, value INT);
             CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(90));
             CREATE TABLE a.m (id INT PRIMARY KEY) ENGINE=MEMORY; INSERT INTO a.m VALUES (1)",
        );
        server.restart();
        assert_eq!(
            server.query_one("SELECT COUNT(*) FROM a.m").as_deref(),
            Some("0")
        );
        server.execute(
            "SET SESSION binlog_format = STATEMENT; INSERT INTO mysql.rds_heartbeat2 VALUES (1, 2)",
        );
        folder.succeeds(&ONCE);
        let ddl = folder.ddl();
        let last = ddl.last().unwrap()["ddl"].as_str().unwrap();
        assert!(last.starts_with("TRUNCATE TABLE `a`.`m`"), "{last}");

        let file = server.datadir().join("load.txt");
        std::fs::write(&file, "b\nc\n").unwrap();
        server.execute(&format!(
            "SET SESSION binlog_format = STATEMENT; USE a; SET @name = 'a';
             INSERT INTO t (name) VALUES (@name); LOAD DATA INFILE '{}' INTO TABLE t (name);
             SET SESSION binlog_format = ROW; INSERT INTO t (name) VALUES ('row')",
            file.display()
        ));
        folder.fails(
            65,
            &["a change of a.t was logged as a statement", "on_statement"],
        );
        let folder = folder.replacing("state_dir", "on_statement = 'warn'\nstate_dir");
        let ended = folder.succeeds(&ONCE);
        assert!(
            ended
                .stderr
                .contains("; skipped statements that change rows 2"),
            "{}",
            ended.stderr
        );
        assert!(
            ended
                .stderr
                .contains("were logged as statements and passed over")
        );
        let rows = rows(&folder.changes(), "a");
        assert_eq!(rows.last().unwrap().2["name"], "row");
        assert_eq!(rows.len(), 2);
    }
}

#[test]
fn an_xa_transaction_that_is_committed_in_one_phase_is_a_transaction_like_any_other() {
    let one_phase = |name: &str, id: u8| {
        format!(
            "XA START '{name}'; INSERT INTO a.t VALUES ({id}, REPEAT('x', 90)); XA END '{name}';
             XA COMMIT '{name}' ONE PHASE"
        )
    };
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = prepare(flavour, &[]);
        server
            .execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, name VARCHAR(90))");
        server.execute(&one_phase("one", 1));
        if flavour == Flavour::MySql97 {
            let compressed = one_phase("two", 2);
            server.execute(&format!(
                "SET SESSION binlog_transaction_compression = ON; {compressed}"
            ));
        }
        folder.succeeds(&ONCE);
        let rows = rows(&folder.changes(), "a");
        let expected = if flavour == Flavour::MySql97 { 2 } else { 1 };
        assert_eq!(rows.len(), expected);
    }
}

#[test]
fn partitions_tags_and_foreign_keys_are_read_as_they_are_written() {
    let (server, folder) = prepare(Flavour::MySql97, &[]);
    server.execute(
        "CREATE DATABASE a; USE a;
         CREATE TABLE p (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION one VALUES LESS THAN (10),
         PARTITION two VALUES LESS THAN (20));
         INSERT INTO p VALUES (1, 1), (11, 2); UPDATE p SET id = 12 WHERE id = 1; DELETE FROM p WHERE id = 11;
         CREATE TABLE parent (id INT PRIMARY KEY);
         CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id)
         ON DELETE CASCADE);
         SET SESSION gtid_next = 'AUTOMATIC:mark';
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (5, 1); DELETE FROM parent",
    );
    folder.succeeds(&ONCE);
    let changes = folder.changes();
    let rows = rows(&changes, "a");
    let shown: Vec<String> = rows
        .iter()
        .map(|(op, before, after)| {
            format!("{} {} {}", op.as_str().unwrap(), before["id"], after["id"])
        })
        .collect();
    assert_eq!(
        shown,
        [
            "c null 1",
            "c null 11",
            "u 1 12",
            "d 11 null",
            "c null 1",
            "c null 5",
            "d 5 null",
            "d 1 null"
        ]
    );
    let gtid = changes.last().unwrap()["source"]["gtid"].as_str().unwrap();
    assert!(gtid.contains(":mark:3"), "{gtid}");
}
