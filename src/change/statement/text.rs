//! The text of a statement, from the character set of the session that sent it.
//!
//! A statement can hold bytes that are not text in that character set, for one in a comment, and the character set can be one
//! that rowtap does not know. Then what is left tells which statement it is, but not for certain what it names.

use std::borrow::Cow;

use super::error::StatementError;
use super::rewritten::is_rewritten;
use crate::binlog::Query;
use crate::row::{Charset, name_of_collation};

/// Bytes of a statement that an error shows.
const SHOWN_BYTES_MAX: usize = 60;

const NO_TEXT: &str = "a statement holds bytes that are not text in its session's character set";
const LONG_BACKSLASH: &str = "a statement holds a backslash of two bytes, which escapes nothing";
const UNKNOWN_CHARSET: &str = "a statement is in a character set that rowtap does not know";

/// A statement's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionText<'a> {
    /// In UTF-8, with U+FFFD for what is not text.
    pub(super) text: Cow<'a, str>,
    /// Why the text is not all that was sent; `None` if it is.
    pub(super) doubt: Option<&'static str>,
    /// Whether nothing but single bytes were lost, so that the text has the structure of what was sent.
    pub(super) keeps_structure: bool,
}

/// Reads a statement as its session wrote it.
///
/// # Errors
/// Where the character set is not known and it cannot even be told what kind of statement it is.
pub(super) fn text_of<'a>(query: &Query<'a>) -> Result<SessionText<'a>, StatementError> {
    let bytes = query.statement;
    let charset = match query.client_collation {
        // Statements of before there were status variables are taken for what newer ones are by default.
        None => Some(Charset::Utf8),
        Some(collation) => name_of_collation(u32::from(collation)).and_then(Charset::from_name),
    };
    let plain = std::str::from_utf8(bytes).ok();
    // A byte that is lost in a character of several could be a quote.
    let keeps_structure = matches!(
        charset,
        Some(Charset::Utf8 | Charset::Ascii | Charset::SingleByte(_))
    );
    let (text, doubt) = match (charset, plain) {
        (Some(Charset::Utf8), Some(plain)) => (Cow::Borrowed(plain), None),
        (Some(_), Some(plain)) if is_rewritten(plain) => (Cow::Borrowed(plain), None),
        (Some(charset), _) => {
            let mut text = String::new();
            let replaced = charset.decode_replacing(bytes, &mut text);
            let doubt = (replaced > 0).then_some(NO_TEXT);
            let double = holds_long_backslash(charset, bytes, &text).then_some(LONG_BACKSLASH);
            (Cow::Owned(text), doubt.or(double))
        }
        (None, Some(plain)) if plain.is_ascii() => (Cow::Borrowed(plain), None),
        (None, _) if begins_with_a_word(bytes) => {
            (String::from_utf8_lossy(bytes), Some(UNKNOWN_CHARSET))
        }
        (None, _) => {
            let words = shown(bytes);
            return Err(StatementError::Unknown { words });
        }
    };
    Ok(SessionText {
        text,
        doubt,
        keeps_structure,
    })
}

/// Whether text holds the backslash that sjis has besides ASCII's: a scanner could not tell them apart.
fn holds_long_backslash(charset: Charset, bytes: &[u8], text: &str) -> bool {
    const LONG: &[u8] = b"\x81\x5f";
    charset.name() == "sjis"
        && text.contains('\\')
        && bytes.windows(LONG.len()).any(|pair| pair == LONG)
}

/// Whether a statement's first word stands before anything that is not ASCII, so that it is the word that it seems to be.
fn begins_with_a_word(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(u8::is_ascii_alphabetic)
}

/// The first bytes of a statement, as an error shows them.
pub(super) fn shown(text: &[u8]) -> String {
    let end = text.len().min(SHOWN_BYTES_MAX);
    text.get(..end)
        .unwrap_or_default()
        .escape_ascii()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(collation: Option<u16>, bytes: &[u8], expected: (&str, Option<&str>)) {
        let query = Query {
            client_collation: collation,
            statement: bytes,
            ..Query::default()
        };
        let found = text_of(&query).unwrap();
        assert_eq!((&*found.text, found.doubt), expected, "{bytes:?}");
    }

    #[test]
    fn a_statement_is_read_in_its_sessions_character_set() {
        check(None, "ALTER TABLE ä".as_bytes(), ("ALTER TABLE ä", None));
        check(
            Some(45),
            "ALTER TABLE ä".as_bytes(),
            ("ALTER TABLE ä", None),
        );
        check(Some(8), b"ALTER TABLE \xe4", ("ALTER TABLE ä", None));
        check(
            Some(8),
            "ALTER TABLE ä".as_bytes(),
            ("ALTER TABLE Ã¤", None),
        );
        // swe7 has letters where others have brackets.
        check(Some(10), b"ALTER TABLE a}b", ("ALTER TABLE aåb", None));
    }

    #[test]
    fn what_is_no_text_is_in_doubt() {
        check(
            Some(45),
            b"DROP /* \xff */ TABLE t",
            ("DROP /* \u{fffd} */ TABLE t", Some(NO_TEXT)),
        );
        check(
            Some(11),
            "ALTER TABLE ä".as_bytes(),
            ("ALTER TABLE \u{fffd}\u{fffd}", Some(NO_TEXT)),
        );
        // 0x815f is a backslash of two bytes in sjis, 0x5c a trail byte of the letter before it.
        check(
            Some(13),
            b"DROP TABLE `\x95\x5c`",
            ("DROP TABLE `表`", None),
        );
        check(
            Some(13),
            b"DROP TABLE `\x81\x5f`",
            ("DROP TABLE `\\`", Some(LONG_BACKSLASH)),
        );
        check(
            Some(4000),
            "DROP TABLE ä".as_bytes(),
            ("DROP TABLE ä", Some(UNKNOWN_CHARSET)),
        );
        check(
            Some(4000),
            b"/* x */ DROP TABLE a",
            ("/* x */ DROP TABLE a", None),
        );
        let query = Query {
            client_collation: Some(4000),
            statement: b"/* \xe4 */ DROP TABLE a",
            ..Query::default()
        };
        assert!(text_of(&query).is_err());
    }
}
