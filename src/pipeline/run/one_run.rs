//! One run of a connector: from its checkpoint until it is stopped, reaches its goal or fails.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, warn};

use super::assembling::{Assembling, Waits};
use super::copying::{Copier, OpenedCopy};
use super::deliver::{Deliver, UnderWay};
use super::new_start;
use super::opening::{self, Beginning, BinlogWriter, OpenedSource, SourceStream};
use super::reading::Reading;
use super::receive::Receive;
use super::rest::{Aligned, RestOfCopy};
use super::target;
use super::to_tell;
use super::undecided::UndecidedAtStart;
use crate::binlog::Coordinates;
use crate::change::definition::Schemas;
use crate::change::{self, Assembler, Batch, Checkpoint, Origin, SnapshotProgress, Until};
use crate::filter::Rules;
use crate::metrics;
use crate::pipeline::connector::{Connector, Mode};
use crate::pipeline::delay::Delay;
use crate::pipeline::engine::{BATCH_BYTES_MAX, IDLE_BYTES_MAX};
use crate::pipeline::error::PipelineError;
use crate::pipeline::lanes::Lanes;
use crate::pipeline::pool::Pool;
use crate::row::TableName;
use crate::sink::Sink;
use crate::source::{
    Answers, Budget, HostAddress, ServerOptions, SnapshotOptions, SnapshotWhen, SourceError,
    SourceOptions,
};
use crate::state::{
    Checkpointer, LastError, Notes, PreparedStore, ReplicaIdentity, SkipStore, SnapshotOrders,
    StateFolder, off_the_runtime,
};

/// Chunks that wait between receiver and assembler.
const CHUNKS_MAX: usize = 6;
/// Bytes of encoded blocks that wait for the sink.
const WAITING_BYTES_MAX: u64 = 1 << 20;

/// What all runs of a connector share.
pub(in crate::pipeline) struct ConnectorRun<'a> {
    pub(in crate::pipeline) connector: &'a Connector,
    pub(in crate::pipeline) mode: &'a Mode,
    pub(in crate::pipeline) folder: &'a Arc<StateFolder>,
    pub(in crate::pipeline) metrics: &'a Arc<metrics::ConnectorMetrics>,
    pub(in crate::pipeline) pool: &'a Pool,
    pub(in crate::pipeline) stop: &'a CancellationToken,
    /// Where the source of the last run listened.
    pub(in crate::pipeline) last: Mutex<Option<HostAddress>>,
    /// Ends this run alone, after the last whole group that was received by then; `stop` cancels it too.
    pub(in crate::pipeline) halt: CancellationToken,
    pub(in crate::pipeline) skips: &'a Arc<SkipStore>,
    pub(in crate::pipeline) orders: &'a Arc<SnapshotOrders>,
}

/// How a run ended that did not fail.
#[derive(Debug)]
pub(in crate::pipeline) enum RunEnd {
    /// It was stopped or has reached its goal.
    Ended,
    /// What was there is copied, and the stream begins.
    Copied,
    /// The stream has come to where these views are, and the rest of what was there is to be copied.
    Aligned(Aligned),
}

/// What a run does once its start is settled.
enum Prepared {
    /// With the views of what is to be copied where it ends.
    Stream(Box<PreparedRun>, Option<Aligned>),
    Copy(Box<(Copier, Vec<Reading>, Checkpointer)>),
}

/// What a run works with once its start is settled.
struct PreparedRun {
    stream: SourceStream,
    budget: Budget,
    assembler: Assembler,
    answers: Answers,
    prepared: Arc<PreparedStore>,
    checkpointer: Checkpointer,
    /// By how many seconds this machine's clock is ahead of the source's.
    clock_ahead_s: i64,
    /// What is copied where the stream ends.
    rest: Option<RestOfCopy>,
}

