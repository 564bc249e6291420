//! Skip orders: the groups that a person told to pass over, whatever is in them, and what is on the record of each.
//!
//! Knows groups by their place and their GTID alone, so that one of which nothing else can be read is passed over too.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::binlog::{Coordinates, Gtid, GtidSet, XaId};
use crate::mysql::Flavour;

/// Which groups to pass over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipTarget {
    /// Those with these GTIDs, when they come.
    Gtids(SkippedGtids),
    /// So many, from a place on.
    Groups(u64),
    /// The one that begins there.
    At(Coordinates),
}

/// GTIDs of groups to pass over: each one by itself, also in MariaDB, where a set would name all that came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkippedGtids {
    /// MySQL's.
    Set(GtidSet),
    /// MariaDB's.
    List(Vec<Gtid>),
}

/// An order to pass groups over, as it is kept until it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipOrder {
    /// Its number among those of the connector.
    pub id: u64,
    /// Which groups.
    pub target: SkipTarget,
    /// The place from which [`SkipTarget::Groups`] counts.
    pub after: Coordinates,
}

/// A group that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The order that said so.
    pub order: u64,
    /// Its GTID.
    pub gtid: Option<Gtid>,
    /// Where it begins.
    pub begin: Coordinates,
    /// Where the next one begins.
    pub end: Coordinates,
    /// When it was committed on the source, in microseconds since 1970.
    pub commit_us: i64,
    /// Its events, those of a compressed transaction included as far as they were read.
    pub events: u64,
    /// The XA transaction that it prepared, or that it would have committed: its changes never come.
    pub xa: Option<XaId>,
    /// How many statements in it may have changed tables: their definitions were followed.
    pub statements: u64,
    /// Whether something in it could not be read, so that every definition is in doubt from there on.
    pub doubts_definitions: bool,
}

/// The orders that a stream carries out.
#[derive(Clone, Debug, Default)]
pub struct SkipOrders {
    pending: Vec<Pending>,
    /// XA transactions whose XA PREPARE was passed over, and which are not decided as far as is known.
    pub dropped: BTreeSet<XaId>,
}

#[derive(Clone, Debug)]
struct Pending {
    order: SkipOrder,
    /// Groups that are left of [`SkipTarget::Groups`].
    left: u64,
}

impl SkipOrders {
    /// Takes an order, of which so many groups were passed over before the stream begins.
    pub fn add(&mut self, order: SkipOrder, passed: u64) {
        let left = match order.target {
            SkipTarget::Groups(count) => count.saturating_sub(passed),
            SkipTarget::Gtids(_) | SkipTarget::At(_) => 0,
        };
        self.pending.push(Pending { order, left });
    }

    /// The order by which a group is passed over that begins there; each that counts groups counts it.
    pub fn take(&mut self, gtid: Option<&Gtid>, begin: &Coordinates) -> Option<u64> {
        let mut by = None;
        for Pending { order, left } in &mut self.pending {
            let is_meant = match &order.target {
                SkipTarget::Gtids(gtids) => gtid.is_some_and(|gtid| gtids.contains(gtid)),
                SkipTarget::Groups(_) => *left > 0 && *begin >= order.after,
                SkipTarget::At(at) => begin == at,
            };
            if is_meant {
                *left = left.saturating_sub(1);
                by.get_or_insert(order.id);
            }
        }
        by
    }
}

impl SkippedGtids {
    /// Whether a group with this GTID is meant.
    pub fn contains(&self, gtid: &Gtid) -> bool {
        match self {
            Self::Set(set) => set.contains(gtid),
            Self::List(list) => list.contains(gtid),
        }
    }

    /// Those of them that were seen, as text; empty if none was.
    pub fn seen(&self, seen: &GtidSet) -> String {
        match self {
            Self::Set(set) => {
                let (mut rest, mut both) = (set.clone(), set.clone());
                rest.subtract(seen);
                both.subtract(&rest);
                both.to_string()
            }
            Self::List(list) => {
                let seen = list.iter().filter(|gtid| seen.contains(gtid));
                seen.map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
        }
    }

    /// Whether all of them were seen.
    pub fn are_seen(&self, seen: &GtidSet) -> bool {
        match self {
            Self::Set(set) => set.is_subset(seen),
            Self::List(list) => list.iter().all(|gtid| seen.contains(gtid)),
        }
    }

    /// The family that has such GTIDs.
    pub fn flavour(&self) -> Flavour {
        match self {
            Self::Set(_) => Flavour::MySql,
            Self::List(_) => Flavour::MariaDb,
        }
    }
}

impl fmt::Display for SkippedGtids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(set) => set.fmt(f),
            Self::List(list) => {
                let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(","))
            }
        }
    }
}

