//! Skip orders: checked against the checkpoint and the source, then kept until a run carries them out.
//!
//! The same for a connector that runs, between two of its runs, and for one that does not, under its folder's lock.

use std::sync::Arc;

use super::connector::Connector;
use crate::binlog::Coordinates;
use crate::change::{Checkpoint, SkipOrder, SkipTarget};
use crate::failure::Class;
use crate::sink::{self, SinkError};
use crate::source::{self, SourceError};
use crate::state::{
    Answer, Command, LastError, SkipRefusal, SkipStore, StateError, StateFolder, off_the_runtime,
};

/// Groups that one order may pass over by their number.
const GROUPS_MAX: u64 = 1_000_000;

/// Why an order is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipError {
    /// The state folder.
    #[error("state folder")]
    State(#[from] StateError),
    /// The sink.
    #[error("sink")]
    Sink(#[from] SinkError),
    /// The source, asked whether a group begins at a place.
    #[error(
        "the source cannot tell whether a group begins there, name the group by --gtid or --groups if it stays so"
    )]
    Source(#[source] SourceError),
    /// No group begins at a place.
    #[error("no group begins at {at}: {}", around(at, *.before, *.after))]
    NoGroup {
        /// The place.
        at: Coordinates,
        /// Where a group begins before it.
        before: u64,
        /// Where one begins after it.
        after: Option<u64>,
    },
    /// The place is after the end of its file.
    #[error("no group begins at {at}: its file ends at {size}, name a place before that")]
    AfterEnd {
        /// The place.
        at: Coordinates,
        /// The file's size.
        size: u64,
    },
    /// The order contradicts what is known.
    #[error(transparent)]
    Refused(#[from] SkipRefusal),
    /// The words of the order mean nothing.
    #[error("{0}")]
    Words(String),
    /// The connector has no place to count from.
    #[error("the connector has not begun yet, start it first, or set its start after the group")]
    NotBegun,
}

impl SkipError {
    /// What the failure means.
    pub fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Sink(error) => error.class(),
            Self::Source(error) => error.class(),
            Self::NoGroup { .. } | Self::AfterEnd { .. } => Class::Data,
            Self::Refused(_) | Self::Words(_) | Self::NotBegun => Class::Arguments,
        }
    }
}

fn around(at: &Coordinates, before: u64, after: Option<u64>) -> String {
    let file = &at.file;
    let after = after.map(|after| format!(", the next one at {file}:{after}"));
    format!(
        "it is inside the group at {file}:{before}{}, name one of them",
        after.unwrap_or_default()
    )
}

/// Carries a command out for a connector none of whose runs is under way, and whose folder is held.
pub async fn carry_out(
    command: Command,
    connector: &Connector,
    folder: &Arc<StateFolder>,
    skips: &Arc<SkipStore>,
) -> Answer {
    let done = match command {
        Command::ListSkips => Ok(listed(skips)),
        Command::CancelSkip(id) => cancel(id, skips).await,
        Command::SkipGtids(_) | Command::SkipGroups(_) | Command::SkipAt(_) => {
            order(&command, connector, folder, skips).await
        }
        Command::Snapshot(_) => Err(SkipError::Words("this passes nothing over".to_owned())),
    };
    match done {
        Ok(text) => Answer::Done(text),
        Err(error) => Answer::Refused {
            class: error.class(),
            message: crate::metrics::one_line(&error),
        },
    }
}

fn listed(skips: &SkipStore) -> String {
    let count = skips.passed_over();
    let mut lines = skips.orders();
    if lines.is_empty() {
        lines.push("no order is waiting".to_owned());
    }
    lines.push(format!(
        "{count} groups were passed over so far, see skipped.jsonl"
    ));
    lines.join("\n")
}

async fn cancel(id: u64, skips: &Arc<SkipStore>) -> Result<String, SkipError> {
    let skips = Arc::clone(skips);
    off_the_runtime(move || skips.cancel(id)).await??;
    Ok(format!("order {id} is cancelled"))
}

