//! Settings of a source with which it can be read, and which mislead or lose something: judged from its variables. Pure.
//!
//! What keeps the source from being read at all is in `preflight`. Follows the manuals' chapters on binary logging options.

use std::collections::HashMap;

use super::preflight::SourceFacts;
use super::remedy::SettingStyle;
use crate::finding::Finding;
use crate::mysql::Flavour;

/// The variables that are judged here and in `retention`.
pub(super) const SURVEYED: [&str; 21] = [
    "persisted_globals_load",
    "binlog_error_action",
    "binlog_row_value_options",
    "binlog_transaction_compression",
    "log_bin_compress",
    "binlog_legacy_event_pos",
    "binlog_expire_logs_seconds",
    "binlog_expire_logs_auto_purge",
    "expire_logs_days",
    "max_binlog_total_size",
    "enforce_gtid_consistency",
    "gtid_strict_mode",
    "sync_binlog",
    "innodb_flush_log_at_trx_commit",
    "innodb_native_foreign_keys",
    "performance_schema",
    "max_allowed_packet",
    "binlog_row_event_max_size",
    "log_slave_updates",
    "log_replica_updates",
    "log_bin",
];

/// A source's variables, its facts, and how many hosts the connector has.
pub(super) struct Settings<'a> {
    pub(super) variables: &'a HashMap<String, String>,
    pub(super) facts: &'a SourceFacts,
    /// How settings are changed there.
    pub(super) style: SettingStyle,
    /// Whether another server may take its place.
    pub(super) has_others: bool,
}

