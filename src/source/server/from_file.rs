//! The start that a file names: whether the file is one of this source, and whether its GTID set or its coordinates count.

use std::path::Path;

use tracing::{info, warn};
use uuid::Uuid;

use super::preflight::SourceFacts;
use crate::binlog::GtidSet;
use crate::source::backup::{self, BackupError, BackupKind, BackupPosition, BackupTrouble};
use crate::source::error::SourceError;
use crate::source::start::Start;
use crate::state::off_the_runtime;

/// A start that a file names.
#[derive(Debug)]
pub(super) struct ToldStart {
    /// The start: by GTID set where the source serves GTIDs, else by coordinates.
    pub(super) start: Start,
    found: BackupPosition,
}

impl ToldStart {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, or that it is of another server.
    pub(super) async fn read(file: &Path, facts: &SourceFacts) -> Result<Self, SourceError> {
        let path = file.to_owned();
        let found = off_the_runtime(move || backup::read(&path).map_err(Box::new)).await?;
        let start = chosen(&found, facts).map_err(|trouble| {
            Box::new(BackupError {
                place: None,
                path: file.to_owned(),
                trouble,
            })
        })?;
        Ok(Self { start, found })
    }

    /// Says what was found and chosen.
    pub(super) fn tell(&self) {
        if self.found.kind == BackupKind::SourceInfo {
            warn!(
                "a master.info tells what its replica had read as of when it was written last, not what it had applied: \
                 groups may be missing between the two or come twice; use the text of SHOW REPLICA STATUS\\G"
            );
        }
        let set = self.found.gtid_set.as_ref().map(ToString::to_string);
        let at = self.found.coordinates.as_ref().map(ToString::to_string);
        let by = match self.start {
            Start::After { .. } => "its GTID set",
            Start::At { .. }
            | Start::Earliest
            | Start::Latest
            | Start::Snapshot
            | Start::From { .. } => "its coordinates",
        };
        info!(kind = %self.found.kind, gtid_set = set, coordinates = at, by, "start read from a file");
    }
}

fn chosen(found: &BackupPosition, facts: &SourceFacts) -> Result<Start, BackupTrouble> {
    let of = found.gtid_set.as_ref().map(GtidSet::flavour);
    if let Some(of) = of.or(found.flavour).filter(|of| *of != facts.flavour) {
        return Err(BackupTrouble::Family {
            of: of.name(),
            source_is: facts.flavour.name(),
        });
    }
    if let Some(set) = found.gtid_set.as_ref().filter(|_| facts.serves_gtids()) {
        let gtid_set = set.to_string();
        return Ok(Start::After { gtid_set });
    }
    let Some(at) = &found.coordinates else {
        return Err(BackupTrouble::OnlyGtids);
    };
    let is_other = match (found.server_uuid, facts.server_uuid, found.server_id) {
        (Some(theirs), Some(ours), _) => theirs != ours,
        (_, _, Some(theirs)) => theirs != facts.server_id,
        (_, _, None) => false,
    };
    if is_other {
        let name = |uuid: Option<Uuid>, id: Option<u32>| match (uuid, id) {
            (Some(uuid), _) => uuid.to_string(),
            (None, Some(id)) => format!("the server with server_id {id}"),
            (None, None) => "another server".to_owned(),
        };
        return Err(BackupTrouble::AnotherServer {
            of: name(found.server_uuid, found.server_id),
            source_is: name(facts.server_uuid, Some(facts.server_id)),
        });
    }
    Ok(Start::At {
        file: at.file.to_string(),
        position: at.position,
    })
}
