//! The format `canal`: the flat messages that Canal 1.1 writes as JSON, one a rows event, in which every value is a string.
//!
//! Follows `com.alibaba.otter.canal.connector.core.producer.MQMessageUtils` and `com.taobao.tddl.dbsync.binlog`. Where Canal loses
//! or alters a value, the exact one is written: `schemas/types.md` lists where.
//!
//! | file | what it does |
//! |---|---|
//! | `declared` | types as MySQL and as JDBC call them |
//! | `value`, `java` | values |
//! | `plan` | what is fixed for a table |
//! | `writer` | the message |

mod declared;
mod java;
mod plan;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub(super) use plan::Plan;
pub(super) use writer::CanalWriter;
