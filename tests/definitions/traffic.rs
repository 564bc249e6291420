//! Clients that change definitions and rows at the same time, step by step as they are allowed to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::catalogue::{self, Catalogue, Column, Table};
use super::statements::Generator;
use crate::support::checker::Random;
use crate::support::{Flavour, Server, wait_until};

const WRITERS: u64 = 2;
/// Statements on rows between two on definitions, at least.
const WRITES_BETWEEN: u64 = 6;
/// Statements on rows for each on definitions, at most.
const WRITES_EACH_MAX: u64 = 60;
const STEP_MAX: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(2);

/// The clients at work.
pub struct Traffic {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Statements on definitions that were executed, and how many may be.
    done: AtomicU64,
    allowed: AtomicU64,
    /// Statements on rows.
    writes: AtomicU64,
    /// Clients that are in the middle of something.
    busy: AtomicU64,
    stopped: AtomicBool,
    tables: Mutex<Catalogue>,
    /// What the server had after each statement on definitions, by the number in the statement's comment.
    after: Mutex<BTreeMap<u64, Catalogue>>,
}

impl Traffic {
    /// Makes the databases and starts the clients, who wait.
    pub fn start(server: &Server, seed: u64) -> Self {
        server.execute("CREATE DATABASE shop; CREATE DATABASE depot");
        let shared = Arc::new(Shared::default());
        let mut threads = Vec::new();
        let mut conn = session(server);
        if server.flavour() == Flavour::MariaDb118 {
            // Its ALTER TABLE beside writers leaves rows in the table that its binlog does not have.
            conn.query_drop("SET old_mode = 'LOCK_ALTER_TABLE_COPY'")
                .expect("MariaDB 11.8 has the mode");
        }
        let definer = Definer {
            conn,
            observer: session(server),
            flavour: server.flavour(),
            generator: Generator::new(seed, server.flavour()),
            random: Random::new(seed, 2),
            shared: Arc::clone(&shared),
        };
        threads.push(std::thread::spawn(move || definer.run()));
        for number in 0..WRITERS {
            let mut writer = Writer {
                conn: session(server),
                random: Random::new(seed, 10 + number),
                shared: Arc::clone(&shared),
            };
            threads.push(std::thread::spawn(move || writer.run()));
        }
        Self { shared, threads }
    }

    /// Lets the clients go on to so many statements on definitions.
    pub fn allow(&self, count: u64) {
        self.shared.allowed.store(count, Ordering::SeqCst);
    }

    /// Waits until they have done what they may, and do nothing.
    #[track_caller]
    pub fn rest(&self) {
        let shared = &self.shared;
        wait_until("the clients rest", STEP_MAX, || {
            assert!(
                self.threads.iter().all(|thread| !thread.is_finished()),
                "a client has failed"
            );
            shared.is_over() && shared.busy.load(Ordering::SeqCst) == 0
        });
    }

    /// Statements on definitions and on rows that were executed.
    pub fn counts(&self) -> (u64, u64) {
        let shared = &self.shared;
        (
            shared.done.load(Ordering::SeqCst),
            shared.writes.load(Ordering::SeqCst),
        )
    }

    /// Ends the clients and tells what the server had after each statement on definitions, by its number.
    #[track_caller]
    pub fn finish(self) -> BTreeMap<u64, Catalogue> {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().expect("a client ends well");
        }
        std::mem::take(&mut *self.shared.after.lock().expect("no client panics"))
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.done.load(Ordering::SeqCst) >= self.allowed.load(Ordering::SeqCst)
    }

    /// Whether it is for definitions to change first.
    fn has_written_enough(&self) -> bool {
        let allowed = (self.done.load(Ordering::SeqCst) + 1) * WRITES_EACH_MAX;
        self.writes.load(Ordering::SeqCst) >= allowed
    }

    /// Begins something, if there is anything left to do; `None` to stop for good.
    fn begin(&self) -> Option<Busy<'_>> {
        loop {
            self.busy.fetch_add(1, Ordering::SeqCst);
            let busy = Busy(self);
            if self.stopped.load(Ordering::SeqCst) {
                return None;
            }
            if !self.is_over() {
                return Some(busy);
            }
            drop(busy);
            std::thread::sleep(PAUSE);
        }
    }
}

/// Something that is being done.
struct Busy<'a>(&'a Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

fn session(server: &Server) -> Conn {
    let mut conn = server.connect();
    conn.query_drop("SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00', lock_wait_timeout = 20, innodb_lock_wait_timeout = 5")
        .expect("the server takes the session's settings");
    conn.query_drop("USE shop").expect("the database is there");
    conn
}

/// Changes definitions.
struct Definer {
    conn: Conn,
    /// Sees no temporary table.
    observer: Conn,
    flavour: Flavour,
    generator: Generator,
    random: Random,
    shared: Arc<Shared>,
}

