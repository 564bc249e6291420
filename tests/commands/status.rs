//! `rowtap status` and the pages: what they say is what the source and the files say.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable as _;
use serde_json::Value;

use rowtap::mysql::Flavour as Family;

use super::process::{Folder, account, page};
use crate::support::{Flavour, Server};

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("{name}: ");
    text.lines()
        .find_map(|line| line.trim_start().strip_prefix(&start))
}

/// Asserts that fields have these values, under the names of the source's family.
#[track_caller]
fn assert_fields(text: &str, flavour: Flavour, expected: &[(&str, &str)]) {
    for (name, expected) in expected {
        let own = own_name(flavour, name);
        assert_eq!(field(text, &own), Some(*expected), "{name}\n{text}");
    }
}

#[test]
fn the_status_of_a_running_and_of_a_stopped_connector_is_the_servers() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
        let folder = Folder::streaming(&server, "u");
        let never = folder.run(&["status", "shop.toml"]);
        assert_eq!(never.code, Some(0), "{}", never.stderr);
        assert_eq!(field(&never.stdout, "Exec_Source_Log_Pos"), Some("NULL"));

        let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
        let http = running.http();
        running.until("it streams", |_| {
            page(&http, "/readyz").is_some_and(|(line, _)| line.contains(" 200 "))
        });
        server.execute("INSERT INTO a.t VALUES (1), (2)");
        let (file, position) = server.coordinates();
        let position = position.to_string();
        let mut text = String::new();
        running.until("status has come to the source's end", |_| {
            text = folder.run(&["status", "shop.toml"]).stdout;
            field(&text, &own_name(flavour, "Exec_Source_Log_Pos")) == Some(&position)
        });
        let gtids = server.gtid_set();
        let own = |name: &str| own_name(flavour, name);
        // The server's own words for the same.
        let (set, waiting) = match flavour.family() {
            Family::MySql => ("Executed_Gtid_Set", "Waiting for source to send event"),
            Family::MariaDb => ("Gtid_Slave_Pos", "Waiting for master to send event"),
        };
        assert_fields(
            &text,
            flavour,
            &[
                ("Connector", "shop"),
                ("Replica_IO_State", waiting),
                ("Last_IO_Errno", "0"),
                ("Last_SQL_Error", ""),
                ("SQL_Delay", "0"),
                ("SQL_Remaining_Delay", "NULL"),
                ("Skip_Orders", "[]"),
                ("Skipped_Groups", "0"),
                ("Replica_IO_Running", "Yes"),
                ("Replica_SQL_Running", "Yes"),
                ("Source_User", "u"),
                ("Relay_Source_Log_File", &file),
                ("Source_Server_Id", "1"),
                ("Seconds_Behind_Source", "0"),
                ("State", "streaming"),
                (set, &gtids),
            ],
        );
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));

        let stopped = folder.run(&["status", "shop.toml"]).stdout;
        assert_fields(
            &stopped,
            flavour,
            &[
                ("Replica_IO_Running", "No"),
                ("Exec_Source_Log_Pos", &position),
                (set, &gtids),
                ("State", "stopped"),
            ],
        );
        let json = folder.run(&["status", "--json", "shop.toml"]).stdout;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            json["connectors"][0][own("Relay_Source_Log_File")],
            file.as_str()
        );
    }
}

/// A field as the family calls it, whose own SHOW REPLICA STATUS or SHOW SLAVE STATUS has the name.
fn own_name(flavour: Flavour, name: &str) -> String {
    match flavour.family() {
        Family::MySql => name.to_owned(),
        Family::MariaDb => name
            .replace("Source", "Master")
            .replace("Replica_", "Slave_"),
    }
}

#[test]
fn the_names_are_those_of_the_servers_own_status() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        let folder = Folder::streaming(&server, "u");
        let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
        let http = running.http();
        running.until("it streams", |_| {
            page(&http, "/readyz").is_some_and(|(line, _)| line.contains(" 200 "))
        });
        let (_, page) = page(&http, "/status").unwrap();
        let page: Value = serde_json::from_str(&page).unwrap();
        let ours = page["connectors"][0].as_object().unwrap();
        // An empty result still has its columns.
        let (statement, change) = match flavour.family() {
            Family::MySql => (
                "SHOW REPLICA STATUS",
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1",
            ),
            Family::MariaDb => (
                "SHOW SLAVE STATUS",
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1",
            ),
        };
        server.execute(change);
        let theirs = server.column_names(statement);
        let own = [
            "Connector",
            "Last_Error_Timestamp",
            "XA_Held",
            "XA_Held_Oldest",
            "XA_Held_Seconds",
            "Undefined_Tables",
            "Skip_Orders",
            "Skipped_Groups",
            "State",
            "Reconnects",
            "Checkpoint_Age",
            "Checkpoints",
            "Bytes_Received",
            "Bytes_Encoded",
            "Bytes_In_Flight",
            "Records",
            "Records_Delivered",
            "Ledger",
        ];
        for name in ours.keys().filter(|name| !own.contains(&&***name)) {
            // What one family shows in a field of its own, the other has among its options.
            let is_known = theirs.contains(name)
                || [
                    "Replicate_Do_Domain_Ids",
                    "Replicate_Ignore_Domain_Ids",
                    "Gtid_Slave_Pos",
                    "Source_TLS_Version",
                    "Master_TLS_Version",
                    "Master_Retry_Count",
                    "Last_IO_Error_Timestamp",
                    "Last_SQL_Error_Timestamp",
                    "Replicate_Rewrite_DB",
                ]
                .contains(&&**name);
            assert!(is_known, "{flavour:?} has no {name}: {theirs:?}");
        }
    }
}

