//! The framer: whole events in, headers and positions out, every checksum verified.
//!
//! Keeps the coordinates of the stream in 64 bits: event headers hold 32, and none inside MariaDB's groups since 11.4.

use std::ops::Range;
use std::sync::Arc;

use super::event::FLAG_IN_USE;
use super::reader::Reader;
use super::{BinlogError, Coordinates, EventKind, FormatDescription, Header};

/// Bytes of a file name at most.
const FILE_NAME_BYTES_MAX: usize = 512;
/// Where a file's first event begins, behind the magic number.
pub const FIRST_POSITION: u64 = 4;

/// An event that was framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// Its body: a range of the event's bytes without header and checksum.
    pub body: Range<usize>,
    /// Where it begins in its file.
    pub start: u64,
    /// Where the next event begins.
    pub end: u64,
    /// Whether it is not in the file but made for the stream; it has no place in positions and counts.
    pub artificial: bool,
}

/// Frames the events of one stream.
#[derive(Clone, Debug)]
pub struct Framer {
    next: Coordinates,
    format: FormatDescription,
    /// Whether a format description was seen.
    described: bool,
    /// Whether the source leaves out groups, as it does for a GTID set, so that positions jump between groups.
    skips: bool,
}

impl Framer {
    /// Makes a framer for a stream whose first real event begins at `start`.
    pub fn new(start: Coordinates) -> Self {
        Self {
            next: start,
            format: FormatDescription::default(),
            described: false,
            skips: false,
        }
    }

    /// Makes a framer for a stream that was asked for by GTID set: the source names the file, and leaves out groups that
    /// are in the set.
    pub fn skipping() -> Self {
        Self {
            skips: true,
            ..Self::new(Coordinates::new("", FIRST_POSITION))
        }
    }

    /// Where the next event begins.
    pub fn next(&self) -> &Coordinates {
        &self.next
    }

    /// What events look like at present.
    pub fn format(&self) -> &FormatDescription {
        &self.format
    }

    /// Takes one whole event: header, body and checksum.
    ///
    /// # Errors
    /// When its size, checksum or position is not what it should be, or it names an impossible file. The place is
    /// [`Framer::next`].
    pub fn frame(&mut self, event: &[u8]) -> Result<Frame, BinlogError> {
        let header = Header::parse(event)?;
        if u64::from(header.event_size) != event.len() as u64 {
            return Err(BinlogError::Size {
                header: header.event_size,
                found: event.len() as u64,
            });
        }
        if header.kind == EventKind::FormatDescription {
            self.format = FormatDescription::parse(event.get(Header::LEN..).unwrap_or_default())?;
            self.described = true;
        }
        let body = self.verified(&header, event)?;
        let artificial = is_artificial(&header);
        let end = if artificial {
            self.next.position
        } else {
            self.behind(&header)?
        };
        let start = if artificial {
            end
        } else {
            end - u64::from(header.event_size)
        };
        let frame = Frame {
            header,
            body,
            start,
            end,
            artificial,
        };
        self.next.position = end;
        if header.kind == EventKind::Rotate {
            self.rotate(
                event.get(frame.body.clone()).unwrap_or_default(),
                artificial,
            )?;
        }
        Ok(frame)
    }

    /// The body's range, once the checksum was found right.
    fn verified(&self, header: &Header, event: &[u8]) -> Result<Range<usize>, BinlogError> {
        if !self.described {
            // The rotation that opens a stream comes before any format description, with a checksum or without.
            let checked = event.split_last_chunk::<4>().filter(|(covered, checksum)| {
                covered.len() >= Header::LEN
                    && crc32fast::hash(covered) == u32::from_le_bytes(**checksum)
            });
            return Ok(Header::LEN..checked.map_or(event.len(), |(covered, _)| covered.len()));
        }
        if !self.format.has_checksums() {
            return Ok(Header::LEN..event.len());
        }
        let short = || BinlogError::Truncated {
            what: "event",
            wanted: 23,
            left: event.len() as u64,
        };
        let (covered, checksum) = event.split_last_chunk::<4>().ok_or_else(short)?;
        if covered.len() < Header::LEN {
            return Err(short());
        }
        let found = u32::from_le_bytes(*checksum);
        let computed = if header.kind == EventKind::FormatDescription {
            without_in_use_flag(covered)
        } else {
            crc32fast::hash(covered)
        };
        if found != computed {
            return Err(BinlogError::Checksum { found, computed });
        }
        Ok(Header::LEN..covered.len())
    }

