//! The tables without whose definition a stream goes on, as the rules say: which they are, and who is told of it.

use super::checkpoint::Checkpoint;
use super::definition::beliefs::Definitions;
use super::definition::table_maps::{LackingColumns, TableMaps, Target};
use super::notice::Notice;
use super::questions::Questions;
use super::statement::{Statement, StatementKind};
use super::trouble::Trouble;
use crate::binlog::Coordinates;
use crate::filter::{OnUnknown, UnknownRules};
use crate::row::TableName;

/// Tables that a stream goes on without a definition of at most.
const UNDEFINED_MAX: usize = 65_536;

/// What a stream does about definitions that are not known, and what is to be told of it. The tables themselves are in the
/// checkpoint.
#[derive(Debug, Default)]
pub(super) struct UndefinedTables {
    rules: UnknownRules,
    notices: Vec<Notice>,
}

impl UndefinedTables {
    /// Goes on without definitions as these rules say.
    pub(super) fn set_rules(&mut self, rules: UnknownRules) {
        self.rules = rules;
    }

    /// Hands out what whoever runs the stream is to be told.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Whether the stream goes on where the definition of a table is lacking.
    pub(super) fn may_go_without(&self, table: &TableName) -> bool {
        self.rules.of(table) != OnUnknown::Stop
    }

    /// Whether the stream goes on where a definition is lacking, rather than stop. If that did not help in this group, it does
    /// not.
    pub(super) fn takes(&self, trouble: &Trouble, questions: &mut Questions) -> bool {
        let table = trouble.undefined_table();
        table.is_some_and(|table| {
            self.rules.of(table) != OnUnknown::Stop && questions.go_without(table)
        })
    }

    /// Whether what a group that was rolled back did to a table is left out, where it is not known whether it stands.
    pub(super) fn leaves_out(&mut self, trouble: &Trouble, questions: &mut Questions) -> bool {
        let Trouble::NoEngine { table, end, .. } = trouble else {
            return false;
        };
        let is_left_out = self.rules.of(table) == OnUnknown::Skip && questions.go_without(table);
        if is_left_out {
            self.notices.push(Notice::LeftOut {
                table: table.clone(),
                at: end.clone(),
            });
        }
        is_left_out
    }

    /// Goes on without the definition of a table in a group that ends at `end`. One that was told and contradicts the binlog is
    /// none.
    pub(super) fn go_without(
        &mut self,
        trouble: &Trouble,
        checkpoint: &mut Checkpoint,
        (definitions, table_maps): (&mut Definitions, &mut TableMaps),
        end: &Coordinates,
    ) {
        let Some(table) = trouble.undefined_table() else {
            return;
        };
        if checkpoint.undefined.len() >= UNDEFINED_MAX {
            return;
        }
        if let Trouble::Disagreement { disagreement, .. } = trouble {
            definitions.distrust(table, &disagreement.to_string(), end);
        }
        let policy = self.rules.of(table);
        table_maps.go_without(table, policy);
        checkpoint.go_without(table, policy, end);
        self.notices.push(Notice::Undefined {
            table: table.clone(),
            at: end.clone(),
            policy,
            why: trouble.why_undefined(),
        });
    }

    /// Notes the columns that rules on rows name and tables lack.
    pub(super) fn note_lacking(&mut self, lacking: Vec<LackingColumns>, end: &Coordinates) {
        for (table, columns) in lacking {
            let at = end.clone();
            self.notices.push(Notice::Lacking { table, at, columns });
        }
    }

    /// Notes that the definition of a table is known again, if the stream went on without.
    pub(super) fn note_defined(
        &mut self,
        target: &Target,
        checkpoint: &mut Checkpoint,
        end: &Coordinates,
    ) {
        let Target::Kept(kept) = target else { return };
        if kept.table.is_undefined || !checkpoint.undefined.contains_key(&kept.source) {
            return;
        }
        checkpoint.define(|table| *table == kept.source);
        self.notices.push(Notice::Defined {
            table: kept.source.clone(),
            at: end.clone(),
        });
    }
}

/// Forgets the tables that a statement drops: none of their rows are to come.
pub(super) fn forget_dropped(checkpoint: &mut Checkpoint, statement: &Statement) {
    if checkpoint.undefined.is_empty() {
        return;
    }
    let is_same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    match (&statement.kind, statement.dropped_database()) {
        (StatementKind::DropTable { temporary: false }, _) => {
            for dropped in statement.redefined_tables() {
                checkpoint.define(|table| {
                    is_same(&table.database, &dropped.database)
                        && is_same(&table.table, &dropped.table)
                });
            }
        }
        (_, Some(database)) => checkpoint.define(|table| is_same(&table.database, database)),
        (_, None) => {}
    }
}
