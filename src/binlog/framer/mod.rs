//! Events one by one: size, checksum, layout, and where each begins and ends.
//!
//! Positions are counted here, in 64 bits. The end position in a header has 32, wraps in files over 4 GiB, and is 0 in
//! MariaDB's groups since 11.4; where it is there, it must agree with the count.
//!
//! A server sends events that are in no file: a rotate before the stream and before each file, the format description
//! again when the stream begins inside a file, heartbeats. They move nothing and are not counted as received.

mod relay;

use std::ops::Range;

use super::event::FLAG_IN_USE;
use super::format_description::CHECKSUM_BYTES;
use super::rotation::{self, Heartbeat};
use super::{BinlogError, Checksum, Coordinates, EventKind, FormatDescription, Header};

/// Position of the first event of a file, after the magic.
pub const FIRST_POSITION: u64 = 4;

/// Checks events and keeps the place in the stream.
#[derive(Clone, Debug)]
pub struct Framer {
    next: Coordinates,
    skips: bool,
    /// Whether an earlier file than the current one is refused.
    only_forward: bool,
    /// The events are those of relay logs.
    relays: bool,
    /// The replica said that it left events out, and nobody asked since.
    has_gap: bool,
    format: FormatDescription,
    stage: FramerStage,
    /// A checksum of nothing, which each begins as: making one anew looks for what the processor can do.
    no_checksum: crc32fast::Hasher,
}

/// How far the stream is within its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FramerStage {
    /// Nothing came yet.
    Start,
    /// A rotate named the file, its format description is to come.
    Announced,
    /// The format description came.
    Described,
}

/// One event: its header, and where in the file and in its bytes it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: Header,
    /// Which of the event's bytes are the body: header and checksum excluded.
    pub body: Range<usize>,
    /// Where the event begins in its file.
    pub start: u64,
    /// Where the next event begins, were there no rotate; equal to `start` for an artificial event.
    pub end: u64,
    /// Whether the event is in no file and so not in the ledger.
    pub artificial: bool,
}

impl Framer {
    /// Begins at `start`, the place of the next event that is not artificial. An empty file name means that the source
    /// chooses the file; its first event, an artificial rotate, names it.
    pub fn new(start: Coordinates) -> Self {
        Self {
            next: start,
            skips: false,
            only_forward: false,
            relays: false,
            has_gap: false,
            format: FormatDescription::default(),
            stage: FramerStage::Start,
            no_checksum: crc32fast::Hasher::new(),
        }
    }

    /// Begins a stream that was asked for by GTID set: the source names the file and leaves out groups that are in the
    /// set, so that positions jump forward, between groups.
    pub fn skipping() -> Self {
        Self {
            skips: true,
            ..Self::new(Coordinates::new("", FIRST_POSITION))
        }
    }

    /// Refuses to go to an earlier file than the current one, as no server does; files may have been renamed.
    pub fn only_forward(&mut self) {
        self.only_forward = true;
    }

    /// Where the next event begins. After an error, where the refused event begins.
    pub fn next(&self) -> &Coordinates {
        &self.next
    }

    /// The layout of the current file's events.
    pub fn format(&self) -> &FormatDescription {
        &self.format
    }

    /// Checks one whole event, header and checksum included, and moves past it. A rotate moves to the file that it
    /// names.
    ///
    /// # Errors
    /// A size, checksum, layout, file name or position that cannot be; the framer is then as before.
    pub fn frame(&mut self, event: &[u8]) -> Result<Frame, BinlogError> {
        let header = Header::parse(event)?;
        if header.event_size as usize != event.len() {
            return Err(BinlogError::EventSize {
                stated: header.event_size,
                found: event.len(),
            });
        }
        if self.relays {
            return self.relayed(header, event);
        }
        match header.kind {
            EventKind::Rotate => self.rotate(header, event),
            EventKind::FormatDescription => self.format_description(header, event),
            EventKind::Heartbeat | EventKind::HeartbeatV2 => self.heartbeat(header, event),
            _ => self.ordinary(header, event),
        }
    }

    /// Moves past one whole event of which nothing is to be read, whatever its checksum says.
    ///
    /// # Errors
    /// A kind that the place in the stream depends on; a layout or position that cannot be. The framer is then as before.
    pub fn frame_unread(&mut self, event: &[u8]) -> Result<Frame, BinlogError> {
        let header = Header::parse(event)?;
        let decides = matches!(
            header.kind,
            EventKind::Rotate
                | EventKind::FormatDescription
                | EventKind::Heartbeat
                | EventKind::HeartbeatV2
        );
        if decides || header.is_artificial() || header.event_size as usize != event.len() {
            return self.frame(event);
        }
        self.begin(header).map(|(frame, _checksum)| frame)
    }

