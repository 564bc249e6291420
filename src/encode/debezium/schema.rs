//! Connect's schemas as JSON, in the order of `JsonConverter.asJsonSchema`.

use super::form::{Form, NoDate, Unit, Way};
use super::propagated::Propagated;
use super::value::Values;
use crate::encode::InvalidText;
use crate::encode::format::{BinaryMode, DebeziumOptions, TimePrecision};
use crate::encode::json::ValueWriter as _;
use crate::mysql::Flavour;
use crate::row::{ColumnType, DefaultValue, RawLabels, Table, write_string};

/// The fields of `source`, up to the end of the list.
const SOURCE_FIELDS: &str = r#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},{"type":"string","optional":false,"field":"connector"},{"type":"string","optional":false,"field":"name"},{"type":"int64","optional":false,"field":"ts_ms"},{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"default":"false","field":"snapshot"},{"type":"string","optional":false,"field":"db"},{"type":"string","optional":true,"field":"sequence"},{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"},{"type":"string","optional":true,"field":"table"},{"type":"int64","optional":false,"field":"server_id"},{"type":"string","optional":true,"field":"gtid"},{"type":"string","optional":false,"field":"file"},{"type":"int64","optional":false,"field":"pos"},{"type":"int32","optional":false,"field":"row"},{"type":"int64","optional":true,"field":"thread"},{"type":"string","optional":true,"field":"query"}]"#;
/// The fields of an envelope after `source`, and the end of the list.
const LAST_FIELDS: &str = r#",{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},{"type":"int64","optional":false,"field":"total_order"},{"type":"int64","optional":false,"field":"data_collection_order"}],"optional":true,"name":"event.block","version":1,"field":"transaction"},{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"},{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"}]"#;
/// The fields of a schema change after `source`, and the end of the list.
const STATEMENT_FIELDS: &str = r#",{"type":"int64","optional":false,"field":"ts_ms"},{"type":"string","optional":true,"field":"databaseName"},{"type":"string","optional":true,"field":"schemaName"},{"type":"string","optional":true,"field":"ddl"},{"type":"array","items":{"type":"struct","fields":[{"type":"string","optional":false,"field":"type"},{"type":"string","optional":false,"field":"id"},{"type":"struct","fields":[{"type":"string","optional":true,"field":"defaultCharsetName"},{"type":"array","items":{"type":"string","optional":false},"optional":true,"field":"primaryKeyColumnNames"},{"type":"array","items":{"type":"struct","fields":[{"type":"string","optional":false,"field":"name"},{"type":"int32","optional":false,"field":"jdbcType"},{"type":"int32","optional":true,"field":"nativeType"},{"type":"string","optional":false,"field":"typeName"},{"type":"string","optional":true,"field":"typeExpression"},{"type":"string","optional":true,"field":"charsetName"},{"type":"int32","optional":true,"field":"length"},{"type":"int32","optional":true,"field":"scale"},{"type":"int32","optional":false,"field":"position"},{"type":"boolean","optional":true,"field":"optional"},{"type":"boolean","optional":true,"field":"autoIncremented"},{"type":"boolean","optional":true,"field":"generated"},{"type":"string","optional":true,"field":"comment"},{"type":"string","optional":true,"field":"defaultValueExpression"},{"type":"array","items":{"type":"string","optional":false},"optional":true,"field":"enumValues"}],"optional":false,"name":"io.debezium.connector.schema.Column","version":1},"optional":false,"field":"columns"},{"type":"string","optional":true,"field":"comment"}],"optional":true,"name":"io.debezium.connector.schema.Table","version":1,"field":"table"}],"optional":false,"name":"io.debezium.connector.schema.Change","version":1},"optional":false,"field":"tableChanges"}]"#;

/// The part of an envelope's schema between the images and its name.
pub(super) fn rest_of_envelope(flavour: Flavour) -> String {
    format!("{}{LAST_FIELDS}", source(flavour))
}

