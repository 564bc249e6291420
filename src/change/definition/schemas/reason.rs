//! Why the definition of a table is not known. Serialised, it is its text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a table's definition is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Box<str>", into = "Box<str>")]
pub struct Reason {
    text: Box<str>,
    is_awaited: bool,
}

impl Reason {
    /// Of a table that a person has yet to tell of.
    pub(in crate::change) fn awaited() -> Self {
        Self {
            text: "its definition has yet to be told".into(),
            is_awaited: true,
        }
    }

    /// Whether all that is missing is that a person tells of the table, or of the one that it was made from.
    pub(in crate::change) fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// Whether labels are in doubt, because the source holds bytes for them that are no text. What it then shows of them is not
    /// what they are.
    pub(in crate::change) fn is_of_labels(&self) -> bool {
        self.text.contains("label")
    }

    /// The reason of a table that is a copy of this one.
    pub(super) fn of_copy(&self, source: &impl fmt::Display) -> Self {
        Self {
            text: format!("a copy of {source}, which is stale: {self}").into(),
            is_awaited: self.is_awaited,
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

impl From<Reason> for Box<str> {
    fn from(reason: Reason) -> Self {
        reason.text
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
}
