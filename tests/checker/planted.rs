//! Every planted fault is caught, under a seed that passes without it.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use std::sync::OnceLock;
use std::time::Instant;

use super::once;
use crate::support::checker::{Check, Findings, Scenario, Sink, Workload};
use crate::support::{Flavour, Kafka};

/// What is run with a fault and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Files and no crash, with groups that are rolled back.
    Files,
    /// Files, and rowtap is killed.
    KilledFiles,
    /// Topics and no crash.
    Topics,
    /// Topics, and rowtap is killed while the broker is away.
    TopicsInOutage,
    /// Topics, exactly once, and rowtap is killed when new records are committed.
    KilledOnceCommitted,
    /// Topics, exactly once, and rowtap is killed when a new checkpoint is in its topic.
    KilledOnceWritten,
    /// Topics, exactly once, and another instance takes over.
    TakenOver,
}

/// Each fault with a shape that shows it and the check that must see it; others may.
const FAULTS: [(&str, Shape, Check); 16] = [
    ("EventDropped", Shape::Files, Check::Transactions),
    ("RowsReversed", Shape::Files, Check::Order),
    ("RowsReversed", Shape::Topics, Check::Order),
    (
        "RolledBackGroupDelivered",
        Shape::Files,
        Check::Transactions,
    ),
    ("FilteredGroupNotCounted", Shape::Files, Check::Ledger),
    ("KeyChangeHalved", Shape::Files, Check::KeyChain),
    ("KeyChangeHalved", Shape::Topics, Check::KeyChange),
    (
        "GroupResumedInMiddle",
        Shape::KilledFiles,
        Check::Transactions,
    ),
    (
        "CheckpointBeforeFlush",
        Shape::TopicsInOutage,
        Check::Sequences,
    ),
    ("EarlyAck", Shape::TopicsInOutage, Check::Sequences),
    ("EventDropped", Shape::Topics, Check::Transactions),
    (
        "CheckpointOutsideTransaction",
        Shape::KilledOnceCommitted,
        Check::Repetition,
    ),
    (
        "CheckpointsReadUncommitted",
        Shape::KilledOnceWritten,
        Check::Sequences,
    ),
    (
        "CommittedBeforeDelivery",
        Shape::KilledOnceCommitted,
        Check::Sequences,
    ),
    ("ProducerReused", Shape::TakenOver, Check::Sequences),
    ("FencedGoesOn", Shape::TakenOver, Check::Repetition),
];

impl Shape {
    fn run(self, fault: Option<&str>) -> Findings {
        let name = fault.unwrap_or("none");
        let prefix = format!("{self:?}-{name}");
        let prefix = &*prefix;
        let (sink, kills, outages) = match self {
            Self::Files => (Sink::Files, 0, 0),
            Self::KilledFiles => (Sink::Files, 3, 0),
            Self::Topics | Self::TopicsInOutage => {
                let kafka = broker();
                let outages = u64::from(self == Self::TopicsInOutage);
                (Sink::Topics { kafka, prefix }, outages, outages)
            }
            Self::KilledOnceCommitted => {
                return once::kill_when(once::Seen::Committed, Kafka::shared(), prefix, 2, fault);
            }
            Self::KilledOnceWritten => {
                return once::kill_when(once::Seen::Checkpoint, Kafka::shared(), prefix, 2, fault);
            }
            Self::TakenOver => return once::wake_replaced(Kafka::shared(), prefix, fault),
        };
        let workload = Workload {
            seed: 300,
            changes: 1_500,
            big_rows: 300,
            ddl_rounds: 0,
            mixed_engines: true,
            ..Workload::default()
        };
        let scenario = Scenario {
            kills,
            outages,
            fault,
            ..Scenario::undisturbed(Flavour::MariaDb1011, sink, workload)
        };
        scenario.run()
    }
}

/// A broker that other tests do not meet, since it goes away.
fn broker() -> &'static Kafka {
    static BROKER: OnceLock<Kafka> = OnceLock::new();
    BROKER.get_or_init(Kafka::start)
}

/// Runs a shape without a fault, then with each of its faults.
#[track_caller]
fn check(shape: Shape) {
    let begun = Instant::now();
    shape.run(None).assert_clean();
    for (fault, _, check) in FAULTS.into_iter().filter(|(_, of, _)| *of == shape) {
        let failed = shape.run(Some(fault)).failed();
        println!("{fault} with {shape:?} was caught by {failed:?}");
        assert!(
            failed.contains(&check),
            "{fault} was caught by {failed:?}, not by {check:?}"
        );
    }
    println!("{shape:?} took {:.1?}", begun.elapsed());
}

#[test]
fn faults_are_caught_in_files() {
    check(Shape::Files);
}

#[test]
fn faults_are_caught_in_files_after_kills() {
    check(Shape::KilledFiles);
}

#[test]
fn faults_are_caught_in_topics_also_when_the_broker_was_away() {
    // One after the other: they share a broker.
    check(Shape::Topics);
    check(Shape::TopicsInOutage);
}

#[test]
fn faults_are_caught_in_topics_that_are_written_once() {
    check(Shape::KilledOnceCommitted);
    check(Shape::KilledOnceWritten);
}

#[test]
fn a_producer_and_an_instance_that_go_on_when_they_must_not_are_caught() {
    check(Shape::TakenOver);
}

#[test]
fn every_fault_is_planted() {
    let source = include_str!("../../src/fault.rs");
    let (_, faults) = source
        .split_once("pub enum Fault {")
        .expect("the faults are an enum");
    let (faults, _) = faults.split_once('}').expect("the enum ends");
    let faults: Vec<&str> = faults
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .map(|line| line.trim_end_matches(','))
        .collect();
    assert!(faults.len() >= 6, "only {faults:?}");
    let of_copies = include_str!("../snapshot/planted.rs");
    for fault in faults {
        let planted = FAULTS.iter().any(|(name, ..)| *name == fault)
            || of_copies.contains(&format!("\"{fault}\""));
        assert!(planted, "{fault} is planted by no test");
    }
}
