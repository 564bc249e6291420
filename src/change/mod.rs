//! Events to changes: groups, definitions, and the batches that encoders read.
//!
//! Pure: the assembler asks for what it lacks (`Step::NeedDefinition`) instead of reaching for it.

mod batch;
mod checkpoint;
pub mod ddl;
mod definition;
mod ledger;

pub use batch::{Batch, Ddl, Group, Image, Item, Origin, Rows, RowsKind};
pub use checkpoint::Checkpoint;
pub use definition::{ColumnDefinition, Definition};
pub use ledger::Ledger;
