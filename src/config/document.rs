//! A connector file as a tree whose values remember where they came from.
//!
//! A string from TOML is a string and nothing else. A value that an environment variable supplied is [`Value::Free`]: it
//! has no type of its own and is read as what its key wants.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// Keys and values. The order of keys in a file means nothing.
pub type Table = BTreeMap<String, Node>;

/// A value and its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub value: Value,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    /// Text whose type is decided by the key.
    Free(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// No key takes one.
    Date,
    List(Vec<Node>),
    Table(Table),
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A connector file.
    File {
        /// The file.
        path: PathBuf,
        /// The line in it, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The file that a key ending in `_file` names.
    SecretFile(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::SecretFile(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Parses the text of a connector file.
///
/// # Errors
/// `ConfigError::Syntax`, `ConfigError::Key` for a number that no key can hold.
pub fn parse(path: &Path, text: &str) -> Result<Node, ConfigError> {
    let reader = Reader { path, text };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        place: reader.origin(error.span().map_or(0, |span| span.start)),
        // The parser's message, not its picture of the line: that may hold a password.
        message: error.message().replace('\n', ", "),
    })?;
    reader.table(table.get_ref(), 0)
}

/// Parses one value as it would stand behind a key; `None` if it is not TOML.
pub fn parse_value(text: &str, origin: &Origin) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    let reader = Reader {
        path: Path::new(""),
        text,
    };
    let mut node = reader.value(value.get_ref(), 0).ok()?;
    relocate(&mut node, origin);
    Some(node)
}

fn relocate(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.value {
        Value::List(nodes) => nodes.iter_mut().for_each(|node| relocate(node, origin)),
        Value::Table(table) => table.values_mut().for_each(|node| relocate(node, origin)),
        Value::Text(_)
        | Value::Free(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date => {}
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        Origin::File {
            path: self.path.to_path_buf(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        }
    }

    fn table(&self, table: &DeTable<'_>, offset: usize) -> Result<Node, ConfigError> {
        let mut found = Table::new();
        for (key, value) in table {
            let mut node = self.value(value.get_ref(), key.span().start)?;
            node.origin = self.origin(key.span().start);
            found.insert(key.get_ref().to_string(), node);
        }
        Ok(Node {
            value: Value::Table(found),
            origin: self.origin(offset),
        })
    }

    fn value(&self, value: &DeValue<'_>, offset: usize) -> Result<Node, ConfigError> {
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Value::Integer)
                .map_err(|_| self.number_error(number.as_str(), offset))?,
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map(Value::Float)
                .map_err(|_| self.number_error(number.as_str(), offset))?,
            DeValue::Array(values) => {
                let nodes = values
                    .iter()
                    .map(|value| self.value(value.get_ref(), value.span().start));
                Value::List(nodes.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => return self.table(table, offset),
        };
        Ok(Node {
            value,
            origin: self.origin(offset),
        })
    }

    fn number_error(&self, number: &str, offset: usize) -> ConfigError {
        ConfigError::Syntax {
            place: self.origin(offset),
            message: format!("number {number} is too large"),
        }
    }
}
