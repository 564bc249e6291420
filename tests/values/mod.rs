//! Values: what a record says of each cell against what the server says of it.

mod cases;
mod charsets;
mod codes;
mod decode;
mod documents;
mod golden;
mod matrix;
mod partial_json;
mod shown;
mod tables;
mod words;

use std::collections::HashMap;

use mysql::Conn;
use mysql::prelude::Queryable;

use self::decode::{Change, Image};
use self::shown::Shown;
use crate::support::{Flavour, Server};

const DATABASE: &str = "cells";

/// Room for the longest values, and no wait for the disk.
const OPTIONS: [&str; 3] = [
    "--max-allowed-packet=64M",
    "--sync-binlog=0",
    "--innodb-flush-log-at-trx-commit=0",
];

/// A server of its own, and a session that takes every value that the types can hold.
struct Bench {
    server: Server,
    session: Conn,
    /// Per table: its columns and how they show.
    tables: HashMap<String, Vec<(String, Shown)>>,
    cells: usize,
}

impl Bench {
    fn start(flavour: Flavour) -> Self {
        let server = Server::start(flavour, &OPTIONS);
        let mut session = server.connect();
        for statement in [
            "SET NAMES utf8mb4",
            "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
            &format!("CREATE DATABASE {DATABASE}"),
            &format!("USE {DATABASE}"),
        ] {
            session.query_drop(statement).expect(statement);
        }
        Self {
            server,
            session,
            tables: HashMap::new(),
            cells: 0,
        }
    }

    #[track_caller]
    fn run(&mut self, statement: &str) {
        if let Err(error) = self.session.query_drop(statement) {
            let shown: String = statement.chars().take(300).collect();
            panic!("{:?} refused {shown}: {error}", self.server.flavour());
        }
    }

    fn create(&mut self, table: &str, columns: &[(String, String, Shown)]) {
        let definitions: Vec<_> = columns
            .iter()
            .map(|(name, definition, _)| format!("{name} {definition} NULL"))
            .collect();
        self.run(&format!(
            "CREATE TABLE {table} (id INT PRIMARY KEY, {})",
            definitions.join(", ")
        ));
        let shown = columns
            .iter()
            .map(|(name, _, shown)| (name.clone(), *shown))
            .collect();
        self.tables.insert(table.to_owned(), shown);
    }

    fn insert(&mut self, table: &str, rows: &[Vec<String>]) {
        for (index, rows) in rows.chunks(50).enumerate() {
            let rows: Vec<_> = rows
                .iter()
                .enumerate()
                .map(|(row, values)| format!("({}, {})", index * 50 + row + 1, values.join(", ")))
                .collect();
            self.run(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")));
        }
    }

    /// The table as the server shows it, by id.
    fn select(&mut self, table: &str) -> HashMap<String, Vec<Option<String>>> {
        let flavour = self.server.flavour();
        let columns: Vec<_> = self.tables[table]
            .iter()
            .map(|(name, shown)| shown.select(name, flavour))
            .collect();
        let statement = format!("SELECT id, {} FROM {table}", columns.join(", "));
        let rows: Vec<mysql::Row> = self.session.query(&statement).expect(&statement);
        let text = |value| match value {
            mysql::Value::NULL => None,
            mysql::Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("text")),
            other => panic!("{other:?} in a text result"),
        };
        rows.into_iter()
            .map(|row| {
                let mut values = row.unwrap().into_iter().map(text);
                (values.next().flatten().expect("an id"), values.collect())
            })
            .collect()
    }

    /// Every change since the last call; the server goes on to another file.
    fn changes(&mut self) -> Vec<Change> {
        let (file, _) = self.server.coordinates();
        self.run("FLUSH BINARY LOGS");
        decode::changes(
            &self.server.binlog_path(&file),
            self.server.flavour(),
            DATABASE,
        )
    }

    /// Compares the cells that an image holds with what the server shows, and counts them.
    #[track_caller]
    fn compare(&mut self, table: &str, image: &Image, expected: &[Option<String>]) {
        for ((name, shown), server) in self.tables[table].iter().zip(expected) {
            let Some(json) = image.get(name) else {
                continue;
            };
            let short = |text: &str| text.chars().take(400).collect::<String>();
            assert!(
                shown.agrees(json, server.as_deref()),
                "{:?} {table}.{name} as {shown:?}: record {}, server {:?}",
                self.server.flavour(),
                short(json),
                server.as_deref().map(short),
            );
            self.cells += 1;
        }
    }
}

fn id(image: &Image) -> i64 {
    image["id"].parse().expect("an id")
}

/// Whether the long run is wanted.
fn is_full() -> bool {
    std::env::var("ROWTAP_TEST_FULL").is_ok_and(|value| value == "1")
}
