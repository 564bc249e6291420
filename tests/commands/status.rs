//! `rowtap status` and the pages: what they say is what the source and the files say.

use std::time::{Duration, Instant};

use serde_json::Value;

use rowtap::mysql::Flavour as Family;

use super::process::{Folder, account, page};
use crate::support::{Flavour, Server};

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("{name}: ");
    text.lines()
        .find_map(|line| line.trim_start().strip_prefix(&start))
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
            field(&text, "Exec_Source_Log_Pos") == Some(&position)
        });
        let gtids = server.gtid_set();
        let set = match flavour.family() {
            Family::MySql => "Executed_Gtid_Set",
            Family::MariaDb => "Gtid_Slave_Pos",
        };
        for (name, expected) in [
            ("Connector", "shop"),
            ("Replica_IO_Running", "Yes"),
            ("Replica_SQL_Running", "Yes"),
            ("Source_User", "u"),
            ("Relay_Source_Log_File", &file),
            ("Source_Server_Id", "1"),
            ("Seconds_Behind_Source", "0"),
            ("State", "streaming"),
            (set, &gtids),
        ] {
            assert_eq!(field(&text, name), Some(expected), "{name}\n{text}");
        }
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));

        let stopped = folder.run(&["status", "shop.toml"]).stdout;
        for (name, expected) in [
            ("Replica_IO_Running", "No"),
            ("Exec_Source_Log_Pos", &position),
            (set, &gtids),
            ("State", "stopped"),
        ] {
            assert_eq!(field(&stopped, name), Some(expected), "{name}\n{stopped}");
        }
        let json = folder.run(&["status", "--json", "shop.toml"]).stdout;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            json["connectors"][0]["Relay_Source_Log_File"],
            file.as_str()
        );
    }
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
