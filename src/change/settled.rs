//! Rows of tables whose character sets are not known for certain: no value goes on that is not the same in each that they may
//! be.

use std::ops::Range;
use std::sync::Arc;

use super::batch::rows::RowsKind;
use super::definition::beliefs::Definitions;
use super::definition::kept_table::KeptTable;
use super::definition::table_maps::{Missing, TableMaps, Target};
use super::questions::Questions;
use super::trouble::Trouble;
use crate::binlog::{Coordinates, FormatDescription, RowsHeader};

/// Why the rows of a table cannot be taken for certain before they are read.
const UNREAD: &str =
    "the character sets of its columns are not known, and its rows come in an event of many bytes";

/// A rows event whose table has something unsettled.
pub(super) struct UnsettledRows<'a> {
    pub(super) kind: RowsKind,
    pub(super) header: &'a RowsHeader,
    /// The event's body, as far as it is here.
    pub(super) body: &'a [u8],
    /// Whether the rest of the body comes later, piece by piece.
    pub(super) is_large: bool,
    /// Whether the stream rather goes on without what is not known of the table than stop in the middle of a large event.
    pub(super) may_go_without: bool,
    pub(super) format: &'a FormatDescription,
    /// Where the group ends.
    pub(super) end: &'a Coordinates,
}

/// The table of a rows event, if it is published and has something unsettled.
pub(super) fn unsettled_table(
    table_maps: &TableMaps,
    header: &RowsHeader,
) -> Option<Arc<KeptTable>> {
    match table_maps.target(header.table_id)? {
        Target::Kept(table) if !table.unsettled.is_empty() => Some(Arc::clone(table)),
        Target::Kept(_) | Target::Checked(_) | Target::Undefined(_) | Target::Rejected => None,
    }
}

impl UnsettledRows<'_> {
    /// Looks for a value that is not the same in all that the table may be. Then the table map counts as what more is known by
    /// now makes of it; what is missing still is asked for. Of a large event that is asked before its rows are read.
    ///
    /// # Errors
    /// Rows that contradict their table map.
    pub(super) fn missing(
        &self,
        table: &KeptTable,
        table_maps: &mut TableMaps,
        definitions: &mut Definitions,
        questions: &Questions,
    ) -> Result<Option<Missing>, Trouble> {
        if self.doubt(table)?.is_none() {
            return Ok(None);
        }
        let table_id = self.header.table_id;
        if let Err(missing) = table_maps.renew(table_id, self.format, definitions, self.end) {
            return Ok(Some(missing));
        }
        let Some(table) = unsettled_table(table_maps, self.header) else {
            return Ok(None);
        };
        if self.is_large && !self.may_go_without && questions.has_told(&table.source) {
            return Ok(None);
        }
        let doubt = self.doubt(&table)?;
        Ok(doubt.map(|reason| Missing::Value(table.source.clone(), reason)))
    }

    fn doubt(&self, table: &KeptTable) -> Result<Option<Box<str>>, Trouble> {
        if self.is_large {
            return Ok((!table.unsettled.is_empty()).then(|| UNREAD.into()));
        }
        let part = |range: &Range<usize>| self.body.get(range.clone()).unwrap_or_default();
        let RowsHeader {
            columns,
            columns_after,
            body,
            ..
        } = self.header;
        doubt(table, self.kind, [columns, columns_after, body].map(part))
    }
}

/// Refuses rows in which a value is not the same in all that their table may be.
///
/// # Errors
/// Such a value, or rows that contradict their table map.
pub(super) fn refuse(
    table: &KeptTable,
    kind: RowsKind,
    parts: [&[u8]; 3],
    connector: &str,
    end: &Coordinates,
) -> Result<(), Trouble> {
    match doubt(table, kind, parts)? {
        Some(reason) => {
            let table = table.source.clone();
            Err(Questions::refuse_value(table, reason, connector, end))
        }
        None => Ok(()),
    }
}

/// Looks for a value that is not the same in all that its table may be, in rows with their two bitmaps before them.
fn doubt(
    table: &KeptTable,
    kind: RowsKind,
    [before, after, body]: [&[u8]; 3],
) -> Result<Option<Box<str>>, Trouble> {
    if table.unsettled.is_empty() {
        return Ok(None);
    }
    kind.images(&table.table, before, after)
        .and_then(|images| table.unsettled.doubt(&table.table, &images, body))
        .map_err(|error| Trouble::Rows {
            table: table.source.clone(),
            error,
        })
}
