//! Planted faults, which the tests switch on: bugs that the checker must see, and files that fail.
//!
//! Without the feature `planted-faults`, [`planted`] is a constant `false`, [`planted_failure`] a constant `None`, and
//! neither exists in the binary. With it, the environment chooses:
//!
//! | variable | value | example |
//! |---|---|---|
//! | `ROWTAP_PLANTED_FAULT` | the bug's name | `RowsReversed` |
//! | `ROWTAP_PLANTED_FAILURE` | the step, the file, which time of the process it fails, how | `Sync RelayLogInfo 2 EIO` |
//!
//! `state::durable` asks before every step that it does on a file.

use std::io;

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The checkpoint is saved before the data before it is durable.
    CheckpointBeforeFlush,
    /// One rows event in many is dropped after it was counted as received.
    EventDropped,
    /// The first group after a start is delivered from its second rows event on.
    GroupResumedInMiddle,
    /// A record counts as acknowledged when it is queued.
    EarlyAck,
    /// The events of a filtered group are left out of the ledger.
    FilteredGroupNotCounted,
    /// A group that ended in ROLLBACK is delivered whole.
    RolledBackGroupDelivered,
    /// The rows of one rows event are delivered in reverse order.
    RowsReversed,
    /// The key change of a row is published under the new key only.
    KeyChangeHalved,
    /// A checkpoint is committed to Kafka in a transaction after that of the data before it.
    CheckpointOutsideTransaction,
    /// A transaction of which it is not known whether it was committed is aborted, and its producer goes on.
    ProducerReused,
    /// A transaction is committed before its last block was sent.
    CommittedBeforeDelivery,
    /// An instance that another has fenced goes on where it was.
    FencedGoesOn,
    /// The checkpoint is read from Kafka whether it was committed or not.
    CheckpointsReadUncommitted,
    /// The lock for a snapshot's place is let go before the view is opened and the place read.
    UnlockedBeforePlace,
    /// Rows of a snapshot are left out whose key is that of a bound but for its last columns.
    BoundLosesEqual,
    /// Rows of a snapshot without a lock are published that were changed while its views were opened.
    LotNotChecked,
    /// Views without a lock are opened so slowly that much is changed meanwhile.
    WideWindow,
    /// The rest of a snapshot enters the stream after the place that it shows.
    ResumedElsewhere,
}

/// What is done to a file. With a [`FileRole`] it names a point at which a run can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStep {
    /// A file or a folder is made.
    Create,
    /// A file that is there is opened.
    Open,
    /// A lock is taken.
    Lock,
    /// Bytes are read.
    Read,
    /// The names in a folder are read.
    List,
    /// Bytes are written. A planted failure leaves the first half of them.
    Write,
    /// What was written, or the names in a folder, are made durable.
    Sync,
    /// A file takes the name of the one before it.
    Rename,
    /// A file loses its end.
    Cut,
    /// A file loses its name.
    Remove,
    /// A folder is closed to other users.
    MakePrivate,
}

/// Which of the files of state and sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// A connector's state folder itself.
    StateFolder,
    /// Its `lock`.
    StateLock,
    /// The checkpoint.
    RelayLogInfo,
    /// `auto.cnf`.
    AutoCnf,
    /// `target`.
    Target,
    /// A segment of the journal.
    Journal,
    /// The definitions that a person told.
    ToldDefinitions,
    /// What is kept of binlogs for questions about definitions.
    History,
    /// The groups that are to be passed over.
    SkipOrders,
    /// The record of those that were.
    SkippedGroups,
    /// The snapshots that were ordered.
    SnapshotOrders,
    /// Why the connector ended last.
    LastError,
    /// The numbers that a registry gave to schemas.
    SchemaNumbers,
    /// The socket for commands.
    ControlSocket,
    /// The events of a large group.
    Spill,
    /// The folder of prepared XA transactions.
    PreparedFolder,
    /// A prepared XA transaction.
    PreparedGroup,
    /// The folder of a file sink itself.
    DataFolder,
    /// Its `lock`.
    DataLock,
    /// Its manifest.
    Manifest,
    /// One of its data files.
    DataFile,
}

/// Whether this build holds planted faults.
pub const ARE_PLANTED: bool = cfg!(feature = "planted-faults");

/// Whether `fault` was chosen at start, by its name in the variable `ROWTAP_PLANTED_FAULT`.
#[cfg(feature = "planted-faults")]
pub fn planted(fault: Fault) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN
        .get_or_init(|| std::env::var("ROWTAP_PLANTED_FAULT").ok())
        .as_deref()
        == Some(&format!("{fault:?}"))
}

/// Whether `fault` was chosen and this is the first time that the process asks.
#[cfg(feature = "planted-faults")]
pub fn planted_once(fault: Fault) -> bool {
    static ASKED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    planted(fault) && !ASKED.swap(true, std::sync::atomic::Ordering::Relaxed)
}

/// Always `false`: this build holds no planted faults.
#[cfg(not(feature = "planted-faults"))]
#[inline]
pub const fn planted_once(_fault: Fault) -> bool {
    false
}

/// Always `false`: this build holds no planted faults.
#[cfg(not(feature = "planted-faults"))]
#[inline]
pub const fn planted(_fault: Fault) -> bool {
    false
}

/// The error with which the chosen step on the chosen file fails, when its time has come.
#[cfg(feature = "planted-faults")]
pub fn planted_failure(step: FileStep, file: FileRole) -> Option<io::Error> {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static CHOSEN: OnceLock<Option<(String, u32, i32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let chosen = CHOSEN.get_or_init(|| {
        let text = std::env::var("ROWTAP_PLANTED_FAILURE").ok()?;
        let mut words = text.rsplitn(3, ' ');
        let code = match words.next()? {
            "EIO" => 5,
            "ENOSPC" => 28,
            other => panic!("ROWTAP_PLANTED_FAILURE knows EIO and ENOSPC, not {other}"),
        };
        let time = words.next()?.parse().ok()?;
        Some((words.next()?.to_owned(), time, code))
    });
    let (point, time, code) = chosen.as_ref()?;
    let is_due = *point == format!("{step:?} {file:?}")
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *time;
    is_due.then(|| io::Error::from_raw_os_error(*code))
}

/// Always `None`: this build holds no planted failures.
#[cfg(not(feature = "planted-faults"))]
#[inline]
pub const fn planted_failure(_step: FileStep, _file: FileRole) -> Option<io::Error> {
    None
}
