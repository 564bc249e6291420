//! Looks into the source's binlog before a start: whether a position is a group boundary, and which groups stand before.
//!
//! Reads over dumps of its own that end at the binlog's end, with server id 0, so that no replica is thrown out.

use std::sync::Arc;

use super::dump::DumpStart;
use super::look::{Look, Looked, unreadable};
use super::options::ServerOptions;
use crate::binlog::{Coordinates, EventKind, FIRST_POSITION, Frame, GtidSet};
use crate::change::{GroupTracker, Mark, Place, Seen};
use crate::source::error::SourceError;
use crate::source::passed::{Inside, Passed};

/// What stands before a position.
#[derive(Debug)]
pub(in crate::source) struct Prefix {
    /// When the position's file was begun, in seconds since 1970.
    pub(in crate::source) begun: u32,
    /// MySQL's GTIDs of all groups up to there, those of earlier files included; empty for MariaDB.
    pub(in crate::source) gtid_set: GtidSet,
}

/// Reads a file from its start and makes sure that a group may begin at `at`.
pub(in crate::source) async fn prefix(
    options: &ServerOptions,
    at: &Coordinates,
) -> Result<Prefix, SourceError> {
    let first = Coordinates::new(Arc::clone(&at.file), FIRST_POSITION);
    let mut walk = Walk::open(options, DumpStart::At(&first), None).await?;
    let mut before = FIRST_POSITION;
    let mut wrong = None;
    while let Some(step) = walk.step().await? {
        if *step.file != *at.file {
            break;
        }
        if before == at.position {
            // The groups of earlier files are named behind the position of a start at the top of a file.
            if walk.is_past_header {
                return Ok(walk.into_prefix());
            }
        } else if wrong.is_none() && step.frame.end > at.position {
            wrong = Some(Inside::event_at(step.frame.start, at));
        }
        if !step.is_between || step.frame.artificial {
            continue;
        }
        if let Some(wrong) = wrong {
            return Err(wrong.error(at, before, Some(step.frame.end)));
        }
        if before != at.position {
            before = step.frame.end;
        }
        if before == at.position && walk.is_past_header {
            return Ok(walk.into_prefix());
        }
    }
    match wrong {
        Some(wrong) => Err(wrong.error(at, before, None)),
        None if before == at.position => Ok(walk.into_prefix()),
        // The file is that long, but its last bytes are not yet for replicas.
        None => Err(SourceError::Unsettled { at: at.clone() }),
    }
}

/// Completes a set of executed GTIDs by those of groups that stand before `end` and were still being committed.
pub(in crate::source) async fn settled(
    options: &ServerOptions,
    executed: GtidSet,
    end: &Coordinates,
) -> Result<Prefix, SourceError> {
    let mut walk = Walk::open(
        options,
        DumpStart::Behind(&executed),
        Some(executed.clone()),
    )
    .await?;
    while let Some(step) = walk.step().await? {
        if step.reached() >= *end {
            return Ok(walk.into_prefix());
        }
    }
    Err(SourceError::Unsettled { at: end.clone() })
}

/// Where the first group begins that is not in a set, or where the binlog ends if there is none; and when that file was
/// begun.
pub(in crate::source) async fn first_behind(
    options: &ServerOptions,
    set: &GtidSet,
) -> Result<(Coordinates, u32), SourceError> {
    let mut walk = Walk::open(options, DumpStart::Behind(set), None).await?;
    let mut reached = Coordinates::new("", FIRST_POSITION);
    while let Some(step) = walk.step().await? {
        if matches!(step.place, Place::Opens | Place::Alone) {
            return Ok((Coordinates::new(step.file, step.frame.start), walk.begun));
        }
        reached = step.reached();
    }
    Ok((reached, walk.begun))
}

/// Events one by one, followed from group to group.
struct Walk {
    look: Look,
    tracker: GroupTracker,
    begun: u32,
    is_past_header: bool,
    passed: Passed,
}

/// One event.
struct Step {
    file: Arc<str>,
    frame: Frame,
    place: Place,
    is_between: bool,
}

impl Step {
    /// How far the stream has come, heartbeats that stand for skipped groups included.
    fn reached(&self) -> Coordinates {
        let position = match self.frame.header.kind {
            EventKind::Heartbeat => self
                .frame
                .end
                .max(u64::from(self.frame.header.log_position)),
            _event => self.frame.end,
        };
        Coordinates::new(Arc::clone(&self.file), position)
    }
}

impl Walk {
    async fn open(
        options: &ServerOptions,
        begin: DumpStart<'_>,
        known: Option<GtidSet>,
    ) -> Result<Self, SourceError> {
        let look = Look::open(options, begin).await?;
        Ok(Self {
            passed: Passed::new(known.unwrap_or_else(|| GtidSet::empty(look.flavour()))),
            look,
            tracker: GroupTracker::default(),
            begun: 0,
            is_past_header: false,
        })
    }

    /// The next event; `None` at the binlog's end.
    async fn step(&mut self) -> Result<Option<Step>, SourceError> {
        let Some(event) = self.look.next().await? else {
            return Ok(None);
        };
        self.read(event).map(Some)
    }

    fn read(&mut self, event: Looked) -> Result<Step, SourceError> {
        let Looked { frame, at, body } = event;
        let format = self.look.framer().format();
        if frame.header.kind == EventKind::FormatDescription {
            self.begun = frame.header.timestamp;
            self.tracker.expect_gtids(format.announces_groups());
        }
        // A rotation that opens the stream names the file in which it is.
        let file = if frame.artificial {
            Arc::clone(&self.look.framer().next().file)
        } else {
            Arc::clone(&at.file)
        };
        let mut place = Place::Outside;
        if !frame.artificial {
            let body = body.as_deref();
            let mut scratch = Vec::new();
            let seen = body
                .map(|body| Seen::of(&frame, body, format, &mut scratch))
                .transpose()
                .map_err(|trouble| unreadable(&at, trouble))?;
            let mark = seen
                .as_ref()
                .map_or(Mark::of_large(frame.header.kind), Seen::mark);
            place = self
                .tracker
                .place(mark)
                .map_err(|error| unreadable(&at, error))?;
            self.note(&frame, body.unwrap_or_default(), seen, place)
                .map_err(|error| unreadable(&at, error))?;
        }
        Ok(Step {
            file,
            is_between: self.tracker.is_between_groups(),
            frame,
            place,
        })
    }

    /// Keeps the set of groups that are complete.
    fn note(
        &mut self,
        frame: &Frame,
        body: &[u8],
        seen: Option<Seen<'_>>,
        place: Place,
    ) -> Result<(), crate::binlog::BinlogError> {
        match frame.header.kind {
            EventKind::PreviousGtids => self.passed.gtid_set.union(&GtidSet::decode(body)?),
            EventKind::FormatDescription => return Ok(()),
            _event => {}
        }
        self.is_past_header = true;
        if let Some(Seen::Gtid(event)) = seen {
            self.passed.open = event.gtid;
        }
        self.passed.settle(place);
        Ok(())
    }

    fn into_prefix(self) -> Prefix {
        Prefix {
            begun: self.begun,
            gtid_set: self.passed.gtid_set,
        }
    }
}
