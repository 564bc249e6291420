//! The format `json`: Debezium's envelope around lossless, readable values, described for consumers in
//! `schemas/change-event.schema.json`.

mod plan;
mod table_changes;
mod tail;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub(super) use plan::Plan;
pub(super) use writer::JsonWriter;
