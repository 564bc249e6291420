//! A section of a connector file read into typed options, with every mistake in it.
//!
//! serde stops at the first mistake. So each is noted, mended in the tree (a wrong value leaves, a misspelt key gets its
//! name, a missing one gets a value without meaning), and the tree is read again until serde finds nothing more.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::deserializer::{self, Misfit, ValueError};
use super::document::{Content, Keys, Node};
use super::home::home;
use super::mistake::Mistakes;
use super::origin::ValueOrigin;
use super::secret_file;
use super::spelling::{hint, known, nearest};

/// A section as far as it could be read.
#[derive(Debug)]
pub struct Section<T> {
    /// What it says; where a value was wrong or missing, its default or a value without meaning.
    pub options: T,
    /// The keys of such values, within the section.
    unusable: BTreeSet<Vec<String>>,
}

impl<T> Section<T> {
    /// The same, made into another type.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Section<U> {
        Section {
            options: make(self.options),
            unusable: self.unusable,
        }
    }

    /// Whether no part of the value of a key was wrong.
    pub fn is_whole(&self, key: &[&str]) -> bool {
        let is_part = |part: &Vec<String>| {
            part.len() >= key.len() && part.iter().zip(key).all(|(part, key)| part == key)
        };
        self.is_usable(key) && !self.unusable.iter().any(is_part)
    }

    /// Whether the value of a key, by its path, is what the file says, or a default that it leaves alone.
    pub fn is_usable(&self, key: &[&str]) -> bool {
        !self.unusable.iter().any(|unusable| {
            key.starts_with(&unusable.iter().map(String::as_str).collect::<Vec<_>>())
        })
    }
}

/// Reads a tree, which stands under the key `at`, empty for the whole file, and adds every mistake in it. `others` are keys
/// that it may hold beside those of the options. `None` if there are too many mistakes for the options to mean anything.
pub fn read<T: DeserializeOwned>(
    node: &mut Node,
    at: &str,
    others: &[&str],
    mistakes: &mut Mistakes,
) -> Option<Section<T>> {
    let mut mending = Mending {
        at,
        others,
        mistakes,
        unusable: BTreeSet::new(),
        filled: BTreeSet::new(),
    };
    loop {
        match deserializer::read(node) {
            Ok(options) => {
                let unusable = mending.unusable;
                return Some(Section { options, unusable });
            }
            Err(error) => mending.mend(node, &error)?,
        }
    }
}

/// A tree that is mended, mistake by mistake.
struct Mending<'a> {
    at: &'a str,
    others: &'a [&'a str],
    mistakes: &'a mut Mistakes,
    /// Keys whose values were wrong or missing, which has been told.
    unusable: BTreeSet<Vec<String>>,
    /// Keys that got a value without meaning.
    filled: BTreeSet<Vec<String>>,
}

impl Mending<'_> {
    /// Tells a mistake and mends the tree, so that it is found no more; `None` if that cannot be.
    fn mend(&mut self, node: &mut Node, error: &ValueError) -> Option<()> {
        if self.mistakes.is_full() {
            return None;
        }
        let path = error.path();
        match &error.misfit {
            Misfit::Unknown { found, expected } => {
                let others = match path.is_empty() {
                    true => self.others,
                    false => &[],
                };
                let known = known(others, expected);
                let section = match (self.at, path.first()) {
                    ("", Some(section)) => section,
                    (section, _) => section,
                };
                let home = home(found, section);
                // A key of another section is none of this one in another spelling.
                let listed = secret_file::with_files(&known);
                let listed: Vec<&str> = listed.iter().map(|key| &**key).collect();
                let meant = nearest(found, &listed).filter(|_| home.is_none());
                let hint = home.unwrap_or_else(|| hint(meant));
                let expected = listed.join(", ");
                let message = format!("no such key '{found}', expected one of {expected}{hint}");
                self.tell(node, error, &path, message);
                let mended = meant.and_then(|meant| nearest(meant, &known));
                rename(node, &joined(path, found), mended)
            }
            Misfit::Missing(field) => {
                let key = joined(path.clone(), field);
                if self.unusable.insert(key.clone()) {
                    self.tell(node, error, &path, format!("key {field} is missing"));
                }
                if !self.filled.insert(key.clone()) {
                    return None;
                }
                fill(node, &key)
            }
            Misfit::Duplicate(field) => {
                let (first, second) = spellings(node, &path, field)?;
                let message = format!(
                    "{} says the same as {} at {}, keep one of the two",
                    second.0, first.0, first.1
                );
                let above = Some(self.at).filter(|at| !at.is_empty()).into_iter();
                let key: Vec<&str> = above
                    .chain(path.iter().map(String::as_str))
                    .chain([second.0.as_str()])
                    .collect();
                self.mistakes.add_key(&second.1, &key.join("."), message);
                remove(node, &joined(path, &second.0)).map(|_path| ())
            }
            Misfit::Value(message) => {
                if !self.lacks_a_part(&path) && !is_told(node, &path) {
                    let message = match &error.found {
                        Some(found) if !path.iter().any(|key| secret_file::is_secret(key)) => {
                            format!("{message}, found {found}")
                        }
                        Some(_) | None => message.clone(),
                    };
                    self.tell(node, error, &path, message);
                }
                self.unusable.insert(remove(node, &path)?);
                Some(())
            }
            Misfit::Told => {
                self.unusable.insert(remove(node, &path)?);
                Some(())
            }
        }
    }

    fn tell(&mut self, root: &Node, error: &ValueError, path: &[String], message: String) {
        let above = Some(self.at).filter(|at| !at.is_empty()).into_iter();
        let key: Vec<&str> = above.chain(path.iter().map(String::as_str)).collect();
        let place = error.place.as_ref().unwrap_or(&root.origin);
        self.mistakes.add_key(place, &key.join("."), message);
    }

    /// Whether a part of the value was wrong, so that the rest without it need not be right.
    fn lacks_a_part(&self, path: &[String]) -> bool {
        let lacks = |part: &Vec<String>| part.len() > path.len() && part.starts_with(path);
        !path.is_empty() && self.unusable.iter().any(lacks)
    }
}

