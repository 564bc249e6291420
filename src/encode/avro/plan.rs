//! What is fixed for a table: how its columns' values are written, its names, its schemas and what messages begin with.

use super::binary::write_bytes;
use super::column::{AvroColumn, AvroField};
use super::connect::{Connect, SchemaProblem};
use super::plain;
use super::short::ShortValues;
use crate::encode::debezium;
use crate::encode::destination::{Destination, RecordKey};
use crate::encode::format::{AvroLayout, AvroSettings};
use crate::encode::schemas::AvroSchemas;
use crate::row::{Span, Table};

/// A message of Confluent's wire format begins with this byte and the number of its schema.
const MAGIC: u8 = 0;

/// A table as messages show it.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    /// The columns of a row, in the order of its record, which is that of the table.
    pub(super) members: Vec<AvroMember>,
    /// Whether they are all that an image holds.
    pub(super) is_whole: bool,
    /// The columns of a key.
    pub(super) key_members: Vec<AvroMember>,
    /// What records have for a key.
    pub(super) key: RecordKey,
    /// The database's name, and the table's, as strings.
    pub(super) database: Box<[u8]>,
    pub(super) table: Box<[u8]>,
    /// What keys and values begin with; empty in files.
    pub(super) key_head: Vec<u8>,
    pub(super) value_head: Vec<u8>,
    /// Its schemas, or why it has none.
    schemas: Result<AvroSchemas, SchemaProblem>,
    /// What the message takes that the table was emptied, where there is one.
    pub(super) emptied: Option<Box<Emptied>>,
}

/// A column of a row: all that writing it takes, side by side.
#[derive(Debug)]
pub(super) struct AvroMember {
    pub(super) field: AvroField,
    pub(super) column: AvroColumn,
    /// How many bytes its values are.
    pub(super) span: Span,
    /// How most of them are written.
    pub(super) short: ShortValues,
}

/// What the message takes that a table was emptied.
#[derive(Debug)]
pub(super) struct Emptied {
    /// The schema of values.
    pub(super) value: Connect,
    /// The table as the payload shows it.
    pub(super) payload: debezium::Plan,
}

/// The schemas, and the columns of values and keys.
type Made = (AvroSchemas, Vec<AvroField>, Vec<AvroField>);

impl Plan {
    /// Makes the plan of a table.
    pub(in crate::encode) fn new(
        table: &Table,
        destination: &Destination,
        settings: &AvroSettings,
    ) -> Self {
        let key = &destination.key;
        let string = |text: &str| {
            let mut out = Vec::new();
            write_bytes(text.as_bytes(), &mut out);
            out.into_boxed_slice()
        };
        let mut plan = Self {
            members: Vec::new(),
            is_whole: false,
            key_members: Vec::new(),
            key: key.clone(),
            database: string(&table.name.database),
            table: string(&table.name.table),
            key_head: Vec::new(),
            value_head: Vec::new(),
            schemas: Err(SchemaProblem::Unforeseen("it was not begun".to_owned())),
            emptied: None,
        };
        let made = match settings.options.layout {
            AvroLayout::Debezium => {
                plan.emptied = emptied(table, key, settings);
                of_debezium(table, key, settings)
            }
            AvroLayout::Plain => of_plain(table, destination, settings),
        };
        let made = made.and_then(|(schemas, fields, key_fields)| {
            plan.members = members(table, key, &fields, settings)?;
            plan.key_members = members(table, key, &key_fields, settings)?;
            let indexes = fields.iter().map(|field| field.index);
            plan.is_whole = indexes.eq(0..table.columns.len());
            Ok(schemas)
        });
        plan.schemas = made;
        plan
    }

    /// Its schemas.
    ///
    /// # Errors
    /// Why the table has none, with the fix.
    pub(in crate::encode) fn schemas(&self) -> Result<&AvroSchemas, String> {
        self.schemas.as_ref().map_err(ToString::to_string)
    }

    /// Has messages begin with the numbers that a registry gave to the schemas.
    pub(in crate::encode) fn identify(&mut self, key: u32, value: u32) {
        self.key_head = head(key);
        self.value_head = head(value);
    }
}

