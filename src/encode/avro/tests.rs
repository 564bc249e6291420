//! Messages read back by apache-avro under their own schemas; values of every type are compared with servers' in `tests/avro`.

use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use serde_json::{Value, json};

use super::connect::Connect;
use crate::change::{Batch, Item, RowsKind};
use crate::encode::sample::{
    ABSENT, NULL, ONE, SampleImage, TWO, batch, drop_tables, int, parsed, table, text,
};
use crate::encode::{
    AvroFraming, AvroLayout, AvroOptions, AvroSchema, AvroSettings, Containers, ContainersEncoder,
    DebeziumOptions, DebeziumSettings, Destination, Encode, EncodeError, FormatSettings,
    InvalidText, Lines, LinesEncoder, Plan, Records, RecordsEncoder, RecordsSettings,
};
use crate::mysql::Flavour;
use crate::row::{Charset, Column, ColumnType, Table, TableName};

const IMAGE: SampleImage<'_> = &[int(ONE), text("a"), text("ä")];
const OTHER: SampleImage<'_> = &[int(TWO), NULL, text("b")];

fn settings(layout: AvroLayout) -> AvroSettings {
    AvroSettings {
        options: AvroOptions {
            layout,
            ..AvroOptions::default()
        },
        debezium: DebeziumSettings {
            options: DebeziumOptions::default(),
            prefix: "shop!".into(),
        },
        framing: AvroFraming::Registry,
        flavour: Flavour::MySql,
    }
}

fn plan(table: &Arc<Table>, layout: AvroLayout) -> Plan {
    let destination = Destination::by_key("t".into(), &table.key);
    let settings = FormatSettings::Avro(settings(layout));
    let mut plan = Plan::of_records(settings, table.clone(), destination);
    plan.identify(7, 8);
    plan
}

fn encoded(batch: &Batch, layout: AvroLayout) -> Result<(Records, Arc<Plan>), EncodeError> {
    let plan = Arc::new(plan(&batch.tables[0], layout));
    let settings = FormatSettings::Avro(settings(layout));
    let mut block = Records::default();
    let mut encoder = RecordsEncoder::new(settings, RecordsSettings::default(), InvalidText::Fail);
    encoder.encode(batch, std::slice::from_ref(&plan), &mut block)?;
    Ok((block, plan))
}

/// Reads a message to its last byte.
fn read(schema: &AvroSchema, message: &[u8], number: u8) -> Value {
    let (head, mut datum) = message.split_at(5);
    assert_eq!(head, [0, 0, 0, 0, number]);
    let parsed = Schema::parse_str(&schema.text).unwrap();
    assert_eq!(parsed.name().unwrap().fullname(None), *schema.name);
    let reader = GenericDatumReader::builder(&parsed).build().unwrap();
    let value = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty(), "bytes are left");
    value.try_into().unwrap()
}

/// The keys and values of a batch's records; null for a tombstone.
fn messages(batch: &Batch, layout: AvroLayout) -> Vec<(Value, Value)> {
    let (block, plan) = encoded(batch, layout).unwrap();
    let schemas = plan.avro_schemas().unwrap().unwrap();
    let bytes =
        |range: &std::ops::Range<u32>| &block.arena[range.start as usize..range.end as usize];
    let records = block.records.iter();
    let read = records.map(|record| {
        let key = record.key.as_ref().map(bytes);
        let value = record.value.as_ref().map(bytes);
        let key_schema = schemas.key.as_ref();
        (
            key.map_or(Value::Null, |key| read(key_schema.unwrap(), key, 7)),
            value.map_or(Value::Null, |value| read(&schemas.value, value, 8)),
        )
    });
    read.collect()
}

/// What the format `debezium` writes of a batch.
fn debezium_payloads(batch: &Batch) -> Vec<Value> {
    let settings = FormatSettings::Debezium(DebeziumSettings {
        options: DebeziumOptions {
            schemas_enable: false,
            ..DebeziumOptions::default()
        },
        prefix: "shop!".into(),
    });
    let plan = Plan::of_lines(settings.clone(), batch.tables[0].clone());
    let mut block = Lines::default();
    let mut encoder = LinesEncoder::new(settings, InvalidText::Fail);
    encoder
        .encode(batch, &[Arc::new(plan)], &mut block)
        .unwrap();
    parsed(&block.bytes)
}

#[test]
fn an_envelope_says_what_the_format_debezium_says_and_has_the_same_fields() {
    for (kind, images) in [
        (RowsKind::Write, &[IMAGE, OTHER][..]),
        (RowsKind::Read, &[IMAGE]),
        (RowsKind::Update, &[IMAGE, &[int(ONE), NULL, text("ä")]]),
        (RowsKind::Delete, &[OTHER]),
    ] {
        let batch = batch(&table(&[0]), kind, images);
        let found = messages(&batch, AvroLayout::Debezium);
        let found = found.into_iter().filter(|(_, value)| !value.is_null());
        for ((key, mut value), mut payload) in found.zip(debezium_payloads(&batch)) {
            let row = [&payload["after"], &payload["before"]];
            let row = row.iter().find(|row| !row.is_null()).unwrap();
            assert_eq!(key, json!({"id": row["id"]}));
            for image in ["before", "after"] {
                if let Some(name) = payload[image]
                    .as_object_mut()
                    .and_then(|row| row.remove("na\"me"))
                {
                    payload[image]["na_me"] = name;
                }
            }
            assert_eq!(value["source"]["name"].take(), "shop!");
            payload["source"]["name"].take();
            assert_eq!(value, payload);
        }
    }
}

