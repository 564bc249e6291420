//! XA transactions: nothing of one goes on before it is committed, and then in the place of the commit.

use super::*;
use crate::binlog::{EventKind, XaId};
use crate::change::{Trouble, Undecided};

impl Writer {
    /// Prepares an XA transaction that inserts `values` into `d.t` as the table with this number.
    fn prepares(&mut self, number: u64, id: u8, table: (u8, bool), values: &[i32]) {
        self.gtid(number);
        self.query(&format!("XA START X'{id:02x}',X'',1"));
        self.table_map(table.0, "d", "t", table.1);
        self.insert(table.0, values);
        self.query(&format!("XA END X'{id:02x}',X'',1"));
        self.xa_prepare(id, false);
    }

    fn xa_prepare(&mut self, id: u8, one_phase: bool) {
        let mut body = vec![u8::from(one_phase), 1, 0, 0, 0];
        body.extend([1, 0, 0, 0, 0, 0, 0, 0, id]);
        self.event(EventKind::XaPrepare, &body);
    }

    fn decides(&mut self, number: u64, what: &str, id: u8) {
        self.gtid(number);
        self.query(&format!("XA {what} X'{id:02x}',X'',1"));
    }
}

fn xa_id(id: u8) -> XaId {
    XaId {
        format: 1,
        global: [id].into(),
        branch: Box::default(),
    }
}

#[test]
fn a_prepared_transaction_goes_on_in_the_place_of_its_commit() {
    let mut writer = Writer::new();
    writer.prepares(1, 7, (1, true), &[1, 2]);
    writer.transaction(2, &[3]);
    writer.prepares(3, 8, (1, true), &[4]);
    writer.decides(4, "COMMIT", 8);
    writer.transaction(5, &[5]);
    writer.decides(6, "COMMIT", 7);
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(values(&outcome), [3, 4, 5, 1, 2]);
    let end = outcome.end.unwrap();
    assert!(end.undecided.is_empty());
    assert!(end.gtid_set.to_string().ends_with(":1-6"));
    assert_eq!(outcome.ledger.held, 0);
    assert_eq!(outcome.ledger.emitted, 4);
}

#[test]
fn a_transaction_that_is_rolled_back_leaves_no_trace_but_its_count() {
    let mut writer = Writer::new();
    writer.prepares(1, 7, (1, true), &[1, 2]);
    writer.decides(2, "ROLLBACK", 7);
    writer.prepares(3, 7, (1, true), &[3]);
    writer.decides(4, "COMMIT", 7);
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(values(&outcome), [3]);
    assert_eq!(outcome.ledger.rolled_back, 1);
    assert_eq!(outcome.ledger.received, outcome.ledger.control + 2);
}

#[test]
fn a_spilled_transaction_comes_back_whole() {
    for whole_bytes_max in [usize::MAX, 1500] {
        let mut writer = Writer::checked();
        let all: Vec<i32> = (0..1000).collect();
        writer.prepares(1, 7, (1, true), &all);
        writer.transaction(2, &[-1]);
        writer.decides(3, "COMMIT", 7);
        let assembler = assembler("{}", 100, &[]);
        let outcome = run_cutting(assembler, &writer, whole_bytes_max).unwrap();
        assert!(outcome.spills > 0);
        let expected: Vec<i32> = std::iter::once(-1).chain(all).collect();
        assert_eq!(values(&outcome), expected);
        assert_eq!(
            outcome.end.unwrap().coordinates.position,
            u64::from(writer.position)
        );
    }
}

#[test]
fn what_rollback_to_undid_stays_undone() {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("XA START X'07',X'',1");
    writer.query("SAVEPOINT `s`");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[1]);
    writer.query("ROLLBACK TO `s`");
    writer.table_map(1, "d", "t", true);
    writer.insert(1, &[2]);
    writer.query("XA END X'07',X'',1");
    writer.xa_prepare(7, false);
    writer.decides(2, "COMMIT", 7);
    let outcome = run(assembler("{}", usize::MAX, &[("t", true)]), writer).unwrap();
    assert_eq!(values(&outcome), [2]);
    assert_eq!(outcome.ledger.rolled_back, 1);
}

#[test]
fn the_definitions_are_those_of_the_place_where_it_was_prepared() {
    let mut writer = Writer::new();
    writer.prepares(1, 7, (1, false), &[1]);
    writer.gtid(2);
    writer.query("ALTER TABLE d.t RENAME COLUMN id TO other, ADD COLUMN more TEXT");
    writer.decides(3, "COMMIT", 7);
    let assembler = assembler("{}", usize::MAX, &[("t", true)]);
    let mut names = Vec::new();
    let outcome = run_watching(assembler, &writer, |batch| {
        let columns = batch.tables.iter().flat_map(|table| &table.columns);
        names.extend(columns.map(|column| column.name.to_string()));
    });
    assert_eq!(values(&outcome.unwrap()), [1]);
    assert_eq!(names, ["id"]);
}

