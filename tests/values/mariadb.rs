//! What of MariaDB's values a table map alone does not tell: old forms of times, INET4, INET6 and UUID; and COMPRESSED
//! columns. `rowtap decode` with the server's definitions against what the server shows.

use std::collections::HashMap;

use mysql::prelude::Queryable;

use super::cases::{Case, Random, case, literals, random_values};
use super::decode::members;
use super::matrix::output::{self, Line};
use super::shown::Shown;
use super::{Bench, documents};
use crate::commands::process::{Folder, account};
use crate::support::Flavour;

const NEWEST: [Flavour; 2] = [Flavour::MariaDb1011, Flavour::MariaDb118];

/// A server with an account that may ask for definitions, and the columns of its tables.
struct Tables {
    bench: Bench,
    columns: HashMap<String, Vec<Shown>>,
}

impl Tables {
    fn start(flavour: Flavour) -> Self {
        let bench = Bench::start(flavour);
        account(&bench.server, "u");
        Self {
            bench,
            columns: HashMap::new(),
        }
    }

    fn run(&mut self, statement: &str) {
        self.bench.run(statement);
    }

    /// A table of these cases, each value in a row.
    fn fill(&mut self, table: &str, cases: &[Case]) {
        let definitions: Vec<_> = cases
            .iter()
            .enumerate()
            .map(|(index, case)| format!("c{index} {} NULL", case.definition))
            .collect();
        self.run(&format!(
            "CREATE TABLE {table} (id INT PRIMARY KEY, {})",
            definitions.join(", ")
        ));
        let count = cases.iter().map(|case| case.values.len()).max();
        let random = &mut Random(0x01d);
        for row in 0..count.expect("a case") {
            let values: Vec<_> = cases
                .iter()
                .map(|case| match case.values.get(row) {
                    Some(value) => value.clone(),
                    None => case.any(random),
                })
                .collect();
            let values = values.join(", ");
            self.run(&format!("INSERT INTO {table} VALUES ({row}, {values})"));
        }
        let columns = cases.iter().map(|case| case.shown).collect();
        self.columns.insert(table.to_owned(), columns);
    }

    /// What the server shows of a table, by id.
    fn select(&mut self, table: &str) -> HashMap<String, Vec<Option<String>>> {
        let flavour = self.bench.server.flavour();
        let columns: Vec<_> = self.columns[table]
            .iter()
            .enumerate()
            .map(|(index, shown)| shown.select(&format!("c{index}"), flavour))
            .collect();
        let statement = format!("SELECT id, {} FROM {table}", columns.join(", "));
        let rows: Vec<mysql::Row> = self.bench.session.query(&statement).expect(&statement);
        let text = |value| match value {
            mysql::Value::NULL => None,
            mysql::Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("text")),
            other => panic!("{other:?} in a text result"),
        };
        rows.into_iter()
            .map(|row| {
                let mut values = row.unwrap().into_iter().map(text);
                (values.next().flatten().expect("an id"), values.collect())
            })
            .collect()
    }

    /// Compares every row of the tables with what `rowtap decode` says of their inserts and deletes; gives the number of
    /// cells.
    fn compare_with_definitions(&mut self, tables: &[&str]) -> usize {
        let (file, _) = self.bench.server.coordinates();
        let mut expected = HashMap::new();
        for table in tables {
            expected.insert(*table, self.select(table));
            self.run(&format!("DELETE FROM {table}"));
        }
        self.run("FLUSH BINARY LOGS");
        let definitions = Folder::streaming(&self.bench.server, "u");
        let path = self.bench.server.binlog_path(&file);
        let (mut images, mut cells) = (0, 0);
        output::decode(&path, Some(&definitions.path("shop.toml")), |line| {
            let Some(line) = Line::parse(line) else {
                return;
            };
            images += 1;
            let image = members(line.before.or(line.after).expect("an image"));
            let row = &expected[line.table][&image["id"]];
            for (index, (shown, server)) in self.columns[line.table].iter().zip(row).enumerate() {
                let json = &image[&format!("c{index}")];
                assert!(
                    shown.agrees(json, server.as_deref()),
                    "{}.c{index} as {shown:?}: record {json:.400}, server {server:.400?}",
                    line.table,
                );
                cells += 1;
            }
        });
        let rows: usize = expected.values().map(HashMap::len).sum();
        assert_eq!(images, 2 * rows);
        cells
    }
}

