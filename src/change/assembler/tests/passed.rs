//! Groups that are passed over on order: whatever is in them, nothing of them comes out and all of their events count.

use super::*;
use crate::change::{PassedOver, SkipOrder, SkipOrders, SkipTarget};

/// Where the second group of [`three`] begins, and a writer of three whose second one holds what `fill` writes.
fn three(checked: bool, fill: impl Fn(&mut Writer)) -> (u64, Writer) {
    let mut writer = match checked {
        true => Writer::checked(),
        false => Writer::new(),
    };
    writer.transaction(1, &[1]);
    let begin = u64::from(writer.position);
    writer.gtid(2);
    writer.query("BEGIN");
    fill(&mut writer);
    writer.xid();
    writer.transaction(3, &[3]);
    (begin, writer)
}

fn passing(targets: &[SkipTarget], hold_bytes_max: usize) -> Assembler {
    let mut orders = SkipOrders::default();
    for (id, target) in (1..).zip(targets) {
        let order = SkipOrder {
            id,
            target: target.clone(),
            after: Coordinates::new("b.000001", 4),
        };
        orders.add(order, 0);
    }
    assembler("{}", hold_bytes_max, &[]).passing_over(orders)
}

fn second(begin: u64) -> SkipTarget {
    SkipTarget::At(Coordinates::new("b.000001", begin))
}

/// What came out beside the groups that were passed over.
fn run_passing(assembler: Assembler, writer: &Writer, cut: usize) -> (Outcome, Vec<PassedOver>) {
    let mut passed = Vec::new();
    let outcome = run_with(assembler, writer, cut, |batch| {
        passed.extend(batch.passed_over.iter().cloned());
    });
    (outcome.unwrap(), passed)
}

#[track_caller]
fn check(begin: u64, writer: &Writer, doubts: bool) {
    for (hold_bytes_max, cut) in [(usize::MAX, usize::MAX), (1, usize::MAX), (usize::MAX, 600)] {
        let (outcome, passed) = run_passing(passing(&[second(begin)], hold_bytes_max), writer, cut);
        let ids: Vec<i32> = outcome.rows.iter().map(|(_, id)| *id).collect();
        assert_eq!(ids, [1, 3]);
        assert_eq!(outcome.ledger.imbalance(), 0, "{}", outcome.ledger);
        assert_eq!(passed.len(), 1);
        assert_eq!(passed[0].begin.position, begin);
        assert_eq!(passed[0].events, outcome.ledger.passed_over);
        assert_eq!(passed[0].doubts_definitions, doubts);
        let set = outcome.end.unwrap().gtid_set.to_string();
        assert!(set.ends_with(":1-3"), "{set}");
    }
}

#[test]
fn a_group_is_passed_over_whatever_is_in_it() {
    // Each stops a stream that is not told to pass it over, but for the first.
    let rows = |writer: &mut Writer| {
        writer.table_map(1, "d", "t", true);
        for _ in 0..40 {
            writer.insert(1, &[2; 30]);
        }
    };
    let (begin, writer) = three(false, rows);
    check(begin, &writer, false);
    let unknown = |writer: &mut Writer| writer.event(EventKind::Unknown(200), &[7; 900]);
    let (begin, writer) = three(false, unknown);
    run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    check(begin, &writer, false);
    let without_a_map = |writer: &mut Writer| writer.insert(9, &[2]);
    let (begin, writer) = three(false, without_a_map);
    run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    check(begin, &writer, false);
    let statement = |writer: &mut Writer| writer.query("INSERT INTO t VALUES (2)");
    let (begin, writer) = three(false, statement);
    run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    check(begin, &writer, false);
    // A query event that is too short: what it did to tables is not known.
    let short = |writer: &mut Writer| writer.event(EventKind::Query, &[0; 5]);
    let (begin, writer) = three(false, short);
    run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    check(begin, &writer, true);
}

#[test]
fn a_group_with_a_wrong_checksum_is_passed_over() {
    let rows = |writer: &mut Writer| {
        writer.table_map(1, "d", "t", true);
        writer.insert(1, &[2; 300]);
    };
    let (begin, mut writer) = three(true, rows);
    let rows = writer
        .events
        .iter()
        .find(|event| event.len() > 1000)
        .unwrap()
        .clone();
    writer.bytes[rows.start as usize + 40] ^= 1;
    run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    check(begin, &writer, false);
}

#[test]
fn orders_by_number_and_gtid_name_the_same_group_and_no_other() {
    let (_, writer) = three(false, |writer| {
        writer.table_map(1, "d", "t", true);
        writer.insert(1, &[2]);
    });
    let gtid = "07070707-0707-0707-0707-070707070707:2".parse().unwrap();
    for (target, expected) in [
        (SkipTarget::Gtids(gtid), vec![1, 3]),
        (SkipTarget::Groups(1), vec![2, 3]),
        (SkipTarget::Groups(2), vec![3]),
        (SkipTarget::Groups(9), vec![]),
        (second(5), vec![1, 2, 3]),
    ] {
        let assembler = passing(std::slice::from_ref(&target), usize::MAX);
        let (outcome, passed) = run_passing(assembler, &writer, usize::MAX);
        let ids: Vec<i32> = outcome.rows.iter().map(|(_, id)| *id).collect();
        assert_eq!(ids, expected, "{target:?}");
        assert_eq!(passed.len(), 3 - expected.len());
        assert_eq!(outcome.ledger.imbalance(), 0, "{}", outcome.ledger);
    }
}

#[test]
fn an_event_between_groups_that_nobody_knows_is_passed_over_by_its_place() {
    let mut writer = Writer::new();
    writer.transaction(1, &[1]);
    let begin = u64::from(writer.position);
    writer.event(EventKind::Incident, &[1, 0, 0]);
    writer.transaction(2, &[3]);
    run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    let assembler = passing(&[second(begin)], usize::MAX);
    let (outcome, passed) = run_passing(assembler, &writer, usize::MAX);
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!((passed.len(), passed[0].events), (1, 1));
    assert_eq!(outcome.ledger.imbalance(), 0, "{}", outcome.ledger);
    assert_eq!(outcome.ledger.passed_over, 1);
}
