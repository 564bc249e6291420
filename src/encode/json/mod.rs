//! The format `json`: Debezium's envelope around lossless, readable values, described for consumers in
//! `schemas/change-event.schema.json`.
//!
//! One event writer serves two encoders: [`RecordsEncoder`] for logs, where a record has a key, and [`LinesEncoder`] for
//! files.

mod event;
mod lines;
mod plan;
mod records;
#[cfg(test)]
mod sample;
mod table_changes;
#[cfg(test)]
mod tests;
mod value;

pub use lines::LinesEncoder;
pub use plan::{PartialKeyChange, Plan, Settings};
pub use records::RecordsEncoder;
