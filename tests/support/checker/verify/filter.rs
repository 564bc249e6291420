//! Nothing of a rejected table.

use super::super::findings::{Check, Findings};
use super::super::stream::{Group, Item};
use super::Truth;

/// Checks that neither rows nor statements of the rejected table came out.
pub fn check(groups: &[Group], truth: &Truth, findings: &mut Findings) {
    for group in groups {
        let rejected = group.items.iter().find(|(_, item)| match item {
            Item::Row { table, .. } => *table == truth.noise,
            Item::Ddl { tables, .. } => tables.contains(&truth.noise),
        });
        if let Some((sequence, item)) = rejected {
            findings.complain(
                Check::Filter,
                format!("{}#{sequence} is {item:?}", group.name),
            );
        }
    }
}
