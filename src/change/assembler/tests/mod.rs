//! The assembler over made-up events: what is delivered, what is not, and that every event is accounted for.

mod delayed;
mod followed;
mod hidden;
mod kept;
mod kinds;
mod large;
mod packed;
mod passed;
mod statements;
mod told;
mod undefined;
mod xa;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::writer::Writer;
use super::*;
use crate::binlog::GtidSet;
use crate::change::definition::Change;
use crate::change::statement::StatementError;
use crate::change::{
    ColumnDefinition, Item, Ledger, Lineage, Point, PreparedGroup, Revision, Spilled,
    TableDefinition, TableMapError, Trouble, Untold,
};
use crate::filter::{FilterOptions, Rules};
use crate::mysql::{Flavour, Portion};
use crate::row::TableName;

const END_OF_TIME: u64 = u64::MAX;

fn assembler(rules: &str, hold_bytes_max: usize, engines: &[(&str, bool)]) -> Assembler {
    made_of(settings(rules, hold_bytes_max), engines)
}

fn settings(rules: &str, hold_bytes_max: usize) -> AssemblerSettings {
    let options: FilterOptions = serde_json::from_str(rules).unwrap();
    let origin = Origin {
        connector: "c".into(),
        flavour: Flavour::MySql,
        server_uuid: None,
        server_id: 1,
    };
    AssemblerSettings {
        origin: Arc::new(origin),
        server_id: 99,
        rules: Rules::compile(&options, Flavour::MySql, 0).unwrap(),
        left_out: LeftOut::Nothing,
        on_statement: OnStatement::Fail,
        xa_missing: XaMissing::Fail,
        until: Until::Never,
        delays: false,
        batch_bytes_max: 64,
        keeps_queries: true,
        keeps_emptied: false,
        hold_bytes_max,
        event_bytes_max: 2000,
        idle_bytes_max: END_OF_TIME,
    }
}

fn made_of(settings: AssemblerSettings, engines: &[(&str, bool)]) -> Assembler {
    let definitions = engines.iter().map(|(table, transactional)| {
        let at = point(4);
        let table_definition = TableDefinition {
            columns: vec![ColumnDefinition {
                name: "id".into(),
                column_type: "int".into(),
                ..ColumnDefinition::default()
            }],
            transactional: Some(*transactional),
            ..TableDefinition::default()
        };
        let definition = Definition {
            table: Arc::new(table_definition),
            read_from: at.clone(),
            read_to: at,
            is_sequence: false,
        };
        (TableName::new("d", *table), definition)
    });
    defined(settings, Definitions::new(definitions))
}

fn defined(settings: AssemblerSettings, definitions: Definitions) -> Assembler {
    let checkpoint = Checkpoint::new(
        Coordinates::new("b.000001", 4),
        GtidSet::empty(Flavour::MySql),
        None,
        1,
        0,
    );
    Assembler::new(settings, checkpoint, definitions)
}

/// A point in the binlogs of the stream.
fn point(position: u64) -> Point {
    let lineage = Lineage {
        server_id: 1,
        ..Lineage::default()
    };
    Point::new(&Arc::new(lineage), Coordinates::new("b.000001", position))
}

/// What came out: the values of `id` per table, and the end.
#[derive(Debug, Default)]
struct Outcome {
    rows: Vec<(String, i32)>,
    statements: Vec<String>,
    ledger: Ledger,
    batches: usize,
    /// Batches that end inside a group.
    pieces: usize,
    spills: usize,
    end: Option<Checkpoint>,
}