impl FromStr for SkippedGtids {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected GTIDs such as 3e11fa47-71ca-11e1-9e33-c80aa9429562:7 or 0-1-270";
        if text.contains(':') {
            let set = GtidSet::parse(Flavour::MySql, text);
            return match set {
                Ok(set) if !set.is_empty() => Ok(Self::Set(set)),
                Ok(_) => Err(EXPECTED.to_owned()),
                Err(error) => Err(format!("{error}, {EXPECTED}")),
            };
        }
        let gtids: Result<Vec<Gtid>, _> = text.split(',').map(str::parse).collect();
        gtids
            .map(Self::List)
            .map_err(|error| format!("{error}, {EXPECTED}"))
    }
}

impl fmt::Display for SkipOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            SkipTarget::Gtids(gtids) => write!(f, "{gtids}"),
            SkipTarget::Groups(1) => write!(f, "the first group from {} on", self.after),
            SkipTarget::Groups(count) => write!(f, "{count} groups from {} on", self.after),
            SkipTarget::At(at) => write!(f, "the group at {at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn at(position: u64) -> Coordinates {
        Coordinates::new("b.000001", position)
    }

    fn orders(targets: &[SkipTarget], passed: u64) -> SkipOrders {
        let mut orders = SkipOrders::default();
        for (id, target) in (1..).zip(targets) {
            let order = SkipOrder {
                id,
                target: target.clone(),
                after: at(100),
            };
            orders.add(order, passed);
        }
        orders
    }

    fn taken(orders: &mut SkipOrders) -> Vec<(u64, u64)> {
        let groups = (1..9).map(|n| (format!("{UUID}:{n}"), at(n * 50)));
        let by = |(gtid, begin): (String, Coordinates)| {
            let by = orders.take(Some(&gtid.parse().unwrap()), &begin)?;
            Some((begin.position, by))
        };
        groups.filter_map(by).collect()
    }

    #[test]
    fn groups_are_known_by_their_gtid_their_number_and_their_place() {
        let gtids: SkippedGtids = format!("{UUID}:1:7-8").parse().unwrap();
        for (targets, passed, expected) in [
            (
                vec![SkipTarget::Gtids(gtids.clone())],
                0,
                vec![(50, 1), (350, 1), (400, 1)],
            ),
            (vec![SkipTarget::Groups(2)], 0, vec![(100, 1), (150, 1)]),
            (vec![SkipTarget::Groups(2)], 1, vec![(100, 1)]),
            (vec![SkipTarget::Groups(2)], 3, vec![]),
            (vec![SkipTarget::At(at(150))], 0, vec![(150, 1)]),
            (vec![SkipTarget::At(at(151))], 0, vec![]),
            (
                vec![
                    SkipTarget::Groups(1),
                    SkipTarget::Groups(2),
                    SkipTarget::At(at(100)),
                ],
                0,
                vec![(100, 1), (150, 2)],
            ),
        ] {
            assert_eq!(
                taken(&mut orders(&targets, passed)),
                expected,
                "{targets:?}"
            );
        }
        assert_eq!(
            orders(&[SkipTarget::Gtids(gtids)], 0).take(None, &at(50)),
            None
        );
    }

    #[test]
    fn gtids_are_read_each_by_itself() {
        let mariadb: SkippedGtids = "0-1-5,0-1-7".parse().unwrap();
        let gtid = |text: &str| text.parse::<Gtid>().unwrap();
        assert!(mariadb.contains(&gtid("0-1-5")) && mariadb.contains(&gtid("0-1-7")));
        assert!(!mariadb.contains(&gtid("0-1-6")) && !mariadb.contains(&gtid("0-2-5")));
        let seen = GtidSet::parse(Flavour::MariaDb, "0-1-6").unwrap();
        assert_eq!(mariadb.seen(&seen), "0-1-5");
        assert!(!mariadb.are_seen(&seen));
        let mysql: SkippedGtids = format!("{UUID}:3-9").parse().unwrap();
        let seen = GtidSet::parse(Flavour::MySql, &format!("{UUID}:1-4")).unwrap();
        assert_eq!(mysql.seen(&seen), format!("{UUID}:3-4"));
        for wrong in [
            "",
            "x",
            "0-1",
            "0-1-5;0-1-6",
            &format!("{UUID}:"),
            &format!("{UUID}:0"),
        ] {
            let error = wrong.parse::<SkippedGtids>().unwrap_err();
            assert!(error.contains("expected GTIDs such as"), "{wrong}: {error}");
        }
    }
}
