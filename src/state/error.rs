//! Why the state folder cannot be used, with the fix as the last clause.

use std::io;
use std::path::{Path, PathBuf};

use super::durable::FileError;
use super::lock::LockOwner;
use super::relay_log_info::RelayLogInfoError;
use crate::failure::Class;

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another process holds the folder's lock.
    #[error(
        "state folder {} is in use by {}, stop that one first or give this connector another state_dir",
        path.display(),
        owner_text(owner.as_ref())
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who holds it, as far as its lock file tells.
        owner: Option<LockOwner>,
    },
    /// The file system refused something.
    #[error("cannot {action} {}, {}", path.display(), io_fix(error))]
    Io {
        /// What was tried: `create`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The checkpoint is there but cannot be trusted.
    #[error("checkpoint {} cannot be {}", path.display(), checkpoint_fix(error))]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: RelayLogInfoError,
    },
    /// The checkpoint cannot be written in a form that can be read again.
    #[error("checkpoint {} cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What is wrong with the value.
        #[source]
        error: RelayLogInfoError,
    },
    /// A line of the journal of definitions is damaged.
    #[error(
        "{} line {line} is damaged: {reason}, restore the file from a copy, or remove the folder's definitions-*.jsonl so \
         that definitions are read from the source again",
        path.display()
    )]
    Journal {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of skip orders, or of the groups that were passed over, is damaged.
    #[error(
        "{} is damaged: {reason}, restore the file from a copy, or move it elsewhere: {}",
        path.display(),
        without_skips(path)
    )]
    Skips {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of the snapshots that were ordered cannot be understood.
    #[error("{} is damaged ({reason}), remove it and order the snapshots again", path.display())]
    Snapshots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file that says why the connector ended cannot be understood.
    #[error(
        "{} is damaged, remove it and name the groups to pass over by --gtid or --at",
        path.display()
    )]
    LastError {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: serde_json::Error,
    },
    /// The file that says who this replica is cannot be understood.
    #[error(
        "{} line {line}: expected {expected}, found '{found}', restore the file, or remove it so that the source sees a new replica",
        path.display()
    )]
    Identity {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
}

impl StateError {
    /// What the failure means for the connector.
    pub fn class(&self) -> Class {
        match self {
            Self::Locked { .. } => Class::Fenced,
            Self::Checkpoint { .. }
            | Self::Identity { .. }
            | Self::Journal { .. }
            | Self::LastError { .. }
            | Self::Skips { .. }
            | Self::Snapshots { .. }
            | Self::Unwritable { .. } => Class::Data,
            Self::Io { .. } => Class::CannotWrite,
        }
    }
}

impl From<FileError> for StateError {
    fn from(error: FileError) -> Self {
        Self::Io {
            action: error.verb(),
            path: error.path,
            error: error.source,
        }
    }
}

/// What a person can do about a checkpoint; one of a newer rowtap says so itself.
fn checkpoint_fix(error: &RelayLogInfoError) -> &'static str {
    match error.is_of_newer() {
        true => "read by this rowtap",
        false => {
            "trusted, restore it from a copy, or remove it: then a file sink goes on where its manifest says, and any other \
             begins where the connector's start says"
        }
    }
}

/// What it means that a file of skips is gone.
fn without_skips(path: &Path) -> &'static str {
    match path.extension().is_some_and(|ending| ending == "json") {
        true => {
            "then no group is passed over any more, until it is ordered again by rowtap skip; skipped.jsonl says which were"
        }
        false => {
            "then nothing tells which groups were passed over, and the connector stops at the XA COMMIT of one whose XA PREPARE was"
        }
    }
}

fn owner_text(owner: Option<&LockOwner>) -> String {
    owner.map_or_else(
        || "another process".to_owned(),
        |owner| format!("process {}", owner.pid),
    )
}

/// The last clause of a file system error: what a person can do about it.
fn io_fix(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => "the disk is full, make room and start again",
        Kind::PermissionDenied => "give the user that runs rowtap write access to it",
        Kind::ReadOnlyFilesystem => "set state_dir to a folder that can be written",
        Kind::NotADirectory | Kind::AlreadyExists => "set state_dir to a folder",
        _ => "set state_dir to a folder on a disk that works",
    }
}
