//! Coordinates in a server's binlog: file and position.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A place in a server's binlog.
///
/// The order is that of one server's files: by the number behind the last dot, so that `binlog.1000000` follows
/// `binlog.999999`, then by position. Coordinates of different servers do not compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Coordinates {
    /// Name of the binlog file, without a folder.
    pub file: Arc<str>,
    /// Byte position in that file; 64 bits, since a file may pass 4 GiB although event headers hold 32.
    pub position: u64,
}

impl Coordinates {
    /// Makes coordinates from a file name and a position.
    pub fn new(file: impl Into<Arc<str>>, position: u64) -> Self {
        Self {
            file: file.into(),
            position,
        }
    }

    fn number(&self) -> Option<u64> {
        self.file
            .rsplit_once('.')
            .and_then(|(_, digits)| digits.parse().ok())
    }
}

impl PartialOrd for Coordinates {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Coordinates {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.number(), &self.file, self.position).cmp(&(
            other.number(),
            &other.file,
            other.position,
        ))
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_compare_by_number_not_by_text() {
        let older = Coordinates::new("binlog.999999", 900);
        let newer = Coordinates::new("binlog.1000000", 4);
        assert!(older < newer);
    }
}
