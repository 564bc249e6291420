//! A client's connection: statements, transactions with their journal row, retries and reconnects.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use super::tables::JOURNAL;
use super::{Shared, Tally};

/// How long a server may be away.
const AWAY_MAX: Duration = Duration::from_secs(180);
/// How often one transaction may be undone by a lock.
const RETRIES_MAX: u64 = 1_000;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Why a statement did not happen.
#[derive(Debug)]
pub enum Failure {
    /// Another client's lock or row, or a changed definition, undid the transaction.
    Undone,
    /// The connection is gone.
    Lost(String),
    /// Nobody can go on from this.
    Fatal(String),
}

/// What a transaction should end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// COMMIT, with the number of rows that were changed.
    Commit(u64),
    /// ROLLBACK.
    RollBack,
}

/// A client's connection and its place in the journal.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    id: u64,
    sequence: u64,
    /// The name of the XA transaction that is open.
    pub(super) xa: Option<String>,
    conn: Option<Conn>,
    /// What was done so far.
    pub tally: Tally,
}

impl Session {
    /// A session of the client `id`, which connects when it is used.
    pub fn new(shared: Arc<Shared>, id: u64) -> Self {
        Self {
            shared,
            id,
            sequence: 0,
            xa: None,
            conn: None,
            tally: Tally::default(),
        }
    }

    /// The client's number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many transactions it has committed.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The workload that it belongs to.
    pub fn workload(&self) -> &super::Workload {
        &self.shared.workload
    }

    /// The server's flavour.
    pub fn flavour(&self) -> crate::support::Flavour {
        self.shared.flavour
    }

    /// Row changes committed by all clients.
    pub fn changes(&self) -> u64 {
        self.shared.changes.load(Ordering::Relaxed)
    }

