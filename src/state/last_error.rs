//! `last-error.json`: why the connector ended last, if that was not as it should, for `rowtap status` and `rowtap skip`.
//!
//! It is there from the end of a process that failed until the connector streams again.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::durable;
use super::error::StateError;
use super::folder::StateFolder;
use crate::binlog::Coordinates;
use crate::fault::FileRole;
use crate::metrics::{LastFailure, one_line};

/// The file's name in the state folder.
pub const NAME: &str = "last-error.json";
const BYTES_MAX: u64 = 1 << 20;

/// Why a connector ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// The exit code that stands for it.
    pub number: u32,
    /// Whether the source failed, and not what was done with its events.
    pub is_of_source: bool,
    /// The error and its causes, in one line.
    pub message: String,
    /// The group that stopped it.
    pub group: Option<StoppedGroup>,
}

/// A group that stopped a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedGroup {
    /// Where it begins.
    pub begin: Coordinates,
    /// Its GTID.
    pub gtid: Option<String>,
}

impl From<LastError> for LastFailure {
    fn from(last: LastError) -> Self {
        Self {
            message: last.message,
            number: last.number,
            is_of_source: last.is_of_source,
            at_us: last.at_us,
        }
    }
}

impl LastError {
    /// Keeps it. A failure to do so is only logged: the connector has failed already.
    pub fn keep(&self, folder: &StateFolder) {
        let mut text = serde_json::to_vec_pretty(self).expect("it has string keys only");
        text.push(b'\n');
        let place = (folder.path(), FileRole::StateFolder);
        if let Err(error) = durable::replace(place, NAME, FileRole::LastError, &text) {
            let error = StateError::from(error);
            warn!(
                error = one_line(&error),
                "why the connector ended could not be kept, name the groups to pass over by --gtid or --at"
            );
        }
    }

    /// Removes what is kept.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be removed.
    pub fn forget(folder: &StateFolder) -> Result<(), StateError> {
        let path = folder.path().join(NAME);
        if durable::length(&path, FileRole::LastError)?.is_some() {
            durable::remove_if_there(&path, FileRole::LastError)?;
        }
        Ok(())
    }

    /// Reads what a connector's folder holds, without its lock; `None` if it ended as it should.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be read, `StateError::LastError` if it cannot be understood.
    pub fn peek(state_dir: &Path, connector: &str) -> Result<Option<Self>, StateError> {
        let path = state_dir.join(connector).join(NAME);
        let Some(bytes) = durable::read(&path, FileRole::LastError, BYTES_MAX)? else {
            return Ok(None);
        };
        match serde_json::from_slice(&bytes) {
            Ok(last) => Ok(Some(last)),
            Err(error) => Err(StateError::LastError { path, error }),
        }
    }
}
