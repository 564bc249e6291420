//! The format description event: how the events of one file are laid out.
//!
//! Follows `Format_description_event` in `libs/mysql/binlog/event/control_events.h`.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | binlog version | 2 | 4 |
//! | server version | 50 | text, filled up with zero bytes |
//! | created | 4 | server start in seconds since 1970, where this is its first file; else 0 |
//! | header length | 1 | 19 |
//! | post-header lengths | n | a byte an event type, from type 1 |
//! | checksum algorithm | 1 | 0 none, 1 CRC32; from 5.6.1 and MariaDB 5.3.0 |
//! | checksum | 4 | always there with the algorithm, although valid only where it is not 0 |

use super::cursor::Cursor;
use super::{BinlogError, EventKind, Header};
use crate::mysql::{Flavour, version_numbers};

/// Bytes of a CRC32.
pub(super) const CHECKSUM_BYTES: usize = 4;

/// How the events of one file are laid out, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FormatDescription {
    server_version: Box<str>,
    created: u32,
    crc32: bool,
    post_header_lengths: Box<[u8]>,
}

impl Default for FormatDescription {
    /// The layout of today's servers, without checksums: what holds before the first format description event.
    fn default() -> Self {
        Self {
            server_version: "".into(),
            created: 0,
            crc32: false,
            post_header_lengths: Box::default(),
        }
    }
}

impl FormatDescription {
    const VERSION_BYTES: usize = 50;

    /// Reads the event's content: all that follows the header, checksum included.
    ///
    /// # Errors
    /// A binlog version other than 4, another header length than 19, an unknown checksum algorithm, or missing bytes.
    pub fn parse(content: &[u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(content);
        let version = cursor.u16("the binlog version")?;
        if version != 4 {
            return Err(BinlogError::Value {
                what: "the binlog version",
                expected: "4",
                found: u64::from(version),
            });
        }
        let server_version = cursor.array::<{ Self::VERSION_BYTES }>("the server version")?;
        let server_version = text_before_zero(&server_version)?;
        let created = cursor.u32("the time of creation")?;
        let header_length = cursor.u8("the header length")?;
        if usize::from(header_length) != Header::LEN {
            return Err(BinlogError::Value {
                what: "the header length",
                expected: "19",
                found: u64::from(header_length),
            });
        }
        let (post_header_lengths, crc32) = if knows_checksums(server_version) {
            let trailer = 1 + CHECKSUM_BYTES;
            let lengths = cursor
                .left()
                .checked_sub(trailer)
                .ok_or(BinlogError::Truncated {
                    what: "the checksum algorithm and the checksum",
                    needed: trailer as u64,
                    left: cursor.left(),
                })?;
            let lengths = cursor.bytes(lengths, "the post-header lengths")?;
            (lengths, algorithm(cursor.u8("the checksum algorithm")?)?)
        } else {
            (cursor.rest(), false)
        };
        Ok(Self {
            server_version: server_version.into(),
            created,
            crc32,
            post_header_lengths: post_header_lengths.into(),
        })
    }

    /// The server that wrote the file, as it prints its version.
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// The family of the server that wrote the file.
    pub fn flavour(&self) -> Flavour {
        if self.server_version.contains("MariaDB") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        }
    }

    /// When the server started, in seconds since 1970, if this is its first file since; else 0.
    pub fn created(&self) -> u32 {
        self.created
    }

    /// Whether events end in a CRC32.
    pub fn has_checksums(&self) -> bool {
        self.crc32
    }

    /// Bytes of the checksum after each event.
    pub fn checksum_bytes(&self) -> usize {
        if self.crc32 { CHECKSUM_BYTES } else { 0 }
    }

    /// Whether the event itself ends in four bytes of checksum, which it does even where the algorithm is none.
    pub(super) fn has_trailer(&self) -> bool {
        knows_checksums(&self.server_version)
    }

    /// Bytes of the fixed part of a kind's body; `None` if the server does not know the kind.
    pub fn post_header(&self, kind: EventKind) -> Option<u8> {
        self.post_header_lengths
            .get(usize::from(kind.number()).checked_sub(1)?)
            .copied()
    }

    /// Makes sure that the bodies of the kinds that the server knows begin as their readers expect.
    ///
    /// # Errors
    /// Another length of a kind's fixed part.
    pub(super) fn check_lengths(&self) -> Result<(), BinlogError> {
        for (kind, what, expected, text) in FIXED_PARTS {
            let found = self.post_header(kind).unwrap_or(0);
            if found != 0 && found != expected {
                return Err(BinlogError::Value {
                    what,
                    expected: text,
                    found: u64::from(found),
                });
            }
        }
        Ok(())
    }

    /// Whether the signedness in table maps has a bit for YEAR columns. `None` where that is not known: MySQL 8.0.20 wrote
    /// none, 8.0.29 writes one.
    pub fn signs_years(&self) -> Option<bool> {
        let version = version_numbers(&self.server_version);
        if self.flavour() == Flavour::MariaDb || self.server_version.is_empty() {
            Some(true)
        } else if version <= [8, 0, 20] {
            Some(false)
        } else {
            (version >= [8, 0, 29]).then_some(true)
        }
    }

    /// Whether the server opens each group with a GTID event, an anonymous one if need be.
    pub fn announces_groups(&self) -> bool {
        match self.flavour() {
            Flavour::MariaDb => version_numbers(&self.server_version) >= [10, 0, 0],
            Flavour::MySql => version_numbers(&self.server_version) >= [5, 7, 0],
        }
    }
}