    /// Waits until more changes are allowed; false when there is nothing more to do.
    pub fn may_go_on(&self) -> bool {
        loop {
            let changes = self.changes();
            if self.shared.stopped.load(Ordering::Relaxed)
                || changes >= self.shared.goal.load(Ordering::Relaxed)
            {
                return false;
            }
            if changes < self.shared.allowed.load(Ordering::Relaxed) {
                return true;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }

    /// Runs a statement and returns the rows that it changed.
    pub fn execute(&mut self, sql: &str) -> Result<u64, Failure> {
        let conn = self.connected()?;
        match conn.query_drop(sql) {
            Ok(()) => Ok(conn.affected_rows()),
            Err(error) => Err(failure(&error, sql)),
        }
    }

    /// Reads the first row of a statement, as text.
    pub fn first(&mut self, sql: &str) -> Result<Option<String>, Failure> {
        let conn = self.connected()?;
        conn.query_first(sql).map_err(|error| failure(&error, sql))
    }

    /// Reads one column of a statement, as text.
    pub(super) fn texts(&mut self, sql: &str, column: usize) -> Result<Vec<String>, Failure> {
        let conn = self.connected()?;
        let rows: Result<Vec<mysql::Row>, _> = conn.query(sql);
        let rows = rows.map_err(|error| failure(&error, sql))?;
        Ok(rows.iter().filter_map(|row| row.get(column)).collect())
    }

    /// Runs a statement that commits by itself. One that was lost may have happened: `codes` are the errors that say so.
    pub fn define(&mut self, sql: &str) -> Result<(), Failure> {
        let mut was_lost = false;
        loop {
            match self.execute(sql) {
                Ok(_) => break,
                Err(Failure::Undone) => {}
                Err(Failure::Lost(_)) => {
                    self.lose();
                    was_lost = true;
                }
                Err(Failure::Fatal(error)) if was_lost && says_done(&error) => break,
                Err(failure) => return Err(failure),
            }
        }
        self.tally.statements += 1;
        Ok(())
    }

    /// Runs one transaction until it is committed or rolled back; `work` returns what it should end with.
    pub fn transaction(
        &mut self,
        kind: &str,
        mut work: impl FnMut(&mut Self) -> Result<End, Failure>,
    ) {
        let mut undone = 0;
        loop {
            match self.attempt(kind, &mut work) {
                Ok(()) => return,
                Err(Failure::Undone) => {
                    undone += 1;
                    self.tally.retried += 1;
                    assert!(
                        undone < RETRIES_MAX,
                        "client {} was undone {undone} times",
                        self.id
                    );
                    if matches!(self.roll_back(), Err(Failure::Lost(_))) {
                        self.lose();
                    }
                }
                Err(Failure::Lost(_)) => self.lose(),
                Err(Failure::Fatal(error)) => panic!("client {}: {error}", self.id),
            }
            if self.shared.stopped.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Does what must not fail but by a lost connection.
    pub fn fatal(&mut self, work: impl Fn(&mut Self) -> Result<(), Failure>) {
        if let Err(failure) = work(self) {
            panic!("client {}: {failure:?}", self.id);
        }
    }

    fn attempt(
        &mut self,
        kind: &str,
        work: &mut impl FnMut(&mut Self) -> Result<End, Failure>,
    ) -> Result<(), Failure> {
        self.begin(kind)?;
        let changes = match work(self)? {
            End::RollBack => {
                self.roll_back()?;
                self.tally.rolled_back += 1;
                return Ok(());
            }
            End::Commit(changes) => changes + 1,
        };
        let next = self.sequence + 1;
        let note = super::values::note(next);
        self.execute(&format!(
            "INSERT INTO {JOURNAL} (client, seq, kind, changes, note) VALUES ({}, {next}, '{kind}', {changes}, {note})",
            self.id
        ))?;
        match self.commit(kind) {
            Ok(()) => {}
            Err(Failure::Undone) => return Err(Failure::Undone),
            Err(Failure::Lost(error)) => {
                self.lose();
                if !self.is_written(next) {
                    return Err(Failure::Lost(error));
                }
            }
            Err(failure) => return Err(failure),
        }
        self.sequence = next;
        self.tally.committed += 1;
        self.shared.changes.fetch_add(changes, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a COMMIT that was not answered happened.
    fn is_written(&mut self, sequence: u64) -> bool {
        let sql = format!(
            "SELECT COUNT(*) FROM {JOURNAL} WHERE client = {} AND seq = {sequence}",
            self.id
        );
        loop {
            match self.first(&sql) {
                Ok(count) => return count.as_deref() == Some("1"),
                Err(Failure::Lost(_)) => self.lose(),
                Err(failure) => panic!("client {}: {failure:?}", self.id),
            }
        }
    }

    pub(super) fn lose(&mut self) {
        self.conn = None;
        self.xa = None;
        self.tally.lost += 1;
    }

    fn connected(&mut self) -> Result<&mut Conn, Failure> {
        if self.conn.is_none() {
            let mut conn = self.connect()?;
            if self.id > 0 {
                // A server that took another's place may lack what that one had written.
                let sql = format!(
                    "SELECT COALESCE(MAX(seq), 0) FROM {JOURNAL} WHERE client = {}",
                    self.id
                );
                let last: Option<u64> = conn
                    .query_first(&sql)
                    .map_err(|error| failure(&error, &sql))?;
                self.sequence = last.unwrap_or_default();
            }
            self.conn = Some(conn);
        }
        Ok(self.conn.as_mut().expect("it was just made"))
    }

    fn connect(&self) -> Result<Conn, Failure> {
        // A zone of its own for each client: a TIMESTAMP does not depend on it.
        let zone = if self.id.is_multiple_of(2) {
            "+05:30"
        } else {
            "-03:00"
        };
        let deadline = Instant::now() + AWAY_MAX;
        loop {
            let options = OptsBuilder::new()
                .ip_or_hostname(Some("127.0.0.1"))
                .tcp_port(self.shared.port.load(Ordering::Relaxed))
                .user(Some("root"))
                .prefer_socket(false)
                .init(vec![
                    format!("SET NAMES utf8mb4, time_zone = '{zone}', sql_mode = '', innodb_lock_wait_timeout = 5"),
                    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
                ]);
            match Conn::new(options) {
                Ok(mut conn) => {
                    if self.id > 0 {
                        let database = format!("USE {}", self.shared.workload.database);
                        conn.query_drop(&database)
                            .map_err(|error| failure(&error, &database))?;
                    }
                    return Ok(conn);
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(Failure::Fatal(format!("the server is away: {error}")));
                }
                Err(_) => std::thread::sleep(BETWEEN_TRIES),
            }
        }
    }
}

/// Whether an error says that a statement which was sent before has been done.
fn says_done(error: &str) -> bool {
    // Exists already, duplicate column or index, cannot drop, unknown table, no such table.
    ["1007", "1050", "1060", "1061", "1091", "1051", "1146"]
        .iter()
        .any(|code| error.contains(&format!("ERROR {code} ")))
}

fn failure(error: &mysql::Error, sql: &str) -> Failure {
    let text = || format!("{error} at {}", sql.chars().take(300).collect::<String>());
    match error {
        mysql::Error::MySqlError(refused) => match refused.code {
            // Deadlock, lock wait timeout, changed definition; and a key that another client took meanwhile.
            // MariaDB says 1467 when it could not lock the counter of an AUTO_INCREMENT column.
            1213 | 1205 | 1412 | 1062 | 1467 => Failure::Undone,
            // Shutdown in progress, connection killed, query interrupted, server going away.
            1053 | 1077 | 1079 | 1317 | 1927 | 3169 | 4031 => Failure::Lost(text()),
            // The server is read-only: another one takes its place.
            1290 | 1836 => {
                std::thread::sleep(BETWEEN_TRIES);
                Failure::Lost(text())
            }
            _other => Failure::Fatal(text()),
        },
        _broken => Failure::Lost(text()),
    }
}
