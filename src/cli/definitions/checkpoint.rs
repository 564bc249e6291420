//! Where a connector is that is stopped.

use super::refusal::Refusal;
use crate::change::Checkpoint;
use crate::pipeline::Connector;
use crate::sink;
use crate::state::StateFolder;

/// Where the connector goes on; `None` if it never ran.
pub(super) fn checkpoint(connector: &Connector) -> Result<Option<Checkpoint>, Refusal> {
    let stored = sink::stored_checkpoint(&connector.sink, &connector.name)?;
    Ok(match stored {
        Some(checkpoint) => Some(checkpoint),
        None => StateFolder::peek(&connector.state_dir, &connector.name)?,
    })
}
