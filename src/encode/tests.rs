//! What becomes a record or a line, of batches that are built by hand: with the format `json`, and with a small one that
//! decides otherwise wherever a format may.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use super::destination::{Destination, PartitionRule, RecordKey, partition_of};
use super::envelope::{MessageLayout, write_batch};
use super::lines::LinesLayout;
use super::records::RecordsLayout;
use super::rows::{Image, RowChange, RowsEvent};
use super::sample::{
    ABSENT, NULL, ONE, SampleImage, TWO, batch, drop_tables, int, lines, parsed, plans, table, text,
};
use super::writer::EnvelopeWriter;
use super::{
    Encode, EncodeError, Format, InvalidText, Lines, LinesEncoder, OtherKey, PartialKeyChange,
    Plan, RecordOp, Records, RecordsEncoder, RecordsSettings,
};
use crate::binlog::Coordinates;
use crate::change::{Batch, Ddl, Item, Rows, RowsKind};

/// Key, value, other key and partial of each record; a tombstone's value is `null`.
fn records(
    batch: &Batch,
    settings: RecordsSettings,
) -> Result<Vec<(Value, Value, Value, bool)>, EncodeError> {
    let mut block = Records::default();
    RecordsEncoder::new(Format::Json, settings, InvalidText::Fail).encode(
        batch,
        &plans(&batch.tables[0]),
        &mut block,
    )?;
    let json = |range: &Option<Range<u32>>| match range {
        Some(range) => {
            let bytes = &block.arena[range.start as usize..range.end as usize];
            serde_json::from_slice(bytes).expect("JSON")
        }
        None => Value::Null,
    };
    assert!(
        block
            .records
            .iter()
            .all(|record| record.sequence == 5 && record.group == 0)
    );
    let all = block.records.iter();
    Ok(all
        .map(|record| {
            (
                json(&record.key),
                json(&record.value),
                match &record.other_key {
                    None => Value::Null,
                    Some(OtherKey::New(key)) => json!({"new": json(&Some(key.clone()))}),
                    Some(OtherKey::Old(key)) => json!({"old": json(&Some(key.clone()))}),
                },
                record.partial,
            )
        })
        .collect())
}

#[test]
fn records_have_the_primary_key_and_deletes_a_tombstone() {
    let table = table(&[1, 0]);
    let image: SampleImage<'_> = &[int(ONE), text("a"), NULL];
    let key = json!({"na\"me": "a", "id": 1});
    let ops = |kind, images: &[SampleImage<'_>], settings| {
        let found = records(&batch(&table, kind, images), settings).expect("encoded");
        assert!(
            found
                .iter()
                .all(|record| record.0 == key && record.2.is_null() && !record.3)
        );
        found
            .into_iter()
            .map(|record| record.1["op"].clone())
            .collect::<Vec<_>>()
    };
    let without = RecordsSettings {
        tombstones: false,
        ..RecordsSettings::default()
    };
    assert_eq!(
        ops(RowsKind::Write, &[image], RecordsSettings::default()),
        ["c"]
    );
    assert_eq!(
        ops(
            RowsKind::Update,
            &[image, image],
            RecordsSettings::default()
        ),
        ["u"]
    );
    assert_eq!(
        ops(RowsKind::Delete, &[image], RecordsSettings::default()),
        [json!("d"), Value::Null]
    );
    assert_eq!(ops(RowsKind::Delete, &[image], without), ["d"]);
}

#[test]
fn a_table_without_a_key_gives_records_without_keys_or_tombstones() {
    let batch = batch(
        &table(&[]),
        RowsKind::Delete,
        &[&[int(ONE), text("a"), NULL]],
    );
    let found = records(&batch, RecordsSettings::default()).expect("encoded");
    assert_eq!(found.len(), 1);
    assert!(found[0].0.is_null());
}

#[test]
fn a_changed_key_is_a_delete_of_the_old_and_a_create_of_the_new() {
    let before: SampleImage<'_> = &[int(ONE), text("a"), text("x")];
    let after: SampleImage<'_> = &[int(TWO), ABSENT, text("y")];
    let found = records(
        &batch(&table(&[0]), RowsKind::Update, &[before, after]),
        RecordsSettings::default(),
    );
    let found = found.expect("encoded");
    let (old, new) = (json!({"id": 1}), json!({"id": 2}));
    let keys: Vec<_> = found.iter().map(|record| (&record.0, &record.2)).collect();
    let (to, from) = (json!({"new": new}), json!({"old": old}));
    assert_eq!(keys, [(&old, &to), (&old, &Value::Null), (&new, &from)]);
    assert_eq!(found[0].1["op"], "d");
    assert_eq!(
        found[0].1["before"],
        json!({"id": 1, "na\"me": "a", "note": "x"})
    );
    assert!(found[1].1.is_null());
    assert_eq!(found[2].1["op"], "c");
    assert_eq!(found[2].1["before"], Value::Null);
    assert_eq!(
        found[2].1["after"],
        json!({"id": 2, "na\"me": "a", "note": "y"})
    );
    assert!(found.iter().all(|record| !record.3));
}

