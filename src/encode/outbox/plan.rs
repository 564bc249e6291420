//! What is fixed for a table: which of its columns are which parts of messages, and the text of their schemas.

use std::sync::Arc;

use crate::encode::debezium::{FieldFacts, Form, Propagated, Way, schema_name, write_schema};
use crate::encode::format::{
    BinaryMode, OutboxConverter, OutboxMissing, OutboxPart, OutboxSettings,
};
use crate::row::{Column, ColumnType, Table, write_string};

/// An outbox.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    pub(in crate::encode) settings: Arc<OutboxSettings>,
    pub(super) id: Field,
    pub(super) key: Field,
    pub(super) payload: Field,
    pub(super) route: Field,
    pub(super) time: Option<Field>,
    pub(super) version: Option<Field>,
    pub(super) partition: Option<Field>,
    /// Each with its name.
    pub(super) headers: Vec<(Arc<str>, Field)>,
    /// What is beside the payload, each with its name in JSON; the payload stands alone if there is nothing.
    pub(super) envelope: Vec<(Box<[u8]>, Field)>,
    /// The text before the name of an envelope's schema up to the value that chose the topic; empty without schemas.
    pub(super) schema: Box<[u8]>,
}

/// A column.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) index: usize,
    /// How its values are written in JSON.
    pub(super) form: Form,
    /// The text before a value's payload; empty without schemas.
    pub(super) schema: Box<[u8]>,
    /// Whether bytes are written as they are where JSON is not wanted.
    pub(super) has_bytes: bool,
}

impl Plan {
    /// Makes the plan of a table.
    ///
    /// # Errors
    /// What the table lacks, and the fix.
    pub(in crate::encode) fn new(
        table: &Table,
        settings: &Arc<OutboxSettings>,
    ) -> Result<Self, String> {
        let options = &settings.options;
        let maker = Maker { table, settings };
        let route = maker.field("route_by_field", &options.route_by_field)?;
        if !is_text(&route.form.kind) {
            return Err(format!(
                "outbox.route_by_field names column {}, which holds no text, name another",
                options.route_by_field
            ));
        }
        let time = maker.optional(
            "table_field_event_timestamp",
            options.table_field_event_timestamp.as_ref(),
        )?;
        if let Some(time) = &time
            && !is_moment(&time.form.kind)
        {
            return Err("outbox.table_field_event_timestamp names a column that is no DATETIME and no TIMESTAMP, name another".to_owned());
        }
        let version = maker.integer(
            "table_field_event_schema_version",
            options.table_field_event_schema_version.as_ref(),
        )?;
        let mut plan = Self {
            id: maker.field("table_field_event_id", &options.table_field_event_id)?,
            key: maker.field("table_field_event_key", &options.table_field_event_key)?,
            payload: maker.field(
                "table_field_event_payload",
                &options.table_field_event_payload,
            )?,
            route,
            time,
            version,
            partition: None,
            headers: Vec::new(),
            envelope: Vec::new(),
            schema: Box::default(),
            settings: Arc::clone(settings),
        };
        plan.place(&maker)?;
        Ok(plan)
    }

    /// Places the other columns.
    fn place(&mut self, maker: &Maker<'_>) -> Result<(), String> {
        const KEY: &str = "table_fields_additional_placement";
        let Maker { table, settings } = maker;
        let options = &settings.debezium.options;
        let name = &schema_prefix(settings, table);
        let mut schema = b"{\"schema\":{\"type\":\"struct\",\"fields\":[".to_vec();
        let of = |field: &Field, name: &str, schema: &mut Vec<u8>| {
            let column = table.columns.get(field.index);
            let nullable = column.is_none_or(|column| column.nullable);
            let of_source = maker.of_source(column);
            let told = FieldFacts {
                optional: nullable,
                field: Some(name),
                of_source: &of_source,
                default: column.and_then(|column| column.default.as_ref()),
                doc: None,
            };
            write_schema(&field.form, &told, options, schema);
        };
        of(&self.payload, "payload", &mut schema);
        let missing = settings.options.table_field_additional_missing;
        for placement in &settings.placements {
            if missing == OutboxMissing::Ignore && maker.index(&placement.column).is_none() {
                continue;
            }
            let field = maker.field(KEY, &placement.column)?;
            match placement.to {
                OutboxPart::Header => self.headers.push((placement.name.as_str().into(), field)),
                OutboxPart::Envelope => {
                    schema.push(b',');
                    of(&field, &placement.name, &mut schema);
                    let mut name = vec![b','];
                    write_string(&placement.name, &mut name);
                    name.push(b':');
                    self.envelope.push((name.into(), field));
                }
                OutboxPart::Partition => {
                    self.partition = maker.integer(KEY, Some(&placement.column))?;
                }
            }
        }
        if options.schemas_enable {
            schema.extend_from_slice(b"],\"optional\":false,\"name\":");
            write_string(name, &mut schema);
            // The name goes on.
            schema.pop();
            self.schema = schema.into();
        }
        Ok(())
    }
}

