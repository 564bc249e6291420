//! Every table's definition as far as it is known, and what statements make of it.
//!
//! A statement that is followed turns definitions into definitions. One that is not makes the tables it names stale, with
//! the reason: a stale table has to be read from the source again, it is never guessed at. What is applied here is what the
//! source has executed, so names that do not fit mean that the belief was wrong, not the statement.
//!
//! Coordinates are not kept here: a caller applies the statements of the binlog in its order, and knows where it is.

mod alter;
mod create;
mod facts;
mod follow;
mod known;
mod labels;
mod read_back;
mod reason;
mod unsettled;

#[cfg(test)]
mod hostile;

pub(super) use create::same;
pub use create::transactional;
pub use facts::{Connection, Facts};
pub use follow::apply_statement;
pub use known::{Belief, Change, Schemas, TemporaryTables};
pub use reason::Reason;
