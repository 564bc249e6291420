//! A group that is passed over on order: nothing of it is published, whatever is in it.
//!
//! Only statements are looked at, for what they change of tables and of XA transactions. Where one cannot be read, every
//! definition is in doubt from there on, and is read from the source again.

use super::batch::ledger::Ledger;
use super::checkpoint::Checkpoint;
use super::definition::beliefs::Definitions;
use super::definition::engines::Engines;
use super::definition::following::{StatementPlace, follow};
use super::definition::table_maps::TableMaps;
use super::group::closed::{ClosedGroup, NextEvent};
use super::group::open::HeldEvent;
use super::skips::PassedOver;
use super::trouble::Trouble;
use super::undefined::forget_dropped;
use super::xa::{XaBooks, XaDecision};
use crate::binlog::{EventKind, FormatDescription, Query, XaId, XaPrepare};
use crate::mysql::Flavour;

/// What a group changes although it is passed over.
#[derive(Debug)]
pub(super) struct Passing<'a> {
    pub(super) definitions: &'a mut Definitions,
    pub(super) engines: &'a mut Engines,
    pub(super) table_maps: &'a mut TableMaps,
    pub(super) xa: &'a mut XaBooks,
    pub(super) checkpoint: &'a mut Checkpoint,
    pub(super) ledger: &'a mut Ledger,
    pub(super) flavour: Flavour,
    pub(super) format: &'a FormatDescription,
}

/// What was found in the group.
#[derive(Debug, Default)]
struct Found {
    statements: u64,
    prepared: Option<XaId>,
    decided: Option<XaId>,
}

impl Passing<'_> {
    /// Reads as much of a group as can be read, counts its events, and returns what is on the record of it; and the XA
    /// transaction on which it decides.
    pub(super) fn pass_over(
        mut self,
        group: &mut ClosedGroup,
        order: u64,
    ) -> (PassedOver, Option<XaId>) {
        let mut found = Found::default();
        let is_read = !group.held.is_unread && self.read(group, &mut found).is_ok();
        if !is_read {
            let reason = "a group before it was passed over of which not everything can be read";
            self.definitions.distrust_all(reason, &group.end);
            self.table_maps.clear();
        }
        let events = group.held.count + group.inner;
        self.ledger.received += events;
        self.ledger.passed_over += events;
        if let Some(id) = &found.prepared {
            self.xa.dropped.insert(id.clone());
        }
        let passed_over = PassedOver {
            order,
            gtid: group.held.group.gtid.clone(),
            begin: group.held.group.begin.clone(),
            end: group.end.clone(),
            commit_us: group.held.group.commit_us,
            events,
            xa: found.prepared.or_else(|| found.decided.clone()),
            statements: found.statements,
            doubts_definitions: !is_read,
        };
        (passed_over, found.decided)
    }

    fn read(&mut self, group: &mut ClosedGroup, found: &mut Found) -> Result<(), Trouble> {
        loop {
            let next = group.next(self.format).map_err(|error| *error.trouble)?;
            let (held, buffer) = match next {
                NextEvent::Whole(held) => (held, group.take_chunk()),
                NextEvent::Piece => continue,
                NextEvent::End => return Ok(()),
                // Nothing of it is in a spill file but what is not read.
                NextEvent::Rows | NextEvent::Spilled => return Err(Trouble::Spill),
            };
            match held.frame.header.kind {
                EventKind::Query => self.statement(group, &held, held.bytes(&buffer), found)?,
                EventKind::TransactionPayload => group.open_payload(&held, &buffer)?,
                EventKind::XaPrepare => {
                    let prepare = XaPrepare::parse(held.bytes(&buffer))?;
                    found.prepared = (!prepare.one_phase).then_some(prepare.id);
                }
                _other => {}
            }
            group.settle(&held, buffer);
        }
    }

    fn statement(
        &mut self,
        group: &ClosedGroup,
        held: &HeldEvent,
        body: &[u8],
        found: &mut Found,
    ) -> Result<(), Trouble> {
        let query = Query::parse(body, self.format)?;
        let control = query.control();
        if let Some(decision) = XaDecision::of(group, &query, control) {
            self.drop_prepared(&decision.id);
            found.decided = Some(decision.id);
            return Ok(());
        }
        if control.is_some() || query.is_phase_without_effect() {
            return Ok(());
        }
        let place = StatementPlace {
            at: group.at(held.frame.start),
            end: &group.end,
            gtid: group.held.group.gtid.as_ref(),
            server_id: held.frame.header.server_id,
        };
        let written_by = (self.flavour, self.format);
        let followed = follow(self.definitions, &query, written_by, &place)?;
        let (watch, rules) = self.table_maps.column_watch();
        let _put_off = watch.pass_over(rules, &followed, self.definitions.believed());
        let statement = &followed.statement;
        found.statements += u64::from(!followed.changes.is_empty());
        self.table_maps.clear();
        self.table_maps.ask_again(statement);
        forget_dropped(self.checkpoint, statement);
        self.engines.note(statement, &followed.source.text);
        Ok(())
    }

    /// Takes out an XA transaction that was prepared, whose changes do not come.
    fn drop_prepared(&mut self, id: &XaId) {
        self.checkpoint.decided(id);
        self.xa.dropped.remove(id);
        if let Some(prepared) = self.xa.undecided.remove(id) {
            let events = prepared.event_count();
            self.ledger.received += events;
            self.ledger.passed_over += events;
        }
    }
}
