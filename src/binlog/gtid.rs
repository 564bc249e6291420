//! GTIDs and sets of them, in both families' forms.
//!
//! A MySQL set is intervals per source; its text is `uuid:1-5:7:tag:1-3,uuid:…`. A MariaDB position is the last GTID per
//! domain; its text is `0-1-100,1-2-7`. Gaps are kept as they are.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use uuid::Uuid;

use super::error::BinlogError;
use super::intervals::{self, Intervals};
use crate::mysql::Flavour;

/// The GTID of one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gtid {
    /// `uuid[:tag]:number`.
    MySql {
        /// The server on which the transaction was first committed.
        uuid: Uuid,
        /// The tag, empty for none.
        tag: Tag,
        /// The number, from 1.
        number: u64,
    },
    /// `domain-server-sequence`.
    MariaDb {
        /// The replication domain.
        domain: u32,
        /// The server on which the transaction was first committed.
        server_id: u32,
        /// The sequence number within the domain.
        sequence: u64,
    },
}

/// Where MySQL GTIDs come from: a server and a tag, empty for none.
pub type GtidSource = (Uuid, Tag);

/// The tag of a GTID, a text; mostly it is empty.
///
/// `None` if it is, so that two empty ones are the same at a glance: where there are no bytes to compare, the C library's
/// comparison may read from an address that is none, which is harmless and takes as long as a hundred other comparisons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(Option<Box<str>>);

impl From<&str> for Tag {
    fn from(text: &str) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }
}

impl Deref for Tag {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The greatest number that a MySQL GTID may have.
pub(super) const NUMBER_MAX: u64 = (1 << 63) - 2;
/// Characters of the longest tag.
pub(super) const TAG_BYTES_MAX: usize = 32;

/// A set of GTIDs: what a server or rowtap has seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "StoredSet")]
pub enum GtidSet {
    /// Per source, the intervals seen.
    MySql(BTreeMap<GtidSource, Intervals>),
    /// Per domain, the last GTID seen: server id and sequence number.
    MariaDb(BTreeMap<u32, (u32, u64)>),
}

impl GtidSet {
    /// The empty set of a family.
    pub fn empty(flavour: Flavour) -> Self {
        match flavour {
            Flavour::MySql => Self::MySql(BTreeMap::new()),
            Flavour::MariaDb => Self::MariaDb(BTreeMap::new()),
        }
    }

    /// The family whose GTIDs the set holds.
    pub fn flavour(&self) -> Flavour {
        match self {
            Self::MySql(_) => Flavour::MySql,
            Self::MariaDb(_) => Flavour::MariaDb,
        }
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::MySql(sources) => sources.is_empty(),
            Self::MariaDb(domains) => domains.is_empty(),
        }
    }

    /// Adds a GTID. In a MariaDB set it becomes the last one of its domain. One of the other family changes nothing.
    pub fn add(&mut self, gtid: &Gtid) {
        match (self, gtid) {
            (Self::MySql(sources), Gtid::MySql { uuid, tag, number }) => {
                let seen = sources.entry((*uuid, tag.clone())).or_default();
                intervals::add(seen, (*number, *number));
            }
            (
                Self::MariaDb(domains),
                Gtid::MariaDb {
                    domain,
                    server_id,
                    sequence,
                },
            ) => {
                domains.insert(*domain, (*server_id, *sequence));
            }
            (Self::MySql(_), Gtid::MariaDb { .. }) | (Self::MariaDb(_), Gtid::MySql { .. }) => {}
        }
    }

    /// Adds every GTID of another set of the same family.
    pub fn union(&mut self, other: &Self) {
        match (self, other) {
            (Self::MySql(mine), Self::MySql(theirs)) => {
                for (source, more) in theirs {
                    let known = mine.entry(source.clone()).or_default();
                    known.extend_from_slice(more);
                    intervals::normalise(known);
                }
            }
            (Self::MariaDb(mine), Self::MariaDb(theirs)) => {
                for (domain, (server_id, sequence)) in theirs {
                    let known = mine.entry(*domain).or_insert((*server_id, *sequence));
                    if known.1 < *sequence {
                        *known = (*server_id, *sequence);
                    }
                }
            }
            (Self::MySql(_), Self::MariaDb(_)) | (Self::MariaDb(_), Self::MySql(_)) => {}
        }
    }

