//! A table of many types, its values, and the rows that a condition finds in them.

use std::collections::BTreeSet;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::Rendered;

use crate::support::{Flavour, Random, Server};

/// Rows of the table.
pub const ROWS: u32 = 60;

/// A column, and values for it as SQL has them.
pub struct TestedColumn {
    pub name: String,
    pub sql_type: String,
    pub kind: Kind,
    pub values: Vec<String>,
}

/// What a column can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With its values, by every comparison.
    Ordered,
    /// The same, and with numbers near them.
    Number,
    /// With its values, for equality.
    Equal,
    /// The same as ordered, and by LIKE.
    Text,
    /// With nothing.
    Null,
}

/// The columns of the table, and the server that has it.
pub struct TestedColumns(pub Vec<TestedColumn>, Flavour);

const TEXTS: [&str; 30] = [
    "", " ", "a", "A", "a ", "b", "ab", "aB", "AB ", "abc", "á", "Á", "ä", "Ä", "é", "e", "E",
    "ss", "ß", "ñ", "n", "å", "z", "Z", "10", "a_c", "a%c", "æ", "ø", "a\tb",
];
const WIDE_TEXTS: [&str; 14] = [
    "😀", "😁", "я", "Я", "ё", "е", "漢", "字", "가", "ﬁ", "ﬀ", "①", "e\u{301}", "ǆ",
];

fn texts(more: &[&str]) -> Vec<String> {
    let texts = TEXTS.iter().chain(more);
    texts
        .map(|text| format!("'{}'", text.replace('\'', "''")))
        .collect()
}

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

impl TestedColumns {
    /// Whether the server loses the rows of a list that has NULL beside their values, as MySQL 8.0.15 does with TIME.
    pub fn loses_by_null(&self, column: &TestedColumn) -> bool {
        let is_time =
            column.sql_type.starts_with("time") && !column.sql_type.starts_with("timestamp");
        self.1 == Flavour::MySql80 && is_time
    }

    pub fn of(flavour: Flavour) -> Self {
        let mut columns = Self(Vec::new(), flavour);
        columns.numbers();
        columns.times();
        columns.others();
        let narrow: Vec<&str> = Vec::new();
        let texts_of = |wide: bool| match wide {
            true => texts(&WIDE_TEXTS),
            false => texts(&narrow),
        };
        let old = [
            ("varchar(20)", "latin1", "latin1_swedish_ci", false),
            ("varchar(20)", "latin1", "latin1_bin", false),
            ("char(10)", "latin1", "latin1_general_cs", false),
            ("varchar(20)", "utf8mb4", "utf8mb4_general_ci", true),
            ("char(10)", "utf8mb4", "utf8mb4_bin", true),
            ("text", "utf8mb4", "utf8mb4_unicode_ci", true),
            ("tinytext", "utf8mb4", "utf8mb4_unicode_520_ci", true),
            ("varchar(20)", "utf16", "utf16_bin", true),
            ("varchar(20)", "utf32", "utf32_general_ci", true),
        ];
        let mysql = [
            ("varchar(20)", "utf8mb4", "utf8mb4_0900_ai_ci", true),
            ("char(10)", "utf8mb4", "utf8mb4_0900_bin", true),
        ];
        let mariadb = [
            ("varchar(20)", "utf8mb4", "utf8mb4_uca1400_ai_ci", true),
            (
                "varchar(20)",
                "utf8mb4",
                "utf8mb4_uca1400_nopad_ai_ci",
                true,
            ),
            ("varchar(20)", "utf8mb4", "utf8mb4_general_nopad_ci", true),
            ("varchar(20)", "latin1", "latin1_swedish_nopad_ci", false),
        ];
        let own: &[_] = match flavour {
            // The other one came with 8.0.17.
            Flavour::MySql80 => &mysql[..1],
            Flavour::MySql97 | Flavour::MySql57 => &mysql,
            Flavour::MariaDb118 | Flavour::MariaDb1011 => &mariadb,
        };
        for (sql_type, charset, collation, wide) in old.iter().chain(own) {
            let sql_type = format!("{sql_type} character set {charset} collate {collation}");
            columns.add(&sql_type, Kind::Text, texts_of(*wide));
        }
        columns
    }

