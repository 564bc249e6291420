//! The checkpoint: a group boundary of one source, and what identifies that source.
//!
//! The same value goes into `relay-log.info` and, as the same text, into a sink's own store. Not for that text: see
//! `state::relay_log_info`.

use std::collections::BTreeMap;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SnapshotProgress {
    /// None is being taken.
    #[default]
    None,
    /// What is there is being copied; should that end early, it begins anew, at another place.
    Copying {
        /// Which snapshot of the connector it is, from 1 on.
        number: u32,
    },
}

/// The primary key of a row, each value as SQL has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBound(pub Box<[Box<str>]>);

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
