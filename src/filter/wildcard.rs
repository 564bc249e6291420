//! Wildcard patterns of `replicate-wild-*-table`: `%` is any run, the dot between database and table included, `_` is one
//! character (one byte where names are bytes), and a backslash takes away the meaning of what follows it.
//!
//! Linear in the pattern times the name: the last `%` is the only place ever returned to.

use std::collections::HashSet;

use super::fold::Fold;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    fold: Fold,
    tokens: Vec<PatternToken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PatternToken {
    Run,
    One,
    Unit(u32),
}

/// What is left of two patterns.
type BothLeft<'a> = (&'a [PatternToken], &'a [PatternToken]);

impl Pattern {
    /// Compiles a pattern; every text is one. A backslash at its end stands for itself.
    pub(super) fn new(text: &str, fold: Fold) -> Self {
        let mut tokens = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let literal = match letter {
                '%' => {
                    tokens.push(PatternToken::Run);
                    continue;
                }
                '_' => {
                    tokens.push(PatternToken::One);
                    continue;
                }
                '\\' => letters.next().unwrap_or('\\'),
                other => other,
            };
            let mut buffer = [0; 4];
            let units = fold.units(literal.encode_utf8(&mut buffer));
            tokens.extend(units.into_iter().map(PatternToken::Unit));
        }
        Self { fold, tokens }
    }

    /// How many of its characters are no wildcards, in units of names.
    pub(super) fn literals(&self) -> usize {
        let is_literal = |token: &&PatternToken| matches!(token, PatternToken::Unit(_));
        self.tokens.iter().filter(is_literal).count()
    }

    /// Whether some name matches both patterns.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.is_walked_with(other, |one, two, left| match (one, two) {
            ([PatternToken::Run, rest @ ..], [_, more @ ..]) => {
                left.extend([(rest, two), (one, more)]);
            }
            ([_, more @ ..], [PatternToken::Run, rest @ ..]) => {
                left.extend([(one, rest), (more, two)]);
            }
            ([PatternToken::Run, rest @ ..], []) => left.push((rest, two)),
            ([], [PatternToken::Run, rest @ ..]) => left.push((one, rest)),
            ([PatternToken::One, rest @ ..], [_, more @ ..])
            | ([_, rest @ ..], [PatternToken::One, more @ ..]) => left.push((rest, more)),
            ([PatternToken::Unit(unit), rest @ ..], [PatternToken::Unit(other), more @ ..])
                if unit == other =>
            {
                left.push((rest, more));
            }
            (_differing, _ended) => {}
        })
    }

    /// Whether every name that the other one matches matches this one too; `false` where that takes more than a comparison
    /// part by part.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.is_walked_with(other, |one, two, left| match (one, two) {
            ([PatternToken::Run, rest @ ..], []) => left.push((rest, two)),
            ([PatternToken::Run, rest @ ..], [_, more @ ..]) => {
                left.extend([(rest, two), (one, more)]);
            }
            (
                [PatternToken::One, rest @ ..],
                [PatternToken::One | PatternToken::Unit(_), more @ ..],
            ) => left.push((rest, more)),
            ([PatternToken::Unit(unit), rest @ ..], [PatternToken::Unit(other), more @ ..])
                if unit == other =>
            {
                left.push((rest, more));
            }
            (_differing, _ended) => {}
        })
    }

    /// Whether both patterns come to their ends together by some choice of steps, of which `step` adds what each leaves of both.
    fn is_walked_with<'a>(
        &'a self,
        other: &'a Self,
        step: impl Fn(&'a [PatternToken], &'a [PatternToken], &mut Vec<BothLeft<'a>>),
    ) -> bool {
        let mut seen = HashSet::new();
        let mut left = vec![(&*self.tokens, &*other.tokens)];
        while let Some((one, two)) = left.pop() {
            if one.is_empty() && two.is_empty() {
                return true;
            }
            if seen.insert((one.len(), two.len())) {
                step(one, two, &mut left);
            }
        }
        false
    }

    /// Whether the pattern matches the whole of `name`.
    pub(super) fn matches(&self, name: &str) -> bool {
        let mut name = self.fold.units(name).into_iter();
        let mut tokens = self.tokens.iter();
        // Where to go on after the run last seen, with one more unit given to that run.
        let mut retry = None;
        loop {
            let matched = match tokens.next() {
                Some(PatternToken::Run) => {
                    retry = Some((tokens.clone(), name.clone()));
                    continue;
                }
                Some(PatternToken::One) => name.next().is_some(),
                Some(PatternToken::Unit(unit)) => name.next() == Some(*unit),
                None if name.len() == 0 => return true,
                None => false,
            };
            if matched {
                continue;
            }
            let Some((after_run, rest)) = &mut retry else {
                return false;
            };
            if rest.next().is_none() {
                return false;
            }
            tokens = after_run.clone();
            name = rest.clone();
        }
    }
}

