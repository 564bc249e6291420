//! The batch in the making.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::ddl::Ddl;
use super::items::{Batch, Edge, Group, Item, Origin, QueryText};
use super::ledger::Ledger;
use super::rows::{Rows, TooMany};
use crate::change::checkpoint::Checkpoint;
use crate::change::skips::PassedOver;
use crate::row::Table;

/// Bytes that an item takes beside those of its rows or statement; where transactions are small, they are most of a batch.
const ITEM_BYTES: usize = size_of::<Item>();
/// Bytes that a group takes.
const GROUP_BYTES: usize = size_of::<Group>();

/// How many times its own size a batch may keep in memory of the chunks around its rows.
const PINNED_FACTOR: usize = 8;

/// Items of a batch that room is made for before they come.
const ITEMS_ROOM_MAX: usize = 4096;

/// Collects items until a batch leaves.
#[derive(Debug)]
pub(in crate::change) struct Builder {
    origin: Arc<Origin>,
    received_us: i64,
    buffers: Vec<Bytes>,
    tables: Vec<Arc<Table>>,
    groups: Vec<Group>,
    queries: Vec<QueryText>,
    items: Vec<Item>,
    sizes: Sizes,
    whole: WholeGroups,
    pub(in crate::change) ledger: Ledger,
    passed_over: Vec<PassedOver>,
}

/// Bytes that the batch stands for.
#[derive(Debug, Default)]
struct Sizes {
    items: usize,
    pinned: usize,
    seen: u64,
}

/// What the batch held when the last group was read to its end.
#[derive(Debug, Default)]
struct WholeGroups {
    items: usize,
    bytes: usize,
    ledger: Ledger,
}

impl Builder {
    pub(in crate::change) fn new(origin: Arc<Origin>) -> Self {
        Self {
            origin,
            received_us: 0,
            buffers: Vec::new(),
            tables: Vec::new(),
            groups: Vec::new(),
            queries: Vec::new(),
            items: Vec::new(),
            sizes: Sizes::default(),
            whole: WholeGroups::default(),
            ledger: Ledger::default(),
            passed_over: Vec::new(),
        }
    }

    /// The source, as records name it.
    pub(in crate::change) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Notes that the group of the last items was read to its end.
    pub(in crate::change) fn group_ends(&mut self) {
        self.whole = WholeGroups {
            items: self.items.len(),
            bytes: self.sizes.items,
            ledger: self.ledger,
        };
    }

    /// Takes out the items and counts of a group that was not read to its end; returns whether anything is left.
    pub(in crate::change) fn drop_unfinished(&mut self) -> bool {
        self.items.truncate(self.whole.items);
        self.ledger = self.whole.ledger;
        self.has_items() || self.ledger.received > 0
    }

    /// Puts a group on the record that is passed over.
    pub(in crate::change) fn pass_over(&mut self, group: PassedOver) {
        self.passed_over.push(group);
    }

    pub(in crate::change) fn received(&mut self, received_us: i64) {
        self.received_us = received_us;
    }

    /// Counts an event's bytes towards a batch without rows.
    pub(in crate::change) fn saw(&mut self, bytes: u64) {
        self.sizes.seen += bytes;
    }

    /// Bytes that the batch stands for so far, those that it takes itself included.
    pub(in crate::change) fn bytes(&self) -> usize {
        self.sizes.items + self.items.len() * ITEM_BYTES + self.groups.len() * GROUP_BYTES
    }

    /// Whether it is to leave: by its rows, or by the chunks that they keep in memory. These stay charged until the batch is
    /// done, and where filters reject most of a stream, they are many times the bytes of the items.
    pub(in crate::change) fn is_full(&self, bytes_max: usize) -> bool {
        self.bytes() >= bytes_max || self.sizes.pinned >= bytes_max.saturating_mul(PINNED_FACTOR)
    }

