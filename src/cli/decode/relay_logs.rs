//! Relay logs among the files: which of them are read as one, and what they do not tell.
//!
//! A replica may go on in its next relay log inside a group, and says only after it has connected again where its source
//! was. So relay logs that follow each other by their numbers share one assembler.

use std::sync::Arc;

use tracing::warn;

use crate::binlog::Header;
use crate::change::Batch;
use crate::source::InputPath;

/// The relay logs that are being read.
#[derive(Debug, Default)]
pub(super) struct RelayLogs {
    last: Option<InputPath>,
    /// The name of the first of them, which stands for its source's file until one of them names that.
    name: Option<Arc<str>>,
}

impl RelayLogs {
    /// Takes the path and the first event of the next file, and returns whether it is read as one with the file before it.
    pub(super) fn take(&mut self, place: &InputPath, first: &[u8]) -> bool {
        let is_relay_log = Header::parse(first).is_ok_and(|header| header.is_relay_log());
        let former = std::mem::replace(&mut self.last, is_relay_log.then(|| place.clone()));
        let goes_on = is_relay_log && former.is_some_and(|former| place.succeeds(&former));
        if !goes_on {
            self.name = is_relay_log.then(|| place.name());
        }
        goes_on
    }

    /// Whether the current file is a relay log.
    pub(super) fn are_read(&self) -> bool {
        self.last.is_some()
    }

    /// Warns once if changes come before the relay logs name the source's file.
    pub(super) fn warn_of(&mut self, batch: &Batch) {
        let Some(name) = &self.name else {
            return;
        };
        if batch.groups.iter().all(|group| group.begin.file != *name) {
            return;
        }
        warn!(
            relay_log = %name,
            "the relay log does not name its source's file, so changes carry its own name, with positions of the source's file; \
             give the relay logs before it too"
        );
        self.name = None;
    }
}
