//! The envelope around a row's images, and the message of a DDL statement.

use super::plan::Plan;
use super::schema::{of_statement, of_statement_key, rest_of_envelope};
use super::table_changes;
use super::value::Values;
use crate::change::{Batch, Ddl, EventStamp, Group, RowsKind, SnapshotMark, TableChange};
use crate::encode::destination::RecordKey;
use crate::encode::format::{DebeziumSettings, SkippedOperations};
use crate::encode::identity::OtherKeyNames;
use crate::encode::json::{
    ImageWriter, Tail, TailParts, escape_as_java, write_gtid, write_gtid_text, write_times,
};
use crate::encode::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk, group};
use crate::encode::writer::EnvelopeWriter;
use crate::encode::{EncodeError, InvalidText};
use crate::mysql::Flavour;
use crate::row::{write_escaped, write_integer, write_string};

/// From so many rows on, an event's changes save more than it takes to learn how they end.
const MANY_ROWS: u32 = 3;

/// Writes the format's messages; owns every buffer that this takes.
pub(in crate::encode) struct DebeziumWriter {
    settings: DebeziumSettings,
    skipped: SkippedOperations,
    flavour: Flavour,
    images: ImageWriter<Values>,
    /// The part of schemas that is the same for all tables; empty without schemas.
    schema: Vec<u8>,
    /// Of the batch: from `,"source":` to the time.
    source: Vec<u8>,
    /// Of the batch: from the time of receipt to the message's end.
    received: Vec<u8>,
    /// Of the event: from `,"source":` to the number of the row.
    head: Vec<u8>,
    /// Of the event: from after the number of the row to the letter of the operation.
    rest: Vec<u8>,
    /// What comes after the images of the next row.
    tail: Tail,
    has_many_rows: bool,
    /// Whether a change of the event tells its transaction.
    has_transaction: bool,
}

impl DebeziumWriter {
    /// Makes a writer.
    pub(in crate::encode) fn new(settings: &DebeziumSettings, invalid_text: InvalidText) -> Self {
        let has_schemas = settings.options.schemas_enable;
        Self {
            settings: settings.clone(),
            skipped: settings.options.skipped().unwrap_or_default(),
            flavour: Flavour::MySql,
            images: ImageWriter::new(Values::new(invalid_text, has_schemas)),
            schema: Vec::new(),
            source: Vec::new(),
            received: Vec::new(),
            head: Vec::new(),
            rest: Vec::new(),
            tail: Tail::default(),
            has_many_rows: false,
            has_transaction: false,
        }
    }
}

impl EnvelopeWriter for DebeziumWriter {
    type Plan = Plan;

    const SPLITS_KEY_CHANGES: bool = true;
    const OTHER_KEY_NAMES: OtherKeyNames = OtherKeyNames {
        new: "__debezium.newkey",
        old: "__debezium.oldkey",
        on_tombstones: true,
    };

    fn begin(&mut self, batch: &Batch) {
        let has_schemas = self.settings.options.schemas_enable;
        self.images.begin();
        if has_schemas && (self.schema.is_empty() || self.flavour != batch.origin.flavour) {
            self.schema = rest_of_envelope(batch.origin.flavour).into_bytes();
        }
        self.flavour = batch.origin.flavour;
        self.source.clear();
        self.source.extend_from_slice(b",\"source\":");
        self.begin_source();
        self.received.clear();
        write_times(batch.received_us, &mut self.received);
        self.received
            .extend_from_slice(if has_schemas { b"}}" } else { b"}" });
    }

    fn skips(&self, kind: RowsKind) -> bool {
        self.skipped.has(kind)
    }

    fn enter(&mut self, event: &RowsEvent<'_>, plan: &Plan) {
        self.tail.forget();
        self.has_transaction =
            self.settings.options.provide_transaction_metadata && event.group.snapshot.is_none();
        self.has_many_rows = event.rows.row_count >= MANY_ROWS && !self.has_transaction;
        self.head.clear();
        self.head.extend_from_slice(&self.source);
        let names = (&*plan.database, &*plan.table);
        write_place(
            event.group,
            &event.rows.event,
            names,
            Precision::Micros,
            &mut self.head,
        );
        self.rest.clear();
        write_origin(event.group.thread_id, event.query, &mut self.rest);
        if self.has_transaction {
            self.rest.extend_from_slice(b"},\"transaction\":{\"id\":\"");
            write_transaction_id(event.group, &mut self.rest);
            self.rest.extend_from_slice(b"\",\"total_order\":");
        } else {
            self.rest
                .extend_from_slice(b"},\"transaction\":null,\"op\":\"");
        }
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
        let others = match key.names_table {
            true => &*plan.named,
            false => &[],
        };
        let columns = (others, &*key.columns);
        // What chooses a partition only is no key of the table's.
        let has_schema = !plan.key_schema.is_empty() && *key == plan.key;
        if has_schema {
            out.extend_from_slice(&plan.key_schema);
        }
        let start = out.len();
        self.images
            .write_key(event, &plan.members, columns, images, out)?;
        escape_as_java(start, out);
        if has_schema {
            out.push(b'}');
        }
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
        self.begin_change(plan, out);
        let members = &plan.members;
        let letter = self.images.write_change(event, members, change, out)?;
        self.end_change(event, letter, sequence, out)
    }

    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        row: (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.begin_change(plan, out);
        let letter = self.images.write_row(event, &plan.members, row, out)?;
        self.end_change(event, letter, sequence, out)
    }

