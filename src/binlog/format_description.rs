//! The format description event: what the events behind it look like.
//!
//! | field | width | meaning |
//! |---|---|---|
//! | binlog version | 2 | 4 |
//! | server version | 50 | text, filled with zeros |
//! | created | 4 | when the server started, if this is its first file; else 0 |
//! | header length | 1 | 19 |
//! | post-header lengths | 1 each | by event number, from 1 |
//! | checksum algorithm | 1 | 0 none, 1 CRC32; since 5.6 |
//! | checksum | 4 | of this event, whatever the algorithm |

use super::BinlogError;
use super::reader::Reader;
use crate::mysql::Flavour;

/// What a file's events look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatDescription {
    server_version: Box<str>,
    post_headers: Box<[u8]>,
    crc32: bool,
}

const VERSION_BYTES: usize = 50;
const CHECKSUM_BYTES: usize = 4;

impl Default for FormatDescription {
    fn default() -> Self {
        Self {
            server_version: "".into(),
            post_headers: Box::default(),
            crc32: false,
        }
    }
}

impl FormatDescription {
    /// Reads the event's body; `body` is all bytes behind the header, the checksum's included.
    ///
    /// # Errors
    /// When it is not a format description of version 4.
    pub fn parse(body: &[u8]) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "format description");
        let version = reader.u16()?;
        if version != 4 {
            return Err(BinlogError::Field {
                what: "binlog version",
                found: u64::from(version),
                expected: "4",
            });
        }
        let name = reader.take(VERSION_BYTES)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let server_version: Box<str> = String::from_utf8_lossy(name).into();
        let _created = reader.u32()?;
        let header_length = reader.u8()?;
        if header_length != 19 {
            let found = u64::from(header_length);
            return Err(BinlogError::Field {
                what: "header length",
                found,
                expected: "19",
            });
        }
        let rest = reader.rest();
        if !knows_checksums(&server_version) {
            return Ok(Self {
                server_version,
                post_headers: rest.into(),
                crc32: false,
            });
        }
        let (lengths, tail) = rest
            .len()
            .checked_sub(1 + CHECKSUM_BYTES)
            .map_or((rest, &[][..]), |at| {
                rest.split_at_checked(at).unwrap_or((rest, &[]))
            });
        let crc32 = match tail.first() {
            Some(0) => false,
            Some(1) => true,
            Some(other) => {
                let found = u64::from(*other);
                return Err(BinlogError::Field {
                    what: "checksum algorithm",
                    found,
                    expected: "0 or 1",
                });
            }
            None => {
                return Err(BinlogError::Truncated {
                    what: "format description",
                    wanted: 5,
                    left: 0,
                });
            }
        };
        Ok(Self {
            server_version,
            post_headers: lengths.into(),
            crc32,
        })
    }

    /// The server that wrote the file.
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// Whether events end in a CRC32.
    pub fn has_checksums(&self) -> bool {
        self.crc32
    }

    /// Bytes of the checksum behind each event.
    pub fn checksum_bytes(&self) -> usize {
        if self.crc32 { CHECKSUM_BYTES } else { 0 }
    }

    /// Bytes of the post-header of events with this number; `None` if the server does not know them.
    pub fn post_header(&self, number: u8) -> Option<u8> {
        self.post_headers
            .get(usize::from(number).checked_sub(1)?)
            .copied()
    }

    /// Whether the server opens each group with a GTID event, an anonymous one if need be.
    pub fn announces_groups(&self) -> bool {
        match version(&self.server_version) {
            (major, _, Flavour::MariaDb) => major >= 10,
            (major, minor, Flavour::MySql) => (major, minor) >= (5, 7),
        }
    }
}

/// Whether a server of this version writes the checksum algorithm: MySQL since 5.6.1, MariaDB since 5.3.
fn knows_checksums(server_version: &str) -> bool {
    match version(server_version) {
        (major, minor, Flavour::MariaDb) => (major, minor) >= (5, 3),
        (major, minor, Flavour::MySql) => (major, minor) >= (5, 6),
    }
}

fn version(text: &str) -> (u32, u32, Flavour) {
    let flavour = if text.contains("MariaDB") {
        Flavour::MariaDb
    } else {
        Flavour::MySql
    };
    let text = text.strip_prefix("5.5.5-").unwrap_or(text);
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|digits| digits.parse().unwrap_or(0));
    (
        numbers.next().unwrap_or(0),
        numbers.next().unwrap_or(0),
        flavour,
    )
}
