//! What every sink does, and promises.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::SinkError;
use crate::change::{Checkpoint, Origin};
use crate::encode::{Encode, InvalidText};
use crate::row::{Table, TableName};
use crate::state::Notes;

/// A place where records are kept.
///
/// The durability contract: `write` may keep records in memory; `commit(upto)` returns when every record written before
/// it is durable at the target, and with it `upto` where the target stores checkpoints. A failure of either ends the run;
/// the next run begins at the checkpoint that was committed last.
pub trait Sink: Send {
    /// What turns batches into this sink's blocks.
    type Encoder: Encode;

    /// Makes an encoder; each lane has its own. The policy is the connector's, and the same for every lane.
    fn encoder(&self, invalid_text: InvalidText) -> Self::Encoder;

    /// The checkpoint stored with the data, if this sink stores one; it beats the local one. Also repairs what a crash has
    /// left (a file longer than its manifest says).
    fn resume_point(
        &mut self,
    ) -> impl Future<Output = Result<Option<Checkpoint>, SinkError>> + Send;

    /// Does what a table needs before its first record (creating its topic) and returns the plan; called in stream order.
    fn prepare(
        &mut self,
        table: &Arc<Table>,
    ) -> impl Future<Output = Result<Arc<PlanOf<Self>>, SinkError>> + Send;

    /// Takes over a block's records; `true` asks for a commit soon (a file is full).
    fn write(
        &mut self,
        block: &mut BlockOf<Self>,
    ) -> impl Future<Output = Result<bool, SinkError>> + Send;

    /// Makes all that was written durable, and `upto` with it.
    fn commit(&mut self, upto: &Checkpoint) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Whether a sink wants what it has of a group that goes on made durable, since it can hold it open no longer.
    fn wants_part(&self) -> bool {
        false
    }

    /// Makes all that was written durable in the middle of a group, with `upto`, a boundary before it. The next run begins
    /// there, and is sent the group from its first record on.
    fn commit_part(
        &mut self,
        _upto: &Checkpoint,
    ) -> impl Future<Output = Result<(), SinkError>> + Send {
        std::future::ready(Err(SinkError::NotOpen))
    }

    /// When a sink with transactions wants a commit at the latest: while changes flow, or while the source rests. `None`
    /// leaves it to the connector.
    fn commit_wanted(&self, _rests: bool) -> Option<Instant> {
        None
    }

    /// Learns whose changes will come, and which folder keeps the connector's state, before any table is prepared.
    fn source_is(&mut self, _origin: &Origin, _state: &Path) {}

    /// Learns of tables whose rows may come, before any does.
    ///
    /// # Errors
    /// A table that could not be prepared, as far as names tell.
    fn foresee(&mut self, _tables: &[TableName]) -> Result<(), SinkError> {
        Ok(())
    }

    /// When the next heartbeat is due; `None` for a sink without any.
    fn heartbeat_wanted(&self) -> Option<Instant> {
        None
    }

    /// Says at the target that the stream has come to this boundary; to be committed as what `write` takes is. Called between
    /// groups.
    fn heartbeat(
        &mut self,
        _at: &Checkpoint,
    ) -> impl Future<Output = Result<(), SinkError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Where the checkpoints are that `commit` stores, if other instances of the connector find them there, whatever is in
    /// the state folder. The state folder then has a copy, which may lag.
    fn shared_checkpoints(&self) -> Option<SharedCheckpoints> {
        None
    }

    /// How many records went to where those go that their own place does not take, since the last call.
    fn take_dead_letters(&mut self) -> u64 {
        0
    }

    /// The notes that are stored with the checkpoint that `resume_point` returned, where checkpoints are shared.
    fn kept_notes(&self) -> Notes {
        Notes::default()
    }

    /// Has the next commit store these notes with its checkpoint, where checkpoints are shared.
    fn keep_notes(&mut self, _notes: Notes) {}
}

/// Checkpoints that are stored outside of what the state folder's lock guards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCheckpoints {
    /// The topic.
    pub topic: Arc<str>,
    /// What this process calls itself there.
    pub instance: String,
    /// The process in whose state folder is what the checkpoint relies on that `resume_point` returned.
    pub last_writer: Option<String>,
}

/// Where a sink puts the changes of a table, in words.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Placement {
    /// The topic.
    pub topic: String,
    /// What the key is made of.
    pub key: String,
    /// What decides about the partition.
    pub partition_by: String,
    /// The expression of the route that decided; `None` where none matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The columns that options name for keys and partitions, each after its option.
    #[serde(skip)]
    pub columns: Vec<(&'static str, String)>,
}

/// A table whose changes are to be written, as a check before the start knows it.
#[derive(Clone, Debug)]
pub struct TargetTable {
    /// Its name in the output.
    pub name: TableName,
    /// Whether it has a primary key.
    pub has_key: bool,
    /// Its columns.
    pub columns: Vec<Box<str>>,
    /// Those that rules leave out.
    pub left_out: Vec<Box<str>>,
    /// Those whose values rules replace so that different ones can become the same.
    pub merged: Vec<Box<str>>,
    /// The most bytes that a row of it can have.
    pub row_bytes_max: u64,
}

/// The plan type of a sink's encoder.
pub type PlanOf<S> = <<S as Sink>::Encoder as Encode>::Plan;
/// The block type of a sink's encoder.
pub type BlockOf<S> = <<S as Sink>::Encoder as Encode>::Block;
