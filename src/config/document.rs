//! A connector file as a tree whose values remember where they came from.
//!
//! A string from TOML is a string and nothing else. A value that an environment variable supplied is [`Content::Free`]: it
//! has no type of its own and is read as what its key wants. A value that is known to be wrong is [`Content::Unusable`], so
//! that the rest can still be checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Mistakes};
use super::origin::ValueOrigin;

/// Keys and values. The order of keys in a file means nothing.
pub type Keys = BTreeMap<String, Node>;

/// A value and its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub content: Content,
    pub origin: ValueOrigin,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Text(String),
    /// Text whose type is decided by the key.
    Free(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// No key takes one.
    Date,
    List(Vec<Node>),
    Table(Keys),
    /// Stands for a value that is missing or wrong, which has been told.
    Unusable,
}

/// A connector file that is being read.
#[derive(Debug)]
pub struct Draft {
    /// The file.
    pub path: PathBuf,
    /// The connector's name.
    pub name: String,
    /// What the file says; an empty table where it is not TOML.
    pub document: Node,
    /// What is wrong with it so far.
    pub mistakes: Mistakes,
    /// Whether the file could be read, so that its keys can be checked.
    pub is_toml: bool,
}

impl Node {
    /// An empty table.
    pub fn empty(origin: ValueOrigin) -> Self {
        Self {
            content: Content::Table(Keys::new()),
            origin,
        }
    }

    /// The keys of a table, to be changed; `None` for any other value.
    pub fn keys_mut(&mut self) -> Option<&mut Keys> {
        match &mut self.content {
            Content::Table(keys) => Some(keys),
            _other => None,
        }
    }

    /// The value of a key, or of an element by its number from 1; `None` if there is none.
    pub fn below(&self, part: &str) -> Option<&Self> {
        match &self.content {
            Content::Table(keys) => keys.get(part),
            Content::List(nodes) => nodes.get(part.parse::<usize>().ok()?.checked_sub(1)?),
            _leaf => None,
        }
    }

    /// The same, to be changed.
    pub fn below_mut(&mut self, part: &str) -> Option<&mut Self> {
        match &mut self.content {
            Content::Table(keys) => keys.get_mut(part),
            Content::List(nodes) => nodes.get_mut(part.parse::<usize>().ok()?.checked_sub(1)?),
            _leaf => None,
        }
    }

    /// Whether a part of it is a value whose mistake has been told.
    pub fn lacks_a_value(&self) -> bool {
        match &self.content {
            Content::Unusable => true,
            Content::Table(table) => table.values().any(Self::lacks_a_value),
            Content::List(nodes) => nodes.iter().any(Self::lacks_a_value),
            Content::Text(_)
            | Content::Free(_)
            | Content::Integer(_)
            | Content::Float(_)
            | Content::Boolean(_)
            | Content::Date => false,
        }
    }

    /// The elements of a list; none for any other value.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        let nodes = match &self.content {
            Content::List(nodes) => Some(nodes),
            _other => None,
        };
        nodes.into_iter().flatten()
    }

    /// The keys of a table with their values; none for any other value.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Self)> {
        let keys = match &self.content {
            Content::Table(keys) => Some(keys),
            _other => None,
        };
        keys.into_iter().flatten()
    }

    /// The text of a string; `None` for any other value.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) | Content::Free(text) => Some(text),
            _other => None,
        }
    }

    /// Where a key stands, by its path, or else the innermost table that should hold it.
    pub fn origin_of(&self, key: &[&str]) -> &ValueOrigin {
        let mut node = self;
        for part in key {
            match node.below(part) {
                Some(below) => node = below,
                None => break,
            }
        }
        &node.origin
    }
}

