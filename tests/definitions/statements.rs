//! Statements that change definitions at random, made for the tables that there are.

use super::catalogue::{Catalogue, Column, DATABASES, Table};
use crate::support::Flavour;
use crate::support::checker::Random;

/// Tables kept, about.
const TABLES: std::ops::Range<usize> = 5..12;

const TYPES: [&str; 26] = [
    "INT",
    "INT UNSIGNED",
    "BIGINT",
    "BIGINT UNSIGNED",
    "SMALLINT",
    "SMALLINT UNSIGNED",
    "TINYINT UNSIGNED",
    "MEDIUMINT UNSIGNED ZEROFILL",
    "DECIMAL(10,2)",
    "DECIMAL(20,4) UNSIGNED",
    "VARCHAR(30)",
    "VARCHAR(200)",
    "VARCHAR(20) CHARACTER SET latin1",
    "CHAR(8)",
    "TEXT",
    "MEDIUMTEXT CHARACTER SET latin1",
    "VARBINARY(40)",
    "BLOB",
    "BINARY(4)",
    "ENUM('a','b','it''s','(c)')",
    "SET('x','y','z')",
    "DATETIME(3)",
    "DATE",
    "TIME",
    "DOUBLE",
    "BIT(12)",
];

/// Makes statements.
pub struct Generator {
    random: Random,
    flavour: Flavour,
    /// Numbers names, so that one that was dropped comes back seldom.
    next: u64,
}

impl Generator {
    /// The statements of a seed.
    pub fn new(seed: u64, flavour: Flavour) -> Self {
        Self {
            random: Random::new(seed, 1),
            flavour,
            next: 0,
        }
    }

    /// The next thing to do: one statement, or a few that belong together.
    pub fn next(&mut self, tables: &Catalogue) -> Vec<String> {
        let names: Vec<&String> = tables.keys().collect();
        if names.len() < TABLES.start {
            return vec![self.create(None)];
        }
        let name = (*self.random.pick(&names)).clone();
        let other = (*self.random.pick(&names)).clone();
        let table = &tables[&name];
        match self.random.below(30) {
            0 | 1 if names.len() < TABLES.end => vec![self.create(None)],
            0..=2 => vec![format!("DROP TABLE {name}")],
            3 => vec![format!("DROP TABLE {name}"), self.create(Some(&name))],
            4 if names.len() < TABLES.end => {
                vec![format!("CREATE TABLE {} LIKE {name}", self.name())]
            }
            5 if names.len() < TABLES.end => vec![self.create_select(&name, table)],
            6 => vec![format!("RENAME TABLE {name} TO {}", self.name())],
            7 | 8 if name != other => vec![format!(
                "RENAME TABLE {name} TO shop.aside, {other} TO {name}, shop.aside TO {other}"
            )],
            9 => vec![format!("TRUNCATE TABLE {name}")],
            10 => self.temporary(&name),
            11 => self.view(&name),
            12 => self.database(),
            13 => {
                let charset = self.charset();
                vec![
                    format!("ALTER DATABASE shop CHARACTER SET {charset}"),
                    self.create(None),
                ]
            }
            14 => {
                let charset = self.charset();
                vec![format!(
                    "ALTER TABLE {name} CONVERT TO CHARACTER SET {charset}"
                )]
            }
            15 => self.index(&name, table),
            _alter => vec![self.alter(&name, table)],
        }
    }

    fn name(&mut self) -> String {
        self.next += 1;
        let database = DATABASES[usize::from(self.random.chance(1, 5))];
        format!("{database}.t{}", self.next)
    }

    fn column_name(&mut self) -> String {
        self.next += 1;
        match self.random.below(6) {
            0 => format!("`Spalte {} ä`", self.next),
            1 => format!("`key` /* {} */", self.next),
            _plain => format!("c{}", self.next),
        }
    }