    /// Checks the header of an event of which only the first bytes are here, and moves past the event. Its checksum is to
    /// be computed by the caller, if there is one.
    ///
    /// # Errors
    /// A layout or position that cannot be; the framer is then as before.
    pub fn begin(&mut self, header: Header) -> Result<(Frame, Option<Checksum>), BinlogError> {
        let size = header.event_size as usize;
        let end = size.saturating_sub(self.format.checksum_bytes());
        let frame = self.placed(header, Header::LEN..end.max(Header::LEN))?;
        self.next.position = frame.end;
        let checksum = self.format.has_checksums().then(Checksum::new);
        Ok((frame, checksum))
    }

    fn ordinary(&mut self, header: Header, event: &[u8]) -> Result<Frame, BinlogError> {
        let body = self.checked_body(event)?;
        if header.is_artificial() {
            return Ok(self.artificial(header, body));
        }
        let frame = self.placed(header, body)?;
        self.next.position = frame.end;
        Ok(frame)
    }

    fn rotate(&mut self, header: Header, event: &[u8]) -> Result<Frame, BinlogError> {
        let artificial =
            header.is_artificial() || (header.timestamp, header.log_position) == (0, 0);
        if !artificial {
            let body = self.checked_body(event)?;
            let frame = self.placed(header, body)?;
            let target = rotation::rotate(event.get(frame.body.clone()).unwrap_or_default())?;
            self.goes_forward(&target)?;
            self.next = target;
            self.stage = FramerStage::Announced;
            return Ok(frame);
        }
        let body = self.artificial_rotate_body(event)?;
        let target = rotation::rotate(event.get(body.clone()).unwrap_or_default())?;
        if target != self.next {
            self.may_go_to(&target)?;
            self.next = target;
            self.stage = FramerStage::Announced;
        } else if self.stage == FramerStage::Start {
            self.stage = FramerStage::Announced;
        }
        Ok(self.artificial(header, body))
    }

    /// No file comes after a later one of the same server.
    fn goes_forward(&self, target: &Coordinates) -> Result<(), BinlogError> {
        match self.only_forward && target.is_in_file_before(&self.next.file) {
            false => Ok(()),
            true => Err(BinlogError::Place {
                expected: self.next.clone(),
                found: target.clone(),
            }),
        }
    }

    /// An artificial rotate to another place is right where the source chooses it, and after a file that ended without
    /// a rotate event of its own because the server stopped or died.
    fn may_go_to(&self, target: &Coordinates) -> Result<(), BinlogError> {
        let right = match self.stage {
            FramerStage::Start => self.skips || self.next.file.is_empty(),
            FramerStage::Announced => false,
            FramerStage::Described => {
                self.goes_forward(target)?;
                target.file != self.next.file && target.position == FIRST_POSITION
            }
        };
        if right {
            Ok(())
        } else {
            Err(BinlogError::Place {
                expected: self.next.clone(),
                found: target.clone(),
            })
        }
    }

    /// The first artificial rotate comes before any format description, with a checksum if the connection asked for it:
    /// the bytes tell.
    fn artificial_rotate_body(&self, event: &[u8]) -> Result<Range<usize>, BinlogError> {
        match crc32_body(self.no_checksum.clone(), event, 0) {
            Ok(body) => Ok(body),
            Err(error) if self.format.has_checksums() => Err(error),
            Err(_) => Ok(Header::LEN..event.len()),
        }
    }

    fn format_description(&mut self, header: Header, event: &[u8]) -> Result<Frame, BinlogError> {
        let (format, body) = described(event)?;
        self.known_file()?;
        let inside_file = self.next.position != FIRST_POSITION;
        let frame = if header.log_position == 0 || header.is_artificial() || inside_file {
            self.artificial(header, body)
        } else {
            self.placed_anywhere(header, body)?
        };
        self.next.position = frame.end;
        self.describe(format);
        Ok(frame)
    }

    fn describe(&mut self, format: FormatDescription) {
        self.format = format;
        self.stage = FramerStage::Described;
    }

    fn heartbeat(&mut self, header: Header, event: &[u8]) -> Result<Frame, BinlogError> {
        let body = self.checked_body(event)?;
        let heartbeat = Heartbeat::parse(&header, event.get(body.clone()).unwrap_or_default())?;
        let (position, reachable) = match heartbeat.position {
            Some(position) => (position, self.skips && position >= self.next.position),
            None => (self.widened(header.log_position), false),
        };
        let found = Coordinates {
            file: heartbeat.file,
            position,
        };
        if found.file != self.next.file || !(reachable || self.may_skip_to(position)) {
            return Err(BinlogError::Place {
                expected: self.next.clone(),
                found,
            });
        }
        self.next.position = position;
        Ok(self.artificial(header, body))
    }

    fn artificial(&self, header: Header, body: Range<usize>) -> Frame {
        Frame {
            header,
            body,
            start: self.next.position,
            end: self.next.position,
            artificial: true,
        }
    }

