//! rowtap poses as a replica of a MySQL or MariaDB server and publishes every row change to Kafka or to files.
//!
//! This page is the map. The folders are listed in the order in which a change passes them; a module imports only
//! what stands before it, and `tests/tidy` holds that order.
//!
//! | module | what it does | touches the outside |
//! |---|---|---|
//! | [`mysql`] | the client/server protocol: packets, authentication, TLS, result sets | its connection only |
//! | [`binlog`] | bytes to events: framing, checksums, event bodies, GTID sets, table maps | no |
//! | [`row`] | row images to values: column types, character sets, decimals, times, JSON | no |
//! | [`filter`] | the `replicate-*` rules | no |
//! | [`change`] | events to batches of changes, group by group | no |
//! | [`state`] | everything in the state folder | files |
//! | [`source`] | where events come from | the source server |
//! | [`encode`] | batches to bytes of an output format | no |
//! | [`sink`] | where changes go, and what is durable there | Kafka, files |
//! | [`pipeline`] | one connector from source to sink, and its one retry loop | tasks and threads |
//! | [`config`] | connector files | files, environment |
//! | [`http`] | health, metrics and status pages | a loopback socket |
//! | `cli` | one file per command | the terminal |
//!
//! [`metrics`], [`failure`] and [`fault`] are leaves: counters that any impure module may use, what a failure means for retries
//! and exit codes, and planted faults for the tests.

pub mod binlog;
pub mod change;
pub mod cli;
pub mod config;
pub mod encode;
pub mod failure;
pub mod fault;
pub mod filter;
pub mod http;
pub mod metrics;
pub mod mysql;
pub mod pipeline;
pub mod row;
pub mod sink;
pub mod source;
pub mod state;
