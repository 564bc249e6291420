//! What is kept of a stream for questions about definitions: the same however the stream is cut, and nothing of rows.

use super::*;
use crate::binlog::Framer;
use crate::change::Placer;
use crate::change::history::{KeptWhat, Sieve, SievedEvent, Stretch};

/// Statements that define tables, one that changes rows, and rows.
fn written() -> Writer {
    let mut writer = Writer::new();
    for (number, statement) in [
        "CREATE TABLE t (id INT NOT NULL)",
        "INSERT INTO u VALUES (1)",
        "CREATE USER u",
        "ALTER TABLE t ADD b INT",
    ]
    .iter()
    .enumerate()
    {
        writer.gtid(u64::try_from(number).unwrap() + 1);
        writer.query(statement);
        for _twice in 0..2 {
            writer.gtid(9);
            writer.query("BEGIN");
            writer.table_map(1, "d", "t", false);
            writer.insert(1, &[7]);
            writer.xid();
        }
    }
    writer
}

/// Sifts all events, and hands out after each of these.
fn sift(writer: &Writer, handed_out_after: impl Fn(usize) -> bool) -> Vec<Stretch> {
    let mut framer = Framer::new(Coordinates::new("b.000001", 4));
    let (mut sieve, mut placer) = (Sieve::default().noting_tables(), Placer::default());
    let mut stretches = Vec::new();
    for (number, range) in writer.events.iter().enumerate() {
        let event = &writer.bytes[range.start as usize..range.end as usize];
        let file = framer.next().file.clone();
        let frame = framer.frame(event).unwrap();
        let body = Some(&event[frame.body.clone()]);
        let format = framer.format();
        placer.place(&frame, body, format, &mut Vec::new()).unwrap();
        sieve.take(&SievedEvent {
            file: &file,
            frame: &frame,
            body,
            format,
            is_between: placer.is_between_groups(),
        });
        if handed_out_after(number) {
            stretches.extend(sieve.hand_out());
        }
    }
    stretches.extend(sieve.hand_out());
    stretches
}

#[test]
fn a_stretch_is_the_same_however_often_it_is_handed_out() {
    let writer = written();
    let whole = sift(&writer, |_| false);
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].to, u64::from(writer.position));
    for every in 1..9 {
        let parts = sift(&writer, |number| number % every == 0);
        assert!(parts.len() > 1);
        let joined = parts.into_iter().reduce(|mut first, next| {
            first.join(next);
            first
        });
        assert_eq!(joined.as_ref(), whole.first(), "{every}");
    }
}

#[test]
fn only_statements_that_define_are_kept_and_each_table_after_them_once() {
    let whole = sift(&written(), |_| false).remove(0);
    let statements = whole
        .events
        .iter()
        .filter(|event| matches!(event.what, KeptWhat::Statement(_)));
    assert_eq!(statements.count(), 2);
    assert_eq!(whole.tables.len(), 2, "{:?}", whole.tables);
    let text = String::from_utf8(serde_json::to_vec(&whole).unwrap()).unwrap();
    let read: Stretch = serde_json::from_str(&text).unwrap();
    assert_eq!(read, whole);
}
