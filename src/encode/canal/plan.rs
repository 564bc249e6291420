//! What is fixed for a table: how its columns' values are written, and the parts of messages that name it.

use super::declared::{mysql_type, sql_type};
use super::value::Form;
use crate::encode::destination::{Destination, PartitionRule};
use crate::encode::json::{Member, MemberName, close_object};
use crate::row::{Table, write_integer, write_string};

/// A table as messages show it.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    /// One a column.
    pub(super) members: Vec<Member<Form>>,
    /// From after `data` to the time: `,"database":…,"es":`.
    pub(super) database: Box<[u8]>,
    /// From after `isDdl` to `old`: `,"mysqlType":{…},"old":`.
    pub(super) mysql_types: Box<[u8]>,
    /// From after `old` to `ts`: `,"pkNames":…,"sql":"","sqlType":{…},"table":…,"ts":`.
    pub(super) rest: Box<[u8]>,
    /// Whether a message has one row only, since its rows may go to several partitions.
    pub(super) is_single: bool,
}

impl Plan {
    /// Makes the plan of a table whose records go there.
    pub(in crate::encode) fn new(table: &Table, destination: &Destination) -> Self {
        let columns = table.columns.iter().zip(table.spans());
        let members = columns.map(|(column, span)| Member {
            // Every value is a string.
            name: MemberName::of(&column.name, true),
            form: Form::of(&column.kind),
            span: *span,
        });
        let mut database = b",\"database\":".to_vec();
        write_string(&table.name.database, &mut database);
        database.extend_from_slice(b",\"es\":");
        Self {
            members: members.collect(),
            database: database.into(),
            mysql_types: mysql_types(table),
            rest: rest(table),
            is_single: matches!(destination.partition, PartitionRule::Columns(..)),
        }
    }
}

fn mysql_types(table: &Table) -> Box<[u8]> {
    let mut out = b",\"mysqlType\":".to_vec();
    write_types(table, &mut out, write_string);
    out.extend_from_slice(b",\"old\":");
    out.into()
}

fn rest(table: &Table) -> Box<[u8]> {
    let mut out = b",\"pkNames\":".to_vec();
    let key = (0..table.columns.len()).filter(|index| table.key.contains(index));
    let names = key.filter_map(|index| table.columns.get(index));
    let mut has_key = false;
    for column in names {
        out.push(if has_key { b',' } else { b'[' });
        write_string(&column.name, &mut out);
        has_key = true;
    }
    out.extend_from_slice(if has_key { b"]" } else { b"null" });
    out.extend_from_slice(b",\"sql\":\"\",\"sqlType\":");
    write_types(table, &mut out, |declared, out| {
        write_integer(sql_type(declared), out);
    });
    out.extend_from_slice(b",\"table\":");
    write_string(&table.name.table, &mut out);
    out.extend_from_slice(b",\"ts\":");
    out.into()
}

fn write_types(table: &Table, out: &mut Vec<u8>, write: impl Fn(&str, &mut Vec<u8>)) {
    let start = out.len();
    let published = (0..table.columns.len()).filter(|index| table.publishes(*index));
    for column in published.filter_map(|index| table.columns.get(index)) {
        out.push(b',');
        write_string(&column.name, out);
        out.push(b':');
        write(&mysql_type(column), out);
    }
    close_object(start, out);
}
