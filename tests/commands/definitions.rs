//! Streams of servers that put no names into their binlog: definitions come from the source, where that is safe.

use std::time::Duration;

use rowtap::mysql::Flavour as Family;

use super::groups::committed;
use super::process::{Folder, account};
use crate::support::{Flavour, Server, wait_until};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// A server with its family's default, and a stream that begins behind the table's definition, which is in no file any more.
fn lagging(flavour: Flavour) -> (Server, Folder) {
    let default = match flavour.family() {
        Family::MySql => "--binlog-row-metadata=MINIMAL",
        Family::MariaDb => "--binlog-row-metadata=NO_LOG",
    };
    let server = Server::start(flavour, &[default]);
    account(&server, "u");
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, name TEXT); \
         CREATE TABLE a.other (n INT)",
    );
    server.execute("FLUSH BINARY LOGS");
    let (file, position) = server.coordinates();
    // MariaDB keeps them until a background thread is done with them.
    wait_until("the older files are gone", Duration::from_secs(60), || {
        server.execute(&format!("PURGE BINARY LOGS TO '{file}'"));
        server.query_text("SHOW BINARY LOGS").len() == 1
    });
    let start = format!("start = {{ file = '{file}', position = {position} }}");
    let folder = Folder::streaming(&server, "u").replacing("start = 'latest'", &start);
    (server, folder)
}

#[test]
fn a_definition_read_later_serves_where_no_ddl_on_the_table_stands_in_between() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = lagging(flavour);
        server.execute("USE a; INSERT INTO t VALUES (4000000000, 'one')");
        server.execute("FLUSH BINARY LOGS");
        server.execute("USE a; ALTER TABLE other ADD m INT; INSERT INTO t (name) VALUES ('two')");
        folder.succeeds(&ONCE);
        assert_eq!(committed(&folder), [4_000_000_000, 4_000_000_001]);
        server.execute("USE a; INSERT INTO t (name) VALUES ('three')");
        folder.succeeds(&ONCE);
        assert_eq!(committed(&folder).last(), Some(&4_000_000_002));
    }
}

#[test]
fn a_ddl_on_the_table_in_between_stops_the_stream_before_its_rows() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = lagging(flavour);
        server.execute("USE a; INSERT INTO t (name) VALUES ('one')");
        // The table map stays the same, and yet the names have changed.
        server.execute("USE a; ALTER TABLE t CHANGE name title TEXT");
        server.execute("USE a; INSERT INTO t (title) VALUES ('two')");
        for _ in 0..2 {
            folder.fails(65, &["a.t", "SET PERSIST binlog_row_metadata=FULL"]);
            assert_eq!(committed(&folder), Vec::<i64>::new());
        }
    }
}

#[test]
fn tables_that_the_filters_leave_out_are_not_shown_unless_they_are_asked_for() {
    let (server, folder) = lagging(Flavour::MySql97);
    let folder = folder.replacing("[sink]", "[filter]\nreplicate-do-table = 'a.t'\n[sink]");
    let never = folder.run(&["definitions", "shop.toml"]);
    assert_eq!(never.code, Some(65), "{}", never.stderr);
    assert!(
        never.stderr.contains("state/shop, run it first"),
        "{}",
        never.stderr
    );
    server.execute("INSERT INTO a.t VALUES (1, 'one'); ALTER TABLE a.other ADD m INT");
    folder.succeeds(&ONCE);
    let shown = folder.succeeds(&["definitions", "shop.toml"]).stdout;
    assert!(shown.contains("\na.t  "), "{shown}");
    assert!(!shown.contains("a.other"), "{shown}");
    assert!(
        shown.contains("1 table that the filters leave out is not shown"),
        "{shown}"
    );
    let json = folder
        .succeeds(&["definitions", "--json", "shop.toml"])
        .stdout;
    assert!(!json.contains("other"), "{json}");
    let asked = folder.succeeds(&["definitions", "--table", "a.other", "shop.toml"]);
    assert!(
        asked.stdout.contains("a.other  not known"),
        "{}",
        asked.stdout
    );
}
