//! What a sink promises about durability and order, held against what a reader of its target finds.

pub mod avro_files;
mod contract;
mod file;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka_brokers;
#[cfg(feature = "kafka")]
mod kafka_clock;
#[cfg(feature = "kafka")]
mod kafka_large;
#[cfg(feature = "kafka")]
mod kafka_logins;
#[cfg(feature = "kafka")]
mod kafka_notices;
#[cfg(feature = "kafka")]
mod kafka_once;
#[cfg(feature = "kafka")]
mod kafka_secrets;
#[cfg(feature = "kafka")]
mod kafka_security;
#[cfg(feature = "kafka")]
mod kafka_topics;
mod stdout;

use std::future::Future;
use std::ops::Range;

use rowtap::binlog::{Coordinates, GtidSet};
use rowtap::change::Checkpoint;
use rowtap::encode::Lines;
use rowtap::mysql::Flavour;

/// The checkpoint behind so many changes.
fn checkpoint(changes: u64) -> Checkpoint {
    Checkpoint::new(
        Coordinates::new("binlog.000007", 4 + changes),
        GtidSet::empty(Flavour::MySql),
        Some(uuid::Uuid::from_u128(7)),
        1,
        1_700_000_000,
    )
}

/// A line a number, and a DDL line in front of each number that a hundred divides.
fn lines(numbers: Range<u64>) -> Lines {
    let mut lines = Lines::default();
    for number in numbers {
        if number % 100 == 0 {
            let start = lines.bytes.len();
            lines
                .bytes
                .extend(format!("{{\"ddl\":{number}}}\n").bytes());
            lines.ddl.push(start..lines.bytes.len());
            lines.line_count += 1;
        }
        lines.bytes.extend(format!("{{\"n\":{number}}}\n").bytes());
        lines.row_count += 1;
        lines.line_count += 1;
    }
    lines
}

/// The number in a line like `{"n":7}`.
fn number(line: &str, key: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    value[key].as_u64().unwrap()
}

/// A runtime as the service's own: several threads.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}
