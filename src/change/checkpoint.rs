//! The checkpoint: a group boundary of one source, and what identifies that source.
//!
//! The same value goes into `relay-log.info`, into a file sink's manifest and into a sink's own store.

use uuid::Uuid;

use crate::binlog::{Coordinates, FIRST_POSITION, GtidSet};

/// A group boundary: everything before it is settled.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
}

impl Checkpoint {
    /// Moves on between groups. When a file is begun is not known at its top: a source names the next one before it begins.
    pub(super) fn reach(&mut self, at: &Coordinates) {
        self.coordinates = at.clone();
        if at.position == FIRST_POSITION {
            self.format_description_timestamp = 0;
        }
    }
}
