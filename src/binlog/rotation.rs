//! Events that say where in the source's files the stream is: rotate and heartbeat.

use std::fmt::Write;
use std::sync::Arc;

use super::coordinates::Coordinates;
use super::cursor::Cursor;
use super::error::BinlogError;
use super::event::{EventKind, Header};

/// Longest binlog file name that is believed; the servers' own limit.
const FILE_NAME_BYTES_MAX: usize = 512;

/// Reads a rotate event's body: where the stream goes on.
///
/// | field | bytes |
/// |---|---|
/// | position | 8 |
/// | file name | the rest |
///
/// # Errors
/// Missing bytes, a position inside the file's magic, or a name that cannot be one.
pub fn rotate(body: &[u8]) -> Result<Coordinates, BinlogError> {
    let mut cursor = Cursor::new(body);
    let position = cursor.u64("the position in the next file")?;
    if position < 4 {
        return Err(BinlogError::Value {
            what: "the position in the next file",
            expected: "at least 4",
            found: position,
        });
    }
    Ok(Coordinates::new(file_name(cursor.rest())?, position))
}

/// Where an idle source says that the stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The file.
    pub file: Arc<str>,
    /// All 64 bits of the position, which only version 2 holds; the header has the lower 32.
    pub position: Option<u64>,
}

impl Heartbeat {
    /// Reads a heartbeat's body: of version 1 the file name; of version 2 fields of a type, a length and a value, up to
    /// type 0.
    ///
    /// # Errors
    /// Missing bytes, no file name, or one that cannot be one.
    pub fn parse(header: &Header, body: &[u8]) -> Result<Self, BinlogError> {
        if header.kind == EventKind::Heartbeat {
            return Ok(Self {
                file: file_name(body)?.into(),
                position: None,
            });
        }
        let mut cursor = Cursor::new(body);
        let mut name: &[u8] = &[];
        let mut position = None;
        loop {
            let field = cursor.length_encoded("the heartbeat's field type")?;
            if field == 0 {
                break;
            }
            let value = cursor.length_encoded_bytes("the heartbeat's field")?;
            match field {
                1 => name = value,
                2 => {
                    position = Some(Cursor::new(value).length_encoded("the heartbeat's position")?);
                }
                _later_field => {}
            }
        }
        Ok(Self {
            file: file_name(name)?.into(),
            position,
        })
    }
}

/// Checks a binlog file name that came over the network or out of a file.
///
/// # Errors
/// A name that is empty, too long, not UTF-8, or could name something outside a folder or break a line of text.
pub(super) fn file_name(bytes: &[u8]) -> Result<&str, BinlogError> {
    let fault = if bytes.is_empty() {
        "is empty"
    } else if bytes.len() > FILE_NAME_BYTES_MAX {
        "is longer than 512 bytes"
    } else if bytes.contains(&b'/') {
        "contains a slash"
    } else if bytes.iter().any(u8::is_ascii_control) {
        "contains a control character"
    } else if bytes == b"." || bytes == b".." {
        "is a folder's"
    } else if let Ok(name) = std::str::from_utf8(bytes) {
        return Ok(name);
    } else {
        "is not UTF-8"
    };
    Err(BinlogError::FileName {
        name: printable(bytes),
        fault,
    })
}

/// The first bytes of a name in characters that a log line can hold.
fn printable(bytes: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 64;
    let mut text = String::new();
    for byte in bytes.iter().take(SHOWN_BYTES_MAX) {
        write!(text, "{}", byte.escape_ascii()).expect("a String takes every write");
    }
    if bytes.len() > SHOWN_BYTES_MAX {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_do_harm_are_refused() {
        let check = |name: &[u8], accepted: bool| {
            assert_eq!(file_name(name).is_ok(), accepted, "{}", printable(name));
        };
        check(b"binlog.000001", true);
        check("журнал.000001".as_bytes(), true);
        check(&[b'a'; 512], true);
        check(&[b'a'; 513], false);
        check(b"", false);
        check(b"..", false);
        check(b"../binlog.000001", false);
        check(b"/etc/passwd", false);
        check(b"binlog\n000001", false);
        check(b"binlog\0", false);
        check(b"binlog.\xff", false);
    }

    #[test]
    fn a_refused_name_is_shown_without_its_control_characters() {
        let error = file_name(b"a\nb").unwrap_err().to_string();
        assert_eq!(
            error,
            "binlog file name 'a\\nb' contains a control character"
        );
        assert!(file_name(&[b'x'; 1000]).unwrap_err().to_string().len() < 150);
    }

    #[test]
    fn a_rotate_names_a_file_and_a_position_and_every_short_prefix_is_an_error() {
        let mut body = 4_u64.to_le_bytes().to_vec();
        body.extend(b"binlog.000002");
        assert_eq!(rotate(&body).unwrap(), Coordinates::new("binlog.000002", 4));
        for length in 0..=8 {
            assert!(rotate(&body[..length]).is_err());
        }
        body[0] = 3;
        assert!(rotate(&body).is_err());
    }

    #[test]
    fn a_heartbeat_of_version_2_holds_64_bits_and_every_prefix_is_an_error() {
        let header = |kind| Header {
            timestamp: 0,
            kind,
            server_id: 1,
            event_size: 0,
            log_position: 0,
            flags: 0,
        };
        let mut body = vec![1, 13];
        body.extend(b"binlog.000002");
        body.extend([2, 9, 254, 0, 0, 0, 0, 1, 0, 0, 0]);
        body.extend([9, 1, 1]);
        body.push(0);
        let version_2 = header(EventKind::HeartbeatV2);
        let heartbeat = Heartbeat::parse(&version_2, &body).unwrap();
        assert_eq!(&*heartbeat.file, "binlog.000002");
        assert_eq!(heartbeat.position, Some(1 << 32));
        for length in 0..body.len() {
            assert!(Heartbeat::parse(&version_2, &body[..length]).is_err());
        }
        let version_1 = header(EventKind::Heartbeat);
        assert!(Heartbeat::parse(&version_1, b"binlog.000002").is_ok());
        assert!(Heartbeat::parse(&version_1, b"").is_err());
    }
}
