//! A group whose end is known: its events, in order, become items of batches.

use std::sync::Arc;

use bytes::Bytes;

use super::assembler::{Assembler, Step};
use super::definition::schemas::Schemas;
use super::definition::table_maps::{Kept, Missing, Target};
use super::group::closed::{Apply, Next};
use super::group::fragments;
use super::group::large::Large;
use super::group::open::Held;
use super::group::payload::Opened;
use super::group::tracker::Outcome;
use super::statement::judging::OnStatement;
use super::trouble::{AssembleError, Others, Trouble};
use super::{Lack, RowsKind};
use crate::binlog::{Coordinates, EventKind, RowsHeader, compressed, load_data_body};
use crate::fault::{Fault, planted};
use crate::filter::Rules;
use crate::row::TableName;

/// Why there is no belief about a table of which nothing was heard.
const UNSEEN: &str = "no statement of the binlog defined it, and the source does not prove its definition for that place";

/// What became of one event.
enum Settled {
    Done,
    Missing(Missing),
    /// The table's engine decides, and is not known.
    Engine(TableName),
}

impl Assembler {
    /// The filters.
    pub fn rules(&self) -> &Rules {
        self.tables.rules()
    }

    /// Answers [`Step::NeedDefinition`] where the source was asked and shows no such table.
    pub fn hide(&mut self, table: TableName) {
        self.hidden = Some(table.clone());
        self.define(table, None);
    }

    /// Asks for the definitions of tables even where rows can be read without: no table map tells which columns are
    /// generated.
    #[must_use]
    pub fn asking_for_generated(mut self) -> Self {
        self.tables.ask_for_generated();
        self
    }

    /// Goes on without the definition that [`Step::NeedDefinition`] asked for: the table's columns are then called `@1`,
    /// `@2`, … and are read as far as their table map tells. An integer whose sign is not known is signed, text whose
    /// character set is not known is UTF-8, an ENUM is its number, a SET its bits.
    pub fn number_columns(&mut self, table: TableName) {
        self.tables.number_columns(table);
    }

    /// Takes what following the statements from further back has told of the group in hand, before the answer to
    /// [`Step::NeedDefinition`]; and the tables whose definition is missing from there on, each with the end of the group
    /// that has its rows first.
    pub fn adopt(&mut self, found: &Schemas, lacking: Vec<(TableName, Coordinates)>) {
        if let Some(apply) = &self.apply {
            self.definitions.adopt(found, &apply.end);
        }
        self.lacking = lacking;
    }

    /// Reads on in a closed group until it is used up (`None`) or something is needed or made; the group is kept for the
    /// next call in the latter case.
    pub(super) fn apply_group(&mut self, mut apply: Apply) -> Result<Option<Step>, AssembleError> {
        loop {
            let (held, buffer) = match apply.next(self.framer.format())? {
                Next::Event(held, buffer) => (held, buffer),
                Next::Rows => match self.stream_rows(&mut apply)? {
                    Some(step) => return Ok(Some(self.pause(apply, step))),
                    None => continue,
                },
                Next::Spilled => return Ok(Some(self.pause(apply, Step::NeedSpilled))),
                Next::End => break,
            };
            let ordinal = apply.done;
            let at = Coordinates::new(Arc::clone(&apply.end.file), held.frame.start);
            let kind = held.frame.header.kind;
            let placed = |trouble| AssembleError::new(at.clone(), kind, trouble);
            let Some((held, buffer)) = self
                .put_together(&mut apply, held, buffer)
                .map_err(placed)?
            else {
                continue;
            };
            let (held, buffer) = self.unpacked(held, buffer).map_err(placed)?;
            let settled = self.settle(&mut apply, ordinal, &held, &buffer);
            match settled.map_err(placed)? {
                Settled::Done if apply.goes_on() => {}
                Settled::Done => apply.settled(&held),
                Settled::Missing(missing) => {
                    let step = self.ask(missing, (at, kind), &apply.end)?;
                    apply.again = Some((held, buffer));
                    return Ok(Some(self.pause(apply, step)));
                }
                Settled::Engine(table) if self.engine_refused.as_ref() != Some(&table) => {
                    let at = apply.end.clone();
                    apply.again = Some((held, buffer));
                    return Ok(Some(self.pause(apply, Step::NeedEngine { table, at })));
                }
                Settled::Engine(table) => {
                    return Err(AssembleError::new(at, kind, Trouble::NoEngine { table }));
                }
            }
            if apply.done < apply.hold.count && self.is_full() {
                apply.group = None;
                let piece = self.builder.take(None);
                return Ok(Some(self.pause(apply, Step::Batch(Box::new(piece)))));
            }
        }
        self.settle_group(&apply);
        Ok(None)
    }

