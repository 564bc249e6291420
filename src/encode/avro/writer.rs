//! The messages: the envelope around a row's images, a plain row, or a DDL statement.

use std::sync::Arc;

use super::binary::{SECOND, write_bytes, write_long, write_optional};
use super::connect::Connect;
use super::document;
use super::images::Images;
use super::plan::{AvroMember, HEAD_WITHOUT_NUMBER, Plan};
use crate::change::{Batch, Ddl, RowsKind, SnapshotMark};
use crate::encode::debezium::{DebeziumWriter, event_us, statement_heads, write_transaction_id};
use crate::encode::destination::RecordKey;
use crate::encode::format::{
    AvroFraming, AvroLayout, AvroSettings, DebeziumSettings, SkippedOperations,
};
use crate::encode::identity::{OtherKeyNames, write_server};
use crate::encode::json::write_gtid_text;
use crate::encode::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk, key_value, letter_of_new};
use crate::encode::schemas::AvroSchemas;
use crate::encode::writer::EnvelopeWriter;
use crate::encode::{EncodeError, InvalidText};
use crate::mysql::Flavour;

/// Writes the format's messages; owns every buffer that this takes.
pub(in crate::encode) struct AvroWriter {
    settings: AvroSettings,
    skipped: SkippedOperations,
    images: Images,
    /// Of the batch: the strings of `source` before its time, or the source's identity.
    origin: Vec<u8>,
    /// Of the batch: the times at the end of an envelope.
    received: Vec<u8>,
    /// Of the event: what comes before the number of the row.
    head: Vec<u8>,
    /// Of the event: what comes after that, and where the letter of the operation is in it.
    tail: Vec<u8>,
    letter_at: usize,
    /// Whether a row's place in its transaction comes after that.
    has_transaction: bool,
    /// A name or a number on its way into a string.
    text: Vec<u8>,
    statements: Option<Statements>,
}

/// How statements are written.
struct Statements {
    flavour: Flavour,
    key: Connect,
    value: Connect,
    schemas: Arc<AvroSchemas>,
    /// Writes what they say as JSON.
    payloads: DebeziumWriter,
}

impl AvroWriter {
    /// Makes a writer.
    pub(in crate::encode) fn new(settings: &AvroSettings, invalid_text: InvalidText) -> Self {
        Self {
            settings: settings.clone(),
            skipped: settings.debezium.options.skipped().unwrap_or_default(),
            images: Images::new(invalid_text),
            origin: Vec::new(),
            received: Vec::new(),
            head: Vec::new(),
            tail: Vec::new(),
            letter_at: 0,
            has_transaction: false,
            text: Vec::new(),
            statements: None,
        }
    }
}

impl EnvelopeWriter for AvroWriter {
    type Plan = Plan;

    const SPLITS_KEY_CHANGES: bool = true;
    const OTHER_KEY_NAMES: OtherKeyNames = DebeziumWriter::OTHER_KEY_NAMES;

    fn begin(&mut self, batch: &Batch) {
        self.images.values.invalid_count = 0;
        self.origin.clear();
        match self.settings.options.layout {
            AvroLayout::Debezium => {
                let connector = batch.origin.flavour.word();
                write_bytes(env!("CARGO_PKG_VERSION").as_bytes(), &mut self.origin);
                write_bytes(connector.as_bytes(), &mut self.origin);
                let prefix = self.settings.debezium.prefix.as_bytes();
                write_bytes(prefix, &mut self.origin);
                self.received.clear();
                let us = batch.received_us;
                write_times(us.div_euclid(1000), us, &mut self.received);
            }
            AvroLayout::Plain => {
                self.text.clear();
                write_server(&batch.origin, &mut self.text);
                write_bytes(&self.text, &mut self.origin);
            }
        }
    }

    fn skips(&self, kind: RowsKind) -> bool {
        self.settings.options.layout == AvroLayout::Debezium && self.skipped.has(kind)
    }

