//! What becomes of XA transactions between their two phases: which are undecided, and what a group in hand does to one.
//!
//! The applier reads the groups; this keeps the books.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::batch::builder::Builder;
use super::batch::ledger::Ledger;
use super::checkpoint::Checkpoint;
use super::definition::beliefs::Definitions;
use super::definition::schemas::Belief;
use super::definition::table::TableDefinition;
use super::group::closed::ClosedGroup;
use super::group::prepared::{PreparedEvents, PreparedGroup, Undecided, XaMissing};
use super::group::tracker::Outcome;
use super::trouble::{AssembleError, Trouble};
use crate::binlog::{Control, EventKind, FormatDescription, Query, XaId};
use crate::row::TableName;

/// The XA transactions that are prepared and neither committed nor rolled back.
#[derive(Debug)]
pub(super) struct XaBooks {
    pub(super) undecided: Undecided,
    /// Those whose XA PREPARE was passed over: nothing comes of their XA COMMIT.
    pub(super) dropped: BTreeSet<XaId>,
    /// What to do about an XA COMMIT of another one.
    missing: XaMissing,
}

/// What a group has to do with a prepared XA transaction.
#[derive(Debug)]
pub(super) enum XaStage {
    /// Nothing, as far as it was read.
    None,
    /// It prepares one: its events are looked at, so that what they need is asked for in time, and kept.
    Prepares(Box<Preparing>),
    /// It was to prepare one, and commits it in one phase.
    CommitsAtOnce(Box<(XaId, PreparedGroup)>),
    /// It commits one, whose events are read in its place.
    Commits(Box<Committing>),
    /// It rolls one back.
    RollsBack(XaId),
    /// What it has to do was done.
    Settled,
}

/// An XA transaction that is being prepared.
#[derive(Debug)]
pub(super) struct Preparing {
    id: XaId,
    /// Events that are kept.
    events: u64,
    /// What the ledger counted before the group.
    before: Ledger,
    definitions: BTreeMap<TableName, Arc<TableDefinition>>,
}

/// A prepared XA transaction that is being committed.
#[derive(Debug)]
pub(super) struct Committing {
    pub(super) id: XaId,
    /// The layout of the file that its events stand in.
    format: Arc<FormatDescription>,
    /// How its tables were defined, where that has changed since.
    pub(super) definitions: Option<Definitions>,
}

/// What an XA COMMIT or XA ROLLBACK came to.
#[derive(Debug)]
pub(super) enum XaDecided {
    /// The transaction is committed.
    Commits(Box<PreparedGroup>),
    /// It is rolled back.
    RollsBack,
    /// It was never seen.
    Unknown,
}

/// What an XA COMMIT or XA ROLLBACK decides on.
#[derive(Debug)]
pub(super) struct XaDecision {
    pub(super) commits: bool,
    pub(super) id: XaId,
}

impl XaBooks {
    /// Knows of none.
    pub(super) fn new(missing: XaMissing) -> Self {
        Self {
            undecided: Undecided::new(),
            dropped: BTreeSet::new(),
            missing,
        }
    }

    /// Begins to prepare the transaction of a group: what is to be kept of it, and its stage. The ledger begins anew for the
    /// group; `before` is what it counted before.
    ///
    /// # Errors
    /// A group whose last event is no XA PREPARE; an id that another transaction has which is undecided.
    pub(super) fn prepare(
        &self,
        group: &ClosedGroup,
        ledger: &mut Ledger,
        before: Ledger,
    ) -> Result<(PreparedEvents, XaStage), AssembleError> {
        let at = &group.held.group.begin;
        let placed = |trouble| AssembleError::new(at.clone(), EventKind::XaPrepare, trouble);
        let kept = PreparedEvents::of(group).map_err(placed)?;
        if let Some(other) = self.undecided.get(&kept.id)
            && other.begin != kept.begin
        {
            return Err(placed(Trouble::XaTwice {
                id: kept.id,
                before: other.begin.clone(),
            }));
        }
        // Of a compressed transaction some events were counted already.
        *ledger = Ledger {
            control: ledger.control - before.control,
            ..Ledger::default()
        };
        let preparing = Preparing::begin(&kept, group, before);
        Ok((kept, XaStage::Prepares(Box::new(preparing))))
    }

    /// Takes the transaction of a group that was read to its end, and returns what is next: nothing after an XA PREPARE; one that
    /// turned out to be committed in one phase is committed.
    pub(super) fn prepared(
        &mut self,
        (id, prepared): (&XaId, &PreparedGroup),
        outcome: Outcome,
        checkpoint: &mut Checkpoint,
    ) -> XaStage {
        let (id, prepared) = (id.clone(), prepared.clone());
        if outcome == Outcome::Committed {
            return XaStage::CommitsAtOnce(Box::new((id, prepared)));
        }
        checkpoint.prepared(&id, &prepared.begin);
        self.undecided.insert(id, prepared);
        XaStage::Settled
    }