#[test]
fn a_changed_key_is_a_delete_a_tombstone_and_a_create() {
    let batch = batch(&table(&[0]), RowsKind::Update, &[IMAGE, OTHER]);
    let found = messages(&batch, AvroLayout::Debezium);
    let ops: Vec<_> = found
        .iter()
        .map(|(key, value)| (&key["id"], &value["op"]))
        .collect();
    assert_eq!(
        ops,
        [
            (&json!(1), &json!("d")),
            (&json!(1), &Value::Null),
            (&json!(2), &json!("c")),
        ]
    );
}

#[test]
fn a_plain_row_has_its_columns_and_what_is_known_of_its_change() {
    let batch = batch(&table(&[0]), RowsKind::Write, &[IMAGE, OTHER]);
    let found = messages(&batch, AvroLayout::Plain);
    assert_eq!(
        found[1].1,
        json!({
            "id": 2, "na_me": null, "note": "b", "__op": "c", "__deleted": false,
            "__source_ts_us": 1_700_000_000_000_001_i64,
            "__source": "00000000-0000-0000-0000-00000000000a",
            "__gtid": "00000000-0000-0000-0000-00000000000b:9",
            "__file": "binlog.000002", "__position": 157, "__sequence": 6,
        })
    );
}

#[test]
fn a_plain_row_has_from_before_an_update_what_that_did_not_touch() {
    let after: SampleImage<'_> = &[int(ONE), text("c"), ABSENT];
    let update = batch(&table(&[0]), RowsKind::Update, &[IMAGE, after]);
    let found = messages(&update, AvroLayout::Plain);
    assert_eq!(
        found[0].1["note"], "ä",
        "a column that the update did not touch is that before it"
    );
}

#[test]
fn a_column_that_no_image_holds_is_refused_and_not_told_as_null() {
    let lacking: SampleImage<'_> = &[int(ONE), ABSENT, text("b")];
    let batch = batch(&table(&[0]), RowsKind::Write, &[lacking]);
    for layout in [AvroLayout::Debezium, AvroLayout::Plain] {
        let error = encoded(&batch, layout).map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("na\"me") && error.ends_with("binlog_row_image=FULL on the source"),
            "{error}"
        );
    }
}

#[test]
fn two_columns_that_become_one_field_are_refused_by_name() {
    let column = |name: &str| Column {
        name: name.into(),
        kind: ColumnType::Text {
            prefix: 1,
            charset: Charset::Utf8,
        },
        nullable: true,
        computed: None,
        declared: None,
        default: None,
        comment: None,
    };
    let table = Arc::new(Table::new(
        TableName::new("shop", "orders"),
        vec![column("größe"), column("gr__e")],
        vec![],
    ));
    for layout in [AvroLayout::Debezium, AvroLayout::Plain] {
        let plan = plan(&table, layout);
        let problem = plan.avro_schemas().unwrap().unwrap_err();
        assert_eq!(
            problem,
            "its columns größe and gr__e would both be the Avro field gr__e, rename one or leave it out"
        );
    }
}

