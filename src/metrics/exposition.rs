//! The counters as Prometheus reads them: OpenMetrics text 1.0.
//!
//! Base units, `_total` on counters, no label a table: the number of series does not grow with the source.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::connector::{ConnectorMetrics, ConnectorState, Snapshot};
use super::copy::CopyProgress;
use crate::change::Ledger;

type Labels<'a> = Vec<(&'static str, &'a str)>;
/// Reads one count out of a group of them.
type Count<T> = fn(&T) -> u64;
type Samples<'a, T> = Vec<(Labels<'a>, T)>;

/// The whole page.
pub fn text(connectors: &[Arc<ConnectorMetrics>]) -> Result<String, fmt::Error> {
    let snapshots = connectors
        .iter()
        .map(|connector| connector.snapshot())
        .collect();
    let mut registry = Registry::with_prefix("rowtap");
    registry.register_collector(Box::new(Scrape { snapshots }));
    let mut out = String::new();
    encode(&mut out, &registry)?;
    Ok(out)
}

#[derive(Debug)]
struct Scrape {
    snapshots: Vec<Snapshot>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        encoder
            .encode_descriptor("build", "The program", None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        counters(
            &mut encoder,
            ("events", "Binlog events by what became of them"),
            None,
            self.events(),
        )?;
        for (name, help, unit, count) in of_events().into_iter().chain(of_volumes()) {
            let samples = self.samples(|all| Some(count(all)));
            counters(&mut encoder, (name, help), unit, samples)?;
        }
        self.gauges(&mut encoder)
    }
}

/// A counter without classes: name, help, unit and what is counted.
type Plain = (&'static str, &'static str, Option<Unit>, Count<Snapshot>);

/// Counters of what became of events and their rows.
fn of_events() -> [Plain; 6] {
    [
        (
            "skipped_statements",
            "Changes logged as statements that were passed over",
            None,
            |all| all.ledger.statements,
        ),
        (
            "skipped_undefined",
            "Rows events that were left out because their table's definition is not known",
            None,
            |all| all.ledger.undefined,
        ),
        (
            "emitted_numbered",
            "Rows events that went out although their table's definition is not known",
            None,
            |all| all.ledger.numbered,
        ),
        ("rows", "Rows of emitted events", None, |all| {
            all.ledger.rows
        }),
        (
            "rows_filtered",
            "Rows that a rule on rows left out",
            None,
            |all| all.ledger.rows_filtered,
        ),
        (
            "rows_unchanged",
            "Rows of updates left out because nothing that is published changed",
            None,
            |all| all.ledger.rows_unchanged,
        ),
    ]
}

/// Counters of what was received, written and kept.
fn of_volumes() -> [Plain; 8] {
    [
        (
            "received",
            "Bytes from the source",
            Some(Unit::Bytes),
            |all| all.volumes.bytes_received,
        ),
        ("encoded", "Bytes of records", Some(Unit::Bytes), |all| {
            all.volumes.bytes_encoded
        }),
        (
            "records",
            "Records that the target took over",
            None,
            |all| all.volumes.records,
        ),
        (
            "delivered",
            "Records that the target has kept",
            None,
            |all| all.volumes.records_delivered,
        ),
        (
            "invalid_text",
            "Values that were not text in their character set and went on all the same",
            None,
            |all| all.volumes.invalid_text,
        ),
        (
            "dead_letters",
            "Records that went to the dead-letter topic, being too large for their own",
            None,
            |all| all.volumes.dead_letters,
        ),
        ("checkpoints", "Checkpoints made durable", None, |all| {
            all.volumes.checkpoints
        }),
        ("reconnects", "Connections after the first", None, |all| {
            all.volumes.reconnects()
        }),
    ]
}

impl Scrape {
    fn gauges(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        gauges(
            encoder,
            ("state", "1 for the state that a connector is in"),
            None,
            self.states(),
        )?;
        gauges(
            encoder,
            ("in_flight", "Bytes read and not yet kept by the target"),
            Some(Unit::Bytes),
            self.samples(|all| Some(all.bytes_in_flight)),
        )?;
        gauges(
            encoder,
            (
                "source_lag",
                "Age of the oldest change that was read and is not delivered, 0 once all is",
            ),
            Some(Unit::Seconds),
            self.samples(|all| all.behind.map(|age| age.as_secs_f64())),
        )?;
        gauges(
            encoder,
            ("checkpoint_age", "Time since the checkpoint was saved"),
            Some(Unit::Seconds),
            self.samples(|all| all.checkpoint_age.map(|age| age.as_secs_f64())),
        )?;
        gauges(
            encoder,
            (
                "undefined_tables",
                "Tables whose rows go out without names, or are left out, for want of a definition",
            ),
            None,
            self.undefined_tables(),
        )?;
        self.copies(encoder)?;
        self.held(encoder)
    }