    /// Takes out the transaction that a group commits, after its events came in the group's place; one that it rolls back is
    /// counted.
    ///
    /// # Errors
    /// An XA COMMIT of a transaction that is not here, unless that is to be passed over.
    pub(super) fn decide(
        &mut self,
        XaDecision { commits, id }: XaDecision,
        builder: &mut Builder,
    ) -> Result<XaDecided, Trouble> {
        let ledger = &mut builder.ledger;
        ledger.control += 1;
        match (self.undecided.remove(&id), commits, self.missing) {
            (Some(prepared), true, _) => Ok(XaDecided::Commits(Box::new(prepared))),
            (Some(prepared), false, _) => {
                *ledger += prepared.if_rolled_back;
                Ok(XaDecided::RollsBack)
            }
            (None, _, _) if self.dropped.remove(&id) => Ok(XaDecided::Unknown),
            (None, true, XaMissing::Fail) => Err(Trouble::XaUnseen {
                id,
                connector: builder.origin().connector.clone(),
            }),
            (None, true, XaMissing::Warn) => {
                ledger.xa_missing += 1;
                Ok(XaDecided::Unknown)
            }
            // There is nothing that it could have undone here.
            (None, false, _) => Ok(XaDecided::Unknown),
        }
    }
}

impl XaStage {
    /// The layout of the file that the events stand in, where it is not that of the stream.
    pub(super) fn format(&self) -> Option<&Arc<FormatDescription>> {
        match self {
            Self::Commits(committing) => Some(&committing.format),
            Self::None
            | Self::Prepares(_)
            | Self::CommitsAtOnce(_)
            | Self::RollsBack(_)
            | Self::Settled => None,
        }
    }

    /// How the tables were defined, where it is not what the stream believes.
    pub(super) fn definitions(&mut self) -> Option<&mut Definitions> {
        match self {
            Self::Commits(committing) => committing.definitions.as_mut(),
            Self::None
            | Self::Prepares(_)
            | Self::CommitsAtOnce(_)
            | Self::RollsBack(_)
            | Self::Settled => None,
        }
    }

    /// Takes out the transaction that is committed in the group that was to prepare it.
    pub(super) fn take_one_phase(&mut self) -> Option<(XaId, PreparedGroup)> {
        match std::mem::replace(self, Self::Settled) {
            Self::CommitsAtOnce(committed) => Some(*committed),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl Preparing {
    /// Begins with the events that are to be kept; `before` is what the ledger counted before the group.
    fn begin(kept: &PreparedEvents, group: &ClosedGroup, before: Ledger) -> Self {
        let spilled = if kept.after_spilled {
            group.held.spilled
        } else {
            0
        };
        Self {
            id: kept.id.clone(),
            events: spilled + kept.events.len() as u64,
            before,
            definitions: BTreeMap::new(),
        }
    }

    /// Notes how a table is defined whose rows are in the transaction.
    pub(super) fn note(&mut self, table: &TableName, definitions: &Definitions) {
        if let Some(Belief::Known(definition)) = definitions.believed().get(table)
            && !self.definitions.contains_key(table)
        {
            let definition = Arc::clone(definition);
            self.definitions.insert(table.clone(), definition);
        }
    }

    /// Ends with what the ledger counted of the group, which goes back to what it counted before.
    pub(super) fn end(
        self,
        group: &ClosedGroup,
        format: &FormatDescription,
        ledger: &mut Ledger,
        is_chosen: bool,
    ) -> (XaId, PreparedGroup) {
        let mut if_rolled_back = std::mem::replace(ledger, self.before);
        if_rolled_back.received = group.held.count + group.inner;
        let prepared = PreparedGroup {
            begin: group.held.group.begin.clone(),
            prepared_us: group.held.group.commit_us,
            format: format.clone(),
            events: self.events,
            left_out: group.held.count - self.events,
            transactional: group.held.transactional,
            undone: group.held.undone().to_vec(),
            definitions: self.definitions.into_iter().collect(),
            is_chosen,
            if_rolled_back,
        };
        (self.id, prepared)
    }
}

impl Committing {
    /// Begins to commit a prepared transaction; `now` is what the stream believes.
    pub(super) fn begin(id: XaId, prepared: PreparedGroup, now: &Definitions) -> Self {
        Self {
            id,
            definitions: definitions_of(&prepared, now),
            format: Arc::new(prepared.format),
        }
    }
}

impl XaDecision {
    /// What a statement that is a group of its own decides on; `None` if it is another statement.
    pub(super) fn of(
        group: &ClosedGroup,
        query: &Query<'_>,
        control: Option<Control<'_>>,
    ) -> Option<Self> {
        /// A GTID event, and the statement.
        const EVENTS_MAX: u64 = 2;
        let commits = match control? {
            Control::XaCommit => true,
            Control::XaRollback => false,
            _other => return None,
        };
        let id = query.xa_id().filter(|_| group.held.count <= EVENTS_MAX)?;
        Some(Self { commits, id })
    }
}

/// How the tables of a prepared transaction were defined, if one is defined otherwise now.
fn definitions_of(prepared: &PreparedGroup, now: &Definitions) -> Option<Definitions> {
    let believed = now.believed();
    let is_same = |(table, definition): &(TableName, Arc<TableDefinition>)| matches!(believed.get(table), Some(Belief::Known(now)) if now == definition);
    if prepared.definitions.iter().all(is_same) {
        return None;
    }
    let mut schemas = believed.clone();
    for (table, definition) in &prepared.definitions {
        schemas.put(table, Arc::clone(definition));
    }
    Some(Definitions::default().believing(schemas, Vec::new()))
}
