//! Whether a change leaves nothing in a published table: it is undone by the ROLLBACK that ends its group, or a ROLLBACK TO in
//! it, or it was logged as a statement and writes temporary tables alone.
//!
//! Only tables whose engine takes part in transactions are rolled back, and servers log a group that was rolled back just
//! because something of it may be left: rows of a table that takes no part, or a temporary table. MariaDB says of a group that
//! all of it can be rolled back, unless a temporary table was made or dropped in it; MySQL says nothing.
//!
//! Rows of a table that takes no part are in no such group: both families log them in one of their own (`use_trans_cache()`
//! in `binlog.cc` and `log.cc`). So an engine must be known only for statements, for MariaDB's sequences, of which that is not
//! so, and where a server died while it wrote the group.

use super::definition::beliefs::Definitions;
use super::definition::engines::Engines;
use super::definition::following::Followed;
use super::definition::kept_table::KeptTable;
use super::definition::schemas::Connection;
use super::group::closed::ClosedGroup;
use super::group::tracker::Outcome;
use super::questions::Questions;
use super::statement::{Effect, Statement, StatementSource, tables_read, verdict};
use crate::binlog::{Coordinates, FormatDescription};
use crate::fault::{Fault, planted};
use crate::filter::Rules;
use crate::mysql::Flavour;
use crate::row::{ColumnType, Table, TableName};

/// Whether an event with this number in its group may be undone.
fn is_in_doubt(group: &ClosedGroup, ordinal: u64) -> bool {
    let is_rolled_back = matches!(group.outcome, Outcome::RolledBack | Outcome::Abandoned);
    let in_doubt = is_rolled_back || group.held.is_undone(ordinal);
    in_doubt && !planted(Fault::RolledBackGroupDelivered)
}

/// Whether the rows of the event with this number in its group are undone; `None` if that depends on an engine that is not
/// known.
pub(super) fn are_rows(
    (group, ordinal): (&ClosedGroup, u64),
    table: &KeptTable,
    definitions: &mut Definitions,
    engines: &Engines,
    format: &FormatDescription,
) -> Option<bool> {
    if !is_in_doubt(group, ordinal) {
        return Some(false);
    }
    if group.held.transactional {
        return Some(true);
    }
    let name = &table.source;
    definitions
        .serving(name, &group.end)
        .and_then(|definition| definition.transactional)
        .or_else(|| engine_of(name, engines, definitions, &group.end))
        .or_else(|| is_told_by_log(group, &table.table, format).then_some(true))
}

/// Whether it is certain that rows of the table stand in the group only because the table takes part in transactions.
fn is_told_by_log(group: &ClosedGroup, table: &Table, format: &FormatDescription) -> bool {
    let may_be_sequence = format.flavour() == Flavour::MariaDb && looks_like_sequence(table);
    group.outcome != Outcome::Abandoned && format.announces_groups() && !may_be_sequence
}

/// Whether the columns are as many and of such types as those of a sequence.
fn looks_like_sequence(table: &Table) -> bool {
    const COLUMNS: usize = 8;
    let mut columns = table.columns.iter();
    table.columns.len() == COLUMNS
        && columns.all(|column| {
            let is_integer = matches!(
                column.kind,
                ColumnType::Integer { .. } | ColumnType::EitherSign { .. }
            );
            is_integer && !column.nullable
        })
}

/// Whether a table takes part in transactions, by what is known beside its definition.
fn engine_of(
    table: &TableName,
    engines: &Engines,
    definitions: &Definitions,
    end: &Coordinates,
) -> Option<bool> {
    engines
        .of(table)
        .or_else(|| definitions.told_engine(table, end))
}

/// What is known of the tables that a statement may write.
pub(super) struct Written<'a> {
    pub(super) rules: &'a Rules,
    pub(super) definitions: &'a Definitions,
    pub(super) engines: &'a Engines,
    pub(super) questions: &'a Questions,
    /// The connection that sent it, which may have temporary tables.
    pub(super) connection: Connection,
}

impl Written<'_> {
    /// Whether a change that was logged as a statement is one of temporary tables alone, which nobody publishes. It may write
    /// no other table by a function or view either: what it reads are tables.
    pub(super) fn is_temporary(&self, statement: &Statement, source: &StatementSource<'_>) -> bool {
        let believed = self.definitions.believed();
        let is_temporary = |table: &TableName| believed.is_temporary(self.connection, table);
        let is_whole = source.doubt.is_none() && source.gaps.is_none();
        let writes_rows = statement.effect() == Effect::Rows && !statement.objects.is_empty();
        if !is_whole || !writes_rows || !statement.tables().all(is_temporary) {
            return false;
        }
        let read = tables_read(&source.text, source.database, source.context);
        let is_table = |table: &TableName| is_temporary(table) || believed.get(table).is_some();
        read.is_some_and(|read| read.iter().all(is_table))
    }
}

/// What a change that was logged as a statement leaves.
pub(super) enum Leaves {
    /// Rows that are not in the binlog.
    Rows,
    /// Rows of temporary tables, which nobody publishes.
    Temporary,
    /// Nothing: it is undone.
    Nothing,
    /// Nothing if these tables can be rolled back.
    UnlessTransactional(Vec<TableName>),
}

/// Finds out what a change that was logged as a statement leaves.
pub(super) fn leaves(
    group: &ClosedGroup,
    ordinal: u64,
    followed: &Followed<'_>,
    written: &Written<'_>,
) -> Leaves {
    let Followed {
        statement, source, ..
    } = followed;
    if written.is_temporary(statement, source) {
        return Leaves::Temporary;
    }
    match is_in_doubt(group, ordinal).then(|| is_statement(group, statement, source, written)) {
        Some(Ok(true)) => Leaves::Nothing,
        Some(Err(unknown)) => Leaves::UnlessTransactional(unknown),
        Some(Ok(false)) | None => Leaves::Rows,
    }
}

/// Whether a change that was logged as a statement and is in doubt is undone, so that nothing of it is left in a published
/// table. What it writes by triggers and functions is not in its text, so that of all published tables must be known that
/// they are rolled back.
///
/// # Errors
/// The tables whose engine must be known.
fn is_statement(
    group: &ClosedGroup,
    statement: &Statement,
    source: &StatementSource<'_>,
    written: &Written<'_>,
) -> Result<bool, Vec<TableName>> {
    if statement.effect() != Effect::Rows || !verdict(statement, source, written.rules).keep {
        return Ok(false);
    }
    if group.held.transactional {
        return Ok(true);
    }
    if statement.objects.is_empty() || written.definitions.may_miss_tables(&group.end) {
        return Ok(false);
    }
    let is_kept = |table: &TableName| {
        let is_published = written.rules.table(&table.database, &table.table).keep;
        is_published && !written.questions.goes_without(table)
    };
    let believed = written.definitions.believed();
    let is_temporary = |table: &TableName| believed.is_temporary(written.connection, table);
    let named = statement.tables().filter(|table| !is_temporary(table));
    let named = named.filter(|table| believed.get(table).is_none());
    let named = named.map(|table| (table, None));
    let mut unknown = Vec::new();
    for (table, transactional) in written.definitions.engines().chain(named) {
        if !is_kept(table) {
            continue;
        }
        let known = || engine_of(table, written.engines, written.definitions, &group.end);
        match transactional.or_else(known) {
            Some(true) => {}
            Some(false) => return Ok(false),
            None => unknown.push(table.clone()),
        }
    }
    unknown.sort_unstable();
    match unknown.is_empty() {
        true => Ok(true),
        false => Err(unknown),
    }
}
