//! Groups that are larger than a batch, or than the memory for them.

use super::process::{Folder, account};
use crate::support::{Flavour, Server};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// Six thousand rows of more than 200 bytes: several batches.
const MANY: &str = "INSERT INTO a.t (name) SELECT REPEAT('x', 200) FROM seq";

fn prepare(flavour: Flavour) -> Server {
    let server = Server::start(flavour, &[]);
    account(&server, "u");
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY AUTO_INCREMENT, name TEXT)",
    );
    server.execute(
        "USE a; CREATE TABLE seq (i INT); INSERT INTO seq VALUES (1), (2), (3), (4), (5), (6)",
    );
    server.execute(
        "USE a; INSERT INTO seq SELECT 1 FROM seq x, seq y, seq z, (SELECT 1 FROM seq LIMIT 5) w",
    );
    server
}

/// The ids that a reader of the manifest sees in the changes of `a.t`.
pub fn committed(folder: &Folder) -> Vec<i64> {
    let manifest = std::fs::read_to_string(folder.path("changes/manifest.jsonl")).unwrap();
    let mut lengths = std::collections::BTreeMap::new();
    for line in manifest.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for file in line["files"].as_array().unwrap() {
            lengths.insert(
                file["file"].as_str().unwrap().to_owned(),
                file["bytes"].as_u64().unwrap(),
            );
        }
    }
    let mut ids = Vec::new();
    for (file, bytes) in lengths
        .iter()
        .filter(|(file, _)| file.starts_with("changes-"))
    {
        let text = std::fs::read(folder.path("changes").join(file)).unwrap();
        let text = &text[..usize::try_from(*bytes).unwrap()];
        for line in text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let change: serde_json::Value = serde_json::from_slice(line).unwrap();
            if change["source"]["table"] == "t" {
                ids.push(change["after"]["id"].as_i64().unwrap());
            }
        }
    }
    ids
}

#[test]
fn a_group_that_cannot_be_read_to_its_end_leaves_nothing_behind() {
    // One that is a part of a batch, and one of which batches are written before its end is read.
    for (rows, is_whole) in [(200, true), (10_000, false)] {
        let server = prepare(Flavour::MariaDb1011);
        let (file, position) = server.coordinates();
        server.execute("USE a; INSERT INTO t (name) VALUES ('before')");
        server.execute("USE a; CREATE TABLE c (id INT PRIMARY KEY DEFAULT 7)");
        server.execute(&format!(
            "USE a; SET SESSION binlog_row_image = MINIMAL; BEGIN; {MANY} LIMIT {rows}; INSERT INTO c () VALUES (); COMMIT"
        ));
        let start = format!("start = {{ file = '{file}', position = {position} }}");
        let folder = Folder::streaming(&server, "u").replacing("start = 'latest'", &start);
        for _ in 0..2 {
            folder.fails(65, &["rows of a.c"]);
            let ids = committed(&folder);
            // What is committed is all that was written, so that nothing is where a piece of the group was.
            assert!(
                ids == [1] || !is_whole && ids.is_empty(),
                "{rows} rows: {ids:?}"
            );
        }
    }
}

#[test]
fn a_group_larger_than_its_share_of_memory_arrives_whole_and_in_order() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let server = prepare(flavour);
        let (file, position) = server.coordinates();
        let many = [MANY; 6].join("; ");
        server.execute(&format!("USE a; BEGIN; {many}; COMMIT"));
        let start = format!("start = {{ file = '{file}', position = {position} }}");
        let folder = Folder::streaming(&server, "u").replacing("start = 'latest'", &start);
        let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
        folder.write(&format!("memory_max = '16MiB'\n{text}"));
        folder.succeeds(&ONCE);
        let ids = committed(&folder);
        let count: i64 = server
            .query_one("SELECT COUNT(*) FROM a.t")
            .unwrap()
            .parse()
            .unwrap();
        assert!(count > 6_000, "{count}");
        assert_eq!(i64::try_from(ids.len()).unwrap(), count);
        assert!(ids.is_sorted());
    }
}