    fn charset(&mut self) -> &'static str {
        match self.random.below(2) {
            0 => "utf8mb4",
            _one => "latin1",
        }
    }

    /// A column's type and what follows it.
    fn definition(&mut self) -> String {
        let mut text = (*self.random.pick(&TYPES)).to_owned();
        let is_long = ["TEXT", "BLOB"].iter().any(|long| text.contains(long));
        match self.random.below(5) {
            0 => text += " NOT NULL",
            1 if text.contains("INT") && !is_long => text += " NOT NULL DEFAULT 7",
            2 => text += " NULL",
            _as_it_is => {}
        }
        let invisible = match self.flavour {
            Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => true,
            Flavour::MySql80 | Flavour::MySql57 => false,
        };
        if invisible && !text.contains("NOT NULL") && self.random.chance(1, 8) {
            text += " INVISIBLE";
        }
        if self.random.chance(1, 6) {
            text += " COMMENT 'it''s, (a) -- comment; ü'";
        }
        text
    }

    fn create(&mut self, name: Option<&str>) -> String {
        let name = name.map_or_else(|| self.name(), str::to_owned);
        let (first, key) = *self.random.pick(&[
            ("id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", ""),
            ("id BIGINT NOT NULL AUTO_INCREMENT", ", PRIMARY KEY (id)"),
            (
                "id INT NOT NULL, part SMALLINT UNSIGNED NOT NULL",
                ", PRIMARY KEY (part, id)",
            ),
            ("id INT, word VARCHAR(40)", ""),
        ]);
        let mut columns = first.to_owned();
        for _ in 0..self.random.between(1, 5) {
            let column = format!(", {} {}", self.column_name(), self.definition());
            columns += &column;
        }
        if self.random.chance(1, 5) {
            let kind = self.random.pick(&["VIRTUAL", "STORED"]);
            columns += &format!(", made INT GENERATED ALWAYS AS (1 + id % 7) {kind}");
        }
        let mut options = String::new();
        if self.random.chance(1, 3) {
            options += &format!(" DEFAULT CHARSET={}", self.charset());
        }
        if !key.is_empty() && self.random.chance(1, 4) {
            options += " PARTITION BY HASH (id) PARTITIONS 3";
        }
        format!("CREATE TABLE {name} ({columns}{key}){options}")
    }

    fn create_select(&mut self, name: &str, table: &Table) -> String {
        let names: Vec<String> = table
            .columns
            .iter()
            .filter(|_| self.random.chance(2, 3))
            .map(|column| format!("`{}`", column.name))
            .collect();
        let list = if names.is_empty() {
            "1 AS one".to_owned()
        } else {
            names.join(", ")
        };
        format!("CREATE TABLE {} AS SELECT {list} FROM {name}", self.name())
    }

    /// A temporary table that hides a base table for a while, and another shape while it does.
    fn temporary(&mut self, name: &str) -> Vec<String> {
        vec![
            format!("CREATE TEMPORARY TABLE {name} (hidden INT)"),
            format!("ALTER TABLE {name} ADD COLUMN more INT"),
            format!("INSERT INTO {name} VALUES (1, 2)"),
            format!("DROP TEMPORARY TABLE {name}"),
        ]
    }

    fn view(&mut self, name: &str) -> Vec<String> {
        self.next += 1;
        let view = format!("shop.v{}", self.next);
        vec![
            format!("CREATE VIEW {view} AS SELECT 1 AS one FROM {name}"),
            format!("ALTER VIEW {view} AS SELECT 2 AS two"),
            format!("DROP VIEW {view}"),
        ]
    }

    fn database(&mut self) -> Vec<String> {
        let charset = self.charset();
        vec![
            "DROP DATABASE depot".to_owned(),
            format!("CREATE DATABASE depot DEFAULT CHARACTER SET {charset}"),
            self.create(None),
        ]
    }

    fn index(&mut self, name: &str, table: &Table) -> Vec<String> {
        let number = |column: &&&Column| column.column_type.contains("int(");
        let others = table.others();
        let Some(column) = others.iter().find(number) else {
            return vec![format!("ALTER TABLE {name} ENGINE=InnoDB")];
        };
        let column = &column.name;
        vec![
            format!("CREATE INDEX few ON {name} (`{column}`)"),
            format!("DROP INDEX few ON {name}"),
        ]
    }

    fn alter(&mut self, name: &str, table: &Table) -> String {
        let count = self.random.between(1, 3);
        let mut left: Vec<&Column> = table.others();
        let mut specs = Vec::new();
        for _ in 0..count {
            if let Some(spec) = self.spec(table, &mut left) {
                specs.push(spec);
            }
        }
        if specs.is_empty() {
            specs.push("COMMENT = 'none'".to_owned());
        }
        if self.random.chance(1, 12) {
            let new = self.name();
            specs.push(format!("RENAME TO {new}"));
        }
        format!("ALTER TABLE {name} {}", specs.join(", "))
    }

    /// A specification; each takes columns that no other of the statement has touched.
    fn spec(&mut self, table: &Table, left: &mut Vec<&Column>) -> Option<String> {
        if self.random.chance(1, 3) || left.is_empty() {
            let (column, definition) = (self.column_name(), self.definition());
            let place = match self.random.below(3) {
                0 => " FIRST".to_owned(),
                1 => format!(" AFTER `{}`", table.key.first()?),
                _last => String::new(),
            };
            return Some(format!("ADD COLUMN {column} {definition}{place}"));
        }
        let column = left.remove(self.random.index(left.len()));
        let name = &column.name;
        match self.random.below(6) {
            0 => Some(format!("DROP COLUMN `{name}`")),
            1 | 2 if !column.is_made() => {
                Some(format!("MODIFY COLUMN `{name}` {}", self.definition()))
            }
            3 if !column.is_made() => {
                let (new, definition) = (self.column_name(), self.definition());
                Some(format!("CHANGE COLUMN `{name}` {new} {definition}"))
            }
            4 if self.flavour != Flavour::MySql57 => {
                let new = self.column_name();
                Some(format!("RENAME COLUMN `{name}` TO {new}"))
            }
            _swap => {
                // Two columns of one type swap their names: the table map stays as it was.
                let same = |other: &&Column| other.column_type == column.column_type;
                let other = left.iter().copied().find(same)?;
                left.retain(|kept| kept.name != other.name);
                if column.is_made() || other.is_made() {
                    return None;
                }
                let (first, second, kind) = (name, &other.name, &column.column_type);
                Some(format!(
                    "CHANGE `{first}` `{second}` {kind}, CHANGE `{second}` `{first}` {kind}"
                ))
            }
        }
    }
}
