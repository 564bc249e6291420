//! Avro and schema registries: what becomes of a connector whose registry refuses, is slow or is gone; and values and schemas as a
//! real registry and other readers have them.
//!
//! `ROWTAP_TEST_FULL=1` starts Apicurio Registry, which `scripts/servers apicurio-3.3` brings with fastavro and the Java that it takes.

mod apicurio;
mod faults;
mod files;
mod mapping;
#[cfg(feature = "planted-faults")]
pub mod planted;
pub mod stub;

use std::path::PathBuf;

use crate::support::is_full;

/// A binlog of a MySQL server.
fn binlog() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/debezium/binlog.000003")
}
