//! Lines for files and the standard output: a message a line, in stream order, whatever its format.

use std::ops::Range;
use std::sync::Arc;

use super::envelope::{Envelope, MessageLayout, Plan};
use super::rows::{Cells, RowChange, RowsEvent, is_changed};
use super::writer::EnvelopeWriter;
use super::{Block, Encode, EncodeError, FormatSettings, InvalidText, empty};
use crate::change::{Batch, Ddl, EdgeSide};
use crate::fault::{Fault, planted};

/// Lines for files: each ends in a line feed.
#[derive(Debug, Default)]
pub struct Lines {
    /// All lines, in stream order.
    pub bytes: Vec<u8>,
    /// Which of the bytes are a line of a DDL statement, ascending; the others are lines of row changes.
    pub ddl: Vec<Range<usize>>,
    /// How many lines there are.
    pub line_count: u64,
    /// How many row changes they tell of.
    pub row_count: u64,
    /// How many values are not valid text, and are replaced in part or stand in base64.
    pub invalid_text_count: u64,
}

impl Lines {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        empty(&mut self.bytes);
        self.ddl.clear();
        self.line_count = 0;
        self.row_count = 0;
        self.invalid_text_count = 0;
    }

    /// Ends the line that was appended.
    fn end_line(&mut self) {
        self.bytes.push(b'\n');
        self.line_count += 1;
    }
}

impl Block for Lines {
    fn record_count(&self) -> u64 {
        self.line_count
    }

    fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn invalid_text_count(&self) -> u64 {
        self.invalid_text_count
    }
}

/// Writes batches as lines.
pub struct LinesEncoder {
    envelope: Envelope,
    layout: LinesLayout,
}

impl LinesEncoder {
    /// Makes an encoder.
    pub fn new(format: impl Into<FormatSettings>, invalid_text: InvalidText) -> Self {
        Self {
            envelope: Envelope::new(&format.into(), invalid_text),
            layout: LinesLayout::default(),
        }
    }
}

impl Encode for LinesEncoder {
    type Plan = Plan;
    type Block = Lines;

    fn encode(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Lines,
    ) -> Result<(), EncodeError> {
        self.envelope.encode(&mut self.layout, batch, plans, block)
    }
}

/// What making lines takes.
#[derive(Default)]
pub(super) struct LinesLayout {
    cells: Cells,
}

impl MessageLayout for LinesLayout {
    type Block = Lines;

    fn begin(
        &mut self,
        _batch: &Batch,
        _plans: &[Arc<Plan>],
        block: &mut Lines,
    ) -> Result<(), EncodeError> {
        block.clear();
        Ok(())
    }

    fn write_rows<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        event: &RowsEvent<'_>,
        (plan, _): (&W::Plan, &Plan),
        block: &mut Lines,
    ) -> Result<(), EncodeError> {
        let start = block.bytes.len();
        // Borrowed from where it was made: the processor waits where it is copied at once.
        let mut walked = event.walk_rows();
        let rows = match walked {
            Ok(ref mut rows) => rows,
            Err(error) => return Err(error),
        };
        while let Some(sequence) = rows.next() {
            let out = &mut block.bytes;
            let ends = if planted(Fault::KeyChangeHalved) {
                let change = match rows.change(&mut self.cells)? {
                    RowChange::Update { before, after }
                        if is_changed(&event.table.key, before, after) =>
                    {
                        RowChange::Create { after }
                    }
                    other => other,
                };
                writer.write_change(event, plan, change, sequence, out)?
            } else {
                writer.write_row(event, plan, (&mut *rows, &mut self.cells), sequence, out)?
            };
            if ends {
                block.end_line();
            }
        }
        rows.finish()?;
        block.row_count += u64::from(event.rows.row_count);
        if planted(Fault::RowsReversed) {
            reverse_lines(&mut block.bytes, start);
        }
        Ok(())
    }

    fn write_ddl<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        batch: &Batch,
        ddl: &Ddl,
        block: &mut Lines,
    ) -> Result<(), EncodeError> {
        writer.ddl_schemas(batch);
        for number in 0..writer.ddl_count(ddl) {
            let start = block.bytes.len();
            writer.write_ddl(batch, ddl, number, &mut block.bytes)?;
            block.end_line();
            block.ddl.push(start..block.bytes.len());
        }
        Ok(())
    }

    fn write_emptied<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        (batch, ddl): (&Batch, &Ddl),
        (plan, _): (&W::Plan, &Plan),
        block: &mut Lines,
    ) -> Result<bool, EncodeError> {
        let start = block.bytes.len();
        let is_told = writer.write_emptied(batch, ddl, plan, &mut block.bytes)?;
        if is_told {
            block.end_line();
            block.ddl.push(start..block.bytes.len());
        }
        Ok(is_told)
    }

    fn write_edge<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        (event, side): (&RowsEvent<'_>, EdgeSide),
        (plan, _): (&W::Plan, &Plan),
        block: &mut Lines,
    ) -> Result<(), EncodeError> {
        if writer.write_edge(event, plan, side, &mut block.bytes) {
            block.end_line();
        }
        Ok(())
    }

    fn end(&mut self, invalid_text_count: u64, block: &mut Lines) {
        block.invalid_text_count = invalid_text_count;
    }
}

/// Puts the lines from `start` on into reverse order.
fn reverse_lines(bytes: &mut Vec<u8>, start: usize) {
    let tail = bytes.split_off(start);
    for line in tail.split_inclusive(|byte| *byte == b'\n').rev() {
        bytes.extend_from_slice(line);
    }
}
