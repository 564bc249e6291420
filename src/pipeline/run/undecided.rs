//! The XA transactions that a checkpoint leaves undecided: found in the state folder, or read again from the source.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::assembling::{SourceAnswers, Waits};
use super::opening::{ReadySource, SourceStream};
use crate::binlog::{Coordinates, XaId};
use crate::change::{
    Assembler, AssemblerSettings, Checkpoint, Definitions as Beliefs, LeftOut, PreparedGroup,
    Undecided, Until,
};
use crate::pipeline::engine::{Engine, Fed, Feed};
use crate::pipeline::error::PipelineError;
use crate::source::{self, Answers, Archive, Budget, EventSource as _, SourceOptions};
use crate::state::{PreparedStore, ReplicaIdentity, off_the_runtime};

/// Bytes of input that may be in memory while a group is read again.
const BUDGET_BYTES: u32 = 64 << 20;

/// What it takes to find the changes of XA transactions that were prepared before a run begins.
pub(super) struct UndecidedAtStart<'a> {
    pub(super) source: &'a SourceOptions,
    pub(super) identity: &'a ReplicaIdentity,
    /// Where the run begins.
    pub(super) start: &'a Checkpoint,
    pub(super) settings: &'a AssemblerSettings,
    /// What is believed of the tables there.
    pub(super) known: &'a Beliefs,
    pub(super) spill_folder: &'a Path,
}

impl UndecidedAtStart<'_> {
    /// Finds them all, and removes from the store what is of no more use. The source's answers come back.
    ///
    /// # Errors
    /// [`PipelineError::Undecided`] for one that is not in the store and cannot be read again.
    pub(super) async fn find(
        &self,
        store: &Arc<PreparedStore>,
        mut answers: Answers,
    ) -> Result<(Undecided, Answers), PipelineError> {
        let mut found = Undecided::new();
        for (id, at) in &*self.start.undecided {
            let group = match stored(store, id, at).await? {
                Some(group) => group,
                None => {
                    warn!(
                        %id,
                        %at,
                        "an XA transaction that is undecided is not in the state folder, or its file there is damaged: it is read \
                         again"
                    );
                    let (group, returned) = self.read_again(id, at, store, answers).await?;
                    answers = returned;
                    group
                }
            };
            found.insert(id.clone(), group);
        }
        let others = Arc::clone(store);
        off_the_runtime(move || others.forget_others()).await?;
        if !found.is_empty() {
            info!(
                count = found.len(),
                "XA transactions are prepared and undecided at the start"
            );
        }
        Ok((found, answers))
    }

    /// Reads a group again, so that its events are in the store once more.
    async fn read_again(
        &self,
        id: &XaId,
        at: &Coordinates,
        store: &Arc<PreparedStore>,
        answers: Answers,
    ) -> Result<(PreparedGroup, Answers), PipelineError> {
        let lost = |why| PipelineError::Undecided {
            id: id.clone(),
            at: at.clone(),
            why,
        };
        let permanent = |error: PipelineError| match error.class().is_transient() {
            true => error,
            false => lost(Some(Box::new(error))),
        };
        let from = Checkpoint {
            coordinates: at.clone(),
            format_description_timestamp: 0,
            undecided: Arc::default(),
            ..self.start.clone()
        };
        let stream = self.stream(from.clone()).await.map_err(permanent)?;
        let known = self.known.believed().clone();
        let settings = AssemblerSettings {
            left_out: LeftOut::Nothing,
            until: Until::Coordinates(Coordinates::new(Arc::clone(&at.file), at.position + 1)),
            ..self.settings.clone()
        };
        let known = Beliefs::default().believing(known, Vec::new());
        let assembler = Assembler::new(settings, from, known);
        let mut engine =
            Engine::new(assembler, self.spill_folder.to_owned(), Arc::clone(store)).carrying();
        // Whoever drops this call ends the waits on the thread too.
        let over = CancellationToken::new();
        let _guard = over.clone().drop_guard();
        let waits = Waits::until(over);
        let mut answers = SourceAnswers {
            answers,
            waits: waits.clone(),
        };
        let mut feed = OneGroup { stream, waits };
        let (undecided, answers) = off_the_runtime(move || {
            while engine.next(&mut feed, &mut answers)?.is_some() {}
            Ok::<_, PipelineError>((engine.take_undecided(), answers.answers))
        })
        .await
        .map_err(permanent)?;
        let group = { undecided }.remove(id).ok_or_else(|| lost(None))?;
        Ok((group, answers))
    }

    /// The events from a place on.
    async fn stream(&self, from: Checkpoint) -> Result<SourceStream, PipelineError> {
        let ready = match self.source {
            SourceOptions::Server(server) => {
                let checked = source::check(server, self.identity).await?;
                ReadySource::Server(Box::new(checked.resolve_at(from).await?))
            }
            SourceOptions::Files(files) => {
                ReadySource::Files(Box::new(Archive::open(files, Some(from)).await?))
            }
        };
        let whole_bytes_max = usize::try_from(self.settings.event_bytes_max).unwrap_or(usize::MAX);
        let budget = Budget::new(BUDGET_BYTES);
        Ok(ready.stream(&budget, whole_bytes_max, false).await?)
    }
}

async fn stored(
    store: &Arc<PreparedStore>,
    id: &XaId,
    at: &Coordinates,
) -> Result<Option<PreparedGroup>, PipelineError> {
    let (store, id, at) = (Arc::clone(store), id.clone(), at.clone());
    Ok(off_the_runtime(move || store.find(&id, &at)).await?)
}

/// The chunks of a stream that is read as far as one group.
#[derive(Debug)]
struct OneGroup {
    stream: SourceStream,
    waits: Waits,
}

impl Feed for OneGroup {
    type Error = PipelineError;

    fn next(&mut self) -> Result<Fed, PipelineError> {
        let chunk = self.waits.answer(self.stream.next())?;
        Ok(chunk.map_or(Fed::End, Fed::Chunk))
    }
}