#[test]
fn a_changed_key_without_the_whole_row_fails_or_is_marked() {
    let before: SampleImage<'_> = &[int(ONE), ABSENT, ABSENT];
    let after: SampleImage<'_> = &[int(TWO), ABSENT, text("y")];
    let batch = batch(&table(&[0]), RowsKind::Update, &[before, after]);
    let error = records(&batch, RecordsSettings::default())
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("binlog.000002:400") && error.contains("na\"me"),
        "{error}"
    );
    assert!(error.contains("binlog_row_image=FULL"), "{error}");

    let mark = RecordsSettings {
        partial_key_change: PartialKeyChange::Mark,
        ..RecordsSettings::default()
    };
    let found = records(&batch, mark).expect("encoded");
    assert_eq!(
        found.iter().map(|record| record.3).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(found[2].1["after"], json!({"id": 2, "note": "y"}));
}

#[test]
fn a_minimal_update_keeps_its_key_and_an_image_without_key_fails() {
    let before: SampleImage<'_> = &[int(ONE), ABSENT, ABSENT];
    let after: SampleImage<'_> = &[ABSENT, ABSENT, text("y")];
    let found = records(
        &batch(&table(&[0]), RowsKind::Update, &[before, after]),
        RecordsSettings::default(),
    );
    assert_eq!(found.expect("encoded")[0].0, json!({"id": 1}));
    let keyless = batch(&table(&[0]), RowsKind::Write, &[after]);
    let error = records(&keyless, RecordsSettings::default())
        .expect_err("an error")
        .to_string();
    assert!(error.contains("lacks key column id"), "{error}");
}

#[test]
fn ddl_is_a_message_of_its_own() {
    let table = table(&[0]);
    let mut batch = batch(&table, RowsKind::Write, &[]);
    batch.items = vec![Item::Ddl(Box::new(drop_tables(
        "DROP TABLE a, `b`",
        &["a", "b"],
    )))];
    let block = lines(&batch).expect("encoded");
    assert_eq!(block.row_count, 0);
    assert_eq!(block.line_count, 1);
    assert_eq!(
        block.ddl,
        vec![std::ops::Range {
            start: 0,
            end: block.bytes.len()
        }]
    );
    let event = &parsed(&block.bytes)[0];
    assert_eq!(event["ddl"], "DROP TABLE a, `b`");
    assert_eq!(event["databaseName"], "shop");
    assert_eq!(
        event["tables"],
        json!([{"db": "shop", "table": "a"}, {"db": "shop", "table": "b"}])
    );
    assert_eq!(event["source"]["sequence"], 5);
    assert_eq!(event["source"]["table"], Value::Null);
    let found = records(&batch, RecordsSettings::default()).expect("encoded");
    assert_eq!(
        (&found[0].0, &found[0].1),
        (&json!({"databaseName": "shop"}), event)
    );
}

#[test]
fn groups_of_one_batch_keep_their_own_identity() {
    let table = table(&[0]);
    let image: SampleImage<'_> = &[int(ONE), text("a"), NULL];
    let mut batch = batch(&table, RowsKind::Write, &[image]);
    let mut other = batch.groups[0].clone();
    other.gtid = None;
    other.begin = Coordinates::new("binlog.000003", 4);
    batch.groups.push(other);
    let Item::Rows(rows) = &batch.items[0] else {
        panic!("rows")
    };
    let rows = Rows {
        group: 1,
        first_row: 0,
        first_of_table: 0,
        ..rows.clone()
    };
    batch.items.push(Item::Rows(rows));
    let events = parsed(&lines(&batch).expect("encoded").bytes);
    assert_eq!(
        events[0]["transaction"]["id"],
        "00000000-0000-0000-0000-00000000000b:9"
    );
    assert_eq!(events[1]["transaction"]["id"], "binlog.000003:4");
    assert_eq!(
        (&events[1]["source"]["gtid"], &events[1]["source"]["pos"]),
        (&Value::Null, &json!(4))
    );

    let mut block = Records::default();
    RecordsEncoder::new(Format::Json, RecordsSettings::default(), InvalidText::Fail)
        .encode(&batch, &plans(&table), &mut block)
        .expect("encoded");
    let shown = |range: &std::ops::Range<u32>| {
        String::from_utf8(block.arena[range.start as usize..range.end as usize].to_vec())
            .expect("text")
    };
    let identities: Vec<_> = block
        .groups
        .iter()
        .map(|identity| {
            [
                &identity.source,
                &identity.file,
                &identity.position,
                &identity.gtid,
            ]
            .map(shown)
        })
        .collect();
    let source = "00000000-0000-0000-0000-00000000000a";
    assert_eq!(
        identities[0],
        [
            source,
            "binlog.000002",
            "157",
            "00000000-0000-0000-0000-00000000000b:9"
        ]
    );
    assert_eq!(identities[1], [source, "binlog.000003", "4", ""]);
}

