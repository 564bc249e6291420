//! Row conditions: comparisons of columns with literals, as `WHERE` has them.
//!
//! | file | what it does |
//! |---|---|
//! | `lexer`, `parser` | text to an expression, with the place of each mistake |
//! | `number`, `moment` | literals of numbers, dates and times, exact |
//! | `typing`, `operand` | an expression under a table's definition: each literal as its column's type has it |
//! | `range` | comparisons of integers, which are judged soonest |
//! | `statement` | an expression in the source's own SQL, for rows that are read from its tables |
//! | `truth` | TRUE, FALSE, NULL, and what is open because a column is not in the row image |
//!
//! A literal is of its column's type or refused, never converted: `id = '5'` is a mistake for an integer. What is compared
//! is compared as the servers do. Nothing here knows of events or files.

mod error;
mod lexer;
mod moment;
mod number;
mod operand;
mod parser;
mod range;
mod statement;
mod truth;
mod typing;

pub use error::{ConditionError, TypingError};
pub use parser::Expression;
pub use truth::Truth;
pub use typing::{Condition, Judging, JudgingError, TestedTable};

#[cfg(test)]
mod tests;
