//! What a person has to know who executes the statements, told while the changes are read.

use tracing::warn;

use crate::binlog::Coordinates;
use crate::change::{Batch, Ddl, Item};
use crate::encode::sql::Direction;

/// What was met so far. Where no statements are printed nothing is told.
#[derive(Debug)]
pub(super) struct Caution {
    direction: Option<Direction>,
    is_rename_told: bool,
}

impl Caution {
    pub(super) fn new(direction: Option<Direction>) -> Self {
        Self {
            direction,
            is_rename_told: false,
        }
    }

    /// Looks at what comes next, and tells at once what is to be told once.
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
                Direction::Undo => {}
            }
        }
    }

    fn redo(&mut self, batch: &Batch, ddl: &Ddl) {
        if let Some(database) = &ddl.renamed {
            if !std::mem::replace(&mut self.is_rename_told, true) {
                warn!(
                    at = %place(batch, ddl),
                    %database,
                    "a statement names a database that --rewrite-db renames: it and others like it are comments in the \
                     script; where they are needed, execute them yourself with the new name"
                );
            }
        }
    }
}

/// Where a statement stands.
fn place(batch: &Batch, ddl: &Ddl) -> Coordinates {
    let group = batch.groups.get(ddl.group as usize);
    let file = group.map_or_else(Default::default, |group| group.begin.file.clone());
    Coordinates::new(file, ddl.position)
}
