//! Copies and the stream of the checker's load as one stream without copies: each change fits what those before it have left.
//!
//! A row that is copied has to be what the stream has left of it by then, wherever that is known. A row that was copied does not
//! come again by the stream. What the stream changes of rows that are yet to be copied stands for itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::support::Flavour;
use crate::support::checker::stream::{Group, Item};
use crate::support::checker::{Change, Check, Findings, Json, Row, TableName};

/// Bits of a sequence that count the changes of one copy; those above count copies.
const SEQUENCE_BITS: u32 = 40;

/// What became of copies.
#[derive(Debug, Default)]
pub struct Copied {
    /// Rows that were copied.
    pub rows: usize,
    /// Those of them that a copy before had published too.
    pub twice: usize,
    /// How many parts of a table they are: rows that follow each other in one copy.
    pub parts_twice: usize,
    /// Rows that were copied after the stream had brought them.
    pub streamed_before: usize,
    /// Changes that the stream brought of tables before the first copy of them, which has them too unless they are gone by then.
    pub left_out: usize,
    /// Copies that published something.
    pub copies: usize,
    /// The copy and the table whose last row was published before too.
    in_part_twice: Option<(u64, String)>,
}

/// The tables as they are rebuilt.
#[derive(Default)]
pub struct Settling {
    tables: BTreeMap<String, Table>,
    /// Whether MySQL 5.7 is the source, which prints a whole number of a document that is a DOUBLE without its point.
    prints_doubles_whole: bool,
    pub copied: Copied,
    pub findings: Findings,
    copies: HashSet<u64>,
}

#[derive(Default)]
struct Table {
    rows: HashMap<String, Row>,
    /// Keys that the stream has taken away.
    gone: HashSet<String>,
    /// The last copy of each row.
    copies: HashMap<String, u64>,
    /// The rows of a table without a key.
    bag: HashMap<String, i64>,
    /// Whether the stream has brought all that is in it.
    is_whole: bool,
}

impl Settling {
    /// Knows nothing yet but what was found before.
    pub fn of(flavour: Flavour, findings: Findings) -> Self {
        Self {
            prints_doubles_whole: flavour == Flavour::MySql57,
            findings,
            ..Self::default()
        }
    }

    /// The same as a stream that an empty server can follow, but for its database.
    pub fn settle(&mut self, groups: Vec<Group>) -> Vec<Group> {
        let settled = groups.into_iter().map(|group| {
            let mut items = Vec::new();
            for (sequence, item) in group.items {
                let place = format!("{}#{sequence}", group.name);
                match item {
                    Item::Ddl {
                        database,
                        statement,
                        tables,
                    } => {
                        let of_copy = sequence >> SEQUENCE_BITS > 0;
                        for statement in self.defined(&statement, of_copy) {
                            let (database, tables) = (database.clone(), tables.clone());
                            let item = Item::Ddl {
                                database,
                                statement,
                                tables,
                            };
                            items.push((sequence, item));
                        }
                    }
                    Item::Row { table, change } => {
                        let changed = self.changed(&table, change, sequence, &place);
                        items.extend(changed.map(|change| (sequence, Item::Row { table, change })));
                    }
                }
            }
            Group {
                name: group.name,
                items,
            }
        });
        let settled = settled.collect();
        self.copied.copies = self.copies.len();
        settled
    }

    /// The tables that are rebuilt and hold nothing.
    pub fn empty(&self) -> Vec<String> {
        let empty = self.tables.iter().filter(|(_, table)| {
            table.rows.is_empty() && table.bag.values().all(|count| *count == 0)
        });
        empty.map(|(name, _)| name.clone()).collect()
    }

