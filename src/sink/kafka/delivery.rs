//! What the producer hears back: acknowledgements, failures, and what the brokers say when they do not answer.
//!
//! The counting unit is the cost of a record in bytes, so that one counter tells both what is settled and how full the
//! queue is. Runs on librdkafka's polling thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{ProducerContext, ThreadedProducer};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

/// How long the failure that caused the others may take to arrive.
const FAILURE_MAX: Duration = Duration::from_secs(5);

/// A record that was not taken.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) topic: String,
    pub(super) code: RDKafkaErrorCode,
    pub(super) bytes: usize,
    pub(super) key_bytes: usize,
}

/// What a broker, or the way to it, said last.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) at: Instant,
    pub(super) code: RDKafkaErrorCode,
    pub(super) reason: String,
}

/// The producer.
pub(super) type Client = ThreadedProducer<DeliveryContext>;

/// Shared by the sink and the producer's polling thread.
#[derive(Debug, Default)]
pub(super) struct DeliveryContext {
    acknowledged: AtomicU64,
    acknowledged_records: AtomicU64,
    /// The sink sleeps until this much is acknowledged.
    wanted: AtomicU64,
    progress: Notify,
    failure: OnceLock<Failure>,
    /// A record that failed only because another one did, whose own failure may be reported later.
    consequence: OnceLock<Failure>,
    heard: Mutex<Option<Heard>>,
}

/// Why waiting ended before it reached its goal.
#[derive(Debug)]
pub(super) enum Unsettled {
    /// A record failed for good.
    Failed(Failure),
    /// Nothing was acknowledged for the whole time.
    Stalled {
        /// When waiting began.
        since: Instant,
    },
}

impl DeliveryContext {
    /// Costs of all records acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// How many records those are.
    pub(super) fn acknowledged_records(&self) -> u64 {
        self.acknowledged_records.load(Ordering::Relaxed)
    }

    /// Counts a record as settled, unless it costs nothing, being none of the queue's.
    pub(super) fn acknowledge(&self, cost: u64) {
        if cost == 0 {
            return;
        }
        self.acknowledged_records.fetch_add(1, Ordering::Relaxed);
        let before = self.acknowledged.fetch_add(cost, Ordering::SeqCst);
        let wanted = self.wanted.load(Ordering::SeqCst);
        if before < wanted && before.saturating_add(cost) >= wanted {
            self.progress.notify_one();
        }
    }

    /// Whether the producer takes no more records.
    pub(super) fn is_stopped(&self) -> bool {
        self.failure.get().is_some() || self.consequence.get().is_some()
    }

    /// The failure that stopped the producer, or as close to it as is known after a while.
    async fn failure(&self) -> Failure {
        let told = async {
            loop {
                match self.failure.get() {
                    Some(failure) => return failure.clone(),
                    None => self.progress.notified().await,
                }
            }
        };
        let told = tokio::time::timeout(FAILURE_MAX, told).await;
        told.ok()
            .or_else(|| self.consequence.get().cloned())
            .expect("a producer that is stopped was stopped by a record")
    }

    /// What was heard last, if anything.
    pub(super) fn heard(&self) -> Option<Heard> {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until `goal` is acknowledged.
    pub(super) async fn reach(&self, goal: u64, stall_max: Duration) -> Result<(), Unsettled> {
        loop {
            let before = self.acknowledged();
            let since = Instant::now();
            // Either the polling thread sees the goal or this thread sees the counter: each writes, then reads the
            // other's.
            self.wanted.store(goal, Ordering::SeqCst);
            if self.is_stopped() {
                return Err(Unsettled::Failed(self.failure().await));
            }
            if self.acknowledged.load(Ordering::SeqCst) >= goal {
                return Ok(());
            }
            let waited = tokio::time::timeout(stall_max, self.progress.notified()).await;
            if waited.is_err() && self.acknowledged() == before && !self.is_stopped() {
                return Err(Unsettled::Stalled { since });
            }
        }
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Nobody can act on a property that rowtap itself sets being experimental.
        if facility == "CONFWARN" && message.contains("enable.gapless.guarantee") {
            return;
        }
        match level {
            // The guarantee against gaps is known to be experimental, and nobody can act on it.
            RDKafkaLogLevel::Warning if facility == "CONFWARN" && message.contains("gapless") => {
                debug!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => warn!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Notice => info!(target: "librdkafka", facility, "{message}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                debug!(target: "librdkafka", facility, "{message}");
            }
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error
            .rdkafka_error_code()
            .unwrap_or(RDKafkaErrorCode::Unknown);
        debug!(target: "librdkafka", %code, reason, "error reported");
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // "All brokers are down" says less than why the last one is.
        if code != RDKafkaErrorCode::AllBrokersDown || heard.is_none() {
            *heard = Some(Heard {
                at: Instant::now(),
                code,
                reason: reason.to_owned(),
            });
        }
    }
}

impl ConsumerContext for DeliveryContext {}

impl ProducerContext for DeliveryContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, cost: usize) {
        match result {
            Ok(_) => self.acknowledge(u64::try_from(cost).unwrap_or(u64::MAX)),
            Err((error, message)) => {
                let code = error
                    .rdkafka_error_code()
                    .unwrap_or(RDKafkaErrorCode::Unknown);
                let slot = if is_consequence(code) {
                    &self.consequence
                } else {
                    &self.failure
                };
                slot.get_or_init(|| Failure {
                    topic: message.topic().to_owned(),
                    code,
                    bytes: message.payload_len() + message.key_len(),
                    key_bytes: message.key_len(),
                });
                self.progress.notify_one();
            }
        }
    }
}

/// Whether the code says no more than that the producer was stopped before.
pub(super) fn is_consequence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight
    )
}
