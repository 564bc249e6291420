//! Batches to blocks on several threads, written in the order in which the batches came.
//!
//! Each lane takes the next batch, encodes it and goes on; whichever finds few of them ready reads some more first. A
//! finished block waits for those before it; whichever lane finds the next one ready writes all that are. So no thread is
//! there only to read or to write, and two processors encode, read and write with two threads.
//!
//! The lanes of all connectors share a [`Pool`]: a lane encodes when its turn has come, so no connector starves another.

use std::collections::{HashMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::pool::Pool;
use crate::change::{Batch, Checkpoint, Ledger, PassedOver, Revision};
use crate::encode::{Block, Encode, EncodeError};
use crate::row::Table;

/// Blocks that wait for one before them at most.
const WAITING_BLOCKS_MAX: usize = 64;
/// Bytes of batches that wait to be encoded, beyond which no more are read.
const READY_BYTES_MAX: usize = 1 << 20;
/// Plans kept at most; beyond it they are made anew.
const PLANS_MAX: usize = 4096;

/// A block whose turn to be written has come, and what its batch held beside changes.
#[derive(Debug)]
pub struct Encoded<B> {
    /// The encoded changes.
    pub block: B,
    /// The boundary after the batch's last group; `None` while the group goes on in the next block.
    pub end: Option<Checkpoint>,
    /// What the events up to there were.
    pub ledger: Ledger,
    /// What became known of definitions up to the boundary.
    pub revisions: Vec<Revision>,
    /// The groups that were passed over up to the boundary.
    pub passed_over: Vec<PassedOver>,
}

/// How a stream's lanes run.
#[derive(Debug)]
pub struct Lanes {
    /// Whose turns they wait for.
    pub pool: Pool,
    /// Bytes of blocks that wait for one before them, beyond which no more are encoded.
    pub waiting_bytes_max: u64,
    /// Cancelled when a lane fails, so that one that waits for a batch stops waiting.
    pub failed: CancellationToken,
}

impl Lanes {
    /// Runs a lane for each encoder until the batches end: `next` gives the batches, `plan` what is fixed for each of their
    /// tables, and `write` takes the blocks, in the order of their batches, and returns one to fill again. Each of them is
    /// called by one lane at a time, and may block. Returns the sum of the ledgers.
    ///
    /// # Errors
    /// The first failure in the order of the stream; nothing after it is written.
    pub fn run<E, X>(
        &self,
        encoders: Vec<E>,
        next: impl FnMut() -> Result<Option<Batch>, X> + Send,
        plan: impl FnMut(&Arc<Table>) -> Result<Arc<E::Plan>, X> + Send,
        write: impl FnMut(Encoded<E::Block>) -> Result<E::Block, X> + Send,
    ) -> Result<Ledger, X>
    where
        E: Encode,
        X: From<EncodeError> + Send,
    {
        let lanes = encoders.len();
        let shared = Shared {
            lanes: self,
            reading: Mutex::new(ReadAhead {
                supply: Some(Supply {
                    next,
                    plans: Plans::<E, _> {
                        make: plan,
                        known: HashMap::new(),
                    },
                }),
                ready: VecDeque::new(),
                ready_bytes: 0,
                ledger: Ledger::default(),
                next: 0,
                is_over: false,
            }),
            came: Condvar::new(),
            order: Mutex::new(BlockOrder {
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                next: 0,
                write: Some(write),
                spare: Vec::new(),
                failure: None,
                is_over: false,
            }),
            went: Condvar::new(),
            ready_min: if lanes > 1 { 2 * lanes } else { 1 },
            spare_max: lanes,
        };
        run_all(&shared, encoders);
        let Shared { reading, order, .. } = shared;
        match inner(order).failure {
            Some(failure) => Err(failure),
            None => Ok(inner(reading).ledger),
        }
    }
}

/// What all lanes of a stream work on.
struct Shared<'a, E: Encode, N, P, W, X> {
    lanes: &'a Lanes,
    reading: Mutex<ReadAhead<E, N, P, X>>,
    /// A batch is ready, or it is over.
    came: Condvar,
    order: Mutex<BlockOrder<E::Block, W, X>>,
    /// Something was written, or it is over.
    went: Condvar,
    /// Batches that are to be ready while one of several lanes reads. A transaction is read to its end before any of it is
    /// handed out, and then comes at once.
    ready_min: usize,
    /// Blocks that are kept for their next use, one a lane: more are there only where many waited at once before.
    spare_max: usize,
}

