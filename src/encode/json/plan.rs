//! What is fixed for a table before its rows are encoded: its names as JSON, and how its values are read.

use super::value::is_quoted;
use crate::row::{ColumnType, Span, Table, write_string};

/// A table's names as JSON, and how its values are read.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    /// One a column.
    members: Vec<Member>,
    /// The members of `source` that name the table, each followed by a comma.
    source: Box<[u8]>,
    /// The members of a key that name the table, each after a comma.
    table: Box<[u8]>,
}

impl Plan {
    /// Makes the plan of a table.
    pub(in crate::encode) fn new(table: &Table) -> Self {
        let columns = table.columns.iter().zip(table.spans());
        let members = columns.map(|(column, span)| {
            let mut name = vec![b','];
            write_string(&column.name, &mut name);
            name.push(b':');
            let bare = name.len();
            if is_quoted(&column.kind) {
                name.push(b'"');
            }
            Member {
                name: MemberName::new(name, bare),
                kind: column.kind.clone(),
                span: *span,
            }
        });
        let mut source = b"\"db\":".to_vec();
        write_string(&table.name.database, &mut source);
        source.extend_from_slice(b",\"table\":");
        write_string(&table.name.table, &mut source);
        source.push(b',');
        if table.is_undefined {
            source.extend_from_slice(b"\"definition\":\"unknown\",");
        }
        let mut named = b",\"__database\":".to_vec();
        write_string(&table.name.database, &mut named);
        named.extend_from_slice(b",\"__table\":");
        write_string(&table.name.table, &mut named);
        Self {
            members: members.collect(),
            table: named.into(),
            source: source.into(),
        }
    }

    /// One a column.
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members of a key that name the table, each after a comma.
    pub(super) fn table(&self) -> &[u8] {
        &self.table
    }

    /// The members of `source` that name the table, each followed by a comma.
    pub(super) fn source(&self) -> &[u8] {
        &self.source
    }
}

/// A column as a member of an object: all that writing it takes, side by side.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: MemberName,
    /// How its bytes are read.
    pub(super) kind: ColumnType,
    /// How many they are.
    pub(super) span: Span,
}

/// A column's name as JSON between a comma and a colon, then the quote that its values begin with, if they do.
///
/// A short one is written together with its padding, which is cut off again: a copy of a fixed size takes two instructions,
/// and names are half of what is copied.
#[derive(Debug)]
pub(super) struct MemberName {
    padded: [u8; Self::SHORT],
    length: usize,
    /// Its length without the quote.
    bare: usize,
    /// The name, if it is longer than that.
    long: Box<[u8]>,
}

impl MemberName {
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
