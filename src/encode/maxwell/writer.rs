//! The envelope around a row, and the message of a DDL statement.

use super::definition;
use super::plan::Plan;
use super::value::Values;
use crate::change::{Batch, Ddl, EdgeSide, EventStamp, Group, Item, RowsKind};
use crate::encode::destination::RecordKey;
use crate::encode::format::{MaxwellKeyFormat, MaxwellOptions};
use crate::encode::json::{ImageWriter, close_object, escape_as_java, write_gtid};
use crate::encode::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk, group, stamp_ms};
use crate::encode::writer::EnvelopeWriter;
use crate::encode::{EncodeError, InvalidText};
use crate::row::{write_escaped, write_integer, write_string};

/// Writes the format's messages; owns every buffer that this takes.
pub(in crate::encode) struct MaxwellWriter {
    options: MaxwellOptions,
    images: ImageWriter<Values>,
    /// Of each group of the batch, the sequence of its last change of a row, if the batch holds that.
    last_of_group: Vec<Option<u64>>,
    /// Of the event's group.
    last: Option<u64>,
    /// Whether messages of the event tell their place in a transaction: those of a snapshot are of none.
    tells_commit: bool,
    /// Of the event: from the brace to the type.
    head: Vec<u8>,
    /// Of the event: from after the type to the place in the transaction.
    middle: Vec<u8>,
    /// Of the event: from after that place to the primary key.
    rest: Vec<u8>,
}

impl MaxwellWriter {
    /// Makes a writer.
    pub(in crate::encode) fn new(options: &MaxwellOptions, invalid_text: InvalidText) -> Self {
        let mut images = ImageWriter::new(Values::new(invalid_text));
        images.leaves_nulls_out = !options.output_nulls;
        Self {
            options: options.clone(),
            images,
            last_of_group: Vec::new(),
            last: None,
            tells_commit: false,
            head: Vec::new(),
            middle: Vec::new(),
            rest: Vec::new(),
        }
    }
}

impl EnvelopeWriter for MaxwellWriter {
    type Plan = Plan;

    /// Maxwell leaves it an update, under the new key.
    const SPLITS_KEY_CHANGES: bool = false;

    fn begin(&mut self, batch: &Batch) {
        self.images.begin();
        self.last_of_group.clear();
        self.last_of_group.resize(batch.groups.len(), None);
        for item in &batch.items {
            if let Item::Rows(rows) = item
                && let Some(last) = self.last_of_group.get_mut(rows.group as usize)
            {
                let next = rows.first_row + u64::from(rows.row_count);
                *last = next.checked_sub(1);
            }
        }
        // The last group may go on in the next batch.
        if batch.end.is_none()
            && let Some(last) = self.last_of_group.last_mut()
        {
            *last = None;
        }
    }

    fn enter(&mut self, event: &RowsEvent<'_>, plan: &Plan) {
        let options = &self.options;
        self.last = self
            .last_of_group
            .get(event.rows.group as usize)
            .copied()
            .flatten();
        self.tells_commit = options.output_commit_info && event.group.snapshot.is_none();
        self.head.clear();
        self.head.extend_from_slice(&plan.head);
        if options.output_row_query
            && let Some(query) = event.query
        {
            self.head.extend_from_slice(b",\"query\":");
            write_string(&String::from_utf8_lossy(query), &mut self.head);
        }
        self.head.extend_from_slice(b",\"type\":\"");
        self.middle.clear();
        self.middle.extend_from_slice(b"\",\"ts\":");
        let ms = stamp_ms(event.group, &event.rows.event);
        write_integer(ms.div_euclid(1000), &mut self.middle);
        if options.output_commit_info
            && let Some(xid) = event.group.xid
        {
            self.middle.extend_from_slice(b",\"xid\":");
            write_integer(xid, &mut self.middle);
        }
        self.write_rest(event, plan);
    }

