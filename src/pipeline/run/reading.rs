//! The readers of a copy: which reads what, and how their rows come into one order.
//!
//! A table is cut into lots by its key. Whoever of the readers is free takes the next one, and the lots are put together in the
//! order in which they were taken, so that rows come in the order of their keys however many readers there are.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::change::{CopiedRows, KeyBound};
use crate::pipeline::engine::BATCH_BYTES_MAX;
use crate::pipeline::error::PipelineError;
use crate::source::{Lot, SourceTable, TableKey, TableReader};

/// Parts of a lot that wait until those before it are taken.
const PARTS_MAX: usize = 16;
/// The rows of a table's first lot; those of the next have so many bytes.
const FIRST_ROWS: u64 = 10_000;
const LOT_BYTES: u64 = 2 << 20;
const LOT_ROWS_MAX: u64 = 200_000;
/// Where a lot has fewer than one of so many of the rows that were guessed, keys do not lie evenly.
const EVEN: u64 = 8;

/// A lot that one of the readers reads.
#[derive(Debug)]
pub(super) struct LotInReading {
    /// Its table.
    pub(super) table: Arc<SourceTable>,
    /// Whether it is the first one of the table in this copy, and whether it is the last one.
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// The last key of the table when its copy began.
    pub(super) end: Option<KeyBound>,
    /// Its rows, and a `None` after the last of them: without it, the reader has failed.
    pub(super) rows: mpsc::Receiver<Option<CopiedRows>>,
}

/// What is yet to be read.
#[derive(Debug)]
pub(super) struct Lots {
    /// Tables, each with what of it is to be read.
    tables: VecDeque<(Arc<SourceTable>, Lot)>,
    /// The table whose next lot is to be read, and what is left of it.
    current: Option<(Arc<SourceTable>, Lot)>,
    /// The last key of that table when its copy began.
    end: Option<KeyBound>,
    /// How the keys of that table lie.
    spread: KeySpread,
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
    /// Of the lot that was read last, if it ended at a guess.
    lot: std::sync::Mutex<Option<Density>>,
}

/// How many rows have how many keys between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Density {
    keys: i128,
    rows: u64,
}

/// How the keys of a table lie that are numbers: where they do so evenly, the end of a lot is guessed, since to count to it takes
/// the server a fifth of the time in which it sends the rows.
#[derive(Debug, Default)]
struct KeySpread {
    /// Lots in sequence whose ends were counted to. The first of them may begin with a gap, and tells nothing.
    counted: u32,
    density: Option<Density>,
}

/// A lot that a reader has taken.
struct Taken {
    table: Arc<SourceTable>,
    lot: Lot,
    rows: mpsc::Sender<Option<CopiedRows>>,
    seen: Arc<Seen>,
    /// How many keys it may have, if its end is a guess.
    keys: Option<i128>,
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
        tables: VecDeque<(Arc<SourceTable>, Lot)>,
        readers: usize,
        rows_max: usize,
    ) -> (Self, mpsc::Receiver<LotInReading>) {
        let (order, in_order) = mpsc::channel(readers.max(1));
        let lots = Self {
            tables,
            current: None,
            end: None,
            spread: KeySpread::default(),
            are_several: readers > 1,
            rows_max: (rows_max as u64).min(LOT_ROWS_MAX),
            order,
            seen: Arc::default(),
        };
        (lots, in_order)
    }

    /// The next lot; `None` when there is none, or nobody wants it.
    async fn next(&mut self, reader: &mut TableReader) -> Result<Option<Taken>, PipelineError> {
        let is_first = self.current.is_none();
        let (table, left) = match self.current.take() {
            Some(current) => current,
            None => match self.tables.pop_front() {
                Some((table, left)) => {
                    self.seen = Arc::default();
                    self.spread = KeySpread::default();
                    // The last row of this view, beyond which later ones are not to read.
                    self.end = match &left.upto {
                        Some(end) => Some(end.clone()),
                        None => reader.last(&table).await?,
                    };
                    (chosen(reader, table).await?, left)
                }
                None => return Ok(None),
            },
        };
        let (bound, keys) = match self.are_several {
            true => self.bound(reader, &table, &left).await?,
            false => (None, None),
        };
        let (rows, to_come) = mpsc::channel(PARTS_MAX);
        let in_reading = LotInReading {
            table: Arc::clone(&table),
            is_first,
            is_last: bound.is_none(),
            end: self.end.clone(),
            rows: to_come,
        };
        if self.order.send(in_reading).await.is_err() {
            return Ok(None);
        }
        let taken = Lot {
            after: left.after,
            upto: bound.clone().or_else(|| left.upto.clone()),
        };
        if bound.is_some() {
            let left = Lot {
                after: bound,
                upto: left.upto,
            };
            self.current = Some((Arc::clone(&table), left));
        }
        Ok(Some(Taken {
            table,
            lot: taken,
            rows,
            seen: Arc::clone(&self.seen),
            keys,
        }))
    }

    /// The key at which the next lot ends of what is left, `None` at the end of that; and how many keys it may have, if that is a
    /// guess.
    async fn bound(
        &mut self,
        reader: &mut TableReader,
        table: &SourceTable,
        left: &Lot,
    ) -> Result<(Option<KeyBound>, Option<i128>), PipelineError> {
        let rows = self.seen.lot_rows().min(self.rows_max);
        let number = |bound: Option<&KeyBound>| table.key.as_ref()?.number(bound?);
        let from = number(left.after.as_ref());
        self.spread.learn(rows, self.seen.take_lot());
        if let (Some(from), Some(keys), Some(last)) =
            (from, self.spread.keys_of(rows), number(self.end.as_ref()))
        {
            let upto = from.saturating_add(keys);
            let is_inside = upto < last;
            return Ok((is_inside.then(|| TableKey::numbered(upto)), Some(keys)));
        }
        let upto = reader.bound(table, left, rows).await?;
        let keys = number(upto.as_ref())
            .zip(from)
            .map(|(upto, from)| upto - from);
        self.spread.count(keys.map(|keys| Density { keys, rows }));
        Ok((upto, None))
    }
}

