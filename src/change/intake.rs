//! The intake: events as they arrive, framed, placed, and held until their group's end is known.
//!
//! Nothing of a group is looked at before then, savepoints apart. A group that outgrows memory is handed out to be spilled;
//! so is each piece of a large event as it arrives.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::checking::check_event;
use super::group::arriving::Arriving;
use super::group::closed::ClosedGroup;
use super::group::open::{GroupMemory, OpenGroup, Spilled, SpilledPart};
use super::group::placer::{Placed, Placer};
use super::group::seen::Seen;
use super::group::tracker::{Outcome, Place};
use super::history::{Sieve, SievedEvent, Stretch};
use super::skips::{PassedOver, SkipOrders};
use super::trouble::{AssembleError, Trouble};
use super::until::Until;
use crate::binlog::{
    BinlogError, Control, Coordinates, EventKind, FormatDescription, Frame, Framer, Header,
};
use crate::mysql::Portion;

/// Which groups a source leaves out of a stream, so that positions jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeftOut {
    /// None.
    #[default]
    Nothing,
    /// Those of a GTID set of which nothing is known: statements among them were not followed.
    Unread,
    /// Those that were delivered before, perhaps by another server.
    Delivered,
}

/// Takes in one stream's events.
#[derive(Debug)]
pub(super) struct Intake {
    framer: Framer,
    placer: Placer,
    open: Option<OpenGroup>,
    /// What the next group is held in.
    memory: GroupMemory,
    arriving: Option<(Arriving, Place)>,
    left_out: LeftOut,
    /// Where to stop: the group before which that is is not taken.
    until: Until,
    /// Bytes of the open group beyond which it is spilled.
    hold_bytes_max: usize,
    /// Whether every body is checked.
    checks_all: bool,
    /// Keeps what the stream tells of definitions.
    sieve: Option<Sieve>,
    /// Which groups are passed over.
    orders: SkipOrders,
}

/// What became of an event.
#[derive(Clone, Debug)]
pub(super) enum Taken {
    /// It is in no file, and nothing counts it.
    Artificial(Header),
    /// It stands between groups, and settles at once.
    Between(Header),
    /// It stands between groups, is not known, and is passed over as an order says.
    PassedOver(Box<PassedOver>),
    /// As [`Taken::Between`], and the group before it was never finished.
    Abandons(Header),
    /// It opened a group.
    Opened,
    /// It is a group of its own, which is to be closed.
    Alone,
    /// It is held in the open group.
    Held,
    /// It is held, and its group is to be closed.
    Ends(Outcome),
    /// It begins a group before which the stream is to stop, and was not taken.
    Late,
}

/// A piece of a large event, to be spilled with all that its group holds in memory.
#[derive(Debug)]
pub(super) struct TakenPart {
    /// `None` of a group that is passed over, of which nothing is kept.
    pub(super) spilled: Option<Spilled>,
    /// The event has all its pieces, and its group is to be closed.
    pub(super) ends: Option<Outcome>,
}

impl Intake {
    /// Begins between groups, at `start`; a source that was asked by GTID set says itself where.
    pub(super) fn new(
        start: Coordinates,
        left_out: LeftOut,
        until: Until,
        hold_bytes_max: usize,
    ) -> Self {
        Self {
            framer: match left_out {
                LeftOut::Unread | LeftOut::Delivered => Framer::skipping(),
                LeftOut::Nothing => Framer::new(start),
            },
            placer: Placer::default(),
            open: None,
            memory: GroupMemory::default(),
            arriving: None,
            left_out,
            until,
            hold_bytes_max,
            checks_all: false,
            sieve: None,
            orders: SkipOrders::default(),
        }
    }

    /// Passes groups over as these orders say.
    pub(super) fn pass_over(&mut self, orders: SkipOrders) {
        self.orders = orders;
    }

    /// Checks the body of every event that is whole from now on.
    pub(super) fn check_all(&mut self) {
        self.checks_all = true;
    }

    /// Keeps what the stream tells of definitions from now on.
    pub(super) fn keep_history(&mut self) {
        let sieve = Sieve::default();
        self.sieve = Some(match self.left_out {
            LeftOut::Unread | LeftOut::Delivered => sieve.with_gaps(),
            LeftOut::Nothing => sieve,
        });
    }

    /// What was kept since this was asked last, up to the last place between groups.
    pub(super) fn take_history(&mut self) -> Vec<Stretch> {
        self.sieve.as_mut().map(Sieve::hand_out).unwrap_or_default()
    }

