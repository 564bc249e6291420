//! `source_delay`: groups are held back until their commit is that old by the source's clock, as a replica with SOURCE_DELAY
//! holds them back.
//!
//! Whoever waits here reads nothing: the source's events stay in the channel and the connection until then.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, ConnectorMetrics};

/// Holds groups back. Its functions are to be called on a thread that may block.
#[derive(Debug)]
pub(super) struct Delay {
    runtime: Handle,
    /// From a commit by the source's clock to when it is due by this machine's.
    until_due_us: i64,
    /// Ends a wait: the run is over, or its source has failed and is to be connected to again.
    over: CancellationToken,
    metrics: Arc<ConnectorMetrics>,
}

/// The longest sleep: the clock may be set while it lasts.
const SLEEP_MAX: Duration = Duration::from_secs(1);

impl Delay {
    /// Holds back by so much, where this machine's clock is ahead of the source's by `clock_ahead_s` seconds; `None` if groups
    /// are not held back. To be called on the runtime.
    pub(super) fn new(
        by: Duration,
        clock_ahead_s: i64,
        over: CancellationToken,
        metrics: Arc<ConnectorMetrics>,
    ) -> Option<Self> {
        let by_us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        (by_us > 0).then(|| Self {
            runtime: Handle::current(),
            until_due_us: by_us.saturating_add(clock_ahead_s.saturating_mul(1_000_000)),
            over,
            metrics,
        })
    }

    /// Whether a group that was committed at this time may go on.
    pub(super) fn is_over(&self, committed_us: i64) -> bool {
        self.left(committed_us).is_zero()
    }

    /// Waits until it may; false if the wait was ended before.
    pub(super) fn wait(&self, committed_us: i64) -> bool {
        let due_us = self.due_us(committed_us);
        self.metrics.waits_until(due_us, committed_us);
        let is_over = self.runtime.block_on(async {
            loop {
                let left = self.left(committed_us);
                if left.is_zero() {
                    return true;
                }
                tokio::select! {
                    biased;
                    () = self.over.cancelled() => return false,
                    () = tokio::time::sleep(left.min(SLEEP_MAX)) => {}
                }
            }
        });
        self.metrics.waits_no_longer();
        is_over
    }

    fn due_us(&self, committed_us: i64) -> i64 {
        committed_us.saturating_add(self.until_due_us)
    }

    fn left(&self, committed_us: i64) -> Duration {
        let left_us = self.due_us(committed_us).saturating_sub(metrics::now_us());
        Duration::from_micros(u64::try_from(left_us).unwrap_or(0))
    }
}
