//! What is fixed for a table: how its columns' values are written, its names, and the text of its schemas.

use super::form::Form;
use super::schema::{rest_of_envelope, write_fields, write_image};
use crate::encode::destination::RecordKey;
use crate::encode::format::{DebeziumOptions, DebeziumSettings};
use crate::encode::json::{Member, MemberName};
use crate::mysql::Flavour;
use crate::row::{Table, write_string};

/// A table as messages show it.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    /// One a column.
    pub(in crate::encode) members: Vec<Member<Form>>,
    /// The database's name in JSON.
    pub(in crate::encode) database: Box<[u8]>,
    /// The table's name in JSON.
    pub(in crate::encode) table: Box<[u8]>,
    /// The members of a key that name the table, each after a comma.
    pub(in crate::encode) named: Box<[u8]>,
    /// What records have for a key.
    pub(in crate::encode) key: RecordKey,
    /// The text before a key's payload; empty without schemas.
    pub(in crate::encode) key_schema: Box<[u8]>,
    /// The fields of a row's schema; empty without schemas.
    pub(in crate::encode) fields: Box<[u8]>,
    /// The text before a value's payload, up to `source`; empty without schemas.
    pub(in crate::encode) schema_start: Box<[u8]>,
    /// The rest of it, from the end of the fields.
    pub(in crate::encode) schema_end: Box<[u8]>,
}

impl Plan {
    /// Makes the plan of a table whose records have this key.
    pub(in crate::encode) fn new(
        table: &Table,
        key: &RecordKey,
        settings: &DebeziumSettings,
    ) -> Self {
        let options = &settings.options;
        let form_of = |index: usize| {
            let column = table.columns.get(index)?;
            let is_key = table.key.contains(&index) || key.columns.contains(&index);
            let form = Form::of(&column.kind, column.nullable, is_key, options);
            Some(form)
        };
        let spans = table.spans().iter();
        let columns = table.columns.iter().zip(spans).enumerate();
        let members = columns.filter_map(|(index, (column, span))| {
            let form = form_of(index)?;
            Some(Member {
                name: MemberName::of(&column.name, form.is_quoted()),
                form,
                span: *span,
            })
        });
        let json = |name: &str| {
            let mut text = Vec::new();
            write_string(name, &mut text);
            text.into_boxed_slice()
        };
        let database = json(&table.name.database);
        let own_name = json(&table.name.table);
        let mut plan = Self {
            members: members.collect(),
            named: [b",\"__database\":", &*database, b",\"__table\":", &own_name]
                .concat()
                .into(),
            database,
            table: own_name,
            key: key.clone(),
            key_schema: Box::default(),
            fields: Box::default(),
            schema_start: Box::default(),
            schema_end: Box::default(),
        };
        if options.schemas_enable {
            plan.render_schemas(table, form_of, settings);
        }
        plan
    }

    fn render_schemas(
        &mut self,
        table: &Table,
        form_of: impl Fn(usize) -> Option<Form>,
        settings: &DebeziumSettings,
    ) {
        let name = schema_name(&settings.prefix, table);
        let options = &settings.options;
        let mut key = b"{\"schema\":{\"type\":\"struct\",\"fields\":[".to_vec();
        if self.key.names_table {
            key.extend_from_slice(
                b"{\"type\":\"string\",\"optional\":false,\"field\":\"__database\"},{\"type\":\"string\",\"optional\":false,\"field\":\"__table\"},",
            );
        }
        let columns = self.key.columns.iter().copied();
        // Only values tell the types on the source.
        let of_keys = DebeziumOptions {
            column_propagate_source_type: None,
            datatype_propagate_source_type: None,
            ..options.clone()
        };
        write_fields(table, columns, &form_of, &of_keys, &mut key);
        key.extend_from_slice(b"],\"optional\":false,\"name\":");
        write_string(&format!("{name}.Key"), &mut key);
        key.extend_from_slice(b"},\"payload\":");
        self.key_schema = key.into();

        let mut fields = Vec::new();
        let published = (0..table.columns.len()).filter(|index| table.publishes(*index));
        write_fields(table, published, &form_of, options, &mut fields);
        let mut start = b"{\"schema\":{\"type\":\"struct\",\"fields\":[".to_vec();
        write_image(&fields, &name, "before", &mut start);
        start.push(b',');
        write_image(&fields, &name, "after", &mut start);
        start.push(b',');
        self.schema_start = start.into();
        self.fields = fields.into();

        let mut end = b",\"optional\":false,\"name\":".to_vec();
        write_string(&format!("{name}.Envelope"), &mut end);
        end.extend_from_slice(b",\"version\":2},\"payload\":");
        self.schema_end = end.into();
    }
}

/// What stands before the payloads of keys and values.
#[derive(Debug)]
pub(in crate::encode) struct Heads {
    pub(in crate::encode) key: Vec<u8>,
    pub(in crate::encode) value: Vec<u8>,
}

impl Plan {
    /// What stands before the payloads of a table's keys and values, with their schemas.
    pub(in crate::encode) fn heads(
        table: &Table,
        key: &RecordKey,
        settings: &DebeziumSettings,
        flavour: Flavour,
    ) -> Heads {
        let mut settings = settings.clone();
        settings.options.schemas_enable = true;
        let plan = Self::new(table, key, &settings);
        let rest = rest_of_envelope(flavour);
        Heads {
            key: plan.key_schema.to_vec(),
            value: [&*plan.schema_start, rest.as_bytes(), &*plan.schema_end].concat(),
        }
    }
}

/// What the names of a table's schemas begin with: its topic's name as Debezium makes it.
pub(in crate::encode) fn schema_name(prefix: &str, table: &Table) -> String {
    let name = format!("{prefix}.{}", table.name);
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    name.chars()
        .map(|letter| if allowed(letter) { letter } else { '_' })
        .collect()
}
