//! Bars for what is copied, on a terminal: one a table, with its rows, their rate and the time that is left. Not for anything else,
//! where log lines tell the same; on a terminal these come above the bars.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::metrics::{CopyProgress, Registry};

/// How often bars are drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(250);
const TEMPLATE: &str = "{prefix} [{wide_bar}] {msg}";

/// The bars on this process's standard error.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Standard error, above the bars.
#[derive(Debug)]
pub(super) struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        BARS.suspend(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The bar of the table that a connector copies.
struct TableBar {
    table: Box<str>,
    bar: ProgressBar,
}

impl Drop for TableBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        BARS.remove(&self.bar);
    }
}

/// Draws bars until it is dropped, where standard error is a terminal.
pub(super) async fn draw(registry: Arc<Registry>) {
    if !io::stderr().is_terminal() {
        return;
    }
    let mut bars = HashMap::new();
    loop {
        tokio::time::sleep(DRAWN_EVERY).await;
        for connector in registry.connectors() {
            let progress = connector.snapshot().copy.unwrap_or_default();
            draw_one(&mut bars, connector.name(), &progress);
        }
    }
}

fn draw_one(bars: &mut HashMap<String, TableBar>, connector: &str, progress: &CopyProgress) {
    let table = progress.table.as_ref().filter(|_| progress.is_running);
    if bars
        .get(connector)
        .is_some_and(|bar| Some(&bar.table) != table)
    {
        bars.remove(connector);
    }
    let Some(table) = table else { return };
    let drawn = bars
        .entry(connector.to_owned())
        .or_insert_with(|| TableBar {
            table: table.clone(),
            bar: BARS.add(ProgressBar::new(0).with_style(style())),
        });
    let bar = &drawn.bar;
    bar.set_prefix(table.to_string());
    bar.set_length(progress.table_rows_expected.max(progress.table_rows));
    bar.set_position(progress.table_rows);
    bar.set_message(words(progress));
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template(TEMPLATE);
    style.expect("the template is one").progress_chars("=> ")
}

/// What stands after a bar.
fn words(progress: &CopyProgress) -> String {
    let CopyProgress {
        table_rows,
        table_rows_expected,
        tables,
        tables_done,
        ..
    } = progress;
    let rate = progress.rate().round();
    let left = progress.seconds_left().map_or_else(String::new, |left| {
        let left = Duration::try_from_secs_f64(left).unwrap_or_default();
        format!(", {} left", indicatif::HumanDuration(left))
    });
    format!(
        "{table_rows} of about {table_rows_expected} rows, {rate} rows/s{left}, {tables_done} of {tables} tables done"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_rows_rate_and_the_time_that_is_left() {
        let progress = CopyProgress {
            is_running: true,
            table: Some("shop.orders".into()),
            table_rows: 3_000,
            table_rows_expected: 9_000,
            rows: 4_000,
            rows_expected: 10_000,
            tables: 3,
            tables_done: 1,
            seconds: 2.0,
        };
        assert_eq!(
            words(&progress),
            "3000 of about 9000 rows, 2000 rows/s, 3 seconds left, 1 of 3 tables done"
        );
    }
}
