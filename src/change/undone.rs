//! Whether a change is undone: by the ROLLBACK that ends its group, or a ROLLBACK TO in it.
//!
//! Only tables whose engine takes part in transactions are rolled back, and servers log a group that was rolled back just
//! because something of it may be left: rows of a table that takes no part, or a temporary table. MariaDB says of a group that
//! all of it can be rolled back, unless a temporary table was made or dropped in it; MySQL says nothing.

use super::definition::beliefs::Definitions;
use super::definition::engines::Engines;
use super::group::closed::ClosedGroup;
use super::group::tracker::Outcome;
use super::statement::judging::verdict;
use super::statement::{Effect, Statement, StatementSource};
use crate::fault::{Fault, planted};
use crate::filter::Rules;
use crate::row::TableName;

/// Whether an event with this number in its group may be undone.
pub(super) fn is_in_doubt(group: &ClosedGroup, ordinal: u64) -> bool {
    let in_doubt = group.outcome == Outcome::RolledBack || group.held.is_undone(ordinal);
    in_doubt && !planted(Fault::RolledBackGroupDelivered)
}

/// Whether the rows of an event that is in doubt are undone; `None` if that depends on an engine that is not known.
pub(super) fn are_rows(
    group: &ClosedGroup,
    table: &TableName,
    definitions: &mut Definitions,
    engines: &Engines,
) -> Option<bool> {
    if group.held.transactional {
        return Some(true);
    }
    definitions
        .serving(table, &group.end)
        .and_then(|definition| definition.transactional)
        .or_else(|| engines.of(table))
}

/// What is known of the tables that a statement may write.
pub(super) struct Written<'a> {
    pub(super) rules: &'a Rules,
    pub(super) definitions: &'a Definitions,
    pub(super) engines: &'a Engines,
    /// The connection that sent it, which may have temporary tables.
    pub(super) thread_id: u32,
}

/// Whether a change that was logged as a statement and is in doubt is undone, so that nothing of it is left in a published
/// table. What it writes by triggers and functions is not in its text, so that of all published tables must be known that
/// they are rolled back.
///
/// # Errors
/// A table whose engine must be known.
pub(super) fn is_statement(
    group: &ClosedGroup,
    statement: &Statement,
    source: &StatementSource<'_>,
    written: &Written<'_>,
) -> Result<bool, TableName> {
    if statement.effect() != Effect::Rows || !verdict(statement, source, written.rules).keep {
        return Ok(false);
    }
    if group.held.transactional {
        return Ok(true);
    }
    if statement.objects.is_empty() || written.definitions.may_miss_tables(&group.end) {
        return Ok(false);
    }
    let is_kept = |table: &TableName| written.rules.table(&table.database, &table.table).keep;
    let believed = written.definitions.believed();
    let is_temporary = |table: &TableName| believed.is_temporary(written.thread_id, table);
    let named = statement.tables().filter(|table| !is_temporary(table));
    let named = named.filter(|table| believed.get(table).is_none());
    let named = named.map(|table| (table, None));
    for (table, transactional) in written.definitions.engines().chain(named) {
        if !is_kept(table) {
            continue;
        }
        match transactional.or_else(|| written.engines.of(table)) {
            Some(true) => {}
            Some(false) => return Ok(false),
            None => return Err(table.clone()),
        }
    }
    Ok(true)
}
