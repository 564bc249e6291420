//! `rowtap snapshot`: tables that are copied while the connector streams.

use std::fs;

use mysql::prelude::Queryable;
use serde_json::Value;

use super::load::{Load, difference, held, is_same_by_key, rebuilt_by_key};
use super::{ONCE, STREAM, begin_filled_with, sampled};
use crate::commands::process::{Folder, Running};
use crate::support::{Flavour, Server, is_full};

/// A connector that begins at the binlog's end, after tables were filled.
pub fn begin_at_end(flavour: Flavour) -> (Server, Folder) {
    begin_at_end_with(flavour, &[])
}

/// The same of a server with options.
pub fn begin_at_end_with(flavour: Flavour, options: &[&str]) -> (Server, Folder) {
    let (server, folder) = begin_filled_with(flavour, options);
    let folder = folder.replacing("start = 'snapshot'", "start = 'latest'");
    (server, folder)
}

/// What `rowtap snapshot` says of a connector that runs, or has to.
pub fn snapshot(folder: &Folder, arguments: &[&str]) -> String {
    let arguments = [&["snapshot", "shop.toml"], arguments].concat();
    folder.succeeds(&arguments).stdout
}

/// Starts to stream, and waits until it does.
pub fn streaming(folder: &Folder) -> Running {
    let mut running = folder.start(&STREAM);
    running.until("it streams", |running| {
        running.stderr().contains("replication started")
    });
    running
}

/// Waits until every snapshot is over that was ordered.
pub fn until_done(running: &mut Running, folder: &Folder) {
    running.until("what was ordered is done", |_| {
        let orders = fs::read(folder.path("state/shop/snapshot-orders.json")).unwrap();
        let orders: Value = serde_json::from_slice(&orders).unwrap();
        orders["orders"].as_array().unwrap().is_empty()
    });
}

