//! The format `flat`: a row alone, as Debezium's `ExtractNewRecordState` makes it of Debezium's envelope, with the members that the
//! settings add to it.
//!
//! Values, keys and schemas are those of the format `debezium`.
//!
//! | file | what it does |
//! |---|---|
//! | `plan` | what is fixed for a table |
//! | `writer` | the row and what is added to it |

mod plan;
mod writer;

pub(super) use plan::Plan;
pub(super) use writer::FlatWriter;
