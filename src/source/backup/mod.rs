//! Where a backup, or a replica, stood in its source's binlog, as the files tell that they leave behind: `start = { from = … }`.
//!
//! Only as much of a dump is read as stands before its first table. What a file is shows in its text, not in its name. A file
//! that was cut is refused, unless all that counts of it is there.

mod dump;
mod error;
mod info;
mod kind;
mod position;
mod read;
mod status;
#[cfg(test)]
mod tests;

pub use error::{BackupError, BackupTrouble};
pub use kind::BackupKind;
pub use position::BackupPosition;
pub(in crate::source) use read::read;
