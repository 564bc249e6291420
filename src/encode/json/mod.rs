//! The format `json`: Debezium's envelope around lossless, readable values, described for consumers in
//! `schemas/change-event.schema.json`.

mod images;
mod java;
mod member;
mod plan;
mod table_changes;
mod tail;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub(super) use images::{ImageWriter, close_object};
pub(super) use java::escape_as_java;
pub(super) use member::{Member, MemberName};
pub(super) use plan::Plan;
pub(super) use table_changes::{column_type, table_id};
pub(super) use tail::{Tail, TailParts};
pub(super) use value::{Scratch, ValueWriter, is_quoted, write_cell, write_document_text};
pub(super) use writer::{JsonWriter, write_gtid, write_gtid_text, write_times};
