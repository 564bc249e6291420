//! `rowtap explain` over binlog files against a run of the same connector, under generated rules on rows and on columns: how many
//! rows of each table are published, which columns are, and at which tables the connector stops.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::Random;
use crate::commands::process::{Folder, PASSWORD, account};
use crate::support::{Flavour, Server};

/// Connectors a server, without and with `ROWTAP_TEST_FULL`.
const CONNECTORS: u64 = 12;
const CONNECTORS_FULL: u64 = 150;
const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];
const TABLES: [&str; 6] = [
    "shop.t",
    "shop.u",
    "stock.t",
    "stock.x_y",
    "other.t",
    "other.keyless",
];
const COLUMNS: [&str; 5] = ["id", "a", "name", "note", "made"];

fn traffic(server: &Server) {
    for database in ["shop", "stock", "other"] {
        server.execute(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
    }
    for table in TABLES {
        let key = if table == "other.keyless" {
            ""
        } else {
            "PRIMARY KEY"
        };
        server.execute(&format!(
            "CREATE TABLE {table} (id INT {key}, a INT, name VARCHAR(20) COLLATE utf8mb4_bin, note TEXT, made DATE)"
        ));
    }
    server.execute("FLUSH BINARY LOGS");
    for table in TABLES {
        server.execute(&format!(
            "INSERT INTO {table} VALUES (1, 1, 'Ann', 'one', '2026-01-01'), (2, 2, 'Bob', NULL, NULL), (3, NULL, 'cid', 'x', NULL),
             (4, 40, NULL, 'four', '2025-05-05'), (5, -5, 'Eve', 'five', '2026-02-02');
             UPDATE {table} SET a = a + 3; UPDATE {table} SET note = CONCAT(note, '!') WHERE id > 2;
             UPDATE {table} SET name = 'Zoe', made = '2026-03-03' WHERE id IN (1, 4); DELETE FROM {table} WHERE id < 4"
        ));
    }
}

/// The rules of a seed, as a section.
fn rules(seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = "[filter]\n".to_owned();
    if random.below(3) == 0 {
        text += "replicate-rewrite-db = 'stock->store'\n";
    }
    if random.below(3) == 0 {
        text += "replicate-ignore-table = 'other.t'\n";
    }
    if random.below(2) == 0 {
        text += "skip-unchanged = true\n";
    }
    if random.below(3) == 0 {
        text += "row-filter-moves = 'keep'\n";
    }
    let tables = [
        r"shop\..*",
        r".*\.t",
        r"sto(ck|re)\..*",
        r".*",
        r"other\.keyless",
    ];
    let column = |random: &mut Random| {
        let table = tables[random.below(tables.len())];
        // A key is chosen in few cases: a run stops there.
        let first = usize::from(random.below(5) != 0);
        let column = COLUMNS[first + random.below(COLUMNS.len() - first)];
        format!(r"{table}\.{column}")
    };
    if random.below(2) == 0 {
        text += &format!("columns-exclude = '{}'\n", column(&mut random));
    }
    for (key, chance, how) in [
        ("columns-mask", 2, "with = '-'"),
        ("columns-hash", 2, "salt = 's'"),
        ("columns-truncate", 4, "length = 1"),
    ] {
        let column = column(&mut random);
        // The same expression in two lists is a mistake.
        if random.below(chance) == 0 && !text.contains(&format!("columns = '{column}'")) {
            text += &format!("{key} = [{{ columns = '{column}', {how} }}]\n");
        }
    }
    let conditions = [
        "a > 3",
        "a is null or a < 5",
        "name = 'Zoe'",
        "name like '%n%'",
        "not (note is null)",
        "made >= '2026-01-01' and id != 5",
        "id in (1, 2, 5)",
        "a = 'text'",
        "gone = 1",
    ];
    for _ in 0..random.below(3) {
        let (table, condition) = (random.below(tables.len()), random.below(conditions.len()));
        // What no table has is chosen in few cases, too.
        let condition = if random.below(4) == 0 {
            condition
        } else {
            condition % 7
        };
        text += &format!(
            "[[filter.rows]]\ntables = '{}'\nwhere = \"{}\"\n",
            tables[table], conditions[condition]
        );
        if random.below(3) == 0 {
            let ops = ["['c', 'u']", "'c'", "['u', 'd']"][random.below(3)];
            text += &format!("ops = {ops}\n");
        }
    }
    text
}

/// What of each table a run published: rows, and an image of one.
fn published(folder: &Folder) -> BTreeMap<String, (u64, Value)> {
    let mut tables = BTreeMap::new();
    for line in folder.changes() {
        let part = |key: &str| line["source"][key].as_str().unwrap().to_owned();
        let whole = if line["after"].is_null() {
            "before"
        } else {
            "after"
        };
        let name = format!("{}.{}", part("db"), part("table"));
        let (rows, image) = tables.entry(name).or_insert((0, Value::Null));
        *rows += 1;
        *image = line[whole].clone();
    }
    tables
}

/// How many questions were answered alike.
fn compare(server: &Server, binlog: &str, seed: u64) -> usize {
    let case = rules(seed);
    let folder = Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\nhost = '127.0.0.1'\nport = {}\nuser = 'tap'\npassword = '{PASSWORD}'\n\
         start = {{ file = '{binlog}', position = 4 }}\n[sink]\ntype = 'file'\nfolder = '{{dir}}/changes'\n{case}",
        server.port()
    ));
    let path = server.binlog_path(binlog).display().to_string();
    let explained = folder.succeeds(&["explain", "shop.toml", "--json", &path]);
    let explained: Value = serde_json::from_str(&explained.stdout).unwrap();
    let ended = folder.run(&ONCE);
    let tables = explained["tables"].as_array().unwrap();
    let stops = tables.iter().any(|table| table["outcome"] == "stops");
    assert_eq!(
        ended.code,
        Some(if stops { 78 } else { 0 }),
        "{case}: {}",
        ended.stderr
    );
    if stops {
        let told = tables.iter().filter_map(|table| table["note"].as_str());
        let told = told.filter(|note| ended.stderr.contains(note)).count();
        assert!(told > 0, "{case}: {} {explained:#}", ended.stderr);
        return 1;
    }
    let mut published = published(&folder);
    let mut questions = 0;
    for table in tables {
        let name = table["published_as"].as_str().unwrap_or_default();
        let rows = table["rows_published"].as_u64().unwrap_or(0);
        let (found, image) = published.remove(name).unwrap_or_default();
        assert_eq!(rows, found, "{name} under {case}: {explained:#}");
        questions += 1;
        let treated = table["columns"].as_array().cloned().unwrap_or_default();
        for column in COLUMNS.iter().filter(|_| found > 0) {
            let treated = treated.iter().find(|one| one["column"] == *column);
            let value = &image[*column];
            let fits = match treated.map(|one| one["outcome"].as_str().unwrap()) {
                None => image.get(column).is_some() && value != "-",
                Some("filtered") => image.get(column).is_none(),
                Some("masked") => value.is_null() || value == "-",
                Some("hashed") => value.is_null() || value.as_str().unwrap().len() == 64,
                Some("truncated") => {
                    value.is_null() || value.as_str().unwrap().chars().count() <= 1
                }
                Some(other) => panic!("{other}"),
            };
            assert!(fits, "{name}.{column} under {case}: {image} {treated:?}");
            questions += 1;
        }
        let filtered = table["rows_filtered"].as_u64().unwrap_or(0);
        let unchanged = table["rows_unchanged"].as_u64().unwrap_or(0);
        if table["outcome"] == "published" {
            assert_eq!(
                rows + filtered + unchanged,
                table["rows"].as_u64().unwrap(),
                "{name} under {case}"
            );
        }
    }
    assert!(published.is_empty(), "{published:?} under {case}");
    fs::remove_dir_all(folder.path("changes")).unwrap();
    questions
}

#[test]
fn rules_on_rows_and_columns_are_explained_as_a_run_applies_them() {
    let connectors = match std::env::var_os("ROWTAP_TEST_FULL") {
        Some(_) => CONNECTORS_FULL,
        None => CONNECTORS,
    };
    for flavour in Flavour::ALL {
        // A server notices late that a replica is gone.
        let server = Server::start(flavour, &["--max-connections=1000"]);
        account(&server, "tap");
        traffic(&server);
        let (binlog, _) = server.coordinates();
        let questions: usize = (0..connectors)
            .map(|seed| compare(&server, &binlog, seed))
            .sum();
        println!(
            "{flavour:?}: {connectors} connectors, {questions} tables and columns explained as a run had them"
        );
        assert!(questions as u64 > connectors * 4, "{questions}");
    }
}
