//! The walk over retained events beside the stream: over a dump of its own or over files, from group to group.
//!
//! `server::DumpWalk` brings the bytes of a dump, `files::FileWalk` those of files, both as framed [`WalkEvent`]s.
//! [`GroupWalk`] places them in their groups and keeps the GTIDs of the groups that it has passed. [`BoundarySearch`] looks
//! for a position among them. The history of DDL and the statements in retained files walk without groups.

use std::sync::Arc;

use bytes::Bytes;

use super::error::SourceError;
use crate::binlog::{
    BinlogError, Coordinates, EventKind, FIRST_POSITION, FormatDescription, Frame, Framer, Gtid,
    GtidSet,
};
use crate::change::{Place, Placed, Placer, Seen};
use crate::mysql::Flavour;

/// An event of a walk.
#[derive(Debug)]
pub(super) struct WalkEvent {
    pub(super) frame: Frame,
    /// Where it begins; of an event of the stream alone, where the stream is after it.
    pub(super) at: Coordinates,
    /// The body; `None` of an event that is too large to be looked at.
    pub(super) body: Option<Bytes>,
}

impl WalkEvent {
    /// Frames the next event.
    ///
    /// # Errors
    /// Bytes that are no event which can stand there.
    pub(super) fn of(framer: &mut Framer, bytes: &Bytes) -> Result<Self, SourceError> {
        let before = framer.next().clone();
        let frame = framer
            .frame(bytes)
            .map_err(|error| unreadable(&before, error))?;
        Ok(Self {
            body: Some(bytes.slice(frame.body.clone())),
            ..Self::of_large(framer, before.file, frame)
        })
    }

    /// An event of which the body is not at hand, in the file in which the stream was before it.
    pub(super) fn of_large(framer: &Framer, file: Arc<str>, frame: Frame) -> Self {
        // A rotation that opens the stream names the file in which it is.
        let file = if frame.artificial {
            Arc::clone(&framer.next().file)
        } else {
            file
        };
        Self {
            at: Coordinates::new(file, frame.start),
            frame,
            body: None,
        }
    }

    /// How far the stream has come with it, heartbeats that stand for skipped groups included.
    pub(super) fn reached(&self) -> Coordinates {
        let Frame { header, end, .. } = &self.frame;
        let position = match header.kind {
            EventKind::Heartbeat => u64::from(header.log_position).max(*end),
            _event => *end,
        };
        Coordinates::new(Arc::clone(&self.at.file), position)
    }
}

/// What an event is to its group.
#[derive(Debug)]
pub(super) struct WalkStep {
    /// Whether a group begins here, and its GTID if it has one.
    pub(super) opens: Option<Option<Gtid>>,
    /// Whether no group is open after it.
    pub(super) is_between: bool,
}

/// Follows events from group to group; begins between two.
#[derive(Debug)]
pub(super) struct GroupWalk {
    flavour: Flavour,
    placer: Placer,
    /// That of the open group, if it has one.
    open: Option<Gtid>,
    /// The groups that are complete, those of earlier files and those that were known before included.
    pub(super) gtid_set: GtidSet,
    /// When the present file was begun, in seconds since 1970.
    pub(super) begun: u32,
    /// Whether an event after the format description was met, which may name the groups of earlier files.
    pub(super) is_past_header: bool,
}

impl GroupWalk {
    /// Begins between groups, with the groups that are known there.
    pub(super) fn new(known: GtidSet) -> Self {
        Self {
            flavour: known.flavour(),
            placer: Placer::default(),
            open: None,
            gtid_set: known,
            begun: 0,
            is_past_header: false,
        }
    }

