//! Statements that `--format sql` prints, given to a server that has not the database: they are executed as the session
//! that sent them would have, and computed columns are left to the server.

use rowtap::mysql::Flavour as Family;

use super::script::apply;
use super::{decode, decoded};
use crate::commands::process::{Folder, account};
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

/// Executes statements in a database that they create, and again, from the binlog, where it was dropped; all is then as it
/// was.
#[track_caller]
fn replayed(flavour: Flavour, statements: &str) -> (Server, String, String) {
    let (server, original, path) = executed(flavour, statements);
    let script = decoded(&["--format=sql", &path]);
    apply(&server, &script);
    assert_eq!(content(&server), original, "{script}");
    (server, script, path)
}

/// The same where rows hold the times at which they were made.
#[track_caller]
fn replayed_but_times(flavour: Flavour, statements: &str) -> (Server, String, String) {
    let (server, _, path) = executed(flavour, statements);
    let script = decoded(&["--format=sql", &path]);
    apply(&server, &script);
    (server, script, path)
}

/// Executes statements in a database that they create, and drops it; returns what it was and the binlog.
#[track_caller]
fn executed(flavour: Flavour, statements: &str) -> (Server, Vec<Vec<Option<String>>>, String) {
    let server = Server::start(flavour, &["--binlog-row-metadata=FULL"]);
    server.execute("FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.client(&["--default-character-set=utf8mb4"], statements);
    server.execute("FLUSH BINARY LOGS");
    let original = content(&server);
    assert!(original.len() > 2, "{original:?}");
    server.execute("DROP DATABASE fresh");
    let path = server.binlog_path(&file).display().to_string();
    (server, original, path)
}

const DATABASES: &str = "
    CREATE DATABASE fresh; USE fresh;
    CREATE TABLE t (id INT PRIMARY KEY);
    INSERT INTO t VALUES (1), (2);
    CREATE DATABASE brief; USE brief; CREATE TABLE t (id INT PRIMARY KEY); DROP DATABASE brief;
    USE fresh; ALTER DATABASE COLLATE latin1_bin; DELETE FROM t WHERE id = 1; ALTER TABLE t ADD note TEXT;
    CREATE TABLE copied (PRIMARY KEY (id)) AS SELECT id, 'x' AS x FROM t;
    CREATE TABLE numbered (a INT); INSERT INTO numbered VALUES (7), (8);
    ALTER TABLE numbered ADD id INT AUTO_INCREMENT PRIMARY KEY FIRST;
    CREATE TABLE emptied (id INT PRIMARY KEY); INSERT INTO emptied VALUES (1); TRUNCATE emptied;
    RENAME TABLE emptied TO renamed; CREATE TABLE IF NOT EXISTS renamed (id INT); DROP TABLE IF EXISTS nothing;
    CREATE VIEW fresh.seen AS SELECT id FROM t; DROP VIEW fresh.seen;
    CREATE TABLE fresh.moved (id INT); RENAME TABLE fresh.moved TO fresh.gone;
    CREATE TRIGGER noted BEFORE INSERT ON t FOR EACH ROW SET NEW.note = 'x';
    CREATE TRIGGER noted_too BEFORE UPDATE ON t FOR EACH ROW SET NEW.note = 'y';";

fn databases(flavour: Flavour) {
    let (server, script, path) = replayed(flavour, DATABASES);
    assert!(script.contains("USE `fresh`;"), "{script}");
    let left = server.query_text("SHOW DATABASES LIKE 'brief'");
    assert!(left.is_empty(), "{left:?}");
    renamed(&server, &path);
    let redo = decode(&["--format=sql", &path]).stderr;
    assert_eq!(redo.matches("creates a trigger").count(), 1, "{redo}");
    let undo = decode(&["--flashback", &path]);
    let kept = undo.stdout.matches("-- not undone:").count();
    for fragment in ["DDL is not undone", &format!("statements={kept}"), "first="] {
        assert!(undo.stderr.contains(fragment), "{}", undo.stderr);
    }
}

/// What is executed under another name leaves the original as it is.
fn renamed(server: &Server, path: &str) {
    let original = content(server);
    let script = decode(&["--format=sql", "--rewrite-db=fresh->other", path]);
    assert_eq!(script.code, Some(0), "{}", script.stderr);
    let (script, told) = (script.stdout, script.stderr);
    assert_eq!(told.matches("--rewrite-db renames").count(), 1, "{told}");
    for comment in [
        "-- CREATE DATABASE fresh",
        "-- DROP VIEW fresh.seen",
        "-- RENAME TABLE fresh.moved TO fresh.gone",
    ] {
        assert!(script.contains(comment), "{script}");
    }
    server.execute("CREATE DATABASE other");
    apply(server, &script);
    assert_eq!(content(server), original, "{script}");
    let rows = |database: &str| {
        ["t", "copied", "numbered", "renamed"]
            .map(|table| server.query_text(&format!("SELECT * FROM {database}.{table}")))
    };
    assert_eq!(rows("other"), rows("fresh"));
}

#[test]
fn databases_are_created_and_dropped_on_mysql() {
    databases(Flavour::MySql97);
}

#[test]
fn databases_are_created_and_dropped_on_mariadb() {
    databases(Flavour::MariaDb118);
}

const SESSIONS: &str = r#"
    SET collation_server = 'latin1_swedish_ci'; CREATE DATABASE fresh; USE fresh;
    SET sql_mode = 'ANSI_QUOTES';
    CREATE TABLE "q q" (id INT PRIMARY KEY, "n" TEXT); INSERT INTO "q q" VALUES (1, 'one');
    SET sql_mode = 'NO_BACKSLASH_ESCAPES';
    CREATE TABLE slash (id INT PRIMARY KEY, t VARCHAR(9) DEFAULT '\'); INSERT INTO slash (id) VALUES (1);
    SET sql_mode = '', time_zone = '+05:00';
    CREATE TABLE hour (id INT PRIMARY KEY, at TIMESTAMP DEFAULT '2024-01-01 05:00:00');
    INSERT INTO hour (id) VALUES (1);
    CREATE TABLE short (id INT PRIMARY KEY, at DATE NOT NULL DEFAULT '0000-00-00');
    INSERT INTO short VALUES (1, '0000-00-00');
    SET time_zone = '-03:00'; INSERT INTO hour (id) VALUES (2);
    SET time_zone = '+00:00', explicit_defaults_for_timestamp = 0;
    CREATE TABLE implicit (id INT PRIMARY KEY, at TIMESTAMP, later TIMESTAMP DEFAULT 0);
    SET explicit_defaults_for_timestamp = 1;
    CREATE TABLE explicit (id INT PRIMARY KEY, at TIMESTAMP);
    SET timestamp = 1000000000.25;
    ALTER TABLE slash ADD added DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), ADD INDEX (t);
    SET timestamp = DEFAULT;
    SET NAMES utf8mb4 COLLATE utf8mb4_bin;
    CREATE VIEW seen AS SELECT 'x' = 'X' AS same, id FROM slash;"#;

fn sessions(flavour: Flavour) {
    let (server, script, _) = replayed(flavour, SESSIONS);
    let default =
        server.query_one("SELECT CAST(UNIX_TIMESTAMP(at) AS SIGNED) FROM fresh.hour WHERE id = 1");
    assert_eq!(default.as_deref(), Some("1704067200"), "{script}");
    let added = server.query_one("SELECT added FROM fresh.slash");
    assert_eq!(
        added.as_deref(),
        Some("2001-09-09 01:46:40.250"),
        "{script}"
    );
    let zones = script.matches("time_zone = '+05:00'").count();
    assert_eq!(zones, 1, "what stays is not printed again: {script}");
    let same = server.query_one("SELECT same FROM fresh.seen");
    assert_eq!(same.as_deref(), Some("0"), "{script}");
}

const KEYS: &str = "
    CREATE DATABASE fresh; USE fresh;
    CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB;
    CREATE TABLE child (id INT PRIMARY KEY, up INT, CONSTRAINT a FOREIGN KEY (up) REFERENCES parent (id)
        ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB;
    CREATE TABLE loose (id INT PRIMARY KEY, up INT, CONSTRAINT b FOREIGN KEY (up) REFERENCES parent (id)
        ON DELETE SET NULL) ENGINE=InnoDB;
    INSERT INTO parent VALUES (1), (2), (3), (4);
    INSERT INTO child VALUES (1, 1), (2, 2), (3, 3), (4, 4); INSERT INTO loose VALUES (1, 1), (4, 4);
    BEGIN; DELETE FROM parent WHERE id = 1; SET foreign_key_checks = 0; DELETE FROM parent WHERE id = 2;
    INSERT INTO child VALUES (9, 99); SET foreign_key_checks = 1; DELETE FROM child WHERE id = 3; COMMIT;
    DELETE FROM loose WHERE id = 4; UPDATE parent SET id = 40 WHERE id = 4;
    SET foreign_key_checks = 0; DROP TABLE parent; CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB;
    INSERT INTO parent VALUES (2), (40), (99);";

fn foreign_keys(flavour: Flavour) {
    let (server, script, _) = replayed(flavour, KEYS);
    let left = server.query_text("SELECT up FROM fresh.child ORDER BY id");
    let left: Vec<_> = left.iter().flatten().flatten().collect();
    assert_eq!(left, ["2", "40", "99"], "{script}");
}

#[test]
fn what_foreign_keys_changed_is_changed_again_on_mysql() {
    foreign_keys(Flavour::MySql97);
    foreign_keys(Flavour::MySql80);
}

#[test]
fn what_foreign_keys_changed_is_changed_again_on_mariadb() {
    foreign_keys(Flavour::MariaDb118);
}

#[test]
fn statements_are_executed_in_their_session_on_mysql() {
    sessions(Flavour::MySql97);
}

#[test]
fn statements_are_executed_in_their_session_on_mariadb() {
    sessions(Flavour::MariaDb118);
}

const VERSIONED: &str = "
    CREATE DATABASE fresh; USE fresh;
    CREATE TABLE keyed (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING;
    CREATE TABLE bare (a INT, b TEXT) WITH SYSTEM VERSIONING;
    CREATE TABLE named (id INT PRIMARY KEY, a INT, since TIMESTAMP(6) GENERATED ALWAYS AS ROW START,
        until TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, until)) WITH SYSTEM VERSIONING;
    CREATE TABLE plain (id INT PRIMARY KEY);
    INSERT INTO keyed VALUES (1, 1), (2, 2), (3, 3); INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (2, NULL);
    INSERT INTO named (id, a) VALUES (1, 1), (2, 2); INSERT INTO plain VALUES (1);
    UPDATE keyed SET a = 5 WHERE id = 1; UPDATE keyed SET id = 30 WHERE id = 3; DELETE FROM keyed WHERE id = 2;
    UPDATE bare SET a = 5 WHERE a = 1 LIMIT 1; DELETE FROM bare WHERE a = 2; DELETE HISTORY FROM bare;
    UPDATE named SET a = 7 WHERE id = 1; DELETE FROM named WHERE id = 2;
    INSERT INTO keyed VALUES (2, 22);";

#[test]
fn tables_that_keep_their_past_are_changed_as_they_are_now() {
    for flavour in [Flavour::MariaDb1011, Flavour::MariaDb118] {
        let (server, script, path) = replayed_but_times(flavour, VERSIONED);
        let rows = |table: &str, columns: &str| {
            let rows = server.query_text(&format!(
                "SELECT {columns} FROM fresh.{table} ORDER BY 1, 2"
            ));
            let row = |row: &Vec<Option<String>>| row.iter().flatten().cloned().collect::<String>();
            rows.iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(rows("keyed", "id, a"), ["15", "222", "303"], "{script}");
        assert_eq!(rows("bare", "a, b"), ["1x", "5x"], "{script}");
        assert_eq!(rows("named", "id, a"), ["17"], "{script}");
        apply(&server, &decoded(&["--flashback", &path]));
        for (table, columns) in [("keyed", "id, a"), ("bare", "a, b"), ("named", "id, a")] {
            assert!(rows(table, columns).is_empty());
        }
    }
}

const COMPUTED: &str = "
    CREATE DATABASE fresh; USE fresh;
    CREATE TABLE keyed (id INT PRIMARY KEY, a INT, twice INT AS (a * 2) VIRTUAL, thrice INT AS (a * 3) STORED, b TEXT);
    CREATE TABLE bare (a INT, twice INT AS (a * 2) VIRTUAL, thrice INT AS (a * 3) STORED);
    INSERT INTO keyed (id, a, b) VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, NULL);
    INSERT INTO bare (a) VALUES (1), (2), (NULL);
    UPDATE keyed SET a = a + 10 WHERE id < 3; DELETE FROM keyed WHERE id = 2; INSERT INTO keyed (id, a) VALUES (9, 9);
    UPDATE bare SET a = 5 WHERE a = 1; DELETE FROM bare WHERE a IS NULL;";

fn computed(flavour: Flavour) {
    let (server, _, path) = replayed(flavour, COMPUTED);
    let count = "SELECT (SELECT COUNT(*) FROM fresh.keyed) + (SELECT COUNT(*) FROM fresh.bare)";
    assert_eq!(server.query_one(count).as_deref(), Some("5"));
    apply(&server, &decoded(&["--flashback", &path]));
    assert_eq!(server.query_one(count).as_deref(), Some("0"));
    computed_as_the_server_tells(&server);
}

/// Of tables that are defined in another file only their server can tell which columns are computed.
fn computed_as_the_server_tells(server: &Server) {
    const ROWS: &str = "SELECT id, a, twice, thrice FROM fresh.keyed ORDER BY id";
    account(server, "u");
    server.execute("INSERT INTO fresh.keyed (id, a) VALUES (1, 1), (2, 2); FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    let former = server.query_text(ROWS);
    server.execute(
        "DELETE FROM fresh.keyed WHERE id = 1; UPDATE fresh.keyed SET a = 7; FLUSH BINARY LOGS",
    );
    let path = server.binlog_path(&file).display().to_string();
    let unknown = decode(&["--flashback", &path]);
    // MariaDB leaves virtual columns out of its rows.
    let (printed, fragment) = match server.flavour().family() {
        Family::MySql => (&unknown.stdout, "`twice`"),
        Family::MariaDb => (&unknown.stderr, "lacks column twice"),
    };
    assert!(printed.contains(fragment), "{printed}");
    let folder = Folder::streaming(server, "u");
    let connector = folder.path("shop.toml").display().to_string();
    for direction in ["--format=sql", "--flashback"] {
        let known = decoded(&["--definitions", &connector, direction, &path]);
        assert!(!known.contains("`twice`"), "{known}");
    }
    apply(
        server,
        &decoded(&["--definitions", &connector, "--flashback", &path]),
    );
    assert_eq!(server.query_text(ROWS), former);
    server.execute("DROP TABLE fresh.keyed");
    let gone = decode(&["--definitions", &connector, "--flashback", &path]);
    for fragment in ["which columns of the table are generated", "lacks SELECT"] {
        assert!(gone.stderr.contains(fragment), "{}", gone.stderr);
    }
}

#[test]
fn computed_columns_are_not_assigned_on_mysql() {
    computed(Flavour::MySql97);
}

#[test]
fn computed_columns_are_not_assigned_on_mariadb() {
    computed(Flavour::MariaDb118);
}

#[test]
fn types_that_no_binlog_tells_are_not_blamed_on_its_metadata() {
    let server = Server::start(Flavour::MariaDb118, &["--binlog-row-metadata=FULL"]);
    server.execute("CREATE DATABASE fresh; CREATE TABLE fresh.t (id INT PRIMARY KEY, at INET6)");
    server.execute("FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.execute("INSERT INTO fresh.t VALUES (1, '2001:db8::1'); FLUSH BINARY LOGS");
    let ended = decode(&[&server.binlog_path(&file).display().to_string()]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no binlog says all types"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("FULL"), "{}", ended.stderr);
}