impl Definer {
    fn run(mut self) {
        let mut number = 0;
        let shared = Arc::clone(&self.shared);
        while let Some(_busy) = shared.begin() {
            let tables = catalogue::read(&mut self.observer);
            for statement in self.generator.next(&tables) {
                number += 1;
                self.vary();
                // One that is refused is no loss: the next is made for what there is.
                let done = self
                    .conn
                    .query_drop(format!("/* {number} */ {statement}"))
                    .is_ok();
                let tables = catalogue::read(&mut self.observer);
                let mut after = shared.after.lock().expect("no client panics");
                after.insert(number, tables.clone());
                *shared.tables.lock().expect("no client panics") = tables;
                drop(after);
                if done && !statement.starts_with("INSERT") {
                    shared.done.fetch_add(1, Ordering::SeqCst);
                }
                let writes = shared.writes.load(Ordering::SeqCst) + WRITES_BETWEEN;
                while shared.writes.load(Ordering::SeqCst) < writes
                    && !shared.is_over()
                    && !shared.stopped.load(Ordering::SeqCst)
                    && !shared.has_written_enough()
                    && !tables_are_empty(&shared)
                {
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// MariaDB can write an ALTER TABLE to the binlog in two events.
    fn vary(&mut self) {
        let two_phases = match self.flavour {
            Flavour::MariaDb1011 | Flavour::MariaDb118 => self.random.chance(1, 5),
            Flavour::MySql57 | Flavour::MySql80 | Flavour::MySql97 => false,
        };
        if two_phases {
            let on = u8::from(self.random.chance(1, 2));
            let set = format!("SET SESSION binlog_alter_two_phase = {on}");
            self.conn.query_drop(set).expect("MariaDB has the variable");
        }
    }
}

fn tables_are_empty(shared: &Shared) -> bool {
    shared.tables.lock().expect("no client panics").is_empty()
}

/// Changes rows of the tables that there are.
struct Writer {
    conn: Conn,
    random: Random,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self) {
        let shared = Arc::clone(&self.shared);
        while let Some(_busy) = shared.begin() {
            let tables = shared.tables.lock().expect("no client panics").clone();
            if tables.is_empty() || shared.has_written_enough() {
                std::thread::sleep(PAUSE);
                continue;
            }
            self.transaction(&tables);
        }
    }

    fn transaction(&mut self, tables: &Catalogue) {
        let names: Vec<&String> = tables.keys().collect();
        let mut statements = vec!["BEGIN".to_owned()];
        for _ in 0..self.random.between(1, 4) {
            let name = *self.random.pick(&names);
            statements.push(self.statement(name, &tables[name]));
        }
        let commits = self.random.chance(7, 8);
        statements.push((if commits { "COMMIT" } else { "ROLLBACK" }).to_owned());
        for statement in statements {
            // A table may be gone by now, a key be there already: the statement has changed nothing then.
            let done = self.conn.query_drop(&statement).is_ok();
            self.shared
                .writes
                .fetch_add(u64::from(done), Ordering::SeqCst);
        }
    }

    fn statement(&mut self, name: &str, table: &Table) -> String {
        let written: Vec<&Column> = table.columns.iter().filter(|it| !it.is_made()).collect();
        let free: Vec<&Column> = table
            .others()
            .into_iter()
            .filter(|it| !it.is_made())
            .collect();
        match self.random.below(6) {
            0 if !free.is_empty() => {
                let column = *self.random.pick(&free);
                let value = self.value(column);
                format!("UPDATE {name} SET `{}` = {value} LIMIT 2", column.name)
            }
            1 => format!("DELETE FROM {name} LIMIT 1"),
            _insert => {
                let names: Vec<String> =
                    written.iter().map(|it| format!("`{}`", it.name)).collect();
                let rows: Vec<String> = (0..self.random.between(1, 3))
                    .map(|_| {
                        let values: Vec<String> = written.iter().map(|it| self.value(it)).collect();
                        format!("({})", values.join(", "))
                    })
                    .collect();
                format!(
                    "INSERT INTO {name} ({}) VALUES {}",
                    names.join(", "),
                    rows.join(", ")
                )
            }
        }
    }

    /// A value that a column of this type takes, often one at the end of its range.
    fn value(&mut self, column: &Column) -> String {
        let kind = &column.column_type;
        let number = self.random.below(1000);
        if number < 80 && column.name != "id" && column.name != "part" {
            return "NULL".to_owned();
        }
        let is = |word: &str| kind.starts_with(word);
        let high = self.random.chance(1, 4);
        if kind.contains("int") {
            return match (high, kind.contains("unsigned")) {
                (true, true) if is("bigint") => "18446744073709551000".to_owned(),
                (true, true) if is("int") => "4294967290".to_owned(),
                (true, true) if is("mediumint") => "16777210".to_owned(),
                (true, true) if is("smallint") => "65530".to_owned(),
                (true, true) => "250".to_owned(),
                (true, false) => format!("-{number}"),
                (false, _) => (self.random.below(1 << 20) + number).to_string(),
            };
        }
        if is("decimal") || is("double") || is("float") {
            return format!("{number}.25");
        }
        if is("bit") || is("set") {
            return (number % 8).to_string();
        }
        if is("enum") {
            return (number % 4 + 1).to_string();
        }
        if is("datetime") || is("timestamp") || is("date") {
            return format!("'2024-05-{:02} 07:08:09.125'", number % 28 + 1);
        }
        if is("time") {
            return format!("'-{}:13:14'", number % 800);
        }
        if is("year") {
            return (1950 + number % 150).to_string();
        }
        if is("binary") || is("varbinary") || is("blob") {
            return format!("'b{number}'");
        }
        format!("'ä it''s {number}'")
    }
}
