//! What Canal's workload in `tests/peers` does not show.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::change::{Batch, RowsKind};
use crate::encode::sample::{NULL, ONE, SampleImage, TWO, batch, int, parsed, table, text};
use crate::encode::{
    Destination, Encode, Format, InvalidText, Lines, LinesEncoder, PartitionRule, Plan, RecordKey,
    Records, RecordsEncoder, RecordsSettings,
};

fn lines(batch: &Batch) -> Vec<Value> {
    let plans = [Arc::new(Plan::of_lines(
        Format::Canal,
        batch.tables[0].clone(),
    ))];
    let mut block = Lines::default();
    LinesEncoder::new(Format::Canal, InvalidText::Fail)
        .encode(batch, &plans, &mut block)
        .expect("encoded");
    assert_eq!(block.row_count, u64::try_from(rows(batch)).unwrap());
    parsed(&block.bytes)
}

fn rows(batch: &Batch) -> usize {
    let crate::change::Item::Rows(rows) = &batch.items[0] else {
        panic!("rows");
    };
    rows.row_count as usize
}

const IMAGE: SampleImage<'_> = &[int(ONE), text("a"), NULL];
const OTHER: SampleImage<'_> = &[int(TWO), text("a"), text("c")];

#[test]
fn the_rows_of_an_event_are_one_message() {
    let inserts = lines(&batch(&table(&[0]), RowsKind::Write, &[IMAGE; 12]));
    assert_eq!(inserts.len(), 1);
    assert_eq!(inserts[0]["data"].as_array().unwrap().len(), 12);
    assert_eq!(
        inserts[0]["data"][11],
        json!({"id": "1", "na\"me": "a", "note": null})
    );
    assert_eq!(inserts[0]["old"], Value::Null);
    assert_eq!(inserts[0]["pkNames"], json!(["id"]));
    let updates = batch(&table(&[]), RowsKind::Update, &[IMAGE, OTHER, OTHER, OTHER]);
    let updates = lines(&updates);
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0]["old"], json!([{"id": "1", "note": null}, {}]));
    assert_eq!(updates[0]["pkNames"], Value::Null);
    let types = json!({"id": "int", "na\"me": "varchar", "note": "varchar"});
    assert_eq!(updates[0]["mysqlType"], types);
}

#[test]
fn a_message_ends_once_it_is_large_and_none_of_its_rows_is_lost() {
    let long = "x".repeat(200);
    let image: SampleImage<'_> = &[int(ONE), text("a"), Some(Some(long.as_bytes()))];
    let images = vec![image; 3000];
    let found = lines(&batch(&table(&[0]), RowsKind::Write, &images));
    assert!(found.len() > 1, "{}", found.len());
    let counts = found
        .iter()
        .map(|line| line["data"].as_array().unwrap().len());
    assert_eq!(counts.sum::<usize>(), 3000);
}

#[test]
fn rows_that_may_go_to_several_partitions_have_a_message_each_and_no_key() {
    let batch = batch(&table(&[0]), RowsKind::Write, &[IMAGE, OTHER]);
    let count = NonZeroU32::new(64).unwrap();
    let destination = Destination {
        partition: PartitionRule::Columns(RecordKey::of(&[0]), count),
        ..Destination::by_key("t".into(), &[0])
    };
    let plan = Plan::of_records(Format::Canal, batch.tables[0].clone(), destination);
    let mut block = Records::default();
    RecordsEncoder::new(Format::Canal, RecordsSettings::default(), InvalidText::Fail)
        .encode(&batch, &[Arc::new(plan)], &mut block)
        .expect("encoded");
    let partitions: Vec<_> = block
        .records
        .iter()
        .map(|record| record.partition)
        .collect();
    assert_eq!(partitions.len(), 2);
    assert!(partitions[0].is_some() && partitions[0] != partitions[1]);
    assert!(block.records.iter().all(|record| record.key.is_none()));
}
