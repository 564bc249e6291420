//! Moments at which rowtap is killed: chosen by a seed, and told by what rowtap does rather than by a clock alone.

use std::time::{Duration, Instant};

use super::random::Random;
use super::rowtap::{Connector, Ended, Run};

/// A moment that does not come is given up: the process is killed all the same.
const MOMENT_MAX: Duration = Duration::from_secs(4);
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// When to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the start, whatever is done by then.
    After(Duration),
    /// When so many bytes were received, and a little later.
    Received { bytes: u64, then: Duration },
    /// When the checkpoint was replaced so many times, and a little later.
    Checkpoint { count: u64, then: Duration },
}

impl Moment {
    /// One of them; there will be at least `bytes` to receive.
    pub fn choose(random: &mut Random, bytes: u64) -> Self {
        let then = Duration::from_micros(random.below(30_000));
        match random.below(5) {
            0 => Self::After(Duration::from_millis(random.below(800))),
            1 | 2 => Self::Received {
                bytes: random.between(1, bytes),
                then,
            },
            _most => Self::Checkpoint {
                count: random.between(1, 3),
                then,
            },
        }
    }

    /// Waits for the moment and kills.
    #[track_caller]
    pub fn kill(self, connector: &Connector, mut run: Run) -> Ended {
        let deadline = Instant::now() + MOMENT_MAX;
        let mut checkpoint = connector.checkpoint();
        let mut replaced = 0;
        let then = match self {
            Self::After(delay) => delay,
            Self::Received { then, .. } | Self::Checkpoint { then, .. } => {
                while Instant::now() < deadline && !run.has_ended() {
                    let now = connector.checkpoint();
                    replaced += u64::from(now != checkpoint);
                    checkpoint = now;
                    let has_come = match self {
                        Self::Received { bytes, .. } => run.count("Bytes_Received") >= bytes,
                        Self::Checkpoint { count, .. } => replaced >= count,
                        Self::After(_) => true,
                    };
                    if has_come {
                        break;
                    }
                    std::thread::sleep(BETWEEN_LOOKS);
                }
                then
            }
        };
        std::thread::sleep(then);
        run.kill()
    }
}
