//! Batches to blocks on as many threads as there are processors, printed in the order in which they came.
//!
//! Each lane takes the next batch, encodes it and goes on; whichever finds few of them ready reads some more first. Blocks
//! wait for those before them; whichever lane finds the next one ready prints all that are.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tracing::warn;

use super::assemble::Batches;
use super::error::DecodeError;
use crate::change::{Batch, Ledger};
use crate::encode::{Block, Encode};
use crate::row::Table;

/// Bytes of blocks that wait for one before them at most, but for the last.
const WAITING_BYTES_MAX: u64 = 8 << 20;
/// Blocks that wait at most.
const WAITING_MAX: usize = 64;
/// Bytes of batches that wait to be encoded, beyond which no more are read.
const READY_BYTES_MAX: usize = 2 << 20;
/// Plans of the tables met; beyond the limit they are made anew.
const PLANS_MAX: usize = 1024;

/// What all lanes work on.
struct Shared<'a, E: Encode, P, W> {
    reading: Mutex<Reading<'a, E, P>>,
    /// A batch is ready, or it is over.
    came: Condvar,
    order: Mutex<Order<E::Block, W>>,
    /// Something was printed, or it is over.
    went: Condvar,
    /// Batches that are to be ready while one of several lanes reads. A transaction is read to its end before any of it is
    /// handed out, and then comes at once.
    ready_min: usize,
}

/// Where batches come from.
struct Reading<'a, E: Encode, P> {
    /// A lane that reads has it.
    batches: Option<&'a mut Batches>,
    ready: VecDeque<Numbered<E>>,
    ready_bytes: usize,
    plans: Plans<E, P>,
    ledger: Ledger,
    /// The number of the next batch.
    next: u64,
    is_over: bool,
}

struct Plans<E: Encode, P> {
    make: P,
    known: Vec<(Arc<Table>, Arc<E::Plan>)>,
}

/// A batch, or the failure in its place, and its number.
type Numbered<E> = (u64, Result<Job<E>, DecodeError>);

struct Job<E: Encode> {
    batch: Batch,
    plans: Vec<Arc<E::Plan>>,
}

/// Where blocks go.
struct Order<B, W> {
    /// What came of the batches that are not printed, from `next` on.
    waiting: VecDeque<Option<Result<B, DecodeError>>>,
    waiting_bytes: u64,
    /// The number of the next block to print.
    next: u64,
    /// A lane that prints has it.
    print: Option<W>,
    /// Blocks that were printed and wait for their next use.
    spare: Vec<B>,
    /// The first failure in the order of the stream.
    failure: Option<DecodeError>,
    is_over: bool,
}

/// Encodes the batches and prints the blocks in order.
///
/// # Errors
/// The first failure in the order of the stream.
pub(super) fn run<E: Encode>(
    encoder: impl Fn() -> E + Sync,
    plan: impl FnMut(Arc<Table>) -> E::Plan + Send,
    print: impl FnMut(&E::Block) -> Result<(), DecodeError> + Send,
    batches: &mut Batches,
) -> Result<(), DecodeError> {
    let lanes = thread::available_parallelism().map_or(1, usize::from);
    let shared = Shared {
        reading: Mutex::new(Reading {
            batches: Some(batches),
            ready: VecDeque::new(),
            ready_bytes: 0,
            plans: Plans::<E, _> {
                make: plan,
                known: Vec::new(),
            },
            ledger: Ledger::default(),
            next: 0,
            is_over: false,
        }),
        order: Mutex::new(Order {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            next: 0,
            print: Some(print),
            spare: Vec::new(),
            failure: None,
            is_over: false,
        }),
        came: Condvar::new(),
        went: Condvar::new(),
        ready_min: if lanes > 1 { 2 * lanes } else { 1 },
    };
    let lane = || shared.lane(encoder());
    let invalid: u64 = thread::scope(|scope| {
        let others: Vec<_> = (1..lanes).map(|_| scope.spawn(lane)).collect();
        let own = lane();
        let others = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        own + others.sum::<u64>()
    });
    let Shared { reading, order, .. } = shared;
    if let Some(failure) = inner(order).failure {
        return Err(failure);
    }
    if invalid > 0 {
        warn!(
            values = invalid,
            "values were no text in their character set and are replaced in part or printed as base64"
        );
    }
    let ledger = inner(reading).ledger;
    match ledger.imbalance() {
        0 => Ok(()),
        by => Err(DecodeError::Imbalance { by, ledger }),
    }
}

fn inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the other lanes where this one panics: they would wait for its block.
struct Watch<'a, 's, E: Encode, P, W>(&'s Shared<'a, E, P, W>);

impl<E: Encode, P, W> Drop for Watch<'_, '_, E, P, W> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

