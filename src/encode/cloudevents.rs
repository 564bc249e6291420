//! CloudEvents 1.0 around the messages of another format.
//!
//! | attribute | content |
//! |---|---|
//! | `id` | the change's identity: source, file and position of the group, its sequence in it, and the letter of what was done |
//! | `source` | `/rowtap/` and the source's name in messages |
//! | `type` | `dev.rowtap.row.` and `created`, `read`, `updated` or `deleted`; `dev.rowtap.statement` |
//! | `subject` | the table, as `database.table`; of a statement its database, if it has one |
//! | `time` | when the transaction was committed on the source |
//!
//! `structured` messages are written here. Of `binary` ones the attributes are headers, which the sink writes, around a value that
//! is as it would be without.

use std::sync::Arc;

use super::EncodeError;
use super::destination::RecordKey;
use super::identity::{OtherKeyNames, write_server, write_source, write_time};
use super::operation::{EVENT_TYPES, RecordOp, write_id_end};
use super::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk, group};
use super::writer::EnvelopeWriter;
use crate::change::{Batch, Ddl, Group, RowsKind};
use crate::row::{KnownDates, write_escaped, write_integer};

/// What structured messages keep from message to message.
pub(super) struct CloudEvents {
    source: Arc<str>,
    days: KnownDates,
    /// Of the batch: the source's UUID, or its server id where it has none.
    server: Vec<u8>,
    /// Of the event: from after the letter to the data, without the type.
    rest: Vec<u8>,
    /// Of the event: from the brace to the sequence.
    head: Vec<u8>,
    /// Whether a message was begun.
    is_open: bool,
}

impl CloudEvents {
    pub(super) fn new(source: &Arc<str>) -> Self {
        Self {
            source: Arc::clone(source),
            days: KnownDates::default(),
            server: Vec::new(),
            rest: Vec::new(),
            head: Vec::new(),
            is_open: false,
        }
    }

    fn begin(&mut self, batch: &Batch) {
        self.is_open = false;
        self.server.clear();
        write_server(&batch.origin, &mut self.server);
    }

    /// Writes what the messages of a group and subject have in common.
    fn enter(&mut self, group: &Group, subject: [&str; 2]) {
        let out = &mut self.head;
        out.clear();
        out.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":\"");
        out.extend_from_slice(&self.server);
        out.push(b':');
        write_escaped(&group.begin.file, out);
        out.push(b':');
        write_integer(group.begin.position, out);
        out.push(b':');
        let out = &mut self.rest;
        out.clear();
        out.extend_from_slice(b"\",\"source\":\"");
        write_source(&self.source, out);
        let [database, table] = subject;
        if !database.is_empty() {
            out.extend_from_slice(b"\",\"subject\":\"");
            write_escaped(database, out);
        }
        if !table.is_empty() {
            out.push(b'.');
            write_escaped(table, out);
        }
        out.extend_from_slice(b"\",\"time\":\"");
        write_time(group.commit_us, &mut self.days, out);
        out.extend_from_slice(b"\",\"datacontenttype\":\"application/json\",\"data\":");
    }

    fn write_head(&self, sequence: u64, op: RecordOp, number: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        write_id_end(sequence, op, out);
        if number > 0 {
            out.push(b':');
            write_integer(number as u64, out);
        }
        out.extend_from_slice(b"\",\"type\":\"");
        out.extend_from_slice(EVENT_TYPES.as_bytes());
        out.extend_from_slice(op.event_type().as_bytes());
        out.extend_from_slice(&self.rest);
    }
}

/// A format's writer, whose messages are the data of events.
pub(super) struct Wrapped<'a, W> {
    pub(super) inner: &'a mut W,
    pub(super) events: &'a mut CloudEvents,
}

