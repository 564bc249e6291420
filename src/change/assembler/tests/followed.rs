//! Statements on definitions that are cut or large, in made-up events: what is read after them is right, or stops the
//! stream.

use super::*;
use crate::binlog::Framer;
use crate::change::definition::schemas::{Belief, Schemas};
use crate::change::history::{Sieve, SievedEvent};
use crate::change::{Follower, Lacking, Placer};

/// A table of one column whose binlog tells no names, a statement on it, and a row.
fn written(statement: &str) -> Writer {
    let mut writer = Writer::new();
    for statement in ["CREATE TABLE t (id INT NOT NULL)", statement] {
        writer.gtid(1);
        writer.query(statement);
    }
    writer.gtid(3);
    writer.query("BEGIN");
    writer.table_map(1, "d", "t", false);
    writer.insert(1, &[7]);
    writer.xid();
    writer
}

fn read(statement: &str) -> Result<super::Outcome, AssembleError> {
    let assembler = assembler("{}", usize::MAX, &[]);
    run_cutting(assembler, &written(statement), 2000)
}

#[test]
fn a_statement_that_ends_inside_a_token_stops_the_stream_before_its_tables_rows() {
    for statement in [
        "ALTER TABLE t CHANGE id `b",
        "ALTER TABLE t CHANGE id b INT NOT NULL COMMENT 'x",
        "ALTER TABLE t CHANGE id b INT NOT NULL /* x",
        "ALTER TABLE t CHANGE id b INT NOT NULL /*!50503 COMMENT",
        "ALTER TABLE t CHANGE id b DECIMAL(5",
        "RENAME TABLE u TO v, x TO `",
        "DROP TABLE `",
    ] {
        let error = read(statement).expect_err(statement);
        assert!(
            matches!(
                *error.trouble,
                Trouble::NoDefinition { .. } | Trouble::Statement(StatementError::Unknown { .. })
            ),
            "{statement}: {error:?}"
        );
    }
}

#[test]
fn a_large_statement_is_followed_where_the_stream_passes_it() {
    let long = "x".repeat(5000);
    let found = read(&format!(
        "ALTER TABLE t /* {long} */ CHANGE id b INT NOT NULL"
    ))
    .unwrap();
    assert_eq!(found.rows, [("d.t".to_owned(), 7)]);
    let error = read(&format!("ALTER TABLE t /* {long} */ ADD b INT")).expect_err("two columns");
    assert!(matches!(
        *error.trouble,
        Trouble::NoDefinition { .. } | Trouble::Disagreement { .. }
    ));
}

/// What is known of `d.t` after all events, and what will be missing; events of more than 2000 bytes are not whole.
fn follow(writer: &Writer) -> (Option<Belief>, Vec<Lacking>) {
    let rules = Rules::compile(&FilterOptions::default(), Flavour::MySql, 0).unwrap();
    let mut follower = Follower::new(Schemas::new(0), rules);
    let mut framer = Framer::new(Coordinates::new("b.000001", 4));
    let other = TableName::new("d", "other");
    follower.watch(&other, &Coordinates::new("b.000001", 4));
    let (mut sieve, mut placer) = (Sieve::default().noting_tables(), Placer::default());
    for range in &writer.events {
        let event = &writer.bytes[range.start as usize..range.end as usize];
        let file = framer.next().file.clone();
        let frame = framer.frame(event).unwrap();
        let body = (event.len() <= 2000).then(|| &event[frame.body.clone()]);
        let format = framer.format();
        placer.place(&frame, body, format, &mut Vec::new()).unwrap();
        sieve.take(&SievedEvent {
            file: &file,
            frame: &frame,
            body,
            format,
            is_between: placer.is_between_groups(),
        });
    }
    for stretch in sieve.hand_out() {
        follower.take(&stretch, stretch.from, stretch.to);
    }
    let state = follower.believed().get(&TableName::new("d", "t")).cloned();
    (state, follower.lacking())
}

#[test]
fn a_follower_knows_what_small_statements_made_and_doubts_all_behind_a_large_one() {
    let (known, lacking) = follow(&written("ALTER TABLE t CHANGE id b INT NOT NULL"));
    match known {
        Some(Belief::Known(table)) => assert_eq!(&*table.columns[0].name, "b"),
        other => panic!("{other:?}"),
    }
    assert_eq!(lacking.len(), 1);

    let long = "x".repeat(5000);
    let writer = written(&format!(
        "ALTER TABLE t /* {long} */ CHANGE id b INT NOT NULL"
    ));
    let (doubted, lacking) = follow(&writer);
    assert!(matches!(doubted, Some(Belief::Stale(_))), "{doubted:?}");
    let end = Coordinates::new("b.000001", u64::from(writer.position));
    let Lacking {
        table,
        end: at,
        untold: Untold::Definition { draft },
    } = &lacking[1]
    else {
        panic!("{lacking:?}");
    };
    assert_eq!((table.to_string().as_str(), at), ("d.t", &end));
    assert!(draft.contains("<name 1> INT"), "{draft}");
}

#[test]
fn what_a_scan_cannot_read_is_a_doubt_about_every_table() {
    for (kind, expected) in [
        (EventKind::Incident, "the source reports lost events"),
        (
            EventKind::Unknown(200),
            "an event is of a kind that rowtap does not know",
        ),
    ] {
        let mut writer = Writer::new();
        writer.gtid(1);
        writer.query("CREATE TABLE t (id INT NOT NULL)");
        writer.event(kind, &[1, 0, 0]);
        match follow(&writer).0 {
            Some(Belief::Stale(reason)) => assert_eq!(reason.as_str(), expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_was_followed_from_further_back_is_taken_unless_a_belief_was_wrong() {
    let mut found = Schemas::new(0);
    let table = TableName::new("d", "t");
    found.put(&table, Arc::default());
    found.put_database("d", Some("latin1"));
    let at = Coordinates::new("b.000001", 90);
    for wrong in [false, true] {
        let mut definitions = Definitions::default();
        if wrong {
            definitions.distrust(&TableName::new("d", "u"), "it was wrong", &at);
        }
        definitions.adopt(&found, &at);
        assert_eq!(definitions.believed().get(&table).is_some(), !wrong);
        assert_eq!(definitions.believed().database("d").is_some(), !wrong);
    }
}
