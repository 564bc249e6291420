//! Columns and what statements say of them.

use super::kinds::CHARSETS;
use super::style::Style;
use crate::definitions::catalogue::{Column, Table};
use crate::support::Flavour;
use crate::support::checker::Random;

/// Types without a character set.
const TYPES: [&str; 32] = [
    "INT",
    "INT UNSIGNED",
    "BIGINT(20)",
    "BIGINT UNSIGNED",
    "SMALLINT",
    "SMALLINT UNSIGNED",
    "TINYINT UNSIGNED",
    "MEDIUMINT UNSIGNED ZEROFILL",
    "BOOLEAN",
    "INT2",
    "DECIMAL(10,2)",
    "DECIMAL(20,4) UNSIGNED",
    "NUMERIC(7)",
    "DEC",
    "FIXED(9,3)",
    "FLOAT",
    "DOUBLE PRECISION",
    "REAL UNSIGNED",
    "FLOAT(30)",
    "VARBINARY(40)",
    "BLOB",
    "TINYBLOB",
    "LONG VARBINARY",
    "BINARY(4)",
    "CHAR(5) BYTE",
    "DATETIME(3)",
    "DATE",
    "TIME(1)",
    "TIMESTAMP NULL",
    "YEAR",
    "BIT(12)",
    "JSON",
];

/// Types with one, which may be named after them.
const TEXT_TYPES: [&str; 12] = [
    "VARCHAR(30)",
    "VARCHAR(60)",
    "VARCHAR(200)",
    "CHAR(8)",
    "CHAR",
    "CHARACTER VARYING(20)",
    "TEXT",
    "TINYTEXT",
    "MEDIUMTEXT",
    "LONGTEXT",
    "TEXT(300)",
    "LONG VARCHAR",
];

/// Text types that say their set themselves.
const NATIONAL_TYPES: [&str; 4] = [
    "NCHAR(7)",
    "NATIONAL VARCHAR(9)",
    "NVARCHAR(11)",
    "NATIONAL CHARACTER(3)",
];

const MARIADB_TYPES: [&str; 4] = [
    "INET6",
    "UUID",
    "VARCHAR(300) COMPRESSED",
    "BLOB COMPRESSED",
];

/// Labels of an ENUM or a SET.
const LABELS: [&[&str]; 8] = [
    &["a", "b", "it's", "(c)"],
    &["x", "y", "z"],
    &["é-1", "it's", "ß"],
    &["ж", "я", "ё"],
    &["日", "ソ", "表"],
    &["a\\", "b\\n", "\\"],
    &["", "one", "two"],
    &["\"quoted\"", "`tick`", "-- no comment"],
];

/// Writes columns.
pub struct Columns<'a> {
    pub random: &'a mut Random,
    pub flavour: Flavour,
    pub style: &'a Style,
    pub next: &'a mut u64,
}

