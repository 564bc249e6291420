//! What stops a stream at a table that a rule on columns does not fit.

use crate::failure::Class;
use crate::filter::verdict::{Rule, RuleKey};
use crate::row::TableName;

/// Why a table cannot be published as the rules on columns say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnRuleError {
    /// A column of the key is left out, masked or truncated.
    #[error(
        "{rule} {does} {column}, which is a part of the key of {table}, expected all of a key, each value of it a different one: \
         use columns-hash, or take the column out of the rule"
    )]
    Key {
        /// The table.
        table: TableName,
        /// The column.
        column: Box<str>,
        /// The rule.
        rule: Rule,
        /// What it does to the column.
        does: &'static str,
    },
    /// No `columns-include` matches a column of the key.
    #[error(
        "no columns-include matches {column}, which is a part of the key of {table}: add one that does, or leave the table out \
         by tables-exclude"
    )]
    KeyNotIncluded {
        /// The table.
        table: TableName,
        /// The column.
        column: Box<str>,
    },
    /// No column is left.
    #[error(
        "the rules on columns leave nothing of {table}: add a columns-include for it, or leave the table out by tables-exclude"
    )]
    NothingLeft {
        /// The table.
        table: TableName,
    },
    /// The values of a column cannot be replaced as a rule says.
    #[error("{rule} matches {column} of {table}, {why}")]
    Unfit {
        /// The table.
        table: TableName,
        /// The column.
        column: Box<str>,
        /// The rule.
        rule: Rule,
        /// Why it cannot be followed, and the fix.
        why: &'static str,
    },
    /// The names of a table's columns are not known, and a rule may mean some of them.
    #[error(
        "the names of the columns of {table} are not known, and {rule} may mean some of them: tell its definition, leave the \
         table out by definitions_unknown_skip, or set binlog_row_metadata=FULL on the source"
    )]
    Unnamed {
        /// The table.
        table: TableName,
        /// The rule.
        rule: Rule,
    },
    /// A rule names a table and matches none of its columns, and was never seen to.
    #[error(
        "{rule} matches no column of {table}: have the rule match what the column is called, take the rule out if there is none, \
         or set columns-missing = \"warn\""
    )]
    Unknown {
        /// The table.
        table: TableName,
        /// The rule.
        rule: Rule,
    },
    /// A column is computed from one whose values a rule hides.
    #[error(
        "{column} of {table} is computed from {from}, whose values {rule} hides and which it would show: have a rule hide {column} \
         too, or set columns-computed = \"publish\""
    )]
    Computed {
        /// The table.
        table: TableName,
        /// The column that would show the values.
        column: Box<str>,
        /// The one whose values are hidden.
        from: Box<str>,
        /// The rule.
        rule: Rule,
    },
    /// A table came under a rule by RENAME or LIKE, with a column that may be computed from one whose values the rule hides.
    #[error(
        "{column} of {table} is computed, maybe from {from}, whose values {rule} hides, for the table got its columns from another \
         one: have a rule hide {column} too, or set columns-computed = \"publish\""
    )]
    MaybeComputed {
        /// The table.
        table: TableName,
        /// The column that may show the values.
        column: Box<str>,
        /// The one whose values are hidden.
        from: Box<str>,
        /// The rule.
        rule: Rule,
    },
    /// A table came under a rule by RENAME or LIKE, and nobody knows which of its columns are computed.
    #[error(
        "the columns of {table} come from another table, and which of them are computed, maybe from {from}, whose values {rule} \
         hides, is not known: tell its definition, or set columns-computed = \"publish\""
    )]
    ComputedUnknown {
        /// The table.
        table: TableName,
        /// The column whose values are hidden.
        from: Box<str>,
        /// The rule.
        rule: Rule,
    },
    /// Tables with values that rules hide got names that are not published, and more of them than are remembered.
    #[error(
        "{count} tables with columns that rules hide were renamed to names that are not published, and no more are remembered: \
         drop some of them on the source, or have columns-exclude and its like match none of them"
    )]
    TooManyMoved {
        /// How many.
        count: usize,
    },
    /// A rule has lost the column that it matched.
    #[error(
        "{rule} matches no column of {table} any more: have the rule match what the column is called now, take the rule out if \
         the column is gone, or set columns-missing = \"warn\""
    )]
    Vanished {
        /// The table.
        table: TableName,
        /// The rule.
        rule: Rule,
    },
    /// A column got a name under which its values would go out as they are, or less hidden.
    #[error(
        "{rule} matches {before}, which is called {after} from here on, and no rule hides as much of that: have one match it"
    )]
    Renamed {
        /// What the column was called, with its database and table.
        before: Box<str>,
        /// What it is called from here on.
        after: Box<str>,
        /// The rule.
        rule: Rule,
    },
}

impl ColumnRuleError {
    /// The error of a column whose values cannot be replaced as a rule says.
    pub fn unfit(table: &TableName, column: &str, rule: &Rule) -> Self {
        Self::Unfit {
            table: table.clone(),
            column: column.into(),
            rule: rule.clone(),
            why: match rule.key {
                RuleKey::ColumnsTruncate => {
                    "which is no CHAR, VARCHAR or TEXT column: use columns-mask or columns-hash"
                }
                _another => {
                    "whose type is not known: tell the table's definition, or use columns-mask with a fixed text"
                }
            },
        }
    }

    /// The rule that does not fit, if there is one.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Key { rule, .. }
            | Self::Unfit { rule, .. }
            | Self::Unnamed { rule, .. }
            | Self::Unknown { rule, .. }
            | Self::Computed { rule, .. }
            | Self::MaybeComputed { rule, .. }
            | Self::ComputedUnknown { rule, .. }
            | Self::Vanished { rule, .. }
            | Self::Renamed { rule, .. } => Some(rule),
            Self::KeyNotIncluded { .. } | Self::NothingLeft { .. } | Self::TooManyMoved { .. } => {
                None
            }
        }
    }

    /// What it means: the rules are to be changed.
    pub fn class(&self) -> Class {
        Class::Configuration
    }
}
