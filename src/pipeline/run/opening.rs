//! A run's source, opened: what it is, where the run begins, what is known of the tables there, and the events.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::beliefs::{self, FoundDefinitions};
use super::copying::{self, OpenedCopy};
use crate::binlog::Coordinates;
use crate::change::definition::{Belief, Schemas};
use crate::change::{
    Checkpoint, Choice, Definitions as Beliefs, LeftOut, Lineage, SnapshotProgress,
    SnapshotReached, Vetting, Window,
};
use crate::filter::{FilterOptions, Rules};
use crate::mysql::Flavour;
use crate::pipeline::error::PipelineError;
use crate::row::TableName;
use crate::source::{
    self, Answers, Archive, Budget, Checked, Chunk, DefinedBy, DefinitionReader, EventSource,
    FileStream, FilesOptions, HostAddress, Live, Locking, Resolved, ServerOptions, SourceError,
    SourceFacts, SourceOptions, Start, TableViews,
};
use crate::state::{Journal, ReplicaIdentity, StateFolder};

/// A source that is ready to be read.
#[derive(Debug)]
pub(super) struct OpenedSource {
    pub(super) begin: ReadySource,
    /// Where the run begins.
    pub(super) start: Checkpoint,
    pub(super) writer: BinlogWriter,
    /// What was opened: of several servers the one.
    pub(super) options: SourceOptions,
    /// Which groups the source leaves out.
    pub(super) left_out: LeftOut,
    /// Which groups are published.
    pub(super) choice: Choice,
    /// By how many seconds this machine's clock is ahead of the source's.
    pub(super) clock_ahead_s: i64,
    /// Where the source's binlog ended; `None` where its events end by themselves.
    pub(super) end: Option<Coordinates>,
    /// Who knows from what columns are computed.
    pub(super) vetting: Vetting,
    pub(super) tls: Option<String>,
    pub(super) answers: Answers,
    pub(super) journal: Journal,
    pub(super) known: Beliefs,
    /// What is to be copied before the stream.
    pub(super) copy: Option<OpenedCopy>,
    /// Views of tables, the rest of which is to be copied where the stream has come to their place.
    pub(super) ahead: Option<Box<TableViews>>,
}

/// What is to be copied.
enum WantedCopy {
    /// Everything.
    All {
        /// How often the connector has begun to copy, this time counted.
        number: u32,
    },
    /// What was not reached.
    Rest {
        number: u32,
        reached: Arc<SnapshotReached>,
    },
}

/// What a run is to begin with beside its checkpoint.
#[derive(Debug, Default)]
pub(in crate::pipeline) enum Beginning {
    /// With what the checkpoint tells.
    #[default]
    Checkpoint,
    /// With what the checkpoint tells, but for what is being copied, which waits.
    Paused,
    /// With a copy of what is there, before a stream that goes on anew.
    Copy,
    /// With a copy of the rest, for the checkpoint is where these views are.
    Views(Box<(TableViews, Window)>),
}

/// The server that wrote the events.
#[derive(Debug)]
pub(super) struct BinlogWriter {
    pub(super) flavour: Flavour,
    pub(super) server_uuid: Option<Uuid>,
    pub(super) server_id: u32,
    pub(super) lower_case_table_names: u8,
    /// Whether its groups may have GTIDs.
    pub(super) writes_gtids: bool,
}

/// What the events come from.
#[derive(Debug)]
pub(super) enum ReadySource {
    Server(Box<Resolved>),
    Files(Box<Archive>),
}

/// The events.
#[derive(Debug)]
pub(super) enum SourceStream {
    Server(Box<Live>),
    Files(Box<FileStream>),
}

impl ReadySource {
    /// Begins to read. Events of more than `whole_bytes_max` bytes come in pieces. With `follow`, the end of the last file is
    /// not the end.
    pub(super) async fn stream(
        self,
        budget: &Budget,
        whole_bytes_max: usize,
        follow: bool,
    ) -> Result<SourceStream, SourceError> {
        Ok(match self {
            Self::Server(resolved) => {
                let live = resolved.stream(budget).await?;
                SourceStream::Server(Box::new(live.cutting_beyond(whole_bytes_max)))
            }
            Self::Files(archive) => {
                SourceStream::Files(Box::new(archive.stream(budget, whole_bytes_max, follow)?))
            }
        })
    }
}

impl EventSource for SourceStream {
    async fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        match self {
            Self::Server(live) => live.next().await,
            Self::Files(files) => files.next().await,
        }
    }
}

