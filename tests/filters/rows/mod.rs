//! Rules on rows against real servers: generated conditions, and the rows kept held to `SELECT … WHERE` with the same text over
//! the images before and after each change.

mod conditions;
mod copied;
mod moves;
mod program;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use rowtap::binlog::{Coordinates, FIRST_POSITION, GtidSet};
use rowtap::change::{
    Assembler, AssemblerSettings, Checkpoint, Definitions, Ledger, LeftOut, OnStatement, Origin,
    Step, Until, XaMissing,
};
use rowtap::encode::{Encode, Format, InvalidText, Lines, LinesEncoder, Plan};
use rowtap::filter::{FilterOptions, RowMoves, RowRuleOptions, Rules};
use serde_json::Value;

use crate::support::{Flavour, Server};
use conditions::{Generator, Rendered};
use table::{ROWS, TestedColumns};

/// Generated conditions a server, without and with `ROWTAP_TEST_FULL`.
const CONDITIONS: usize = 120;
const CONDITIONS_FULL: usize = 500;

#[test]
fn mysql_keeps_the_rows_that_a_query_with_the_same_condition_finds() {
    compare(Flavour::MySql97, 1);
}

#[test]
fn mariadb_keeps_the_rows_that_a_query_with_the_same_condition_finds() {
    compare(Flavour::MariaDb1011, 2);
}

#[test]
fn other_servers_keep_the_rows_that_a_query_with_the_same_condition_finds() {
    if std::env::var_os("ROWTAP_TEST_FULL").is_none() {
        return;
    }
    compare(Flavour::MySql80, 3);
    compare(Flavour::MariaDb118, 4);
    for seed in 10..14 {
        compare(Flavour::MySql97, seed);
        compare(Flavour::MariaDb1011, seed);
    }
}

/// A change of a row: what was done, and the id that it has.
type Change = (char, u32);

/// Generated conditions, and what each keeps.
fn compare(flavour: Flavour, seed: u64) {
    let server = Server::start(flavour, &[]);
    let columns = TestedColumns::of(flavour);
    columns.fill(&server, seed);
    let stream = Recording::of(&server);
    let groups = stream.groups();
    let mut generator = Generator::new(&columns, seed);
    let mut connection = server.connect();
    let (mut kept, mut partly) = (0, 0);
    let conditions = match std::env::var_os("ROWTAP_TEST_FULL") {
        Some(_) => CONDITIONS_FULL,
        None => CONDITIONS,
    };
    for _ in 0..conditions {
        let condition = generator.condition();
        let [before, after] =
            ["v0", "v1"].map(|images| columns.matching(&mut connection, images, &condition));
        for moves in [RowMoves::Convert, RowMoves::Keep] {
            let options = FilterOptions {
                rows: vec![rule(&condition.text)],
                row_filter_moves: moves,
                ..FilterOptions::default()
            };
            let (found, ledger) = stream.changes(&options, &groups);
            let expected = expected(&before, &after, moves);
            assert_eq!(
                found, expected,
                "{flavour:?}, seed {seed}: where {}",
                condition.text
            );
            assert_eq!(ledger.imbalance(), 0, "{}", condition.text);
            assert_eq!(ledger.rows, found.len() as u64, "{}", condition.text);
            let all = u64::from(ROWS) * 3;
            assert_eq!(
                ledger.rows + ledger.rows_filtered,
                all,
                "{}",
                condition.text
            );
            kept += found.len();
        }
        partly += usize::from(!before.is_empty() && before.len() < ROWS as usize);
    }
    copied::check(&server, &columns, &mut generator);
    println!(
        "{flavour:?}, seed {seed}: {conditions} conditions over {ROWS} rows, three changes each, both ways of moves: {kept} changes \
         kept, {partly} conditions keep some rows and not all"
    );
    assert!(
        partly > conditions / 3,
        "{partly} conditions divide the rows"
    );
}

/// What a connector would publish: each row was inserted, updated and deleted.
fn expected(before: &BTreeSet<u32>, after: &BTreeSet<u32>, moves: RowMoves) -> BTreeSet<Change> {
    let mut changes: BTreeSet<Change> = before.iter().map(|id| ('i', *id)).collect();
    changes.extend(after.iter().map(|id| ('d', *id)));
    for id in before.union(after) {
        changes.insert(match (before.contains(id), after.contains(id), moves) {
            (true, true, _) | (_, _, RowMoves::Keep) => ('u', *id),
            (false, _, RowMoves::Convert) => ('e', *id),
            (_, false, RowMoves::Convert) => ('l', *id),
        });
    }
    changes
}

fn rule(condition: &str) -> RowRuleOptions {
    RowRuleOptions {
        tables: vec![r"rows\.t".to_owned()],
        condition: Some(condition.to_owned()),
        ..RowRuleOptions::default()
    }
}

/// A server's binlog with the changes of `rows.t`.
struct Recording {
    flavour: Flavour,
    buffer: Bytes,
    events: Vec<std::ops::Range<u32>>,
}

