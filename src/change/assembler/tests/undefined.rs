//! Streams that go on without definitions, in made-up events.

use super::*;
use crate::change::Notice;
use crate::filter::UnknownOptions;

/// A row of `d.t` whose names are not in the binlog, a statement, and another such row.
fn written(statement: &str) -> Writer {
    let mut writer = Writer::new();
    for (number, value) in [(1, 7), (3, 8)] {
        writer.gtid(number);
        writer.query("BEGIN");
        writer.table_map(1, "d", "t", false);
        writer.insert(1, &[value]);
        writer.xid();
        if number == 1 {
            writer.gtid(2);
            writer.query(statement);
        }
    }
    writer
}

fn going_without(keys: &str) -> Assembler {
    let options: UnknownOptions = toml::from_str(keys).unwrap();
    let settings = settings("{}", usize::MAX);
    let rules = settings.rules.on_unknown(&options);
    made_of(settings, &[]).going_without(rules)
}

fn undefined(outcome: &super::Outcome) -> Vec<String> {
    let end = outcome.end.as_ref().unwrap();
    let tables = end.undefined.iter();
    tables
        .map(|(table, how)| format!("{table} {} {}", how.policy.as_str(), how.since))
        .collect()
}

#[test]
fn rows_go_out_by_number_or_not_at_all_and_are_counted() {
    let writer = written("CREATE TABLE u (id INT)");
    let found = run_cutting(
        going_without("definitions_unknown = 'names'"),
        &writer,
        usize::MAX,
    );
    let found = found.unwrap();
    assert_eq!(found.rows, [("d.t".to_owned(), 7), ("d.t".to_owned(), 8)]);
    assert_eq!((found.ledger.numbered, found.ledger.undefined), (2, 0));
    let since = undefined(&found);
    assert!(since[0].starts_with("d.t names b.000001:"), "{since:?}");

    let found = run_cutting(
        going_without("definitions_unknown_skip = 'd.t'"),
        &writer,
        usize::MAX,
    );
    let found = found.unwrap();
    assert_eq!(found.rows, []);
    assert_eq!(found.statements, ["CREATE TABLE u (id INT)"]);
    assert_eq!((found.ledger.numbered, found.ledger.undefined), (0, 2));
    assert_eq!(found.ledger.skipped, 2);

    for stopping in [
        "",
        "definitions_unknown = 'names'\ndefinitions_unknown_stop = 'd.%'",
    ] {
        let stopped = run_cutting(going_without(stopping), &writer, usize::MAX);
        let trouble = *stopped.unwrap_err().trouble;
        assert!(
            matches!(trouble, Trouble::NoDefinition { .. }),
            "{trouble:?}"
        );
    }
}

#[test]
fn names_come_back_with_the_statement_that_tells_them() {
    for statement in [
        "CREATE OR REPLACE TABLE t (id INT NOT NULL)",
        "DROP TABLE T",
        "DROP DATABASE d",
    ] {
        let mut writer = written(statement);
        if statement.starts_with("DROP") {
            writer = Writer::new();
            writer.gtid(1);
            writer.query("BEGIN");
            writer.table_map(1, "d", "t", false);
            writer.insert(1, &[7]);
            writer.xid();
            writer.gtid(2);
            writer.query(statement);
        }
        let assembler = going_without("definitions_unknown_skip = 'd.%'");
        let found = run_cutting(assembler, &writer, usize::MAX).unwrap();
        let expected = match statement.starts_with("DROP") {
            true => vec![],
            false => vec![("d.t".to_owned(), 8)],
        };
        assert_eq!(found.rows, expected, "{statement}");
        assert_eq!(undefined(&found), Vec::<String>::new(), "{statement}");
    }
}

#[test]
fn whoever_runs_the_stream_is_told_once() {
    let writer = written("CREATE TABLE u (id INT)");
    let mut assembler = going_without("definitions_unknown = 'skip'");
    let bytes = Bytes::copy_from_slice(&writer.bytes);
    assembler.feed(bytes, writer.events.clone(), 0, true);
    let mut told = Vec::new();
    loop {
        let step = assembler.poll().unwrap();
        told.extend(assembler.take_notices());
        match step {
            Step::NeedDefinition { table, .. } => assembler.hide(table),
            Step::NeedEvent => break,
            _batch => {}
        }
    }
    let [Notice::Undefined { table, why, .. }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(table.to_string(), "d.t");
    assert!(
        why.contains("no statement of the binlog defined it"),
        "{why}"
    );
    assert!(why.contains("GRANT SELECT"), "{why}");
}