#[test]
fn a_changed_name_keeps_its_original_in_a_property() {
    for layout in [AvroLayout::Debezium, AvroLayout::Plain] {
        let plan = plan(&table(&[0]), layout);
        let text = &plan.avro_schemas().unwrap().unwrap().value.text;
        let name = match layout {
            AvroLayout::Debezium => r#""rowtap.name":"shop_.shop.or\"ders"#,
            AvroLayout::Plain => r#""rowtap.name":"shop!.shop.or\"ders.Row""#,
        };
        assert!(text.contains(r#""rowtap.name":"na\"me""#), "{text}");
        if layout == AvroLayout::Plain {
            assert!(text.contains(name), "{text}");
        }
    }
}

#[test]
fn a_statement_is_a_record_whose_schemas_come_with_the_block() {
    let mut batch = batch(&table(&[0]), RowsKind::Write, &[IMAGE]);
    let statement = drop_tables("DROP TABLE a, b", &["a", "b"]);
    batch.items.push(Item::Ddl(Box::new(statement)));
    let (block, _) = encoded(&batch, AvroLayout::Debezium).unwrap();
    let schemas = block.statement_schemas.as_ref().unwrap();
    let record = block.records.last().unwrap();
    assert_eq!(record.topic, None);
    let bytes =
        |range: &std::ops::Range<u32>| &block.arena[range.start as usize..range.end as usize];
    let key = read(
        schemas.key.as_ref().unwrap(),
        bytes(record.key.as_ref().unwrap()),
        0,
    );
    assert_eq!(key, json!({"databaseName": "shop"}));
    let value = read(&schemas.value, bytes(record.value.as_ref().unwrap()), 0);
    assert_eq!(value["ddl"], "DROP TABLE a, b");
    assert_eq!(value["source"]["snapshot"], "false");
}

/// As `AvroData` writes them.
#[test]
fn connects_schemas_become_those_that_confluents_converter_makes() {
    let check = |connect: &str, expected: Value| {
        let head = format!(
            r#"{{"schema":{{"type":"struct","name":"a.B","fields":[{connect}]}},"payload":"#
        );
        let schema = Connect::of_head(head.as_bytes())
            .unwrap()
            .to_avro()
            .unwrap();
        Schema::parse_str(&schema.text).unwrap();
        let schema: Value = serde_json::from_str(&schema.text).unwrap();
        assert_eq!(schema["fields"][0], expected, "{connect}");
    };
    check(
        r#"{"type":"int32","optional":false,"field":"x"}"#,
        json!({"name": "x", "type": "int"}),
    );
    check(
        r#"{"type":"int16","optional":true,"field":"x"}"#,
        json!({"name": "x", "type": ["null", {"type": "int", "connect.type": "int16"}], "default": null}),
    );
    check(
        r#"{"type":"int16","optional":true,"default":7,"field":"x"}"#,
        json!({"name": "x", "type": [{"type": "int", "connect.type": "int16", "connect.default": 7}, "null"], "default": 7}),
    );
    check(
        r#"{"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"default":"AGQ=","field":"x"}"#,
        json!({"name": "x", "type": {
            "type": "bytes", "scale": 2, "precision": 10, "connect.version": 1,
            "connect.parameters": {"scale": "2", "connect.decimal.precision": "10"},
            "connect.default": "\u{0}d",
            "connect.name": "org.apache.kafka.connect.data.Decimal", "logicalType": "decimal",
        }, "default": "\u{0}d"}),
    );
}

/// Those of a table `orders (id INT PRIMARY KEY, note TEXT)` in the database `shop`, in topics of `demo`.
#[test]
fn the_documents_schemas_are_those_that_are_written() {
    let column = |name: &str, kind, nullable| Column {
        name: name.into(),
        kind,
        nullable,
        computed: None,
        declared: None,
        default: None,
        comment: None,
    };
    let id = ColumnType::Integer {
        width: 4,
        unsigned: false,
    };
    let note = ColumnType::Text {
        prefix: 2,
        charset: Charset::Utf8,
    };
    let columns = vec![column("id", id, false), column("note", note, true)];
    let table = Table::new(TableName::new("shop", "orders"), columns, vec![0]);
    let table = Arc::new(table);
    for (layout, document) in [
        (
            AvroLayout::Debezium,
            include_str!("../../../schemas/change-event.avsc"),
        ),
        (
            AvroLayout::Plain,
            include_str!("../../../schemas/change-row.avsc"),
        ),
    ] {
        let mut settings = settings(layout);
        settings.debezium.prefix = "demo".into();
        let settings = FormatSettings::Avro(settings);
        let destination = Destination::by_key("t".into(), &table.key);
        let plan = Plan::of_records(settings, table.clone(), destination);
        let text = &plan.avro_schemas().unwrap().unwrap().value.text;
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(text), read(document));
    }
}

proptest::proptest! {
    /// Records look for a row's cells before they write it, containers while they do.
    #[test]
    fn a_row_is_the_same_however_its_cells_are_looked_for(
        texts in proptest::collection::vec(proptest::option::of("[a-z]{0,40}|[a-zäß]{0,20}"), 8),
        kind in 0usize..4,
        is_plain in proptest::prelude::any::<bool>(),
    ) {
        let kind = [RowsKind::Write, RowsKind::Read, RowsKind::Update, RowsKind::Delete][kind];
        let layout = if is_plain { AvroLayout::Plain } else { AvroLayout::Debezium };
        let cell = |text: &'_ Option<String>| Some(text.as_ref().map(|text| text.as_bytes().to_vec()));
        let cells: Vec<_> = texts.iter().map(cell).collect();
        let shown: Vec<Option<Option<&[u8]>>> =
            cells.iter().map(|cell| cell.as_ref().map(|text| text.as_deref())).collect();
        // The second column changes, the third does not.
        let rows = [
            [int(ONE), shown[0], shown[1]],
            [int(ONE), shown[2], shown[1]],
            [int(TWO), shown[3], shown[4]],
            [int(TWO), shown[3], shown[5]],
        ];
        let images: Vec<SampleImage<'_>> = rows.iter().map(|row| &row[..]).collect();
        let batch = batch(&table(&[0]), kind, &images);
        let (block, plan) = encoded(&batch, layout).unwrap();
        let values = block.records.iter().filter_map(|record| record.value.clone());
        let walked: Vec<u8> = values
            .flat_map(|range| block.arena[range.start as usize..range.end as usize].to_vec())
            .collect();
        let mut direct = Containers::default();
        ContainersEncoder::new(FormatSettings::Avro(settings(layout)), InvalidText::Fail)
            .encode(&batch, &[plan], &mut direct)
            .unwrap();
        assert_eq!(direct.bytes, walked);
    }
}
