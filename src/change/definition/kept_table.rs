//! Tables whose rows are published.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::computed::ComputedColumn;
use super::settling::UnsettledColumns;
use super::table_map_error::TableMapError;
use crate::filter::RowFilter;
use crate::mysql::Flavour;
use crate::row::{Table, TableName};

/// A table as a table map and what is known of it define it.
pub(super) struct Defined {
    pub(super) table: Table,
    pub(super) unsettled: UnsettledColumns,
    /// Its columns that are computed, or whose defaults are; `None` where that is not known.
    pub(super) computed: Option<Vec<ComputedColumn>>,
}

/// A table whose rows are published.
#[derive(Debug)]
pub(in crate::change) struct KeptTable {
    /// The table as published.
    pub(in crate::change) table: Arc<Table>,
    /// Its name on the source.
    pub(in crate::change) source: TableName,
    is_proven: AtomicBool,
    /// Whether row images hold nothing of hidden columns.
    omits_hidden: bool,
    /// The columns whose values may not be what they seem.
    pub(in crate::change) unsettled: UnsettledColumns,
    /// Which of its rows are published; `None` for all.
    pub(in crate::change) row_filter: Option<RowFilter>,
}

impl KeptTable {
    /// Makes one of a table as rules treat its columns; a server of this family sends its rows.
    pub(super) fn new(
        defined: Defined,
        source: TableName,
        row_filter: Option<RowFilter>,
        flavour: Flavour,
    ) -> Self {
        Self {
            table: Arc::new(defined.table),
            source,
            is_proven: AtomicBool::new(false),
            omits_hidden: flavour == Flavour::MySql,
            unsettled: defined.unsettled,
            row_filter,
        }
    }

    /// Whether its engine is proven for the first time since the table map was taken.
    pub(in crate::change) fn is_proven_first(&self) -> bool {
        // Only the first time takes a write.
        !self.is_proven.load(Ordering::Relaxed) && !self.is_proven.swap(true, Ordering::Relaxed)
    }

    /// Makes sure that rows with these columns hold nothing of hidden ones, where a server leaves those out.
    pub(in crate::change) fn allows(&self, bitmaps: [&[u8]; 2]) -> Result<(), TableMapError> {
        if !self.omits_hidden {
            return Ok(());
        }
        let is_in = |bitmap: &[u8], place: usize| {
            let byte = bitmap.get(place / 8).copied().unwrap_or(0);
            byte >> (place % 8) & 1 == 1
        };
        let present = |place: &&usize| bitmaps.iter().any(|bitmap| is_in(bitmap, **place));
        match self.table.hidden.iter().find(present) {
            None => Ok(()),
            Some(place) => Err(TableMapError::HiddenValue {
                table: self.source.clone(),
                place: place + 1,
            }),
        }
    }
}
