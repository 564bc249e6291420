//! How far a stream is to be read.

use crate::binlog::{Coordinates, Gtid, GtidSet};

/// How far a stream is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Without end.
    Never,
    /// To the first group boundary at or after these coordinates.
    Coordinates(Coordinates),
    /// To the group boundary at which every GTID of the set was seen.
    Gtids(GtidSet),
    /// To the boundary before the first group of the set, as a replica reads SQL_BEFORE_GTIDS; in MariaDB before the first
    /// group that has come as far as the set in its domain.
    BeforeGtids(GtidSet),
    /// To the boundary before the first group that began at or after this time, in seconds since 1970.
    Time(u32),
}

impl Until {
    /// Whether the stream stops before a group that began at this time, in seconds since 1970.
    pub(super) fn is_before(&self, gtid: Option<&Gtid>, begun: u32) -> bool {
        match self {
            Self::Never | Self::Coordinates(_) | Self::Gtids(_) => false,
            Self::BeforeGtids(goal) => gtid.is_some_and(|gtid| reaches(goal, gtid)),
            Self::Time(goal) => begun >= *goal,
        }
    }

    /// Whether a group before which the stream was to stop is among those that were seen already: then it stops at once, as a
    /// replica does.
    pub(super) fn is_passed(&self, seen: &GtidSet) -> bool {
        match self {
            Self::Never | Self::Coordinates(_) | Self::Gtids(_) | Self::Time(_) => false,
            Self::BeforeGtids(goal) => {
                let mut ahead = goal.clone();
                ahead.subtract(seen);
                ahead != *goal
            }
        }
    }
}

fn reaches(goal: &GtidSet, gtid: &Gtid) -> bool {
    match (goal, gtid) {
        (
            GtidSet::MariaDb(domains),
            Gtid::MariaDb {
                domain, sequence, ..
            },
        ) => domains
            .get(domain)
            .is_some_and(|(_, first)| sequence >= first),
        (GtidSet::MySql(_), Gtid::MySql { .. }) => goal.contains(gtid),
        (GtidSet::MySql(_), Gtid::MariaDb { .. }) | (GtidSet::MariaDb(_), Gtid::MySql { .. }) => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;

    fn set(text: &str) -> GtidSet {
        let flavour = match text.contains(':') {
            true => Flavour::MySql,
            false => Flavour::MariaDb,
        };
        GtidSet::parse(flavour, text).unwrap()
    }

    #[test]
    fn the_first_group_of_the_set_is_not_read() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        for (goal, gtid, expected) in [
            (format!("{uuid}:5-9"), format!("{uuid}:4"), false),
            (format!("{uuid}:5-9"), format!("{uuid}:5"), true),
            (format!("{uuid}:5-9"), format!("{uuid}:7"), true),
            (format!("{uuid}:5-9"), format!("{uuid}:tag:5"), false),
            (format!("{uuid}:tag:5"), format!("{uuid}:tag:5"), true),
            ("0-1-5".to_owned(), "0-1-4".to_owned(), false),
            ("0-1-5".to_owned(), "0-1-5".to_owned(), true),
            ("0-1-5".to_owned(), "0-2-6".to_owned(), true),
            ("0-1-5".to_owned(), "1-1-7".to_owned(), false),
            ("0-1-5,1-1-7".to_owned(), "1-1-7".to_owned(), true),
            ("0-1-5".to_owned(), format!("{uuid}:5"), false),
        ] {
            let until = Until::BeforeGtids(set(&goal));
            let gtid: Gtid = gtid.parse().unwrap();
            assert_eq!(
                until.is_before(Some(&gtid), 0),
                expected,
                "{goal} at {gtid}"
            );
            assert!(!until.is_before(None, u32::MAX));
        }
        assert!(Until::Time(7).is_before(None, 7) && !Until::Time(7).is_before(None, 6));
    }

    #[test]
    fn a_goal_that_was_passed_is_known_from_what_was_seen() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        for (goal, seen, expected) in [
            (format!("{uuid}:5-9"), format!("{uuid}:1-4"), false),
            (format!("{uuid}:5-9"), format!("{uuid}:1-5"), true),
            (format!("{uuid}:5-9"), format!("{uuid}:9-20"), true),
            ("0-1-5".to_owned(), "0-1-4".to_owned(), false),
            ("0-1-5".to_owned(), "0-2-5".to_owned(), true),
            ("0-1-5,1-1-7".to_owned(), "1-1-8".to_owned(), true),
            ("0-1-5".to_owned(), "1-1-8".to_owned(), false),
        ] {
            let until = Until::BeforeGtids(set(&goal));
            assert_eq!(
                until.is_passed(&set(&seen)),
                expected,
                "{goal} after {seen}"
            );
        }
    }
}
