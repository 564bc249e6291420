//! `--definitions`: what is known of tables beyond their table maps.

use std::collections::HashMap;
use std::path::Path;
use std::slice;
use std::sync::Arc;

use tracing::warn;

use super::error::DecodeError;
use crate::binlog::Coordinates;
use crate::change::{Definition, TableDefinition};
use crate::cli::variables;
use crate::config;
use crate::row::TableName;
use crate::source;

/// Tables' definitions, of which nothing says for which part of a binlog they hold.
#[derive(Debug, Default)]
pub(super) struct Known {
    tables: HashMap<TableName, Arc<TableDefinition>>,
}

impl Known {
    /// Asks the source of a connector file how its tables are defined now.
    pub(super) fn read(connector: &Path) -> Result<Self, DecodeError> {
        let path = connector.to_owned();
        let connectors = config::load(slice::from_ref(&path), &variables())
            .map_err(|error| DecodeError::Connector(Box::new(error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(DecodeError::System)?;
        let mut tables = HashMap::new();
        for connector in connectors {
            let mut definitions = source::Definitions::new(connector.source);
            let known = runtime
                .block_on(definitions.read_all())
                .map_err(DecodeError::Definitions)?;
            let read = known.tables.into_iter();
            tables.extend(read.map(|(name, definition)| (name, definition.table)));
        }
        warn!(
            tables = tables.len(),
            "tables without column names in the binlog are read as the server defines them now, which is wrong for what was \
             written before they were changed"
        );
        Ok(Self { tables })
    }

    /// The definition of a table, said to hold for the group that ends at `at`.
    pub(super) fn definition(&self, table: &TableName, at: &Coordinates) -> Option<Definition> {
        let known = self.tables.get(table)?;
        Some(Definition {
            table: Arc::clone(known),
            read_from: at.clone(),
            read_to: at.clone(),
        })
    }

    /// Whether a table's engine is transactional, if that is known.
    pub(super) fn engine(&self, table: &TableName) -> Option<bool> {
        self.tables.get(table)?.transactional
    }
}
