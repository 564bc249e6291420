//! A live source: checked, asked where to begin, and read as a replica reads it.

pub(super) mod dump;
pub(super) mod look;
mod options;
mod preflight;
mod receiver;
mod refusal;
mod scan;
pub(super) mod session;
mod start;
pub(super) mod statements;

pub use options::ServerOptions;
pub use preflight::SourceFacts;
pub use receiver::Live;
pub use start::{Checked, Resolved, check};
