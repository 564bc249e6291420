//! The message of the rows of an event, and that of a DDL statement.

use super::plan::Plan;
use super::value::Values;
use crate::change::statement::StatementKind;
use crate::change::{Batch, Ddl, EventStamp, Group, RowsKind};
use crate::encode::destination::RecordKey;
use crate::encode::json::{ImageWriter, write_gtid};
use crate::encode::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk, group, stamp_ms};
use crate::encode::writer::EnvelopeWriter;
use crate::encode::{EncodeError, InvalidText};
use crate::row::{write_integer, write_string};

/// A message ends at the row that makes it this large, though more rows of the event follow.
const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Bits that a position in a binlog file has in a message's number.
const POSITION_BITS: u32 = 36;

/// Writes the format's messages; owns every buffer that this takes.
pub(in crate::encode) struct CanalWriter {
    images: ImageWriter<Values>,
    received_ms: i64,
    /// What updates changed, of the rows of the message so far, each after a comma.
    old: Vec<u8>,
    /// Where the message begins, if it has rows already.
    start: Option<usize>,
    /// Of the event: from the time to `isDdl`.
    middle: Vec<u8>,
}

impl CanalWriter {
    /// Makes a writer.
    pub(in crate::encode) fn new(invalid_text: InvalidText) -> Self {
        Self {
            images: ImageWriter::new(Values::new(invalid_text)),
            received_ms: 0,
            old: Vec::new(),
            start: None,
            middle: Vec::new(),
        }
    }
}

impl EnvelopeWriter for CanalWriter {
    type Plan = Plan;

    /// Canal leaves it an update.
    const SPLITS_KEY_CHANGES: bool = false;
    const HAS_KEYS: bool = false;

    fn begin(&mut self, batch: &Batch) {
        self.images.begin();
        self.received_ms = batch.received_us.div_euclid(1000);
    }

    fn enter(&mut self, event: &RowsEvent<'_>, _plan: &Plan) {
        self.start = None;
        self.old.clear();
        self.middle.clear();
        write_place(event.group, &event.rows.event, &mut self.middle);
        self.middle.extend_from_slice(b",\"isDdl\":false");
    }

    /// Records have no keys; this only chooses a partition.
    fn write_key(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        key: &RecordKey,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let columns: (&[u8], &[usize]) = (&[], &key.columns);
        self.images
            .write_key(event, &plan.members, columns, images, out)?;
        Ok(true)
    }

    fn write_change(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        change: RowChange<'_>,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.begin_row(out);
        match change {
            RowChange::Create { after: image } | RowChange::Delete { before: image } => {
                self.images
                    .write_image::<false>(event, &plan.members, image, out)?;
            }
            RowChange::Update { before, after } => {
                let (members, images) = (&plan.members, (before, after));
                self.images.write_updated(event, members, images, out)?;
                self.old.push(b',');
                let old = &mut self.old;
                self.images.write_former(event, members, before, old)?;
            }
        }
        self.end_row(event, plan, sequence, out)
    }

    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let has_one_image = match event.rows.kind {
            RowsKind::Write | RowsKind::Read | RowsKind::Delete => true,
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => false,
        };
        if has_one_image {
            let (end, start) = (out.len(), self.start);
            self.begin_row(out);
            let row = (&mut *rows, &mut *cells);
            if self
                .images
                .write_first::<false>(event, &plan.members, row, out)?
            {
                return self.end_row(event, plan, sequence, out);
            }
            out.truncate(end);
            self.start = start;
        }
        self.write_change(event, plan, rows.change(cells)?, sequence, out)
    }

    fn ddl_count(&self, _ddl: &Ddl) -> usize {
        1
    }

    fn write_ddl_key(&mut self, _ddl: &Ddl, _number: usize, _out: &mut Vec<u8>) -> bool {
        false
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        _number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let group = group(batch, ddl.group)?;
        // Of a table that is renamed, Canal tells the new name.
        let renamed = ddl.changes.iter().find(|change| change.previous.is_some());
        let table = renamed.map(|change| &change.table).or(ddl.tables.first());
        let (database, name) = match table {
            Some(table) => (&*table.database, &*table.table),
            None => (&*ddl.database, ""),
        };
        out.extend_from_slice(b"{\"data\":null,\"database\":");
        write_string(database, out);
        out.extend_from_slice(b",\"es\":");
        write_place(group, &ddl.event, out);
        out.extend_from_slice(
            b",\"isDdl\":true,\"mysqlType\":null,\"old\":null,\"pkNames\":null,\"sql\":",
        );
        write_string(&ddl.statement, out);
        out.extend_from_slice(b",\"sqlType\":null,\"table\":");
        write_string(name, out);
        out.extend_from_slice(b",\"ts\":");
        write_integer(self.received_ms, out);
        out.extend_from_slice(b",\"type\":");
        write_string(word_of_statement(&ddl.kind), out);
        out.push(b'}');
        Ok(())
    }

    fn invalid_text_count(&self) -> u64 {
        self.images.values.scratch.invalid_count
    }
}

