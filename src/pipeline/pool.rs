//! The process's encoding pool: who may encode, and when.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The process's encoding pool: as many jobs at a time as there are processors, in the order in which they asked, whichever
/// connector they belong to.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Turns>);

#[derive(Debug)]
struct Turns {
    size: usize,
    tickets: Mutex<Tickets>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Tickets {
    drawn: u64,
    returned: u64,
}

/// A place in the pool while a job runs.
pub(super) struct Turn<'a>(&'a Turns);

impl Pool {
    /// Makes a pool for this machine.
    pub fn new() -> Self {
        Self::of_size(thread::available_parallelism().map_or(1, usize::from))
    }

    fn of_size(size: usize) -> Self {
        Self(Arc::new(Turns {
            size,
            tickets: Mutex::default(),
            returned: Condvar::new(),
        }))
    }

    /// How many jobs run at a time.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// Waits until one more job may run.
    pub(super) fn turn(&self) -> Turn<'_> {
        let turns = &*self.0;
        let mut tickets = turns.locked();
        let own = tickets.drawn;
        tickets.drawn += 1;
        let size = turns.size as u64;
        drop(
            turns
                .returned
                .wait_while(tickets, |tickets| own >= tickets.returned + size)
                .unwrap_or_else(PoisonError::into_inner),
        );
        Turn(turns)
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.locked().returned += 1;
        self.0.returned.notify_all();
    }
}

impl Turns {
    fn locked(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_run_in_the_order_in_which_they_asked() {
        let pool = Pool::of_size(1);
        let (ran, order) = mpsc::channel();
        let first = pool.turn();
        thread::scope(|scope| {
            for job in 1..=8 {
                let (pool, ran) = (pool.clone(), ran.clone());
                scope.spawn(move || {
                    let _turn = pool.turn();
                    ran.send(job).unwrap();
                });
                while first.0.locked().drawn <= job {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        drop(ran);
        assert_eq!(order.iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn as_many_jobs_run_at_a_time_as_the_pool_has_places() {
        let pool = Pool::of_size(2);
        let (one, two) = (pool.turn(), pool.turn());
        let (ran, runs) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = pool.turn();
                ran.send(()).unwrap();
            });
            while one.0.locked().drawn < 3 {
                thread::yield_now();
            }
            assert_eq!(runs.try_recv(), Err(mpsc::TryRecvError::Empty));
            drop(two);
            assert_eq!(runs.recv(), Ok(()));
        });
    }
}
