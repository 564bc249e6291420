//! XA transactions from the first phase to the second, over ends of the process, of the source, and of the kept files.

use std::fs;

use super::events::{ONCE, prepare};
use super::process::{Folder, page};
use crate::support::{Flavour, Server};

/// The values of `a.t` that came out, in order, and the kinds of the changes.
pub(super) fn values(folder: &Folder) -> Vec<(String, i64)> {
    let changes = folder.changes();
    let rows = changes.iter().filter(|it| it["source"]["table"] == "t");
    rows.map(|change| {
        let image = if change["op"] == "d" {
            "before"
        } else {
            "after"
        };
        let op = change["op"].as_str().unwrap().to_owned();
        (op, change[image]["id"].as_i64().unwrap())
    })
    .collect()
}

pub(super) fn created(ids: &[i64]) -> Vec<(String, i64)> {
    ids.iter().map(|id| ("c".to_owned(), *id)).collect()
}

/// Prepares a transaction on a connection of its own, which is closed then.
pub(super) fn prepares(server: &Server, name: &str, work: &str) {
    server.execute(&format!(
        "USE a; XA START {name}; {work}; XA END {name}; XA PREPARE {name}"
    ));
}

fn begin(flavour: Flavour, options: &[&str]) -> (Server, Folder) {
    let (server, folder) = prepare(flavour, options);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, name VARCHAR(90))");
    (server, folder)
}

/// The files in which transactions are kept.
pub(super) fn kept(folder: &Folder) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder.path("state/shop/prepared")) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_is_prepared_waits_for_its_decision_over_ends_of_the_process_and_of_the_source() {
    for flavour in [
        Flavour::MySql57,
        Flavour::MySql80,
        Flavour::MySql97,
        Flavour::MariaDb1011,
        Flavour::MariaDb118,
    ] {
        let (server, mut folder) = begin(flavour, &[]);
        if matches!(flavour, Flavour::MySql57 | Flavour::MySql80) {
            // These have no TLS that is still spoken.
            let disabled = "get_source_public_key = true\ntls = { mode = 'disabled' }\n[sink]";
            folder = folder.replacing("[sink]", disabled);
        }
        prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
        prepares(
            &server,
            "'two','branch',7",
            "INSERT INTO t VALUES (2, 'two'); UPDATE t SET name = 'b' WHERE id = 2",
        );
        server.execute("INSERT INTO a.t VALUES (3, 'three')");
        folder.succeeds(&ONCE);
        assert_eq!(values(&folder), created(&[3]), "{flavour:?}");
        assert_eq!(kept(&folder).len(), 2, "{flavour:?}");
        let status = folder.run(&["status", "shop.toml"]).stdout;
        let held = [
            "XA_Held: 2\n",
            "XA_Held_Oldest: X'6f6e65',X'',1 prepared at",
        ];
        assert!(held.iter().all(|it| status.contains(it)), "{status}");
        server.restart();
        server.execute("INSERT INTO a.t VALUES (4, 'four')");
        folder.succeeds(&ONCE);
        server.execute("XA COMMIT 'two','branch',7; XA ROLLBACK 'one'");
        prepares(&server, "'one'", "INSERT INTO t VALUES (5, 'five')");
        folder.succeeds(&ONCE);
        let mut expected = created(&[3, 4, 2]);
        expected.push(("u".to_owned(), 2));
        assert_eq!(values(&folder), expected, "{flavour:?}");
        server.execute("XA COMMIT 'one'");
        folder.succeeds(&ONCE);
        expected.extend(created(&[5]));
        assert_eq!(values(&folder), expected, "{flavour:?}");
        assert!(kept(&folder).is_empty(), "{flavour:?}");
    }
}

#[test]
fn kept_files_that_are_lost_or_damaged_are_read_again_from_the_source() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour, &[]);
        prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
        prepares(&server, "'two'", "INSERT INTO t VALUES (2, 'two')");
        server.execute("FLUSH BINARY LOGS");
        folder.succeeds(&ONCE);
        let files = kept(&folder);
        assert_eq!(files.len(), 2);
        fs::remove_file(&files[0]).unwrap();
        let bytes = fs::read(&files[1]).unwrap();
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..10], b""] {
            fs::write(&files[1], damaged).unwrap();
            folder.succeeds(&ONCE);
        }
        let mut changed = bytes;
        changed[30] ^= 1;
        fs::write(&files[1], changed).unwrap();
        server.execute("XA COMMIT 'two'; XA COMMIT 'one'");
        folder.succeeds(&ONCE);
        assert_eq!(values(&folder), created(&[2, 1]), "{flavour:?}");
    }
}

