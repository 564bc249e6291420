//! The workload while rowtap is killed at random moments and the source is restarted.

use super::{is_full, runs_clean};
use crate::support::checker::{Scenario, Sink, Workload};
use crate::support::{Flavour, Kafka};

#[track_caller]
fn check(flavour: Flavour, sink: Sink<'_>, seed: u64) {
    let (changes, kills, restarts) = if is_full() {
        (100_000, 20, 2)
    } else {
        (5_000, 4, 1)
    };
    let workload = Workload {
        seed,
        changes,
        big_rows: if is_full() { 2_000 } else { 300 },
        mixed_engines: true,
        ..Workload::default()
    };
    let scenario = Scenario {
        kills,
        restarts,
        ..Scenario::undisturbed(flavour, sink, workload)
    };
    runs_clean(&scenario);
}

#[test]
fn mysql_to_files_repeats_nothing_after_kills_and_restarts() {
    check(Flavour::MySql97, Sink::Files, 201);
}

#[test]
fn mariadb_to_files_repeats_nothing_after_kills_and_restarts() {
    check(Flavour::MariaDb1011, Sink::Files, 202);
}

#[test]
fn mysql_to_kafka_loses_nothing_over_kills_and_restarts() {
    let (kafka, prefix) = (Kafka::shared(), "killed-mysql");
    check(Flavour::MySql97, Sink::Topics { kafka, prefix }, 203);
}

#[test]
fn mariadb_to_kafka_loses_nothing_over_kills_and_restarts() {
    let (kafka, prefix) = (Kafka::shared(), "killed-mariadb");
    check(Flavour::MariaDb1011, Sink::Topics { kafka, prefix }, 204);
}