/// Values of a type of time with so many digits after the seconds.
fn times(kind: &str, fsp: u8, random: &mut Random) -> Case {
    let digits = |text: &str| match fsp {
        0 => String::new(),
        _ => format!(".{}", &text[..usize::from(fsp)]),
    };
    let (shown, wholes): (_, &[&str]) = match kind {
        "TIME" => (
            Shown::Text,
            &[
                "838:59:59",
                "-838:59:59",
                "00:00:00",
                "-00:00:01",
                "99:00:00",
            ],
        ),
        "DATETIME" => (
            Shown::Text,
            &[
                "9999-12-31 23:59:59",
                "0000-00-00 00:00:00",
                "2015-00-21 01:02:03",
                "2015-07-00 00:00:00",
                "0001-01-01 00:00:00",
                "2023-02-31 12:00:00",
            ],
        ),
        _timestamp => (
            Shown::Timestamp,
            &[
                "1970-01-01 00:00:01",
                "2038-01-19 03:14:07",
                "2001-09-09 01:46:40",
            ],
        ),
    };
    let mut values = Vec::new();
    for whole in wholes {
        for fraction in ["000000", "999999", "000001", "120000"] {
            values.push(format!("'{whole}{}'", digits(fraction)));
        }
    }
    if kind == "TIMESTAMP" {
        values.push("'0000-00-00 00:00:00'".to_owned());
    }
    for _ in 0..random_values() {
        let (h, m, s) = (random.below(24), random.below(60), random.below(60));
        let fraction = digits(&random.digits(6));
        let text = match kind {
            "TIME" => {
                let sign = ["", "-"][random.below(2)];
                format!("{sign}{:02}:{m:02}:{s:02}{fraction}", random.below(839))
            }
            "DATETIME" => format!(
                "{:04}-{:02}-{:02} {h:02}:{m:02}:{s:02}{fraction}",
                random.below(10_000),
                random.below(13),
                random.below(32)
            ),
            _timestamp => format!(
                "{:04}-{:02}-{:02} {h:02}:{m:02}:{s:02}{fraction}",
                1971 + random.below(66),
                1 + random.below(12),
                1 + random.below(28)
            ),
        };
        values.push(format!("'{text}'"));
    }
    case(format!("{kind}({fsp})"), shown, values)
}

#[test]
fn times_in_their_old_forms_are_what_the_server_shows() {
    for flavour in NEWEST {
        let mut tables = Tables::start(flavour);
        tables.run("SET GLOBAL mysql56_temporal_format = OFF");
        let random = &mut Random(0x56);
        let kinds = ["TIME", "DATETIME", "TIMESTAMP"];
        let cases: Vec<_> = kinds
            .iter()
            .flat_map(|kind| {
                (0..=6)
                    .map(|fsp| times(kind, fsp, random))
                    .collect::<Vec<_>>()
            })
            .collect();
        tables.run("SET GLOBAL binlog_row_metadata = FULL");
        tables.fill("old_full", &cases);
        // The server says so of old ones where new ones are its custom.
        tables.run("SET GLOBAL mysql56_temporal_format = ON");
        let old = "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'cells' AND COLUMN_TYPE LIKE '%5.3%'";
        assert_eq!(tables.bench.server.query_one(old).as_deref(), Some("21"));
        tables.run("SET GLOBAL mysql56_temporal_format = OFF");
        tables.run("SET GLOBAL binlog_row_metadata = NO_LOG");
        tables.run("CREATE TABLE old_bare LIKE old_full");
        tables.run("INSERT INTO old_bare SELECT * FROM old_full");
        let columns = tables.columns["old_full"].clone();
        tables.columns.insert("old_bare".to_owned(), columns);
        let cells = tables.compare_with_definitions(&["old_full", "old_bare"]);
        println!("{flavour:?}: {cells} cells of old times");
        assert!(cells > 3 * 7 * 2 * 2 * 30, "{cells}");
    }
}

