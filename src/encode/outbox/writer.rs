//! The parts of a row's message.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::expand::expand;
use super::plan::{Field, Plan};
use crate::encode::debezium::{Values, micros_since_1970};
use crate::encode::format::{OutboxConverter, OutboxNulls};
use crate::encode::identity::range;
use crate::encode::json::{ValueWriter as _, escape_as_java};
use crate::encode::rows::{Image, RowsEvent};
use crate::encode::{EncodeError, InvalidText};
use crate::row::{
    Cell, RowError, TableName, Unpacking, Value, read, write_base64, write_escaped, write_integer,
};

/// A header of a record.
#[derive(Clone, Debug)]
pub struct RecordHeader {
    /// Its name.
    pub name: Arc<str>,
    /// Its value as a range of the arena; `None` for null.
    pub value: Option<Range<u32>>,
}

/// What a row became.
#[derive(Debug)]
pub(in crate::encode) struct Message {
    /// Index of the topic.
    pub(in crate::encode) topic: u32,
    pub(in crate::encode) key: Option<Range<u32>>,
    /// `None` for a tombstone.
    pub(in crate::encode) value: Option<Range<u32>>,
    pub(in crate::encode) partition: Option<i32>,
    /// Its headers among those of the block.
    pub(in crate::encode) headers: Range<u32>,
    /// The record's time in milliseconds since 1970, where a column says it.
    pub(in crate::encode) time_ms: Option<i64>,
}

/// Where messages are written.
pub(in crate::encode) struct Targets<'a> {
    pub(in crate::encode) arena: &'a mut Vec<u8>,
    pub(in crate::encode) headers: &'a mut Vec<RecordHeader>,
    /// Topics by their indexes; those that rows chose are the last.
    pub(in crate::encode) topics: &'a mut Vec<Arc<str>>,
    /// The table of the first row that chose each of these.
    pub(in crate::encode) chosen_by: &'a mut Vec<TableName>,
}

/// Writes messages; owns every buffer that this takes.
pub(in crate::encode) struct OutboxWriter {
    /// The name of the header that every message has.
    id: Arc<str>,
    values: Values,
    unpacking: Unpacking,
    /// A value as text or bytes.
    text: Vec<u8>,
    bytes: Vec<u8>,
    decoded: String,
    /// Of the batch: the topics of the values that choose one.
    topics: HashMap<Box<[u8]>, u32>,
}

/// Where a value goes that is written as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Raw {
    /// Into a key or a value.
    Bytes,
    /// Into a header, which is text.
    Text,
}

impl OutboxWriter {
    pub(in crate::encode) fn new() -> Self {
        Self {
            id: Arc::from("id"),
            values: Values::new(InvalidText::Fail, true),
            unpacking: Unpacking::default(),
            text: Vec::new(),
            bytes: Vec::new(),
            decoded: String::new(),
            topics: HashMap::new(),
        }
    }

    /// Begins a batch.
    pub(in crate::encode) fn begin(&mut self) {
        self.topics.clear();
    }

    /// Appends the message of a row.
    ///
    /// # Errors
    /// An image that lacks a column, or a value that its part of a message cannot have.
    pub(in crate::encode) fn write(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        image: Image<'_>,
        targets: &mut Targets<'_>,
    ) -> Result<Message, EncodeError> {
        let row = Row { event, image };
        let options = &plan.settings.options;
        let topic = self.topic(row, plan, targets)?;
        let headers_start = targets.headers.len();
        let id = Arc::clone(&self.id);
        let converter = options.header_converter;
        let mut add = |writer: &mut Self, name: Arc<str>, field: &Field| {
            let value = writer.part(row, field, (converter, Raw::Text), targets.arena)?;
            targets.headers.push(RecordHeader { name, value });
            Ok(())
        };
        add(self, id, &plan.id)?;
        for (name, field) in &plan.headers {
            add(self, Arc::clone(name), field)?;
        }
        let counted = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let headers = counted(headers_start)..counted(targets.headers.len());
        let key = (options.key_converter, Raw::Bytes);
        let key = self.part(row, &plan.key, key, targets.arena)?;
        let value = self.value(row, plan, targets.arena)?;
        let partition = plan.partition.as_ref();
        let partition = partition.map(|field| row.partition(field)).transpose()?;
        Ok(Message {
            topic,
            key,
            value,
            partition: partition.flatten(),
            headers,
            time_ms: row.time_ms(plan.time.as_ref())?,
        })
    }

