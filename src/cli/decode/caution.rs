//! Warnings for whoever executes the statements, given while the changes are read.

use tracing::warn;

use crate::binlog::Coordinates;
use crate::change::statement::{Action, StatementKind};
use crate::change::{Batch, Ddl, Item};
use crate::encode::sql::Direction;

/// What was met so far. When no statements are printed, there is nothing to warn of.
#[derive(Debug)]
pub(super) struct Caution {
    direction: Option<Direction>,
    is_rename_told: bool,
    is_trigger_told: bool,
    /// How many DDL statements were met, and where the first one is.
    not_undone: Option<(u64, Coordinates)>,
}

impl Caution {
    pub(super) fn new(direction: Option<Direction>) -> Self {
        Self {
            direction,
            is_rename_told: false,
            is_trigger_told: false,
            not_undone: None,
        }
    }

    /// Looks at the next batch, and gives at once the warnings that are given once.
    pub(super) fn look(&mut self, batch: &Batch) {
        let Some(direction) = self.direction else {
            return;
        };
        for item in &batch.items {
            let Item::Ddl(ddl) = item else {
                continue;
            };
            match direction {
                Direction::Redo => self.redo(batch, ddl),
                Direction::Undo => match &mut self.not_undone {
                    Some((count, _)) => *count += 1,
                    None => self.not_undone = Some((1, place(batch, ddl))),
                },
            }
        }
    }

    fn redo(&mut self, batch: &Batch, ddl: &Ddl) {
        if let Some(database) = &ddl.renamed {
            if !std::mem::replace(&mut self.is_rename_told, true) {
                warn!(
                    at = %place(batch, ddl),
                    %database,
                    "a statement names a database that --rewrite-db renames: it and others like it are comments in the script; \
                     if you need them, execute them yourself with the new name"
                );
            }
            return;
        }
        let creates = ddl.kind == StatementKind::Trigger(Action::Create);
        if creates && !std::mem::replace(&mut self.is_trigger_told, true) {
            warn!(
                at = %place(batch, ddl),
                "the script creates a trigger, which fires for the rows after it, although the binlog holds what the trigger did \
                 on the source: take it out of the script, and create it once the script was executed"
            );
        }
    }

    /// Warns at the end of what is not undone.
    pub(super) fn end(&self) {
        if let Some((statements, first)) = &self.not_undone {
            warn!(
                statements,
                %first,
                "DDL is not undone and is in the script as comments: undo it yourself; rows that TRUNCATE or DROP removed are \
                 not in the binlog"
            );
        }
    }
}

/// Where a statement is.
fn place(batch: &Batch, ddl: &Ddl) -> Coordinates {
    let group = batch.groups.get(ddl.group as usize);
    let file = group.map_or_else(Default::default, |group| group.begin.file.clone());
    Coordinates::new(file, ddl.event.position)
}