    /// Reads on in the rows of a large event.
    fn stream_rows(&mut self, apply: &mut Apply) -> Result<Option<Step>, AssembleError> {
        let start = apply.large.as_ref().map_or(0, Large::start);
        let at = Coordinates::new(Arc::clone(&apply.end.file), start);
        let kind = apply.large.as_ref().map(Large::kind);
        let is_over = self
            .emit_whole_rows(apply)
            .map_err(|trouble| AssembleError::new(at, kind, trouble))?;
        if is_over {
            apply.large = None;
            apply.done += 1;
        }
        if apply.done < apply.hold.count && self.is_full() {
            apply.group = None;
            return Ok(Some(Step::Batch(Box::new(self.builder.take(None)))));
        }
        Ok((!is_over).then_some(Step::NeedSpilled))
    }

    /// Puts an event that was logged in pieces together; any other stays as it is. `None` until the last piece.
    fn put_together(
        &mut self,
        apply: &mut Apply,
        held: Held,
        buffer: Bytes,
    ) -> Result<Option<(Held, Bytes)>, Trouble> {
        if !fragments::is_piece(&held) {
            return match &apply.fragments {
                Some(fragments) => Err(fragments.broken()),
                None => Ok(Some((held, buffer))),
            };
        }
        let checksum_bytes = self.framer.format().checksum_bytes();
        let joined = fragments::join(&mut apply.fragments, &held, &buffer, checksum_bytes)?;
        if joined.is_none() {
            self.builder.ledger.control += 1;
            apply.settled(&held);
        }
        Ok(joined)
    }

    /// Unpacks one of MariaDB's compressed events; any other stays as it is.
    fn unpacked(&self, held: Held, buffer: Bytes) -> Result<(Held, Bytes), Trouble> {
        let Some(kind) = compressed::plain_kind(held.frame.header.kind) else {
            return Ok((held, buffer));
        };
        let body = held.body();
        let packed = buffer
            .get(body.start as usize..body.end as usize)
            .unwrap_or_default();
        let plain = compressed::plain_body(held.frame.header.kind, packed, self.framer.format())?;
        let mut frame = held.frame;
        frame.header.kind = kind;
        frame.body = 0..plain.len();
        let range = 0..u32::try_from(plain.len()).unwrap_or(u32::MAX);
        Ok((
            Held {
                range,
                frame,
                ..held
            },
            plain.into(),
        ))
    }

    /// Asks for the definition that a table map lacks, once a group; what cannot be asked for is an error.
    fn ask(
        &mut self,
        missing: Missing,
        (at, kind): (Coordinates, EventKind),
        end: &Coordinates,
    ) -> Result<Step, AssembleError> {
        let (table, lack, disagreement) = match missing {
            Missing::Definition(table, lack) => (table, lack, None),
            Missing::Disagreement(table, disagreement) => {
                (table, Lack::Metadata, Some(disagreement))
            }
            Missing::Error(trouble) => return Err(AssembleError::new(at, kind, trouble)),
        };
        if self.refused.as_ref() == Some(&table) {
            let trouble = match disagreement {
                Some(disagreement) => Trouble::Disagreement {
                    table,
                    disagreement: Box::new(disagreement),
                    connector: self.settings.origin.connector.clone(),
                    end: end.clone(),
                },
                None => Trouble::NoDefinition {
                    lack,
                    is_hidden: self.hidden.as_ref() == Some(&table),
                    reason: self.definitions.doubt(&table).unwrap_or(UNSEEN).into(),
                    connector: self.settings.origin.connector.clone(),
                    others: Others(std::mem::take(&mut self.lacking)),
                    end: end.clone(),
                    table,
                },
            };
            return Err(AssembleError::new(at, kind, trouble));
        }
        if let Some(disagreement) = disagreement {
            self.definitions
                .distrust(&table, &disagreement.to_string(), end);
        }
        let believed = match self.definitions.proven_before(&table, end) {
            Some(proven) => Some(proven),
            None => self.definitions.unchanged(&table).cloned(),
        };
        Ok(Step::NeedDefinition {
            table,
            at: end.clone(),
            believed: believed.map(Box::new),
            lack,
        })
    }