/// Returns the database that a `database.table` pattern names literally, if its part before the dot has no wildcard.
pub(super) fn literal_database(pattern: &str) -> Option<String> {
    let mut literal = String::new();
    let mut letters = pattern.chars();
    loop {
        match letters.next()? {
            '.' => return Some(literal),
            '%' | '_' => return None,
            '\\' => literal.push(letters.next()?),
            other => literal.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, name: &str, expected: bool) {
        for fold in [Fold::Bytes, Fold::Lower, Fold::General] {
            let found = Pattern::new(pattern, fold).matches(name);
            assert_eq!(found, expected, "{name:?} like {pattern:?} under {fold:?}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_joined_name() {
        for (pattern, name, expected) in [
            ("shop.orders", "shop.orders", true),
            ("shop.orders", "shop.orders2", false),
            ("shop.orders", "shop.order", false),
            ("shop.%", "shop.orders", true),
            ("shop.%", "shop.", true),
            ("shop.%", "shop2.orders", false),
            ("shop%.%", "shop2.orders", true),
            ("%.%", "a.b", true),
            ("%.", "a.b", false),
            ("%.", "a.", true),
            ("%.b%", "a.cb", false),
            ("%.b%", "a.x.b", true),
            ("foo%.bar", "foo1.x.bar", true),
            ("s_op.orders", "shop.orders", true),
            ("s_op.orders", "sop.orders", false),
            ("s_op.orders", "shhop.orders", false),
            ("___.%", "abc.t", true),
            ("___.%", "ab.t", false),
            ("a_.%", "a..t", true),
            ("%_", "", false),
            ("%_", "x", true),
            ("_%", "x", true),
            ("%%", "", true),
            ("", "", true),
            ("", "x", false),
            ("own\\_db.%", "own_db.t", true),
            ("own\\_db.%", "ownxdb.t", false),
            ("own\\%db.t", "own%db.t", true),
            ("own\\%db.t", "ownxdb.t", false),
            ("a\\\\b.t", "a\\b.t", true),
            ("a\\b.t", "ab.t", true),
            ("a\\b.t", "a\\b.t", false),
            ("a.t\\", "a.t\\", true),
            ("a.%\\", "a.t\\", true),
            ("a.%ab", "a.aab", true),
            ("a.%aab", "a.aaab", true),
            ("a.%aab%b", "a.aaabb", true),
            ("a.%x%y%z", "a.xxyyzz", true),
            ("a.%x%y%z", "a.xxzzyy", false),
            ("%.été", "db.été", true),
        ] {
            check(pattern, name, expected);
        }
    }

    #[test]
    fn patterns_meet_where_some_name_matches_both() {
        for (one, two, expected) in [
            ("a.t", "a.t", true),
            ("a.t", "a.u", false),
            ("a.%", "a.t", true),
            ("a.%", "b.%", false),
            ("a.%x", "a.x%", true),
            ("a._", "a.t", true),
            ("a._", "a.tt", false),
            ("%.t", "a.%", true),
            ("%a%", "%b%", true),
            ("%a", "%b", false),
            ("", "%", true),
            ("", "_", false),
            ("%%", "", true),
        ] {
            let [one, two] = [one, two].map(|text| Pattern::new(text, Fold::Lower));
            assert_eq!(one.meets(&two), expected, "{one:?} {two:?}");
            assert_eq!(two.meets(&one), expected, "{two:?} {one:?}");
        }
    }

    #[test]
    fn one_character_is_one_byte_only_where_names_are_bytes() {
        for (pattern, fold, expected) in [
            ("d_.t", Fold::Bytes, false),
            ("d__.t", Fold::Bytes, true),
            ("d_.t", Fold::Lower, true),
            ("d_.t", Fold::General, true),
            ("d__.t", Fold::General, false),
            ("DÉ.t", Fold::Bytes, false),
            ("DÉ.t", Fold::Lower, true),
            ("de.t", Fold::Lower, false),
            ("de.t", Fold::General, true),
        ] {
            let found = Pattern::new(pattern, fold).matches("dé.t");
            assert_eq!(found, expected, "{pattern} under {fold:?}");
        }
    }

    #[test]
    fn hostile_patterns_stay_cheap() {
        let name = "a".repeat(256);
        let pattern = format!("{}b", "%a".repeat(200));
        let started = std::time::Instant::now();
        assert!(!Pattern::new(&pattern, Fold::General).matches(&name));
        assert!(started.elapsed() < std::time::Duration::from_secs(1));
    }

    #[test]
    fn a_literal_database_has_no_live_wildcard() {
        for (pattern, expected) in [
            ("mysql.%", Some("mysql")),
            ("mysql.user", Some("mysql")),
            ("mysq_.user", None),
            ("%.user", None),
            ("performance_schema.%", None),
            ("performance\\_schema.%", Some("performance_schema")),
            ("my\\sql.%", Some("mysql")),
            ("mysql", None),
        ] {
            assert_eq!(literal_database(pattern).as_deref(), expected, "{pattern}");
        }
    }

    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], _) => name.is_empty(),
            (['%', rest @ ..], _) => {
                naive(rest, name) || (!name.is_empty() && naive(pattern, &name[1..]))
            }
            (['_', rest @ ..], [_, tail @ ..]) => naive(rest, tail),
            (['\\', literal, rest @ ..], [first, tail @ ..]) => {
                literal == first && naive(rest, tail)
            }
            ([literal, rest @ ..], [first, tail @ ..]) => literal == first && naive(rest, tail),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_recursive_definition(
            pattern in "[ab.%_\\\\]{0,12}",
            name in "[ab.%_\\\\]{0,12}",
        ) {
            let letters: (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
            let expected = naive(&letters.0, &letters.1);
            prop_assert_eq!(Pattern::new(&pattern, Fold::Bytes).matches(&name), expected);
            prop_assert_eq!(Pattern::new(&pattern, Fold::General).matches(&name), expected);
        }

        #[test]
        fn patterns_that_match_a_name_meet(
            one in "[ab.%_]{0,6}",
            two in "[ab.%_]{0,6}",
            name in "[ab.]{0,6}",
        ) {
            let (one, two) = (Pattern::new(&one, Fold::Bytes), Pattern::new(&two, Fold::Bytes));
            if one.matches(&name) && two.matches(&name) {
                prop_assert!(one.meets(&two) && two.meets(&one));
            }
        }

        #[test]
        fn a_pattern_made_from_a_name_matches_it(name in "\\PC{0,20}", cut in 0usize..20) {
            let escaped: String = name.chars().flat_map(|letter| ['\\', letter]).collect();
            prop_assert!(Pattern::new(&escaped, Fold::Lower).matches(&name));
            let opened: String = name.chars().take(cut).flat_map(|letter| ['\\', letter]).collect();
            let opened = opened + "%";
            prop_assert!(Pattern::new(&opened, Fold::Bytes).matches(&name));
        }
    }
}
