//! What both encoders make of batches that are built by hand.

use std::sync::Arc;

use proptest::prelude::{any, prop, proptest};
use serde_json::{Value, json};

use super::sample::{ABSENT, Image, NULL, ONE, TWO, batch, int, table, text};
use super::{LinesEncoder, PartialKeyChange, Plan, RecordsEncoder, Settings};
use crate::binlog::Coordinates;
use crate::change::statement::StatementKind;
use crate::change::{Batch, Ddl, Item, Rows, RowsKind, StatementSession};
use crate::encode::{Encode, EncodeError, InvalidText, Lines, OtherKey, Records};
use crate::row::{Table, TableName};

fn plans(table: &Arc<Table>) -> Vec<Arc<Plan>> {
    vec![Arc::new(Plan::new(
        table.clone(),
        "demo.shop.orders".into(),
    ))]
}

fn lines(batch: &Batch) -> Result<Lines, EncodeError> {
    let mut block = Lines::default();
    LinesEncoder::new(InvalidText::Fail).encode(batch, &plans(&batch.tables[0]), &mut block)?;
    Ok(block)
}

fn parsed(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}

/// Key, value, other key and partial of each record; a tombstone's value is `null`.
fn records(
    batch: &Batch,
    settings: Settings,
) -> Result<Vec<(Value, Value, Value, bool)>, EncodeError> {
    let mut block = Records::default();
    RecordsEncoder::new(settings, InvalidText::Fail).encode(
        batch,
        &plans(&batch.tables[0]),
        &mut block,
    )?;
    let json = |range: &Option<std::ops::Range<u32>>| match range {
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
fn a_line_holds_the_whole_envelope_and_identity() {
    let table = table(&[0]);
    let block = lines(&batch(
        &table,
        RowsKind::Write,
        &[&[int(ONE), text("a\"\u{e9}\n"), NULL]],
    ))
    .expect("encoded");
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "{}{version}{}",
        r#"{"before":null,"after":{"id":1,"na\"me":"a\"é\n","note":null},"source":{"version":""#,
        concat!(
            r#"","connector":"mysql","name":"demo","snapshot":"false","server_id":3,"#,
            r#""server_uuid":"00000000-0000-0000-0000-00000000000a","#,
            r#""ts_ms":1700000000000,"ts_us":1700000000000001,"ts_ns":1700000000000001000,"#,
            r#""origin_server_id":7,"gtid":"00000000-0000-0000-0000-00000000000b:9","#,
            r#""file":"binlog.000002","pos":157,"db":"shop","table":"or\"ders","sequence":5},"#,
            r#""transaction":{"id":"00000000-0000-0000-0000-00000000000b:9","total_order":6},"#,
            r#""op":"c","ts_ms":1700000000123,"ts_us":1700000000123456,"ts_ns":1700000000123456000}"#,
            "\n"
        )
    );
    assert_eq!(String::from_utf8(block.bytes), Ok(expected));
    assert_eq!(block.row_count, 1);
}

#[test]
fn each_kind_of_change_has_its_images_and_sequence() {
    let table = table(&[0]);
    let first: Image<'_> = &[int(ONE), text("a"), NULL];
    let second: Image<'_> = &[int(TWO), text("b"), text("x")];
    let check = |kind, images: &[Image<'_>], expected: &[(&str, Value, Value)]| {
        let block = lines(&batch(&table, kind, images)).expect("encoded");
        let found = parsed(&block.bytes);
        assert_eq!(found.len(), expected.len());
        for (index, (event, (op, before, after))) in found.iter().zip(expected).enumerate() {
            assert_eq!(
                (&event["op"], &event["before"], &event["after"]),
                (&json!(op), before, after)
            );
            assert_eq!(event["source"]["sequence"], json!(5 + index));
            assert_eq!(event["transaction"]["total_order"], json!(6 + index));
        }
    };
    let one = json!({"id": 1, "na\"me": "a", "note": null});
    let two = json!({"id": 2, "na\"me": "b", "note": "x"});
    check(
        RowsKind::Write,
        &[first, second],
        &[
            ("c", Value::Null, one.clone()),
            ("c", Value::Null, two.clone()),
        ],
    );
    check(
        RowsKind::Update,
        &[first, second],
        &[("u", one.clone(), two.clone())],
    );
    check(
        RowsKind::Delete,
        &[second, first],
        &[("d", two, Value::Null), ("d", one, Value::Null)],
    );
    let minimal: Image<'_> = &[ABSENT, text("b"), ABSENT];
    let key: Image<'_> = &[int(ONE), ABSENT, ABSENT];
    check(
        RowsKind::Update,
        &[key, minimal],
        &[("u", json!({"id": 1}), json!({"na\"me": "b"}))],
    );
    let nothing: Image<'_> = &[ABSENT, ABSENT, ABSENT];
    check(
        RowsKind::Update,
        &[key, nothing],
        &[("u", json!({"id": 1}), json!({}))],
    );
}

#[test]
fn records_have_the_primary_key_and_deletes_a_tombstone() {
    let table = table(&[1, 0]);
    let image: Image<'_> = &[int(ONE), text("a"), NULL];
    let key = json!({"na\"me": "a", "id": 1});
    let ops = |kind, images: &[Image<'_>], settings| {
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
    let without = Settings {
        tombstones: false,
        ..Settings::default()
    };
    assert_eq!(ops(RowsKind::Write, &[image], Settings::default()), ["c"]);
    assert_eq!(
        ops(RowsKind::Update, &[image, image], Settings::default()),
        ["u"]
    );
    assert_eq!(
        ops(RowsKind::Delete, &[image], Settings::default()),
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
    let found = records(&batch, Settings::default()).expect("encoded");
    assert_eq!(found.len(), 1);
    assert!(found[0].0.is_null());
}

#[test]
fn a_changed_key_is_a_delete_of_the_old_and_a_create_of_the_new() {
    let before: Image<'_> = &[int(ONE), text("a"), text("x")];
    let after: Image<'_> = &[int(TWO), ABSENT, text("y")];
    let found = records(
        &batch(&table(&[0]), RowsKind::Update, &[before, after]),
        Settings::default(),
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
    let before: Image<'_> = &[int(ONE), ABSENT, ABSENT];
    let after: Image<'_> = &[int(TWO), ABSENT, text("y")];
    let batch = batch(&table(&[0]), RowsKind::Update, &[before, after]);
    let error = records(&batch, Settings::default())
        .expect_err("an error")
        .to_string();
    assert!(
        error.contains("binlog.000002:400") && error.contains("na\"me"),
        "{error}"
    );
    assert!(error.contains("binlog_row_image=FULL"), "{error}");

    let mark = Settings {
        partial_key_change: PartialKeyChange::Mark,
        ..Settings::default()
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
    let before: Image<'_> = &[int(ONE), ABSENT, ABSENT];
    let after: Image<'_> = &[ABSENT, ABSENT, text("y")];
    let found = records(
        &batch(&table(&[0]), RowsKind::Update, &[before, after]),
        Settings::default(),
    );
    assert_eq!(found.expect("encoded")[0].0, json!({"id": 1}));
    let keyless = batch(&table(&[0]), RowsKind::Write, &[after]);
    let error = records(&keyless, Settings::default())
        .expect_err("an error")
        .to_string();
    assert!(error.contains("lacks key column id"), "{error}");
}

#[test]
fn ddl_is_a_message_of_its_own() {
    let table = table(&[0]);
    let mut batch = batch(&table, RowsKind::Write, &[]);
    batch.items = vec![Item::Ddl(Ddl {
        group: 0,
        sequence: 5,
        database: "shop".into(),
        renamed: None,
        kind: StatementKind::DropTable { temporary: false },
        tables: vec![TableName::new("shop", "a"), TableName::new("shop", "b")],
        changes: Vec::new(),
        statement: "DROP TABLE a, `b`".into(),
        session: StatementSession::default(),
        timestamp: 0,
        position: 200,
    })];
    let block = lines(&batch).expect("encoded");
    assert_eq!(block.row_count, 0);
    assert_eq!(block.ddl_count, 1);
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
    let found = records(&batch, Settings::default()).expect("encoded");
    assert_eq!(
        (&found[0].0, &found[0].1),
        (&json!({"databaseName": "shop"}), event)
    );
}

#[test]
fn groups_of_one_batch_keep_their_own_identity() {
    let table = table(&[0]);
    let image: Image<'_> = &[int(ONE), text("a"), NULL];
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
    RecordsEncoder::new(Settings::default(), InvalidText::Fail)
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
    let image: Image<'_> = &[int(ONE), text("a"), NULL];
    let cut = |change: fn(&mut Rows)| {
        let mut batch = batch(&table, RowsKind::Write, &[image, image]);
        let Item::Rows(rows) = &mut batch.items[0] else {
            panic!("rows")
        };
        change(rows);
        lines(&batch).expect_err("an error").to_string()
    };
    assert!(cut(|rows| rows.body.end -= 1).contains("_ROWS event at binlog.000002:400"));
    assert!(cut(|rows| rows.row_count = 1).contains("bytes left after its 1 rows"));
    assert!(cut(|rows| rows.row_count = 3).contains("cannot read a row of shop.or\"ders"));
    assert!(cut(|rows| rows.columns = 0..0).contains("cannot read a row"));
    assert!(cut(|rows| rows.body.end = 1000).contains("bytes up to 1000"));
    assert!(cut(|rows| rows.buffer = 1).contains("buffer 1"));
    assert!(cut(|rows| rows.group = 1).contains("group 1"));
    assert!(cut(|rows| rows.table = 1).contains("table 1"));
}

#[test]
fn the_published_schema_names_exactly_the_members_that_are_written() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../schemas/change-event.schema.json"))
            .expect("JSON");
    let members = |value: &Value| {
        let mut names: Vec<_> = value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        names.sort();
        names
    };
    let described = |name: &str| members(&schema["$defs"][name]["properties"]);
    let table = table(&[0]);
    let mut batch = batch(&table, RowsKind::Write, &[&[int(ONE), text("a"), NULL]]);
    batch.items.push(Item::Ddl(Ddl {
        group: 0,
        sequence: 6,
        database: "".into(),
        renamed: None,
        kind: StatementKind::DropDatabase,
        tables: Vec::new(),
        changes: Vec::new(),
        statement: "DROP DATABASE d".into(),
        session: StatementSession::default(),
        timestamp: 0,
        position: 500,
    }));
    let block = lines(&batch).expect("encoded");
    let (row_change, ddl) = (&parsed(&block.bytes)[0], &parsed(&block.bytes)[1]);
    // Only a row with changes of a document that it does not hold has this member.
    for (event, name, rare) in [
        (row_change, "rowChange", Some("json_changes")),
        (ddl, "ddl", None),
    ] {
        let mut written = members(event);
        written.extend(rare.map(str::to_owned));
        written.sort();
        assert_eq!(written, described(name));
        assert_eq!(members(&event["source"]), described("source"));
        assert_eq!(members(&event["transaction"]), described("transaction"));
    }
}

proptest! {
    #[test]
    fn a_reader_gets_every_row_back(
        rows in prop::collection::vec((any::<i32>(), prop::option::of("\\PC{0,40}"), prop::option::of(".{0,40}")), 1..20)
    ) {
        let table = table(&[0]);
        let rows: Vec<_> = rows.iter().map(|row| (row.0.to_le_bytes(), row)).collect();
        let images: Vec<_> = rows.iter().map(|(id, row)| [
            Some(Some(&id[..])),
            Some(row.1.as_ref().map(String::as_bytes)),
            Some(row.2.as_ref().map(String::as_bytes)),
        ]).collect();
        let images: Vec<Image<'_>> = images.iter().map(|image| &image[..]).collect();
        let block = lines(&batch(&table, RowsKind::Write, &images)).expect("encoded");
        let events = parsed(&block.bytes);
        assert_eq!(events.len(), rows.len());
        for (event, (_, row)) in events.iter().zip(&rows) {
            assert_eq!(event["after"], json!({"id": row.0, "na\"me": row.1, "note": row.2}));
        }
    }
}
