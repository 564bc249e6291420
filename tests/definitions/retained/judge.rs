//! What came out of one reading, held against what the source showed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cells;
use super::script::{CELL, Place, Rows, Step, is_logged, is_sequence, row_text, sequence};
use crate::definitions::catalogue::Catalogue;
use crate::definitions::changes;
use crate::support::Flavour;
use crate::support::checker::stream::{Group, Item};
use crate::support::checker::{Change, Findings};

/// Statements on a table that a complaint tells.
const HISTORY_MAX: usize = 5;

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compared {
    pub cells: usize,
    pub groups: usize,
    pub definitions: usize,
    /// Tables of which a message does not tell the definition.
    pub untold: usize,
}

/// The steps in the order of the binlog.
pub struct Steps<'a> {
    steps: &'a [Step],
    flavour: Flavour,
}

impl<'a> Steps<'a> {
    pub fn new(steps: &'a [Step], flavour: Flavour) -> Self {
        let mut all = steps.iter().zip(steps.iter().skip(1));
        assert!(all.all(|(one, next)| order(&one.to) <= order(&next.from)));
        Self { steps, flavour }
    }

    /// The index of the step that wrote the event at a place.
    pub fn at(&self, place: &Place) -> Option<usize> {
        let place = order(place);
        let after = self
            .steps
            .partition_point(|step| order(&step.from) <= place);
        // Steps that wrote nothing begin where the next does.
        let before = self.steps.get(..after)?;
        before.iter().rposition(|step| place < order(&step.to))
    }
}

/// Where a group begins.
pub fn place(group: &Group) -> Place {
    let (file, position) = group.name.rsplit_once(':').expect("file:position");
    (file.to_owned(), position.parse().expect("a position"))
}

/// Places in their order; the names of files have one length.
fn order(place: &Place) -> (&str, u64) {
    (&place.0, place.1)
}

/// Compares the rows of each group with what the source showed before and after it, from the first place to the last.
pub fn rows(
    groups: &[Group],
    steps: &Steps<'_>,
    (since, end): (&Place, Option<&Place>),
    wrong: &mut Vec<String>,
) -> Compared {
    let mut compared = Compared::default();
    let mut found: BTreeMap<usize, BTreeMap<String, Rows>> = BTreeMap::new();
    for group in groups {
        let Some(step) = steps.at(&place(group)) else {
            if group.rows().next().is_some() {
                wrong.push(format!("nobody wrote {}", group.name));
            }
            continue;
        };
        compared.groups += 1;
        let step_rows = found.entry(step).or_default();
        let tables = &steps.steps[step].tables;
        for (_, item) in &group.items {
            let Item::Row { table, change } = item else {
                continue;
            };
            compared.cells += add(
                &table.to_string(),
                change,
                (tables, steps.flavour),
                step_rows,
            );
        }
    }
    for (index, step) in steps.steps.iter().enumerate() {
        // A reading that stopped may hold a part of its last step.
        let is_behind = end.is_some_and(|end| order(&step.to) > order(end));
        if order(&step.from) < order(since) || is_behind {
            continue;
        }
        let mut found = found.remove(&index).unwrap_or_default();
        for (table, rows) in &step.rows {
            let found = found.remove(table).unwrap_or_default();
            compare(table, rows, &found, (steps.steps, index), wrong);
        }
        for (table, rows) in found {
            compare(&table, &Rows::new(), &rows, (steps.steps, index), wrong);
        }
    }
    compared
}

/// Adds a change to the rows of a step.
fn add(
    name: &str,
    change: &Change,
    (tables, flavour): (&Catalogue, Flavour),
    rows: &mut BTreeMap<String, Rows>,
) -> usize {
    let mut cells = 0;
    let rows = rows.entry(name.to_owned()).or_default();
    for (row, count) in [(change.before(), -1), (change.after(), 1)] {
        let Some(row) = row else { continue };
        cells += row.0.len();
        let text = row_text(row.0.iter().filter_map(|(column, value)| {
            let known = tables.get(name).and_then(|table| {
                let mut columns = table.columns.iter();
                columns.find(|known| known.name == **column)
            });
            let without = if is_sequence(name) { "bigint" } else { "" };
            let column_type = known.map_or(without, |column| &column.column_type);
            let is_logged = known.is_none_or(|column| is_logged(column, flavour));
            is_logged.then(|| (column.to_string(), cells::published(column_type, value)))
        }));
        *rows.entry(text).or_default() += count;
    }
    rows.retain(|_, count| *count != 0);
    cells
}

fn compare(
    table: &str,
    expected: &Rows,
    found: &Rows,
    (steps, index): (&[Step], usize),
    wrong: &mut Vec<String>,
) {
    if expected == found {
        return;
    }
    let only = |one: &Rows, other: &Rows| {
        let mut rows = one
            .iter()
            .filter(|(row, count)| other.get(*row) != Some(count));
        let first = rows.next();
        first.map_or(String::new(), |(row, count)| {
            format!("{count} times{CELL}{row}")
        })
    };
    let (came, were) = (only(found, expected), only(expected, found));
    let differs = |(came, were): &(&str, &str)| came != were;
    let cells = came.split(CELL).zip(were.split(CELL)).find(differs);
    let step = &steps[index];
    let definition = |step: &Step| {
        let table = step.tables.get(table)?;
        Some(table.definition.replace('\n', ""))
    };
    let is_of_it = |pair: &&[Step]| definition(&pair[0]) != definition(&pair[1]);
    let changed = steps[..=index].windows(2).rev().filter(is_of_it);
    let history: Vec<&str> = changed
        .take(HISTORY_MAX)
        .map(|pair| &*pair[1].text)
        .collect();
    wrong.push(format!(
        "rows of {table} at {}:{}: came out {cells:?} was; {}; defined by {history:?}; came out {}, was {}; statement: {}",
        step.from.0,
        step.from.1,
        definition(step).unwrap_or_default(),
        came.replace(CELL, ", "),
        were.replace(CELL, ", "),
        step.text,
    ));
}

/// Compares each DDL message with what the server had after the statement.
pub fn messages(
    messages: &[Value],
    steps: &Steps<'_>,
    compared: &mut Compared,
    findings: &mut Findings,
) {
    for message in messages {
        let source = &message["source"];
        let file = source["file"].as_str().expect("a file").to_owned();
        let place = (file, source["pos"].as_u64().expect("a position"));
        let Some(step) = steps.at(&place) else {
            continue;
        };
        let mut after = Catalogue::clone(&steps.steps[step].after);
        // The catalogue of base tables has no sequences.
        for change in message["tableChanges"].as_array().expect("a list") {
            let name = change["id"].as_str().expect("a name").replace('"', "");
            if is_sequence(&name) && change["type"] != "DROP" {
                after.insert(name, sequence());
            }
        }
        let told = changes::check_message(message, &after, findings);
        compared.definitions += told.compared;
        compared.untold += told.untold;
    }
}
