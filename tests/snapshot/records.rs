//! What the records of a snapshot say of themselves.

use serde_json::Value;

use super::{ONCE, begin, begin_filled, may_copy};
use crate::commands::process::page;
use crate::support::Flavour;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn marks(lines: &[Value]) -> Vec<(&str, i64, &str, &str)> {
    lines
        .iter()
        .map(|line| {
            let (source, id) = (&line["source"], &line["after"]["id"]);
            let (table, mark) = (text(&source["table"]), text(&source["snapshot"]));
            (table, id.as_i64().unwrap(), text(&line["op"]), mark)
        })
        .collect()
}

#[test]
fn rows_are_marked_and_come_after_the_statements_that_made_their_tables() {
    for flavour in Flavour::EVERY {
        let (server, folder) = begin(flavour);
        may_copy(&server, "u");
        server.execute(
            "CREATE DATABASE a; CREATE TABLE a.one (id INT PRIMARY KEY); CREATE TABLE a.none (id INT);
             CREATE TABLE a.three (id INT PRIMARY KEY, secret INT); CREATE TABLE a.zwei (id INT); CREATE TABLE a.left_out (id INT);
             INSERT INTO a.one VALUES (1); INSERT INTO a.three VALUES (1, 7), (2, 8), (3, 9), (4, 0);
             INSERT INTO a.zwei VALUES (1), (2); INSERT INTO a.left_out VALUES (1)",
        );
        let rules = "[filter]\nreplicate-ignore-table = 'a.left_out'\ncolumns-exclude = 'a\\.three\\.secret'\n\
                     rows = [{ tables = 'a\\.three', where = 'id < 4' }]\n[sink]";
        let folder = folder.replacing("[sink]", rules);
        server.execute("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
        folder.succeeds(&ONCE);
        server.execute("SET GLOBAL general_log = OFF");
        // What is not published is not read.
        let read = server.query_text(
            "SELECT argument FROM mysql.general_log WHERE command_type = 'Execute' AND argument LIKE 'SELECT `id`, %`three`%'",
        );
        let read: Vec<&str> = read.iter().filter_map(|row| row[0].as_deref()).collect();
        assert!(!read.is_empty(), "{flavour:?}");
        for statement in read {
            assert!(
                statement.starts_with("SELECT `id`, NULL FROM"),
                "{statement}"
            );
            assert!(statement.contains("(`id` < 4)"), "{statement}");
        }
        server.execute("INSERT INTO a.one VALUES (2)");
        folder.succeeds(&ONCE);
        let lines = folder.changes();
        let expected = [
            ("one", 1, "r", "first"),
            ("three", 1, "r", "first_in_data_collection"),
            ("three", 2, "r", "true"),
            ("three", 3, "r", "last_in_data_collection"),
            ("zwei", 1, "r", "first_in_data_collection"),
            ("zwei", 2, "r", "last"),
            ("one", 2, "c", "false"),
        ];
        assert_eq!(marks(&lines), expected, "{flavour:?}");
        assert!(lines[1]["after"].get("secret").is_none(), "{}", lines[1]);
        let places: Vec<_> = lines
            .iter()
            .map(|line| {
                let source = &line["source"];
                (
                    source["pos"].as_u64().unwrap(),
                    source["sequence"].as_u64().unwrap(),
                )
            })
            .collect();
        assert!(places.is_sorted(), "{places:?}");
        let ddl = folder.ddl();
        let tables: Vec<&Value> = ddl.iter().map(|line| &line["tables"][0]["table"]).collect();
        assert_eq!(tables, ["none", "one", "three", "zwei"], "{flavour:?}");
        for line in &ddl {
            assert!(
                line["ddl"].as_str().unwrap().starts_with("CREATE TABLE `"),
                "{line}"
            );
            assert_eq!(line["tableChanges"][0]["type"], "CREATE", "{line}");
            assert!(
                line["source"]["sequence"].as_u64().unwrap() < places[0].1,
                "{line}"
            );
        }
    }
}

#[test]
fn how_far_a_copy_has_come_is_shown() {
    let (server, folder) = begin_filled(Flavour::MySql97);
    server.execute("ANALYZE TABLE a.t, a.pair, a.bare, a.empty");
    let folder = folder.replacing("[sink]", "[snapshot]\nrows_per_second_max = 2000\n[sink]");
    let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
    let address = running.http();
    let status = |path: &str| {
        page(&address, path)
            .map(|(_, body)| body)
            .unwrap_or_default()
    };
    running.until("the second table is copied", |_| {
        let fields: Value = serde_json::from_str(&status("/status")).unwrap_or_default();
        let fields = &fields["connectors"][0];
        let number = |name: &str| fields[name].as_u64().unwrap_or_default();
        fields["Snapshot_Running"] == "Yes"
            && fields["Snapshot_Table"] == "a.pair"
            && (1..=4_000).contains(&number("Snapshot_Table_Rows"))
            && number("Snapshot_Rows") >= 4_000
            && number("Snapshot_Rows_Expected") > 8_000
            && number("Snapshot_Tables") == 4
            && number("Snapshot_Tables_Done") == 2
            && fields["Snapshot_Seconds_Left"].is_number()
    });
    running.until("it is copied", |_| {
        let metrics = status("/metrics");
        let has = |line: &str| metrics.contains(&format!("{line}\n"));
        has("rowtap_snapshot_running{connector=\"shop\"} 0")
            && has("rowtap_snapshot_tables_done{connector=\"shop\"} 4")
            && has("rowtap_snapshot_rows{connector=\"shop\"} 12000")
    });
    running.signal("TERM");
    running.end();
}
