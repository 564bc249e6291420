//! Values: what a record says of each cell against what the server says of it.

mod cases;
mod charsets;
mod codes;
mod decode;
mod golden;
mod partial_json;
mod shown;
mod tables;
mod words;

use std::collections::HashMap;

use mysql::Conn;
use mysql::prelude::Queryable;

use self::cases::{Case, Random};
use self::decode::{Change, Image};
use self::shown::Shown;
use rowtap::mysql::Flavour as Family;

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

    fn mysql(&self) -> bool {
        self.server.flavour().family() == Family::MySql
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
        let mysql = self.mysql();
        let columns: Vec<_> = self.tables[table]
            .iter()
            .map(|(name, shown)| shown.select(name, mysql))
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

/// Each type in a table of its own: inserted, updated and deleted, both images of each compared.
fn every_type(flavour: Flavour) {
    let mut bench = Bench::start(flavour);
    let cases: Vec<Case> = cases::all(bench.mysql());
    let mut inserted = HashMap::new();
    for (index, case) in cases.iter().enumerate() {
        let table = format!("t{index}");
        bench.create(
            &table,
            &[("c".to_owned(), case.definition.clone(), case.shown)],
        );
        let rows: Vec<_> = case
            .values
            .iter()
            .map(|value| vec![value.clone()])
            .collect();
        bench.insert(&table, &rows);
        let selected = bench.select(&table);
        assert_eq!(selected.len(), case.values.len());
        inserted.insert(table.clone(), selected);
        bench.run(&format!(
            "UPDATE {table} SET id = id + 1000 ORDER BY id DESC"
        ));
        bench.run(&format!("DELETE FROM {table}"));
    }
    let mut images = 0;
    for change in bench.changes() {
        for image in change.before.iter().chain(&change.after) {
            let expected = inserted[&change.table][&(id(image) % 1000).to_string()].clone();
            bench.compare(&change.table, image, &expected);
            images += 1;
        }
    }
    let values: usize = cases.iter().map(|case| case.values.len()).sum();
    assert_eq!(images, 4 * values);
    println!(
        "{flavour:?}: {} types, {} cells equal to the server's",
        cases.len(),
        bench.cells
    );
}

#[test]
fn every_type_reads_as_mysql_shows_it() {
    every_type(Flavour::MySql97);
}

#[test]
fn every_type_reads_as_mariadb_shows_it() {
    every_type(Flavour::MariaDb1011);
}

/// All types side by side in one table, with random NULLs, under each setting of `binlog_row_image`.
fn wide_rows(flavour: Flavour) {
    const ROWS: usize = 150;
    let mut bench = Bench::start(flavour);
    let random = &mut Random(7);
    // The server stops at 65,535 bytes a row.
    let large = [
        "LONGBLOB",
        "LONGTEXT",
        "VARCHAR(16000)",
        "JSON",
        "CHAR(255)",
        "VARCHAR(255)",
    ];
    let cases: Vec<Case> = cases::all(bench.mysql())
        .into_iter()
        .filter(|case| !large.iter().any(|large| case.definition.starts_with(large)))
        .collect();
    let columns = cases.iter().enumerate();
    let columns: Vec<_> = columns
        .map(|(index, case)| (format!("c{index}"), case.definition.clone(), case.shown))
        .collect();
    bench.create("wide", &columns);
    let rows: Vec<Vec<String>> = (0..ROWS)
        .map(|_| cases.iter().map(|case| case.any(random)).collect())
        .collect();
    bench.insert("wide", &rows);
    compare_wide(&mut bench, &HashMap::new(), "FULL");
    for image in ["FULL", "MINIMAL", "NOBLOB"] {
        bench.run(&format!("SET SESSION binlog_row_image = {image}"));
        let before = bench.select("wide");
        for row in 1..=ROWS {
            let sets: Vec<_> = (0..2)
                .map(|_| {
                    let column = random.below(cases.len());
                    format!("c{column} = {}", cases[column].any(random))
                })
                .collect();
            bench.run(&format!(
                "UPDATE wide SET {} WHERE id = {row}",
                sets.join(", ")
            ));
        }
        compare_wide(&mut bench, &before, image);
    }
}

/// Compares all changes since the last call, each a change of another row: with what the rows were, and with what they are.
fn compare_wide(bench: &mut Bench, before: &HashMap<String, Vec<Option<String>>>, image: &str) {
    let after = bench.select("wide");
    let (changes, cells) = (bench.changes(), bench.cells);
    assert!(changes.len() > after.len() / 2);
    for change in changes {
        let Some(id) = change
            .before
            .iter()
            .chain(&change.after)
            .find_map(|image| image.get("id"))
        else {
            panic!("no image holds the key")
        };
        if let Some(image) = &change.before {
            bench.compare("wide", image, &before[id]);
        }
        if let Some(image) = &change.after {
            bench.compare("wide", image, &after[id]);
        }
    }
    let flavour = bench.server.flavour();
    println!(
        "{flavour:?}, {image} images: {} cells equal to the server's",
        bench.cells - cells
    );
}

#[test]
fn wide_rows_of_mysql_read_whole_under_every_row_image() {
    wide_rows(Flavour::MySql97);
}

#[test]
fn wide_rows_of_mariadb_read_whole_under_every_row_image() {
    wide_rows(Flavour::MariaDb1011);
}
