//! Counters of each connector, shared by the stages that count and the pages that show them.
//!
//! Everything is updated per batch or less often. No history is kept: rates are the reader's business. Times are those of
//! this machine's clock. Not for pure rooms.

mod connector;
mod copy;
mod exposition;
mod registry;

pub use connector::{
    Boundaries, ConnectorMetrics, ConnectorState, LastFailure, Skips, Snapshot, Volumes, now_us,
    one_line,
};
pub use copy::CopyProgress;
pub use registry::Registry;
