//! How fast what is there is copied, and what is told of it meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::change::CopiedTable;
use crate::metrics::{self, CopyProgress};
use crate::row::TableName;
use crate::source::SnapshotOptions;

/// How often a copy tells how far it has come.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// How fast it goes, and what is told of it.
#[derive(Debug)]
pub(super) struct Pace {
    rows_per_second_max: Option<u64>,
    pub(super) begun: Instant,
    told: Instant,
    pub(super) progress: CopyProgress,
    /// The table of the last rows.
    table: Option<TableName>,
    estimates: HashMap<TableName, u64>,
    metrics: Arc<metrics::ConnectorMetrics>,
}

impl Pace {
    pub(super) fn new(
        options: &SnapshotOptions,
        wanted: &VecDeque<CopiedTable>,
        (metrics, estimates): (Arc<metrics::ConnectorMetrics>, HashMap<TableName, u64>),
    ) -> Self {
        let now = Instant::now();
        let expected = wanted
            .iter()
            .filter_map(|table| estimates.get(table.source()));
        let progress = CopyProgress {
            is_running: true,
            tables: wanted.len() as u64,
            rows_expected: expected.sum(),
            ..CopyProgress::default()
        };
        metrics.copying(progress.clone());
        Self {
            rows_per_second_max: options.rows_per_second_max.map(std::num::NonZero::get),
            begun: now,
            told: now,
            progress,
            table: None,
            estimates,
            metrics,
        }
    }

    /// Rows of a batch: of those that may come in a second a tenth.
    pub(super) fn rows_at_once(&self) -> usize {
        let limit = self.rows_per_second_max.map(|rows| rows / 10 + 1);
        limit.map_or(usize::MAX, |rows| {
            usize::try_from(rows).unwrap_or(usize::MAX)
        })
    }

    /// Counts rows, and tells of them.
    pub(super) fn count(&mut self, table: &TableName, rows: u64) {
        let progress = &mut self.progress;
        if self.table.as_ref() != Some(table) {
            self.table = Some(table.clone());
            progress.table = Some(table.to_string().into());
            progress.table_rows = 0;
            progress.table_rows_expected = self.estimates.get(table).copied().unwrap_or_default();
        }
        progress.rows += rows;
        progress.table_rows += rows;
        progress.seconds = self.begun.elapsed().as_secs_f64();
        self.metrics.copying(progress.clone());
        if self.told.elapsed() >= TELL_INTERVAL {
            self.told = Instant::now();
            let CopyProgress {
                table_rows,
                table_rows_expected,
                rows,
                rows_expected,
                tables,
                tables_done,
                ..
            } = *progress;
            let rows_per_second = progress.rate().round();
            let seconds_left = progress.seconds_left().map(f64::round);
            info!(
                %table, table_rows, table_rows_expected, rows, rows_expected, rows_per_second, seconds_left, tables, tables_done,
                "still copying what is there"
            );
        }
    }

    pub(super) fn finish_table(&mut self) {
        self.progress.tables_done += 1;
        self.metrics.copying(self.progress.clone());
    }

    /// When so many rows may have come.
    pub(super) fn due(&self) -> Option<Instant> {
        let limit = self.rows_per_second_max?;
        let micros = u128::from(self.progress.rows) * 1_000_000 / u128::from(limit);
        let after = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        self.begun.checked_add(after)
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.metrics.copied();
    }
}
