//! The format `maxwell`: what Maxwell 1.22 and later write as JSON, under settings of the same names.
//!
//! Follows `com.zendesk.maxwell.row.RowMap` and `com.zendesk.maxwell.schema.columndef`. Where Maxwell loses or alters a value, the
//! exact one is written: `schemas/types.md` lists where.
//!
//! | file | what it does |
//! |---|---|
//! | `value`, `wkt` | values |
//! | `plan` | what is fixed for a table |
//! | `writer` | the envelope |
//! | `definition` | what a statement made of a table |
//! | `partition` | the partitions that Maxwell chooses |

mod definition;
mod partition;
mod plan;
#[cfg(test)]
mod tests;
mod value;
mod wkt;
mod writer;

pub(super) use plan::Plan;
pub(super) use writer::MaxwellWriter;