    fn placed(&self, header: Header, body: Range<usize>) -> Result<Frame, BinlogError> {
        if self.relays {
            return self.relayed_place(header, body);
        }
        self.known_file()?;
        self.is_described()?;
        self.placed_anywhere(header, body)
    }

    fn placed_anywhere(&self, header: Header, body: Range<usize>) -> Result<Frame, BinlogError> {
        let size = u64::from(header.event_size);
        let overflow = || BinlogError::Value {
            what: "the position in the file",
            expected: "less than 2^64",
            found: self.next.position,
        };
        let counted = self.next.position.checked_add(size).ok_or_else(overflow)?;
        let start = if header.log_position == 0 || lower_32_bits(counted) == header.log_position {
            self.next.position
        } else {
            let start = self.widened(header.log_position.wrapping_sub(header.event_size));
            if !self.may_skip_to(start) || !stands_between_groups(header.kind) {
                return Err(BinlogError::Position {
                    stated: header.log_position,
                    counted,
                });
            }
            start
        };
        Ok(Frame {
            header,
            body,
            start,
            end: start.saturating_add(size),
            artificial: false,
        })
    }

    fn is_described(&self) -> Result<(), BinlogError> {
        if self.stage != FramerStage::Described {
            return Err(BinlogError::NoFormat);
        }
        Ok(())
    }

    fn known_file(&self) -> Result<(), BinlogError> {
        if self.next.file.is_empty() {
            return Err(BinlogError::NoFile);
        }
        Ok(())
    }

    /// The first position from here on that has these lower 32 bits.
    fn widened(&self, position: u32) -> u64 {
        let here = self.next.position;
        here.saturating_add(u64::from(position.wrapping_sub(lower_32_bits(here))))
    }

    fn may_skip_to(&self, position: u64) -> bool {
        // A backward position looks like a step of almost 4 GiB.
        const STEP_MAX: u64 = 1 << 31;
        match position.checked_sub(self.next.position) {
            None => false,
            Some(0) => true,
            Some(step) => self.skips && step < STEP_MAX,
        }
    }

    fn checked_body(&self, event: &[u8]) -> Result<Range<usize>, BinlogError> {
        if self.format.has_checksums() {
            crc32_body(self.no_checksum.clone(), event, 0)
        } else {
            Ok(Header::LEN..event.len())
        }
    }
}

/// Kinds at which a source may go on after it left something out.
fn stands_between_groups(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Gtid
            | EventKind::AnonymousGtid
            | EventKind::GtidTagged
            | EventKind::PreviousGtids
            | EventKind::MariaDbGtid
            | EventKind::MariaDbGtidList
            | EventKind::BinlogCheckpoint
            | EventKind::FormatDescription
            | EventKind::Rotate
            | EventKind::Stop
            | EventKind::Incident
    )
}

fn lower_32_bits(position: u64) -> u32 {
    let [a, b, c, d, ..] = position.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Reads a format description event, and which of its bytes are the body.
fn described(event: &[u8]) -> Result<(FormatDescription, Range<usize>), BinlogError> {
    let content = event.get(Header::LEN..).unwrap_or_default();
    let format = FormatDescription::parse(content)?;
    let body = match (format.has_checksums(), format.has_trailer()) {
        (true, _) => crc32_body(crc32fast::Hasher::new(), event, FLAG_IN_USE)?,
        (false, true) => Header::LEN..event.len() - CHECKSUM_BYTES,
        (false, false) => Header::LEN..event.len(),
    };
    Ok((format, body))
}

/// Verifies the CRC32 at an event's end, which was computed without the flags `uncovered`; `hasher` has computed nothing yet.
fn crc32_body(
    mut hasher: crc32fast::Hasher,
    event: &[u8],
    uncovered: u16,
) -> Result<Range<usize>, BinlogError> {
    const FLAGS: usize = Header::LEN - 2;
    let parts = event.split_last_chunk::<4>().and_then(|(covered, stored)| {
        let (head, rest) = covered.split_at_checked(FLAGS)?;
        let (flags, body) = rest.split_first_chunk::<2>()?;
        Some((covered, head, flags, body, stored))
    });
    let Some((covered, head, flags, body, stored)) = parts else {
        return Err(BinlogError::Truncated {
            what: "the checksum",
            needed: 4,
            left: event.len().saturating_sub(Header::LEN),
        });
    };
    let flags = u16::from_le_bytes(*flags);
    if flags & uncovered == 0 {
        hasher.update(covered);
    } else {
        hasher.update(head);
        hasher.update(&(flags & !uncovered).to_le_bytes());
        hasher.update(body);
    }
    let (stored, computed) = (u32::from_le_bytes(*stored), hasher.finalize());
    if stored != computed {
        return Err(BinlogError::Checksum { stored, computed });
    }
    Ok(Header::LEN..Header::LEN + body.len())
}

#[cfg(test)]
mod tests;