impl ConnectorRun<'_> {
    /// Streams until the stop token, the goal or a failure.
    ///
    /// # Errors
    /// The first failure of any stage.
    pub(in crate::pipeline) async fn run<S: Sink + 'static>(
        &self,
        mut sink: S,
        beginning: Beginning,
    ) -> Result<RunEnd, PipelineError> {
        let prepared = tokio::select! {
            biased;
            // Not by `halt`: what was begun here and dropped could still write beside the next run.
            () = self.stop.cancelled() => return Ok(RunEnd::Ended),
            prepared = Box::pin(self.prepare(&mut sink, beginning)) => prepared.map_err(|error| self.advised(error))?,
        };
        let ended = match prepared {
            Prepared::Stream(prepared, aligned) => {
                let ended = self.stages(*prepared, sink).await;
                ended.map(|()| match aligned {
                    Some(views) if !self.is_ended() => RunEnd::Aligned(views),
                    Some(_) | None => RunEnd::Ended,
                })
            }
            Prepared::Copy(copying) => self.copy(*copying, sink).await,
        };
        let ended = ended.map_err(|error| self.advised(error));
        let clean = match &ended {
            Ok(RunEnd::Copied | RunEnd::Aligned(_)) => return ended,
            Ok(RunEnd::Ended) => true,
            Err(error) => error.class().is_clean_end(),
        };
        info!(clean, "replication stopped");
        ended
    }

    /// Finds out where to begin, settles it, and begins to read.
    async fn prepare<S: Sink>(
        &self,
        sink: &mut S,
        beginning: Beginning,
    ) -> Result<Prepared, PipelineError> {
        let from = self.resume_from(sink).await?;
        let identity = self.identity().await?;
        let opened = self.open_ordered(&identity, from, beginning).await?;
        let start = opened.start.clone();
        let settings = self.settings(&opened, identity.server_id);
        let prepared = Arc::new(PreparedStore::in_folder(self.folder.path()));
        self.settle(sink, &start).await?;
        let (folder, journal) = (Arc::clone(self.folder), opened.journal);
        let kept = (Arc::clone(&prepared), Arc::clone(self.skips));
        let checkpointer = Checkpointer::begin(folder, journal, kept, &start).await?;
        self.keep_order(&start.snapshot).await?;
        self.metrics.committed(&start);
        let settings = settings?;
        sink.source_is(&settings.origin, self.folder.path());
        sink.foresee(&published(opened.known.believed(), &settings.rules))?;
        if let Some(copy) = opened.copy {
            self.streams(opened.tls.as_deref()).await?;
            let asked = (&opened.options, opened.answers);
            let (copier, reading) = self.copier(copy, settings, asked, &start)?;
            return Ok(Prepared::Copy(Box::new((copier, reading, checkpointer))));
        }
        let undecided = UndecidedAtStart {
            source: &opened.options,
            identity: &identity,
            start: &start,
            settings: &settings,
            known: &opened.known,
            spill_folder: self.folder.path(),
        };
        let (undecided, answers) = undecided.find(&prepared, opened.answers).await?;
        let budget = Budget::new(u32::try_from(self.connector.memory_max).unwrap_or(u32::MAX));
        let tls = opened.tls.clone();
        let whole_bytes_max =
            usize::try_from(self.connector.event_memory_max).unwrap_or(usize::MAX);
        let follow = *self.mode != Mode::Once;
        let (rest, aligned) = RestOfCopy::ahead(opened.ahead, &start, &settings.rules);
        let stream = opened
            .begin
            .stream(&budget, whole_bytes_max, follow)
            .await?;
        self.metrics.clock_ahead(opened.clock_ahead_s);
        self.streams(tls.as_deref()).await?;
        let (file, position) = (&start.coordinates.file, start.coordinates.position);
        info!(%file, position, gtid_set = %start.gtid_set, server_id = settings.server_id, "replication started");
        let on_unknown = settings
            .rules
            .on_unknown(&self.connector.definitions_unknown);
        let orders = self.skips.for_stream(&start);
        let mut assembler = Assembler::new(settings, start, opened.known)
            .passing_over(orders)
            .choosing(opened.choice)
            .going_without(on_unknown)
            .vetted_by(opened.vetting)
            .holding(undecided);
        if matches!(self.connector.source, SourceOptions::Server(_)) {
            assembler = assembler.keeping_history().only_forward();
        }
        let prepared = PreparedRun {
            stream,
            budget,
            assembler,
            answers,
            prepared,
            checkpointer,
            clock_ahead_s: opened.clock_ahead_s,
            rest,
        };
        Ok(Prepared::Stream(Box::new(prepared), aligned))
    }

    /// What copies, as the source's options say.
    fn copier(
        &self,
        copy: OpenedCopy,
        settings: change::AssemblerSettings,
        (options, answers): (&SourceOptions, Answers),
        start: &Checkpoint,
    ) -> Result<(Copier, Vec<Reading>), PipelineError> {
        let snapshot = match options {
            SourceOptions::Server(server) => server.snapshot.clone(),
            SourceOptions::Files(_) => SnapshotOptions::default(),
        };
        let waits = Waits::until(self.stop.child_token());
        let published = (settings.origin, settings.rules);
        let metrics = Arc::clone(self.metrics);
        let made = Copier::new(copy, published, &snapshot, start, (waits, answers, metrics));
        made.map(|(mut copier, reading)| {
            copier.tells_edges = self.connector.sink.tells_edges();
            (copier, reading)
        })
    }

    /// Settles the start before the first event, so that a crash does not resolve `latest` anew.
    async fn settle<S: Sink>(&self, sink: &mut S, start: &Checkpoint) -> Result<(), PipelineError> {
        let shared = sink.shared_checkpoints();
        let to = target::named(self.connector, shared.as_ref());
        if shared.is_some() {
            let folder = Arc::clone(self.folder);
            sink.keep_notes(off_the_runtime(move || Notes::of_folder(&folder)).await?);
        }
        if shared.is_some_and(|shared| shared.last_writer.is_some()) {
            self.keep_target(to).await?;
            sink.commit(start).await?;
        } else {
            sink.commit(start).await?;
            self.keep_target(to).await?;
        }
        Ok(())
    }

    async fn keep_target(&self, target: String) -> Result<(), PipelineError> {
        let folder = Arc::clone(self.folder);
        Ok(off_the_runtime(move || folder.keep_target(&target)).await?)
    }

    fn settings(
        &self,
        opened: &OpenedSource,
        server_id: u32,
    ) -> Result<change::AssemblerSettings, PipelineError> {
        reachable(self.mode, &opened.writer)?;
        Ok(change::AssemblerSettings {
            origin: Arc::new(Origin {
                connector: self.connector.name.as_str().into(),
                flavour: opened.writer.flavour,
                server_uuid: opened.writer.server_uuid,
                server_id: opened.writer.server_id,
            }),
            server_id,
            rules: Rules::compile(
                &self.connector.filter,
                opened.writer.flavour,
                opened.writer.lower_case_table_names,
            )?,
            left_out: opened.left_out,
            on_statement: self.connector.on_statement,
            xa_missing: self.connector.xa_missing,
            until: match &opened.ahead {
                Some(views) => Until::Coordinates(views.place().clone()),
                None => until(self.mode, opened.end.as_ref()),
            },
            delays: !self.connector.source.delay().is_zero(),
            batch_bytes_max: BATCH_BYTES_MAX,
            keeps_queries: self.connector.sink.queries().is_some(),
            keeps_emptied: self.connector.sink.tells_emptied(),
            hold_bytes_max: usize::try_from(self.connector.memory_max / 4).unwrap_or(usize::MAX),
            event_bytes_max: self.connector.event_memory_max,
            idle_bytes_max: IDLE_BYTES_MAX,
        })
    }

    async fn stages<S: Sink + 'static>(
        &self,
        prepared: PreparedRun,
        sink: S,
    ) -> Result<(), PipelineError> {
        let PreparedRun {
            stream,
            budget,
            assembler,
            answers,
            prepared: kept,
            checkpointer,
            clock_ahead_s,
            mut rest,
        } = prepared;
        let (chunk_tx, chunk_rx) = mpsc::channel(CHUNKS_MAX);
        // At shutdown, or when nothing more can be delivered, what was not assembled by then is left.
        let over = self.stop.child_token();
        let stop = over.child_token();
        let failed = over.child_token();
        let mut stages = JoinSet::new();
        self.show(budget, &kept);
        let receive = Receive {
            stream,
            chunks: chunk_tx,
            stop: stop.clone(),
            failed: failed.clone(),
            metrics: Arc::clone(self.metrics),
            durable: checkpointer.durable(),
        };
        stages.spawn(receive.run().in_current_span());
        let delay = self.delay(clock_ahead_s, failed.clone());
        let mut assembling = Assembling::new(
            assembler,
            chunk_rx,
            answers,
            self.folder,
            kept,
            Arc::clone(self.metrics),
            (over.clone(), delay),
        );
        let (connector, folder) = (self.connector.clone(), Arc::clone(self.folder));
        let next = move || {
            let mut next = assembling.next();
            if let (Some(rest), Ok(Some(batch))) = (&mut rest, &mut next) {
                rest.follow(batch)?;
            }
            next.map_err(|error| to_tell::write(error, &connector, &folder))
        };
        let deliver = self.encode(&mut stages, next, &stop, (sink, checkpointer));
        let delivered = async move {
            let _over_with_it = over.drop_guard();
            deliver.run().await
        };
        stages.spawn(delivered.in_current_span());

        joined(stages, &stop, halted(self.halt.clone(), failed)).await
    }

    /// Copies what is there. A halt waits until all is: what is given up begins anew.
    async fn copy<S: Sink + 'static>(
        &self,
        (mut copier, reading, checkpointer): (Copier, Vec<Reading>, Checkpointer),
        sink: S,
    ) -> Result<RunEnd, PipelineError> {
        let stop = self.stop.child_token();
        let mut stages = JoinSet::new();
        for reading in reading {
            stages.spawn(reading.run(stop.clone()).in_current_span());
        }
        let next = move || copier.next();
        let deliver = self.encode(&mut stages, next, &stop, (sink, checkpointer));
        stages.spawn(deliver.run().in_current_span());
        joined(stages, &stop, std::future::pending()).await?;
        Ok(match self.stop.is_cancelled() {
            true => RunEnd::Ended,
            false => RunEnd::Copied,
        })
    }

    /// Begins to encode the batches that `next` gives, and gives the stage that is to deliver them.
    fn encode<S: Sink + 'static>(
        &self,
        stages: &mut JoinSet<Result<(), PipelineError>>,
        mut next: impl FnMut() -> Result<Option<Batch>, PipelineError> + Send + 'static,
        stop: &CancellationToken,
        (sink, checkpointer): (S, Checkpointer),
    ) -> Deliver<S> {
        let policy = self.connector.invalid_text;
        let encoders = (0..self.pool.size()).map(|_| sink.encoder(policy));
        let encoders: Vec<_> = encoders.collect();
        let under_way = UnderWay::default();
        let (deliver, planner, mut outlet) = Deliver::new(
            sink,
            checkpointer,
            Arc::clone(self.metrics),
            self.connector.checkpoint_interval,
            under_way.clone(),
        );
        let lanes = Lanes {
            pool: self.pool.clone(),
            waiting_bytes_max: WAITING_BYTES_MAX,
            failed: stop.clone(),
        };
        stages.spawn_blocking(move || {
            let next = || {
                let next = next()?;
                if next.is_some() {
                    under_way.add();
                }
                Ok(next)
            };
            let plan = |table: &Arc<_>| planner.plan(table);
            lanes.run(encoders, next, plan, |encoded| outlet.write(encoded))?;
            Ok(())
        });
        deliver
    }

    /// What holds groups back until their time, or until `over`.
    fn delay(&self, clock_ahead_s: i64, over: CancellationToken) -> Option<Delay> {
        let by = self.connector.source.delay();
        Delay::new(by, clock_ahead_s, over, Arc::clone(self.metrics))
    }

    /// Notes that the source sends from now on.
    async fn streams(&self, tls: Option<&str>) -> Result<(), PipelineError> {
        self.metrics.connected(tls);
        self.metrics.streaming();
        let folder = Arc::clone(self.folder);
        off_the_runtime(move || LastError::forget(&folder)).await?;
        Ok(())
    }

    /// Lets the pages ask for what is in flight and for what is held.
    fn show(&self, budget: Budget, prepared: &Arc<PreparedStore>) {
        self.metrics.in_flight(move || {
            u64::from(budget.bytes_max()).saturating_sub(budget.bytes_free() as u64)
        });
        // The store goes with the run, at whose end the ledger counts what is held.
        let held = Arc::downgrade(prepared);
        self.metrics
            .holding(move || held.upgrade().map(|kept| kept.held()).unwrap_or_default());
    }

    async fn resume_from<S: Sink>(
        &self,
        sink: &mut S,
    ) -> Result<Option<Checkpoint>, PipelineError> {
        let (connector, folder) = (self.connector.clone(), Arc::clone(self.folder));
        off_the_runtime(move || target::check(&connector, &folder)).await?;
        let stored = sink.resume_point().await?;
        let (shared, folder) = (sink.shared_checkpoints(), Arc::clone(self.folder));
        let (notes, skips) = (sink.kept_notes(), Arc::clone(self.skips));
        off_the_runtime(move || match shared {
            Some(shared) => target::resume(&folder, stored, &shared, (&notes, &skips)),
            None => Ok(stored.or(folder.checkpoint()?)),
        })
        .await
    }

    /// Opens the source for what the checkpoint and the orders say of snapshots. Orders that cannot be carried out are given up,
    /// until one can or there is none, and the stream goes on.
    async fn open_ordered(
        &self,
        identity: &ReplicaIdentity,
        mut from: Option<Checkpoint>,
        mut beginning: Beginning,
    ) -> Result<OpenedSource, PipelineError> {
        loop {
            if let Some(from) = &mut from {
                let may_copy = matches!(self.mode, Mode::Forever | Mode::Once);
                from.snapshot = self.orders.next(&from.snapshot, may_copy);
                let is_chosen = from.snapshot.chosen().is_some();
                if is_chosen && (!may_copy || self.orders.is_paused()) {
                    beginning = Beginning::Paused;
                }
            }
            let opened = Box::pin(self.open(identity, from.clone(), beginning)).await;
            let error = match opened {
                Err(PipelineError::Source(error)) if error.is_of_snapshot() => error,
                opened => return opened,
            };
            let chosen = from.as_ref().and_then(|from| from.snapshot.chosen());
            let (Some(order), Some(from)) = (chosen.map(|chosen| chosen.order), &mut from) else {
                return Err(error.into());
            };
            self.give_up(order, metrics::one_line(&error)).await?;
            from.snapshot = SnapshotProgress::after(from.snapshot.begun());
            beginning = Beginning::Checkpoint;
        }
    }

    /// Gives an order up.
    pub(super) async fn give_up(&self, order: u64, reason: String) -> Result<(), PipelineError> {
        warn!(order, reason, "a snapshot that was ordered is given up");
        let orders = Arc::clone(self.orders);
        Ok(off_the_runtime(move || orders.fail(order, reason)).await?)
    }

    /// Takes which order is being carried out.
    async fn keep_order(&self, progress: &SnapshotProgress) -> Result<(), PipelineError> {
        let (orders, progress) = (Arc::clone(self.orders), progress.clone());
        Ok(off_the_runtime(move || orders.settled(&progress)).await?)
    }

    /// Opens the source: of several servers, the one that is the source now.
    async fn open(
        &self,
        identity: &ReplicaIdentity,
        from: Option<Checkpoint>,
        beginning: Beginning,
    ) -> Result<OpenedSource, PipelineError> {
        let former = from.clone();
        let opened = match &self.connector.source {
            SourceOptions::Server(server) => {
                self.open_server(server, identity, from, beginning).await?
            }
            SourceOptions::Files(files) => opening::files(files, self.folder, from).await?,
        };
        if let SourceOptions::Server(server) = &opened.options {
            self.keep_address(server.address());
        }
        self.goal_is_of(former.as_ref(), &opened.start)?;
        Ok(opened)
    }

    async fn open_server(
        &self,
        server: &ServerOptions,
        identity: &ReplicaIdentity,
        from: Option<Checkpoint>,
        beginning: Beginning,
    ) -> Result<OpenedSource, PipelineError> {
        let (last, folder) = (self.last_address(), self.folder);
        let filter = &self.connector.filter;
        let last = last.as_ref();
        let mut former = from.clone();
        let is_rest = from.as_ref().is_some_and(opening::has_reached);
        // What it waits for is large, and would be so on the stack.
        let opened = opening::server(server, identity, folder, (from, last), (filter, beginning));
        match Box::pin(opened).await {
            Err(PipelineError::Source(error))
                if (error.is_purged() && server.snapshot.when == SnapshotWhen::WhenNeeded)
                    || (is_rest && matches!(error, SourceError::SnapshotDisturbed { .. })) =>
            {
                warn!(error = %metrics::one_line(&error), "what is there is copied anew");
                let anew = match former.as_mut().and_then(opening::begun_anew) {
                    Some(()) if !error.is_purged() => (filter, Beginning::Checkpoint),
                    Some(()) | None => (filter, Beginning::Copy),
                };
                Box::pin(opening::server(
                    server,
                    identity,
                    folder,
                    (former, last),
                    anew,
                ))
                .await
            }
            opened => opened,
        }
    }

    /// Makes sure that the coordinates at which the run ends are not those of a server whose place another one has taken.
    fn goal_is_of(
        &self,
        former: Option<&Checkpoint>,
        start: &Checkpoint,
    ) -> Result<(), PipelineError> {
        match (self.mode, former) {
            (Mode::UntilCoordinates(goal), Some(former)) if former.lineage() != start.lineage() => {
                let message = format!(
                    "the run is to end at {goal}, but another server has taken the source's place, whose coordinates are others, \
                     end it at a GTID set by --until"
                );
                Err(SourceError::Options(message).into())
            }
            (_, _) => Ok(()),
        }
    }

    /// Whether it is to end, whatever else there was to do.
    fn is_ended(&self) -> bool {
        self.stop.is_cancelled() || self.halt.is_cancelled()
    }

    /// A failure with the commands that help, where there are any.
    fn advised(&self, failure: PipelineError) -> PipelineError {
        new_start::add(failure, self.connector, self.folder)
    }

    fn last_address(&self) -> Option<HostAddress> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    fn keep_address(&self, address: HostAddress) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    async fn identity(&self) -> Result<ReplicaIdentity, PipelineError> {
        let folder = Arc::clone(self.folder);
        let own = off_the_runtime(move || folder.identity()).await?;
        let configured = match &self.connector.source {
            SourceOptions::Server(server) => server.server_id,
            SourceOptions::Files(_) => None,
        };
        let server_id = configured.map_or(own.server_id, std::num::NonZeroU32::get);
        Ok(ReplicaIdentity { server_id, ..own })
    }
}

