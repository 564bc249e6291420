//! The `[snapshot]` section: how what is there already is read.

use std::num::NonZeroU64;
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

impl Default for SnapshotOptions {
    fn default() -> Self {
        Self {
            when: SnapshotWhen::Initial,
            locking: Locking::Auto,
            lock_wait_max: Duration::from_secs(2),
            rows_per_second_max: None,
        }
    }
}