    /// The index of the row's topic.
    fn topic(
        &mut self,
        row: Row<'_>,
        plan: &Plan,
        targets: &mut Targets<'_>,
    ) -> Result<u32, EncodeError> {
        self.text.clear();
        let Some(bytes) = row.value(&plan.route)? else {
            return Err(row.refused(&plan.route, "NULL", NO_ROUTE));
        };
        let mut text = std::mem::take(&mut self.text);
        let written = self.write_raw(&plan.route, bytes, Raw::Text, &mut text);
        self.text = text;
        written.map_err(|source| row.error(&plan.route, source))?;
        if let Some(known) = self.topics.get(&*self.text) {
            return Ok(*known);
        }
        let value = String::from_utf8_lossy(&self.text);
        let topic: Arc<str> = plan.settings.topic_of(&value).into();
        let first = targets.topics.len().saturating_sub(targets.chosen_by.len());
        let chosen = targets.topics.iter().skip(first);
        let index = match chosen.into_iter().position(|other| *other == topic) {
            Some(known) => first + known,
            None => {
                targets.topics.push(topic);
                targets.chosen_by.push(row.event.table.name.clone());
                targets.topics.len() - 1
            }
        };
        let index =
            u32::try_from(index).map_err(|_| EncodeError::TooLarge { at: row.event.at() })?;
        self.topics.insert(self.text.as_slice().into(), index);
        Ok(index)
    }

    /// Appends a key or a header; `None` for null.
    fn part(
        &mut self,
        row: Row<'_>,
        field: &Field,
        (converter, raw): (OutboxConverter, Raw),
        arena: &mut Vec<u8>,
    ) -> Result<Option<Range<u32>>, EncodeError> {
        let start = arena.len();
        let bytes = row.value(field)?;
        match (converter, bytes) {
            (OutboxConverter::Raw, None) => return Ok(None),
            (OutboxConverter::Raw, Some(bytes)) => self
                .write_raw(field, bytes, raw, arena)
                .map_err(|source| row.error(field, source))?,
            (OutboxConverter::Json, bytes) => {
                arena.extend_from_slice(&field.schema);
                let json_start = arena.len();
                self.write_json(row, field, bytes, arena)?;
                escape_as_java(json_start, arena);
                if !field.schema.is_empty() {
                    arena.push(b'}');
                }
            }
        }
        range(start, arena, || row.event.at()).map(Some)
    }

    /// Appends the value; `None` for a tombstone.
    fn value(
        &mut self,
        row: Row<'_>,
        plan: &Plan,
        arena: &mut Vec<u8>,
    ) -> Result<Option<Range<u32>>, EncodeError> {
        let options = &plan.settings.options;
        let field = &plan.payload;
        let bytes = row.value(field)?;
        if options.route_tombstone_on_empty_payload && self.is_empty(row, field, bytes)? {
            return Ok(None);
        }
        let is_expanded = options.table_expand_json_payload;
        if plan.envelope.is_empty() && !is_expanded {
            return self.part(row, field, (options.value_converter, Raw::Bytes), arena);
        }
        let start = arena.len();
        let has_schemas = !plan.schema.is_empty() && !plan.envelope.is_empty();
        if has_schemas {
            self.write_schema(row, plan, arena)?;
        }
        let json_start = arena.len();
        if !plan.envelope.is_empty() {
            arena.extend_from_slice(b"{\"payload\":");
        }
        match bytes {
            Some(bytes) if is_expanded => self.write_expanded(row, plan, bytes, arena)?,
            bytes => self.write_json(row, field, bytes, arena)?,
        }
        for (name, field) in &plan.envelope {
            arena.extend_from_slice(name);
            self.write_json(row, field, row.value(field)?, arena)?;
        }
        if !plan.envelope.is_empty() {
            arena.push(b'}');
        }
        escape_as_java(json_start, arena);
        if has_schemas {
            arena.push(b'}');
        }
        range(start, arena, || row.event.at()).map(Some)
    }