fn source(flavour: Flavour) -> String {
    let connector = flavour.word();
    format!(
        r#"{SOURCE_FIELDS},"optional":false,"name":"io.debezium.connector.{connector}.Source","version":1,"field":"source"}}"#
    )
}

/// What stands before the payload of a schema change's value.
pub(super) fn of_statement(flavour: Flavour) -> String {
    let (source, connector) = (source(flavour), flavour.word());
    format!(
        r#"{{"schema":{{"type":"struct","fields":[{source}{STATEMENT_FIELDS},"optional":false,"name":"io.debezium.connector.{connector}.SchemaChangeValue","version":1}},"payload":"#
    )
}

/// What stands before the payload of a schema change's key.
pub(super) fn of_statement_key(flavour: Flavour) -> String {
    let connector = flavour.word();
    format!(
        r#"{{"schema":{{"type":"struct","fields":[{{"type":"string","optional":false,"field":"databaseName"}}],"optional":false,"name":"io.debezium.connector.{connector}.SchemaChangeKey","version":1}},"payload":"#
    )
}

/// What stands before the payloads of a schema change's key and value.
pub(in crate::encode) fn statement_heads(flavour: Flavour) -> (Vec<u8>, Vec<u8>) {
    let (key, value) = (of_statement_key(flavour), of_statement(flavour));
    (key.into_bytes(), value.into_bytes())
}

/// Appends the field of one of the images.
pub(super) fn write_image(fields: &[u8], name: &str, field: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"struct\",\"fields\":[");
    out.extend_from_slice(fields);
    out.extend_from_slice(b"],\"optional\":true,\"name\":");
    write_string(&format!("{name}.Value"), out);
    out.extend_from_slice(b",\"field\":");
    write_string(field, out);
    out.push(b'}');
}

/// Appends the fields of these columns, with commas between them.
pub(super) fn write_fields(
    table: &Table,
    columns: impl Iterator<Item = usize>,
    form_of: impl Fn(usize) -> Option<Form>,
    options: &DebeziumOptions,
    out: &mut Vec<u8>,
) {
    let propagated = Propagated::of(options);
    let mut is_first = true;
    for index in columns {
        let (Some(column), Some(form)) = (table.columns.get(index), form_of(index)) else {
            continue;
        };
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        let of_source = propagated.parameters(&table.name, column);
        let told = FieldFacts {
            optional: column.nullable,
            field: Some(&column.name),
            of_source: &of_source,
            default: column.default.as_ref(),
            doc: column
                .comment
                .as_deref()
                .filter(|_| options.include_schema_comments),
        };
        write_schema(&form, &told, options, out);
    }
}

/// What the schema of a column's values tells beside their type.
pub(in crate::encode) struct FieldFacts<'a> {
    /// Whether they may be null.
    pub(in crate::encode) optional: bool,
    /// The name of the field; `None` of a schema by itself.
    pub(in crate::encode) field: Option<&'a str>,
    /// What its parameters tell of its source.
    pub(in crate::encode) of_source: &'a [(&'a str, String)],
    /// The column's default.
    pub(in crate::encode) default: Option<&'a DefaultValue>,
    /// The column's comment.
    pub(in crate::encode) doc: Option<&'a str>,
}

/// Appends the schema of a column's values.
pub(in crate::encode) fn write_schema(
    form: &Form,
    told: &FieldFacts<'_>,
    options: &DebeziumOptions,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"type\":");
    write_type(form, told, options, out);
    if let Some(default) = told.default {
        write_default(form, told.optional, default, out);
    }
    if let Some(name) = told.field {
        out.extend_from_slice(b",\"field\":");
        write_string(name, out);
    }
    out.push(b'}');
}

