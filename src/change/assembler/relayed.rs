//! Relay logs, in which places are the source's, as far as they are told.

use super::Assembler;
use crate::binlog::Framer;
use crate::change::group::tracker::Outcome;

impl Assembler {
    /// Reads relay logs, one behind the other: a group may begin in one and end in the next.
    pub fn reading_relay_logs(mut self) -> Self {
        self.framer = Framer::relaying(self.checkpoint.coordinates.clone());
        self
    }

    /// Ends a group that has no end: its source died while writing it, or a replica that connected again is sent it anew.
    pub(super) fn abandon(&mut self) {
        self.close(Outcome::RolledBack);
        if self.framer.is_relaying()
            && let Some(apply) = &mut self.apply
        {
            apply.chosen = false;
        }
    }
}
