//! Events to changes: groups, definitions, and the batches that encoders read.
//!
//! Pure: the assembler asks for what it lacks ([`Step::NeedDefinition`]) instead of reaching for it.

mod applier;
mod applying;
mod assembler;
mod batch;
mod checking;
mod checkpoint;
mod copied;
pub mod definition;
mod follower;
mod foresight;
mod group;
pub mod history;
mod intake;
mod notice;
mod passing;
mod questions;
mod row_choice;
mod settled;
mod skips;
pub mod statement;
mod step;
mod trouble;
mod undefined;
mod undone;
mod until;
mod window;
mod xa;

pub use assembler::{Assembler, AssemblerSettings};
pub use batch::ddl::{Ddl, StatementSession, TableChange, TableChangeKind};
pub use batch::items::{Batch, Edge, EdgeSide, Group, Item, Origin, QueryText, SnapshotMark};
pub use batch::ledger::Ledger;
pub use batch::rows::{ColumnBitmap, EventStamp, RowImages, Rows, RowsKind, TooMany};
pub use checkpoint::{
    Checkpoint, ChosenTables, KeyBound, SnapshotProgress, SnapshotReached, Undefined,
};
pub use copied::{CopiedRows, CopiedTable, Copying};
pub use definition::agreement::Disagreement;
pub use definition::aside::Aside;
pub use definition::beliefs::Definitions;
pub use definition::column_watch::{
    LostColumn, LostRowRule, UnvettedTable, Vetting, Watched, WatchedTables,
};
pub use definition::copied::Collations;
pub use definition::engines::EngineChange;
pub use definition::gap::refuse_moved;
pub use definition::lack::{Lack, Lacking, Untold};
pub use definition::lineage::{Lineage, Point};
pub use definition::moved::FormerName;
pub use definition::revision::Revision;
pub use definition::table::{
    ColumnDefinition, ComputedFrom, Definition, Generated, TableDefinition, charset_of_collation,
};
pub use definition::table_map_error::TableMapError;
pub use follower::Follower;
pub use foresight::{Foreseen, Foresight};
pub use group::arriving::Arriving;
pub use group::choice::{Choice, Ids};
pub use group::open::{Spilled, SpilledPart};
pub use group::placer::{Placed, Placer};
pub use group::prepared::{
    HeldGroups, OldestHeld, PreparedEvents, PreparedGroup, Undecided, XaMissing,
    ledger_of_undecided,
};
pub use group::seen::Seen;
pub use group::tracker::{Outcome, Place};
pub use intake::LeftOut;
pub use notice::Notice;
pub use row_choice::{ChosenTable, RowCounter, RowCounts};
pub use skips::{PassedOver, SkipOrder, SkipOrders, SkipTarget, SkippedGtids};
pub use statement::judging::OnStatement;
pub use statement::meaning::ColumnDescription;
pub use step::Step;
pub use trouble::{AssembleError, GroupError, ToTell, Trouble};
pub use until::Until;
pub use window::{Window, WindowTrouble};
