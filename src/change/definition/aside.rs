//! What a definition tells beside how rows are read.

use serde::{Deserialize, Serialize};

/// A part of a definition that no reading of rows needs. A statement and information_schema word it differently, and journals of
/// former versions lack it, so that it makes no two definitions different.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aside<T>(pub T);

impl<T> Aside<Option<T>> {
    /// Whether it is not told.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<T> Eq for Aside<T> {}
