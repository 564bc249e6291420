//! Coordinates in a server's binlog: file and position.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::file_name::FileName;

/// A place in a server's binlog.
///
/// The order is that of one server's files: by the number after the last dot, so that `binlog.1000000` follows
/// `binlog.999999`, then by position. Coordinates of different servers do not compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Coordinates {
    /// Name of the binlog file, without a folder.
    pub file: Arc<str>,
    /// Byte position in that file; 64 bits, since a file may pass 4 GiB although event headers hold 32.
    pub position: u64,
}

impl Coordinates {
    /// Reads `file:position` as servers name their files: with a dot, without a folder. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (file, position) = text.rsplit_once(':')?;
        let is_name = file.contains('.') && !file.contains('/');
        Some(Self::new(file, position.parse().ok().filter(|_| is_name)?))
    }

    /// Makes coordinates from a file name and a position.
    pub fn new(file: impl Into<Arc<str>>, position: u64) -> Self {
        Self {
            file: file.into(),
            position,
        }
    }

    /// Becomes `other`, which is mostly a place further on in the same file.
    pub fn move_to(&mut self, other: &Self) {
        if !Arc::ptr_eq(&self.file, &other.file) {
            self.file = Arc::clone(&other.file);
        }
        self.position = other.position;
    }

    /// The parts of the file's name.
    pub fn file_name(&self) -> FileName<'_> {
        FileName(&self.file)
    }

    /// Whether they are in one file or in two of one server's, as far as names tell.
    pub fn is_of_series(&self, other: &Self) -> bool {
        self.file_name().is_of_series(other.file_name())
    }

    /// Whether they are in a file that the server wrote before `file`.
    pub fn is_in_file_before(&self, file: &str) -> bool {
        let top = |file: &str| Self::new(file, 0);
        self.file_name().is_of_series(FileName(file)) && top(&self.file) < top(file)
    }
}

impl PartialOrd for Coordinates {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Coordinates {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.file_name().number(), &self.file, self.position).cmp(&(
            other.file_name().number(),
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

    #[test]
    fn a_file_before_another_is_one_of_the_same_server() {
        let at = Coordinates::new("binlog.000007", 900);
        for (file, expected) in [
            ("binlog.000008", true),
            ("binlog.1000000", true),
            ("binlog.000007", false),
            ("binlog.000006", false),
            ("mysql-bin.000008", false),
        ] {
            assert_eq!(at.is_in_file_before(file), expected, "{file}");
        }
    }
}
