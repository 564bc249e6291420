//! Events that are larger than what rowtap keeps in memory of one, from real servers, as a stream and as a file.
//!
//! Threatens whoever stores large values or writes large transactions: a part of one that is lost, or memory that runs out.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::events::{ONCE, prepare};
use super::process::Folder;
use crate::support::{Flavour, Server};

/// A value of 24 MB that no compression makes much smaller. The protocol cuts what has more than 16 MiB into packets, and only
/// such an event comes in pieces.
const RANDOM_TEXT: &str =
    "(SELECT GROUP_CONCAT(TO_BASE64(RANDOM_BYTES(1000)) SEPARATOR '') FROM a.n x, a.n y, a.n z)";

/// A table for the values, and one of 26 rows to make many of.
const TABLES: &str = "CREATE DATABASE a; CREATE TABLE a.n (n INT PRIMARY KEY);
     INSERT INTO a.n VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12),(13),(14),(15),(16),(17),(18),(19),(20),(21),
     (22),(23),(24),(25),(26);
     CREATE TABLE a.t (id INT PRIMARY KEY AUTO_INCREMENT, body LONGTEXT CHARACTER SET latin1)";

/// A definition that is longer than a packet.
const VIEW: &str =
    "SET @view = CONCAT('CREATE VIEW a.v AS SELECT ''', REPEAT('v', 17000000), ''' v');
     PREPARE view FROM @view; EXECUTE view";

/// The size and the checksum of each row's value.
type Rows = BTreeMap<u64, (usize, u32)>;

/// The rows that were published, and the length of the longest statement.
fn found(changes: &[Value]) -> (Rows, usize) {
    let (mut rows, mut longest) = (Rows::new(), 0);
    for change in changes {
        if let Some(ddl) = change["ddl"].as_str() {
            longest = longest.max(ddl.len());
        } else if change["source"]["table"] == "t" {
            let id = change["after"]["id"].as_u64().unwrap();
            let body = change["after"]["body"].as_str().unwrap().as_bytes();
            rows.insert(id, (body.len(), crc32fast::hash(body)));
        }
    }
    (rows, longest)
}

/// What the server says it has.
fn stored(server: &Server) -> Rows {
    let rows = server.query_text("SELECT id, LENGTH(body), CRC32(body) FROM a.t");
    let number = |cell: &Option<String>| cell.as_deref().unwrap().parse::<u64>().unwrap();
    rows.iter()
        .map(|row| {
            let crc = u32::try_from(number(&row[2])).unwrap();
            let size = usize::try_from(number(&row[1])).unwrap();
            (number(&row[0]), (size, crc))
        })
        .collect()
}

/// The kinds of the events that are larger than a packet.
fn large_kinds(binlog: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    let mut at = 4;
    while let Some(header) = binlog.get(at..at + 19) {
        let size = u32::from_le_bytes(header[9..13].try_into().unwrap());
        if size > 16 << 20 {
            kinds.push(header[4]);
        }
        at += size as usize;
    }
    kinds
}

/// Compares what is published of the only binlog with what is stored.
fn check(server: &Server, folder: &Folder, kinds: &[u8]) {
    let path = server.binlog_path(&server.coordinates().0);
    assert_eq!(large_kinds(&std::fs::read(&path).unwrap()), kinds);
    let expected = stored(server);

    folder.succeeds(&ONCE);
    let (rows, _) = found(&folder.changes());
    assert!(rows == expected, "the stream is not what is stored");
    let (_, longest) = found(&folder.ddl());
    assert!(longest > 17_000_000, "{longest}");

    let decoded = Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(["decode", "--event-memory-max", "1MiB"])
        .arg(&path)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&decoded.stderr);
    assert!(decoded.status.success(), "{stderr}");
    let lines = decoded.stdout.split(|byte| *byte == b'\n');
    let changes: Vec<Value> = lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert!(
        found(&changes) == (expected, longest),
        "the file is not what is stored"
    );
}

#[test]
fn large_events_of_mysql_arrive_whole() {
    let options = [
        "--max-allowed-packet=256M",
        "--binlog-row-metadata=FULL",
        "--binlog-rows-query-log-events=ON",
    ];
    let (server, folder) = prepare(Flavour::MySql97, &options);
    let folder = folder.replacing("state_dir", "event_memory_max = '1MiB'\nstate_dir");
    let literal = "literal ".repeat(2_200_000);
    // A row; a statement before a row of its size; compressed, rows of which none is large; a definition; a small row.
    server.execute(&format!(
        "{TABLES}; INSERT INTO a.t (body) VALUES (REPEAT('0123456789', 1800000));
         INSERT INTO a.t (body) VALUES ('{literal}');
         SET SESSION binlog_transaction_compression = ON;
         INSERT INTO a.t (body) SELECT TO_BASE64(RANDOM_BYTES(1000)) FROM a.n x, a.n y, a.n z;
         {VIEW}; INSERT INTO a.t (body) VALUES ('small')"
    ));
    check(&server, &folder, &[30, 29, 30, 40, 2]);
}

#[test]
fn large_events_of_mariadb_arrive_whole() {
    let options = ["--max-allowed-packet=256M", "--binlog-row-metadata=FULL"];
    let (server, folder) = prepare(Flavour::MariaDb118, &options);
    let folder = folder.replacing("state_dir", "event_memory_max = '1MiB'\nstate_dir");
    server.execute(&format!(
        "{TABLES}; SET SESSION group_concat_max_len = 64000000;
         INSERT INTO a.t (body) VALUES (REPEAT('0123456789', 1800000)); {VIEW};
         SET GLOBAL log_bin_compress = ON;
         INSERT INTO a.t (body) VALUES ({RANDOM_TEXT}); INSERT INTO a.t (body) VALUES ('small')"
    ));
    check(&server, &folder, &[23, 2, 166]);
}
