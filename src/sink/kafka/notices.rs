//! Records that are about no row: heartbeats, and where groups begin and end. JSON, in the shape of Debezium's.
//!
//! | topic | key | value |
//! |---|---|---|
//! | of heartbeats | `{"serverName":PREFIX}` | `{"ts_ms":NOW,"file":…,"pos":…,"gtid_set":…}`: how far the stream has come |
//! | of transactions | `{"id":ID}` | `{"status":"BEGIN","id":ID,"event_count":null,"data_collections":null,"ts_ms":COMMITTED}` |
//! | | | `{"status":"END","id":ID,"event_count":3,"data_collections":[{"data_collection":"shop.orders","event_count":3}],"ts_ms":COMMITTED}` |
//!
//! ID is that of `transaction.id` in the envelope: the GTID, or else `file:position`. Groups that change no row that is
//! published are not told. With the format `debezium` they are as Debezium writes them: with schemas if its messages have some, an ID of
//! `file=…,pos=…` without GTIDs, and heartbeats with their time alone; with `avro` these are Avro, under schemas of their own in the
//! registry. `event_count` counts changes of rows, of which a changed key is one.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use super::headers::slice;
use crate::change::Checkpoint;
use crate::encode::{
    AvroNotices, AvroSchemas, FormatSettings, Record, RecordIdentity, RecordOp, Records,
};
use crate::sink::SinkError;

/// The partition of all of them: one, so that they stay in order.
const PARTITION: i32 = 0;

/// How notices are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoticeForm {
    /// With all that there is to say.
    Own,
    /// As Debezium writes them, with schemas or without.
    Debezium { has_schemas: bool },
    /// The same as Avro, under schemas that a registry knows.
    Avro,
}

/// What writes the notices of a topic.
#[derive(Debug)]
pub(super) struct NoticeWriter {
    form: NoticeForm,
    schemas: [Schema; 2],
    avro: Option<(AvroNotices, Option<(u32, u32)>)>,
}

/// The name of a schema of Debezium's, and its fields.
type Schema = (&'static str, &'static str);

impl NoticeForm {
    /// Those of a format.
    pub(super) fn of(format: &FormatSettings) -> Self {
        match format {
            FormatSettings::Debezium(settings) => Self::Debezium {
                has_schemas: settings.options.schemas_enable,
            },
            FormatSettings::CloudEvents(inner, _, _) => Self::of(inner),
            FormatSettings::Avro(_) => Self::Avro,
            FormatSettings::Json
            | FormatSettings::Maxwell(_)
            | FormatSettings::Flat(_)
            | FormatSettings::Canal => Self::Own,
        }
    }

    /// The id of a group.
    fn id(self, identity: &Identity) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let place = [&identity.file, &identity.position].map(|bytes| text(bytes));
        match (self, place) {
            (Self::Own | Self::Debezium { .. } | Self::Avro, _) if !identity.gtid.is_empty() => {
                text(&identity.gtid)
            }
            (Self::Own, [file, position]) => format!("{file}:{position}"),
            (Self::Debezium { .. } | Self::Avro, [file, position]) => {
                format!("file={file},pos={position}")
            }
        }
    }
}

impl NoticeWriter {
    /// Of a topic of heartbeats.
    pub(super) fn of_heartbeats(form: NoticeForm) -> Result<Self, SinkError> {
        Self::new(form, [HEARTBEAT_KEY, HEARTBEAT])
    }

    /// Of a topic of groups.
    pub(super) fn of_groups(form: NoticeForm) -> Result<Self, SinkError> {
        Self::new(form, [GROUP_KEY, GROUP])
    }

    fn new(form: NoticeForm, schemas: [Schema; 2]) -> Result<Self, SinkError> {
        let avro = match form {
            NoticeForm::Own | NoticeForm::Debezium { .. } => None,
            NoticeForm::Avro => {
                let [key, value] = schemas.map(head_of);
                Some((
                    AvroNotices::new(&key, &value).ok_or(SinkError::NotOpen)?,
                    None,
                ))
            }
        };
        Ok(Self {
            form,
            schemas,
            avro,
        })
    }

    /// The schemas that a registry does not know yet.
    pub(super) fn unknown(&self) -> Option<&AvroSchemas> {
        match &self.avro {
            Some((notices, None)) => Some(notices.schemas()),
            Some((_, Some(_))) | None => None,
        }
    }

    /// Learns the numbers that a registry gave to them.
    pub(super) fn identify(&mut self, found: (u32, u32)) {
        if let Some((_, numbers)) = &mut self.avro {
            *numbers = Some(found);
        }
    }

    /// A key and a value with these payloads.
    fn write(&self, key: &Value, value: &Value) -> Result<[Vec<u8>; 2], SinkError> {
        if let Some((notices, numbers)) = &self.avro {
            let numbers = numbers.ok_or(SinkError::NotOpen)?;
            let written = notices.write(numbers, (key, value));
            let (key, value) = written.ok_or(SinkError::NotOpen)?;
            return Ok([key, value]);
        }
        let [of_key, of_value] = self.schemas;
        let text = |schema: Schema, payload: &Value| match self.form {
            NoticeForm::Debezium { has_schemas: true } => format!("{}{payload}}}", head_of(schema)),
            NoticeForm::Debezium { has_schemas: false } | NoticeForm::Own | NoticeForm::Avro => {
                payload.to_string()
            }
        };
        Ok([text(of_key, key), text(of_value, value)].map(String::into_bytes))
    }
}

