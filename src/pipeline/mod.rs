//! One connector from source to sink, and its one retry loop.
//!
//! ```text
//! receive (task) ─chunks► decode (thread) ─batches► deliver (task) ─► encode (pool) ─blocks, in order► sink
//! ```
//!
//! A failure ends the whole run; [`supervise`] starts it again from the checkpoint. Starting and recovering are the same
//! path, and nothing below this module waits and tries again by itself.

mod connector;
mod decode;
mod deliver;
mod error;
mod run;
mod supervise;

pub use connector::{Connector, Mode};
pub use error::PipelineError;
pub use supervise::{Ended, run};
