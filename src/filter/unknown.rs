//! What becomes of rows of a table whose definition is not known for certain: a policy, and patterns of tables for which it
//! is another one.
//!
//! The patterns are those of `replicate-wild-do-table`, on the table's name on the source. Where patterns of several lists
//! match a table, the one with the most characters that are no wildcards decides.

use super::doubts::why;
use super::fold::Fold;
use super::lists::one_or_many;
use super::verdict::RuleKey;
use super::wildcard::Pattern;
use crate::row::TableName;

/// What becomes of rows of a table whose definition is not known for certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// The stream stops before them.
    #[default]
    Stop,
    /// They go out with what the binlog tells of the columns.
    Names,
    /// They are left out, and counted.
    Skip,
}

impl OnUnknown {
    /// Its word in a connector file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Names => "names",
            Self::Skip => "skip",
        }
    }

    /// Reads what [`OnUnknown::as_str`] writes.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Stop, Self::Names, Self::Skip];
        all.into_iter().find(|known| known.as_str() == word)
    }
}

/// The keys of a connector file, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct UnknownOptions {
    /// For tables that no pattern matches.
    #[serde(rename = "definitions_unknown")]
    pub policy: OnUnknown,
    /// Patterns of tables at which the stream stops.
    #[serde(rename = "definitions_unknown_stop", deserialize_with = "one_or_many")]
    pub stop: Vec<String>,
    /// Patterns of tables whose rows go out.
    #[serde(rename = "definitions_unknown_names", deserialize_with = "one_or_many")]
    pub names: Vec<String>,
    /// Patterns of tables whose rows are left out.
    #[serde(rename = "definitions_unknown_skip", deserialize_with = "one_or_many")]
    pub skip: Vec<String>,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} = \"{rule}\" {problem}")]
pub struct UnknownRuleError {
    /// Where it is written.
    pub key: &'static str,
    /// The pattern.
    pub rule: Box<str>,
    problem: PatternProblem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum PatternProblem {
    #[error(
        "has no dot, write it as \"database.table\" or, for all tables of a database, \"database.%\""
    )]
    NoDot,
    #[error("has an empty {0}, so that it matches no table, write it as \"database.table\"")]
    Empty(&'static str),
    #[error(
        "matches tables that {key} = \"{rule}\" matches too, and as closely, leave it out of one of them"
    )]
    Also { key: &'static str, rule: Box<str> },
}

