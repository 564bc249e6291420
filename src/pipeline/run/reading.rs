//! The readers of a copy: which reads what, and how their rows come into one order.
//!
//! A table is cut into lots by its key. Whoever of the readers is free takes the next one, and the lots are put together in the
//! order in which they were taken, so that rows come in the order of their keys however many readers there are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::change::{CopiedRows, KeyBound};
use crate::pipeline::engine::BATCH_BYTES_MAX;
use crate::pipeline::error::PipelineError;
use crate::source::{Lot, SourceTable, TableReader};

/// Parts of a lot that wait until those before it are taken.
const PARTS_MAX: usize = 16;
/// The rows of a table's first lot; those of the next have so many bytes.
const FIRST_ROWS: u64 = 10_000;
const LOT_BYTES: u64 = 2 << 20;
const LOT_ROWS_MAX: u64 = 200_000;

/// A lot that one of the readers reads.
#[derive(Debug)]
pub(super) struct LotInReading {
    /// Its table.
    pub(super) table: Arc<SourceTable>,
    /// Whether it is the last one of the table.
    pub(super) is_last: bool,
    /// Its rows, and a `None` after the last of them: without it, the reader has failed.
    pub(super) rows: mpsc::Receiver<Option<CopiedRows>>,
}

/// What is yet to be read.
#[derive(Debug)]
pub(super) struct Lots {
    /// Tables, each from a key on.
    tables: VecDeque<(Arc<SourceTable>, Option<KeyBound>)>,
    /// The table whose next lot is to be read, and the key before it.
    current: Option<(Arc<SourceTable>, Option<KeyBound>)>,
    /// Whether tables are cut.
    are_several: bool,
    /// The most rows of a lot.
    rows_max: u64,
    /// Lots in their order.
    order: mpsc::Sender<LotInReading>,
    seen: Arc<Seen>,
}

/// What was read of a table.
#[derive(Debug, Default)]
struct Seen {
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// A lot that a reader has taken.
struct Taken {
    table: Arc<SourceTable>,
    lot: Lot,
    rows: mpsc::Sender<Option<CopiedRows>>,
    seen: Arc<Seen>,
}

/// One of the readers.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its connection, once the statements before all rows have come.
    pub(super) reader: oneshot::Receiver<TableReader>,
    pub(super) lots: Arc<Mutex<Lots>>,
    /// Rows of a part.
    pub(super) rows_max: usize,
}

impl Lots {
    /// What is to be read of these tables by so many readers in lots of so many rows, and the lots in their order.
    pub(super) fn new(
        tables: VecDeque<(Arc<SourceTable>, Option<KeyBound>)>,
        readers: usize,
        rows_max: usize,
    ) -> (Self, mpsc::Receiver<LotInReading>) {
        let (order, in_order) = mpsc::channel(readers.max(1));
        let lots = Self {
            tables,
            current: None,
            are_several: readers > 1,
            rows_max: (rows_max as u64).min(LOT_ROWS_MAX),
            order,
            seen: Arc::default(),
        };
        (lots, in_order)
    }

    /// The next lot; `None` when there is none, or nobody wants it.
    async fn next(&mut self, reader: &mut TableReader) -> Result<Option<Taken>, PipelineError> {
        let (table, after) = match self.current.take() {
            Some(current) => current,
            None => match self.tables.pop_front() {
                Some(next) => {
                    self.seen = Arc::default();
                    next
                }
                None => return Ok(None),
            },
        };
        let upto = match self.are_several {
            true => {
                let rows = self.seen.lot_rows().min(self.rows_max);
                reader.bound(&table, after.as_ref(), rows).await?
            }
            false => None,
        };
        let (rows, to_come) = mpsc::channel(PARTS_MAX);
        let in_reading = LotInReading {
            table: Arc::clone(&table),
            is_last: upto.is_none(),
            rows: to_come,
        };
        if self.order.send(in_reading).await.is_err() {
            return Ok(None);
        }
        if upto.is_some() {
            self.current = Some((Arc::clone(&table), upto.clone()));
        }
        Ok(Some(Taken {
            table,
            lot: Lot { after, upto },
            rows,
            seen: Arc::clone(&self.seen),
        }))
    }
}

impl Seen {
    /// How many rows the next lot has.
    fn lot_rows(&self) -> u64 {
        let (rows, bytes) = (&self.rows, &self.bytes);
        let (rows, bytes) = (rows.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
        match (rows, bytes) {
            (0, _) | (_, 0) => FIRST_ROWS,
            (rows, bytes) => (LOT_BYTES.saturating_mul(rows) / bytes).max(100),
        }
    }
}

impl Reading {
    /// Reads lots until there are none, or nobody wants them. Ends with the copy, since the end of a stage ends all.
    ///
    /// # Errors
    /// What the source says.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), PipelineError> {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            read = self.read() => read?,
        }
        stop.cancelled().await;
        Ok(())
    }

    async fn read(self) -> Result<(), PipelineError> {
        let Ok(mut reader) = self.reader.await else {
            return Ok(());
        };
        loop {
            let taken = self.lots.lock().await.next(&mut reader).await?;
            let Some(Taken {
                table,
                lot,
                rows: out,
                seen,
            }) = taken
            else {
                return Ok(());
            };
            reader.begin(&table, &lot).await?;
            while let Some(rows) = reader.next(BATCH_BYTES_MAX, self.rows_max).await? {
                let (count, bytes) = (rows.ends.len() as u64, rows.bytes.len() as u64);
                seen.rows.fetch_add(count, Ordering::Relaxed);
                seen.bytes.fetch_add(bytes, Ordering::Relaxed);
                if out.send(Some(rows)).await.is_err() {
                    return Ok(());
                }
            }
            if out.send(None).await.is_err() {
                return Ok(());
            }
        }
    }
}
