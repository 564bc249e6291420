//! Relay logs: the source's events in the files of a replica.
//!
//! | written by | tells | moves the reader |
//! |---|---|---|
//! | the replica, flagged as its own, and its stop event | how its file is laid out, and its next file | no |
//! | the replica, a rotate that leads to no other file's top, or of server 0 | where the source has come to past what the replica leaves out | there |
//! | the source, made for the stream | where the replica connected again, and the layout there | to where a rotate says |
//! | the source | changes | after it |
//!
//! A replica's file begins wherever the replica was, leaves events out (annotations), writes others in another size than they
//! have at the source (what MariaDB compressed) and does not say where its source was when it goes on after a rotation. So an
//! end position counts as it stands in the header, and only where there is none from the events before.

use std::ops::Range;

use super::{FIRST_POSITION, Framer, Header, described, lower_32_bits};
use crate::binlog::{BinlogError, Coordinates, EventKind, Frame, rotation};

impl Framer {
    /// Begins a relay log, or several one after the other. Until one tells where its source was, that is `start`.
    pub fn relaying(start: Coordinates) -> Self {
        Self {
            relays: true,
            ..Self::new(start)
        }
    }

    /// Whether the events are those of relay logs.
    pub fn is_relaying(&self) -> bool {
        self.relays
    }

    /// Whether the replica said, since this was asked last, that it left events out; what was sent to it twice is among them.
    pub fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.has_gap)
    }

    /// As [`Framer::frame`], in a relay log.
    pub(super) fn relayed(&mut self, header: Header, event: &[u8]) -> Result<Frame, BinlogError> {
        match header.kind {
            EventKind::FormatDescription => self.relayed_format(header, event),
            EventKind::Rotate => self.relayed_rotate(header, event),
            kind => {
                let body = self.checked_body(event)?;
                if is_of_replica(&header) {
                    return Ok(self.artificial(header, body));
                }
                let frame = self.relayed_place(header, body)?;
                self.next.position = frame.end;
                // Sent anew when the replica connects again, which may be inside a group.
                let is_of_stream = header.is_artificial() || describes_file(kind);
                Ok(match is_of_stream {
                    true => self.artificial(frame.header, frame.body),
                    false => frame,
                })
            }
        }
    }

    /// Where an event stands in the source's file.
    pub(super) fn relayed_place(
        &self,
        header: Header,
        body: Range<usize>,
    ) -> Result<Frame, BinlogError> {
        self.known_file()?;
        self.is_described()?;
        let size = u64::from(header.event_size);
        let (start, end) = match header.log_position {
            0 => (self.next.position, self.next.position.saturating_add(size)),
            stated => {
                let end = self.nearest(stated);
                (end.saturating_sub(size), end)
            }
        };
        Ok(Frame {
            header,
            body,
            start,
            end,
            artificial: false,
        })
    }

    fn relayed_format(&mut self, header: Header, event: &[u8]) -> Result<Frame, BinlogError> {
        let (format, body) = described(event)?;
        self.known_file()?;
        self.describe(format);
        let is_in_no_file =
            is_of_replica(&header) || header.is_artificial() || header.log_position == 0;
        if is_in_no_file {
            return Ok(self.artificial(header, body));
        }
        let frame = self.relayed_place(header, body)?;
        self.next.position = frame.end;
        Ok(frame)
    }

    fn relayed_rotate(&mut self, header: Header, event: &[u8]) -> Result<Frame, BinlogError> {
        let body = self.checked_body(event)?;
        if is_of_replica(&header) {
            return Ok(self.artificial(header, body));
        }
        let target = rotation::rotate(event.get(body.clone()).unwrap_or_default())?;
        // MariaDB's looks like a source's but for where it leads: a source goes on at the top of another file.
        let is_told_by_replica = header.server_id == 0
            || header.log_position == 0
            || target.position != FIRST_POSITION
            || target.file == self.next.file;
        if header.is_artificial() || is_told_by_replica {
            self.has_gap |= !header.is_artificial();
            self.next = target;
            return Ok(self.artificial(header, body));
        }
        let frame = self.relayed_place(header, body)?;
        self.next = target;
        Ok(frame)
    }

    /// The position nearest to here that has these lower 32 bits.
    fn nearest(&self, position: u32) -> u64 {
        const HALF: u64 = 1 << 31;
        let here = self.next.position;
        let forward = u64::from(position.wrapping_sub(lower_32_bits(here)));
        let ahead = here.saturating_add(forward);
        match ahead.checked_sub(HALF << 1) {
            Some(after) if forward >= HALF => after,
            Some(_) | None => ahead,
        }
    }
}

/// Whether the replica wrote the event for itself. A source's stop event is not relayed.
fn is_of_replica(header: &Header) -> bool {
    header.is_relay_log() || header.kind == EventKind::Stop
}

