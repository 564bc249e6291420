//! When two names are the same name to a server's filters.
//!
//! MySQL compares names by `lower_case_table_names`: as bytes with 0, by `utf8mb3_tolower_ci` with 1 and 2. MariaDB
//! compares databases as bytes, and tables by `utf8mb3_general_ci`, whatever that setting is. `letters.tsv` holds both
//! collations where a character is not its own weight, as the servers' `WEIGHT_STRING` gives them.

use std::sync::OnceLock;

/// What makes two characters of a name equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// Nothing: names are bytes, and a wildcard `_` is one byte.
    Bytes,
    /// The same letter in another case; accents count (`utf8mb3_tolower_ci`).
    Lower,
    /// The same letter in another case or with another accent (`utf8mb3_general_ci`).
    General,
}

impl Fold {
    /// Returns what is compared, one element a unit of comparison.
    pub(super) fn units(self, name: &str) -> Vec<u32> {
        match self {
            Self::Bytes => name.bytes().map(u32::from).collect(),
            Self::Lower | Self::General => name.chars().map(|letter| self.weight(letter)).collect(),
        }
    }

    /// Whether two whole names are the same.
    pub(super) fn same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Bytes => one == other,
            Self::Lower => self.units(one) == self.units(other),
            // MariaDB keeps table rules in a hash that compares lengths in bytes before weights.
            Self::General => one.len() == other.len() && self.units(one) == self.units(other),
        }
    }

    fn weight(self, letter: char) -> u32 {
        let code = u32::from(letter);
        let table = letters();
        let Ok(index) = table.binary_search_by_key(&code, |row| row.code) else {
            return code;
        };
        match (self, table.get(index)) {
            (Self::Lower, Some(row)) => row.lower,
            (Self::General, Some(row)) => row.general,
            (Self::Bytes, _) | (_, None) => code,
        }
    }
}

struct Letter {
    code: u32,
    lower: u32,
    general: u32,
}

fn letters() -> &'static [Letter] {
    static TABLE: OnceLock<Vec<Letter>> = OnceLock::new();
    TABLE.get_or_init(|| {
        include_str!("letters.tsv")
            .lines()
            .filter_map(parse_letter)
            .collect()
    })
}

fn parse_letter(line: &str) -> Option<Letter> {
    let mut fields = line
        .split('\t')
        .map(|field| u32::from_str_radix(field, 16).ok());
    Some(Letter {
        code: fields.next()??,
        lower: fields.next()??,
        general: fields.next()??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_sorted() {
        let lines = include_str!("letters.tsv").lines().skip(1).count();
        assert_eq!(letters().len(), lines);
        assert!(letters().is_sorted_by_key(|row| row.code));
    }

    #[test]
    fn names_are_the_same_by_the_rules_of_each_collation() {
        let cases = [
            // one, other, bytes, lower, general
            ("shop", "shop", true, true, true),
            ("shop", "SHOP", false, true, true),
            ("café", "CAFÉ", false, true, true),
            ("cafè", "café", false, false, true),
            // Equal weights, but not equally many bytes.
            ("cafe", "café", false, false, false),
            ("straße", "strase", false, false, false),
            ("Ω", "ω", false, true, true),
            ("Ж", "ж", false, true, true),
            ("表", "表", true, true, true),
            ("a_b", "a-b", false, false, false),
        ];
        for (one, other, bytes, lower, general) in cases {
            assert_eq!(Fold::Bytes.same(one, other), bytes, "{one} {other}");
            assert_eq!(Fold::Lower.same(one, other), lower, "{one} {other}");
            assert_eq!(Fold::General.same(one, other), general, "{one} {other}");
        }
    }
}