    fn pause(&mut self, apply: Apply, step: Step) -> Step {
        self.apply = Some(apply);
        step
    }

    fn settle_group(&mut self, apply: &Apply) {
        self.builder.ledger.received += apply.hold.count + apply.inner;
        self.builder.group_ends();
        self.refused = None;
        self.engine_refused = None;
        self.tables.end_statement();
        self.checkpoint.coordinates = apply.end.clone();
        if let Some(gtid) = &apply.hold.group.gtid {
            self.checkpoint.gtid_set.add(gtid);
        }
    }

    fn settle(
        &mut self,
        apply: &mut Apply,
        ordinal: u64,
        held: &Held,
        buffer: &Bytes,
    ) -> Result<Settled, Trouble> {
        let body = held.body();
        let bytes = buffer
            .get(body.start as usize..body.end as usize)
            .unwrap_or_default();
        let kind = held.frame.header.kind;
        match kind {
            EventKind::TableMap if !apply.chosen => self.builder.ledger.control += 1,
            EventKind::TableMap => {
                let format = self.framer.format();
                match self
                    .tables
                    .map(bytes, format, &mut self.definitions, &apply.end)
                {
                    Ok(()) => self.builder.ledger.control += 1,
                    Err(missing) => return Ok(Settled::Missing(missing)),
                }
            }
            EventKind::WriteRows | EventKind::WriteRowsV1 => {
                return self.settle_rows(apply, ordinal, held, buffer, RowsKind::Write);
            }
            EventKind::UpdateRows | EventKind::UpdateRowsV1 => {
                return self.settle_rows(apply, ordinal, held, buffer, RowsKind::Update);
            }
            EventKind::PartialUpdateRows => {
                return self.settle_rows(apply, ordinal, held, buffer, RowsKind::PartialUpdate);
            }
            EventKind::DeleteRows | EventKind::DeleteRowsV1 => {
                return self.settle_rows(apply, ordinal, held, buffer, RowsKind::Delete);
            }
            EventKind::Query => self.settle_statement(apply, held, bytes)?,
            EventKind::ExecuteLoadQuery => {
                self.settle_statement(apply, held, &load_data_body(bytes)?)?;
            }
            EventKind::TransactionPayload => {
                let body = buffer.slice(body.start as usize..body.end as usize);
                let missing = apply.rest_of(held).map_or(0, |large| large.missing());
                let bytes = body.len() as u64 + missing;
                apply.payload = Some(Opened::new(held.frame.start, body, bytes)?);
                self.builder.ledger.control += 1;
            }
            EventKind::Gtid
            | EventKind::AnonymousGtid
            | EventKind::GtidTagged
            | EventKind::MariaDbGtid
            | EventKind::Xid
            | EventKind::XaPrepare
            | EventKind::RowsQuery
            | EventKind::AnnotateRows
            | EventKind::Intvar
            | EventKind::Rand
            | EventKind::UserVar
            | EventKind::BeginLoadQuery
            | EventKind::AppendBlock
            | EventKind::DeleteFile
            | EventKind::TransactionContext
            | EventKind::ViewChange => self.builder.ledger.control += 1,
            _ if held.frame.header.is_ignorable() => self.builder.ledger.skipped += 1,
            kind => return Err(Trouble::Unsupported { kind }),
        }
        Ok(Settled::Done)
    }

