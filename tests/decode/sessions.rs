//! Statements that `--format sql` prints, given to a server that has not the database: they are executed as the session
//! that sent them would have.

use super::decoded;
use super::script::apply;
use crate::support::{Flavour, Server};

/// Every table, as its definition shows it, and its rows.
fn content(server: &Server) -> Vec<Vec<Option<String>>> {
    let tables = server.query_text(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'fresh' ORDER BY 1",
    );
    let mut content = server.query_text("SHOW CREATE DATABASE fresh");
    for table in tables.iter().flatten().flatten() {
        content.extend(server.query_text(&format!("SHOW CREATE TABLE fresh.`{table}`")));
        content.extend(server.query_text(&format!("SELECT * FROM fresh.`{table}`")));
    }
    content
}

/// Executes statements in a database that they create, and again, from the binlog, where it was dropped.
#[track_caller]
fn replayed(flavour: Flavour, statements: &str) -> (Server, String) {
    let server = Server::start(flavour, &["--binlog-row-metadata=FULL"]);
    server.execute("FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.client(&["--default-character-set=utf8mb4"], statements);
    server.execute("FLUSH BINARY LOGS");
    let original = content(&server);
    assert!(original.len() > 2, "{original:?}");
    server.execute("DROP DATABASE fresh");
    let path = server.binlog_path(&file).display().to_string();
    let script = decoded(&["--format=sql", &path]);
    apply(&server, &script);
    assert_eq!(content(&server), original, "{script}");
    (server, script)
}

const DATABASES: &str = "
    CREATE DATABASE fresh; USE fresh;
    CREATE TABLE t (id INT PRIMARY KEY);
    INSERT INTO t VALUES (1), (2);
    CREATE DATABASE brief; USE brief; CREATE TABLE t (id INT PRIMARY KEY); DROP DATABASE brief;
    USE fresh; DELETE FROM t WHERE id = 1; ALTER TABLE t ADD note TEXT;";

fn databases(flavour: Flavour) {
    let (server, script) = replayed(flavour, DATABASES);
    assert!(script.contains("USE `fresh`;"), "{script}");
    let left = server.query_text("SHOW DATABASES LIKE 'brief'");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn databases_are_created_and_dropped_on_mysql() {
    databases(Flavour::MySql97);
}

#[test]
fn databases_are_created_and_dropped_on_mariadb() {
    databases(Flavour::MariaDb118);
}
