//! The matrix: every type and character set under every way in which each server can be told to write its binlog. What
//! `rowtap decode` reads of the files is held, cell by cell, to what the server shows of its tables.
//!
//! The default run takes so many combinations of a server that each setting is in one of them, with few random values;
//! `ROWTAP_TEST_FULL=1` asks for all combinations, with 200 random values a type.

mod images;
mod output;
mod settings;
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use mysql::prelude::Queryable;
use rowtap::binlog::EventKind;
use rowtap::mysql::Flavour as Family;

use self::images::{Present, Rules};
use self::output::Line;
use self::settings::Setting;
use self::tables::{CHANGED, SOURCE, Table};
use super::cases::Random;
use super::decode::{self, in_order};
use super::{Bench, is_full};
use crate::commands::process::{Folder, account};
use crate::support::Flavour;

/// Rows that are inserted with some of their columns only have ids from here on.
const PARTLY: i64 = 1_000_000;
const PARTLY_COUNT: usize = 5;
/// Of so many combinations one has the rare tables.
const RARE: usize = 8;

/// What a server shows of a row, a text a column.
type Row = Vec<Option<String>>;

/// A server with the tables of the matrix.
struct Matrix {
    bench: Bench,
    definitions: Folder,
    /// With what the rows of [`SOURCE`] show, by their ids from 1 on.
    tables: Vec<(Table, Vec<Row>)>,
    random: Random,
    /// By table and column: how many cells were not as the server shows them, and the first.
    wrong: BTreeMap<(String, String), (usize, String)>,
}

/// What a combination's file has to say of a table.
struct Expected<'a> {
    table: &'a Table,
    /// By id: before the update, and after it.
    inserted: HashMap<i64, Row>,
    updated: HashMap<i64, Row>,
    whole_insert: Present,
    part_insert: Present,
    before: Present,
    after: Present,
    /// Inserts, updates and deletes that came.
    came: [usize; 3],
}

impl Matrix {
    fn start(flavour: Flavour) -> Self {
        let mut bench = Bench::start(flavour);
        account(&bench.server, "u");
        let mut definitions = Folder::streaming(&bench.server, "u");
        if matches!(flavour, Flavour::MySql80 | Flavour::MySql57) {
            // They speak none that is still spoken.
            definitions = definitions.replacing(
                "start = 'latest'",
                "start = 'latest'\nget_source_public_key = true\ntls.mode = 'disabled'",
            );
        }
        for statement in [
            "SET SESSION innodb_strict_mode = OFF",
            "SET SESSION sql_log_bin = 0",
            &format!("CREATE DATABASE {SOURCE}"),
        ] {
            bench.run(statement);
        }
        let mut matrix = Self {
            tables: Vec::new(),
            definitions,
            random: Random(0x3a71),
            wrong: BTreeMap::new(),
            bench,
        };
        for table in tables::all(&matrix.bench.server) {
            matrix.create(&table);
            let rows = matrix.select(&table, SOURCE, "");
            assert_eq!(rows.len(), table.rows.len());
            let rows = rows.into_iter().map(|(_, row)| row).collect();
            matrix.tables.push((table, rows));
        }
        matrix.bench.run("SET SESSION sql_log_bin = 1");
        matrix
    }

    fn create(&mut self, table: &Table) {
        for database in [SOURCE, CHANGED] {
            self.bench.run(&format!(
                "CREATE TABLE {database}.{} ({}) {}",
                table.name, table.definition, table.options
            ));
        }
        let names = names(table, &table.assigned(), "");
        for (chunk, rows) in table.rows.chunks(50).enumerate() {
            let rows: Vec<_> = rows
                .iter()
                .enumerate()
                .map(|(row, values)| format!("({}, {})", chunk * 50 + row + 1, values.join(", ")))
                .collect();
            self.bench.run(&format!(
                "INSERT INTO {SOURCE}.{} ({names}) VALUES {}",
                table.name,
                rows.join(", ")
            ));
        }
    }

