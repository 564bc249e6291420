//! The output as one stream: groups in the source's order, each change once, both halves of a changed key together.

use super::findings::{Check, Findings};
use super::output::{Body, Change, Output, Record, Row, TableName};

/// A transaction or a DDL statement as it came out.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// `file:position` of its first event.
    pub name: String,
    /// Its changes by their sequence.
    pub items: Vec<(u64, Item)>,
}

/// A change in a group.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// Of a row.
    Row {
        /// Its table.
        table: TableName,
        /// What happened to it.
        change: Change,
    },
    /// Of definitions.
    Ddl {
        /// The statement's default database.
        database: Box<str>,
        /// The statement.
        statement: Box<str>,
        /// The tables that it names.
        tables: Vec<TableName>,
    },
}

impl Group {
    /// The row changes.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (&TableName, &Change)> {
        self.items.iter().filter_map(|(_, item)| match item {
            Item::Row { table, change } => Some((table, change)),
            Item::Ddl { .. } => None,
        })
    }

    /// Whether a statement is among the changes.
    pub fn has_ddl(&self) -> bool {
        self.items
            .iter()
            .any(|(_, item)| matches!(item, Item::Ddl { .. }))
    }
}

impl Change {
    /// The row before.
    pub fn before(&self) -> Option<&Row> {
        match self {
            Self::Create { .. } | Self::Read { .. } => None,
            Self::Update { before, .. } | Self::Delete { before } => Some(before),
        }
    }

    /// The row after.
    pub fn after(&self) -> Option<&Row> {
        match self {
            Self::Create { after } | Self::Read { after } | Self::Update { after, .. } => {
                Some(after)
            }
            Self::Delete { .. } => None,
        }
    }
}

/// Merges logs by identity and drops what is repeated, as the identity promises that a consumer can.
pub fn groups(output: Output, findings: &mut Findings) -> Vec<Group> {
    let mut records = output.records;
    records.sort_by_cached_key(|record| (record.identity.order(), record.rank()));
    records.dedup_by(|next, first| {
        let same = (next.identity.order(), next.rank()) == (first.identity.order(), first.rank());
        if same
            && (&next.identity, &next.key, &next.body) != (&first.identity, &first.key, &first.body)
        {
            let text = format!(
                "{} at {} and at {} is not the same change",
                first.identity, first.place, next.place
            );
            findings.complain(Check::Repetition, text);
        }
        same
    });

    let mut groups: Vec<Group> = Vec::new();
    let mut current = None;
    let mut records = records.into_iter().peekable();
    while let Some(record) = records.next() {
        let order = record.identity.order();
        let mut halves = vec![record];
        while let Some(half) = records.next_if(|next| next.identity.order() == order) {
            halves.push(half);
        }
        let place = &halves[0].identity;
        if current != Some(place.group()) {
            current = Some(place.group());
            groups.push(Group {
                name: format!("{}:{}", place.file, place.position),
                items: Vec::new(),
            });
        }
        let sequence = place.sequence;
        if let Some(item) = whole(halves, findings) {
            let group = groups.last_mut().expect("one was just begun");
            group.items.push((sequence, item));
        }
    }
    groups
}

/// One change of the records that share its identity.
fn whole(halves: Vec<Record>, findings: &mut Findings) -> Option<Item> {
    check_halves(&halves, findings);
    let mut item = None;
    for half in halves {
        item = match (half.body, item) {
            (Body::Tombstone, item) => item,
            (
                Body::Row {
                    table,
                    change: Change::Create { after },
                },
                Some(Item::Row {
                    change: Change::Delete { before },
                    ..
                }),
            ) => Some(Item::Row {
                table,
                change: Change::Update { before, after },
            }),
            (Body::Row { table, change }, None) => Some(Item::Row { table, change }),
            (
                Body::Ddl {
                    database,
                    statement,
                    tables,
                },
                None,
            ) => Some(Item::Ddl {
                database,
                statement,
                tables,
            }),
            (body, Some(item)) => {
                findings.complain(
                    Check::Format,
                    format!("{} names {item:?} and {body:?}", half.identity),
                );
                Some(item)
            }
        };
    }
    item
}

/// Whether the records of one change go together: a tombstone behind a delete, and the two halves of a changed key.
fn check_halves(halves: &[Record], findings: &mut Findings) {
    let first = &halves[0];
    let mut complain = |text: &str| {
        let told = format!("{} at {}: {text}", first.identity, first.place);
        findings.complain(Check::KeyChange, told);
    };
    let of = |rank: u8| halves.iter().find(|half| half.rank() == rank);
    let delete = of(0).filter(|half| {
        matches!(
            half.body,
            Body::Row {
                change: Change::Delete { .. },
                ..
            }
        )
    });
    if let Some(delete) = delete.filter(|delete| delete.key.is_some()) {
        match of(1) {
            Some(tombstone) if tombstone.key == delete.key => {}
            Some(_) => complain("the tombstone has another key than the delete"),
            None => complain("no tombstone behind the delete"),
        }
    } else if of(1).is_some() {
        complain("a tombstone without a delete");
    }
    let create = of(2);
    match (
        delete.and_then(|it| it.other_key.as_ref()),
        create.and_then(|it| it.other_key.as_ref()),
    ) {
        (None, None) => {}
        (Some((true, new)), Some((false, old))) => {
            let (delete, create) = (delete.expect("it has one"), create.expect("it has one"));
            if create.key.as_ref() != Some(new) || delete.key.as_ref() != Some(old) {
                complain("the halves of the changed key name other keys than they have");
            }
        }
        (Some(_), _) => complain("the new half of the changed key is missing"),
        (None, Some(_)) => complain("the old half of the changed key is missing"),
    }
}
