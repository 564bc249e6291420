//! The tables of the matrix: every type beside others of its kind, and tables out of the ordinary.

use rowtap::mysql::Flavour as Family;

use super::super::cases::{self, Case, Random};
use super::super::charsets;
use super::super::shown::Shown;
use super::super::{is_full, mariadb, partial_json};
use crate::support::{Flavour, Server};

/// Where the rows come from, written without a binlog; and where the changes are.
pub const SOURCE: &str = "source";
pub const CHANGED: &str = "cells";

const COLUMNS_MAX: usize = 40;

/// A table, the same in both databases.
#[derive(Debug)]
pub struct Table {
    pub name: String,
    /// The column that tells the rows apart.
    pub id: &'static str,
    /// In the table's order, which is that of its images.
    pub columns: Vec<Column>,
    /// What stands between the parentheses of CREATE TABLE.
    pub definition: String,
    /// Behind them.
    pub options: &'static str,
    /// The row images' key: the primary key, or else a unique one without NULL; empty for a table without either.
    pub key: Vec<usize>,
    /// What each row of [`SOURCE`] gets, from id 1 on: a literal a column that is assigned, but for the first, which gets
    /// the row's number.
    pub rows: Vec<Vec<String>>,
    /// Whether only some combinations have it.
    pub rare: bool,
    /// What is done to its rows.
    pub changes: Changes,
    /// What the session is set to while it is made.
    pub variable: Option<&'static str>,
}

/// How the rows of a table are changed, between being inserted and deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Each row gets values of the next one.
    Copied,
    /// Parts of documents are changed.
    Documents,
    /// As copied, in a table that keeps what its rows were.
    Versioned,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub shown: Shown,
    /// Whether NOBLOB images leave it out.
    pub blob: bool,
    /// The columns that the server computes it from; empty for one that is assigned.
    pub from: Vec<usize>,
    /// Whether it does so when a row is read.
    pub is_virtual: bool,
}

impl Column {
    fn new(name: &str, shown: Shown) -> Self {
        Self {
            name: name.to_owned(),
            shown,
            blob: false,
            from: Vec::new(),
            is_virtual: false,
        }
    }

    fn from(self, from: &[usize]) -> Self {
        let from = from.to_vec();
        Self { from, ..self }
    }
}

impl Table {
    /// One without columns, with the settings that most have.
    fn plain() -> Self {
        Self {
            name: String::new(),
            id: "id",
            columns: Vec::new(),
            definition: String::new(),
            options: "",
            key: vec![0],
            rows: Vec::new(),
            rare: false,
            changes: Changes::Copied,
            variable: None,
        }
    }

    /// The place of a column.
    pub fn place(&self, name: &str) -> usize {
        let place = self.columns.iter().position(|column| column.name == name);
        place.expect("a column of the table")
    }

    /// The names of the columns at these places, as a list.
    pub fn names(&self, places: &[usize]) -> String {
        let names: Vec<_> = places
            .iter()
            .map(|at| self.columns[*at].name.as_str())
            .collect();
        names.join(", ")
    }

    /// The places of the columns that statements assign.
    pub fn assigned(&self) -> Vec<usize> {
        let places = 0..self.columns.len();
        places
            .filter(|at| self.columns[*at].from.is_empty())
            .collect()
    }
}

/// All tables for a server.
pub fn all(server: &Server) -> Vec<Table> {
    let flavour = server.flavour();
    let random = &mut Random(0x7ab1e);
    let (texts, others): (Vec<Case>, Vec<Case>) = cases::all(flavour)
        .into_iter()
        .partition(|case| case.definition.contains("CHAR"));
    let mut tables = Vec::new();
    let mut number = 0;
    // Texts apart: together with the others a row would be longer than the server lets it be.
    for cases in [others, texts, charsets::cases(server)] {
        for cases in cases.chunks(COLUMNS_MAX) {
            tables.push(of_cases(format!("t{number}"), number, cases, random));
            number += 1;
        }
    }
    let large = of_cases("large".to_owned(), 0, &cases::large(), random);
    tables.push(Table {
        rare: true,
        ..large
    });
    tables.extend(odd(flavour));
    tables
}

