//! Tables with rows, clients that change them, and what they come to by the lines that came out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use crate::commands::process::Folder;
use crate::support::Server;

/// Rows of each table before the copy.
const ROWS: u64 = 4_000;
/// Transactions that clients have made before anything else happens.
const CHANGES_MIN: u64 = 100;
/// How long they may take.
const CHANGES_MIN_WAIT: Duration = Duration::from_secs(60);

/// The rows of each table, as JSON, and how many of each there are.
pub type Contents = BTreeMap<String, BTreeMap<String, i64>>;

/// Clients that change rows until they are told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

/// Makes a table with a key, one of two columns and one without, and fills them.
pub fn fill(server: &Server) {
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY AUTO_INCREMENT, n INT, name VARCHAR(90));
         CREATE TABLE a.pair (name VARCHAR(40), n INT, id INT, PRIMARY KEY (name, n));
         CREATE TABLE a.bare (id INT, n INT, name VARCHAR(90)); CREATE TABLE a.empty (id INT PRIMARY KEY);
         CREATE VIEW a.v AS SELECT * FROM a.t",
    );
    for from in (0..ROWS).step_by(500) {
        let rows = (from..from + 500).map(|row| format!("({row}, 'row {row}')"));
        let rows: Vec<String> = rows.collect();
        server.execute(&format!(
            "INSERT INTO a.t (n, name) VALUES {0}; INSERT INTO a.bare (n, name) VALUES {0};
             INSERT INTO a.pair (n, name) VALUES {0}",
            rows.join(", ")
        ));
    }
    server.execute("UPDATE a.bare SET id = n; UPDATE a.pair SET id = n");
}

