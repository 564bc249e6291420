//! Where the rules of a connector are written, for messages about them.

use std::collections::HashMap;

use super::verdict::{Rule, RuleKey};

/// The place of each rule, as `file:line:column`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePlaces(HashMap<(RuleKey, Box<str>), String>);

impl RulePlaces {
    /// Notes where a rule is written.
    pub fn note(&mut self, key: RuleKey, text: &str, place: String) {
        self.0.entry((key, text.into())).or_insert(place);
    }

    /// The first place where this rule is written; `None` for one that nobody wrote, such as a default.
    pub fn of(&self, rule: &Rule) -> Option<&str> {
        self.of_text(rule.key, &rule.text)
    }

    /// The same of a rule by its key and text.
    pub(super) fn of_text(&self, key: RuleKey, text: &str) -> Option<&str> {
        self.0.get(&(key, text.into())).map(String::as_str)
    }
}
