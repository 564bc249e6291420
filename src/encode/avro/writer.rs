//! The messages: the envelope around a row's images, a plain row, or a DDL statement.

use std::sync::Arc;

use super::binary::{SECOND, write_bytes, write_long, write_optional};
use super::column::AvroField;
use super::connect::{Branches, Connect};
use super::document;
use super::plan::{HEAD_WITHOUT_NUMBER, Plan};
use super::value::{Values, Written};
use crate::change::{Batch, Ddl, SnapshotMark};
use crate::encode::debezium::{DebeziumWriter, event_us, statement_heads};
use crate::encode::destination::RecordKey;
use crate::encode::format::{AvroFraming, AvroLayout, AvroSettings, DebeziumSettings};
use crate::encode::identity::{OtherKeyNames, write_server};
use crate::encode::json::write_gtid_text;
use crate::encode::rows::{Image, KeyValue, RowChange, RowsEvent, key_value, letter_of_new};
use crate::encode::schemas::AvroSchemas;
use crate::encode::writer::EnvelopeWriter;
use crate::encode::{EncodeError, InvalidText};
use crate::mysql::Flavour;
use crate::row::{Cell, Changes, Patched, RowError};

/// Writes the format's messages; owns every buffer that this takes.
pub(in crate::encode) struct AvroWriter {
    settings: AvroSettings,
    values: Values,
    /// Of the batch: the strings of `source` before its time, or the source's identity.
    origin: Vec<u8>,
    /// Of the batch: the times at the end of an envelope.
    received: Vec<u8>,
    /// Of the event: what comes before the number of the row.
    head: Vec<u8>,
    /// Of the event: what comes between that and the letter of the operation.
    rest: Vec<u8>,
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
            values: Values::new(invalid_text),
            origin: Vec::new(),
            received: Vec::new(),
            head: Vec::new(),
            rest: Vec::new(),
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
        self.values.invalid_count = 0;
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

