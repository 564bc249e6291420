//! What stops a stream at a table that a rule on columns does not fit.

use std::fmt;

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
    /// No column is left, and none for want of a `columns-include`.
    #[error(
        "the rules on columns leave nothing of {table}, {rule} leaves out the first of them: have columns-exclude leave one of its \
         columns, or leave the table out by tables-exclude"
    )]
    AllLeftOut {
        /// The table.
        table: TableName,
        /// The rule that leaves out the first column.
        rule: Rule,
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
        "{column} of {table} is computed from {from}, {by}, and would show it: {}, or set columns-computed = \"publish\"",
        hidden_too(table, column, by, included.as_deref())
    )]
    Computed {
        /// The table.
        table: TableName,
        /// The column that would show the values.
        column: Box<str>,
        /// The one whose values are hidden.
        from: Box<str>,
        /// What hides them.
        by: HiddenBy,
        /// The `columns-include` that lets the column out, if there are any.
        included: Option<Box<Rule>>,
    },
    /// A table came under a rule by RENAME or LIKE, with a column that may be computed from one whose values the rule hides.
    #[error(
        "{column} of {table} is computed, maybe from {from}, {by}: {}, or set columns-computed = \"publish\"",
        hidden_too(table, column, by, included.as_deref())
    )]
    MaybeComputed {
        /// The table.
        table: TableName,
        /// The column that may show the values.
        column: Box<str>,
        /// The one whose values are hidden.
        from: Box<str>,
        /// What hides them.
        by: HiddenBy,
        /// The `columns-include` that lets the column out, if there are any.
        included: Option<Box<Rule>>,
    },
    /// A table came under a rule by RENAME or LIKE, and nobody knows which of its columns are computed.
    #[error(
        "which columns of {table} are computed, maybe from {from}, {by}, is not known since the table was defined, changed or \
         renamed: tell its definition, or set columns-computed = \"publish\""
    )]
    ComputedUnknown {
        /// The table.
        table: TableName,
        /// The column whose values are hidden.
        from: Box<str>,
        /// What hides them.
        by: HiddenBy,
    },
    /// Tables are copied anew behind a gap in the stream, and nothing tells where a column is whose values were hidden.
    #[error(
        "{column} of {table}, {by}, may have another name by now, or be a column of another table, for it is not where it was and the \
         source has purged the binlogs that would tell: have the rules on columns hide it wherever it may be now, and begin anew"
    )]
    Unfollowed {
        /// The table.
        table: TableName,
        /// The column whose values were hidden.
        column: Box<str>,
        /// What hid them.
        by: HiddenBy,
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
        "{rule} matches {before}, which is called {after} from here on, and no rule hides as much of that: have one match it, as \
         this one does if it is written {}",
        widened(rule, after)
    )]
    Renamed {
        /// What the column was called, with its database and table.
        before: Box<str>,
        /// What it is called from here on.
        after: Box<str>,
        /// The rule.
        rule: Rule,
    },
    /// A column that was left out, for nothing includes it, got a name under which its values would go out.
    #[error(
        "no columns-include matches {before}, which is called {after} from here on, and {rule} lets that out: leave it out by \
         columns-exclude = {}, or publish its values by writing the columns-include {}",
        quoted(&regex::escape(after)),
        widened(rule, before)
    )]
    Included {
        /// What the column was called, with its database and table.
        before: Box<str>,
        /// What it is called from here on.
        after: Box<str>,
        /// The `columns-include` that matches it now.
        rule: Rule,
    },
}

/// What keeps the values of a column from going out as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HiddenBy {
    /// A rule that matches it.
    Rule(Rule),
    /// That no `columns-include` does.
    NotIncluded,
}

impl fmt::Display for HiddenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "whose values {rule} hides"),
            Self::NotIncluded => f.write_str("which no columns-include matches"),
        }
    }
}

/// How to hide a column as what it is computed from is hidden, where a `columns-include` may let it out.
fn hidden_too(table: &TableName, column: &str, by: &HiddenBy, included: Option<&Rule>) -> String {
    let name = format!("{}.{}.{column}", table.database, table.table);
    let how = match by {
        HiddenBy::Rule(rule) => {
            format!("as this one does if it is written {}", widened(rule, &name))
        }
        HiddenBy::NotIncluded => {
            format!(
                "such as columns-exclude = {}",
                quoted(&regex::escape(&name))
            )
        }
    };
    let taken_out = included.map(|rule| format!(", take {column} out of {rule}"));
    format!(
        "have a rule hide {column} too, {how}{}",
        taken_out.unwrap_or_default()
    )
}

/// A rule's expression that matches one column more.
fn widened(rule: &Rule, column: &str) -> String {
    quoted(&format!("{}|{}", rule.text, regex::escape(column)))
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter != '\'' && !letter.is_control();
    match text.chars().all(is_plain) {
        true => format!("'{text}'"),
        false => {
            let escaped = text.chars().flat_map(|letter| match letter {
                '\\' | '"' => vec!['\\', letter],
                letter if letter.is_control() => {
                    format!("\\U{:08X}", u32::from(letter)).chars().collect()
                }
                letter => vec![letter],
            });
            format!("\"{}\"", escaped.collect::<String>())
        }
    }
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
            | Self::AllLeftOut { rule, .. }
            | Self::Unfit { rule, .. }
            | Self::Unnamed { rule, .. }
            | Self::Unknown { rule, .. }
            | Self::Vanished { rule, .. }
            | Self::Renamed { rule, .. }
            | Self::Included { rule, .. } => Some(rule),
            Self::Computed { by, .. }
            | Self::MaybeComputed { by, .. }
            | Self::ComputedUnknown { by, .. }
            | Self::Unfollowed { by, .. } => match by {
                HiddenBy::Rule(rule) => Some(rule),
                HiddenBy::NotIncluded => None,
            },
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