#[test]
fn what_is_read_again_is_read_by_the_definitions_of_its_place() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &["--binlog-row-metadata=MINIMAL"]);
        server.execute("CREATE TABLE a.swapped (id INT PRIMARY KEY, one INT, two INT)");
        prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
        // Whoever follows this twice is where he was before.
        server.execute(
            "ALTER TABLE a.swapped CHANGE one two INT, CHANGE two one INT; INSERT INTO a.t VALUES (2, 'two')",
        );
        prepares(
            &server,
            "'two'",
            "INSERT INTO swapped (id, one, two) VALUES (3, 1, 2)",
        );
        folder.succeeds(&ONCE);
        fs::remove_dir_all(folder.path("state/shop/prepared")).unwrap();
        let ended = folder.succeeds(&ONCE);
        assert!(
            ended.stderr.contains("they are read again"),
            "{}",
            ended.stderr
        );
        assert_eq!(kept(&folder).len(), 2, "{flavour:?}");
        server.execute("XA COMMIT 'two'; XA COMMIT 'one'");
        folder.succeeds(&ONCE);
        assert_eq!(values(&folder), created(&[2, 1]), "{flavour:?}");
        let changes = folder.changes();
        let rows: Vec<&serde_json::Value> = changes
            .iter()
            .filter(|it| it["source"]["table"] == "swapped" && it["op"] == "c")
            .map(|it| &it["after"])
            .collect();
        assert_eq!(
            rows,
            [&serde_json::json!({"id": 3, "one": 1, "two": 2})],
            "{flavour:?}"
        );
    }
}

#[test]
fn a_state_folder_that_is_gone_is_made_again_from_the_files_and_the_source() {
    for flavour in Flavour::ALL {
        let (server, folder) = begin(flavour, &[]);
        prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
        server.execute("INSERT INTO a.t VALUES (2, 'two')");
        folder.succeeds(&ONCE);
        fs::remove_dir_all(folder.path("state")).unwrap();
        server.execute("INSERT INTO a.t VALUES (3, 'three'); XA COMMIT 'one'");
        folder.succeeds(&ONCE);
        assert_eq!(values(&folder), created(&[2, 3, 1]), "{flavour:?}");
        if flavour == Flavour::MariaDb1011 {
            // It keeps a file until its engines have flushed what is in it.
            continue;
        }
        prepares(&server, "'four'", "INSERT INTO t VALUES (4, 'four')");
        server.execute("FLUSH BINARY LOGS");
        folder.succeeds(&ONCE);
        fs::remove_dir_all(folder.path("state")).unwrap();
        let (file, _) = server.coordinates();
        server.execute(&format!("XA COMMIT 'four'; PURGE BINARY LOGS TO '{file}'"));
        folder.fails(
            65,
            &["X'666f7572',X'',1", "neither committed nor rolled back"],
        );
    }
}

#[test]
fn what_is_lost_here_and_purged_there_stops_with_its_id() {
    let (server, folder) = begin(Flavour::MySql97, &[]);
    prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
    server.execute("FLUSH BINARY LOGS");
    folder.succeeds(&ONCE);
    fs::remove_dir_all(folder.path("state/shop/prepared")).unwrap();
    let (file, _) = server.coordinates();
    server.execute(&format!("PURGE BINARY LOGS TO '{file}'"));
    folder.fails(
        65,
        &[
            "X'6f6e65',X'',1",
            "neither committed nor rolled back",
            "restore the folder",
        ],
    );
    // Nothing was lost: the file comes back, and the stream goes on.
    assert!(values(&folder).is_empty());
}