    fn write_key(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        key: &RecordKey,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        if key.columns.is_empty() {
            return Ok(false);
        }
        if *key != plan.key {
            // It only chooses a partition.
            let columns = (&*plan.key_head, &*key.columns);
            self.images
                .write_key(event, &plan.members, columns, images, out)?;
            return Ok(true);
        }
        let start = out.len();
        out.extend_from_slice(&plan.key_head);
        match self.options.kafka_key_format {
            MaxwellKeyFormat::Hash => {
                for (index, member) in &plan.key_members {
                    self.images
                        .write_key_member(event, (*index, member), images, out)?;
                }
                close_object(start, out);
            }
            MaxwellKeyFormat::Array => {
                for (number, (index, member)) in plan.key_members.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    let start = out.len();
                    self.images
                        .write_key_member(event, (*index, member), images, out)?;
                    close_object(start, out);
                }
                out.extend_from_slice(b"]]");
            }
        }
        escape_as_java(start, out);
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
        let (word, first): (&[u8], _) = match change {
            RowChange::Create { after } => (word_of_new(event.rows.kind), [after, after]),
            RowChange::Update { before, after } => (b"update", [after, before]),
            RowChange::Delete { before } => (b"delete", [before, before]),
        };
        self.begin_change(word, sequence, out);
        if self.options.output_primary_keys {
            self.write_primary_key(event, plan, &first, out)?;
        }
        self.begin_data(plan, out);
        match change {
            RowChange::Create { after: image } | RowChange::Delete { before: image } => {
                self.images
                    .write_image::<false>(event, &plan.members, image, out)?;
            }
            RowChange::Update { before, after } => {
                self.write_update(event, plan, (before, after), out)?;
            }
        }
        self.end_change(event, out)
    }

    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let word: &[u8] = match event.rows.kind {
            RowsKind::Delete => b"delete",
            kind @ (RowsKind::Write | RowsKind::Read) => word_of_new(kind),
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => b"",
        };
        let start = out.len();
        if !word.is_empty() && !self.options.output_primary_keys {
            self.begin_change(word, sequence, out);
            self.begin_data(plan, out);
            let row = (&mut *rows, &mut *cells);
            if self
                .images
                .write_first::<false>(event, &plan.members, row, out)?
            {
                return self.end_change(event, out);
            }
            out.truncate(start);
        }
        self.write_change(event, plan, rows.change(cells)?, sequence, out)
    }

    fn ddl_count(&self, ddl: &Ddl) -> usize {
        definition::count(ddl)
    }

    /// Maxwell's keys of them are random.
    fn write_ddl_key(&mut self, _ddl: &Ddl, _number: usize, _out: &mut Vec<u8>) -> bool {
        false
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let group = group(batch, ddl.group)?;
        out.push(b'{');
        definition::write(ddl, number, out);
        out.extend_from_slice(b",\"ts\":");
        write_integer(stamp_ms(group, &ddl.event), out);
        out.extend_from_slice(b",\"sql\":");
        write_string(&ddl.statement, out);
        write_place(&self.options, group, &ddl.event, out);
        out.push(b'}');
        Ok(())
    }

    fn write_edge_key(&mut self, plan: &Plan, out: &mut Vec<u8>) -> bool {
        if plan.key.columns.is_empty() {
            return false;
        }
        let start = out.len();
        out.extend_from_slice(&plan.edge_key);
        escape_as_java(start, out);
        true
    }

    fn write_edge(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        side: EdgeSide,
        out: &mut Vec<u8>,
    ) -> bool {
        let word: &[u8] = match side {
            EdgeSide::Begin => b"bootstrap-start",
            EdgeSide::End => b"bootstrap-complete",
        };
        self.begin_change(word, event.rows.first_row, out);
        // Maxwell's last message is of a row of no table, as far as keys go.
        let (key, key_columns) = match side {
            EdgeSide::Begin => (&*plan.edge_values, &*plan.key_columns),
            EdgeSide::End => (plan.no_key[0], plan.no_key[1]),
        };
        out.extend_from_slice(key);
        out.extend_from_slice(key_columns);
        out.extend_from_slice(b",\"data\":{}}");
        true
    }

    fn invalid_text_count(&self) -> u64 {
        self.images.values.scratch.invalid_count
    }
}

