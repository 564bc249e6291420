//! What stands around the values; those themselves are compared with Debezium's in `tests/peers`.

use std::sync::Arc;

use proptest::prelude::proptest;
use serde_json::{Value, json};

use super::form::Form;
use super::value::Values;
use crate::change::RowsKind;
use crate::encode::json::ValueWriter as _;
use crate::encode::sample::{ONE, SampleImage, TWO, batch, int, parsed, table, text};
use crate::encode::{
    BigintUnsignedMode, DebeziumOptions, DebeziumSettings, Destination, Encode, FormatSettings,
    InvalidText, Lines, LinesEncoder, Plan, Records, RecordsEncoder, RecordsSettings,
    TimePrecision, ZeroDates,
};
use crate::row::{ColumnType, Date};

fn settings(schemas_enable: bool) -> FormatSettings {
    FormatSettings::Debezium(DebeziumSettings {
        options: DebeziumOptions {
            schemas_enable,
            ..DebeziumOptions::default()
        },
        prefix: "shop!".into(),
    })
}

fn lines(batch: &crate::change::Batch, schemas_enable: bool) -> Vec<Value> {
    let table = batch.tables[0].clone();
    let plans = [Arc::new(Plan::of_lines(settings(schemas_enable), table))];
    let mut block = Lines::default();
    LinesEncoder::new(settings(schemas_enable), InvalidText::Fail)
        .encode(batch, &plans, &mut block)
        .expect("encoded");
    parsed(&block.bytes)
}

const IMAGE: SampleImage<'_> = &[int(ONE), text("a"), text("b")];

#[test]
fn rows_are_numbered_in_their_event() {
    let images = [IMAGE; 12];
    let batch = batch(&table(&[0]), RowsKind::Write, &images);
    let found = lines(&batch, false);
    let rows: Vec<&Value> = found.iter().map(|line| &line["source"]["row"]).collect();
    assert_eq!(
        rows,
        (0..12)
            .map(|row| json!(row))
            .collect::<Vec<_>>()
            .iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(found[11]["source"]["pos"], json!(400));
    assert_eq!(found[11]["source"]["thread"], json!(11));
}

#[test]
fn a_schema_names_every_field_of_its_payload_in_order() {
    let batch = batch(&table(&[0]), RowsKind::Write, &[IMAGE]);
    let found = &lines(&batch, true)[0];
    let schema = &found["schema"];
    assert_eq!(schema["name"], "shop_.shop.or_ders.Envelope");
    let fields = |schema: &Value| -> Vec<String> {
        let fields = schema["fields"].as_array().expect("fields");
        let name = |field: &Value| field["field"].as_str().expect("a name").to_owned();
        fields.iter().map(name).collect()
    };
    let members = |payload: &Value| -> Vec<String> {
        payload
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let payload = &found["payload"];
    assert_eq!(sorted(fields(schema)), sorted(members(payload)));
    for field in schema["fields"].as_array().expect("fields") {
        let name = field["field"].as_str().expect("a name");
        if name == "after" || name == "source" {
            assert_eq!(sorted(fields(field)), sorted(members(&payload[name])));
        }
    }
}

#[test]
fn a_column_that_an_image_lacks_is_left_out_or_refused_where_a_schema_names_it() {
    let lacking: SampleImage<'_> = &[int(ONE), None, text("b")];
    let batch = batch(&table(&[0]), RowsKind::Write, &[lacking]);
    let found = lines(&batch, false);
    assert_eq!(found[0]["after"], json!({"id": 1, "note": "b"}));
    let plans = [Arc::new(Plan::of_lines(
        settings(true),
        batch.tables[0].clone(),
    ))];
    let mut block = Lines::default();
    let error = LinesEncoder::new(settings(true), InvalidText::Fail)
        .encode(&batch, &plans, &mut block)
        .expect_err("a column is missing");
    assert!(
        error.to_string().contains("binlog_row_image=FULL"),
        "{error}"
    );
}

/// The bytes as Connect's converter gave them to Debezium's key.
#[test]
fn a_key_is_escaped_as_java_does() {
    let image: SampleImage<'_> = &[int(TWO), text("ä😀\u{1a}\u{0}\u{8}\"/\\"), text("b")];
    let batch = batch(&table(&[1]), RowsKind::Write, &[image]);
    let destination = Destination::by_key("t".into(), &[1]);
    let table = batch.tables[0].clone();
    let plans = [Arc::new(Plan::of_records(
        settings(false),
        table,
        destination,
    ))];
    let mut block = Records::default();
    RecordsEncoder::new(
        settings(false),
        RecordsSettings::default(),
        InvalidText::Fail,
    )
    .encode(&batch, &plans, &mut block)
    .expect("encoded");
    let key = block.records[0].key.clone().expect("a key");
    let key = &block.arena[key.start as usize..key.end as usize];
    assert_eq!(
        String::from_utf8_lossy(key),
        r#"{"na\"me":"ä\uD83D\uDE00\u001A\u0000\b\"/\\"}"#
    );
}

/// A value as it is written under some options, with the quote that a string begins with.
fn written(kind: &ColumnType, bytes: &[u8], options: &DebeziumOptions) -> Result<String, String> {
    let form = Form::of(kind, false, false, options);
    let mut values = Values::new(InvalidText::Fail, options.schemas_enable);
    let mut out = Vec::new();
    if form.is_quoted() {
        out.push(b'"');
    }
    values
        .write_cell(&form, bytes, 0..bytes.len(), &mut out)
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).expect("text"))
}

