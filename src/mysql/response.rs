//! What a server answers to a command: OK, ERR, EOF, or the beginning of a result set.
//!
//! Follows "Generic Response Packets" of the client/server protocol manual, for a client that knows
//! `CLIENT_PROTOCOL_41` and does not set `CLIENT_DEPRECATE_EOF`.

use std::fmt;

use super::fields::{Fields, Malformed};

/// First byte of an OK packet, and of each event of a dump.
pub(super) const OK: u8 = 0x00;
/// First byte of more authentication data.
pub(super) const AUTH_MORE: u8 = 0x01;
/// First byte of the request for another factor of authentication.
pub(super) const AUTH_NEXT_FACTOR: u8 = 0x02;
/// First byte of the request to send a local file.
pub(super) const LOCAL_INFILE: u8 = 0xfb;
/// First byte of an EOF packet, and of the request to switch the authentication plugin.
pub(super) const EOF: u8 = 0xfe;
/// First byte of an ERR packet.
pub(super) const ERR: u8 = 0xff;

/// A longer packet that begins like EOF is a row.
const EOF_BYTES_MAX: usize = 8;
const STATUS_MORE_RESULTS: u16 = 0x0008;
/// Characters of a server's message that are kept.
const MESSAGE_CHARACTERS_MAX: usize = 512;
/// Shorter secrets stand in every other sentence by chance.
const SECRET_BYTES_MIN: usize = 4;

/// An error that a server sent, ready for messages: of bounded length, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ServerError {
    /// The error's number, such as 1045.
    pub code: u16,
    /// Its SQLSTATE, such as `28000`; empty where the server sent none.
    pub state: Box<str>,
    /// The server's words.
    pub message: Box<str>,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.state.is_empty() {
            write!(f, "error {}: {}", self.code, self.message)
        } else {
            write!(f, "error {} ({}): {}", self.code, self.state, self.message)
        }
    }
}

impl ServerError {
    /// Reads an ERR packet, its first byte included.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new("error packet", payload);
        if fields.u8()? != ERR {
            return Err(fields.malformed("it does not begin with 0xff"));
        }
        let code = fields.u16()?;
        let rest = fields.rest();
        // Before the handshake is over there is no SQLSTATE.
        let (state, message) = match rest.split_first() {
            Some((b'#', rest)) if rest.len() >= 5 => rest.split_at(5),
            Some(_) | None => (&[][..], rest),
        };
        Ok(Self {
            code,
            state: printable(state),
            message: printable(message),
        })
    }

    /// Takes a secret out of the words, should a server have put it there.
    pub(super) fn without(mut self, secret: &str) -> Self {
        if secret.len() >= SECRET_BYTES_MIN && self.message.contains(secret) {
            self.message = self.message.replace(secret, "…").into();
        }
        self
    }
}

fn printable(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes)
        .chars()
        .take(MESSAGE_CHARACTERS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Checks an EOF packet; `None` if the payload is something else.
pub(super) fn eof(payload: &[u8]) -> Option<Result<(), Malformed>> {
    let (first, rest) = payload.split_first()?;
    (*first == EOF && payload.len() <= EOF_BYTES_MAX).then(|| {
        let mut fields = Fields::new("end of the result set", rest);
        if fields.is_empty() {
            return Ok(());
        }
        let _warnings = fields.u16()?;
        ends(fields.u16()?, &fields)
    })
}

/// Checks an OK packet, its first byte included.
pub(super) fn ok(payload: &[u8]) -> Result<(), Malformed> {
    let mut fields = Fields::new("OK packet", payload);
    if fields.u8()? != OK {
        return Err(fields.malformed("it does not begin with 0x00"));
    }
    let _affected_rows = fields.length_encoded()?;
    let _last_insert_id = fields.length_encoded()?;
    ends(fields.u16()?, &fields)
}

fn ends(status: u16, fields: &Fields<'_>) -> Result<(), Malformed> {
    if status & STATUS_MORE_RESULTS == 0 {
        Ok(())
    } else {
        Err(fields.malformed("it announces another result, which was not asked for"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_number_state_and_words() {
        let error = ServerError::parse(b"\xff\x15\x04#28000Access denied for user 'a'").unwrap();
        assert_eq!(
            error.to_string(),
            "error 1045 (28000): Access denied for user 'a'"
        );
        let early = ServerError::parse(b"\xff\x10\x04Too many connections").unwrap();
        assert_eq!(early.to_string(), "error 1040: Too many connections");
        assert!(ServerError::parse(b"\xff\x15").is_err());
    }

    #[test]
    fn words_of_a_server_are_bounded_and_printable() {
        let mut payload = b"\xff\x15\x04#28000a\x1b[31m\nb".to_vec();
        payload.extend_from_slice(&[b'x'; 5000]);
        let message = ServerError::parse(&payload).unwrap().message;
        assert!(message.starts_with("a [31m b"));
        assert_eq!(message.chars().count(), 512);
    }

    #[test]
    fn a_secret_that_a_server_repeats_is_taken_out() {
        let error = ServerError::parse(b"\xff\x15\x04#28000wrong password 'hunter2'").unwrap();
        assert_eq!(&*error.without("hunter2").message, "wrong password '…'");
    }

    #[test]
    fn a_short_packet_that_begins_with_0xfe_is_the_end() {
        assert_eq!(eof(&[0xfe, 0, 0, 2, 0]), Some(Ok(())));
        assert_eq!(eof(&[0xfe]), Some(Ok(())));
        assert!(eof(&[0xfe, 0, 0, 8, 0]).unwrap().is_err());
        assert!(eof(&[0xfe, 0]).unwrap().is_err());
        assert_eq!(eof(&[0xfe; 9]), None);
        assert_eq!(eof(&[0x00]), None);
        assert_eq!(eof(&[]), None);
    }

    #[test]
    fn an_ok_is_checked_to_its_status() {
        let packet = [0, 1, 0xfc, 0, 1, 2, 0, 0, 0];
        assert_eq!(ok(&packet), Ok(()));
        for end in 0..7 {
            assert!(ok(&packet[..end]).is_err(), "{end}");
        }
        assert!(ok(&[0, 0, 0, 8, 0, 0, 0]).is_err());
    }
}