    /// Whether it is to leave inside the group in hand, if more rows of the group follow. A group that fits into a batch is
    /// never split: a batch that ends at a boundary can be committed, a piece cannot.
    pub(in crate::change) fn is_overfull(&self, bytes_max: usize) -> bool {
        let pinned_max = bytes_max.saturating_mul(2 * PINNED_FACTOR);
        let pins_several = self.buffers.len() > 1;
        self.sizes.items.saturating_sub(self.whole.bytes) >= bytes_max
            || (pins_several && self.sizes.pinned >= pinned_max)
    }

    /// Bytes of all events since the last batch.
    pub(in crate::change) fn idle_bytes(&self) -> u64 {
        self.sizes.seen
    }

    pub(in crate::change) fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    /// The index of a buffer, added unless it is the one added last.
    pub(in crate::change) fn buffer(&mut self, buffer: &Bytes) -> Result<u32, TooMany> {
        if self
            .buffers
            .last()
            .is_none_or(|last| last.as_ptr() != buffer.as_ptr())
        {
            self.sizes.pinned += buffer.len();
            self.buffers.push(buffer.clone());
        }
        index(self.buffers.len(), "buffers")
    }

    /// The index of a table, added unless it is there. A batch meets few tables, and mostly the last one again.
    pub(in crate::change) fn table(&mut self, table: &Arc<Table>) -> Result<u32, TooMany> {
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
    pub(in crate::change) fn group(&mut self, group: &Group) -> Result<u32, TooMany> {
        self.groups.push(group.clone());
        index(self.groups.len(), "groups")
    }

    /// Tells the storage engine's number of a group's transaction, if it was not known when the group was added.
    pub(in crate::change) fn set_xid(&mut self, group: u32, xid: u64) {
        if let Some(group) = self.groups.get_mut(group as usize) {
            group.xid = Some(xid);
        }
    }

    /// Adds a statement that changed rows, which stands in `buffer`, and returns its index.
    pub(in crate::change) fn query(
        &mut self,
        buffer: &Bytes,
        text: &Range<u32>,
    ) -> Result<u32, TooMany> {
        let query = QueryText {
            buffer: self.buffer(buffer)?,
            text: text.clone(),
        };
        self.sizes.items += query.text.len();
        self.queries.push(query);
        index(self.queries.len(), "queries")
    }

    // What was just made is put where it stays.
    #[inline(always)]
    pub(in crate::change) fn rows(&mut self, rows: Rows) {
        self.sizes.items += rows.images.body.len();
        self.items.push(Item::Rows(rows));
    }

    pub(in crate::change) fn edge(&mut self, edge: Edge) {
        self.items.push(Item::Edge(Box::new(edge)));
    }

    pub(in crate::change) fn ddl(&mut self, ddl: Ddl) {
        self.sizes.items += ddl.statement.len();
        self.items.push(Item::Ddl(Box::new(ddl)));
    }

    /// Takes the batch out and begins the next.
    pub(in crate::change) fn take(&mut self, end: Option<Checkpoint>) -> Batch {
        self.sizes = Sizes::default();
        self.whole = WholeGroups::default();
        // The next batch will hold about as much.
        let room = self.items.len().min(ITEMS_ROOM_MAX);
        let items = std::mem::replace(&mut self.items, Vec::with_capacity(room));
        Batch {
            origin: Arc::clone(&self.origin),
            received_us: self.received_us,
            buffers: std::mem::take(&mut self.buffers),
            tables: std::mem::take(&mut self.tables),
            groups: std::mem::take(&mut self.groups),
            queries: std::mem::take(&mut self.queries),
            items,
            end,
            ledger: std::mem::take(&mut self.ledger),
            revisions: Vec::new(),
            passed_over: std::mem::take(&mut self.passed_over),
        }
    }
}

/// The index of the last of `count` elements.
fn index(count: usize, what: &'static str) -> Result<u32, TooMany> {
    u32::try_from(count.saturating_sub(1)).map_err(|_| TooMany::beyond_index(what))
}
