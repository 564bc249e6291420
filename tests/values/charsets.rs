//! Every character of every character set, against the server's own conversion.

use super::{Bench, Shown};
use crate::support::Flavour;

/// Sets whose characters are single bytes or pairs of bytes.
const FROM_BYTES: [&str; 36] = [
    "ascii", "latin1", "latin2", "latin5", "latin7", "cp1250", "cp1251", "cp1256", "cp1257",
    "cp850", "cp852", "cp866", "greek", "hebrew", "koi8r", "koi8u", "dec8", "hp8", "swe7",
    "keybcs2", "macce", "macroman", "tis620", "armscii8", "geostd8", "gbk", "cp932", "euckr",
    "ucs2", "utf16", "utf16le", "big5", "gb2312", "sjis", "ujis", "eucjpms",
];

/// Sets of Unicode's whole range.
const UNICODE: [&str; 5] = ["utf8mb3", "utf8mb4", "utf16", "utf16le", "utf32"];

/// What a set has no character for becomes a question mark or U+FFFD; MariaDB's ucs2 holds surrogates, which are none.
const KNOWN: &str = "HEX(u) NOT LIKE '%3F%' AND HEX(u) NOT LIKE '%EFBFBD%' AND HEX(u) NOT REGEXP '^ED[AB]' AND CHAR_LENGTH(u) = 1";

fn every_character(flavour: Flavour) {
    let mut bench = Bench::start(flavour);
    let depth = if bench.mysql() {
        "cte_max_recursion_depth"
    } else {
        "max_recursive_iterations"
    };
    bench.run(&format!(
        "SET SESSION {depth} = 70000, group_concat_max_len = 1000000"
    ));
    bench.run("CREATE TABLE bytes (id INT PRIMARY KEY, b VARBINARY(4))");
    bench.run(
        "INSERT INTO bytes WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 65791) \
         SELECT i, IF(i < 256, UNHEX(LPAD(HEX(i), 2, '0')), UNHEX(LPAD(HEX(i - 256), 4, '0'))) FROM n",
    );
    for charset in FROM_BYTES {
        fill(
            &mut bench,
            &format!("bytes_{charset}"),
            charset,
            &format!(
                "SELECT id, b AS s, HEX(CONVERT(b USING {charset})) AS h, \
                 CONVERT(CONVERT(b USING {charset}) USING utf8mb4) AS u FROM bytes"
            ),
            match charset {
                "ucs2" | "utf16" | "utf16le" => "h = HEX(s) AND id > 255",
                _ => "h = HEX(s)",
            },
        );
    }
    for charset in UNICODE {
        // Each unit of UTF-16 alone, and behind a high surrogate where the set reaches that far.
        let units = "SELECT id, CONVERT(b USING utf16) AS t FROM bytes WHERE id > 255";
        let pairs = "SELECT id, CONVERT(CONCAT(x'D83D', b) USING utf16) AS t FROM bytes \
                     WHERE HEX(b) BETWEEN 'DC00' AND 'DFFF' AND id > 255";
        let both = match charset {
            "utf8mb3" => units.to_owned(),
            _ => format!("{units} UNION ALL {pairs}"),
        };
        fill(
            &mut bench,
            &format!("unicode_{charset}"),
            charset,
            &format!(
                "SELECT id, CAST(CONVERT(t USING {charset}) AS BINARY) AS s, CONVERT(t USING utf8mb4) AS u FROM ({both}) AS a"
            ),
            "TRUE",
        );
    }
    compare(&mut bench);
}

/// Makes a table with a row for 256 characters, of those that `characters` selects: `s` is the character's
/// bytes, `u` the character in utf8mb4.
fn fill(bench: &mut Bench, table: &str, charset: &str, characters: &str, condition: &str) {
    let definition = format!("LONGTEXT CHARACTER SET {charset}");
    bench.create(table, &[("c".to_owned(), definition, Shown::Text)]);
    bench.run(&format!(
        "INSERT INTO {table} SELECT id DIV 256, GROUP_CONCAT(s ORDER BY id SEPARATOR '') \
         FROM ({characters}) AS t WHERE {KNOWN} AND {condition} GROUP BY id DIV 256"
    ));
}

fn compare(bench: &mut Bench) {
    let mut tables: Vec<_> = bench.tables.keys().cloned().collect();
    tables.sort();
    let changes = bench.changes();
    let mut characters = 0;
    for table in &tables {
        let expected = bench.select(table);
        let mut rows = 0;
        for change in changes.iter().filter(|change| change.table == *table) {
            let image = change.after.as_ref().expect("an insert");
            bench.compare(table, image, &expected[&image["id"]]);
            rows += 1;
        }
        assert_eq!(rows, expected.len(), "{table}");
        let texts = expected.values().flatten().flatten();
        let count: usize = texts.map(|text| text.chars().count()).sum();
        assert!(count > 90, "{table} holds {count} characters");
        characters += count;
    }
    let flavour = bench.server.flavour();
    println!(
        "{flavour:?}: {characters} characters of {} sets equal to the server's",
        tables.len()
    );
}

#[test]
fn every_character_of_every_character_set_reads_as_mysql_converts_it() {
    every_character(Flavour::MySql97);
}

#[test]
fn every_character_of_every_character_set_reads_as_mariadb_converts_it() {
    every_character(Flavour::MariaDb1011);
}
