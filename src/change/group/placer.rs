//! Where each framed event of a stream stands: looked at as far as groups need, and followed from group to group.
//!
//! Everything that reads a binlog from group to group places its events here: the intake, the follower, and the scans that
//! look for group boundaries.

use super::seen::Seen;
use super::tracker::{GroupTracker, Mark, Place};
use crate::binlog::{EventKind, FormatDescription, Frame};
use crate::change::trouble::Trouble;

/// Places the events of one stream; begins between groups.
#[derive(Clone, Debug, Default)]
pub struct Placer {
    tracker: GroupTracker,
}

/// An event and where it stands.
#[derive(Debug)]
pub struct Placed<'a> {
    /// Where it stands.
    pub place: Place,
    /// What was seen of it; `None` of an event whose body is not at hand, since it is large.
    pub seen: Option<Seen<'a>>,
}

impl Placer {
    /// Whether no group is open, so that a stream may stop or start here.
    pub fn is_between_groups(&self) -> bool {
        self.tracker.is_between_groups()
    }

    /// Places the event that was framed last; `None` for an artificial one, which stands nowhere. `body` is `None` for an
    /// event that is too large to be at hand, `format` is the layout of its file; `scratch` takes what must be unpacked to
    /// look at it.
    ///
    /// # Errors
    /// An event that cannot be read, or cannot stand where it does.
    pub fn place<'a>(
        &mut self,
        frame: &Frame,
        body: Option<&'a [u8]>,
        format: &FormatDescription,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Option<Placed<'a>>, Trouble> {
        let kind = frame.header.kind;
        if kind == EventKind::FormatDescription {
            self.tracker.expect_gtids(format.announces_groups());
        }
        if frame.artificial {
            return Ok(None);
        }
        let seen = match body {
            Some(body) => Some(Seen::of(frame, body, format, scratch)?),
            None => None,
        };
        let mark = seen.as_ref().map_or(Mark::of_large(kind), Seen::mark);
        let place = self.tracker.place(mark)?;
        Ok(Some(Placed { place, seen }))
    }
}
