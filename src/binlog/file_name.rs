//! Names of binlog files: which are believed, and what they say of the order of a server's files.
//!
//! A server numbers its files: `binlog.000009` has the base `binlog` and the number 9, and `binlog.000010` follows it. The
//! number keeps its width until it outgrows it: `binlog.1000000` follows `binlog.999999`.

use std::fmt::Write;

use super::error::BinlogError;

/// Longest binlog file name that is believed; the servers' own limit.
const FILE_NAME_BYTES_MAX: usize = 512;

/// Checks a binlog file name that came over the network or out of a file.
///
/// # Errors
/// A name that is empty, too long, not UTF-8, or could name something outside a folder or break a line of text.
pub fn file_name(bytes: &[u8]) -> Result<&str, BinlogError> {
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

/// A file's name, without a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'a>(pub &'a str);

impl<'a> FileName<'a> {
    /// What stands before the last dot: the same for all files of one server.
    pub fn base(self) -> Option<&'a str> {
        self.0.rsplit_once('.').map(|(base, _)| base)
    }

    /// The number after the last dot.
    pub fn number(self) -> Option<u64> {
        self.digits()?.parse().ok()
    }

    /// The name of the file that a server goes on in after this one; `None` where this one has no number.
    pub fn next(self) -> Option<String> {
        let (base, width) = (self.base()?, self.digits()?.len());
        let next = self.number()?.checked_add(1)?;
        Some(format!("{base}.{next:0width$}"))
    }

    /// Whether both may be files of one server: their names differ in the number only.
    pub fn is_of_series(self, other: FileName<'_>) -> bool {
        self.base() == other.base()
    }

    fn digits(self) -> Option<&'a str> {
        self.0.rsplit_once('.').map(|(_, digits)| digits)
    }
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
    fn the_next_file_has_the_next_number_with_as_many_digits_at_least() {
        for (name, base, number, next) in [
            (
                "binlog.000001",
                Some("binlog"),
                Some(1),
                Some("binlog.000002"),
            ),
            ("a.b.000099", Some("a.b"), Some(99), Some("a.b.000100")),
            (
                "binlog.999999",
                Some("binlog"),
                Some(999_999),
                Some("binlog.1000000"),
            ),
            ("binlog", None, None, None),
            ("binlog.old", Some("binlog"), None, None),
            ("b.18446744073709551615", Some("b"), Some(u64::MAX), None),
        ] {
            let found = FileName(name);
            assert_eq!(found.base(), base, "{name}");
            assert_eq!(found.number(), number, "{name}");
            assert_eq!(found.next().as_deref(), next, "{name}");
        }
    }

    #[test]
    fn files_of_one_server_differ_in_the_number_only() {
        for (one, other, expected) in [
            ("binlog.000001", "binlog.1000000", true),
            ("binlog.000001", "relay.000001", false),
            ("a.b.000001", "a.000001", false),
            ("binlog", "binlog.000001", false),
        ] {
            assert_eq!(
                FileName(one).is_of_series(FileName(other)),
                expected,
                "{one} {other}"
            );
        }
    }
}