    /// Takes a statement, and gives what an empty server is to do for it.
    fn defined(&mut self, statement: &str, of_copy: bool) -> Vec<Box<str>> {
        let bare = statement.replace('`', " ");
        let words: Vec<&str> = bare
            .split(|c: char| c.is_whitespace() || c == ',' || c == '(' || c == '.')
            .filter(|word| !word.is_empty() && *word != "checker")
            .collect();
        let same = || vec![statement.into()];
        let upper: Vec<String> = words.iter().take(2).map(|it| it.to_uppercase()).collect();
        match (&*upper[0], upper.get(1).map_or("", |it| &**it), of_copy) {
            ("TRUNCATE", _, true) => match self.tables.get_mut(words[2]) {
                Some(table) => {
                    *table = Table::default();
                    same()
                }
                // A copy that published its rows made nothing of it.
                None => Vec::new(),
            },
            ("CREATE", "TABLE", true) => {
                let name = words[2].to_owned();
                let before = self.tables.insert(name.clone(), Table::default());
                let drop = before.map(|_| format!("DROP TABLE `{name}`").into());
                drop.into_iter().chain(same()).collect()
            }
            ("TRUNCATE", "TABLE", false) | ("CREATE", "TABLE", false) => {
                let whole = Table {
                    is_whole: true,
                    ..Table::default()
                };
                self.tables.insert(words[2].to_owned(), whole);
                same()
            }
            ("DROP", "TABLE", _) => {
                let name = match words[2].eq_ignore_ascii_case("IF") {
                    true => words[4],
                    false => words[2],
                };
                match self.tables.remove(name) {
                    Some(_) => same(),
                    // It was gone before its copy began.
                    None => Vec::new(),
                }
            }
            ("RENAME", "TABLE", _) => {
                for renamed in words[2..].chunks(3) {
                    let table = self.tables.remove(renamed[0]).unwrap_or_default();
                    self.tables.insert(renamed[2].to_owned(), table);
                }
                same()
            }
            _other => same(),
        }
    }

    /// Takes a change of a row, and gives what an empty server is to do for it.
    fn changed(
        &mut self,
        name: &TableName,
        change: Change,
        sequence: u64,
        place: &str,
    ) -> Option<Change> {
        if !self.tables.contains_key(&*name.table) {
            self.before_its_copy(name, &change, place);
            return None;
        }
        let columns = key_of(&name.table);
        if !columns.is_empty() {
            return self.changed_by_key((name, columns), change, sequence, place);
        }
        let table = self.tables.entry(name.table.to_string()).or_default();
        let mut take = |row: &Row| {
            let count = table.bag.entry(of_bag(row)).or_default();
            let is_there = *count > 0;
            *count -= i64::from(is_there);
            is_there
        };
        let (before, after) = match change {
            Change::Read { after } => {
                self.copied.rows += 1;
                self.copies.insert(sequence >> SEQUENCE_BITS);
                (None, Some(after))
            }
            Change::Create { after } => (None, Some(after)),
            Change::Update { before, after } => (take(&before).then_some(before), Some(after)),
            Change::Delete { before } => (take(&before).then_some(before), None),
        };
        if let Some(after) = &after {
            *table.bag.entry(of_bag(after)).or_default() += 1;
        }
        match (before, after) {
            (Some(before), Some(after)) => Some(Change::Update { before, after }),
            (Some(before), None) => Some(Change::Delete { before }),
            (None, Some(after)) => Some(Change::Create { after }),
            (None, None) => None,
        }
    }

    /// Counts a change of a table that no copy has published yet: it may be gone before one does.
    fn before_its_copy(&mut self, name: &TableName, change: &Change, place: &str) {
        self.copied.left_out += 1;
        if matches!(change, Change::Read { .. }) {
            let complaint = format!("{name} at {place}: a row was copied before its table");
            self.findings.complain(Check::KeyChain, complaint);
        }
    }

    fn changed_by_key(
        &mut self,
        (name, columns): (&TableName, &[&str]),
        change: Change,
        sequence: u64,
        place: &str,
    ) -> Option<Change> {
        let columns: Vec<Box<str>> = columns.iter().map(|name| (*name).into()).collect();
        let key = |row: &Row| row.values(&columns).expect("a row has its key");
        let table = self.tables.entry(name.table.to_string()).or_default();
        let mut wrong = Vec::new();
        let changed = match change {
            Change::Read { after } => {
                let (key, copy) = (key(&after), sequence >> SEQUENCE_BITS);
                let lax = self.prints_doubles_whole && name.table.starts_with("doc");
                self.copies.insert(copy);
                let part = (copy, name.table.to_string());
                let before = table.copies.get(&key).copied();
                self.copied
                    .count((before, table.rows.contains_key(&key)), part);
                table.read(key, (after, lax), copy, &mut wrong)
            }
            Change::Create { after } => {
                let key = key(&after);
                table.create(key, after, &mut wrong)
            }
            Change::Update { before, after } => {
                let keys = [key(&before), key(&after)];
                table.update(keys, before, after, &mut wrong)
            }
            Change::Delete { before } => {
                let key = key(&before);
                table.delete(key, before, &mut wrong)
            }
        };
        for what in wrong {
            let complaint = format!("{name} at {place}: {what}");
            self.findings.complain(Check::KeyChain, complaint);
        }
        changed
    }
}

