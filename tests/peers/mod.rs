//! The formats of peers: what a peer itself wrote of a workload, message by message, against what rowtap writes of the same binlog.
//!
//! A recording holds a server's binlog and what the peer made of it. `ROWTAP_TEST_FULL=1` runs the peer itself, for which
//! `scripts/servers debezium-3.6` brings what it takes, and with `UPDATE_GOLDEN=1` records it anew.

mod debezium;
mod messages;

use std::path::PathBuf;

fn is_full() -> bool {
    std::env::var("ROWTAP_TEST_FULL").is_ok_and(|value| value == "1")
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/debezium")
}