/// Waits until rows of a table are committed, and not all.
pub fn until_partly(running: &mut Running, folder: &Folder, table: &str) {
    let reached = format!(r#"partly\":[{{\"database\":\"a\",\"table\":\"{table}\""#);
    running.until("a part is committed", |_| {
        let manifest = fs::read_to_string(folder.path("changes/manifest.jsonl"));
        let manifest = manifest.unwrap_or_default();
        let last = manifest.lines().last().unwrap_or_default();
        last.contains(&reached)
    });
}

fn refused(folder: &Folder, arguments: &[&str], code: i32, fragments: &[&str]) {
    let command = [&["snapshot", "shop.toml"], arguments].concat();
    folder.refuses(&command, code, fragments);
}

/// The rows that came by snapshots, by table.
fn read_of(folder: &Folder, table: &str) -> usize {
    let changes = folder.changes();
    let is_read = |line: &&Value| line["op"] == "r" && line["source"]["table"] == table;
    let read: Vec<_> = changes.iter().filter(is_read).collect();
    for line in &read {
        assert_eq!(line["source"]["snapshot"], "incremental");
    }
    read.len()
}

#[test]
fn tables_that_are_ordered_come_beside_the_stream() {
    for flavour in sampled() {
        let (server, folder) = begin_at_end(flavour);
        let mut running = streaming(&folder);
        let load = Load::start(&server, 3);
        let said = snapshot(&folder, &["--table", "a.%"]);
        assert!(said.contains("a.bare, a.empty, a.pair, a.t"), "{said}");
        assert!(said.contains("not copied: a.v, a view"), "{said}");
        until_done(&mut running, &folder);
        load.stop();
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
        folder.succeeds(&ONCE);
        is_same_by_key(&server, &folder);
        let emptied: Vec<_> = folder.ddl();
        let emptied: Vec<_> = emptied.iter().map(|line| &line["ddl"]).collect();
        assert_eq!(emptied, ["TRUNCATE TABLE `a`.`bare`"], "{flavour:?}");
    }
}

#[test]
fn a_table_that_the_stream_has_not_named_is_known_as_the_source_proves_it() {
    for flavour in sampled() {
        let (server, folder) = begin_at_end(flavour);
        let (file, position) = server.coordinates();
        let start = format!("start = {{ file = '{file}', position = {position} }}");
        let folder = folder.replacing("start = 'latest'", &start);
        let mut running = streaming(&folder);
        snapshot(&folder, &["--table", "a.t"]);
        until_done(&mut running, &folder);
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
        let rows: Option<usize> = server
            .connect()
            .query_first("SELECT COUNT(*) FROM a.t")
            .unwrap();
        assert!(rows.is_some_and(|rows| rows > 0));
        assert_eq!(Some(read_of(&folder, "t")), rows, "{flavour:?}");
    }
}

#[test]
fn an_order_outlives_kills_and_waits_while_it_is_paused() {
    let one = [Flavour::MySql97];
    let flavours = if is_full() { &Flavour::EVERY[..] } else { &one };
    for &flavour in flavours {
        let (server, folder) = begin_at_end(flavour);
        let folder = folder
            .replacing("[sink]", "[snapshot]\nrows_per_second_max = 1500\n[sink]")
            .replacing("[source]", "checkpoint_interval = '100ms'\n[source]");
        let mut running = streaming(&folder);
        let load = Load::start(&server, 2);
        snapshot(&folder, &["--table", "a.t", "--table", "a.pair"]);
        until_partly(&mut running, &folder, "pair");
        running.signal("KILL");
        running.end();
        let told = snapshot(&folder, &["--status"]);
        assert!(told.contains("snapshot 1: a.pair, a.t: begun"), "{told}");
        let mut running = streaming(&folder);
        until_partly(&mut running, &folder, "t");
        let told = snapshot(&folder, &["--status"]);
        assert!(told.contains("being taken, "), "{told}");
        assert!(snapshot(&folder, &["--pause"]).contains("paused"));
        running.signal("KILL");
        running.end();
        // Faster than the table grows.
        let folder = folder.replacing("rows_per_second_max = 1500\n", "");
        let mut running = streaming(&folder);
        let copied = read_of(&folder, "t");
        server.execute("CREATE TABLE a.last (id INT PRIMARY KEY); INSERT INTO a.last VALUES (1)");
        running.until("the stream passes", |_| {
            let changes = folder.changes();
            changes.iter().any(|line| line["source"]["table"] == "last")
        });
        assert_eq!(read_of(&folder, "t"), copied, "{flavour:?}");
        server.execute("DELETE FROM a.last; DROP TABLE a.last");
        snapshot(&folder, &["--resume"]);
        until_done(&mut running, &folder);
        load.stop();
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
        folder.succeeds(&ONCE);
        let last = |line: &Value| line["source"]["table"] == "last";
        assert!(folder.changes().iter().any(last));
        is_same_of(&server, &folder, &["t", "pair"]);
    }
}

/// Makes sure that tables come to what the source holds.
fn is_same_of(server: &Server, folder: &Folder, tables: &[&str]) {
    let (mut rebuilt, _) = rebuilt_by_key(folder);
    let mut held = held(server);
    held.retain(|table, _| tables.contains(&&**table));
    rebuilt.retain(|table, _| tables.contains(&&**table));
    let difference = difference(&held, &rebuilt);
    assert_eq!(difference, None, "{:?}", server.flavour());
}

#[test]
fn rows_are_chosen_by_a_condition_and_an_order_can_be_taken_back() {
    for flavour in sampled() {
        let (_server, folder) = begin_at_end(flavour);
        let mut running = streaming(&folder);
        let condition = "id <= 250 or name = 'row 300' -- and no more";
        snapshot(&folder, &["--table", "a.t", "--where", condition]);
        until_done(&mut running, &folder);
        assert_eq!(read_of(&folder, "t"), 251, "{flavour:?}");
        snapshot(&folder, &["--pause"]);
        let said = snapshot(&folder, &["--table", "a.pair"]);
        assert!(said.contains("once --resume"), "{said}");
        let said = snapshot(&folder, &["--table", "a.empty"]);
        assert!(said.contains("snapshot 3"), "{said}");
        assert!(snapshot(&folder, &["--cancel", "2"]).contains("cancelled"));
        refused(&folder, &["--cancel", "2"], 2, &["there is no snapshot 2"]);
        snapshot(&folder, &["--resume"]);
        until_done(&mut running, &folder);
        assert_eq!(read_of(&folder, "pair"), 0, "{flavour:?}");
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
    }
}

#[test]
fn an_order_that_is_under_way_is_dropped_even_while_the_connector_is_stopped() {
    let (server, folder) = begin_at_end(Flavour::MySql97);
    let folder = folder.replacing("[sink]", "[snapshot]\nrows_per_second_max = 500\n[sink]");
    let mut running = streaming(&folder);
    snapshot(&folder, &["--table", "a.t"]);
    until_partly(&mut running, &folder, "t");
    running.signal("KILL");
    running.end();
    snapshot(&folder, &["--cancel", "1"]);
    server.execute("DELETE FROM a.t WHERE id = 1");
    folder.succeeds(&ONCE);
    assert!(read_of(&folder, "t") < 4_000);
    let told = snapshot(&folder, &["--status"]);
    assert!(told.contains("no snapshot is waiting"), "{told}");
}

#[test]
fn orders_that_cannot_be_carried_out_are_refused() {
    let (server, folder) = begin_at_end(Flavour::MySql97);
    server.execute(
        "CREATE TABLE a.old (id INT PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE a.hidden (id INT PRIMARY KEY)",
    );
    let folder = folder.replacing(
        "[sink]",
        "[filter]\nreplicate-ignore-table = 'a.hidden'\n[sink]",
    );
    refused(&folder, &["--table", "a.t"], 69, &["does not run"]);
    refused(&folder, &["--pause"], 69, &["does not run"]);
    let mut running = streaming(&folder);
    for (arguments, code, words) in [
        (&["--table", "a.nothing"][..], 2, "matches no table"),
        (
            &["--table", "t"],
            2,
            "--table \"t\" names no database, give it as DATABASE.TABLE",
        ),
        (&["--table", ""], 2, "names no database"),
        (&["--table", ".t"], 2, "has no database before the dot"),
        (&["--table", "a."], 2, "has no table after the dot, give it"),
        (
            &["--table", "a.%", "--table", "a."],
            2,
            "has no table after",
        ),
        (&["--table", "`a`.`t`"], 2, "without quotes"),
        (&["--table", "a.t,a.pair"], 2, "once for each"),
        (&["--table", "a.v"], 2, "a.v, a view"),
        (&["--table", "a.hidden"], 2, "which the filters leave out"),
        (&["--table", "a.old"], 69, "ENGINE=InnoDB"),
        (
            &["--table", "a.bare", "--where", "id = 1"],
            2,
            "without a primary key",
        ),
        (
            &["--table", "a.t", "--where", "no = 1"],
            2,
            "Unknown column",
        ),
        (&["--table", "a.t", "--where", "1) or (1"], 2, "--where"),
        (
            &["--table", "a.t", "--where", "1; drop table a.t"],
            2,
            "--where",
        ),
        (&["--table", "a.t", "--columns", "id"], 2, "columns-include"),
        (&["--table", "a.t", "--status"], 2, "cannot be used with"),
        (&[], 2, "required"),
    ] {
        refused(&folder, arguments, code, &[words]);
    }
    // What becomes unfit later is given up, and the stream goes on.
    snapshot(&folder, &["--pause"]);
    snapshot(&folder, &["--table", "a.t"]);
    server.execute("RENAME TABLE a.t TO a.u; INSERT INTO a.u (n) VALUES (7)");
    snapshot(&folder, &["--resume"]);
    running.until("it is given up", |_| {
        snapshot(&folder, &["--status"]).contains("snapshot 1 was given up")
    });
    server.execute("INSERT INTO a.u (n) VALUES (8)");
    running.until("the stream goes on", |_| folder.changes().len() == 2);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn an_order_whose_condition_fails_at_a_row_is_given_up_and_those_behind_it_are_carried_out() {
    for flavour in sampled() {
        let (server, folder) = begin_at_end(flavour);
        let mut running = streaming(&folder);
        snapshot(&folder, &["--pause"]);
        // The others tell of such an expression when it is ordered.
        let first = match flavour {
            Flavour::MySql97 | Flavour::MySql80 => "name REGEXP '('",
            Flavour::MySql57 | Flavour::MariaDb118 | Flavour::MariaDb1011 => {
                "(SELECT 1 UNION SELECT 2) = id"
            }
        };
        snapshot(&folder, &["--table", "a.t", "--where", first]);
        // The rows before the one at which it fails may have come.
        let condition = "id < 4000 OR id = (SELECT n FROM a.pair)";
        snapshot(&folder, &["--table", "a.t", "--where", condition]);
        snapshot(&folder, &["--table", "a.pair"]);
        snapshot(&folder, &["--resume"]);
        until_done(&mut running, &folder);
        assert_eq!(read_of(&folder, "pair"), 4_000, "{flavour:?}");
        let told = snapshot(&folder, &["--status"]);
        for fragment in [
            "snapshot 1 was given up: ",
            &format!("the rows of a.t cannot be chosen by --where \"{first}\": "),
            "snapshot 2 was given up: ",
            "the rows of a.t cannot be chosen by --where \"id < 4000 OR",
        ] {
            assert!(told.contains(fragment), "{flavour:?} {told}");
        }
        assert!(!running.stderr().contains("run failed"), "{flavour:?}");
        let before = folder.changes().len();
        server.execute("INSERT INTO a.t (n) VALUES (7)");
        running.until("the stream goes on", |_| folder.changes().len() > before);
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
    }
}

#[test]
fn orders_that_are_given_up_before_they_begin_let_those_behind_them_begin() {
    let (server, folder) = begin_at_end(Flavour::MySql97);
    let mut running = streaming(&folder);
    server.execute("CREATE TABLE a.other (id INT PRIMARY KEY)");
    snapshot(&folder, &["--pause"]);
    snapshot(&folder, &["--table", "a.other"]);
    snapshot(&folder, &["--table", "a.other"]);
    snapshot(&folder, &["--table", "a.pair"]);
    server.execute("DROP TABLE a.other");
    snapshot(&folder, &["--resume"]);
    until_done(&mut running, &folder);
    assert_eq!(read_of(&folder, "pair"), 4_000);
    let told = snapshot(&folder, &["--status"]);
    for order in ["snapshot 1", "snapshot 2"] {
        let reason = format!("{order} was given up: ");
        assert!(
            told.contains(&reason) && told.contains("GRANT SELECT"),
            "{told}"
        );
    }
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn an_order_whose_condition_names_a_table_that_is_gone_is_given_up() {
    for flavour in sampled() {
        let (server, folder) = begin_at_end(flavour);
        server.execute("CREATE TABLE a.other (id INT PRIMARY KEY)");
        let mut running = streaming(&folder);
        snapshot(&folder, &["--pause"]);
        let condition = "id IN (SELECT id FROM a.other)";
        snapshot(&folder, &["--table", "a.t", "--where", condition]);
        server.execute("DROP TABLE a.other");
        snapshot(&folder, &["--resume"]);
        until_done(&mut running, &folder);
        let told = snapshot(&folder, &["--status"]);
        assert!(told.contains("snapshot 1 was given up: "), "{told}");
        assert!(told.contains(condition) && told.contains("1146"), "{told}");
        assert!(!running.stderr().contains("run failed"), "{flavour:?}");
        let before = folder.changes().len();
        server.execute("INSERT INTO a.t (n) VALUES (7)");
        running.until("the stream goes on", |_| folder.changes().len() > before);
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
    }
}
