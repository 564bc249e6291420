//! Events to changes: groups, definitions, and the batches that encoders read.
//!
//! Pure: the assembler asks for what it lacks ([`Step::NeedDefinition`]) instead of reaching for it.

mod apply;
mod assembler;
mod batch;
mod checkpoint;
pub mod definition;
mod executed;
mod follower;
mod group;
mod rows;
pub mod statement;
mod trouble;

pub use assembler::{Assembler, Settings, Step, Until};
pub use batch::items::{
    Batch, Ddl, Group, Image, Item, Origin, Rows, RowsKind, StatementSession, TableChange,
    TableChangeKind,
};
pub use batch::ledger::Ledger;
pub use checkpoint::{Checkpoint, SnapshotProgress};
pub use definition::agreement::Disagreement;
pub use definition::beliefs::Definitions;
pub use definition::engines::EngineChange;
pub use definition::following::{Read, scan};
pub use definition::lack::Lack;
pub use definition::revision::Revision;
pub use definition::table::{
    ColumnDefinition, Definition, Generated, TableDefinition, charset_of_collation,
};
pub use follower::Follower;
pub use group::choice::{Choice, Ids};
pub use group::open::{Spilled, SpilledPart};
pub use group::seen::Seen;
pub use group::tracker::{GroupError, GroupTracker, Mark, Outcome, Place};
pub use statement::judging::OnStatement;
pub use trouble::{AssembleError, Others, Trouble};