fn time_of(is_negative: bool, hours: u32, minutes: u32, seconds: u32) -> [u8; 3] {
    let packed = hours << 12 | minutes << 6 | seconds;
    let zero = 1 << 23;
    let packed = if is_negative {
        zero - packed
    } else {
        zero + packed
    };
    let [_, a, b, c] = packed.to_be_bytes();
    [a, b, c]
}

#[test]
fn times_beyond_a_day_are_exact_or_refused() {
    let with = |time_precision_mode| DebeziumOptions {
        time_precision_mode,
        ..DebeziumOptions::default()
    };
    let kind = ColumnType::Time { fsp: 0 };
    let longest = time_of(true, 838, 59, 59);
    for (mode, expected) in [
        (TimePrecision::AdaptiveTimeMicroseconds, "-3020399000000"),
        (TimePrecision::Microseconds, "-3020399000000"),
        (TimePrecision::Nanoseconds, "-3020399000000000"),
        (TimePrecision::Isostring, "\"-838:59:59Z\""),
    ] {
        assert_eq!(
            written(&kind, &longest, &with(mode)),
            Ok(expected.to_owned())
        );
    }
    let connect = with(TimePrecision::Connect);
    assert_eq!(
        written(&kind, &time_of(false, 24, 0, 0), &connect),
        Ok("86400000".to_owned())
    );
    let refused = written(&kind, &time_of(false, 24, 0, 1), &connect).expect_err("too long");
    assert!(refused.contains("adaptive_time_microseconds"), "{refused}");
}

#[test]
fn integers_beyond_63_bits_are_exact_or_refused() {
    let kind = ColumnType::Integer {
        width: 8,
        unsigned: true,
    };
    let all = [0xff; 8];
    let with = |schemas_enable, bigint_unsigned_handling_mode| DebeziumOptions {
        schemas_enable,
        bigint_unsigned_handling_mode,
        ..DebeziumOptions::default()
    };
    let long = BigintUnsignedMode::Long;
    assert_eq!(
        written(&kind, &all, &with(false, long)),
        Ok("18446744073709551615".to_owned())
    );
    let refused = written(&kind, &all, &with(true, long)).expect_err("too large");
    assert!(refused.contains("precise"), "{refused}");
    assert_eq!(
        written(&kind, &all, &with(true, BigintUnsignedMode::Precise)),
        Ok("\"AP//////////\"".to_owned())
    );
}

#[test]
fn a_date_that_does_not_exist_is_what_the_settings_say() {
    let kind = ColumnType::Date;
    let options = DebeziumOptions::default();
    assert_eq!(written(&kind, &[0, 0, 0], &options), Ok("0".to_owned()));
    let strict = DebeziumOptions {
        zero_dates: ZeroDates::Fail,
        ..options.clone()
    };
    assert!(written(&kind, &[0, 0, 0], &strict).is_err());
    let nullable = Form::of(&kind, true, false, &options);
    let key = Form::of(&kind, false, true, &options);
    let mut values = Values::default();
    let mut out = Vec::new();
    values
        .write_cell(&nullable, &[0, 0, 0], 0..3, &mut out)
        .expect("null");
    assert_eq!(out, b"null");
    assert!(values.write_cell(&key, &[0, 0, 0], 0..3, &mut out).is_err());
}

proptest! {
    #[test]
    fn days_are_counted_as_a_calendar_does(day in -700_000i32..2_900_000) {
        let epoch = jiff::civil::date(1970, 1, 1);
        let Ok(date) = epoch.checked_add(jiff::Span::new().days(day)) else {
            return Ok(());
        };
        let Ok(year) = u16::try_from(date.year()) else {
            return Ok(());
        };
        let found = Date {
            year,
            month: date.month().cast_unsigned(),
            day: date.day().cast_unsigned(),
        };
        assert_eq!(found.day_number(), Some(i64::from(day)));
    }
}

#[test]
fn operations_are_left_out_as_the_settings_say_and_rows_of_a_snapshot_never() {
    let table = table(&[0]);
    let cases = [
        ("none", "crud"),
        ("", "crud"),
        ("t", "crud"),
        ("c", "rud"),
        ("u, d", "cr"),
        ("c,u,d,t", "r"),
    ];
    for (skipped, expected) in cases {
        let settings = FormatSettings::Debezium(DebeziumSettings {
            options: DebeziumOptions {
                schemas_enable: false,
                skipped_operations: skipped.to_owned(),
                ..DebeziumOptions::default()
            },
            prefix: "shop".into(),
        });
        let plans = [Arc::new(Plan::of_lines(settings.clone(), table.clone()))];
        let mut found = String::new();
        for (kind, images) in [
            (RowsKind::Write, vec![IMAGE]),
            (RowsKind::Read, vec![IMAGE]),
            (RowsKind::Update, vec![IMAGE, IMAGE]),
            (RowsKind::Delete, vec![IMAGE]),
        ] {
            let batch = batch(&table, kind, &images);
            let mut block = Lines::default();
            LinesEncoder::new(settings.clone(), InvalidText::Fail)
                .encode(&batch, &plans, &mut block)
                .expect("encoded");
            let letters = parsed(&block.bytes);
            found.extend(letters.iter().filter_map(|line| line["op"].as_str()));
        }
        assert_eq!(found, expected, "{skipped}");
    }
    let unknown = DebeziumOptions {
        skipped_operations: "x".to_owned(),
        ..DebeziumOptions::default()
    };
    assert_eq!(unknown.problems().count(), 1);
    let wrong = DebeziumOptions {
        column_propagate_source_type: Some("a,(".to_owned()),
        ..DebeziumOptions::default()
    };
    assert_eq!(
        wrong.problems().next().unwrap().0,
        "column_propagate_source_type"
    );
}
