//! The row, and what is added to it.

use super::plan::Plan;
use crate::change::{Batch, Ddl, RowsKind, SnapshotMark};
use crate::encode::debezium::{DebeziumWriter, Values, event_us, write_ns};
use crate::encode::destination::RecordKey;
use crate::encode::format::{FlatContent, FlatSettings};
use crate::encode::identity::OtherKeyNames;
use crate::encode::json::{ImageWriter, write_gtid};
use crate::encode::rows::{Cells, Image, RowChange, RowsEvent, RowsWalk, letter_of_new};
use crate::encode::writer::EnvelopeWriter;
use crate::encode::{EncodeError, InvalidText};
use crate::mysql::Flavour;
use crate::row::{Cell, write_integer, write_string};

/// Writes the format's messages; owns every buffer that this takes.
pub(in crate::encode) struct FlatWriter {
    settings: FlatSettings,
    /// Writes keys and statements.
    debezium: DebeziumWriter,
    images: ImageWriter<Values>,
    flavour: Flavour,
    received_us: i64,
    /// Of the event: the members that its rows have in common, each after a comma.
    added: Vec<u8>,
    /// The name of each other member, after a comma and with its colon, and what it holds.
    of_rows: Vec<(Box<[u8]>, FlatContent)>,
    /// The row as an update left it, with what its image lacks from the image before.
    whole: Vec<Cell>,
}

impl FlatWriter {
    /// Makes a writer.
    pub(in crate::encode) fn new(settings: &FlatSettings, invalid_text: InvalidText) -> Self {
        let has_schemas = settings.debezium.options.schemas_enable;
        let of_rows = settings.fields.iter().filter(|field| {
            matches!(
                field.content,
                FlatContent::Op
                    | FlatContent::Row
                    | FlatContent::Sequence
                    | FlatContent::TotalOrder
            )
        });
        Self {
            debezium: DebeziumWriter::new(&settings.debezium, invalid_text),
            images: ImageWriter::new(Values::new(invalid_text, has_schemas)),
            flavour: Flavour::MySql,
            received_us: 0,
            added: Vec::new(),
            of_rows: of_rows
                .map(|field| {
                    let mut name = Vec::new();
                    write_member_name(&field.name, &mut name);
                    (name.into(), field.content)
                })
                .collect(),
            whole: Vec::new(),
            settings: settings.clone(),
        }
    }
}

fn write_member_name(name: &str, out: &mut Vec<u8>) {
    out.push(b',');
    write_string(name, out);
    out.push(b':');
}

impl EnvelopeWriter for FlatWriter {
    type Plan = Plan;

    const SPLITS_KEY_CHANGES: bool = true;
    const OTHER_KEY_NAMES: OtherKeyNames = DebeziumWriter::OTHER_KEY_NAMES;

    fn tells_deletes(&self) -> bool {
        self.settings.deletes.has_rows()
    }

    fn begin(&mut self, batch: &Batch) {
        self.debezium.begin(batch);
        self.images.begin();
        self.flavour = batch.origin.flavour;
        self.received_us = batch.received_us;
    }

    fn skips(&self, kind: RowsKind) -> bool {
        self.debezium.skips(kind)
    }

    fn enter(&mut self, event: &RowsEvent<'_>, plan: &Plan) {
        self.added.clear();
        let fields = std::mem::take(&mut self.settings.fields);
        for field in &fields {
            let start = self.added.len();
            write_member_name(&field.name, &mut self.added);
            if !self.write_added(event, plan, field.content) {
                self.added.truncate(start);
            }
        }
        self.settings.fields = fields;
    }

    fn write_key(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        key: &RecordKey,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.debezium
            .write_key(event, &plan.debezium, key, images, out)
    }

    fn write_change(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        change: RowChange<'_>,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        out.extend_from_slice(&plan.schema);
        let start = out.len();
        let members = &plan.debezium.members;
        let (letter, image) = match change {
            RowChange::Create { after } => (letter_of_new(event.rows.kind), after),
            RowChange::Delete { before } => (b'd', before),
            RowChange::Update { before, after } => {
                let mut whole = std::mem::take(&mut self.whole);
                whole.clear();
                let cells = after.cells.iter().zip(before.cells);
                whole.extend(cells.map(|(after, before)| match after {
                    Cell::Absent => *before,
                    Cell::Null | Cell::Value { .. } | Cell::Changes { .. } => *after,
                }));
                let image = Image {
                    cells: &whole,
                    ..after
                };
                let written = self.images.write_image::<false>(event, members, image, out);
                self.whole = whole;
                written?;
                return self.end_change(event, (b'u', sequence), start, out);
            }
        };
        self.images
            .write_image::<false>(event, members, image, out)?;
        self.end_change(event, (letter, sequence), start, out)
    }