    fn settle_rows(
        &mut self,
        apply: &mut Apply,
        ordinal: u64,
        held: &Held,
        buffer: &Bytes,
        kind: RowsKind,
    ) -> Result<Settled, Trouble> {
        let body = held.body();
        let bytes = buffer
            .get(body.start as usize..body.end as usize)
            .unwrap_or_default();
        let header = RowsHeader::parse(held.frame.header.kind, bytes)?;
        if header.is_dummy() {
            self.builder.ledger.control += 1;
            self.tables.end_statement();
            return Ok(Settled::Done);
        }
        if !apply.chosen {
            self.builder.ledger.filtered += 1;
            return Ok(Settled::Done);
        }
        let target = self
            .tables
            .target(header.table_id)
            .ok_or(Trouble::NoTableMap {
                table_id: header.table_id,
            })?;
        let kept = match target {
            Target::Kept(kept) if !self.is_own(held.frame.header.server_id) => Arc::clone(kept),
            Target::Kept(_) | Target::Rejected => {
                if !planted(Fault::FilteredGroupNotCounted) {
                    self.builder.ledger.filtered += 1;
                }
                self.end_statement_if(header.ends_statement());
                return Ok(Settled::Done);
            }
        };
        if apply.hold.transactional && kept.is_proven_first() {
            // The source says that all of the group can be rolled back.
            self.definitions
                .learn_engine(&kept.source, true, &apply.end);
        }
        match self.is_undone(apply, ordinal, &kept) {
            Some(true) => self.builder.ledger.rolled_back += 1,
            Some(false) if apply.outcome == Outcome::Prepared => {
                return Err(Trouble::Xa {
                    table: kept.source.clone(),
                });
            }
            Some(false) => match apply.rest_of(held) {
                Some(large) => {
                    self.builder.ledger.emitted += 1;
                    large.stream(held, buffer, kind, &header, &kept);
                }
                None => self.emit_rows(apply, held, buffer, kind, &header, &kept)?,
            },
            None => return Ok(Settled::Engine(kept.source.clone())),
        }
        self.end_statement_if(header.ends_statement());
        Ok(Settled::Done)
    }

    /// Settles a statement; one that changes rows by the policy for such.
    fn settle_statement(
        &mut self,
        apply: &mut Apply,
        held: &Held,
        body: &[u8],
    ) -> Result<(), Trouble> {
        match self.settle_query(apply, held, body) {
            Err(Trouble::StatementFormat { .. })
                if self.settings.on_statement == OnStatement::Warn =>
            {
                self.builder.ledger.skipped += 1;
                self.builder.ledger.statements += 1;
                Ok(())
            }
            settled => settled,
        }
    }

    /// Whether the rows of an event are undone; `None` if that hangs on an engine that is not known.
    fn is_undone(&mut self, apply: &Apply, ordinal: u64, kept: &Kept) -> Option<bool> {
        let in_doubt = apply.outcome == Outcome::RolledBack || apply.hold.is_undone(ordinal);
        if !in_doubt || planted(Fault::RolledBackGroupDelivered) {
            return Some(false);
        }
        if apply.hold.transactional {
            return Some(true);
        }
        self.definitions
            .serving(&kept.source, &apply.end)
            .and_then(|definition| definition.transactional)
            .or_else(|| self.engines.of(&kept.source))
    }

    pub(super) fn group_of(&mut self, apply: &mut Apply) -> Result<u32, Trouble> {
        if let Some(group) = apply.group {
            return Ok(group);
        }
        let group = self.builder.group(&apply.hold.group)?;
        apply.group = Some(group);
        Ok(group)
    }

    pub(super) fn is_own(&self, server_id: u32) -> bool {
        server_id == self.settings.server_id && !self.tables.rules().same_server_id()
    }

    fn end_statement_if(&mut self, ends: bool) {
        if ends {
            self.tables.end_statement();
        }
    }
}
