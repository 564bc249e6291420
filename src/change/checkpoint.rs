//! The checkpoint: a group boundary of one source, and what identifies that source.
//!
//! The same value goes into `relay-log.info` and, as the same text, into a sink's own store. Not for that text: see
//! `state::relay_log_info`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::definition::column_watch::WatchedTables;
use super::definition::lineage::{Lineage, Point};
use super::definition::schemas::TemporaryTables;
use crate::binlog::{Coordinates, FIRST_POSITION, GtidSet, XaId};
use crate::filter::OnUnknown;
use crate::row::TableName;

/// A group boundary: everything before it is settled, but for what is said to be undecided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where the next group begins.
    pub coordinates: Coordinates,
    /// The GTIDs of all groups before it, on top of what was there at the start.
    pub gtid_set: GtidSet,
    /// The source's `server_uuid`; MariaDB has none.
    pub server_uuid: Option<Uuid>,
    /// The source's `server_id`.
    pub server_id: u32,
    /// When the source began the file, from the file's format description event: a source that was reset writes the same
    /// names again at another time. 0 while unknown.
    pub format_description_timestamp: u32,
    /// How many seconds groups are held back after their commit, as a replica's SOURCE_DELAY.
    pub delay_s: u64,
    /// How often another server took the source's place. Coordinates of different epochs do not compare: it is the
    /// incarnation of their lineage.
    pub epoch: u64,
    /// XA transactions that were prepared before it and neither committed nor rolled back, each with the place at which
    /// its group begins.
    pub undecided: Arc<BTreeMap<XaId, Coordinates>>,
    /// How far a snapshot of the source's tables has come.
    pub snapshot: SnapshotProgress,
    /// The tables without whose definition the stream has gone on, until it is known.
    pub undefined: Arc<BTreeMap<TableName, Undefined>>,
    /// The temporary tables that connections have.
    pub temporary: Arc<TemporaryTables>,
    /// What is known of tables, beside their definitions, where rules on columns hide values.
    pub watched: Arc<WatchedTables>,
}

/// How a stream has gone on without a table's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// What becomes of its rows.
    pub policy: OnUnknown,
    /// Where the first group ended that had such rows.
    pub since: Coordinates,
}

/// How far a snapshot of the source's tables has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SnapshotProgress {
    /// None is being taken.
    #[default]
    None,
    /// None is being taken, and the connector has begun to copy more than once.
    Over {
        /// How often.
        number: u32,
    },
    /// What is there is being copied. Should that end early, the stream goes on to a later place, and the rest is copied there.
    Copying {
        /// How often the connector has begun to copy, from 1 on.
        number: u32,
        /// What is published of it; `None` where it is to begin anew.
        reached: Option<Arc<SnapshotReached>>,
        /// Tables that are gone since a copy before, of which the target may still have rows. They are emptied before anything is
        /// reached.
        gone: Arc<BTreeSet<TableName>>,
    },
}

/// What a snapshot has published, which goes from table to table in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotReached {
    /// The last table that is published whole, as are those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<TableName>,
    /// The table that is published up to a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partly: Option<(TableName, KeyBound)>,
    /// The last key that this table had when its copy began. What came beyond it since then, the stream brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upto: Option<KeyBound>,
    /// Whether all tables are published. The stream is yet to tell whether they were what they seemed to be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_whole: bool,
    /// Tables that begin anew, for they are no longer what they were.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub again: BTreeSet<TableName>,
    /// The one of these that is published up to a key since then, and the last key that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anew: Option<(TableName, KeyBound, Option<KeyBound>)>,
    /// What was ordered to be copied; `None` where it is everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<ChosenTables>,
}

/// Tables that a person ordered to be copied beside the stream.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChosenTables {
    /// The number of the order.
    pub order: u64,
    /// Their names on the source.
    pub tables: BTreeSet<TableName>,
    /// What a row has to meet, in the source's SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Box<str>>,
    /// Whether some have no primary key.
    #[serde(default)]
    pub lacks_keys: bool,
}

/// The primary key of a row, each value as SQL has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeyBound(pub Box<[Box<str>]>);

impl SnapshotProgress {
    /// Nothing is being copied, after the connector has begun to so often.
    pub fn after(number: u32) -> Self {
        match number {
            0 | 1 => Self::None,
            number => Self::Over { number },
        }
    }

