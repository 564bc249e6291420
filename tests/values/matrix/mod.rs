//! The matrix: every type and character set under every way in which each server can be told to write its binlog. What
//! `rowtap decode` reads of the files is held, cell by cell, to what the server shows of its tables.
//!
//! The default run takes so many combinations of a server that each setting is in one of them, with few random values;
//! `ROWTAP_TEST_FULL=1` asks for all combinations, with 200 random values a type.

mod changes;
mod compare;
mod copied;
mod images;
pub mod output;
mod settings;
mod stream;
mod tables;

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Instant;

use rowtap::binlog::EventKind;
use rowtap::mysql::Flavour as Family;

use self::changes::{Expected, Row};
use self::compare::Wrong;
use self::output::Line;
use self::settings::Setting;
use self::stream::Stream;
use self::tables::{CHANGED, SOURCE, Table};
use super::cases::Random;
use super::{Bench, decode, is_full};
use crate::commands::process::{Folder, account};
use crate::support::Flavour;

/// Of so many combinations one has the rare tables.
const RARE: usize = 8;

/// A server with the tables of the matrix.
struct Matrix {
    bench: Bench,
    definitions: Folder,
    /// With what the rows of [`SOURCE`] show, by their ids from 1 on.
    tables: Vec<(Table, Vec<Rc<Row>>)>,
    /// What a connector has to make of the combinations so far.
    stream: Option<Stream>,
    random: Random,
    wrong: Wrong,
}

impl Matrix {
    fn start(flavour: Flavour) -> Self {
        let mut bench = Bench::start(flavour);
        account(&bench.server, "u");
        let definitions = Folder::streaming_any(&bench.server, "u");
        for statement in [
            "SET SESSION innodb_strict_mode = OFF",
            "SET SESSION sql_log_bin = 0",
            &format!("CREATE DATABASE {SOURCE}"),
        ] {
            bench.run(statement);
        }
        if flavour.family() == Family::MariaDb {
            // Packs any value but the empty one.
            bench.run("SET SESSION column_compression_threshold = 1");
        }
        let mut matrix = Self {
            tables: Vec::new(),
            definitions,
            stream: None,
            random: Random(0x3a71),
            wrong: Wrong::default(),
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
        let set = |value: &str| {
            let variable = table.variable.as_ref();
            variable.map(|name| format!("SET SESSION {name} = {value}"))
        };
        let create = [SOURCE, CHANGED].map(|database| {
            format!(
                "CREATE TABLE {database}.{} ({}) {}",
                table.name, table.definition, table.options
            )
        });
        let statements = set("ON").into_iter().chain(create).chain(set("OFF"));
        for statement in statements {
            self.bench.run(&statement);
        }
        let names = table.names(&table.assigned());
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

    /// Changes every table under a setting and compares what the file says; gives the number of cells.
    fn combination(&mut self, number: usize, setting: &Setting) -> usize {
        let family = self.bench.server.flavour().family();
        for statement in setting.statements(family) {
            self.bench.run(&statement);
        }
        self.bench.run("FLUSH BINARY LOGS");
        let (file, _) = self.bench.server.coordinates();
        let tables = std::mem::take(&mut self.tables);
        let mut expected = HashMap::new();
        for (table, rows) in &tables {
            if number.is_multiple_of(RARE) || !table.rare {
                let change = self.change(setting, number, table, rows);
                expected.insert(table.name.as_str(), change);
            }
        }
        self.bench.run("FLUSH BINARY LOGS");
        let path = self.bench.server.binlog_path(&file);
        is_so_written(&path, setting, family);
        let definitions = self.definitions.path("shop.toml");
        let told = definitions.as_path();
        let readings: &[Option<&Path>] = match (setting.metadata, family) {
            (Some("FULL"), Family::MySql) => &[None],
            // Full metadata do not tell UUID from BINARY, which is the one thing that is then read otherwise.
            (Some("FULL"), Family::MariaDb) => &[None, Some(told)],
            _ => &[Some(told)],
        };
        let mut cells = 0;
        for (reading, definitions) in readings.iter().enumerate() {
            let is_last = reading + 1 == readings.len();
            let is_told = family == Family::MySql || definitions.is_some();
            cells += self.read(
                setting,
                &path,
                *definitions,
                is_told,
                is_last,
                expected.clone(),
            );
        }
        drop(expected);
        self.tables = tables;
        cells
    }

    /// Decodes a file and compares every cell; gives their number.
    fn read(
        &mut self,
        setting: &Setting,
        file: &Path,
        definitions: Option<&Path>,
        is_told: bool,
        is_streamed: bool,
        mut expected: HashMap<&str, Expected<'_>>,
    ) -> usize {
        let mut cells = 0;
        output::decode(file, definitions, |line| {
            let Some(line) = Line::parse(line) else {
                return;
            };
            if let Some(stream) = self.stream.as_mut().filter(|_| is_streamed) {
                stream.expect(&line);
            }
            let expected = expected.get_mut(line.table).expect("a table of the matrix");
            let (bench, wrong) = (&mut self.bench, &mut self.wrong);
            cells += compare::line(bench, wrong, setting, expected, &line, is_told);
        });
        for (name, expected) in &expected {
            let mut missing = expected.steps.iter().filter(|(_, steps)| !steps.is_empty());
            let missing = missing.next().map(|(id, _)| id);
            assert_eq!(missing, None, "changes of {name} did not come, {setting}");
        }
        cells
    }

    fn end_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            let changes = stream.check();
            let flavour = self.bench.server.flavour();
            println!(
                "{flavour:?}: {changes} changes of the sampled combinations are the same in a stream"
            );
        }
    }
}

/// Checks that the server wrote as it was told, so that a combination is what it is called.
fn is_so_written(path: &Path, setting: &Setting, family: Family) {
    let kinds = decode::kinds(path);
    let has = |some: &[EventKind]| some.iter().any(|kind| kinds.contains(kind));
    if let Some(compressed) = setting.compressed {
        let wanted = match family {
            Family::MySql => vec![EventKind::TransactionPayload],
            Family::MariaDb => vec![
                EventKind::WriteRowsCompressedV1,
                EventKind::WriteRowsCompressed,
            ],
        };
        assert_eq!(has(&wanted), compressed, "{setting}: {kinds:?}");
    }
    if setting.compressed != Some(true) {
        let partial = setting.partial == Some(true);
        assert_eq!(has(&[EventKind::PartialUpdateRows]), partial, "{setting}");
    }
}

/// Cells, combinations and servers that are through.
static TOTAL: Mutex<(usize, usize, usize)> = Mutex::new((0, 0, 0));

fn matrix(flavour: Flavour) {
    let began = Instant::now();
    let mut matrix = Matrix::start(flavour);
    let (mut settings, sampled) = settings::sampled_first(settings::all(flavour));
    if !is_full() {
        settings.truncate(sampled);
    }
    matrix.stream = Some(Stream::begin(&matrix.bench.server));
    let mut sum = 0;
    for (number, setting) in settings.iter().enumerate() {
        if number == sampled {
            matrix.end_stream();
        }
        let cells = matrix.combination(number, setting);
        println!("{flavour:?}, {setting}: {cells} cells");
        sum += cells;
    }
    matrix.end_stream();
    matrix.wrong.check(&format!("{flavour:?}"));
    let mut total = TOTAL
        .lock()
        .expect("no test panics while it holds the total");
    *total = (total.0 + sum, total.1 + settings.len(), total.2 + 1);
    println!(
        "{flavour:?}: {sum} cells equal to the server's in {} combinations, after {} s; in sum {} cells in {} combinations of {} servers",
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
