//! The counters of one connector.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::copy::CopyProgress;
use crate::binlog::Coordinates;
use crate::change::{Checkpoint, HeldGroups, Ledger};

/// What a connector is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorState {
    /// Not yet connected for the first time.
    Starting,
    /// Receives from the source.
    Streaming,
    /// Waits before it connects again.
    Retrying,
    /// Ended as asked.
    Stopped,
    /// Ended by a failure that a person must fix.
    Failed,
}

impl ConnectorState {
    /// All states, in the order of a connector's life.
    pub const ALL: [Self; 5] = [
        Self::Starting,
        Self::Streaming,
        Self::Retrying,
        Self::Stopped,
        Self::Failed,
    ];

    /// The name as pages show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Streaming => "streaming",
            Self::Retrying => "retrying",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// Why a run of a connector ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastFailure {
    /// The error with its causes, in one line.
    pub message: String,
    /// The source's number for it, or the exit code that stands for it.
    pub number: u32,
    /// Whether the source failed, and not what was done with its events.
    pub is_of_source: bool,
    /// When it happened, in microseconds since 1970.
    pub at_us: i64,
}

/// The orders to pass groups over, and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    /// Those that are not carried out, as text.
    pub ordered: Vec<String>,
    /// How many groups were passed over so far.
    pub passed_over: u64,
}

/// An error and its causes, outermost first.
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line.push_str(": ");
        line.push_str(&inner.to_string());
        cause = inner.source();
    }
    line.replace('\n', " ")
}

/// The counters of one connector.
#[derive(Debug)]
pub struct ConnectorMetrics {
    name: Box<str>,
    facts: OnceLock<Vec<(&'static str, String)>>,
    ledger: LedgerCounters,
    volumes: VolumeCounters,
    moments: Moments,
    state: AtomicU8,
    in_flight: Mutex<Option<Gauge<u64>>>,
    held: Mutex<Option<Gauge<HeldGroups>>>,
    skips: Mutex<Option<Gauge<Skips>>>,
    copy: Mutex<Option<CopyProgress>>,
    progress: Mutex<Progress>,
    /// Whether the wait after a failure is over, and the source is connected to again.
    is_reconnecting: AtomicBool,
    last_failure: Mutex<Option<LastFailure>>,
    tls: Mutex<Option<String>>,
}

/// How far a connector is, and what of that is not durable. The lag is of one moment of it.
#[derive(Debug, Default)]
struct Progress {
    boundaries: Boundaries,
    /// Where batches ended that were read and are not durable, and when the last group of each was committed.
    under_way: VecDeque<(Coordinates, i64)>,
}

/// How far a connector is.
#[derive(Clone, Debug, Default)]
pub struct Boundaries {
    /// Up to where groups were read.
    pub read: Option<Checkpoint>,
    /// Up to where they are durable.
    pub durable: Option<Checkpoint>,
}

/// How much passed through a connector since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    /// Bytes from the source.
    pub bytes_received: u64,
    /// Bytes of records.
    pub bytes_encoded: u64,
    /// Records that the target took over.
    pub records: u64,
    /// Records that the target has kept.
    pub records_delivered: u64,
    /// Values that were not text in their character set and went on all the same.
    pub invalid_text: u64,
    /// Records that went to the dead-letter topic.
    pub dead_letters: u64,
    /// Checkpoints made durable.
    pub checkpoints: u64,
    /// Connections to the source, the first one included.
    pub connections: u64,
}

impl Volumes {
    /// How often the connection to the source was made again.
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }
}

/// [`Volumes`] that many threads add to.
#[derive(Debug, Default)]
struct VolumeCounters {
    bytes_received: AtomicU64,
    bytes_encoded: AtomicU64,
    records: AtomicU64,
    records_delivered: AtomicU64,
    invalid_text: AtomicU64,
    dead_letters: AtomicU64,
    checkpoints: AtomicU64,
    connections: AtomicU64,
}

/// When things happened last, in microseconds since 1970; [`NEVER`] for not yet, or not any more.
#[derive(Debug)]
struct Moments {
    source_time_us: AtomicI64,
    caught_up_us: AtomicI64,
    saved_us: AtomicI64,
    /// When the group that is waited for is due.
    due_us: AtomicI64,
    /// When it was committed.
    awaited_us: AtomicI64,
    /// By how much this machine's clock is ahead of the source's.
    clock_ahead_us: AtomicI64,
}

