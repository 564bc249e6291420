//! The labels of ENUM and SET, through the character sets that servers put them through.
//!
//! | statement | labels |
//! |---|---|
//! | a column is defined | from the text into `collation_connection`'s set, from that into the column's; a character that a set lacks becomes a question mark |
//! | `CONVERT TO CHARACTER SET` | their bytes stay, whatever they are in the new set: `é` of utf8mb4 is `Ã©` of latin1 |
//!
//! The same on every version of both families. What bytes are that are no text in their set differs, and is not followed.

use super::facts::Facts;
use super::reason::Reason;
use crate::change::definition::charset::{self, KnownCharset, UTF8MB4};
use crate::change::statement::meaning::Label;
use crate::mysql::Flavour;
use crate::row::{BINARY, Charset, Written};

/// Before this version labels end at a zero byte, and those of bytes have a character set.
const MYSQL_8: u32 = 80_000;

/// What a character becomes in a set that lacks it.
const MISSING: char = '?';

/// Labels that a statement defines, as the column has them.
pub(super) fn defined(
    labels: &[Label],
    to: KnownCharset,
    facts: &Facts<'_>,
) -> Result<Vec<String>, Reason> {
    let connection = connection(facts)?;
    let labels = labels.iter().map(|label| {
        let mut text = match label {
            Label::Text(text) if to.name == BINARY => {
                decoded(&encoded(text, connection)?, to).ok_or("a label is not text")?
            }
            Label::Text(text) => put_into(&put_into(text, connection)?, to)?,
            Label::Bytes(bytes) => decoded(bytes, to).ok_or("a label is not text")?,
        };
        if to.name != BINARY {
            text.truncate(text.trim_end_matches(' ').len());
        }
        checked(text, facts)
    });
    labels.collect()
}

/// Labels that a statement defines for a column whose character set is not known.
pub(super) fn of_any_set(
    labels: &[Label],
    to: KnownCharset,
    facts: &Facts<'_>,
) -> Result<Vec<String>, Reason> {
    let connection = connection(facts)?;
    let labels = labels.iter().map(|label| {
        let text = match label {
            Label::Text(text) => put_into(text, connection)?,
            Label::Bytes(bytes) if bytes.is_ascii() && to.name == charset::UNSETTLED => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            Label::Bytes(_) => {
                return Err("a label is bytes in a character set that is not known".into());
            }
        };
        checked(text, facts)
    });
    labels.collect()
}

/// Labels of a column that is converted.
pub(super) fn converted(
    labels: &[Box<str>],
    from: KnownCharset,
    to: KnownCharset,
    facts: &Facts<'_>,
) -> Result<Vec<String>, Reason> {
    let mangled = is_mysql(facts) && facts.context.version < MYSQL_8;
    if mangled && is_wide(from) && !is_wide(to) {
        return Err(format!("labels were converted from {} to {}", from.name, to.name).into());
    }
    let labels = labels.iter().map(|label| {
        let text = decoded(&encoded(label, from)?, to)
            .filter(|text| !text.ends_with(' ') || to.name == BINARY)
            .ok_or_else(|| format!("the bytes of label {label:?} are no text in {}", to.name))?;
        checked(text, facts)
    });
    labels.collect()
}

/// The character set that information_schema names for labels in a set.
pub(super) fn charset_shown(charset: KnownCharset, facts: &Facts<'_>) -> Option<&'static str> {
    let hidden = charset.name == BINARY && is_mysql(facts) && facts.context.version >= MYSQL_8;
    (!hidden).then_some(charset.name)
}

fn checked(label: String, facts: &Facts<'_>) -> Result<String, Reason> {
    let cuts = is_mysql(facts) && facts.context.version < MYSQL_8;
    match cuts && label.contains('\0') {
        true => Err("a label holds a zero byte, which this version cuts off".into()),
        false => Ok(label),
    }
}

/// Whether no character of the set is one byte; older versions keep such labels in hexadecimal digits.
fn is_wide(charset: KnownCharset) -> bool {
    matches!(charset.name, "ucs2" | "utf16" | "utf16le" | "utf32")
}

fn is_mysql(facts: &Facts<'_>) -> bool {
    facts.context.flavour == Flavour::MySql
}

/// The character set that a session reads labels in.
fn connection(facts: &Facts<'_>) -> Result<KnownCharset, Reason> {
    match facts.connection_charset {
        Some(name) => charset::by_name(name, false)
            .ok_or_else(|| format!("the character set {name} of its session is not known").into()),
        None => Ok(UTF8MB4),
    }
}

/// Text after it was in a character set.
fn put_into(text: &str, charset: KnownCharset) -> Result<String, Reason> {
    // What is bytes to the session is handed on as it is.
    if charset.name == BINARY {
        return match text.is_ascii() {
            true => Ok(text.to_owned()),
            false => Err("a label beyond ASCII comes from a session of bytes".into()),
        };
    }
    let set = readable(charset)?;
    let mut scratch = Vec::new();
    // It stands for bytes that are no text, if it was not sent.
    if text.contains(char::REPLACEMENT_CHARACTER) && charset.name != UTF8MB4.name {
        return Err("a label holds what may be no text".into());
    }
    let letters = text.chars();
    let kept = letters.map(|letter| match written(set, charset, letter, &mut scratch) {
        Written::Once | Written::Unclear => letter,
        Written::Never => MISSING,
    });
    Ok(kept.collect())
}

fn encoded(text: &str, charset: KnownCharset) -> Result<Vec<u8>, Reason> {
    if charset.name == BINARY {
        return Ok(text.as_bytes().to_vec());
    }
    let set = readable(charset)?;
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match written(set, charset, letter, &mut bytes) {
            Written::Once => {}
            Written::Never => bytes.push(b'?'),
            Written::Unclear => {
                let name = charset.name;
                return Err(format!("how {name} writes a letter of {text:?} is not known").into());
            }
        }
    }
    Ok(bytes)
}

fn written(set: Charset, charset: KnownCharset, letter: char, out: &mut Vec<u8>) -> Written {
    // Both sets of UTF-8 are one to what reads them.
    match charset.name == "utf8mb3" && letter.len_utf8() > 3 {
        true => Written::Never,
        false => set.encode(letter, out),
    }
}

/// Bytes as text; `None` if they are none in the set. Servers print bytes without a set as UTF-8.
fn decoded(bytes: &[u8], charset: KnownCharset) -> Option<String> {
    let set = match charset.name {
        BINARY => Charset::Utf8,
        name => Charset::from_name(name)?,
    };
    let mut scratch = String::new();
    let text = set.decode(bytes, &mut scratch).ok()?.to_owned();
    let has_long = charset.name == "utf8mb3" && text.chars().any(|letter| letter.len_utf8() > 3);
    (!has_long).then_some(text)
}

fn readable(charset: KnownCharset) -> Result<Charset, Reason> {
    Charset::from_name(charset.name)
        .ok_or_else(|| format!("the character set {} cannot be read", charset.name).into())
}
