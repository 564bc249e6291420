//! Lines of changes against what is to come: each image's columns, and each cell.

use std::collections::BTreeMap;

use super::super::decode::in_order;
use super::super::partial_json;
use super::changes::{Expected, Image, Row};
use super::output::Line;
use super::settings::Setting;
use super::tables::Table;
use crate::values::Bench;

/// What was not as the server shows it.
#[derive(Debug, Default)]
pub struct Wrong {
    /// By table and column: how many cells, and the first.
    found: BTreeMap<(String, String), (usize, String)>,
}

impl Wrong {
    fn note(&mut self, table: &Table, column: &str, which: &str, what: &str) {
        let key = (table.name.clone(), column.to_owned());
        let first = || (0, format!("{which}: {what}"));
        self.found.entry(key).or_insert_with(first).0 += 1;
    }

    /// Fails if anything was wrong.
    #[track_caller]
    pub fn check(&self, server: &str) {
        let lines: Vec<_> = self
            .found
            .iter()
            .map(|((table, column), (count, first))| {
                format!("{table}.{column}, {count} times: {first}")
            })
            .collect();
        assert!(lines.is_empty(), "{server}:\n{}", lines.join("\n"));
    }
}

/// Compares a line with the next change of its row, and counts the cells.
pub fn line(
    bench: &mut Bench,
    wrong: &mut Wrong,
    setting: &Setting,
    expected: &mut Expected<'_>,
    line: &Line<'_>,
    is_told: bool,
) -> usize {
    let table = expected.table;
    let images = line.before.iter().chain(&line.after);
    let mut cells = images.flat_map(|image| in_order(image));
    let id = cells.find(|(name, _)| *name == table.id).expect("the key");
    let id: i64 = id.1.parse().expect("a number");
    let steps = expected.steps.get_mut(&id).expect("a row of the table");
    let step = steps.pop_front().expect("a change of the row");
    let kind = match (&step.before, &step.after) {
        (None, _) => "insert",
        (Some(_), Some(_)) => "update",
        (Some(_), None) => "delete",
    };
    let changed: Vec<_> = line.json_changes.into_iter().flat_map(in_order).collect();
    let mut count = 0;
    for (side, image, wanted, without) in [
        ("before", line.before, &step.before, &[][..]),
        ("after", line.after, &step.after, &changed[..]),
    ] {
        let which = format!("{side} {kind} of {id}, {setting}");
        match (image, wanted) {
            (Some(image), Some(wanted)) => {
                count += cells_of(wrong, &which, table, image, wanted, without, is_told);
            }
            (None, None) => {}
            (found, _) => wrong.note(table, "", &which, &format!("{found:?} for an image")),
        }
    }
    if !changed.is_empty() {
        assert_eq!(setting.partial, Some(true), "changes of documents");
        let (Some((present, old)), Some((_, new))) = (&step.before, &step.after) else {
            panic!("changes of documents in an update alone");
        };
        for (name, changes) in changed {
            let place = table.place(name);
            assert!(!present[place], "the document before is there");
            let document = |row: &Row| row[place].clone().expect("a document");
            partial_json::check(bench, changes, &document(old), &document(new));
            count += 1;
        }
    }
    count
}

/// Compares an image's cells, one after the other, with what the server shows, and counts them.
fn cells_of(
    wrong: &mut Wrong,
    which: &str,
    table: &Table,
    image: &str,
    (present, row): &Image,
    without: &[(&str, &str)],
    is_told: bool,
) -> usize {
    let mut cells = in_order(image);
    let mut count = 0;
    let short = |text: &str| text.chars().take(200).collect::<String>();
    let columns = table.columns.iter().zip(present.iter()).zip(row.iter());
    for ((column, present), server) in columns {
        let is_elsewhere = without.iter().any(|(name, _)| *name == column.name);
        if !present || is_elsewhere {
            continue;
        }
        match cells.next() {
            Some((name, json)) if name == column.name => {
                count += 1;
                let agrees = match is_told {
                    true => column.shown.agrees(json, server.as_deref()),
                    false => column.shown.agrees_untold(json, server.as_deref()),
                };
                if !agrees {
                    let server = server.as_deref().map(short);
                    let what = format!("{} where the server has {server:?}", short(json));
                    wrong.note(table, name, which, &what);
                }
            }
            other => {
                let name = other.map(|(name, _)| name);
                wrong.note(
                    table,
                    &column.name,
                    which,
                    &format!("{name:?} in its place"),
                );
                return count;
            }
        }
    }
    if let Some((name, _)) = cells.next() {
        wrong.note(table, name, which, "should be absent");
    }
    count
}