#[test]
fn the_lag_is_the_age_of_what_is_durable_and_none_once_the_source_rests() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
        // Held back, so that there is a lag to be seen.
        let folder =
            Folder::streaming(&server, "u").replacing("[sink]", "source_delay = '3s'\n[sink]");
        let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
        let http = running.http();
        running.until("it streams", |_| {
            page(&http, "/readyz").is_some_and(|(line, _)| line.contains(" 200 "))
        });
        let behind = own_name(flavour, "Seconds_Behind_Source");
        let executed = own_name(flavour, "Exec_Source_Log_Pos");
        let sample = || -> (Value, i64, i64) {
            let before = now_us();
            let (_, text) = page(&http, "/status").unwrap();
            let page: Value = serde_json::from_str(&text).unwrap();
            (page["connectors"][0].clone(), before, now_us())
        };
        let mut samples = Vec::new();
        std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                let mut connection = server.connect();
                for id in 1..=1400 {
                    connection
                        .query_drop(format!("INSERT INTO a.t VALUES ({id})"))
                        .unwrap();
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            while !load.is_finished() {
                samples.push(sample());
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        running.until("all is delivered", |_| folder.changes().len() == 1400);
        // Where each group begins, and when it was committed on the source.
        let commits: Vec<(u64, i64)> = folder
            .changes()
            .iter()
            .map(|change| {
                let source = &change["source"];
                let commit = source["ts_us"].as_i64().unwrap();
                (source["pos"].as_u64().unwrap(), commit)
            })
            .collect();
        let mut lags = Vec::new();
        for (status, before, after) in samples {
            let Some(durable) = status[&executed].as_u64() else {
                continue;
            };
            let last = commits.iter().rev().find(|(begin, _)| *begin < durable);
            let next = commits.iter().find(|(begin, _)| *begin >= durable);
            if let (Some((_, last)), Some((_, next)), Some(lag)) =
                (last, next, status[&behind].as_i64())
            {
                let (newest, oldest) = (
                    (before - next) / 1_000_000 - 1,
                    (after - last) / 1_000_000 + 1,
                );
                assert!((newest..=oldest).contains(&lag), "{newest} {lag} {oldest}");
                lags.push(lag);
            }
        }
        assert!(lags.iter().any(|lag| *lag >= 2), "{lags:?}");
        running.until("there is no lag", |_| sample().0[&behind] == 0);
        let text = folder.run(&["status", "shop.toml"]).stdout;
        assert_eq!(field(&text, "SQL_Delay"), Some("3"), "{text}");
    }
}

fn now_us() -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(now.as_micros()).unwrap()
}

#[test]
fn why_a_connector_has_stopped_is_told_until_it_streams_again() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
        let folder = Folder::streaming(&server, "u");
        folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        let shown = || folder.run(&["status", "shop.toml"]).stdout;
        // What the source says has its number.
        server.execute("ALTER USER u@'%' IDENTIFIED BY 'another'");
        folder.fails(69, &["Access denied"]);
        let text = shown();
        assert_eq!(field(&text, "Last_IO_Errno"), Some("1045"), "{text}");
        assert!(
            field(&text, "Last_IO_Error")
                .unwrap()
                .contains("Access denied")
        );
        assert!(
            field(&text, "Last_IO_Error_Timestamp")
                .unwrap()
                .ends_with('Z')
        );
        assert_eq!(field(&text, "Last_SQL_Errno"), Some("0"), "{text}");
        let back = format!(
            "ALTER USER u@'%' IDENTIFIED BY '{}'",
            super::process::PASSWORD
        );
        server.execute(&back);
        server.execute("SET SESSION binlog_format = STATEMENT; INSERT INTO a.t VALUES (1)");
        folder.fails(65, &["logged as a statement"]);
        let text = shown();
        assert_eq!(field(&text, "Last_IO_Errno"), Some("0"), "{text}");
        assert_eq!(field(&text, "Last_SQL_Errno"), Some("65"), "{text}");
        assert!(
            field(&text, "Last_SQL_Error")
                .unwrap()
                .contains("logged as a statement")
        );
        folder.succeeds(&["skip", "shop.toml", "--groups", "1"]);
        let text = shown();
        assert!(
            field(&text, "Skip_Orders")
                .unwrap()
                .contains("the first group from"),
            "{text}"
        );
        folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        let text = shown();
        assert_eq!(field(&text, "Last_SQL_Errno"), Some("0"), "{text}");
        assert_eq!(field(&text, "Skipped_Groups"), Some("1"), "{text}");
    }
}

