//! `rowtap skip`: exactly the groups that were named are missing, they are on the record, and the rest is as on the source.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use super::events::{ONCE, prepare};
use super::process::{Folder, page};
use crate::support::{Flavour, Server};

/// The families with their GTIDs, and one server without them.
const SERVERS: [Flavour; 3] = [Flavour::MySql97, Flavour::MySql57, Flavour::MariaDb1011];

/// A connector that is about to read what is written from now on.
fn begin(flavour: Flavour) -> (Server, Folder) {
    let (server, mut folder) = prepare(flavour, &[]);
    if flavour == Flavour::MySql57 {
        // It has no TLS that is still spoken.
        folder = folder.replacing("[sink]", "tls = { mode = 'disabled' }\n[sink]");
    }
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
    (server, folder)
}

/// Executes a statement and returns where its group begins, and its GTID.
fn group(server: &Server, statement: &str) -> (String, String) {
    let (file, position) = server.coordinates();
    server.execute(statement);
    (format!("{file}:{position}"), server.gtid_set())
}

/// The last GTID of a server's set, which has one source.
fn last_gtid(set: &str) -> String {
    let (source, numbers) = match set.split_once(':') {
        Some((uuid, numbers)) => (format!("{uuid}:"), numbers),
        None => return set.to_owned(),
    };
    let last = numbers.rsplit([':', '-']).next().unwrap();
    format!("{source}{last}")
}

