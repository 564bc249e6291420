//! Changes of JSON documents: what an update logs in place of a document under `binlog_row_value_options=PARTIAL_JSON`.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | operation | 1 | 0 replace, 1 insert, 2 remove |
//! | path | length-encoded | `$`, then `.name`, `."name"` or `[index]` a level |
//! | value | length-encoded | a binary document; not of a removal |
//!
//! Follows `sql-common/json_diff.cc` (MySQL). Documents are opened along the paths only; the rest is copied as it is.

use std::borrow::Cow;

use super::escape::write_string;
use super::json_path::{Leg, Position, legs};
use super::jsonb::{DEPTH_MAX, JsonbReader, error};
use super::{Json, RowError};

/// A document and its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patched<'a> {
    /// The document before.
    pub base: &'a [u8],
    /// Its changes, in order.
    pub changes: Changes<'a>,
}

/// Changes of a document, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes<'a>(pub &'a [u8]);

/// One change of a document.
struct DocumentChange<'a> {
    operation: Operation,
    path: &'a str,
    /// The binary document; empty for a removal.
    value: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Replace,
    Insert,
    Remove,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Insert => "insert",
            Self::Remove => "remove",
        }
    }
}

/// A document that is open where it was changed.
enum DocumentNode<'a> {
    Closed {
        document: &'a [u8],
        kind: u8,
        at: usize,
    },
    Object(Vec<(Cow<'a, [u8]>, DocumentNode<'a>)>),
    Array(Vec<DocumentNode<'a>>),
}

impl Patched<'_> {
    /// Appends the text of the document with its changes, as the server prints it.
    ///
    /// # Errors
    /// A document or a change that is damaged, or a change that the document cannot have.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), RowError> {
        // What is opened is read once to open it and once to write it, and only parts that overlap are read more often.
        let mut budget = 2 * (self.base.len() + self.changes.0.len()) + 2;
        let mut root = DocumentNode::of(self.base)?;
        let mut rest = self.changes.0;
        while let Some(change) = DocumentChange::next(&mut rest)? {
            root.apply(&change, &mut budget)?;
        }
        root.write(0, &mut budget, out)
    }
}

impl Changes<'_> {
    /// Appends an array of objects, a change each: `{"op":"replace","path":"$.a","value":1}`, `insert` alike, and
    /// `{"op":"remove","path":"$.b"}`.
    ///
    /// # Errors
    /// Bytes that are no changes; `out` may then hold a part of them.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), RowError> {
        let mut rest = self.0;
        out.push(b'[');
        let mut is_first = true;
        while let Some(change) = DocumentChange::next(&mut rest)? {
            out.extend_from_slice(if is_first {
                b"{\"op\":\""
            } else {
                b",{\"op\":\""
            });
            is_first = false;
            out.extend_from_slice(change.operation.name().as_bytes());
            out.extend_from_slice(b"\",\"path\":");
            write_string(change.path, out);
            if change.operation != Operation::Remove {
                out.extend_from_slice(b",\"value\":");
                Json::Binary(change.value).write(out)?;
            }
            out.push(b'}');
        }
        out.push(b']');
        Ok(())
    }
}

impl<'a> Changes<'a> {
    /// Hands out each change, in order: the server's function that makes it of a document, its path, and its value unless it
    /// removes.
    ///
    /// # Errors
    /// Bytes that are no changes, and what `take` fails with.
    pub fn each(
        &self,
        mut take: impl FnMut(&'static str, &'a str, Option<Json<'a>>) -> Result<(), RowError>,
    ) -> Result<(), RowError> {
        let mut rest = self.0;
        while let Some(change) = DocumentChange::next(&mut rest)? {
            let value = Json::Binary(change.value);
            let path = change.path;
            match change.operation {
                Operation::Replace => take("JSON_REPLACE", path, Some(value))?,
                Operation::Insert if path.ends_with(']') => {
                    take("JSON_ARRAY_INSERT", path, Some(value))?;
                }
                Operation::Insert => take("JSON_INSERT", path, Some(value))?,
                Operation::Remove => take("JSON_REMOVE", path, None)?,
            }
        }
        Ok(())
    }
}

impl<'a> DocumentChange<'a> {
    /// Takes the next change off the front.
    fn next(rest: &mut &'a [u8]) -> Result<Option<Self>, RowError> {
        let Some((operation, after)) = rest.split_first() else {
            return Ok(None);
        };
        let operation = match operation {
            0 => Operation::Replace,
            1 => Operation::Insert,
            2 => Operation::Remove,
            _ => return Err(error("an unknown change", 0)),
        };
        let (path, after) = sized(after).ok_or_else(cut)?;
        let path = std::str::from_utf8(path).map_err(|_| error("a path that is not utf8mb4", 0))?;
        let (value, after) = match operation {
            Operation::Replace | Operation::Insert => sized(after).ok_or_else(cut)?,
            Operation::Remove => (&[][..], after),
        };
        *rest = after;
        Ok(Some(Self {
            operation,
            path,
            value,
        }))
    }
}

fn cut() -> RowError {
    error("a change beyond its end", 0)
}

fn missing() -> RowError {
    error("a change of a part that is not there", 0)
}

/// The bytes after a length-encoded length, and the rest.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = length_encoded(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// A length-encoded number, and the rest.
pub(super) fn length_encoded(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let width = match first {
        0..=250 => return Some((u64::from(*first), rest)),
        252 => 2,
        253 => 3,
        254 => 8,
        251 | 255 => return None,
    };
    let (number, rest) = rest.split_at_checked(width)?;
    let number = number
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some((number, rest))
}

impl<'a> DocumentNode<'a> {
    fn of(document: &'a [u8]) -> Result<Self, RowError> {
        // What rows hold for a JSON NOT NULL column that was added after them.
        const NULL: &[u8] = &[0x04, 0];
        let document = if document.is_empty() { NULL } else { document };
        let kind = *document.first().ok_or_else(cut)?;
        Ok(Self::Closed {
            document,
            kind,
            at: 1,
        })
    }