#[test]
fn an_undecided_transaction_is_in_the_checkpoint_and_held_in_the_ledger() {
    let mut writer = Writer::new();
    writer.transaction(1, &[1]);
    let begin = u64::from(writer.position);
    writer.prepares(2, 7, (1, true), &[2]);
    writer.transaction(3, &[3]);
    let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
    assert_eq!(values(&outcome), [1, 3]);
    assert_eq!(outcome.ledger.held, 6);
    let undecided: Vec<_> = outcome
        .end
        .unwrap()
        .undecided
        .iter()
        .map(|(id, at)| (id.clone(), at.clone()))
        .collect();
    assert_eq!(undecided, [(xa_id(7), Coordinates::new("b.000001", begin))]);
}

#[test]
fn a_transaction_of_an_earlier_run_is_committed() {
    let mut first = Writer::new();
    first.prepares(1, 7, (1, true), &[1, 2]);
    let mut assembler_of_first = assembler("{}", usize::MAX, &[]);
    assembler_of_first.feed(
        Bytes::copy_from_slice(&first.bytes),
        first.events.clone(),
        0,
        true,
    );
    let mut kept = Vec::new();
    loop {
        match assembler_of_first.poll().unwrap() {
            Step::NeedEvent => break,
            Step::Prepare(events) => kept = events.events,
            Step::Prepared { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let undecided: Undecided = assembler_of_first.take_undecided();
    assert_eq!(assembler_of_first.finish().ledger.held, 0);

    let mut second = Writer::new();
    second.decides(2, "COMMIT", 7);
    let mut resumed = assembler("{}", usize::MAX, &[]).holding(undecided);
    resumed.feed(
        Bytes::copy_from_slice(&second.bytes),
        second.events.clone(),
        0,
        true,
    );
    let mut outcome = Outcome::default();
    loop {
        match resumed.poll().unwrap() {
            Step::NeedEvent => break,
            Step::NeedPrepared { id } => assert_eq!(id, xa_id(7)),
            Step::NeedSpilled => {
                let (start, event) = kept.remove(0);
                let end = u32::try_from(event.len()).unwrap();
                resumed.feed_spilled(&event, &[(start, 0..end)]).unwrap();
            }
            Step::Batch(batch) => outcome.take(&batch),
            Step::Decided { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    outcome.take(&resumed.finish());
    assert_eq!(values(&outcome), [1, 2]);
    assert_eq!(outcome.ledger.imbalance(), 0);
}

#[test]
fn a_commit_of_what_was_never_prepared_stops_or_is_counted() {
    let mut writer = Writer::new();
    writer.decides(1, "ROLLBACK", 6);
    writer.decides(2, "COMMIT", 7);
    let stopped = run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    assert!(matches!(*stopped.trouble, Trouble::XaUnseen { ref id, .. } if *id == xa_id(7)));
    let lenient = AssemblerSettings {
        xa_missing: XaMissing::Warn,
        ..settings("{}", usize::MAX)
    };
    let outcome = run(made_of(lenient, &[]), writer).unwrap();
    assert_eq!(outcome.ledger.xa_missing, 1);
    assert!(outcome.rows.is_empty());
}

#[test]
fn a_second_commit_stops_with_its_id_or_is_counted() {
    let mut writer = Writer::new();
    writer.prepares(1, 7, (1, true), &[1]);
    writer.decides(2, "COMMIT", 7);
    writer.decides(3, "COMMIT", 7);
    writer.transaction(4, &[2]);
    let stopped = run(assembler("{}", usize::MAX, &[]), writer.again()).unwrap_err();
    assert!(matches!(*stopped.trouble, Trouble::XaUnseen { ref id, .. } if *id == xa_id(7)));
    let lenient = AssemblerSettings {
        xa_missing: XaMissing::Warn,
        ..settings("{}", usize::MAX)
    };
    let outcome = run(made_of(lenient, &[]), writer).unwrap();
    assert_eq!(values(&outcome), [1, 2]);
    assert_eq!(outcome.ledger.xa_missing, 1);
}

#[test]
fn an_id_that_is_prepared_twice_stops() {
    let mut writer = Writer::new();
    writer.prepares(1, 7, (1, true), &[1]);
    writer.prepares(2, 7, (1, true), &[2]);
    let stopped = run(assembler("{}", usize::MAX, &[]), writer).unwrap_err();
    assert!(matches!(*stopped.trouble, Trouble::XaTwice { .. }));
}

#[test]
fn a_filtered_transaction_counts_as_filtered_whichever_way_it_goes() {
    for what in ["COMMIT", "ROLLBACK"] {
        let mut writer = Writer::new();
        writer.prepares(1, 7, (1, true), &[1]);
        writer.decides(2, what, 7);
        let rules = r#"{"replicate-ignore-table": ["d.t"]}"#;
        let outcome = run(assembler(rules, usize::MAX, &[]), writer).unwrap();
        assert_eq!(
            (outcome.ledger.filtered, outcome.rows.len()),
            (1, 0),
            "{what}"
        );
    }
}
