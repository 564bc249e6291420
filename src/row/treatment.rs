//! What becomes of the columns of a table before any format sees its rows: some are left out, the values of others are
//! replaced. `treated` does it.

use std::sync::Arc;

use super::{Charset, ColumnType, Digester};

/// What becomes of a table's rows, a column of the image after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Treatment {
    columns: Vec<ColumnTreatment>,
    /// The places of those that are not kept.
    touched: Vec<usize>,
}

/// What becomes of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnTreatment {
    /// It is published as it is.
    Kept,
    /// It is left out.
    LeftOut,
    /// Its values are replaced.
    Replaced {
        /// How the bytes of the image are read.
        kind: ColumnType,
        /// What takes their place.
        by: Replacement,
    },
}

/// What takes the place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// This text.
    Fixed(Arc<str>),
    /// This character, as many times as the value's text has characters.
    Each(char),
    /// A hash of the value's text, in hexadecimal digits.
    Digest(Digester),
    /// The first so many characters, of text.
    Start(usize),
}

impl Replacement {
    /// Whether different values stay different.
    pub fn is_one_to_one(&self) -> bool {
        match self {
            Self::Digest(_) => true,
            Self::Fixed(_) | Self::Each(_) | Self::Start(_) => false,
        }
    }

    /// How its values are read, which replace those of a column of type `kind`; `None` if it cannot replace those.
    pub fn published_kind(&self, kind: &ColumnType) -> Option<ColumnType> {
        let text = ColumnType::Text {
            prefix: 4,
            charset: Charset::Utf8,
        };
        match self {
            Self::Fixed(_) => Some(text),
            Self::Each(_) | Self::Digest(_) => match kind {
                ColumnType::EitherSign { .. } | ColumnType::Undecided { .. } => None,
                _known => Some(text),
            },
            Self::Start(_) => match kind {
                ColumnType::Text { .. } => Some(kind.clone()),
                ColumnType::Packed {
                    prefix,
                    charset: Some(charset),
                } => Some(ColumnType::Text {
                    prefix: *prefix,
                    charset: *charset,
                }),
                _no_text => None,
            },
        }
    }
}

impl Treatment {
    /// Makes one of what becomes of each column.
    pub fn new(columns: Vec<ColumnTreatment>) -> Self {
        let all = columns.iter().enumerate();
        let touched = all.filter(|(_, column)| **column != ColumnTreatment::Kept);
        let touched = touched.map(|(place, _)| place).collect();
        Self { columns, touched }
    }

    /// What becomes of each column of the image.
    pub fn columns(&self) -> &[ColumnTreatment] {
        &self.columns
    }

    /// The places of the columns that are not published as they are, ascending.
    #[inline]
    pub fn touched(&self) -> &[usize] {
        &self.touched
    }
}
