//! The rows that the stream changes between two places, of which views that were opened meanwhile may or may not show the changes.
//!
//! Such a view shows every other row as it is at the second place. These the stream has brought by then, as they are there.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::batch::items::{Batch, Item};
use super::batch::rows::{Rows, RowsKind};
use super::copied::{CopiedRows, CopiedTable};
use crate::binlog::GtidSet;
use crate::fault::{Fault, planted};
use crate::row::{Cell, ColumnType, Images, RowError, Table, TableName};

/// The keys that are kept at most.
const KEYS_MAX: usize = 1_000_000;

/// The keys of the rows that were changed, by the names under which their tables are published.
#[derive(Debug, Default)]
pub struct Window {
    /// The groups whose changes can be seen for certain; `None` where those of all can.
    seen: Option<GtidSet>,
    /// The tables whose rows count; `None` where all do.
    of: Option<HashSet<TableName>>,
    keys: HashMap<TableName, HashSet<Box<[u8]>>>,
    count: usize,
    trouble: Option<WindowTrouble>,
    cells: Vec<Cell>,
}

/// Why views are of no use that were opened meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowTrouble {
    /// Rows of a table without a key were changed.
    NoKey(TableName),
    /// The stream has not all columns of a row that was changed.
    Parts(TableName),
    /// More rows were changed than are kept.
    TooMany,
}

impl fmt::Display for WindowTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey(table) => write!(f, "{table}, which has no primary key, was changed"),
            Self::Parts(table) => write!(
                f,
                "a row of {table} was changed of which the binlog has not all columns, as with binlog_row_image other than FULL"
            ),
            Self::TooMany => write!(f, "more than {KEYS_MAX} rows were changed"),
        }
    }
}

impl Window {
    /// Begins where no group of this set counts, and of none where no group does, unless it commits an XA transaction: the binlog
    /// has that before it can be seen, whatever the server says of it.
    pub fn after(seen: Option<GtidSet>) -> Self {
        Self {
            seen,
            ..Self::default()
        }
    }

    /// The same for rows of tables that are published under these names alone.
    pub fn of(self, tables: HashSet<TableName>) -> Self {
        Self {
            of: Some(tables),
            ..self
        }
    }

    /// Takes the rows that a batch changes.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub fn take(&mut self, batch: &Batch) -> Result<(), RowError> {
        for item in &batch.items {
            let Item::Rows(rows) = item else { continue };
            let group = batch.groups.get(rows.group as usize);
            let gtid = group.and_then(|group| group.gtid.as_ref());
            let is_seen = match (&self.seen, gtid) {
                (Some(seen), Some(gtid)) => seen.contains(gtid),
                (Some(_), None) => false,
                (None, _) => true,
            };
            if is_seen && !group.is_some_and(|group| group.is_xa) {
                continue;
            }
            let table = batch.tables.get(rows.table as usize);
            let counts = |table: &&Arc<Table>| {
                let of = self.of.as_ref();
                of.is_none_or(|of| of.contains(&table.name))
            };
            let table = table.filter(counts);
            let buffer = batch.buffers.get(rows.buffer as usize);
            if let (Some(table), Some(buffer), None) = (table, buffer, &self.trouble) {
                self.take_rows(rows, table, buffer)?;
            }
        }
        Ok(())
    }

    fn take_rows(&mut self, rows: &Rows, table: &Table, buffer: &[u8]) -> Result<(), RowError> {
        if table.key.is_empty() {
            self.trouble = Some(WindowTrouble::NoKey(table.name.clone()));
            return Ok(());
        }
        let [columns, columns_after, body] = rows.images.parts(buffer);
        let images = rows.kind.images(table, columns, columns_after)?;
        if rows.kind != RowsKind::Delete && !images.are_full_after() {
            self.trouble = Some(WindowTrouble::Parts(table.name.clone()));
            return Ok(());
        }
        let keys = self.keys.entry(table.name.clone()).or_default();
        let before = keys.len();
        let mut has_parts = false;
        images.visit(body, &mut self.cells, |cells| {
            match key_of(table, cells, body) {
                Some(key) => drop(keys.insert(key)),
                None => has_parts = true,
            }
        })?;
        self.count += keys.len() - before;
        if has_parts {
            self.trouble = Some(WindowTrouble::Parts(table.name.clone()));
        } else if self.count > KEYS_MAX {
            self.trouble = Some(WindowTrouble::TooMany);
        }
        Ok(())
    }

    /// Why the views are of no use, where they are not.
    pub fn trouble(&self) -> Option<&WindowTrouble> {
        self.trouble.as_ref()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows of a view without those that were changed.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub fn without_changed(
        &mut self,
        copied: &CopiedTable,
        rows: CopiedRows,
    ) -> Result<CopiedRows, RowError> {
        let table = copied.table();
        let Some(keys) = self.keys.get(&table.name) else {
            return Ok(rows);
        };
        if planted(Fault::LotNotChecked) {
            return Ok(rows);
        }
        let bitmap = table.columns.len().div_ceil(8);
        let (columns, body) = rows.bytes.split_at_checked(bitmap).unwrap_or_default();
        let images = Images::one(table, columns)?;
        let mut is_kept = Vec::with_capacity(rows.ends.len());
        images.visit(body, &mut self.cells, |cells| {
            let key = key_of(table, cells, body);
            is_kept.push(key.is_none_or(|key| !keys.contains(&key)));
        })?;
        if !is_kept.contains(&false) {
            return Ok(rows);
        }
        let mut kept = BytesMut::from(columns);
        let (mut ends, mut from) = (Vec::with_capacity(rows.ends.len()), bitmap);
        for (end, is_kept) in rows.ends.iter().zip(is_kept) {
            let to = *end as usize;
            if is_kept {
                kept.extend_from_slice(rows.bytes.get(from..to).unwrap_or_default());
                ends.extend(u32::try_from(kept.len()));
            }
            from = to;
        }
        Ok(CopiedRows {
            bytes: Bytes::from(kept),
            ends,
            key: rows.key,
        })
    }
}

/// The key of an image, in bytes that no other key of the table has; `None` where the image lacks it.
fn key_of(table: &Table, cells: &[Cell], body: &[u8]) -> Option<Box<[u8]>> {
    let mut key = Vec::new();
    for &place in &table.key {
        let Cell::Value { start, end } = *cells.get(place)? else {
            return None;
        };
        let mut value = body.get(start..end)?;
        let is_padded = matches!(
            table.image_kind(place)?,
            ColumnType::Binary {
                padded: Some(_),
                ..
            } | ColumnType::Inet4
                | ColumnType::Inet6
                | ColumnType::Uuid
        );
        while let (true, Some((0, rest))) = (is_padded, value.split_last()) {
            value = rest;
        }
        key.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
        key.extend_from_slice(value);
    }
    Some(key.into())
}
