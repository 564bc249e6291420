//! What a statement of the binlog does: which objects it names, whether it may change their definitions or their rows, and
//! what becomes of the columns and the primary key of a table that it defines.
//!
//! It is no SQL parser: bodies and expressions are passed over by bracket depth. It reads statements that a server has
//! executed already, so it does not look for mistakes; what it cannot follow is [`StatementKind::Unknown`], or
//! [`meaning::Meaning::Unfollowed`], never a guess. Lexing and clauses follow the servers' `sql_lex.cc` and `sql_yacc.yy`,
//! as the manual's chapters "SQL Statements" (MySQL) and "SQL Statements & Structure" (MariaDB) show them.

mod alter;
mod column_types;
mod columns;
mod databases;
mod define;
mod emptied;
pub(super) mod error;
pub(super) mod judging;
mod lexer;
mod literals;
pub mod meaning;
mod options;
mod query;
mod reads;
mod rewritten;
mod scanned;
mod scanner;
mod sequences;
mod text;
mod texts;
mod undouble;
mod write;

#[cfg(test)]
mod tests;

pub use column_types::STRICT_MODES;
pub use databases::databases_named;
pub use emptied::empties_table;
pub use error::StatementError;
pub use judging::verdict;
pub use literals::printed_default;
pub use query::{GAP, StatementSource, scan_query};
pub use reads::tables_read;
pub use scanned::{
    Action, Effect, Object, ObjectClass, Role, Statement, StatementContext, StatementKind,
    Transaction,
};
pub use scanner::scan;
