//! Why the definition of a table is not known. Serialised, it is its text, or the text of one that is about labels under
//! `labels`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a table's definition is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Reason {
    text: Box<str>,
    is_awaited: bool,
    is_of_labels: bool,
}

/// A reason as a journal has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(Box<str>),
    OfLabels { labels: Box<str> },
}

/// What stands before the reason of a table that was copied.
const COPIED: &str = ", which is stale: ";

/// Of a table that was changed, and whose definition before that no statement told.
pub(super) const UNKNOWN_BEFORE: &str = "it was not known before ALTER TABLE";

/// How the reasons end of tables that were made from one which was not known.
const FROM_UNKNOWN: &str = ", which is not known";

/// How the reasons begin that were about labels before journals told that of them.
const OF_LABELS: [&str; 6] = [
    "the bytes of label ",
    "labels were converted from ",
    "labels are defined in one character set",
    "a label holds ",
    "a label is ",
    "how ",
];

impl Reason {
    /// Of a table that a person has yet to tell of.
    pub(in crate::change) fn awaited() -> Self {
        Self {
            text: "its definition has yet to be told".into(),
            is_awaited: true,
            is_of_labels: false,
        }
    }

    /// Of a table with labels that are not known.
    pub(super) fn of_labels(text: impl Into<Box<str>>) -> Self {
        Self {
            text: text.into(),
            is_awaited: false,
            is_of_labels: true,
        }
    }

    /// Whether all that is missing is that a person tells of the table, or of the one that it was made from.
    pub(in crate::change) fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// Whether labels are in doubt, because the source holds bytes for them that are no text. What it then shows of them is not
    /// what they are.
    pub(in crate::change) fn is_of_labels(&self) -> bool {
        self.is_of_labels
    }

    /// Whether it is only that what came before is not known, which following from further back may tell.
    pub(in crate::change) fn is_for_want_of_more(&self) -> bool {
        *self.text == *UNKNOWN_BEFORE || self.text.ends_with(FROM_UNKNOWN)
    }

    /// The reason of a table that is a copy of this one.
    pub(super) fn of_copy(&self, source: &impl fmt::Display) -> Self {
        Self {
            text: format!("a copy of {source}{COPIED}{self}").into(),
            is_awaited: self.is_awaited,
            is_of_labels: self.is_of_labels,
        }
    }

    /// What a person is told.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Box<str>> for Reason {
    fn from(text: Box<str>) -> Self {
        Self {
            text,
            is_awaited: false,
            is_of_labels: false,
        }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        text.into_boxed_str().into()
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        Box::<str>::from(text).into()
    }
}

impl From<Written> for Reason {
    fn from(written: Written) -> Self {
        match written {
            Written::OfLabels { labels } => Self::of_labels(labels),
            Written::Text(text) => {
                let own = text.rsplit(COPIED).next().unwrap_or(&text);
                let is_of_labels = OF_LABELS.iter().any(|start| own.starts_with(start));
                Self {
                    is_of_labels,
                    ..text.into()
                }
            }
        }
    }
}

impl From<Reason> for Written {
    fn from(reason: Reason) -> Self {
        match reason.is_of_labels {
            true => Self::OfLabels {
                labels: reason.text,
            },
            false => Self::Text(reason.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_waits_for_what_its_table_waits_for_and_text_alone_waits_for_nothing() {
        let awaited = Reason::awaited();
        let copy = awaited.of_copy(&"d.t");
        assert!(copy.is_awaited());
        assert_eq!(
            copy.as_str(),
            "a copy of d.t, which is stale: its definition has yet to be told"
        );
        let text = serde_json::to_string(&copy).unwrap();
        let read: Reason = serde_json::from_str(&text).unwrap();
        assert_eq!(read.as_str(), copy.as_str());
        assert!(!read.is_awaited() && !read.of_copy(&"d.t").is_awaited());
    }

    #[test]
    fn whether_a_reason_is_about_labels_is_kept_and_told_of_older_journals() {
        let of_labels = Reason::of_labels("a label holds what may be no text").of_copy(&"d.t");
        let text = serde_json::to_string(&of_labels).unwrap();
        assert_eq!(
            text,
            r#"{"labels":"a copy of d.t, which is stale: a label holds what may be no text"}"#
        );
        assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), of_labels);
        for (text, expected) in [
            ("labels were converted from ucs2 to latin1", true),
            (
                "a copy of d.t, which is stale: the bytes of label \"é\" are no text in sjis",
                true,
            ),
            ("a copy of d.label, which is not known", false),
            ("renamed from shop.labels, which is not known", false),
        ] {
            let text = serde_json::to_string(text).unwrap();
            let read: Reason = serde_json::from_str(&text).unwrap();
            assert_eq!(read.is_of_labels(), expected, "{text}");
            assert!(matches!(
                Written::from(Reason::from("label")),
                Written::Text(_)
            ));
        }
    }
}
