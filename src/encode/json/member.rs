//! A column as a member of an object, with all that is the same for its values.

use crate::row::{Span, write_string};

/// A column as a member of an object: all that writing it takes, side by side.
#[derive(Debug)]
pub(in crate::encode) struct Member<F> {
    pub(in crate::encode) name: MemberName,
    /// How its values are read and written.
    pub(in crate::encode) form: F,
    /// How many bytes they are.
    pub(in crate::encode) span: Span,
}

/// A column's name as JSON between a comma and a colon, then the quote that its values begin with, if they do.
///
/// A short one is written together with its padding, which is cut off again: a copy of a fixed size takes two instructions,
/// and names are half of what is copied.
#[derive(Debug)]
pub(in crate::encode) struct MemberName {
    padded: [u8; Self::SHORT],
    length: usize,
    /// Its length without the quote.
    bare: usize,
    /// The name, if it is longer than that.
    long: Box<[u8]>,
}

impl MemberName {
    const SHORT: usize = 32;

    /// The name of a column whose values are strings, or are not.
    pub(in crate::encode) fn of(column: &str, is_quoted: bool) -> Self {
        let mut name = vec![b','];
        write_string(column, &mut name);
        name.push(b':');
        let bare = name.len();
        if is_quoted {
            name.push(b'"');
        }
        Self::new(name, bare)
    }

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
    pub(in crate::encode) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_padded(out);
        out.truncate(start + self.length);
    }

    /// How many bytes it has without the quote.
    pub(in crate::encode) fn bare_length(&self) -> usize {
        self.bare
    }

    /// Appends it without the quote, before a null.
    #[inline]
    pub(in crate::encode) fn write_bare(&self, out: &mut Vec<u8>) {
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
