//! The envelope around a row's images, and the message of a DDL statement.
//!
//! What is the same for a whole batch, or for all rows of a group and table, is written once and then copied.

use uuid::Uuid;

use super::super::destination::RecordKey;
use super::super::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk, group};
use super::super::writer::EnvelopeWriter;
use super::super::{EncodeError, InvalidText};
use super::images::{ImageWriter, close_object};
use super::plan::Plan;
use super::table_changes;
use super::tail::{Tail, TailParts};
use super::value::Scratch;
use crate::binlog::Gtid;
use crate::change::{Batch, Ddl, Group, SnapshotMark};
use crate::row::{write_escaped, write_integer, write_string};

/// Writes the format's messages; owns every buffer that this takes.
#[derive(Default)]
pub(in crate::encode) struct JsonWriter {
    images: ImageWriter<Scratch>,
    /// Of the batch: `"source":{"version":…,"name":…,"snapshot":"`.
    source: Vec<u8>,
    /// Of the batch: `","server_id":…` and the UUID.
    source_rest: Vec<u8>,
    /// Of the batch: `,"ts_ms":…,"ts_us":…,"ts_ns":…}`.
    received: Vec<u8>,
    /// Of the group and table last written: from `,"source":` to the sequence in it.
    head: Vec<u8>,
    /// How much of `head` is the group's: up to the table's name.
    head_of_group: usize,
    /// Of the group last written: from after the sequence to the total order.
    middle: Vec<u8>,
    /// What comes after the images of the next change, if that is the next of its group and table.
    tail: Tail,
    /// Whether the event has rows enough to learn that for them.
    has_many_rows: bool,
    /// The group and table that `head` and `middle` belong to.
    current: Option<(u32, u32)>,
}

/// From so many rows on, an event's changes save more than it takes to learn how they end.
const MANY_ROWS: u32 = 6;
/// Closes `transaction`, and begins `op`.
const BEFORE_LETTER: &[u8] = b"},\"op\":\"";

impl JsonWriter {
    /// Makes a writer.
    pub(in crate::encode) fn new(invalid_text: InvalidText) -> Self {
        Self {
            images: ImageWriter::new(Scratch::new(invalid_text)),
            ..Self::default()
        }
    }
}

impl EnvelopeWriter for JsonWriter {
    type Plan = Plan;

    const SPLITS_KEY_CHANGES: bool = true;

    fn begin(&mut self, batch: &Batch) {
        let origin = &*batch.origin;
        self.images.begin();
        self.current = None;
        self.source.clear();
        self.source.extend_from_slice(b"\"source\":{\"version\":\"");
        self.source
            .extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
        self.source.extend_from_slice(b"\",\"connector\":\"");
        self.source
            .extend_from_slice(origin.flavour.word().as_bytes());
        self.source.extend_from_slice(b"\",\"name\":");
        write_string(&origin.connector, &mut self.source);
        self.source.extend_from_slice(b",\"snapshot\":\"");
        self.source_rest.clear();
        self.source_rest.extend_from_slice(b"\",\"server_id\":");
        write_integer(origin.server_id, &mut self.source_rest);
        if let Some(uuid) = &origin.server_uuid {
            self.source_rest.extend_from_slice(b",\"server_uuid\":\"");
            self.source_rest.extend_from_slice(
                uuid.hyphenated()
                    .encode_lower(&mut Uuid::encode_buffer())
                    .as_bytes(),
            );
            self.source_rest.push(b'"');
        }
        self.received.clear();
        write_times(batch.received_us, &mut self.received);
        self.received.push(b'}');
    }

    fn enter(&mut self, event: &RowsEvent<'_>, plan: &Plan) {
        let (group, table) = (event.rows.group, event.rows.table);
        match self.current {
            Some((known, known_table)) if known == group => {
                if known_table != table {
                    self.write_table(plan.source());
                }
            }
            _another => {
                self.write_group(event.group);
                self.write_table(plan.source());
            }
        }
        self.current = Some((group, table));
        self.has_many_rows = event.rows.row_count >= MANY_ROWS;
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
            true => plan.table(),
            false => &[],
        };
        let columns = (others, &*key.columns);
        self.images
            .write_key(event, plan.members(), columns, images, out)?;
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
        let members = plan.members();
        let letter = self.images.write_change(event, members, change, out)?;
        self.end_change(letter, sequence, out);
        Ok(true)
    }

    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        row: (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let letter = self.images.write_row(event, plan.members(), row, out)?;
        self.end_change(letter, sequence, out);
        Ok(true)
    }

    fn ddl_count(&self, _ddl: &Ddl) -> usize {
        1
    }

    fn write_ddl_key(&mut self, ddl: &Ddl, _number: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"{\"databaseName\":");
        write_string(&ddl.database, out);
        out.push(b'}');
        true
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        _number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut place = b"\"db\":".to_vec();
        write_string(&ddl.database, &mut place);
        place.extend_from_slice(b",\"table\":null,");
        self.write_group(group(batch, ddl.group)?);
        self.write_table(&place);
        self.current = None;
        let start = out.len();
        self.write_place(ddl.sequence, out);
        if let Some(first) = out.get_mut(start) {
            *first = b'{';
        }
        out.extend_from_slice(b"},\"databaseName\":");
        write_string(&ddl.database, out);
        out.extend_from_slice(b",\"schemaName\":null,\"ddl\":");
        write_string(&ddl.statement, out);
        out.extend_from_slice(b",\"tables\":[");
        for (index, table) in ddl.tables.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b",{\"db\":" } else { b"{\"db\":" });
            write_string(&table.database, out);
            out.extend_from_slice(b",\"table\":");
            write_string(&table.table, out);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"tableChanges\":");
        table_changes::write(&ddl.changes, out);
        out.extend_from_slice(&self.received);
        Ok(())
    }

    fn invalid_text_count(&self) -> u64 {
        self.images.values.invalid_count
    }
}

