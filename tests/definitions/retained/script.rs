//! Random statements, executed one after the other, and what each made of the tables: what SELECT and information_schema on
//! the source showed before it and after it.

use std::collections::BTreeMap;
use std::rc::Rc;

use mysql::prelude::Queryable;
use mysql::{Conn, Value};

use super::kinds::{Action, DATABASES, KINDS, Maker};
use super::style::{Style, split};
use super::{cells, values};
use crate::definitions::catalogue::{self, Catalogue, Column, Table};
use crate::support::checker::Random;
use crate::support::{Flavour, Server};

/// Rows of a table, each as one text, with how often it is there.
pub type Rows = BTreeMap<String, i64>;

/// Rows that writers leave in a table, about.
const ROWS_MAX: i64 = 30;
/// Tables that triggers write to begin so.
pub const LOGS: &str = "shop.log";
/// Sequences begin so.
pub const SEQUENCES: &str = "shop.s";
/// Names of dropped tables that are remembered.
const GONE_MAX: usize = 20;

/// A file and a position of the binlog.
pub type Place = (String, u64);

/// Something that was done, between two places of the binlog.
pub struct Step {
    pub from: Place,
    pub to: Place,
    /// The statements.
    pub text: String,
    /// The tables when its rows were written.
    pub tables: Rc<Catalogue>,
    /// The tables after it.
    pub after: Rc<Catalogue>,
    /// How often each row of each table was there more often after it than before, as far as rows were written.
    pub rows: BTreeMap<String, Rows>,
}

/// Executes statements.
pub struct Script<'a> {
    server: &'a Server,
    flavour: Flavour,
    /// Changes definitions, and rows where these belong to them.
    conn: Conn,
    style: Style,
    /// Logs statements, not rows.
    apart: Conn,
    /// Changes rows.
    writer: Conn,
    /// Sees what is committed, and no temporary table.
    observer: Conn,
    random: Random,
    next: u64,
    without: &'a [&'a str],
    tables: Rc<Catalogue>,
    gone: Vec<String>,
    /// The rows of tables as they are now, where that is known.
    rows: BTreeMap<String, Rows>,
    /// The statement at which the server was gone: a fault of its own, which ends the script.
    pub died_of: Option<String>,
    /// All that was done.
    pub steps: Vec<Step>,
    /// Statements on definitions that were executed, and those that were refused, by kind.
    pub kinds: BTreeMap<&'static str, (u64, u64)>,
    /// Statements on definitions that were executed.
    pub done: u64,
}