impl BinlogWriter {
    fn of(facts: &SourceFacts) -> Self {
        Self {
            flavour: facts.flavour,
            server_uuid: facts.server_uuid,
            server_id: facts.server_id,
            lower_case_table_names: facts.lower_case_table_names,
            writes_gtids: facts.writes_gtids(),
        }
    }
}

/// Whose binlogs a run reads: the same as of the checkpoint that the start resolves to, unless that is refused.
fn lineage(checked: &Checked, from: Option<&Checkpoint>) -> Lineage {
    match from {
        Some(checkpoint) if checked.is_of(checkpoint) => checkpoint.lineage(),
        former => Lineage {
            server_uuid: checked.facts.server_uuid,
            server_id: checked.facts.server_id,
            incarnation: former.map_or(0, |former| former.epoch + 1),
        },
    }
}

/// Whether a copy was interrupted that goes on where it was.
pub(super) fn has_reached(from: &Checkpoint) -> bool {
    matches!(
        from.snapshot,
        SnapshotProgress::Copying {
            reached: Some(_),
            ..
        }
    )
}

/// Whether all is copied, and no table begins anew so far.
fn is_settled(from: &Checkpoint) -> bool {
    match &from.snapshot {
        SnapshotProgress::Copying {
            reached: Some(reached),
            ..
        } => reached.is_whole && reached.again.is_empty(),
        SnapshotProgress::Copying { reached: None, .. }
        | SnapshotProgress::None
        | SnapshotProgress::Over { .. } => false,
    }
}

/// Begins anew with what was ordered; `None` where nothing was.
pub(super) fn begun_anew(from: &mut Checkpoint) -> Option<()> {
    let SnapshotProgress::Copying { reached, .. } = &mut from.snapshot else {
        return None;
    };
    *reached = Some(Arc::new(reached.as_ref()?.anew()?));
    Some(())
}

/// What is to be copied: everything where the connector begins so, or what of it was not reached, unless another server is the
/// source now.
fn wanted_copy(
    options: &ServerOptions,
    from: Option<&Checkpoint>,
    beginning: &Beginning,
    takes_over: bool,
) -> Option<WantedCopy> {
    let is_needed = matches!(beginning, Beginning::Copy);
    let Some(from) = from else {
        return (options.start == Start::Snapshot).then_some(WantedCopy::All { number: 1 });
    };
    match &from.snapshot {
        SnapshotProgress::None | SnapshotProgress::Over { .. } => {
            // Rows of its tables are at the target already.
            let number = from.snapshot.begun().saturating_add(1);
            is_needed.then_some(WantedCopy::All { number })
        }
        SnapshotProgress::Copying { .. } if matches!(beginning, Beginning::Paused) => None,
        SnapshotProgress::Copying {
            number, reached, ..
        } => {
            let number = number.saturating_add(1);
            Some(match reached {
                Some(reached) if !is_needed && !takes_over => WantedCopy::Rest {
                    number,
                    reached: Arc::clone(reached),
                },
                Some(reached) if !is_needed && reached.chosen.is_some() => WantedCopy::Rest {
                    number,
                    reached: Arc::new(reached.anew().unwrap_or_default()),
                },
                Some(_) | None => WantedCopy::All { number },
            })
        }
    }
}

impl WantedCopy {
    /// Begins to copy at the start, or gives the views to whose place the stream is to come before.
    async fn begin(
        self,
        (views, window): (TableViews, Window),
        start: &mut Checkpoint,
        emptied: Vec<TableName>,
        (believed, rules, answers): (&Schemas, &Rules, &mut Answers),
    ) -> Result<(Option<OpenedCopy>, Option<Box<TableViews>>), PipelineError> {
        let (number, reached) = match self {
            Self::All { number } => (number, None),
            Self::Rest { number, reached } => (number, Some(reached)),
        };
        let mut proven = None;
        if let Some(reached) = &reached {
            if *views.place() != start.coordinates {
                return Ok((None, Some(Box::new(views))));
            }
            proven = prove(reached, start, believed, answers).await?;
        }
        let believed = proven.as_ref().unwrap_or(believed);
        let copy = OpenedCopy::find(views, (number, reached), emptied, believed, rules);
        let copy = Box::pin(copy).await?;
        start.snapshot = copy.progress();
        Ok((Some(copy.without(window)), None))
    }
}