#[test]
fn compressed_and_large_transactions_are_kept_too() {
    let (server, folder) = begin(Flavour::MySql97, &[]);
    server.execute("SET GLOBAL binlog_transaction_compression = ON");
    prepares(
        &server,
        "'packed'",
        "INSERT INTO t VALUES (1, REPEAT('x', 90))",
    );
    server.execute("SET GLOBAL binlog_transaction_compression = OFF");
    server.execute("CREATE TABLE a.big (id INT PRIMARY KEY AUTO_INCREMENT, body LONGTEXT)");
    prepares(
        &server,
        "'large'",
        "INSERT INTO big (body) VALUES (REPEAT('y', 9000000)), (REPEAT('z', 7000000)); INSERT INTO t VALUES (2, 'two')",
    );
    let folder = folder.replacing(
        "state_dir",
        "memory_max = '16 MiB'\nevent_memory_max = '1 MiB'\nstate_dir",
    );
    folder.succeeds(&ONCE);
    assert!(folder.changes().iter().all(|it| it["op"].is_null()));
    server.execute("XA COMMIT 'large'; XA COMMIT 'packed'");
    folder.succeeds(&ONCE);
    assert_eq!(values(&folder), created(&[2, 1]));
    let changes = folder.changes();
    let lengths: Vec<usize> = changes
        .iter()
        .filter(|it| it["source"]["table"] == "big" && it["op"] == "c")
        .map(|it| it["after"]["body"].as_str().unwrap().len())
        .collect();
    assert_eq!(lengths, [9_000_000, 7_000_000]);
}

#[test]
fn compressed_transactions_of_more_than_event_memory_max_are_kept_on_disk() {
    let (server, folder) = begin(Flavour::MySql97, &[]);
    server.execute("CREATE TABLE a.big (id INT PRIMARY KEY AUTO_INCREMENT, body LONGBLOB)");
    // Bytes that no packing makes few.
    let noise = "(SELECT GROUP_CONCAT(UNHEX(SHA2(CONCAT(@seed, n), 512)) SEPARATOR '') FROM
        (WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c) AS numbers)";
    let work = |name: &str| {
        format!(
            "SET SESSION binlog_transaction_compression = ON, group_concat_max_len = 10000000, cte_max_recursion_depth = 30000,
                 @seed = '{name}';
             USE a; XA START '{name}'; INSERT INTO big (body) VALUES ({noise}); INSERT INTO big (body) VALUES ({noise});
             INSERT INTO t VALUES (LENGTH('{name}'), '{name}'); XA END '{name}'"
        )
    };
    server.execute(&format!(
        "{}; XA COMMIT 'at once' ONE PHASE",
        work("at once")
    ));
    server.execute(&format!("{}; XA PREPARE 'later'", work("later")));
    let (file, _) = server.coordinates();
    let listing = server.mysqlbinlog(&[server.binlog_path(&file)]);
    assert_eq!(listing.matches("Transaction_Payload").count(), 2);
    let folder = folder.replacing(
        "state_dir",
        "memory_max = '16 MiB'\nevent_memory_max = '1 MiB'\nstate_dir",
    );
    folder.succeeds(&ONCE);
    assert_eq!(values(&folder), created(&[7]));
    assert_eq!(kept(&folder).len(), 1);
    folder.succeeds(&ONCE);
    server.execute("XA COMMIT 'later'");
    folder.succeeds(&ONCE);
    assert_eq!(values(&folder), created(&[7, 5]));
    assert!(kept(&folder).is_empty());
    let truth = server.query_text("SELECT TO_BASE64(body) FROM a.big ORDER BY id");
    let truth: Vec<String> = truth.into_iter().flatten().flatten().collect();
    let changes = folder.changes();
    let bodies: Vec<&str> = changes
        .iter()
        .filter(|it| it["source"]["table"] == "big" && it["op"] == "c")
        .map(|it| it["after"]["body"].as_str().unwrap())
        .collect();
    assert_eq!(bodies.len(), 4);
    for (body, expected) in bodies.iter().zip(&truth) {
        assert!(*body == expected.replace('\n', ""));
    }
}

