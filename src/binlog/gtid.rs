//! GTIDs and sets of them, in both families' forms.

use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

use crate::mysql::Flavour;

/// The GTID of one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gtid {
    /// `uuid[:tag]:number`.
    MySql {
        /// The server on which the transaction was first committed.
        uuid: Uuid,
        /// The tag, empty for none.
        tag: Box<str>,
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

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql { uuid, tag, number } if tag.is_empty() => write!(f, "{uuid}:{number}"),
            Self::MySql { uuid, tag, number } => write!(f, "{uuid}:{tag}:{number}"),
            Self::MariaDb {
                domain,
                server_id,
                sequence,
            } => write!(f, "{domain}-{server_id}-{sequence}"),
        }
    }
}

/// A set of GTIDs: what a server or rowtap has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GtidSet {
    /// Sources (uuid and tag) with the intervals seen, `first..=last`, disjoint, ascending and never adjacent.
    MySql(BTreeMap<(Uuid, Box<str>), Vec<(u64, u64)>>),
    /// Domains with the last GTID seen in each: server id and sequence number.
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
}
