//! Whether the target still has what was delivered to it, as far as the state folder tells, before a run begins.

use std::path::Path;

use tracing::{info, warn};

use crate::change::Checkpoint;
use crate::pipeline::connector::Connector;
use crate::pipeline::error::PipelineError;
use crate::sink::{self, SharedCheckpoints};
use crate::state::{Journal, Notes, SkipStore, StateFolder};

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
    compare(
        connector,
        stored,
        folder.checkpoint()?,
        folder.target()?,
        folder.path(),
    )
}

/// Compares the checkpoint that the sink's folder holds with that of the state folder at `state`, which says that changes went
/// to `former` last.
///
/// # Errors
/// A folder that has lost what was committed to it.
pub(in crate::pipeline) fn compare(
    connector: &Connector,
    stored: Option<Checkpoint>,
    local: Option<Checkpoint>,
    former: Option<String>,
    state: &Path,
) -> Result<(), PipelineError> {
    let target = connector.sink.target();
    let is_same = former.as_deref() == Some(&*target);
    let state = || state.display().to_string();
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

/// What the state folder keeps of where the changes go, and of the processes whose checkpoints it goes with.
pub(super) fn named(connector: &Connector, shared: Option<&SharedCheckpoints>) -> String {
    let target = connector.sink.target();
    match shared {
        Some(SharedCheckpoints {
            topic,
            instance,
            last_writer,
        }) => {
            let last = last_writer.iter().flat_map(|last| [" ", last]);
            let last: String = last.collect();
            format!("{target} {topic} {instance}{last}")
        }
        None => target,
    }
}

/// Where a run begins whose checkpoints are where other instances of the connector find them too; blocks on the disk. What the
/// state folder holds of definitions goes, unless it is of the process that stored the checkpoint, and the notes that were
/// stored with that come in.
///
/// # Errors
/// The checkpoints are gone from the topic that had them; or the folder has orders of which nobody knows whether they hold.
pub(super) fn resume(
    folder: &StateFolder,
    stored: Option<Checkpoint>,
    shared: &SharedCheckpoints,
    (notes, skips): (&Notes, &SkipStore),
) -> Result<Option<Checkpoint>, PipelineError> {
    let (local, former) = (folder.checkpoint()?, folder.target()?);
    let is_new = former.is_none();
    let topic = &*shared.topic;
    let mut former = former.as_deref().unwrap_or_default().split(' ').skip(1);
    let former_topic = former.next();
    let is_own = shared
        .last_writer
        .as_deref()
        .is_some_and(|last| former_topic == Some(topic) && former.any(|former| former == last));
    let Some(stored) = stored else {
        return match local {
            Some(local) if former_topic == Some(topic) => Err(PipelineError::CheckpointsLost {
                topic: topic.to_owned(),
                at: local.coordinates,
                state: folder.path().display().to_string(),
            }),
            Some(local) => {
                warn!(
                    topic,
                    at = %local.coordinates,
                    "the topic holds no checkpoint yet, going on at that of the state folder: what was delivered after it comes again"
                );
                Ok(Some(local))
            }
            None => Ok(None),
        };
    };
    let at = &stored.coordinates;
    match local {
        Some(local) if is_own && local == stored => {}
        Some(local) if is_own => info!(
            topic,
            %at,
            copy = %local.coordinates,
            "going on at the checkpoint in the topic, not at the copy in the state folder"
        ),
        _not_of_this_folder => {
            warn!(
                topic,
                %at,
                by = shared.last_writer.as_deref().unwrap_or_default(),
                "the checkpoint in the topic was not stored beside this state folder: what the folder knows of definitions is left, and \
                 found again at the source"
            );
            Journal::discard(folder)?;
            let put = notes.put_into(folder, skips, &stored, is_new)?;
            put.map_err(|orders| PipelineError::StaleOrders {
                orders: orders.join("; "),
                state: folder.path().display().to_string(),
            })?;
        }
    }
    Ok(Some(stored))
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
