//! How a server stands to what a stream has delivered: which of those groups it has, compared set by set.
//!
//! A source refuses a replica only where the replica has more groups of the source's own than it has itself. What another
//! server wrote and this one never got, it does not miss. So the sets are compared here. Pure; for what is asked, see `hosts`.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::binlog::{BinlogError, Gtid, GtidSet};

/// The groups that a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeldGroups {
    /// `gtid_executed`.
    MySql(GtidSet),
    /// The last sequence number by domain and server: `gtid_binlog_state`, and `gtid_slave_pos` for what came with a backup.
    MariaDb(BTreeMap<(u32, u32), u64>),
}

/// A server's groups, compared with those that were delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Those delivered that the server lacks, as a person reads them; `None` if it has all.
    pub(super) missing: Option<String>,
    /// Whether it has any of them.
    pub(super) is_related: bool,
    /// Whether it has written groups of its own that were not delivered.
    pub(super) has_written: bool,
}

impl HeldGroups {
    /// Reads MariaDB's lists of GTIDs.
    ///
    /// # Errors
    /// A text that is no such list.
    pub(super) fn mariadb(texts: &[&str]) -> Result<Self, BinlogError> {
        let mut last = BTreeMap::new();
        let gtids = texts.iter().flat_map(|text| text.split(','));
        for text in gtids.filter(|text| !text.trim().is_empty()) {
            if let Gtid::MariaDb {
                domain,
                server_id,
                sequence,
            } = text.parse()?
            {
                let known = last.entry((domain, server_id)).or_insert(sequence);
                *known = sequence.max(*known);
            }
        }
        Ok(Self::MariaDb(last))
    }

    /// Compares them with what was delivered. The server is the one with this identity.
    pub(super) fn compare(
        &self,
        delivered: &GtidSet,
        server_uuid: Option<Uuid>,
        server_id: u32,
    ) -> Standing {
        match (self, delivered) {
            (Self::MySql(executed), _) => {
                let mut missing = delivered.clone();
                missing.subtract(executed);
                let mut more = executed.clone();
                more.subtract(delivered);
                Standing {
                    is_related: missing != *delivered,
                    missing: (!missing.is_empty()).then(|| missing.to_string()),
                    has_written: server_uuid.is_some_and(|uuid| has_of(&more, uuid)),
                }
            }
            (Self::MariaDb(last), GtidSet::MariaDb(delivered)) => {
                let of = |domain: &u32, server: u32| last.get(&(*domain, server)).copied();
                let is_missing =
                    |domain: &u32, (server, sequence)| of(domain, server) < Some(sequence);
                let missing = delivered
                    .iter()
                    .filter(|(domain, gtid)| is_missing(domain, **gtid));
                let missing: Vec<String> = missing
                    .map(|(domain, (server, sequence))| {
                        format!("{domain}-{server}-{sequence} ({})", known(last, *domain))
                    })
                    .collect();
                Standing {
                    missing: (!missing.is_empty()).then(|| missing.join(", ")),
                    is_related: delivered
                        .iter()
                        .any(|(domain, (server, _))| of(domain, *server).is_some()),
                    has_written: delivered
                        .iter()
                        .any(|(domain, (_, sequence))| of(domain, server_id) > Some(*sequence)),
                }
            }
            (Self::MariaDb(_), GtidSet::MySql(_)) => Standing {
                missing: Some(delivered.to_string()),
                is_related: false,
                has_written: false,
            },
        }
    }
}

/// What a server has of a domain.
fn known(last: &BTreeMap<(u32, u32), u64>, domain: u32) -> String {
    let of_domain = last.iter().filter(|((of, _), _)| *of == domain);
    let gtids: Vec<String> = of_domain
        .map(|((_, server), sequence)| format!("{domain}-{server}-{sequence}"))
        .collect();
    match gtids.is_empty() {
        true => format!("it has nothing of domain {domain}"),
        false => format!("of domain {domain} it has {}", gtids.join(", ")),
    }
}

/// Whether a set has groups that a server wrote first.
fn has_of(set: &GtidSet, server: Uuid) -> bool {
    match set {
        GtidSet::MySql(sources) => sources.keys().any(|(uuid, _)| *uuid == server),
        GtidSet::MariaDb(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn set(flavour: Flavour, text: &str) -> GtidSet {
        let text = text.replace("A:", &format!("{A}:"));
        GtidSet::parse(flavour, &text.replace("B:", &format!("{B}:"))).unwrap()
    }

    #[test]
    fn mysql_sets_are_compared_number_by_number() {
        for (delivered, executed, missing, is_related, has_written) in [
            ("A:1-9", "A:1-9", None, true, false),
            ("A:1-9", "A:1-20,B:1-3", None, true, true),
            ("A:1-9", "A:1-7", Some("A:8-9"), true, false),
            ("A:1-9", "A:1-7,B:1", Some("A:8-9"), true, true),
            ("A:1-9:11", "A:1-10", Some("A:11"), true, false),
            ("A:1-9", "A:1-4:6-12", Some("A:5"), true, false),
            ("A:1-9", "B:1-900", Some("A:1-9"), false, true),
            ("A:1-9,A:tag:1-2", "A:1-9", Some("A:tag:1-2"), true, false),
            ("", "B:1", None, false, true),
        ] {
            let held = HeldGroups::MySql(set(Flavour::MySql, executed));
            let found = held.compare(&set(Flavour::MySql, delivered), B.parse().ok(), 2);
            let expected = Standing {
                missing: missing.map(|missing| set(Flavour::MySql, missing).to_string()),
                is_related,
                has_written,
            };
            assert_eq!(found, expected, "{delivered} and {executed}");
        }
    }

    #[test]
    fn mariadb_domains_are_compared_by_the_server_that_wrote() {
        for (delivered, state, position, missing, is_related, has_written) in [
            ("0-1-9", "0-1-9", "", None, true, false),
            ("0-1-9", "0-1-9,0-2-30", "", None, true, true),
            (
                "0-1-9",
                "0-1-7",
                "",
                Some("0-1-9 (of domain 0 it has 0-1-7)"),
                true,
                false,
            ),
            (
                "0-1-9",
                "0-1-7,0-2-30",
                "",
                Some("0-1-9 (of domain 0 it has 0-1-7, 0-2-30)"),
                true,
                true,
            ),
            ("0-1-9", "", "0-1-9", None, true, false),
            (
                "0-1-9,7-1-5",
                "0-1-9",
                "",
                Some("7-1-5 (it has nothing of domain 7)"),
                true,
                false,
            ),
            (
                "0-1-9",
                "0-5-90",
                "",
                Some("0-1-9 (of domain 0 it has 0-5-90)"),
                false,
                false,
            ),
            // Numbers that are out of order, as gtid_strict_mode=OFF lets them be.
            ("0-1-9", "0-1-12,0-3-4", "", None, true, false),
        ] {
            let held = HeldGroups::mariadb(&[state, position]).unwrap();
            let found = held.compare(&set(Flavour::MariaDb, delivered), None, 2);
            let expected = Standing {
                missing: missing.map(str::to_owned),
                is_related,
                has_written,
            };
            assert_eq!(found, expected, "{delivered} and {state} and {position}");
        }
        assert!(HeldGroups::mariadb(&["0-1"]).is_err());
    }
}