    fn ddl_count(&self, ddl: &Ddl) -> usize {
        ddl.changes.len().max(1)
    }

    fn write_ddl_key(&mut self, ddl: &Ddl, number: usize, out: &mut Vec<u8>) -> bool {
        let has_schemas = self.settings.options.schemas_enable;
        if has_schemas {
            out.extend_from_slice(of_statement_key(self.flavour).as_bytes());
        }
        let start = out.len();
        out.extend_from_slice(b"{\"databaseName\":");
        write_string(database(ddl, number), out);
        out.push(b'}');
        escape_as_java(start, out);
        if has_schemas {
            out.push(b'}');
        }
        true
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let has_schemas = self.settings.options.schemas_enable;
        if has_schemas {
            out.extend_from_slice(of_statement(self.flavour).as_bytes());
        }
        let json = |name: Option<&str>| {
            let mut text = Vec::new();
            match name {
                Some(name) => write_string(name, &mut text),
                None => text.extend_from_slice(b"null"),
            }
            text
        };
        let change = ddl.changes.get(number);
        let table = change.map(|change| &change.table).or(ddl.tables.first());
        let database = json(Some(database(ddl, number)));
        let table = json(table.map(|name| &*name.table));
        let names = (&*database, &*table);
        let group = group(batch, ddl.group)?;
        out.push(b'{');
        out.extend_from_slice(self.source.get(1..).unwrap_or_default());
        write_place(group, &ddl.event, names, Precision::Millis, out);
        out.push(b'0');
        write_origin(None, None, out);
        out.extend_from_slice(b"},\"ts_ms\":");
        write_integer(batch.received_us.div_euclid(1000), out);
        out.extend_from_slice(b",\"databaseName\":");
        out.extend_from_slice(&database);
        out.extend_from_slice(b",\"schemaName\":null,\"ddl\":");
        write_string(&ddl.statement, out);
        out.extend_from_slice(b",\"tableChanges\":");
        let comments = self.settings.options.include_schema_comments;
        table_changes::write(change.map_or(&[], std::slice::from_ref), comments, out);
        out.extend_from_slice(if has_schemas { b"}}" } else { b"}" });
        Ok(())
    }

    fn write_emptied(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        plan: &Plan,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        if self.skipped.truncates {
            return Ok(false);
        }
        let group = group(batch, ddl.group)?;
        self.begin_change(plan, out);
        out.extend_from_slice(b"{\"before\":null,\"after\":null");
        out.extend_from_slice(&self.source);
        let names = (&*plan.database, &*plan.table);
        write_place(group, &ddl.event, names, Precision::Millis, out);
        out.push(b'0');
        write_origin(None, None, out);
        out.extend_from_slice(b"},\"transaction\":null,\"op\":\"t\"");
        out.extend_from_slice(&self.received);
        Ok(true)
    }

    fn invalid_text_count(&self) -> u64 {
        self.images.values.scratch.invalid_count
    }
}

impl DebeziumWriter {
    /// Appends `source` from its brace to the time.
    fn begin_source(&mut self) {
        let out = &mut self.source;
        out.extend_from_slice(b"{\"version\":\"");
        out.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
        out.extend_from_slice(b"\",\"connector\":\"");
        out.extend_from_slice(self.flavour.word().as_bytes());
        out.extend_from_slice(b"\",\"name\":");
        write_string(&self.settings.prefix, out);
        out.extend_from_slice(b",\"ts_ms\":");
    }

    /// Appends the schema of a change, if messages have one.
    #[inline]
    fn begin_change(&self, plan: &Plan, out: &mut Vec<u8>) {
        if !self.schema.is_empty() {
            out.extend_from_slice(&plan.schema_start);
            out.extend_from_slice(&self.schema);
            out.extend_from_slice(&plan.schema_end);
        }
    }