/// Waits for the order to halt. Then neither more chunks nor the time of a group are waited for.
async fn halted(halt: CancellationToken, waits: CancellationToken) {
    halt.cancelled().await;
    waits.cancel();
}

/// Waits until all stages have ended, and tells why the first of them did.
async fn joined(
    mut stages: JoinSet<Result<(), PipelineError>>,
    stop: &CancellationToken,
    halted: impl Future<Output = ()>,
) -> Result<(), PipelineError> {
    let mut outcome: Result<(), PipelineError> = Ok(());
    let mut halted = pin!(halted);
    loop {
        let ended = tokio::select! {
            biased;
            ended = stages.join_next() => ended,
            () = &mut halted, if !stop.is_cancelled() => {
                stop.cancel();
                continue;
            }
        };
        let Some(ended) = ended else { break };
        let ended = ended.unwrap_or_else(|stopped| Err(PipelineError::Panic(stopped.to_string())));
        if let Err(error) = ended {
            // A closed neighbour is a consequence; the cause may arrive before or after it.
            if !error.is_consequence() || outcome.is_ok() {
                outcome = match outcome {
                    Err(first) if !first.is_consequence() => Err(first),
                    _consequence => Err(error),
                };
            }
        }
        // Whatever ended, the receiver has no reason to go on: its neighbours drain and follow.
        stop.cancel();
    }
    outcome
}

