//! The labels of ENUM and SET columns, in and out of COLUMN_TYPE as information_schema has it.
//!
//! Both families print `enum('a','b')` with a quote doubled and backslash, newline, carriage return and NUL written as
//! `\\`, `\n`, `\r` and `\0`, whatever the session's sql_mode says.

use std::iter::Peekable;
use std::str::Chars;

/// A label of an ENUM or SET column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::change) struct ListedLabel {
    /// Its text; of one that is doubtful, as the statement has it; empty where its bytes are there.
    pub(in crate::change) text: Box<str>,
    /// Its bytes, where these are no text in the column's character set, or text that the set would write in other bytes. In a
    /// definition they are hexadecimal digits, as in `x'e9'`.
    pub(in crate::change) bytes: Option<Box<[u8]>>,
    /// What MySQL before 8.0 has behind the bytes up to a zero byte, where these do not tell it. In a definition it follows
    /// them, as in `x'fe9f'+'61'`.
    pub(in crate::change) behind: Option<Box<[u8]>>,
    /// Whether the server may have another one instead. In a definition such a label has a question mark before it.
    pub(in crate::change) is_doubtful: bool,
}

impl ListedLabel {
    /// One that is certain.
    pub(in crate::change) fn certain(text: impl Into<Box<str>>) -> Self {
        Self {
            text: text.into(),
            bytes: None,
            behind: None,
            is_doubtful: false,
        }
    }

    /// One instead of which the server may have another one.
    pub(in crate::change) fn doubtful(text: impl Into<Box<str>>) -> Self {
        Self {
            is_doubtful: true,
            ..Self::certain(text)
        }
    }

    /// One that is known by its bytes.
    pub(in crate::change) fn raw(bytes: impl Into<Box<[u8]>>) -> Self {
        Self {
            bytes: Some(bytes.into()),
            ..Self::certain("")
        }
    }
}

/// Returns the labels of `enum(...)` or `set(...)`, unquoted; `None` if it is neither or is not written so.
pub(in crate::change) fn labels(column_type: &str) -> Option<Vec<ListedLabel>> {
    let list = ["enum(", "set("]
        .iter()
        .find_map(|prefix| strip_prefix_ignoring_case(column_type, prefix))?;
    let mut characters = list.chars().peekable();
    let mut labels = Vec::new();
    loop {
        let is_doubtful = characters.next_if_eq(&'?').is_some();
        let is_raw = characters.next_if_eq(&'x').is_some();
        if characters.next()? != '\'' {
            return None;
        }
        let label = unquoted(&mut characters)?;
        let has_behind = is_raw && characters.next_if_eq(&'+').is_some();
        if has_behind && characters.next()? != '\'' {
            return None;
        }
        let behind = match has_behind {
            true => Some(unhexed(&unquoted(&mut characters)?)?.into()),
            false => None,
        };
        labels.push(match is_raw {
            true => ListedLabel {
                behind,
                ..ListedLabel::raw(unhexed(&label)?)
            },
            false => ListedLabel {
                is_doubtful,
                ..ListedLabel::certain(label)
            },
        });
        match characters.next()? {
            ',' => {}
            ')' => return Some(labels),
            _other => return None,
        }
    }
}

/// Reads up to the quote that ends a text, which began before.
fn unquoted(characters: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match characters.next()? {
            '\'' if characters.peek() == Some(&'\'') => {
                characters.next();
                text.push('\'');
            }
            '\'' => return Some(text),
            '\\' => text.push(match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                '0' => '\0',
                other => other,
            }),
            other => text.push(other),
        }
    }
}

/// Whether a COLUMN_TYPE has labels that are doubtful.
pub(in crate::change) fn has_doubtful(column_type: &str) -> bool {
    let may_have = column_type.contains("?'");
    may_have && labels(column_type).is_some_and(|labels| labels.iter().any(|it| it.is_doubtful))
}

/// Whether a COLUMN_TYPE has labels that are known by their bytes.
pub(in crate::change) fn has_raw(column_type: &str) -> bool {
    let may_have = column_type.contains("x'");
    may_have && labels(column_type).is_some_and(|labels| labels.iter().any(|it| it.bytes.is_some()))
}

/// A COLUMN_TYPE of ENUM or SET with those labels in doubt that a server may show for bytes that are no text: it puts question
/// marks in their place, or nothing. `None` where there are none of these.
pub(in crate::change) fn doubting_replaced(column_type: &str) -> Option<String> {
    let may_be_replaced =
        |text: &str| text.is_empty() || text.contains(['?', char::REPLACEMENT_CHARACTER]);
    doubting(column_type, may_be_replaced)
}