/// Kinds that tell of the source's file or of the stream, and are in no group.
fn describes_file(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::PreviousGtids
            | EventKind::MariaDbGtidList
            | EventKind::BinlogCheckpoint
            | EventKind::Heartbeat
            | EventKind::HeartbeatV2
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::writer::{Event, MYSQL};

    const OWN: u16 = 0x40;
    const ARTIFICIAL: u16 = 0x20;

    /// A framer that has read the format description of a replica's file.
    fn begun() -> Framer {
        let mut framer = Framer::relaying(Coordinates::new("relay.000003", 4));
        own(
            &mut framer,
            Event::format(MYSQL, 1).flags(OWN).ending_at(127),
        );
        framer
    }

    #[track_caller]
    fn own(framer: &mut Framer, event: Event) {
        let before = framer.next().clone();
        let frame = framer.frame(&event.bytes()).unwrap();
        assert!(frame.artificial);
        assert_eq!(framer.next(), &before);
    }

    fn xid() -> Event {
        Event::new(EventKind::Xid, 9_u64.to_le_bytes())
    }

    #[test]
    fn what_a_replica_writes_for_itself_moves_nothing() {
        let mut framer = begun();
        own(
            &mut framer,
            Event::new(EventKind::PreviousGtids, [0; 8])
                .flags(OWN)
                .ending_at(158),
        );
        own(
            &mut framer,
            Event::rotate("relay.000004", 4).flags(OWN).ending_at(201),
        );
        own(
            &mut framer,
            Event::new(EventKind::Stop, []).ending_at(9_000),
        );
        own(&mut framer, Event::format(MYSQL, 1).flags(ARTIFICIAL));
    }

    #[test]
    fn places_are_those_that_the_source_tells() {
        let mut framer = begun();
        framer
            .frame(&Event::artificial_rotate("binlog.000007", 4).bytes())
            .unwrap();
        let mut position = 4;
        let format = Event::format(MYSQL, 1).at(&mut position);
        assert!(!framer.frame(&format).unwrap().artificial);
        assert_eq!(*framer.next(), Coordinates::new("binlog.000007", position));
        // What the replica left out, by its own word.
        let mut passed = Event::rotate("binlog.000007", 198);
        passed.header.server_id = 0;
        assert!(!framer.take_gap());
        assert!(framer.frame(&passed.bytes()).unwrap().artificial);
        assert!(framer.take_gap() && !framer.take_gap());
        let mut position = 198;
        let frame = framer.frame(&xid().at(&mut position)).unwrap();
        assert_eq!((frame.start, frame.end), (198, position));
        let frame = framer.frame(&xid().bytes()).unwrap();
        assert_eq!(frame.start, position, "without a word it follows");
        let frame = framer.frame(&xid().ending_at(5_000).bytes()).unwrap();
        assert_eq!(frame.end, 5_000, "after what was left out");
        let frame = framer.frame(&xid().ending_at(4_000).bytes()).unwrap();
        assert_eq!(frame.end, 4_000, "what was counted was too much");
        let passed = Event::rotate("binlog.000007", 4_500).ending_at(639);
        assert!(framer.frame(&passed.bytes()).unwrap().artificial);
        assert_eq!(framer.next().position, 4_500, "inside a group");
        let rotate = Event::rotate("binlog.000008", 4).ending_at(4_544);
        assert!(!framer.frame(&rotate.bytes()).unwrap().artificial);
        assert_eq!(*framer.next(), Coordinates::new("binlog.000008", 4));
        // The replica goes on in its next file.
        own(
            &mut framer,
            Event::format(MYSQL, 1).flags(OWN).ending_at(127),
        );
        framer.frame(&xid().ending_at(300).bytes()).unwrap();
        assert_eq!(*framer.next(), Coordinates::new("binlog.000008", 300));
    }

    #[test]
    fn positions_are_the_nearest_ones_of_their_lower_32_bits() {
        let far = |position: u64| {
            let mut framer = begun();
            framer
                .frame(&Event::artificial_rotate("binlog.000007", position).bytes())
                .unwrap();
            framer
        };
        for (here, stated, expected) in [
            ((1 << 32) - 10, 20, (1 << 32) + 20),
            ((1 << 32) + 20, u32::MAX, u64::from(u32::MAX)),
            (9 << 32, 1_000, (9 << 32) + 1_000),
            ((9 << 32) + 1_000, 500, (9 << 32) + 500),
            (4, u32::MAX, u64::from(u32::MAX)),
            (400, 300, 300),
        ] {
            let mut framer = far(here);
            let frame = framer
                .frame(&xid().ending_at(u64::from(stated)).bytes())
                .unwrap();
            assert_eq!(frame.end, expected, "{here} {stated}");
            assert_eq!(framer.next().position, expected);
        }
    }

    #[test]
    fn a_damaged_event_is_refused_and_moves_nothing() {
        for event in [
            xid().ending_at(500),
            Event::rotate("binlog.000008", 4).ending_at(500),
            Event::artificial_rotate("binlog.000008", 4),
            Event::rotate("relay.000004", 4).flags(OWN),
        ] {
            let mut framer = begun();
            let mut bytes = event.bytes();
            let last = bytes.len() - 5;
            bytes[last] ^= 1;
            let error = framer.frame(&bytes).unwrap_err();
            assert!(matches!(error, BinlogError::Checksum { .. }), "{error}");
            assert_eq!(*framer.next(), Coordinates::new("relay.000003", 4));
        }
    }
}
