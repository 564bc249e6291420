//! Where the rules of a connector are written, for messages about them.

use super::verdict::{Rule, RuleKey};

/// The place of each rule, as `file:line:column`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePlaces(Vec<(Rule, String)>);

impl RulePlaces {
    /// Notes where a rule is written.
    pub fn note(&mut self, key: RuleKey, text: &str, place: String) {
        let text = text.into();
        self.0.push((Rule { key, text }, place));
    }

    /// The first place where this rule is written; `None` for one that nobody wrote, such as a default.
    pub fn of(&self, rule: &Rule) -> Option<&str> {
        let found = self.0.iter().find(|(written, _)| written == rule);
        found.map(|(_, place)| place.as_str())
    }
}