fn ids(folder: &Folder) -> BTreeSet<i64> {
    let changes = folder.changes();
    let ids: BTreeSet<i64> = changes
        .iter()
        .map(|change| change["after"]["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), changes.len(), "nothing comes twice");
    ids
}

fn all_but(last: i64, missing: &[i64]) -> BTreeSet<i64> {
    (1..=last).filter(|id| !missing.contains(id)).collect()
}

/// The lines of the record.
fn record(folder: &Folder) -> Vec<Value> {
    let text = fs::read_to_string(folder.path("state/shop/skipped.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn begins(folder: &Folder) -> Vec<String> {
    let begin = |line: &Value| {
        let at = &line["begin"];
        format!("{}:{}", at["file"].as_str().unwrap(), at["position"])
    };
    record(folder).iter().map(begin).collect()
}

/// A refused order: its exit code and what it says.
#[track_caller]
fn refused(folder: &Folder, arguments: &[&str], code: i32, fragments: &[&str]) {
    let command = [&["skip", "shop.toml"], arguments].concat();
    folder.refuses(&command, code, fragments);
}

fn skip(folder: &Folder, arguments: &[&str]) -> String {
    folder
        .succeeds(&[&["skip", "shop.toml"], arguments].concat())
        .stdout
}

fn balanced(stderr: &str, passed_over: u64) {
    let line = stderr
        .lines()
        .find(|line| line.starts_with("shop: received "))
        .unwrap();
    let expected = format!(" + passed over {passed_over};");
    match passed_over {
        0 => assert!(!line.contains("passed over"), "{line}"),
        _some => assert!(line.contains(&expected), "{line}"),
    }
}

#[test]
fn a_stopped_connector_passes_over_exactly_the_groups_that_were_named() {
    for flavour in SERVERS {
        let (server, folder) = begin(flavour);
        refused(&folder, &["--groups", "1"], 2, &["has not begun yet"]);
        folder.succeeds(&ONCE);
        let insert = |id: i64| group(&server, &format!("INSERT INTO a.t VALUES ({id})"));
        let (first, _) = insert(1);
        insert(2);
        let (third, set) = insert(3);
        insert(4);
        let (fifth, _) = insert(5);
        // The next group, one by its place, one by its GTID.
        skip(&folder, &["--groups", "1"]);
        refused(&folder, &["--groups", "1"], 2, &["order 1 says the same"]);
        skip(&folder, &["--gtid", &last_gtid(&set)]);
        let said = skip(&folder, &["--at", &fifth]);
        assert!(said.contains("start the connector"), "{said}");
        let inside = fifth.rsplit_once(':').unwrap();
        let inside = format!("{}:{}", inside.0, inside.1.parse::<u64>().unwrap() + 30);
        refused(
            &folder,
            &["--at", &inside],
            65,
            &["no group begins at", &fifth],
        );
        let listed = skip(&folder, &["--list"]);
        assert_eq!(listed.lines().count(), 4, "{listed}");
        let ended = folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [2, 4].into(), "{flavour:?}");
        assert_eq!(
            begins(&folder),
            [first.clone(), third, fifth],
            "{flavour:?}"
        );
        let events: u64 = record(&folder)
            .iter()
            .map(|line| line["events"].as_u64().unwrap())
            .sum();
        balanced(&ended.stderr, events);
        assert_eq!(ended.stderr.matches("is passed over as ordered").count(), 3);
        // They are carried out, and nothing more is passed over.
        assert!(skip(&folder, &["--list"]).contains("no order is waiting"));
        refused(
            &folder,
            &["--gtid", &last_gtid(&set)],
            2,
            &["was delivered already"],
        );
        refused(&folder, &["--at", &first], 2, &["was delivered already"]);
        insert(6);
        balanced(&folder.succeeds(&ONCE).stderr, 0);
        assert_eq!(ids(&folder), [2, 4, 6].into(), "{flavour:?}");
        let mode = |name: &str| {
            fs::metadata(folder.path(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("state/shop/skipped.jsonl") & 0o777, 0o600);
    }
}

/// Sends what is no request, which changes nothing.
fn garbage_is_refused(socket: &Path) {
    for garbage in ["\n", "{\"version\":1}\n", "GET / HTTP/1.0\r\n\r\n"] {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.write_all(garbage.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("refused"), "{answer}");
    }
}

#[test]
fn a_running_connector_is_told_through_its_socket() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour);
        let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
        let http = running.http();
        let insert = |id: i64| group(&server, &format!("INSERT INTO a.t VALUES ({id})"));
        let (_, first_set) = insert(1);
        running.until("the first row is there", |_| ids(&folder) == [1].into());
        let socket = folder.path("state/shop/control.sock");
        let mode = fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        garbage_is_refused(&socket);
        refused(
            &folder,
            &["--gtid", &last_gtid(&first_set)],
            2,
            &["was delivered already"],
        );
        skip(&folder, &["--groups", "1"]);
        let (second, _) = insert(2);
        insert(3);
        running.until("the third row is there", |_| ids(&folder) == [1, 3].into());
        // The next GTID, which nobody has yet.
        let set = server.gtid_set();
        let next = match set.rsplit_once([':', '-']) {
            Some((before, number)) if set.contains(':') => {
                let source = before.split(':').next().unwrap();
                format!("{source}:{}", number.parse::<u64>().unwrap() + 1)
            }
            Some((before, number)) => format!("{before}-{}", number.parse::<u64>().unwrap() + 1),
            None => unreachable!(),
        };
        skip(&folder, &["--gtid", &next]);
        let cancelled = {
            let (file, position) = server.coordinates();
            let said = skip(&folder, &["--at", &format!("{file}:{position}")]);
            said.split([' ', ':']).nth(1).unwrap().to_owned()
        };
        skip(&folder, &["--cancel", &cancelled]);
        refused(
            &folder,
            &["--cancel", &cancelled],
            2,
            &["there is no order"],
        );
        let status = folder.run(&["status", "shop.toml"]).stdout;
        assert!(status.contains(&next), "{status}");
        let (fourth, _) = insert(4);
        insert(5);
        running.until("the fifth row is there", |_| {
            ids(&folder) == [1, 3, 5].into()
        });
        // A row can be seen before its commit.
        running.until("both are on the record", |_| record(&folder).len() == 2);
        assert_eq!(begins(&folder), [second, fourth], "{flavour:?}");
        let (_, text) = page(&http, "/metrics").unwrap();
        let counted = text.lines().find_map(|line| {
            line.strip_prefix("rowtap_events_total{connector=\"shop\",class=\"passed_over\"} ")
        });
        let events: u64 = record(&folder)
            .iter()
            .map(|line| line["events"].as_u64().unwrap())
            .sum();
        assert_eq!(counted, Some(&*events.to_string()));
        running.signal("TERM");
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        balanced(&ended.stderr, events);
        assert!(!socket.exists());
    }
}

/// A group that a connector cannot get past, with a row in a table of rows that it can.
const POISON: &str = "SET SESSION binlog_format = STATEMENT; INSERT INTO a.t VALUES (3)";

#[test]
fn a_group_that_stops_the_connector_is_passed_over_at_the_next_start() {
    for flavour in SERVERS {
        for by in ["--groups", "--gtid", "--at"] {
            let (server, folder) = begin(flavour);
            folder.succeeds(&ONCE);
            // Groups before it of which nothing goes out, so that the checkpoint may not have come as far.
            server.execute("CREATE DATABASE other; CREATE TABLE other.t (id INT)");
            let folder = folder.replacing("[sink]", "[filter]\nreplicate-do-db = 'a'\n[sink]");
            server.execute("INSERT INTO a.t VALUES (1); INSERT INTO a.t VALUES (2)");
            server.execute("INSERT INTO other.t VALUES (1)");
            let (third, set) = group(&server, POISON);
            server.execute("INSERT INTO a.t VALUES (4)");
            for _ in 0..2 {
                folder.fails(65, &["logged as a statement"]);
            }
            assert_eq!(ids(&folder), [1, 2].into());
            match by {
                "--groups" => skip(&folder, &[by, "1"]),
                "--gtid" => skip(&folder, &[by, &last_gtid(&set)]),
                _at => skip(&folder, &[by, &third]),
            };
            let ended = folder.succeeds(&ONCE);
            let passed = &record(&folder)[0]["events"];
            balanced(&ended.stderr, passed.as_u64().unwrap());
            assert_eq!(ids(&folder), [1, 2, 4].into(), "{flavour:?} {by}");
            assert_eq!(begins(&folder), [third], "{flavour:?} {by}");
        }
    }
}

#[test]
fn a_kill_at_any_time_passes_over_no_more_and_no_less() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour);
        folder.succeeds(&ONCE);
        let mut missing = Vec::new();
        let mut last = 0;
        for round in 0..6 {
            for _ in 0..20 {
                last += 1;
                server.execute(&format!("INSERT INTO a.t VALUES ({last})"));
            }
            skip(&folder, &["--groups", "3"]);
            missing.extend(last - 19..last - 16);
            // Killed once it has come some way.
            let mut running = folder.start(&["run", "--http", "off", "shop.toml"]);
            running.until("it has begun", |running| {
                running
                    .stderr()
                    .matches("is passed over as ordered")
                    .count()
                    > round % 3
            });
            running.signal("KILL");
            running.end();
            folder.succeeds(&ONCE);
            assert_eq!(ids(&folder), all_but(last, &missing), "{flavour:?} {round}");
        }
        assert_eq!(record(&folder).len(), missing.len(), "a line a group");
    }
}

