//! The `[snapshot]` section: how what is there already is read.

use std::num::{NonZeroU8, NonZeroU64};
use std::time::Duration;

use serde::Deserialize;

/// How a snapshot is taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", default)]
pub struct SnapshotOptions {
    /// When one is taken.
    pub when: SnapshotWhen,
    /// Which locks it may take.
    pub locking: Locking,
    /// How long a lock may take, from the request to the release.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lock_wait_max: Duration,
    /// How many connections read tables.
    pub threads: NonZeroU8,
    /// Rows that it reads in a second; as many as it can when absent.
    pub rows_per_second_max: Option<NonZeroU64>,
}

/// When a snapshot is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotWhen {
    /// Where a connector begins with one.
    #[default]
    Initial,
    /// Then, and where the source has no longer what comes after the checkpoint.
    WhenNeeded,
}

/// Which locks a snapshot may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locking {
    /// One for an instant, where the server needs it.
    #[default]
    Auto,
    /// None.
    None,
}

impl SnapshotOptions {
    /// The most connections that read tables.
    pub const THREADS_MAX: u8 = 64;
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self {
            when: SnapshotWhen::Initial,
            locking: Locking::Auto,
            lock_wait_max: Duration::from_secs(2),
            threads: NonZeroU8::MIN,
            rows_per_second_max: None,
        }
    }
}
