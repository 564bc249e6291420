//! The XA transactions that a checkpoint leaves undecided: found in the state folder, or read again from the source.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::assembling::{SourceAnswers, Waits};
use super::opening::{ReadySource, SourceStream};
use crate::binlog::{Coordinates, XaId};
use crate::change::{
    Assembler, AssemblerSettings, Checkpoint, Definitions as Beliefs, LeftOut, Undecided, Until,
    XaMissing,
};
use crate::pipeline::engine::{Engine, Fed, Feed};
use crate::pipeline::error::PipelineError;
use crate::source::{self, Answers, Archive, Budget, EventSource as _, SourceOptions};
use crate::state::{PreparedStore, ReplicaIdentity, StateError, off_the_runtime};

/// Bytes of input that may be in memory while a group is read again.
const BUDGET_BYTES: u32 = 64 << 20;
/// Bytes between two groups that are read in one stream.
const NEAR_BYTES_MAX: u64 = 1 << 20;

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
        let mut found = stored(store, &self.start.undecided).await?;
        let undecided = self.start.undecided.iter();
        let mut lost: Vec<_> = undecided
            .filter(|(id, _)| !found.contains_key(*id))
            .collect();
        lost.sort_by_key(|(_, at)| *at);
        if let Some((id, at)) = lost.first() {
            let count = lost.len();
            warn!(
                count,
                first = %id,
                %at,
                "XA transactions that are undecided are not in the state folder, or their files there are damaged: they are read again"
            );
        }
        for run in lost.chunk_by(|(_, one), (_, next)| are_near(one, next)) {
            let mut groups;
            (groups, answers) = self.read_again(run, store, answers).await?;
            found.append(&mut groups);
        }
        let others = Arc::clone(store);
        let undecided = Arc::clone(&self.start.undecided);
        off_the_runtime(move || others.forget_others(&undecided)).await?;
        if !found.is_empty() {
            info!(
                count = found.len(),
                "XA transactions are prepared and undecided at the start"
            );
        }
        Ok((found, answers))
    }

    /// Reads groups again, so that their events are in the store once more: one after the other in one stream, or else each
    /// alone, for what stands between them may not be readable.
    async fn read_again(
        &self,
        lost: &[(&XaId, &Coordinates)],
        store: &Arc<PreparedStore>,
        answers: Answers,
    ) -> Result<(Undecided, Answers), PipelineError> {
        let (Some((first, from)), Some((_, last))) = (lost.first(), lost.last()) else {
            return Ok((Undecided::new(), answers));
        };
        let (read, answers) = self.read_between(from, last, store, answers).await;
        let is_complete = |read: &Undecided| lost.iter().all(|(id, _)| read.contains_key(*id));
        match read {
            Ok(mut read) if is_complete(&read) => {
                read.retain(|id, group| lost.contains(&(id, &group.begin)));
                Ok((read, answers))
            }
            Err(error) if error.class().is_transient() => Err(error),
            read if lost.len() == 1 => Err(PipelineError::Undecided {
                id: (*first).clone(),
                at: (*from).clone(),
                why: read.err().map(Box::new),
            }),
            _others_between => {
                let mut all = Undecided::new();
                let mut answers = answers;
                for one in lost.chunks(1) {
                    let mut group;
                    (group, answers) = Box::pin(self.read_again(one, store, answers)).await?;
                    all.append(&mut group);
                }
                Ok((all, answers))
            }
        }
    }

    /// Reads from the group that begins at one place to the one that begins at another, and returns what is undecided then:
    /// nothing where definitions changed between them, since those that are known are of the run's start.
    async fn read_between(
        &self,
        from: &Coordinates,
        last: &Coordinates,
        store: &Arc<PreparedStore>,
        answers: Answers,
    ) -> (Result<Undecided, PipelineError>, Answers) {
        let begin = from.clone();
        let from = Checkpoint {
            coordinates: begin.clone(),
            format_description_timestamp: 0,
            undecided: Arc::default(),
            ..self.start.clone()
        };
        let stream = match self.stream(from.clone()).await {
            Ok(stream) => stream,
            Err(error) => return (Err(error), answers),
        };
        let known = self.known.believed().clone();
        let settings = AssemblerSettings {
            left_out: LeftOut::Nothing,
            xa_missing: XaMissing::Warn,
            until: Until::Coordinates(Coordinates::new(Arc::clone(&last.file), last.position + 1)),
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
        let is_of_several = begin != *last;
        let mut feed = SomeGroups { stream, waits };
        off_the_runtime(move || {
            let mut has_changed = false;
            let read = loop {
                match engine.next(&mut feed, &mut answers) {
                    Ok(Some(batch)) => has_changed |= !batch.revisions.is_empty(),
                    Ok(None) if has_changed && is_of_several => break Ok(Undecided::new()),
                    Ok(None) => break Ok(engine.take_undecided()),
                    Err(error) => break Err(error),
                }
            };
            (read, answers.answers)
        })
        .await
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

/// Whether it takes less to read on from one group to another than to connect again.
fn are_near(one: &Coordinates, next: &Coordinates) -> bool {
    one.file == next.file && next.position - one.position <= NEAR_BYTES_MAX
}

/// Those of the transactions that are in the store.
async fn stored(
    store: &Arc<PreparedStore>,
    undecided: &Arc<BTreeMap<XaId, Coordinates>>,
) -> Result<Undecided, PipelineError> {
    let (store, undecided) = (Arc::clone(store), Arc::clone(undecided));
    let found = off_the_runtime(move || {
        let mut found = Undecided::new();
        for (id, at) in &*undecided {
            if let Some(group) = store.find(id, at)? {
                found.insert(id.clone(), group);
            }
        }
        Ok::<_, StateError>(found)
    });
    Ok(found.await?)
}

/// The chunks of a stream that is read as far as one group, or a few.
#[derive(Debug)]
struct SomeGroups {
    stream: SourceStream,
    waits: Waits,
}

impl Feed for SomeGroups {
    type Error = PipelineError;

    fn next(&mut self) -> Result<Fed, PipelineError> {
        let chunk = self.waits.answer(self.stream.next())?;
        Ok(chunk.map_or(Fed::End, Fed::Chunk))
    }
}
