//! A connector's state folder looked at without taking it: what a run would find there, and whether it could write.

use std::path::Path;

use super::error::StateError;
use super::folder::StateFolder;
use super::journal::Journal;
use super::last_error::LastError;
use super::replica_identity::{self, ReplicaIdentity};
use super::room::{self, WantedFolder};
use super::skips::SkipStore;
use crate::change::Checkpoint;
use crate::finding::Finding;
use crate::metrics::one_line;

/// Room for events and transactions that do not fit in memory.
const ROOM_WANTED: u64 = 1 << 30;

/// What a state folder holds.
#[derive(Debug)]
pub struct Inspection {
    /// What was found.
    pub findings: Vec<Finding>,
    /// The checkpoint; `None` where there is none, or none that can be trusted.
    pub checkpoint: Option<Checkpoint>,
    /// Who the connector is to its source: one that is made up where none is kept yet.
    pub identity: ReplicaIdentity,
}

/// Looks at a connector's state folder; blocks on the disk.
pub fn inspect(state_dir: &Path, connector: &str) -> Inspection {
    let path = state_dir.join(connector);
    let place = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let mut found = Findings {
        all: room::findings(WantedFolder {
            path: &path,
            check: "state_folder",
            key: "state_dir",
            bytes: ROOM_WANTED,
        }),
        place: place.display().to_string(),
    };
    if !room::is_folder(&path) {
        // Nothing can be read there either.
        return Inspection {
            findings: found.all,
            checkpoint: None,
            identity: ReplicaIdentity::new(),
        };
    }
    if let Some(Some(owner)) = found.read("lock", StateFolder::owner(state_dir, connector)) {
        let error = StateError::Locked {
            path: path.clone(),
            owner: Some(owner),
        };
        found.refuse("lock", &error);
    }
    let checkpoint = found.read("checkpoint", StateFolder::peek(state_dir, connector));
    let checkpoint = checkpoint.flatten();
    let at = checkpoint.as_ref().map(|it| it.coordinates.to_string());
    found.add(Finding::ok(
        "checkpoint",
        match at {
            Some(at) => format!("the connector goes on at {at}"),
            None => "the connector has not begun".to_owned(),
        },
    ));
    found.read("journal", Journal::peek(state_dir, connector, None));
    if let Some((orders, _)) = found.read("skips", SkipStore::peek(state_dir, connector))
        && !orders.is_empty()
    {
        let what = format!("groups are to be passed over: {}", orders.join("; "));
        found.add(Finding::note("skips", what));
    }
    if let Some(Some(last)) = found.read("last_error", LastError::peek(state_dir, connector)) {
        let what = format!("the last run ended with: {}", last.message);
        found.add(Finding::note("last_error", what));
    }
    let identity = found.read("identity", replica_identity::peek(&path));
    Inspection {
        checkpoint,
        identity: identity.flatten().unwrap_or_else(ReplicaIdentity::new),
        findings: found.all,
    }
}

struct Findings {
    all: Vec<Finding>,
    place: String,
}

impl Findings {
    /// Takes what could be read, or tells why not.
    fn read<T>(&mut self, check: &'static str, read: Result<T, StateError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(check, &error);
                None
            }
        }
    }

    fn refuse(&mut self, check: &'static str, error: &StateError) {
        self.add(Finding::fatal(check, error.class(), one_line(error)));
    }

    fn add(&mut self, finding: Finding) {
        self.all.push(finding.at(self.place.clone()));
    }
}
