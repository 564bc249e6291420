//! Groups that wait for their time, and the group before which a stream stops.

use super::*;

fn delaying(until: Until, hold_bytes_max: usize) -> Assembler {
    let settings = AssemblerSettings {
        delays: true,
        until,
        ..settings("{}", hold_bytes_max)
    };
    made_of(settings, &[])
}

/// Polls until a group is to wait, or for more; hands on what leaves by then.
fn poll(assembler: &mut Assembler, outcome: &mut Outcome) -> bool {
    loop {
        match assembler.poll().unwrap() {
            Step::Due { committed_us } => {
                assert_eq!(committed_us, 1_700_000_000_000_000);
                return true;
            }
            Step::Batch(batch) => outcome.take(&batch),
            Step::NeedEvent => return false,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn each_group_waits_for_its_own_time_and_holds_up_none_before_it() {
    let mut writer = Writer::new();
    writer.transaction(1, &[1]);
    writer.transaction(2, &[2]);
    writer.transaction(3, &[3]);
    let mut assembler = delaying(Until::Never, usize::MAX);
    let bytes = Bytes::copy_from_slice(&writer.bytes);
    assembler.feed(bytes, writer.events.clone(), 0, true);
    let mut outcome = Outcome::default();
    for delivered in 0..2 {
        assert!(poll(&mut assembler, &mut outcome));
        // Asked again, it waits again.
        assert!(poll(&mut assembler, &mut outcome));
        if let Some(batch) = assembler.flush() {
            outcome.take(&batch);
        }
        assert_eq!(outcome.rows.len(), delivered);
        assembler.go_on();
    }
    assert!(poll(&mut assembler, &mut outcome));
    outcome.take(&assembler.finish());
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(
        outcome.end.unwrap().gtid_set.to_string(),
        "07070707-0707-0707-0707-070707070707:1-2"
    );
    assert_eq!(outcome.ledger.imbalance(), 0, "{}", outcome.ledger);
    assert_eq!(
        outcome.ledger.held, 5,
        "the third group: {}",
        outcome.ledger
    );
}

#[test]
fn a_stream_stops_before_the_first_group_of_a_set() {
    let mut writer = Writer::new();
    for number in 1..6 {
        writer.transaction(number, &[i32::try_from(number).unwrap()]);
    }
    for (goal, expected) in [("3", 2), ("5-9", 4), ("1", 0), ("4:3", 2), ("6", 5)] {
        let goal = format!("07070707-0707-0707-0707-070707070707:{goal}");
        let goal = GtidSet::parse(Flavour::MySql, &goal).unwrap();
        for delays in [true, false] {
            let settings = AssemblerSettings {
                delays,
                until: Until::BeforeGtids(goal.clone()),
                ..settings("{}", usize::MAX)
            };
            let outcome = run(made_of(settings, &[]), writer.again()).unwrap();
            assert_eq!(outcome.rows.len(), expected, "{goal}");
        }
    }
}

#[test]
fn a_stream_that_has_passed_its_goal_reads_nothing() {
    let mut writer = Writer::new();
    writer.transaction(5, &[5]);
    let set = |numbers: &str| {
        let text = format!("07070707-0707-0707-0707-070707070707:{numbers}");
        GtidSet::parse(Flavour::MySql, &text).unwrap()
    };
    let settings = AssemblerSettings {
        until: Until::BeforeGtids(set("4")),
        ..settings("{}", usize::MAX)
    };
    let checkpoint = Checkpoint::new(Coordinates::new("b.000001", 4), set("1-4"), None, 1, 0);
    let assembler = Assembler::new(settings, checkpoint, Definitions::new([]));
    assert_eq!(run(assembler, writer).unwrap().rows.len(), 0);
}
