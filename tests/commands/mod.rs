//! The program as a person meets it: its exit codes and last words, its signals, and its status.
//!
//! Threatens whoever relies on an exit code, and whoever has to find out from one line what to mend.

mod backups;
mod check;
mod choosing;
mod definitions;
mod delay;
mod documents;
mod endings;
mod events;
mod explain;
mod files;
mod folders;
mod groups;
#[cfg(feature = "kafka")]
mod kafka;
mod large;
#[cfg(feature = "planted-faults")]
pub mod planted;
pub mod process;
mod refusals;
mod shadow;
mod signals;
mod skip;
mod status;
mod undone;
mod ways_in;
mod xa;
mod xa_many;
mod xa_start;

/// The sink that a build may lack.
#[cfg(feature = "kafka")]
const KAFKA: Option<&str> = Some("kafka");
#[cfg(not(feature = "kafka"))]
const KAFKA: Option<&str> = None;