async fn order(
    command: &Command,
    connector: &Connector,
    folder: &Arc<StateFolder>,
    skips: &Arc<SkipStore>,
) -> Result<String, SkipError> {
    let target = target(command).map_err(SkipError::Words)?;
    let checkpoint = checkpoint(connector, folder)
        .await?
        .ok_or(SkipError::NotBegun)?;
    let after = match &target {
        SkipTarget::Groups(_) => stopped_at(connector, &checkpoint).await?,
        SkipTarget::At(at) if *at >= checkpoint.coordinates => {
            let lineage = checkpoint.lineage();
            let begins = source::begins_group(&connector.source, &lineage, at);
            begins.await.map_err(no_group)?;
            None
        }
        SkipTarget::At(_) | SkipTarget::Gtids(_) => None,
    };
    let skips = Arc::clone(skips);
    let ordered = off_the_runtime(move || skips.order(target, &checkpoint, after)).await??;
    Ok(said(&ordered))
}

fn said(order: &SkipOrder) -> String {
    let id = order.id;
    match &order.target {
        SkipTarget::Gtids(gtids) => format!("order {id}: {gtids} will be passed over"),
        SkipTarget::Groups(_) => format!("order {id}: {order} will be passed over"),
        SkipTarget::At(at) => format!("order {id}: the group at {at} will be passed over"),
    }
}

fn target(command: &Command) -> Result<SkipTarget, String> {
    match command {
        Command::SkipGtids(text) => text.parse().map(SkipTarget::Gtids),
        Command::SkipGroups(count @ 1..=GROUPS_MAX) => Ok(SkipTarget::Groups(*count)),
        Command::SkipGroups(count) => Err(format!(
            "{count} groups cannot be passed over, give a number from 1 to {GROUPS_MAX}"
        )),
        Command::SkipAt(text) => Coordinates::parse(text)
            .map(SkipTarget::At)
            .ok_or_else(|| "expected FILE:POSITION such as binlog.000004:1337".to_owned()),
        Command::CancelSkip(_) | Command::ListSkips | Command::Snapshot(_) => {
            Err("this orders nothing".to_owned())
        }
    }
}

fn no_group(error: SourceError) -> SkipError {
    match error {
        SourceError::InsideEvent { at, before, after }
        | SourceError::InsideGroup { at, before, after } => {
            SkipError::NoGroup { at, before, after }
        }
        SourceError::StartAfterEnd { at, size } => SkipError::AfterEnd { at, size },
        other => SkipError::Source(other),
    }
}

/// Where the connector goes on: a sink's own checkpoint beats that of the state folder.
pub(super) async fn checkpoint(
    connector: &Connector,
    folder: &Arc<StateFolder>,
) -> Result<Option<Checkpoint>, SkipError> {
    let (sink, name) = (connector.sink.clone(), connector.name.clone());
    let folder = Arc::clone(folder);
    off_the_runtime(move || {
        Ok(match sink::stored_checkpoint(&sink, &name)? {
            Some(stored) => Some(stored),
            None => folder.checkpoint()?,
        })
    })
    .await
}

/// Where the group begins that the connector stopped at, if it has not got past it: groups before that one may not be on the
/// checkpoint yet, so that none of them may be counted for want of the file that says it.
async fn stopped_at(
    connector: &Connector,
    checkpoint: &Checkpoint,
) -> Result<Option<Coordinates>, StateError> {
    let (state_dir, name) = (connector.state_dir.clone(), connector.name.clone());
    let last = off_the_runtime(move || LastError::peek(&state_dir, &name)).await?;
    let stopped = last.and_then(|last| last.group).map(|group| group.begin);
    let is_ahead = |begin: &Coordinates| {
        begin.is_of_series(&checkpoint.coordinates) && *begin >= checkpoint.coordinates
    };
    Ok(stopped.filter(is_ahead))
}
