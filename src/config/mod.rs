//! Connector files: TOML, then the environment, then files that hold secrets.
//!
//! One file is one connector; its name is the file's. The order of precedence is that of most tools: a variable beats the
//! file, the file beats the default. An unknown key is an error, since a misspelt one would otherwise be no rule at all.

mod connector;
mod deserializer;
mod document;
mod environment;
mod secret_file;
mod sink;
mod source;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

pub use connector::{EVENT_MEMORY_MIN, facts, load};
pub use document::Origin;
pub use environment::Variables;

use document::Node;

use crate::failure::Class;
use crate::sink::SinkOptions;

const FILE_BYTES_MAX: u64 = 1024 * 1024;
const NAME_CHARS_MAX: usize = 64;

/// Why connector files cannot be used. Every message names the place and carries the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
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
    /// A file is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// The file and line.
        place: Origin,
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
        place: Origin,
        /// The key with its sections: `source.port`. Empty for the whole file.
        key: String,
        /// What was expected, and what was found.
        message: String,
    },
}

impl ConfigError {
    /// What the failure means.
    pub fn class(&self) -> Class {
        Class::Configuration
    }
}

/// A connector's name and what its file and the environment say.
#[derive(Debug)]
struct Named {
    name: String,
    document: Node,
}

/// Reads files and lays the environment over them; `keys` are the keys at the top of a file.
fn read_all(
    paths: &[PathBuf],
    variables: &Variables,
    keys: &[&str],
) -> Result<Vec<Named>, ConfigError> {
    let mut documents: Vec<(String, Node)> = Vec::new();
    for path in paths {
        let name = name(path)?;
        let shouted = environment::shouted(&name);
        let same = documents
            .iter()
            .position(|(other, _)| environment::shouted(other) == shouted);
        if let Some(first) = same.and_then(|first| paths.get(first)) {
            return Err(ConfigError::Duplicate {
                name: shouted,
                first: first.clone(),
                second: path.clone(),
            });
        }
        documents.push((name, document::parse(path, &text(path)?)?));
    }
    // First, so that a value that a variable replaces needs none of the variables it names.
    environment::overlay(&mut documents, variables, keys)?;
    documents
        .into_iter()
        .map(|(name, mut document)| {
            environment::substitute(&mut document, "", variables)?;
            secret_file::fill_in(&mut document, "")?;
            Ok(Named { name, document })
        })
        .collect()
}

/// What a sink's type can be.
const SINKS: [&str; 4] = ["kafka", "file", "stdout", "blackhole"];

/// Reads the keys of a sink of that type; `None` if there is no such type, or if it was left out of the build.
fn sink_of(kind: &str, keys: &Node) -> Result<Option<SinkOptions>, ConfigError> {
    Ok(Some(match kind {
        #[cfg(feature = "kafka")]
        "kafka" => SinkOptions::Kafka(deserializer::read(keys, "sink")?),
        "file" => SinkOptions::File(deserializer::read(keys, "sink")?),
        "stdout" => SinkOptions::Stdout(deserializer::read(keys, "sink")?),
        "blackhole" => SinkOptions::Blackhole(deserializer::read(keys, "sink")?),
        _unknown => return Ok(None),
    }))
}

/// The connector's name: the file's without its ending.
fn name(path: &Path) -> Result<String, ConfigError> {
    let not = |message| ConfigError::NotAConnector {
        path: path.to_path_buf(),
        message,
    };
    if path.is_dir() {
        return Err(not("it is a folder, name the files in it"));
    }
    if path.extension().is_none_or(|ending| ending != "toml") {
        return Err(not("its name does not end in .toml, rename it"));
    }
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        Ok(name)
    } else {
        Err(ConfigError::Name {
            path: path.to_path_buf(),
            name,
        })
    }
}

fn text(path: &Path) -> Result<String, ConfigError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| ConfigError::Read {
            path: path.to_path_buf(),
            error,
        })?;
    let not = |message| ConfigError::NotAConnector {
        path: path.to_path_buf(),
        message,
    };
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(not("it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| not("it is not UTF-8, save it as such"))
}

#[cfg(test)]
mod tests;
