//! The rules on rows as a connector file has them.

use super::lists::{one_or_many, some_or_many};

/// An entry of `rows`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowRuleOptions {
    /// Regular expressions of its tables, each for the whole of `database.table`.
    #[serde(deserialize_with = "one_or_many")]
    pub tables: Vec<String>,
    /// The condition on a row; all rows without one.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// What may have been done to it; anything without.
    #[serde(default, deserialize_with = "some_or_many")]
    pub ops: Option<Vec<RowOp>>,
    /// Where the entry stands, for messages.
    #[serde(skip)]
    pub place: Option<String>,
}

/// What is done to a row, as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowOp {
    /// It is created.
    C,
    /// It is updated.
    U,
    /// It is deleted.
    D,
}

/// What becomes of an update of a row that meets its condition on one side only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowMoves {
    /// It creates a row that meets it from then on, and deletes one that does not any more.
    #[default]
    Convert,
    /// It stays an update.
    Keep,
}