/// What stands before a payload under a schema.
fn head_of((name, fields): Schema) -> String {
    format!(
        r#"{{"schema":{{"type":"struct","fields":[{fields}],"optional":false,"name":"io.debezium.connector.common.{name}","version":1}},"payload":"#
    )
}

const HEARTBEAT_KEY: Schema = (
    "ServerNameKey",
    r#"{"type":"string","optional":false,"field":"serverName"}"#,
);
const HEARTBEAT: Schema = (
    "Heartbeat",
    r#"{"type":"int64","optional":false,"field":"ts_ms"}"#,
);
const GROUP_KEY: Schema = (
    "TransactionMetadataKey",
    r#"{"type":"string","optional":false,"field":"id"}"#,
);
const GROUP: Schema = (
    "TransactionMetadataValue",
    r#"{"type":"string","optional":false,"field":"status"},{"type":"string","optional":false,"field":"id"},{"type":"int64","optional":true,"field":"event_count"},{"type":"array","items":{"type":"struct","fields":[{"type":"string","optional":false,"field":"data_collection"},{"type":"int64","optional":false,"field":"event_count"}],"optional":true,"name":"event.collection","version":1},"optional":true,"field":"data_collections"},{"type":"int64","optional":false,"field":"ts_ms"}"#,
);

/// Says in a topic where groups begin and end.
#[derive(Debug)]
pub(super) struct GroupNotices {
    topic: Arc<str>,
    writer: NoticeWriter,
    /// The group that goes on in the next block.
    open: Option<OpenGroup>,
    /// For the records of a block while notices come between them.
    spare: Vec<Record>,
}

/// A group whose beginning was told.
#[derive(Debug)]
struct OpenGroup {
    identity: Identity,
    /// The tables that it changed, and how many changes they have.
    counts: Vec<(String, u64)>,
}

/// A group's identity, apart from a block.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    source: Box<[u8]>,
    file: Box<[u8]>,
    position: Box<[u8]>,
    gtid: Box<[u8]>,
    commit_us: i64,
}

impl GroupNotices {
    /// Makes what writes to a topic.
    pub(super) fn new(topic: Arc<str>, writer: NoticeWriter) -> Self {
        Self {
            topic,
            writer,
            open: None,
            spare: Vec::new(),
        }
    }

    /// The topic, and what writes its messages.
    pub(super) fn parts(&mut self) -> (&Arc<str>, &mut NoticeWriter) {
        (&self.topic, &mut self.writer)
    }

    /// Adds the notices about the groups of the next block to it, around their records, so that these have other indexes then.
    ///
    /// # Errors
    /// A block that could not hold them.
    pub(super) fn add(&mut self, block: &mut Records) -> Result<(), SinkError> {
        let topic = u32::try_from(block.topics.len()).map_err(|_| SinkError::NotOpen)?;
        let known = block.topics.len();
        let group_count = u32::try_from(block.groups.len()).map_err(|_| SinkError::NotOpen)?;
        let mut records = mem::replace(&mut block.records, mem::take(&mut self.spare));
        let mut left = records.drain(..).peekable();
        for group in 0..group_count {
            let identity = identity(block, group);
            if self
                .open
                .as_ref()
                .is_some_and(|open| open.identity != identity)
            {
                self.end(block, topic, group)?;
            }
            self.begin(block, identity, (topic, group))?;
            while let Some(record) = left.next_if(|record| record.group == group) {
                block.records.push(record);
            }
            let goes_on = group + 1 == group_count && !block.ends_group;
            if !goes_on {
                self.end(block, topic, group)?;
            }
        }
        if group_count == 0 && block.ends_group && self.open.is_some() {
            self.end(block, topic, 0)?;
        }
        drop(left);
        self.spare = records;
        if block
            .records
            .iter()
            .any(|record| record.topic == Some(topic))
        {
            debug_assert_eq!(block.topics.len(), known);
            block.topics.push(Arc::clone(&self.topic));
        }
        Ok(())
    }

    /// Counts what a block holds of a group, whose beginning it tells if that is new.
    fn begin(
        &mut self,
        block: &mut Records,
        identity: Identity,
        (topic, group): (u32, u32),
    ) -> Result<(), SinkError> {
        let counts = block.counts.iter().filter(|count| count.group == group);
        let counts: Vec<(String, u64)> = counts
            .filter_map(|count| {
                let table = block.tables.get(usize::try_from(count.table).ok()?)?;
                Some((table.to_string(), count.count))
            })
            .collect();
        if counts.is_empty() {
            return Ok(());
        }
        if self.open.is_none() {
            let id = self.writer.form.id(&identity);
            let value = json!({
                "status": "BEGIN", "id": id, "event_count": null, "data_collections": null, "ts_ms": identity.ts_ms(),
            });
            push(block, (topic, group), 0, &self.writer, (&id, &value))?;
        }
        let open = self.open.get_or_insert_with(|| OpenGroup {
            identity,
            counts: Vec::new(),
        });
        for (table, count) in counts {
            match open.counts.iter_mut().find(|(known, _)| *known == table) {
                Some((_, sum)) => *sum += count,
                None => open.counts.push((table, count)),
            }
        }
        Ok(())
    }