impl Load {
    /// Starts clients, which are at work when it returns.
    pub fn start(server: &Server, count: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let changes = Arc::new(AtomicU64::new(0));
        let clients = (0..count).map(|client| {
            let (stop, changes) = (Arc::clone(&stop), Arc::clone(&changes));
            let mut session = server.connect();
            thread::spawn(move || {
                let mut number = client * 1_000_003;
                while !stop.load(Ordering::Relaxed) {
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(client + 1);
                    let (row, kind) = ((number >> 20) % (2 * ROWS), (number >> 50) % 5);
                    for statement in statements(row, kind, number >> 40) {
                        // A deadlock, or a row that is there already: another client's.
                        let _ = session.query_drop(statement);
                    }
                    changes.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let load = Self {
            clients: clients.collect(),
            stop,
            changes,
        };
        let begun = Instant::now();
        while load.changes.load(Ordering::Relaxed) <= CHANGES_MIN {
            let is_early = begun.elapsed() < CHANGES_MIN_WAIT;
            assert!(is_early, "{:?}: the clients hang", server.flavour());
            thread::yield_now();
        }
        load
    }

    /// Stops them and gives the number of their transactions.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        self.changes.load(Ordering::Relaxed)
    }
}

fn statements(row: u64, kind: u64, word: u64) -> Vec<String> {
    match kind {
        0 => vec![format!(
            "INSERT INTO a.t (n, name) VALUES ({row}, 'new {word}')"
        )],
        1 => vec![format!(
            "UPDATE a.t SET name = 'word {word}' WHERE id = {row}"
        )],
        2 => vec![format!("DELETE FROM a.t WHERE id = {row}")],
        3 => vec![
            "BEGIN".to_owned(),
            format!("INSERT INTO a.pair VALUES ('new {word}', {row}, {row})"),
            format!("UPDATE a.t SET n = n + 1 WHERE id = {row}"),
            format!("DELETE FROM a.pair WHERE name = 'row {row}' AND n = {row}"),
            "COMMIT".to_owned(),
        ],
        _ => vec![format!(
            "INSERT INTO a.bare VALUES ({row}, {row}, 'new {word}')"
        )],
    }
}

/// What the tables hold.
pub fn held(server: &Server) -> Contents {
    let mut contents = Contents::new();
    for table in ["t", "pair", "bare", "empty"] {
        let columns = if table == "empty" {
            "id"
        } else {
            "id, n, name"
        };
        let rows = contents.entry(table.to_owned()).or_default();
        for row in server.query_text(&format!("SELECT {columns} FROM a.{table}")) {
            let number =
                |value: &Option<String>| value.as_ref().map(|it| it.parse::<i64>().unwrap());
            let row = match &*row {
                [id, n, name] => json!({"id": number(id), "n": number(n), "name": name}),
                [id] => json!({"id": number(id)}),
                other => panic!("{other:?}"),
            };
            *rows.entry(row.to_string()).or_default() += 1;
        }
    }
    contents
}

/// What the lines make of the tables; an error names the first line that changes a row that is not there.
pub fn rebuilt(folder: &Folder) -> Result<Contents, String> {
    let mut contents = Contents::new();
    for table in ["t", "pair", "bare", "empty"] {
        contents.insert(table.to_owned(), BTreeMap::new());
    }
    let mut copy = 0;
    for line in folder.changes() {
        if line["op"] == "r" {
            // Each copy of a connector begins with empty tables.
            let number = line["source"]["sequence"].as_u64().unwrap() >> 40;
            if number > copy {
                copy = number;
                contents.values_mut().for_each(BTreeMap::clear);
            }
        }
        let table = line["source"]["table"].as_str().unwrap();
        let rows = contents.get_mut(table).unwrap();
        if let Some(before) = image(&line["before"]) {
            let count = rows.entry(before).or_default();
            *count -= 1;
            if *count < 0 {
                return Err(format!("the row is not there: {line}"));
            }
        }
        if let Some(after) = image(&line["after"]) {
            *rows.entry(after).or_default() += 1;
        }
    }
    for rows in contents.values_mut() {
        rows.retain(|_, count| *count != 0);
    }
    Ok(contents)
}

/// The columns of a table's key.
fn key_of(table: &str) -> &'static [&'static str] {
    match table {
        "t" | "empty" => &["id"],
        "pair" => &["name", "n"],
        _without => &[],
    }
}

/// What the lines make of the tables where each row takes the place of that of the same key before it: a copy that goes on reads
/// rows again, and the stream changes rows that are yet to be copied. A table without a key begins anew in each copy that reads it.
/// Also gives how many rows came twice from copies.
pub fn rebuilt_by_key(folder: &Folder) -> (Contents, usize) {
    let mut keyed: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut contents = Contents::new();
    let (mut read, mut twice, mut bare_copy) = (BTreeSet::new(), 0, 0);
    let lines = folder.changes();
    for line in &lines {
        let (table, columns) = (
            text(&line["source"]["table"]),
            key_of(text(&line["source"]["table"])),
        );
        let key = |row: &Value| {
            columns
                .iter()
                .map(|name| row[name].to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        let [before, after] = [&line["before"], &line["after"]];
        let is_read = line["op"] == "r";
        if columns.is_empty() {
            let copy = line["source"]["sequence"].as_u64().unwrap() >> 40;
            let rows = contents.entry(table.to_owned()).or_default();
            if is_read && copy > bare_copy {
                (bare_copy, *rows) = (copy, BTreeMap::new());
            }
            for (row, change) in [(before, -1), (after, 1)] {
                if !row.is_null() {
                    *rows.entry(row.to_string()).or_default() += change;
                }
            }
            continue;
        }
        let rows = keyed.entry(table).or_default();
        if !before.is_null() {
            rows.remove(&key(before));
        }
        if !after.is_null() {
            rows.insert(key(after), after.to_string());
            twice += usize::from(is_read && !read.insert((table, key(after))));
        }
    }
    for table in ["t", "pair", "bare", "empty"] {
        let rows = contents.entry(table.to_owned()).or_default();
        rows.retain(|_, count| *count != 0);
        let of_keys = keyed.remove(table).unwrap_or_default();
        rows.extend(of_keys.into_values().map(|row| (row, 1)));
    }
    (contents, twice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn image(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| value.to_string())
}

/// Makes sure that the lines come to what the tables hold.
#[track_caller]
pub fn is_same(server: &Server, folder: &Folder) {
    let (held, rebuilt) = (held(server), rebuilt(folder));
    let rebuilt = rebuilt.unwrap_or_else(|error| panic!("{:?}: {error}", server.flavour()));
    if let Some(difference) = difference(&held, &rebuilt) {
        panic!("{:?}: {difference}", server.flavour());
    }
}

/// The first difference between what is held and what was rebuilt.
pub fn difference(held: &Contents, rebuilt: &Contents) -> Option<String> {
    held.iter().find_map(|(table, rows)| {
        let other = &rebuilt[table];
        let missing = rows
            .iter()
            .find(|(row, count)| other.get(*row) != Some(count));
        let more = other
            .iter()
            .find(|(row, count)| rows.get(*row) != Some(count));
        missing
            .map(|row| format!("{table} lacks {row:?}"))
            .or(more.map(|row| format!("{table} has {row:?} too many")))
    })
}

/// The same where rows of one key take each other's place; gives how many came twice.
#[track_caller]
pub fn is_same_by_key(server: &Server, folder: &Folder) -> usize {
    let (rebuilt, twice) = rebuilt_by_key(folder);
    if let Some(difference) = difference(&held(server), &rebuilt) {
        panic!("{:?}: {difference}", server.flavour());
    }
    twice
}