/// Columns that are packed, with values that are shorter and longer packed than not.
pub fn packed(random: &mut Random) -> Vec<Case> {
    let mut words = literals([
        "''",
        "'x'",
        "REPEAT('\u{e9}', 60)",
        "'short and unlike itself'",
        "CONCAT('ab', REPEAT('\u{df}', 90))",
    ]);
    let mut bytes = literals([
        "x''",
        "x'00'",
        "REPEAT(x'00', 200)",
        "x'0001feff'",
        "REPEAT('abc', 33)",
    ]);
    for _ in 0..random_values() {
        let (count, unit) = (random.below(40), 1 + random.below(3));
        words.push(format!("REPEAT('{}', {count})", random.digits(unit)));
        bytes.push(random.bytes(count));
    }
    let mut cases = Vec::new();
    for charset in ["latin1", "utf8mb4", "ucs2", "sjis"] {
        // sjis has neither of these letters.
        let values: Vec<_> = match charset {
            "sjis" => words
                .iter()
                .map(|word| {
                    word.replace('\u{e9}', "\u{30bd}")
                        .replace('\u{df}', "\u{8868}")
                })
                .collect(),
            _ => words.clone(),
        };
        for kind in ["VARCHAR(200)", "TEXT", "LONGTEXT"] {
            let definition = format!("{kind} COMPRESSED CHARACTER SET {charset}");
            cases.push(case(definition, Shown::Text, values.clone()));
        }
    }
    // On both sides of where the length before a value takes another byte.
    for length in [253, 254, 255, 256] {
        let definition = format!("VARCHAR({length}) COMPRESSED CHARACTER SET latin1");
        let mut values = words.clone();
        values.push(format!("REPEAT('z', {length})"));
        values.push(format!("'{}'", random.digits(length)));
        cases.push(case(definition, Shown::Text, values));
    }
    for kind in [
        "VARBINARY(255)",
        "TINYBLOB",
        "BLOB",
        "MEDIUMBLOB",
        "LONGBLOB",
    ] {
        let definition = format!("{kind} COMPRESSED");
        cases.push(case(definition, Shown::Binary, bytes.clone()));
    }
    cases
}

#[test]
fn compressed_columns_are_what_the_server_shows() {
    for flavour in NEWEST {
        let mut tables = Tables::start(flavour);
        let random = &mut Random(0xc0);
        let mut cells = 0;
        for (metadata, wrap, level) in [("FULL", "OFF", 6), ("NO_LOG", "ON", 1), ("FULL", "ON", 0)]
        {
            for statement in [
                format!("SET GLOBAL binlog_row_metadata = {metadata}"),
                format!("SET SESSION column_compression_zlib_wrap = {wrap}"),
                format!("SET SESSION column_compression_zlib_level = {level}"),
                // Lower than any value but the empty one.
                "SET SESSION column_compression_threshold = 1".to_owned(),
            ] {
                tables.run(&statement);
            }
            let table = format!("packed_{}_{level}", wrap.to_lowercase());
            tables.fill(&table, &packed(random));
            let large = format!("large_{level}");
            let values = literals(["REPEAT('large ', 2000000)", "''"]);
            tables.fill(&large, &[case("LONGTEXT COMPRESSED", Shown::Text, values)]);
            cells += tables.compare_with_definitions(&[&table, &large]);
        }
        println!("{flavour:?}: {cells} cells of compressed columns");
        assert!(cells > 3 * 2 * 20 * 20, "{cells}");
    }
}

#[test]
fn addresses_and_uuids_are_text_where_a_definition_tells_of_them() {
    for flavour in NEWEST {
        let mut tables = Tables::start(flavour);
        let random = &mut Random(0xadd);
        let mut cases = documents::only_mariadb(random, flavour);
        cases.retain(|case| case.definition.starts_with("INET") || case.definition == "UUID");
        cases.push(case(
            "BINARY(16)",
            Shown::Binary,
            literals(["x'00112233445566778899aabbccddeeff'", "x'00'", "x''"]),
        ));
        assert_eq!(cases.len(), 4);
        let mut cells = 0;
        for metadata in ["FULL", "NO_LOG"] {
            tables.run(&format!("SET GLOBAL binlog_row_metadata = {metadata}"));
            let table = format!("addresses_{}", metadata.to_lowercase());
            tables.fill(&table, &cases);
            cells += tables.compare_with_definitions(&[&table]);
        }
        println!("{flavour:?}: {cells} cells of addresses and UUIDs");
        assert!(cells > 2 * 2 * 4 * 20, "{cells}");
    }
}