impl Settings<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    fn is(&self, name: &str, wanted: &str) -> bool {
        self.value(name)
            .is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    }

    fn is_on(&self, name: &str) -> bool {
        self.is(name, "ON") || self.is(name, "1")
    }

    /// Everything that is to be said of them.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let of_rows = [self.row_metadata(), self.row_image(), self.row_values()];
        let of_log = [
            self.checksum(),
            self.error_action(),
            self.durability(),
            self.compression(),
            self.legacy_positions(),
        ];
        let of_gtids = [self.gtids(), self.gtid_order()];
        let all = of_rows.into_iter().chain(of_log).chain(of_gtids);
        all.flatten().collect()
    }

    fn row_metadata(&self) -> Option<Finding> {
        const CHECK: &str = "binlog_row_metadata";
        Some(match self.facts.row_metadata.as_deref() {
            Some("FULL") => Finding::ok(CHECK, "binlog_row_metadata is FULL"),
            Some(other) => {
                let what = format!(
                    "binlog_row_metadata is {other}: the binlog does not name columns, definitions are followed by DDL, and where \
                     that fails the connector stops and asks"
                );
                self.style.set(Finding::warning(CHECK, what), CHECK, "FULL")
            }
            None => Finding::note(
                CHECK,
                "this server has no binlog_row_metadata: the binlog does not name columns, definitions are followed by DDL",
            ),
        })
    }

    fn row_image(&self) -> Option<Finding> {
        const CHECK: &str = "binlog_row_image";
        let found = &self.facts.row_image;
        if found == "FULL" {
            return Some(Finding::ok(CHECK, "binlog_row_image is FULL"));
        }
        let what = format!(
            "binlog_row_image is {found}: updates and deletes lack the columns that were not needed, so that before and after are \
             not whole rows"
        );
        let finding = Finding::warning(CHECK, what);
        Some(self.style.set(finding, CHECK, "FULL"))
    }

    fn row_values(&self) -> Option<Finding> {
        const CHECK: &str = "binlog_row_value_options";
        if !self.is(CHECK, "PARTIAL_JSON") {
            return None;
        }
        if self.facts.row_image == "FULL" {
            let what = "binlog_row_value_options is PARTIAL_JSON: updates of JSON are logged as differences, which are applied to \
                        the row before";
            return Some(Finding::note(CHECK, what));
        }
        let what = format!(
            "binlog_row_value_options is PARTIAL_JSON with binlog_row_image {}: an update of JSON holds a difference, and may lack \
             what it applies to",
            self.facts.row_image
        );
        let finding = Finding::warning(CHECK, what);
        Some(self.style.set(finding, CHECK, "''"))
    }

    fn checksum(&self) -> Option<Finding> {
        const CHECK: &str = "binlog_checksum";
        if self.facts.checksum != "NONE" {
            let what = format!("binlog_checksum is {}", self.facts.checksum);
            return Some(Finding::ok(CHECK, what));
        }
        let what = "binlog_checksum is NONE: a byte that is damaged on the way or on the source's disk is published as it is";
        let finding = Finding::warning(CHECK, what);
        Some(self.style.set(finding, CHECK, "CRC32"))
    }

    fn error_action(&self) -> Option<Finding> {
        const CHECK: &str = "binlog_error_action";
        if !self.is(CHECK, "IGNORE_ERROR") {
            return None;
        }
        let what = "binlog_error_action is IGNORE_ERROR: when its disk is full, the source goes on without a binlog, and those \
                    changes are lost";
        let finding = Finding::warning(CHECK, what);
        Some(self.style.set(finding, CHECK, "ABORT_SERVER"))
    }

    /// A replica may have more than its source after the source's machine went down.
    fn durability(&self) -> Option<Finding> {
        const CHECK: &str = "sync_binlog";
        let is_synced = self.is(CHECK, "1");
        let is_flushed = self.is("innodb_flush_log_at_trx_commit", "1");
        if is_synced && is_flushed {
            let what = "sync_binlog and innodb_flush_log_at_trx_commit are 1";
            return Some(Finding::ok(CHECK, what));
        }
        let (sync, flush) = (
            self.value(CHECK)?,
            self.value("innodb_flush_log_at_trx_commit")?,
        );
        let what = format!(
            "sync_binlog is {sync} and innodb_flush_log_at_trx_commit is {flush}: if its machine goes down, the source may have sent \
             changes that it then lacks"
        );
        let mut finding = Finding::warning(CHECK, what);
        for (name, is_safe) in [
            (CHECK, is_synced),
            ("innodb_flush_log_at_trx_commit", is_flushed),
        ] {
            if !is_safe {
                finding = self.style.set(finding, name, "1");
            }
        }
        Some(finding)
    }

    fn compression(&self) -> Option<Finding> {
        let names = ["binlog_transaction_compression", "log_bin_compress"];
        let name = names.into_iter().find(|name| self.is_on(name))?;
        let what = format!("{name} is ON: the binlog is compressed, which rowtap reads");
        Some(Finding::note("compression", what))
    }

    fn legacy_positions(&self) -> Option<Finding> {
        const CHECK: &str = "binlog_legacy_event_pos";
        let value = self.value(CHECK)?;
        let what =
            format!("{CHECK} is {value}: rowtap counts positions itself and takes either form");
        Some(Finding::note(CHECK, what))
    }

    fn gtids(&self) -> Option<Finding> {
        const CHECK: &str = "gtid_mode";
        if self.facts.serves_gtids() {
            return Some(Finding::ok(CHECK, "the source serves GTIDs"));
        }
        let found = self.facts.gtid_mode.as_deref().unwrap_or("none");
        let what = format!(
            "gtid_mode is {found}: no other server can take the source's place, and a checkpoint is a file and a position only"
        );
        let finding = match self.has_others {
            true => Finding::warning(CHECK, format!("{what}, though hosts names several")),
            false => Finding::note(CHECK, what),
        };
        Some(self.style.turn_gtids_on(finding))
    }

    fn gtid_order(&self) -> Option<Finding> {
        const CHECK: &str = "gtid_strict_mode";
        if self.facts.flavour != Flavour::MariaDb || self.is_on(CHECK) {
            return None;
        }
        let what = "gtid_strict_mode is OFF: GTIDs may get out of order, and then no other server can take the source's place";
        let finding = Finding::warning(CHECK, what);
        Some(self.style.set(finding, CHECK, "ON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Fix, Severity};

    fn judged(flavour: Flavour, pairs: &[(&str, &str)]) -> Vec<Finding> {
        let variables = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let facts = SourceFacts {
            flavour,
            version: "9.7.0".to_owned(),
            server_uuid: None,
            server_id: 1,
            row_image: "FULL".to_owned(),
            row_metadata: Some("FULL".to_owned()),
            checksum: "CRC32".to_owned(),
            gtid_mode: Some("ON".to_owned()),
            gtid_purged: None,
            lower_case_table_names: 0,
            replicas_visible: true,
            tls: None,
            clock_ahead_s: 0,
        };
        let settings = Settings {
            variables: &variables,
            facts: &facts,
            style: SettingStyle {
                persists: pairs
                    .iter()
                    .any(|(name, _)| *name == "persisted_globals_load"),
                flavour,
            },
            has_others: false,
        };
        settings.findings()
    }

    #[test]
    fn a_server_that_flushes_and_checks_has_no_warning() {
        let found = judged(
            Flavour::MySql,
            &[
                ("persisted_globals_load", "ON"),
                ("sync_binlog", "1"),
                ("innodb_flush_log_at_trx_commit", "1"),
                ("binlog_error_action", "ABORT_SERVER"),
            ],
        );
        assert!(
            found
                .iter()
                .all(|finding| finding.severity == Severity::Ok && finding.fix.is_empty()),
            "{found:?}"
        );
    }

    #[test]
    fn a_setting_is_persisted_where_the_server_can_and_told_for_the_option_file_else() {
        let risky = [
            ("sync_binlog", "0"),
            ("innodb_flush_log_at_trx_commit", "1"),
        ];
        let of = |found: Vec<Finding>, check: &str| {
            let finding = found.into_iter().find(|finding| finding.check == check);
            finding.map(|finding| finding.fix).unwrap_or_default()
        };
        let new = [&[("persisted_globals_load", "ON")], &risky[..]].concat();
        let fixes = of(judged(Flavour::MySql, &new), "sync_binlog");
        assert_eq!(fixes, [Fix::Sql("SET PERSIST sync_binlog = 1".to_owned())]);
        let fixes = of(judged(Flavour::MariaDb, &risky), "sync_binlog");
        assert_eq!(
            fixes,
            [
                Fix::Sql("SET GLOBAL sync_binlog = 1".to_owned()),
                Fix::OptionFile("sync_binlog = 1".to_owned())
            ]
        );
    }
}