impl JsonWriter {
    fn write_group(&mut self, group: &Group) {
        self.head.clear();
        self.head.push(b',');
        self.head.extend_from_slice(&self.source);
        let mark = group.snapshot.map_or("false", SnapshotMark::word);
        self.head.extend_from_slice(mark.as_bytes());
        self.head.extend_from_slice(&self.source_rest);
        write_times(group.commit_us, &mut self.head);
        self.head.extend_from_slice(b",\"origin_server_id\":");
        write_integer(group.server_id, &mut self.head);
        self.middle.clear();
        self.middle.extend_from_slice(b"},\"transaction\":{\"id\":");
        let start = self.middle.len();
        match &group.gtid {
            Some(gtid) => {
                write_gtid(gtid, &mut self.middle);
                let gtid = self.middle.get(start..).unwrap_or_default();
                self.head.extend_from_slice(b",\"gtid\":");
                self.head.extend_from_slice(gtid);
            }
            None => {
                write_string(&group.begin.to_string(), &mut self.middle);
                self.head.extend_from_slice(b",\"gtid\":null");
            }
        }
        self.middle.extend_from_slice(b",\"total_order\":");
        self.head.extend_from_slice(b",\"file\":");
        write_string(&group.begin.file, &mut self.head);
        self.head.extend_from_slice(b",\"pos\":");
        write_integer(group.begin.position, &mut self.head);
        self.head.push(b',');
        self.head_of_group = self.head.len();
    }

    /// Goes on from the group that was written last with the members of `source` that name the table.
    fn write_table(&mut self, source: &[u8]) {
        self.tail.forget();
        self.head.truncate(self.head_of_group);
        self.head.extend_from_slice(source);
        self.head.extend_from_slice(b"\"sequence\":");
    }

    /// Appends `source` and all but the last brace of `transaction`.
    fn write_place(&self, sequence: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        write_integer(sequence, out);
        out.extend_from_slice(&self.middle);
        write_integer(sequence.saturating_add(1), out);
    }

    /// Appends what comes after the images of a change.
    fn end_change(&mut self, letter: u8, sequence: u64, out: &mut Vec<u8>) {
        if self.images.changes.is_empty() && self.tail.write(sequence, letter, out) {
            return;
        }
        if self.has_many_rows && self.images.changes.is_empty() {
            let parts = TailParts {
                head: &self.head,
                middle: Some(&self.middle),
                before_letter: BEFORE_LETTER,
                after_letter: b'"',
                rest: &self.received,
            };
            self.tail.learn(sequence, &parts);
        }
        self.write_place(sequence, out);
        out.extend_from_slice(BEFORE_LETTER);
        out.extend_from_slice(&[letter, b'"']);
        if !self.images.changes.is_empty() {
            out.extend_from_slice(b",\"json_changes\":");
            let start = out.len();
            out.append(&mut self.images.changes);
            close_object(start, out);
        }
        out.extend_from_slice(&self.received);
    }
}

/// Appends a GTID as a string.
pub(in crate::encode) fn write_gtid(gtid: &Gtid, out: &mut Vec<u8>) {
    out.push(b'"');
    write_gtid_text(gtid, out);
    out.push(b'"');
}

/// Appends a GTID's text, in which nothing needs an escape but perhaps in its tag.
pub(in crate::encode) fn write_gtid_text(gtid: &Gtid, out: &mut Vec<u8>) {
    match gtid {
        Gtid::MySql { uuid, tag, number } => {
            let mut text = Uuid::encode_buffer();
            let text = uuid.hyphenated().encode_lower(&mut text);
            out.extend_from_slice(text.as_bytes());
            out.push(b':');
            if !tag.is_empty() {
                write_escaped(tag, out);
                out.push(b':');
            }
            write_integer(*number, out);
        }
        Gtid::MariaDb {
            domain,
            server_id,
            sequence,
        } => {
            write_integer(*domain, out);
            out.push(b'-');
            write_integer(*server_id, out);
            out.push(b'-');
            write_integer(*sequence, out);
        }
    }
}

/// Appends `,"ts_ms":…,"ts_us":…,"ts_ns":…` of a time in microseconds.
pub(in crate::encode) fn write_times(us: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"ts_ms\":");
    write_integer(us.div_euclid(1000), out);
    out.extend_from_slice(b",\"ts_us\":");
    let start = out.len();
    write_integer(us, out);
    let digits = start..out.len();
    out.extend_from_slice(b",\"ts_ns\":");
    out.extend_from_within(digits);
    if us != 0 {
        out.extend_from_slice(b"000");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtid_is_written_as_it_prints() {
        for text in [
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:23",
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:a_tag:9223372036854775806",
            "0-1-100",
            "4294967295-4294967295-18446744073709551615",
        ] {
            let gtid: Gtid = text.parse().expect("a GTID");
            let mut out = Vec::new();
            write_gtid(&gtid, &mut out);
            assert_eq!(out, format!("\"{gtid}\"").as_bytes());
        }
    }

    #[test]
    fn a_time_is_written_in_three_units() {
        for us in [
            0,
            1,
            999,
            1_000,
            1_795_932_297_921_220,
            -1,
            i64::MAX,
            i64::MIN,
        ] {
            let mut out = Vec::new();
            write_times(us, &mut out);
            let (ms, ns) = (us.div_euclid(1000), i128::from(us) * 1000);
            let expected = format!(",\"ts_ms\":{ms},\"ts_us\":{us},\"ts_ns\":{ns}");
            assert_eq!(out, expected.as_bytes());
        }
    }
}
