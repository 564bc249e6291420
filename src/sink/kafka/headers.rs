//! The headers of records: the identity of a change, what else there is to say of the record, and what is asked for besides.
//!
//! | header | of | content |
//! |---|---|---|
//! | `source`, `file`, `pos`, `sequence` | every record but heartbeats | the identity: server, first event of the group, place in the group |
//! | `gtid` | where there is one | the group's GTID |
//! | `partial` | a record made from an incomplete image | `true` |
//! | `new_key`, `old_key`, or what the format calls them | unless there are none: the halves of a changed key | the other key |
//! | `op` | by choice, rows and tombstones | `c`, `u` or `d` |
//! | `content-type`, `ce_…` | with `cloudevents`, records with a value | the attributes of the CloudEvent, or that the value has them |
//! | `id`, and those that `outbox` names | a record of an outbox, before all others | columns of the row |
//! | `traceparent` | by choice, all of a group | W3C Trace Context: the group is the trace, the sequence makes the span |

use std::ops::Range;

use rdkafka::message::{Header, OwnedHeaders};

use super::choices::{KafkaHeader, KafkaHeaders};
use super::options::KafkaOptions;
use crate::encode::{
    CloudEventsMode, EVENT_TYPES, OtherKey, Record, RecordHeader, RecordIdentity, RecordOp,
    Records, RoutedRecord, write_id_end,
};

/// The content of a record that is a CloudEvent with its attributes.
const STRUCTURED: &[u8] = b"application/cloudevents+json; charset=UTF-8";
/// Bytes that most attributes have at most.
const ATTRIBUTE_BYTES: usize = 128;
/// Bytes of a `traceparent`: version, trace, span and flags.
const TRACEPARENT_BYTES: usize = 55;

/// Which headers a connector's records have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headers {
    identity: bool,
    other_keys: bool,
    op: bool,
    gtid: bool,
    traceparent: bool,
    events: Option<CloudEventsMode>,
}

impl Headers {
    /// Those that the options ask for.
    pub(super) fn of_options(options: &KafkaOptions) -> Self {
        let has = |header| options.more_headers.contains(&header);
        let identity = options.headers == KafkaHeaders::Identity;
        Self {
            identity,
            other_keys: options.headers != KafkaHeaders::None,
            op: has(KafkaHeader::Op),
            gtid: identity || has(KafkaHeader::Gtid),
            traceparent: has(KafkaHeader::Traceparent),
            events: options.cloudevents,
        }
    }

    /// Whether groups need the id of a trace.
    pub(super) fn wants_traces(self) -> bool {
        self.traceparent
    }

    /// The headers of a record; `None` where it has none. A record of no group has no identity.
    pub(super) fn of(self, block: &Records, record: &Record) -> Option<OwnedHeaders> {
        let routed = record.routed.and_then(|index| {
            let index = usize::try_from(index).ok()?;
            block.routed.get(index)
        });
        let has_other_key = self.other_keys && record.other_key.is_some();
        let is_any = self.identity
            || has_other_key
            || self.op
            || self.gtid
            || self.traceparent
            || self.events.is_some()
            || routed.is_some();
        if !is_any {
            return None;
        }
        let group = block.groups.get(usize::try_from(record.group).ok()?)?;
        let mut headers = OwnedHeaders::new_with_capacity(8);
        if let Some(routed) = routed {
            headers = of_outbox(headers, block, routed);
        }
        if self.identity {
            headers = with(headers, "source", slice(block, &group.source));
            headers = with(headers, "file", slice(block, &group.file));
            headers = with(headers, "pos", slice(block, &group.position));
        }
        if self.gtid && !group.gtid.is_empty() {
            headers = with(headers, "gtid", slice(block, &group.gtid));
        }
        if self.identity {
            let mut sequence = itoa::Buffer::new();
            let sequence = sequence.format(record.sequence).as_bytes();
            headers = with(headers, "sequence", sequence);
            if record.partial {
                headers = with(headers, "partial", b"true");
            }
        }
        if has_other_key {
            headers = of_other_key(headers, block, record);
        }
        if self.op
            && let Some(letter) = record.op.letter()
        {
            headers = with(headers, "op", letter.as_bytes());
        }
        if self.traceparent && !group.trace.is_empty() && record.op != RecordOp::Notice {
            headers = with(headers, "traceparent", &traceparent(block, group, record));
        }
        match self.events {
            Some(_) if record.value.is_none() || record.op == RecordOp::Notice => {}
            Some(CloudEventsMode::Structured) => {
                headers = with(headers, "content-type", STRUCTURED);
            }
            Some(CloudEventsMode::Binary) => headers = attributes(headers, block, record, group),
            None => {}
        }
        Some(headers)
    }
}