impl Outcome {
    fn take(&mut self, batch: &Batch) {
        self.batches += 1;
        self.pieces += usize::from(batch.end.is_none());
        self.ledger += batch.ledger;
        self.end = batch.end.clone().or(self.end.take());
        for item in &batch.items {
            match item {
                Item::Rows(rows) => {
                    let buffer = &batch.buffers[rows.buffer as usize];
                    let body = &rows.images.body;
                    let body = &buffer[body.start as usize..body.end as usize];
                    let table = batch.tables[rows.table as usize].name.to_string();
                    for row in body.chunks(5) {
                        self.rows.push((
                            table.clone(),
                            i32::from_le_bytes(row[1..].try_into().unwrap()),
                        ));
                    }
                }
                Item::Ddl(ddl) => self.statements.push(ddl.statement.to_string()),
                Item::Edge(_) => panic!("no snapshot"),
            }
        }
    }
}

fn run(assembler: Assembler, writer: Writer) -> Result<Outcome, AssembleError> {
    run_cutting(assembler, &writer, usize::MAX)
}

/// Runs with events of more than `whole_bytes_max` bytes arriving in pieces of 700, and leaving the spill file in pieces of
/// 500.
fn run_cutting(
    assembler: Assembler,
    writer: &Writer,
    whole_bytes_max: usize,
) -> Result<Outcome, AssembleError> {
    run_with(assembler, writer, whole_bytes_max, |_| {})
}

/// Runs and shows each batch.
fn run_watching(
    assembler: Assembler,
    writer: &Writer,
    watch: impl FnMut(&Batch),
) -> Result<Outcome, AssembleError> {
    run_with(assembler, writer, usize::MAX, watch)
}

fn run_with(
    mut assembler: Assembler,
    writer: &Writer,
    whole_bytes_max: usize,
    mut watch: impl FnMut(&Batch),
) -> Result<Outcome, AssembleError> {
    let bytes = Bytes::copy_from_slice(&writer.bytes);
    let mut outcome = Outcome::default();
    let (mut all_spilled, mut spilled) = (SpilledEvents::new(), SpilledEvents::new());
    let mut missing: Vec<u8> = Vec::new();
    let mut prepared = BTreeMap::new();
    let mut preparing = VecDeque::new();
    let mut fed = arrivals(writer, whole_bytes_max);
    loop {
        match assembler.poll()? {
            Step::NeedEvent => match fed.pop_front() {
                Some((events, part)) => {
                    assembler.feed_part(bytes.clone(), events, part, 0, fed.is_empty());
                }
                None => break,
            },
            Step::NeedDefinition { table, .. } => assembler.define(table, None),
            Step::NeedEngine { table, .. } => assembler.define_engine(table, None),
            Step::Batch(batch) => {
                watch(&batch);
                outcome.take(&batch);
            }
            Step::Spill(more) => {
                outcome.spills += 1;
                keep(&mut all_spilled, more);
                spilled = all_spilled.clone();
            }
            Step::NeedSpilled if !missing.is_empty() => {
                let piece: Vec<u8> = missing.drain(..missing.len().min(500)).collect();
                assembler.feed_spilled(&piece.into(), &[])?;
            }
            Step::NeedSpilled => {
                let (buffer, events) = give_back(&mut spilled, &mut missing, whole_bytes_max);
                assembler.feed_spilled(&buffer.into(), &events)?;
            }
            Step::Prepare(kept) => {
                preparing = match kept.after_spilled {
                    true => all_spilled.clone(),
                    false => VecDeque::new(),
                };
                let events = kept.events.iter();
                preparing
                    .extend(events.map(|(start, event)| (*start, event.len(), event.to_vec())));
            }
            Step::Prepared { id, group } => {
                let json = serde_json::to_string(&*group).unwrap();
                assert_eq!(
                    serde_json::from_str::<PreparedGroup>(&json).unwrap(),
                    *group
                );
                prepared.insert(id, std::mem::take(&mut preparing));
            }
            Step::NeedPrepared { id } => spilled = prepared[&id].clone(),
            Step::Decided { id, .. } => drop(prepared.remove(&id).unwrap()),
            Step::Due { .. } => assembler.go_on(),
            Step::Reached => break,
        }
    }
    let last = assembler.finish();
    watch(&last);
    outcome.take(&last);
    assert_eq!(outcome.ledger.imbalance(), 0, "{}", outcome.ledger);
    Ok(outcome)
}