/// Parses the text of a connector file; `None` if it is not TOML.
pub fn parse(path: &Path, text: &str, mistakes: &mut Mistakes) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut parser = Parser::new(path, text, mistakes);
    if errors.is_empty() {
        return Some(parser.table(table.get_ref(), 0));
    }
    let mut last = None;
    for error in errors {
        let place = parser.origin(error.span().map_or(0, |span| span.start));
        let ValueOrigin::File { line, .. } = &place else {
            continue;
        };
        // What follows in the same line is often the parser's way back.
        if last.replace(*line) == Some(*line) {
            continue;
        }
        // The parser's message, not its picture of the line: that may hold a password.
        let message = match (
            error.message(),
            error.span().and_then(|span| text.get(span)),
        ) {
            ("duplicate key", Some(key)) => {
                format!("key {key} is given twice, keep one of the two")
            }
            (message, _) => message.replace('\n', ", "),
        };
        parser.mistakes.add(Mistake::Syntax { place, message });
    }
    None
}

/// Parses one value as it would stand after a key's equals sign; `None` if it is not TOML.
pub fn parse_value(text: &str, origin: &ValueOrigin) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    let mut mistakes = Mistakes::default();
    let mut parser = Parser::new(Path::new(""), text, &mut mistakes);
    let mut node = parser.value(value.get_ref(), 0);
    if !mistakes.is_empty() {
        return None;
    }
    relocate(&mut node, origin);
    Some(node)
}

fn relocate(node: &mut Node, origin: &ValueOrigin) {
    node.origin = origin.clone();
    match &mut node.content {
        Content::List(nodes) => nodes.iter_mut().for_each(|node| relocate(node, origin)),
        Content::Table(keys) => keys.values_mut().for_each(|node| relocate(node, origin)),
        Content::Text(_)
        | Content::Free(_)
        | Content::Integer(_)
        | Content::Float(_)
        | Content::Boolean(_)
        | Content::Date
        | Content::Unusable => {}
    }
}

struct Parser<'a> {
    path: &'a Path,
    text: &'a str,
    /// Where each line begins after the first.
    lines: Vec<usize>,
    mistakes: &'a mut Mistakes,
}

impl<'a> Parser<'a> {
    fn new(path: &'a Path, text: &'a str, mistakes: &'a mut Mistakes) -> Self {
        let lines = text.match_indices('\n').map(|(end, _)| end + 1).collect();
        Self {
            path,
            text,
            lines,
            mistakes,
        }
    }

    fn origin(&self, offset: usize) -> ValueOrigin {
        let lines = self.lines.partition_point(|begin| *begin <= offset);
        let begin = lines.checked_sub(1).and_then(|line| self.lines.get(line));
        let before = self.text.get(begin.copied().unwrap_or(0)..offset);
        ValueOrigin::File {
            path: self.path.to_path_buf(),
            line: 1 + lines,
            column: 1 + before.unwrap_or_default().chars().count(),
        }
    }

    fn table(&mut self, table: &DeTable<'_>, offset: usize) -> Node {
        let mut keys = Keys::new();
        for (key, value) in table {
            let node = self.value(value.get_ref(), key.span().start);
            keys.insert(key.get_ref().to_string(), node);
        }
        Node {
            content: Content::Table(keys),
            origin: self.origin(offset),
        }
    }

    fn value(&mut self, value: &DeValue<'_>, offset: usize) -> Node {
        let content = match value {
            DeValue::String(text) => Content::Text(text.to_string()),
            DeValue::Boolean(value) => Content::Boolean(*value),
            DeValue::Datetime(_) => Content::Date,
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Content::Integer(number),
                    Err(_) => self.too_large(number.as_str(), offset),
                }
            }
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Content::Float(number),
                Err(_) => self.too_large(number.as_str(), offset),
            },
            DeValue::Array(values) => Content::List(
                values
                    .iter()
                    .map(|value| self.value(value.get_ref(), value.span().start))
                    .collect(),
            ),
            DeValue::Table(table) => return self.table(table, offset),
        };
        Node {
            content,
            origin: self.origin(offset),
        }
    }

    fn too_large(&mut self, number: &str, offset: usize) -> Content {
        let place = self.origin(offset);
        let message = format!("number {number} is too large");
        self.mistakes.add(Mistake::Syntax { place, message });
        Content::Unusable
    }
}