    /// Takes away every GTID of another set of the same family; in MariaDB the domains in which it has come as far.
    pub fn subtract(&mut self, other: &Self) {
        match (self, other) {
            (Self::MySql(mine), Self::MySql(theirs)) => {
                for (source, removed) in theirs {
                    if let Some(seen) = mine.get_mut(source) {
                        intervals::subtract(seen, removed);
                    }
                }
                mine.retain(|_, seen| !seen.is_empty());
            }
            (Self::MariaDb(mine), Self::MariaDb(theirs)) => mine.retain(|domain, (_, sequence)| {
                theirs.get(domain).is_none_or(|(_, seen)| seen < sequence)
            }),
            (Self::MySql(_), Self::MariaDb(_)) | (Self::MariaDb(_), Self::MySql(_)) => {}
        }
    }

    /// Whether `gtid` was seen. In a MariaDB set, all sequence numbers up to a domain's last count as seen.
    pub fn contains(&self, gtid: &Gtid) -> bool {
        match (self, gtid) {
            (Self::MySql(sources), Gtid::MySql { uuid, tag, number }) => {
                let seen = sources.get(&(*uuid, tag.clone()));
                seen.is_some_and(|seen| intervals::contains(seen, (*number, *number)))
            }
            (
                Self::MariaDb(domains),
                Gtid::MariaDb {
                    domain, sequence, ..
                },
            ) => domains
                .get(domain)
                .is_some_and(|(_, last)| sequence <= last),
            (Self::MySql(_), Gtid::MariaDb { .. }) | (Self::MariaDb(_), Gtid::MySql { .. }) => {
                false
            }
        }
    }

    /// Whether every GTID of this set is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MySql(mine), Self::MySql(theirs)) => mine.iter().all(|(source, seen)| {
                let known = theirs.get(source);
                known.is_some_and(|known| {
                    seen.iter()
                        .all(|interval| intervals::contains(known, *interval))
                })
            }),
            (Self::MariaDb(mine), Self::MariaDb(theirs)) => {
                mine.iter().all(|(domain, (_, sequence))| {
                    theirs.get(domain).is_some_and(|(_, last)| sequence <= last)
                })
            }
            (Self::MySql(_), Self::MariaDb(_)) | (Self::MariaDb(_), Self::MySql(_)) => false,
        }
    }
}

/// A set as it is stored: its text, with the family that tells how to read it.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSet {
    flavour: Flavour,
    set: String,
}

impl TryFrom<StoredSet> for GtidSet {
    type Error = BinlogError;

    fn try_from(stored: StoredSet) -> Result<Self, BinlogError> {
        Self::parse(stored.flavour, &stored.set)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    const UUID: Uuid = Uuid::from_u128(7);

    fn set(numbers: impl IntoIterator<Item = u64>) -> GtidSet {
        let mut set = GtidSet::empty(Flavour::MySql);
        for number in numbers {
            set.add(&Gtid::MySql {
                uuid: UUID,
                tag: Tag::default(),
                number,
            });
        }
        set
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_added_and_nothing_else(numbers in proptest::collection::btree_set(1u64..60, 0..40)) {
            let mut shuffled: Vec<u64> = numbers.iter().copied().collect();
            shuffled.reverse();
            let set = set(shuffled);
            for number in 1..60 {
                let gtid = Gtid::MySql { uuid: UUID, tag: Tag::default(), number };
                prop_assert_eq!(set.contains(&gtid), numbers.contains(&number));
            }
            if let GtidSet::MySql(sources) = &set {
                for intervals in sources.values() {
                    prop_assert!(intervals.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", intervals);
                }
            }
        }

        #[test]
        fn union_and_subset_agree_with_sets_of_numbers(
            a in proptest::collection::btree_set(1u64..40, 0..30),
            b in proptest::collection::btree_set(1u64..40, 0..30),
        ) {
            let mut union = set(a.iter().copied());
            union.union(&set(b.iter().copied()));
            let expected: BTreeSet<u64> = a.union(&b).copied().collect();
            prop_assert_eq!(&union, &set(expected));
            prop_assert_eq!(set(a.iter().copied()).is_subset(&set(b.iter().copied())), a.is_subset(&b));
        }
    }
}