#[test]
fn a_body_that_contradicts_the_batch_is_an_error_with_its_coordinates() {
    let table = table(&[0]);
    let image: SampleImage<'_> = &[int(ONE), text("a"), NULL];
    let cut = |change: fn(&mut Rows)| {
        let mut batch = batch(&table, RowsKind::Write, &[image, image]);
        let Item::Rows(rows) = &mut batch.items[0] else {
            panic!("rows")
        };
        change(rows);
        lines(&batch).expect_err("an error").to_string()
    };
    assert!(cut(|rows| rows.images.body.end -= 1).contains("_ROWS event at binlog.000002:400"));
    assert!(cut(|rows| rows.row_count = 1).contains("bytes left after its 1 rows"));
    assert!(cut(|rows| rows.row_count = 3).contains("cannot read a row of shop.or\"ders"));
    assert!(cut(|rows| rows.images.columns = 0..0).contains("cannot read a row"));
    assert!(cut(|rows| rows.images.body.end = 1000).contains("bytes up to 1000"));
    assert!(cut(|rows| rows.buffer = 1).contains("buffer 1"));
    assert!(cut(|rows| rows.group = 1).contains("group 1"));
    assert!(cut(|rows| rows.table = 1).contains("table 1"));
}

#[test]
fn values_that_are_not_text_are_counted_in_their_block() {
    let table = table(&[0]);
    let image: SampleImage<'_> = &[int(ONE), Some(Some(b"a\xff")), Some(Some(b"\xfe"))];
    let first = batch(&table, RowsKind::Write, &[image, image]);
    let second = batch(&table, RowsKind::Write, &[&[int(ONE), text("a"), NULL]]);
    let plans = plans(&table);
    let mut encoder = LinesEncoder::new(Format::Json, InvalidText::Base64);
    let mut block = Lines::default();
    for (batch, expected) in [(&first, 4), (&second, 0), (&first, 4)] {
        encoder.encode(batch, &plans, &mut block).expect("encoded");
        assert_eq!(block.invalid_text_count, expected);
    }
    let settings = RecordsSettings::default();
    let mut encoder = RecordsEncoder::new(Format::Json, settings, InvalidText::Replace);
    let mut block = Records::default();
    for (batch, expected) in [(&first, 4), (&second, 0)] {
        encoder.encode(batch, &plans, &mut block).expect("encoded");
        assert_eq!(block.invalid_text_count, expected);
    }
}

/// A format of letters: one message a rows event, `[c,u,d]`, under the key of its first row, which is `k` and how many
/// images could give it; a changed key stays an update; a DDL statement is a message a table.
#[derive(Default)]
struct Letters;

impl EnvelopeWriter for Letters {
    type Plan = ();

    const SPLITS_KEY_CHANGES: bool = false;

    fn begin(&mut self, _batch: &Batch) {}

