//! Where a backup or a replica stood, and the texts that say so.

use std::fmt;

use uuid::Uuid;

use super::error::BackupTrouble;
use super::kind::BackupKind;
use crate::binlog::{Coordinates, GtidSet};
use crate::mysql::Flavour;

/// Where a backup or a replica stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPosition {
    /// What the file is.
    pub kind: BackupKind,
    /// The position in the source's binlog.
    pub coordinates: Option<Coordinates>,
    /// The groups before it; never empty.
    pub gtid_set: Option<GtidSet>,
    /// The source's family.
    pub flavour: Option<Flavour>,
    /// The source's `server_uuid`.
    pub server_uuid: Option<Uuid>,
    /// The source's `server_id`.
    pub server_id: Option<u32>,
}

impl BackupPosition {
    pub(super) fn new(kind: BackupKind) -> Self {
        Self {
            kind,
            coordinates: None,
            gtid_set: None,
            flavour: None,
            server_uuid: None,
            server_id: None,
        }
    }
}

impl fmt::Display for BackupPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.coordinates, &self.gtid_set) {
            (Some(coordinates), _) => coordinates.fmt(f),
            (None, Some(set)) => set.fmt(f),
            (None, None) => Ok(()),
        }
    }
}

/// The text of a GTID set of either family, as servers print it, over several lines where it is long.
pub(super) fn gtid_set(text: &str) -> Result<GtidSet, BackupTrouble> {
    let joined: String = text.split_whitespace().collect();
    if joined.ends_with(',') {
        return Err(BackupTrouble::Cut {
            found: "a GTID set that ends in a comma".to_owned(),
        });
    }
    [Flavour::MySql, Flavour::MariaDb]
        .into_iter()
        .find_map(|flavour| GtidSet::parse(flavour, &joined).ok())
        .ok_or_else(|| BackupTrouble::GtidSet {
            found: shortened(&joined),
        })
}

/// Coordinates as two texts; `None` if they are none.
pub(super) fn coordinates(file: &str, position: &str) -> Option<Coordinates> {
    let is_name = !file.is_empty() && !file.contains('/') && !file.chars().any(char::is_control);
    let is_number = !position.is_empty() && position.bytes().all(|byte| byte.is_ascii_digit());
    let position = position.parse().ok().filter(|position| *position >= 4);
    (is_name && is_number)
        .then(|| position.map(|position: u64| Coordinates::new(file, position)))
        .flatten()
}

pub(super) fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    text.chars().take(CHARACTERS_MAX).collect()
}
