//! Prepared XA transactions: what is known of one until it is committed or rolled back.
//!
//! Its events are kept elsewhere, whole and in order, and come back as those of a group that was spilled do. What is here
//! is what the stream does not tell once more when the transaction is committed: the layout of the file, what ROLLBACK TO
//! undid, and how the tables were defined.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::closed::ClosedGroup;
use super::open::OpenGroup;
use crate::binlog::{Coordinates, EventKind, FormatDescription, XaId, XaPrepare};
use crate::change::batch::items::Group;
use crate::change::batch::ledger::Ledger;
use crate::change::definition::table::TableDefinition;
use crate::change::trouble::Trouble;
use crate::row::TableName;

/// A prepared XA transaction that is neither committed nor rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedGroup {
    /// Where its group begins.
    pub begin: Coordinates,
    /// When it was prepared on the source, in microseconds since 1970.
    pub prepared_us: i64,
    /// The layout of the file that it stands in.
    pub(in crate::change) format: FormatDescription,
    /// Events that were kept.
    pub(in crate::change) events: u64,
    /// Events of the group that were not: the one before a compressed transaction.
    pub(in crate::change) left_out: u64,
    /// Whether every row of it can be rolled back.
    pub(in crate::change) transactional: bool,
    /// The events that ROLLBACK TO undid, by their numbers.
    pub(in crate::change) undone: Vec<Range<u64>>,
    /// How those of its tables were defined that are published.
    pub(in crate::change) definitions: Vec<(TableName, Arc<TableDefinition>)>,
    /// Whether the reader chose the group.
    pub(in crate::change) is_chosen: bool,
    /// What becomes of its events if it is rolled back.
    pub(in crate::change) if_rolled_back: Ledger,
}

/// The XA transactions that are prepared at one moment, by their ids.
pub type Undecided = BTreeMap<XaId, PreparedGroup>;

/// What is held of XA transactions at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldGroups {
    /// How many transactions are prepared and undecided.
    pub count: u64,
    /// The events of their groups.
    pub events: u64,
    /// The one that was prepared before all others.
    pub oldest: Option<OldestHeld>,
}

/// The XA transaction that has been undecided for longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldestHeld {
    /// Its id.
    pub id: XaId,
    /// Where its group begins.
    pub begin: Coordinates,
    /// When it was prepared on the source, in microseconds since 1970.
    pub prepared_us: i64,
}

/// What to do about an XA COMMIT whose XA PREPARE was not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XaMissing {
    /// The stream stops: the transaction's changes would be lost.
    #[default]
    Fail,
    /// It is counted and passed over: the stream is meant to begin after the XA PREPARE.
    Warn,
}

/// Events of a prepared XA transaction, to be kept until it is committed or rolled back.
#[derive(Debug)]
pub struct PreparedEvents {
    /// The transaction's id.
    pub id: XaId,
    /// Where its group begins.
    pub begin: Coordinates,
    /// Whether the events that were spilled of the group come before these.
    pub after_spilled: bool,
    /// Each event with the position at which it begins in the binlog.
    pub events: Vec<(u64, Bytes)>,
}

/// What becomes of the events of XA transactions that are not decided by the end: they are held.
pub fn ledger_of_undecided(undecided: &Undecided) -> Ledger {
    let events = undecided.values().map(PreparedGroup::event_count);
    let events = events.sum();
    Ledger {
        received: events,
        held: events,
        ..Ledger::default()
    }
}

impl PreparedEvents {
    /// What is to be kept of a group that prepares an XA transaction: all of it, or the compressed transaction that holds
    /// all of it. Whether the latter is prepared, or committed in one phase, shows at its end.
    ///
    /// # Errors
    /// A group whose last event is no XA PREPARE.
    pub(in crate::change) fn of(group: &ClosedGroup) -> Result<Self, Trouble> {
        let begin = group.held.group.begin.clone();
        if let Some((id, event)) = group.xa_in_payload() {
            return Ok(Self {
                id,
                begin,
                after_spilled: event.is_none(),
                events: event.into_iter().collect(),
            });
        }
        let id = match group.last_body() {
            Some((EventKind::XaPrepare, body)) => XaPrepare::parse(&body)?.id,
            _other => return Err(Trouble::XaUnended),
        };
        Ok(Self {
            id,
            begin,
            after_spilled: group.held.spilled > 0,
            events: group.unread_in_memory(),
        })
    }
}

impl PreparedGroup {
    /// The events of its group.
    pub fn event_count(&self) -> u64 {
        self.if_rolled_back.received
    }

    /// The group that commits it: with the place of the one that says so, and the changes of this one.
    pub(in crate::change) fn committed_by(&self, by: &Group, end: &Coordinates) -> ClosedGroup {
        let by = Group {
            is_xa: true,
            ..by.clone()
        };
        let mut held = OpenGroup::new(by, self.transactional);
        held.take_over(self.events, self.undone.clone());
        ClosedGroup::committing(held, Arc::clone(&self.begin.file), end.clone())
    }
}