/// What is asked for when a page shows it.
struct Gauge<T>(Box<dyn Fn() -> T + Send>);

impl<T> fmt::Debug for Gauge<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauge")
    }
}

/// A [`Ledger`] that many threads add to.
#[derive(Debug, Default)]
struct LedgerCounters {
    received: AtomicU64,
    emitted: AtomicU64,
    filtered: AtomicU64,
    left_out: AtomicU64,
    skipped: AtomicU64,
    statements: AtomicU64,
    undefined: AtomicU64,
    numbered: AtomicU64,
    xa_missing: AtomicU64,
    ddl: AtomicU64,
    control: AtomicU64,
    rolled_back: AtomicU64,
    held: AtomicU64,
    passed_over: AtomicU64,
    rows: AtomicU64,
    rows_filtered: AtomicU64,
    rows_unchanged: AtomicU64,
}

/// Batches that are remembered until they are durable.
const UNDER_WAY_MAX: usize = 4096;
/// Not yet, or not any more.
const NEVER: i64 = i64::MIN;

impl ConnectorMetrics {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            facts: OnceLock::new(),
            ledger: LedgerCounters::default(),
            volumes: VolumeCounters::default(),
            moments: Moments {
                source_time_us: AtomicI64::new(NEVER),
                caught_up_us: AtomicI64::new(NEVER),
                saved_us: AtomicI64::new(NEVER),
                due_us: AtomicI64::new(NEVER),
                awaited_us: AtomicI64::new(NEVER),
                clock_ahead_us: AtomicI64::new(0),
            },
            state: AtomicU8::new(0),
            in_flight: Mutex::new(None),
            held: Mutex::new(None),
            skips: Mutex::new(None),
            copy: Mutex::default(),
            progress: Mutex::default(),
            is_reconnecting: AtomicBool::new(false),
            last_failure: Mutex::new(None),
            tls: Mutex::new(None),
        }
    }

    /// The connector's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Notes what the configuration says, by field names of SHOW REPLICA STATUS; the first call counts.
    pub fn describe(&self, facts: Vec<(&'static str, String)>) {
        self.facts.get_or_init(|| facts);
    }

    /// What the configuration says.
    pub fn facts(&self) -> &[(&'static str, String)] {
        self.facts.get().map_or(&[], Vec::as_slice)
    }

    /// Adds what became of a batch's events.
    pub fn settled(&self, ledger: &Ledger) {
        let counters = &self.ledger;
        let Ledger {
            received,
            emitted,
            filtered,
            left_out,
            skipped,
            statements,
            undefined,
            numbered,
            xa_missing,
            ddl,
            control,
            rolled_back,
            held,
            passed_over,
            rows,
            rows_filtered,
            rows_unchanged,
        } = *ledger;
        for (counter, count) in [
            (&counters.received, received),
            (&counters.emitted, emitted),
            (&counters.filtered, filtered),
            (&counters.left_out, left_out),
            (&counters.skipped, skipped),
            (&counters.statements, statements),
            (&counters.undefined, undefined),
            (&counters.numbered, numbered),
            (&counters.xa_missing, xa_missing),
            (&counters.ddl, ddl),
            (&counters.control, control),
            (&counters.rolled_back, rolled_back),
            (&counters.held, held),
            (&counters.passed_over, passed_over),
            (&counters.rows, rows),
            (&counters.rows_filtered, rows_filtered),
            (&counters.rows_unchanged, rows_unchanged),
        ] {
            add(counter, count);
        }
    }

    /// What became of all events of this process so far.
    pub fn ledger(&self) -> Ledger {
        let counters = &self.ledger;
        Ledger {
            received: value(&counters.received),
            emitted: value(&counters.emitted),
            filtered: value(&counters.filtered),
            left_out: value(&counters.left_out),
            skipped: value(&counters.skipped),
            statements: value(&counters.statements),
            undefined: value(&counters.undefined),
            numbered: value(&counters.numbered),
            xa_missing: value(&counters.xa_missing),
            ddl: value(&counters.ddl),
            control: value(&counters.control),
            rolled_back: value(&counters.rolled_back),
            held: value(&counters.held),
            passed_over: value(&counters.passed_over),
            rows: value(&counters.rows),
            rows_filtered: value(&counters.rows_filtered),
            rows_unchanged: value(&counters.rows_unchanged),
        }
    }

    /// Adds bytes that came from the source.
    pub fn received(&self, bytes: u64) {
        add(&self.volumes.bytes_received, bytes);
    }

    /// Adds a block that the target took over; what it took over before a commit is delivered with it.
    pub fn written(&self, records: u64, bytes: u64) {
        add(&self.volumes.records, records);
        add(&self.volumes.bytes_encoded, bytes);
    }

    /// Adds values that were not text in their character set and went on all the same.
    pub fn invalid_text(&self, values: u64) {
        add(&self.volumes.invalid_text, values);
    }

    /// Notes a boundary up to which groups were read, and when the last of them was committed on the source.
    pub fn read(&self, boundary: &Checkpoint, commit_us: i64) {
        let mut progress = locked(&self.progress);
        progress.boundaries.read = Some(boundary.clone());
        if progress.under_way.len() < UNDER_WAY_MAX {
            let end = boundary.coordinates.clone();
            progress.under_way.push_back((end, commit_us));
        }
        let Moments {
            source_time_us,
            caught_up_us,
            awaited_us,
            ..
        } = &self.moments;
        awaited_us.store(NEVER, Ordering::Relaxed);
        source_time_us.store(commit_us, Ordering::Relaxed);
        caught_up_us.store(NEVER, Ordering::Relaxed);
    }

    /// Notes that all the source had was read, at a moment in microseconds since 1970.
    pub fn caught_up(&self, at_us: i64) {
        self.moments.caught_up_us.store(at_us, Ordering::Relaxed);
    }

    /// Notes when the next group may be delivered, which is waited for, and when it was committed.
    pub fn waits_until(&self, due_us: i64, committed_us: i64) {
        self.moments.due_us.store(due_us, Ordering::Relaxed);
        self.moments
            .awaited_us
            .store(committed_us, Ordering::Relaxed);
    }

    /// Notes that the group is waited for no longer. It still counts as the oldest until it was read.
    pub fn waits_no_longer(&self) {
        self.moments.due_us.store(NEVER, Ordering::Relaxed);
    }

    /// Notes by how many seconds this machine's clock is ahead of the source's. The source tells whole seconds: a difference
    /// of one is none.
    pub fn clock_ahead(&self, seconds: i64) {
        let seconds = if seconds.abs() <= 1 { 0 } else { seconds };
        let ahead_us = seconds.saturating_mul(1_000_000);
        self.moments
            .clock_ahead_us
            .store(ahead_us, Ordering::Relaxed);
    }

    /// Notes a checkpoint that has just become durable.
    pub fn committed(&self, checkpoint: &Checkpoint) {
        let mut progress = locked(&self.progress);
        progress.boundaries.durable = Some(checkpoint.clone());
        while let Some((end, _)) = progress.under_way.front()
            && *end <= checkpoint.coordinates
        {
            progress.under_way.pop_front();
        }
        drop(progress);
        self.moments.saved_us.store(now_us(), Ordering::Relaxed);
        add(&self.volumes.checkpoints, 1);
    }

    /// Notes that all records handed over so far are durable at the target.
    pub fn delivered(&self) {
        let records = value(&self.volumes.records);
        let delivered = &self.volumes.records_delivered;
        delivered.store(records, Ordering::Relaxed);
    }

    /// Counts records that went to the dead-letter topic.
    pub fn dead_letters(&self, records: u64) {
        add(&self.volumes.dead_letters, records);
    }

    /// Whether the target lacks a part yet of what was there when the connector began.
    pub fn copies_everything(&self) -> bool {
        let progress = locked(&self.progress);
        let durable = progress.boundaries.durable.as_ref();
        durable.is_some_and(|checkpoint| checkpoint.snapshot.is_of_everything())
    }

    /// Whether anything was delivered by this process.
    pub fn has_delivered(&self) -> bool {
        value(&self.volumes.records_delivered) > 0
    }

    /// The last commit of this process.
    pub fn committed_to(&self) -> Option<Coordinates> {
        let progress = locked(&self.progress);
        let durable = progress.boundaries.durable.as_ref();
        durable.map(|checkpoint| checkpoint.coordinates.clone())
    }

    /// Sets how to tell how many bytes are between the source and the target's acknowledgement.
    pub fn in_flight(&self, bytes: impl Fn() -> u64 + Send + 'static) {
        *locked(&self.in_flight) = Some(Gauge(Box::new(bytes)));
    }

    /// Sets how to tell which XA transactions are prepared and undecided.
    pub fn holding(&self, held: impl Fn() -> HeldGroups + Send + 'static) {
        *locked(&self.held) = Some(Gauge(Box::new(held)));
    }

    /// Notes how the connection to the source is encrypted: the TLS version, `None` for plaintext.
    pub fn connected(&self, tls: Option<&str>) {
        *locked(&self.tls) = tls.map(str::to_owned);
    }

    /// Notes that the source sends from now on.
    pub fn streaming(&self) {
        add(&self.volumes.connections, 1);
        locked(&self.progress).under_way.clear();
        self.moments.awaited_us.store(NEVER, Ordering::Relaxed);
        self.enter(ConnectorState::Streaming);
    }

    /// Sets how to tell which groups are to be passed over, and how many were.
    pub fn skipping(&self, skips: impl Fn() -> Skips + Send + 'static) {
        *locked(&self.skips) = Some(Gauge(Box::new(skips)));
    }

    /// Notes how far a copy of what is there has come.
    pub fn copying(&self, progress: CopyProgress) {
        *locked(&self.copy) = Some(progress);
    }

    /// Notes that a copy has ended, or was given up.
    pub fn copied(&self) {
        if let Some(copy) = &mut *locked(&self.copy) {
            copy.is_running = false;
        }
    }

    /// Notes a failure after which the connector tries again.
    pub fn retrying(&self, failure: LastFailure) {
        *locked(&self.last_failure) = Some(failure);
        self.is_reconnecting.store(false, Ordering::Relaxed);
        self.enter(ConnectorState::Retrying);
    }

    /// Notes that the wait after a failure is over.
    pub fn reconnecting(&self) {
        self.is_reconnecting.store(true, Ordering::Relaxed);
    }

    /// Notes the failure that ended the connector.
    pub fn failed(&self, failure: LastFailure) {
        *locked(&self.last_failure) = Some(failure);
        self.enter(ConnectorState::Failed);
    }

    /// Notes that the connector ended as asked.
    pub fn stopped(&self) {
        self.enter(ConnectorState::Stopped);
    }

    fn enter(&self, state: ConnectorState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Reads everything at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let now_us = now_us();
        let state = self.state();
        let progress = locked(&self.progress);
        let boundaries = progress.boundaries.clone();
        let behind = self.behind(state, &progress, now_us);
        drop(progress);
        Snapshot {
            name: self.name.clone(),
            state,
            ledger: self.ledger(),
            volumes: self.volumes(),
            bytes_in_flight: locked(&self.in_flight)
                .as_ref()
                .map_or(0, |Gauge(bytes)| bytes()),
            held: locked(&self.held)
                .as_ref()
                .map_or_else(HeldGroups::default, |Gauge(held)| held()),
            now_us,
            behind,
            is_caught_up: self.moments.caught_up_us.load(Ordering::Relaxed) != NEVER,
            is_reconnecting: self.is_reconnecting.load(Ordering::Relaxed),
            checkpoint_age: since(self.moments.saved_us.load(Ordering::Relaxed), now_us),
            remaining_delay: until(self.moments.due_us.load(Ordering::Relaxed), now_us),
            boundaries,
            last_failure: locked(&self.last_failure).clone(),
            skips: locked(&self.skips)
                .as_ref()
                .map_or_else(Skips::default, |Gauge(skips)| skips()),
            copy: locked(&self.copy).clone(),
            tls: locked(&self.tls).clone(),
        }
    }

    fn volumes(&self) -> Volumes {
        let counters = &self.volumes;
        Volumes {
            bytes_received: value(&counters.bytes_received),
            bytes_encoded: value(&counters.bytes_encoded),
            records: value(&counters.records),
            records_delivered: value(&counters.records_delivered),
            invalid_text: value(&counters.invalid_text),
            dead_letters: value(&counters.dead_letters),
            checkpoints: value(&counters.checkpoints),
            connections: value(&counters.connections),
        }
    }

    /// What the connector is doing.
    pub fn state(&self) -> ConnectorState {
        let index = usize::from(self.state.load(Ordering::Relaxed));
        ConnectorState::ALL
            .get(index)
            .copied()
            .unwrap_or(ConnectorState::Failed)
    }

    /// The lag as a replica counts it, by the source's clock: unknown while not streaming; otherwise the age of the oldest group
    /// that was read and is not durable, or that waits for its delay; 0 once there is none and the source had no more.
    fn behind(&self, state: ConnectorState, progress: &Progress, now_us: i64) -> Option<Duration> {
        if state != ConnectorState::Streaming {
            return None;
        }
        let Moments {
            source_time_us,
            caught_up_us,
            awaited_us,
            clock_ahead_us,
            ..
        } = &self.moments;
        let moment = |moment: &AtomicI64| moment.load(Ordering::Relaxed);
        let now_us = now_us.saturating_sub(moment(clock_ahead_us));
        let oldest_us = match progress.under_way.front() {
            Some((_, read_us)) => *read_us,
            None => moment(awaited_us),
        };
        if let Some(age) = since(oldest_us, now_us) {
            return Some(age);
        }
        let settled = match (&progress.boundaries.read, &progress.boundaries.durable) {
            (Some(read), Some(durable)) => read.coordinates == durable.coordinates,
            _ => false,
        };
        if settled && moment(caught_up_us) != NEVER {
            return Some(Duration::ZERO);
        }
        since(moment(source_time_us), now_us)
    }
}

/// A connector's counters at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The connector.
    pub name: Box<str>,
    /// What it is doing.
    pub state: ConnectorState,
    /// What became of its events.
    pub ledger: Ledger,
    /// How much passed through it.
    pub volumes: Volumes,
    /// Bytes read and not yet kept by the target.
    pub bytes_in_flight: u64,
    /// The XA transactions that are prepared and undecided.
    pub held: HeldGroups,
    /// The moment, in microseconds since 1970.
    pub now_us: i64,
    /// How far it is behind its source; `None` if that is unknown.
    pub behind: Option<Duration>,
    /// Whether all that the source had was read.
    pub is_caught_up: bool,
    /// Whether it connects again, after the wait that follows a failure.
    pub is_reconnecting: bool,
    /// How long the next group is still held back by `source_delay`; `None` where none is.
    pub remaining_delay: Option<Duration>,
    /// How long ago its checkpoint was saved.
    pub checkpoint_age: Option<Duration>,
    /// How far it is.
    pub boundaries: Boundaries,
    /// Why its last run that failed did.
    pub last_failure: Option<LastFailure>,
    /// The groups to be passed over, and those that were.
    pub skips: Skips,
    /// How far the last copy of what was there has come; `None` where this process has begun none.
    pub copy: Option<CopyProgress>,
    /// The TLS version of the connection to the source; `None` for plaintext.
    pub tls: Option<String>,
}

impl Snapshot {
    /// What became of the connector's events, with those of the XA transactions that are prepared and undecided now. The
    /// ledger by itself counts these when they are decided.
    pub fn ledger_with_held(&self) -> Ledger {
        let mut ledger = self.ledger;
        ledger += Ledger {
            received: self.held.events,
            held: self.held.events,
            ..Ledger::default()
        };
        ledger
    }

    /// How long the oldest of the XA transactions that are undecided has been prepared.
    pub fn held_for(&self) -> Option<Duration> {
        let oldest = self.held.oldest.as_ref()?;
        since(oldest.prepared_us, self.now_us)
    }
}

fn since(at_us: i64, now_us: i64) -> Option<Duration> {
    let age = u64::try_from(now_us.saturating_sub(at_us)).unwrap_or(0);
    (at_us != NEVER).then(|| Duration::from_micros(age))
}

fn until(at_us: i64, now_us: i64) -> Option<Duration> {
    let left = u64::try_from(at_us.saturating_sub(now_us)).unwrap_or(0);
    (at_us != NEVER).then(|| Duration::from_micros(left))
}

fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// This machine's time in microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A panic of another thread does not make a counter useless.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