impl<E, P, W> Shared<'_, E, P, W>
where
    E: Encode,
    P: FnMut(Arc<Table>) -> E::Plan,
    W: FnMut(&E::Block) -> Result<(), DecodeError>,
{
    /// Takes, encodes and prints until there is nothing more; gives how many values were no text.
    fn lane(&self, mut encoder: E) -> u64 {
        let _watch = Watch(self);
        let mut invalid = 0;
        while let Some(mut block) = self.room()
            && let Some((number, job)) = self.take()
        {
            let encoded = job.and_then(|Job { batch, plans }| {
                encoder.encode(&batch, &plans, &mut block)?;
                invalid += block.invalid_text_count();
                Ok(block)
            });
            self.deliver(number, encoded);
        }
        invalid
    }

    /// Waits until there is room for one more block, and gives one to fill; `None` when it is over.
    fn room(&self) -> Option<E::Block> {
        let is_full = |order: &mut Order<E::Block, W>| {
            !order.is_over
                && (order.waiting_bytes > WAITING_BYTES_MAX || order.waiting.len() > WAITING_MAX)
        };
        let mut order = self
            .went
            .wait_while(self.order(), is_full)
            .unwrap_or_else(PoisonError::into_inner);
        (!order.is_over).then(|| order.spare.pop().unwrap_or_default())
    }

    /// The next batch; `None` at the end.
    fn take(&self) -> Option<Numbered<E>> {
        let mut reading = self.reading();
        loop {
            let wants_more = reading.ready.len() < self.ready_min
                && reading.ready_bytes < READY_BYTES_MAX
                && !reading.is_over;
            if wants_more && let Some(batches) = reading.batches.take() {
                drop(reading);
                let next = batches.next();
                reading = self.reading();
                reading.batches = Some(batches);
                reading.put(next);
                self.came.notify_all();
                continue;
            }
            if let Some(next) = reading.ready.pop_front() {
                reading.ready_bytes -= next.1.as_ref().map_or(0, Job::bytes);
                return Some(next);
            }
            if reading.is_over {
                return None;
            }
            reading = self
                .came
                .wait(reading)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts a block into its place, and prints what is ready unless another lane does.
    fn deliver(&self, number: u64, encoded: Result<E::Block, DecodeError>) {
        let mut order = self.order();
        order.put(number, encoded);
        let Some(mut print) = order.print.take() else {
            return;
        };
        while let Some(next) = order.next_ready() {
            drop(order);
            let printed = next.and_then(|block| print(&block).map(|()| block));
            let failure = match printed {
                Ok(block) => {
                    order = self.order();
                    order.spare.push(block);
                    self.went.notify_all();
                    continue;
                }
                Err(failure) => failure,
            };
            self.end();
            order = self.order();
            order.failure = Some(failure);
        }
        order.print = Some(print);
    }
}

impl<'a, E: Encode, P, W> Shared<'a, E, P, W> {
    /// Lets all lanes end.
    fn end(&self) {
        self.order().is_over = true;
        self.went.notify_all();
        let mut reading = self.reading();
        reading.is_over = true;
        reading.ready.clear();
        reading.ready_bytes = 0;
        self.came.notify_all();
    }

    fn reading(&self) -> MutexGuard<'_, Reading<'a, E, P>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self) -> MutexGuard<'_, Order<E::Block, W>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Encode, P: FnMut(Arc<Table>) -> E::Plan> Reading<'_, E, P> {
    /// Takes over what was read.
    fn put(&mut self, next: Result<Option<Batch>, DecodeError>) {
        let job = match next {
            Ok(Some(batch)) => {
                self.ledger += batch.ledger;
                let plans = self.plans.of(&batch);
                Ok(Job { batch, plans })
            }
            Err(failure) => {
                self.is_over = true;
                Err(failure)
            }
            Ok(None) => {
                self.is_over = true;
                return;
            }
        };
        self.ready_bytes += job.as_ref().map_or(0, Job::bytes);
        self.ready.push_back((self.next, job));
        self.next += 1;
    }
}

impl<E: Encode> Job<E> {
    fn bytes(&self) -> usize {
        self.batch.buffers.iter().map(|buffer| buffer.len()).sum()
    }
}

impl<B: Block, W> Order<B, W> {
    fn put(&mut self, number: u64, encoded: Result<B, DecodeError>) {
        let place = usize::try_from(number - self.next).unwrap_or(usize::MAX);
        if place >= self.waiting.len() {
            self.waiting.resize_with(place.saturating_add(1), || None);
        }
        self.waiting_bytes += encoded.as_ref().map_or(0, Block::byte_count);
        if let Some(waiting) = self.waiting.get_mut(place) {
            *waiting = Some(encoded);
        }
    }

    /// Takes the next block in the order of the stream, if it is ready and nothing before it failed.
    fn next_ready(&mut self) -> Option<Result<B, DecodeError>> {
        if self.is_over {
            return None;
        }
        let next = self.waiting.front_mut()?.take()?;
        self.waiting.pop_front();
        self.next += 1;
        self.waiting_bytes -= next.as_ref().map_or(0, Block::byte_count);
        Some(next)
    }
}

impl<E: Encode, P: FnMut(Arc<Table>) -> E::Plan> Plans<E, P> {
    fn of(&mut self, batch: &Batch) -> Vec<Arc<E::Plan>> {
        if self.known.len() > PLANS_MAX {
            self.known.clear();
        }
        batch.tables.iter().map(|table| self.one(table)).collect()
    }

    fn one(&mut self, table: &Arc<Table>) -> Arc<E::Plan> {
        let known = self
            .known
            .iter()
            .rev()
            .find(|(known, _)| Arc::ptr_eq(known, table));
        if let Some((_, plan)) = known {
            return Arc::clone(plan);
        }
        let plan = Arc::new((self.make)(Arc::clone(table)));
        self.known.push((Arc::clone(table), Arc::clone(&plan)));
        plan
    }
}