    fn numbers(&mut self) {
        let number = Kind::Number;
        self.add("tinyint", number, list(&["-128", "-1", "0", "1", "127"]));
        self.add(
            "tinyint unsigned",
            number,
            list(&["0", "1", "127", "128", "255"]),
        );
        self.add(
            "mediumint",
            number,
            list(&["-8388608", "-7", "0", "7", "8388607"]),
        );
        self.add(
            "int unsigned",
            number,
            list(&["0", "7", "2147483648", "4294967295"]),
        );
        self.add(
            "bigint",
            number,
            list(&[
                "-9223372036854775808",
                "-9007199254740993",
                "-1",
                "0",
                "9007199254740993",
                "9223372036854775807",
            ]),
        );
        self.wide_numbers();
    }

    fn wide_numbers(&mut self) {
        let number = Kind::Number;
        self.add(
            "bigint unsigned",
            number,
            list(&[
                "0",
                "1",
                "9223372036854775807",
                "9223372036854775808",
                "18446744073709551615",
            ]),
        );
        self.add(
            "decimal(10,2)",
            number,
            list(&[
                "-99999999.99",
                "-0.01",
                "0",
                "0.01",
                "10.50",
                "123456.78",
                "99999999.99",
            ]),
        );
        self.add(
            "decimal(38,10)",
            number,
            list(&[
                "-1234567890123456789012345678.0123456789",
                "0",
                "0.0000000001",
                "1000000000",
                "999999999.9999999999",
            ]),
        );
        self.add(
            "decimal(5,0) unsigned",
            number,
            list(&["0", "9", "10", "99999"]),
        );
        self.add(
            "decimal(3,3)",
            number,
            list(&["-0.999", "0", "0.1", "0.123", "0.999"]),
        );
        self.add(
            "double",
            number,
            list(&[
                "-1.5e300", "-0.1", "0", "0.1", "1.1", "3", "1e-300", "1.7e308",
            ]),
        );
        self.add(
            "float",
            number,
            list(&["-2.5", "0", "0.1", "1.1", "0.5", "16777216", "1e30"]),
        );
        self.add("bit(20)", number, list(&["0", "1", "5", "1048575"]));
    }

    fn times(&mut self) {
        let ordered = Kind::Ordered;
        self.add("year", ordered, list(&["1901", "1999", "2024", "2155"]));
        self.add(
            "date",
            ordered,
            list(&[
                "'1000-01-01'",
                "'2024-02-29'",
                "'2024-03-01'",
                "'9999-12-31'",
            ]),
        );
        self.add(
            "datetime(3)",
            ordered,
            list(&[
                "'1000-01-01 00:00:00'",
                "'2024-02-29 23:59:59.999'",
                "'2024-03-01 00:00:00'",
                "'2024-03-01 00:00:00.001'",
                "'9999-12-31 23:59:59'",
            ]),
        );
        self.add(
            "timestamp(6) null",
            ordered,
            list(&[
                "'1970-01-01 00:00:01'",
                "'2024-03-31 01:30:00.000001'",
                "'2024-03-31 01:30:00'",
                "'2038-01-19 03:14:07'",
            ]),
        );
        self.add(
            "datetime",
            ordered,
            list(&[
                "'2024-03-01 00:00:00'",
                "'2024-03-01 12:00:00'",
                "'2024-03-02'",
            ]),
        );
        self.add(
            "time(2)",
            ordered,
            list(&[
                "'-838:59:59'",
                "'-00:00:00.01'",
                "'00:00:00'",
                "'12:30:00.50'",
                "'838:59:59'",
            ]),
        );
    }