/// Events with their positions and lengths; the last may have come in part.
type SpilledEvents = VecDeque<(u64, usize, Vec<u8>)>;

fn keep(spilled: &mut SpilledEvents, more: Spilled) {
    if more.first {
        spilled.clear();
    }
    let whole = more.events.iter();
    spilled.extend(whole.map(|(start, event)| (*start, event.len(), event.to_vec())));
    if let Some(part) = more.part {
        if let Some((start, size)) = part.begin {
            spilled.push_back((start, size as usize, Vec::new()));
        }
        spilled.back_mut().unwrap().2.extend(part.bytes);
    }
}

/// Events come back together; one that is large ends them, and what is `missing` of it comes later.
fn give_back(
    spilled: &mut SpilledEvents,
    missing: &mut Vec<u8>,
    whole_bytes_max: usize,
) -> (Vec<u8>, Vec<(u64, Range<u32>)>) {
    let (mut buffer, mut events) = (Vec::new(), Vec::new());
    while events.len() < 4 && missing.is_empty() {
        let Some((start, size, mut event)) = spilled.pop_front() else {
            break;
        };
        assert_eq!(event.len(), size);
        if size > whole_bytes_max {
            *missing = event.split_off(500);
        }
        let begin = u32::try_from(buffer.len()).unwrap();
        buffer.append(&mut event);
        events.push((start, begin..u32::try_from(buffer.len()).unwrap()));
    }
    (buffer, events)
}

/// The events as they arrive: large ones in pieces.
fn arrivals(writer: &Writer, whole_bytes_max: usize) -> VecDeque<(Vec<Range<u32>>, Portion)> {
    let mut arrivals: VecDeque<(Vec<Range<u32>>, Portion)> = VecDeque::new();
    for event in &writer.events {
        if event.len() <= whole_bytes_max {
            match arrivals.back_mut() {
                Some((events, Portion::Whole)) => events.push(event.clone()),
                _none_or_pieces => arrivals.push_back((vec![event.clone()], Portion::Whole)),
            }
            continue;
        }
        for start in event.clone().step_by(700) {
            let end = event.end.min(start + 700);
            let part = match start == event.start {
                true => Portion::First,
                false => Portion::Next {
                    is_last: end == event.end,
                },
            };
            arrivals.push_back((std::iter::once(start..end).collect(), part));
        }
    }
    arrivals
}

fn values(outcome: &Outcome) -> Vec<i32> {
    outcome.rows.iter().map(|(_, value)| *value).collect()
}

#[test]
fn a_transaction_is_delivered_whole_and_moves_the_checkpoint() {
    let mut writer = Writer::new();
    writer.transaction(1, &[1, 2, 3]);
    writer.transaction(2, &[4]);
    let end = 4 + writer.bytes.len() as u64;
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(values(&outcome), [1, 2, 3, 4]);
    let checkpoint = outcome.end.unwrap();
    assert_eq!(checkpoint.coordinates.position, end);
    assert_eq!(
        checkpoint.gtid_set.to_string(),
        "07070707-0707-0707-0707-070707070707:1-2"
    );
}

#[test]
fn a_group_without_its_end_is_held() {
    let mut writer = Writer::new();
    writer.transaction(1, &[1]);
    writer.gtid(2);
    writer.query("BEGIN");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[2]);
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(values(&outcome), [1]);
    assert_eq!(outcome.ledger.held, 4);
}

#[test]
fn a_spilled_group_is_delivered_in_order_and_in_pieces() {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    let expected: Vec<i32> = (0..300).collect();
    for values in expected.chunks(10) {
        writer.table_map(1, "d", "t", true);
        writer.insert(1, values);
    }
    writer.xid();
    let outcome = run(assembler("{}", 500, &[]), writer).unwrap();
    assert_eq!(values(&outcome), expected);
    assert!(
        outcome.spills > 3 && outcome.batches > 3,
        "{} spills, {} batches",
        outcome.spills,
        outcome.batches
    );
}

