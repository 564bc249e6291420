//! What is fixed for a table: how its columns' values are written, and the parts of messages and keys that name it.

use super::value::Form;
use crate::encode::destination::{RecordKey, hash};
use crate::encode::format::{MaxwellKeyFormat, MaxwellOptions};
use crate::encode::json::{Member, MemberName};
use crate::row::{Span, Table, write_integer, write_string};

/// A table as messages show it.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    /// One a column.
    pub(super) members: Vec<Member<Form>>,
    /// What begins a message: `{"database":…,"table":…`.
    pub(super) head: Box<[u8]>,
    /// `,"schema_id":…`, if messages have it.
    pub(super) schema_id: Box<[u8]>,
    /// `,"primary_key_columns":[…]`, if messages have it.
    pub(super) key_columns: Box<[u8]>,
    /// What records have for a key.
    pub(super) key: RecordKey,
    /// A column of that key each: its index, and its member in a key.
    pub(super) key_members: Vec<(usize, Member<Form>)>,
    /// What begins a key, with a comma in front where it is an object.
    pub(super) key_head: Box<[u8]>,
    /// The key of a row whose columns are null: that of the messages around a snapshot.
    pub(super) edge_key: Box<[u8]>,
    /// `,"primary_key":[null,…]`, if messages have it: that of the message before a snapshot.
    pub(super) edge_values: Box<[u8]>,
    /// `,"primary_key":[]` and `,"primary_key_columns":[]`, as far as messages have them: those of the message after it.
    pub(super) no_key: [&'static [u8]; 2],
}

impl Plan {
    /// Makes the plan of a table whose records have this key.
    pub(in crate::encode) fn new(table: &Table, key: &RecordKey, options: &MaxwellOptions) -> Self {
        let columns = table.columns.iter().zip(table.spans());
        let member = |name: &str, kind, span: Span| {
            let form = Form::of(kind, options);
            Member {
                name: MemberName::of(name, form.is_quoted()),
                form,
                span,
            }
        };
        let members = columns
            .clone()
            .map(|(column, span)| member(&column.name, &column.kind, *span));
        let of_key = key.columns.iter().filter_map(|index| {
            let (column, span) = columns.clone().nth(*index)?;
            // As Java has them.
            let name = column.name.to_lowercase();
            let name = match options.kafka_key_format {
                MaxwellKeyFormat::Hash => format!("pk.{name}"),
                MaxwellKeyFormat::Array => name,
            };
            Some((*index, member(&name, &column.kind, *span)))
        });
        let json = |name: &str| {
            let mut text = Vec::new();
            write_string(name, &mut text);
            text
        };
        let (database, own_name) = (json(&table.name.database), json(&table.name.table));
        let named: [&[u8]; 4] = [b"\"database\":", &database, b",\"table\":", &own_name];
        let named = named.concat();
        let names = key.columns.iter().filter_map(|index| {
            let column = table.columns.get(*index)?;
            Some(json(&column.name.to_lowercase()))
        });
        let names: Vec<Vec<u8>> = names.collect();
        Self {
            edge_key: edge_key(
                options.kafka_key_format,
                (&named, &[&database, &own_name]),
                &names,
            ),
            edge_values: match options.output_primary_keys {
                true => edge_values(table),
                false => Box::default(),
            },
            no_key: no_key(options),
            head: [b"{", &*named].concat().into(),
            key_head: match options.kafka_key_format {
                MaxwellKeyFormat::Hash => [b",", &*named].concat(),
                MaxwellKeyFormat::Array => [b"[", &*database, b",", &own_name, b",["].concat(),
            }
            .into(),
            schema_id: match options.output_schema_id {
                true => schema_id(table),
                false => Box::default(),
            },
            key_columns: match options.output_primary_key_columns {
                true => key_columns(table),
                false => Box::default(),
            },
            key_members: of_key.collect(),
            members: members.collect(),
            key: key.clone(),
        }
    }
}

/// What of a key messages have that are of no row.
fn no_key(options: &MaxwellOptions) -> [&'static [u8]; 2] {
    [
        match options.output_primary_keys {
            true => b",\"primary_key\":[]",
            false => b"",
        },
        match options.output_primary_key_columns {
            true => b",\"primary_key_columns\":[]",
            false => b"",
        },
    ]
}

/// The key of a table's row whose columns, of these names, are null.
fn edge_key(
    format: MaxwellKeyFormat,
    (named, table): (&[u8], &[&[u8]]),
    columns: &[Vec<u8>],
) -> Box<[u8]> {
    let mut out = Vec::new();
    match format {
        MaxwellKeyFormat::Hash => {
            out.push(b'{');
            out.extend_from_slice(named);
            for name in columns {
                out.extend_from_slice(b",\"pk.");
                out.extend_from_slice(name.get(1..).unwrap_or_default());
                out.extend_from_slice(b":null");
            }
            out.push(b'}');
        }
        MaxwellKeyFormat::Array => {
            out.push(b'[');
            out.extend_from_slice(&table.join(&b','));
            out.extend_from_slice(b",[");
            for (number, name) in columns.iter().enumerate() {
                let before: &[u8] = if number > 0 { b",{" } else { b"{" };
                out.extend_from_slice(before);
                out.extend_from_slice(name);
                out.extend_from_slice(b":null}");
            }
            out.extend_from_slice(b"]]");
        }
    }
    out.into()
}

/// The primary key of a row whose columns are null.
fn edge_values(table: &Table) -> Box<[u8]> {
    let nulls = vec!["null"; table.key.len()];
    format!(",\"primary_key\":[{}]", nulls.join(","))
        .into_bytes()
        .into()
}

/// A number for what the table's columns are.
fn schema_id(table: &Table) -> Box<[u8]> {
    let columns = format!("{:?} {:?} {:?}", table.name, table.columns, table.key);
    let mut out = b",\"schema_id\":".to_vec();
    // As Maxwell's, it is positive, and readers may keep it in 32 bits.
    write_integer(hash(columns.as_bytes()) >> 1, &mut out);
    out.into()
}

fn key_columns(table: &Table) -> Box<[u8]> {
    let mut out = b",\"primary_key_columns\":[".to_vec();
    let columns = table
        .key
        .iter()
        .filter_map(|index| table.columns.get(*index));
    for (number, column) in columns.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_string(&column.name, &mut out);
    }
    out.push(b']');
    out.into()
}
