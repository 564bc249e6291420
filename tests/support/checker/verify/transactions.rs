//! No gap and no double per client, and each transaction whole.

use std::collections::BTreeMap;

use super::super::findings::{Check, Findings};
use super::super::json::Json;
use super::super::output::{Change, Row};
use super::super::stream::Group;
use super::Truth;

/// Checks the groups, which are in the source's order.
pub fn check(groups: &[Group], truth: &Truth, findings: &mut Findings) {
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    for group in groups {
        check_numbers(group, findings);
        let Some((client, sequence)) = check_whole(group, truth, findings) else {
            continue;
        };
        let before = last.insert(client, sequence).unwrap_or_default();
        if sequence != before + 1 {
            let text = format!(
                "client {client} goes from {before} to {sequence} in {}",
                group.name
            );
            findings.complain(Check::Sequences, text);
        }
    }
    if last != truth.last_sequences {
        let text = format!(
            "the clients' last numbers are {last:?}, on the source {:?}",
            truth.last_sequences
        );
        findings.complain(Check::Sequences, text);
    }
}

/// The sequence in a group goes from 0 without a gap.
fn check_numbers(group: &Group, findings: &mut Findings) {
    let mut expected = 0;
    for (sequence, _) in &group.items {
        if *sequence != expected {
            let text = format!("{} goes from sequence {expected} to {sequence}", group.name);
            findings.complain(Check::Transactions, text);
        }
        expected = sequence + 1;
    }
}

/// The client and number of a transaction's journal row, which counts its row changes.
fn check_whole(group: &Group, truth: &Truth, findings: &mut Findings) -> Option<(u64, u64)> {
    let rows = group.rows().count();
    let journal: Vec<&Row> = group
        .rows()
        .filter(|(table, _)| **table == truth.journal)
        .filter_map(|(_, change)| change.after())
        .collect();
    let mut complain = |text: String| {
        findings.complain(Check::Transactions, format!("{} {text}", group.name));
    };
    let &[row] = journal.as_slice() else {
        // A DDL statement's own rows are in no journal, nor are those that the server commits before their transaction.
        let is_left_over = group.rows().all(|(table, _)| *table == truth.audit);
        if !journal.is_empty() || !(is_left_over || group.has_ddl()) {
            complain(format!("has {} journal rows among {rows}", journal.len()));
        }
        return None;
    };
    let number = |column: &str| row.get(column).and_then(Json::number);
    let (Some(client), Some(sequence), Some(changes)) =
        (number("client"), number("seq"), number("changes"))
    else {
        complain(format!("has a journal row without numbers: {row:?}"));
        return None;
    };
    if u64::try_from(rows) != Ok(changes) {
        complain(format!(
            "has {rows} row changes, its client {client} counted {changes} in its number {sequence}"
        ));
    }
    let ends_with_it = group.rows().next_back().is_some_and(|(table, change)| {
        *table == truth.journal && matches!(change, Change::Create { .. })
    });
    if !ends_with_it {
        complain("does not end with its journal row".to_owned());
    }
    Some((client, sequence))
}