    /// Refuses to go to an earlier binlog file from now on.
    pub(super) fn only_forward(&mut self) {
        self.framer.only_forward();
    }

    /// Takes in relay logs from now on, one after the other: a group may begin in one and end in the next.
    pub(super) fn relay_logs_from(&mut self, start: Coordinates) {
        self.framer = Framer::relaying(start);
    }

    /// Whether it takes in relay logs.
    pub(super) fn is_relaying(&self) -> bool {
        self.framer.is_relaying()
    }

    /// The layout of the current file's events.
    pub(super) fn format(&self) -> &FormatDescription {
        self.framer.format()
    }

    /// Where the next event begins.
    pub(super) fn next(&self) -> &Coordinates {
        self.framer.next()
    }

    /// Whether the stream may stop here.
    pub(super) fn is_between_groups(&self) -> bool {
        self.placer.is_between_groups()
    }

    /// The group that is open.
    pub(super) fn open(&self) -> Option<&OpenGroup> {
        self.open.as_ref()
    }

    /// Whether the source, or a replica, may have left out groups since this was asked last of which nothing is known.
    pub(super) fn take_gap(&mut self) -> bool {
        self.left_out == LeftOut::Unread || self.framer.take_gap()
    }

    /// Whether groups are left out.
    pub(super) fn leaves_out(&self) -> bool {
        self.left_out != LeftOut::Nothing
    }

    /// Whether it is at a place before `reached`: a source that was asked by GTID set begins at the top of a file, before
    /// what it sends.
    pub(super) fn is_before(&self, reached: &Coordinates) -> bool {
        let next = self.framer.next();
        self.leaves_out() && next.is_of_series(reached) && next < reached
    }

    /// Takes the next event, which stands at `range` of `buffer`.
    ///
    /// # Errors
    /// An event that cannot be read, cannot stand where it does, or cannot be passed over.
    pub(super) fn take(
        &mut self,
        event: &[u8],
        range: Range<u32>,
        buffer: &Bytes,
    ) -> Result<Taken, AssembleError> {
        // A rotation moves on to the next file.
        let file = self
            .sieve
            .is_some()
            .then(|| Arc::clone(&self.framer.next().file));
        // What is looked at soon after it was written is borrowed from where it is: the processor waits where it is copied.
        let mut framed = self.framer.frame(event);
        if framed.is_err()
            && self.passes_over()
            && let Ok(unread) = self.framer.frame_unread(event)
        {
            // In a group that is passed over, its checksum need not be right.
            framed = Ok(unread);
        }
        let frame = match framed {
            Ok(ref frame) => frame,
            Err(error) => return Err(self.unframed(event, error)),
        };
        let header = &frame.header;
        let body = event.get(frame.body.clone()).unwrap_or_default();
        if self.checks_all {
            check_event(header, body, self.framer.format())
                .map_err(|trouble| AssembleError::new(self.at(frame), header.kind, trouble))?;
        }
        let (mut scratch, mut again) = (Vec::new(), Vec::new());
        let format = self.framer.format();
        let mut placed = self.placer.place(frame, Some(body), format, &mut scratch);
        if placed.is_err() && self.passes_over() {
            // What cannot be read of a group that is passed over need not be.
            placed = self.placer.place(frame, None, format, &mut again);
        }
        let placed = match placed {
            Ok(ref placed) => placed,
            Err(trouble) => return Err(AssembleError::new(self.at(frame), header.kind, trouble)),
        };
        if let Some(file) = &file {
            self.sift(file, frame, Some(body));
        }
        let Some(Placed { place, seen }) = placed else {
            return Ok(Taken::Artificial(*header));
        };
        let seen = seen.as_ref();
        match place {
            Place::Outside => self.between(frame),
            Place::Abandons => self.passes(frame).map(|()| Taken::Abandons(*header)),
            Place::Opens | Place::Alone if self.is_late(header, seen) => Ok(Taken::Late),
            Place::Opens | Place::Alone => {
                let seen = seen.expect("an event with its body is looked at");
                let group = seen.group(self.at(frame), frame);
                let mut open = OpenGroup::new(group, seen.is_transactional());
                open.reuse(std::mem::take(&mut self.memory));
                open.passed_over = self
                    .orders
                    .take(open.group.gtid.as_ref(), &open.group.begin);
                open.push(buffer, range, frame.clone());
                self.open = Some(open);
                Ok(match *place == Place::Alone {
                    true => Taken::Alone,
                    false => Taken::Opened,
                })
            }
            Place::Inside => {
                self.hold(buffer, range, frame, seen);
                Ok(Taken::Held)
            }
            Place::Ends(outcome) => {
                self.hold(buffer, range, frame, seen);
                Ok(Taken::Ends(*outcome))
            }
        }
    }