impl Columns<'_> {
    fn is_mariadb(&self) -> bool {
        matches!(self.flavour, Flavour::MariaDb1011 | Flavour::MariaDb118)
    }

    /// A new column's name as a statement has it.
    pub fn name(&mut self) -> String {
        *self.next += 1;
        match self.random.below(8) {
            0 => format!("`Spalte {} ä`", self.next),
            1 => format!("`key`/* {} */", self.next),
            2 if self.style.ansi => format!("\"Key {}\"", self.next),
            3 => format!("ü{}", self.next),
            _plain => format!("c{}", self.next),
        }
    }

    /// A type that every session can write.
    pub fn plain(&mut self) -> String {
        format!("VARCHAR(12) CHARACTER SET {}", self.random.pick(&CHARSETS))
    }

    /// A type and what follows it.
    pub fn definition(&mut self) -> String {
        let (mut text, is_number) = self.column_type();
        let is_long = ["TEXT", "BLOB", "LONG", "JSON"]
            .iter()
            .any(|long| text.contains(long));
        match self.random.below(8) {
            0 => text += " NOT NULL",
            1 if is_number => text += " NOT NULL DEFAULT 7",
            2 => text += " NULL",
            3 if is_number => text += " DEFAULT '1'",
            4 if !is_long && !is_number => text += " DEFAULT NULL",
            _as_it_is => {}
        }
        let invisible = match self.flavour {
            Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => true,
            Flavour::MySql80 | Flavour::MySql57 => false,
        };
        if invisible && !text.contains("NOT NULL") && self.random.chance(1, 10) {
            text += " INVISIBLE";
        }
        if self.random.chance(1, 6) {
            let comment = self.style.string("it's, (a) -- comment; ü \\", self.random);
            text += &format!(" COMMENT {comment}");
        }
        if self.random.chance(1, 16) {
            text += " COLUMN_FORMAT DYNAMIC";
            // MariaDB has no such clause; the statement fails there.
        }
        text
    }

    /// A type, and whether it takes numbers.
    fn column_type(&mut self) -> (String, bool) {
        match self.random.below(10) {
            0..=3 => {
                let text = *self.random.pick(&TYPES);
                let is_number = ["INT", "DEC", "NUMERIC"]
                    .iter()
                    .any(|word| text.starts_with(word));
                (text.to_owned(), is_number)
            }
            4 | 5 => (self.labelled(), false),
            6 if self.is_mariadb() => ((*self.random.pick(&MARIADB_TYPES)).to_owned(), false),
            7 if self.random.chance(1, 3) => {
                ((*self.random.pick(&NATIONAL_TYPES)).to_owned(), false)
            }
            _text => {
                let text = *self.random.pick(&TEXT_TYPES);
                (format!("{text}{}", self.charset()), false)
            }
        }
    }

    /// ENUM or SET.
    pub fn labelled(&mut self) -> String {
        let labels = loop {
            let labels = *self.random.pick(&LABELS);
            if labels.iter().all(|label| self.style.takes(label)) {
                break labels;
            }
        };
        let labels: Vec<String> = labels
            .iter()
            .map(|label| self.style.string(label, self.random))
            .collect();
        let kind = self.random.pick(&["ENUM", "SET"]);
        let comma = self.random.pick(&[",", ", "]);
        format!("{kind}({}){}", labels.join(comma), self.charset())
    }

    /// The clause that names a column's character set, or none.
    fn charset(&mut self) -> String {
        let charset = self.random.pick(&CHARSETS);
        match self.random.below(10) {
            0 => format!(" CHARACTER SET {charset}"),
            1 => format!(" CHARSET {charset}"),
            2 => " COLLATE utf8mb4_bin".to_owned(),
            3 => " CHARACTER SET latin1 COLLATE latin1_general_cs".to_owned(),
            4 => (*self.random.pick(&[
                " ASCII",
                " UNICODE",
                " BINARY",
                " CHARACTER SET cp1251 BINARY",
            ]))
            .to_owned(),
            _default => String::new(),
        }
    }

    /// The columns and options of a table.
    pub fn table(&mut self) -> String {
        let (first, key) = *self.random.pick(&[
            ("id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", ""),
            ("id BIGINT NOT NULL AUTO_INCREMENT", ", PRIMARY KEY (id)"),
            (
                "id INT NOT NULL, part SMALLINT UNSIGNED NOT NULL",
                ", PRIMARY KEY (part, id)",
            ),
            ("id INT, word VARCHAR(40)", ""),
            ("id SERIAL", ""),
        ]);
        let mut columns = first.to_owned();
        for _ in 0..self.random.between(1, 5) {
            let column = format!(", {} {}", self.name(), self.definition());
            columns += &column;
        }
        if self.random.chance(1, 5) {
            let kind = self.random.pick(&["VIRTUAL", "STORED"]);
            columns += &format!(", made INT GENERATED ALWAYS AS (1 + part % 7) {kind}");
            columns += if first.contains("part") {
                ""
            } else {
                ", part TINYINT UNSIGNED"
            };
        }
        format!("({columns}{key}){}", self.options(!key.is_empty()))
    }

    fn options(&mut self, has_key: bool) -> String {
        let mut options = String::new();
        if self.random.chance(1, 3) {
            options += &format!(" DEFAULT CHARSET={}", self.random.pick(&CHARSETS));
        }
        if self.random.chance(1, 10) {
            options += " COLLATE = utf8mb4_bin";
        }
        if self.random.chance(1, 8) {
            options += " COMMENT = 'it''s one'";
        }
        if self.random.chance(1, 10) {
            options += " ROW_FORMAT = DYNAMIC, STATS_PERSISTENT = 0";
        }
        if self.random.chance(1, 12) {
            options += &format!(
                " ENGINE = {}",
                self.random.pick(&["MyISAM", "InnoDB", "MEMORY"])
            );
        } else if has_key && self.random.chance(1, 6) {
            options += " PARTITION BY HASH (id) PARTITIONS 3";
        }
        options
    }

    /// One to three specifications of an ALTER TABLE.
    pub fn specs(&mut self, table: &Table) -> String {
        let mut left: Vec<&Column> = table.others();
        let mut specs = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            specs.extend(self.spec(table, &mut left));
        }
        if specs.is_empty() {
            specs.push("COMMENT = 'none'".to_owned());
        }
        specs.join(", ")
    }

    /// A specification; each takes columns that no other of the statement has touched.
    fn spec(&mut self, table: &Table, left: &mut Vec<&Column>) -> Option<String> {
        if self.random.chance(1, 3) || left.is_empty() {
            return self.add(table);
        }
        let column = left.remove(self.random.index(left.len()));
        let name = &column.name;
        let made = column.is_made();
        match self.random.below(9) {
            0 => Some(format!("DROP COLUMN `{name}`")),
            1..=3 if !made => Some(format!(
                "MODIFY COLUMN `{name}` {}{}",
                self.definition(),
                self.place(table)
            )),
            4 if !made => {
                let (new, definition) = (self.name(), self.definition());
                Some(format!("CHANGE COLUMN `{name}` {new} {definition}"))
            }
            5 if self.flavour != Flavour::MySql57 => {
                let new = self.name();
                Some(format!("RENAME COLUMN `{name}` TO {new}"))
            }
            6 if !made => Some(match self.random.below(2) {
                0 => format!("ALTER COLUMN `{name}` SET DEFAULT '1'"),
                _one => format!("ALTER `{name}` DROP DEFAULT"),
            }),
            7 if column.charset.is_some() => {
                let (kind, charset) = (&column.column_type, self.random.pick(&CHARSETS));
                // The labels of a type are shown with a backslash as it is.
                let holds_both = kind.contains('\\') && !self.style.no_backslash;
                (!holds_both && self.style.takes(kind))
                    .then(|| format!("MODIFY `{name}` {kind} CHARACTER SET {charset}"))
            }
            _swap => self.swap(column, left),
        }
    }

    fn place(&mut self, table: &Table) -> String {
        match (self.random.below(4), table.key.first()) {
            (0, _) => " FIRST".to_owned(),
            (1, Some(key)) => format!(" AFTER `{key}`"),
            (_, _) => String::new(),
        }
    }

    fn add(&mut self, table: &Table) -> Option<String> {
        let (name, definition, place) = (self.name(), self.definition(), self.place(table));
        let (second, other) = (self.name(), self.definition());
        Some(match self.random.below(6) {
            0 => format!("ADD ({name} {definition}, {second} {other})"),
            1 => format!("ADD {name} {definition}{place}"),
            2 if self.is_mariadb() => {
                format!("ADD COLUMN IF NOT EXISTS {name} {definition}{place}")
            }
            _plain => format!("ADD COLUMN {name} {definition}{place}"),
        })
    }

    /// Two columns of one type swap their names: the table map stays as it was.
    fn swap(&mut self, column: &Column, left: &mut Vec<&Column>) -> Option<String> {
        let same = |other: &&Column| other.column_type == column.column_type;
        let other = left.iter().copied().find(same)?;
        left.retain(|kept| kept.name != other.name);
        let is_plain = |column: &Column| !column.is_made() && !column.column_type.contains('\'');
        if !is_plain(column) || !is_plain(other) {
            return None;
        }
        let (first, second, kind) = (&column.name, &other.name, &column.column_type);
        Some(format!(
            "CHANGE `{first}` `{second}` {kind}, CHANGE `{second}` `{first}` {kind}"
        ))
    }
}
