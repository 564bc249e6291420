//! What the rules said of a table or a database, with enough to explain it.

use std::fmt;
use std::sync::Arc;

use crate::row::TableName;

/// The outcome for one table, or for one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is published.
    pub keep: bool,
    /// The name after `replicate-rewrite-db`; for a database, the table is empty.
    pub published: TableName,
    /// The rule that renamed the database.
    pub rewrite: Option<Rule>,
    /// The stages that were consulted, in order; the last one decided. Never empty.
    pub stages: Vec<Decision>,
}

/// What one stage said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The stage.
    pub stage: Stage,
    /// Whether it lets pass.
    pub pass: bool,
    /// Why.
    pub reason: VerdictReason,
}

/// The stages, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// System databases need to be named.
    System,
    /// `shadow-tables`
    Shadow,
    /// `tables-exclude` and `tables-include`.
    Pattern,
    /// `replicate-do-db` and `replicate-ignore-db`.
    Database,
    /// The rules on tables; for statements on databases, the wildcard rules seen as rules on `database.`.
    Table,
}

/// Why a stage said what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerdictReason {
    /// The stage has no rules.
    NoRules,
    /// This rule matched.
    Matched(Rule),
    /// Rules of these keys exist and none matched.
    NotNamed(Vec<RuleKey>),
    /// It is a system database, and no rule names it literally.
    SystemDatabase,
    /// The statement names nothing that rules could be asked about.
    NothingNamed,
}

/// A rule as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Under which key.
    pub key: RuleKey,
    /// Its text.
    pub text: Box<str>,
    /// Where it is written, as `file:line:column`, of a rule on columns.
    pub place: Option<Arc<str>>,
}

/// The keys of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleKey {
    /// `replicate-do-db`
    DoDb,
    /// `replicate-ignore-db`
    IgnoreDb,
    /// `replicate-do-table`
    DoTable,
    /// `replicate-ignore-table`
    IgnoreTable,
    /// `replicate-wild-do-table`
    WildDoTable,
    /// `replicate-wild-ignore-table`
    WildIgnoreTable,
    /// `replicate-rewrite-db`
    RewriteDb,
    /// `tables-include`
    TablesInclude,
    /// `tables-exclude`
    TablesExclude,
    /// `shadow-tables`
    ShadowTables,
    /// `columns-include`
    ColumnsInclude,
    /// `columns-exclude`
    ColumnsExclude,
    /// `columns-mask`
    ColumnsMask,
    /// `columns-hash`
    ColumnsHash,
    /// `columns-truncate`
    ColumnsTruncate,
    /// `rows`
    Rows,
}

impl Verdict {
    /// The rule that decided, if it was a match and not the absence of one.
    pub fn rule(&self) -> Option<&Rule> {
        match &self.stages.last()?.reason {
            VerdictReason::Matched(rule) => Some(rule),
            VerdictReason::NoRules
            | VerdictReason::NotNamed(_)
            | VerdictReason::SystemDatabase
            | VerdictReason::NothingNamed => None,
        }
    }
}

impl RuleKey {
    /// All keys, in the order in which a rule of theirs is asked.
    pub const ALL: [Self; 16] = [
        Self::RewriteDb,
        Self::ShadowTables,
        Self::TablesExclude,
        Self::TablesInclude,
        Self::DoDb,
        Self::IgnoreDb,
        Self::DoTable,
        Self::IgnoreTable,
        Self::WildDoTable,
        Self::WildIgnoreTable,
        Self::ColumnsExclude,
        Self::ColumnsInclude,
        Self::ColumnsMask,
        Self::ColumnsHash,
        Self::ColumnsTruncate,
        Self::Rows,
    ];

    /// Whether its rules are on columns.
    pub fn is_on_columns(self) -> bool {
        matches!(
            self,
            Self::ColumnsInclude
                | Self::ColumnsExclude
                | Self::ColumnsMask
                | Self::ColumnsHash
                | Self::ColumnsTruncate
        )
    }

    /// Its spelling in a connector file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoDb => "replicate-do-db",
            Self::IgnoreDb => "replicate-ignore-db",
            Self::DoTable => "replicate-do-table",
            Self::IgnoreTable => "replicate-ignore-table",
            Self::WildDoTable => "replicate-wild-do-table",
            Self::WildIgnoreTable => "replicate-wild-ignore-table",
            Self::RewriteDb => "replicate-rewrite-db",
            Self::TablesInclude => "tables-include",
            Self::TablesExclude => "tables-exclude",
            Self::ShadowTables => "shadow-tables",
            Self::ColumnsInclude => "columns-include",
            Self::ColumnsExclude => "columns-exclude",
            Self::ColumnsMask => "columns-mask",
            Self::ColumnsHash => "columns-hash",
            Self::ColumnsTruncate => "columns-truncate",
            Self::Rows => "rows",
        }
    }
}

impl fmt::Display for RuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.text)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system stage",
            Self::Shadow => "shadow table stage",
            Self::Pattern => "pattern stage",
            Self::Database => "database stage",
            Self::Table => "table stage",
        })
    }
}

impl fmt::Display for VerdictReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRules => f.write_str("no rules"),
            Self::Matched(rule) => write!(f, "{rule}"),
            Self::NotNamed(keys) => {
                f.write_str("no match in ")?;
                for (index, key) in keys.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{key}")?;
                }
                Ok(())
            }
            Self::SystemDatabase => f.write_str("a system database that no rule names literally"),
            Self::NothingNamed => f.write_str("nothing is named"),
        }
    }
}

impl fmt::Display for Verdict {
    /// One line: `rejected by replicate-wild-ignore-table=tmp%.% (table stage); database stage: pass, no rules`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.keep { "kept" } else { "rejected" })?;
        let Some((last, earlier)) = self.stages.split_last() else {
            return Ok(());
        };
        match &last.reason {
            VerdictReason::Matched(rule) => write!(f, " by {rule}")?,
            reason => write!(f, ": {reason}")?,
        }
        write!(f, " ({})", last.stage)?;
        for decision in earlier {
            write!(f, "; {}: pass, {}", decision.stage, decision.reason)?;
        }
        if let Some(rule) = &self.rewrite {
            write!(f, "; renamed to {} by {rule}", self.published.database)?;
        }
        Ok(())
    }
}
