//! The integration tests, one binary: each suite is named for what it threatens.

#[allow(dead_code, reason = "a suite takes of the support what it needs")]
mod support;

mod servers;