/// The headers that an outbox asks for.
fn of_outbox(mut headers: OwnedHeaders, block: &Records, routed: &RoutedRecord) -> OwnedHeaders {
    let start = usize::try_from(routed.headers.start);
    let end = usize::try_from(routed.headers.end);
    let range = start.unwrap_or_default()..end.unwrap_or_default();
    for RecordHeader { name, value } in block.headers.get(range).unwrap_or_default() {
        headers = headers.insert(Header {
            key: name,
            value: value.as_ref().map(|value| slice(block, value)),
        });
    }
    headers
}

/// The attributes of a CloudEvent, as the binding for Kafka has them.
fn attributes(
    headers: OwnedHeaders,
    block: &Records,
    record: &Record,
    group: &RecordIdentity,
) -> OwnedHeaders {
    let parts = [&group.source, &group.file, &group.position];
    let mut text: Vec<u8> = Vec::with_capacity(ATTRIBUTE_BYTES);
    for part in parts {
        text.extend_from_slice(slice(block, part));
        text.push(b':');
    }
    write_id_end(record.sequence, record.op, &mut text);
    let headers = with(headers, "ce_specversion", b"1.0");
    let headers = with(headers, "ce_id", &text);
    let headers = with(headers, "ce_source", slice(block, &block.event_source));
    text.clear();
    text.extend_from_slice(EVENT_TYPES.as_bytes());
    text.extend_from_slice(record.op.event_type().as_bytes());
    let mut headers = with(headers, "ce_type", &text);
    let table = record.topic.and_then(|table| usize::try_from(table).ok());
    if let Some(table) = table.and_then(|table| block.tables.get(table)) {
        text.clear();
        text.extend_from_slice(table.database.as_bytes());
        text.push(b'.');
        text.extend_from_slice(table.table.as_bytes());
        headers = with(headers, "ce_subject", &text);
    }
    let headers = with(headers, "ce_time", slice(block, &group.time));
    with(headers, "content-type", b"application/json")
}

/// `new_key` or `old_key`, where they apply.
fn of_other_key(headers: OwnedHeaders, block: &Records, record: &Record) -> OwnedHeaders {
    let names = block.other_key_names;
    match &record.other_key {
        None => headers,
        Some(OtherKey::New(key)) => with(headers, names.new, slice(block, key)),
        Some(OtherKey::Old(key)) => with(headers, names.old, slice(block, key)),
    }
}

/// The trace context of a change. The same change has the same one whenever it is sent.
fn traceparent(
    block: &Records,
    group: &RecordIdentity,
    record: &Record,
) -> [u8; TRACEPARENT_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    if let Some(trace) = text.get_mut(3..35) {
        for (digit, found) in trace.iter_mut().zip(slice(block, &group.trace)) {
            *digit = *found;
        }
    }
    // A span of zeros would be none.
    let mut span = record.sequence.wrapping_add(1).max(1);
    if let Some(digits) = text.get_mut(36..52) {
        for digit in digits.iter_mut().rev() {
            *digit = usize::try_from(span & 0x0f)
                .ok()
                .and_then(|half| DIGITS.get(half).copied())
                .unwrap_or(b'0');
            span >>= 4;
        }
    }
    text
}

fn with(headers: OwnedHeaders, key: &str, value: &[u8]) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

/// Bytes of a block.
pub(super) fn slice<'a>(block: &'a Records, range: &Range<u32>) -> &'a [u8] {
    let start = usize::try_from(range.start).ok();
    let end = usize::try_from(range.end).ok();
    start
        .zip(end)
        .and_then(|(start, end)| block.arena.get(start..end))
        .expect("an encoder's ranges lie in its arena")
}
