//! Avro object container files: the parts of a batch by table, and the bytes around them.
//!
//! Follows Avro's specification, "Object Container Files".

use std::ops::Range;
use std::sync::Arc;

use super::envelope::{Envelope, MessageLayout, Plan};
use super::rows::{Cells, RowsEvent};
use super::writer::EnvelopeWriter;
use super::{
    AvroCodec, AvroSchema, AvroSchemas, Block, Encode, EncodeError, FormatSettings, InvalidText,
    empty,
};
use crate::change::{Batch, Ddl, EdgeSide};

/// What a file begins with.
const MAGIC: &[u8] = b"Obj\x01";
/// Bytes of what stands after each block of a file.
pub const SYNC_BYTES: usize = 16;

/// Records for container files, in stream order.
#[derive(Debug, Default)]
pub struct Containers {
    /// All records.
    pub bytes: Vec<u8>,
    /// Which of the bytes are whose.
    pub parts: Vec<ContainerPart>,
    /// Per table of the batch its plan.
    pub plans: Vec<Arc<Plan>>,
    /// The schemas of statements, if there are any.
    pub statements: Option<Arc<AvroSchemas>>,
    /// How many values are not valid text, and are replaced in part.
    pub invalid_text_count: u64,
}

/// Records of one table, or statements, that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPart {
    /// Index into `Containers::plans`; `None` for statements.
    pub table: Option<u32>,
    /// Their bytes.
    pub range: Range<usize>,
    /// How many they are.
    pub count: u64,
}

impl Containers {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        empty(&mut self.bytes);
        self.parts.clear();
        self.plans.clear();
        self.statements = None;
        self.invalid_text_count = 0;
    }
}

impl Block for Containers {
    fn record_count(&self) -> u64 {
        self.parts.iter().map(|part| part.count).sum()
    }

    fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn invalid_text_count(&self) -> u64 {
        self.invalid_text_count
    }
}

/// What a file begins with: its schema, what it holds, and what stands after each of its blocks.
pub fn container_header(
    schema: &AvroSchema,
    codec: AvroCodec,
    holds: &str,
    sync: &[u8; SYNC_BYTES],
) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let entries = [
        ("avro.schema", &*schema.text),
        ("avro.codec", codec.name()),
        ("rowtap.holds", holds),
    ];
    write_length(entries.len(), &mut out);
    for text in entries.iter().flat_map(|(name, value)| [*name, *value]) {
        write_length(text.len(), &mut out);
        out.extend_from_slice(text.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(sync);
    out
}

/// What a block begins with that holds so many records in so many bytes.
pub fn container_block(count: u64, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    write_length(usize::try_from(count).unwrap_or(usize::MAX), &mut out);
    write_length(bytes, &mut out);
    out
}

/// Appends a length as Avro writes a `long`.
fn write_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = u64::try_from(length).unwrap_or(u64::MAX) << 1;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Writes batches as records for container files.
pub struct ContainersEncoder {
    envelope: Envelope,
    layout: ContainersLayout,
}

impl ContainersEncoder {
    /// Makes an encoder.
    pub fn new(format: impl Into<FormatSettings>, invalid_text: InvalidText) -> Self {
        Self {
            envelope: Envelope::new(&format.into(), invalid_text),
            layout: ContainersLayout::default(),
        }
    }
}

impl Encode for ContainersEncoder {
    type Plan = Plan;
    type Block = Containers;

    fn encode(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Containers,
    ) -> Result<(), EncodeError> {
        self.envelope.encode(&mut self.layout, batch, plans, block)
    }
}

/// What making records for container files takes.
#[derive(Default)]
pub(super) struct ContainersLayout {
    cells: Cells,
}

impl MessageLayout for ContainersLayout {
    type Block = Containers;

    fn begin(
        &mut self,
        _batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Containers,
    ) -> Result<(), EncodeError> {
        block.clear();
        block.plans.extend_from_slice(plans);
        Ok(())
    }

    fn write_rows<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        event: &RowsEvent<'_>,
        (plan, _): (&W::Plan, &Plan),
        block: &mut Containers,
    ) -> Result<(), EncodeError> {
        let start = block.bytes.len();
        let mut walked = event.walk_rows();
        let rows = match walked {
            Ok(ref mut rows) => rows,
            Err(error) => return Err(error),
        };
        let mut count = 0;
        while let Some(sequence) = rows.next() {
            let row = (&mut *rows, &mut self.cells);
            let ends = writer.write_row(event, plan, row, sequence, &mut block.bytes)?;
            count += u64::from(ends);
        }
        rows.finish()?;
        block.parts.push(ContainerPart {
            table: Some(event.rows.table),
            range: start..block.bytes.len(),
            count,
        });
        Ok(())
    }

    fn write_ddl<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        batch: &Batch,
        ddl: &Ddl,
        block: &mut Containers,
    ) -> Result<(), EncodeError> {
        block.statements = writer.ddl_schemas(batch);
        let start = block.bytes.len();
        let count = writer.ddl_count(ddl);
        for number in 0..count {
            writer.write_ddl(batch, ddl, number, &mut block.bytes)?;
        }
        block.parts.push(ContainerPart {
            table: None,
            range: start..block.bytes.len(),
            count: count as u64,
        });
        Ok(())
    }

    fn write_emptied<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        (batch, ddl): (&Batch, &Ddl),
        (plan, _): (&W::Plan, &Plan),
        block: &mut Containers,
    ) -> Result<bool, EncodeError> {
        let start = block.bytes.len();
        if !writer.write_emptied(batch, ddl, plan, &mut block.bytes)? {
            return Ok(false);
        }
        block.parts.push(ContainerPart {
            table: ddl.emptied,
            range: start..block.bytes.len(),
            count: 1,
        });
        Ok(true)
    }

    /// No format of containers has messages of edges.
    fn write_edge<W: EnvelopeWriter>(
        &mut self,
        _writer: &mut W,
        _edge: (&RowsEvent<'_>, EdgeSide),
        _plans: (&W::Plan, &Plan),
        _block: &mut Containers,
    ) -> Result<(), EncodeError> {
        Ok(())
    }

    fn end(&mut self, invalid_text_count: u64, block: &mut Containers) {
        block.invalid_text_count = invalid_text_count;
    }
}
