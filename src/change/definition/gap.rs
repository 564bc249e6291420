//! A gap in the stream, behind which tables are copied anew: no statement tells what has become of columns whose values rules
//! hide.

use super::column_watch::WatchedTables;
use super::schemas::{Belief, Schemas, same};
use super::table::TableDefinition;
use crate::filter::{ColumnRuleError, HiddenBy, Rules};
use crate::row::TableName;

/// Makes sure that each column whose values rules hid before a gap is still where it was, as far as `now` shows it: a table that
/// is gone may have another name, and so may a column that is not in its place among the others.
///
/// # Errors
/// The first column that is not.
pub fn refuse_moved<'a>(
    rules: &Rules,
    (before, watched): (&Schemas, &WatchedTables),
    now: impl Fn(&TableName) -> Option<&'a TableDefinition>,
) -> Result<(), ColumnRuleError> {
    for (table, belief) in before.tables() {
        let Belief::Known(known) = belief else {
            continue;
        };
        let names: Vec<&str> = known.columns.iter().map(|column| &*column.name).collect();
        let hidden = hidden(rules, table, &names, watched);
        let Some(first) = hidden.first() else {
            continue;
        };
        let columns = now(table).map_or(&[][..], |definition| &definition.columns);
        let place = |name: &str| columns.iter().position(|column| same(&column.name, name));
        let places: Vec<usize> = names.iter().filter_map(|name| place(name)).collect();
        let (column, by) = match hidden.iter().find(|(name, _)| place(name).is_none()) {
            None if places.is_sorted() => continue,
            None => first,
            Some(lost) => lost,
        };
        return Err(ColumnRuleError::Unfollowed {
            table: table.clone(),
            column: (*column).into(),
            by: by.clone(),
        });
    }
    Ok(())
}

/// The columns of a table whose values rules hide under the name by which it was judged last.
fn hidden<'a>(
    rules: &Rules,
    table: &TableName,
    columns: &[&'a str],
    watched: &'a WatchedTables,
) -> Vec<(&'a str, HiddenBy)> {
    let was = watched.get(table).and_then(|watched| watched.was.as_ref());
    let verdict = rules.table(&table.database, &table.table);
    let judged = was.and_then(|was| was.table.as_ref());
    let Some(judged) = judged.or(verdict.keep.then_some(&verdict.published)) else {
        return Vec::new();
    };
    let then = |now: &'a str| was.map_or(now, |was| was.then(now));
    let hidden = columns.iter().filter_map(|now| {
        let by = rules.columns().judge(judged, then(now)).hidden_by()?;
        Some((*now, by))
    });
    hidden.collect()
}
