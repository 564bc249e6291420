//! Batches to blocks on a few threads, printed in the order in which they came; on one processor, on one thread.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tracing::warn;

use super::error::DecodeError;
use crate::change::{Batch, Ledger};
use crate::encode::{Encode, EncodeError};
use crate::row::Table;

/// What takes batches: [`run`] hands it to whoever makes them.
pub(super) type Take<'a> = &'a mut dyn FnMut(Batch) -> Result<(), DecodeError>;

struct Job<E: Encode> {
    batch: Batch,
    plans: Vec<Arc<E::Plan>>,
    done: SyncSender<Result<E::Block, EncodeError>>,
}

/// Plans of the tables met; beyond the limit they are made anew.
struct Plans<E: Encode, P> {
    make: P,
    known: Vec<(Arc<Table>, Arc<E::Plan>)>,
}

const PLANS_MAX: usize = 1024;

/// Blocks that were printed and wait for their next use.
struct Spare<B>(Mutex<Vec<B>>);

/// Runs `produce` on this thread, encodes what it hands out on as many threads as there are processors, and prints the
/// blocks in order on one more.
///
/// # Errors
/// The first failure in the order of the stream.
pub(super) fn run<E: Encode>(
    encoder: impl Fn() -> E + Sync,
    plan: impl FnMut(Arc<Table>) -> E::Plan,
    print: impl FnMut(&E::Block) -> Result<(), DecodeError> + Send,
    produce: impl FnOnce(Take<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let plans = Plans {
        make: plan,
        known: Vec::new(),
    };
    let (ledger, invalid) = match thread::available_parallelism().map_or(1, usize::from) {
        1 => in_turn(encoder(), plans, print, produce),
        lanes => side_by_side(lanes, &encoder, plans, print, produce),
    }?;
    if invalid > 0 {
        warn!(
            values = invalid,
            "values were no text in their character set and are replaced in part or printed as base64"
        );
    }
    match ledger.imbalance() {
        0 => Ok(()),
        by => Err(DecodeError::Imbalance { by, ledger }),
    }
}

/// Does all of it on this thread: on one processor, others would only take turns with it.
fn in_turn<E: Encode>(
    mut encoder: E,
    mut plans: Plans<E, impl FnMut(Arc<Table>) -> E::Plan>,
    mut print: impl FnMut(&E::Block) -> Result<(), DecodeError>,
    produce: impl FnOnce(Take<'_>) -> Result<(), DecodeError>,
) -> Result<(Ledger, u64), DecodeError> {
    let mut ledger = Ledger::default();
    let mut block = E::Block::default();
    produce(&mut |batch| {
        ledger += batch.ledger;
        encoder.encode(&batch, &plans.of(&batch), &mut block)?;
        print(&block)
    })?;
    Ok((ledger, encoder.take_invalid_count()))
}

fn side_by_side<E: Encode>(
    lanes: usize,
    encoder: &(impl Fn() -> E + Sync),
    mut plans: Plans<E, impl FnMut(Arc<Table>) -> E::Plan>,
    print: impl FnMut(&E::Block) -> Result<(), DecodeError> + Send,
    produce: impl FnOnce(Take<'_>) -> Result<(), DecodeError>,
) -> Result<(Ledger, u64), DecodeError> {
    let (jobs, waiting) = sync_channel::<Job<E>>(lanes);
    let (order, ordered) = sync_channel(2 * lanes);
    let waiting = Mutex::new(waiting);
    let spare = Spare(Mutex::new(Vec::new()));
    let mut ledger = Ledger::default();
    let (waiting, spare) = (&waiting, &spare);
    let (produced, printed, invalid) = thread::scope(|scope| {
        let encoders: Vec<_> = (0..lanes)
            .map(|_| scope.spawn(move || encode(encoder(), waiting, spare)))
            .collect();
        let printer = scope.spawn(move || write(&ordered, spare, print));
        let produced = produce(&mut |batch| {
            ledger += batch.ledger;
            let (done, result) = sync_channel(1);
            let plans = plans.of(&batch);
            order.send(result).map_err(|_| DecodeError::Closed)?;
            let job = Job { batch, plans, done };
            jobs.send(job).map_err(|_| DecodeError::Closed)
        });
        drop((order, jobs));
        let printed = printer.join();
        let invalid: u64 = encoders
            .into_iter()
            .map(|encoder| encoder.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .sum();
        (produced, printed, invalid)
    });
    let printed = printed.unwrap_or_else(|panic| resume_unwind(panic));
    // What is printed comes before what is read.
    printed?;
    produced?;
    Ok((ledger, invalid))
}

/// Encodes until there are no more jobs; gives how many values were no text.
fn encode<E: Encode>(
    mut encoder: E,
    waiting: &Mutex<Receiver<Job<E>>>,
    spare: &Spare<E::Block>,
) -> u64 {
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(Job { batch, plans, done }) = next else {
            return encoder.take_invalid_count();
        };
        let mut block = spare.take();
        let result = encoder.encode(&batch, &plans, &mut block);
        // The printer is gone after an error that came before this block.
        let _late = done.send(result.map(|()| block));
    }
}

fn write<B: Default>(
    ordered: &Receiver<Receiver<Result<B, EncodeError>>>,
    spare: &Spare<B>,
    mut print: impl FnMut(&B) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    for result in ordered {
        let Ok(block) = result.recv() else {
            // Either the reader ended before it gave the job away, or a lane panicked, which the scope tells.
            return Ok(());
        };
        let block = block?;
        print(&block)?;
        spare.give_back(block);
    }
    Ok(())
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

impl<B: Default> Spare<B> {
    fn take(&self) -> B {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_default()
    }

    fn give_back(&self, block: B) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(block);
    }
}
