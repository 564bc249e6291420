//! Rows of outboxes: messages that applications wrote into a table, as Debezium's `EventRouter` sends them on.
//!
//! The topic is chosen by a column's value, row by row; the key, the value, headers, the partition and the time are columns too.
//!
//! | file | what it does |
//! |---|---|
//! | `plan` | what is fixed for a table |
//! | `expand` | text of JSON as JSON |
//! | `writer` | the parts of a row's message |

mod expand;
mod plan;
mod writer;

pub(super) use plan::Plan;
pub use writer::RecordHeader;
pub(super) use writer::{OutboxWriter, Targets};