/// The table with the source's choice of its rows, where rules on rows let it choose.
async fn chosen(
    reader: &mut TableReader,
    table: Arc<SourceTable>,
) -> Result<Arc<SourceTable>, PipelineError> {
    if table.copied.condition().is_none() {
        return Ok(table);
    }
    let chosen = reader.choose(SourceTable::clone(&table)).await?;
    Ok(Arc::new(chosen))
}

impl KeySpread {
    /// Takes what was found in a lot whose end was guessed, to have so many rows: one that has but few shows that there are gaps.
    fn learn(&mut self, wanted: u64, found: Option<Density>) {
        let Some(found) = found else {
            return;
        };
        match found.rows < wanted / EVEN {
            true => (self.counted, self.density) = (0, None),
            false if self.density.is_some() => self.density = Some(found),
            false => {}
        }
    }

    /// Takes what a lot has whose end was counted to.
    fn count(&mut self, counted: Option<Density>) {
        self.density = counted.filter(|_| self.counted > 0);
        self.counted += 1;
    }

    /// How many keys so many rows have, if that can be guessed.
    fn keys_of(&self, rows: u64) -> Option<i128> {
        let Density { keys, rows: of } = self.density?;
        let keys = keys.checked_mul(rows.into())? / i128::from(of.max(1));
        Some(keys.max(1))
    }
}

impl Seen {
    /// Keeps what a lot has whose end was guessed.
    fn keep_lot(&self, found: Density) {
        *self.lot.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    fn take_lot(&self) -> Option<Density> {
        self.lot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

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
                keys,
            }) = taken
            else {
                return Ok(());
            };
            let mut found = 0;
            reader.begin(&table, &lot).await?;
            while let Some(rows) = reader.next(BATCH_BYTES_MAX, self.rows_max).await? {
                let (count, bytes) = (rows.ends.len() as u64, rows.bytes.len() as u64);
                seen.rows.fetch_add(count, Ordering::Relaxed);
                seen.bytes.fetch_add(bytes, Ordering::Relaxed);
                found += count;
                if out.send(Some(rows)).await.is_err() {
                    return Ok(());
                }
            }
            if let Some(keys) = keys {
                seen.keep_lot(Density { keys, rows: found });
            }
            if out.send(None).await.is_err() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn density(keys: i128, rows: u64) -> Option<Density> {
        Some(Density { keys, rows })
    }

    #[test]
    fn the_end_of_a_lot_is_guessed_where_keys_lie_evenly() {
        let mut spread = KeySpread::default();
        assert_eq!(spread.keys_of(100), None);
        // What is before the first row is no gap between rows.
        spread.count(density(1_000_000, 100));
        assert_eq!(spread.keys_of(100), None);
        spread.count(density(200, 100));
        assert_eq!(spread.keys_of(1000), Some(2000));
        spread.learn(1000, density(2000, 500));
        assert_eq!(spread.keys_of(1000), Some(4000));
        // So few that there is a gap: it is counted across, and what it has tells nothing.
        spread.learn(1000, density(4000, 124));
        assert_eq!(spread.keys_of(1000), None);
        spread.count(density(1 << 60, 1000));
        spread.learn(1000, density(4000, 1000));
        assert_eq!(spread.keys_of(1000), None);
        spread.count(density(1000, 1000));
        assert_eq!(spread.keys_of(7), Some(7));
    }

    #[test]
    fn no_lot_is_without_keys_and_none_has_more_than_there_are_numbers_for() {
        let of = |keys, rows, wanted| {
            let mut spread = KeySpread::default();
            spread.count(None);
            spread.count(density(keys, rows));
            spread.keys_of(wanted)
        };
        assert_eq!(of(1, 1000, 7), Some(1));
        assert_eq!(of(5, 0, 2), Some(10));
        assert_eq!(of(i128::MAX, 2, 7), None);
        assert_eq!(of(u64::MAX.into(), 1, u64::MAX), None);
    }
}