    /// Takes the next piece of a large event; `None` where that begins a group before which the stream is to stop.
    ///
    /// # Errors
    /// An event that cannot be read, cannot stand where it does, or is of a kind that is never large.
    pub(super) fn take_part(
        &mut self,
        bytes: Bytes,
        part: Portion,
    ) -> Result<Option<TakenPart>, AssembleError> {
        let (mut arriving, place, begin) = match self.arriving.take() {
            Some((arriving, place)) => (arriving, place, None),
            None => {
                let Some((arriving, place)) = self.arrives(&bytes)? else {
                    return Ok(None);
                };
                let frame = arriving.frame();
                let begin = (frame.start, frame.header.event_size);
                (arriving, place, Some(begin))
            }
        };
        if self.passes_over() {
            return Ok(Some(self.pass_over_part(arriving, place, bytes, part)));
        }
        let at = self.at(arriving.frame());
        let kind = arriving.frame().header.kind;
        let wrong = |error| AssembleError::new(at, kind, error);
        let ends = match part.goes_on() {
            true => {
                arriving.take(&bytes).map_err(wrong)?;
                self.arriving = Some((arriving, place));
                None
            }
            false => {
                let taken = arriving.take(&bytes);
                let frame = taken.and_then(|()| arriving.finish()).map_err(wrong)?;
                let file = Arc::clone(&self.framer.next().file);
                self.sift(&file, &frame, None);
                Some(place)
            }
        };
        let open = self.open.as_mut().expect("a large event stands in a group");
        let mut spilled = open.spill();
        spilled.part = Some(SpilledPart { begin, bytes });
        if ends.is_some() {
            open.count += 1;
            open.spilled += 1;
        }
        let ends = match ends {
            Some(Place::Ends(outcome)) => Some(outcome),
            _goes_on => None,
        };
        Ok(Some(TakenPart {
            spilled: Some(spilled),
            ends,
        }))
    }

    /// Takes the next piece of a large event of a group that is passed over.
    fn pass_over_part(
        &mut self,
        mut arriving: Arriving,
        place: Place,
        bytes: Bytes,
        part: Portion,
    ) -> TakenPart {
        let kind = arriving.frame().header.kind;
        // Its checksum need not be right.
        let _ = arriving.take(&bytes);
        let is_over = !part.goes_on();
        match is_over {
            false => self.arriving = Some((arriving, place)),
            true => {
                let file = Arc::clone(&self.framer.next().file);
                self.sift(&file, arriving.frame(), None);
                if let Some(open) = &mut self.open {
                    open.count += 1;
                    open.is_unread |= changes_tables(kind);
                }
            }
        }
        TakenPart {
            spilled: None,
            ends: match place {
                Place::Ends(outcome) if is_over => Some(outcome),
                _goes_on => None,
            },
        }
    }

    /// Hands out what the open group holds in memory, if that is over the limit.
    pub(super) fn spill_if_large(&mut self) -> Option<Spilled> {
        let open = self.open.as_mut()?;
        let is_large = open.bytes > self.hold_bytes_max && open.passed_over.is_none();
        is_large.then(|| open.spill())
    }

    /// Closes the open group, which ends with the event taken last; `None` if none was taken.
    pub(super) fn close(&mut self, outcome: Outcome) -> Option<ClosedGroup> {
        let open = self.open.take()?;
        Some(ClosedGroup::new(open, outcome, self.framer.next().clone()))
    }

    /// Takes a group back that is done with, to hold the next one in its memory.
    pub(super) fn reuse(&mut self, done: ClosedGroup) {
        self.memory = done.held.into_memory();
    }