fn joined(mut path: Vec<String>, key: &str) -> Vec<String> {
    path.push(key.to_owned());
    path
}

/// Whether the value at a path is one whose mistake has been told.
fn is_told(node: &Node, path: &[String]) -> bool {
    let found = path.iter().try_fold(node, |node, part| node.below(part));
    found.is_some_and(|node| node.content == Content::Unusable)
}

/// How much of a path the tree holds.
fn depth(mut node: &Node, path: &[String]) -> usize {
    for (depth, part) in path.iter().enumerate() {
        match node.below(part) {
            Some(below) => node = below,
            None => return depth,
        }
    }
    path.len()
}

/// The table that holds the last key of a path, and that key.
fn table_of<'a, 'p>(node: &'a mut Node, path: &'p [String]) -> Option<(&'a mut Keys, &'p String)> {
    let (last, above) = path.split_last()?;
    let table = above
        .iter()
        .try_fold(node, |node, part| node.below_mut(part))?;
    Some((table.keys_mut()?, last))
}

/// Gives a key its right name; without one, or where that is taken, the key leaves.
fn rename(node: &mut Node, path: &[String], name: Option<&str>) -> Option<()> {
    if depth(node, path) < path.len() {
        // Inside the text of a variable.
        return remove(node, path).map(|_path| ());
    }
    let (table, key) = table_of(node, path)?;
    let value = table.remove(key)?;
    if let Some(name) = name {
        table.entry(name.to_owned()).or_insert(value);
    }
    Some(())
}

/// A key as it is spelled, and where.
type Spelling = (String, ValueOrigin);

/// The two keys of a table that both mean a field, the one that stands first first.
fn spellings(node: &Node, path: &[String], field: &str) -> Option<(Spelling, Spelling)> {
    let plain = |key: &str| key.replace('-', "_");
    let field = plain(field);
    let table = path.iter().try_fold(node, |node, part| node.below(part))?;
    let mut found: Vec<Spelling> = table
        .entries()
        .filter(|(key, _)| plain(key).ends_with(&field))
        .map(|(key, node)| (key.clone(), node.origin.clone()))
        .collect();
    found.sort_by_key(|(_, origin)| origin.line());
    let mut found = found.into_iter();
    Some((found.next()?, found.next()?))
}

/// Puts a value without meaning where a key is missing.
fn fill(node: &mut Node, path: &[String]) -> Option<()> {
    let origin = node.origin.clone();
    let (table, key) = table_of(node, path)?;
    let content = Content::Unusable;
    table.insert(key.clone(), Node { content, origin });
    Some(())
}

/// Takes the value at a path out of the tree, or the innermost one around it, and returns where that stood.
fn remove(node: &mut Node, path: &[String]) -> Option<Vec<String>> {
    let mut path = path.get(..depth(node, path))?.to_vec();
    while !path.is_empty() {
        if let Some((table, key)) = table_of(node, &path) {
            table.remove(key);
            return Some(path);
        }
        // An element of a list keeps its place, so that those after it keep their numbers.
        let element = path
            .iter()
            .try_fold(&mut *node, |node, part| node.below_mut(part))?;
        if element.content != Content::Unusable {
            element.content = Content::Unusable;
            return Some(path);
        }
        path.pop();
    }
    None
}