impl MaxwellWriter {
    /// Writes what comes between the place in the transaction and the primary key.
    fn write_rest(&mut self, event: &RowsEvent<'_>, plan: &Plan) {
        let (options, out) = (&self.options, &mut self.rest);
        out.clear();
        // Rows of a snapshot are of no event.
        if event.group.snapshot.is_none() {
            write_place(options, event.group, &event.rows.event, out);
            if options.output_server_id {
                out.extend_from_slice(b",\"server_id\":");
                write_integer(event.rows.event.server_id, out);
            }
        }
        if options.output_thread_id
            && let Some(id) = event.group.thread_id
        {
            out.extend_from_slice(b",\"thread_id\":");
            write_integer(id, out);
        }
        out.extend_from_slice(&plan.schema_id);
    }

    /// Appends a message up to the primary key.
    #[inline]
    fn begin_change(&self, word: &[u8], sequence: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(word);
        out.extend_from_slice(&self.middle);
        if self.tells_commit {
            if self.last == Some(sequence) {
                out.extend_from_slice(b",\"commit\":true");
            } else if self.options.output_xoffset {
                out.extend_from_slice(b",\"xoffset\":");
                write_integer(sequence, out);
            }
        }
        out.extend_from_slice(&self.rest);
    }

    #[inline]
    fn begin_data(&self, plan: &Plan, out: &mut Vec<u8>) {
        out.extend_from_slice(&plan.key_columns);
        out.extend_from_slice(b",\"data\":");
    }

    fn write_primary_key(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend_from_slice(b",\"primary_key\":[");
        for (number, index) in event.table.key.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            let Some(member) = plan.members.get(*index) else {
                continue;
            };
            let start = out.len();
            self.images
                .write_key_member(event, (*index, member), images, out)?;
            // The value alone is wanted.
            let name = member.name.bare_length();
            out.drain(start..(start + name).min(out.len()));
        }
        out.push(b']');
        Ok(())
    }

    /// Appends the row as it is now, and of the columns that changed the values that they had.
    fn write_update(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        (before, after): (Image<'_>, Image<'_>),
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let members = &plan.members;
        let images = (before, after);
        self.images.write_updated(event, members, images, out)?;
        if !self.images.has_changed() {
            return Ok(());
        }
        out.extend_from_slice(b",\"old\":");
        self.images.leaves_nulls_out = false;
        let written = self.images.write_former(event, members, before, out);
        self.images.leaves_nulls_out = !self.options.output_nulls;
        written
    }

    #[inline]
    fn end_change(
        &mut self,
        event: &RowsEvent<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.images.refuse_changes(event)?;
        out.push(b'}');
        Ok(true)
    }
}

/// Appends where an event is, as the options want it.
fn write_place(options: &MaxwellOptions, group: &Group, event: &EventStamp, out: &mut Vec<u8>) {
    if options.output_binlog_position {
        out.extend_from_slice(b",\"position\":\"");
        write_escaped(&group.begin.file, out);
        out.push(b':');
        write_integer(event.position, out);
        out.push(b'"');
    }
    if options.output_gtid_position
        && let Some(gtid) = &group.gtid
    {
        out.extend_from_slice(b",\"gtid\":");
        write_gtid(gtid, out);
    }
}

/// The type of the message of a row that was not there before.
fn word_of_new(kind: RowsKind) -> &'static [u8] {
    match kind {
        RowsKind::Read => b"bootstrap-insert",
        RowsKind::Write
        | RowsKind::Update
        | RowsKind::PartialUpdate
        | RowsKind::Entering { .. }
        | RowsKind::Delete => b"insert",
    }
}