    /// Takes the next event; `format` is the layout of its file.
    ///
    /// # Errors
    /// An event that cannot be read or cannot stand where it does.
    pub(super) fn take(
        &mut self,
        event: &WalkEvent,
        format: &FormatDescription,
    ) -> Result<WalkStep, SourceError> {
        let wrong = |error: Box<dyn std::error::Error + Send + Sync>| unreadable(&event.at, error);
        if event.frame.header.kind == EventKind::FormatDescription {
            self.begun = event.frame.header.timestamp;
        }
        let mut opens = None;
        let mut scratch = Vec::new();
        let placed = self
            .placer
            .place(&event.frame, event.body.as_deref(), format, &mut scratch)
            .map_err(|trouble| wrong(trouble.into()))?;
        if let Some(Placed { place, seen }) = placed {
            self.note(event, seen)
                .map_err(|error| wrong(error.into()))?;
            opens = matches!(place, Place::Opens | Place::Alone).then(|| self.open.clone());
            self.settle(place);
        }
        Ok(WalkStep {
            opens,
            is_between: self.placer.is_between_groups(),
        })
    }

    /// Takes what an event tells of GTIDs.
    fn note(&mut self, event: &WalkEvent, seen: Option<Seen<'_>>) -> Result<(), BinlogError> {
        match seen {
            Some(Seen::Gtid(event)) => self.open = event.gtid,
            Some(Seen::MariaDbGtid(event)) => self.open = Some(event.gtid),
            Some(Seen::Query(_) | Seen::XaPrepare { .. } | Seen::Other(_)) | None => {}
        }
        let kind = event.frame.header.kind;
        self.is_past_header |= kind != EventKind::FormatDescription;
        let body = event.body.as_deref().unwrap_or_default();
        let earlier = match (kind, self.flavour) {
            (EventKind::PreviousGtids, Flavour::MySql) => GtidSet::decode(body)?,
            (EventKind::MariaDbGtidList, Flavour::MariaDb) => GtidSet::decode_list(body)?,
            _other => return Ok(()),
        };
        self.gtid_set.union(&earlier);
        Ok(())
    }

    fn settle(&mut self, place: Place) {
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

/// Looks through a file from its first event on for a position at which a group may begin.
#[derive(Debug)]
pub(super) struct BoundarySearch<'a> {
    at: &'a Coordinates,
    /// The last boundary that was met, at the position at most.
    before: u64,
    /// What the position is in the middle of, once it was passed.
    misplaced: Option<Misplaced>,
}

/// What a position is in the middle of.
#[derive(Clone, Copy, Debug)]
enum Misplaced {
    Event,
    Group,
}

impl<'a> BoundarySearch<'a> {
    pub(super) fn new(at: &'a Coordinates) -> Self {
        Self {
            at,
            before: FIRST_POSITION,
            misplaced: None,
        }
    }

    /// Whether the position was met as a boundary.
    pub(super) fn is_found(&self) -> bool {
        self.before == self.at.position
    }

    /// Takes the next event of the file.
    ///
    /// # Errors
    /// When the position is inside an event or a group, with the boundaries around it.
    pub(super) fn take(&mut self, event: &WalkEvent, step: &WalkStep) -> Result<(), SourceError> {
        if self.is_found() {
            return Ok(());
        }
        let Frame { start, end, .. } = event.frame;
        if end > self.at.position && self.misplaced.is_none() {
            self.misplaced = Some(if start < self.at.position {
                Misplaced::Event
            } else {
                Misplaced::Group
            });
        }
        if !step.is_between || event.frame.artificial {
            return Ok(());
        }
        if self.misplaced.is_some() {
            return Err(self.misplaced(Some(end)));
        }
        self.before = end;
        Ok(())
    }

    /// What is wrong with a position that was not found up to the file's end.
    pub(super) fn missing(&self) -> Option<SourceError> {
        self.misplaced.is_some().then(|| self.misplaced(None))
    }

    /// What is wrong with a position inside an event that is not whole.
    pub(super) fn torn(&self) -> SourceError {
        SourceError::InsideEvent {
            at: self.at.clone(),
            before: self.before,
            after: None,
        }
    }

    fn misplaced(&self, after: Option<u64>) -> SourceError {
        let (at, before) = (self.at.clone(), self.before);
        match self.misplaced {
            Some(Misplaced::Group) => SourceError::InsideGroup { at, before, after },
            Some(Misplaced::Event) | None => SourceError::InsideEvent { at, before, after },
        }
    }
}

/// What cannot be read, and where.
pub(super) fn unreadable(
    at: &Coordinates,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SourceError {
    SourceError::Unreadable {
        at: at.clone(),
        source: error.into(),
    }
}
