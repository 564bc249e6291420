//! Whether the target still has what was delivered to it, as far as the state folder tells, before a run begins.

use tracing::{info, warn};

use crate::change::Checkpoint;
use crate::pipeline::connector::Connector;
use crate::pipeline::error::PipelineError;
use crate::sink;
use crate::state::StateFolder;

/// Compares what the sink's folder holds with what the state folder says that it had; blocks on the disk. Nothing was changed
/// in either by then.
///
/// # Errors
/// A folder that has lost what was committed to it, or one that cannot be trusted or is another connector's.
pub(super) fn check(connector: &Connector, folder: &StateFolder) -> Result<(), PipelineError> {
    if connector.sink.folder().is_none() {
        return Ok(());
    }
    let stored = sink::stored_checkpoint(&connector.sink, &connector.name)?;
    let local = folder.checkpoint()?;
    let (former, target) = (folder.target()?, connector.sink.target());
    let is_same = former.as_deref() == Some(&*target);
    let state = || folder.path().display().to_string();
    match (stored, local) {
        (None, None) => {}
        (None, Some(local)) if is_same => {
            return Err(PipelineError::TargetEmptied {
                folder: target,
                at: local.coordinates,
                state: state(),
            });
        }
        (None, Some(local)) => warn!(
            folder = target,
            before = former.unwrap_or_default(),
            at = %local.coordinates,
            "the sink's folder is new to this connector: it gets what comes after the checkpoint, what came before went elsewhere"
        ),
        (Some(stored), None) => warn!(
            folder = target,
            at = %stored.coordinates,
            "the state folder holds no checkpoint, going on at that of the manifest; if another connector of this name writes to \
             the folder, stop and give each a folder of its own"
        ),
        (Some(stored), Some(local)) if is_ahead(&local, &stored) => {
            if is_same {
                return Err(PipelineError::ManifestCut {
                    folder: target,
                    found: stored.coordinates,
                    at: local.coordinates,
                    state: state(),
                });
            }
            info!(
                folder = target,
                before = former.unwrap_or_default(),
                at = %stored.coordinates,
                "the sink's folder has come less far than the connector, which goes on there again"
            );
        }
        (Some(_), Some(_)) => {}
    }
    Ok(())
}

fn is_ahead(one: &Checkpoint, other: &Checkpoint) -> bool {
    match one.lineage() == other.lineage() {
        true => one.coordinates > other.coordinates,
        // Of two servers only the sets tell.
        false => {
            let (one, other) = (&one.gtid_set, &other.gtid_set);
            !other.is_empty() && other != one && other.is_subset(one)
        }
    }
}