    fn apply(&mut self, change: &DocumentChange<'a>, budget: &mut usize) -> Result<(), RowError> {
        let legs = legs(change.path)?;
        if legs.len() > usize::from(DEPTH_MAX) {
            return Err(error("a path of more than 100 levels", 0));
        }
        let Some((last, parents)) = legs.split_last() else {
            if change.operation != Operation::Replace {
                return Err(missing());
            }
            *self = Self::of(change.value)?;
            return Ok(());
        };
        let mut node = self;
        for leg in parents {
            node = node.child(leg, budget)?;
        }
        match change.operation {
            Operation::Replace => *node.child(last, budget)? = Self::of(change.value)?,
            Operation::Insert => node.insert(last, Self::of(change.value)?, budget)?,
            Operation::Remove => node.remove(last, budget)?,
        }
        Ok(())
    }

    /// The part that a leg leads to.
    fn child(&mut self, leg: &Leg<'a>, budget: &mut usize) -> Result<&mut Self, RowError> {
        self.open(budget)?;
        match (self, leg) {
            (Self::Object(members), Leg::Member(name)) => {
                let found = members.iter_mut().find(|(key, _)| key == name);
                found.map(|(_, node)| node).ok_or_else(missing)
            }
            (Self::Array(items), Leg::Cell(position)) => {
                let index = position.index(items.len()).ok_or_else(missing)?;
                items.get_mut(index).ok_or_else(missing)
            }
            // A path may treat what is no array as an array of one.
            (node, Leg::Cell(position)) if position.index(1) == Some(0) => Ok(node),
            _mismatch => Err(missing()),
        }
    }

    fn insert(&mut self, leg: &Leg<'a>, value: Self, budget: &mut usize) -> Result<(), RowError> {
        self.open(budget)?;
        match (self, leg) {
            (Self::Object(members), Leg::Member(name)) => {
                let order = |key: &[u8]| (key.len(), key).cmp(&(name.len(), name));
                match members.binary_search_by(|(key, _)| order(key)) {
                    Ok(_) => Err(error("an insert of a part that is there", 0)),
                    Err(index) => {
                        members.insert(index, (name.clone(), value));
                        Ok(())
                    }
                }
            }
            (Self::Array(items), Leg::Cell(position)) => {
                let index = match position {
                    Position::First(index) => (*index).min(items.len()),
                    Position::Last(_) => position.index(items.len()).unwrap_or(0),
                };
                items.insert(index, value);
                Ok(())
            }
            _mismatch => Err(missing()),
        }
    }

    fn remove(&mut self, leg: &Leg<'a>, budget: &mut usize) -> Result<(), RowError> {
        self.open(budget)?;
        match (self, leg) {
            (Self::Object(members), Leg::Member(name)) => {
                let index = members.iter().position(|(key, _)| key == name);
                members.remove(index.ok_or_else(missing)?);
                Ok(())
            }
            (Self::Array(items), Leg::Cell(position)) => {
                let index = position.index(items.len()).ok_or_else(missing)?;
                if index >= items.len() {
                    return Err(missing());
                }
                items.remove(index);
                Ok(())
            }
            _mismatch => Err(missing()),
        }
    }

    /// Opens an object or an array.
    fn open(&mut self, budget: &mut usize) -> Result<(), RowError> {
        let Self::Closed { document, kind, at } = *self else {
            return Ok(());
        };
        let closed = |(kind, at)| Self::Closed { document, kind, at };
        let mut reader = JsonbReader::new(document, *budget);
        match kind {
            0x00 | 0x01 => {
                let members = reader.members(at, kind == 0x01)?;
                let members = members
                    .into_iter()
                    .map(|(key, value)| (Cow::Borrowed(key), closed(value)));
                *self = Self::Object(members.collect());
            }
            0x02 | 0x03 => {
                let items = reader.items(at, kind == 0x03)?;
                *self = Self::Array(items.into_iter().map(closed).collect());
            }
            _scalar => {}
        }
        *budget = reader.budget();
        Ok(())
    }

