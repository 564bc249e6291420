//! What rowtap puts out is what the source holds: under load, with definitions that change, over crashes and restarts.
//!
//! The default run samples what the long one does, for which `ROWTAP_TEST_FULL=1` asks: at least 100,000 row changes, 20
//! kills and two restarts of the source.

#[cfg(feature = "kafka")]
mod brokers;
#[cfg(feature = "kafka")]
mod crashes;
#[cfg(feature = "kafka")]
mod endings;
#[cfg(feature = "kafka")]
mod once;
#[cfg(feature = "kafka")]
mod once_kept;
#[cfg(feature = "kafka")]
mod outages;
#[cfg(all(feature = "kafka", feature = "planted-faults"))]
mod planted;
#[cfg(feature = "planted-faults")]
mod planted_failures;
#[cfg(feature = "planted-faults")]
mod planted_skips;
#[cfg(feature = "planted-faults")]
mod planted_snapshots;
#[cfg(feature = "planted-faults")]
mod planted_told;
#[cfg(feature = "kafka")]
mod streams;
#[cfg(not(feature = "planted-faults"))]
mod unplanted;
#[cfg(feature = "kafka")]
mod xa;

#[cfg(feature = "kafka")]
use crate::support::checker::{Findings, Scenario};
#[cfg(feature = "kafka")]
use crate::support::is_full;

#[cfg(all(feature = "planted-faults", feature = "kafka"))]
use crate::avro::planted::points as points_of_schemas;

/// Without Kafka nothing comes to the file of schemas' numbers.
#[cfg(all(feature = "planted-faults", not(feature = "kafka")))]
fn points_of_schemas() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    [("SchemaNumbers", "")].iter()
}

/// Runs a scenario and makes sure that every check holds, and that as many row changes came out as were to be made.
#[cfg(feature = "kafka")]
#[track_caller]
fn runs_clean(scenario: &Scenario<'_>) -> Findings {
    let findings = scenario.run();
    findings.assert_clean();
    let came = u64::try_from(findings.row_changes).expect("a count fits into 64 bits");
    let changes = scenario.workload.changes;
    assert!(came >= changes, "only {came} row changes came out");
    findings
}