impl<'a> Script<'a> {
    /// Makes the first databases; kinds of these names are left out.
    #[track_caller]
    pub fn new(server: &'a Server, seed: u64, without: &'a [&'a str]) -> Self {
        server.execute("SET NAMES utf8mb4; CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE DATABASE depot; CREATE DATABASE `Läger`");
        let mut script = Self {
            flavour: server.flavour(),
            conn: session(server, "utf8mb4"),
            style: Style::default(),
            apart: session(server, "utf8mb4"),
            writer: session(server, "utf8mb4"),
            observer: session(server, "utf8mb4"),
            random: Random::new(seed, 21),
            next: 0,
            server,
            without,
            tables: Rc::new(Catalogue::new()),
            gone: Vec::new(),
            rows: BTreeMap::new(),
            died_of: None,
            steps: Vec::new(),
            kinds: BTreeMap::new(),
            done: 0,
        };
        script
            .apart
            .query_drop("SET binlog_format = STATEMENT")
            .expect("a session may log statements");
        script
    }

    /// Goes on until so many statements on definitions were executed.
    #[track_caller]
    pub fn go_on(&mut self, until: u64) {
        while self.done < until {
            self.style
                .vary(&mut self.conn, self.flavour, &mut self.random);
            let (kind, actions) = self.choose();
            for action in actions {
                self.perform(kind, action);
                if self.died_of.is_none() {
                    self.write();
                }
                if self.died_of.is_some() {
                    return;
                }
            }
        }
    }

    fn choose(&mut self) -> (&'static str, Vec<Action>) {
        let tables = Rc::clone(&self.tables);
        let names: Vec<&String> = tables.keys().collect();
        let total: u64 = KINDS.iter().map(|(_, weight, _)| weight).sum();
        loop {
            let mut number = self.random.below(total);
            let found = KINDS.iter().find(|(_, weight, _)| {
                let is_here = number < *weight;
                number = number.saturating_sub(*weight);
                is_here
            });
            let &(mut kind, _, mut make) = found.expect("a number below the total");
            if self.without.contains(&kind) {
                continue;
            }
            let absent = Table::default();
            let (name, table) = if names.is_empty() {
                (kind, _, make) = KINDS[0];
                (String::new(), &absent)
            } else {
                let name = (*self.random.pick(&names)).clone();
                let table = &tables[&name];
                (name, table)
            };
            let mut maker = Maker {
                random: &mut self.random,
                flavour: self.flavour,
                style: &self.style,
                tables: &tables,
                name,
                table,
                next: &mut self.next,
                gone: &self.gone,
            };
            let actions = make(&mut maker);
            if !actions.is_empty() {
                return (kind, actions);
            }
        }
    }

    #[track_caller]
    fn perform(&mut self, kind: &'static str, action: Action) {
        match action {
            Action::Define(statement) => self.define(kind, statement, None),
            Action::Fill { table, statement } => self.define(kind, statement, Some(&table)),
            Action::Write { tables, statements } => {
                self.rows_of(&tables, &statements, Session::Definer);
            }
            Action::Apart(statements) => {
                self.rows_of(&[], &statements, Session::Apart);
                self.done += 1;
                self.kinds.entry(kind).or_default().0 += 1;
            }
            Action::Global(statements) => {
                for statement in statements {
                    self.server.execute(&statement);
                }
                self.done += 1;
                self.kinds.entry(kind).or_default().0 += 1;
                // What a session begins with has changed.
                self.conn = session(self.server, "utf8mb4");
                self.style = Style::default();
            }
        }
    }

    #[track_caller]
    fn define(&mut self, kind: &'static str, statement: String, fills: Option<&str>) {
        let before = Rc::clone(&self.tables);
        let existed = fills.is_some_and(|table| before.contains_key(table))
            && !statement.contains("OR REPLACE");
        let from = self.place();
        let outcome = self.style.execute(&mut self.conn, &statement);
        if matches!(outcome, Err(mysql::Error::IoError(_))) {
            self.died_of = Some(statement);
            return;
        }
        if outcome.is_ok()
            && ["DROP DATABASE", "CREATE OR REPLACE DATABASE"]
                .iter()
                .any(|word| statement.starts_with(word))
        {
            self.style.database = None;
        }
        let to = self.place();
        let count = self.kinds.entry(kind).or_default();
        let text = match &outcome {
            Ok(()) => {
                count.0 += 1;
                self.done += 1;
                statement
            }
            Err(error) => {
                count.1 += 1;
                format!("{statement}; refused: {error}")
            }
        };
        let after = Rc::new(catalogue::read_of(&mut self.observer, &DATABASES));
        self.gone.extend(
            before
                .keys()
                .filter(|name| !after.contains_key(*name))
                .cloned(),
        );
        if self.gone.len() > GONE_MAX {
            self.gone.drain(..self.gone.len() - GONE_MAX);
        }
        self.tables = Rc::clone(&after);
        self.rows.clear();
        let mut rows = BTreeMap::new();
        if let Some(table) = fills.filter(|table| !existed && after.contains_key(*table)) {
            rows.insert(table.to_owned(), self.current(table).clone());
        }
        self.steps.push(Step {
            from,
            to,
            text,
            tables: Rc::clone(&after),
            after,
            rows,
        });
    }

    /// Writes to tables between statements on definitions.
    #[track_caller]
    fn write(&mut self) {
        let tables = Rc::clone(&self.tables);
        if tables.is_empty() {
            return;
        }
        let names: Vec<&String> = tables.keys().collect();
        for _ in 0..3 {
            let mut touched = Vec::new();
            let mut statements = Vec::new();
            for _ in 0..self.random.between(1, 3) {
                let name = (*self.random.pick(&names)).clone();
                statements.push(self.statement(&name, &tables[&name]));
                touched.push(name);
            }
            if self.random.chance(1, 10) {
                statements.push("ROLLBACK".to_owned());
            }
            self.rows_of(&touched, &statements, Session::Writer);
            if self.died_of.is_some() {
                return;
            }
        }
    }

    fn statement(&mut self, name: &str, table: &Table) -> String {
        let written: Vec<_> = table
            .columns
            .iter()
            .filter(|column| !column.is_made())
            .collect();
        let quoted = quoted(name);
        let count: i64 = self.current(name).values().sum();
        let others = table.others();
        let free: Vec<_> = others.iter().filter(|column| !column.is_made()).collect();
        let choice = self.random.below(6);
        if count > ROWS_MAX {
            return format!("DELETE FROM {quoted} LIMIT {}", ROWS_MAX / 2);
        }
        if choice == 0 && !free.is_empty() {
            let column = *self.random.pick(&free);
            let value = values::literal(&mut self.random, column);
            return format!("UPDATE {quoted} SET `{}` = {value} LIMIT 2", column.name);
        }
        if choice == 1 {
            return format!("DELETE FROM {quoted} LIMIT 1");
        }
        let names: Vec<String> = written
            .iter()
            .map(|column| format!("`{}`", column.name))
            .collect();
        let mut rows = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            let values: Vec<String> = written
                .iter()
                .map(|column| values::literal(&mut self.random, column))
                .collect();
            rows.push(format!("({})", values.join(", ")));
        }
        format!(
            "INSERT INTO {quoted} ({}) VALUES {}",
            names.join(", "),
            rows.join(", ")
        )
    }