impl CanalWriter {
    #[inline]
    fn begin_row(&mut self, out: &mut Vec<u8>) {
        match self.start {
            Some(_) => out.push(b','),
            None => {
                self.start = Some(out.len());
                out.extend_from_slice(b"{\"data\":[");
            }
        }
    }

    /// Ends the message after the last row of the event, or once it is large.
    #[inline]
    fn end_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.images.refuse_changes(event)?;
        let rows = event.rows;
        let is_last = sequence.saturating_add(1) >= rows.first_row + u64::from(rows.row_count);
        let bytes = out.len() - self.start.unwrap_or(out.len());
        if !is_last && !plan.is_single && bytes + self.old.len() < MESSAGE_BYTES_MAX {
            return Ok(false);
        }
        out.push(b']');
        out.extend_from_slice(&plan.database);
        out.extend_from_slice(&self.middle);
        out.extend_from_slice(&plan.mysql_types);
        match self.old.first_mut() {
            Some(first) => {
                *first = b'[';
                out.extend_from_slice(&self.old);
                out.push(b']');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(&plan.rest);
        write_integer(self.received_ms, out);
        let end: &[u8] = match rows.kind {
            RowsKind::Write | RowsKind::Read | RowsKind::Entering { .. } => {
                b",\"type\":\"INSERT\"}"
            }
            RowsKind::Update | RowsKind::PartialUpdate => b",\"type\":\"UPDATE\"}",
            RowsKind::Delete => b",\"type\":\"DELETE\"}",
        };
        out.extend_from_slice(end);
        self.old.clear();
        self.start = None;
        Ok(true)
    }
}

/// Appends from the time to the message's number, which grows along the binlog.
fn write_place(group: &Group, event: &EventStamp, out: &mut Vec<u8>) {
    write_integer(stamp_ms(group, event), out);
    out.extend_from_slice(b",\"gtid\":");
    match &group.gtid {
        Some(gtid) => write_gtid(gtid, out),
        None => out.extend_from_slice(b"\"\""),
    }
    out.extend_from_slice(b",\"id\":");
    let number = group.begin.file.rsplit_once('.');
    let number: u64 = number
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or_default();
    // Readers keep it in 63 bits.
    let place = (number << POSITION_BITS | event.position) & i64::MAX.cast_unsigned();
    write_integer(place, out);
}

/// What Canal calls a statement.
fn word_of_statement(kind: &StatementKind) -> &'static str {
    match kind {
        StatementKind::CreateTable { .. } => "CREATE",
        StatementKind::AlterTable => "ALTER",
        StatementKind::DropTable { .. } => "ERASE",
        StatementKind::RenameTable => "RENAME",
        StatementKind::TruncateTable => "TRUNCATE",
        StatementKind::CreateIndex => "CINDEX",
        StatementKind::DropIndex => "DINDEX",
        _other => "QUERY",
    }
}