    fn write(&self, depth: u8, budget: &mut usize, out: &mut Vec<u8>) -> Result<(), RowError> {
        if depth > DEPTH_MAX {
            return Err(error("more than 100 levels", 0));
        }
        match self {
            Self::Closed { document, kind, at } => {
                let mut reader = JsonbReader::new(document, *budget);
                reader.write_value(*kind, *at, depth, out)?;
                *budget = reader.budget();
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (key, node)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    let key = std::str::from_utf8(key)
                        .map_err(|_| error("text that is not utf8mb4", 0))?;
                    write_string(key, out);
                    out.push(b':');
                    node.write(depth + 1, budget, out)?;
                }
                out.push(b'}');
            }
            Self::Array(items) => {
                out.push(b'[');
                for (index, node) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    node.write(depth + 1, budget, out)?;
                }
                out.push(b']');
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use serde_json::{Value, json};

    use super::super::jsonb_document::document;
    use super::*;

    fn binary(value: &Value) -> Vec<u8> {
        let (kind, bytes) = document(value, false);
        [&[kind][..], &bytes].concat()
    }

    fn change(operation: u8, path: &str, value: Option<&Value>) -> Vec<u8> {
        let sized =
            |bytes: &[u8]| [&[u8::try_from(bytes.len()).expect("short")][..], bytes].concat();
        let value = value.map(|value| sized(&binary(value))).unwrap_or_default();
        [&[operation][..], &sized(path.as_bytes()), &value].concat()
    }

    fn patched(base: &Value, changes: &[u8]) -> Result<String, RowError> {
        let mut out = Vec::new();
        let base = binary(base);
        let changes = Changes(changes);
        Patched {
            base: &base,
            changes,
        }
        .write(&mut out)?;
        Ok(String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn changes_apply_in_order_and_keys_keep_the_servers_order() {
        let changes = [
            change(0, "$.a", Some(&json!("new"))),
            change(1, "$.bb", Some(&json!({"x": [1]}))),
            change(1, "$.bb.x[0]", Some(&json!(0))),
            change(1, "$.bb.x[9]", Some(&json!(2))),
            change(1, "$.\"\"", Some(&json!(null))),
            change(2, "$.list[last]", None),
            change(2, "$.list[0]", None),
        ]
        .concat();
        let base = json!({"a": 1, "list": [1, [2], 3]});
        assert_eq!(
            patched(&base, &changes).as_deref(),
            Ok(r#"{"":null,"a":"new","bb":{"x":[0,1,2]},"list":[[2]]}"#)
        );
        assert_eq!(
            patched(&base, &[]).as_deref(),
            Ok(r#"{"a":1,"list":[1,[2],3]}"#)
        );
        assert_eq!(
            patched(&base, &change(0, "$", Some(&json!(7)))).as_deref(),
            Ok("7")
        );
        assert_eq!(
            patched(
                &json!({"a": 1}),
                &change(0, "$[0].a[last]", Some(&json!(7)))
            )
            .as_deref(),
            Ok("{\"a\":7}")
        );
    }

    #[test]
    fn a_change_that_the_document_cannot_have_is_an_error() {
        let base = json!({"a": 1, "b": [1]});
        for (operation, path) in [
            (0, "$.c"),
            (0, "$.b[1]"),
            (0, "$.a.x"),
            (1, "$.a"),
            (1, "$.a[1]"),
            (1, "$"),
            (2, "$"),
            (2, "$.c"),
            (2, "$.b[1]"),
            (0, "a"),
            (0, "$.*"),
            (0, "$[*]"),
            (0, "$**.a"),
            (0, "$.b[last-1]"),
            (3, "$.a"),
        ] {
            let value = (operation != 2).then(|| json!(1));
            let changed = patched(&base, &change(operation, path, value.as_ref()));
            assert!(changed.is_err(), "{operation} {path}: {changed:?}");
        }
    }

    #[test]
    fn changes_are_shown_where_there_is_no_document() {
        let changes = [
            change(0, "$.a", Some(&json!([1, "x"]))),
            change(1, "$[1]", Some(&json!(null))),
            change(2, "$.\"q\\\"\"", None),
        ];
        let ends = [changes[0].len(), changes[0].len() + changes[1].len()];
        let changes = changes.concat();
        let mut out = Vec::new();
        Changes(&changes).write(&mut out).expect("changes");
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            r#"[{"op":"replace","path":"$.a","value":[1,"x"]},{"op":"insert","path":"$[1]","value":null},{"op":"remove","path":"$.\"q\\\"\""}]"#
        );
        for end in 1..changes.len() {
            let (cut, whole) = (Changes(&changes[..end]), ends.contains(&end));
            assert_eq!(cut.write(&mut Vec::new()).is_ok(), whole, "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_changes_are_applied_or_refused(
            base in any::<Vec<u8>>(),
            changes in prop::collection::vec(any::<u8>(), 0..60),
            path in "[$.\\[\\]a-c0-2\"]{0,12}"
        ) {
            for changes in [&changes, &change(0, &path, Some(&json!(1)))] {
                let changes = Changes(changes);
                let mut out = Vec::new();
                let _ = Patched { base: &base, changes }.write(&mut out);
                let _ = changes.write(&mut out);
                let _ = patched(&json!({"a": [1, {"b": 2}]}), changes.0);
            }
        }
    }
}
