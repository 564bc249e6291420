//! Who delivers: what a process writes into its checkpoints, by which it knows its own.
//!
//! A producer that Kafka fenced does not learn by whom. If the last checkpoint is its own, its transaction was only open for
//! too long; otherwise another instance of the connector has taken over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::change::Checkpoint;
use crate::fault::{Fault, planted};

/// What a process writes into the checkpoints of one connector. Clones are one claim.
#[derive(Clone, Debug)]
pub(in crate::sink) struct Claim(Arc<ClaimState>);

#[derive(Debug)]
struct ClaimState {
    instance: String,
    is_held: AtomicBool,
    /// What was committed last, for an instance that is to go on though it is fenced.
    last: Mutex<Option<Checkpoint>>,
}

impl Default for Claim {
    fn default() -> Self {
        Self(Arc::new(ClaimState {
            instance: Uuid::new_v4().to_string(),
            is_held: AtomicBool::new(false),
            last: Mutex::default(),
        }))
    }
}

impl Claim {
    /// The name of this process in checkpoints.
    pub(in crate::sink) fn instance(&self) -> &str {
        &self.0.instance
    }

    /// Whether this process has committed a checkpoint.
    pub(super) fn is_held(&self) -> bool {
        self.0.is_held.load(Ordering::Relaxed)
    }

    /// Notes that this process has committed a checkpoint.
    pub(super) fn hold(&self, upto: &Checkpoint) {
        self.0.is_held.store(true, Ordering::Relaxed);
        if planted(Fault::FencedGoesOn) {
            *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(upto.clone());
        }
    }

    /// What it committed last, where that is kept.
    pub(super) fn last(&self) -> Option<Checkpoint> {
        let last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}