impl<W: EnvelopeWriter> Wrapped<'_, W> {
    #[inline]
    fn begin_message(&mut self, op: RecordOp, sequence: u64, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.events.is_open, true) {
            self.events.write_head(sequence, op, 0, out);
        }
    }

    #[inline]
    fn end_message(&mut self, is_whole: bool, out: &mut Vec<u8>) -> bool {
        if is_whole {
            self.events.is_open = false;
            out.push(b'}');
        }
        is_whole
    }
}

impl<W: EnvelopeWriter> EnvelopeWriter for Wrapped<'_, W> {
    type Plan = W::Plan;

    const SPLITS_KEY_CHANGES: bool = W::SPLITS_KEY_CHANGES;
    const HAS_KEYS: bool = W::HAS_KEYS;
    const OTHER_KEY_NAMES: OtherKeyNames = W::OTHER_KEY_NAMES;

    fn tells_deletes(&self) -> bool {
        self.inner.tells_deletes()
    }

    fn begin(&mut self, batch: &Batch) {
        self.events.begin(batch);
        self.inner.begin(batch);
    }

    fn skips(&self, kind: RowsKind) -> bool {
        self.inner.skips(kind)
    }

    fn enter(&mut self, event: &RowsEvent<'_>, plan: &W::Plan) {
        let name = &event.table.name;
        self.events
            .enter(event.group, [&name.database, &name.table]);
        self.inner.enter(event, plan);
    }

    fn write_key(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &W::Plan,
        key: &RecordKey,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.inner.write_key(event, plan, key, images, out)
    }

    fn write_change(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &W::Plan,
        change: RowChange<'_>,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let op = match change {
            RowChange::Create { .. } if event.rows.kind == RowsKind::Read => RecordOp::Read,
            RowChange::Create { .. } => RecordOp::Create,
            RowChange::Update { .. } => RecordOp::Update,
            RowChange::Delete { .. } => RecordOp::Delete,
        };
        self.begin_message(op, sequence, out);
        let is_whole = self
            .inner
            .write_change(event, plan, change, sequence, out)?;
        Ok(self.end_message(is_whole, out))
    }

    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &W::Plan,
        row: (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let op = match event.rows.kind {
            RowsKind::Read => RecordOp::Read,
            RowsKind::Write | RowsKind::Entering { .. } => RecordOp::Create,
            RowsKind::Update | RowsKind::PartialUpdate => RecordOp::Update,
            RowsKind::Delete => RecordOp::Delete,
        };
        self.begin_message(op, sequence, out);
        let is_whole = self.inner.write_row(event, plan, row, sequence, out)?;
        Ok(self.end_message(is_whole, out))
    }

    fn ddl_count(&self, ddl: &Ddl) -> usize {
        self.inner.ddl_count(ddl)
    }

    fn write_ddl_key(&mut self, ddl: &Ddl, number: usize, out: &mut Vec<u8>) -> bool {
        self.inner.write_ddl_key(ddl, number, out)
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let group = group(batch, ddl.group)?;
        let table = ddl.tables.first();
        let database = table.map_or(&ddl.database, |table| &table.database);
        self.events.enter(group, [database, ""]);
        self.events
            .write_head(ddl.sequence, RecordOp::Statement, number, out);
        self.inner.write_ddl(batch, ddl, number, out)?;
        out.push(b'}');
        Ok(())
    }

    fn write_emptied(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        plan: &W::Plan,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let start = out.len();
        let group = group(batch, ddl.group)?;
        let table = ddl.tables.first();
        let names = table.map_or([""; 2], |table| [&*table.database, &*table.table]);
        self.events.enter(group, names);
        self.events
            .write_head(ddl.sequence, RecordOp::Truncate, 0, out);
        let is_told = self.inner.write_emptied(batch, ddl, plan, out)?;
        match is_told {
            true => out.push(b'}'),
            false => out.truncate(start),
        }
        Ok(is_told)
    }

    fn invalid_text_count(&self) -> u64 {
        self.inner.invalid_text_count()
    }
}