    /// What the server shows of a table's rows, by id.
    fn select(&mut self, table: &Table, database: &str, condition: &str) -> Vec<(i64, Row)> {
        let flavour = self.bench.server.flavour();
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| column.shown.select(&column.name, flavour))
            .collect();
        let statement = format!(
            "SELECT {} FROM {database}.{} {condition} ORDER BY id",
            columns.join(", "),
            table.name
        );
        let rows: Vec<mysql::Row> = self.bench.session.query(&statement).expect(&statement);
        let text = |value| match value {
            mysql::Value::NULL => None,
            mysql::Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("text")),
            other => panic!("{other:?} in a text result"),
        };
        let place = table.place("id");
        rows.into_iter()
            .map(|row| {
                let row: Row = row.unwrap().into_iter().map(text).collect();
                let id = row[place].as_deref().expect("an id");
                (id.parse().expect("a number"), row)
            })
            .collect()
    }

    /// Changes a table, and tells what a file has to say of it.
    fn change<'a>(&mut self, setting: &Setting, table: &'a Table, rows: &[Row]) -> Expected<'a> {
        let name = &table.name;
        let all = table.assigned();
        let numbered = [table.place("id"), table.place("n")];
        let mut some = || -> Vec<usize> {
            let is_chosen = |at: &usize| !numbered.contains(at) && self.random.below(2) == 0;
            all.iter().copied().filter(is_chosen).collect()
        };
        let (listed, set) = (some(), some());
        let every = names(table, &all, "");
        self.bench.run(&format!(
            "INSERT INTO {CHANGED}.{name} ({every}) SELECT {every} FROM {SOURCE}.{name} ORDER BY id"
        ));
        let more = |places: &[usize], prefix: &str| {
            let names = names(table, places, prefix);
            if names.is_empty() {
                names
            } else {
                format!(", {names}")
            }
        };
        self.bench.run(&format!(
            "INSERT INTO {CHANGED}.{name} (id, n{}) SELECT id + {PARTLY}, n{} FROM {SOURCE}.{name} \
             WHERE id <= {PARTLY_COUNT}",
            more(&listed, ""),
            more(&listed, "")
        ));
        let mut inserted: HashMap<_, _> = rows
            .iter()
            .cloned()
            .zip(1..)
            .map(|(row, id)| (id, row))
            .collect();
        inserted.extend(self.select(table, CHANGED, &format!("WHERE id > {PARTLY}")));
        let sets: String = set
            .iter()
            .map(|at| &table.columns[*at].name)
            .map(|column| format!(", t.{column} = s.{column}"))
            .collect();
        self.bench.run(&format!(
            "UPDATE {CHANGED}.{name} AS t JOIN {SOURCE}.{name} AS s ON s.id = t.id % {} + 1 SET t.n = t.n + 1{sets}",
            rows.len()
        ));
        let updated = self.select(table, CHANGED, "").into_iter().collect();
        self.bench.run(&format!("DELETE FROM {CHANGED}.{name}"));
        let rules = Rules {
            flavour: self.bench.server.flavour(),
            setting,
        };
        let with = |some: &[usize], more: &[usize]| [some, more].concat();
        Expected {
            table,
            inserted,
            updated,
            whole_insert: rules.inserted(table, &all),
            part_insert: rules.inserted(table, &with(&listed, &numbered)),
            before: rules.before(table),
            after: rules.updated(table, &with(&set, &numbered[1..])),
            came: [0; 3],
        }
    }

    /// Changes every table under a setting and compares what the file says; gives the number of cells.
    fn combination(&mut self, number: usize, setting: &Setting) -> usize {
        for statement in setting.statements(self.bench.server.flavour().family()) {
            self.bench.run(&statement);
        }
        self.bench.run("FLUSH BINARY LOGS");
        let (file, _) = self.bench.server.coordinates();
        let tables = std::mem::take(&mut self.tables);
        let mut expected = HashMap::new();
        for (table, rows) in &tables {
            if !table.rare || number.is_multiple_of(RARE) {
                let change = self.change(setting, table, rows);
                expected.insert(table.name.as_str(), change);
            }
        }
        self.bench.run("FLUSH BINARY LOGS");
        let path = self.bench.server.binlog_path(&file);
        is_so_written(&path, setting, self.bench.server.flavour().family());
        let definitions = self.definitions.path("shop.toml");
        let definitions = (setting.metadata != Some("FULL")).then_some(definitions.as_path());
        let mut cells = 0;
        output::decode(&path, definitions, |line| {
            let Some(line) = Line::parse(line) else {
                return;
            };
            let expected = expected.get_mut(line.table).expect("a table of the matrix");
            cells += self.compare(setting, expected, &line);
        });
        for (name, expected) in &expected {
            let (rows, updates) = (expected.inserted.len(), expected.updated.len());
            assert_eq!(expected.came, [rows, updates, updates], "{name}, {setting}");
        }
        drop(expected);
        self.tables = tables;
        cells
    }

    fn compare(
        &mut self,
        setting: &Setting,
        expected: &mut Expected<'_>,
        line: &Line<'_>,
    ) -> usize {
        let images = line.before.iter().chain(&line.after);
        let id = images
            .flat_map(|image| in_order(image))
            .find(|(name, _)| *name == "id");
        let id: i64 = id.expect("the key").1.parse().expect("a number");
        let table = expected.table;
        let inserted = expected.inserted.get(&id).expect("a row that was inserted");
        let updated = expected.updated.get(&id).expect("a row that was inserted");
        let (kind, images) = match (line.before, line.after) {
            (None, Some(after)) if id > PARTLY => {
                (0, vec![(after, &expected.part_insert, inserted)])
            }
            (None, Some(after)) => (0, vec![(after, &expected.whole_insert, inserted)]),
            (Some(before), Some(after)) => (
                1,
                vec![
                    (before, &expected.before, inserted),
                    (after, &expected.after, updated),
                ],
            ),
            (Some(before), None) => (2, vec![(before, &expected.before, updated)]),
            (None, None) => panic!("neither image"),
        };
        let mut cells = 0;
        for (at, (image, present, row)) in images.into_iter().enumerate() {
            let which = ["insert", "update", "delete"][kind];
            let which = format!("{which} image {at}, {setting}");
            cells += compare(&mut self.wrong, &which, table, image, present, row);
        }
        expected.came[kind] += 1;
        cells
    }
}

