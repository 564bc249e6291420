//! `source_delay`: nothing is delivered before its time, whatever happens while it is waited for.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::events::{ONCE, prepare};
use super::process::{Folder, Running, page};
use crate::support::{Flavour, Server};

const RUN: [&str; 4] = ["run", "--http", "127.0.0.1:0", "shop.toml"];

fn begin(flavour: Flavour, delay: &str) -> (Server, Folder) {
    let (server, folder) = prepare(flavour, &[]);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, v LONGTEXT)");
    let plain = match flavour {
        // These have no TLS that is still spoken.
        Flavour::MySql57 | Flavour::MySql80 => {
            "get_source_public_key = true\ntls = { mode = 'disabled' }\n"
        }
        Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => "",
    };
    let (file, position) = server.coordinates();
    let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
    let start = text.lines().find(|line| line.starts_with("start = "));
    let start = start.unwrap().to_owned();
    let folder = folder.replacing(
        &start,
        &format!(
            "start = {{ file = '{file}', position = {position} }}\n{plain}source_delay = '{delay}'"
        ),
    );
    (server, folder)
}

fn with_delay(folder: Folder, from: &str, to: &str) -> Folder {
    folder.replacing(
        &format!("source_delay = '{from}'"),
        &format!("source_delay = '{to}'"),
    )
}

fn ids(folder: &Folder) -> Vec<i64> {
    let changes = folder.changes();
    let ids = changes.iter().map(|it| it["after"]["id"].as_i64().unwrap());
    ids.collect()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Waits until a group is held back, and returns the status.
#[track_caller]
fn held_back(running: &mut Running) -> Value {
    let http = running.http();
    let mut status = Value::Null;
    running.until("a group is held back", |_| {
        let Some((_, body)) = page(&http, "/status") else {
            return false;
        };
        let page: Value = serde_json::from_str(&body).unwrap();
        status = page["connectors"][0].clone();
        status["SQL_Remaining_Delay"].is_number()
    });
    status
}

#[track_caller]
fn stops(running: Running) -> String {
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn a_group_is_delivered_when_its_commit_is_old_enough_and_not_before() {
    for flavour in Flavour::EVERY {
        let (server, folder) = begin(flavour, "1h");
        // By the event's time where the source tells no other.
        let tells_commit = matches!(flavour, Flavour::MySql97 | Flavour::MySql80);
        if !tells_commit {
            server.execute("SET SESSION timestamp = UNIX_TIMESTAMP() - 7200; INSERT INTO a.t VALUES (1, 'old')");
        }
        server.execute("INSERT INTO a.t VALUES (2, 'new')");
        let committed = now_ms();
        server.execute("INSERT INTO a.t VALUES (3, 'newer')");
        let mut running = folder.start(&RUN);
        let status = held_back(&mut running);
        let left = status["SQL_Remaining_Delay"].as_u64().unwrap();
        assert!((3000..=3600).contains(&left), "{left}");
        assert_eq!(status["SQL_Delay"], "3600");
        let old: &[i64] = match tells_commit {
            true => &[],
            false => &[1],
        };
        running.until("what is old is there", |_| ids(&folder) == old);
        stops(running);
        assert_eq!(ids(&folder), old, "{flavour:?}");
        let checkpoint = std::fs::read_to_string(folder.path("state/shop/relay-log.info"));
        assert_eq!(checkpoint.unwrap().lines().nth(5), Some("3600"));

        // Of the source's whole seconds the first is not over when it begins.
        let folder = with_delay(folder, "1h", "3s");
        folder.succeeds(&ONCE);
        let all = [old, &[2, 3]].concat();
        assert_eq!(ids(&folder), all, "{flavour:?}");
        let waited = now_ms() - committed;
        assert!(waited >= 2_000, "{flavour:?}: {waited} ms");
        let status = folder.run(&["status", "shop.toml"]).stdout;
        assert!(status.contains("SQL_Delay: 3\n"), "{status}");
    }
}

#[test]
fn a_prepared_transaction_is_delivered_when_its_commit_is_old_enough() {
    for flavour in [Flavour::MySql57, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour, "1h");
        let before = "SET SESSION timestamp = UNIX_TIMESTAMP() - 7200; USE a";
        for (name, id) in [("'one'", 1), ("'two'", 2)] {
            server.execute(&format!(
                "{before}; XA START {name}; INSERT INTO t VALUES ({id}, ''); XA END {name}; XA PREPARE {name}"
            ));
        }
        server.execute(&format!("{before}; XA COMMIT 'one'"));
        server.execute("XA COMMIT 'two'");
        let mut running = folder.start(&RUN);
        held_back(&mut running);
        running.until("the older one is there", |_| ids(&folder) == [1]);
        stops(running);
        let folder = with_delay(folder, "1h", "1s");
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [1, 2], "{flavour:?}");
    }
}

#[test]
fn the_source_waits_while_groups_are_held_back_and_nothing_is_lost() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour, "2h");
        let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
        folder.write(&format!("memory_max = '16MiB'\n{text}"));
        let mut running = folder.start(&RUN);
        server.execute("INSERT INTO a.t VALUES (0, '')");
        let status = held_back(&mut running);
        assert_eq!(status["State"], "streaming");
        // A connection that ends meanwhile is made again, from the checkpoint.
        let dump =
            "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'";
        let kill = || server.execute(&format!("KILL {}", server.query_one(dump).unwrap()));
        kill();
        running.until("it has read again", |running| {
            running.stderr().matches("replication started").count() == 2
        });
        for id in 1..40 {
            server.execute(&format!(
                "INSERT INTO a.t VALUES ({id}, REPEAT('x', 1000000))"
            ));
        }
        let http = running.http();
        running.until("more waits than it reads", |_| {
            let (_, body) = page(&http, "/status").unwrap();
            let page: Value = serde_json::from_str(&body).unwrap();
            page["connectors"][0]["Bytes_In_Flight"].as_u64() > Some(2 << 20)
        });
        // Nobody reads by now; this one is found to be gone later.
        kill();
        let status = held_back(&mut running);
        assert!(status["Bytes_In_Flight"].as_u64().unwrap() <= 16 << 20);
        stops(running);
        assert_eq!(ids(&folder), [0_i64; 0]);
        let folder = with_delay(folder, "2h", "1s");
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), (0..40).collect::<Vec<i64>>(), "{flavour:?}");
    }
}

#[test]
fn a_goal_is_waited_for() {
    let (server, folder) = begin(Flavour::MySql97, "2s");
    server.execute("INSERT INTO a.t VALUES (1, '')");
    let (file, position) = server.coordinates();
    server.execute("INSERT INTO a.t VALUES (2, '')");
    let committed = now_ms();
    let until = format!("{file}:{position}");
    folder.succeeds(&["run", "--until", &until, "--http", "off", "shop.toml"]);
    assert_eq!(ids(&folder), [1]);
    let uuid = server.query_one("SELECT @@server_uuid").unwrap();
    let set = server.gtid_set();
    let last: u64 = set.rsplit(['-', ':']).next().unwrap().parse().unwrap();
    server.execute("INSERT INTO a.t VALUES (3, '')");
    let before = format!("{uuid}:{}", last + 1);
    folder.succeeds(&[
        "run",
        "--until-before",
        &before,
        "--http",
        "off",
        "shop.toml",
    ]);
    assert_eq!(ids(&folder), [1, 2]);
    assert!(now_ms() - committed >= 2_000);
}