    fn enter(&mut self, event: &RowsEvent<'_>, plan: &Plan) {
        self.text.clear();
        let gtid = event.group.gtid.as_ref().map(|gtid| {
            write_gtid_text(gtid, &mut self.text);
            &*self.text
        });
        self.head.clear();
        self.tail.clear();
        match self.settings.options.layout {
            AvroLayout::Debezium => {
                self.head.extend_from_slice(&self.origin);
                write_place(event, plan, gtid, &mut self.head);
                match event.group.thread_id {
                    Some(id) => {
                        self.tail.push(SECOND);
                        write_long(id.into(), &mut self.tail);
                    }
                    None => self.tail.push(0),
                }
                let query = event.query.map(String::from_utf8_lossy);
                let query = query.as_deref().map(str::as_bytes);
                write_optional(query, &mut self.tail);
                self.has_transaction = self.settings.debezium.options.provide_transaction_metadata
                    && event.group.snapshot.is_none();
                if self.has_transaction {
                    self.text.clear();
                    write_transaction_id(event.group, &mut self.text);
                    self.tail.push(SECOND);
                    write_bytes(&self.text, &mut self.tail);
                } else {
                    self.tail.extend_from_slice(&[0, SECOND]);
                    self.letter_at = self.tail.len();
                    self.tail.push(0);
                    self.tail.extend_from_slice(&self.received);
                }
            }
            AvroLayout::Plain => {
                write_long(event.group.commit_us, &mut self.head);
                self.head.extend_from_slice(&self.origin);
                write_optional(gtid, &mut self.head);
                write_bytes(event.group.begin.file.as_bytes(), &mut self.head);
                write_unsigned(event.group.begin.position, &mut self.head);
            }
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
        if *key == plan.key {
            out.extend_from_slice(&plan.key_head);
        }
        if key.names_table {
            out.extend_from_slice(&plan.database);
            out.extend_from_slice(&plan.table);
        }
        for (place, index) in key.columns.iter().enumerate() {
            let is_it = |member: &&AvroMember| member.field.index == *index;
            // What chooses a partition only is no key of the table's, and has no schema.
            let of_key = plan.key_members.get(place).filter(is_it);
            let member = of_key.or_else(|| plan.members.iter().find(is_it));
            let (Some(member), Some(value)) = (member, key_value(images, *index)) else {
                return Err(EncodeError::KeyMissing {
                    column: event.column(*index),
                    place: event.place(),
                });
            };
            self.images.write_key_value(event, member, value, out)?;
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
        out.extend_from_slice(&plan.value_head);
        match self.settings.options.layout {
            AvroLayout::Debezium => self.write_envelope(event, plan, change, sequence, out)?,
            AvroLayout::Plain => self.write_row_alone(event, plan, change, sequence, out)?,
        }
        Ok(true)
    }

    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let start = out.len();
        let is_written = match self.settings.options.layout {
            AvroLayout::Debezium => {
                self.write_envelope_of(event, plan, (rows, cells), sequence, out)?
            }
            AvroLayout::Plain => self.write_alone_of(event, plan, (rows, cells), sequence, out)?,
        };
        if is_written {
            return Ok(true);
        }
        out.truncate(start);
        self.write_change(event, plan, rows.change(cells)?, sequence, out)
    }

    fn ddl_count(&self, ddl: &Ddl) -> usize {
        ddl.changes.len().max(1)
    }

    fn write_ddl_key(&mut self, ddl: &Ddl, number: usize, out: &mut Vec<u8>) -> bool {
        // The schemas are there: `ddl_schemas` was asked for first.
        let Some(statements) = &mut self.statements else {
            return false;
        };
        self.text.clear();
        let has_key = statements
            .payloads
            .write_ddl_key(ddl, number, &mut self.text);
        let payload = serde_json::from_slice(&self.text).unwrap_or_default();
        write_head(self.settings.framing, out);
        has_key && document::write(&statements.key, &payload, out).is_some()
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let wrong = || EncodeError::Reference {
            what: "schema of statement",
            index: u32::try_from(number).unwrap_or(u32::MAX),
        };
        let statements = self.statements.as_mut().ok_or_else(wrong)?;
        self.text.clear();
        statements.payloads.begin(batch);
        statements
            .payloads
            .write_ddl(batch, ddl, number, &mut self.text)?;
        let payload = serde_json::from_slice(&self.text).map_err(|_| wrong())?;
        write_head(self.settings.framing, out);
        document::write(&statements.value, &payload, out).ok_or_else(wrong)
    }

    fn ddl_schemas(&mut self, batch: &Batch) -> Option<Arc<AvroSchemas>> {
        let flavour = batch.origin.flavour;
        let known = self.statements.as_ref();
        if known.is_none_or(|known| known.flavour != flavour) {
            self.statements = Statements::new(flavour, &self.settings);
        }
        let statements = self.statements.as_ref()?;
        Some(Arc::clone(&statements.schemas))
    }

    fn write_emptied(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        plan: &Plan,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let Some(emptied) = &plan.emptied else {
            return Ok(false);
        };
        let wrong = || EncodeError::Reference {
            what: "schema of table",
            index: ddl.emptied.unwrap_or_default(),
        };
        self.ddl_schemas(batch);
        let statements = self.statements.as_mut().ok_or_else(wrong)?;
        self.text.clear();
        let payloads = &mut statements.payloads;
        payloads.begin(batch);
        if !payloads.write_emptied(batch, ddl, &emptied.payload, &mut self.text)? {
            return Ok(false);
        }
        let payload = serde_json::from_slice(&self.text).map_err(|_| wrong())?;
        out.extend_from_slice(&plan.value_head);
        document::write(&emptied.value, &payload, out).ok_or_else(wrong)?;
        Ok(true)
    }

    fn invalid_text_count(&self) -> u64 {
        self.images.values.invalid_count
    }
}

impl AvroWriter {
    fn write_envelope(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        change: RowChange<'_>,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let letter = match change {
            RowChange::Create { after } => {
                out.extend_from_slice(&[0, SECOND]);
                self.images.write_image(event, plan, &[after], out)?;
                letter_of_new(event.rows.kind)
            }
            RowChange::Update { before, after } => {
                out.push(SECOND);
                self.images.write_image(event, plan, &[before], out)?;
                out.push(SECOND);
                self.images.write_image(event, plan, &[after], out)?;
                b'u'
            }
            RowChange::Delete { before } => {
                out.push(SECOND);
                self.images.write_image(event, plan, &[before], out)?;
                out.push(0);
                b'd'
            }
        };
        self.end_envelope(event, letter, sequence, out);
        Ok(())
    }

