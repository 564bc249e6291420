//! The rules on columns: which are left out, and whose values are replaced.
//!
//! Each is a regular expression for the whole of `database.table.column`, the database as it is published, in any case, since
//! no server tells columns apart by case. A column is asked about in this order, and what decides first counts:
//!
//! 1. `columns-exclude`: it is left out.
//! 2. `columns-include`: with any, a column that none matches is left out.
//! 3. `columns-mask`, then `columns-hash`, then `columns-truncate`: the first rule of each that matches. What hides more comes
//!    first.
//!
//! A key keeps all of its columns, and every value of them tells one row from another: they may be hashed, and no more.

mod error;
mod options;
mod rules;

pub use error::{ColumnRuleError, HiddenBy};
pub use options::{HashOptions, MaskOptions, OnComputed, OnMissing, RuleSecret, TruncateOptions};
pub use rules::{ColumnRules, ColumnVerdict, RuleMatches};

#[cfg(test)]
mod tests;
