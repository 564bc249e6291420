//! One connector from source to sink, and its one retry loop.
//!
//! ```text
//! receive (task) ─chunks► lanes (threads: engine ─batches► encode) ─blocks, in order► deliver (task) ─► sink
//! ```
//!
//! The engine and the lanes are the same for `decode`, which has files where `run` has a receiver, and the standard output
//! where `run` has a sink.
//!
//! A failure ends the whole run; `supervise` starts it again from the checkpoint. Starting and recovering are the same
//! path, and nothing below this module waits and tries again by itself.
//!
//! Shutdown is the end of the stream: the receiver reads no more, chunks that were not assembled and questions that were not
//! answered are left, and the rest is delivered and committed. Futures are dropped in three places only: those of a start
//! (`run/one_run.rs`), of waits for chunks and answers (`run/assembling.rs`), and, when its grace is over, of a whole
//! connector (`supervise.rs`). What runs on a thread of its own by then goes on to its end or to that of the process, and
//! leaves no more than a crash would.

mod check;
mod connector;
mod delay;
mod engine;
mod error;
mod lanes;
mod pool;
mod run;
mod skipping;
mod snapshots;
mod spilling;
mod supervise;

pub use check::{ConnectorFindings, check, validate};
pub use connector::{Connector, Mode};
pub use engine::{
    AnswerTables, BATCH_BYTES_MAX, Engine, Fed, Feed, IDLE_BYTES_MAX, WantedDefinition,
};
pub use error::PipelineError;
pub use lanes::{Encoded, Lanes};
pub use pool::Pool;
pub use skipping::carry_out;
pub use supervise::{Ended, run};
