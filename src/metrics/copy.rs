//! How far a snapshot of a source's tables has come.

/// How far a copy has come, of this process alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CopyProgress {
    /// Whether it goes on.
    pub is_running: bool,
    /// The table whose rows are copied now.
    pub table: Option<Box<str>>,
    /// Rows of that table that were copied.
    pub table_rows: u64,
    /// How many it has, as the server estimates.
    pub table_rows_expected: u64,
    /// Rows that were copied.
    pub rows: u64,
    /// How many there are, as the server estimates.
    pub rows_expected: u64,
    /// Tables to copy.
    pub tables: u64,
    /// Those that are copied.
    pub tables_done: u64,
    /// How long it has taken so far, in seconds.
    pub seconds: f64,
}

impl CopyProgress {
    /// Rows in a second.
    pub fn rate(&self) -> f64 {
        match self.seconds > 0.0 {
            true => as_float(self.rows) / self.seconds,
            false => 0.0,
        }
    }

    /// Seconds that are left, as far as the server's estimate goes; `None` where it tells nothing.
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.rows_expected.checked_sub(self.rows)?;
        (self.is_running && self.rate() > 0.0).then(|| as_float(left) / self.rate())
    }
}

/// A count as a float; what is lost beyond 2^53 does not matter.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_float(count: u64) -> f64 {
    count as f64
}