    fn enter(&mut self, event: &RowsEvent<'_>, plan: &Plan) {
        self.text.clear();
        let gtid = event.group.gtid.as_ref().map(|gtid| {
            write_gtid_text(gtid, &mut self.text);
            &*self.text
        });
        self.head.clear();
        self.rest.clear();
        match self.settings.options.layout {
            AvroLayout::Debezium => {
                self.head.extend_from_slice(&self.origin);
                write_place(event, plan, gtid, &mut self.head);
                match event.group.thread_id {
                    Some(id) => {
                        self.rest.push(SECOND);
                        write_long(id.into(), &mut self.rest);
                    }
                    None => self.rest.push(0),
                }
                let query = event.query.map(String::from_utf8_lossy);
                let query = query.as_deref().map(str::as_bytes);
                write_optional(query, &mut self.rest);
                // No transaction block.
                self.rest.push(0);
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
            // What chooses a partition only is no key of the table's, and has no schema.
            let of_key = plan
                .key_fields
                .get(place)
                .filter(|field| field.index == *index);
            let field = of_key.copied().unwrap_or(AvroField {
                index: *index,
                branches: Branches::NullFirst,
            });
            let Some(value) = key_value(images, *index) else {
                return Err(EncodeError::KeyMissing {
                    column: event.column(*index),
                    place: event.place(),
                });
            };
            self.write_field(event, plan, field, (value, true), out)?;
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

    fn invalid_text_count(&self) -> u64 {
        self.values.invalid_count
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
                self.write_image(event, plan, &[after], out)?;
                letter_of_new(event.rows.kind)
            }
            RowChange::Update { before, after } => {
                out.push(SECOND);
                self.write_image(event, plan, &[before], out)?;
                out.push(SECOND);
                self.write_image(event, plan, &[after], out)?;
                b'u'
            }
            RowChange::Delete { before } => {
                out.push(SECOND);
                self.write_image(event, plan, &[before], out)?;
                out.push(0);
                b'd'
            }
        };
        let rows = event.rows;
        let row = u64::from(rows.row_in_event) + sequence.saturating_sub(rows.first_row);
        out.extend_from_slice(&self.head);
        write_unsigned(row, out);
        out.extend_from_slice(&self.rest);
        out.extend_from_slice(&[SECOND, letter]);
        out.extend_from_slice(&self.received);
        Ok(())
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
                self.write_image(event, plan, &[after], out)?;
                (letter_of_new(event.rows.kind), false)
            }
            RowChange::Update { before, after } => {
                self.write_image(event, plan, &[after, before], out)?;
                (b'u', false)
            }
            RowChange::Delete { before } => {
                self.write_image(event, plan, &[before], out)?;
                (b'd', true)
            }
        };
        out.extend_from_slice(&[SECOND, letter, u8::from(is_deleted)]);
        out.extend_from_slice(&self.head);
        write_unsigned(sequence, out);
        Ok(())
    }

    /// Appends a row, each column from the first image that holds it.
    #[inline]
    fn write_image(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let Some(first) = images.first() else {
            return Ok(());
        };
        for field in &plan.fields {
            let index = field.index;
            let value = match first.cells.get(index) {
                Some(Cell::Value { start, end }) => {
                    let bytes = first.body.get(*start..*end).unwrap_or_default();
                    self.write_field(event, plan, *field, (KeyValue::Bytes(bytes), false), out)?;
                    continue;
                }
                Some(Cell::Null) => KeyValue::Null,
                Some(Cell::Absent | Cell::Changes { .. }) | None => {
                    other_value(event, images, index)?
                }
            };
            self.write_field(event, plan, *field, (value, false), out)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn write_field(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        field: AvroField,
        (value, is_key): (KeyValue<'_>, bool),
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let column = match (plan.columns.get(field.index), value) {
            (Some(Some(column)), KeyValue::Bytes(_) | KeyValue::Patched(_)) => column,
            (_, _) => return write_null(event, field, out),
        };
        match field.branches {
            Branches::None => {}
            Branches::NullFirst => out.push(SECOND),
            Branches::NullLast => out.push(0),
        }
        let written = match value {
            KeyValue::Bytes(bytes) => match self.values.write(column, bytes, out) {
                Err(source @ RowError::Text { .. }) => {
                    let is_key = is_key || event.table.key.contains(&field.index);
                    let replaced = !is_key
                        && self
                            .values
                            .write_invalid(column, bytes, out)
                            .map_err(|source| event.value_error(field.index, source))?;
                    if !replaced {
                        return Err(invalid_text(event, field.index, is_key, source));
                    }
                    return Ok(());
                }
                written => written,
            },
            KeyValue::Patched(document) => self
                .values
                .write_patched(document, out)
                .map(|()| Written::Value),
            KeyValue::Null => Ok(Written::Null),
        };
        match written {
            Ok(Written::Value) => Ok(()),
            Ok(Written::Null) => {
                out.truncate(start);
                write_null(event, field, out)
            }
            Err(source) => Err(event.value_error(field.index, source)),
        }
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

/// A value that the first image does not hold as it is.
#[cold]
fn other_value<'a>(
    event: &RowsEvent<'_>,
    images: &[Image<'a>],
    index: usize,
) -> Result<KeyValue<'a>, EncodeError> {
    let first = images.first();
    if let Some(Cell::Changes { start, end }) = first.and_then(|image| image.cells.get(index)) {
        let changes = first.and_then(|image| image.body.get(*start..*end));
        let base = first.and_then(|image| image.document_before(index));
        return match (changes, base) {
            (Some(changes), Some(base)) => Ok(KeyValue::Patched(Patched {
                base,
                changes: Changes(changes),
            })),
            (_, _) => Err(EncodeError::DocumentMissing {
                column: event.column(index),
                place: event.place(),
            }),
        };
    }
    key_value(images, index).ok_or_else(|| EncodeError::FieldMissing {
        column: event.column(index),
        place: event.place(),
    })
}

/// Appends null.
#[inline]
fn write_null(
    event: &RowsEvent<'_>,
    field: AvroField,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    match field.branches {
        Branches::NullFirst => out.push(0),
        Branches::NullLast => out.push(SECOND),
        Branches::None => {
            let source = RowError::NotHeld {
                kind: "NULL",
                by: "a column that is NOT NULL as its definition is known",
                cure: "tell the table's definition by rowtap definitions",
            };
            return Err(event.value_error(field.index, source));
        }
    }
    Ok(())
}

#[cold]
fn invalid_text(
    event: &RowsEvent<'_>,
    index: usize,
    is_key: bool,
    source: RowError,
) -> EncodeError {
    EncodeError::InvalidText {
        column: event.column(index),
        place: event.place(),
        cure: match is_key {
            true => "correct the row on the source",
            false => "set invalid_text = \"replace\", or correct the row on the source",
        },
        source,
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