    /// A transaction; it commits unless the statements end otherwise.
    #[track_caller]
    fn rows_of(&mut self, tables: &[String], statements: &[String], session: Session) {
        let known = Rc::clone(&self.tables);
        let touched: Vec<&String> = known
            .keys()
            .filter(|name| tables.contains(name) || name.starts_with(LOGS))
            .collect();
        let before: Vec<Rows> = touched
            .iter()
            .map(|name| self.current(name).clone())
            .collect();
        let from = self.place();
        let mut text = String::new();
        {
            let conn = match session {
                Session::Definer => &mut self.conn,
                Session::Apart => &mut self.apart,
                Session::Writer => &mut self.writer,
            };
            let ends = ["BEGIN", "COMMIT"];
            let inner = statements.iter().map(String::as_str);
            for statement in [ends[0]].into_iter().chain(inner).chain([ends[1]]) {
                text += statement;
                if let Err(error) = conn.query_drop(statement) {
                    if matches!(error, mysql::Error::IoError(_)) {
                        self.died_of = Some(text);
                        return;
                    }
                    text += &format!(" (refused: {error})");
                }
                text += "; ";
            }
        }
        let to = self.place();
        let mut rows = BTreeMap::new();
        for (name, before) in touched.into_iter().zip(before) {
            self.rows.remove(name);
            rows.insert(name.clone(), difference(self.current(name), &before));
        }
        for name in tables.iter().filter(|name| is_sequence(name)) {
            // Each value that is reserved is logged as a new row, without the old one.
            rows.insert(
                name.clone(),
                read(&mut self.observer, name, &sequence(), self.flavour),
            );
        }
        self.steps.push(Step {
            from,
            to,
            text,
            tables: Rc::clone(&self.tables),
            after: Rc::clone(&self.tables),
            rows,
        });
    }

    /// The rows of a table as they are now.
    #[track_caller]
    fn current(&mut self, name: &str) -> &Rows {
        if !self.rows.contains_key(name) {
            let rows = read(&mut self.observer, name, &self.tables[name], self.flavour);
            self.rows.insert(name.to_owned(), rows);
        }
        &self.rows[name]
    }

