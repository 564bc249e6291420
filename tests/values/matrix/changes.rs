//! The changes that a combination makes, and what the binlog then has to say.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use mysql::prelude::Queryable;

use super::super::partial_json;
use super::Matrix;
use super::images::{Present, Rules};
use super::settings::Setting;
use super::tables::{CHANGED, Changes, SOURCE, Table};

/// Rows that are inserted with some of their columns only have ids from here on.
const PARTLY: i64 = 1_000_000;
const PARTLY_COUNT: usize = 5;
/// Rows of tables that keep what was deleted: each combination has ids of its own.
const APART: usize = 1_000;

/// What a server shows of a row, a text a column.
pub type Row = Vec<Option<String>>;

/// An image that is to come: which columns it has, and what the server shows of them.
pub type Image = (Rc<Present>, Rc<Row>);

/// A change that is to come.
#[derive(Clone)]
pub struct Step {
    pub before: Option<Image>,
    pub after: Option<Image>,
}

/// What a combination's file has to say of a table.
#[derive(Clone)]
pub struct Expected<'a> {
    pub table: &'a Table,
    /// By id, in order.
    pub steps: HashMap<i64, VecDeque<Step>>,
}

impl Matrix {
    /// What the server shows of a table's rows, by id.
    pub fn select(
        &mut self,
        table: &Table,
        database: &str,
        condition: &str,
    ) -> Vec<(i64, Rc<Row>)> {
        let flavour = self.bench.server.flavour();
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| column.shown.select(&column.name, flavour))
            .collect();
        let statement = format!(
            "SELECT {} FROM {database}.{} {condition} ORDER BY {}",
            columns.join(", "),
            table.name,
            table.id
        );
        let rows: Vec<mysql::Row> = self.bench.session.query(&statement).expect(&statement);
        let text = |value| match value {
            mysql::Value::NULL => None,
            mysql::Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("text")),
            other => panic!("{other:?} in a text result"),
        };
        let place = table.place(table.id);
        rows.into_iter()
            .map(|row| {
                let row: Row = row.unwrap().into_iter().map(text).collect();
                let id = row[place].as_deref().expect("an id");
                (id.parse().expect("a number"), Rc::new(row))
            })
            .collect()
    }

    /// Changes a table, and tells what a file has to say of it.
    pub fn change<'a>(
        &mut self,
        setting: &Setting,
        number: usize,
        table: &'a Table,
        rows: &[Rc<Row>],
    ) -> Expected<'a> {
        let steps = match table.changes {
            Changes::Versioned => self.change_versioned(setting, number, table),
            Changes::Copied | Changes::Documents => self.change_plain(setting, table, rows),
        };
        Expected { table, steps }
    }

    fn rules<'s>(&self, setting: &'s Setting) -> Rules<'s> {
        Rules {
            flavour: self.bench.server.flavour(),
            setting,
        }
    }

    /// Some of the columns that statements assign, but for the key and `n`.
    fn some(&mut self, table: &Table) -> Vec<usize> {
        let mut all = table.assigned();
        all.retain(|at| ![table.id, "n"].contains(&table.columns[*at].name.as_str()));
        all.retain(|at| !table.key.contains(at) && self.random.below(2) == 0);
        all
    }

    fn change_plain(
        &mut self,
        setting: &Setting,
        table: &Table,
        rows: &[Rc<Row>],
    ) -> HashMap<i64, VecDeque<Step>> {
        let (name, id) = (&table.name, table.id);
        let all = table.assigned();
        let listed = self.some(table);
        let every = table.names(&all);
        let more = |places: &[usize]| {
            let names = table.names(places);
            if names.is_empty() {
                names
            } else {
                format!(", {names}")
            }
        };
        self.bench.run(&format!(
            "INSERT INTO {CHANGED}.{name} ({every}) SELECT {every} FROM {SOURCE}.{name} ORDER BY {id}"
        ));
        self.bench.run(&format!(
            "INSERT INTO {CHANGED}.{name} ({id}, n{}) SELECT {id} + {PARTLY}, n{} FROM {SOURCE}.{name} \
             WHERE {id} <= {PARTLY_COUNT}",
            more(&listed),
            more(&listed)
        ));
        let mut inserted: HashMap<_, _> = (1..).zip(rows.iter().cloned()).collect();
        inserted.extend(self.select(table, CHANGED, &format!("WHERE {id} > {PARTLY}")));
        let set = match table.changes {
            Changes::Documents => {
                self.change_documents(table, inserted.keys().copied().collect());
                vec![table.place("x"), table.place("y")]
            }
            Changes::Copied | Changes::Versioned => self.copy(table, rows.len()),
        };
        let updated: HashMap<_, _> = self.select(table, CHANGED, "").into_iter().collect();
        self.bench.run(&format!("DELETE FROM {CHANGED}.{name}"));

        let rules = self.rules(setting);
        let numbered = [table.place(id), table.place("n")];
        let whole_insert = Rc::new(rules.inserted(table, &all));
        let part_insert = Rc::new(rules.inserted(table, &[&listed[..], &numbered].concat()));
        let before = Rc::new(rules.before(table));
        let after = Rc::new(rules.updated(table, &[&set[..], &numbered[1..]].concat()));
        let steps = |(id, old): (i64, Rc<Row>)| {
            let new = &updated[&id];
            let insert = if id > PARTLY {
                &part_insert
            } else {
                &whole_insert
            };
            let steps = [
                Step {
                    before: None,
                    after: Some((Rc::clone(insert), Rc::clone(&old))),
                },
                Step {
                    before: Some((Rc::clone(&before), old)),
                    after: Some((Rc::clone(&after), Rc::clone(new))),
                },
                Step {
                    before: Some((Rc::clone(&before), Rc::clone(new))),
                    after: None,
                },
            ];
            (id, VecDeque::from(steps))
        };
        inserted.into_iter().map(steps).collect()
    }

    /// Gives each row values of the next one, in some columns.
    fn copy(&mut self, table: &Table, count: usize) -> Vec<usize> {
        let (name, id) = (&table.name, table.id);
        let set = self.some(table);
        let sets: String = set
            .iter()
            .map(|at| &table.columns[*at].name)
            .map(|column| format!(", t.{column} = s.{column}"))
            .collect();
        self.bench.run(&format!(
            "UPDATE {CHANGED}.{name} AS t JOIN {SOURCE}.{name} AS s ON s.{id} = t.{id} % {count} + 1 \
             SET t.n = t.n + 1{sets}"
        ));
        set
    }

    /// Changes parts of documents, each row's by a statement of its own.
    fn change_documents(&mut self, table: &Table, mut ids: Vec<i64>) {
        ids.sort_unstable();
        for id in ids {
            let x = partial_json::change("x", &mut self.random);
            let y = partial_json::change("y", &mut self.random);
            self.bench.run(&format!(
                "UPDATE {CHANGED}.{} SET n = n + 1, x = {x}, y = {y} WHERE id = {id}",
                table.name
            ));
        }
    }

    /// Of each row that ceases to hold the server keeps what it was: an update is followed by an insert of the former row,
    /// and a delete is an update of the time until which it held.
    fn change_versioned(
        &mut self,
        setting: &Setting,
        number: usize,
        table: &Table,
    ) -> HashMap<i64, VecDeque<Step>> {
        let name = &table.name;
        let (all, first) = (table.assigned(), number * APART);
        let every = table.names(&all);
        let listed = every.replacen("id", &format!("id + {first}"), 1);
        self.bench.run(&format!(
            "INSERT INTO {CHANGED}.{name} ({every}) SELECT {listed} FROM {SOURCE}.{name}"
        ));
        let condition = format!("WHERE id > {first}");
        let first_open = self.select(table, CHANGED, &condition);
        let set = self.copy(table, table.rows.len());
        let second_open = self.select(table, CHANGED, &condition);
        self.bench.run(&format!("DELETE FROM {CHANGED}.{name}"));
        let closed = self.select(table, CHANGED, &format!("FOR SYSTEM_TIME ALL {condition}"));
        assert_eq!(closed.len(), 2 * first_open.len());

        let rules = self.rules(setting);
        let insert = Rc::new(rules.inserted(table, &all));
        let before = Rc::new(rules.before(table));
        let after = Rc::new(rules.updated(table, &[&set[..], &[table.place("n")]].concat()));
        let begin = table.place("row_start");
        let mut steps = HashMap::new();
        for ((id, old), (_, new)) in first_open.into_iter().zip(second_open) {
            let closed_as = |open: &Row| {
                let same = |(_, row): &&(i64, Rc<Row>)| {
                    row[table.place("id")] == open[table.place("id")] && row[begin] == open[begin]
                };
                Rc::clone(&closed.iter().find(same).expect("a former row").1)
            };
            let (old_closed, new_closed) = (closed_as(&old), closed_as(&new));
            let of_row = [
                Step {
                    before: None,
                    after: Some((Rc::clone(&insert), Rc::clone(&old))),
                },
                Step {
                    before: Some((Rc::clone(&before), old)),
                    after: Some((Rc::clone(&after), Rc::clone(&new))),
                },
                Step {
                    before: None,
                    after: Some((Rc::clone(&insert), old_closed)),
                },
                Step {
                    before: Some((Rc::clone(&before), new)),
                    after: Some((Rc::clone(&after), new_closed)),
                },
            ];
            steps.insert(id, VecDeque::from(of_row));
        }
        steps
    }
}
