//! Where the rules of a connector are written, for messages about them.

use std::collections::HashMap;

use super::verdict::{Rule, RuleKey};

/// The place of each rule, as `file:line:column`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePlaces(HashMap<Rule, String>);

impl RulePlaces {
    /// Notes where a rule is written.
    pub fn note(&mut self, key: RuleKey, text: &str, place: String) {
        let text = text.into();
        self.0.entry(Rule { key, text }).or_insert(place);
    }

    /// The first place where this rule is written; `None` for one that nobody wrote, such as a default.
    pub fn of(&self, rule: &Rule) -> Option<&str> {
        self.0.get(rule).map(String::as_str)
    }
}