    /// Appends the schema of an envelope, whose name holds what chose the topic.
    fn write_schema(
        &mut self,
        row: Row<'_>,
        plan: &Plan,
        arena: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        arena.extend_from_slice(&plan.schema);
        // `topic` was here last: the text is the value.
        let route = row.value(&plan.route)?;
        self.text.clear();
        let mut text = std::mem::take(&mut self.text);
        let written = route.map(|bytes| self.write_raw(&plan.route, bytes, Raw::Text, &mut text));
        self.text = text;
        written
            .transpose()
            .map_err(|source| row.error(&plan.route, source))?;
        let route = String::from_utf8_lossy(&self.text);
        write_escaped(&route, arena);
        arena.extend_from_slice(b".Value\"");
        if let Some(version) = &plan.version {
            let Some(number) = row.integer(version)? else {
                return Err(row.refused(version, "NULL", NO_VERSION));
            };
            arena.extend_from_slice(b",\"version\":");
            write_integer(number, arena);
        }
        arena.extend_from_slice(b"},\"payload\":");
        Ok(())
    }

    /// Whether a payload is null, or text without a letter.
    fn is_empty(
        &mut self,
        row: Row<'_>,
        field: &Field,
        bytes: Option<&[u8]>,
    ) -> Result<bool, EncodeError> {
        let Some(bytes) = bytes else {
            return Ok(true);
        };
        let value = read(&field.form.kind, bytes).map_err(|source| row.error(field, source))?;
        if matches!(value, Value::Binary(_) | Value::Packed(_)) {
            return Ok(false);
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let written = self.write_raw(field, bytes, Raw::Text, &mut text);
        self.text = text;
        written.map_err(|source| row.error(field, source))?;
        Ok(self.text.iter().all(|byte| *byte <= b' '))
    }

    /// Appends a payload as the JSON that its text is, or else as text.
    fn write_expanded(
        &mut self,
        row: Row<'_>,
        plan: &Plan,
        bytes: &[u8],
        arena: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let field = &plan.payload;
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let written = self.write_raw(field, bytes, Raw::Text, &mut text);
        self.text = text;
        written.map_err(|source| row.error(field, source))?;
        let nulls = plan.settings.options.table_json_payload_null_behavior;
        if expand(&self.text, nulls == OutboxNulls::Ignore, arena) {
            return Ok(());
        }
        self.write_json(row, field, Some(bytes), arena)
    }

    fn write_json(
        &mut self,
        row: Row<'_>,
        field: &Field,
        bytes: Option<&[u8]>,
        arena: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let Some(bytes) = bytes else {
            arena.extend_from_slice(b"null");
            return Ok(());
        };
        if field.form.is_quoted() {
            arena.push(b'"');
        }
        self.values
            .write_cell(&field.form, bytes, 0..bytes.len(), arena)
            .map_err(|source| row.error(field, source))
    }

    /// Appends a value as text, or as the bytes that it is.
    fn write_raw(
        &mut self,
        field: &Field,
        bytes: &[u8],
        raw: Raw,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let write_bytes = |bytes: &[u8], out: &mut Vec<u8>| match raw {
            Raw::Bytes => out.extend_from_slice(bytes),
            Raw::Text => write_base64(bytes, out),
        };
        match read(&field.form.kind, bytes)? {
            Value::Text(value) => {
                out.extend_from_slice(value.decode(&mut self.decoded)?.as_bytes());
            }
            Value::Enum(label) => out.extend_from_slice(label.as_bytes()),
            Value::Json(document) => document.write(out)?,
            Value::Decimal(value) => value.write(out)?,
            Value::Binary(value) if field.has_bytes => {
                write_bytes(value.padded(&mut self.bytes), out);
            }
            Value::Packed(value) if value.charset.is_none() && field.has_bytes => {
                write_bytes(value.unpack(&mut self.unpacking)?, out);
            }
            Value::Packed(value) => {
                let unpacked = value.unpack(&mut self.unpacking)?;
                match value.charset {
                    Some(charset) => {
                        let text = charset.decode(unpacked, &mut self.decoded)?;
                        out.extend_from_slice(text.as_bytes());
                    }
                    None => write_base64(unpacked, out),
                }
            }
            Value::Set(set) => {
                for (index, label) in set.shown().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(label.as_bytes());
                }
            }
            // Numbers, times, and digits of bytes: JSON has no escapes in them.
            _other => {
                self.values
                    .write_cell(&field.form, bytes, 0..bytes.len(), out)?;
                if field.form.is_quoted() && out.last() == Some(&b'"') {
                    out.pop();
                }
            }
        }
        Ok(())
    }
}

