//! The labels of ENUM and SET, through the character sets that servers put them through.
//!
//! | statement | labels |
//! |---|---|
//! | a column is defined | from the text into `collation_connection`'s set, from that into the column's; a character that a set lacks becomes a question mark |
//! | `CONVERT TO CHARACTER SET` | their bytes stay, whatever they are in the new set: `é` of utf8mb4 is `Ã©` of latin1 |
//!
//! The same on every version of both families, but for labels of ucs2, utf16, utf16le and utf32 that become labels of another
//! set on MySQL before 8.0, see [`with_digits`], and for those that several columns have there, see [`super::read_back`]. Bytes that are no text in their set are kept as bytes. A label that cannot be
//! told is doubtful, and the others are not.

use super::facts::Facts;
use super::reason::Reason;
use crate::change::definition::charset::{self, KnownCharset, UTF8MB4};
use crate::change::definition::labels::ListedLabel;
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
) -> Result<Vec<ListedLabel>, Reason> {
    let connection = connection(facts)?;
    let labels = labels.iter().map(|label| match label {
        Label::Text(text) => {
            let found = match to.name {
                BINARY => encoded(text, connection).map(|bytes| of_bytes(bytes, to, facts)),
                _ => put_into(text, connection)
                    .and_then(|text| put_into(&text, to))
                    .map(|text| {
                        ListedLabel::certain(cut_off(&text, to, facts).trim_end_matches(' '))
                    }),
            };
            found.unwrap_or_else(|_unclear| ListedLabel::doubtful(&**text))
        }
        Label::Bytes(bytes) => {
            let label = of_bytes(bytes.to_vec(), to, facts);
            match (&label.bytes, to.name) {
                (_, BINARY) => label,
                (None, _) => ListedLabel::certain(label.text.trim_end_matches(' ')),
                (Some(bytes), _) => ListedLabel::raw(without_spaces(bytes)),
            }
        }
    });
    Ok(labels.collect())
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
                return Err(Reason::of_labels(
                    "a label is bytes in a character set that is not known",
                ));
            }
        };
        checked(text, facts)
    });
    labels.collect()
}

/// Labels of a column that is converted.
pub(super) fn converted(
    labels: &[ListedLabel],
    from: KnownCharset,
    to: KnownCharset,
    facts: &Facts<'_>,
) -> Vec<ListedLabel> {
    let labels = labels.iter().map(|label| {
        if label.is_doubtful {
            return label.clone();
        }
        let Ok(bytes) = bytes_of(label, from) else {
            return ListedLabel::doubtful(&*label.text);
        };
        let bytes = match (&label.behind, ends_at_zero(to, facts)) {
            (Some(behind), true) => [&*bytes, behind].concat(),
            (None, true) if charset::is_wide(from.name) => with_digits(bytes),
            (None, true) | (_, false) => bytes,
        };
        of_bytes(bytes, to, facts)
    });
    labels.collect()
}

/// The bytes of a label that is certain.
pub(super) fn bytes_of(label: &ListedLabel, charset: KnownCharset) -> Result<Vec<u8>, Reason> {
    match &label.bytes {
        Some(bytes) => Ok(bytes.to_vec()),
        None => encoded(&label.text, charset),
    }
}

fn without_spaces(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|byte| *byte != b' ');
    bytes
        .get(..last.map_or(0, |last| last + 1))
        .unwrap_or_default()
}

/// A label with these bytes in a character set.
fn of_bytes(mut bytes: Vec<u8>, charset: KnownCharset, facts: &Facts<'_>) -> ListedLabel {
    if charset.name != BINARY && readable(charset).is_err() {
        return ListedLabel::doubtful(String::from_utf8_lossy(&bytes));
    }
    if ends_at_zero(charset, facts)
        && let Some(end) = bytes.iter().position(|byte| *byte == 0)
    {
        bytes.truncate(end);
    }
    listed(bytes, charset)
}

/// A label with all of these bytes.
pub(super) fn listed(bytes: Vec<u8>, charset: KnownCharset) -> ListedLabel {
    let Some(text) = decoded(&bytes, charset) else {
        return ListedLabel::raw(bytes);
    };
    let has_long = charset.name == "utf8mb3" && text.chars().any(|letter| letter.len_utf8() > 3);
    if has_long {
        // What reads utf8mb3 here takes it for text, and a server does not.
        return ListedLabel::doubtful(text);
    }
    match encoded(&text, charset) {
        Ok(again) if again == bytes => ListedLabel::certain(text),
        Ok(_) | Err(_) => ListedLabel::raw(bytes),
    }
}

/// What older versions make of labels that they keep in hexadecimal digits: they write the bytes over the digits, and then take
/// the digits behind for a part of the label.
fn with_digits(mut bytes: Vec<u8>) -> Vec<u8> {
    let behind: Vec<u8> = digits(&bytes).skip(bytes.len()).collect();
    bytes.extend(behind);
    bytes
}

/// Bytes in hexadecimal digits.
pub(super) fn digits(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| match digit {
        0..=9 => b'0' + digit,
        _ => b'A' + (digit - 10),
    })
}

/// The character set that information_schema names for labels in a set.
pub(super) fn charset_shown(charset: KnownCharset, facts: &Facts<'_>) -> Option<&'static str> {
    let hidden = charset.name == BINARY && is_mysql(facts) && facts.context.version >= MYSQL_8;
    (!hidden).then_some(charset.name)
}

fn checked(label: String, facts: &Facts<'_>) -> Result<String, Reason> {
    match is_before_mysql_8(facts) && label.contains('\0') {
        true => Err(Reason::of_labels(
            "a label holds a zero byte, which this version cuts off",
        )),
        false => Ok(label),
    }
}

/// Whether a zero byte ends the labels of a column.
fn ends_at_zero(charset: KnownCharset, facts: &Facts<'_>) -> bool {
    is_before_mysql_8(facts) && !charset::is_wide(charset.name)
}

/// A label up to where it ends.
fn cut_off<'a>(label: &'a str, charset: KnownCharset, facts: &Facts<'_>) -> &'a str {
    match label.split_once('\0') {
        Some((start, _)) if ends_at_zero(charset, facts) => start,
        Some(_) | None => label,
    }
}

/// Whether the server is a MySQL that keeps tables in files of its own.
pub(super) fn is_before_mysql_8(facts: &Facts<'_>) -> bool {
    is_mysql(facts) && facts.context.version < MYSQL_8
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
            false => Err(Reason::of_labels(
                "a label beyond ASCII comes from a session of bytes",
            )),
        };
    }
    let set = readable(charset)?;
    let mut scratch = Vec::new();
    // It stands for bytes that are no text, if it was not sent.
    if text.contains(char::REPLACEMENT_CHARACTER) && charset.name != UTF8MB4.name {
        return Err(Reason::of_labels("a label holds what may be no text"));
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
            Written::Never => {
                set.encode(MISSING, &mut bytes);
            }
            Written::Unclear => {
                let name = charset.name;
                let unclear = format!("how {name} writes a letter of {text:?} is not known");
                return Err(Reason::of_labels(unclear));
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
    Some(set.decode(bytes, &mut scratch).ok()?.to_owned())
}

fn readable(charset: KnownCharset) -> Result<Charset, Reason> {
    Charset::from_name(charset.name)
        .ok_or_else(|| format!("the character set {} cannot be read", charset.name).into())
}
