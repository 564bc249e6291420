//! The one writer of a run's checkpoints: the journal first, then `relay-log.info`, then word of what is durable.
//!
//! *Saved ≤ durable ≤ written ≤ read*: whoever delivers calls [`Checkpointer::record`] before the sink commits and
//! [`Checkpointer::save`] after it. The files are written on threads of their own, never on an async worker. What was saved
//! last is published in a `watch` channel, the only value that flows back to the receiver.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Journal, Notes, PreparedStore, SkipStore, StateError, StateFolder, off_the_runtime};
use crate::change::{Checkpoint, PassedOver, Revision};

/// Writes a connector's journal and its `relay-log.info` for one run.
///
/// Its functions are not cancel-safe: a run whose call was dropped is over.
#[derive(Debug)]
pub struct Checkpointer {
    folder: Arc<StateFolder>,
    /// Away only while it is being written.
    journal: Option<Journal>,
    prepared: Arc<PreparedStore>,
    skips: Arc<SkipStore>,
    durable: watch::Sender<Checkpoint>,
}

impl Checkpointer {
    /// Saves the checkpoint at which a run begins, so that a crash before the first group resumes there too. The sink has
    /// committed it already, and the journal reaches back to it.
    ///
    /// # Errors
    /// As [`StateFolder::save`].
    pub async fn begin(
        folder: Arc<StateFolder>,
        journal: Journal,
        (prepared, skips): (Arc<PreparedStore>, Arc<SkipStore>),
        start: &Checkpoint,
    ) -> Result<Self, StateError> {
        let (durable, _) = watch::channel(start.clone());
        let mut checkpointer = Self {
            folder,
            journal: None,
            prepared,
            skips,
            durable,
        };
        checkpointer.save(start).await?;
        let forgetting = move || {
            let mut journal = journal;
            journal.forget_earlier().map(|()| journal)
        };
        checkpointer.journal = Some(off_the_runtime(forgetting).await?);
        Ok(checkpointer)
    }

    /// What is durable, from now on. The value never goes back within a run.
    pub fn durable(&self) -> watch::Receiver<Checkpoint> {
        self.durable.subscribe()
    }

    /// The notes on which a checkpoint relies, as of now.
    ///
    /// # Errors
    /// As [`Notes::of_folder`].
    pub async fn notes(&self) -> Result<Notes, StateError> {
        let folder = Arc::clone(&self.folder);
        off_the_runtime(move || Notes::of_folder(&folder)).await
    }

    /// Makes durable what a checkpoint relies on, before it is stored anywhere, at the sink included: the revisions before it,
    /// in stream order, the groups that were passed over, and the prepared XA transactions that it leaves undecided. None are
    /// left in `revisions` and `passed_over` on return.
    ///
    /// # Errors
    /// As [`Journal::append`], [`SkipStore::record`] and [`PreparedStore::sync`]; the run is then over.
    pub async fn record(
        &mut self,
        revisions: &mut Vec<Revision>,
        passed_over: &mut Vec<PassedOver>,
        upto: &Checkpoint,
    ) -> Result<(), StateError> {
        if !upto.undecided.is_empty() {
            let (prepared, upto) = (Arc::clone(&self.prepared), upto.clone());
            off_the_runtime(move || prepared.sync(&upto)).await?;
        }
        if !passed_over.is_empty() {
            let (skips, lineage) = (Arc::clone(&self.skips), upto.lineage());
            let passed_over = std::mem::take(passed_over);
            off_the_runtime(move || skips.record(&passed_over, &lineage)).await?;
        }
        if revisions.is_empty() {
            return Ok(());
        }
        let mut journal = self
            .journal
            .take()
            .expect("a call that was dropped was the run's last");
        let revisions = std::mem::take(revisions);
        let (journal, recorded) = off_the_runtime(move || {
            let recorded = journal.append(&revisions);
            (journal, recorded)
        })
        .await;
        self.journal = Some(journal);
        recorded
    }

    /// Replaces `relay-log.info` and publishes `upto`. All that was written before `upto` is durable at the sink. One call at a
    /// time; a run does not end before it.
    ///
    /// # Errors
    /// As [`StateFolder::save`]; the old checkpoint then stands, and is the one that is published.
    pub fn save(
        &self,
        upto: &Checkpoint,
    ) -> impl Future<Output = Result<(), StateError>> + Send + 'static {
        let (folder, saved) = (Arc::clone(&self.folder), upto.clone());
        let prepared = Arc::clone(&self.prepared);
        let skips = Arc::clone(&self.skips);
        let durable = self.durable.clone();
        async move {
            let saved = off_the_runtime(move || {
                folder.save(&saved)?;
                prepared.forget(&saved)?;
                skips.settle(&saved)?;
                Ok::<_, StateError>(saved)
            })
            .await?;
            durable.send_replace(saved);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::{Coordinates, GtidSet};
    use crate::change::definition::Schemas;
    use crate::mysql::Flavour;

    fn checkpoint(position: u64) -> Checkpoint {
        Checkpoint::new(
            Coordinates::new("binlog.000001", position),
            GtidSet::empty(Flavour::MySql),
            None,
            1,
            7,
        )
    }

    async fn begun(dir: &std::path::Path) -> Checkpointer {
        let folder = Arc::new(StateFolder::open(dir, "shop").unwrap());
        let journal = Journal::begin(&folder, &checkpoint(4), 0, &Schemas::new(0)).unwrap();
        let prepared = Arc::new(PreparedStore::in_folder(folder.path()));
        let skips = Arc::new(SkipStore::open(&folder).unwrap());
        Checkpointer::begin(folder, journal, (prepared, skips), &checkpoint(4))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_start_is_saved_and_published() {
        let dir = tempfile::tempdir().unwrap();
        let checkpointer = begun(dir.path()).await;
        assert_eq!(*checkpointer.durable().borrow(), checkpoint(4));
        let saved = StateFolder::peek(dir.path(), "shop").unwrap();
        assert_eq!(saved, Some(checkpoint(4)));
    }

    #[tokio::test]
    async fn what_is_published_is_what_is_saved() {
        let dir = tempfile::tempdir().unwrap();
        let mut checkpointer = begun(dir.path()).await;
        let durable = checkpointer.durable();
        let mut revisions = vec![Revision {
            at: checkpoint(100).point(),
            gtid: None,
            statement: None,
            changes: Vec::new(),
        }];
        checkpointer
            .record(&mut revisions, &mut Vec::new(), &checkpoint(100))
            .await
            .unwrap();
        assert!(revisions.is_empty());
        assert_eq!(*durable.borrow(), checkpoint(4), "a record saves nothing");
        checkpointer.save(&checkpoint(100)).await.unwrap();
        assert_eq!(*durable.borrow(), checkpoint(100));

        // A folder that is gone takes no checkpoint, and none is published.
        std::fs::remove_dir_all(dir.path().join("shop")).unwrap();
        checkpointer.save(&checkpoint(200)).await.unwrap_err();
        assert_eq!(*durable.borrow(), checkpoint(100));
    }
}
