//! Whose coordinates a checkpoint holds.
//!
//! Files name their server by its `server_id` only. Checkpoints of files therefore carry a UUID of their own, so that neither a
//! server nor another server's files continue from them.

use uuid::Uuid;

use super::error::SourceError;
use crate::change::{Checkpoint, Lineage};
use crate::mysql::Flavour;

/// The `server_uuid` in checkpoints of files, which no server has.
pub(super) const FILES: Uuid = Uuid::from_u128(0x726f_7774_6170_8000_8000_0062_696e_6c6f);

/// Makes sure that a checkpoint was made with this source. A `server_id` may change where a UUID tells servers apart.
pub(super) fn is_of(
    checkpoint: &Checkpoint,
    flavour: Flavour,
    server_uuid: Option<Uuid>,
    server_id: u32,
) -> Result<(), SourceError> {
    let same_family = checkpoint.gtid_set.flavour() == flavour;
    let same_id = checkpoint.server_id == server_id;
    let same_server = match server_uuid {
        Some(FILES) => checkpoint.server_uuid == Some(FILES) && same_id,
        Some(uuid) => checkpoint.server_uuid == Some(uuid),
        None => checkpoint.server_uuid.is_none() && same_id,
    };
    if same_family && same_server {
        return Ok(());
    }
    Err(SourceError::AnotherSource {
        expected: name_of(checkpoint),
        found: name(server_uuid, server_id, flavour),
    })
}

/// Whether a server writes binlogs of this lineage, as far as its identity tells. Files know their server's id alone.
pub(super) fn writes(server_uuid: Option<Uuid>, server_id: u32, lineage: &Lineage) -> bool {
    match lineage.server_uuid {
        Some(FILES) => lineage.server_id == server_id,
        Some(uuid) => server_uuid == Some(uuid),
        None => server_uuid.is_none() && lineage.server_id == server_id,
    }
}

/// Makes sure that a server writes binlogs of a lineage.
pub(super) fn is_of_lineage(
    lineage: &Lineage,
    flavour: Flavour,
    server_uuid: Option<Uuid>,
    server_id: u32,
) -> Result<(), SourceError> {
    if writes(server_uuid, server_id, lineage) {
        return Ok(());
    }
    Err(SourceError::AnotherSource {
        expected: name(lineage.server_uuid, lineage.server_id, flavour),
        found: name(server_uuid, server_id, flavour),
    })
}

/// What messages call the source of a checkpoint.
pub(super) fn name_of(checkpoint: &Checkpoint) -> String {
    name(
        checkpoint.server_uuid,
        checkpoint.server_id,
        checkpoint.gtid_set.flavour(),
    )
}

/// What messages call a source.
pub(super) fn name(uuid: Option<Uuid>, server_id: u32, flavour: Flavour) -> String {
    let family = flavour.name();
    match uuid {
        Some(FILES) => format!("the binlog files of {family} server_id {server_id}"),
        Some(uuid) => format!("{family} {uuid}"),
        None => format!("{family} server_id {server_id}"),
    }
}
