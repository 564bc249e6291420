//! Which groups are published, by their GTIDs.

use crate::binlog::{Gtid, GtidSet};
use crate::mysql::Flavour;

/// A choice of groups; takes all if it names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// If there are sets, only groups in one of them are taken.
    pub include: Vec<GtidSet>,
    /// Groups in one of these are always left out.
    pub exclude: Vec<GtidSet>,
    /// By the server on which they were first executed.
    pub servers: Ids,
    /// By MariaDB's replication domain; a group without one is in none.
    pub domains: Ids,
}

/// A choice of numbers; takes all if it names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// If there are any, only these are taken.
    pub include: Vec<u32>,
    /// These are always left out.
    pub exclude: Vec<u32>,
}

impl Choice {
    /// What it asks of groups that a family's never have, so that it cannot be meant.
    pub fn never_in(&self, flavour: Flavour) -> Option<&'static str> {
        let mut sets = self.include.iter().chain(&self.exclude);
        if sets.any(|set| set.flavour() != flavour) {
            return Some("GTIDs of the other family");
        }
        let has_domains = !self.domains.include.is_empty() || !self.domains.exclude.is_empty();
        (has_domains && flavour == Flavour::MySql).then_some("replication domains")
    }

    /// Whether a group is taken that was first executed on that server; one without a GTID is in no set.
    pub fn takes(&self, gtid: Option<&Gtid>, server_id: u32) -> bool {
        let is_in =
            |sets: &[GtidSet]| gtid.is_some_and(|gtid| sets.iter().any(|set| set.contains(gtid)));
        let domain = match gtid {
            Some(Gtid::MariaDb { domain, .. }) => Some(*domain),
            Some(Gtid::MySql { .. }) | None => None,
        };
        (self.include.is_empty() || is_in(&self.include))
            && !is_in(&self.exclude)
            && self.servers.takes(Some(server_id))
            && self.domains.takes(domain)
    }
}

impl Ids {
    fn takes(&self, id: Option<u32>) -> bool {
        let is_in = |ids: &[u32]| id.is_some_and(|id| ids.contains(&id));
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excluded_is_left_out_even_where_it_is_included() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let set = |numbers: &str| {
            vec![GtidSet::parse(Flavour::MySql, &format!("{uuid}:{numbers}")).unwrap()]
        };
        let gtid = |number: u32| format!("{uuid}:{number}").parse::<Gtid>().unwrap();
        let choice = Choice {
            include: set("1-9"),
            exclude: set("5"),
            ..Choice::default()
        };
        let taken: Vec<u32> = (1..12)
            .filter(|n| choice.takes(Some(&gtid(*n)), 1))
            .collect();
        assert_eq!(taken, [1, 2, 3, 4, 6, 7, 8, 9]);
        assert!(!choice.takes(None, 1));
        let all_but = Choice {
            exclude: set("5"),
            ..Choice::default()
        };
        assert!(all_but.takes(None, 1) && all_but.takes(Some(&gtid(50)), 1));
        assert!(!all_but.takes(Some(&gtid(5)), 1));
    }

    #[test]
    fn what_a_family_never_has_is_told() {
        let check = |text: &str, domains: Vec<u32>, mysql, mariadb| {
            let flavour = match text.contains(':') {
                true => Flavour::MySql,
                false => Flavour::MariaDb,
            };
            let set = GtidSet::parse(flavour, text).unwrap();
            let choice = Choice {
                exclude: vec![set],
                domains: Ids {
                    exclude: domains,
                    include: Vec::new(),
                },
                ..Choice::default()
            };
            assert_eq!(choice.never_in(Flavour::MySql), mysql, "{choice:?}");
            assert_eq!(choice.never_in(Flavour::MariaDb), mariadb, "{choice:?}");
        };
        let other = Some("GTIDs of the other family");
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5";
        check(uuid, Vec::new(), None, other);
        check(uuid, vec![1], Some("replication domains"), other);
        check("0-1-5", vec![1], other, None);
        assert_eq!(Choice::default().never_in(Flavour::MySql), None);
    }

    #[test]
    fn servers_and_domains_are_chosen_by_their_numbers() {
        let ids = |include: &[u32], exclude: &[u32]| Ids {
            include: include.to_vec(),
            exclude: exclude.to_vec(),
        };
        let gtid = Gtid::MariaDb {
            domain: 7,
            server_id: 3,
            sequence: 1,
        };
        for (servers, domains, expected, without_gtid) in [
            (ids(&[3], &[]), ids(&[], &[]), true, true),
            (ids(&[4, 3], &[]), ids(&[7], &[]), true, false),
            (ids(&[4], &[]), ids(&[7], &[]), false, false),
            (ids(&[], &[3]), ids(&[], &[]), false, false),
            (ids(&[], &[]), ids(&[], &[7]), false, true),
        ] {
            let choice = Choice {
                servers,
                domains,
                ..Choice::default()
            };
            assert_eq!(choice.takes(Some(&gtid), 3), expected, "{choice:?}");
            assert_eq!(choice.takes(None, 3), without_gtid, "{choice:?}");
        }
    }
}
