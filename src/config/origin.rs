//! Where a value of the configuration was written, as messages name it.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueOrigin {
    /// A connector file.
    File {
        /// The file.
        path: PathBuf,
        /// The line in it, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The file that a key ending in `_file` names.
    SecretFile(PathBuf),
}

impl ValueOrigin {
    /// The line and the character in it; what has none comes last.
    pub fn line(&self) -> (usize, usize) {
        match self {
            Self::File { line, column, .. } => (*line, *column),
            Self::Variable(_) | Self::SecretFile(_) => (usize::MAX, 0),
        }
    }
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::SecretFile(path) => write!(f, "{}", path.display()),
        }
    }
}