/// A table with a column a case, and as many rows as the case with most values has.
fn of_cases(name: String, number: usize, cases: &[Case], random: &mut Random) -> Table {
    let count = cases.iter().map(|case| case.values.len()).max();
    let value = |case: &Case, row: usize, random: &mut Random| match case.values.get(row) {
        Some(value) => value.clone(),
        None => case.any(random),
    };
    let rows = (0..count.expect("a case"))
        .map(|row| {
            let values = cases.iter().map(|case| value(case, row, random));
            std::iter::once(row.to_string()).chain(values).collect()
        })
        .collect();
    let mut columns = vec![
        Column::new("id", Shown::Number),
        Column::new("n", Shown::Number),
    ];
    let mut definitions = vec!["id INT NOT NULL".to_owned(), "n INT NULL".to_owned()];
    for (index, case) in cases.iter().enumerate() {
        let name = format!("c{index}");
        let definition = &case.definition;
        definitions.push(format!("{name} {definition} NULL"));
        let kind = definition.split([' ', '(']).next().unwrap_or_default();
        columns.push(Column {
            // MariaDB's JSON is LONGTEXT.
            blob: kind.ends_with("TEXT")
                || kind.ends_with("BLOB")
                || kind == "JSON" && case.shown == Shown::Text,
            ..Column::new(&name, case.shown)
        });
    }
    let (key, index) = match number % 3 {
        0 => (vec![0], "PRIMARY KEY (id)"),
        1 => (Vec::new(), "KEY (id)"),
        _ => (vec![0], "UNIQUE KEY (id)"),
    };
    definitions.push(index.to_owned());
    Table {
        name,
        columns,
        definition: definitions.join(", "),
        key,
        rows,
        ..Table::plain()
    }
}

/// Columns that the server computes, and one that `SELECT *` leaves out where the server knows such.
fn computed(flavour: Flavour) -> Table {
    let hidden = match flavour {
        Flavour::MySql57 | Flavour::MySql80 => "",
        Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => "INVISIBLE",
    };
    let rows = (0..30).map(|row| {
        let number = if row % 7 == 0 {
            "NULL".to_owned()
        } else {
            (row * 1000 - 9999).to_string()
        };
        vec![
            row.to_string(),
            number,
            (row * 3).to_string(),
            format!("'word {row}'"),
        ]
    });
    Table {
        name: "computed".to_owned(),
        columns: vec![
            Column::new("id", Shown::Number),
            Column::new("n", Shown::Number),
            Column::new("a", Shown::Number),
            Column {
                is_virtual: true,
                ..Column::new("more", Shown::Number).from(&[2])
            },
            Column::new("kept", Shown::Text).from(&[2]),
            Column::new("hidden", Shown::Number),
            Column::new("word", Shown::Text),
            Column::new("letters", Shown::Number).from(&[6]),
        ],
        definition: format!(
            "id INT PRIMARY KEY, n INT, a INT, more INT AS (a + 1) VIRTUAL, \
             kept VARCHAR(20) CHARACTER SET utf8mb4 AS (CONCAT('s', a)) STORED, hidden INT {hidden}, word VARCHAR(10), \
             letters INT AS (CHAR_LENGTH(word)) STORED"
        ),
        rows: rows.collect(),
        ..Table::plain()
    }
}

/// Tables out of the ordinary.
fn odd(flavour: Flavour) -> Vec<Table> {
    let parted = Table {
        name: "parted".to_owned(),
        options: "PARTITION BY HASH (id) PARTITIONS 4",
        ..computed(flavour)
    };
    let mut tables = vec![computed(flavour), parted, composite()];
    if flavour.family() == Family::MariaDb {
        let random = &mut Random(0xc0);
        let packed = of_cases("packed".to_owned(), 0, &mariadb::packed(random), random);
        tables.extend([packed, versioned(true), versioned(false)]);
        return tables;
    }
    tables.push(documents());
    if flavour != Flavour::MySql57 {
        tables.push(indexed());
    }
    if flavour == Flavour::MySql97 {
        let indexed = indexed();
        tables.push(Table {
            name: "arrays".to_owned(),
            definition: "id INT PRIMARY KEY, n INT, j JSON, w VARCHAR(20), \
                         INDEX numbers ((CAST(j->'$.a' AS UNSIGNED ARRAY)))"
                .to_owned(),
            ..indexed
        });
        tables.push(keyed());
    }
    tables
}