/// What the names of schemas of envelopes begin with.
fn schema_prefix(settings: &OutboxSettings, table: &Table) -> String {
    let name = schema_name(&settings.debezium.prefix, table);
    format!("{name}.")
}

/// Finds the columns of a table.
struct Maker<'a> {
    table: &'a Table,
    settings: &'a OutboxSettings,
}

impl Maker<'_> {
    /// What the schema of a column tells of its source.
    fn of_source(&self, column: Option<&Column>) -> Vec<(&'static str, String)> {
        let propagated = Propagated::of(&self.settings.debezium.options);
        column.map_or_else(Vec::new, |column| {
            propagated.parameters(&self.table.name, column)
        })
    }

    fn index(&self, name: &str) -> Option<usize> {
        let mut columns = self.table.columns.iter();
        // Servers do not tell case apart in the names of columns.
        let index = columns.position(|column| {
            &*column.name == name || column.name.to_lowercase() == name.to_lowercase()
        });
        index.filter(|index| self.table.publishes(*index))
    }

    fn field(&self, key: &str, name: &str) -> Result<Field, String> {
        let index = self.index(name);
        let found = index.and_then(|index| Some((index, self.table.columns.get(index)?)));
        let Some((index, column)) = found else {
            return Err(format!(
                "outbox.{key} names column {name}, which the table does not have or the rules leave out, name another"
            ));
        };
        let options = &self.settings.debezium.options;
        let form = Form::of(&column.kind, column.nullable, false, options);
        let of_json = [
            self.settings.options.key_converter,
            self.settings.options.value_converter,
            self.settings.options.header_converter,
        ];
        let mut schema = Vec::new();
        if options.schemas_enable && of_json.contains(&OutboxConverter::Json) {
            schema.extend_from_slice(b"{\"schema\":");
            let of_source = self.of_source(Some(column));
            let told = FieldFacts {
                optional: column.nullable,
                field: None,
                of_source: &of_source,
                default: column.default.as_ref(),
                doc: None,
            };
            write_schema(&form, &told, options, &mut schema);
            schema.extend_from_slice(b",\"payload\":");
        }
        if matches!(form.way, Way::Geometry | Way::Point | Way::Unknown)
            || matches!(form.kind, ColumnType::Vector { .. })
        {
            return Err(format!(
                "outbox.{key} names column {name}, whose type is none for messages, name another"
            ));
        }
        Ok(Field {
            index,
            form,
            schema: schema.into(),
            has_bytes: options.binary_handling_mode == BinaryMode::Bytes,
        })
    }

    fn optional(&self, key: &str, name: Option<&String>) -> Result<Option<Field>, String> {
        name.map(|name| self.field(key, name)).transpose()
    }

    fn integer(&self, key: &str, name: Option<&String>) -> Result<Option<Field>, String> {
        let field = self.optional(key, name)?;
        match &field {
            Some(Field { form, .. }) if !matches!(form.kind, ColumnType::Integer { .. }) => {
                let name = name.map_or("", |name| name);
                Err(format!(
                    "outbox.{key} names column {name}, which holds no integer, name another"
                ))
            }
            Some(_) | None => Ok(field),
        }
    }
}

fn is_text(kind: &ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::Text { .. } | ColumnType::Enum { .. } | ColumnType::Uuid
    )
}

fn is_moment(kind: &ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::DateTime { .. } | ColumnType::Timestamp { .. }
    )
}
