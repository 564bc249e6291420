//! The rest of a copy that was interrupted or ordered: the stream first comes to the place of views, and tells on its way what
//! becomes of what they show.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::info;

use super::copying::failed;
use crate::change::definition::Change;
use crate::change::{Batch, Checkpoint, SnapshotProgress, SnapshotReached, Window, WindowTrouble};
use crate::filter::Rules;
use crate::pipeline::error::PipelineError;
use crate::source::TableViews;

/// A copy that goes on where the stream comes to the place of its views.
#[derive(Debug)]
pub(super) struct RestOfCopy {
    start: Checkpoint,
    number: u32,
    /// `None` once it has to begin anew.
    reached: Option<Arc<SnapshotReached>>,
    /// What is changed until then, where the views may show it or not.
    window: Option<Arc<Mutex<Window>>>,
}

/// Views at whose place the stream is.
#[derive(Debug)]
pub(in crate::pipeline) struct Aligned {
    views: Box<TableViews>,
    window: Option<Arc<Mutex<Window>>>,
}

impl Aligned {
    /// The views, and what was changed that they may show or not.
    ///
    /// # Errors
    /// Why they are of no use.
    pub(super) fn views(self) -> Result<(TableViews, Window), WindowTrouble> {
        let Some(window) = self.window else {
            return Ok((*self.views, Window::default()));
        };
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        let window = std::mem::take(&mut *window);
        if let Some(trouble) = window.trouble() {
            return Err(trouble.clone());
        }
        info!(
            changed = window.len(),
            "rows that were changed while views were opened come by the stream"
        );
        Ok((*self.views, window))
    }
}

impl RestOfCopy {
    /// Of the copy whose views are open, if there are any, with these, which are to be kept open until then.
    pub(super) fn ahead(
        views: Option<Box<TableViews>>,
        start: &Checkpoint,
        rules: &Rules,
    ) -> (Option<Self>, Option<Aligned>) {
        match views {
            Some(views) => {
                let (rest, aligned) = Self::new(views, start, rules);
                (Some(rest), Some(aligned))
            }
            None => (Self::paused(start), None),
        }
    }

    /// Of a copy that is paused where the checkpoint says, where that is one.
    fn paused(start: &Checkpoint) -> Option<Self> {
        let SnapshotProgress::Copying {
            number, reached, ..
        } = &start.snapshot
        else {
            return None;
        };
        Some(Self {
            window: None,
            start: start.clone(),
            number: *number,
            reached: reached.clone(),
        })
    }

    /// Of a copy that had come as far as the checkpoint says, with the views, which are to be kept open until then.
    fn new(views: Box<TableViews>, start: &Checkpoint, rules: &Rules) -> (Self, Aligned) {
        let (number, reached) = match &start.snapshot {
            SnapshotProgress::Copying {
                number, reached, ..
            } => (*number, reached.clone()),
            SnapshotProgress::None | SnapshotProgress::Over { .. } => (0, None),
        };
        info!(from = %start.coordinates, to = %views.place(), "a snapshot goes on once the stream has come to its place");
        let published = start.snapshot.chosen().map(|chosen| {
            let tables = chosen.tables.iter();
            let tables = tables.map(|it| rules.table(&it.database, &it.table).published);
            tables.collect()
        });
        let window = views.hides_some().then(|| {
            let window = Window::after(views.seen().cloned());
            match published {
                Some(tables) => window.of(tables),
                None => window,
            }
        });
        let window = window.map(|window| Arc::new(Mutex::new(window)));
        let rest = Self {
            window: window.clone(),
            start: start.clone(),
            number,
            reached,
        };
        (rest, Aligned { views, window })
    }

    /// Takes which tables are no longer what they were after a batch, and keeps that in its checkpoint; and which rows it changes.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(super) fn follow(&mut self, batch: &mut Batch) -> Result<(), PipelineError> {
        if let Some(window) = &self.window {
            let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = window.take(batch);
            taken.map_err(|error| failed(&self.start, error.into()))?;
        }
        for revision in &batch.revisions {
            let Some(statement) = &revision.statement else {
                continue;
            };
            let is_whole = self.reached.as_ref().is_some_and(|it| it.is_whole);
            if is_whole && begins_with_create_table(statement) {
                // The stream brings all of it.
                continue;
            }
            for change in &revision.changes {
                if matches!(change, Change::AllStale { .. }) {
                    let anew = self.reached.as_ref().and_then(|reached| reached.anew());
                    self.reached = anew.map(Arc::new);
                }
                if let (Some(table), Some(reached)) = (change.table(), &mut self.reached) {
                    Arc::make_mut(reached).forget(table);
                }
            }
        }
        if let Some(end) = &mut batch.end {
            end.snapshot = SnapshotProgress::copying(self.number, self.reached.clone());
        }
        Ok(())
    }
}

/// Whether a statement makes a table; one that says so in other words may.
fn begins_with_create_table(statement: &str) -> bool {
    let mut words = statement.split_ascii_whitespace();
    let [first, second] = [words.next(), words.next()].map(Option::unwrap_or_default);
    first.eq_ignore_ascii_case("CREATE") && second.eq_ignore_ascii_case("TABLE")
}