/// A key of two columns that are neither first nor in its order.
fn composite() -> Table {
    let rows = (0..10).map(|row| {
        let (word, name) = (format!("'word {row}'"), format!("'name {}'", row % 3));
        vec![word, name, (row + 1).to_string()]
    });
    Table {
        name: "composite".to_owned(),
        columns: vec![
            Column::new("n", Shown::Number),
            Column::new("w", Shown::Text),
            Column::new("name", Shown::Text),
            Column::new("id", Shown::Number),
        ],
        definition: "n INT, w VARCHAR(20), name CHAR(20) NOT NULL DEFAULT 'none', id INT, PRIMARY KEY (id, name)"
            .to_owned(),
        key: vec![2, 3],
        rows: rows.collect(),
        ..Table::plain()
    }
}

/// Documents for updates of their parts, and another column that NOBLOB images leave out.
fn documents() -> Table {
    let base = format!("'{}'", partial_json::BASE.replace('\\', "\\\\"));
    let row = |row: usize| {
        let text = format!("'text {row}'");
        vec![row.to_string(), base.clone(), text, base.clone()]
    };
    Table {
        name: "documents".to_owned(),
        columns: vec![
            Column::new("id", Shown::Number),
            Column::new("n", Shown::Number),
            Column::new("x", Shown::Json),
            Column {
                blob: true,
                ..Column::new("t", Shown::Text)
            },
            Column::new("y", Shown::Json),
        ],
        definition: "id INT PRIMARY KEY, n INT, x JSON, t LONGTEXT, y JSON".to_owned(),
        rows: (0..if is_full() { 60 } else { 20 }).map(row).collect(),
        changes: Changes::Documents,
        ..Table::plain()
    }
}

/// A column that the server made for an index of an expression, and that nothing shows but the table maps of MySQL 8.0.15.
fn indexed() -> Table {
    let rows = (0..10).map(|row| {
        let document = format!("'{{\"a\": [{row}, {}]}}'", row * 1000);
        vec![row.to_string(), document, format!("'word {row}'")]
    });
    Table {
        name: "indexed".to_owned(),
        columns: vec![
            Column::new("id", Shown::Number),
            Column::new("n", Shown::Number),
            Column::new("j", Shown::Json),
            Column::new("w", Shown::Text),
        ],
        definition: "id INT PRIMARY KEY, n INT, j JSON, w VARCHAR(20), INDEX upper ((UPPER(w)))"
            .to_owned(),
        rows: rows.collect(),
        ..Table::plain()
    }
}

/// A primary key that the server made.
fn keyed() -> Table {
    let rows = (0..10).map(|row| vec![row.to_string(), format!("'word {row}'")]);
    Table {
        name: "keyed".to_owned(),
        id: "my_row_id",
        columns: vec![
            Column::new("my_row_id", Shown::Number),
            Column::new("n", Shown::Number),
            Column::new("w", Shown::Text),
        ],
        definition: "n INT, w VARCHAR(20)".to_owned(),
        rows: rows.collect(),
        variable: Some("sql_generate_invisible_primary_key"),
        ..Table::plain()
    }
}

/// A table that keeps what its rows were; the columns that say when are its own or hidden ones.
fn versioned(is_explicit: bool) -> Table {
    let rows = (0..10).map(|row| vec![row.to_string(), format!("'word {row}'")]);
    let moment = |name| Column::new(name, Shown::Timestamp).from(&[0]);
    let (name, moments) = match is_explicit {
        true => (
            "versioned",
            ", row_start TIMESTAMP(6) GENERATED ALWAYS AS ROW START, row_end TIMESTAMP(6) GENERATED ALWAYS AS ROW END, \
             PERIOD FOR SYSTEM_TIME (row_start, row_end)",
        ),
        false => ("historic", ""),
    };
    Table {
        name: name.to_owned(),
        columns: vec![
            Column::new("id", Shown::Number),
            Column::new("n", Shown::Number),
            Column::new("w", Shown::Text),
            moment("row_start"),
            moment("row_end"),
        ],
        definition: format!("id INT PRIMARY KEY, n INT, w VARCHAR(20){moments}"),
        options: "WITH SYSTEM VERSIONING",
        key: vec![0, 4],
        rows: rows.collect(),
        changes: Changes::Versioned,
        ..Table::plain()
    }
}
