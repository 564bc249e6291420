//! The accounts' sum, which transfers do not change.

use super::super::findings::{Check, Findings};
use super::super::json::Json;
use super::super::output::Row;
use super::super::stream::Group;
use super::Truth;

/// Checks that the sum is what it was at the end of every group from the first that fills the accounts.
pub fn check(groups: &[Group], truth: &Truth, findings: &mut Findings) {
    let mut sum: i128 = 0;
    let mut is_filled = false;
    for group in groups {
        for (_, change) in group.rows().filter(|(table, _)| **table == truth.account) {
            is_filled = true;
            match (
                change.before().map_or(Some(0), balance),
                change.after().map_or(Some(0), balance),
            ) {
                (Some(before), Some(after)) => sum += after - before,
                (None, _) | (_, None) => {
                    findings.complain(
                        Check::Sum,
                        format!("{} has no balance: {change:?}", group.name),
                    );
                }
            }
        }
        if is_filled && sum != truth.total {
            let text = format!("after {} it is {sum}, expected {}", group.name, truth.total);
            findings.complain(Check::Sum, text);
            // Later groups are held to the sum as this one left it.
            sum = truth.total;
        }
    }
}

/// A balance in hundredths.
fn balance(row: &Row) -> Option<i128> {
    let text = row.get("balance").and_then(Json::text)?;
    let (whole, part) = text.split_once('.')?;
    if part.len() != 2 {
        return None;
    }
    format!("{whole}{part}").parse().ok()
}