    /// What is there is being copied, and so much is published.
    pub fn copying(number: u32, reached: Option<Arc<SnapshotReached>>) -> Self {
        Self::Copying {
            number,
            reached,
            gone: Arc::default(),
        }
    }

    /// How often the connector may have begun to copy.
    pub fn begun(&self) -> u32 {
        match self {
            Self::None => 1,
            Self::Over { number } | Self::Copying { number, .. } => *number,
        }
    }

    /// Tables that are gone since a copy before, and that are yet to be emptied.
    pub fn gone(&self) -> impl Iterator<Item = &TableName> {
        let gone = match self {
            Self::Copying { gone, .. } => Some(gone),
            Self::None | Self::Over { .. } => None,
        };
        gone.into_iter().flat_map(|gone| gone.iter())
    }

    /// Whether everything is being copied, and not only what was ordered.
    pub fn is_of_everything(&self) -> bool {
        matches!(self, Self::Copying { .. }) && self.chosen().is_none()
    }

    /// The tables that are being copied, where they were ordered.
    pub fn chosen(&self) -> Option<&ChosenTables> {
        match self {
            Self::Copying { reached, .. } => reached.as_ref()?.chosen.as_ref(),
            Self::None | Self::Over { .. } => None,
        }
    }
}

impl SnapshotReached {
    /// Begins with what was ordered.
    pub fn of(chosen: ChosenTables) -> Self {
        Self {
            chosen: Some(chosen),
            ..Self::default()
        }
    }

    /// The same from its beginning on; `None` where that is everything.
    pub fn anew(&self) -> Option<Self> {
        self.chosen.clone().map(Self::of)
    }

    /// Whether the table is among those that are to be copied.
    pub fn wants(&self, table: &TableName) -> bool {
        let chosen = self.chosen.as_ref();
        chosen.is_none_or(|chosen| chosen.tables.contains(table))
    }

    /// Whether the table is yet to be copied, or the rest of it.
    pub fn lacks(&self, table: &TableName) -> bool {
        let is_before = !self.is_whole && self.done.as_ref().is_none_or(|done| table > done);
        self.wants(table) && (is_before || self.again.contains(table))
    }

    /// The key up to which the table is published; `None` where it is to be copied from its first row on.
    pub fn bound(&self, table: &TableName) -> Option<&KeyBound> {
        if self.again.contains(table) {
            let (anew, bound, _) = self.anew.as_ref()?;
            return (anew == table).then_some(bound);
        }
        let (partly, bound) = self.partly.as_ref()?;
        (partly == table).then_some(bound)
    }

    /// The key at which the copy of a table ends that is published up to another one; `None` where it is to be asked for.
    pub fn end(&self, table: &TableName) -> Option<&KeyBound> {
        self.bound(table)?;
        match self.again.contains(table) {
            true => self.anew.as_ref()?.2.as_ref(),
            false => self.upto.as_ref(),
        }
    }

    /// Takes that the table is published up to a key, of those up to another one.
    pub fn reach(&mut self, table: &TableName, bound: KeyBound, upto: Option<&KeyBound>) {
        if self.again.contains(table) {
            self.anew = Some((table.clone(), bound, upto.cloned()));
        } else {
            self.partly = Some((table.clone(), bound));
            self.upto = upto.cloned();
        }
    }

    /// Takes that the table is published whole, as all before it that are to be.
    pub fn finish(&mut self, table: &TableName) {
        self.again.remove(table);
        self.begin_anew(table);
        if self.lacks(table) {
            // It comes after all that are whole.
            self.partly = None;
            self.upto = None;
            self.done = Some(table.clone());
        }
    }

    /// Takes that the table may no longer be what it was, where something of it is published.
    pub fn forget(&mut self, table: &TableName) {
        if self.wants(table) && (!self.lacks(table) || self.bound(table).is_some()) {
            self.again.insert(table.clone());
        }
        self.begin_anew(table);
    }

    /// Takes that nothing counts of what was published of a table that begins anew.
    fn begin_anew(&mut self, table: &TableName) {
        self.anew.take_if(|(anew, _, _)| anew == table);
    }
}