impl Recording {
    fn of(server: &Server) -> Self {
        let (file, _) = server.coordinates();
        let bytes = fs::read(server.binlog_path(&file)).unwrap();
        let mut events = Vec::new();
        let mut at = 4;
        while let Some(size) = bytes.get(at + 9..at + 13) {
            let size = u32::from_le_bytes(size.try_into().unwrap());
            let start = u32::try_from(at).unwrap();
            events.push(start..start + size);
            at += size as usize;
        }
        Self {
            flavour: server.flavour(),
            buffer: bytes.into(),
            events,
        }
    }

    /// The changes under some rules: inserts, updates and deletes of the statements, and `e` and `l` for updates that became an
    /// insert or a delete.
    fn changes(&self, options: &FilterOptions, groups: &[u64]) -> (BTreeSet<Change>, Ledger) {
        let (lines, ledger) = self.text(options).unwrap();
        let changes = lines.iter().map(|line| {
            let (position, op, id) = place(line);
            // Groups come in this order: inserts, updates, deletes.
            let group = groups.iter().position(|begin| *begin == position);
            let change = match (group, op) {
                (Some(0), 'c') => 'i',
                (Some(1), 'c') => 'e',
                (Some(1), 'u') => 'u',
                (Some(1), 'd') => 'l',
                (Some(2), 'd') => 'd',
                other => panic!("{other:?} at {position}"),
            };
            (change, id)
        });
        (changes.collect(), ledger)
    }

    /// Where the groups with changes of the table begin.
    fn groups(&self) -> Vec<u64> {
        let (lines, _) = self.text(&FilterOptions::default()).unwrap();
        let begins: BTreeSet<u64> = lines.iter().map(|line| place(line).0).collect();
        begins.into_iter().collect()
    }

    fn lines(&self, options: &FilterOptions) -> Result<(Vec<Value>, Ledger), String> {
        let (lines, ledger) = self.text(options)?;
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        Ok((lines.collect(), ledger))
    }

    /// The lines of row changes.
    fn text(&self, options: &FilterOptions) -> Result<(Vec<String>, Ledger), String> {
        let family = self.flavour.family();
        let options = FilterOptions {
            replicate_do_table: vec!["rows.t".to_owned()],
            ..options.clone()
        };
        let told = |error: &dyn std::error::Error| {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            text
        };
        let rules = Rules::compile(&options, family, 0).map_err(|error| told(&error))?;
        let checkpoint = Checkpoint::new(
            Coordinates::new("binlog.000002", FIRST_POSITION),
            GtidSet::empty(family),
            None,
            1,
            0,
        );
        let mut assembler =
            Assembler::new(settings(rules, family), checkpoint, Definitions::default());
        assembler.feed(self.buffer.clone(), self.events.clone(), 0, false);
        let mut encoder = LinesEncoder::new(Format::Json, InvalidText::Fail);
        let (mut block, mut lines, mut ledger) = (Lines::default(), Vec::new(), Ledger::default());
        let mut is_over = false;
        while !is_over {
            let batch = match assembler.poll().map_err(|error| told(&error))? {
                Step::Batch(batch) => batch,
                Step::NeedEvent => {
                    is_over = true;
                    match assembler.flush() {
                        Some(batch) => Box::new(batch),
                        None => break,
                    }
                }
                other => panic!("{other:?}"),
            };
            ledger += batch.ledger;
            let plans = batch
                .tables
                .iter()
                .map(|table| Arc::new(Plan::of_lines(Format::Json, Arc::clone(table))));
            let plans: Vec<_> = plans.collect();
            encoder
                .encode(&batch, &plans, &mut block)
                .map_err(|error| told(&error))?;
            let text = std::str::from_utf8(&block.bytes).unwrap();
            let changes = text.lines().filter(|line| line.contains("\"op\":\""));
            lines.extend(changes.map(str::to_owned));
        }
        Ok((lines, ledger))
    }
}

/// Where a line's group begins, what was done, and the id of its row; read without the rest, of which there is much.
fn place(line: &str) -> (u64, char, u32) {
    fn after<'a>(line: &'a str, word: &str) -> &'a str {
        line.split_once(word)
            .unwrap_or_else(|| panic!("no {word} in {line}"))
            .1
    }
    let number = |text: &str| -> u64 {
        let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap();
        text[..end].parse().unwrap()
    };
    let position = number(after(line, "\"pos\":"));
    let op = after(line, "\"op\":\"").chars().next().unwrap();
    // The first image that is there; no update changes the id.
    let id = number(after(line, "{\"id\":"));
    (position, op, u32::try_from(id).unwrap())
}

fn settings(rules: Rules, flavour: rowtap::mysql::Flavour) -> AssemblerSettings {
    AssemblerSettings {
        origin: Arc::new(Origin {
            connector: "rows".into(),
            flavour,
            server_uuid: None,
            server_id: 1,
        }),
        server_id: 2,
        rules,
        left_out: LeftOut::Nothing,
        on_statement: OnStatement::Fail,
        xa_missing: XaMissing::Fail,
        until: Until::Never,
        delays: false,
        batch_bytes_max: 1 << 18,
        keeps_queries: false,
        keeps_emptied: false,
        hold_bytes_max: usize::MAX,
        event_bytes_max: 1 << 25,
        idle_bytes_max: 1 << 26,
    }
}
