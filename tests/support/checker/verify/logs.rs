//! Each log by itself: the order of files, and how the logs of Kafka repeat.

use std::collections::HashMap;

use super::super::findings::{Check, Findings};
use super::super::output::Record;

/// A record's place in the source's order.
type Order = ((u64, u64, u64), u8);

fn order(record: &Record) -> Order {
    (record.identity.order(), record.rank())
}

/// Files hold each change once, in order.
pub fn check_files(records: &[Record], findings: &mut Findings) {
    let mut last: HashMap<&str, &Record> = HashMap::new();
    for record in records {
        if let Some(before) = last.insert(&record.place.log, record) {
            let text = |what| {
                format!(
                    "{} at {} {what} {} at {}",
                    record.identity, record.place, before.identity, before.place
                )
            };
            match order(record).cmp(&order(before)) {
                std::cmp::Ordering::Greater => {}
                std::cmp::Ordering::Equal => findings.complain(Check::Repetition, text("repeats")),
                std::cmp::Ordering::Less => findings.complain(Check::Order, text("comes behind")),
            }
        }
    }
    let mut names: Vec<Order> = records.iter().map(order).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    if names.len() < before {
        let text = format!("{} changes are repeated", before - names.len());
        findings.complain(Check::Repetition, text);
    }
}

/// Each partition, and each key in it, holds its changes in order; after a crash it goes on from an earlier one.
pub fn check_topics(records: &[Record], findings: &mut Findings) {
    let mut partitions: HashMap<(&str, i32), Vec<&Record>> = HashMap::new();
    let mut keys: HashMap<(&str, String), Vec<&Record>> = HashMap::new();
    for record in records {
        let log = &*record.place.log;
        partitions
            .entry((log, record.place.partition))
            .or_default()
            .push(record);
        if let Some(key) = &record.key {
            keys.entry((log, key.to_string())).or_default().push(record);
        }
    }
    for ((topic, partition), log) in partitions {
        check_repeats(&format!("{topic}/{partition}"), &log, true, findings);
    }
    for ((topic, key), log) in keys {
        let strays = log
            .iter()
            .find(|record| record.place.partition != log[0].place.partition);
        if let Some(stray) = strays {
            let text = format!("key {key} is at {} and at {}", log[0].place, stray.place);
            findings.complain(Check::Order, text);
        }
        check_repeats(&format!("{topic} key {key}"), &log, false, findings);
    }
}

/// No record comes twice, and no partition goes back.
pub fn check_once(records: &[Record], findings: &mut Findings) {
    let mut last: HashMap<(&str, i32), &Record> = HashMap::new();
    for record in records {
        let log = (&*record.place.log, record.place.partition);
        if let Some(before) = last.insert(log, record)
            && order(record) <= order(before)
        {
            let text = format!(
                "{} at {} comes again after {} at {}",
                record.identity, record.place, before.identity, before.place
            );
            findings.complain(Check::Repetition, text);
        }
    }
    let mut names: Vec<Order> = records.iter().map(order).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    if names.len() < all {
        let text = format!("{} of {all} records come again", all - names.len());
        findings.complain(Check::Repetition, text);
    }
}

/// A log goes on with the next change, or goes back; back to the first change of a group where `by_group` says so.
fn check_repeats(name: &str, log: &[&Record], by_group: bool, findings: &mut Findings) {
    let mut in_order: Vec<Order> = log.iter().map(|record| order(record)).collect();
    in_order.sort_unstable();
    in_order.dedup();
    let index = |record: &Record| {
        in_order
            .binary_search(&order(record))
            .expect("it was put in")
    };
    if order(log[0]) != in_order[0] {
        let text = format!(
            "{name} begins with {}, which is not its first change",
            log[0].identity
        );
        findings.complain(Check::Order, text);
    }
    for pair in log.windows(2) {
        let (last, next) = (index(pair[0]), index(pair[1]));
        let told = || {
            format!(
                "{name}: {} at {} follows {}",
                pair[1].identity, pair[1].place, pair[0].identity
            )
        };
        if next > last + 1 {
            findings.complain(Check::Order, format!("{} and skips some", told()));
        }
        let is_first = next == 0
            || in_order[next - 1].0.0 != in_order[next].0.0
            || in_order[next - 1].0.1 != in_order[next].0.1;
        if next <= last && by_group && !is_first {
            findings.complain(Check::Repetition, format!("{} inside a group", told()));
        }
    }
}