/// Compares an image's cells, one after the other, with what the server shows, and counts them.
fn compare(
    wrong: &mut BTreeMap<(String, String), (usize, String)>,
    which: &str,
    table: &Table,
    image: &str,
    present: &Present,
    row: &Row,
) -> usize {
    let mut cells = in_order(image);
    let mut count = 0;
    let mut note = |column: &str, what: String| {
        let key = (table.name.clone(), column.to_owned());
        let entry = wrong.entry(key).or_insert((0, format!("{which}: {what}")));
        entry.0 += 1;
    };
    let short = |text: &str| text.chars().take(200).collect::<String>();
    let columns = table.columns.iter().zip(present).zip(row);
    for ((column, _), server) in columns.filter(|((_, present), _)| **present) {
        match cells.next() {
            Some((name, json)) if name == column.name => {
                count += 1;
                if !column.shown.agrees(json, server.as_deref()) {
                    let server = server.as_deref().map(short);
                    let what = format!("{} where the server has {server:?}", short(json));
                    note(name, what);
                }
            }
            other => {
                let name = other.map(|(name, _)| name);
                note(&column.name, format!("{name:?} in its place"));
                return count;
            }
        }
    }
    if let Some((name, _)) = cells.next() {
        note(name, "should be absent".to_owned());
    }
    count
}

/// Checks that the server wrote as it was told, so that a combination is what it is called.
fn is_so_written(path: &Path, setting: &Setting, family: Family) {
    let kinds = decode::kinds(path);
    let has = |kinds_wanted: &[EventKind]| kinds_wanted.iter().any(|kind| kinds.contains(kind));
    if let Some(compressed) = setting.compressed {
        let wanted = match family {
            Family::MySql => [EventKind::TransactionPayload].to_vec(),
            Family::MariaDb => [
                EventKind::WriteRowsCompressedV1,
                EventKind::WriteRowsCompressed,
            ]
            .to_vec(),
        };
        assert_eq!(has(&wanted), compressed, "{setting}: {kinds:?}");
    }
}

fn names(table: &Table, places: &[usize], prefix: &str) -> String {
    let names: Vec<_> = places
        .iter()
        .map(|at| format!("{prefix}{}", table.columns[*at].name))
        .collect();
    names.join(", ")
}

/// Cells and combinations of the servers that are through.
static TOTAL: Mutex<(usize, usize, usize)> = Mutex::new((0, 0, 0));

fn matrix(flavour: Flavour) {
    let began = Instant::now();
    let mut matrix = Matrix::start(flavour);
    let (mut settings, sampled) = settings::sampled_first(settings::all(flavour));
    if !is_full() {
        settings.truncate(sampled);
    }
    let mut sum = 0;
    for (number, setting) in settings.iter().enumerate() {
        let cells = matrix.combination(number, setting);
        println!("{flavour:?}, {setting}: {cells} cells equal to the server's");
        sum += cells;
    }
    let wrong: Vec<_> = matrix
        .wrong
        .iter()
        .map(|(at, what)| format!("{at:?}: {what:?}"))
        .collect();
    assert!(wrong.is_empty(), "{flavour:?}:\n{}", wrong.join("\n"));
    let mut total = TOTAL
        .lock()
        .expect("no test panics while it holds the total");
    *total = (total.0 + sum, total.1 + settings.len(), total.2 + 1);
    println!(
        "{flavour:?}: {sum} cells in {} combinations, {} s; {} cells in {} combinations of {} servers so far",
        settings.len(),
        began.elapsed().as_secs(),
        total.0,
        total.1,
        total.2
    );
}

#[test]
fn mysql_9_7_under_every_setting() {
    matrix(Flavour::MySql97);
}

#[test]
fn mysql_8_0_under_every_setting() {
    matrix(Flavour::MySql80);
}

#[test]
fn mysql_5_7_under_every_setting() {
    matrix(Flavour::MySql57);
}

#[test]
fn mariadb_11_8_under_every_setting() {
    matrix(Flavour::MariaDb118);
}

#[test]
fn mariadb_10_11_under_every_setting() {
    matrix(Flavour::MariaDb1011);
}
