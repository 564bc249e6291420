//! A statement of the binlog taken into the beliefs, whatever the filters say of it.

use std::sync::Arc;

use super::beliefs::{Definitions, Executed};
use super::schemas::{Belief, Change, Connection, Facts};
use super::table::TableDefinition;
use super::temporary::of_base;
use crate::binlog::{Coordinates, FormatDescription, Gtid, Query};
use crate::change::statement::{Statement, StatementError, StatementSource, scan_query};
use crate::mysql::Flavour;
use crate::row::TableName;

/// Where a statement stands.
pub(in crate::change) struct StatementPlace<'a> {
    /// Where it begins.
    pub(in crate::change) at: Coordinates,
    /// Where its group ends.
    pub(in crate::change) end: &'a Coordinates,
    /// Its group's GTID.
    pub(in crate::change) gtid: Option<&'a Gtid>,
    /// The `server_id` of its event.
    pub(in crate::change) server_id: u32,
}

/// A statement that was followed.
pub(in crate::change) struct Followed<'a> {
    pub(in crate::change) statement: Statement,
    /// The same without the temporary tables that it names, where it names some.
    pub(in crate::change) base: Option<Statement>,
    /// What it was scanned from.
    pub(in crate::change) source: StatementSource<'a>,
    /// What it changed.
    pub(in crate::change) changes: Vec<Change>,
    /// How the tables were defined that it redefines, as far as it was known.
    pub(in crate::change) former: Vec<(TableName, Arc<TableDefinition>)>,
    /// Who sent it.
    pub(in crate::change) connection: Connection,
}

impl Followed<'_> {
    /// What it does to base tables.
    pub(in crate::change) fn on_base(&self) -> &Statement {
        self.base.as_ref().unwrap_or(&self.statement)
    }
}

/// Scans a statement and follows it.
///
/// # Errors
/// Where it cannot be scanned.
pub(in crate::change) fn follow<'a>(
    definitions: &mut Definitions,
    query: &Query<'a>,
    (flavour, format): (Flavour, &FormatDescription),
    place: &StatementPlace<'_>,
) -> Result<Followed<'a>, StatementError> {
    let (statement, source) = scan_query(query, flavour, format)?;
    let believed = definitions.believed();
    let former = statement.redefined_tables().filter_map(|table| {
        let table = believed.fold(table);
        match believed.get(&table)? {
            Belief::Known(definition) => Some((table, Arc::clone(definition))),
            Belief::Stale(_) => None,
        }
    });
    let former = former.collect();
    // A session may have another default engine than the server, and the binlog does not tell.
    let facts = Facts::of(query, source.context).on_server(place.server_id);
    let base = of_base(&statement, believed, facts.connection);
    let changes = definitions.follow(&Executed {
        statement: &statement,
        text: &source.text,
        doubt: source.doubt,
        gaps: source.gaps,
        facts,
        error_code: query.error_code,
        in_engine_transaction: flavour == Flavour::MySql && query.ddl_xid.is_some(),
        at: place.at.clone(),
        end: place.end,
        gtid: place.gtid.map(|gtid| gtid.to_string().into()),
    });
    let connection = facts.connection;
    Ok(Followed {
        connection,
        former,
        base,
        statement,
        source,
        changes,
    })
}