    /// Tells the end of the group that is open, if one is.
    fn end(&mut self, block: &mut Records, topic: u32, group: u32) -> Result<(), SinkError> {
        let Some(OpenGroup { identity, counts }) = self.open.take() else {
            return Ok(());
        };
        let id = self.writer.form.id(&identity);
        let sum: u64 = counts.iter().map(|(_, count)| count).sum();
        let tables: Vec<_> = counts
            .iter()
            .map(|(table, count)| json!({ "data_collection": table, "event_count": count }))
            .collect();
        let value = json!({
            "status": "END", "id": id, "event_count": sum, "data_collections": tables, "ts_ms": identity.ts_ms(),
        });
        let is_its_own =
            block.groups.get(group as usize).is_some() && self::identity(block, group) == identity;
        let group = match is_its_own {
            true => group,
            // It ends in a block that has nothing else of it.
            false => restore(block, &identity)?,
        };
        push(block, (topic, group), sum, &self.writer, (&id, &value))
    }
}

impl Identity {
    fn ts_ms(&self) -> i64 {
        self.commit_us.div_euclid(1000)
    }
}

fn identity(block: &Records, group: u32) -> Identity {
    let found = block
        .groups
        .get(group as usize)
        .cloned()
        .unwrap_or_default();
    let bytes = |range: &Range<u32>| -> Box<[u8]> { slice(block, range).into() };
    Identity {
        source: bytes(&found.source),
        file: bytes(&found.file),
        position: bytes(&found.position),
        gtid: bytes(&found.gtid),
        commit_us: found.commit_us,
    }
}

/// Puts a group's identity into a block that does not hold it.
fn restore(block: &mut Records, identity: &Identity) -> Result<u32, SinkError> {
    let group = u32::try_from(block.groups.len()).map_err(|_| SinkError::NotOpen)?;
    let arena = &mut block.arena;
    let restored = RecordIdentity {
        source: append(arena, &identity.source)?,
        file: append(arena, &identity.file)?,
        position: append(arena, &identity.position)?,
        gtid: append(arena, &identity.gtid)?,
        commit_us: identity.commit_us,
        ..RecordIdentity::default()
    };
    block.groups.push(restored);
    Ok(group)
}

fn push(
    block: &mut Records,
    (topic, group): (u32, u32),
    sequence: u64,
    writer: &NoticeWriter,
    (id, value): (&str, &Value),
) -> Result<(), SinkError> {
    let [key, value] = writer.write(&json!({ "id": id }), value)?;
    let key = append(&mut block.arena, &key)?;
    let value = append(&mut block.arena, &value)?;
    block
        .records
        .push(notice(topic, group, sequence, key, value));
    Ok(())
}

/// A heartbeat, alone in a block: the stream of `server_name` has come as far as `at`.
pub(super) fn heartbeat(
    topic: &Arc<str>,
    server_name: &str,
    (at, writer): (&Checkpoint, &NoticeWriter),
    now_us: i64,
) -> Result<Records, SinkError> {
    let mut block = Records::default();
    block.topics.push(Arc::clone(topic));
    let key = json!({ "serverName": server_name });
    let gtid_set = at.gtid_set.to_string();
    let value = match writer.form {
        NoticeForm::Own => json!({
            "ts_ms": now_us.div_euclid(1000), "file": at.coordinates.file, "pos": at.coordinates.position,
            "gtid_set": (!gtid_set.is_empty()).then_some(gtid_set),
        }),
        NoticeForm::Debezium { .. } | NoticeForm::Avro => {
            json!({ "ts_ms": now_us.div_euclid(1000) })
        }
    };
    let [key, value] = writer.write(&key, &value)?;
    let key = append(&mut block.arena, &key)?;
    let value = append(&mut block.arena, &value)?;
    block.records.push(notice(0, 0, 0, key, value));
    Ok(block)
}

fn notice(topic: u32, group: u32, sequence: u64, key: Range<u32>, value: Range<u32>) -> Record {
    Record {
        topic: Some(topic),
        key: Some(key),
        partition: Some(PARTITION),
        value: Some(value),
        group,
        sequence,
        op: RecordOp::Notice,
        other_key: None,
        partial: false,
        routed: None,
    }
}

fn append(arena: &mut Vec<u8>, bytes: &[u8]) -> Result<Range<u32>, SinkError> {
    let start = arena.len();
    arena.extend_from_slice(bytes);
    match (u32::try_from(start), u32::try_from(arena.len())) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(SinkError::NotOpen),
    }
}
