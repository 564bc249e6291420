//! What is fixed for a table before its rows are encoded: its names as JSON, and how its values are read.

use super::member::{Member, MemberName};
use super::value::is_quoted;
use crate::row::{ColumnType, Table, write_string};

/// A table's names as JSON, and how its values are read.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    /// One a column.
    members: Vec<Member<ColumnType>>,
    /// The members of `source` that name the table, each followed by a comma.
    source: Box<[u8]>,
    /// The members of a key that name the table, each after a comma.
    table: Box<[u8]>,
}

impl Plan {
    /// Makes the plan of a table.
    pub(in crate::encode) fn new(table: &Table) -> Self {
        let columns = table.columns.iter().zip(table.spans());
        let members = columns.map(|(column, span)| Member {
            name: MemberName::of(&column.name, is_quoted(&column.kind)),
            form: column.kind.clone(),
            span: *span,
        });
        let mut source = b"\"db\":".to_vec();
        write_string(&table.name.database, &mut source);
        source.extend_from_slice(b",\"table\":");
        write_string(&table.name.table, &mut source);
        source.push(b',');
        if table.is_undefined {
            source.extend_from_slice(b"\"definition\":\"unknown\",");
        }
        let mut named = b",\"__database\":".to_vec();
        write_string(&table.name.database, &mut named);
        named.extend_from_slice(b",\"__table\":");
        write_string(&table.name.table, &mut named);
        Self {
            members: members.collect(),
            table: named.into(),
            source: source.into(),
        }
    }

    /// One a column.
    pub(super) fn members(&self) -> &[Member<ColumnType>] {
        &self.members
    }

    /// The members of a key that name the table, each after a comma.
    pub(super) fn table(&self) -> &[u8] {
        &self.table
    }

    /// The members of `source` that name the table, each followed by a comma.
    pub(super) fn source(&self) -> &[u8] {
        &self.source
    }
}
