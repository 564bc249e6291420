//! Notes: what a checkpoint relies on and the source cannot tell again. They are the definitions that a person told, the orders
//! to pass over groups, and the groups that were passed over.
//!
//! The state folder has them in files. A sink whose checkpoints other instances of the connector find keeps them there too, each
//! under its name, so that a folder that is lost takes none along.
//!
//! | name | text |
//! |---|---|
//! | `told/000001`, … | a line of `told-definitions.jsonl` |
//! | `skip-orders` | `skip-orders.json` |
//! | `skipped/000001`, … | a line of `skipped.jsonl` |

use std::collections::BTreeMap;

use super::{Journal, SkipStore, StateError, StateFolder};
use crate::change::Checkpoint;

const TOLD: &str = "told/";
const ORDERS: &str = "skip-orders";
const SKIPPED: &str = "skipped/";

/// The notes of a connector: texts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(BTreeMap<String, Vec<u8>>);

impl Notes {
    /// Those in a state folder. Blocks on the disk.
    ///
    /// # Errors
    /// A file that is damaged or cannot be read.
    pub fn of_folder(folder: &StateFolder) -> Result<Self, StateError> {
        let mut notes = Self::default();
        let (orders, record) = SkipStore::texts(folder)?;
        notes.insert_lines(TOLD, &Journal::told_text(folder)?);
        notes.insert_lines(SKIPPED, &record);
        if let Some(orders) = orders {
            notes.set(ORDERS.to_owned(), Some(orders));
        }
        Ok(notes)
    }

    /// Replaces a note, or removes it.
    pub fn set(&mut self, name: String, text: Option<Vec<u8>>) {
        match text {
            Some(text) => self.0.insert(name, text),
            None => self.0.remove(&name),
        };
    }

    /// What has to be set so that `former` becomes these.
    pub fn changes_from<'a>(&'a self, former: &'a Self) -> Vec<(&'a str, Option<&'a [u8]>)> {
        let set = self
            .0
            .iter()
            .filter(|(name, text)| former.0.get(*name) != Some(*text))
            .map(|(name, text)| (name.as_str(), Some(text.as_slice())));
        let gone = former
            .0
            .keys()
            .filter(|name| !self.0.contains_key(*name))
            .map(|name| (name.as_str(), None));
        set.chain(gone).collect()
    }

    /// Puts them into a state folder that is not that of whoever stored `checkpoint`. What a person told there stays beside
    /// them; orders that were given there stay only in a folder that is new. Blocks on the disk.
    ///
    /// # Errors
    /// A file or a note that is damaged or cannot be written; or else the orders of which nobody knows whether they still hold,
    /// and nothing was changed in them.
    pub fn put_into(
        &self,
        folder: &StateFolder,
        skips: &SkipStore,
        checkpoint: &Checkpoint,
        is_new: bool,
    ) -> Result<Result<(), Vec<String>>, StateError> {
        Journal::tell_again(folder, &self.lines(TOLD))?;
        let orders = self.0.get(ORDERS).map(Vec::as_slice);
        skips.adopt(orders, &self.lines(SKIPPED), checkpoint, is_new)
    }

    fn insert_lines(&mut self, prefix: &str, text: &[u8]) {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (1_u32..).zip(lines) {
            self.0.insert(format!("{prefix}{number:06}"), line.to_vec());
        }
    }

    fn lines(&self, prefix: &str) -> Vec<u8> {
        let named = self.0.range(prefix.to_owned()..);
        let named = named.take_while(|(name, _)| name.starts_with(prefix));
        named.flat_map(|(_, line)| line).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::{Coordinates, GtidSet};
    use crate::change::{PassedOver, SkipTarget};
    use crate::mysql::Flavour;

    fn at(position: u64) -> Coordinates {
        Coordinates::new("binlog.000001", position)
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint::new(at(4), GtidSet::empty(Flavour::MySql), None, 1, 7)
    }

    struct Place {
        _dir: tempfile::TempDir,
        folder: StateFolder,
        skips: SkipStore,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = StateFolder::open(dir.path(), "shop").unwrap();
            let skips = SkipStore::open(&folder).unwrap();
            Self {
                _dir: dir,
                folder,
                skips,
            }
        }

        fn order(&self, position: u64) {
            let target = SkipTarget::At(at(position));
            let ordered = self.skips.order(target, &checkpoint(), None);
            ordered.unwrap().unwrap();
        }

        fn notes(&self) -> Notes {
            Notes::of_folder(&self.folder).unwrap()
        }

        fn take(&self, notes: &Notes, is_new: bool) -> Result<(), Vec<String>> {
            let taken = notes.put_into(&self.folder, &self.skips, &checkpoint(), is_new);
            taken.unwrap()
        }
    }

    fn passed_over(order: u64, position: u64) -> PassedOver {
        PassedOver {
            order,
            gtid: None,
            begin: at(position),
            end: at(position + 10),
            commit_us: 0,
            events: 1,
            xa: None,
            statements: 0,
            doubts_definitions: false,
        }
    }

    #[test]
    fn a_folder_that_was_lost_has_its_notes_again() {
        let first = Place::new();
        first.order(100);
        first.order(200);
        let lineage = checkpoint().lineage();
        first
            .skips
            .record(&[passed_over(1, 100)], &lineage)
            .unwrap();
        let notes = first.notes();
        let other = Place::new();
        other.take(&notes, true).unwrap();
        assert_eq!(other.skips.orders(), first.skips.orders());
        assert_eq!(other.skips.passed_over(), 1);
        assert_eq!(other.notes(), notes);
        assert_eq!(notes.changes_from(&other.notes()), []);
    }

    #[test]
    fn what_was_ordered_in_a_new_folder_stands_beside_what_is_kept() {
        let first = Place::new();
        first.order(100);
        let new = Place::new();
        new.order(300);
        new.take(&first.notes(), true).unwrap();
        let orders = new.skips.orders();
        assert_eq!(orders.len(), 2, "{orders:?}");
        assert!(
            orders[0].starts_with("1: ") && orders[1].starts_with("2: "),
            "{orders:?}"
        );
    }

    #[test]
    fn orders_that_may_have_been_cancelled_elsewhere_are_named() {
        let first = Place::new();
        first.order(100);
        let stale = Place::new();
        stale.order(300);
        let left = stale.take(&first.notes(), false).unwrap_err();
        assert_eq!(left, stale.skips.orders());
        // The same one is no other.
        let same = Place::new();
        same.order(100);
        same.take(&first.notes(), false).unwrap();
    }

    #[test]
    fn what_changes_is_what_differs() {
        let mut before = Notes::default();
        before.set("a".to_owned(), Some(b"1".to_vec()));
        before.set("b".to_owned(), Some(b"1".to_vec()));
        let mut after = before.clone();
        after.set("a".to_owned(), None);
        after.set("b".to_owned(), Some(b"2".to_vec()));
        let changes = after.changes_from(&before);
        assert_eq!(changes, [("b", Some(&b"2"[..])), ("a", None)]);
    }
}
