//! The open group: its events, held until its end is known.
//!
//! Keeps what the end decides on: savepoints, and the parts that ROLLBACK TO undid. Held bytes beyond the limit are
//! handed out to be spilled, in order, and come back when the group has ended.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use crate::binlog::{EventKind, FormatDescription, Frame, compressed};
use crate::change::batch::items::Group;
use crate::change::trouble::Trouble;

/// An event of the open group. It stays where it is boxed: it is handed on many times, and the processor waits where fields that
/// were written one by one are soon copied side by side.
#[derive(Debug)]
pub(in crate::change) struct HeldEvent {
    /// The chunk that the event stands in, as an index into [`OpenGroup::buffers`].
    pub(in crate::change) buffer: usize,
    /// The whole event in that chunk.
    pub(in crate::change) range: Range<u32>,
    /// Its header and positions.
    pub(in crate::change) frame: Frame,
}

impl HeldEvent {
    /// The event's body in its chunk.
    pub(in crate::change) fn body(&self) -> Range<u32> {
        let at = |offset: usize| {
            self.range
                .start
                .saturating_add(u32::try_from(offset).unwrap_or(u32::MAX))
        };
        at(self.frame.body.start)..at(self.frame.body.end)
    }

    /// The whole event, out of its group's buffers.
    pub(in crate::change) fn whole(&self, buffers: &[Bytes]) -> Bytes {
        let buffer = buffers
            .get(self.buffer)
            .expect("a held event names one of its group's buffers");
        buffer.slice(self.range.start as usize..self.range.end as usize)
    }

    /// The bytes of the event's body, which stands in `buffer`.
    pub(in crate::change) fn bytes<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        let Range { start, end } = self.frame.body;
        buffer
            .get(self.range.start as usize..)
            .and_then(|event| event.get(start..end))
            .unwrap_or_default()
    }

    /// Unpacks one of MariaDB's compressed events; any other stays as it is.
    pub(super) fn unpacked(
        mut self: Box<Self>,
        buffer: Bytes,
        format: &FormatDescription,
    ) -> Result<(Box<Self>, Bytes), Trouble> {
        let packed_kind = self.frame.header.kind;
        let Some(kind) = compressed::plain_kind(packed_kind) else {
            return Ok((self, buffer));
        };
        let plain = compressed::plain_body(packed_kind, self.bytes(&buffer), format)?;
        self.frame.header.kind = kind;
        self.frame.body = 0..plain.len();
        self.range = 0..u32::try_from(plain.len()).unwrap_or(u32::MAX);
        Ok((self, plain.into()))
    }
}

/// Events that leave memory until their group has ended.
#[derive(Debug)]
pub struct Spilled {
    /// Whether these are the first of their group, so that a new spill file begins.
    pub first: bool,
    /// Each event with the position at which it begins in the binlog.
    pub events: Vec<(u64, Bytes)>,
    /// A piece of a large event, after those.
    pub part: Option<SpilledPart>,
}

/// A piece of a large event.
#[derive(Debug)]
pub struct SpilledPart {
    /// For the first piece, where the event begins in the binlog and how many bytes it has in all.
    pub begin: Option<(u64, u32)>,
    /// The piece.
    pub bytes: Bytes,
}

/// The events of one group so far.
#[derive(Debug)]
pub(in crate::change) struct OpenGroup {
    pub(in crate::change) group: Group,
    /// The source says that every row of the group can be rolled back.
    pub(in crate::change) transactional: bool,
    pub(in crate::change) events: VecDeque<Box<HeldEvent>>,
    /// The chunks that `events` stand in; one handle each, however many events.
    pub(in crate::change) buffers: Vec<Bytes>,
    pub(in crate::change) bytes: usize,
    /// Events that were handed out to be spilled; they precede those in `events`.
    pub(in crate::change) spilled: u64,
    /// Events in all.
    pub(in crate::change) count: u64,
    /// The order by which the group is passed over: only what can change tables is held of it.
    pub(in crate::change) passed_over: Option<u64>,
    /// Whether something was not held that can change tables.
    pub(in crate::change) is_unread: bool,
    savepoints: Vec<(Box<[u8]>, u64)>,
    undone: Vec<Range<u64>>,
}

/// The memory of a group that is done with, for the next one: holds nothing.
#[derive(Debug, Default)]
pub(in crate::change) struct GroupMemory {
    events: VecDeque<Box<HeldEvent>>,
    buffers: Vec<Bytes>,
}

impl GroupMemory {
    /// Room for more events is given back.
    const EVENTS_MAX: usize = 1024;
}

impl OpenGroup {
    pub(in crate::change) fn new(group: Group, transactional: bool) -> Self {
        Self {
            group,
            transactional,
            events: VecDeque::new(),
            buffers: Vec::new(),
            bytes: 0,
            spilled: 0,
            count: 0,
            passed_over: None,
            is_unread: false,
            savepoints: Vec::new(),
            undone: Vec::new(),
        }
    }

