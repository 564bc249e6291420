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

    /// Waits until so many bytes are free and takes them; more than the whole budget waits until nothing else is held and
    /// takes it all. First come, first served. Cancel-safe: a dropped future takes nothing.
    pub async fn take(&self, bytes: usize) -> Charge {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes_max);
        let permit = Arc::clone(&self.free)
            .acquire_many_owned(bytes)
            .await
            .expect("the semaphore is private and nothing closes it");
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
    async fn a_buffer_above_the_budget_is_admitted_alone() {
        let budget = Budget::new(100);
        let small = budget.take(1).await;
        let mut large = Box::pin(budget.take(5_000));
        assert!(futures_pending(&mut large).await);
        drop(small);
        let large = large.await;
        assert_eq!(budget.bytes_free(), 0);
        drop(large);
        assert_eq!(budget.bytes_free(), 100);
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_takes_nothing() {
        let budget = Budget::new(10);
        let held = budget.take(8).await;
        let mut waiting = Box::pin(budget.take(8));
        assert!(futures_pending(&mut waiting).await);
        drop(waiting);
        drop(held);
        assert_eq!(budget.bytes_free(), 10);
    }

    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }
}
