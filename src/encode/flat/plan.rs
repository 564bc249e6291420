//! What is fixed for a table.

use crate::encode::debezium;
use crate::encode::destination::RecordKey;
use crate::encode::format::{FlatField, FlatSettings};
use crate::row::{Table, write_string};

/// A table as messages show it.
#[derive(Debug)]
pub(in crate::encode) struct Plan {
    /// Its columns, names and key.
    pub(super) debezium: debezium::Plan,
    /// The text before a value's payload; empty without schemas.
    pub(super) schema: Box<[u8]>,
}

impl Plan {
    /// Makes the plan of a table whose records have this key.
    pub(in crate::encode) fn new(table: &Table, key: &RecordKey, settings: &FlatSettings) -> Self {
        let debezium = debezium::Plan::new(table, key, &settings.debezium);
        let mut schema = Vec::new();
        if settings.debezium.options.schemas_enable {
            schema.extend_from_slice(b"{\"schema\":{\"type\":\"struct\",\"fields\":[");
            schema.extend_from_slice(&debezium.fields);
            if settings.deletes.has_rows() {
                schema.extend_from_slice(
                    b",{\"type\":\"string\",\"optional\":true,\"field\":\"__deleted\"}",
                );
            }
            for FlatField { name, content } in &settings.fields {
                schema.extend_from_slice(b",{\"type\":\"");
                schema.extend_from_slice(content.connect_type().as_bytes());
                schema.extend_from_slice(b"\",\"optional\":true,\"field\":");
                write_string(name, &mut schema);
                schema.push(b'}');
            }
            schema.extend_from_slice(b"],\"optional\":false,\"name\":");
            let name = debezium::schema_name(&settings.debezium.prefix, table);
            write_string(&format!("{name}.Value"), &mut schema);
            schema.extend_from_slice(b"},\"payload\":");
        }
        Self {
            debezium,
            schema: schema.into(),
        }
    }
}