/// What is believed at a start and, of tables that were ordered and that the stream has not told of, what the source proves for that
/// place; `None` if it proves nothing more.
async fn prove(
    reached: &SnapshotReached,
    start: &Checkpoint,
    believed: &Schemas,
    answers: &mut Answers,
) -> Result<Option<Schemas>, SourceError> {
    let (Some(chosen), Answers::Server(definitions)) = (&reached.chosen, answers) else {
        return Ok(None);
    };
    let mut proven = None;
    let begin = start.point();
    let is_unknown = |table: &&TableName| !matches!(believed.get(table), Some(Belief::Known(_)));
    for table in chosen.tables.iter().filter(is_unknown) {
        let served = definitions.serve(table, &begin, None).await?;
        // One that was read later without proof says so.
        if let Some(served) = served
            && served.read_to.is_after(&begin) == Some(false)
        {
            proven
                .get_or_insert_with(|| believed.clone())
                .put(table, served.table);
        }
    }
    Ok(proven)
}

/// Where views come from.
struct Viewing<'a> {
    checked: Checked,
    rules: &'a Rules,
    from: Option<&'a Checkpoint>,
    definitions: &'a mut DefinitionReader,
}

impl Viewing<'_> {
    /// Resolves where the stream begins, and opens views of what is to be copied, with what was changed that they may show or not.
    async fn views(
        mut self,
        wanted: Option<&WantedCopy>,
        beginning: Beginning,
        found: &FoundDefinitions,
        epoch: u64,
    ) -> Result<(Resolved, Option<(TableViews, Window)>), PipelineError> {
        let views = match wanted {
            None => None,
            Some(WantedCopy::All { .. }) => {
                let seen: Vec<&TableName> = found.read().map(|(table, _)| table).collect();
                source::refuse_hidden(&mut self.checked, self.rules, &seen).await?;
                let tables = copying::transactional(found.read(), self.rules)?;
                let (mut resolved, views) =
                    Box::pin(self.checked.resolve_with_views(&tables)).await?;
                resolved.checkpoint.epoch = epoch;
                return Ok((resolved, Some((views, Window::default()))));
            }
            Some(WantedCopy::Rest { .. }) => {
                let from = self.from.expect("what is to go on is of a checkpoint");
                let is_fit = |views: &TableViews| {
                    let is_there = from.coordinates == *views.place();
                    is_there && (!views.show_nothing() || is_settled(from))
                };
                match beginning {
                    Beginning::Views(views) if is_fit(&views.0) => Some(*views),
                    // Views of a place that the stream has passed are of no use.
                    Beginning::Views(..)
                    | Beginning::Checkpoint
                    | Beginning::Paused
                    | Beginning::Copy => {
                        let views = Box::pin(self.views_of_rest(from)).await?;
                        Some((views, Window::default()))
                    }
                }
            }
        };
        let from = self.from.cloned();
        Ok((self.checked.resolve(from).await?, views))
    }

    /// Opens views of all tables: those too that are published whole may have to begin anew until the stream is there.
    async fn views_of_rest(&mut self, from: &Checkpoint) -> Result<TableViews, PipelineError> {
        if is_settled(from) {
            return Ok(Box::pin(self.checked.views(&[], from)).await?);
        }
        let facts = &self.checked.facts;
        let chosen = from.snapshot.chosen();
        let is_mysql = facts.flavour == Flavour::MySql;
        let takes_no_lock = self.checked.options().snapshot.locking == Locking::None
            || chosen.is_some_and(|chosen| !chosen.lacks_keys && facts.serves_gtids());
        if let (Some(chosen), false) = (chosen, is_mysql && takes_no_lock) {
            let tables: Vec<TableName> = chosen.tables.iter().cloned().collect();
            return Ok(Box::pin(self.checked.views(&tables, from)).await?);
        }
        if chosen.is_none() {
            let reading = self.definitions.read_all().await?;
            let tables = copying::transactional(reading.tables.iter(), self.rules)?;
            if !is_mysql || !takes_no_lock {
                return Ok(Box::pin(self.checked.views(&tables, from)).await?);
            }
        }
        Ok(Box::pin(self.checked.views_without_lock(from)).await?)
    }
}

