//! The encoder for files: a line an event.

use std::sync::Arc;

use super::super::rows::{Cells, Change, Event};
use super::super::{Encode, EncodeError, InvalidText, Lines};
use super::event::Writer;
use super::plan::Plan;
use crate::change::{Batch, Item, Rows};
use crate::fault::{Fault, planted};

/// Writes batches as JSON Lines.
pub struct LinesEncoder {
    writer: Writer,
    cells: Cells,
}

impl LinesEncoder {
    /// Makes an encoder.
    pub fn new(invalid_text: InvalidText) -> Self {
        Self {
            writer: Writer::new(invalid_text),
            cells: Cells::default(),
        }
    }

    fn write_rows(
        &mut self,
        batch: &Batch,
        rows: &Rows,
        plan: &Plan,
        block: &mut Lines,
    ) -> Result<(), EncodeError> {
        let event = Event::new(batch, rows, &plan.table)?;
        self.writer.enter(&event, plan);
        let start = block.bytes.len();
        event.each(&mut self.cells, |index, change| {
            let change = match change {
                Change::Update { before, after }
                    if planted(Fault::KeyChangeHalved) && event.key_changed(before, after) =>
                {
                    Change::Create { after }
                }
                other => other,
            };
            let sequence = rows.first_row + u64::from(index);
            self.writer
                .write_row(&event, plan, change, sequence, &mut block.bytes)?;
            block.bytes.push(b'\n');
            Ok(())
        })?;
        block.row_count += u64::from(rows.row_count);
        if planted(Fault::RowsReversed) {
            reverse_lines(&mut block.bytes, start);
        }
        Ok(())
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
        block.clear();
        self.writer.begin(batch);
        for item in &batch.items {
            match item {
                Item::Rows(rows) => {
                    let plan = plans
                        .get(rows.table as usize)
                        .ok_or(EncodeError::Reference {
                            what: "table",
                            index: rows.table,
                        })?;
                    self.write_rows(batch, rows, plan, block)?;
                }
                Item::Ddl(ddl) => {
                    let start = block.bytes.len();
                    self.writer.write_ddl(batch, ddl, &mut block.bytes)?;
                    block.bytes.push(b'\n');
                    block.ddl.push(start..block.bytes.len());
                    block.ddl_count += 1;
                }
            }
        }
        block.invalid_text_count = self.writer.invalid_text_count();
        Ok(())
    }
}

/// Puts the lines from `start` on into reverse order.
fn reverse_lines(bytes: &mut Vec<u8>, start: usize) {
    let tail = bytes.split_off(start);
    for line in tail.split_inclusive(|byte| *byte == b'\n').rev() {
        bytes.extend_from_slice(line);
    }
}
