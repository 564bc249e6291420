//! The formats of peers: what a peer itself wrote of a workload, message by message, against what rowtap writes of the same binlog.
//!
//! A recording holds a server's binlog and what the peer made of it. `ROWTAP_TEST_FULL=1` runs the peer itself, for which
//! `scripts/servers debezium-3.6` brings what it takes, and with `UPDATE_GOLDEN=1` records it anew. The recordings of Maxwell and Canal
//! say in their files how they were made. `scripts/servers flink-1.20` brings a consumer that reads rowtap's messages.

mod avro;
mod canal;
mod cloudevents;
mod coded;
mod connect;
mod debezium;
mod defaults;
mod documented;
mod flat;
mod flink;
mod maxwell;
mod messages;
mod metadata;
mod odd_tables;
mod outbox;
mod outbox_kept;
mod pairs;
mod running;
mod schema;
mod switch;

use std::fs;
use std::path::PathBuf;

use crate::support::is_full;
use messages::Difference;

fn folder(peer: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/peers/{peer}"))
}

/// The differences from a peer that stay, from `schemas/types.md`.
fn differences(peer: &str) -> Vec<Difference> {
    let rows = rows_of(peer).into_iter().filter_map(|cells| {
        let [place, _theirs, _ours, reason] = &cells[..] else {
            return None;
        };
        let place = place.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let reason = reason.clone();
        Some(Difference { place, reason })
    });
    rows.collect()
}

/// The cells of the rows of a section's tables.
fn rows_of(heading: &str) -> Vec<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/types.md");
    let document = fs::read_to_string(path).expect("the document");
    let heading = format!("\n## {heading}\n");
    let section = document.split_once(&heading).expect("a section").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let cells = rows.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    });
    cells.collect()
}