#[test]
fn a_batch_that_rows_fill_ends_with_their_group() {
    for (events, values) in [(1, 5), (3, 5), (1, 13), (12, 1), (1, 40), (5, 5)] {
        let mut writer = Writer::new();
        for number in 1..=20 {
            writer.gtid(number);
            writer.query("BEGIN");
            for _ in 0..events {
                writer.table_map(1, "d", "t", true);
                writer.insert(1, &vec![7; values]);
            }
            writer.xid();
        }
        let outcome = run(assembler("{}", 100_000, &[]), writer).unwrap();
        assert_eq!(outcome.rows.len(), 20 * events * values);
        assert!(outcome.batches > 4, "{} batches", outcome.batches);
        // A row has five bytes and a batch 64. Only a group that has filled one by itself is split, before its next event.
        let is_split = (events - 1) * values * 5 >= 64;
        assert_eq!(outcome.pieces > 0, is_split, "{events} {values}");
    }
}

#[test]
fn a_rollback_undoes_transactional_tables_and_no_others() {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    for (id, table) in [(1, "t"), (2, "m")] {
        writer.table_map(id, "d", table, true);
        writer.insert(id, &[i32::from(id)]);
    }
    writer.query("ROLLBACK");
    let outcome = run(
        assembler("{}", usize::MAX, &[("t", true), ("m", false)]),
        writer,
    )
    .unwrap();
    assert_eq!(outcome.rows, [("d.m".to_owned(), 2)]);
    assert_eq!(outcome.ledger.rolled_back, 1);
}

#[test]
fn a_rollback_asks_for_no_engine_where_the_source_says_that_all_can_be_rolled_back() {
    for (flags, rolled_back) in [(4, Some(1)), (0, None)] {
        let mut writer = Writer::new();
        writer.mariadb_gtid(1, flags);
        writer.table_map(1, "d", "t", true);
        writer.insert(1, &[1]);
        writer.abandon();
        let outcome = run(assembler("{}", usize::MAX, &[]), writer).ok();
        let found = outcome.map(|outcome| outcome.ledger.rolled_back);
        assert_eq!(found, rolled_back, "flags {flags}");
    }
}

#[test]
fn rollback_to_undoes_what_stands_behind_the_savepoint() {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[1]);
    writer.query("SAVEPOINT `s`");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[2]);
    writer.query("ROLLBACK TO `s`");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[3]);
    writer.xid();
    let outcome = run(assembler("{}", usize::MAX, &[("t", true)]), writer).unwrap();
    assert_eq!(values(&outcome), [1, 3]);
}

/// A row of `d.t`, in a group that the server ended or did not live to end.
fn rolled_back(is_ended: bool) -> Writer {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[1]);
    match is_ended {
        true => writer.query("ROLLBACK"),
        false => writer.abandon(),
    }
    writer.transaction(2, &[2]);
    writer
}

#[test]
fn rows_in_a_group_that_is_rolled_back_are_undone_whatever_their_engine() {
    let outcome = run(assembler("{}", usize::MAX, &[]), rolled_back(true)).unwrap();
    assert_eq!(values(&outcome), [2]);
    assert_eq!(outcome.ledger.rolled_back, 1);
}