impl UnknownOptions {
    /// The lists, the most careful policy first.
    fn lists(&self) -> [(OnUnknown, &'static str, &[String]); 3] {
        [
            (OnUnknown::Stop, "definitions_unknown_stop", &self.stop),
            (OnUnknown::Names, "definitions_unknown_names", &self.names),
            (OnUnknown::Skip, "definitions_unknown_skip", &self.skip),
        ]
    }

    /// Everything that is wrong with the patterns.
    pub fn mistakes(&self) -> Vec<UnknownRuleError> {
        let mut mistakes = Vec::new();
        let mut earlier: Vec<(&'static str, &String, Pattern)> = Vec::new();
        for (_, key, rules) in self.lists() {
            for rule in rules {
                let pattern = Pattern::new(rule, Fold::Bytes);
                let as_close = earlier.iter().find(|(other_key, _, other)| {
                    *other_key != key
                        && other.literals() == pattern.literals()
                        && other.meets(&pattern)
                });
                let also = as_close.map(|(key, rule, _)| PatternProblem::Also {
                    key,
                    rule: rule.as_str().into(),
                });
                mistakes.extend(malformed(rule).or(also).map(|problem| UnknownRuleError {
                    key,
                    rule: rule.as_str().into(),
                    problem,
                }));
                earlier.push((key, rule, pattern));
            }
        }
        mistakes
    }

    /// The patterns that hardly mean what they say, each with why.
    pub fn doubts(&self) -> Vec<String> {
        let rules = self
            .lists()
            .into_iter()
            .flat_map(|(_, key, rules)| rules.iter().map(move |rule| (key, rule)));
        let doubt = |(key, rule): (&str, &String)| {
            let why = why(RuleKey::WildDoTable, rule)?;
            Some(format!("{key} = \"{rule}\" {why}"))
        };
        rules.filter_map(doubt).collect()
    }

    /// Compiles the patterns; names are compared as `fold` says.
    pub(super) fn compile(&self, fold: Fold) -> UnknownRules {
        let patterns = self.lists().into_iter().flat_map(|(policy, _, rules)| {
            let pattern = move |rule: &String| (Pattern::new(rule, fold), policy);
            rules.iter().map(pattern)
        });
        UnknownRules {
            policy: self.policy,
            patterns: patterns.collect(),
        }
    }
}

fn malformed(rule: &str) -> Option<PatternProblem> {
    match rule.split_once('.') {
        None => Some(PatternProblem::NoDot),
        Some(("", _)) => Some(PatternProblem::Empty("database")),
        Some((_, "")) => Some(PatternProblem::Empty("table")),
        Some(_) => None,
    }
}

/// The compiled policy of a connector.
#[derive(Clone, Debug, Default)]
pub struct UnknownRules {
    policy: OnUnknown,
    /// The most careful policy first.
    patterns: Vec<(Pattern, OnUnknown)>,
}

impl UnknownRules {
    /// What becomes of a table's rows, by its name on the source.
    pub fn of(&self, table: &TableName) -> OnUnknown {
        let name = table.to_string();
        let mut closest = None;
        for (pattern, policy) in &self.patterns {
            let literals = pattern.literals();
            if closest.is_none_or(|(most, _)| literals > most) && pattern.matches(&name) {
                closest = Some((literals, *policy));
            }
        }
        closest.map_or(self.policy, |(_, policy)| policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> UnknownOptions {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_closest_pattern_decides_and_else_the_policy() {
        let options = options(
            r#"
            definitions_unknown = "names"
            definitions_unknown_stop = ["shop.%", "shop.tmp\\_keep"]
            definitions_unknown_skip = "shop.tmp\\_%"
            "#,
        );
        assert_eq!(options.mistakes(), []);
        let rules = options.compile(Fold::Bytes);
        for (database, table, expected) in [
            ("other", "t", OnUnknown::Names),
            ("shop", "orders", OnUnknown::Stop),
            ("shop", "tmp_1", OnUnknown::Skip),
            ("shop", "tmp_keep", OnUnknown::Stop),
            ("shop", "tmpx1", OnUnknown::Stop),
            ("SHOP", "tmp_1", OnUnknown::Names),
        ] {
            let found = rules.of(&TableName::new(database, table));
            assert_eq!(found, expected, "{database}.{table}");
        }
        let folded = options.compile(Fold::Lower);
        let found = folded.of(&TableName::new("SHOP", "TMP_1"));
        assert_eq!(found, OnUnknown::Skip);
        let none = UnknownRules::default();
        assert_eq!(none.of(&TableName::new("a", "b")), OnUnknown::Stop);
    }

    #[test]
    fn what_is_wrong_with_patterns_is_told_with_its_fix() {
        let check = |text: &str, expected: &[&str]| {
            let found = options(text).mistakes();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found}");
            }
        };
        check(
            r#"definitions_unknown_names = ["shop", ".t", "shop.", "a.b"]"#,
            &["has no dot", "empty database", "empty table"],
        );
        check(
            "definitions_unknown_names = 'a.t'\ndefinitions_unknown_skip = ['a.u', 'a.t']",
            &[
                r#"definitions_unknown_skip = "a.t" matches tables that definitions_unknown_names = "a.t" matches too"#,
            ],
        );
        check(
            "definitions_unknown_stop = 'a.%x'\ndefinitions_unknown_skip = 'a.x%'",
            &["as closely"],
        );
        check(
            "definitions_unknown_stop = 'a.%'\ndefinitions_unknown_skip = ['a.x%', 'b.%']",
            &[],
        );
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for policy in [OnUnknown::Stop, OnUnknown::Names, OnUnknown::Skip] {
            assert_eq!(OnUnknown::from_word(policy.as_str()), Some(policy));
            let text = format!("definitions_unknown = '{}'", policy.as_str());
            assert_eq!(options(&text).policy, policy);
        }
        assert_eq!(OnUnknown::from_word("Stop"), None);
        let error = toml::from_str::<UnknownOptions>("definitions_unknown = 'pass'").unwrap_err();
        assert!(error.to_string().contains("stop"), "{error}");
    }
}