    /// Appends the envelope of the next row while it looks for the row's cells; `false`, and maybe a part of it, if they have to
    /// be looked for before.
    #[inline]
    fn write_envelope_of(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        out.extend_from_slice(&plan.value_head);
        let kind = event.rows.kind;
        let letter = match kind {
            RowsKind::Update | RowsKind::PartialUpdate => {
                out.push(SECOND);
                let start = out.len();
                let row = (&mut *rows, &mut *cells);
                if !self.images.write_first::<true>(event, plan, row, out)? {
                    return Ok(false);
                }
                let (before, after) = rows.after(cells)?;
                out.push(SECOND);
                let images = ((before, start), after);
                self.images.write_after(event, plan, images, out)?;
                b'u'
            }
            RowsKind::Write | RowsKind::Read | RowsKind::Delete => {
                let is_deleted = kind == RowsKind::Delete;
                let branches: &[u8] = match is_deleted {
                    true => &[SECOND],
                    false => &[0, SECOND],
                };
                out.extend_from_slice(branches);
                let row = (rows, cells);
                if !self.images.write_first::<false>(event, plan, row, out)? {
                    return Ok(false);
                }
                match is_deleted {
                    true => {
                        out.push(0);
                        b'd'
                    }
                    false => letter_of_new(kind),
                }
            }
            RowsKind::Entering { .. } => return Ok(false),
        };
        self.end_envelope(event, letter, sequence, out);
        Ok(true)
    }

    /// Appends what comes after the images.
    #[inline]
    fn end_envelope(
        &mut self,
        event: &RowsEvent<'_>,
        letter: u8,
        sequence: u64,
        out: &mut Vec<u8>,
    ) {
        let rows = event.rows;
        let row = u64::from(rows.row_in_event) + sequence.saturating_sub(rows.first_row);
        out.extend_from_slice(&self.head);
        write_unsigned(row, out);
        let start = out.len();
        out.extend_from_slice(&self.tail);
        if self.has_transaction {
            let row = sequence.saturating_sub(rows.first_row);
            write_unsigned(sequence.saturating_add(1), out);
            write_unsigned(rows.first_of_table.saturating_add(row + 1), out);
            out.extend_from_slice(&[SECOND, letter]);
            out.extend_from_slice(&self.received);
        } else if let Some(place) = out.get_mut(start + self.letter_at) {
            *place = letter;
        }
    }