    pub(in crate::change) fn push(&mut self, buffer: &Bytes, range: Range<u32>, frame: Frame) {
        self.count += 1;
        self.restore(buffer, range, frame);
    }

    /// Puts an event that was spilled back in its place.
    pub(in crate::change) fn restore(&mut self, buffer: &Bytes, range: Range<u32>, frame: Frame) {
        if self
            .buffers
            .last()
            .is_none_or(|last| last.as_ptr() != buffer.as_ptr())
        {
            self.buffers.push(buffer.clone());
        }
        self.bytes += range.len();
        self.events.push_back(Box::new(HeldEvent {
            buffer: self.buffers.len() - 1,
            range,
            frame,
        }));
    }

    /// Goes on in the memory that held the events of a group before it.
    pub(in crate::change) fn reuse(&mut self, memory: GroupMemory) {
        self.events = memory.events;
        self.buffers = memory.buffers;
    }

    /// Gives up the events, and the memory that held them.
    pub(in crate::change) fn into_memory(self) -> GroupMemory {
        let (mut events, mut buffers) = (self.events, self.buffers);
        events.clear();
        events.shrink_to(GroupMemory::EVENTS_MAX);
        buffers.clear();
        buffers.shrink_to(GroupMemory::EVENTS_MAX);
        GroupMemory { events, buffers }
    }

    /// Notes a savepoint after the event pushed last; a second one of the same name replaces the first.
    pub(in crate::change) fn savepoint(&mut self, name: &[u8]) {
        self.savepoints
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.savepoints.push((name.into(), self.count));
    }

    /// Undoes what stands between the savepoint and the event pushed last; `false` if there is no such savepoint.
    pub(in crate::change) fn rollback_to(&mut self, name: &[u8]) -> bool {
        let Some(index) = self
            .savepoints
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name))
        else {
            return false;
        };
        self.savepoints.truncate(index + 1);
        if let Some((_, since)) = self.savepoints.last() {
            self.undone.push(*since..self.count);
        }
        true
    }

    /// What ROLLBACK TO undid so far, by the numbers of the events.
    pub(in crate::change) fn undone(&self) -> &[Range<u64>] {
        &self.undone
    }

    /// Takes the events of a prepared XA transaction, which are asked for as spilled ones are; ROLLBACK TO undid some.
    pub(super) fn take_over(&mut self, events: u64, undone: Vec<Range<u64>>) {
        self.spilled = events;
        self.count = events;
        self.undone = undone;
    }

    /// Whether the event with this number in the group was undone by ROLLBACK TO.
    pub(in crate::change) fn is_undone(&self, ordinal: u64) -> bool {
        self.undone.iter().any(|range| range.contains(&ordinal))
    }

    /// Whether the group's statement in hand is its only one, on a table that cannot be rolled back: at most BEGIN and COMMIT
    /// stand around it, and no XID follows.
    pub(in crate::change) fn is_statement(&self) -> bool {
        const EVENTS_MAX: u64 = 4;
        let last = self.events.back().map(|held| held.frame.header.kind);
        self.count <= EVENTS_MAX && last.is_none_or(|kind| kind == EventKind::Query)
    }

    /// Hands out everything held in memory.
    pub(in crate::change) fn spill(&mut self) -> Spilled {
        let first = self.spilled == 0;
        let buffers = std::mem::take(&mut self.buffers);
        let whole = |held: Box<HeldEvent>| (held.frame.start, held.whole(&buffers));
        let events: Vec<(u64, Bytes)> = self.events.drain(..).map(whole).collect();
        self.spilled += events.len() as u64;
        self.bytes = 0;
        Spilled {
            first,
            events,
            part: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::Coordinates;

    fn group() -> OpenGroup {
        let group = Group {
            gtid: None,
            begin: Coordinates::new("b.000001", 4),
            server_id: 1,
            commit_us: 0,
            snapshot: None,
            original_commit_us: None,
            thread_id: None,
            xid: None,
            is_xa: false,
        };
        OpenGroup::new(group, false)
    }

    #[test]
    fn rollback_to_undoes_what_stands_behind_the_savepoint() {
        let mut open = group();
        open.count = 3;
        open.savepoint(b"a");
        open.count = 5;
        open.savepoint(b"b");
        open.count = 7;
        assert!(open.rollback_to(b"A"));
        open.count = 8;
        let undone: Vec<u64> = (0..9).filter(|ordinal| open.is_undone(*ordinal)).collect();
        assert_eq!(undone, [3, 4, 5, 6]);
        assert!(
            !open.rollback_to(b"b"),
            "the inner savepoint went with the outer one"
        );
        assert!(open.rollback_to(b"a"), "the savepoint itself stays");
    }
}