#[test]
fn the_status_is_shown_again_and_again() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "watched");
    let folder = Folder::streaming(server, "watched");
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let mut running = folder.start(&["status", "--watch=0.05", "--json", "shop.toml"]);
    running.until("three lines are there", |running| {
        running.stdout().lines().count() > 3
    });
    running.signal("TERM");
    let stdout = running.end().stdout;
    let first: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["connectors"][0]["Connector"], "shop");
    let ended = folder.run(&["status", "--watch=0", "shop.toml"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

#[test]
fn a_row_arrives_while_the_source_rests() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "latency");
    let database = server.unique_database();
    server.execute(&format!("CREATE TABLE {database}.t (id INT PRIMARY KEY)"));
    let rules = format!("[filter]\nreplicate-do-db = '{database}'\n[sink]");
    let folder = Folder::streaming(server, "latency").replacing("[sink]", &rules);
    let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
    let http = running.http();
    running.until("it streams", |_| {
        page(&http, "/readyz").is_some_and(|(line, _)| line.contains(" 200 "))
    });
    // The fastest of a few: the machine may be busy, a timer in the way would slow each of them.
    let mut fastest = Duration::MAX;
    for id in 1..=5 {
        let started = Instant::now();
        server.execute(&format!("INSERT INTO {database}.t VALUES ({id})"));
        running.until("the row is there", |_| folder.changes().len() == id);
        fastest = fastest.min(started.elapsed());
    }
    assert!(fastest < Duration::from_millis(700), "{fastest:?}");
}

#[test]
fn the_metrics_are_the_ledgers() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "metrics");
    let database = server.unique_database();
    server.execute(&format!("CREATE TABLE {database}.t (id INT PRIMARY KEY)"));
    let rules = format!("[filter]\nreplicate-do-db = '{database}'\n[sink]");
    let folder = Folder::streaming(server, "metrics").replacing("[sink]", &rules);
    let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
    let http = running.http();
    running.until("it streams", |_| {
        page(&http, "/readyz").is_some_and(|(line, _)| line.contains(" 200 "))
    });
    server.execute(&format!("INSERT INTO {database}.t VALUES (1), (2), (3)"));
    let value = |name: &str| -> f64 {
        let (_, text) = page(&http, "/metrics").unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(-1.0)
    };
    running.until("three rows are counted", |_| {
        value("rowtap_rows_total{connector=\"shop\"}") == 3.0
            && value("rowtap_delivered_total{connector=\"shop\"}") == 3.0
    });
    let class = |class: &str| {
        value(&format!(
            "rowtap_events_total{{connector=\"shop\",class=\"{class}\"}}"
        ))
    };
    let settled: f64 = [
        "emitted",
        "filtered",
        "skipped",
        "ddl",
        "control",
        "rolled_back",
        "held",
        "passed_over",
    ]
    .map(class)
    .iter()
    .sum();
    assert_eq!(class("received"), settled);
    assert_eq!(class("emitted"), 1.0);
    assert!(value("rowtap_received_bytes_total{connector=\"shop\"}") > 0.0);
    assert!(value("rowtap_encoded_bytes_total{connector=\"shop\"}") > 0.0);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_damaged_checkpoint_hides_no_healthy_connector() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "damaged_status");
    let folder = Folder::streaming(server, "damaged_status");
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    for name in ["first", "last"] {
        let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
        let text = text.replace("/changes", &format!("/{name}"));
        std::fs::write(folder.path(&format!("{name}.toml")), text).unwrap();
    }
    std::fs::remove_dir_all(folder.path("changes")).unwrap();
    let checkpoint = folder.path("state/shop/relay-log.info");
    let whole = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &whole[..whole.len() / 2]).unwrap();
    let named = ["first.toml", "shop.toml", "last.toml"];
    let shown = folder.run(&[&["status"], &named[..]].concat());
    assert_eq!(shown.code, Some(65), "{}", shown.stderr);
    for name in ["first", "last"] {
        assert!(
            shown.stdout.contains(&format!(" {name} ")),
            "{}",
            shown.stdout
        );
    }
    assert!(
        shown.stderr.contains("shop: ") && shown.stderr.contains("relay-log.info"),
        "{}",
        shown.stderr
    );
    let json = folder.run(&[&["status", "--json"], &named[..]].concat());
    assert_eq!(json.code, Some(65), "{}", json.stderr);
    let page: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(page["connectors"].as_array().unwrap().len(), 2, "{page}");
}
