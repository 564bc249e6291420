//! What the envelope holds, of batches that are built by hand.

use proptest::prelude::{any, prop, proptest};
use serde_json::{Value, json};

use super::super::sample::{
    ABSENT, NULL, ONE, SampleImage, TWO, batch, int, lines, parsed, table, text,
};
use crate::change::statement::StatementKind;
use crate::change::{Ddl, EventStamp, Item, RowsKind, StatementSession};

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
    let first: SampleImage<'_> = &[int(ONE), text("a"), NULL];
    let second: SampleImage<'_> = &[int(TWO), text("b"), text("x")];
    let check = |kind, images: &[SampleImage<'_>], expected: &[(&str, Value, Value)]| {
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
    let minimal: SampleImage<'_> = &[ABSENT, text("b"), ABSENT];
    let key: SampleImage<'_> = &[int(ONE), ABSENT, ABSENT];
    check(
        RowsKind::Update,
        &[key, minimal],
        &[("u", json!({"id": 1}), json!({"na\"me": "b"}))],
    );
    let nothing: SampleImage<'_> = &[ABSENT, ABSENT, ABSENT];
    check(
        RowsKind::Update,
        &[key, nothing],
        &[("u", json!({"id": 1}), json!({}))],
    );
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
    batch.items.push(Item::Ddl(Box::new(Ddl {
        group: 0,
        sequence: 6,
        database: "".into(),
        renamed: None,
        kind: StatementKind::DropDatabase,
        tables: Vec::new(),
        changes: Vec::new(),
        emptied: None,
        database_charset: None,
        statement: "DROP DATABASE d".into(),
        session: StatementSession::default(),
        event: EventStamp {
            position: 500,
            ..EventStamp::default()
        },
    })));
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
        let images: Vec<SampleImage<'_>> = images.iter().map(|image| &image[..]).collect();
        let block = lines(&batch(&table, RowsKind::Write, &images)).expect("encoded");
        let events = parsed(&block.bytes);
        assert_eq!(events.len(), rows.len());
        for (event, (_, row)) in events.iter().zip(&rows) {
            assert_eq!(event["after"], json!({"id": row.0, "na\"me": row.1, "note": row.2}));
        }
    }
}
