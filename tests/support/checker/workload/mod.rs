//! Concurrent clients on a source server, whose every committed transaction can be told from what it leaves.
//!
//! Each client writes its next sequence number as the last row of each transaction that it commits, with the number of
//! rows that the transaction changed as the server told it. Transfers keep the accounts' sum. A seed fixes what each
//! client wants to do; which rows it meets depends on the others. Clients retry what a lock undid, and live through a
//! restart of the server: a COMMIT without an answer is looked up by its sequence number.

mod client;
mod ddl;
mod session;
mod statements;
mod tables;
mod values;
mod xa;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread::JoinHandle;

use self::client::Client;
use self::ddl::Definer;
use self::session::Session;
use super::random::Random;
use crate::support::{Flavour, Server};

pub use self::tables::{ACCOUNT, AUDIT, JOURNAL, NOISE};

/// What clients do, and how much of it.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Fixes what each client wants.
    pub seed: u64,
    /// How many there are.
    pub clients: u64,
    /// Row changes after which they stop.
    pub changes: u64,
    /// Rows that a big transaction inserts, of which each client does one now and then; it changes twice as many.
    pub big_rows: u64,
    /// The database that they work in, which `prepare` makes.
    pub database: String,
    /// How many statements change definitions meanwhile, evenly spread.
    pub ddl_rounds: u64,
    /// Whether there is a table without a key.
    pub keyless: bool,
    /// Whether statements change a table that ROLLBACK does not undo, which MySQL allows with `gtid_mode=OFF` only; and,
    /// where no definitions change, whether MariaDB is made to log transactions that it rolled back.
    pub mixed_engines: bool,
    /// Whether a quarter of the transactions are XA transactions, some of which stay prepared for a while.
    pub xa: bool,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            seed: 1,
            clients: 4,
            changes: 10_000,
            big_rows: 2_000,
            database: "checker".to_owned(),
            ddl_rounds: 2,
            keyless: true,
            mixed_engines: false,
            xa: false,
        }
    }
}

impl Workload {
    /// One of which a quarter are XA transactions.
    pub fn with_xa(seed: u64, changes: u64) -> Self {
        Self {
            seed,
            changes,
            big_rows: 300,
            clients: 8,
            xa: true,
            ..Self::default()
        }
    }
}

/// What clients did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Transactions committed.
    pub committed: u64,
    /// Transactions rolled back on purpose.
    pub rolled_back: u64,
    /// XA transactions that were prepared.
    pub prepared: u64,
    /// Transactions begun again since a lock undid them.
    pub retried: u64,
    /// Connections lost.
    pub lost: u64,
    /// Statements that changed definitions.
    pub statements: u64,
}

/// What the clients share.
#[derive(Debug)]
struct Shared {
    workload: Workload,
    /// Of the server that clients write to.
    port: AtomicU16,
    flavour: Flavour,
    /// Row changes committed.
    changes: AtomicU64,
    /// Row changes after which clients wait.
    allowed: AtomicU64,
    /// Row changes after which clients stop.
    goal: AtomicU64,
    stopped: AtomicBool,
    /// XA transactions so far, for their names.
    named: AtomicU64,
}

/// Clients at work.
pub struct Running {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Tally>>,
}

impl Workload {
    /// The accounts' sum in hundredths.
    pub fn total(&self) -> i128 {
        tables::total()
    }

    /// Makes the database, its tables and the accounts.
    #[track_caller]
    pub fn prepare(&self, server: &Server) {
        let shared = Arc::new(self.shared(server));
        let mut session = Session::new(Arc::clone(&shared), 0);
        session.fatal(|session| {
            for statement in tables::definitions(self, server.flavour()) {
                session.define(&statement)?;
            }
            Ok(())
        });
        session.transaction("setup", tables::fill);
    }

    /// Starts the clients.
    pub fn start(&self, server: &Server) -> Running {
        let running = Running {
            shared: Arc::new(self.shared(server)),
            threads: Vec::new(),
        };
        running.started(self, u64::MAX)
    }

    /// Starts the clients, who wait after `allowed` row changes until more are allowed, and do not stop before `finish`.
    pub fn start_paced(&self, server: &Server, allowed: u64) -> Running {
        let running = Running {
            shared: Arc::new(self.shared(server)),
            threads: Vec::new(),
        };
        running.shared.goal.store(u64::MAX, Ordering::Relaxed);
        running.started(self, allowed)
    }

    fn shared(&self, server: &Server) -> Shared {
        Shared {
            workload: self.clone(),
            port: AtomicU16::new(server.port()),
            flavour: server.flavour(),
            changes: AtomicU64::new(0),
            allowed: AtomicU64::new(u64::MAX),
            goal: AtomicU64::new(self.changes),
            stopped: AtomicBool::new(false),
            named: AtomicU64::new(0),
        }
    }
}

impl Running {
    fn started(mut self, workload: &Workload, allowed: u64) -> Self {
        self.allow(allowed);
        for id in 1..=workload.clients {
            let session = Session::new(Arc::clone(&self.shared), id);
            let random = Random::new(workload.seed, id);
            self.threads.push(std::thread::spawn(move || {
                Client::new(session, random).run()
            }));
        }
        if workload.ddl_rounds > 0 {
            let session = Session::new(Arc::clone(&self.shared), workload.clients + 1);
            self.threads
                .push(std::thread::spawn(move || Definer::new(session).run()));
        }
        self
    }

    /// Row changes committed so far.
    pub fn changes(&self) -> u64 {
        self.shared.changes.load(Ordering::Relaxed)
    }

    /// Whether the clients have done what they were allowed; transactions that were begun may still come.
    pub fn are_waiting(&self) -> bool {
        self.changes() >= self.shared.allowed.load(Ordering::Relaxed)
    }

    /// Lets the clients write to another server from their next connection on. What that one lacks was never written.
    pub fn move_to(&self, server: &Server) {
        self.shared.port.store(server.port(), Ordering::Relaxed);
    }

    /// Lets the clients go on to this many row changes.
    pub fn allow(&self, changes: u64) {
        self.shared.allowed.store(changes, Ordering::Relaxed);
    }

    /// Waits for the clients' end.
    #[track_caller]
    pub fn finish(mut self) -> Tally {
        let goal = self.shared.workload.changes;
        self.shared.goal.store(goal, Ordering::Relaxed);
        self.allow(u64::MAX);
        let mut all = Tally::default();
        for thread in std::mem::take(&mut self.threads) {
            let tally = thread
                .join()
                .expect("a client did what it could not go on from");
            all.committed += tally.committed;
            all.rolled_back += tally.rolled_back;
            all.prepared += tally.prepared;
            all.retried += tally.retried;
            all.lost += tally.lost;
            all.statements += tally.statements;
        }
        all
    }
}

/// A test that fails leaves no client behind.
impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.allow(u64::MAX);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