    fn others(&mut self) {
        self.add(
            "binary(5)",
            Kind::Ordered,
            list(&[
                "x'0000000000'",
                "x'6100000000'",
                "x'6162000000'",
                "x'ffffffffff'",
                "x'6120202020'",
            ]),
        );
        self.add(
            "varbinary(20)",
            Kind::Ordered,
            list(&["x''", "x'00'", "x'6100'", "'a'", "'A'", "'a '", "x'ff'"]),
        );
        self.add(
            "blob",
            Kind::Ordered,
            list(&["x''", "x'00ff'", "'abc'", "'é'"]),
        );
        let labels = "'a','B','ä','with, comma','it''s'";
        self.add(
            &format!("enum({labels}) character set utf8mb4 collate utf8mb4_general_ci"),
            Kind::Equal,
            list(&["'a'", "'B'", "'with, comma'", "'it''s'"]),
        );
        self.add(
            "set('x','y','z')",
            Kind::Equal,
            list(&["''", "'x'", "'y'", "'x,z'", "'x,y,z'"]),
        );
        self.add("json", Kind::Null, list(&["'{}'", "'[1,2]'"]));
    }

    fn add(&mut self, sql_type: &str, kind: Kind, values: Vec<String>) {
        let name = format!("c{}", self.0.len() + 1);
        self.0.push(TestedColumn {
            name,
            sql_type: sql_type.to_owned(),
            kind,
            values,
        });
    }

    /// Makes the table and the images before and after its update, and changes it.
    pub fn fill(&self, server: &Server, seed: u64) {
        let mut connection = server.connect();
        let columns: Vec<String> = self
            .0
            .iter()
            .map(|column| format!("{} {}", column.name, column.sql_type))
            .collect();
        let columns = columns.join(", ");
        session(&mut connection);
        let mut run = |sql: &str| {
            connection
                .query_drop(sql)
                .unwrap_or_else(|error| panic!("{sql}: {error}"))
        };
        run("CREATE DATABASE `rows` CHARACTER SET utf8mb4");
        for table in ["t", "v0", "v1"] {
            run(&format!(
                "CREATE TABLE `rows`.{table} (id INT PRIMARY KEY, n INT, {columns}) ENGINE=InnoDB"
            ));
        }
        let mut random = Random::new(seed, 7);
        for (number, images) in ["v0", "v1"].iter().enumerate() {
            for id in 1..=ROWS {
                let values: Vec<&str> = self
                    .0
                    .iter()
                    .map(|column| match random.chance(1, 6) {
                        true => "NULL",
                        false => random.pick(&column.values),
                    })
                    .collect();
                run(&format!(
                    "INSERT INTO `rows`.{images} VALUES ({id}, {number}, {})",
                    values.join(", ")
                ));
            }
        }
        run("FLUSH BINARY LOGS");
        run("INSERT INTO `rows`.t SELECT * FROM `rows`.v0 ORDER BY id");
        let set: Vec<String> = self
            .0
            .iter()
            .map(|column| format!("t.{0} = v.{0}", column.name))
            .collect();
        run(&format!(
            "UPDATE `rows`.t AS t JOIN `rows`.v1 AS v USING (id) SET t.n = v.n, {}",
            set.join(", ")
        ));
        run("DELETE FROM `rows`.t");
    }

    /// The ids of the images that a query with the condition finds.
    pub fn matching(
        &self,
        connection: &mut Conn,
        images: &str,
        condition: &Rendered,
    ) -> BTreeSet<u32> {
        session(connection);
        let sql = format!("SELECT id FROM `rows`.{images} WHERE {}", condition.sql);
        let found: Vec<u32> = connection
            .query(&sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        found.into_iter().collect()
    }
}

/// Literals mean to the server what they mean in a condition.
fn session(connection: &mut Conn) {
    for sql in [
        "SET NAMES utf8mb4",
        "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'",
        "SET SESSION time_zone = '+00:00'",
    ] {
        connection.query_drop(sql).unwrap();
    }
}
