//! What those have in common that walk through events from group to group: the GTIDs of the groups that they passed, and
//! what is wrong with a place at which no group begins.

use super::error::SourceError;
use crate::binlog::{Coordinates, Gtid, GtidSet};
use crate::change::Place;

/// The GTIDs of groups that are complete, and of the one that is open.
#[derive(Debug)]
pub(super) struct Passed {
    /// Those of the groups that are complete, and those that were known before.
    pub(super) gtid_set: GtidSet,
    /// That of the open group, if it has one.
    pub(super) open: Option<Gtid>,
}

impl Passed {
    /// Begins between groups, with what is known there.
    pub(super) fn new(known: GtidSet) -> Self {
        Self {
            gtid_set: known,
            open: None,
        }
    }

    /// Takes what an event is to its group.
    pub(super) fn settle(&mut self, place: Place) {
        match place {
            Place::Ends(_) | Place::Alone => {
                if let Some(gtid) = self.open.take() {
                    self.gtid_set.add(&gtid);
                }
            }
            Place::Abandons => self.open = None,
            Place::Outside | Place::Opens | Place::Inside => {}
        }
    }
}

/// What a place is in the middle of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside {
    /// An event.
    Event,
    /// A group, between two of its events.
    Group,
}

impl Inside {
    /// Of a place before the end of the event that begins at `start`.
    pub(super) fn event_at(start: u64, at: &Coordinates) -> Self {
        if start < at.position {
            Self::Event
        } else {
            Self::Group
        }
    }

    /// The error that names the boundaries around the place; `after` is `None` where there is none yet.
    pub(super) fn error(self, at: &Coordinates, before: u64, after: Option<u64>) -> SourceError {
        let at = at.clone();
        match self {
            Self::Event => SourceError::InsideEvent { at, before, after },
            Self::Group => SourceError::InsideGroup { at, before, after },
        }
    }
}