/// A COLUMN_TYPE of ENUM or SET with some of its labels in doubt. `None` where these are none, or in doubt already.
pub(in crate::change) fn doubting(
    column_type: &str,
    is_in_doubt: impl Fn(&str) -> bool,
) -> Option<String> {
    let mut labels = labels(column_type)?;
    let (name, _) = column_type.split_once('(')?;
    let mut is_changed = false;
    for label in &mut labels {
        if label.bytes.is_none() && is_in_doubt(&label.text) {
            is_changed |= !label.is_doubtful;
            label.is_doubtful = true;
        }
    }
    is_changed.then(|| printed_with_doubts(name, &labels))
}

/// Writes a COLUMN_TYPE of these labels as definitions have it.
pub(in crate::change) fn printed_with_doubts(name: &str, labels: &[ListedLabel]) -> String {
    let mut text = format!("{name}(");
    for (index, label) in labels.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(if label.is_doubtful { "?" } else { "" });
        match &label.bytes {
            Some(bytes) => {
                text.push('x');
                push_hexed(bytes, &mut text);
            }
            None => push_quoted(&label.text, &mut text),
        }
        if let Some(behind) = &label.behind {
            text.push('+');
            push_hexed(behind, &mut text);
        }
    }
    text.push(')');
    text
}

fn push_hexed(bytes: &[u8], text: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    text.push('\'');
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text.push('\'');
}

fn unhexed(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: char| u8::try_from(digit.to_digit(16)?).ok();
    let mut digits = digits.chars();
    let mut bytes = Vec::new();
    while let Some(high) = digits.next() {
        bytes.push(digit(high)? << 4 | digit(digits.next()?)?);
    }
    Some(bytes)
}

fn push_quoted(label: &str, text: &mut String) {
    text.push('\'');
    for letter in label.chars() {
        match letter {
            '\'' => text.push_str("''"),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\0' => text.push_str("\\0"),
            other => text.push(other),
        }
    }
    text.push('\'');
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(column_type: &str, expected: Option<&[&str]>) {
        let found = labels(column_type);
        let found = found.as_ref().map(|labels| {
            labels
                .iter()
                .map(|label| &*label.text)
                .collect::<Vec<&str>>()
        });
        assert_eq!(found.as_deref(), expected, "{column_type}");
    }

    #[test]
    fn labels_are_unquoted() {
        check("enum('a','b')", Some(&["a", "b"]));
        check("set('')", Some(&[""]));
        check(
            "ENUM('it''s','''','c,d',')')",
            Some(&["it's", "'", "c,d", ")"]),
        );
        check(
            r"enum('back\\slash','nl\nx','nul\0z','r\r')",
            Some(&["back\\slash", "nl\nx", "nul\0z", "r\r"]),
        );
        check(
            "enum('ü','%','dq\"') charset latin1",
            Some(&["ü", "%", "dq\""]),
        );
    }

    #[test]
    fn labels_that_are_printed_are_read_back() {
        let texts = [
            "",
            "it's",
            "back\\slash",
            "nl\n",
            "nul\0",
            "r\r",
            "ü",
            "x'61'",
        ];
        let mut listed: Vec<ListedLabel> = texts.map(ListedLabel::certain).into();
        let printed = printed_with_doubts("set", &listed);
        check(&printed, Some(&texts));
        listed.push(ListedLabel::raw([0xe9, 0, 0x2d]));
        let printed = printed_with_doubts("set", &listed);
        assert!(printed.ends_with(",x'e9002d')"), "{printed}");
        assert_eq!(labels(&printed), Some(listed));
        assert_eq!(doubting_replaced("enum(x'e9','a')"), None);
        check("enum(x'e')", None);
        check("enum(x'+9')", None);
        check("enum(x'gg')", None);
    }

    #[test]
    fn labels_that_are_doubtful_are_marked() {
        let list = [
            ListedLabel::certain("a"),
            ListedLabel::doubtful("é"),
            ListedLabel::certain("?"),
            ListedLabel::doubtful("b'?"),
        ];
        let printed = printed_with_doubts("enum", &list);
        assert_eq!(printed, "enum('a',?'é','?',?'b''?')");
        assert_eq!(labels(&printed).as_deref(), Some(&list[..]));
        assert!(has_doubtful(&printed));
        assert!(!has_doubtful("enum('?''a')"));
        assert!(!has_doubtful("enum('a?','b')"));
        check("enum('a',??'b')", None);
    }

    #[test]
    fn labels_that_a_server_may_have_replaced_are_marked() {
        for (column_type, expected) in [
            ("enum('?-1','b','')", Some("enum(?'?-1','b',?'')")),
            ("SET('a',?'?')", None),
            ("set('a','b')", None),
            ("int", None),
        ] {
            let found = doubting_replaced(column_type);
            assert_eq!(found.as_deref(), expected, "{column_type}");
        }
    }

    #[test]
    fn other_types_and_cut_texts_have_no_labels() {
        for column_type in [
            "int(10) unsigned",
            "",
            "enum(",
            "enum()",
            "enum(a)",
            "varchar(5)",
        ] {
            check(column_type, None);
        }
        let whole = "enum('a','b''c')";
        for length in 0..whole.len() {
            check(whole.get(..length).unwrap(), None);
        }
    }
}
