//! Everything in the state folder: what one connector must remember from one run to the next.
//!
//! A connector owns the folder `<state_dir>/<connector>` and, through its lock file, is alone in it. `schemas/state.md`
//! describes each file for anyone who reads or repairs one by hand.

mod blocking;
pub mod checked_line;
mod checkpointer;
mod control;
pub mod durable;
mod error;
mod folder;
mod history;
mod inspection;
pub mod journal;
mod last_error;
mod lock;
mod notes;
mod passing;
mod prepared;
pub mod relay_log_info;
mod replica_identity;
pub mod room;
mod skips;
mod snapshots;
mod spill;

pub use blocking::off_the_runtime;
pub use checkpointer::Checkpointer;
pub use control::{
    Answer, Asked, CONTROL_NAME, Command, ControlError, ControlServer, Request, SnapshotCommand,
    send,
};
pub use error::StateError;
pub use folder::StateFolder;
pub use history::HistoryFile;
pub use inspection::{Inspection, inspect};
pub use journal::Journal;
pub use last_error::{LastError, StoppedGroup};
pub use lock::{LOCK_NAME, LockFile, LockOwner};
pub use notes::Notes;
pub use prepared::{PreparedFile, PreparedStore};
pub use relay_log_info::RelayLogInfoError;
pub use replica_identity::ReplicaIdentity;
pub use room::WantedFolder;
pub use skips::{SkipRefusal, SkipStore};
pub use snapshots::{SnapshotOrders, SnapshotRefusal};
pub use spill::{Spill, SpillReader};