    fn write_row(
        &mut self,
        event: &RowsEvent<'_>,
        plan: &Plan,
        (rows, cells): (&mut RowsWalk<'_>, &mut Cells),
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let letter = match event.rows.kind {
            RowsKind::Write => Some(b'c'),
            RowsKind::Read => Some(b'r'),
            RowsKind::Delete => Some(b'd'),
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => None,
        };
        if let Some(letter) = letter {
            let whole_start = out.len();
            out.extend_from_slice(&plan.schema);
            let start = out.len();
            let row = (&mut *rows, &mut *cells);
            let members = &plan.debezium.members;
            if self.images.write_first::<false>(event, members, row, out)? {
                return self.end_change(event, (letter, sequence), start, out);
            }
            out.truncate(whole_start);
        }
        self.write_change(event, plan, rows.change(cells)?, sequence, out)
    }

    fn ddl_count(&self, ddl: &Ddl) -> usize {
        self.debezium.ddl_count(ddl)
    }

    fn write_ddl_key(&mut self, ddl: &Ddl, number: usize, out: &mut Vec<u8>) -> bool {
        self.debezium.write_ddl_key(ddl, number, out)
    }

    fn write_ddl(
        &mut self,
        batch: &Batch,
        ddl: &Ddl,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.debezium.write_ddl(batch, ddl, number, out)
    }

    fn invalid_text_count(&self) -> u64 {
        self.images.values.scratch.invalid_count + self.debezium.invalid_text_count()
    }
}

impl FlatWriter {
    /// Appends what a member holds that all rows of the event have in common; `false`, and maybe a part of it, for another one.
    fn write_added(&mut self, event: &RowsEvent<'_>, plan: &Plan, content: FlatContent) -> bool {
        let out = &mut self.added;
        let (group, stamp) = (event.group, &event.rows.event);
        match content {
            FlatContent::Op
            | FlatContent::Row
            | FlatContent::Sequence
            | FlatContent::TotalOrder => return false,
            FlatContent::ReceivedMs => write_integer(self.received_us.div_euclid(1000), out),
            FlatContent::ReceivedUs => write_integer(self.received_us, out),
            FlatContent::ReceivedNs => write_ns(self.received_us, out),
            FlatContent::Version => write_string(env!("CARGO_PKG_VERSION"), out),
            FlatContent::Connector => write_string(self.flavour.word(), out),
            FlatContent::Name => write_string(&self.settings.debezium.prefix, out),
            FlatContent::Ms => write_integer(event_us(group, stamp).div_euclid(1000), out),
            FlatContent::Us => write_integer(event_us(group, stamp), out),
            FlatContent::Ns => write_ns(event_us(group, stamp), out),
            FlatContent::Snapshot => {
                write_string(group.snapshot.map_or("false", SnapshotMark::word), out);
            }
            FlatContent::Database => out.extend_from_slice(&plan.debezium.database),
            FlatContent::Table => out.extend_from_slice(&plan.debezium.table),
            FlatContent::ServerId => write_integer(stamp.server_id, out),
            FlatContent::Gtid => match &group.gtid {
                Some(gtid) => write_gtid(gtid, out),
                None => out.extend_from_slice(b"null"),
            },
            FlatContent::File => write_string(&group.begin.file, out),
            FlatContent::Position => write_integer(stamp.position, out),
            FlatContent::Thread => match group.thread_id {
                Some(id) => write_integer(id, out),
                None => out.extend_from_slice(b"null"),
            },
            FlatContent::Query => match event.query {
                Some(query) => write_string(&String::from_utf8_lossy(query), out),
                None => out.extend_from_slice(b"null"),
            },
            FlatContent::TransactionId => match &group.gtid {
                Some(gtid) => write_gtid(gtid, out),
                None => write_string(&group.begin.to_string(), out),
            },
        }
        true
    }

    /// Appends what is added to the row, whose object begins at `start` and was closed.
    #[inline]
    fn end_change(
        &mut self,
        event: &RowsEvent<'_>,
        (letter, sequence): (u8, u64),
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        self.images.refuse_changes(event)?;
        // The brace that closes the row.
        out.pop();
        // An object without members has no comma to begin with.
        let is_empty = out.len() == start + 1;
        let begin = out.len();
        out.extend_from_slice(&self.added);
        for (name, content) in &self.of_rows {
            out.extend_from_slice(name);
            match content {
                FlatContent::Row => {
                    let rows = event.rows;
                    let row = sequence.saturating_sub(rows.first_row);
                    write_integer(u64::from(rows.row_in_event) + row, out);
                }
                FlatContent::Sequence => {
                    out.push(b'"');
                    write_integer(sequence, out);
                    out.push(b'"');
                }
                FlatContent::TotalOrder => write_integer(sequence.saturating_add(1), out),
                _op => out.extend_from_slice(&[b'"', letter, b'"']),
            }
        }
        if self.settings.deletes.has_rows() {
            let deleted: &[u8] = match letter {
                b'd' => b",\"__deleted\":\"true\"",
                _kept => b",\"__deleted\":\"false\"",
            };
            out.extend_from_slice(deleted);
        }
        if is_empty && out.len() > begin {
            out.remove(begin);
        }
        out.push(b'}');
        if self.settings.debezium.options.schemas_enable {
            out.push(b'}');
        }
        Ok(true)
    }
}
