//! What a person runs where a source is not what it was, or has no longer what is wanted, so that the connector can begin
//! anew.

use std::path::Path;

use super::to_tell::quoted;
use crate::pipeline::connector::Connector;
use crate::pipeline::error::PipelineError;
use crate::state::{StateFolder, relay_log_info};

/// Adds the commands to a failure after which only a new start helps.
pub(super) fn add(
    failure: PipelineError,
    connector: &Connector,
    folder: &StateFolder,
) -> PipelineError {
    let PipelineError::Source(error) = failure else {
        return failure;
    };
    let Some(start) = error.new_start() else {
        return PipelineError::Source(error);
    };
    let mut moves = vec![aside(&folder.path().join(relay_log_info::FILE_NAME))];
    if let Some(sink) = connector.sink.folder() {
        moves.push(aside(sink));
    }
    PipelineError::NewStart {
        failure: Box::new(error),
        file: connector.path.display().to_string(),
        start,
        commands: moves.join(" && "),
    }
}

/// A command that moves a file or a folder aside.
fn aside(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = path.display().to_string();
    format!("mv {} {}", quoted(&path), quoted(&format!("{path}.before")))
}
