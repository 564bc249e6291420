//! The batch in the making.

use std::sync::Arc;

use bytes::Bytes;

use crate::change::trouble::Trouble;
use crate::change::{Batch, Checkpoint, Ddl, Group, Item, Ledger, Origin, Rows};
use crate::row::Table;

/// Collects items until a batch leaves.
#[derive(Debug)]
pub(in crate::change) struct Builder {
    origin: Arc<Origin>,
    received_us: i64,
    buffers: Vec<Bytes>,
    tables: Vec<Arc<Table>>,
    groups: Vec<Group>,
    items: Vec<Item>,
    bytes: usize,
    pinned_bytes: usize,
    idle_bytes: u64,
    /// How many of the items belong to groups that were read to their end.
    whole: usize,
    /// The ledger behind the last of those groups.
    whole_ledger: Ledger,
    pub(in crate::change) ledger: Ledger,
}

impl Builder {
    pub(in crate::change) fn new(origin: Arc<Origin>) -> Self {
        Self {
            origin,
            received_us: 0,
            buffers: Vec::new(),
            tables: Vec::new(),
            groups: Vec::new(),
            items: Vec::new(),
            bytes: 0,
            pinned_bytes: 0,
            idle_bytes: 0,
            whole: 0,
            whole_ledger: Ledger::default(),
            ledger: Ledger::default(),
        }
    }

    /// Notes that the group of the last items was read to its end.
    pub(in crate::change) fn group_ends(&mut self) {
        self.whole = self.items.len();
        self.whole_ledger = self.ledger;
    }

    /// Takes the items and counts of a group out that was not read to its end; returns whether any items are left.
    pub(in crate::change) fn drop_unfinished(&mut self) -> bool {
        self.items.truncate(self.whole);
        self.ledger = self.whole_ledger;
        self.has_items()
    }

    pub(in crate::change) fn received(&mut self, received_us: i64) {
        self.received_us = received_us;
    }

    /// Counts an event's bytes towards a batch without rows.
    pub(in crate::change) fn saw(&mut self, bytes: u64) {
        self.idle_bytes += bytes;
    }

    /// Bytes of the items so far.
    pub(in crate::change) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the chunks that the items stand in, which stay charged until the batch is done: where filters reject most
    /// of a stream, they are many times those of the items.
    pub(in crate::change) fn pinned_bytes(&self) -> usize {
        self.pinned_bytes
    }

    /// Bytes of all events since the last batch.
    pub(in crate::change) fn idle_bytes(&self) -> u64 {
        self.idle_bytes
    }

    pub(in crate::change) fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    /// The index of a buffer, added unless it is the one added last.
    pub(in crate::change) fn buffer(&mut self, buffer: &Bytes) -> Result<u32, Trouble> {
        if self
            .buffers
            .last()
            .is_none_or(|last| last.as_ptr() != buffer.as_ptr())
        {
            self.pinned_bytes += buffer.len();
            self.buffers.push(buffer.clone());
        }
        index(self.buffers.len(), "buffers")
    }

    /// The index of a table, added unless it is there. A batch meets few tables, and mostly the last one again.
    pub(in crate::change) fn table(&mut self, table: &Arc<Table>) -> Result<u32, Trouble> {
        if let Some(known) = self
            .tables
            .iter()
            .rposition(|known| Arc::ptr_eq(known, table))
        {
            return index(known + 1, "tables");
        }
        self.tables.push(Arc::clone(table));
        index(self.tables.len(), "tables")
    }

    /// Adds a group and returns its index.
    pub(in crate::change) fn group(&mut self, group: &Group) -> Result<u32, Trouble> {
        self.groups.push(group.clone());
        index(self.groups.len(), "groups")
    }

    pub(in crate::change) fn rows(&mut self, rows: Rows) {
        self.bytes += rows.body.len();
        self.items.push(Item::Rows(rows));
    }

    pub(in crate::change) fn ddl(&mut self, ddl: Ddl) {
        self.bytes += ddl.statement.len();
        self.items.push(Item::Ddl(ddl));
    }

    /// Takes the batch out and begins the next.
    pub(in crate::change) fn take(&mut self, end: Option<Checkpoint>) -> Batch {
        self.bytes = 0;
        self.pinned_bytes = 0;
        self.idle_bytes = 0;
        self.whole = 0;
        self.whole_ledger = Ledger::default();
        Batch {
            origin: Arc::clone(&self.origin),
            received_us: self.received_us,
            buffers: std::mem::take(&mut self.buffers),
            tables: std::mem::take(&mut self.tables),
            groups: std::mem::take(&mut self.groups),
            items: std::mem::take(&mut self.items),
            end,
            ledger: std::mem::take(&mut self.ledger),
            revisions: Vec::new(),
        }
    }
}

/// The index of the last of `count` elements.
fn index(count: usize, what: &'static str) -> Result<u32, Trouble> {
    u32::try_from(count.saturating_sub(1)).map_err(|_| Trouble::TooMany {
        what,
        max: u64::from(u32::MAX),
    })
}
