//! The pause between two transactions, so that the second need not wait for the first.
//!
//! Kafka says that a transaction is committed before it has put the end into each partition. A client that begins the next one
//! meanwhile is turned away, and librdkafka asks again after 20 ms, which is long beside what the end takes. So the next one is
//! begun a little later: as much later as keeps it from being turned away, which shows in when its first record is taken.

use std::time::{Duration, Instant};

/// A record that takes as long was turned away before.
const TURNED_AWAY: Duration = Duration::from_millis(20);
const PAUSE_FIRST: Duration = Duration::from_millis(2);
const PAUSE_MIN: Duration = Duration::from_micros(250);
const PAUSE_MAX: Duration = Duration::from_millis(12);

/// How long to wait after a commit.
#[derive(Debug)]
pub(super) struct Pause {
    length: Duration,
    committed_at: Option<Instant>,
    /// How long after that the transaction began that is open.
    begun_after: Option<Duration>,
}

impl Default for Pause {
    fn default() -> Self {
        Self {
            length: PAUSE_FIRST,
            committed_at: None,
            begun_after: None,
        }
    }
}

impl Pause {
    /// Notes a commit.
    pub(super) fn committed(&mut self, now: Instant) {
        self.committed_at = Some(now);
    }

    /// How long the next transaction has to wait yet.
    pub(super) fn before_next(&mut self, now: Instant) -> Duration {
        let since = self.committed_at.map(|at| now.duration_since(at));
        self.begun_after = since.map(|since| since.max(self.length));
        since.map_or(Duration::ZERO, |since| self.length.saturating_sub(since))
    }

    /// Learns from how long the first record of a transaction took to be taken.
    pub(super) fn learn(&mut self, first_taken: Option<Duration>) {
        let (Some(taken), Some(after)) = (first_taken, self.begun_after) else {
            return;
        };
        if taken >= TURNED_AWAY && after < PAUSE_MAX {
            // The end takes longer than that, whether the pause was waited for or not.
            self.length = after * 3 / 2;
        } else if after == self.length {
            // Slowly, since to be turned away costs much more, and all that comes meanwhile: about one in eight hundred is.
            self.length = self.length * 2047 / 2048;
        }
        self.length = self.length.clamp(PAUSE_MIN, PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_until_nobody_is_turned_away_and_shrinks_slowly() {
        let mut pause = Pause::default();
        let now = Instant::now();
        assert_eq!(pause.before_next(now), Duration::ZERO);
        pause.committed(now);
        assert_eq!(pause.before_next(now), PAUSE_FIRST);
        pause.learn(Some(Duration::from_millis(25)));
        let longer = pause.before_next(now);
        assert_eq!(longer, Duration::from_millis(3));
        pause.learn(Some(Duration::from_millis(4)));
        let shorter = pause.before_next(now);
        assert!(shorter < longer && shorter > PAUSE_FIRST, "{shorter:?}");
        for _ in 0..100 {
            pause.learn(Some(Duration::from_secs(1)));
            pause.before_next(now);
        }
        assert_eq!(pause.before_next(now), PAUSE_MAX);
    }

    #[test]
    fn one_that_comes_much_later_neither_waits_nor_teaches() {
        let mut pause = Pause::default();
        let now = Instant::now();
        pause.committed(now);
        let later = now + Duration::from_secs(1);
        assert_eq!(pause.before_next(later), Duration::ZERO);
        pause.learn(Some(Duration::from_secs(1)));
        assert_eq!(pause.before_next(now), PAUSE_FIRST);
    }

    #[test]
    fn one_that_comes_a_little_later_and_is_turned_away_lengthens_the_pause_beyond_that() {
        let mut pause = Pause::default();
        let now = Instant::now();
        pause.committed(now);
        let after = Duration::from_millis(4);
        assert_eq!(pause.before_next(now + after), Duration::ZERO);
        pause.learn(Some(Duration::from_millis(25)));
        assert_eq!(pause.before_next(now), Duration::from_millis(6));
        pause.committed(now);
        pause.before_next(now + Duration::from_millis(10));
        pause.learn(Some(Duration::from_millis(1)));
        assert_eq!(pause.before_next(now), Duration::from_millis(6));
    }
}
