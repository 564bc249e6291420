//! Statements that redo the row changes, or undo them in reverse order: what `rowtap decode --format sql` prints.
//!
//! A transaction is `BEGIN;`, a statement for each row, `COMMIT;`. Rows are found by their primary key, or else by all
//! columns of the image, compared exactly. The statements rely on [`HEAD`].
//!
//! | direction | insert | update | delete | DDL |
//! |---|---|---|---|---|
//! | redo | INSERT | UPDATE | DELETE | itself, or a comment if it names a renamed database |
//! | undo | DELETE | UPDATE back | INSERT | a comment: it cannot be undone |

mod encoder;
mod literal;
mod plan;
mod session;
mod statement;
mod versions;

pub use encoder::{SqlEncoder, Statements};
pub use plan::Plan;
pub use session::HEAD;
pub use statement::Direction;
