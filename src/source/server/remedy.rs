//! What keeps a source from being read, as findings with fixes that can be executed as they are.
//!
//! The words are those of the errors; here stand the statements and settings. Pure.

use crate::finding::{Finding, Fix};
use crate::metrics::one_line;
use crate::mysql::Flavour;
use crate::source::error::SourceError;

/// How the settings of a server are changed so that they stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettingStyle {
    /// Whether it has SET PERSIST.
    pub(super) persists: bool,
    pub(super) flavour: Flavour,
}

impl SettingStyle {
    /// Adds how a setting is changed.
    pub(super) fn set(self, finding: Finding, name: &str, value: &str) -> Finding {
        match self.persists {
            true => finding.sql(format!("SET PERSIST {name} = {value}")),
            false => finding
                .sql(format!("SET GLOBAL {name} = {value}"))
                .option_file(format!("{name} = {value}")),
        }
    }

    /// Adds how MySQL is brought to write GTIDs, step by step.
    pub(super) fn turn_gtids_on(self, finding: Finding) -> Finding {
        let finding = self.set(finding, "enforce_gtid_consistency", "ON");
        let steps = ["OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"];
        let finding = steps.iter().fold(finding, |finding, mode| {
            let set = if self.persists { "PERSIST" } else { "GLOBAL" };
            finding.sql(format!("SET {set} gtid_mode = {mode}"))
        });
        match self.persists {
            true => finding,
            false => finding.option_file("gtid_mode = ON"),
        }
    }
}

/// Every one of the things that an error names, each as a finding.
pub(super) fn findings(error: &SourceError, style: SettingStyle) -> Vec<Finding> {
    match error {
        SourceError::Several(errors) => {
            let each = errors.iter();
            each.flat_map(|error| findings(error, style)).collect()
        }
        error => vec![remedied(error, style)],
    }
}

fn remedied(error: &SourceError, style: SettingStyle) -> Finding {
    let finding = Finding::fatal(check(error), error.class(), one_line(error));
    match error {
        SourceError::BinlogOff => finding.option_file("log_bin = binlog"),
        SourceError::BinlogFormat { .. } => style.set(finding, "binlog_format", "ROW"),
        SourceError::MissingGrants { account, grants } => {
            finding.sql(format!("GRANT {grants} ON *.* TO {account}"))
        }
        SourceError::ReplicasHidden { account, .. } => finding.sql(format!(
            "GRANT REPLICATION MASTER ADMIN ON *.* TO {account}"
        )),
        SourceError::ReplicaUpdatesOff => finding.option_file(match style.flavour {
            Flavour::MySql if style.persists => "log_replica_updates = ON",
            Flavour::MySql | Flavour::MariaDb => "log_slave_updates = ON",
        }),
        SourceError::GtidModeOff { .. } if style.flavour == Flavour::MySql => {
            style.turn_gtids_on(finding)
        }
        SourceError::Undecided { ids, .. } => ids.iter().fold(finding, |finding, id| {
            finding.sql(format!("XA ROLLBACK {id}"))
        }),
        SourceError::InsideEvent { at, before, .. }
        | SourceError::InsideGroup { at, before, .. } => finding.connector(format!(
            "start = {{ file = \"{}\", position = {before} }}",
            at.file
        )),
        SourceError::StartAfterEnd { at, .. } => finding.connector(format!(
            "start = {{ file = \"{}\", position = 4 }}",
            at.file
        )),
        SourceError::UnknownFile { first, .. } => {
            finding.connector(format!("start = {{ file = \"{first}\", position = 4 }}"))
        }
        SourceError::ServerIdOfSource { .. } | SourceError::ServerIdTaken { .. } => {
            finding.advice("leave server_id out, and rowtap draws one that is free")
        }
        other => match other.new_start() {
            Some(start) => finding.fix(Fix::Connector(start)),
            None => finding,
        },
    }
}

/// What was looked at.
fn check(error: &SourceError) -> &'static str {
    match error {
        SourceError::BinlogOff => "log_bin",
        SourceError::BinlogFormat { .. } => "binlog_format",
        SourceError::MissingGrants { .. } | SourceError::ReplicasHidden { .. } => "grants",
        SourceError::ReplicaUpdatesOff => "log_replica_updates",
        SourceError::GtidModeOff { .. } | SourceError::OutOfReach { .. } => "gtid_mode",
        SourceError::ServerIdOfSource { .. }
        | SourceError::ServerIdTaken { .. }
        | SourceError::Displaced { .. } => "server_id",
        SourceError::Columns(_) => "rules",
        SourceError::Options(_) | SourceError::NeverThere { .. } => "configuration",
        SourceError::Connection(_)
        | SourceError::Statement { .. }
        | SourceError::Silent(_)
        | SourceError::NoHost(_) => "connection",
        _start => "start",
    }
}
