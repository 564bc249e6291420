//! What the producer hears back: acknowledgements, failures, and what the brokers say when they do not answer.
//!
//! The counting unit is the cost of a record in bytes, so that one counter tells both what is settled and how full the
//! queue is. Runs on librdkafka's polling thread, which asks for tokens too.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{ProducerContext, ThreadedProducer};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::record_size;
use super::token::{TokenError, Tokens};

/// How long the failure that caused the others may take to arrive.
const FAILURE_MAX: Duration = Duration::from_secs(5);

/// A record that was not taken.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) topic: String,
    pub(super) code: RDKafkaErrorCode,
    /// Its key, as far as it is shown.
    pub(super) key: String,
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
    /// Why a transaction failed first. Its records only tell that it did.
    transaction_failure: OnceLock<String>,
    tokens: Option<Tokens>,
    /// When a first acknowledgement was waited for, in nanoseconds since `made_at`; 0 if none is.
    awaited_at: AtomicU64,
    /// How long it took, in nanoseconds; 0 if that is not known.
    first_took: AtomicU64,
    made_at: OnceLock<Instant>,
    /// Whether there was no token since nobody answered.
    awaits_token: AtomicBool,
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
    /// For clients whose connections want tokens, or not.
    pub(super) fn with(tokens: Option<Tokens>) -> Self {
        Self {
            tokens,
            ..Self::default()
        }
    }

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
        if self.awaited_at.load(Ordering::Relaxed) > 0 {
            let since = self.awaited_at.swap(0, Ordering::Relaxed);
            let took = self.now_ns().saturating_sub(since).max(1);
            self.first_took.store(took, Ordering::Relaxed);
        }
        let before = self.acknowledged.fetch_add(cost, Ordering::SeqCst);
        let wanted = self.wanted.load(Ordering::SeqCst);
        if before < wanted && before.saturating_add(cost) >= wanted {
            self.progress.notify_one();
        }
    }

    /// Begins to measure how long the next acknowledgement takes.
    pub(super) fn await_first(&self) {
        self.first_took.store(0, Ordering::Relaxed);
        self.awaited_at
            .store(self.now_ns().max(1), Ordering::Relaxed);
    }

    /// How long the first acknowledgement took since [`DeliveryContext::await_first`], if it has come.
    pub(super) fn first_taken(&self) -> Option<Duration> {
        let took = self.first_took.load(Ordering::Relaxed);
        (took > 0).then(|| Duration::from_nanos(took))
    }

    fn now_ns(&self) -> u64 {
        let since = self.made_at.get_or_init(Instant::now).elapsed();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
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

    /// Why a transaction failed, if one did.
    pub(super) fn transaction_failure(&self) -> Option<&str> {
        self.transaction_failure.get().map(String::as_str)
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
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _configured: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let tokens = self.tokens.as_ref().ok_or("no source of tokens is set")?;
        let token = tokens.token();
        let is_awaited = token.as_ref().is_err_and(TokenError::is_transient);
        self.awaits_token.store(is_awaited, Ordering::Relaxed);
        Ok(token?.to_library())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Nobody can act on a property that rowtap itself sets being experimental.
        if facility == "CONFWARN" && message.contains("enable.gapless.guarantee") {
            return;
        }
        if facility == "TXNERR" {
            self.transaction_failure
                .get_or_init(|| without_thread(message).to_owned());
        }
        match level {
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
        let mut code = code_of(&error);
        // librdkafka takes a provider that does not answer for one that refuses.
        if code == RDKafkaErrorCode::Authentication && self.awaits_token.load(Ordering::Relaxed) {
            code = RDKafkaErrorCode::BrokerTransportFailure;
        }
        // TLS 1.3 lets a client find out only after the handshake that its certificate will not do.
        if code == RDKafkaErrorCode::BrokerTransportFailure && is_certificate_refused(reason) {
            code = RDKafkaErrorCode::SSL;
        }
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
                let code = code_of(error);
                let slot = if is_consequence(code) {
                    &self.consequence
                } else {
                    &self.failure
                };
                slot.get_or_init(|| Failure {
                    topic: message.topic().to_owned(),
                    code,
                    key: record_size::shown(message.key()),
                    bytes: message.payload_len() + message.key_len(),
                    key_bytes: message.key_len(),
                });
                self.progress.notify_one();
            }
        }
    }
}

/// What librdkafka logs, without the name of its thread.
fn without_thread(message: &str) -> &str {
    let rest = message.strip_prefix("[thrd:");
    let rest = rest.and_then(|rest| rest.split_once("]: "));
    rest.map_or(message, |(_thread, rest)| rest)
}

/// Whether the broker ended a connection by an alert about the client's certificate (RFC 8446, section 6.2).
fn is_certificate_refused(reason: &str) -> bool {
    const ALERTS: [&str; 8] = ["42", "43", "44", "45", "46", "48", "49", "116"];
    let number = reason.split_once("SSL alert number ").map(|(_, rest)| rest);
    let number = number.map(|rest| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default()
    });
    number.is_some_and(|number| ALERTS.contains(&number))
}

/// What an error is by Kafka's numbers.
pub(super) fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    error
        .rdkafka_error_code()
        .unwrap_or(RDKafkaErrorCode::Unknown)
}

/// Whether the code says no more than that the producer was stopped before.
pub(super) fn is_consequence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_transaction_failed_first_is_kept_from_what_is_logged() {
        let context = DeliveryContext::default();
        for (facility, message) in [
            ("GETPID", "[thrd:main]: retrying"),
            (
                "TXNERR",
                "[thrd:main]: Current transaction failed: Unknown topic",
            ),
            (
                "TXNERR",
                "[thrd:main]: Fatal transaction error: Invalid state",
            ),
        ] {
            context.log(RDKafkaLogLevel::Warning, facility, message);
        }
        let kept = context.transaction_failure();
        assert_eq!(kept, Some("Current transaction failed: Unknown topic"));
    }

    #[test]
    fn an_alert_about_the_certificate_is_told_apart_from_others() {
        for (reason, expected) in [
            (
                "Receive failed: error:0A000416:SSL routines::sslv3 alert certificate unknown: SSL alert number 46 (after 6ms)",
                true,
            ),
            (
                "tlsv13 alert certificate required: SSL alert number 116",
                true,
            ),
            (
                "alert internal error: SSL alert number 80 (after 6ms)",
                false,
            ),
            ("Disconnected", false),
        ] {
            assert_eq!(is_certificate_refused(reason), expected, "{reason}");
        }
    }
}
