//! A series as one stream: where a file begins after another, an event says so, as a server's dump has it.

use std::sync::Arc;

use bytes::Bytes;
use tracing::warn;

use super::series::{BinlogSeries, SeriesPart};
use crate::binlog::{EventKind, FIRST_POSITION, Header};
use crate::mysql::Portion;
use crate::source::chunk::Chunk;
use crate::source::file_error::BinlogFileError;
use crate::source::input::InputPath;

/// What the stream holds next.
#[derive(Debug)]
pub(in crate::source) enum Joint {
    /// Events.
    Chunk(Chunk),
    /// Nothing more at this moment.
    Idle,
}

/// A series whose files are one stream.
#[derive(Debug)]
pub(in crate::source) struct Joined {
    series: BinlogSeries,
    has_begun: bool,
}

impl Joined {
    /// Joins the files of a series; the reader knows the first one's name and where in it the reading begins.
    pub(in crate::source) fn new(series: BinlogSeries) -> Self {
        Self {
            series,
            has_begun: false,
        }
    }

    /// The next events; `None` at the end. Blocks on the disk.
    ///
    /// # Errors
    /// As [`BinlogSeries::read`], and a relay log, whose events stand elsewhere in another server's binlog.
    pub(in crate::source) fn read(&mut self) -> Result<Option<Joint>, BinlogFileError> {
        let chunk = match self.series.read()? {
            None => return Ok(None),
            Some(SeriesPart::Empty { place }) => {
                warn_of_empty(&place);
                return self.read();
            }
            Some(SeriesPart::Idle) => return Ok(Some(Joint::Idle)),
            Some(SeriesPart::Events { chunk, .. }) => chunk,
            Some(SeriesPart::Begin {
                place,
                name,
                description,
            }) => {
                is_no_relay_log(&place, &description.buffer)?;
                if std::mem::replace(&mut self.has_begun, true) {
                    behind_rotation(&name, description)
                } else {
                    description
                }
            }
        };
        Ok(Some(Joint::Chunk(chunk)))
    }
}

/// Warns of a file that holds no event.
pub fn warn_of_empty(place: &InputPath) {
    warn!(
        path = %place.path().display(),
        "the file holds no event, not even a format description: its server died before it wrote one, or the file was emptied"
    );
}

/// Makes sure that a file's first event is not that of a relay log.
pub(in crate::source) fn is_no_relay_log(
    place: &InputPath,
    first: &[u8],
) -> Result<(), BinlogFileError> {
    if Header::parse(first).is_ok_and(|header| header.is_relay_log()) {
        return Err(BinlogFileError::RelayLog {
            path: place.path().to_owned(),
        });
    }
    Ok(())
}

/// Puts the event before a file's first one that a server's dump has there.
fn behind_rotation(name: &Arc<str>, description: Chunk) -> Chunk {
    let rotation = rotation(name);
    let middle = u32::try_from(rotation.len()).unwrap_or(u32::MAX);
    let bytes = [&rotation, &*description.buffer].concat();
    let end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    Chunk {
        buffer: Bytes::from(bytes),
        events: vec![0..middle, middle..end],
        part: Portion::Whole,
        ..description
    }
}

/// | field | bytes | here |
/// |---|---|---|
/// | timestamp | 4 | 0 |
/// | type | 1 | 4 |
/// | server id | 4 | 0 |
/// | size | 4 | |
/// | position after it | 4 | 0: it stands in no file |
/// | flags | 2 | artificial |
/// | position in the file | 8 | 4 |
/// | the file's name | | |
/// | CRC32 | 4 | |
fn rotation(name: &str) -> Vec<u8> {
    const CHECKSUM_BYTES: usize = 4;
    let size = Header::LEN + 8 + name.len() + CHECKSUM_BYTES;
    let mut event = vec![0; 4];
    event.push(EventKind::Rotate.number());
    event.extend([0; 4]);
    event.extend(u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    event.extend([0; 4]);
    event.extend(Header::ARTIFICIAL.to_le_bytes());
    event.extend(FIRST_POSITION.to_le_bytes());
    event.extend(name.as_bytes());
    event.extend(crc32fast::hash(&event).to_le_bytes());
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::{Coordinates, Framer};

    #[test]
    fn a_framer_follows_the_event_between_two_files() {
        let mut framer = Framer::new(Coordinates::new("", FIRST_POSITION));
        let frame = framer.frame(&rotation("binlog.000007")).unwrap();
        assert!(frame.artificial);
        assert_eq!(framer.next(), &Coordinates::new("binlog.000007", 4));
    }
}
