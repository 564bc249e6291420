//! What one client does: transactions of a few statements, some rolled back, some with savepoints, seldom a big one.

use rowtap::mysql::Flavour as Family;

use super::super::random::Random;
use super::Tally;
use super::session::{End, Failure, Session};
use super::{statements, xa};

/// Of a client's transactions, one in so many is big.
const BIG_EVERY: u64 = 1_500;
/// The clients take turns; the first client's first big one comes soon.
const BIG_FIRST: u64 = 25;

/// A client.
pub struct Client {
    session: Session,
    random: Random,
}

impl Client {
    /// A client that does what `random` chooses.
    pub fn new(session: Session, random: Random) -> Self {
        Self { session, random }
    }

    /// Works until enough is changed.
    pub fn run(mut self) -> Tally {
        while self.session.may_go_on() {
            let before = self.random.clone();
            let random = &mut self.random;
            let id = self.session.id();
            let turn = BIG_EVERY / self.session.workload().clients * (id - 1);
            let is_big = (self.session.sequence() + turn) % BIG_EVERY == BIG_FIRST;
            let kind = if is_big { "big" } else { "mixed" };
            self.session.transaction(kind, |session| {
                // Whatever undid the last attempt, the next one wants the same.
                *random = before.clone();
                if is_big {
                    big(session, random)
                } else {
                    mixed(session, random)
                }
            });
            if self.session.workload().xa && self.random.chance(1, 40) {
                self.session.transaction(xa::HELD, |_| Ok(End::Commit(0)));
            }
            if self.random.chance(1, 25) {
                self.noise();
            }
        }
        self.session.tally
    }

    /// A transaction that nothing must come of: its only table is rejected.
    fn noise(&mut self) {
        let sql = format!(
            "INSERT INTO {} (text) VALUES ('of nobody'), ('to nobody')",
            super::NOISE
        );
        // Nobody counts it, so that a lost one is no matter.
        if let Err(Failure::Fatal(error)) = self.session.execute(&sql) {
            panic!("client {}: {error}", self.session.id());
        }
    }
}

/// One to five statements, or parts that a savepoint bounds.
fn mixed(session: &mut Session, random: &mut Random) -> Result<End, Failure> {
    let mut changes = 0;
    for _ in 0..random.between(1, 5) {
        changes += match random.below(10) {
            0 => savepoint(session, random)?,
            _most => statements::run(session, random)?,
        };
    }
    if random.chance(11, 12) {
        return Ok(End::Commit(changes));
    }
    // A temporary table made inside makes MariaDB log the transaction with its ROLLBACK; otherwise nothing is logged.
    // The log does not say then that all of it can be rolled back, so that no definition may change meanwhile.
    let workload = session.workload();
    let is_logged = session.flavour().family() == Family::MariaDb
        && workload.mixed_engines
        && workload.ddl_rounds == 0;
    if is_logged && random.chance(1, 2) {
        session.execute("CREATE OR REPLACE TEMPORARY TABLE scratch (number INT)")?;
    }
    Ok(End::RollBack)
}

/// Statements behind a savepoint, most often undone to it.
fn savepoint(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    session.execute("SAVEPOINT here")?;
    let mut changes = 0;
    for _ in 0..random.between(1, 3) {
        changes += statements::run(session, random)?;
    }
    if random.chance(2, 3) {
        session.execute("ROLLBACK TO SAVEPOINT here")?;
        return Ok(0);
    }
    session.execute("RELEASE SAVEPOINT here")?;
    Ok(changes)
}

/// Some thousands of rows: inserted, a part of them changed, most of them deleted again.
fn big(session: &mut Session, random: &mut Random) -> Result<End, Failure> {
    let label = format!("big {} of {}", session.sequence(), session.id());
    let mut changes = 0;
    let rows = session.workload().big_rows + random.below(100);
    for first in (0..rows).step_by(400) {
        let rows: Vec<String> = (first..rows.min(first + 400))
            .map(|n| format!("('{label}', {}, {})", n % 400, n % 100))
            .collect();
        changes += session.execute(&format!(
            "INSERT INTO item (label, amount, tiny) VALUES {}",
            rows.join(", ")
        ))?;
    }
    changes += session.execute(&format!(
        "UPDATE item SET tiny = -tiny WHERE label = '{label}' AND amount < 150"
    ))?;
    changes += session.execute(&format!(
        "DELETE FROM item WHERE label = '{label}' AND amount >= 20"
    ))?;
    Ok(End::Commit(changes))
}