/// The names under which tables that are known are published, in order, so that the same ones are told whenever it is tried.
fn published(known: &Schemas, rules: &Rules) -> Vec<TableName> {
    let published = known.tables().filter_map(|(table, _)| {
        let verdict = rules.table(&table.database, &table.table);
        verdict.keep.then_some(verdict.published)
    });
    let mut published: Vec<_> = published.collect();
    published.sort();
    published
}

/// Makes sure that a run that ends at GTIDs can end.
fn reachable(mode: &Mode, writer: &BinlogWriter) -> Result<(), SourceError> {
    let (Mode::UntilGtids(goal) | Mode::BeforeGtids(goal)) = mode else {
        return Ok(());
    };
    let source_is = match (writer.flavour == goal.flavour(), writer.writes_gtids) {
        (true, true) => return Ok(()),
        (true, false) => format!("{} with gtid_mode OFF", writer.flavour.name()),
        (false, _) => writer.flavour.name().to_owned(),
    };
    Err(SourceError::NeverReached {
        goal: goal.to_string(),
        source_is,
    })
}

fn until(mode: &Mode, end: Option<&Coordinates>) -> Until {
    match mode {
        Mode::Forever => Until::Never,
        // Files have an end of their own.
        Mode::Once => end.map_or(Until::Never, |end| Until::Coordinates(end.clone())),
        Mode::UntilCoordinates(coordinates) => Until::Coordinates(coordinates.clone()),
        Mode::UntilGtids(set) => Until::Gtids(set.clone()),
        Mode::BeforeGtids(set) => Until::BeforeGtids(set.clone()),
        Mode::UntilTime(time) => Until::Time(*time),
    }
}