/// Appends a default as rows would have it, where it is a value that is known and has a form.
fn write_default(form: &Form, optional: bool, default: &DefaultValue, out: &mut Vec<u8>) {
    let Some(image) = default.image(&form.kind) else {
        return;
    };
    // A date that does not exist is none in a column that may be NULL.
    let form = Form {
        kind: form.kind.clone(),
        way: form.way,
        no_date: match optional {
            true => NoDate::Nothing,
            false => NoDate::Epoch,
        },
    };
    let mut value = match form.is_quoted() {
        true => b"\"".to_vec(),
        false => Vec::new(),
    };
    let mut values = Values::new(InvalidText::Fail, true);
    if values
        .write_cell(&form, &image, 0..image.len(), &mut value)
        .is_ok()
    {
        out.extend_from_slice(b",\"default\":");
        out.extend_from_slice(&value);
    }
}

/// Appends the type and what belongs to it.
fn write_type(form: &Form, told: &FieldFacts<'_>, options: &DebeziumOptions, out: &mut Vec<u8>) {
    let (kind, semantic) = type_of(form, options);
    write_string(kind, out);
    let fields = match form.way {
        Way::Geometry => {
            r#","fields":[{"type":"bytes","optional":false,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}]"#
        }
        Way::Point => {
            r#","fields":[{"type":"double","optional":false,"field":"x"},{"type":"double","optional":false,"field":"y"},{"type":"bytes","optional":true,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}]"#
        }
        _other if kind == "array" => r#","items":{"type":"float","optional":false}"#,
        _other => "",
    };
    out.extend_from_slice(fields.as_bytes());
    out.extend_from_slice(if told.optional {
        b",\"optional\":true"
    } else {
        b",\"optional\":false"
    });
    if let Some(name) = semantic {
        out.extend_from_slice(b",\"name\":");
        write_string(name, out);
        out.extend_from_slice(b",\"version\":1");
    }
    let doc = told.doc.or(match form.way {
        Way::Geometry => Some("Geometry"),
        Way::Point => Some("Geometry (POINT)"),
        _other => None,
    });
    if let Some(doc) = doc {
        out.extend_from_slice(b",\"doc\":");
        write_string(doc, out);
    }
    write_parameters(form, told.of_source, out);
}

/// The type, and the name of what it means.
fn type_of(form: &Form, options: &DebeziumOptions) -> (&'static str, Option<&'static str>) {
    let mode = options.time_precision_mode;
    match form.way {
        Way::Boolean => ("boolean", None),
        Way::Bits => ("bytes", Some("io.debezium.data.Bits")),
        Way::Long => ("int64", None),
        Way::Precise => ("bytes", Some("org.apache.kafka.connect.data.Decimal")),
        Way::Double => ("double", None),
        Way::Day if mode == TimePrecision::Connect => {
            ("int32", Some("org.apache.kafka.connect.data.Date"))
        }
        Way::Day => ("int32", Some("io.debezium.time.Date")),
        Way::IsoDay => ("string", Some("io.debezium.time.IsoDate")),
        Way::Clock(Unit::Nanos) => ("int64", Some("io.debezium.time.NanoTime")),
        Way::Clock(_) => ("int64", Some("io.debezium.time.MicroTime")),
        Way::ClockOfDay => ("int32", Some("org.apache.kafka.connect.data.Time")),
        Way::IsoClock => ("string", Some("io.debezium.time.IsoTime")),
        Way::Moment(Unit::Millis) if mode == TimePrecision::Connect => {
            ("int64", Some("org.apache.kafka.connect.data.Timestamp"))
        }
        Way::Moment(Unit::Millis) => ("int64", Some("io.debezium.time.Timestamp")),
        Way::Moment(Unit::Micros) => ("int64", Some("io.debezium.time.MicroTimestamp")),
        Way::Moment(Unit::Nanos) => ("int64", Some("io.debezium.time.NanoTimestamp")),
        Way::IsoMoment => ("string", Some("io.debezium.time.IsoTimestamp")),
        Way::Zoned => ("string", Some("io.debezium.time.ZonedTimestamp")),
        Way::UrlSafe | Way::Hex | Way::Unknown => ("string", None),
        Way::Document => ("string", Some("io.debezium.data.Json")),
        Way::Geometry => ("struct", Some("io.debezium.data.geometry.Geometry")),
        Way::Point => ("struct", Some("io.debezium.data.geometry.Point")),
        Way::Same => same_type_of(&form.kind, options),
    }
}

