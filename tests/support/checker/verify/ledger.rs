//! The ledger as a run prints it, added up again and held against what the source wrote.

use super::super::findings::{Check, Findings};
use crate::support::Server;

/// The numbers of a ledger's line: `received N = emitted N + … + held N; rows N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Events received.
    pub received: u64,
    /// What became of them, by name.
    pub classes: Vec<(String, u64)>,
    /// Rows put out.
    pub rows: u64,
}

impl Ledger {
    /// Finds the last ledger in what a run printed.
    pub fn find(printed: &str) -> Option<Self> {
        printed.lines().rev().find_map(Self::parse)
    }

    fn parse(line: &str) -> Option<Self> {
        let start = line.find("received ")?;
        let (received, rest) = line[start..].split_once(" = ")?;
        let (classes, rows) = rest.split_once("; rows ")?;
        let named = |text: &str| {
            let (name, number) = text.rsplit_once(' ')?;
            Some((name.to_owned(), number.parse().ok()?))
        };
        let digits: String = rows.chars().take_while(char::is_ascii_digit).collect();
        let classes: Option<Vec<(String, u64)>> = classes.split(" + ").map(named).collect();
        Some(Self {
            received: named(received)?.1,
            classes: classes?,
            rows: digits.parse().ok()?,
        })
    }

    /// The number of a class.
    pub fn class(&self, name: &str) -> u64 {
        let found = self.classes.iter().find(|(known, _)| known == name);
        found.map(|(_, count)| *count).unwrap_or_default()
    }
}

/// Checks that a ledger balances.
pub fn check_balance(ledger: &Ledger, findings: &mut Findings) {
    let settled: u64 = ledger.classes.iter().map(|(_, count)| count).sum();
    if settled != ledger.received {
        let text = format!(
            "its classes add up to {settled}, received is {}: {ledger:?}",
            ledger.received
        );
        findings.complain(Check::Ledger, text);
    }
}

/// Checks the ledgers of runs that went on where the one before ended, from the first event to the last: what was held
/// when a run was stopped came again.
pub fn check_totals(ledgers: &[Ledger], received: u64, rows: u64, findings: &mut Findings) {
    let settled: u64 = ledgers
        .iter()
        .map(|ledger| ledger.received - ledger.class("held"))
        .sum();
    if settled != received {
        let text =
            format!("{settled} events were settled, the source wrote {received}: {ledgers:?}");
        findings.complain(Check::Ledger, text);
    }
    let put_out: u64 = ledgers.iter().map(|ledger| ledger.rows).sum();
    if put_out != rows {
        let text = format!("it tells of {put_out} rows, {rows} came out: {ledgers:?}");
        findings.complain(Check::Ledger, text);
    }
}

/// How many events the source wrote from `position` of its binlog file number `first` on.
#[track_caller]
pub fn events_written(source: &Server, first: &str, position: u64) -> u64 {
    let files = source.query_text("SHOW BINARY LOGS");
    let names = files
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten());
    let mut count = 0;
    for name in names.filter(|name| name.as_str() >= first) {
        let from = if name == first { position } else { 4 };
        let events = source.query_text(&format!("SHOW BINLOG EVENTS IN '{name}' FROM {from}"));
        count += u64::try_from(events.len()).expect("a count fits into 64 bits");
    }
    count
}

#[test]
fn a_ledger_is_read_from_the_line_that_a_run_prints() {
    let printed = "x\nshop: received 9 = emitted 4 + filtered 1 + skipped 0 + ddl 1 + control 2 + rolled back 1 + held 0; rows 12\ny";
    let ledger = Ledger::find(printed).unwrap();
    assert_eq!(
        (ledger.received, ledger.rows, ledger.class("rolled back")),
        (9, 12, 1)
    );
    assert_eq!(
        ledger.classes.iter().map(|(_, count)| count).sum::<u64>(),
        9
    );
    assert_eq!(Ledger::find("received nothing"), None);
}
