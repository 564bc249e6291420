//! Wildcard rules against the servers' own `LIKE`, which matches by the same function: random names and patterns under
//! each of the three ways in which servers compare names.

use rowtap::filter::{FilterOptions, Rules};
use rowtap::mysql::Flavour as Family;

use super::Random;
use crate::support::{Flavour, Server};

const PAIRS: usize = 6000;
const PAIRS_PER_QUERY: usize = 200;
/// Letters that differ in case, accent, width in bytes, or mean something in a pattern.
const LETTERS: [char; 20] = [
    'a', 'A', 'á', 'Á', 'e', 'É', 'è', 's', 'ß', 'Ω', 'ω', 'ж', 'Ж', '表', 'ﬁ', 'İ', '%', '_',
    '\\', '.',
];

#[test]
fn names_as_bytes_match_like_binary_strings() {
    for server in Flavour::ALL {
        compare(server, "", Family::MySql, 0);
    }
}

#[test]
fn names_without_case_match_like_utf8mb3_tolower_ci() {
    compare(Flavour::MySql97, "utf8mb3_tolower_ci", Family::MySql, 1);
}

#[test]
fn names_without_case_and_accents_match_like_utf8mb3_general_ci() {
    for server in Flavour::ALL {
        compare(server, "utf8mb3_general_ci", Family::MariaDb, 0);
    }
}

fn compare(server: Flavour, collation: &str, flavour: Family, lower_case_table_names: u8) {
    let server = Server::shared(server);
    let mut random = Random(PAIRS as u64);
    let mut pairs = Vec::new();
    while pairs.len() < PAIRS {
        pairs.extend(pair(&mut random));
    }
    let mut matches = 0;
    for pairs in pairs.chunks(PAIRS_PER_QUERY) {
        let terms: Vec<String> = pairs
            .iter()
            .map(|(name, pattern)| {
                format!(
                    "{} LIKE {}",
                    literal(name, collation),
                    literal(pattern, collation)
                )
            })
            .collect();
        let row = server
            .query_text(&format!("SELECT {}", terms.join(", ")))
            .remove(0);
        for ((name, pattern), like) in pairs.iter().zip(row) {
            let options = FilterOptions {
                replicate_wild_ignore_table: vec![pattern.clone()],
                ..FilterOptions::default()
            };
            let rules = Rules::compile(&options, flavour, lower_case_table_names).unwrap();
            let (database, table) = name.split_once('.').unwrap();
            let matched = !rules.table(database, table).keep;
            let expected = like.as_deref() == Some("1");
            assert_eq!(
                matched, expected,
                "{name:?} and {pattern:?} by {collation:?}"
            );
            matches += usize::from(matched);
        }
    }
    // Where all or nothing matched the comparison would prove little.
    assert!(
        (PAIRS / 10..PAIRS * 9 / 10).contains(&matches),
        "{matches} of {PAIRS} match"
    );
}

/// A name, and a pattern made from it by changing some letters; `None` if a side of a dot came out empty.
fn pair(random: &mut Random) -> Option<(String, String)> {
    let mut part = || -> String {
        (0..=random.below(5))
            .map(|_| LETTERS[random.below(LETTERS.len())])
            .collect()
    };
    let name = format!("{}.{}", part(), part());
    let mut pattern = String::new();
    for letter in name.chars() {
        match random.below(14) {
            0 => pattern.push('%'),
            1 => pattern.push('_'),
            2 => pattern.push_str("__"),
            3 => pattern.extend(letter.to_lowercase()),
            4 => pattern.extend(letter.to_uppercase()),
            5 => pattern.push(LETTERS[random.below(LETTERS.len())]),
            6 => {}
            7 => pattern.push(letter),
            _ if matches!(letter, '%' | '_' | '\\') => pattern.extend(['\\', letter]),
            _ => pattern.push(letter),
        }
    }
    let (database, table) = pattern.split_once('.')?;
    let empty = database.is_empty() || table.is_empty() || name.starts_with('.');
    (!empty).then_some((name, pattern))
}

fn literal(text: &str, collation: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
    match collation {
        "" => format!("X'{hex}'"),
        _ => format!("CONVERT(X'{hex}' USING utf8mb3) COLLATE {collation}"),
    }
}
