//! Planted faults: bugs that the tests switch on to prove that the checker sees them.
//!
//! Without the feature `planted-faults`, [`planted`] is a constant `false` and the faults do not exist in the binary.

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
}

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