    /// Looks at the first piece of a large event, which holds the header. Nothing is known of its body yet.
    fn arrives(&mut self, bytes: &[u8]) -> Result<Option<(Arriving, Place)>, AssembleError> {
        let header = Header::parse(bytes).map_err(|error| self.unframed(bytes, error))?;
        let kind = header.kind;
        if !may_be_large(kind) && !self.passes_over() {
            let at = self.framer.next().clone();
            return Err(AssembleError::new(at, kind, Trouble::Large { kind }));
        }
        let arriving = Arriving::begin(&mut self.framer, header)
            .map_err(|error| self.unframed(bytes, error))?;
        let frame = arriving.frame();
        let at = self.at(frame);
        let mut scratch = Vec::new();
        let placed = self
            .placer
            .place(frame, None, self.framer.format(), &mut scratch)
            .map_err(|trouble| AssembleError::new(at.clone(), kind, trouble))?;
        match placed.map(|placed| placed.place) {
            Some(place @ (Place::Inside | Place::Ends(_))) => Ok(Some((arriving, place))),
            Some(Place::Opens | Place::Alone) if self.is_late(&header, None) => Ok(None),
            Some(Place::Opens | Place::Alone | Place::Outside | Place::Abandons) | None => {
                Err(AssembleError::new(at, kind, Trouble::Large { kind }))
            }
        }
    }

    fn hold(&mut self, buffer: &Bytes, range: Range<u32>, frame: &Frame, seen: Option<&Seen<'_>>) {
        let open = self
            .open
            .as_mut()
            .expect("an event inside a group follows one that opened it");
        if open.passed_over.is_some() && !changes_tables(frame.header.kind) {
            open.count += 1;
            return;
        }
        open.push(buffer, range, frame.clone());
        match seen {
            Some(Seen::Query(Some(Control::Savepoint(name)))) => open.savepoint(name),
            Some(Seen::Query(Some(Control::RollbackTo(name)))) => {
                // Without a known savepoint nothing was written since, so nothing is undone.
                open.rollback_to(name);
            }
            Some(
                Seen::Query(_)
                | Seen::Gtid(_)
                | Seen::MariaDbGtid(_)
                | Seen::XaPrepare { .. }
                | Seen::Other(_),
            )
            | None => {}
        }
    }

    /// Whether the open group is passed over.
    fn passes_over(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.passed_over.is_some())
    }

    /// An event between groups: passed, or passed over where it is not known and an order says so.
    fn between(&mut self, frame: &Frame) -> Result<Taken, AssembleError> {
        let Err(error) = self.passes(frame) else {
            return Ok(Taken::Between(frame.header));
        };
        let begin = self.at(frame);
        match self.orders.take(None, &begin) {
            Some(order) => Ok(Taken::PassedOver(Box::new(PassedOver {
                order,
                gtid: None,
                begin,
                end: self.framer.next().clone(),
                commit_us: i64::from(frame.header.timestamp) * 1_000_000,
                events: 1,
                xa: None,
                statements: 0,
                doubts_definitions: true,
            }))),
            None => Err(error),
        }
    }

    /// Shows the history an event, where one is kept.
    fn sift(&mut self, file: &Arc<str>, frame: &Frame, body: Option<&[u8]>) {
        if let Some(sieve) = &mut self.sieve {
            sieve.take(&SievedEvent {
                file,
                frame,
                body,
                format: self.framer.format(),
                is_between: self.placer.is_between_groups(),
            });
        }
    }

    /// Makes sure that an event between groups may be passed over.
    fn passes(&self, frame: &Frame) -> Result<(), AssembleError> {
        let kind = frame.header.kind;
        let trouble = match kind {
            EventKind::Incident => Trouble::Incident,
            EventKind::Unknown(_) if !frame.header.is_ignorable() => Trouble::Unsupported { kind },
            _passes => return Ok(()),
        };
        Err(AssembleError::new(self.at(frame), kind, trouble))
    }

    fn is_late(&self, header: &Header, seen: Option<&Seen<'_>>) -> bool {
        let gtid = seen.and_then(Seen::gtid);
        self.until.is_before(gtid, header.timestamp)
    }

    /// Where the event that was framed last begins.
    fn at(&self, frame: &Frame) -> Coordinates {
        Coordinates::new(Arc::clone(&self.framer.next().file), frame.start)
    }

    fn unframed(&self, event: &[u8], error: BinlogError) -> AssembleError {
        let kind = Header::parse(event).ok().map(|header| header.kind);
        AssembleError::new(self.framer.next().clone(), kind, error)
    }
}

/// Kinds that are looked at even in a group that is passed over.
fn changes_tables(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Query
            | EventKind::QueryCompressed
            | EventKind::TransactionPayload
            | EventKind::XaPrepare
    )
}

/// Kinds that grow with rows or statements.
fn may_be_large(kind: EventKind) -> bool {
    matches!(
        kind.number(),
        2 | 9 | 17 | 23..=25 | 29..=32 | 39 | 40 | 160 | 165..=172
    )
}
