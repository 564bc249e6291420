//! The limits of scans, and what is told of their progress.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::binlog::Coordinates;
use crate::source::server::ServerOptions;
use crate::source::server::statements::LogFile;

/// How often a scan tells how far it has come.
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// How often what a scan has read is kept.
const KEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What the scans of one run may read.
#[derive(Debug)]
pub(super) struct ScanLimits {
    bytes_max: Option<u64>,
    /// Bytes a second.
    rate_max: Option<u64>,
    /// Bytes that were read.
    bytes: u64,
}

/// A scan under way.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    told: Instant,
    kept: Instant,
    bytes: u64,
    bytes_all: u64,
    files: Vec<LogFile>,
    end: Coordinates,
}

impl ScanLimits {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            bytes_max: options.definitions_scan_max.map(|size| size.as_u64()),
            rate_max: options.definitions_scan_rate_max.map(|size| size.as_u64()),
            bytes: 0,
        }
    }

    /// The bytes that may be read, once they are used up.
    pub(super) fn used_up(&self) -> Option<u64> {
        self.bytes_max.filter(|bytes_max| self.bytes >= *bytes_max)
    }

    /// Counts bytes that were read, and waits where they came faster than they may. Cancel-safe.
    pub(super) async fn count(&mut self, bytes: u64, progress: &mut Progress) {
        self.bytes += bytes;
        progress.bytes += bytes;
        if let Some(rate_max) = self.rate_max {
            let due = Duration::from_secs_f64(as_float(progress.bytes) / as_float(rate_max.max(1)));
            // So short waits would cost more than they slow down.
            if due > progress.begun.elapsed() + Duration::from_millis(5) {
                tokio::time::sleep_until(progress.begun + due).await;
            }
        }
    }
}

impl Progress {
    /// Begins to read a part of the binlogs, of which the source has these files.
    pub(super) fn new(part: &Range<Coordinates>, files: &[LogFile]) -> Self {
        let files: Vec<LogFile> = files
            .iter()
            .filter(|file| {
                let top = Coordinates::new(file.name.as_str(), 0);
                let is_first = *file.name == *part.start.file;
                (is_first || top > part.start) && top < part.end
            })
            .cloned()
            .collect();
        let bytes_all = files.iter().map(|file| part_of(file, part)).sum();
        let now = Instant::now();
        info!(
            from = %part.start,
            to = %part.end,
            files = files.len(),
            bytes = bytes_all,
            "looking for DDL in the source's binlogs"
        );
        Self {
            begun: now,
            told: now,
            kept: now,
            bytes: 0,
            bytes_all,
            files,
            end: part.end.clone(),
        }
    }

    /// Tells how far the scan has come, where it was not told for a while.
    pub(super) fn tell(&mut self, at: &Coordinates) {
        if self.told.elapsed() < TELL_INTERVAL {
            return;
        }
        self.told = Instant::now();
        let is_left = |file: &&LogFile| Coordinates::new(file.name.as_str(), u64::MAX) > *at;
        let files_left = self.files.iter().filter(is_left).count();
        let bytes_left = self.bytes_all.saturating_sub(self.bytes);
        let seconds =
            self.begun.elapsed().as_secs_f64() * as_float(bytes_left) / as_float(self.bytes.max(1));
        let time_left = Duration::try_from_secs_f64(seconds.round()).unwrap_or(Duration::MAX);
        info!(
            %at,
            to = %self.end,
            files = self.files.len(),
            files_left,
            bytes = self.bytes,
            bytes_left,
            ?time_left,
            "still looking for DDL in the source's binlogs"
        );
    }

    /// Whether what was read is to be kept now, so that a scan which is interrupted goes on from here.
    pub(super) fn is_to_be_kept(&mut self) -> bool {
        let is_due = self.kept.elapsed() >= KEEP_INTERVAL;
        if is_due {
            self.kept = Instant::now();
        }
        is_due
    }

    /// Tells that all was read.
    pub(super) fn end(&self) {
        let seconds = self.begun.elapsed().as_secs_f64();
        info!(
            bytes = self.bytes,
            seconds, "looked for DDL in the source's binlogs"
        );
    }
}

/// How many bytes of a file lie in a part of the binlogs.
fn part_of(file: &LogFile, part: &Range<Coordinates>) -> u64 {
    let from = match *file.name == *part.start.file {
        true => part.start.position,
        false => 0,
    };
    let to = match *file.name == *part.end.file {
        true => part.end.position,
        false => file.size,
    };
    to.saturating_sub(from)
}

/// As many, roughly.
#[expect(
    clippy::cast_precision_loss,
    reason = "only times are reckoned with it"
)]
fn as_float(bytes: u64) -> f64 {
    bytes as f64
}