#[test]
fn a_commit_whose_first_phase_was_before_the_start_is_told() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = begin(flavour, &[]);
        prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
        let (file, position) = server.coordinates();
        let text = fs::read_to_string(folder.path("shop.toml")).unwrap();
        let (before, rest) = text.split_once("start = {").unwrap();
        let (_, after) = rest.split_once('}').unwrap();
        folder.write(&format!(
            "{before}start = {{ file = '{file}', position = {position} }}{after}"
        ));
        server.execute("XA COMMIT 'one'; INSERT INTO a.t VALUES (2, 'two')");
        folder.fails(65, &["XA COMMIT of X'6f6e65',X'',1", "xa_missing"]);
        let folder = folder.replacing("state_dir", "xa_missing = 'warn'\nstate_dir");
        let ended = folder.succeeds(&ONCE);
        assert!(
            ended
                .stderr
                .contains("commits of XA transactions that were not seen 1"),
            "{}",
            ended.stderr
        );
        assert_eq!(values(&folder), created(&[2]));
    }
}

#[test]
fn names_of_any_bytes_and_many_of_them_are_kept_apart() {
    let (server, folder) = begin(Flavour::MySql97, &[]);
    let long = "f".repeat(128);
    for (index, name) in [
        format!("X'{long}',X'{long}',4294967295"),
        "X'00'".to_owned(),
        "X'27225c'".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        prepares(
            &server,
            name,
            &format!("INSERT INTO t VALUES ({index}, 'x')"),
        );
    }
    for number in 10..200 {
        prepares(
            &server,
            &format!("'n{number}'"),
            &format!("INSERT INTO t VALUES ({number}, 'n')"),
        );
    }
    folder.succeeds(&ONCE);
    assert_eq!(kept(&folder).len(), 193);
    let commits: Vec<String> = (10..200)
        .rev()
        .map(|n| format!("XA COMMIT 'n{n}'"))
        .collect();
    server.execute(&commits.join("; "));
    server.execute(&format!(
        "XA COMMIT X'00'; XA ROLLBACK X'27225c'; XA COMMIT X'{long}',X'{long}',4294967295"
    ));
    folder.succeeds(&ONCE);
    let expected: Vec<i64> = (10..200).rev().chain([1, 0]).collect();
    assert_eq!(values(&folder), created(&expected));
    assert!(kept(&folder).is_empty());
}

#[test]
fn what_is_held_shows_in_status_and_metrics_until_it_is_decided() {
    let (server, folder) = begin(Flavour::MySql97, &[]);
    let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
    let http = running.http();
    let metrics = || {
        let text = page(&http, "/metrics").unwrap().1;
        let value = |name: &str| {
            let start = format!("rowtap_{name}{{connector=\"shop\"}} ");
            text.lines()
                .find_map(|line| line.strip_prefix(&start))
                .and_then(|value| value.parse::<f64>().ok())
        };
        ["xa_held", "xa_held_events", "xa_held_age_seconds"].map(value)
    };
    prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
    prepares(&server, "'two'", "INSERT INTO t VALUES (2, 'two')");
    // GTID, XA START, table map, rows, XA END, XA PREPARE.
    running.until("both are held", |_| {
        metrics()[..2] == [Some(2.0), Some(12.0)]
    });
    let age = metrics()[2].unwrap();
    assert!((0.0..60.0).contains(&age), "{age}");
    let json = folder.run(&["status", "--json", "shop.toml"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let status = &json["connectors"][0];
    assert_eq!(status["XA_Held"], 2);
    assert!(
        status["XA_Held_Oldest"]
            .as_str()
            .unwrap()
            .starts_with("X'6f6e65',X'',1 prepared at binlog.")
    );
    assert!(status["XA_Held_Seconds"].as_u64().unwrap() < 60);
    let ledger = &status["Ledger"];
    assert_eq!(ledger["held"], 12);
    let classes = [
        "emitted",
        "filtered",
        "skipped",
        "ddl",
        "control",
        "rolled_back",
        "held",
    ];
    let sum: u64 = classes
        .iter()
        .map(|class| ledger[class].as_u64().unwrap())
        .sum();
    assert_eq!(ledger["received"], sum);
    server.execute("XA COMMIT 'one'; XA ROLLBACK 'two'");
    running.until("none is held", |_| {
        metrics() == [Some(0.0), Some(0.0), None]
    });
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
    assert_eq!(values(&folder), created(&[1]));
}