#[test]
fn ddl_that_is_passed_over_still_counts() {
    for flavour in [Flavour::MySql57, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour);
        server.execute("INSERT INTO a.t VALUES (1)");
        folder.succeeds(&ONCE);
        let (at, _) = group(
            &server,
            "ALTER TABLE a.t ADD COLUMN name VARCHAR(10) DEFAULT 'x'",
        );
        server.execute("INSERT INTO a.t VALUES (2, 'two')");
        let before = folder.ddl().len();
        skip(&folder, &["--at", &at]);
        folder.succeeds(&ONCE);
        assert_eq!(folder.ddl().len(), before);
        let changes = folder.changes();
        assert_eq!(changes[1]["after"]["name"], "two", "{changes:?}");
        assert_eq!(record(&folder)[0]["statements"], 1);
    }
}

#[test]
fn of_an_xa_transaction_whose_prepare_or_commit_is_passed_over_nothing_comes() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour);
        folder.succeeds(&ONCE);
        let prepare = |name: i64, id: i64| {
            let statement = format!(
                "USE a; XA START 'x{name}'; INSERT INTO t VALUES ({id}); XA END 'x{name}'; XA PREPARE 'x{name}'"
            );
            group(&server, &statement).0
        };
        let first = prepare(1, 1);
        prepare(2, 2);
        skip(&folder, &["--at", &first]);
        folder.succeeds(&ONCE);
        let kept = || {
            fs::read_dir(folder.path("state/shop/prepared"))
                .unwrap()
                .count()
        };
        assert_eq!(kept(), 1);
        server.execute("XA COMMIT 'x1'");
        let (second, _) = group(&server, "XA COMMIT 'x2'");
        server.execute("INSERT INTO a.t VALUES (3)");
        skip(&folder, &["--at", &second]);
        let ended = folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [3].into(), "{flavour:?}: {}", ended.stderr);
        assert_eq!(kept(), 0);
        let xa: Vec<Value> = record(&folder)
            .iter()
            .map(|line| line["xa"].clone())
            .collect();
        assert_eq!(xa, ["X'7831',X'',1", "X'7832',X'',1"]);
        // The names are free again.
        prepare(1, 4);
        server.execute("XA COMMIT 'x1'");
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [3, 4].into(), "{flavour:?}");
    }
}