    /// The position behind a real event, from its size; the header must agree in its 32 bits where it says anything,
    /// except where the source left out groups.
    fn behind(&self, header: &Header) -> Result<u64, BinlogError> {
        let computed = self.next.position + u64::from(header.event_size);
        let low = u64::from(header.log_position);
        if low == 0 || low == computed & u64::from(u32::MAX) {
            return Ok(computed);
        }
        if !(self.skips && stands_between_groups(header.kind)) {
            return Err(BinlogError::Position {
                header: header.log_position,
                computed,
            });
        }
        let candidate = (computed & !u64::from(u32::MAX)) | low;
        Ok(if candidate < computed {
            candidate + (1 << 32)
        } else {
            candidate
        })
    }

    fn rotate(&mut self, body: &[u8], artificial: bool) -> Result<(), BinlogError> {
        let mut reader = Reader::new(body, "ROTATE event");
        let position = reader.u64()?;
        let name = file_name(reader.rest())?;
        // The server repeats where the stream stands when it begins; only a real one, or another file, moves it.
        if !artificial || *name != *self.next.file {
            self.next = Coordinates {
                file: Arc::from(name),
                position,
            };
        }
        Ok(())
    }
}

/// A file name from the network, if it is a plain one.
///
/// # Errors
/// When it is empty, too long, not UTF-8 or has a path or a control character in it.
pub fn file_name(bytes: &[u8]) -> Result<&str, BinlogError> {
    let refused =
        || BinlogError::FileName(String::from_utf8_lossy(bytes).chars().take(80).collect());
    let name = std::str::from_utf8(bytes).map_err(|_| refused())?;
    let plain = !name.is_empty()
        && name.len() <= FILE_NAME_BYTES_MAX
        && !matches!(name, "." | "..")
        && !name
            .chars()
            .any(|c| c == '/' || c == '\\' || c.is_control());
    if plain { Ok(name) } else { Err(refused()) }
}

/// Heartbeats, the rotation that opens a stream, and a format description repeated for a start in the middle of a file.
fn is_artificial(header: &Header) -> bool {
    let made_up = matches!(
        header.kind,
        EventKind::Rotate | EventKind::FormatDescription | EventKind::MariaDbGtidList
    ) && header.log_position == 0;
    header.is_artificial()
        || made_up
        || matches!(header.kind, EventKind::Heartbeat | EventKind::HeartbeatV2)
}

/// Events at which a source may go on after it left out groups.
fn stands_between_groups(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Gtid
            | EventKind::AnonymousGtid
            | EventKind::GtidTagged
            | EventKind::MariaDbGtid
            | EventKind::MariaDbGtidList
            | EventKind::PreviousGtids
            | EventKind::BinlogCheckpoint
            | EventKind::FormatDescription
            | EventKind::Rotate
            | EventKind::Stop
    )
}

/// The checksum of a format description, whose in-use flag the server clears in place when it closes the file.
fn without_in_use_flag(covered: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    if let Some((header, rest)) = covered.split_first_chunk::<{ Header::LEN }>() {
        let mut header = *header;
        let [.., low, high] = &mut header;
        let flags = u16::from_le_bytes([*low, *high]) & !FLAG_IN_USE;
        [*low, *high] = flags.to_le_bytes();
        hasher.update(&header);
        hasher.update(rest);
    }
    hasher.finalize()
}
