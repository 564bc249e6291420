//! Kinds of events that servers write under certain settings: compressed ones, statements, and their like.

use serde_json::Value;

use super::process::{Folder, account};
use crate::support::{Flavour, Server};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// A server with an account and a folder whose stream begins here.
fn prepare(flavour: Flavour, options: &[&str]) -> (Server, Folder) {
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
    let (server, folder) = prepare(Flavour::MariaDb1011, &["--log-bin-compress-min-len=10"]);
    for (database, compression) in [("packed", "ON"), ("plain", "OFF")] {
        server.execute(&format!(
            "SET GLOBAL log_bin_compress = {compression}; {}",
            work(database)
        ));
    }
    compare(&server, &folder, "Write_compressed_rows");
}
