//! The format `avro`: binary Avro, with schemas that a registry or a file's header holds.
//!
//! Two layouts: Debezium's messages as Confluent's `AvroConverter` writes them (`AvroData.fromConnectSchema`), and a plain row with
//! what is known of its change. The bytes are written here, straight from row images; apache-avro and fastavro read them in tests.
//!
//! | file | what it does |
//! |---|---|
//! | `names` | names as Avro allows them |
//! | `binary` | numbers, strings and bytes |
//! | `connect` | Connect's schemas as Avro schemas |
//! | `plain` | the schemas of the plain layout |
//! | `document` | a JSON payload under a Connect schema, for statements and notices |
//! | `notice` | messages that are about no row |
//! | `column` | how a column's values are written |
//! | `short` | values as most are |
//! | `value` | values of every type |
//! | `images` | row images as records |
//! | `plan` | what is fixed for a table |
//! | `writer` | the messages |

mod binary;
mod column;
mod connect;
mod document;
mod images;
mod names;
mod notice;
mod plain;
mod plan;
mod short;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub use notice::AvroNotices;
pub(super) use plan::Plan;
pub(super) use writer::AvroWriter;
