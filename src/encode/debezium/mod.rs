//! The format `debezium`: what Debezium 3.6 writes as JSON, with or without Connect's schemas, under settings of the same names.
//!
//! Follows `io.debezium.connector.binlog` (`BinlogValueConverters`, `BinlogSourceInfo`), `io.debezium.jdbc.JdbcValueConverters`
//! and Kafka's `JsonConverter`. Where Debezium loses or alters a value, the exact one is written: `schemas/types.md` lists where.
//!
//! | file | what it does |
//! |---|---|
//! | `form` | how a column's values are written under them |
//! | `value`, `unscaled` | values |
//! | `schema` | Connect's schemas as JSON |
//! | `propagated` | what schemas tell of the types on the source |
//! | `plan` | what is fixed for a table |
//! | `writer` | the envelope |
//! | `table_changes` | what a statement made of a table |

mod form;
mod plan;
mod propagated;
mod schema;
mod table_changes;
#[cfg(test)]
mod tests;
mod unscaled;
mod value;
mod writer;

pub(super) use form::{Form, NoDate, Unit, Way};
pub(super) use plan::{Plan, schema_name};
pub(super) use propagated::Propagated;
pub(super) use schema::{FieldFacts, statement_heads, write_schema};
pub(super) use unscaled::{minimal, with_unscaled};
pub(super) use value::{
    Values, in_unit, micros, micros_since_1970, millis_of_day, millis_since_1970, write_hex,
    write_iso_clock, write_iso_moment, write_url_safe,
};
pub(super) use writer::{DebeziumWriter, event_us, write_ns, write_transaction_id};