/// Bytes of the fixed parts that readers rely on; a server writes 0 for a kind that it does not write.
const FIXED_PARTS: [(EventKind, &str, u8, &str); 12] = [
    (
        EventKind::Query,
        "the post-header length of QUERY",
        13,
        "13",
    ),
    (
        EventKind::Rotate,
        "the post-header length of ROTATE",
        8,
        "8",
    ),
    (
        EventKind::BeginLoadQuery,
        "the post-header length of BEGIN_LOAD_QUERY",
        4,
        "4",
    ),
    (
        EventKind::ExecuteLoadQuery,
        "the post-header length of EXECUTE_LOAD_QUERY",
        26,
        "26",
    ),
    (
        EventKind::TableMap,
        "the post-header length of TABLE_MAP",
        8,
        "8",
    ),
    (
        EventKind::WriteRowsV1,
        "the post-header length of WRITE_ROWS_V1",
        8,
        "8",
    ),
    (
        EventKind::UpdateRowsV1,
        "the post-header length of UPDATE_ROWS_V1",
        8,
        "8",
    ),
    (
        EventKind::DeleteRowsV1,
        "the post-header length of DELETE_ROWS_V1",
        8,
        "8",
    ),
    (
        EventKind::Incident,
        "the post-header length of INCIDENT",
        2,
        "2",
    ),
    (
        EventKind::WriteRows,
        "the post-header length of WRITE_ROWS",
        10,
        "10",
    ),
    (
        EventKind::UpdateRows,
        "the post-header length of UPDATE_ROWS",
        10,
        "10",
    ),
    (
        EventKind::DeleteRows,
        "the post-header length of DELETE_ROWS",
        10,
        "10",
    ),
];

fn text_before_zero(bytes: &[u8]) -> Result<&str, BinlogError> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(text).map_err(|_| BinlogError::NotUtf8 {
        what: "the server version",
    })
}

fn algorithm(number: u8) -> Result<bool, BinlogError> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        found => Err(BinlogError::Value {
            what: "the checksum algorithm",
            expected: "0 (none) or 1 (CRC32)",
            found: u64::from(found),
        }),
    }
}

/// Whether a server of this version writes a checksum algorithm.
fn knows_checksums(server_version: &str) -> bool {
    if server_version.contains("MariaDB") {
        version_numbers(server_version) >= [5, 3, 0]
    } else {
        version_numbers(server_version) >= [5, 6, 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(version: &str, trailer: &[u8]) -> Vec<u8> {
        let mut bytes = vec![4, 0];
        let mut name = version.as_bytes().to_vec();
        name.resize(50, 0);
        bytes.extend(name);
        bytes.extend([9, 0, 0, 0, 19]);
        bytes.extend([56, 13, 0, 8]);
        bytes.extend(trailer);
        bytes
    }

    #[test]
    fn the_version_decides_whether_years_have_a_sign() {
        for (version, signed) in [
            ("8.0.15", Some(false)),
            ("8.0.20-11", Some(false)),
            ("8.0.23", None),
            ("8.0.29", Some(true)),
            ("9.7.0", Some(true)),
            ("10.11.19-MariaDB-log", Some(true)),
        ] {
            let bytes = content(version, &[1, 0, 0, 0, 0]);
            let format = FormatDescription::parse(&bytes).unwrap();
            assert_eq!(format.signs_years(), signed, "{version}");
        }
    }

    #[test]
    fn the_version_decides_whether_a_checksum_algorithm_follows() {
        let check = |version: &str, expected: bool| {
            assert_eq!(knows_checksums(version), expected, "{version}");
        };
        check("9.7.0", true);
        check("8.0.mysql_aurora.3.04.0", true);
        check("5.6.1-log", true);
        check("5.6.0", false);
        check("5.5.62", false);
        check("5.5.68-MariaDB", true);
        check("5.2.14-MariaDB", false);
        check("10.11.14-MariaDB-0+deb12u2-log", true);
        check("", false);
    }

    #[test]
    fn the_content_is_read_and_every_prefix_is_an_error() {
        let bytes = content("9.7.0", &[1, 0xaa, 0xbb, 0xcc, 0xdd]);
        let format = FormatDescription::parse(&bytes).unwrap();
        assert_eq!(format.server_version(), "9.7.0");
        assert_eq!(format.created(), 9);
        assert!(format.has_checksums() && format.announces_groups());
        assert_eq!(format.post_header(EventKind::Query), Some(13));
        assert_eq!(format.post_header(EventKind::TableMap), None);
        for length in 0..57 + 5 {
            assert!(FormatDescription::parse(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn an_unknown_algorithm_or_binlog_version_is_refused() {
        let unknown = content("9.7.0", &[2, 0, 0, 0, 0]);
        assert!(FormatDescription::parse(&unknown).is_err());
        let mut old = content("9.7.0", &[1, 0, 0, 0, 0]);
        old[0] = 3;
        assert!(FormatDescription::parse(&old).is_err());
    }

    #[test]
    fn a_server_before_checksums_has_no_trailer() {
        let format = FormatDescription::parse(&content("5.5.62", &[])).unwrap();
        assert!(!format.has_checksums() && !format.has_trailer());
        assert!(!format.announces_groups());
    }
}
