//! The command line: one file a command, and the process's exit codes.
//!
//! Data goes to standard output, everything else to standard error.

mod bars;
mod check;
mod decode;
mod definitions;
mod each;
mod environment;
mod exit;
mod explain;
mod log;
mod order;
mod program;
mod run;
mod signals;
mod skip;
mod snapshot;
mod status;
mod until;

pub use exit::Exit;
pub use log::LogFormat;
pub use program::main;
pub use until::UntilArgument;
