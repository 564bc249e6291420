//! The workload in the middle of which definitions change, streamed without a crash.

use super::{is_full, runs_clean};
use crate::support::checker::{Findings, Scenario, Sink, Workload};
use crate::support::{Flavour, Kafka};

#[track_caller]
fn check(flavour: Flavour, sink: Sink<'_>, seed: u64) {
    let workload = Workload {
        seed,
        changes: if is_full() { 105_000 } else { 10_000 },
        mixed_engines: true,
        ..Workload::default()
    };
    let findings = stream(flavour, sink, workload);
    assert!(
        findings.statements > 20,
        "only {} statements came out",
        findings.statements
    );
}

fn stream(flavour: Flavour, sink: Sink<'_>, workload: Workload) -> Findings {
    let findings = runs_clean(&Scenario::undisturbed(flavour, sink, workload));
    assert!(
        findings.cells > 1_000,
        "only {} cells were compared",
        findings.cells
    );
    assert_eq!(
        findings.repeated, 0,
        "nothing ended a run, and yet something was repeated"
    );
    findings
}

#[test]
fn mysql_to_files_is_what_the_source_holds() {
    check(Flavour::MySql97, Sink::Files, 101);
}

#[test]
fn mariadb_to_files_is_what_the_source_holds() {
    check(Flavour::MariaDb1011, Sink::Files, 102);
}

#[test]
fn mysql_to_kafka_is_what_the_source_holds() {
    let (kafka, prefix) = (Kafka::shared(), "streamed-mysql");
    check(Flavour::MySql97, Sink::Topics { kafka, prefix }, 103);
}

#[test]
fn mariadb_to_kafka_is_what_the_source_holds() {
    let (kafka, prefix) = (Kafka::shared(), "streamed-mariadb");
    check(Flavour::MariaDb1011, Sink::Topics { kafka, prefix }, 104);
}

/// The rest of the servers, whose definitions stay as they are.
#[track_caller]
fn check_version(flavour: Flavour, seed: u64) {
    let workload = Workload {
        seed,
        changes: if is_full() { 20_000 } else { 2_000 },
        big_rows: 200,
        ddl_rounds: 0,
        mixed_engines: flavour != Flavour::MySql57,
        ..Workload::default()
    };
    stream(flavour, Sink::Files, workload);
}

#[test]
fn mysql_8_0_to_files_is_what_the_source_holds() {
    check_version(Flavour::MySql80, 105);
}

#[test]
fn mysql_5_7_to_files_is_what_the_source_holds() {
    check_version(Flavour::MySql57, 106);
}

#[test]
fn mariadb_11_8_to_files_is_what_the_source_holds() {
    check_version(Flavour::MariaDb118, 107);
}