    /// Where the binlog ends now.
    #[track_caller]
    pub fn place(&mut self) -> Place {
        let statement = match self.flavour {
            Flavour::MySql97 => "SHOW BINARY LOG STATUS",
            Flavour::MySql80 | Flavour::MySql57 => "SHOW MASTER STATUS",
            Flavour::MariaDb118 | Flavour::MariaDb1011 => "SHOW BINLOG STATUS",
        };
        let row: mysql::Row = self
            .observer
            .query_first(statement)
            .expect("the server says where its binlog ends")
            .expect("the binary log is on");
        let text = |index: usize| mysql::from_value::<String>(row[index].clone());
        (text(0), text(1).parse().expect("a position"))
    }

    /// The tables as they are now.
    pub fn tables(&self) -> &Catalogue {
        &self.tables
    }
}

/// Who executes statements.
#[derive(Clone, Copy)]
enum Session {
    Definer,
    Apart,
    Writer,
}

#[track_caller]
fn session(server: &Server, names: &str) -> Conn {
    let mut conn = server.connect();
    conn.query_drop(format!(
        "SET NAMES {names}, sql_mode = '', time_zone = '+00:00', lock_wait_timeout = 20, innodb_lock_wait_timeout = 5"
    ))
    .expect("the server takes the session's settings");
    conn
}

/// Whether it is the name of a sequence.
pub fn is_sequence(name: &str) -> bool {
    let number = name.strip_prefix(SEQUENCES);
    number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// The table that a sequence is.
pub fn sequence() -> Table {
    let names = [
        "next_not_cached_value",
        "minimum_value",
        "maximum_value",
        "start_value",
        "increment",
        "cache_size",
        "cycle_option",
        "cycle_count",
    ];
    let columns = names.map(|name| Column {
        name: name.to_owned(),
        column_type: "bigint".to_owned(),
        extra: String::new(),
        charset: None,
    });
    Table {
        columns: columns.to_vec(),
        ..Table::default()
    }
}

fn quoted(name: &str) -> String {
    let (database, table) = split(name);
    format!("`{database}`.`{table}`")
}

/// The rows of a table, as SELECT shows them.
#[track_caller]
fn read(conn: &mut Conn, name: &str, table: &Table, flavour: Flavour) -> Rows {
    let logged = || {
        table
            .columns
            .iter()
            .filter(|column| is_logged(column, flavour))
    };
    let list: Vec<String> = logged().map(cells::select).collect();
    let statement = format!("SELECT {} FROM {}", list.join(", "), quoted(name));
    let found: Vec<mysql::Row> = match conn.query(&statement) {
        Ok(found) => found,
        Err(error) => panic!("{statement}: {error}"),
    };
    let mut rows = Rows::new();
    for row in found {
        let cells = row
            .unwrap()
            .into_iter()
            .zip(logged())
            .map(|(value, column)| {
                let text = match value {
                    Value::NULL => None,
                    Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("text")),
                    other => panic!("{other:?} is no value of the text protocol"),
                };
                (
                    column.name.clone(),
                    cells::shown(&column.column_type, text.as_deref()),
                )
            });
        *rows.entry(row_text(cells)).or_default() += 1;
    }
    rows
}

/// Whether a column is in every row image: MariaDB leaves out virtual ones that it has no need of, and from 11 on all that it
/// computes.
pub fn is_logged(column: &Column, flavour: Flavour) -> bool {
    let left_out = match flavour {
        Flavour::MariaDb1011 => "VIRTUAL",
        Flavour::MariaDb118 => "GENERATED",
        Flavour::MySql57 | Flavour::MySql80 | Flavour::MySql97 => return true,
    };
    !column.extra.contains(left_out)
}

/// Ends a cell in the text of a row.
pub const CELL: char = '\u{1f}';

/// A row as one text.
pub fn row_text(cells: impl Iterator<Item = (String, String)>) -> String {
    cells
        .map(|(name, value)| format!("{name}: {value}{CELL}"))
        .collect()
}

/// How often each row is there more often after than before.
fn difference(after: &Rows, before: &Rows) -> Rows {
    let mut rows = after.clone();
    for (row, count) in before {
        *rows.entry(row.clone()).or_default() -= count;
    }
    rows.retain(|_, count| *count != 0);
    rows
}
