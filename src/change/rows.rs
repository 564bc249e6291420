//! The rows of a rows event whose table is published: counted, bounded, and put into the batch.

use std::ops::Range;

use bytes::Bytes;

use super::assembler::Assembler;
use super::definition::table_maps::Kept;
use super::group::closed::Apply;
use super::group::open::Held;
use super::trouble::Trouble;
use super::{Rows, RowsKind};
use crate::binlog::RowsHeader;
use crate::fault::{Fault, planted, planted_once};
use crate::row;

impl Assembler {
    pub(super) fn emit_rows(
        &mut self,
        apply: &mut Apply,
        held: &Held,
        buffer: &Bytes,
        kind: RowsKind,
        header: &RowsHeader,
        kept: &Kept,
    ) -> Result<(), Trouble> {
        let origin = held.body();
        let absolute = |range: &Range<usize>| -> Result<Range<u32>, Trouble> {
            let shift = |offset: usize| {
                u32::try_from(offset)
                    .ok()
                    .and_then(|offset| offset.checked_add(origin.start))
                    .ok_or(Trouble::TooMany {
                        what: "bytes",
                        max: u64::from(u32::MAX),
                    })
            };
            Ok(shift(range.start)?..shift(range.end)?)
        };
        let (columns, columns_after) =
            (absolute(&header.columns)?, absolute(&header.columns_after)?);
        let body = absolute(&header.body)?;
        let part = |range: &Range<u32>| {
            buffer
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default()
        };
        kept.allows([part(&columns), part(&columns_after)])?;
        let images = images(kind, &kept.table, part(&columns), part(&columns_after));
        let row_count = images
            .and_then(|images| images.count(part(&body)))
            .map_err(|error| Trouble::Rows {
                table: kept.source.clone(),
                error,
            })?;
        self.builder.ledger.emitted += 1;
        self.builder.ledger.rows += u64::from(row_count);
        let first_row = apply.sequence;
        apply.sequence += u64::from(row_count);
        if planted_once(Fault::GroupResumedInMiddle) {
            return Ok(());
        }
        if planted(Fault::EventDropped) && first_row % 7 == 3 {
            return Ok(());
        }
        let rows = Rows {
            table: self.builder.table(&kept.table)?,
            group: self.group_of(apply)?,
            buffer: self.builder.buffer(buffer)?,
            kind,
            columns,
            columns_after,
            body,
            position: held.frame.start,
            timestamp: held.frame.header.timestamp,
            server_id: held.frame.header.server_id,
            first_row,
            row_count,
            cascades: header.cascades(),
        };
        self.builder.rows(rows);
        Ok(())
    }
}

/// The images of a row in an event of a kind, by its bitmaps of present columns.
pub(super) fn images<'a>(
    kind: RowsKind,
    table: &'a row::Table,
    columns: &'a [u8],
    columns_after: &'a [u8],
) -> Result<row::Images<'a>, row::RowError> {
    match kind {
        RowsKind::Write | RowsKind::Delete => row::Images::one(table, columns),
        RowsKind::Update => row::Images::update(table, columns, columns_after),
        RowsKind::PartialUpdate => row::Images::partial_update(table, columns, columns_after),
    }
}
