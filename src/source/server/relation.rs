//! What a server is to a checkpoint: the one that wrote its binlogs, one that can take its place, or one that lacks groups.

use super::address::HostAddress;
use crate::source::error::SourceError;

/// What a server is to a checkpoint.
#[derive(Debug)]
pub(super) enum Relation {
    /// Its binlogs are those of the checkpoint.
    Source,
    /// It is another server that has all groups before the checkpoint.
    Successor,
    /// It lacks some of them.
    Lacks(Lack),
}

/// What a server lacks, and whether it may yet get it.
#[derive(Debug)]
pub(super) struct Lack {
    pub(super) missing: String,
    /// Whether it is the checkpoint's own server.
    pub(super) is_source: bool,
    pub(super) has_written: bool,
    /// Whether it replicates from another server; `None` if it does not show that.
    pub(super) replicates: Option<bool>,
}

impl Lack {
    /// Whether waiting may help: not for a server that has left the history which was delivered.
    pub(super) fn may_catch_up(&self) -> bool {
        self.is_source || self.replicates != Some(false) || !self.has_written
    }

    /// What is said of a server that lacks groups, after all the waiting or before.
    pub(super) fn refusal(self, address: &HostAddress, is_over: bool) -> SourceError {
        let Self { missing, .. } = self;
        match (self.is_source, is_over) {
            // Groups that are about to be committed are sent before they count as executed.
            (true, true) => SourceError::Diverged { message: missing },
            (false, true) if self.replicates != Some(true) => SourceError::Lacking {
                server: address.to_string(),
                missing,
            },
            (false, false) if self.has_written && self.replicates == Some(false) => {
                SourceError::Lacking {
                    server: address.to_string(),
                    missing,
                }
            }
            (_, _) => SourceError::Behind {
                server: address.to_string(),
                missing,
            },
        }
    }
}