    /// The same of a row alone. Of an update both images are looked at, since either may lack columns.
    #[inline]
    fn write_alone_of(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        row: (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let kind = event.rows.kind;
        let (letter, is_deleted) = match kind {
            RowsKind::Write | RowsKind::Read => (letter_of_new(kind), false),
            RowsKind::Delete => (b'd', true),
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => {
                return Ok(false);
            }
        };
        out.extend_from_slice(&plan.value_head);
        if !self.images.write_first::<false>(event, plan, row, out)? {
            return Ok(false);
        }
        self.end_alone((letter, is_deleted), sequence, out);
        Ok(true)
    }

    fn end_alone(&self, (letter, is_deleted): (u8, bool), sequence: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&[SECOND, letter, u8::from(is_deleted)]);
        out.extend_from_slice(&self.head);
        write_unsigned(sequence, out);
    }

    fn write_row_alone(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        change: RowChange<'_>,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let (letter, is_deleted) = match change {
            RowChange::Create { after } => {
                self.images.write_image(event, plan, &[after], out)?;
                (letter_of_new(event.rows.kind), false)
            }
            RowChange::Update { before, after } => {
                self.images
                    .write_image(event, plan, &[after, before], out)?;
                (b'u', false)
            }
            RowChange::Delete { before } => {
                self.images.write_image(event, plan, &[before], out)?;
                (b'd', true)
            }
        };
        self.end_alone((letter, is_deleted), sequence, out);
        Ok(())
    }
}

impl Statements {
    fn new(flavour: Flavour, settings: &AvroSettings) -> Option<Self> {
        let (key, value) = statement_heads(flavour);
        let key = Connect::of_head(&key).ok()?;
        let value = Connect::of_head(&value).ok()?;
        let schemas = AvroSchemas {
            key: Some(key.to_avro().ok()?),
            value: value.to_avro().ok()?,
        };
        let mut of_payloads = DebeziumSettings::clone(&settings.debezium);
        of_payloads.options.schemas_enable = false;
        Some(Self {
            flavour,
            key,
            value,
            schemas: Arc::new(schemas),
            payloads: DebeziumWriter::new(&of_payloads, InvalidText::Fail),
        })
    }
}

/// Appends what the message of a statement begins with.
fn write_head(framing: AvroFraming, out: &mut Vec<u8>) {
    match framing {
        AvroFraming::Registry => out.extend_from_slice(&HEAD_WITHOUT_NUMBER),
        AvroFraming::Bare => {}
    }
}

/// Appends `source` from its time to before the number of the row.
fn write_place(event: &RowsEvent<'_>, plan: &Plan, gtid: Option<&[u8]>, out: &mut Vec<u8>) {
    let group = event.group;
    let us = event_us(group, &event.rows.event);
    write_long(us.div_euclid(1000), out);
    // The branch of its default.
    out.push(0);
    let mark = group.snapshot.map_or("false", SnapshotMark::word);
    write_bytes(mark.as_bytes(), out);
    out.extend_from_slice(&plan.database);
    // No sequence.
    out.push(0);
    for time in [us, us.saturating_mul(1000)] {
        out.push(SECOND);
        write_long(time, out);
    }
    out.push(SECOND);
    out.extend_from_slice(&plan.table);
    write_long(event.rows.event.server_id.into(), out);
    write_optional(gtid, out);
    write_bytes(group.begin.file.as_bytes(), out);
    write_unsigned(event.rows.event.position, out);
}

/// Appends the times at the end of an envelope, each in a union.
fn write_times(ms: i64, us: i64, out: &mut Vec<u8>) {
    for time in [ms, us, us.saturating_mul(1000)] {
        out.push(SECOND);
        write_long(time, out);
    }
}

fn write_unsigned(value: u64, out: &mut Vec<u8>) {
    write_long(i64::try_from(value).unwrap_or(i64::MAX), out);
}
