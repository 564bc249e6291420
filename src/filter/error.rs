//! What is wrong with a rule, and how to write it.

use super::verdict::RuleKey;
use crate::failure::Class;

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A rule on tables without a dot.
    #[error("{key} = \"{rule}\" has no dot, write it as \"database.table\"{}", wild_hint(*.key, .rule))]
    NoDot {
        /// Where it is written.
        key: RuleKey,
        /// The rule.
        rule: Box<str>,
    },
    /// A name that is empty, or a side of the dot or the arrow that is.
    #[error("{key} = \"{rule}\" has an empty {part}, {}", empty_hint(*.key))]
    EmptyName {
        /// Where it is written.
        key: RuleKey,
        /// The rule.
        rule: Box<str>,
        /// What is empty.
        part: &'static str,
    },
    /// A rewrite rule without an arrow.
    #[error("{key} = \"{rule}\" has no arrow, write it as \"from->to\"", key = RuleKey::RewriteDb)]
    NoArrow {
        /// The rule.
        rule: Box<str>,
    },
    /// An expression that cannot be compiled.
    #[error("{key} = \"{rule}\" {reason}")]
    Expression {
        /// Where it is written.
        key: RuleKey,
        /// How it begins.
        rule: Box<str>,
        /// What is wrong with it, and what to write instead.
        reason: String,
    },
    /// A condition on rows that cannot be read.
    #[error("where = \"{rule}\" is no condition, {reason}")]
    Condition {
        /// How it begins.
        rule: Box<str>,
        /// What is wrong with it, and what to write instead.
        reason: String,
    },
    /// A rule of several keys, of which some are not there, or that exclude each other.
    #[error("{key} = \"{rule}\" {reason}")]
    Lacks {
        /// Where it is written.
        key: RuleKey,
        /// How it begins.
        rule: Box<str>,
        /// What is wrong with it, and the fix.
        reason: &'static str,
    },
    /// A rule of several keys, of which one has a value that is none.
    #[error("{key} = \"{rule}\" {reason}")]
    Part {
        /// Where it is written.
        key: RuleKey,
        /// How it begins.
        rule: Box<str>,
        /// The key.
        part: &'static str,
        /// What is wrong with it, and the fix.
        reason: &'static str,
    },
}

impl FilterError {
    /// What the mistake means; a command that takes rules from its arguments says otherwise.
    pub fn class(&self) -> Class {
        Class::Configuration
    }

    /// The key of the section under which the mistake is.
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoDot { key, .. }
            | Self::EmptyName { key, .. }
            | Self::Lacks { key, .. }
            | Self::Part { key, .. }
            | Self::Expression { key, .. } => key.as_str(),
            Self::NoArrow { .. } => RuleKey::RewriteDb.as_str(),
            Self::Condition { .. } => RuleKey::Rows.as_str(),
        }
    }

    /// The rule that is wrong, where the mistake is in one.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::NoDot { rule, .. }
            | Self::EmptyName { rule, .. }
            | Self::Expression { rule, .. }
            | Self::Lacks { rule, .. }
            | Self::Part { rule, .. }
            | Self::Condition { rule, .. }
            | Self::NoArrow { rule } => Some(rule),
        }
    }
}

fn wild_hint(key: RuleKey, rule: &str) -> String {
    match key {
        RuleKey::WildDoTable | RuleKey::WildIgnoreTable => {
            format!(", or \"{rule}.%\" for a whole database")
        }
        RuleKey::DoTable => {
            format!(", or use replicate-wild-do-table = \"{rule}.%\" for a whole database")
        }
        RuleKey::IgnoreTable => {
            format!(", or use replicate-wild-ignore-table = \"{rule}.%\" for a whole database")
        }
        RuleKey::DoDb
        | RuleKey::IgnoreDb
        | RuleKey::RewriteDb
        | RuleKey::TablesInclude
        | RuleKey::TablesExclude
        | RuleKey::ColumnsInclude
        | RuleKey::ColumnsExclude
        | RuleKey::ColumnsMask
        | RuleKey::ColumnsHash
        | RuleKey::ColumnsTruncate
        | RuleKey::ShadowTables
        | RuleKey::Rows => String::new(),
    }
}

fn empty_hint(key: RuleKey) -> &'static str {
    match key {
        RuleKey::DoDb | RuleKey::IgnoreDb => "write a database's name or leave the rule out",
        RuleKey::DoTable | RuleKey::IgnoreTable => "write it as \"database.table\"",
        RuleKey::WildDoTable | RuleKey::WildIgnoreTable => "write % for any name",
        RuleKey::RewriteDb => "write it as \"from->to\"",
        RuleKey::TablesInclude | RuleKey::TablesExclude | RuleKey::Rows => {
            "write a regular expression for whole names, such as \"shop\\..*\""
        }
        RuleKey::ColumnsInclude
        | RuleKey::ColumnsExclude
        | RuleKey::ColumnsMask
        | RuleKey::ColumnsHash
        | RuleKey::ColumnsTruncate => {
            "write a regular expression for whole names, such as \"shop\\.customers\\.email\""
        }
        RuleKey::ShadowTables => "write \"drop\" or \"keep\"",
    }
}