    fn enter(&mut self, _event: &RowsEvent<'_>, (): &()) {}

    fn write_key(
        &mut self,
        _event: &RowsEvent<'_>,
        (): &(),
        _key: &RecordKey,
        images: &[Image<'_>],
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        out.extend_from_slice(format!("k{}", images.len()).as_bytes());
        Ok(true)
    }

    fn write_change(
        &mut self,
        event: &RowsEvent<'_>,
        (): &(),
        change: RowChange<'_>,
        sequence: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let index = sequence - event.rows.first_row;
        out.push(if index == 0 { b'[' } else { b',' });
        out.push(match change {
            RowChange::Create { .. } => b'c',
            RowChange::Update { .. } => b'u',
            RowChange::Delete { .. } => b'd',
        });
        let is_last = index + 1 == u64::from(event.rows.row_count);
        out.extend(is_last.then_some(b']'));
        Ok(is_last)
    }

    fn ddl_count(&self, ddl: &Ddl) -> usize {
        ddl.tables.len()
    }

    fn write_ddl_key(&mut self, _ddl: &Ddl, _number: usize, _out: &mut Vec<u8>) -> bool {
        false
    }

    fn write_ddl(
        &mut self,
        _batch: &Batch,
        ddl: &Ddl,
        number: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend_from_slice(ddl.tables[number].table.as_bytes());
        Ok(())
    }

    fn invalid_text_count(&self) -> u64 {
        0
    }
}

fn letters<L: MessageLayout>(layout: &mut L, batch: &Batch) -> L::Block {
    let mut block = L::Block::default();
    let plans = plans(&batch.tables[0]);
    write_batch(
        &mut Letters,
        |_plan| Some(&()),
        layout,
        batch,
        &plans,
        &mut block,
    )
    .expect("encoded");
    block
}

/// Key, value and sequence of each record.
fn letter_records(batch: &Batch) -> Vec<(Option<String>, Option<String>, u64)> {
    let block = letters(&mut RecordsLayout::new(RecordsSettings::default()), batch);
    let shown = |range: &Option<Range<u32>>| {
        let range = range.clone()?;
        let bytes = &block.arena[range.start as usize..range.end as usize];
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    };
    let all = block.records.iter();
    assert!(all.clone().all(|record| record.other_key.is_none()));
    all.map(|record| (shown(&record.key), shown(&record.value), record.sequence))
        .collect()
}

#[test]
fn a_format_may_put_a_rows_event_into_one_message() {
    let image: SampleImage<'_> = &[int(ONE), text("a"), NULL];
    let mut batch = batch(&table(&[0]), RowsKind::Write, &[image, image, image]);
    let Item::Rows(rows) = &batch.items[0] else {
        panic!("rows")
    };
    let next = Rows {
        first_row: 8,
        first_of_table: 0,
        ..rows.clone()
    };
    batch.items.push(Item::Rows(next));
    let (key, value) = (Some("k1".to_owned()), Some("[c,c,c]".to_owned()));
    assert_eq!(
        letter_records(&batch),
        [(key.clone(), value.clone(), 5), (key, value, 8)]
    );
    let block = letters(&mut LinesLayout::default(), &batch);
    assert_eq!(block.bytes, b"[c,c,c]\n[c,c,c]\n");
    assert_eq!((block.line_count, block.row_count), (2, 6));
}

#[test]
fn a_format_may_leave_a_changed_key_an_update() {
    let images: [SampleImage<'_>; 2] = [
        &[int(ONE), text("a"), NULL],
        // Not even the whole row is asked for.
        &[int(TWO), ABSENT, ABSENT],
    ];
    let batch = batch(&table(&[0]), RowsKind::Update, &images);
    let (key, value) = (Some("k2".to_owned()), Some("[u]".to_owned()));
    assert_eq!(letter_records(&batch), [(key, value, 5)]);
}

#[test]
fn a_statement_becomes_as_many_messages_as_its_format_wants() {
    let table = table(&[0]);
    let mut batch = batch(&table, RowsKind::Write, &[]);
    for (tables, expected) in [(&[][..], ""), (&["a"], "a\n"), (&["a", "b"], "a\nb\n")] {
        batch.items = vec![Item::Ddl(Box::new(drop_tables("DROP TABLE …", tables)))];
        let block = letters(&mut LinesLayout::default(), &batch);
        assert_eq!(block.bytes, expected.as_bytes());
        let count = tables.len();
        assert_eq!((block.ddl.len(), block.line_count), (count, count as u64));
        let found = letter_records(&batch);
        let values: Vec<_> = found
            .iter()
            .filter_map(|(_, value, _)| value.as_deref())
            .collect();
        assert_eq!(values, tables);
        assert!(found.iter().all(|(key, _, _)| key.is_none()));
    }
}

/// Of a record: its key, its partition, what it says was done, and whether it has a value.
type Placed = (Value, Option<i32>, RecordOp, bool);

/// The records of a batch that go to a destination.
fn placed(batch: &Batch, destination: &Destination) -> Result<Vec<Placed>, EncodeError> {
    let plan = Plan::of_records(Format::Json, batch.tables[0].clone(), destination.clone());
    let mut block = Records::default();
    RecordsEncoder::new(Format::Json, RecordsSettings::default(), InvalidText::Fail).encode(
        batch,
        &[Arc::new(plan)],
        &mut block,
    )?;
    let key = |range: &Option<Range<u32>>| {
        range.as_ref().map_or(Value::Null, |range| {
            let bytes = &block.arena[range.start as usize..range.end as usize];
            serde_json::from_slice(bytes).expect("JSON")
        })
    };
    let all = block.records.iter();
    Ok(all
        .map(|it| (key(&it.key), it.partition, it.op, it.value.is_some()))
        .collect())
}

fn to(key: &[usize], partition: PartitionRule) -> Destination {
    Destination {
        partition,
        ..Destination::by_key("t".into(), key)
    }
}

#[test]
fn the_key_is_of_the_columns_that_were_chosen() {
    let of = |key: &[usize], kind, images: &[SampleImage<'_>]| {
        placed(
            &batch(&table(&[0]), kind, images),
            &to(key, PartitionRule::Key),
        )
    };
    let image: SampleImage<'_> = &[int(ONE), text("a"), NULL];
    let found = of(&[2, 0], RowsKind::Write, &[image]).expect("encoded");
    let key = json!({"note": null, "id": 1});
    assert_eq!(found, [(key.clone(), None, RecordOp::Create, true)]);
    // NULL is a value that can change.
    let after: SampleImage<'_> = &[ABSENT, ABSENT, text("x")];
    let found = of(&[2, 0], RowsKind::Update, &[image, after]).expect("encoded");
    let new = json!({"note": "x", "id": 1});
    let [old, tombstone] = [true, false].map(|it| (key.clone(), None, RecordOp::Delete, it));
    assert_eq!(found, [old, tombstone, (new, None, RecordOp::Create, true)]);
}

#[test]
fn a_row_that_goes_to_another_partition_is_a_delete_and_a_create() {
    let count = NonZeroU32::new(64).expect("some");
    let rule = || PartitionRule::Columns(RecordKey::of(&[1]), count);
    let of = |kind, images: &[SampleImage<'_>]| {
        placed(&batch(&table(&[0]), kind, images), &to(&[0], rule()))
    };
    let row = |name| [int(ONE), text(name), NULL];
    let partition = |name: &str| {
        let key = format!(r#"{{"na\"me":"{name}"}}"#);
        Some(partition_of(key.as_bytes(), count))
    };
    assert_ne!(partition("a"), partition("b"));
    let key = || json!({"id": 1});
    let found = of(RowsKind::Update, &[&row("a"), &row("b")]).expect("encoded");
    assert_eq!(
        found,
        [
            (key(), partition("a"), RecordOp::Delete, true),
            (key(), partition("a"), RecordOp::Delete, false),
            (key(), partition("b"), RecordOp::Create, true),
        ]
    );
    let found = of(RowsKind::Update, &[&row("b"), &row("b")]).expect("encoded");
    assert_eq!(found, [(key(), partition("b"), RecordOp::Update, true)]);
    let found = of(RowsKind::Delete, &[&row("b")]).expect("encoded");
    let [value, tombstone] = [true, false].map(|it| (key(), partition("b"), RecordOp::Delete, it));
    assert_eq!(found, [value, tombstone]);
}

#[test]
fn an_image_without_what_chooses_key_or_partition_is_refused() {
    let count = NonZeroU32::new(3).expect("some");
    let before: SampleImage<'_> = &[int(ONE), ABSENT, ABSENT];
    for after in [
        [ABSENT, text("b"), ABSENT],
        [ABSENT, NULL, ABSENT],
        [ABSENT, ABSENT, text("c")],
    ] {
        let batch = batch(&table(&[0]), RowsKind::Update, &[before, &after]);
        for destination in [
            to(&[1], PartitionRule::Key),
            to(&[0], PartitionRule::Columns(RecordKey::of(&[1]), count)),
        ] {
            let error = placed(&batch, &destination).expect_err("unknown before");
            let told = error.to_string();
            assert!(
                told.contains("lacks key column na\"me, set binlog_row_image=FULL"),
                "{told}"
            );
        }
    }
}

#[test]
fn a_key_names_its_table_where_others_share_the_topic() {
    let image: SampleImage<'_> = &[int(ONE), text("a"), NULL];
    let mut destination = to(&[0], PartitionRule::Fixed(2));
    destination.key.names_table = true;
    let batch = batch(&table(&[0]), RowsKind::Write, &[image]);
    let found = placed(&batch, &destination).expect("encoded");
    let key = json!({"__database": "shop", "__table": "or\"ders", "id": 1});
    assert_eq!(found, [(key, Some(2), RecordOp::Create, true)]);
}
