//! What is fixed before rows are encoded: settings, and a table's names as JSON.

use std::sync::Arc;

use super::value::is_quoted;
use crate::row::{Table, write_string};

/// How a log's records are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether a delete is followed by a tombstone, a record with the key and no value.
    pub tombstones: bool,
    /// What becomes of a changed key whose update does not hold the whole row.
    pub partial_key_change: PartialKeyChange,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tombstones: true,
            partial_key_change: PartialKeyChange::Fail,
        }
    }
}

/// What becomes of a changed key whose update does not hold the whole row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartialKeyChange {
    /// Encoding fails.
    #[default]
    Fail,
    /// The record under the new key holds what is known, and is marked as partial.
    Mark,
}

/// A table's plan.
#[derive(Debug)]
pub struct Plan {
    /// The table.
    pub table: Arc<Table>,
    /// The topic or file that its records go to.
    pub topic: Arc<str>,
    /// Per column, its name as JSON between a comma and a colon, and the quote that its values begin with.
    names: Vec<Name>,
    /// The members of `source` that name the table, each with a comma behind it.
    place: Box<[u8]>,
}

impl Plan {
    /// Makes the plan of a table whose records go to `topic`.
    pub fn new(table: Arc<Table>, topic: Arc<str>) -> Self {
        let names = table.columns.iter().map(|column| {
            let mut name = vec![b','];
            write_string(&column.name, &mut name);
            name.push(b':');
            let bare = name.len();
            if is_quoted(&column.kind) {
                name.push(b'"');
            }
            Name::new(name, bare)
        });
        let mut place = b"\"db\":".to_vec();
        write_string(&table.name.database, &mut place);
        place.extend_from_slice(b",\"table\":");
        write_string(&table.name.table, &mut place);
        place.push(b',');
        Self {
            names: names.collect(),
            place: place.into(),
            table,
            topic,
        }
    }

    /// Per column, its name as JSON between a comma and a colon, and the quote that its values begin with.
    pub(super) fn names(&self) -> &[Name] {
        &self.names
    }

    /// The members of `source` that name the table, each with a comma behind it.
    pub(super) fn place(&self) -> &[u8] {
        &self.place
    }
}

/// A name as JSON between a comma and a colon, and the quote that the column's values begin with, if they do.
///
/// A short one is written with the zeros behind it, which are taken off again: a copy of a fixed size takes two
/// instructions, and names are half of what is copied.
#[derive(Debug)]
pub(super) struct Name {
    padded: [u8; Self::SHORT],
    length: usize,
    /// Its length without the quote.
    bare: usize,
    /// The name, if it is longer than that.
    long: Box<[u8]>,
}

impl Name {
    const SHORT: usize = 32;

    fn new(name: Vec<u8>, bare: usize) -> Self {
        let mut padded = [0; Self::SHORT];
        match padded.get_mut(..name.len()) {
            Some(short) => {
                short.copy_from_slice(&name);
                Self {
                    padded,
                    length: name.len(),
                    bare,
                    long: Box::default(),
                }
            }
            None => Self {
                padded,
                length: name.len(),
                bare,
                long: name.into(),
            },
        }
    }

    /// Appends it before a value.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_padded(out);
        out.truncate(start + self.length);
    }

    /// Appends it without the quote, before a null.
    #[inline]
    pub(super) fn write_bare(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_padded(out);
        out.truncate(start + self.bare);
    }

    #[inline]
    fn write_padded(&self, out: &mut Vec<u8>) {
        if self.length > Self::SHORT {
            out.extend_from_slice(&self.long);
        } else {
            out.extend_from_slice(&self.padded);
        }
    }
}