#[test]
fn rows_of_an_unknown_engine_stop_where_the_server_died_while_writing_them() {
    let error = run(assembler("{}", usize::MAX, &[]), rolled_back(false)).unwrap_err();
    let [lacking] = &*error.trouble.lacking() else {
        panic!("{error:?}");
    };
    assert_eq!(
        (lacking.table.to_string(), &lacking.untold),
        ("d.t".to_owned(), &Untold::Engine)
    );
    let told = |change| {
        let revision = Revision {
            at: Point {
                coordinates: lacking.end.clone(),
                ..point(4)
            },
            gtid: None,
            statement: None,
            changes: vec![change],
        };
        let definitions = Definitions::default().believing(Schemas::default(), vec![revision]);
        run(
            defined(settings("{}", usize::MAX), definitions),
            rolled_back(false),
        )
        .unwrap()
    };
    for transactional in [true, false] {
        let outcome = told(Change::Engine {
            table: TableName::new("d", "T"),
            transactional,
        });
        let expected: &[i32] = if transactional { &[2] } else { &[1, 2] };
        assert_eq!(values(&outcome), expected);
    }
    // Where they may be left out, the others go on.
    let settings = settings("{}", usize::MAX);
    let options = toml::from_str("definitions_unknown_skip = 'd.t'").unwrap();
    let rules = settings.rules.on_unknown(&options);
    let skipping = made_of(settings, &[]).going_without(rules);
    let outcome = run(skipping, rolled_back(false)).unwrap();
    assert_eq!(values(&outcome), [2]);
    assert_eq!((outcome.ledger.skipped, outcome.ledger.undefined), (1, 1));
}

#[test]
fn a_filtered_group_moves_the_checkpoint() {
    let mut writer = Writer::new();
    writer.transaction(1, &[1]);
    let end = 4 + writer.bytes.len() as u64;
    let outcome = run(
        assembler(r#"{"replicate-ignore-db": ["d"]}"#, usize::MAX, &[]),
        writer,
    )
    .unwrap();
    assert_eq!(values(&outcome), [] as [i32; 0]);
    assert_eq!(outcome.ledger.filtered, 1);
    assert_eq!(outcome.end.unwrap().coordinates.position, end);
}

#[test]
fn what_the_connectors_own_server_id_wrote_is_left_out() {
    let mut writer = Writer::new();
    writer.server_id = 99;
    writer.transaction(1, &[1]);
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(outcome.ledger.filtered, 1);
    assert_eq!(values(&outcome), [] as [i32; 0]);
}

#[test]
fn a_table_map_without_names_stops_where_no_definition_serves() {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.table_map(1, "d", "t", false);
    writer.insert(1, &[1]);
    writer.xid();
    let error = run(assembler("{}", usize::MAX, &[]), writer).unwrap_err();
    assert!(
        matches!(*error.trouble, Trouble::NoDefinition { .. }),
        "{error:?}"
    );
}

#[test]
fn ddl_is_delivered_and_a_change_logged_as_a_statement_stops() {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("CREATE TABLE t (id INT PRIMARY KEY)");
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(outcome.statements, ["CREATE TABLE t (id INT PRIMARY KEY)"]);

    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.query("UPDATE t SET id = 2");
    writer.xid();
    let error = run(assembler("{}", usize::MAX, &[]), writer).unwrap_err();
    assert!(
        matches!(
            *error.trouble,
            Trouble::Statement(StatementError::LoggedAsStatement { .. })
        ),
        "{error:?}"
    );
}

#[test]
fn a_rows_event_without_its_table_map_stops() {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    writer.insert(1, &[1]);
    writer.xid();
    let error = run(assembler("{}", usize::MAX, &[]), writer).unwrap_err();
    assert!(
        matches!(*error.trouble, Trouble::NoTableMap { table_id: 1 }),
        "{error:?}"
    );
}

#[test]
fn no_damage_to_an_event_makes_it_panic() {
    let mut writer = Writer::new();
    writer.transaction(1, &[1, 2]);
    for at in 0..writer.bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = writer.bytes.clone();
            damaged[at] = value;
            let events = writer.events.clone();
            let copy = Writer {
                bytes: damaged,
                events,
                ..Writer::new()
            };
            // Whatever comes of it, an error or other rows, it comes without a panic.
            drop(run(assembler("{}", usize::MAX, &[]), copy));
        }
    }
}