fn same_type_of(
    kind: &ColumnType,
    options: &DebeziumOptions,
) -> (&'static str, Option<&'static str>) {
    match kind {
        ColumnType::Integer { width: 1, .. }
        | ColumnType::Integer {
            width: 2,
            unsigned: false,
        } => ("int16", None),
        ColumnType::Integer { width: 2 | 3, .. }
        | ColumnType::Integer {
            width: 4,
            unsigned: false,
        } => ("int32", None),
        ColumnType::Integer { .. } => ("int64", None),
        ColumnType::Float => ("float", None),
        ColumnType::Double => ("double", None),
        ColumnType::Year => ("int32", Some("io.debezium.time.Year")),
        ColumnType::Enum { .. } | ColumnType::RawEnum { .. } => {
            ("string", Some("io.debezium.data.Enum"))
        }
        ColumnType::Set { .. } | ColumnType::RawSet { .. } => {
            ("string", Some("io.debezium.data.EnumSet"))
        }
        ColumnType::Binary { .. } | ColumnType::Packed { charset: None, .. }
            if options.binary_handling_mode == BinaryMode::Bytes =>
        {
            ("bytes", None)
        }
        ColumnType::Vector { .. } => ("array", Some("io.debezium.data.FloatVector")),
        ColumnType::Decimal { .. }
        | ColumnType::Text { .. }
        | ColumnType::Binary { .. }
        | ColumnType::Packed { .. }
        | ColumnType::Inet4
        | ColumnType::Inet6
        | ColumnType::Uuid
        | ColumnType::EitherSign { .. }
        | ColumnType::Undecided { .. }
        | ColumnType::Bit { .. }
        | ColumnType::Date
        | ColumnType::Time { .. }
        | ColumnType::DateTime { .. }
        | ColumnType::Timestamp { .. }
        | ColumnType::OldTime { .. }
        | ColumnType::OldDateTime { .. }
        | ColumnType::OldTimestamp { .. }
        | ColumnType::Json { .. }
        | ColumnType::Geometry { .. } => ("string", None),
    }
}

fn write_parameters(form: &Form, of_source: &[(&str, String)], out: &mut Vec<u8>) {
    let mut parameters: Vec<(&str, String)> = Vec::new();
    let mut decimal = |precision: u8, scale: u8| {
        parameters.push(("scale", scale.to_string()));
        parameters.push(("connect.decimal.precision", precision.to_string()));
    };
    match (&form.kind, form.way) {
        (ColumnType::Bit { bits }, Way::Bits) => parameters.push(("length", bits.to_string())),
        (ColumnType::Decimal { precision, scale }, Way::Precise) => decimal(*precision, *scale),
        (ColumnType::Integer { .. }, Way::Precise) => decimal(20, 0),
        (ColumnType::Enum { labels, .. } | ColumnType::Set { labels, .. }, _) => {
            parameters.push(("allowed", allowed(labels)));
        }
        (ColumnType::RawEnum { labels, .. } | ColumnType::RawSet { labels, .. }, _) => {
            let RawLabels { texts, .. } = &**labels;
            parameters.push(("allowed", allowed(texts)));
        }
        _without => {}
    }
    let all = parameters.iter().chain(of_source);
    for (index, (name, value)) in all.enumerate() {
        let before: &[u8] = match index {
            0 => b",\"parameters\":{",
            _other => b",",
        };
        out.extend_from_slice(before);
        write_string(name, out);
        out.push(b':');
        write_string(value, out);
    }
    if !parameters.is_empty() || !of_source.is_empty() {
        out.push(b'}');
    }
}

/// The labels that a column may have; a comma in one has a backslash before it.
fn allowed(labels: &[Box<str>]) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|label| label.replace(',', "\\,"))
        .collect();
    labels.join(",")
}
