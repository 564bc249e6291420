//! Events to changes: groups, definitions, and the batches that encoders read.
//!
//! Pure: the assembler asks for what it lacks ([`Step::NeedDefinition`]) instead of reaching for it.

mod agreement;
mod apply;
mod assembler;
mod batch;
mod builder;
mod charset;
mod checkpoint;
mod choice;
mod closed;
pub mod ddl;
mod definition;
mod definitions;
mod engines;
mod executed;
mod followed;
mod follower;
mod fragments;
mod groups;
mod hold;
mod labels;
mod lack;
mod large;
mod layout;
mod ledger;
mod payload;
mod revision;
mod rows;
pub mod schema;
mod seen;
mod statement;
mod tables;
mod text;
mod trouble;

pub use agreement::Disagreement;
pub use assembler::{Assembler, Settings, Step, Until};
pub use batch::{
    Batch, Ddl, Group, Image, Item, Origin, Rows, RowsKind, StatementSession, TableChange,
    TableChangeKind,
};
pub use checkpoint::Checkpoint;
pub use choice::{Choice, Ids};
pub use definition::{
    ColumnDefinition, Definition, Generated, TableDefinition, charset_of_collation,
};
pub use definitions::Definitions;
pub use engines::EngineChange;
pub use followed::{Read, scan};
pub use follower::Follower;
pub use groups::{GroupError, GroupTracker, Mark, Outcome, Place};
pub use hold::{Spilled, SpilledPart};
pub use lack::Lack;
pub use ledger::Ledger;
pub use revision::Revision;
pub use seen::Seen;
pub use statement::OnStatement;
pub use trouble::{AssembleError, Others, Trouble};
