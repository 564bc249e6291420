//! XA transactions: their ids, and the event that prepares one.

use std::fmt;

use super::BinlogError;
use super::cursor::Cursor;

/// The id that a transaction manager gave an XA transaction.
///
/// Displayed as the servers write it in statements: `X'6774',X'6271',1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct XaId {
    /// The number of the id's format; 1 unless the transaction manager says otherwise.
    pub format: u32,
    /// The global part.
    pub global: Box<[u8]>,
    /// The branch.
    pub branch: Box<[u8]>,
}

impl XaId {
    /// Longest global part and longest branch.
    pub const PART_BYTES_MAX: usize = 64;

    /// Reads what an id is displayed as; `None` for any other text, other forms of an id included.
    pub fn parse(text: &str) -> Option<Self> {
        let (global, rest) = text.strip_prefix("X'")?.split_once("',X'")?;
        let (branch, format) = rest.split_once("',")?;
        let id = Self {
            format: format.parse().ok()?,
            global: unhex(global.as_bytes())?,
            branch: unhex(branch.as_bytes())?,
        };
        let is_short = [&id.global, &id.branch]
            .iter()
            .all(|part| part.len() <= Self::PART_BYTES_MAX);
        (is_short && id.to_string() == text).then_some(id)
    }
}

impl XaId {
    /// The id that a server lists: the format's number, the lengths of the two parts, and the bytes of both, as they are or
    /// as `0x` and hexadecimal digits.
    pub fn recovered(format: i64, lengths: (usize, usize), data: &[u8]) -> Option<Self> {
        let bytes = match data.strip_prefix(b"0x") {
            Some(digits) if data.len() != lengths.0 + lengths.1 => unhex(digits)?,
            Some(_) | None => data.into(),
        };
        let (global, branch) = bytes.split_at_checked(lengths.0)?;
        let id = Self {
            format: u32::try_from(format & i64::from(u32::MAX)).ok()?,
            global: global.into(),
            branch: branch.into(),
        };
        (branch.len() == lengths.1).then_some(id)
    }
}

impl fmt::Display for XaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.global, &self.branch] {
            f.write_str("X'")?;
            for byte in part {
                write!(f, "{byte:02x}")?;
            }
            f.write_str("',")?;
        }
        write!(f, "{}", self.format)
    }
}

/// The end of an XA transaction's group: prepared, or committed in one phase.
///
/// | field | bytes |
/// |---|---|
/// | one phase | 1 |
/// | format | 4 |
/// | length of the global part | 4 |
/// | length of the branch | 4 |
/// | global part, branch | n, n |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XaPrepare {
    /// Whether the event commits the transaction instead of preparing it.
    pub one_phase: bool,
    /// The transaction's id.
    pub id: XaId,
}

impl XaPrepare {
    /// Reads the event's body.
    ///
    /// # Errors
    /// A length past the end of the body or above 64.
    pub fn parse(body: &[u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        let one_phase = cursor.u8("the one-phase mark")? != 0;
        let format = cursor.u32("the XA id's format")?;
        let global = cursor.u32("the length of the XA id's global part")?;
        let branch = cursor.u32("the length of the XA id's branch")?;
        Ok(Self {
            one_phase,
            id: XaId {
                format,
                global: part(&mut cursor, global)?,
                branch: part(&mut cursor, branch)?,
            },
        })
    }
}

/// Reads a part of an XA id of a stated length.
pub(super) fn part(cursor: &mut Cursor<'_>, length: u32) -> Result<Box<[u8]>, BinlogError> {
    match usize::try_from(length) {
        Ok(length) if length <= XaId::PART_BYTES_MAX => {
            Ok(cursor.bytes(length, "a part of the XA id")?.into())
        }
        _ => Err(BinlogError::Value {
            what: "the length of a part of the XA id",
            expected: "at most 64",
            found: u64::from(length),
        }),
    }
}

/// Reads hexadecimal digits, two a byte.
pub(super) fn unhex(digits: &[u8]) -> Option<Box<[u8]>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_xa_prepare_is_read_and_every_prefix_is_an_error() {
        let body = [1, 7, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, b'a', b'b', b'c'];
        let event = XaPrepare::parse(&body).unwrap();
        assert!(event.one_phase);
        assert_eq!(event.id.to_string(), "X'6162',X'63',7");
        for length in 0..body.len() {
            assert!(XaPrepare::parse(&body[..length]).is_err());
        }
    }

    #[test]
    fn a_part_over_64_bytes_is_refused() {
        let mut body = vec![0, 1, 0, 0, 0, 65, 0, 0, 0, 0, 0, 0, 0];
        body.extend([b'a'; 65]);
        assert!(XaPrepare::parse(&body).is_err());
    }

    #[test]
    fn an_id_is_read_as_servers_list_it() {
        for (format, lengths, data, expected) in [
            (1, (2, 1), &b"0x6774FF"[..], Some("X'6774',X'ff',1")),
            (1, (2, 1), b"gt\xff", Some("X'6774',X'ff',1")),
            (1, (3, 0), b"0xg", Some("X'307867',X'',1")),
            (
                4_294_967_295,
                (1, 1),
                b"\0'",
                Some("X'00',X'27',4294967295"),
            ),
            (1, (0, 0), b"0x", Some("X'',X'',1")),
            (1, (2, 1), b"gt", None),
            (1, (1, 1), b"gtr", None),
            (1, (2, 1), b"0x67747", None),
        ] {
            let found = XaId::recovered(format, lengths, data).map(|id| id.to_string());
            assert_eq!(found.as_deref(), expected, "{data:?}");
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_displayed_and_in_no_other_form() {
        let id = XaId {
            format: u32::MAX,
            global: b"\0'\"\\\n\xff"[..].into(),
            branch: Box::default(),
        };
        let text = id.to_string();
        assert_eq!(XaId::parse(&text), Some(id.clone()));
        for length in 0..text.len() {
            // A number that lost digits is a number.
            if let Some(other) = XaId::parse(&text[..length]) {
                assert!(other.format < id.format, "{length}");
            }
        }
        let long = format!("X'{}',X'',1", "61".repeat(65));
        for other in [
            "X'0',X'',1",
            "X'6A',X'',1",
            "X'6a',X'',01",
            "'j','',1",
            "X'6a',X'',1 ",
            &long,
        ] {
            assert_eq!(XaId::parse(other), None, "{other}");
        }
    }
}
