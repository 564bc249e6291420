//! Writes events for tests, as a server would: header, body, checksum.

use super::event::FLAG_IN_USE;
use super::{EventKind, Header};

/// The start of a format description's content, up to the server version.
pub(super) const MYSQL: &str = "9.7.0";
pub(super) const MARIADB: &str = "11.4.2-MariaDB-log";

/// An event to be.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) header: Header,
    pub(super) body: Vec<u8>,
    pub(super) has_checksum: bool,
}

impl Event {
    pub(super) fn new(kind: EventKind, body: impl Into<Vec<u8>>) -> Self {
        Self {
            header: Header {
                timestamp: 1_700_000_000,
                kind,
                server_id: 1,
                event_size: 0,
                log_position: 0,
                flags: 0,
            },
            body: body.into(),
            has_checksum: true,
        }
    }

    /// A rotate event that names `file` and `position`.
    pub(super) fn rotate(file: &str, position: u64) -> Self {
        let mut body = position.to_le_bytes().to_vec();
        body.extend(file.as_bytes());
        Self::new(EventKind::Rotate, body)
    }

    /// The rotate that a server makes up for the stream.
    pub(super) fn artificial_rotate(file: &str, position: u64) -> Self {
        let mut event = Self::rotate(file, position).flags(0x20);
        event.header.timestamp = 0;
        event
    }

    /// A format description; with a checksum after the algorithm, as always.
    pub(super) fn format(server_version: &str, algorithm: u8) -> Self {
        let mut body = vec![4, 0];
        let mut version = server_version.as_bytes().to_vec();
        version.resize(50, 0);
        body.extend(version);
        body.extend([0, 0, 0, 0, 19]);
        body.extend([0; 42]);
        body.push(algorithm);
        Self::new(EventKind::FormatDescription, body)
    }

    pub(super) fn flags(mut self, flags: u16) -> Self {
        self.header.flags = flags;
        self
    }

    pub(super) fn without_checksum(mut self) -> Self {
        self.has_checksum = false;
        self
    }

    /// Says where the event ends.
    pub(super) fn ending_at(mut self, position: u64) -> Self {
        self.header.log_position = u32::try_from(position & 0xffff_ffff).unwrap();
        self
    }

    /// Says that the event begins at `position`, and returns where it ends.
    pub(super) fn at(self, position: &mut u64) -> Vec<u8> {
        *position += self.size() as u64;
        self.ending_at(*position).bytes()
    }

    pub(super) fn size(&self) -> usize {
        Header::LEN + self.body.len() + if self.has_checksum { 4 } else { 0 }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let size = u32::try_from(self.size()).unwrap();
        let head = |flags: u16| {
            let mut bytes = self.header.timestamp.to_le_bytes().to_vec();
            bytes.push(self.header.kind.number());
            bytes.extend(self.header.server_id.to_le_bytes());
            bytes.extend(size.to_le_bytes());
            bytes.extend(self.header.log_position.to_le_bytes());
            bytes.extend(flags.to_le_bytes());
            bytes.extend(&self.body);
            bytes
        };
        let mut bytes = head(self.header.flags);
        if self.has_checksum {
            let covered = match self.header.kind {
                EventKind::FormatDescription => head(self.header.flags & !FLAG_IN_USE),
                _other => bytes.clone(),
            };
            bytes.extend(crc32fast::hash(&covered).to_le_bytes());
        }
        bytes
    }
}
