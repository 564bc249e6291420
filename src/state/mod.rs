//! Everything in the state folder: what one connector must remember from one run to the next.
//!
//! A connector owns the folder `<state_dir>/<connector>` and, through its lock file, is alone in it. `schemas/state.md`
//! describes each file for anyone who reads or repairs one by hand.

mod blocking;
pub mod checked_line;
mod checkpointer;
pub mod durable;
mod error;
mod folder;
mod history;
pub mod journal;
mod lock;
mod passing;
mod prepared;
pub mod relay_log_info;
mod replica_identity;
mod spill;

pub use blocking::off_the_runtime;
pub use checkpointer::Checkpointer;
pub use error::StateError;
pub use folder::StateFolder;
pub use history::HistoryFile;
pub use journal::Journal;
pub use lock::{LOCK_NAME, LockFile, LockOwner};
pub use prepared::{PreparedFile, PreparedStore};
pub use relay_log_info::RelayLogInfoError;
pub use replica_identity::ReplicaIdentity;
pub use spill::{Spill, SpillReader};
