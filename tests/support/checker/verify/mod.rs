//! The checks of an output, each by its name: see `Check`.
//!
//! What they hold against the output comes from the source server and from the ledger that a run printed, never from
//! rowtap's own state.

mod chain;
mod filter;
mod ledger;
mod logs;
mod sums;
mod transactions;
mod truth;

pub use ledger::{Ledger, check_balance, check_totals, events_written};
pub use truth::Truth;

use super::findings::Findings;
use super::output::{Output, Target};
use super::stream::{Group, groups};

/// Runs every check that looks at the output alone, and returns its groups for those that look further.
pub fn check_output(output: Output, truth: &Truth, findings: &mut Findings) -> Vec<Group> {
    match output.target {
        Target::Files => logs::check_files(&output.records, findings),
        Target::Kafka => logs::check_topics(&output.records, findings),
        Target::KafkaOnce => {
            logs::check_topics(&output.records, findings);
            logs::check_once(&output.records, findings);
        }
    }
    let records = output.records.len();
    let distinct = |records: &[super::output::Record]| {
        let named: std::collections::HashSet<_> = records
            .iter()
            .map(|record| (record.identity.order(), record.rank()))
            .collect();
        named.len()
    };
    findings.repeated = records - distinct(&output.records);
    let groups = groups(output, findings);
    findings.groups = groups.len();
    findings.row_changes = groups.iter().map(|group| group.rows().count()).sum();
    let items: usize = groups.iter().map(|group| group.items.len()).sum();
    findings.statements = items - findings.row_changes;
    transactions::check(&groups, truth, findings);
    sums::check(&groups, truth, findings);
    chain::check(&groups, truth, findings);
    filter::check(&groups, truth, findings);
    groups
}
