//! How a session begins and ends its transactions: most as usual, a quarter as XA transactions where the workload has them.
//!
//! An XA transaction is prepared before it is committed. Some are rolled back then and done again; some stay prepared while
//! others go on, without a connection.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::session::{Failure, Session};

/// The kind of a transaction that stays prepared for a while.
pub const HELD: &str = "held";
/// How long one stays prepared at most.
const HELD_MAX: Duration = Duration::from_secs(4);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

impl Session {
    /// Begins a transaction.
    pub(super) fn begin(&mut self, kind: &str) -> Result<(), Failure> {
        self.xa = None;
        let number = self.shared.named.fetch_add(1, Ordering::Relaxed);
        let is_xa = kind == HELD || self.workload().xa && number.is_multiple_of(4);
        if !is_xa || self.id() == 0 {
            return self.execute("BEGIN").map(drop);
        }
        let name = format!("of {} number {number}", self.id());
        self.execute(&format!("XA START '{name}'"))?;
        self.xa = Some(name);
        Ok(())
    }

    /// Rolls the open transaction back.
    pub(super) fn roll_back(&mut self) -> Result<(), Failure> {
        let Some(name) = self.xa.take() else {
            return self.execute("ROLLBACK").map(drop);
        };
        // A deadlock may have ended it already.
        match self.execute(&format!("XA END '{name}'")) {
            Err(Failure::Lost(error)) => return Err(Failure::Lost(error)),
            Ok(_) | Err(Failure::Undone | Failure::Fatal(_)) => {}
        }
        self.execute(&format!("XA ROLLBACK '{name}'")).map(drop)
    }

    /// Commits the open transaction, an XA transaction in two phases. `Undone` where it was prepared and rolled back.
    pub(super) fn commit(&mut self, kind: &str) -> Result<(), Failure> {
        let Some(name) = self.xa.take() else {
            return self.execute("COMMIT").map(drop);
        };
        self.execute(&format!("XA END '{name}'"))?;
        let prepared = self.execute(&format!("XA PREPARE '{name}'"));
        if let Err(Failure::Undone) = prepared {
            return self.undo(&name);
        }
        if let Ok(_) | Err(Failure::Lost(_)) = prepared {
            if kind == HELD {
                self.lose();
                self.stay();
            }
            self.tally.prepared += 1;
            return self.decide(&name);
        }
        prepared.map(drop)
    }

    fn undo(&mut self, name: &str) -> Result<(), Failure> {
        self.execute(&format!("XA ROLLBACK '{name}'"))?;
        Err(Failure::Undone)
    }

    /// Lets others go on.
    fn stay(&self) {
        let until = self.changes() + self.workload().changes / 20;
        let deadline = Instant::now() + HELD_MAX;
        while self.changes() < until && Instant::now() < deadline && self.may_go_on() {
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Commits the prepared transaction, or rolls it back so that it is done again; over lost connections.
    fn decide(&mut self, name: &str) -> Result<(), Failure> {
        let commits = !self.tally.prepared.is_multiple_of(5);
        let verb = if commits { "COMMIT" } else { "ROLLBACK" };
        loop {
            match self.execute(&format!("XA {verb} '{name}'")) {
                Ok(_) if commits => return Ok(()),
                Ok(_) => return Err(Failure::Undone),
                // Another connection of a session that was lost may still have it.
                Err(Failure::Undone) => std::thread::sleep(BETWEEN_LOOKS),
                Err(Failure::Lost(_)) => self.lose(),
                // The one that prepared it may not have got that far, or may have been heard after all.
                Err(Failure::Fatal(error)) if error.contains("ERROR 1397 ") => {
                    if !self.is_prepared(name)? {
                        return Err(Failure::Lost(error));
                    }
                    std::thread::sleep(BETWEEN_LOOKS);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn is_prepared(&mut self, name: &str) -> Result<bool, Failure> {
        loop {
            match self.texts("XA RECOVER", 3) {
                Ok(names) => return Ok(names.iter().any(|known| known == name)),
                Err(Failure::Lost(_)) => self.lose(),
                Err(failure) => return Err(failure),
            }
        }
    }
}