const NO_ROUTE: [&str; 2] = [
    "the topic of its message",
    "correct the row on the source, or leave it out with a condition on rows",
];
const NO_PARTITION: [&str; 2] = [
    "the partition of a message",
    "correct the row on the source, or leave it out with a condition on rows",
];
const NO_VERSION: [&str; 2] = [
    "the version of a schema",
    "correct the row on the source, or remove outbox.table_field_event_schema_version",
];

/// A row.
#[derive(Clone, Copy)]
struct Row<'a> {
    event: &'a RowsEvent<'a>,
    image: Image<'a>,
}

impl<'a> Row<'a> {
    /// The bytes of a column; `None` for NULL.
    fn value(&self, field: &Field) -> Result<Option<&'a [u8]>, EncodeError> {
        match self.image.cells.get(field.index) {
            Some(Cell::Null) => Ok(None),
            Some(Cell::Value { start, end }) => Ok(self.image.body.get(*start..*end)),
            Some(Cell::Absent | Cell::Changes { .. }) | None => Err(EncodeError::OutboxPartial {
                column: self.event.column(field.index),
                place: self.event.place(),
            }),
        }
    }

    fn integer(&self, field: &Field) -> Result<Option<i64>, EncodeError> {
        let Some(bytes) = self.value(field)? else {
            return Ok(None);
        };
        let value = read(&field.form.kind, bytes).map_err(|source| self.error(field, source))?;
        Ok(match value {
            Value::Signed(value) => Some(value),
            Value::Unsigned(value) => i64::try_from(value).ok(),
            _other => None,
        })
    }

    /// The partition that a column says.
    fn partition(&self, field: &Field) -> Result<Option<i32>, EncodeError> {
        let number = self.integer(field)?;
        match number.map(i32::try_from) {
            None => Ok(None),
            Some(Ok(number)) if number >= 0 => Ok(Some(number)),
            Some(_) => {
                Err(self.refused(field, "a number that is none of a partition", NO_PARTITION))
            }
        }
    }

    /// The time that a column says, in milliseconds since 1970.
    fn time_ms(&self, field: Option<&Field>) -> Result<Option<i64>, EncodeError> {
        let Some(field) = field else {
            return Ok(None);
        };
        let Some(bytes) = self.value(field)? else {
            return Ok(None);
        };
        let value = read(&field.form.kind, bytes).map_err(|source| self.error(field, source))?;
        Ok(match value {
            Value::DateTime(value) => {
                let day = value.date.day_number();
                day.map(|day| micros_since_1970(day, value) / 1000)
            }
            Value::Timestamp(value) if !value.is_zero() => {
                Some(i64::from(value.seconds) * 1000 + i64::from(value.micros) / 1000)
            }
            _other => None,
        })
    }

    #[cold]
    fn refused(
        &self,
        field: &Field,
        kind: &'static str,
        [by, cure]: [&'static str; 2],
    ) -> EncodeError {
        let source = RowError::NotHeld { kind, by, cure };
        self.event.value_error(field.index, source)
    }

    #[cold]
    fn error(&self, field: &Field, source: RowError) -> EncodeError {
        match source {
            RowError::Text { .. } => EncodeError::InvalidText {
                column: self.event.column(field.index),
                place: self.event.place(),
                cure: "correct the row on the source",
                source,
            },
            source => self.event.value_error(field.index, source),
        }
    }
}