/// What was read and waits to be encoded.
struct ReadAhead<E: Encode, N, P, X> {
    /// A lane that reads has it.
    supply: Option<Supply<E, N, P>>,
    ready: VecDeque<Numbered<E, X>>,
    ready_bytes: usize,
    ledger: Ledger,
    /// The number of the next batch.
    next: u64,
    is_over: bool,
}

/// A batch, or the failure in its place, and its number.
type Numbered<E, X> = (u64, Result<EncodeJob<E>, X>);

struct EncodeJob<E: Encode> {
    batch: Batch,
    plans: Vec<Arc<E::Plan>>,
}

/// Where batches come from.
struct Supply<E: Encode, N, P> {
    next: N,
    plans: Plans<E, P>,
}

struct Plans<E: Encode, P> {
    make: P,
    /// By the table's address, which the handle beside the plan keeps unique.
    known: HashMap<usize, (Arc<Table>, Arc<E::Plan>)>,
}

/// Where blocks go.
struct BlockOrder<B, W, X> {
    /// What came of the batches that are not written, from `next` on.
    waiting: VecDeque<Option<Result<Encoded<B>, X>>>,
    waiting_bytes: u64,
    /// The number of the next block to write.
    next: u64,
    /// A lane that writes has it.
    write: Option<W>,
    /// Blocks that were written and wait for their next use.
    spare: Vec<B>,
    /// The first failure in the order of the stream.
    failure: Option<X>,
    is_over: bool,
}

