//! What Maxwell's workload in `tests/peers` does not show.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::binlog::{Coordinates, GtidSet};
use crate::change::{Batch, Checkpoint, RowsKind};
use crate::encode::sample::{ABSENT, NULL, ONE, SampleImage, TWO, batch, int, parsed, table, text};
use crate::encode::{
    Destination, Encode, EncodeError, Format, FormatSettings, InvalidText, Lines, LinesEncoder,
    MaxwellOptions, Plan, Records, RecordsEncoder, RecordsSettings,
};
use crate::mysql::Flavour;

fn lines(batch: &Batch, options: MaxwellOptions) -> Result<Vec<Value>, EncodeError> {
    let settings = FormatSettings::Maxwell(options);
    let table = batch.tables[0].clone();
    let plans = [Arc::new(Plan::of_lines(settings.clone(), table))];
    let mut block = Lines::default();
    LinesEncoder::new(settings, InvalidText::Fail).encode(batch, &plans, &mut block)?;
    Ok(parsed(&block.bytes))
}

const IMAGE: SampleImage<'_> = &[int(ONE), text("a"), text("b")];

/// The batch with the end of its group.
fn ended(mut batch: Batch) -> Batch {
    let at = Coordinates::new("binlog.000002", 900);
    batch.end = Some(Checkpoint::new(
        at,
        GtidSet::empty(Flavour::MySql),
        None,
        3,
        0,
    ));
    batch
}

#[test]
fn only_the_last_change_of_a_transaction_that_has_ended_commits() {
    let pieces = [false, true].map(|has_end| {
        let batch = batch(&table(&[0]), RowsKind::Write, &[IMAGE; 3]);
        let batch = if has_end { ended(batch) } else { batch };
        let found = lines(&batch, MaxwellOptions::default()).expect("encoded");
        let marks = found.iter().map(|line| {
            assert_eq!(line["xid"], 99);
            (line["xoffset"].as_u64(), line["commit"] == true)
        });
        marks.collect::<Vec<_>>()
    });
    let [open, whole] = pieces;
    assert_eq!(open, [(Some(5), false), (Some(6), false), (Some(7), false)]);
    assert_eq!(whole, [(Some(5), false), (Some(6), false), (None, true)]);
}

#[test]
fn an_update_tells_what_it_changed_as_far_as_its_images_hold_it() {
    for (images, data, old) in [
        (
            [IMAGE, &[int(ONE), NULL, text("b")]],
            json!({"id": 1, "na\"me": null, "note": "b"}),
            json!({"na\"me": "a"}),
        ),
        (
            [&[int(ONE), NULL, ABSENT], &[ABSENT, text("x"), text("y")]],
            json!({"id": 1, "na\"me": "x", "note": "y"}),
            json!({"na\"me": null}),
        ),
        (
            [IMAGE, IMAGE],
            json!({"id": 1, "na\"me": "a", "note": "b"}),
            Value::Null,
        ),
    ] {
        let batch = batch(&table(&[0]), RowsKind::Update, &images);
        let found = lines(&batch, MaxwellOptions::default()).expect("encoded");
        assert_eq!(found[0]["type"], "update");
        assert_eq!((&found[0]["data"], &found[0]["old"]), (&data, &old));
    }
}

#[test]
fn nulls_are_left_out_of_data_by_choice_and_never_of_old() {
    let images: [SampleImage<'_>; 2] = [&[int(ONE), NULL, NULL], &[int(ONE), text("x"), NULL]];
    let batch = batch(&table(&[0]), RowsKind::Update, &images);
    let options = MaxwellOptions {
        output_nulls: false,
        ..MaxwellOptions::default()
    };
    let found = lines(&batch, options).expect("encoded");
    assert_eq!(found[0]["data"], json!({"id": 1, "na\"me": "x"}));
    assert_eq!(found[0]["old"], json!({"na\"me": null}));
}

#[test]
fn a_changed_key_stays_an_update_under_the_new_key_without_a_tombstone() {
    let images: [SampleImage<'_>; 2] = [IMAGE, &[int(TWO), text("a"), text("b")]];
    let batch = batch(&table(&[0]), RowsKind::Update, &images);
    let plan = Plan::of_records(
        Format::Maxwell,
        batch.tables[0].clone(),
        Destination::by_key("t".into(), &[0]),
    );
    let mut block = Records::default();
    RecordsEncoder::new(
        Format::Maxwell,
        RecordsSettings::default(),
        InvalidText::Fail,
    )
    .encode(&batch, &[Arc::new(plan)], &mut block)
    .expect("encoded");
    assert_eq!(block.records.len(), 1);
    let key = block.records[0].key.clone().expect("a key");
    let key = &block.arena[key.start as usize..key.end as usize];
    let expected = br#"{"database":"shop","table":"or\"ders","pk.id":2}"#;
    assert_eq!(key, expected);
}