impl Copied {
    /// Counts a row of a part of a copy: the copy that published it before, and whether it was there.
    fn count(&mut self, (before, is_there): (Option<u64>, bool), part: (u64, String)) {
        self.rows += 1;
        self.streamed_before += usize::from(is_there && before.is_none());
        let part = before.map(|_| part);
        self.twice += usize::from(part.is_some());
        let is_new = part.is_some() && part != self.in_part_twice;
        self.parts_twice += usize::from(is_new);
        self.in_part_twice = part;
    }
}

/// Each takes a change, and gives what an empty server is to do for it.
impl Table {
    fn read(
        &mut self,
        key: String,
        (after, lax): (Row, bool),
        copy: u64,
        wrong: &mut Vec<String>,
    ) -> Option<Change> {
        if self.copies.insert(key.clone(), copy) == Some(copy) {
            wrong.push(format!("a copy has a row twice, {after:?}"));
        }
        let was_gone = self.gone.contains(&key) || self.is_whole;
        match self.rows.insert(key, after.clone()) {
            None => {
                if was_gone {
                    wrong.push(format!("a row was copied that is gone, {after:?}"));
                }
                Some(Change::Create { after })
            }
            Some(known) if is_same(&known, &after, lax) => None,
            Some(before) => {
                wrong.push(format!(
                    "a stale row was copied, {after:?} after {before:?}"
                ));
                Some(Change::Update { before, after })
            }
        }
    }

    fn create(&mut self, key: String, after: Row, wrong: &mut Vec<String>) -> Option<Change> {
        self.gone.remove(&key);
        match self.rows.insert(key, after.clone()) {
            Some(before) => {
                wrong.push(format!(
                    "a row came that was there, {after:?} after {before:?}"
                ));
                Some(Change::Update { before, after })
            }
            None => Some(Change::Create { after }),
        }
    }

    fn update(
        &mut self,
        [from, to]: [String; 2],
        before: Row,
        after: Row,
        wrong: &mut Vec<String>,
    ) -> Option<Change> {
        let known = self.rows.remove(&from);
        match &known {
            Some(known) if !is_same(known, &before, false) => {
                wrong.push(format!("{before:?} was changed, which was {known:?}"));
            }
            None if self.gone.contains(&from) || self.is_whole => {
                wrong.push(format!("a row was changed that is gone, {before:?}"));
            }
            Some(_) | None => {}
        }
        self.gone.remove(&to);
        if from != to {
            self.gone.insert(from);
        }
        if self.rows.insert(to, after.clone()).is_some() {
            wrong.push(format!("a row took the key of another, {after:?}"));
        }
        Some(match known {
            Some(_) => Change::Update { before, after },
            None => Change::Create { after },
        })
    }

    fn delete(&mut self, key: String, before: Row, wrong: &mut Vec<String>) -> Option<Change> {
        let known = self.rows.remove(&key);
        let was_gone = !self.gone.insert(key);
        match &known {
            Some(known) if !is_same(known, &before, false) => {
                wrong.push(format!("{before:?} was deleted, which was {known:?}"));
            }
            None if was_gone || self.is_whole => {
                wrong.push(format!("a row was deleted that is gone, {before:?}"));
            }
            Some(_) | None => {}
        }
        known.map(|_| Change::Delete { before })
    }
}

/// The columns of a key of the checker's tables.
fn key_of(table: &str) -> &'static [&'static str] {
    match table {
        "journal" => &["client", "seq"],
        "pair" => &["name", "number"],
        "account" | "item" => &["id"],
        of_documents if of_documents.starts_with("doc") => &["id"],
        beside if beside.starts_with("side_") => &["id"],
        _without => &[],
    }
}

/// A row of a table without a key, but for the columns that it is given in the middle.
fn of_bag(row: &Row) -> String {
    let values = row.0.iter().filter(|(name, _)| !name.starts_with("mark_"));
    values
        .map(|(name, value)| format!("{name}={value} "))
        .collect()
}

/// Whether rows have the same values in the columns that both have; `lax` leaves out documents.
fn is_same(one: &Row, other: &Row, lax: bool) -> bool {
    one.0.iter().all(|(name, value): &(Box<str>, Json)| {
        let also = other.get(name);
        (lax && **name == *"body") || also.is_none_or(|also| also == value)
    })
}
