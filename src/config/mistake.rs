//! What is wrong with connector files: every mistake that was found, each with its place and its fix.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::origin::ValueOrigin;
use crate::failure::Class;
use crate::finding::Finding;
use crate::metrics::one_line;

/// The longest name of a connector.
pub const NAME_CHARS_MAX: usize = 64;
/// Mistakes beyond this many are not told: a person corrects the first ones first.
const MISTAKES_MAX: usize = 100;

/// Why connector files cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    /// What was found, file after file, from the top of each to its end; never empty.
    pub mistakes: Vec<Mistake>,
}

impl ConfigError {
    /// What the failure means.
    pub fn class(&self) -> Class {
        Class::Configuration
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}", one_line(mistake))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// A file cannot be read.
    #[error("cannot read connector file {}, give the path of a TOML file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A file is not one that could hold a connector.
    #[error("{} is not a connector file: {message}", path.display())]
    NotAConnector {
        /// The file.
        path: PathBuf,
        /// Why not, and what to do.
        message: &'static str,
    },
    /// A file's name cannot be a connector's name.
    #[error(
        "connector name '{name}' from {}: expected at most {NAME_CHARS_MAX} letters, digits, '-' and '_', rename the file",
        path.display()
    )]
    Name {
        /// The file.
        path: PathBuf,
        /// The name that it would give.
        name: String,
    },
    /// Two files would be the same connector.
    #[error("connectors {} and {} both go by the name {name}, rename one of them", first.display(), second.display())]
    Duplicate {
        /// The name, as it stands in variables.
        name: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Two connectors would write to the same folder.
    #[error(
        "connectors {first} and {second} both have the sink folder {}, give each a folder of its own",
        folder.display()
    )]
    SharedFolder {
        /// One connector.
        first: String,
        /// The other.
        second: String,
        /// The folder.
        folder: PathBuf,
    },
    /// A file is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// The file and line.
        place: ValueOrigin,
        /// What the parser expected.
        message: String,
    },
    /// A variable names nothing.
    #[error("variable {name} names no key, expected {expected}")]
    Variable {
        /// The variable.
        name: String,
        /// The forms that name something.
        expected: String,
    },
    /// A key is unknown, missing, of another type, or holds what it must not.
    #[error("{place}: {}{}{message}", key, if key.is_empty() { "" } else { ": " })]
    Key {
        /// The file and line, or the variable.
        place: ValueOrigin,
        /// The key with its sections: `source.port`. Empty for the whole file.
        key: String,
        /// What was expected, what was found, and what to do.
        message: String,
    },
}

impl Mistake {
    /// The same as a finding, with its place by itself.
    pub fn finding(&self) -> Finding {
        let finding = |what| Finding::fatal("configuration", Class::Configuration, what);
        match self {
            Self::Syntax { place, message } => finding(message.clone()).at(place.to_string()),
            Self::Key {
                place,
                key,
                message,
            } => {
                let what = match &**key {
                    "" => message.clone(),
                    key => format!("{key}: {message}"),
                };
                finding(what).at(place.to_string())
            }
            Self::Read { .. }
            | Self::NotAConnector { .. }
            | Self::Name { .. }
            | Self::Duplicate { .. }
            | Self::SharedFolder { .. }
            | Self::Variable { .. } => finding(one_line(self)),
        }
    }

    /// Where in its file it stands: mistakes without a line come last.
    fn line(&self) -> (usize, usize) {
        match self {
            Self::Syntax { place, .. } | Self::Key { place, .. } => place.line(),
            Self::Read { .. }
            | Self::NotAConnector { .. }
            | Self::Name { .. }
            | Self::Duplicate { .. }
            | Self::SharedFolder { .. }
            | Self::Variable { .. } => (usize::MAX, 0),
        }
    }
}

/// Gathers the mistakes of connector files, or of one of them.
#[derive(Debug, Default)]
pub struct Mistakes {
    found: Vec<Mistake>,
}

impl Mistakes {
    /// Adds one.
    pub fn add(&mut self, mistake: Mistake) {
        if !self.is_full() {
            self.found.push(mistake);
        }
    }

    /// Adds one that stands at a key.
    pub fn add_key(&mut self, place: &ValueOrigin, key: &str, message: impl Into<String>) {
        self.add(Mistake::Key {
            place: place.clone(),
            key: key.to_owned(),
            message: message.into(),
        });
    }

    /// Adds others, those of a file in the order of its lines.
    pub fn append(&mut self, mut others: Self) {
        others.found.sort_by_key(Mistake::line);
        others
            .found
            .into_iter()
            .for_each(|mistake| self.add(mistake));
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether more would not be told.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MISTAKES_MAX
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Mistake> {
        self.found
    }
}