/// Opens a server: of several, that which is the source now. `last` is where the source listened last.
pub(super) async fn server(
    options: &ServerOptions,
    identity: &ReplicaIdentity,
    folder: &Arc<StateFolder>,
    (from, last): (Option<Checkpoint>, Option<&HostAddress>),
    (filter, beginning): (&FilterOptions, Beginning),
) -> Result<OpenedSource, PipelineError> {
    let mut checked = source::choose(options, identity, from.as_ref(), last).await?;
    let options = checked.options().clone();
    let facts = &checked.facts;
    let rules = Rules::compile(filter, facts.flavour, facts.lower_case_table_names)?;
    source::refuse_computed(&mut checked, &rules).await?;
    let takes_over = from.as_ref().is_some_and(|from| !checked.is_of(from));
    let lineage = lineage(&checked, from.as_ref());
    let epoch = lineage.incarnation;
    let mut definitions = DefinitionReader::of(options.clone(), Arc::new(lineage));
    let wanted = wanted_copy(&options, from.as_ref(), &beginning, takes_over);
    let (from, former) = match wanted {
        Some(WantedCopy::All { .. }) => (None, from),
        Some(WantedCopy::Rest { .. }) | None => (from, None),
    };
    definitions.keep_history_in(folder).await;
    let folding = checked.facts.lower_case_table_names;
    // Of the groups of a start's set, statements were not followed, and may stand elsewhere at another server.
    let is_followed = !matches!(options.start, Start::After { .. } | Start::From { .. });
    let may_go_on =
        |known: &Schemas| !takes_over || (is_followed && known.lower_case_table_names() == folding);
    let found = beliefs::find(folder, from.as_ref(), may_go_on, &mut definitions).await?;
    beliefs::warn_of_unmatched(&rules, &found);
    let gap = matches!(beginning, Beginning::Copy).then_some((&rules, &found));
    let emptied = beliefs::known_at(folder, former.as_ref(), gap).await?;
    let viewing = Viewing {
        checked,
        rules: &rules,
        from: from.as_ref(),
        definitions: &mut definitions,
    };
    let (resolved, views) = viewing
        .views(wanted.as_ref(), beginning, &found, epoch)
        .await?;
    definitions
        .stream_from(from.as_ref(), resolved.skips_groups)
        .await?;
    let mut start = resolved.checkpoint.clone();
    start.delay_s = delay_s(options.source_delay);
    if let Some(former) = former {
        // What tables were called counts behind a gap, too.
        start.watched = former.watched;
    }
    let lower_case_table_names = resolved.facts.lower_case_table_names;
    let end = found.end.clone();
    let mut answers = Answers::Server(Box::new(definitions));
    let settled =
        beliefs::settle(found, folder, &start, lower_case_table_names, &mut answers).await?;
    let known = (settled.1.believed(), &rules, &mut answers);
    let (copy, ahead) = match (wanted, views) {
        (Some(wanted), Some(views)) => wanted.begin(views, &mut start, emptied, known).await?,
        _nothing => (None, None),
    };
    let facts = &resolved.facts;
    Ok(OpenedSource {
        writer: BinlogWriter::of(facts),
        left_out: resolved.left_out(),
        choice: options.choice(),
        clock_ahead_s: facts.clock_ahead_s,
        options: SourceOptions::Server(Box::new(options)),
        vetting: end.clone().map_or(Vetting::Asked, Vetting::LookedAt),
        end,
        tls: facts.tls.clone(),
        begin: ReadySource::Server(Box::new(resolved)),
        start,
        answers,
        journal: settled.0,
        known: settled.1,
        copy,
        ahead,
    })
}

/// Opens binlog files.
pub(super) async fn files(
    options: &FilesOptions,
    folder: &Arc<StateFolder>,
    from: Option<Checkpoint>,
) -> Result<OpenedSource, PipelineError> {
    let archive = Archive::open(options, from.clone()).await?;
    let mut start = archive.checkpoint.clone();
    start.delay_s = 0;
    let mut lower_case_table_names = 0;
    let mut answers = match &options.definitions {
        Some(DefinedBy::Server(server)) => {
            lower_case_table_names = source::writer_of(server, archive.server_id).await?;
            let lineage = Arc::new(start.lineage());
            let mut definitions = DefinitionReader::of((**server).clone(), lineage);
            definitions.keep_history_in(folder).await;
            Answers::Server(Box::new(definitions))
        }
        Some(DefinedBy::Journal(_)) | None => Answers::Nobody,
    };
    let defined_by = options.definitions.as_ref();
    let found =
        beliefs::find_beside_files(folder, from.as_ref(), &start, defined_by, &mut answers).await?;
    let settled =
        beliefs::settle(found, folder, &start, lower_case_table_names, &mut answers).await?;
    Ok(OpenedSource {
        writer: BinlogWriter {
            flavour: archive.flavour,
            server_uuid: None,
            server_id: archive.server_id,
            lower_case_table_names,
            writes_gtids: true,
        },
        options: SourceOptions::Files(options.clone()),
        left_out: LeftOut::Nothing,
        choice: archive.choice.clone(),
        clock_ahead_s: 0,
        vetting: match answers {
            Answers::Server(_) => Vetting::Asked,
            Answers::Nobody => Vetting::Nobody,
        },
        end: None,
        tls: None,
        begin: ReadySource::Files(Box::new(archive)),
        start,
        answers,
        journal: settled.0,
        known: settled.1,
        copy: None,
        ahead: None,
    })
}

/// A delay in whole seconds, as a checkpoint has it; a part of a second counts as one.
fn delay_s(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}
