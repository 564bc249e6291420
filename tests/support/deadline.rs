//! Waiting for something that another process does: asked again and again, up to a deadline.

use std::time::{Duration, Instant};

const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Returns when `is_so` does; panics with `what` when it has not within `wait_max`.
#[track_caller]
pub fn wait_until(what: &str, wait_max: Duration, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + wait_max;
    while !is_so() {
        assert!(
            Instant::now() < deadline,
            "waited {wait_max:?} in vain until {what}"
        );
        std::thread::sleep(BETWEEN_TRIES);
    }
}
