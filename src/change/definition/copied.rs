//! Tables whose rows are read from the server itself, where there is no table map: what one would say of them.
//!
//! Rows that are read so get the form of row images under the table that is made here. It has no columns of the server's own,
//! and its compressed columns are as they are unpacked.

use std::collections::HashMap;
use std::sync::Arc;

use super::agreement::{agree, metadata_of};
use super::computed::tell_computed;
use super::kept_table::{Defined, KeptTable};
use super::schemas::{Belief, Schemas};
use super::table::{ColumnDefinition, TableDefinition};
use super::table_map_error::{Missing, TableMapError};
use super::table_maps::{Asks, TableMaps, read_columns};
use crate::binlog::ColumnMap;
use crate::binlog::column_map::kind;
use crate::change::statement::{Statement, StatementKind};
use crate::mysql::Flavour;
use crate::row::{Table, TableName};

/// The numbers of the collations of a table's columns of text, by the columns' names.
pub type Collations = HashMap<Box<str>, u32>;

/// Makes the table that rows of a definition are read under; `None` where filters leave it out.
///
/// # Errors
/// A definition that is not known for certain, a type that is not read, rules that do not fit.
pub(in crate::change) fn copied(
    maps: &mut TableMaps,
    source: &TableName,
    definition: &TableDefinition,
    collations: &Collations,
) -> Result<Option<Arc<KeptTable>>, TableMapError> {
    let Some(mut defined) = defined(maps, source, definition)? else {
        return Ok(None);
    };
    let columns = definition.columns.iter();
    let collations = columns.map(|column| collations.get(&column.name).copied());
    defined.table.collations = collations.collect();
    let kept = maps.keep_defined(defined, source.clone(), false);
    kept.map(Some).map_err(|missing| error_of(missing, source))
}

/// The table of a definition before rules treat its columns, without what is known of collations.
fn defined(
    maps: &TableMaps,
    source: &TableName,
    definition: &TableDefinition,
) -> Result<Option<Defined>, TableMapError> {
    let flavour = maps.flavour;
    let verdict = maps.rules().table(&source.database, &source.table);
    if !verdict.keep {
        return Ok(None);
    }
    if let Some(column) = definition.unsettled() {
        return Err(not_copied(
            source,
            column,
            "labels or character set are not known for certain",
        ));
    }
    let mut columns = Vec::with_capacity(definition.columns.len());
    for column in &definition.columns {
        let map = map_of(column, flavour);
        columns.push(map.ok_or_else(|| not_copied(source, column, "type is not known"))?);
    }
    let layout = agree(&columns, definition).map_err(|disagreement| TableMapError::Copied {
        table: source.clone(),
        what: disagreement.to_string(),
    })?;
    let laid_out = (definition, layout);
    let read = read_columns(&columns, Some(&laid_out), Asks::Needed, source);
    let mut read = read.map_err(|missing| error_of(missing, source))?;
    let (_, layout) = laid_out;
    let computed = tell_computed(&mut read, &layout, definition);
    let key = layout.key(definition);
    Ok(Some(Defined {
        table: Table::new(verdict.published, read, key),
        unsettled: Default::default(),
        computed: Some(computed),
    }))
}

/// The table that TRUNCATE empties, as its rows would be read; `None` of another statement or none, and where that is not known for
/// certain.
pub(in crate::change) fn emptied(
    maps: &mut TableMaps,
    believed: &Schemas,
    statement: Option<&Statement>,
) -> Option<Arc<Table>> {
    let statement = statement.filter(|it| it.kind == StatementKind::TruncateTable)?;
    let name = believed.fold(&statement.objects.first()?.name);
    let Belief::Known(definition) = believed.get(&name)? else {
        return None;
    };
    let defined = defined(maps, &name, definition).ok().flatten()?;
    // It has no rows, so that rules on them say nothing of it.
    let kept = maps.keep_filtered(defined, name, None, false);
    Some(Arc::clone(&kept.ok()?.table))
}

fn not_copied(table: &TableName, column: &ColumnDefinition, what: &str) -> TableMapError {
    let ColumnDefinition {
        name, column_type, ..
    } = column;
    TableMapError::Copied {
        table: table.clone(),
        what: format!("column {name} is a {column_type} whose {what}"),
    }
}

fn error_of(missing: Missing, table: &TableName) -> TableMapError {
    match missing {
        Missing::Error(error) => error,
        Missing::Disagreement(_, disagreement) => TableMapError::Copied {
            table: table.clone(),
            what: disagreement.to_string(),
        },
        Missing::Definition(..) | Missing::Value(..) => TableMapError::Copied {
            table: table.clone(),
            what: "its definition does not tell all of its columns".to_owned(),
        },
    }
}

/// What a table map would say of a column; `None` for a type that is not known.
fn map_of(column: &ColumnDefinition, flavour: Flavour) -> Option<ColumnMap> {
    let kind = column.kind(flavour)?;
    let data_type = column.data_type();
    let metadata = match kind {
        kind::FLOAT | kind::JSON | kind::GEOMETRY => 4,
        kind::DOUBLE => 8,
        kind::VECTOR => 4,
        kind::STRING if data_type == "inet4" => 4,
        kind::STRING if matches!(data_type, "inet6" | "uuid") => 16,
        // MariaDB's, which is stored as VARBINARY.
        kind::VARCHAR if data_type == "vector" => column.numbers().next()?.checked_mul(4)?,
        _ => metadata_of(kind, column).unwrap_or_default(),
    };
    let needs_length = matches!(kind, kind::STRING | kind::VARCHAR | kind::BLOB);
    if needs_length && metadata == 0 && column.numbers().next() != Some(0) {
        return None;
    }
    Some(ColumnMap {
        nullable: column.nullable,
        fraction: column.fraction(),
        ..ColumnMap::of_type(kind, metadata)
    })
}
