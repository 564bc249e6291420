//! The bytes that one connector may hold at a time.
//!
//! Buffers are charged when they are admitted and given back when the last handle to them is dropped, wherever that is.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A connector's byte budget; clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    bytes_max: u32,
}

impl Budget {
    /// Makes a budget of so many bytes, at least one.
    pub fn new(bytes_max: u32) -> Self {
        let bytes_max = bytes_max.max(1);
        Self {
            free: Arc::new(Semaphore::new(bytes_max as usize)),
            bytes_max,
        }
    }

    /// The whole budget in bytes.
    pub fn bytes_max(&self) -> u32 {
        self.bytes_max
    }

    /// Bytes that are not charged at this moment.
    pub fn bytes_free(&self) -> usize {
        self.free.available_permits()
    }

    /// Waits until so many bytes are free and takes them. First come, first served. Cancel-safe: a dropped future takes
    /// nothing.
    ///
    /// What is larger than a quarter of the budget waits only for a quarter and takes whatever else is free. It must not
    /// wait for more: an open group may hold up to half of the budget, and ends only with what waits here.
    pub async fn take(&self, bytes: usize) -> Charge {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes_max);
        let at_least = bytes.min((self.bytes_max / 4).max(1));
        let mut permit = Arc::clone(&self.free)
            .acquire_many_owned(at_least)
            .await
            .expect("the semaphore is private and nothing closes it");
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        let rest = Arc::clone(&self.free).try_acquire_many_owned(free.min(bytes - at_least));
        // Where another was quicker, the quarter has to do.
        if let Ok(rest) = rest {
            permit.merge(rest);
        }
        Charge { _permit: permit }
    }
}

/// Bytes taken from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct Charge {
    _permit: OwnedSemaphorePermit,
}

impl Charge {
    /// Ties the charge to a buffer: it ends with the last handle to the returned bytes or to a slice of them.
    pub fn over(self, buffer: Bytes) -> Bytes {
        Bytes::from_owner(Charged {
            buffer,
            _charge: self,
        })
    }
}

struct Charged {
    buffer: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_charge_lasts_as_long_as_any_slice_of_its_buffer() {
        let budget = Budget::new(100);
        let bytes = budget.take(60).await.over(Bytes::from(vec![7; 60]));
        let slice = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(budget.bytes_free(), 40);
        drop(slice);
        assert_eq!(budget.bytes_free(), 100);
    }

    #[tokio::test]
    async fn a_large_buffer_takes_all_that_is_free_and_never_waits_for_what_a_group_may_hold() {
        let budget = Budget::new(100);
        let held_by_a_group = budget.take(20).await;
        let more_of_it = budget.take(25).await;
        let large = budget.take(5_000).await;
        assert_eq!(budget.bytes_free(), 0);
        let mut next = Box::pin(budget.take(5_000));
        assert!(is_pending(&mut next).await);
        drop(large);
        drop(next.await);
        assert_eq!(budget.bytes_free(), 55);
        drop((held_by_a_group, more_of_it));
        assert_eq!(budget.bytes_free(), 100);
    }

    #[tokio::test]
    async fn a_small_buffer_waits_until_it_fits() {
        let budget = Budget::new(100);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(budget.take(24).await);
        }
        let mut next = Box::pin(budget.take(24));
        assert!(is_pending(&mut next).await);
        held.pop();
        let _next = next.await;
        assert_eq!(budget.bytes_free(), 4);
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_takes_nothing() {
        let budget = Budget::new(10);
        let held = [budget.take(8).await, budget.take(8).await];
        let mut waiting = Box::pin(budget.take(8));
        assert!(is_pending(&mut waiting).await);
        drop(waiting);
        drop(held);
        assert_eq!(budget.bytes_free(), 10);
    }

    async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }
}