    /// Snapshots of the source's tables.
    fn copies(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let plain: [(_, _, Count<CopyProgress>); 5] = [
            (
                "snapshot_running",
                "1 while what is there is copied",
                |copy| u64::from(copy.is_running),
            ),
            ("snapshot_tables", "Tables to copy", |copy| copy.tables),
            ("snapshot_tables_done", "Tables that are copied", |copy| {
                copy.tables_done
            }),
            ("snapshot_rows", "Rows that were copied", |copy| copy.rows),
            (
                "snapshot_rows_expected",
                "Rows to copy, as the source estimates",
                |copy| copy.rows_expected,
            ),
        ];
        for (name, help, count) in plain {
            let samples = self.samples(|all| all.copy.as_ref().map(count));
            gauges(encoder, (name, help), None, samples)?;
        }
        gauges(
            encoder,
            (
                "snapshot_left",
                "Time until all is copied, by that estimate",
            ),
            Some(Unit::Seconds),
            self.samples(|all| all.copy.as_ref()?.seconds_left()),
        )
    }

    /// XA transactions that are prepared and undecided.
    fn held(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let plain: [(_, _, Count<Snapshot>); 2] = [
            (
                "xa_held",
                "XA transactions that are prepared and undecided",
                |all| all.held.count,
            ),
            ("xa_held_events", "Their binlog events", |all| {
                all.held.events
            }),
        ];
        for (name, help, count) in plain {
            let samples = self.samples(|all| Some(count(all)));
            gauges(encoder, (name, help), None, samples)?;
        }
        gauges(
            encoder,
            (
                "xa_held_age",
                "Time since the oldest of them was prepared on the source",
            ),
            Some(Unit::Seconds),
            self.samples(|all| all.held_for().map(|age| age.as_secs_f64())),
        )
    }

    /// How many tables are not defined at the checkpoint.
    fn undefined_tables(&self) -> Samples<'_, u64> {
        self.samples(|all| {
            let durable = all.boundaries.durable.as_ref()?;
            u64::try_from(durable.undefined.len()).ok()
        })
    }

    fn samples<T>(&self, value: impl Fn(&Snapshot) -> Option<T>) -> Samples<'_, T> {
        self.snapshots
            .iter()
            .filter_map(|all| Some((vec![("connector", &*all.name)], value(all)?)))
            .collect()
    }

    fn events(&self) -> Samples<'_, u64> {
        let classes: [(_, Count<Ledger>); 9] = [
            ("received", |ledger| ledger.received),
            ("emitted", |ledger| ledger.emitted),
            ("filtered", |ledger| ledger.filtered),
            ("skipped", |ledger| ledger.skipped),
            ("ddl", |ledger| ledger.ddl),
            ("control", |ledger| ledger.control),
            ("rolled_back", |ledger| ledger.rolled_back),
            ("held", |ledger| ledger.held),
            ("passed_over", |ledger| ledger.passed_over),
        ];
        self.labelled("class", &classes, |all, count| count(&all.ledger))
    }

    fn states(&self) -> Samples<'_, u64> {
        let states = ConnectorState::ALL.map(|state| (state.name(), state));
        self.labelled("state", &states, |all, state| {
            u64::from(all.state == *state)
        })
    }

    fn labelled<K, T>(
        &self,
        label: &'static str,
        kinds: &[(&'static str, K)],
        value: impl Fn(&Snapshot, &K) -> T,
    ) -> Samples<'_, T> {
        let mut samples = Vec::new();
        for all in &self.snapshots {
            for (name, kind) in kinds {
                let labels = vec![("connector", &*all.name), (label, *name)];
                samples.push((labels, value(all, kind)));
            }
        }
        samples
    }
}

fn counters(
    encoder: &mut DescriptorEncoder,
    (name, help): (&str, &str),
    unit: Option<Unit>,
    samples: Samples<'_, u64>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
    for (labels, count) in samples {
        metric
            .encode_family(&labels.as_slice())?
            .encode_counter(&count, None::<&Exemplar<[(&str, &str); 0], u64>>)?;
    }
    Ok(())
}