impl Checkpoint {
    /// Makes a checkpoint of the first epoch, at which nothing is undecided and no snapshot is being taken.
    pub fn new(
        coordinates: Coordinates,
        gtid_set: GtidSet,
        server_uuid: Option<Uuid>,
        server_id: u32,
        format_description_timestamp: u32,
    ) -> Self {
        Self {
            coordinates,
            gtid_set,
            server_uuid,
            server_id,
            format_description_timestamp,
            delay_s: 0,
            epoch: 0,
            undecided: Arc::default(),
            snapshot: SnapshotProgress::None,
            undefined: Arc::default(),
            temporary: Arc::default(),
            watched: Arc::default(),
        }
    }

    /// Whose binlogs its coordinates are of.
    pub fn lineage(&self) -> Lineage {
        Lineage {
            server_uuid: self.server_uuid,
            server_id: self.server_id,
            incarnation: self.epoch,
        }
    }

    /// Where the next group begins, and in whose binlogs.
    pub fn point(&self) -> Point {
        Point {
            lineage: Arc::new(self.lineage()),
            coordinates: self.coordinates.clone(),
        }
    }

    /// Takes that the XA transaction whose group begins there is prepared.
    pub(super) fn prepared(&mut self, id: &XaId, begin: &Coordinates) {
        Arc::make_mut(&mut self.undecided).insert(id.clone(), begin.clone());
    }

    /// Takes that the XA transaction is committed or rolled back.
    pub(super) fn decided(&mut self, id: &XaId) {
        if self.undecided.contains_key(id) {
            Arc::make_mut(&mut self.undecided).remove(id);
        }
    }

    /// Takes that the stream goes on without a table's definition.
    pub(super) fn go_without(&mut self, table: &TableName, policy: OnUnknown, at: &Coordinates) {
        let undefined = Arc::make_mut(&mut self.undefined);
        let since = || Undefined {
            policy,
            since: at.clone(),
        };
        undefined.entry(table.clone()).or_insert_with(since).policy = policy;
    }

    /// Takes that the definitions of these tables are known, or that they are gone.
    pub(super) fn define(&mut self, is_defined: impl Fn(&TableName) -> bool) {
        if self.undefined.keys().any(&is_defined) {
            let undefined = Arc::make_mut(&mut self.undefined);
            undefined.retain(|table, _| !is_defined(table));
        }
    }

    /// Moves on between groups. When a file was begun is not known at its top: a source names the next file before it
    /// begins it.
    pub(super) fn reach(&mut self, at: &Coordinates) {
        self.coordinates = at.clone();
        if at.position == FIRST_POSITION {
            self.format_description_timestamp = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_goes_from_table_to_table_and_takes_up_again_what_changed() {
        let name = |table: &str| TableName::new("a", table);
        let key = |value: &str| KeyBound([value.into()].into());
        let mut reached = SnapshotReached::default();
        assert!(reached.lacks(&name("b")));
        reached.reach(&name("b"), key("1"), Some(&key("8")));
        reached.forget(&name("c"));
        assert!(reached.again.is_empty());
        assert_eq!(reached.bound(&name("b")), Some(&key("1")));
        assert_eq!(reached.end(&name("b")), Some(&key("8")));
        assert_eq!(reached.end(&name("c")), None);
        reached.finish(&name("b"));
        assert!(!reached.lacks(&name("b")) && reached.lacks(&name("c")));
        reached.reach(&name("c"), key("7"), None);
        reached.forget(&name("a"));
        assert!(reached.lacks(&name("a")) && !reached.lacks(&name("b")));
        reached.reach(&name("a"), key("3"), None);
        assert_eq!(reached.bound(&name("a")), Some(&key("3")));
        reached.forget(&name("a"));
        assert_eq!(reached.bound(&name("a")), None);
        reached.reach(&name("a"), key("4"), Some(&key("5")));
        assert_eq!(reached.end(&name("a")), Some(&key("5")));
        reached.finish(&name("a"));
        assert_eq!(reached.anew, None);
        assert!(!reached.lacks(&name("a")));
        assert_eq!(reached.bound(&name("c")), Some(&key("7")));
        reached.forget(&name("c"));
        assert!(reached.lacks(&name("c")) && reached.again.contains(&name("c")));
        assert_eq!(reached.bound(&name("c")), None);
        reached.finish(&name("c"));
        assert_eq!(reached.done, Some(name("c")));
        assert_eq!((reached.partly, reached.upto), (None, None));
        assert_eq!(reached.again, BTreeSet::new());
    }
}
