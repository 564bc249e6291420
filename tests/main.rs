//! The integration tests, one binary: each suite is named for what it threatens.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that panics has found something, and a person watches a long one"
)]

#[allow(dead_code, reason = "a suite takes of the support what it needs")]
mod support;

#[cfg(feature = "kafka")]
mod avro;
mod checker;
mod commands;
mod connection;
mod decode;
#[cfg(feature = "kafka")]
mod definitions;
#[cfg(feature = "kafka")]
mod failover;
mod filters;
mod historic;
mod hostile;
#[cfg(feature = "kafka")]
mod peers;
mod recorded;
mod servers;
mod sinks;
mod snapshot;
mod source;
mod statements;
mod tidy;
mod values;