fn run_all<E, N, P, W, X>(shared: &Shared<'_, E, N, P, W, X>, encoders: Vec<E>)
where
    E: Encode,
    N: FnMut() -> Result<Option<Batch>, X> + Send,
    P: FnMut(&Arc<Table>) -> Result<Arc<E::Plan>, X> + Send,
    W: FnMut(Encoded<E::Block>) -> Result<E::Block, X> + Send,
    X: From<EncodeError> + Send,
{
    let mut encoders = encoders.into_iter();
    let own = encoders.next().expect("a stream has a lane at least");
    thread::scope(|scope| {
        let mut others = Vec::new();
        for encoder in encoders {
            let lane = thread::Builder::new().name("lane".to_owned());
            match lane.spawn_scoped(scope, || shared.lane(encoder)) {
                Ok(lane) => others.push(lane),
                Err(error) => {
                    warn!(%error, "a thread cannot be started, encoding goes on with fewer");
                    break;
                }
            }
        }
        shared.lane(own);
        for lane in others {
            if let Err(panic) = lane.join() {
                resume_unwind(panic);
            }
        }
    });
}

/// Ends the other lanes when this one panics: they would wait for its block.
struct EndOnPanic<'a, 's, E: Encode, N, P, W, X>(&'s Shared<'a, E, N, P, W, X>);

impl<E: Encode, N, P, W, X> Drop for EndOnPanic<'_, '_, E, N, P, W, X> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

impl<E, N, P, W, X> Shared<'_, E, N, P, W, X>
where
    E: Encode,
    N: FnMut() -> Result<Option<Batch>, X>,
    P: FnMut(&Arc<Table>) -> Result<Arc<E::Plan>, X>,
    W: FnMut(Encoded<E::Block>) -> Result<E::Block, X>,
    X: From<EncodeError>,
{
    /// Takes, encodes and writes until there is nothing more.
    fn lane(&self, mut encoder: E) {
        let _watch = EndOnPanic(self);
        while let Some(block) = self.room()
            && let Some((number, job)) = self.take()
        {
            let encoded = job.and_then(|job| Ok(self.encode(&mut encoder, job, block)?));
            self.deliver(number, encoded);
        }
    }

    fn encode(
        &self,
        encoder: &mut E,
        EncodeJob { batch, plans }: EncodeJob<E>,
        mut block: E::Block,
    ) -> Result<Encoded<E::Block>, EncodeError> {
        let _turn = self.lanes.pool.turn();
        encoder.encode(&batch, &plans, &mut block)?;
        Ok(Encoded {
            block,
            end: batch.end,
            ledger: batch.ledger,
            revisions: batch.revisions,
            passed_over: batch.passed_over,
        })
    }

    /// Waits until there is room for one more block, and gives one to fill; `None` when it is over.
    fn room(&self) -> Option<E::Block> {
        let is_full = |order: &mut BlockOrder<E::Block, W, X>| {
            !order.is_over
                && (order.waiting_bytes > self.lanes.waiting_bytes_max
                    || order.waiting.len() > WAITING_BLOCKS_MAX)
        };
        let mut order = self
            .went
            .wait_while(locked(&self.order), is_full)
            .unwrap_or_else(PoisonError::into_inner);
        (!order.is_over).then(|| order.spare.pop().unwrap_or_default())
    }

    /// The next batch; `None` at the end.
    fn take(&self) -> Option<Numbered<E, X>> {
        let mut reading = locked(&self.reading);
        loop {
            let wants_more = reading.ready.len() < self.ready_min
                && reading.ready_bytes < READY_BYTES_MAX
                && !reading.is_over;
            if wants_more && let Some(mut supply) = reading.supply.take() {
                drop(reading);
                let next = supply.job();
                reading = locked(&self.reading);
                reading.supply = Some(supply);
                reading.put(next);
                self.came.notify_all();
                continue;
            }
            if let Some(next) = reading.ready.pop_front() {
                reading.ready_bytes -= next.1.as_ref().map_or(0, EncodeJob::bytes);
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

    /// Puts a block into its place, and writes what is ready unless another lane does.
    fn deliver(&self, number: u64, encoded: Result<Encoded<E::Block>, X>) {
        let mut order = locked(&self.order);
        order.put(number, encoded);
        let Some(mut write) = order.write.take() else {
            return;
        };
        while let Some(next) = order.next_ready() {
            drop(order);
            match next.and_then(&mut write) {
                Ok(spare) => {
                    order = locked(&self.order);
                    if order.spare.len() < self.spare_max {
                        order.spare.push(spare);
                    }
                    self.went.notify_all();
                }
                Err(failure) => {
                    self.end();
                    order = locked(&self.order);
                    order.failure = Some(failure);
                }
            }
        }
        order.write = Some(write);
    }
}

impl<E: Encode, N, P, W, X> Shared<'_, E, N, P, W, X> {
    /// Lets all lanes end.
    fn end(&self) {
        self.lanes.failed.cancel();
        locked(&self.order).is_over = true;
        self.went.notify_all();
        let mut reading = locked(&self.reading);
        reading.is_over = true;
        reading.ready.clear();
        reading.ready_bytes = 0;
        self.came.notify_all();
    }
}

impl<E: Encode, N, P, X> ReadAhead<E, N, P, X> {
    /// Takes over what was read.
    fn put(&mut self, next: Result<Option<EncodeJob<E>>, X>) {
        let Some(job) = next.transpose() else {
            self.is_over = true;
            return;
        };
        match &job {
            Ok(job) => {
                self.ledger += job.batch.ledger;
                self.ready_bytes += job.bytes();
            }
            Err(_failure) => self.is_over = true,
        }
        self.ready.push_back((self.next, job));
        self.next += 1;
    }
}

impl<E: Encode> EncodeJob<E> {
    fn bytes(&self) -> usize {
        self.batch.buffers.iter().map(|buffer| buffer.len()).sum()
    }
}

impl<E, N, P> Supply<E, N, P>
where
    E: Encode,
{
    fn job<X>(&mut self) -> Result<Option<EncodeJob<E>>, X>
    where
        N: FnMut() -> Result<Option<Batch>, X>,
        P: FnMut(&Arc<Table>) -> Result<Arc<E::Plan>, X>,
    {
        let Some(batch) = (self.next)()? else {
            return Ok(None);
        };
        let plans = self.plans.of(&batch)?;
        Ok(Some(EncodeJob { batch, plans }))
    }
}

impl<E: Encode, P> Plans<E, P> {
    fn of<X>(&mut self, batch: &Batch) -> Result<Vec<Arc<E::Plan>>, X>
    where
        P: FnMut(&Arc<Table>) -> Result<Arc<E::Plan>, X>,
    {
        if self.known.len() > PLANS_MAX {
            self.known.clear();
        }
        batch.tables.iter().map(|table| self.one(table)).collect()
    }

    fn one<X>(&mut self, table: &Arc<Table>) -> Result<Arc<E::Plan>, X>
    where
        P: FnMut(&Arc<Table>) -> Result<Arc<E::Plan>, X>,
    {
        let address = Arc::as_ptr(table).addr();
        if let Some((_, plan)) = self.known.get(&address) {
            return Ok(Arc::clone(plan));
        }
        let plan = (self.make)(table)?;
        self.known
            .insert(address, (Arc::clone(table), Arc::clone(&plan)));
        Ok(plan)
    }
}

impl<B: Block, W, X> BlockOrder<B, W, X> {
    fn put(&mut self, number: u64, encoded: Result<Encoded<B>, X>) {
        let place = usize::try_from(number - self.next).unwrap_or(usize::MAX);
        if place >= self.waiting.len() {
            self.waiting.resize_with(place.saturating_add(1), || None);
        }
        self.waiting_bytes += encoded.as_ref().map_or(0, Encoded::bytes);
        if let Some(waiting) = self.waiting.get_mut(place) {
            *waiting = Some(encoded);
        }
    }

    /// Takes the next block in the order of the stream, if it is ready and nothing before it failed.
    fn next_ready(&mut self) -> Option<Result<Encoded<B>, X>> {
        if self.is_over {
            return None;
        }
        let next = self.waiting.front_mut()?.take()?;
        self.waiting.pop_front();
        self.next += 1;
        self.waiting_bytes -= next.as_ref().map_or(0, Encoded::bytes);
        Some(next)
    }
}

impl<B: Block> Encoded<B> {
    fn bytes(&self) -> u64 {
        self.block.byte_count()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;

    use super::*;
    use crate::binlog::Coordinates;
    use crate::change::Origin;
    use crate::mysql::Flavour;
    use crate::row::TableName;

    /// What an encoder does with the batch of a number.
    type Meets = fn(i64) -> Result<(), EncodeError>;

    struct Numbers(Meets);

    #[derive(Debug, Default)]
    struct Number(i64);

    impl Encode for Numbers {
        type Plan = TableName;
        type Block = Number;

        fn encode(
            &mut self,
            batch: &Batch,
            plans: &[Arc<TableName>],
            block: &mut Number,
        ) -> Result<(), EncodeError> {
            (self.0)(batch.received_us)?;
            assert_eq!(plans.len(), batch.tables.len());
            block.0 = batch.received_us;
            Ok(())
        }
    }

    impl Block for Number {
        fn record_count(&self) -> u64 {
            1
        }

        fn byte_count(&self) -> u64 {
            1
        }

        fn invalid_text_count(&self) -> u64 {
            0
        }
    }

    #[derive(Debug)]
    enum Failure {
        Next,
        Encode,
    }

    impl From<EncodeError> for Failure {
        fn from(_error: EncodeError) -> Self {
            Self::Encode
        }
    }

    fn encode_error() -> EncodeError {
        EncodeError::RowCount {
            at: Coordinates::new("binlog.000001", 4),
            rows: 1,
            left: 1,
        }
    }

    fn batch(number: i64, tables: &[Arc<Table>]) -> Batch {
        let origin = Origin {
            connector: "c".into(),
            flavour: Flavour::MySql,
            server_uuid: None,
            server_id: 1,
        };
        Batch {
            origin: Arc::new(origin),
            received_us: number,
            buffers: Vec::new(),
            tables: tables.to_vec(),
            groups: Vec::new(),
            queries: Vec::new(),
            items: Vec::new(),
            end: None,
            ledger: Ledger {
                received: 1,
                ..Ledger::default()
            },
            revisions: Vec::new(),
            passed_over: Vec::new(),
        }
    }

    fn lanes() -> Lanes {
        Lanes {
            pool: Pool::new(),
            waiting_bytes_max: 8,
            failed: CancellationToken::new(),
        }
    }

    fn encoders(meets: Meets) -> Vec<Numbers> {
        (0..4).map(|_| Numbers(meets)).collect()
    }

    /// Runs four lanes over batches that are numbered from 0, and returns what was written and how it ended.
    fn run(
        lanes: &Lanes,
        meets: Meets,
        mut next: impl FnMut(i64) -> Result<bool, Failure> + Send,
    ) -> (Vec<i64>, Result<Ledger, Failure>) {
        let mut written = Vec::new();
        let mut count = 0;
        let ended = lanes.run(
            encoders(meets),
            || {
                count += 1;
                Ok(next(count - 1)?.then(|| batch(count - 1, &[])))
            },
            |table| Ok(Arc::new(table.name.clone())),
            |encoded| {
                written.push(encoded.block.0);
                Ok(encoded.block)
            },
        );
        (written, ended)
    }

    /// Takes longer for some batches than for those after them.
    fn unevenly(number: i64) -> Result<(), EncodeError> {
        for _ in 0..(number * 7919 % 13) * 50 {
            thread::yield_now();
        }
        Ok(())
    }

    #[test]
    fn blocks_are_written_in_the_order_of_their_batches() {
        let (written, ended) = run(&lanes(), unevenly, |number| Ok(number < 300));
        assert_eq!(written, (0..300).collect::<Vec<_>>());
        assert_eq!(ended.unwrap().received, 300);
    }

    #[test]
    fn the_first_failure_of_the_stream_is_the_one_that_is_told() {
        let meets: Meets = |number| match number {
            40 => Err(encode_error()),
            _ => unevenly(number),
        };
        let (written, ended) = run(&lanes(), meets, |number| match number {
            60 => Err(Failure::Next),
            _ => Ok(true),
        });
        assert!(matches!(ended, Err(Failure::Encode)), "{ended:?}");
        assert_eq!(written, (0..40).collect::<Vec<_>>());
        let (written, ended) = run(&lanes(), meets, |number| match number {
            20 => Err(Failure::Next),
            _ => Ok(true),
        });
        assert!(matches!(ended, Err(Failure::Next)), "{ended:?}");
        assert_eq!(written, (0..20).collect::<Vec<_>>());
    }

    /// Gives three batches, then waits as for a source that is silent.
    fn silent_after_three(lanes: &Lanes) -> impl FnMut(i64) -> Result<bool, Failure> + Send {
        let failed = lanes.failed.clone();
        move |number| {
            while number >= 3 && !failed.is_cancelled() {
                thread::yield_now();
            }
            Ok(number < 3)
        }
    }

    #[test]
    fn a_lane_that_waits_for_a_batch_ends_when_another_fails() {
        let lanes = lanes();
        let meets: Meets = |number| match number {
            2 => Err(encode_error()),
            _ => Ok(()),
        };
        let (written, ended) = run(&lanes, meets, silent_after_three(&lanes));
        assert!(matches!(ended, Err(Failure::Encode)), "{ended:?}");
        assert_eq!(written, [0, 1]);
    }

    #[test]
    fn a_panic_in_one_lane_ends_the_others() {
        let lanes = lanes();
        let meets: Meets = |number| {
            assert_ne!(number, 1, "planted");
            Ok(())
        };
        let next = silent_after_three(&lanes);
        let ended = catch_unwind(AssertUnwindSafe(|| run(&lanes, meets, next)));
        ended.expect_err("the panic of a lane is the caller's");
    }

    #[test]
    fn a_plan_is_made_once_for_each_table() {
        let table = |name| {
            Arc::new(Table::new(
                TableName::new("d", name),
                Vec::new(),
                Vec::new(),
            ))
        };
        let tables = [table("a"), table("b")];
        let mut left = 0..100;
        let (made, plans) = mpsc::channel();
        lanes()
            .run(
                encoders(|_| Ok(())),
                || Ok::<_, Failure>(left.next().map(|number| batch(number, &tables))),
                move |table| {
                    made.send(table.name.to_string()).unwrap();
                    Ok(Arc::new(table.name.clone()))
                },
                |encoded| Ok(encoded.block),
            )
            .unwrap();
        assert_eq!(plans.iter().collect::<Vec<_>>(), ["d.a", "d.b"]);
    }
}
