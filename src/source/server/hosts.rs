//! Which of the servers that a connector names is its source now.
//!
//! The one whose binlogs the checkpoint is of, if it answers. Otherwise the next that has all groups which were delivered:
//! a replica of it that took its place, perhaps under the same name. One that lacks some is waited for, since replication
//! may yet bring them; all are asked anew meanwhile.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::address::HostAddress;
use super::options::ServerOptions;
use super::relation::Relation;
use super::start::{Checked, check};
use crate::change::Checkpoint;
use crate::source::error::{HostFailure, SourceError};
use crate::state::ReplicaIdentity;

/// How often servers that are waited for are asked.
const POLL: Duration = Duration::from_millis(500);

/// One look at all servers.
#[derive(Debug, Default)]
struct Round {
    /// The first that has all that was delivered, and is another than the checkpoint's.
    successor: Option<Checked>,
    failures: Vec<HostFailure>,
    /// Whether one of them may yet get what it lacks.
    may_wait: bool,
}

/// Finds the server to read from, and checks it. `last` is where the last one listened, which is asked first.
///
/// # Errors
/// Why none can be read; where that may change, a transient failure.
pub async fn choose(
    options: &ServerOptions,
    identity: &ReplicaIdentity,
    from: Option<&Checkpoint>,
    last: Option<&HostAddress>,
) -> Result<Checked, SourceError> {
    options.refuse_problems()?;
    let mut candidates = options.candidates();
    // A stable sort: the others keep their order.
    candidates.sort_by_key(|candidate| Some(candidate.address()) != last.cloned());
    let deadline = Instant::now() + options.failover_wait_max;
    let mut is_told = false;
    loop {
        let is_over = Instant::now() >= deadline;
        let mut round = Round::default();
        for candidate in &candidates {
            if let Some(source) = round.ask(candidate, identity, from, is_over).await {
                return Ok(source);
            }
        }
        if let Some(successor) = round.successor {
            for HostFailure { address, error } in &round.failures {
                warn!(%address, error = error as &dyn std::error::Error, "this server is not the source now");
            }
            return Ok(successor);
        }
        if !round.may_wait || is_over {
            return Err(of_all(round.failures));
        }
        if !std::mem::replace(&mut is_told, true) {
            for failure in &round.failures {
                info!(%failure, wait_max = ?options.failover_wait_max, "waiting for a server that has what was delivered");
            }
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + POLL)).await;
    }
}

impl Round {
    /// Asks a server; returns it if it is the one to read.
    async fn ask(
        &mut self,
        candidate: &ServerOptions,
        identity: &ReplicaIdentity,
        from: Option<&Checkpoint>,
        is_over: bool,
    ) -> Option<Checked> {
        let relation = async {
            let mut checked = check(candidate, identity).await?;
            let relation = match from {
                Some(from) => checked.relation_to(from).await?,
                None => Relation::Source,
            };
            Ok((checked, relation))
        };
        match relation.await {
            Ok((checked, Relation::Source)) => return Some(checked),
            Ok((checked, Relation::Successor)) => {
                self.successor.get_or_insert(checked);
            }
            Ok((_, Relation::Lacks(lack))) => {
                self.may_wait |= lack.may_catch_up();
                let error = lack.refusal(&candidate.address(), is_over);
                self.fails(candidate, error);
            }
            Err(error) => self.fails(candidate, error),
        }
        None
    }

    fn fails(&mut self, candidate: &ServerOptions, error: SourceError) {
        self.failures.push(HostFailure {
            address: candidate.address().to_string(),
            error,
        });
    }
}

/// One error of why no server can be read.
fn of_all(mut failures: Vec<HostFailure>) -> SourceError {
    match failures.len() {
        1 => failures.remove(0).error,
        _several => SourceError::NoHost(failures),
    }
}