    /// Appends what comes after the images.
    fn end_change(
        &mut self,
        event: &RowsEvent<'_>,
        letter: u8,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.images.refuse_changes(event)?;
        let rows = event.rows;
        let row = u64::from(rows.row_in_event) + sequence.saturating_sub(rows.first_row);
        if self.tail.write(row, letter, out) {
            return Ok(true);
        }
        if self.has_many_rows {
            let parts = TailParts {
                head: &self.head,
                middle: None,
                before_letter: &self.rest,
                after_letter: b'"',
                rest: &self.received,
            };
            self.tail.learn(row, &parts);
        }
        out.extend_from_slice(&self.head);
        write_integer(row, out);
        out.extend_from_slice(&self.rest);
        if self.has_transaction {
            let row = sequence.saturating_sub(rows.first_row);
            write_integer(sequence.saturating_add(1), out);
            out.extend_from_slice(b",\"data_collection_order\":");
            write_integer(rows.first_of_table.saturating_add(row + 1), out);
            out.extend_from_slice(b"},\"op\":\"");
        }
        out.push(letter);
        out.push(b'"');
        out.extend_from_slice(&self.received);
        Ok(true)
    }
}

/// Appends the id of a group as Debezium has it, without quotes: nothing of it needs an escape but what a file is called.
pub(in crate::encode) fn write_transaction_id(group: &Group, out: &mut Vec<u8>) {
    match &group.gtid {
        Some(gtid) => write_gtid_text(gtid, out),
        None => {
            out.extend_from_slice(b"file=");
            write_escaped(&group.begin.file, out);
            out.extend_from_slice(b",pos=");
            write_integer(group.begin.position, out);
        }
    }
}

/// How exact the time of `source` is.
#[derive(Clone, Copy)]
enum Precision {
    Micros,
    /// As schema changes have it.
    Millis,
}

/// When the change was made on the source, in microseconds since 1970.
pub(in crate::encode) fn event_us(group: &Group, event: &EventStamp) -> i64 {
    // Without GTIDs Debezium has the time of the event, though servers tell more.
    let of_group = group.gtid.as_ref().and(group.original_commit_us);
    of_group.unwrap_or(i64::from(event.timestamp) * 1_000_000)
}

/// Appends a time in microseconds as nanoseconds.
pub(in crate::encode) fn write_ns(us: i64, out: &mut Vec<u8>) {
    write_integer(us, out);
    if us != 0 {
        out.extend_from_slice(b"000");
    }
}

/// Appends `source` from its time to the number of the row; the names of database and table are JSON.
fn write_place(
    group: &Group,
    event: &EventStamp,
    (database, table): (&[u8], &[u8]),
    precision: Precision,
    out: &mut Vec<u8>,
) {
    let us = event_us(group, event);
    let us = match precision {
        Precision::Micros => us,
        Precision::Millis => us.div_euclid(1000) * 1000,
    };
    write_integer(us.div_euclid(1000), out);
    out.extend_from_slice(b",\"snapshot\":\"");
    let mark = group.snapshot.map_or("false", SnapshotMark::word);
    out.extend_from_slice(mark.as_bytes());
    out.extend_from_slice(b"\",\"db\":");
    out.extend_from_slice(database);
    out.extend_from_slice(b",\"sequence\":null,\"ts_us\":");
    write_integer(us, out);
    out.extend_from_slice(b",\"ts_ns\":");
    write_ns(us, out);
    out.extend_from_slice(b",\"table\":");
    out.extend_from_slice(table);
    out.extend_from_slice(b",\"server_id\":");
    write_integer(event.server_id, out);
    out.extend_from_slice(b",\"gtid\":");
    match &group.gtid {
        Some(gtid) => write_gtid(gtid, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"file\":");
    write_string(&group.begin.file, out);
    out.extend_from_slice(b",\"pos\":");
    write_integer(event.position, out);
    out.extend_from_slice(b",\"row\":");
}

/// Appends the last members of `source`.
fn write_origin(thread_id: Option<u32>, query: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"thread\":");
    match thread_id {
        Some(id) => write_integer(id, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"query\":");
    match query {
        Some(query) => write_string(&String::from_utf8_lossy(query), out),
        None => out.extend_from_slice(b"null"),
    }
}

/// The database that a statement's message of this number is about.
fn database(ddl: &Ddl, number: usize) -> &str {
    let change: Option<&TableChange> = ddl.changes.get(number);
    let table = change.map(|change| &change.table).or(ddl.tables.first());
    table.map_or(&*ddl.database, |table| &*table.database)
}