fn gauges<T: prometheus_client::encoding::EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder,
    (name, help): (&str, &str),
    unit: Option<Unit>,
    samples: Samples<'_, T>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    for (labels, value) in samples {
        metric
            .encode_family(&labels.as_slice())?
            .encode_gauge(&value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::registry::Registry as Counters;
    use super::*;
    use crate::binlog::{Coordinates, GtidSet};
    use crate::change::{Checkpoint, HeldGroups};
    use crate::metrics::{LastFailure, now_us};
    use crate::mysql::Flavour;

    fn checkpoint(position: u64) -> Checkpoint {
        Checkpoint::new(
            Coordinates::new("binlog.000001", position),
            GtidSet::empty(Flavour::MySql),
            None,
            1,
            0,
        )
    }

    fn lines(counters: &Counters) -> Vec<String> {
        let text = counters.exposition().unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        text.lines().map(str::to_owned).collect()
    }

    fn assert_line(lines: &[String], line: &str) {
        assert!(
            lines.iter().any(|found| found == line),
            "{line}\n{lines:#?}"
        );
    }

    fn ledger() -> Ledger {
        Ledger {
            received: 11,
            emitted: 1,
            filtered: 2,
            left_out: 1,
            skipped: 1,
            statements: 0,
            undefined: 1,
            numbered: 1,
            xa_missing: 0,
            ddl: 1,
            control: 3,
            rolled_back: 1,
            held: 1,
            passed_over: 1,
            rows: 5,
            rows_filtered: 2,
            rows_unchanged: 1,
        }
    }

    #[test]
    fn every_count_is_on_the_page() {
        let counters = Counters::new();
        let shop = counters.connector("shop");
        counters.connector("stock");
        for _ in 0..2 {
            counters.connector("shop").settled(&ledger());
        }
        shop.received(4096);
        shop.written(4, 900);
        shop.delivered();
        shop.committed(&checkpoint(900));
        shop.written(1, 100);
        shop.invalid_text(3);
        shop.in_flight(|| 77);
        shop.holding(|| HeldGroups {
            count: 2,
            events: 9,
            oldest: None,
        });
        shop.streaming();
        shop.streaming();
        let lines = lines(&counters);
        for (class, count) in [
            ("received", 22),
            ("emitted", 2),
            ("filtered", 4),
            ("skipped", 2),
            ("ddl", 2),
            ("control", 6),
            ("rolled_back", 2),
            ("held", 2),
            ("passed_over", 2),
        ] {
            let line =
                format!("rowtap_events_total{{connector=\"shop\",class=\"{class}\"}} {count}");
            assert_line(&lines, &line);
        }
        for line in [
            "rowtap_rows_total{connector=\"shop\"} 10",
            "rowtap_rows_filtered_total{connector=\"shop\"} 4",
            "rowtap_rows_unchanged_total{connector=\"shop\"} 2",
            "rowtap_rows_total{connector=\"stock\"} 0",
            "rowtap_received_bytes_total{connector=\"shop\"} 4096",
            "rowtap_encoded_bytes_total{connector=\"shop\"} 1000",
            "rowtap_records_total{connector=\"shop\"} 5",
            "rowtap_invalid_text_total{connector=\"shop\"} 3",
            "rowtap_delivered_total{connector=\"shop\"} 4",
            "rowtap_in_flight_bytes{connector=\"shop\"} 77",
            "rowtap_xa_held{connector=\"shop\"} 2",
            "rowtap_xa_held{connector=\"stock\"} 0",
            "rowtap_xa_held_events{connector=\"shop\"} 9",
            "rowtap_reconnects_total{connector=\"shop\"} 1",
            "rowtap_state{connector=\"shop\",state=\"streaming\"} 1",
            "rowtap_state{connector=\"shop\",state=\"starting\"} 0",
            "rowtap_state{connector=\"stock\",state=\"starting\"} 1",
        ] {
            assert_line(&lines, line);
        }
    }

    #[test]
    fn lag_is_unknown_then_the_age_of_what_was_read_then_zero() {
        let counters = Counters::new();
        let shop = counters.connector("shop");
        assert_eq!(shop.snapshot().behind, None);
        shop.streaming();
        shop.read(&checkpoint(900), now_us() - 90_000_000);
        let behind = shop.snapshot().behind.unwrap().as_secs();
        assert!((90..95).contains(&behind), "{behind}");
        shop.caught_up(now_us());
        assert!(
            shop.snapshot().behind.unwrap().as_secs() > 80,
            "not durable yet"
        );
        shop.committed(&checkpoint(900));
        assert_eq!(shop.snapshot().behind, Some(Duration::ZERO));
        assert!(shop.snapshot().checkpoint_age.unwrap().as_secs() < 5);
        shop.retrying(LastFailure::default());
        assert_eq!(shop.snapshot().behind, None);
    }
}
