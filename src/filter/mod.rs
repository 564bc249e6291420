//! The `replicate-*` rules: which tables are published, and under which database.
//!
//! They mean what they mean on a replica of the same flavour, row events judged at their table map (the servers'
//! `Rpl_filter`; the manual's chapter "How Servers Evaluate Replication Filtering Rules"). In this order:
//!
//! 1. `replicate-rewrite-db` renames the database; every later stage sees the new name.
//! 2. A system database (`mysql`, `sys`, `performance_schema`, `information_schema`) is rejected unless a rule names it
//!    literally. A replica has no such stage; it is here because accounts and secrets are not changes to publish.
//! 3. The patterns: a table that a `tables-exclude` matches is rejected, and with any `tables-include` only those that one
//!    matches pass. A replica has no such stage either; it is here for the lists of other programs.
//! 4. The database rules: with any `replicate-do-db` only those pass and `replicate-ignore-db` is not consulted.
//! 5. The table rules: exact do, exact ignore, wild do, wild ignore, the first that matches decides; without a match a
//!    table passes unless a do rule of either kind exists.
//!
//! The rules on columns say what becomes of the columns of a table that passes; see `columns`.
//! Those on rows say which of its rows are published, by their values before columns are treated; see `row_rules`.
//!
//! Statements are judged by the objects they name, or with `ddl-filter = "as_mysqld"` as a replica judges them: by their
//! default database, then by all the tables they change together. Nothing here reads rows or holds state.

mod columns;
mod condition;
mod conflicts;
mod doubts;
mod error;
mod expression;
mod fold;
mod judgement;
mod lists;
mod options;
mod places;
mod row_options;
mod row_rules;
mod rules;
mod shadow;
mod unknown;
mod unmatched;
mod verdict;
mod wildcard;

pub use columns::{
    ColumnRuleError, ColumnRules, ColumnVerdict, HashOptions, HiddenBy, MaskOptions, OnComputed,
    OnMissing, RuleMatches, RuleSecret, TruncateOptions,
};
pub use condition::{
    Condition, ConditionError, Expression, Judging, JudgingError, TestedTable, Truth, TypingError,
};
pub use doubts::Doubt;
pub use error::FilterError;
pub use judgement::ReplicatedStatement;
pub use lists::one_or_many;
pub use options::{Case, DdlFilter, FilterOptions, ShadowTables};
pub use places::RulePlaces;
pub use row_options::{RowMoves, RowOp, RowRuleOptions};
pub use row_rules::{RowFilter, RowRuleError, RowRuleMistake, RowRules, ShownRowRule};
pub use rules::{Rules, SYSTEM_DATABASES};
pub use shadow::is_shadow_table;
pub use unknown::{OnUnknown, UnknownOptions, UnknownRuleError, UnknownRules};
pub use unmatched::{SeenTables, Unmatched};
pub use verdict::{Decision, Rule, RuleKey, Stage, Verdict, VerdictReason};

#[cfg(test)]
mod tests;