/// What a message begins with whose schema has this number.
pub(super) fn head(number: u32) -> Vec<u8> {
    let [a, b, c, d] = number.to_be_bytes();
    vec![MAGIC, a, b, c, d]
}

/// What a message begins with whose schema's number is not known yet: a sink puts it in.
pub(super) const HEAD_WITHOUT_NUMBER: [u8; 5] = [MAGIC, 0, 0, 0, 0];

fn members(
    table: &Table,
    key: &RecordKey,
    fields: &[AvroField],
    settings: &AvroSettings,
) -> Result<Vec<AvroMember>, SchemaProblem> {
    let made = fields.iter().map(|field| {
        let index = field.index;
        let column = table.columns.get(index).zip(table.spans().get(index));
        let (column, span) = column.ok_or_else(|| missing("of a column"))?;
        let is_key = table.key.contains(&index) || key.columns.contains(&index);
        let column = AvroColumn::of(column, is_key, settings)?;
        Ok(AvroMember {
            field: *field,
            short: ShortValues::of(&column, field.branch()),
            column,
            span: *span,
        })
    });
    made.collect()
}

fn emptied(table: &Table, key: &RecordKey, settings: &AvroSettings) -> Option<Box<Emptied>> {
    let mut of_payloads = settings.debezium.clone();
    if of_payloads.options.skipped()?.truncates {
        return None;
    }
    let heads = debezium::Plan::heads(table, key, &of_payloads, settings.flavour);
    of_payloads.options.schemas_enable = false;
    Some(Box::new(Emptied {
        value: Connect::of_head(&heads.value).ok()?,
        payload: debezium::Plan::new(table, key, &of_payloads),
    }))
}

fn of_debezium(
    table: &Table,
    key: &RecordKey,
    settings: &AvroSettings,
) -> Result<Made, SchemaProblem> {
    let heads = debezium::Plan::heads(table, key, &settings.debezium, settings.flavour);
    let value = Connect::of_head(&heads.value)?;
    let row = value.field("after").ok_or_else(|| missing("after"))?;
    let fields = fields(table, row)?;
    let (key_schema, key_fields) = match key.columns.is_empty() {
        true => (None, Vec::new()),
        false => {
            let schema = Connect::of_head(&heads.key)?;
            (Some(schema.to_avro()?), self::fields(table, &schema)?)
        }
    };
    let schemas = AvroSchemas {
        key: key_schema,
        value: value.to_avro()?,
    };
    Ok((schemas, fields, key_fields))
}

fn of_plain(
    table: &Table,
    destination: &Destination,
    settings: &AvroSettings,
) -> Result<Made, SchemaProblem> {
    let key = &destination.key;
    let topic = format!("{}.{}", settings.debezium.prefix, table.name);
    let schemas = plain::schemas(table, key, settings.options.times, &topic)?;
    let field = |index: usize| AvroField {
        index,
        branches: plain::branches(table, index),
    };
    let published = (0..table.columns.len()).filter(|index| table.publishes(*index));
    let key_fields = key.columns.iter().copied().map(field);
    Ok((
        schemas,
        published.map(field).collect(),
        key_fields.collect(),
    ))
}

/// The columns of a record, in its order; fields that are no column's are passed over.
fn fields(table: &Table, record: &Connect) -> Result<Vec<AvroField>, SchemaProblem> {
    let columns = table.columns.iter().enumerate();
    let by_name: std::collections::HashMap<&str, usize> = columns
        .filter(|(index, _)| table.publishes(*index))
        .map(|(index, column)| (&*column.name, index))
        .collect();
    let named = |name: &str| matches!(name, "__database" | "__table");
    let found = record.fields.iter().filter_map(|field| {
        let index = by_name.get(&*field.field).copied();
        if index.is_none() && named(&field.field) {
            return None;
        }
        Some(match index {
            Some(index) => Ok(AvroField {
                index,
                branches: field.branches(),
            }),
            None => Err(missing(&field.field)),
        })
    });
    found.collect()
}

fn missing(what: &str) -> SchemaProblem {
    SchemaProblem::Unforeseen(format!("field {what} is not as expected"))
}
